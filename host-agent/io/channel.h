/* SPDX-License-Identifier: GPL-2.0 */
/* One VM's channel: its chardev's unix socket, frames and the session. */
#ifndef FTH_IO_CHANNEL_H
#define FTH_IO_CHANNEL_H

#include "fother/codec.h"
#include "fother/session.h"

struct fth_channel;
struct fth_loop;

#define FTH_CHANNEL_PATH_MAX 108u	     /* of a socket, with its NUL */
#define FTH_CHANNEL_OUTPUT_MAX (512u * 1024) /* bytes that wait for the guest */
#define FTH_CHANNEL_RETRY_MIN_MS 100u	     /* between two connects; doubles */
#define FTH_CHANNEL_RETRY_MAX_MS 5000u
#define FTH_CHANNEL_GRID_MS 200u /* heartbeats of a fleet at rest are so far apart */

/**
 * struct fth_channel_hooks - what a channel tells its owner
 * @opened: a session is open; @ack borrows until the call returns
 * @closed: it is not any more, @why is a word or two
 * @message: any other message of the session, borrowed as well
 * @drained: all output is in the socket
 * @beat_ms: until the next heartbeat, FTH_HEARTBEAT_EVERY_MS or more; NULL: that.
 *	A message that is sent brings the next beat forward to that
 *
 * All are called on the loop's thread.  None may free the channel.
 */
struct fth_channel_hooks {
	void (*opened)(void *context, const struct fth_msg_hello_ack *ack);
	void (*closed)(void *context, const char *why);
	void (*message)(void *context, const struct fth_msg *msg);
	void (*drained)(void *context);
	uint32_t (*beat_ms)(void *context);
};

/* Counters for status. */
struct fth_channel_stats {
	uint8_t state; /* enum fth_session_state */
	uint64_t bad_frames;
	uint64_t dropped_frames;
	uint64_t heard_ms; /* wall clock, 0 = never */
};

/**
 * fth_channel_new() - keep a session with the guest behind @path
 * @path: of the unix socket; copied
 * @epoch: of this agent, stands in each HELLO
 * @hooks: borrowed for the channel's life
 * @ret_channel: connects on the loop's next turn
 * Return: 0; -ENAMETOOLONG for a path that no unix socket can have; -ENOMEM.
 *
 * A lost, refused or silent peer is connected to again, for ever, with a
 * growing pause.  Memory is bounded by the decoder's buffer, which is there only
 * while a frame is half here, and FTH_CHANNEL_OUTPUT_MAX; a guest is read at
 * FTH_STREAM_RATE_MAX at most.
 */
int fth_channel_new(struct fth_loop *loop, const char *path, uint64_t epoch,
		    const struct fth_channel_hooks *hooks, void *context,
		    struct fth_channel **ret_channel);

/** fth_channel_free() - NULL is fine; no hook is called. */
void fth_channel_free(struct fth_channel *channel);

/** fth_channel_path() - what it connects to. */
const char *fth_channel_path(const struct fth_channel *channel);

/** fth_channel_poke() - if it is down, connect now rather than later. */
void fth_channel_poke(struct fth_channel *channel);

/**
 * fth_channel_hold() - hang up, and connect again after @hold_ms and not before
 * @why: for the closed() hook, which is called if a session is open
 *
 * Not from within a hook.
 */
void fth_channel_hold(struct fth_channel *channel, uint32_t hold_ms, const char *why);

/**
 * fth_channel_send() - queue one message
 * @msg: session and seq are filled in
 * Return: 0; -ENOTCONN without an open session; -ENOBUFS while
 * FTH_CHANNEL_OUTPUT_MAX is queued (wait for @drained); fth_msg_encode()'s.
 */
int fth_channel_send(struct fth_channel *channel, struct fth_msg *msg);

/** fth_channel_stats() - a snapshot. */
void fth_channel_stats(const struct fth_channel *channel, struct fth_channel_stats *ret_stats);

#endif /* FTH_IO_CHANNEL_H */
