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

/** fth_stack_set_init() - empty, with room for @room.  Return: 0, -ENOMEM. */
int fth_stack_set_init(struct fth_stack_set *set, u32 room);

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
 * can't be read counts as inside.
 * Context: may sleep.
 * Return: 0; -EBUSY.
 */
int fth_stack_check_all(const struct fth_stack_set *set, const struct task_struct *except);

/** fth_stack_module_set() - a module's text as a set.  Return: 0, -ENOMEM. */
int fth_stack_module_set(const struct module *module, struct fth_stack_set *ret_set);

#endif /* FOTHER_GUEST_STACK_H */
