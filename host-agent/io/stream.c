// SPDX-License-Identifier: GPL-2.0
/*
 * One connection to a unix socket: reads as fast as one guest may be heard,
 * writes without waiting.
 *
 * DESIGN
 * An agent has ten thousand of these, and nearly all do nothing nearly always.
 * So a stream owns one event and no buffer: bytes are read into the caller's
 * stack and handed on, and what is written goes straight into the socket.  Only a
 * peer that does not take it makes us queue, and only then is there a queue and an
 * event for it.  libevent's bufferevent does all this too, for four times the
 * memory and three system calls more a message.
 *
 * Bytes of a peer are paid for with credit, which time gives back.  Who has none
 * left is not read for FTH_STREAM_PAUSE_MS: the event waits for time instead.
 */
#include "io/stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/loop.h"

/* Its queue: there only once something was queued, or @drained asked for. */
struct queue {
	struct event event;
	struct evbuffer *bytes; /* NULL until the peer did not take something */
};

struct fth_stream {
	const struct fth_stream_hooks *hooks;
	void *context;
	struct queue *queue;
	struct event input;
	int fd;
	uint32_t credit;
	uint64_t credit_ms; /* when @credit was counted */
};

static void readable(evutil_socket_t fd, short what, void *context);

static void earn(struct fth_stream *stream)
{
	uint64_t now_ms = fth_loop_steady_ms();
	uint64_t earned = (now_ms - stream->credit_ms) * FTH_STREAM_RATE_MAX / 1000;

	if (!earned)
		return; /* so that what is less than a byte adds up */
	stream->credit_ms = now_ms;
	if (earned > FTH_STREAM_BURST_MAX - stream->credit)
		stream->credit = FTH_STREAM_BURST_MAX;
	else
		stream->credit += (uint32_t)earned;
}

static void listen_again(evutil_socket_t fd, short what, void *context)
{
	struct fth_stream *stream = context;
	struct event_base *base = event_get_base(&stream->input);

	(void)fd;
	(void)what;
	event_assign(&stream->input, base, stream->fd, EV_READ | EV_PERSIST, readable, stream);
	event_add(&stream->input, NULL);
}

static void pause_input(struct fth_stream *stream)
{
	const struct timeval pause = { .tv_usec = FTH_STREAM_PAUSE_MS * 1000 };
	struct event_base *base = event_get_base(&stream->input);

	event_del(&stream->input);
	event_assign(&stream->input, base, -1, 0, listen_again, stream);
	event_add(&stream->input, &pause);
}

static void readable(evutil_socket_t fd, short what, void *context)
{
	struct fth_stream *stream = context;
	uint8_t bytes[FTH_STREAM_READ_MAX];
	ssize_t length;
	size_t size;

	(void)what;
	earn(stream);
	size = stream->credit < sizeof(bytes) ? stream->credit : sizeof(bytes);
	if (!size) {
		pause_input(stream);
		return;
	}
	length = read(fd, bytes, size);
	if (length > 0) {
		stream->credit -= (uint32_t)length;
		stream->hooks->readable(stream->context, bytes, (uint32_t)length);
	} else if (!length) {
		event_del(&stream->input);
		stream->hooks->broken(stream->context, "end of file");
	} else if (errno != EAGAIN && errno != EINTR) {
		event_del(&stream->input);
		stream->hooks->broken(stream->context, "I/O error");
	}
}

static void writable(evutil_socket_t fd, short what, void *context)
{
	struct fth_stream *stream = context;
	struct evbuffer *bytes = stream->queue->bytes;

	(void)what;
	if (fth_stream_queued(stream)) {
		if (evbuffer_write(bytes, fd) < 0 && errno != EAGAIN && errno != EINTR) {
			evbuffer_drain(bytes, evbuffer_get_length(bytes));
			return; /* reading says that it is broken */
		}
		if (evbuffer_get_length(bytes)) {
			event_add(&stream->queue->event, NULL);
			return;
		}
	}
	stream->hooks->drained(stream->context);
}

static struct queue *get_queue(struct fth_stream *stream)
{
	if (stream->queue)
		return stream->queue;
	stream->queue = calloc(1, sizeof(*stream->queue));
	if (stream->queue)
		event_assign(&stream->queue->event, event_get_base(&stream->input), stream->fd,
			     EV_WRITE, writable, stream);
	return stream->queue;
}

/* What the peer did not take waits for it. */
static int enqueue(struct fth_stream *stream, const void *bytes, uint32_t length)
{
	struct queue *queue = get_queue(stream);

	if (queue && !queue->bytes)
		queue->bytes = evbuffer_new();
	if (!queue || !queue->bytes || evbuffer_add(queue->bytes, bytes, length))
		return -ENOMEM;
	event_add(&queue->event, NULL);
	return 0;
}

int fth_stream_write(struct fth_stream *stream, const void *bytes, uint32_t length, bool tell)
{
	ssize_t sent = 0;

	if (!fth_stream_queued(stream)) {
		sent = send(stream->fd, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return 0; /* reading says that it is broken */
		if (sent < 0)
			sent = 0;
	}
	if ((uint32_t)sent < length)
		return enqueue(stream, (const uint8_t *)bytes + sent, length - (uint32_t)sent);
	if (!tell)
		return 0;
	if (!get_queue(stream))
		return -ENOMEM;
	event_active(&stream->queue->event, EV_WRITE, 0);
	return 0;
}

size_t fth_stream_queued(const struct fth_stream *stream)
{
	const struct queue *queue = stream->queue;

	return queue && queue->bytes ? evbuffer_get_length(queue->bytes) : 0;
}

static int connect_to(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

int fth_stream_new(struct fth_loop *loop, const struct sockaddr_un *address,
		   const struct fth_stream_hooks *hooks, void *context,
		   struct fth_stream **ret_stream)
{
	struct fth_stream *stream;
	int fd = connect_to(address);

	if (fd < 0)
		return fd;
	stream = calloc(1, sizeof(*stream));
	if (!stream) {
		close(fd);
		return -ENOMEM;
	}
	stream->hooks = hooks;
	stream->context = context;
	stream->fd = fd;
	stream->credit = FTH_STREAM_BURST_MAX;
	stream->credit_ms = fth_loop_steady_ms();
	event_assign(&stream->input, fth_loop_base(loop), fd, EV_READ | EV_PERSIST, readable,
		     stream);
	if (event_add(&stream->input, NULL)) {
		fth_stream_free(stream);
		return -ENOMEM;
	}
	*ret_stream = stream;
	return 0;
}

void fth_stream_free(struct fth_stream *stream)
{
	if (!stream)
		return;
	event_del(&stream->input);
	if (stream->queue) {
		event_del(&stream->queue->event);
		if (stream->queue->bytes)
			evbuffer_free(stream->queue->bytes);
		free(stream->queue);
	}
	close(stream->fd);
	free(stream);
}
