/* SPDX-License-Identifier: GPL-2.0 */
/* Points in time, in nanoseconds of one clock; 0 = never. */
#ifndef FOTHER_GUEST_TIMES_H
#define FOTHER_GUEST_TIMES_H

#include <linux/time64.h>
#include <linux/types.h>

static inline u64 ms_to_ns(u32 ms)
{
	return (u64)ms * NSEC_PER_MSEC;
}

/** earlier() - the one of two that comes first; 0 when neither comes. */
static inline u64 earlier(u64 a, u64 b)
{
	return a && (!b || a < b) ? a : b;
}

#endif /* FOTHER_GUEST_TIMES_H */
