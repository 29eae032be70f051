// SPDX-License-Identifier: GPL-2.0
/* What people ask of a rollout: promote and abort beside the older verbs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core_machine.h"

static void canary_then_all(uint8_t gate)
{
	m.policy.gate = gate;
	m_canary_first();
}

static int by_ann(uint8_t kind, const char *why)
{
	struct fth_rollout_event made = m_event(kind, -1);

	made.uid = 1000;
	snprintf(made.who, sizeof(made.who), "ann");
	snprintf(made.why, sizeof(made.why), "%s", why);
	return m_step(&made);
}

static void test_promote_skips_the_soak(void **state)
{
	(void)state;
	canary_then_all(FTH_GATE_AUTO);
	m_begin(3);
	assert_int_equal(m_simple(FTH_RE_PROMOTE), -EINVAL); /* nobody soaks */
	m_to_soaking(m_first());
	m_tick(1);
	assert_int_equal(by_ann(FTH_RE_PROMOTE, "seen enough"), 0);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	assert_string_equal(m.said, "promoted: by request of 'ann': seen enough");
	assert_int_equal(m_simple(FTH_RE_PROMOTE), -EINVAL); /* it was done */
	m_result(m_first(), FTH_E_OK, FTH_LC_APPLIED);
	assert_int_equal(m.rollout.wave, 1);
	assert_int_equal(m_sent(FTH_OP_STAGE), 2);
}

static void test_promote_opens_the_gate(void **state)
{
	(void)state;
	canary_then_all(FTH_GATE_MANUAL);
	m_begin(2);
	m_to_done(m_first());
	m_expect_phase(FTH_RO_GATED);
	assert_int_equal(m_simple(FTH_RE_PROMOTE), 0);
	m_expect_phase(FTH_RO_RUNNING);
	assert_int_equal(m.rollout.wave, 1);
}

/* Time is skipped, no verdict: who is away or without effect is not confirmed. */
static void test_promote_confirms_nobody_unseen(void **state)
{
	(void)state;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	m_lost(1);
	assert_int_equal(m_simple(FTH_RE_PROMOTE), 0);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_expect(1, FTH_RV_SOAKING);
	assert_true(m_vm_of(1)->inconclusive);
	assert_int_equal(m_simple(FTH_RE_PROMOTE), -EINVAL);
}

/* argo-rollouts#4461: what a person says after a promotion still holds. */
static void test_verbs_hold_after_promote(void **state)
{
	(void)state;
	canary_then_all(FTH_GATE_AUTO);
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m_begin(2);
	m_to_soaking(m_first());
	assert_int_equal(m_simple(FTH_RE_PROMOTE), 0);
	assert_int_equal(by_ann(FTH_RE_ABORT, "wrong patch"), 0);
	m_expect_phase(FTH_RO_ABORTING);
	assert_string_equal(m.rollout.why, "by request of 'ann': wrong patch");
	m_result(m_first(), FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_ABORTED);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	assert_int_equal(m_simple(FTH_RE_PROMOTE), -EINVAL);
	assert_int_equal(m_simple(FTH_RE_RESUME), -EINVAL);
	assert_int_equal(m_simple(FTH_RE_PAUSE), -EINVAL);
	assert_int_equal(m_simple(FTH_RE_ABORT), -EINVAL);
}

static void test_abort_ends_what_is_in_flight(void **state)
{
	(void)state;
	m.policy.in_flight.fleet = 2;
	m_begin(4);
	m_result(m_first(), FTH_E_OK, FTH_LC_STAGED); /* its APPLY goes out */
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	m_expect_phase(FTH_RO_ABORTING);
	assert_false(fth_rollout_terminal(&m.rollout));
	m_result(m_first(), FTH_E_OK, FTH_LC_SOAKING);
	m_expect(m_first(), FTH_RV_SOAKING);
	assert_int_equal(m.actions.count, 0); /* the room is nobody's */
	m_tick(SOAK_MS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1); /* else its guest would revert */
	m_result(m_first(), FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_ABORTING); /* one is still being staged */
}

static void test_aborted_staging_stays_staged(void **state)
{
	(void)state;
	m_begin(1);
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	m_expect(0, FTH_RV_STAGING);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_expect(0, FTH_RV_SKIPPED);
	assert_string_equal(m_vm_of(0)->why, "aborted: its payload is staged, not applied");
	m_expect_phase(FTH_RO_ABORTED);
	assert_true(fth_rollout_terminal(&m.rollout));
	assert_int_equal(m.rollout.ended_ms, m.now_ms);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_UNSTAGE), 1);
	m_result(0, FTH_E_OK, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
}

static void test_aborted_takes_nothing_back_alone(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m.policy.failures_then = FTH_THEN_REVERSE;
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	m_heartbeat(0, OOPS);
	m_expect(0, FTH_RV_FAILED);
	assert_int_equal(m.rollout.failures, 1); /* counted all the same */
	m_expect_phase(FTH_RO_ABORTING);
	assert_non_null(strstr(m.rollout.why, "failed"));
	assert_non_null(strstr(m.rollout.why, "nothing is taken back"));
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0);
	m_tick(SOAK_MS);
	m_result(1, FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_ABORTED);
	m_rebooted(1, 9);
	m_expect(1, FTH_RV_SKIPPED);
	m_expect_phase(FTH_RO_ABORTED);
	assert_int_equal(m.actions.count, 0);
	m_seen(1, FTH_LC_ABSENT);
	m_seen(1, FTH_LC_ABSENT);
	assert_false(m.actions.changed); /* a guest that repeats itself costs nothing */
}

