// SPDX-License-Identifier: GPL-2.0
/*
 * ftrace has no memory to take a site out of a filter: while `refuse` is above 0, each
 * removal by ftrace_set_filter_ips() fails with -ENOMEM and is counted in `refused`.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/linkage.h>
#include <linux/module.h>
#include <linux/moduleparam.h>

static int refuse;
module_param(refuse, int, 0644);

static int refused;
module_param(refused, int, 0444);

/* The return address is on the stack: nothing of the function has run. */
static void leave(struct pt_regs *regs, long result)
{
	regs->ip = *(unsigned long *)regs->sp;
	regs->sp += sizeof(unsigned long);
	regs->ax = result;
}

/* ftrace_set_filter_ips(ops, ips, count, remove, reset) */
static int on_entry(struct kprobe *probe, struct pt_regs *regs)
{
	bool remove = regs->cx & 0xff;

	if (!remove || READ_ONCE(refuse) <= 0)
		return 0;
	WRITE_ONCE(refused, refused + 1);
	leave(regs, -ENOMEM);
	return 1;
}

/* With one of these the probe stays a breakpoint, whose handler may change where to go. */
static void on_exit(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "ftrace_set_filter_ips",
	.pre_handler = on_entry,
	.post_handler = on_exit,
};

static int __init nofilter_init(void)
{
	return register_kprobe(&probe);
}

static void __exit nofilter_exit(void)
{
	unregister_kprobe(&probe);
}

module_init(nofilter_init);
module_exit(nofilter_exit);
MODULE_DESCRIPTION("No site leaves a filter of ftrace");
MODULE_LICENSE("GPL");
