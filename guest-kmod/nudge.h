/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fake signal: tasks are asked to leave the kernel.
 *
 * DESIGN
 * A nudge is a task work with a signal's notification: a task that sleeps
 * interruptibly is woken, sees a signal pending, and comes to signal delivery,
 * where it finds our work and no signal.  One nudge at most is queued for a
 * task, in a table of all.  It belongs to no roster and to no park, and it is
 * not taken back when they end: a task that has been notified returns EINTR
 * whenever it comes by, and only our work can then issue its call again.  A
 * task that never comes by costs one small entry until the module is unloaded.
 */
#ifndef FOTHER_GUEST_NUDGE_H
#define FOTHER_GUEST_NUDGE_H

#include "stack.h"
#include "transition.h"

#define FTH_NUDGES_MAX 65536u /* queued at once */

/* Called in a nudged task's context, may sleep; @where it found itself. */
typedef void fth_nudge_stay(u32 which, enum fth_stack_exit where);

/**
 * fth_nudge_task() - queue a nudge
 * @task: referenced; has a boundary (fth_task_has_boundary()), is neither stopped
 *	nor traced
 * @timed: enum fth_nudge_timed
 * @stay: NULL is fine.  A nudge that is queued already takes it over.
 * @which: for @stay; two that differ in it are two
 *
 * Context: may sleep.
 * Return: 1 when @stay will be called because of this; 0 when a nudge with it
 * is queued or runs already; -EAGAIN one without it runs; -ENOMEM; -ENOSPC;
 * -ESRCH it is exiting.
 */
int fth_nudge_task(struct task_struct *task, u8 timed, fth_nudge_stay *stay, u32 which);

/**
 * fth_nudge_stragglers() - nudge every task that still holds @roster up
 * @roster: live or not; only if it is, tasks are also looked at as they leave
 * @timed: enum fth_nudge_timed
 *
 * A user task is nudged.  A kernel thread or a worker of io_uring gets a wake-up
 * if it sleeps interruptibly: no call could be issued again there.  A stopped or
 * traced task is left alone: its debugger would see it move.  So is, with
 * FTH_NUDGE_TIMED_WAIT, one that sleeps in a call with a time-out that can't be
 * issued again for the rest of it.
 * Context: may sleep.
 * Return: how many were nudged.
 */
u32 fth_nudge_stragglers(struct fth_roster *roster, u8 timed);

/**
 * fth_nudge_deliver() - queue current's nudge again, if io_uring ran it too early
 *
 * Context: the beginning of signal delivery, which will run it next; preemption off.
 */
void fth_nudge_deliver(void);

/**
 * fth_nudge_exit() - take back what is queued, wait for what runs
 *
 * Nobody nudges or parks any more.  What runs may still stand in its last
 * instructions: fth_stack_check_all() before the module's text goes.
 * Context: may sleep.
 */
void fth_nudge_exit(void);

#endif /* FOTHER_GUEST_NUDGE_H */
