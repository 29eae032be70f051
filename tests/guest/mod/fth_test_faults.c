// SPDX-License-Identifier: GPL-2.0
/*
 * Out of memory from a function on: once `nth` is written, the next task that enters
 * the function `from` is told to fail its Nth allocation after that.
 *
 *	echo N >nth	armed: for one task; 0 takes it back
 *	cat left	how many allocations are left until the one that fails, 0 = it
 *			failed; -1 = nobody came by
 *
 * So the module loader's own allocations, a hundred and slow to sweep, stay out of
 * it, and so does other work of a kernel worker.
 */
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/sched/task.h>
#include <linux/string.h>

#include "fth_test_fail_nth.h"

static char *from = "klp_enable_patch";
module_param(from, charp, 0444);

static char *task_name = "";
module_param(task_name, charp, 0444);
MODULE_PARM_DESC(task_name, "only a task of this name; empty = any");

/* Read and set by parameters, which the kernel serialises, and by the probe. */
static unsigned int order;
static struct task_struct *armed;

static int on_entry(struct kprobe *probe, struct pt_regs *regs)
{
	unsigned int nth = READ_ONCE(order);

	if (!nth || (*task_name && strcmp(current->comm, task_name)))
		return 0;
	get_task_struct(current);
	if (cmpxchg(&armed, NULL, current))
		put_task_struct(current);
	else
		fth_test_set_fail_nth(current, nth);
	return 0;
}

static struct kprobe probe = { .pre_handler = on_entry };

static void rearm(unsigned int nth)
{
	struct task_struct *before;

	WRITE_ONCE(order, 0);
	before = xchg(&armed, NULL);
	WRITE_ONCE(order, nth);
	if (!before)
		return;
	fth_test_set_fail_nth(before, 0);
	put_task_struct(before);
}

static int nth_set(const char *text, const struct kernel_param *param)
{
	unsigned int nth;
	int error = kstrtouint(text, 0, &nth);

	if (!error)
		rearm(nth);
	return error;
}

static const struct kernel_param_ops nth_ops = { .set = nth_set };
module_param_cb(nth, &nth_ops, NULL, 0200);

static int left_get(char *page, const struct kernel_param *param)
{
	const struct task_struct *task = READ_ONCE(armed);
	int left = task ? (int)fth_test_fail_nth(task) : -1;

	return sysfs_emit(page, "%d\n", left);
}

static const struct kernel_param_ops left_ops = { .get = left_get };
module_param_cb(left, &left_ops, NULL, 0444);

static int __init faults_init(void)
{
	if (!FTH_TEST_CAN_FAIL)
		return -EOPNOTSUPP;
	probe.symbol_name = from;
	return register_kprobe(&probe);
}

static void __exit faults_exit(void)
{
	unregister_kprobe(&probe);
	rearm(0);
}

module_init(faults_init);
module_exit(faults_exit);
MODULE_DESCRIPTION("Fails allocations from a function on");
MODULE_LICENSE("GPL");
