// SPDX-License-Identifier: GPL-2.0
/*
 * One VM's channel: its chardev's unix socket, frames and the session.
 *
 * DESIGN
 * Inputs are the guest's bytes, a timer and the owner's messages.  Who may talk
 * is fth_session_step()'s to say; this file carries its actions out.  One timer
 * serves the state the session is in: DOWN, the next connect; GREETING, the
 * next HELLO; OPEN, the next heartbeat.  Silence is counted in beats without
 * an answer and not by a clock: an agent that was stopped for a minute must
 * not take its own absence for the guests'.
 */
#include "io/channel.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "io/log.h"
#include "io/loop.h"
#include "io/stream.h"

struct fth_channel {
	struct fth_loop *loop;
	struct sockaddr_un address;
	const struct fth_channel_hooks *hooks;
	void *context;
	uint64_t epoch;
	struct fth_stream *stream; /* NULL while down */
	struct fth_timer *timer;
	struct fth_session session;
	struct fth_decoder decoder;
	uint8_t *buffer;   /* the decoder's; held only while a frame is half here */
	uint32_t every_ms; /* between two beats */
	uint32_t beats;	   /* sent since something was heard */
	uint32_t retry_ms;
	bool held; /* DOWN until the timer fires, whoever pokes */
	uint64_t malformed;
	uint64_t heard_ms;
};

static void drop_stream(struct fth_channel *channel)
{
	if (!channel->stream)
		return;
	fth_stream_free(channel->stream);
	channel->stream = NULL;
	channel->malformed += channel->decoder.bad_headers + channel->decoder.bad_payloads;
	channel->decoder.bad_headers = 0;
	channel->decoder.bad_payloads = 0;
	free(channel->buffer);
	channel->buffer = NULL;
}

/* The peer is gone or silent: from any state to DOWN. */
static void go_down(struct fth_channel *channel, uint8_t event, const char *why)
{
	bool was_open = channel->session.state == FTH_SS_OPEN;
	uint8_t action;

	drop_stream(channel);
	if (fth_session_step(&channel->session, event, 0, &action))
		fth_session_step(&channel->session, FTH_SS_EV_LOST, 0, &action);
	fth_timer_set(channel->timer, channel->retry_ms);
	channel->retry_ms *= 2;
	if (channel->retry_ms > FTH_CHANNEL_RETRY_MAX_MS)
		channel->retry_ms = FTH_CHANNEL_RETRY_MAX_MS;
	if (was_open)
		channel->hooks->closed(channel->context, why);
}

static int write_msg(struct fth_channel *channel, struct fth_msg *msg, bool tell)
{
	uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	uint32_t length;
	int error;

	msg->session = channel->session.nonce;
	msg->seq = channel->session.tx_seq;
	error = fth_msg_encode(msg, frame, sizeof(frame), &length);
	if (error)
		return error;
	if (fth_stream_write(channel->stream, frame, length, tell))
		return -ENOMEM;
	channel->session.tx_seq++;
	return 0;
}

/* Many channels that beat rarely beat together: one wake-up for all of them. */
static void plan_beat(struct fth_channel *channel)
{
	uint32_t late_ms = 0;

	channel->every_ms = FTH_HEARTBEAT_EVERY_MS;
	if (channel->hooks->beat_ms)
		channel->every_ms = channel->hooks->beat_ms(channel->context);
	if (channel->every_ms > FTH_HEARTBEAT_EVERY_MS)
		late_ms = FTH_CHANNEL_GRID_MS -
			  (uint32_t)((fth_loop_steady_ms() + channel->every_ms) %
				     FTH_CHANNEL_GRID_MS);
	fth_timer_set(channel->timer, channel->every_ms + late_ms);
}

/* Nobody reads yet? Then one HELLO in the queue is enough. */
static void greet(struct fth_channel *channel)
{
	struct fth_msg msg = { .type = FTH_T_HELLO };

	if (!fth_stream_queued(channel->stream)) {
		msg.u.hello.epoch = channel->epoch;
		write_msg(channel, &msg, false);
	}
	fth_timer_set(channel->timer, FTH_HELLO_EVERY_MS);
}

static void beat(struct fth_channel *channel)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };

	if (fth_stream_queued(channel->stream) < FTH_CHANNEL_OUTPUT_MAX)
		write_msg(channel, &msg, false);
	plan_beat(channel);
}

static void acknowledged(struct fth_channel *channel, const struct fth_frame *frame)
{
	struct fth_msg msg;
	const char *why;
	uint8_t action;

	if (fth_msg_decode(frame, &msg, &why)) {
		channel->malformed++;
		return;
	}
	if (fth_session_step(&channel->session, FTH_SS_EV_ACK, 0, &action) ||
	    action != FTH_SS_OPENED)
		return;
	channel->beats = 0;
	channel->retry_ms = FTH_CHANNEL_RETRY_MIN_MS;
	channel->hooks->opened(channel->context, &msg.u.hello_ack);
	if (channel->session.state == FTH_SS_OPEN)
		plan_beat(channel);
}

static void take_frame(struct fth_channel *channel, const struct fth_frame *frame)
{
	uint8_t event = fth_session_frame_event(&channel->session, frame->type, frame->session);
	struct fth_msg msg;
	const char *why;
	uint8_t action;

	if (event != FTH_SS_EV_STALE) {
		channel->beats = 0;
		channel->heard_ms = fth_loop_wall_ms();
	}
	if (event == FTH_SS_EV_ACK && channel->session.state == FTH_SS_GREETING) {
		acknowledged(channel, frame);
		return;
	}
	if (fth_session_step(&channel->session, event, 0, &action) || action != FTH_SS_DELIVER)
		return;
	if (fth_msg_decode(frame, &msg, &why)) {
		channel->malformed++;
		return;
	}
	channel->hooks->message(channel->context, &msg);
}

