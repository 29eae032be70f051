/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's boundary: whose stack holds nothing but the way out.
 *
 * DESIGN
 * A user task is at the boundary when every frame of its stack, from the
 * innermost on, belongs to the scheduler, to what may stop a task on its way
 * out (task works, signal delivery, job control, a tracer, the freezer) or to
 * this module, until an anchor is reached: a function that only the way into
 * or out of the kernel runs through.  What lies behind an anchor is entry code.
 * Names differ between kernels by inlining and by the compiler's suffixes, so a
 * name that is missing only makes the check stricter: an unknown frame is
 * inside the kernel.
 */
#ifndef FOTHER_GUEST_COMPAT_BOUNDARY_H
#define FOTHER_GUEST_COMPAT_BOUNDARY_H

#include <linux/types.h>

/**
 * fth_boundary_init() - find the functions of this kernel's boundary
 *
 * After fth_compat_init().
 * Return: 0; -ENOENT with a line that says what is missing: without an anchor
 * of each kind no task would ever be at the boundary.
 */
int fth_boundary_init(void);

/**
 * fth_boundary_is_out() - is a task with this stack at the boundary?
 * @entries: of fth_task_walk_stack(), innermost first
 * @count: of them; none is a task that has never run
 * @self: it is current's stack, which begins inside the walk
 * @ret_where: the innermost frame that is no part of the way out; on false only
 *
 * Context: any.
 */
bool fth_boundary_is_out(const unsigned long *entries, u32 count, bool self,
			 unsigned long *ret_where);

/**
 * fth_boundary_in_signal() - do our task works run from signal delivery here?
 * @entries: current's stack, which began inside the walk
 * @count: of them
 *
 * Only there is an error that asks for a restart of the system call looked at.
 */
bool fth_boundary_in_signal(const unsigned long *entries, u32 count);

#endif /* FOTHER_GUEST_COMPAT_BOUNDARY_H */
