// SPDX-License-Identifier: GPL-2.0
/* An agent whose wall clock is not what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "agent_fixture.h"

#define MINUTE_MS 60000u
#define HOUR_MS (60u * MINUTE_MS)
#define DAY_MS (24u * HOUR_MS)

static uint64_t set_on_ms, set_back_ms;

/* Linked as the agent's wall clock. */
uint64_t __real_fth_loop_wall_ms(void);
uint64_t __wrap_fth_loop_wall_ms(void);
uint64_t __wrap_fth_loop_wall_ms(void)
{
	return __real_fth_loop_wall_ms() + set_on_ms - set_back_ms;
}

static void a_clock_that_was_ahead_stops_nothing(void **unused)
{
	(void)unused;
	af.agent->now_ms += HOUR_MS;
	af_write_policy("1s", "");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
}

/* The time of day in so many minutes. */
static uint32_t minute_in(uint32_t minutes)
{
	return (uint32_t)((af.agent->now_ms + minutes * MINUTE_MS) % DAY_MS / MINUTE_MS);
}

/* A policy whose window opens and closes in so many minutes. */
static void write_window(uint32_t opens, uint32_t closes)
{
	uint32_t from = minute_in(opens), to = minute_in(closes);
	char window[80];

	snprintf(window, sizeof(window), "  window: {from: \"%02u:%02u\", to: \"%02u:%02u\"}\n",
		 from / 60, from % 60, to / 60, to % 60);
	af_write_policy("0s", window);
}

/* All were heard, what they said is stored, and housekeeping has nothing to do. */
static bool is_quiet(void)
{
	uint32_t i, seen = 0;

	for (i = 0; i < AF_PEERS; i++)
		seen += af.agent->lives[0]->vms[i].seen;
	return seen == AF_PEERS && !af.agent->dirty && !af.agent->prunes;
}

/* It was set on, or the host slept, and nothing else happens in the fleet. */
static void a_window_that_the_clock_jumps_into(void **unused)
{
	(void)unused;
	write_window(30, 90);
	af_create();
	AF_UNTIL(is_quiet());
	assert_true(af.agent->lives[0]->rollout->wake_at_ms > af.agent->now_ms);
	set_on_ms += HOUR_MS;
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
}

/* The journal's time is in the window, the clock that people look at is not yet. */
static void a_window_of_a_clock_that_was_set_back(void **unused)
{
	(void)unused;
	write_window(0, 60);
	set_back_ms += 2 * HOUR_MS;
	af_create();
	AF_UNTIL(is_quiet());
	assert_int_equal(af_phase(), FTH_RO_RUNNING);
	assert_int_equal(AF_SUM(applied), 0);
	set_back_ms -= 2 * HOUR_MS; /* it is right again */
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(a_clock_that_was_ahead_stops_nothing),
		AF_TEST(a_window_that_the_clock_jumps_into),
		AF_TEST(a_window_of_a_clock_that_was_set_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
