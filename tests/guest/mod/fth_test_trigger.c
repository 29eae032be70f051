// SPDX-License-Identifier: GPL-2.0
/*
 * A function to be patched, in which kernel threads get into trouble.
 *
 * Writing a kind of trouble to the parameter `inside` has a thread call the
 * function with it, which does nothing unless it is patched; `outside` has a
 * thread make that trouble elsewhere.  `release` wakes those that sleep in it.
 */
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "fth_test_trigger.h"

struct completion fth_test_trigger_release = COMPLETION_INITIALIZER(fth_test_trigger_release);
EXPORT_SYMBOL_GPL(fth_test_trigger_release);

void fth_test_trigger_inside(const char *kind);

noinline void fth_test_trigger_inside(const char *kind)
{
	/* Its patch makes the trouble. */
	barrier();
}

static noinline void fth_test_trigger_outside(const char *kind)
{
	fth_test_trigger_make(kind);
}

static int run_inside(void *kind)
{
	fth_test_trigger_inside(kind);
	barrier();
	kfree(kind);
	return 0;
}

static int run_outside(void *kind)
{
	fth_test_trigger_outside(kind);
	barrier();
	kfree(kind);
	return 0;
}

static int start(const char *value, const struct kernel_param *param)
{
	char *kind = kstrdup(value, GFP_KERNEL);
	struct task_struct *task;

	if (!kind)
		return -ENOMEM;
	strim(kind);
	task = kthread_run((int (*)(void *))param->arg, kind, "fth_%s", kind);
	return PTR_ERR_OR_ZERO(task);
}

static int release(const char *value, const struct kernel_param *param)
{
	complete_all(&fth_test_trigger_release);
	return 0;
}

static const struct kernel_param_ops start_ops = { .set = start };
static const struct kernel_param_ops release_ops = { .set = release };

module_param_cb(inside, &start_ops, run_inside, 0200);
MODULE_PARM_DESC(inside, "oops, bug, warn, lockup, hang, sleep or panic in the patched function");
module_param_cb(outside, &start_ops, run_outside, 0200);
MODULE_PARM_DESC(outside, "the same elsewhere");
module_param_cb(release, &release_ops, NULL, 0200);
MODULE_PARM_DESC(release, "wake those that hang or sleep");

static int __init fth_test_trigger_init(void)
{
	return 0;
}

static void __exit fth_test_trigger_exit(void)
{
}

module_init(fth_test_trigger_init);
module_exit(fth_test_trigger_exit);
MODULE_DESCRIPTION("fother test: trouble on purpose");
MODULE_LICENSE("GPL");
