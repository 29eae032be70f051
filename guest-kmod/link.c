// SPDX-License-Identifier: GPL-2.0
/*
 * From bytes to messages of the one session, and back.
 *
 * DESIGN
 * Input: chunks of the transports' byte streams, each in its order; messages of
 * dispatch.  Output: fth_dispatch_*() for frames of the open session; frames for
 * the transport that the session belongs to.  Only a HELLO that decodes opens a
 * session; frames of any other session, and of this one over another transport,
 * are counted and dropped.  Memory is a decoder's buffer for each transport, one
 * message and one frame, whatever arrives.  Nothing is kept for sending later.
 */
#include "link.h"

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "clock.h"
#include "main.h"

u64 fth_link_heard_ns(void)
{
	return READ_ONCE(fth_guest.link.heard_ns);
}

u64 fth_link_capabilities(void)
{
	struct fth_transport *owner = READ_ONCE(fth_guest.link.open.owner);

	return owner && owner->relayed ? FTH_CAP_RELAYED : 0;
}

/* With link->lock.  A note may look at any time. */
static void close_locked(struct fth_link *link)
{
	WRITE_ONCE(link->open.nonce, 0);
	smp_wmb(); /* pairs with the note's smp_rmb() */
	WRITE_ONCE(link->open.owner, NULL);
}

/* With link->lock.  A repeated HELLO goes on with its session's count. */
static void open_locked(struct fth_link *link, struct fth_transport *owner, u64 nonce_before)
{
	close_locked(link);
	if (link->session.nonce != nonce_before)
		atomic_set(&link->open.tx_seq, 0);
	WRITE_ONCE(link->open.owner, owner);
	smp_wmb(); /* pairs with the note's smp_rmb() */
	WRITE_ONCE(link->open.nonce, link->session.nonce);
}

static int step(struct fth_link *link, struct fth_transport *from, u8 event, u64 nonce,
		u8 *ret_action)
{
	u64 nonce_before;
	int err;

	fth_robust_lock(&link->lock);
	nonce_before = link->session.nonce;
	err = fth_session_step(&link->session, event, nonce, ret_action);
	if (!err && *ret_action == FTH_SS_OPENED)
		open_locked(link, from, nonce_before);
	else if (link->session.state != FTH_SS_OPEN)
		close_locked(link);
	fth_robust_unlock(&link->lock);
	WARN_ON_ONCE(err);
	return err;
}

static bool any_up(const struct fth_link *link)
{
	u32 i;

	for (i = 0; i < FTH_LINK_TRANSPORTS_MAX; i++)
		if (link->transports[i] && link->transports[i]->up)
			return true;
	return false;
}

void fth_link_up(struct fth_transport *transport)
{
	struct fth_link *link = &fth_guest.link;
	u8 action;

	fth_robust_lock(&link->receive_lock);
	transport->up = true;
	fth_decoder_reset(&transport->decoder);
	step(link, transport, FTH_SS_EV_UP, 0, &action);
	fth_robust_unlock(&link->receive_lock);
}

/* The session of another transport goes on. */
void fth_link_down(struct fth_transport *transport)
{
	struct fth_link *link = &fth_guest.link;
	u8 action;

	fth_robust_lock(&link->receive_lock);
	transport->up = false;
	if (link->open.owner == transport || !any_up(link)) {
		step(link, transport, FTH_SS_EV_LOST, 0, &action);
		if (any_up(link))
			step(link, transport, FTH_SS_EV_UP, 0, &action);
	}
	fth_robust_unlock(&link->receive_lock);
}

static void opened(struct fth_link *link, struct fth_transport *before, u64 nonce_before)
{
	struct fth_transport *owner = link->open.owner;

	if (before && before != owner) {
		WRITE_ONCE(link->takeovers, link->takeovers + 1);
		before->flush();
	}
	if (before != owner || link->session.nonce != nonce_before) {
		/* What waits to be sent is of a session that is gone. */
		owner->flush();
		fth_dispatch_new_session();
	}
	fth_dispatch_hello(link->message);
}

static void receive_frame(struct fth_link *link, struct fth_transport *from,
			  const struct fth_frame *frame)
{
	u8 event = fth_session_frame_event(&link->session, frame->type, frame->session);
	struct fth_transport *before = link->open.owner;
	u64 nonce_before = link->session.nonce;
	const char *why = NULL;
	u8 action;
	int err = 0;

	if (event == FTH_SS_EV_FRAME && before != from)
		event = FTH_SS_EV_STALE;
	if (event != FTH_SS_EV_STALE)
		err = fth_msg_decode(frame, link->message, &why);
	if (err)
		link->malformed++;
	if (err && event == FTH_SS_EV_HELLO)
		return;
	if (step(link, from, event, frame->session, &action))
		return;
	if (action == FTH_SS_OPENED || action == FTH_SS_DELIVER)
		WRITE_ONCE(link->heard_ns, fth_clock_lived_ns());
	switch (action) {
	case FTH_SS_OPENED:
		opened(link, before, nonce_before);
		break;
	case FTH_SS_DELIVER:
		if (err)
			fth_dispatch_malformed(frame->op_id, why);
		else
			fth_dispatch_message(link->message);
		break;
	default:
		break;
	}
}

