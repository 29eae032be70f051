// SPDX-License-Identifier: GPL-2.0
/* The rollout machine outward: waves, gates, budgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core_machine.h"

static void test_canary_soaks_before_the_rest(void **state)
{
	int canary, i;

	(void)state;
	m_canary_first();
	m_begin(3);
	canary = m_first();
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_expect(canary, FTH_RV_STAGING);
	m_to_soaking(canary);
	m_expect_phase(FTH_RO_SOAKING);
	assert_int_equal(m.rollout.soak_until_ms, m.now_ms + SOAK_MS);
	assert_int_equal(m.actions.wake_at_ms, m.now_ms + SOAK_MS);
	m_tick(SOAK_MS - 1);
	assert_int_equal(m.actions.count, 0);
	m_tick(1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0); /* not before it is confirmed */
	m_result(canary, FTH_E_OK, FTH_LC_APPLIED);
	assert_int_equal(m_sent(FTH_OP_STAGE), 2);
	for (i = 0; i < 3; i++)
		if (i != canary)
			m_to_soaking(i);
	m_tick(SOAK_MS);
	for (i = 0; i < 3; i++)
		if (i != canary)
			m_result(i, FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_true(fth_rollout_terminal(&m.rollout));
	assert_int_equal(m.rollout.ended_ms, m.now_ms);
}

static void test_spent_budget_says_numbers(void **state)
{
	int i;

	(void)state;
	m.policy.failures_max = (struct fth_share){ true, 200 };
	m_begin(30);
	for (i = 0; i < 2; i++)
		m_result(i, FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSING);
	assert_string_equal(m.rollout.why,
			    "2 of 30 VMs tried failed (6.66%), allowed are 1 (2%): reversing");
	assert_int_equal(m_sent(FTH_OP_REVERSE), 28 + 2);
}

/* Of what was tried: a half is a half, however many VMs are still to come. */
static void test_share_of_what_was_tried(void **state)
{
	int i;

	(void)state;
	m.policy.failures_max = (struct fth_share){ true, 1000 };
	m.policy.wave_count = 2;
	m.policy.waves[0] = (struct fth_share){ false, 4 };
	m.policy.waves[1] = (struct fth_share){ true, 10000 };
	m_begin(40);
	assert_int_equal(m.rollout.tried, 4);
	for (i = 0; i < 40; i++)
		if (!m_vm_of(i)->wave && m.rollout.failures < 2)
			m_result(i, FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSING); /* 4 of 40 would be a tenth */
	assert_string_equal(m.rollout.why,
			    "2 of 4 VMs tried failed (50%), allowed are 1 (10%): reversing");
}

/* flagger#1801: while a person is awaited failures count, and the limit holds. */
static void test_failures_count_at_a_gate(void **state)
{
	(void)state;
	m.policy.gate = FTH_GATE_MANUAL;
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m_canary_first();
	m_begin(3);
	m_to_done(m_first());
	m_expect_phase(FTH_RO_GATED);
	m_heartbeat(m_first(), OOPS);
	m_expect_phase(FTH_RO_REVERSING);
	assert_string_equal(m.rollout.why, "1 of 1 VMs tried failed, allowed are 0: reversing");
}

static void test_spent_budget_pauses(void **state)
{
	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(2);
	m_result(0, FTH_E_NOT_TRACEABLE, FTH_LC_STAGED);
	m_expect_phase(FTH_RO_PAUSED);
	assert_string_equal(m.rollout.why, "1 of 2 VMs tried failed, allowed are 0: paused");
	assert_string_equal(m_vm_of(0)->why, "stage refused: function has no ftrace entry");
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_expect_phase(FTH_RO_RUNNING); /* that failure is excused */
	m_result(1, FTH_E_NOT_TRACEABLE, FTH_LC_STAGED);
	m_expect_phase(FTH_RO_PAUSED);
}

