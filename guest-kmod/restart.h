/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls that a nudge interrupts are issued again.
 *
 * DESIGN
 * Most calls that a signal's notification interrupts without any signal are
 * restarted by the kernel itself.  A few return EINTR instead, because of what
 * POSIX says of handlers.  Where no handler is to run, they can be issued again
 * just as well: our task work, which runs in signal delivery, changes the EINTR
 * into -ERESTARTNOHAND.  That restarts the call if no handler runs, and is
 * EINTR if one does, so a real signal that comes meanwhile is not hidden.
 * A call that is issued again waits for its whole time-out again.
 *
 * Calls of a socket with SO_RCVTIMEO or SO_SNDTIMEO are of this kind too, but
 * whether a sleeping one has a time-out shows in no register: only its EINTR
 * tells.  read() and write() have other reasons for EINTR, so they are left.
 *
 * io_uring_enter() returns EINTR only if it submitted nothing.  If it did, it
 * returns how many, as for any signal, and nothing is issued again.
 */
#ifndef FOTHER_GUEST_RESTART_H
#define FOTHER_GUEST_RESTART_H

#include <linux/types.h>

struct task_struct;

/**
 * fth_restart_is_timed() - does a task sleep with a time-out in such a call?
 * @task: referenced; any state
 *
 * Of a socket's call that is not known: it counts as one without; nor of
 * io_uring_enter() with an extended argument: it counts as one with.
 * It may have gone on when this returns.  Context: as fth_task_call().
 */
bool fth_restart_is_timed(struct task_struct *task);

/**
 * fth_restart_call() - have current's interrupted call issued again
 * @timed: enum fth_nudge_timed; whether a call with a time-out is one too
 *
 * @marked: the pending signal was only said to be there, see uring.h
 *
 * Does nothing for other calls, other results, or when a real signal waits.
 * Context: a task work in signal delivery (FTH_EXIT_SIGNAL).
 */
void fth_restart_call(u8 timed, bool marked);

/** fth_restart_in_uring() - is current in io_uring_enter()? */
bool fth_restart_in_uring(void);

#endif /* FOTHER_GUEST_RESTART_H */
