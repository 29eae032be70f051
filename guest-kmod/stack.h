/* SPDX-License-Identifier: GPL-2.0 */
/* Sets of text, and whether a task's stack holds any of it. */
#ifndef FOTHER_GUEST_STACK_H
#define FOTHER_GUEST_STACK_H

#include <linux/types.h>

#include "compat/kernel.h"

struct task_struct;

#define FTH_STACK_DEPTH_MAX 128 /* frames; a deeper stack counts as unreliable */

/**
 * struct fth_stack_set - pieces of text, sorted and disjoint once sealed
 * @texts: the pieces
 * @count: used
 * @room: allocated
 */
struct fth_stack_set {
	struct fth_text *texts;
	u32 count;
	u32 room;
};

/* What fth_stack_judge() says of a task that is not clean. */
enum fth_stack_verdict {
	FTH_STACK_CLEAN = 0,
	FTH_STACK_HELD = 1,   /* an address of the set is on its stack */
	FTH_STACK_KERNEL = 2, /* it is not at the kernel's boundary */
};

/**
 * struct fth_stack_rule - what a task must have left
 * @set: sealed.  May be replaced while the rule is in use: every reader reads
 *	it once, with preemption off or all CPUs stopped, so the set that was
 *	replaced may be freed after fth_transition_drain().
 * @boundary: a user task must be at the kernel's boundary too.  Tasks that
 *	have none (fth_task_has_boundary()) are judged by the set alone.
 *
 * Source: DESIGN section 3, "when may a task switch".
 */
struct fth_stack_rule {
	const struct fth_stack_set *set;
	bool boundary;
};

/** fth_stack_set_init() - empty, with room for @room.  Return: 0, -ENOMEM. */
int fth_stack_set_init(struct fth_stack_set *set, u32 room, gfp_t gfp);

/** fth_stack_set_add() - add [@start, @end); no more than its room. */
void fth_stack_set_add(struct fth_stack_set *set, unsigned long start, unsigned long end);

/** fth_stack_set_seal() - sort and merge; before the first check. */
void fth_stack_set_seal(struct fth_stack_set *set);

/** fth_stack_set_free() - give the memory back; an empty set is fine. */
void fth_stack_set_free(struct fth_stack_set *set);

/**
 * fth_stack_check() - is a task inside a set?
 * @task: current, or a task that can't run meanwhile
 * @set: sealed
 * @ret_where: the address that was found, on 1 only
 *
 * Context: preemption off (the entries are collected in a buffer of the CPU).
 * Return: 0 it is not; 1 it is; -EINVAL its stack can't be read reliably.
 */
int fth_stack_check(struct task_struct *task, const struct fth_stack_set *set,
		    unsigned long *ret_where);

/**
 * fth_stack_judge() - may a task switch?
 * @task: current, or a task that can't run meanwhile
 * @rule: what it must have left
 * @ret_where: the address that was found: of the set, or of the innermost
 *	frame that is inside the kernel; on FTH_STACK_HELD and _KERNEL only
 *
 * A task that has never run is clean.
 * Context: as fth_stack_check().
 * Return: enum fth_stack_verdict; -EINVAL its stack can't be read reliably.
 */
int fth_stack_judge(struct task_struct *task, const struct fth_stack_rule *rule,
		    unsigned long *ret_where);

/* Where a task work of ours finds itself. */
enum fth_stack_exit {
	FTH_EXIT_NOT = 0,    /* inside the kernel: io_uring, do_exit(), KVM_RUN */
	FTH_EXIT_PATH = 1,   /* at the boundary */
	FTH_EXIT_SIGNAL = 2, /* at the boundary, in signal delivery */
};

/**
 * fth_stack_exit() - is current at the boundary?
 *
 * Context: task context, may be preemptible; called from a task work.
 * Return: a stack that can't be read is FTH_EXIT_NOT.
 */
enum fth_stack_exit fth_stack_exit(void);

/**
 * fth_stack_check_entry() - is current inside a set, but for one call?
 * @set: sealed
 * @behind: return address of the call to ftrace in the function that current
 *	is about to enter; this frame and those above it don't count
 *
 * Context: as fth_stack_check(), and from an ftrace handler.
 * Return: 0 it is not; 1 it is; -EINVAL unreliable, -EBUSY in the middle of
 * another check.
 */
int fth_stack_check_entry(const struct fth_stack_set *set, unsigned long behind);

/**
 * fth_stack_check_all() - is any task inside a set?
 * @set: sealed
 * @except: a task that is known to be inside, or NULL
 *
 * All CPUs are stopped for it, unless a sleeper is found before.  A stack that
 * can't be read counts as inside.  So does the idle task of an offline CPU if
 * anything on its stack looks like an address of the set: the CPU may still be
 * spinning there, and nobody can tell where that stack ends.
 * Context: may sleep.
 * Return: 0; -EBUSY.
 */
int fth_stack_check_all(const struct fth_stack_set *set, const struct task_struct *except);

/**
 * fth_stack_check_offline() - may the idle task of an offline CPU be inside a set?
 *
 * As fth_stack_check_all() looks at those, and without a stop: such a CPU comes
 * back only by beginning afresh.
 * Context: may sleep; takes the CPU hotplug lock.
 */
bool fth_stack_check_offline(const struct fth_stack_set *set);

/** fth_stack_module_set() - a module's text as a set.  Return: 0, -ENOMEM. */
int fth_stack_module_set(const struct module *module, struct fth_stack_set *ret_set);

#endif /* FOTHER_GUEST_STACK_H */
