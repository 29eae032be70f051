/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the witnesses of consistency share: the target (fth_test_gen.c), the
 * patches of it (fth_test_gen_p*.c) and the program that drives it
 * (tests/guest/fth_gen.c).
 *
 * The patched set is two functions of the kernel that nothing in a test guest
 * uses: srcu_notifier_call_chain(), which calls back with a number, and
 * jiffies64_to_msecs().  Given FTH_GEN_BASE, replacements of generation N hand
 * on, or return for, FTH_GEN_BASE + N.
 */
#ifndef FTH_TEST_GEN_H
#define FTH_TEST_GEN_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define FTH_GEN_BASE 0x7fe40000u
/* jiffies64_to_msecs() of it counts calls in a shadow variable, whose id it is. */
#define FTH_GEN_SHADOW 0x7fe50000u

/* What the kernel's own returns for them; HZ divides 1000 on all these kernels. */
#define FTH_GEN_OLD (FTH_GEN_BASE * (u64)(MSEC_PER_SEC / HZ))
#define FTH_GEN_SHADOW_OLD (FTH_GEN_SHADOW * (u64)(MSEC_PER_SEC / HZ))

/* Where a visit stays, and how. */
#define FTH_GEN_STAY_INSIDE 1u	 /* in a function of the set, else between two */
#define FTH_GEN_STAY_KILLABLE 2u /* until released, for fatal signals only, else ... */
#define FTH_GEN_STAY_BLOCKED 4u	 /* until released, for no signal at all */
#define FTH_GEN_STAY_SPIN 8u	 /* running */
#define FTH_GEN_STAY_HELD 16u	 /* until released; a signal ends it early */

struct fth_gen_visit {
	__u32 stay;	 /* FTH_GEN_STAY_* */
	__u32 stay_us;	 /* how long, where nothing releases it */
	__u32 first;	 /* out: the generation at its begin */
	__u32 inside;	 /* out: of the function that calls back */
	__u32 last;	 /* out: at its end */
	__u32 signalled; /* out: the stay was ended by a signal */
};

#define FTH_GEN_VISIT _IOWR('F', 1, struct fth_gen_visit)

#endif /* FTH_TEST_GEN_H */
