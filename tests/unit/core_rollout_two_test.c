// SPDX-License-Identifier: GPL-2.0
/* Two payloads of one patch name: the one goes back, the other one waits for that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core_machine.h"

#define OTHER 1u /* the rollout that takes the other payload back; 0: nobody does */
#define WAITS "waits: rollout 1 takes another payload of this name back first"

static struct fth_rollout_event other_event(int vm, uint8_t guest_state, uint64_t by)
{
	struct fth_rollout_event made = m_seen_event(vm, guest_state);

	made.sha256_matches = false;
	made.op_id = by;
	return made;
}

static void seen_other(int vm, uint8_t guest_state, uint64_t by)
{
	struct fth_rollout_event made = other_event(vm, guest_state, by);

	assert_int_equal(m_step(&made), 0);
}

static void restored_with_other(int vm)
{
	struct fth_rollout_event made = other_event(vm, FTH_LC_APPLIED, OTHER);

	made.restored = true;
	assert_int_equal(m_step(&made), 0);
}

static void expect_waits(int vm)
{
	m_expect(vm, FTH_RV_DEFERRED);
	assert_string_equal(m_vm_of(vm)->why, WAITS);
	assert_int_equal(m_vm_of(vm)->op, 0);
	assert_int_equal(m.rollout.failures, 0);
	assert_int_equal(m.rollout.inconclusive, 0);
}

/* It was away while the payload before was recalled; the fix is out when it returns. */
static void test_late_vm_waits_for_the_recall(void **state)
{
	struct fth_rollout_event again;

	(void)state;
	m_begin(2);
	m_lost(1);
	m_result(1, FTH_E_BUSY, FTH_LC_ABSENT);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
	seen_other(1, FTH_LC_APPLIED, OTHER);
	expect_waits(1);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m.actions.count, 0);
	/* It says the same again: the journal need not. */
	again = other_event(1, FTH_LC_APPLIED, OTHER);
	assert_int_equal(m_step(&again), 0);
	assert_false(m.actions.changed);
	m_lost(1);
	assert_string_equal(m_vm_of(1)->why, "unreachable");
	seen_other(1, FTH_LC_REVERTING, OTHER);
	expect_waits(1);
	seen_other(1, FTH_LC_STAGED, OTHER);
	expect_waits(1);
	m_tick(HOUR_MS);
	expect_waits(1);
	m_seen(1, FTH_LC_ABSENT);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_to_done(1);
	assert_int_equal(m.rollout.failures, 0);
}

/* What nobody takes back is in the way for good. */
static void test_what_stays_is_a_failure(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 1 };
	m_begin(2);
	m_lost(1);
	m_result(1, FTH_E_BUSY, FTH_LC_ABSENT);
	seen_other(1, FTH_LC_APPLIED, OTHER);
	expect_waits(1);
	seen_other(1, FTH_LC_APPLIED, 0);
	m_expect(1, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(1)->why,
			    "another payload of this name is applied there; a recall of its "
			    "rollout, or 'fother vm revert', takes it back");
	assert_int_equal(m.rollout.failures, 1);
	seen_other(1, FTH_LC_APPLIED, 0);
	seen_other(1, FTH_LC_APPLIED, 0);
	assert_false(m.actions.changed);
	/* Somebody says later that it goes back: it is caught up, and was a failure. */
	seen_other(1, FTH_LC_REVERTING, OTHER);
	m_expect(1, FTH_RV_DEFERRED);
	seen_other(1, FTH_LC_APPLIED, 0);
	m_expect(1, FTH_RV_FAILED);
	/* Or it is gone by itself; one that is only staged is replaced. */
	seen_other(1, FTH_LC_STAGED, 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_to_done(1);
	assert_int_equal(m.rollout.failures, 1);
	assert_int_equal(m.rollout.tried, 2);
}

/* A VM that failed with ours is another matter: what was in its way does not excuse that. */
static void test_what_failed_is_not_tried_again(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 1 };
	m_begin(2);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_SYMBOL_UNKNOWN, FTH_LC_STAGED);
	m_expect(0, FTH_RV_FAILED);
	seen_other(0, FTH_LC_APPLIED, 0);
	seen_other(0, FTH_LC_APPLIED, OTHER);
	m_expect(0, FTH_RV_FAILED);
	m_seen(0, FTH_LC_ABSENT);
	m_expect(0, FTH_RV_FAILED);
}

/* A snapshot has it, whatever of ours was there or on its way. */
static void test_out_of_a_snapshot(void **state)
{
	int step;

	(void)state;
	for (step = 0; step < 4; step++) {
		m_setup(NULL);
		m_begin(1);
		if (step == 1)
			m_result(0, FTH_E_OK, FTH_LC_STAGED);
		if (step == 2)
			m_to_soaking(0);
		if (step == 3)
			m_to_done(0);
		restored_with_other(0);
		expect_waits(0);
		assert_int_equal(m.rollout.in_flight, 0);
		m_seen(0, FTH_LC_ABSENT);
		assert_int_equal(m_sent(FTH_OP_STAGE), 1);
		m_to_done(0);
		assert_int_equal(m.rollout.failures, 0);
	}
}

