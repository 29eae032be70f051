/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tasks that wait in io_uring_enter(): brought out of it, and seen when they leave.
 *
 * DESIGN
 * That wait runs task works itself, in its loop, and waits on.  Only a pending
 * signal ends it; and what the call then returns can't be changed before it
 * has returned, when the loop has run all task works already.  So a work of ours
 * that finds itself in the loop is queued again at the beginning of signal
 * delivery, which looks for task works first: ftrace calls us there.
 *
 * A nudge has the task expelled: it says that a signal is pending, though none
 * is.  Signal delivery finds none and takes the mark back; a real signal that
 * comes meanwhile is delivered.  A straggler's visit only asks that the task,
 * should it be about to leave, does so by signal delivery: the loop takes such a
 * notification back if it goes on.
 *
 * Signal delivery is watched from the first time on that this is needed for a
 * task that uses io_uring, until the module goes.  Where it can't be, such
 * tasks wait on.  Not moved: io_uring_register(), which seldom waits.
 */
#ifndef FOTHER_GUEST_URING_H
#define FOTHER_GUEST_URING_H

#include <linux/types.h>

struct task_struct;

/**
 * fth_uring_watch() - be ready for works of ours in @task
 * @task: referenced; nothing is done if it does not use io_uring
 *
 * Context: sleeps.
 */
void fth_uring_watch(const struct task_struct *task);

/**
 * fth_uring_expel() - current, in a task work, shall leave io_uring_enter()
 *
 * On true fth_nudge_deliver() will be called before current leaves the kernel,
 * unless another task work takes the mark back (the creation of a worker does);
 * then it waits on, and can be nudged again.
 * Return: false when it is not in io_uring_enter(), exits, or nobody watches.
 */
bool fth_uring_expel(void);

/** fth_uring_delivered() - one that was expelled is taken care of. */
void fth_uring_delivered(void);

/**
 * fth_uring_return() - current, in a task work, is to be seen if it is leaving
 *
 * fth_roster_deliver() is called then.  Nothing is done for one that is not
 * in io_uring_enter().
 */
void fth_uring_return(void);

/** fth_uring_exit() - nobody watches any more; there are neither nudges nor visits. */
void fth_uring_exit(void);

#endif /* FOTHER_GUEST_URING_H */