static void test_wave_without_a_healthy_vm_stops(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 2 };
	m_canary_first();
	m_begin(4);
	m_result(m_first(), FTH_E_OK, FTH_LC_STAGED);
	m_result_taint(m_first(), FTH_E_OK, FTH_LC_SOAKING, WARN);
	m_expect_phase(FTH_RO_REVERSING);
	assert_string_equal(m.rollout.why,
			    "wave 1 of 2: 1 VMs failed and none is healthy: reversing");
}

static void test_in_flight_limits(void **state)
{
	int i;

	(void)state;
	m.policy.in_flight = (struct fth_in_flight){ .fleet = 3, .host = 2, .group = 1 };
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	for (i = 0; i < 8; i++) {
		m_add(i, i < 4 ? "a" : "b", i == 0 || i == 4 ? "g" : "", true);
		m_seen(i, FTH_LC_ABSENT);
	}
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 3);
	assert_int_equal(m.rollout.in_flight, 3);
	assert_true(!m_vm_of(0)->op || !m_vm_of(4)->op);
	for (i = 0; i < 8 && !m_vm_of(i)->op; i++)
		;
	m_lost(i); /* unknown, and still in flight */
	m_expect(i, FTH_RV_UNKNOWN);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	assert_int_equal(m.rollout.in_flight, 3);
}

/* Who waits for room is told for whom. */
static void test_silent_vm_that_fills_the_budget_is_named(void **state)
{
	char name[32];
	int first;

	(void)state;
	m.policy.in_flight.fleet = 1;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m_begin(2);
	first = m_first();
	m_expect(first, FTH_RV_STAGING);
	assert_string_equal(m.rollout.why, "");
	m_lost(first);
	snprintf(name, sizeof(name), "'vm-%d' counts (lost before", first);
	assert_non_null(strstr(m.rollout.why, "wave 1 of 1 waits for room in rollout.in-flight: "));
	assert_non_null(strstr(m.rollout.why, name));
	m_expect_phase(FTH_RO_RUNNING);
	m_seen(first, FTH_LC_ABSENT);
	assert_string_equal(m.rollout.why, "");
}

static void test_migration_moves_the_counts(void **state)
{
	(void)state;
	m.policy.in_flight.host = 1;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	m_add(1, "a", "", true);
	m_seen(0, FTH_LC_ABSENT);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_expect(0, FTH_RV_STAGING);
	m_seen(1, FTH_LC_ABSENT);
	m_expect(1, FTH_RV_WAITING);
	m_add(0, "b", "", true);
	m_expect(1, FTH_RV_STAGING);
}

static void test_selection(void **state)
{
	(void)state;
	m.policy.select_name.count = 1;
	memcpy(m.policy.select_name.entries[0].text, "vm-[12]", 8);
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	assert_false(m.actions.changed);
	m_add(1, "a", "", true);
	assert_true(m.actions.changed);
	assert_int_equal(m.rollout.vm_count, 1);
}

static void reach_gate(void)
{
	m.policy.gate = FTH_GATE_MANUAL;
	m_canary_first();
	m_begin(2);
	m_to_done(m_first());
}

static void test_manual_gate(void **state)
{
	(void)state;
	reach_gate();
	m_expect_phase(FTH_RO_GATED);
	assert_string_equal(m.rollout.why, "wave 1 of 2 is healthy; waits for resume");
	m_heartbeat(m_first(), OOPS); /* a gate pauses no counting of failures */
	m_expect_phase(FTH_RO_REVERSING);
}

static void test_gate_opens(void **state)
{
	(void)state;
	reach_gate();
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_to_done(1 - m_first());
	m_expect_phase(FTH_RO_COMPLETE); /* no gate behind the last wave */
}

/* A pause does not open it, and what it waits for is said again. */
static void test_gate_outlasts_a_pause(void **state)
{
	(void)state;
	reach_gate();
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_expect_phase(FTH_RO_GATED);
	assert_string_equal(m.rollout.why, "wave 1 of 2 is healthy; waits for resume");
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
}

