/* SPDX-License-Identifier: GPL-2.0 */
/* Timers under one name for every kernel. */
#ifndef FOTHER_GUEST_COMPAT_TIMER_H
#define FOTHER_GUEST_COMPAT_TIMER_H

#include <linux/hrtimer.h>
#include <linux/version.h>

/**
 * fth_hrtimer_setup() - a relative timer on CLOCK_MONOTONIC, not started
 *
 * Source: upstream commit 908a1d775422 ("hrtimers: Introduce hrtimer_setup() to
 * replace hrtimer_init()", 6.13), which made the old way go by 6.15.
 */
static inline void fth_hrtimer_setup(struct hrtimer *timer,
				     enum hrtimer_restart (*function)(struct hrtimer *timer))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
	timer->function = function;
#endif
}

#endif /* FOTHER_GUEST_COMPAT_TIMER_H */
