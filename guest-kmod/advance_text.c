// SPDX-License-Identifier: GPL-2.0
/* How a transition moves on, for a person. */

#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "advance.h"
#include "compat/kernel.h"
#include "patch.h"
#include "restart.h"

void fth_advance_names(const struct fth_advance *advance, char *text, size_t size)
{
	struct fth_roster *roster = fth_advance_roster(advance);
	u32 named = 0;
	int length = 0;

	text[0] = '\0';
	for (u32 i = 0; roster && i < 1u << roster->bits && named < FTH_WHY_NAMES_MAX; i++) {
		const struct fth_straggler *straggler = &roster->slots[i];
		char comm[TASK_COMM_LEN];

		if (!straggler->task || !READ_ONCE(straggler->holds))
			continue;
		get_task_comm(comm, straggler->task);
		length += scnprintf(text + length, size - length, "%s%d %s", named ? ", " : ": ",
				    straggler->task->pid, comm);
		named++;
	}
}

int fth_advance_trouble(const struct fth_advance *advance, char *text, size_t size)
{
	if (advance->flipped || !advance->error || advance->error == -EBUSY) {
		text[0] = '\0';
		return 0;
	}
	if (advance->error == -ETIME)
		return scnprintf(text, size, "the check of stacks takes longer than stop-max %u us",
				 advance->stop_max_us);
	if (advance->error == -ENOSPC)
		return scnprintf(text, size,
				 "more tasks came during the check of stacks than it has room for");
	if (advance->error == -ENOMEM)
		return scnprintf(text, size, "no memory for the check of stacks");
	return scnprintf(text, size, "the check of stacks failed with %d", advance->error);
}

void fth_advance_print(const struct fth_advance *advance, char *text, size_t size)
{
	u64 now = ktime_get_ns();
	int length =
		scnprintf(text, size, "after %llu ms", (now - advance->first_ns) / NSEC_PER_MSEC);

	if (advance->began_ns != advance->first_ns)
		length += scnprintf(text + length, size - length,
				    ", %llu ms of them since the last turn",
				    (now - advance->began_ns) / NSEC_PER_MSEC);
	length += scnprintf(text + length, size - length, "; CPUs stopped for %llu us",
			    advance->stopped_ns / NSEC_PER_USEC);
	if (advance->freezes)
		scnprintf(text + length, size - length,
			  ", tasks held for at most %llu us in %u freezes",
			  advance->held_ns / NSEC_PER_USEC, advance->freezes);
}

static u64 ms_until(u64 ns)
{
	u64 now = ktime_get_ns();

	return ns > now ? (ns - now) / NSEC_PER_MSEC : 0;
}

/* Why a nudge would do nothing, or NULL. */
static const char *why_not_nudged(const struct fth_advance *advance, struct task_struct *task)
{
	if (is_idle_task(task))
		return "looked at again with the CPUs stopped";
	if (fth_task_is_halted(task))
		return "left alone while it is stopped or traced";
	if (READ_ONCE(task->__state) & TASK_UNINTERRUPTIBLE)
		return "waited for; no nudge wakes it";
	if (advance->patch->policy.nudge_timed == FTH_NUDGE_TIMED_WAIT &&
	    fth_restart_is_timed(task))
		return "waited for; its call has a time-out";
	return advance->nudge_ns ? NULL : "waited for; nudge by hand";
}

void fth_advance_describe(const struct fth_advance *advance, const struct fth_straggler *straggler,
			  char *text, size_t size)
{
	const char *why = why_not_nudged(advance, straggler->task);

	if (advance->freeze_ns && (why || advance->freeze_ns < advance->nudge_ns))
		scnprintf(text, size, "freeze %u of %u in %llu ms", advance->tries + 1,
			  advance->patch->policy.freeze_attempts, ms_until(advance->freeze_ns));
	else if (why)
		strscpy(text, why, size);
	else
		scnprintf(text, size, "nudge in %llu ms", ms_until(advance->nudge_ns));
}