static void test_pause_starts_nothing_but_confirms(void **state)
{
	(void)state;
	m_begin(2);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	assert_string_equal(m.rollout.why, "by request");
	m_result(1, FTH_E_OK, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY), 0);
	m_expect(1, FTH_RV_WAITING);
	m_tick(SOAK_MS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_result(0, FTH_E_OK, FTH_LC_APPLIED);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	assert_int_equal(m_sent(FTH_OP_APPLY), 1); /* not staged a second time */
}

static void test_failures_count_while_paused(void **state)
{
	(void)state;
	m_begin(2);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	m_heartbeat(0, WARN);
	m_expect_phase(FTH_RO_REVERSING);
}

static void test_canary_that_is_away_is_replaced(void **state)
{
	int canary;

	(void)state;
	m_canary_first();
	m.policy.canary.count = 1;
	memcpy(m.policy.canary.entries[0].text, "vm-1", 5);
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	m_add(1, "a", "", false);
	m_add(2, "a", "", true);
	m_seen(0, FTH_LC_ABSENT);
	m_seen(2, FTH_LC_ABSENT);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_expect(1, FTH_RV_DEFERRED);
	canary = m_vm_of(0)->op ? 0 : 2;
	m_to_done(canary);
	m_to_done(2 - canary);
	m_expect_phase(FTH_RO_COMPLETE);
	m_seen(1, FTH_LC_ABSENT); /* caught up */
	m_expect(1, FTH_RV_STAGING);
}

static void test_nobody_there_waits(void **state)
{
	(void)state;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", false);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_expect_phase(FTH_RO_RUNNING);
	assert_string_equal(m.rollout.why, "wave 1 of 1 waits: none of its VMs is reachable");
	m_seen(0, FTH_LC_ABSENT);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
}

static void test_inconclusive_spends_its_own_budget(void **state)
{
	(void)state;
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	m_lost(1);
	m_tick(SOAK_MS);
	m_expect_phase(FTH_RO_REVERSING);
	assert_string_equal(m.rollout.why,
			    "1 of 2 VMs tried are inconclusive, allowed are 0: reversing");
}

