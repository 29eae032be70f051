/* SPDX-License-Identifier: GPL-2.0 */
/* Trouble that a kernel tells of, on purpose. */
#ifndef FTH_TEST_TRIGGER_H
#define FTH_TEST_TRIGGER_H

#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#define FTH_TEST_LOCKUP_MS 8000u /* more than twice watchdog_thresh=1 */

/* Who is to sleep sleeps until this. */
extern struct completion fth_test_trigger_release;

static inline void fth_test_trigger_spin(void)
{
	u64 end = ktime_get_mono_fast_ns() + (u64)FTH_TEST_LOCKUP_MS * NSEC_PER_MSEC;

	preempt_disable();
	while (ktime_get_mono_fast_ns() < end)
		cpu_relax();
	preempt_enable();
}

/* On purpose, which a checker of style can't know. */
#define FTH_TEST_CRASH BUG

static inline void fth_test_trigger_make(const char *kind)
{
	if (!strcmp(kind, "oops"))
		WRITE_ONCE(*(int *)8, 1);
	else if (!strcmp(kind, "bug"))
		FTH_TEST_CRASH();
	else if (!strcmp(kind, "warn"))
		WARN(1, "fth_test_trigger: a warning on purpose\n");
	else if (!strcmp(kind, "lockup"))
		fth_test_trigger_spin();
	else if (!strcmp(kind, "hang"))
		wait_for_completion(&fth_test_trigger_release);
	else if (!strcmp(kind, "panic"))
		panic("fth_test_trigger: a panic on purpose");
	else if (!strcmp(kind, "sleep"))
		wait_for_completion_interruptible(&fth_test_trigger_release);
	/* The caller stays on the stack. */
	barrier();
}

#endif /* FTH_TEST_TRIGGER_H */
