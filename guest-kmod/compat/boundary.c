// SPDX-License-Identifier: GPL-2.0
/* The kernel's boundary: whose stack holds nothing but the way out. */
#include "boundary.h"

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/sort.h>

#include "kernel.h"

#define NAME_ROOM 64u

enum kind {
	PASS,	 /* may stand between the innermost frame and an anchor */
	SIGNAL,	 /* that too; task works run from it */
	RUNS,	 /* that too; runs task works */
	OUT,	 /* anchor: on the way to user mode */
	IN,	 /* anchor: on the way to the system call's function */
	FORK,	 /* anchor: where a new task begins */
	OURS,	 /* this module */
	UNKNOWN, /* inside the kernel */
};

static const struct {
	const char *name;
	enum kind kind;
} names[] = {
	{ "__schedule", PASS },
	{ "schedule", PASS },
	{ "schedule_timeout", PASS },
	{ "schedule_timeout_interruptible", PASS },
	{ "schedule_timeout_killable", PASS },
	{ "schedule_timeout_uninterruptible", PASS },
	{ "schedule_timeout_idle", PASS },
	{ "preempt_schedule_common", PASS },
	{ "__cond_resched", PASS },
	{ "dynamic_cond_resched", PASS },
	{ "resume_user_mode_work", PASS },
	{ "arch_do_signal_or_restart", PASS },
	{ "do_signal_stop", PASS },
	{ "do_jobctl_trap", PASS },
	{ "do_freezer_trap", PASS },
	{ "ptrace_stop", PASS },
	{ "ptrace_do_notify", PASS },
	{ "ptrace_notify", PASS },
	{ "ptrace_signal", PASS },
	{ "ptrace_report_syscall", PASS },
	{ "__refrigerator", PASS },
	{ "get_signal", SIGNAL },
	{ "task_work_run", RUNS },
	{ "exit_to_user_mode_prepare", OUT },
	{ "exit_to_user_mode_loop", OUT },
	{ "syscall_exit_to_user_mode", OUT },
	{ "syscall_exit_to_user_mode_work", OUT },
	{ "syscall_exit_to_user_mode_prepare", OUT },
	{ "syscall_exit_work", OUT },
	{ "irqentry_exit_to_user_mode", OUT },
	{ "syscall_trace_enter", IN },
	{ "syscall_enter_from_user_mode", IN },
	{ "syscall_enter_from_user_mode_work", IN },
	/*
	 * Where those above are part of these (seen on 7.2): a system call's own
	 * function, which begins in a frame of its own, is not on such a stack.
	 */
	{ "do_syscall_64", IN },
	{ "do_int80_emulation", IN },
	{ "do_fast_syscall_32", IN },
	{ "ret_from_fork", FORK },
	{ "ret_from_fork_asm", FORK },
};

/* The compiler's own, for what it cut off or specialised. */
static const char *const suffixes[] = { "", ".part.0", ".constprop.0", ".isra.0", ".cold" };

struct frame {
	unsigned long start;
	unsigned long end;
	enum kind kind;
};

/* Written by fth_boundary_init() only; @frames are sorted. */
static struct {
	struct frame frames[ARRAY_SIZE(names) * ARRAY_SIZE(suffixes)];
	u32 count;
	struct fth_text ours;
} boundary;

static bool add(const char *name, const char *suffix, enum kind kind)
{
	char symbol[NAME_ROOM];
	unsigned long start, size;

	snprintf(symbol, sizeof(symbol), "%s%s", name, suffix);
	start = fth_symbol_address(symbol);
	size = start ? fth_symbol_size(start) : 0;
	if (!size)
		return false;
	boundary.frames[boundary.count++] = (struct frame){ start, start + size, kind };
	return true;
}

static int compare(const void *a, const void *b)
{
	const struct frame *left = a, *right = b;

	return left->start < right->start ? -1 : left->start > right->start;
}

int fth_boundary_init(void)
{
	static const char *const needed[] = {
		[PASS] = "schedule",	      [SIGNAL] = "get_signal",
		[RUNS] = "task_work_run",     [OUT] = "exit_to_user_mode_loop",
		[IN] = "syscall_trace_enter", [FORK] = "ret_from_fork",
	};
	struct fth_text texts[FTH_MODULE_TEXTS_MAX];
	u32 found[UNKNOWN] = {};

	boundary.count = 0;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		for (u32 j = 0; j < ARRAY_SIZE(suffixes); j++)
			found[names[i].kind] += add(names[i].name, suffixes[j], names[i].kind);
	}
	for (u32 kind = 0; kind < ARRAY_SIZE(needed); kind++) {
		if (found[kind])
			continue;
		pr_err("init: this kernel has neither '%s' nor what else does its work, "
		       "expected one; it is not supported\n",
		       needed[kind]);
		return -ENOENT;
	}
	sort(boundary.frames, boundary.count, sizeof(*boundary.frames), compare, NULL);
	/* The first one is what stays after init. */
	if (!fth_module_texts(THIS_MODULE, texts))
		return -ENOENT;
	boundary.ours = texts[0];
	return 0;
}

static enum kind kind_of(unsigned long address)
{
	u32 low = 0, high = boundary.count;

	if (address >= boundary.ours.start && address < boundary.ours.end)
		return OURS;
	while (low < high) {
		u32 middle = (low + high) / 2;

		if (address < boundary.frames[middle].start)
			high = middle;
		else if (address >= boundary.frames[middle].end)
			low = middle + 1;
		else
			return boundary.frames[middle].kind;
	}
	return UNKNOWN;
}

/* Behind the walk's own frames: they end where this module called for it. */
static u32 skip_walk(const unsigned long *entries, u32 count)
{
	u32 i = 0;

	while (i < count && kind_of(entries[i]) != OURS)
		i++;
	return i < count ? i : 0;
}

bool fth_boundary_is_out(const unsigned long *entries, u32 count, bool self,
			 unsigned long *ret_where)
{
	for (u32 i = self ? skip_walk(entries, count) : 0; i < count; i++) {
		switch (kind_of(entries[i])) {
		case PASS:
		case SIGNAL:
		case RUNS:
		case OURS:
			break;
		case OUT:
		case IN:
		case FORK:
			return true;
		default:
			*ret_where = entries[i];
			return false;
		}
	}
	if (!count)
		return true;
	*ret_where = entries[count - 1];
	return false;
}

bool fth_boundary_in_signal(const unsigned long *entries, u32 count)
{
	u32 i = skip_walk(entries, count);

	while (i < count && kind_of(entries[i]) == OURS)
		i++;
	return i + 1 < count && kind_of(entries[i]) == RUNS && kind_of(entries[i + 1]) == SIGNAL;
}
