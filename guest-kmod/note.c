// SPDX-License-Identifier: GPL-2.0
/*
 * A word to the host out of an oops or a panic.
 *
 * DESIGN
 * Input: what happened, from whoever notices it.  Output: one frame of the open
 * session, by the transport's polled way.  The session is read without link's
 * lock, which may be held by the task that dies: a frame of a session that ends
 * just now is dropped by the host.  Its number is taken from the session's count,
 * so it is one frame among the others.
 */
#include "note.h"

#include <linux/errno.h>
#include <linux/math64.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>

#include "main.h"

/* False: no session is open, or it changed this moment. */
static bool read_session(struct fth_link_open *open, u64 *ret_nonce,
			 struct fth_transport **ret_owner)
{
	*ret_nonce = READ_ONCE(open->nonce);
	smp_rmb(); /* pairs with close_locked() and open_locked() of link.c */
	*ret_owner = READ_ONCE(open->owner);
	smp_rmb(); /* pairs with the same: the nonce is looked at again */
	return *ret_nonce && *ret_owner && READ_ONCE(open->nonce) == *ret_nonce;
}

static enum fth_transport_now situation(const struct fth_msg_event *event)
{
	switch (event->trigger) {
	case FTH_TRIGGER_PANIC:
		return FTH_TRANSPORT_PANIC;
	case FTH_TRIGGER_OOPS:
		return FTH_TRANSPORT_DYING;
	default:
		return FTH_TRANSPORT_ALIVE;
	}
}

static int send(struct fth_note *note, const struct fth_msg_event *event)
{
	struct fth_link_open *open = &fth_guest.link.open;
	struct fth_msg *msg = note->msg;
	struct fth_transport *owner;
	u32 length;
	u64 nonce;
	int err;

	if (!read_session(open, &nonce, &owner))
		return -ENOTCONN;
	if (!owner->send_now)
		return -EOPNOTSUPP;
	memset(msg, 0, sizeof(*msg));
	msg->type = FTH_T_EVENT;
	msg->session = nonce;
	msg->u.event = *event;
	/* The plain clock may be what oopsed, with its sequence count held. */
	if (!msg->u.event.uptime_ms)
		msg->u.event.uptime_ms = div_u64(ktime_get_boot_fast_ns(), NSEC_PER_MSEC);
	if (!msg->u.event.taint)
		msg->u.event.taint = fth_hostinfo_taint();
	msg->seq = atomic_inc_return(&open->tx_seq) - 1;
	err = fth_msg_encode(msg, note->frame, FTH_NOTE_FRAME_MAX, &length);
	if (err)
		return err;
	return owner->send_now(note->frame, length, situation(event));
}

/* Preemption is off.  From somebody who won't go on it is taken over. */
static bool take(struct fth_note *note, enum fth_transport_now now)
{
	int mine = raw_smp_processor_id() + 1;
	int holder = atomic_cmpxchg_acquire(&note->busy, 0, mine);

	if (!holder)
		return true;
	if (now != FTH_TRANSPORT_PANIC && (now != FTH_TRANSPORT_DYING || holder != mine))
		return false;
	atomic_set(&note->busy, mine);
	return true;
}

int fth_note_send(const struct fth_msg_event *event)
{
	struct fth_note *note = &fth_guest.note;
	int err = -EBUSY;

	if (in_nmi())
		return -EBUSY;
	preempt_disable();
	if (take(note, situation(event))) {
		err = send(note, event);
		if (err)
			note->lost++;
		else
			note->sent++;
		atomic_set_release(&note->busy, 0);
	}
	preempt_enable();
	return err;
}

void fth_note_abandon(void)
{
	int mine = raw_smp_processor_id() + 1;

	/* It is sent without being preempted: whoever sends one on this CPU is dying. */
	atomic_cmpxchg(&fth_guest.note.busy, mine, 0);
}

int fth_note_init(void)
{
	struct fth_note *note = &fth_guest.note;

	note->msg = kmalloc(sizeof(*note->msg), GFP_KERNEL);
	note->frame = kmalloc(FTH_NOTE_FRAME_MAX, GFP_KERNEL);
	if (note->msg && note->frame)
		return 0;
	fth_note_exit();
	return -ENOMEM;
}

void fth_note_exit(void)
{
	kfree(fth_guest.note.frame);
	kfree(fth_guest.note.msg);
}
