// SPDX-License-Identifier: GPL-2.0
/*
 * From bytes to messages of the one session, and back.
 *
 * DESIGN
 * Input: receive buffers of the channel, in order; messages of dispatch.
 * Output: fth_dispatch_*() for frames of the open session; frames for the
 * channel.  Only a HELLO that decodes opens a session; the frames of any other
 * session are counted and dropped.  Memory is the decoder's buffer, one message
 * and one frame, whatever arrives.  Nothing is kept for sending later.
 */
#include "link.h"

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "main.h"

static int step(struct fth_link *link, u8 event, u64 nonce, u8 *ret_action)
{
	int err;

	mutex_lock(&link->lock);
	err = fth_session_step(&link->session, event, nonce, ret_action);
	mutex_unlock(&link->lock);
	WARN_ON_ONCE(err);
	return err;
}

void fth_link_up(void)
{
	struct fth_link *link = &fth_guest.link;
	u8 action;

	fth_decoder_reset(&link->decoder);
	step(link, FTH_SS_EV_UP, 0, &action);
}

void fth_link_down(void)
{
	u8 action;

	step(&fth_guest.link, FTH_SS_EV_LOST, 0, &action);
}

static void receive_frame(struct fth_link *link, const struct fth_frame *frame)
{
	u8 event = fth_session_frame_event(&link->session, frame->type, frame->session);
	u64 nonce_before = link->session.nonce;
	const char *why = NULL;
	u8 action;
	int err = 0;

	if (event != FTH_SS_EV_STALE)
		err = fth_msg_decode(frame, link->message, &why);
	if (err)
		link->malformed++;
	if (err && event == FTH_SS_EV_HELLO)
		return;
	if (step(link, event, frame->session, &action))
		return;
	switch (action) {
	case FTH_SS_OPENED:
		if (frame->session != nonce_before) {
			/* What waits to be sent is of a session that is gone. */
			fth_channel_flush();
			fth_dispatch_new_session();
		}
		fth_dispatch_hello(link->message);
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

void fth_link_receive(const u8 *data, u32 length)
{
	struct fth_link *link = &fth_guest.link;
	struct fth_span input = { .data = data, .length = length };
	struct fth_frame frame;

	fth_decoder_begin_buffer(&link->decoder, data, length);
	while (fth_decoder_next(&link->decoder, &input, &frame))
		receive_frame(link, &frame);
}

int fth_link_send(struct fth_msg *msg)
{
	struct fth_link *link = &fth_guest.link;
	u32 length;
	int err;

	mutex_lock(&link->lock);
	if (link->session.state != FTH_SS_OPEN) {
		err = -ENOTCONN;
		goto out;
	}
	msg->session = link->session.nonce;
	msg->seq = link->session.tx_seq;
	err = fth_msg_encode(msg, link->scratch, FTH_LINK_FRAME_MAX, &length);
	if (err)
		goto out;
	err = fth_channel_send(link->scratch, length);
	if (!err) {
		link->session.tx_seq++;
		link->tx_frames++;
	}
out:
	if (err)
		link->tx_lost++;
	mutex_unlock(&link->lock);
	return err;
}

int fth_link_init(void)
{
	struct fth_link *link = &fth_guest.link;

	mutex_init(&link->lock);
	fth_session_init(&link->session, FTH_SIDE_GUEST);
	link->buffer = kvmalloc(FTH_DECODER_BUFFER_SIZE, GFP_KERNEL);
	link->scratch = kmalloc(FTH_LINK_FRAME_MAX, GFP_KERNEL);
	link->message = kzalloc(sizeof(*link->message), GFP_KERNEL);
	if (!link->buffer || !link->scratch || !link->message) {
		fth_link_exit();
		return -ENOMEM;
	}
	fth_decoder_init(&link->decoder, link->buffer);
	return 0;
}

void fth_link_exit(void)
{
	struct fth_link *link = &fth_guest.link;

	kfree(link->message);
	kfree(link->scratch);
	kvfree(link->buffer);
}
