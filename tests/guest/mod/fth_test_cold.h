/* SPDX-License-Identifier: GPL-2.0 */
#ifndef FTH_TEST_COLD_H
#define FTH_TEST_COLD_H

#include <linux/kthread.h>
#include <linux/sched.h>

/*
 * Only for its mark: what leads here is unlikely, so the compiler moves it out.  __cold is
 * empty on newer kernels with older compilers, which align such functions badly.
 */
static noinline __attribute__((__cold__)) void fth_cold_mark(void)
{
	barrier();
}

/*
 * A function whose unlikely part sleeps until the thread is to stop, or is woken once.
 * It stands in the target and in the patch, under a name of each.
 */
#define FTH_COLD_FUNCTION(name)                                    \
	noinline int name(int unlikely_how)                        \
	{                                                          \
		if (!unlikely_how)                                 \
			return 0;                                  \
		fth_cold_mark();                                   \
		set_current_state(TASK_UNINTERRUPTIBLE);           \
		if (!kthread_should_stop())                        \
			io_schedule_timeout(MAX_SCHEDULE_TIMEOUT); \
		__set_current_state(TASK_RUNNING);                 \
		return 1;                                          \
	}

#endif /* FTH_TEST_COLD_H */
