// SPDX-License-Identifier: GPL-2.0
/* A livepatch module for a function in which tasks sleep: pause(2). */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

struct pt_regs;

/* What the kernel's own does, so that sleepers can't tell. */
static long fth_test_pause_sys_pause(const struct pt_regs *regs)
{
	while (!signal_pending(current)) {
		__set_current_state(TASK_INTERRUPTIBLE);
		schedule();
	}
	return -ERESTARTNOHAND;
}

static struct klp_func funcs[] = { {
					   .old_name = "__x64_sys_pause",
					   .new_func = fth_test_pause_sys_pause,
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

static int __init fth_test_pause_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_pause_exit(void)
{
}

module_init(fth_test_pause_init);
module_exit(fth_test_pause_exit);
MODULE_DESCRIPTION("fother test: sleepers in a patched function");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
