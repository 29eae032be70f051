// SPDX-License-Identifier: GPL-2.0
/* io/loop.h over virtual time: timers, clocks, chance. */
#include "io/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "sim.h"

struct fth_timer {
	struct sim_due due; /* first: a due is cast back */
	void (*fire)(void *context);
	void *context;
};

static void fire_timer(struct sim_due *due)
{
	struct fth_timer *timer = (struct fth_timer *)due;

	sim_trace('T', due->number, 0);
	timer->fire(timer->context);
}

int fth_timer_new(struct fth_loop *loop, void (*fire)(void *context), void *context,
		  struct fth_timer **ret_timer)
{
	struct fth_timer *timer = calloc(1, sizeof(*timer));

	(void)loop;
	if (!timer)
		return -ENOMEM;
	timer->due.fire = fire_timer;
	timer->fire = fire;
	timer->context = context;
	*ret_timer = timer;
	return 0;
}

void fth_timer_free(struct fth_timer *timer)
{
	if (!timer)
		return;
	sim_due_clear(&timer->due);
	free(timer);
}

void fth_timer_set(struct fth_timer *timer, uint64_t after_ms)
{
	timer->due.whose = (uint8_t)sim.acting;
	sim_due_set(&timer->due, sim.now_us + after_ms * SIM_MS);
}

void fth_timer_clear(struct fth_timer *timer)
{
	sim_due_clear(&timer->due);
}

uint64_t fth_loop_wall_ms(void)
{
	return SIM_START_MS + sim.now_us / SIM_MS + (uint64_t)sim.clock_skew_ms;
}

uint64_t fth_loop_steady_ms(void)
{
	return sim.now_us / SIM_MS + 1;
}

uint64_t fth_loop_random(void)
{
	uint64_t number = sim_random64(SIM_RANDOM_AGENT);

	return number ? number : 1;
}

struct event_base *fth_loop_base(struct fth_loop *loop)
{
	(void)loop;
	return NULL;
}

/* A fresh one each time, so that a use of one given back is seen. */
uint8_t *fth_loop_take_buffer(struct fth_loop *loop)
{
	(void)loop;
	return malloc(FTH_DECODER_BUFFER_SIZE);
}

void fth_loop_give_buffer(struct fth_loop *loop, uint8_t *buffer)
{
	(void)loop;
	free(buffer);
}

void fth_loop_stop(struct fth_loop *loop)
{
	(void)loop;
}

/* The journal's new epoch is the wall clock's; linked as time(2) of the agent. */
time_t __wrap_time(time_t *ret_time);
time_t __wrap_time(time_t *ret_time)
{
	time_t now = (time_t)(fth_loop_wall_ms() / 1000);

	if (ret_time)
		*ret_time = now;
	return now;
}
