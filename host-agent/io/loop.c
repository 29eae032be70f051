// SPDX-License-Identifier: GPL-2.0
/* The event loop (libevent): timers, signals, and work from other threads. */
#include "io/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "fother/codec.h"

struct post {
	void (*fire)(void *context, void *item);
	void *context;
	void *item;
};

struct handler {
	struct event *event;
	void (*fire)(void *context);
	void *context;
};

/*
 * lock protects posts, first, count and stopped; nothing is taken inside it.
 */
struct fth_loop {
	struct event_base *base;
	uint8_t *buffer; /* a decoder's that nobody needs now */
	uint32_t orphans;
	struct handler signals[FTH_LOOP_SIGNALS_MAX];
	unsigned int signal_count;
	pthread_mutex_t lock;
	pthread_cond_t room;
	struct post posts[FTH_LOOP_POSTS_MAX];
	unsigned int first;
	unsigned int count;
	bool stopped;
	int post_fd;
	struct event *post_event;
};

struct fth_timer {
	struct event *event;
	void (*fire)(void *context);
	void *context;
};

static bool take_post(struct fth_loop *loop, struct post *ret_post)
{
	bool found;

	pthread_mutex_lock(&loop->lock);
	found = loop->count > 0;
	if (found) {
		*ret_post = loop->posts[loop->first];
		loop->first = (loop->first + 1) % FTH_LOOP_POSTS_MAX;
		loop->count--;
		pthread_cond_signal(&loop->room);
	}
	pthread_mutex_unlock(&loop->lock);
	return found;
}

static void run_posts(evutil_socket_t fd, short what, void *context)
{
	struct fth_loop *loop = context;
	unsigned int budget = FTH_LOOP_POSTS_MAX;
	struct post post;
	uint64_t posted;

	(void)what;
	if (read(fd, &posted, sizeof(posted)) < 0 && errno != EAGAIN)
		return;
	/* Threads may post as fast as we take: leave the rest for a next turn. */
	while (budget-- && take_post(loop, &post))
		post.fire(post.context, post.item);
	if (budget == (unsigned int)-1)
		event_active(loop->post_event, EV_READ, 0);
}

int fth_loop_new(struct fth_loop **ret_loop)
{
	struct fth_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return -ENOMEM;
	pthread_mutex_init(&loop->lock, NULL);
	pthread_cond_init(&loop->room, NULL);
	loop->post_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->base = event_base_new();
	if (loop->post_fd >= 0 && loop->base)
		loop->post_event =
			event_new(loop->base, loop->post_fd, EV_READ | EV_PERSIST, run_posts, loop);
	if (!loop->post_event || event_add(loop->post_event, NULL)) {
		fth_loop_free(loop);
		return -ENOMEM;
	}
	*ret_loop = loop;
	return 0;
}

void fth_loop_free(struct fth_loop *loop)
{
	struct post post;
	unsigned int i;

	if (!loop)
		return;
	while (take_post(loop, &post))
		post.fire(NULL, post.item);
	for (i = 0; i < loop->signal_count; i++)
		event_free(loop->signals[i].event);
	if (loop->post_event)
		event_free(loop->post_event);
	if (loop->post_fd >= 0)
		close(loop->post_fd);
	free(loop->buffer);
	if (loop->base)
		event_base_free(loop->base);
	pthread_cond_destroy(&loop->room);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
}

int fth_loop_run(struct fth_loop *loop)
{
	return event_base_dispatch(loop->base) < 0 ? -EIO : 0;
}

void fth_loop_turn(struct fth_loop *loop)
{
	event_base_loop(loop->base, EVLOOP_ONCE);
}

void fth_loop_stop(struct fth_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->stopped = true;
	pthread_cond_broadcast(&loop->room);
	pthread_mutex_unlock(&loop->lock);
	event_base_loopbreak(loop->base);
}

struct event_base *fth_loop_base(struct fth_loop *loop)
{
	return loop->base;
}

uint8_t *fth_loop_take_buffer(struct fth_loop *loop)
{
	uint8_t *buffer = loop->buffer;

	loop->buffer = NULL;
	return buffer ? buffer : malloc(FTH_DECODER_BUFFER_SIZE);
}

void fth_loop_give_buffer(struct fth_loop *loop, uint8_t *buffer)
{
	if (loop->buffer)
		free(buffer);
	else
		loop->buffer = buffer;
}

static void signal_came(evutil_socket_t fd, short what, void *context)
{
	struct handler *handler = context;

	(void)fd;
	(void)what;
	handler->fire(handler->context);
}

int fth_loop_signal(struct fth_loop *loop, int signal, void (*fire)(void *context), void *context)
{
	struct handler *handler;

	if (loop->signal_count == FTH_LOOP_SIGNALS_MAX)
		return -ENOSPC;
	handler = &loop->signals[loop->signal_count];
	handler->fire = fire;
	handler->context = context;
	handler->event = evsignal_new(loop->base, signal, signal_came, handler);
	if (!handler->event)
		return -ENOMEM;
	loop->signal_count++;
	return event_add(handler->event, NULL) ? -ENOMEM : 0;
}

void fth_loop_post(struct fth_loop *loop, void (*fire)(void *context, void *item), void *context,
		   void *item)
{
	const uint64_t one = 1;
	bool stopped;

	pthread_mutex_lock(&loop->lock);
	while (loop->count == FTH_LOOP_POSTS_MAX && !loop->stopped)
		pthread_cond_wait(&loop->room, &loop->lock);
	stopped = loop->stopped;
	if (!stopped) {
		loop->posts[(loop->first + loop->count) % FTH_LOOP_POSTS_MAX] =
			(struct post){ fire, context, item };
		loop->count++;
	}
	pthread_mutex_unlock(&loop->lock);
	if (stopped)
		fire(NULL, item);
	else if (write(loop->post_fd, &one, sizeof(one)) < 0)
		assert(errno == EAGAIN); /* the counter is full, so it is readable */
}

static void timer_fired(evutil_socket_t fd, short what, void *context)
{
	struct fth_timer *timer = context;

	(void)fd;
	(void)what;
	timer->fire(timer->context);
}

int fth_timer_new(struct fth_loop *loop, void (*fire)(void *context), void *context,
		  struct fth_timer **ret_timer)
{
	struct fth_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return -ENOMEM;
	timer->fire = fire;
	timer->context = context;
	timer->event = evtimer_new(loop->base, timer_fired, timer);
	if (!timer->event) {
		free(timer);
		return -ENOMEM;
	}
	*ret_timer = timer;
	return 0;
}

void fth_timer_free(struct fth_timer *timer)
{
	if (!timer)
		return;
	event_free(timer->event);
	free(timer);
}

void fth_timer_set(struct fth_timer *timer, uint64_t after_ms)
{
	const struct timeval after = {
		.tv_sec = (time_t)(after_ms / 1000),
		.tv_usec = (suseconds_t)(after_ms % 1000) * 1000,
	};

	evtimer_add(timer->event, &after);
}

void fth_timer_clear(struct fth_timer *timer)
{
	evtimer_del(timer->event);
}

uint64_t fth_loop_wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t fth_loop_steady_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t fth_loop_random(void)
{
	uint64_t bits = 0;

	while (!bits && getrandom(&bits, sizeof(bits), 0) == (ssize_t)sizeof(bits))
		;
	assert(bits); /* getrandom() of 8 bytes can't fail once it is seeded */
	return bits;
}

uint32_t fth_loop_count_orphans(struct fth_loop *loop, int step)
{
	loop->orphans += (uint32_t)step;
	return loop->orphans;
}
