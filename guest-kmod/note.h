/* SPDX-License-Identifier: GPL-2.0 */
/* A word to the host out of an oops or a panic. */
#ifndef FOTHER_GUEST_NOTE_H
#define FOTHER_GUEST_NOTE_H

#include <linux/atomic.h>
#include <linux/types.h>

struct fth_msg;
struct fth_msg_event;

#define FTH_NOTE_FRAME_MAX 4096u /* bytes; an EVENT with every field at its limit is shorter */

/**
 * struct fth_note - what a note is made of, allocated beforehand
 * @busy: the CPU that sends one + 1, 0 = none; it owns @msg and @frame
 * @msg: the EVENT
 * @frame: FTH_NOTE_FRAME_MAX bytes
 * @sent: notes that the host read
 * @lost: that it did not
 */
struct fth_note {
	atomic_t busy;
	struct fth_msg *msg;
	u8 *frame;
	u64 sent;
	u64 lost;
};

/** fth_note_init() - Return: 0 or -ENOMEM. */
int fth_note_init(void);

/** fth_note_exit() - nobody calls fth_note_send() any more. */
void fth_note_exit(void);

/**
 * fth_note_send() - an EVENT to the host, at once
 * @event: of kind TRIGGERED or TROUBLE.  @uptime_ms and @taint of 0 are filled
 *	in.  The trigger says where we are: PANIC: the other CPUs stand still; OOPS:
 *	the current task won't go on.  Borrowed
 *
 * One attempt, by polling, bounded by some 20 ms (200 in an oops, a second in a
 * panic).  At most one at a time.  What can't be sent is counted; the host hears of it when it is
 * told again.
 * Context: any but NMI, interrupts on or off, inside an oops or a panic: allocates
 * nothing, sleeps never, waits for no lock that may be held for ever.
 * Return: 0 the host has it; -EBUSY another note, or the lock of the channel is
 * held; -ENOTCONN no session; -EOPNOTSUPP the way to the host can't do it; -EIO,
 * -ENOBUFS, -ETIMEDOUT, -EMSGSIZE, -EINVAL.
 */
int fth_note_send(const struct fth_msg_event *event);

/** fth_note_abandon() - the current task dies: it finishes none.  Inside an oops. */
void fth_note_abandon(void);

#endif /* FOTHER_GUEST_NOTE_H */