static void test_aborted_takes_nobody_in(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m_simple(FTH_RE_ABORT), 0); /* it reconciles no more */
	m_expect_phase(FTH_RO_ABORTED);
	m_add(1, "h", "", true);
	m_seen(1, FTH_LC_ABSENT);
	m_expect(1, FTH_RV_SKIPPED);
	assert_int_equal(m.actions.count, 0);
}

static void test_abort_while_paused(void **state)
{
	(void)state;
	m_begin(2);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	assert_int_equal(m_simple(FTH_RE_PROMOTE), -EINVAL); /* resume it first */
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	m_expect_phase(FTH_RO_ABORTING);
	m_lost(0);
	m_tick(SOAK_MS);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_expect_phase(FTH_RO_REVERSING);
}

/* What a person accepted is not counted again, and the words say which are. */
static void test_failures_since_it_was_resumed(void **state)
{
	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	m_heartbeat(0, OOPS);
	m_expect_phase(FTH_RO_PAUSED);
	assert_string_equal(m.rollout.why, "1 of 2 VMs tried failed, allowed are 0: paused");
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_heartbeat(1, OOPS);
	m_expect_phase(FTH_RO_PAUSED);
	assert_string_equal(m.rollout.why, "1 of 2 VMs tried failed since it was resumed, "
					   "allowed are 0: paused");
}

static void clock_set_on(uint64_t by_ms)
{
	struct fth_rollout_event made = m_event(FTH_RE_CLOCK, -1);

	m.now_ms += by_ms;
	made.now_ms = m.now_ms;
	made.op_id = by_ms;
	assert_int_equal(m_step(&made), 0);
}

static void clock_is_behind(uint64_t by_ms)
{
	struct fth_rollout_event made = m_event(FTH_RE_CLOCK, -1);

	made.capabilities = by_ms;
	assert_int_equal(m_step(&made), 0);
}

/* The journal's time goes on where the wall clock is set back, and people mean the clock. */
static void test_windows_follow_a_clock_set_back(void **state)
{
	(void)state;
	m.policy.window_count = 1;
	m.policy.windows[0] = (struct fth_window){ .days = 0x7f, .from_min = 60, .to_min = 120 };
	m_begin(1); /* at 00:00 */
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	clock_is_behind(HOUR_MS);
	m_tick(HOUR_MS + MINUTE_MS);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	assert_int_equal(m.rollout.wake_at_ms, START_MS + 2 * HOUR_MS);
	clock_is_behind(0); /* it is right again */
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
}

/* A clock that is set on by a day ends no soak, and makes no answer late. */
static void test_soak_outlasts_a_jump(void **state)
{
	(void)state;
	m_begin(2);
	m_to_soaking(0);
	m_tick(SOAK_MS / 2);
	clock_set_on(24 * HOUR_MS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	m_expect(0, FTH_RV_SOAKING);
	m_expect(1, FTH_RV_STAGING);
	assert_int_equal(m.rollout.inconclusive, 0);
	m_tick(SOAK_MS / 2 - 1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	m_tick(1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_to_soaking(1); /* what begins after it is as long as ever */
	m_tick(SOAK_MS - 1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	m_tick(1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

/* Who failed before is tried again, and fails again: that is one more failure. */
static void test_fails_again_since_it_was_resumed(void **state)
{
	struct fth_rollout_event made;
	int canary;

	(void)state;
	m_canary_first();
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(3);
	canary = m_first();
	m_to_soaking(canary);
	made = m_seen_event(canary, FTH_LC_ABSENT);
	made.blocked = true;
	assert_int_equal(m_step(&made), 0);
	m_expect(canary, FTH_RV_FAILED);
	m_expect_phase(FTH_RO_PAUSED);
	m_seen(canary, FTH_LC_ABSENT); /* allowed */
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_to_soaking(canary);
	assert_int_equal(m_step(&made), 0);
	m_expect(canary, FTH_RV_FAILED);
	assert_int_equal(m.rollout.failures, 2);
	assert_int_equal(m.rollout.wave, 0);
	m_expect_phase(FTH_RO_PAUSED);
}

/* What happens long after belongs to nobody's soak, also where somebody paused it since. */
static void test_paused_once_complete(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m_begin(1);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
	m_heartbeat(0, WARN);
	m_expect(0, FTH_RV_DONE);
	m_lost(0);
	made = m_seen_event(0, FTH_LC_APPLIED);
	made.taint = WARN;
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_DONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_promote_skips_the_soak),
		MACHINE_TEST(test_promote_opens_the_gate),
		MACHINE_TEST(test_promote_confirms_nobody_unseen),
		MACHINE_TEST(test_verbs_hold_after_promote),
		MACHINE_TEST(test_abort_ends_what_is_in_flight),
		MACHINE_TEST(test_aborted_staging_stays_staged),
		MACHINE_TEST(test_aborted_takes_nothing_back_alone),
		MACHINE_TEST(test_aborted_takes_nobody_in),
		MACHINE_TEST(test_abort_while_paused),
		MACHINE_TEST(test_failures_since_it_was_resumed),
		MACHINE_TEST(test_fails_again_since_it_was_resumed),
		MACHINE_TEST(test_paused_once_complete),
		MACHINE_TEST(test_windows_follow_a_clock_set_back),
		MACHINE_TEST(test_soak_outlasts_a_jump),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