/* Ours was there, nothing was restored, and it is not there: that is judged as ever. */
static void test_replaced_by_hand_is_a_failure(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 1 };
	m_begin(1);
	m_to_done(0);
	seen_other(0, FTH_LC_APPLIED, OTHER);
	m_expect(0, FTH_RV_FAILED);
	assert_false(m_vm_of(0)->touched);
	m_seen(0, FTH_LC_ABSENT);
	m_expect(0, FTH_RV_FAILED);
}

/* The canary's place is another one's meanwhile; with nobody there it says what for. */
static void test_a_wave_does_not_wait_for_it(void **state)
{
	int first, other;

	(void)state;
	m_canary_first();
	m_begin(2);
	first = m_first();
	other = 1 - first;
	m_lost(other);
	restored_with_other(first);
	expect_waits(first);
	m_expect_phase(FTH_RO_RUNNING);
	assert_non_null(strstr(m.rollout.why, WAITS));
	m_seen(other, FTH_LC_ABSENT);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	assert_int_equal(m_vm_of(other)->wave, 0);
	m_to_done(other);
	assert_int_equal(m.rollout.wave, 1);
	assert_non_null(strstr(m.rollout.why, WAITS));
	m_seen(first, FTH_LC_ABSENT);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_to_done(first);
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_verbs_meet_one_that_waits(void **state)
{
	(void)state;
	m_begin(1);
	restored_with_other(0);
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	m_expect(0, FTH_RV_SKIPPED);
	m_expect_phase(FTH_RO_ABORTED);
	seen_other(0, FTH_LC_REVERTING, OTHER);
	m_expect(0, FTH_RV_SKIPPED);
	/* On the way back the other payload is none of ours. */
	m_setup(NULL);
	m_begin(1);
	restored_with_other(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	seen_other(0, FTH_LC_REVERTING, OTHER);
	m_expect_phase(FTH_RO_REVERSED);
	m_expect(0, FTH_RV_REVERSED);
}

static void answer(uint16_t code, uint8_t guest_state, bool ours)
{
	struct fth_rollout_event made = m_event(FTH_RE_RESULT, 0);

	made.op_id = m_vm_of(0)->op_id;
	made.code = code;
	made.guest_state = guest_state;
	made.sha256_matches = ours;
	assert_int_not_equal(made.op_id, 0);
	assert_int_equal(m_step(&made), 0);
}

/* An answer to our REVERSE tells of the other payload: ours is back, and no more is sent. */
static void test_an_answer_about_the_other_one(void **state)
{
	static const uint8_t states[] = { FTH_LC_STAGED, FTH_LC_APPLYING, FTH_LC_SOAKING,
					  FTH_LC_APPLIED, FTH_LC_REVERTING };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(states); i++) {
		m_setup(NULL);
		m_begin(1);
		m_to_done(0);
		assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
		answer(i % 2 ? FTH_E_OK : FTH_E_WRONG_STATE, states[i], false);
		assert_int_equal(m.actions.count, 1); /* its phase is said */
		m_expect(0, FTH_RV_REVERSED);
		m_expect_phase(FTH_RO_REVERSED);
		/* The same of an UNSTAGE. */
		m_setup(NULL);
		m_begin(1);
		m_to_soaking(0);
		assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
		answer(FTH_E_OK, FTH_LC_STAGED, true);
		m_expect(0, FTH_RV_UNSTAGING);
		answer(FTH_E_WRONG_STATE, states[i], false);
		m_expect(0, FTH_RV_REVERSED);
		assert_false(m_vm_of(0)->staged);
	}
}

/* Nor is the other one's good state ours. */
static void test_no_credit_for_the_other_one(void **state)
{
	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	answer(FTH_E_OK, FTH_LC_SOAKING, false);
	assert_int_equal(m.rollout.failures, 1);
	assert_string_equal(m_vm_of(0)->why, "apply answered 'done' but the patch is 'absent'");
	m_setup(NULL);
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	m_expect(0, FTH_RV_CONFIRMING);
	answer(FTH_E_OK, FTH_LC_APPLIED, false);
	assert_int_equal(m.rollout.failures, 1);
	assert_non_null(strstr(m_vm_of(0)->why, "reverted by itself"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_late_vm_waits_for_the_recall),
		MACHINE_TEST(test_what_stays_is_a_failure),
		MACHINE_TEST(test_what_failed_is_not_tried_again),
		MACHINE_TEST(test_out_of_a_snapshot),
		MACHINE_TEST(test_replaced_by_hand_is_a_failure),
		MACHINE_TEST(test_a_wave_does_not_wait_for_it),
		MACHINE_TEST(test_verbs_meet_one_that_waits),
		MACHINE_TEST(test_an_answer_about_the_other_one),
		MACHINE_TEST(test_no_credit_for_the_other_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
