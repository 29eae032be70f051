// SPDX-License-Identifier: GPL-2.0
/* Livepatch modules that are ours come to us instead of to the in-tree core. */
#include "takeover.h"

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/trace_recursion.h>

#include "compat/kernel.h"
#include "compat/regs.h"

/*
 * The reference is taken here: once the ip is changed there is no way back,
 * and this module must not vanish under the function that runs next.
 */
static bool notrace takes_patch(const struct fth_takeover *takeover, struct ftrace_regs *regs)
{
	const struct klp_patch *klp = (const void *)fth_regs_argument0(regs);

	return klp && klp->mod && takeover->wanted(klp->mod->name) && try_module_get(THIS_MODULE);
}

static void notrace take_over(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			      struct ftrace_regs *regs)
{
	struct fth_takeover *takeover = container_of(ops, struct fth_takeover, ops);
	int bit;

	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	if (ip == takeover->enable_ip) {
		if (takes_patch(takeover, regs))
			fth_regs_jump(regs, (unsigned long)takeover->adopt);
	} else if (takeover->asked()) {
		/* It returns to a callback that one of our own functions called. */
		fth_regs_jump(regs, (unsigned long)takeover->previous);
	}
	ftrace_test_recursion_unlock(bit);
}

int fth_takeover_init(struct fth_takeover *takeover)
{
	unsigned long ips[] = {
		fth_symbol_ftrace_ip((unsigned long)klp_enable_patch),
		fth_symbol_ftrace_ip((unsigned long)klp_get_prev_state),
	};
	int error;

	if (!ips[0] || !ips[1])
		return -EOPNOTSUPP;
	takeover->enable_ip = ips[0];
	takeover->ops.func = take_over;
	takeover->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	error = ftrace_set_filter_ips(&takeover->ops, ips, ARRAY_SIZE(ips), 0, 0);
	if (error)
		return error;
	error = register_ftrace_function(&takeover->ops);
	if (error)
		ftrace_free_filter(&takeover->ops);
	return error;
}

void fth_takeover_exit(struct fth_takeover *takeover)
{
	fth_ftrace_unregister(&takeover->ops);
}
