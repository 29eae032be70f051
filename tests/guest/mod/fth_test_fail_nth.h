/* SPDX-License-Identifier: GPL-2.0 */
/* A task's order to fail its Nth allocation, as far as the kernel knows of such. */
#ifndef FTH_TEST_FAIL_NTH_H
#define FTH_TEST_FAIL_NTH_H

#include <linux/sched.h>

#ifdef CONFIG_FAULT_INJECTION

#define FTH_TEST_CAN_FAIL true

static inline void fth_test_set_fail_nth(struct task_struct *task, unsigned int nth)
{
	WRITE_ONCE(task->fail_nth, nth);
}

static inline unsigned int fth_test_fail_nth(const struct task_struct *task)
{
	return READ_ONCE(task->fail_nth);
}

#else

#define FTH_TEST_CAN_FAIL false

static inline void fth_test_set_fail_nth(struct task_struct *task, unsigned int nth)
{
}

static inline unsigned int fth_test_fail_nth(const struct task_struct *task)
{
	return 0;
}

#endif

#endif /* FTH_TEST_FAIL_NTH_H */
