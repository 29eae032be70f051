/* SPDX-License-Identifier: GPL-2.0 */
/* The event loop (libevent): timers, signals, and work from other threads. */
#ifndef FTH_IO_LOOP_H
#define FTH_IO_LOOP_H

#include <stddef.h>
#include <stdint.h>

struct event_base;
struct fth_loop;
struct fth_timer;

#define FTH_LOOP_POSTS_MAX 1024u /* items of other threads that wait */
#define FTH_LOOP_SIGNALS_MAX 4u	 /* signals with a handler */

/**
 * fth_loop_new() - a loop, not running yet
 * @ret_loop: to be freed by fth_loop_free()
 * Return: 0, -ENOMEM, or -errno of eventfd().
 */
int fth_loop_new(struct fth_loop **ret_loop);

/** fth_loop_free() - NULL is fine; timers and channels must be gone before. */
void fth_loop_free(struct fth_loop *loop);

/** fth_loop_run() - until fth_loop_stop(); 0 or -EIO. */
int fth_loop_run(struct fth_loop *loop);

/** fth_loop_turn() - one turn that waits for an event; for tests. */
void fth_loop_turn(struct fth_loop *loop);

/** fth_loop_stop() - fth_loop_run() returns after the running callbacks. */
void fth_loop_stop(struct fth_loop *loop);

/** fth_loop_base() - libevent's own object, for other files of io/. */
struct event_base *fth_loop_base(struct fth_loop *loop);

/**
 * fth_loop_take_buffer() - a decoder's buffer for what is being read now
 * Return: FTH_DECODER_BUFFER_SIZE bytes, to be given back or freed; NULL: no memory.
 */
uint8_t *fth_loop_take_buffer(struct fth_loop *loop);

/** fth_loop_give_buffer() - the next reader takes it; one is kept, no more. */
void fth_loop_give_buffer(struct fth_loop *loop, uint8_t *buffer);

/**
 * fth_loop_signal() - call @fire on the loop when @signal comes
 * Return: 0; -ENOSPC past FTH_LOOP_SIGNALS_MAX; -ENOMEM.
 */
int fth_loop_signal(struct fth_loop *loop, int signal, void (*fire)(void *context), void *context);

/**
 * fth_loop_post() - hand an item over from another thread
 * @fire: called on the loop's thread, in the order of posting
 * @item: freed by @fire
 *
 * Waits while FTH_LOOP_POSTS_MAX items are pending, so never call it on the
 * loop's own thread.  After fth_loop_stop() items are dropped by @fire with
 * @context NULL.
 */
void fth_loop_post(struct fth_loop *loop, void (*fire)(void *context, void *item), void *context,
		   void *item);

/**
 * fth_timer_new() - a timer, not set
 * Return: 0 or -ENOMEM.
 */
int fth_timer_new(struct fth_loop *loop, void (*fire)(void *context), void *context,
		  struct fth_timer **ret_timer);

/** fth_timer_free() - NULL is fine. */
void fth_timer_free(struct fth_timer *timer);

/** fth_timer_set() - fire once, @after_ms from now; replaces what was set. */
void fth_timer_set(struct fth_timer *timer, uint64_t after_ms);

/** fth_timer_clear() - don't fire. */
void fth_timer_clear(struct fth_timer *timer);

/** fth_loop_wall_ms() - ms since 1970 UTC; may go back. */
uint64_t fth_loop_wall_ms(void);

/** fth_loop_steady_ms() - ms since some start; never goes back, stops in suspend. */
uint64_t fth_loop_steady_ms(void);

/** fth_loop_random() - 64 random bits of the kernel's, never 0. */
uint64_t fth_loop_random(void);

/**
 * fth_loop_count_orphans() - child processes that are only to be reaped; see process.c
 * @step: so many more; 0 only asks
 * Return: how many there are.
 */
uint32_t fth_loop_count_orphans(struct fth_loop *loop, int step);

#endif /* FTH_IO_LOOP_H */
