/* SPDX-License-Identifier: GPL-2.0 */
/* One connection to a unix socket: read at a bounded rate, written to without waiting. */
#ifndef FTH_IO_STREAM_H
#define FTH_IO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

struct fth_loop;
struct fth_stream;

#define FTH_STREAM_READ_MAX 16384u   /* bytes taken in one turn of the loop */
#define FTH_STREAM_RATE_MAX 262144u  /* bytes a second read of one peer */
#define FTH_STREAM_BURST_MAX 524288u /* bytes of one peer at once */
#define FTH_STREAM_PAUSE_MS 250u     /* that a peer waits who used all of it up */

/**
 * struct fth_stream_hooks - what a stream tells its owner
 * @readable: bytes came; borrowed until the call returns
 * @drained: all that was written is in the socket
 * @broken: it ended, @why is a word or two; only fth_stream_free() may follow
 *
 * All are called on the loop's thread, as the last thing that the stream does: each
 * of them may free it.
 */
struct fth_stream_hooks {
	void (*readable)(void *context, const uint8_t *bytes, uint32_t length);
	void (*drained)(void *context);
	void (*broken)(void *context, const char *why);
};

/**
 * fth_stream_new() - connect
 * @hooks: borrowed for the stream's life
 * Return: 0; -errno of socket() or connect(); -ENOMEM.
 */
int fth_stream_new(struct fth_loop *loop, const struct sockaddr_un *address,
		   const struct fth_stream_hooks *hooks, void *context,
		   struct fth_stream **ret_stream);

/** fth_stream_free() - NULL is fine; no hook is called. */
void fth_stream_free(struct fth_stream *stream);

/**
 * fth_stream_write() - send, now or when the peer takes it
 * @tell: call @drained when it is sent; never before this returns
 * Return: 0 or -ENOMEM.  An error of the socket is told by @broken.
 */
int fth_stream_write(struct fth_stream *stream, const void *bytes, uint32_t length, bool tell);

/** fth_stream_queued() - bytes that wait for the peer. */
size_t fth_stream_queued(const struct fth_stream *stream);

#endif /* FTH_IO_STREAM_H */
