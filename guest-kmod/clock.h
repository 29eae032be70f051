/* SPDX-License-Identifier: GPL-2.0 */
/* The time that this guest has lived: without pauses that it knows nothing of. */
#ifndef FOTHER_GUEST_CLOCK_H
#define FOTHER_GUEST_CLOCK_H

#include <linux/types.h>

#define FTH_CLOCK_TICK_MS 500u
#define FTH_CLOCK_GAP_MS 3000u /* ticks further apart: the VM did not run */

/** fth_clock_init() - begin to tick.  Once, before anything reads it. */
void fth_clock_init(void);

/** fth_clock_exit() - no tick runs when it returns. */
void fth_clock_exit(void);

/**
 * fth_clock_lived_ns() - time in which this guest ran since fth_clock_init()
 *
 * A pause, a save and restore, a migration, a suspension count as one tick at
 * most; so does whatever else keeps the clock's timer from running for longer
 * than FTH_CLOCK_GAP_MS.  It never goes back and never runs faster than
 * CLOCK_MONOTONIC.
 * Context: any, NMIs too.
 */
u64 fth_clock_lived_ns(void);

/**
 * fth_clock_now_ns() - CLOCK_MONOTONIC, readable in any context
 *
 * May differ by some microseconds from ktime_get_ns().
 */
u64 fth_clock_now_ns(void);

#endif /* FOTHER_GUEST_CLOCK_H */
