// SPDX-License-Identifier: GPL-2.0
/* Windows of a rollout: when VMs may be patched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core_machine.h"

#define MONDAY (1u << 0)
#define WEDNESDAY (1u << 2)
#define SUNDAY (1u << 6)
#define DAY_MS (24ull * HOUR_MS)

static void test_window(void **state)
{
	(void)state;
	m.policy.inconclusive_max.value = 2;
	m.policy.window_count = 1;
	m.policy.windows[0] = (struct fth_window){ MONDAY, 22 * 60, 4 * 60 };
	m.now_ms = START_MS + 21 * HOUR_MS;
	m_begin(2);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	assert_int_equal(m.actions.wake_at_ms, START_MS + 22 * HOUR_MS);
	m_tick(HOUR_MS - 1);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	m_tick(1);
	assert_int_equal(m_sent(FTH_OP_STAGE), 2);
	/* Staged on Tuesday at 03:59, but 04:00 is too late to apply. */
	m.now_ms = START_MS + 28 * HOUR_MS - MINUTE_MS / 2;
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY), 1);
	m.now_ms += MINUTE_MS / 2;
	m_result(1, FTH_E_OK, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY), 0);
	m_expect(1, FTH_RV_WAITING);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1); /* going back is always allowed */
	assert_int_equal(m_sent(FTH_OP_UNSTAGE), 1);
}

static void test_window_opens_next_week(void **state)
{
	(void)state;
	m.policy.window_count = 1;
	m.policy.windows[0] = (struct fth_window){ MONDAY, 1 * 60, 2 * 60 };
	m.now_ms = START_MS + 2 * HOUR_MS;
	m_begin(1);
	assert_int_equal(m.actions.wake_at_ms, START_MS + (7 * 24 + 1) * HOUR_MS);
}

/* Mondays 01:00 to 02:00, Wednesdays and Sundays 23:00 to 03:00. */
static void with_two(void)
{
	m.policy.window_count = 2;
	m.policy.windows[0] = (struct fth_window){ WEDNESDAY | SUNDAY, 23 * 60, 3 * 60 };
	m.policy.windows[1] = (struct fth_window){ MONDAY, 1 * 60, 2 * 60 };
}

static void test_several_windows(void **state)
{
	/* From Monday 00:00 on; @opens in hours too, 0: it is open. */
	static const struct {
		uint32_t at_min, opens_h;
	} rows[] = {
		{ 0, 0 },      /* Sunday's is still open */
		{ 2 * 60, 0 }, /* Monday's is over, Sunday's is not */
		{ 3 * 60, 2 * 24 + 23 },
		{ (2 * 24 + 23) * 60 - 1, 2 * 24 + 23 },
		{ (2 * 24 + 23) * 60, 0 },
		{ (3 * 24 + 3) * 60 - 1, 0 },
		{ (3 * 24 + 3) * 60, 6 * 24 + 23 },
		{ (6 * 24 + 23) * 60, 0 },
	};
	uint64_t opens_ms;
	size_t i;
	bool open;

	(void)state;
	with_two();
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		opens_ms = START_MS;
		open = fth_policy_window_open(
			&m.policy, START_MS + (uint64_t)rows[i].at_min * MINUTE_MS, &opens_ms);
		assert_int_equal(open, !rows[i].opens_h);
		assert_int_equal(opens_ms, START_MS + (uint64_t)rows[i].opens_h * HOUR_MS);
	}
}

/* The VM that has a command under way. */
static int in_flight(void)
{
	uint32_t i;

	for (i = 0; i < m.rollout.vm_count; i++)
		if (m.rollout.vms[i].op)
			return (int)i;
	fail_msg("nothing is in flight");
	return -1;
}

/* What is patched soaks and is confirmed; the rest of the wave waits for the next one. */
static void test_a_window_closes_in_a_wave(void **state)
{
	(void)state;
	m.policy.inconclusive_max.value = 4;
	m.policy.in_flight.fleet = 1;
	with_two();
	m.policy.windows[0].days = WEDNESDAY;
	m.now_ms = START_MS + 1 * HOUR_MS;
	m_begin(2);
	m_result(in_flight(), FTH_E_OK, FTH_LC_STAGED);
	m_result(in_flight(), FTH_E_OK, FTH_LC_SOAKING);
	m_expect_phase(FTH_RO_RUNNING);
	m.now_ms +=
		HOUR_MS; /* closed; the first one has soaked, the second is not applied any more */
	m_result(in_flight(), FTH_E_OK, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY), 0);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_result(in_flight(), FTH_E_OK, FTH_LC_APPLIED);
	assert_int_equal(m_sent(FTH_OP_STAGE) + m_sent(FTH_OP_APPLY), 0);
	m_expect_phase(FTH_RO_RUNNING);
	assert_int_equal(m.actions.wake_at_ms, START_MS + 2 * DAY_MS + 23 * HOUR_MS);
	m.now_ms = START_MS + 2 * DAY_MS + 23 * HOUR_MS - 1;
	m_tick(0);
	assert_int_equal(m_sent(FTH_OP_STAGE) + m_sent(FTH_OP_APPLY), 0);
	m_tick(1);
	assert_int_equal(m_sent(FTH_OP_STAGE) + m_sent(FTH_OP_APPLY), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_window),
		MACHINE_TEST(test_window_opens_next_week),
		MACHINE_TEST(test_several_windows),
		MACHINE_TEST(test_a_window_closes_in_a_wave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