void fth_link_receive(struct fth_transport *transport, const u8 *data, u32 length)
{
	struct fth_link *link = &fth_guest.link;
	struct fth_span input = { .data = data, .length = length };
	struct fth_frame frame;

	fth_robust_lock(&link->receive_lock);
	transport->rx_bytes += length;
	fth_decoder_begin_buffer(&transport->decoder, data, length);
	while (fth_decoder_next(&transport->decoder, &input, &frame))
		receive_frame(link, transport, &frame);
	fth_robust_unlock(&link->receive_lock);
}

/* With link->lock. */
static int send_locked(struct fth_link *link, struct fth_msg *msg)
{
	u32 length;
	int err;

	if (link->session.state != FTH_SS_OPEN)
		return -ENOTCONN;
	msg->session = link->session.nonce;
	msg->seq = atomic_inc_return(&link->open.tx_seq) - 1;
	err = fth_msg_encode(msg, link->scratch, FTH_LINK_FRAME_MAX, &length);
	if (err)
		return err;
	return link->open.owner->send(link->scratch, length);
}

int fth_link_send(struct fth_msg *msg)
{
	struct fth_link *link = &fth_guest.link;
	int err;

	fth_robust_lock(&link->lock);
	err = send_locked(link, msg);
	if (err)
		link->tx_lost++;
	else
		link->tx_frames++;
	fth_robust_unlock(&link->lock);
	return err;
}

int fth_link_add(struct fth_transport *transport)
{
	struct fth_link *link = &fth_guest.link;
	int err = -ENOSPC;
	u32 i;

	transport->buffer = kvmalloc(FTH_DECODER_BUFFER_SIZE, GFP_KERNEL);
	if (!transport->buffer)
		return -ENOMEM;
	fth_decoder_init(&transport->decoder, transport->buffer);
	fth_robust_lock(&link->receive_lock);
	for (i = 0; i < FTH_LINK_TRANSPORTS_MAX && err; i++) {
		if (link->transports[i])
			continue;
		WRITE_ONCE(link->transports[i], transport);
		err = 0;
	}
	fth_robust_unlock(&link->receive_lock);
	if (err)
		kvfree(transport->buffer);
	return err;
}

void fth_link_remove(struct fth_transport *transport)
{
	struct fth_link *link = &fth_guest.link;
	u32 i;

	fth_robust_lock(&link->receive_lock);
	for (i = 0; i < FTH_LINK_TRANSPORTS_MAX; i++)
		if (link->transports[i] == transport)
			WRITE_ONCE(link->transports[i], NULL);
	fth_robust_unlock(&link->receive_lock);
	kvfree(transport->buffer);
	transport->buffer = NULL;
}

/*
 * With receive_lock: its owner died.  The session ends, as a host that says HELLO
 * again knows what it has to ask again.
 */
static void renew(void)
{
	struct fth_link *link = &fth_guest.link;
	u8 action;
	u32 i;

	for (i = 0; i < FTH_LINK_TRANSPORTS_MAX; i++)
		if (link->transports[i])
			fth_decoder_reset(&link->transports[i]->decoder);
	fth_dispatch_renew();
	step(link, NULL, FTH_SS_EV_LOST, 0, &action);
	if (any_up(link))
		step(link, NULL, FTH_SS_EV_UP, 0, &action);
}

int fth_link_init(void)
{
	struct fth_link *link = &fth_guest.link;

	fth_robust_mutex_init(&link->receive_lock, renew);
	fth_robust_mutex_init(&link->lock, NULL);
	fth_session_init(&link->session, FTH_SIDE_GUEST);
	link->scratch = kmalloc(FTH_LINK_FRAME_MAX, GFP_KERNEL);
	link->message = kzalloc(sizeof(*link->message), GFP_KERNEL);
	if (!link->scratch || !link->message || fth_note_init()) {
		kfree(link->message);
		kfree(link->scratch);
		return -ENOMEM;
	}
	return 0;
}

void fth_link_exit(void)
{
	struct fth_link *link = &fth_guest.link;

	fth_note_exit();
	kfree(link->message);
	kfree(link->scratch);
}
