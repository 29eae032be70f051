/* SPDX-License-Identifier: GPL-2.0 */
/* Do all CPUs answer, or would a stop of them all wait for one? */
#ifndef FOTHER_GUEST_COMPAT_CPUS_H
#define FOTHER_GUEST_COMPAT_CPUS_H

#include <linux/types.h>

#define FTH_CPUS_WAIT_MS 100u /* an idle or busy CPU answers much sooner */

/** fth_cpus_init() - look up what is needed.  Return: 0; -ENOENT. */
int fth_cpus_init(void);

/** fth_cpus_exit() - wait until no CPU is asked any more.  Context: sleeps. */
void fth_cpus_exit(void);

/**
 * fth_cpus_answer() - does each online CPU run its stopper?
 * @ret_cpu: one that doesn't
 *
 * stop_machine() waits, with all the other CPUs held, for one that spins in the
 * kernel: it would make one CPU's trouble that of the whole machine.
 * Context: sleeps.
 * Return: false after FTH_CPUS_WAIT_MS.
 */
bool fth_cpus_answer(int *ret_cpu);

#endif /* FOTHER_GUEST_COMPAT_CPUS_H */