static bool get_buffer(struct fth_channel *channel)
{
	if (channel->buffer)
		return true;
	channel->buffer = fth_loop_take_buffer(channel->loop);
	channel->decoder.buffer = channel->buffer;
	return channel->buffer;
}

static void readable(void *context, const uint8_t *bytes, uint32_t length)
{
	struct fth_channel *channel = context;
	struct fth_stream *stream = channel->stream;
	struct fth_span input = { bytes, length };
	struct fth_frame frame;

	if (!get_buffer(channel)) {
		go_down(channel, FTH_SS_EV_LOST, "out of memory");
		return;
	}
	while (channel->stream == stream && fth_decoder_next(&channel->decoder, &input, &frame))
		take_frame(channel, &frame);
	if (channel->stream != stream || !fth_decoder_is_idle(&channel->decoder))
		return;
	fth_decoder_reset(&channel->decoder);
	fth_loop_give_buffer(channel->loop, channel->buffer);
	channel->buffer = NULL;
}

static void drained(void *context)
{
	struct fth_channel *channel = context;

	if (channel->session.state == FTH_SS_OPEN)
		channel->hooks->drained(channel->context);
}

static void broken(void *context, const char *why)
{
	go_down(context, FTH_SS_EV_LOST, why);
}

static const struct fth_stream_hooks stream_hooks = {
	.readable = readable,
	.drained = drained,
	.broken = broken,
};

static void connect_now(struct fth_channel *channel)
{
	uint8_t action;
	int error = fth_stream_new(channel->loop, &channel->address, &stream_hooks, channel,
				   &channel->stream);

	if (error) {
		go_down(channel, FTH_SS_EV_LOST,
			error == -ENOMEM ? "out of memory" : "can't connect");
		return;
	}
	fth_decoder_init(&channel->decoder, NULL);
	channel->beats = 0;
	fth_session_step(&channel->session, FTH_SS_EV_UP, fth_loop_random(), &action);
	greet(channel);
}

/* Beats far apart are few until it counts as silence, but never less than this. */
static uint32_t patience(uint32_t every_ms)
{
	uint32_t beats = FTH_SILENT_AFTER_MS / every_ms;

	return beats < FTH_SILENT_BEATS_MIN ? FTH_SILENT_BEATS_MIN : beats;
}

static void timer_fired(void *context)
{
	struct fth_channel *channel = context;
	bool greeting = channel->session.state == FTH_SS_GREETING;

	if (channel->session.state == FTH_SS_DOWN) {
		channel->held = false;
		connect_now(channel);
		return;
	}
	if (++channel->beats > patience(greeting ? FTH_HELLO_EVERY_MS : channel->every_ms)) {
		go_down(channel, FTH_SS_EV_SILENT, "silent");
		return;
	}
	if (greeting)
		greet(channel);
	else
		beat(channel);
}

int fth_channel_new(struct fth_loop *loop, const char *path, uint64_t epoch,
		    const struct fth_channel_hooks *hooks, void *context,
		    struct fth_channel **ret_channel)
{
	struct fth_channel *channel;

	if (strlen(path) >= sizeof(channel->address.sun_path))
		return -ENAMETOOLONG;
	channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	channel->loop = loop;
	channel->address.sun_family = AF_UNIX;
	strcpy(channel->address.sun_path, path);
	channel->epoch = epoch;
	channel->hooks = hooks;
	channel->context = context;
	channel->retry_ms = FTH_CHANNEL_RETRY_MIN_MS;
	fth_session_init(&channel->session, FTH_SIDE_HOST);
	if (fth_timer_new(loop, timer_fired, channel, &channel->timer)) {
		free(channel);
		return -ENOMEM;
	}
	fth_timer_set(channel->timer, 0);
	*ret_channel = channel;
	return 0;
}

void fth_channel_free(struct fth_channel *channel)
{
	if (!channel)
		return;
	drop_stream(channel);
	fth_timer_free(channel->timer);
	free(channel);
}

const char *fth_channel_path(const struct fth_channel *channel)
{
	return channel->address.sun_path;
}

void fth_channel_poke(struct fth_channel *channel)
{
	if (channel->session.state != FTH_SS_DOWN || channel->held)
		return;
	channel->retry_ms = FTH_CHANNEL_RETRY_MIN_MS;
	fth_timer_set(channel->timer, 0);
}

void fth_channel_hold(struct fth_channel *channel, uint32_t hold_ms, const char *why)
{
	channel->held = true;
	go_down(channel, FTH_SS_EV_LOST, why);
	fth_timer_set(channel->timer, hold_ms);
}

int fth_channel_send(struct fth_channel *channel, struct fth_msg *msg)
{
	if (channel->session.state != FTH_SS_OPEN)
		return -ENOTCONN;
	if (fth_stream_queued(channel->stream) >= FTH_CHANNEL_OUTPUT_MAX)
		return -ENOBUFS;
	/* Who is told to do something is watched from now on. */
	if (channel->every_ms > FTH_HEARTBEAT_EVERY_MS) {
		channel->every_ms = FTH_HEARTBEAT_EVERY_MS;
		fth_timer_set(channel->timer, channel->every_ms);
	}
	return write_msg(channel, msg, true);
}

void fth_channel_stats(const struct fth_channel *channel, struct fth_channel_stats *ret_stats)
{
	const struct fth_decoder *decoder = &channel->decoder;

	ret_stats->state = channel->session.state;
	ret_stats->bad_frames = decoder->bad_headers + decoder->bad_payloads + channel->malformed;
	ret_stats->dropped_frames = channel->session.dropped;
	ret_stats->heard_ms = channel->heard_ms;
}
