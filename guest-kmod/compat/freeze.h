/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own freezer, as a suspend uses it. */
#ifndef FOTHER_GUEST_COMPAT_FREEZE_H
#define FOTHER_GUEST_COMPAT_FREEZE_H

#include <linux/types.h>

/**
 * fth_freeze_kernel_lock() - keep suspends off
 *
 * Waits until one that is under way is over, so before anybody is held.
 * Context: sleeps; a kernel thread.
 */
void fth_freeze_kernel_lock(void);

/** fth_freeze_kernel_unlock() - by the task that locked. */
void fth_freeze_kernel_unlock(void);

/**
 * fth_freeze_kernel_begin() - freeze user tasks, then freezable kernel threads
 * @budget_ms: how long tasks may be held; a third for each of both, the last
 *	one is for what is then to be done
 *
 * Unlike parking it stops kernel threads too.  It leaves many sleepers deep
 * inside the kernel unless they are parked before, and shows EINTR to others:
 * stacks are to be checked just the same.  It keeps the
 * OOM killer and user mode helpers off, and waits for helpers that run.
 * Context: sleeps; a kernel thread, which is not frozen; between
 * fth_freeze_kernel_lock() and _unlock().
 * Return: 0; -EBUSY somebody could not be frozen, or the freezer is in use;
 * another -errno of the freezer.  On error everything runs again.
 */
int fth_freeze_kernel_begin(u32 budget_ms);

/** fth_freeze_kernel_end() - thaw; by the task that froze. */
void fth_freeze_kernel_end(void);

/** fth_freeze_init() - find the freezer.  Return: 0; -ENOENT with a line. */
int fth_freeze_init(void);

/** fth_freeze_exit() - no rescue is under way any more. */
void fth_freeze_exit(void);

#endif /* FOTHER_GUEST_COMPAT_FREEZE_H */