static void test_inconclusive_holds_its_wave(void **state)
{
	(void)state;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	m_lost(1);
	m_tick(SOAK_MS);
	m_result(0, FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_SOAKING);
	assert_string_equal(m.rollout.why, "wave 1 of 1 is held: 1 VMs are inconclusive");
	m_seen(1, FTH_LC_SOAKING);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_result(1, FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_resume_goes_on_without_the_inconclusive(void **state)
{
	(void)state;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	m_lost(1);
	m_tick(SOAK_MS);
	m_result(0, FTH_E_OK, FTH_LC_APPLIED);
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_expect_phase(FTH_RO_COMPLETE);
	m_seen(1, FTH_LC_SOAKING);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

static void test_late_vm_joins(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
	m_add(1, "b", "", true);
	m_seen(1, FTH_LC_ABSENT);
	m_expect(1, FTH_RV_STAGING);
	assert_int_equal(m.rollout.selected, 2);
}

static void test_short_room_loses_nothing(void **state)
{
	uint32_t steps = 0;
	uint32_t total = 0;
	int i;

	(void)state;
	m.room = 2;
	m_begin(7);
	total += m_sent(FTH_OP_STAGE);
	while (m.actions.wake_at_ms && m.actions.wake_at_ms <= m.now_ms && steps++ < 10) {
		m_tick(0);
		total += m_sent(FTH_OP_STAGE);
	}
	assert_int_equal(total, 7);
	for (i = 0; i < 7; i++)
		m_expect(i, FTH_RV_STAGING);
}

static void test_events_that_are_not_possible(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m_begin(1);
	assert_int_equal(m_simple(FTH_RE_BEGIN), -EINVAL);
	assert_int_equal(m_simple(FTH_RE_RESUME), -EINVAL);
	assert_int_equal(m_simple(0), -EINVAL);
	assert_int_equal(m_simple(99), -EINVAL);
	made = m_event(FTH_RE_SEEN, 17);
	assert_int_equal(m_step(&made), 0);
	assert_false(m.actions.changed);
	made = m_event(FTH_RE_RESULT, 0);
	made.op_id = m_vm_of(0)->op_id + 1;
	assert_int_equal(m_step(&made), 0);
	assert_false(m.actions.changed);
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	assert_int_equal(m_simple(FTH_RE_PAUSE), -EINVAL);
}

static void test_full_roster(void **state)
{
	struct fth_rollout_event made;
	int i;

	(void)state;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	for (i = 0; i < (int)VMS_MAX; i++)
		m_add(i, "a", "", true);
	made = m_event(FTH_RE_ADD_VM, VMS_MAX);
	assert_int_equal(m_step(&made), -ENOSPC);
}

static void test_behind_the_last_wave(void **state)
{
	struct fth_rollout_counts counts;

	(void)state;
	m.policy.waves[0] = (struct fth_share){ true, 5000 };
	m_begin(4);
	fth_rollout_count(&m.rollout, &counts);
	assert_int_equal(counts.skipped, 2);
	assert_int_equal(counts.in_flight, 2);
	assert_int_equal(counts.total, 4);
}

static void test_pause_at_a_gate(void **state)
{
	(void)state;
	reach_gate();
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_expect_phase(FTH_RO_GATED); /* the gate itself is still closed */
}

static void test_share_reads_as_it_was_written(void **state)
{
	static const struct {
		uint32_t value;
		const char *why;
	} rows[] = {
		{ 50, "2 of 30 VMs tried failed (6.66%), allowed are 1 (0.5%): reversing" },
		{ 25, "2 of 30 VMs tried failed (6.66%), allowed are 1 (0.25%): reversing" },
		{ 105, "2 of 30 VMs tried failed (6.66%), allowed are 1 (1.05%): reversing" },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		m_setup(state);
		m.policy.failures_max = (struct fth_share){ true, rows[i].value };
		m_begin(30);
		m_result(0, FTH_E_INTERNAL, FTH_LC_ABSENT);
		m_result(1, FTH_E_INTERNAL, FTH_LC_ABSENT);
		assert_string_equal(m.rollout.why, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_canary_soaks_before_the_rest),
		MACHINE_TEST(test_spent_budget_says_numbers),
		MACHINE_TEST(test_share_of_what_was_tried),
		MACHINE_TEST(test_failures_count_at_a_gate),
		MACHINE_TEST(test_spent_budget_pauses),
		MACHINE_TEST(test_wave_without_a_healthy_vm_stops),
		MACHINE_TEST(test_in_flight_limits),
		MACHINE_TEST(test_silent_vm_that_fills_the_budget_is_named),
		MACHINE_TEST(test_migration_moves_the_counts),
		MACHINE_TEST(test_selection),
		MACHINE_TEST(test_manual_gate),
		MACHINE_TEST(test_gate_opens),
		MACHINE_TEST(test_gate_outlasts_a_pause),
		MACHINE_TEST(test_pause_starts_nothing_but_confirms),
		MACHINE_TEST(test_failures_count_while_paused),
		MACHINE_TEST(test_canary_that_is_away_is_replaced),
		MACHINE_TEST(test_nobody_there_waits),
		MACHINE_TEST(test_inconclusive_spends_its_own_budget),
		MACHINE_TEST(test_inconclusive_holds_its_wave),
		MACHINE_TEST(test_resume_goes_on_without_the_inconclusive),
		MACHINE_TEST(test_late_vm_joins),
		MACHINE_TEST(test_short_room_loses_nothing),
		MACHINE_TEST(test_events_that_are_not_possible),
		MACHINE_TEST(test_full_roster),
		MACHINE_TEST(test_behind_the_last_wave),
		MACHINE_TEST(test_pause_at_a_gate),
		MACHINE_TEST(test_share_reads_as_it_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
