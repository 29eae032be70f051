/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Builds that are broken on purpose, so that a test can be seen to fail.
 *
 * Never part of a module that anybody runs: tools/kmod BREAK=... leaves them in
 * folders of their own, beside the right one.
 */
#ifndef FOTHER_GUEST_COMPAT_BREAKAGE_H
#define FOTHER_GUEST_COMPAT_BREAKAGE_H

#include <linux/types.h>

/** fth_broken_stack_check() - every task counts as clean. */
static inline bool fth_broken_stack_check(void)
{
#ifdef FTH_BREAK_STACK_CHECK
	return true;
#else
	return false;
#endif
}

/**
 * fth_broken_stop() - a flip is not of one instant with its check
 *
 * It is made while the other CPUs run, what runs counts as clean, and tasks that
 * were held for a flip of the whole machine are let go before it.
 */
static inline bool fth_broken_stop(void)
{
#ifdef FTH_BREAK_STOP
	return true;
#else
	return false;
#endif
}

#endif /* FOTHER_GUEST_COMPAT_BREAKAGE_H */
