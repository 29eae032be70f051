// SPDX-License-Identifier: GPL-2.0
/* A livepatch module for the function in which fth_test_sleeper sleeps. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/debug.h>

/* Nothing accounts this sleep as one for I/O; nobody in a test looks. */
static long fth_test_sleep_io_timeout(long timeout)
{
	long left = schedule_timeout(timeout);

	/* Not a tail call: the function stays on the stack. */
	barrier();
	return left;
}

static struct klp_func funcs[] = { {
					   .old_name = "io_schedule_timeout",
					   .new_func = fth_test_sleep_io_timeout,
				   },
				   {} };

static struct klp_object objs[] = { {
					    .funcs = funcs, /* no name: vmlinux */
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_sleep_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_sleep_exit(void)
{
}

module_init(fth_test_sleep_init);
module_exit(fth_test_sleep_exit);
MODULE_DESCRIPTION("fother test: kernel threads in a patched function");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
