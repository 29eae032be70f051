/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parking: user tasks are held at the kernel's boundary for a moment.
 *
 * DESIGN
 * Every user task that can move is nudged, and stays in the nudge's callback if
 * it finds itself at the boundary: asleep in a state that no signal ends, that
 * counts as no load, and that a suspend may freeze.  This goes on in rounds,
 * because tasks fork until they are parked.  The check of a flip is what
 * counts; parking only arranges that it will find everybody out.
 *
 * A parked task leaves by itself when the budget is used up, so nobody is held
 * by a worker that died.  Kernel threads, ours among them, go on running.
 * Not touched and not waited for: tasks that exit, that are stopped or traced,
 * in uninterruptible sleep (a vfork parent too), workers of io_uring and vhost,
 * and whoever asks.  A task that finds itself inside the kernel (it waits in
 * io_uring, it runs a guest of its own) is asked again a few times.
 *
 * One park at a time.  Nothing of it is left when it ends but nudges that are
 * still queued, see nudge.h.
 */
#ifndef FOTHER_GUEST_PARK_H
#define FOTHER_GUEST_PARK_H

#include <linux/types.h>

#define FTH_PARK_SETTLE_MS 50u /* nobody came for so long: nobody else will */
#define FTH_PARK_ROUNDS_MAX 16u
#define FTH_PARK_SLACK 64u /* tasks that may appear while a round begins */

/**
 * struct fth_park_order - what is wanted
 * @budget_ms: longest time that a task is held, from the park's beginning
 * @interrupted: should it be given up?  Called now and then; NULL is fine.
 * @timed: enum fth_nudge_timed; with FTH_NUDGE_TIMED_WAIT tasks that sleep in
 *	such a call are not asked
 */
struct fth_park_order {
	u32 budget_ms;
	bool (*interrupted)(void);
	u8 timed;
};

struct fth_park;

/**
 * fth_park_begin() - park all user tasks that can be parked
 * @ret_park: to be ended by fth_park_end()
 *
 * Returns when a round added nobody and all who were asked came, when nobody
 * came for FTH_PARK_SETTLE_MS, when half of the budget is used, or when it is
 * interrupted: whatever is to be done while they are parked has the other half.
 * Context: may sleep; a kernel thread.
 * Return: 0; -ENOMEM; -EBUSY another park is on.
 */
int fth_park_begin(const struct fth_park_order *order, struct fth_park **ret_park);

/**
 * fth_park_end() - let all go
 * @park: given back
 * @ret_longest_ns: how long the task was held that was held longest
 * @ret_parked: how many were held
 *
 * Context: may sleep.
 */
void fth_park_end(struct fth_park *park, u64 *ret_longest_ns, u32 *ret_parked);

#endif /* FOTHER_GUEST_PARK_H */
