// SPDX-License-Identifier: GPL-2.0
/*
 * Where the kernel tells of its trouble, and the SysRq key.
 *
 * DESIGN
 * finding      where it is heard of
 * oops         die notifier: the report is printed, interrupts are off
 * WARN         entry of add_taint(TAINT_WARN), which ends each report of a WARN, and
 *              of the like (sleeping or scheduling while atomic)
 * soft lockup  entry of add_taint(TAINT_SOFTLOCKUP), in the watchdog's timer interrupt
 *              on the CPU that is stuck
 * hung task    tracepoint sched_process_hang, in khungtaskd
 * panic        panic notifier: told, nothing can be reverted
 *
 * A WARN and a soft lockup have no notifier.  add_taint() is called for them once
 * per report and for little else, so an ftrace handler there costs nothing at
 * rest; it changes nothing (no IPMODIFY) and stays registered while the module is
 * loaded, as taking it out would wait for every task.  Where RCU does not watch
 * (a CPU's way into idle) it isn't called: the patches are read under RCU.  All but
 * the oops and the panic are looked at only while a patch in force has a policy that
 * names them.
 */
#include <linux/ftrace.h>
#include <linux/kdebug.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/trace_recursion.h>

#include "compat/kernel.h"
#include "compat/probe.h"
#include "compat/regs.h"
#include "compat/sysrq.h"
#include "revert.h"

#define WARNS (FTH_REVERT_ON_WARN | FTH_REVERT_ON_WARN_IN_PATCH)

static int died(struct notifier_block *block, unsigned long event, void *data)
{
	const struct die_args *args = data;
	struct fth_finding finding = { .trigger = FTH_TRIGGER_OOPS,
				       .task = current,
				       .trouble = true };

	if (event != DIE_OOPS)
		return NOTIFY_DONE;
	if (args->regs)
		finding.ip = instruction_pointer(args->regs);
	fth_revert_found(&finding);
	return NOTIFY_DONE;
}

static int panicked(struct notifier_block *block, unsigned long event, void *data)
{
	const struct fth_finding finding = { .trigger = FTH_TRIGGER_PANIC,
					     .task = current,
					     .trouble = true };

	fth_revert_found(&finding);
	return NOTIFY_DONE;
}

static void notrace found_taint(unsigned long flag)
{
	struct fth_finding finding = { .task = current, .trouble = true };

	if (flag == TAINT_WARN && fth_revert_wants(WARNS))
		finding.trigger = FTH_TRIGGER_WARN;
	else if (flag == TAINT_SOFTLOCKUP && fth_revert_wants(FTH_REVERT_ON_SOFT_LOCKUP))
		finding.trigger = FTH_TRIGGER_SOFT_LOCKUP;
	else
		return;
	fth_revert_found(&finding);
}

static void notrace tainted(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			    struct ftrace_regs *regs)
{
	unsigned long flag = fth_regs_argument0(regs);
	int bit;

	if (flag != TAINT_WARN && flag != TAINT_SOFTLOCKUP)
		return;
	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	found_taint(flag);
	ftrace_test_recursion_unlock(bit);
}

static void hung(void *data, struct task_struct *task)
{
	const struct fth_finding finding = { .trigger = FTH_TRIGGER_HUNG_TASK,
					     .task = task,
					     .trouble = true };

	if (fth_revert_wants(FTH_REVERT_ON_HUNG_TASK))
		fth_revert_found(&finding);
}

static void pressed(fth_sysrq_key_t key)
{
	fth_revert_everything(FTH_TRIGGER_SYSRQ);
}

static const struct sysrq_key_op sysrq_op = {
	.handler = pressed,
	.help_msg = "revert-live-patches",
	.action_msg = "Revert live patches",
	/* Who may reboot may do this: the usual masks allow it. */
	.enable_mask = SYSRQ_ENABLE_BOOT,
};

/*
 * @sysrq_key: 0 = none
 * @hangs: the tracepoint is there
 */
static struct {
	struct notifier_block died;
	struct notifier_block panicked;
	struct ftrace_ops tainted;
	int sysrq_key;
	bool hangs;
} hooks = {
	.died = { .notifier_call = died },
	.panicked = { .notifier_call = panicked },
	.tainted = { .func = tainted, .flags = FTRACE_OPS_FL_PERMANENT | FTRACE_OPS_FL_RCU },
};

static int hook_taints(void)
{
	unsigned long ip = fth_symbol_ftrace_ip((unsigned long)add_taint);
	int error;

	if (!ip)
		return -EOPNOTSUPP;
	error = ftrace_set_filter_ip(&hooks.tainted, ip, 0, 0);
	if (error)
		return error;
	error = register_ftrace_function(&hooks.tainted);
	if (error)
		ftrace_free_filter(&hooks.tainted);
	return error;
}

static void unhook_taints(void)
{
	fth_ftrace_unregister(&hooks.tainted);
}

/* Another module may have the key: then there is none. */
static void take_key(int key)
{
	hooks.sysrq_key = 0;
	if (!key)
		return;
	if (register_sysrq_key(key, &sysrq_op))
		pr_warn("init: SysRq key '%c' is taken; choose another one with 'sysrq_key='\n",
			key);
	else
		hooks.sysrq_key = key;
}

int fth_revert_hooks_init(int sysrq_key)
{
	int error;

	error = hook_taints();
	if (error) {
		pr_err("init: add_taint() can't be followed (%d)\n", error);
		return error;
	}
	error = fth_probe_register("sched_process_hang", hung);
	/* A kernel that looks for no hung task has none to tell of. */
	hooks.hangs = !error;
	if (error && error != -ENOENT)
		goto err_taints;
	error = register_die_notifier(&hooks.died);
	if (error)
		goto err_hangs;
	error = atomic_notifier_chain_register(&panic_notifier_list, &hooks.panicked);
	if (error)
		goto err_died;
	take_key(sysrq_key);
	return 0;

err_died:
	unregister_die_notifier(&hooks.died);
err_hangs:
	if (hooks.hangs)
		fth_probe_unregister("sched_process_hang", hung);
err_taints:
	unhook_taints();
	return error;
}

void fth_revert_hooks_exit(void)
{
	if (hooks.sysrq_key)
		unregister_sysrq_key(hooks.sysrq_key, &sysrq_op);
	atomic_notifier_chain_unregister(&panic_notifier_list, &hooks.panicked);
	unregister_die_notifier(&hooks.died);
	if (hooks.hangs)
		fth_probe_unregister("sched_process_hang", hung);
	unhook_taints();
}
