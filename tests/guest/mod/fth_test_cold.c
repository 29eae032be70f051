// SPDX-License-Identifier: GPL-2.0
/* A kernel thread that sleeps in the unlikely part of a function, until unloaded. */
#include <linux/err.h>
#include <linux/module.h>

#include "fth_test_cold.h"

static struct task_struct *sleeper;

int fth_cold_work(int unlikely_how);
FTH_COLD_FUNCTION(fth_cold_work)

static int sleep_on(void *unused)
{
	while (!kthread_should_stop())
		fth_cold_work(1);
	return 0;
}

static int __init fth_test_cold_init(void)
{
	sleeper = kthread_run(sleep_on, NULL, "fth_cold");
	return PTR_ERR_OR_ZERO(sleeper);
}

static void __exit fth_test_cold_exit(void)
{
	kthread_stop(sleeper);
}

module_init(fth_test_cold_init);
module_exit(fth_test_cold_exit);
MODULE_DESCRIPTION("fother test: a thread asleep in a function's unlikely part");
MODULE_LICENSE("GPL");
