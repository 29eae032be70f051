// SPDX-License-Identifier: GPL-2.0
/* The fake signal: stragglers are asked to leave the kernel. */
#include "nudge.h"

#include "compat/kernel.h"

static bool nudge_one(struct fth_roster *roster, struct fth_straggler *straggler)
{
	struct task_struct *task = straggler->task;

	/* A CPU's idle task sleeps for nobody; its retry is a stop of the CPUs. */
	if (is_idle_task(task) || fth_task_is_halted(task))
		return false;
	if (task->flags & PF_KTHREAD) {
		fth_task_wake_interruptible(task);
		return true;
	}
	return fth_roster_visit(roster, straggler, &straggler->nudge, TWA_SIGNAL);
}

u32 fth_nudge_stragglers(struct fth_roster *roster)
{
	u32 nudged = 0;

	for (u32 i = 0; i < 1u << roster->bits; i++) {
		struct fth_straggler *straggler = &roster->slots[i];

		if (straggler->task && READ_ONCE(straggler->holds))
			nudged += nudge_one(roster, straggler);
		cond_resched();
	}
	return nudged;
}
