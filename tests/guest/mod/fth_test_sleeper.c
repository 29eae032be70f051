// SPDX-License-Identifier: GPL-2.0
/* A kernel thread that sleeps until this module is unloaded. */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>

static bool uninterruptible;
module_param(uninterruptible, bool, 0444);
MODULE_PARM_DESC(uninterruptible, "sleep so that no nudge can end it");

static struct task_struct *sleeper;

/* ftrace has no entry for it. */
static noinline notrace void sleep_untraced(void)
{
	set_current_state(uninterruptible ? TASK_UNINTERRUPTIBLE : TASK_INTERRUPTIBLE);
	if (!kthread_should_stop())
		io_schedule_timeout(MAX_SCHEDULE_TIMEOUT);
	__set_current_state(TASK_RUNNING);
}

static int sleep_on(void *unused)
{
	while (!kthread_should_stop())
		sleep_untraced();
	return 0;
}

static int __init fth_test_sleeper_init(void)
{
	sleeper = kthread_run(sleep_on, NULL, "fth_sleeper");
	return PTR_ERR_OR_ZERO(sleeper);
}

static void __exit fth_test_sleeper_exit(void)
{
	kthread_stop(sleeper);
}

module_init(fth_test_sleeper_init);
module_exit(fth_test_sleeper_exit);
MODULE_DESCRIPTION("fother test: a sleeping kernel thread");
MODULE_LICENSE("GPL");
