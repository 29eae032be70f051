// SPDX-License-Identifier: GPL-2.0
/* The rollout machine and what guests say: the guest is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/rollout_internal.h"
#include "core_machine.h"

static void test_missing_capability_sends_nothing(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.guest.switches = FTH_SWITCH_KERNEL;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0); /* nothing before it was seen */
	made = m_seen_event(0, FTH_LC_ABSENT);
	made.capabilities = ~(FTH_CAP_MODEL_IN_TIME | FTH_CAP_SIGNED_ONLY);
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	m_expect(0, FTH_RV_FAILED);
	assert_non_null(strstr(m_vm_of(0)->why, "not supported by this guest: "));
	m_expect_phase(FTH_RO_REVERSED);
	assert_string_equal(m.rollout.why, "1 of 1 VMs tried failed, allowed are 0: reversing");
}

static void test_other_kernel_is_skipped(void **state)
{
	(void)state;
	m.policy.kernels.count = 1;
	memcpy(m.policy.kernels.entries[0].text, "6.12.*", 7);
	m_begin(2);
	m_expect(0, FTH_RV_SKIPPED);
	assert_string_equal(m_vm_of(0)->why, "kernel '6.1.0-1-cloud-amd64' is not the policy's");
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_old_taint_is_no_failure(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	made = m_seen_event(0, FTH_LC_ABSENT);
	made.taint = WARN;
	assert_int_equal(m_step(&made), 0);
	m_result_taint(0, FTH_E_OK, FTH_LC_STAGED, WARN);
	m_result_taint(0, FTH_E_OK, FTH_LC_SOAKING, WARN);
	m_expect(0, FTH_RV_SOAKING);
	m_heartbeat(0, WARN | OOPS);
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why, "oops since the patch was applied");
}

static void test_health_that_nobody_asked_for(void **state)
{
	(void)state;
	m.policy.health_guest = FTH_HEALTH_GUEST_OOPS;
	m_begin(1);
	m_to_soaking(0);
	m_heartbeat(0, WARN);
	m_expect(0, FTH_RV_SOAKING);
}

static void test_reboot_in_the_soak(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	m_lost(0);
	m_rebooted(0, 2);
	m_expect(0, FTH_RV_STAGING);
	m_to_soaking(0);
	m_rebooted(0, 3);
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why,
			    "rebooted or restored 2 times before it was confirmed");
}

static void test_snapshot_in_the_soak_is_no_crash(void **state)
{
	struct fth_rollout_event made;
	int i;

	(void)state;
	m_begin(1);
	for (i = 0; i < 4; i++) {
		m_to_soaking(0);
		made = m_seen_event(0, FTH_LC_ABSENT);
		made.restored = true;
		assert_int_equal(m_step(&made), 0);
		m_expect(0, FTH_RV_STAGING);
	}
}

static void test_reverted_by_itself(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	made = m_seen_event(0, FTH_LC_STAGED);
	memcpy(made.why, "host lost", 10);
	assert_int_equal(m_step(&made), 0);
	assert_string_equal(m_vm_of(0)->why, "patch reverted by itself in the guest: host lost");
	assert_int_equal(m.rollout.failures, 1);
}

static void test_reboot_after_completion(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
	m_lost(0);
	m_rebooted(0, 2);
	m_expect(0, FTH_RV_STAGING);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_false(fth_rollout_terminal(&m.rollout));
	m_to_done(0);
	assert_true(fth_rollout_terminal(&m.rollout));
}

static void test_failure_after_completion_pauses(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	m_rebooted(0, 2);
	m_result(0, FTH_E_LOAD_FAILED, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_PAUSED);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_retries_end(void **state)
{
	uint32_t i;

	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	for (i = 0; i < FTH_ROLLOUT_ATTEMPTS_MAX; i++) {
		m_expect(0, FTH_RV_STAGING);
		m_result(0, FTH_E_BUSY, FTH_LC_ABSENT);
		assert_int_equal(m.rollout.in_flight, 0);
		m_tick(FTH_RETRY_AFTER_MS - 1);
		assert_int_equal(m_sent(FTH_OP_STAGE), 0);
		m_tick(1);
	}
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why, "stage refused: another transition is running");
}

static void test_lost_payload_is_staged_again(void **state)
{
	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_expect(0, FTH_RV_APPLYING);
	m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_tick(FTH_RETRY_AFTER_MS);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
}

static void test_busy_apply_is_applied_again(void **state)
{
	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_BUSY, FTH_LC_STAGED);
	m_tick(FTH_RETRY_AFTER_MS);
	assert_int_equal(m_sent(FTH_OP_APPLY), 1);
}

static void test_apply_that_lies(void **state)
{
	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why, "apply answered 'done' but the patch is 'staged'");
}

static void test_no_answer(void **state)
{
	uint64_t patience_ms = FTH_ANSWER_WITHIN_MS + m.policy.guest.deadline_ms;
	uint64_t op_id;

	(void)state;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m_begin(1);
	op_id = m_vm_of(0)->op_id;
	m_tick(patience_ms);
	m_expect(0, FTH_RV_UNKNOWN);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	assert_int_equal(m.entries[0].op_id, op_id); /* at most once, by its id */
	assert_int_equal(m.rollout.in_flight, 1);
	assert_int_equal(m.rollout.inconclusive, 1);
	m_tick(patience_ms);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	m_to_soaking(0); /* a late answer counts */
	assert_int_equal(m.rollout.inconclusive, 0);
}

/* Tasks may be held several times over before a guest has an answer. */
static void test_freezes_are_waited_for(void **state)
{
	uint64_t patience_ms = FTH_ANSWER_WITHIN_MS + m.policy.guest.deadline_ms;

	(void)state;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m.policy.guest.switches = FTH_SWITCH_KERNEL;
	m.policy.guest.freeze_attempts = 7;
	m.policy.guest.freeze_budget_ms = 900;
	m_begin(1);
	m_tick(patience_ms);
	m_expect(0, FTH_RV_STAGING);
	m_tick(2ull * 7 * 900 - 1);
	m_expect(0, FTH_RV_STAGING);
	m_tick(1);
	m_expect(0, FTH_RV_UNKNOWN);
}

static void m_seen_effect(int vm, uint8_t guest_state)
{
	struct fth_rollout_event made = m_seen_event(vm, guest_state);

	made.effect = true;
	assert_int_equal(m_step(&made), 0);
}

/* Enabled is not in effect: nobody is confirmed before the new code ran. */
static void test_effect_is_waited_for(void **state)
{
	(void)state;
	m.policy.health_guest |= FTH_HEALTH_GUEST_EFFECT;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	m_expect(0, FTH_RV_SOAKING);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	assert_int_equal(m.rollout.inconclusive, 1);
	assert_string_equal(m_vm_of(0)->why, "its soak is over, and no call ran the new code");
	m_seen(0, FTH_LC_SOAKING); /* asked again, nothing new: not for the journal */
	assert_false(m.actions.changed);
	assert_int_equal(m.rollout.inconclusive, 1);
	m_lost(0);
	m_seen(0, FTH_LC_SOAKING);
	assert_int_equal(m.rollout.inconclusive, 1);
	m_seen_effect(0, FTH_LC_SOAKING);
	assert_int_equal(m.rollout.inconclusive, 0);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_result(0, FTH_E_OK, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_effect_seen_early_is_kept(void **state)
{
	(void)state;
	m.policy.health_guest |= FTH_HEALTH_GUEST_EFFECT;
	m_begin(1);
	m_to_soaking(0);
	m_seen_effect(0, FTH_LC_SOAKING);
	assert_true(m.actions.changed);
	m_seen(0, FTH_LC_SOAKING);
	m_tick(SOAK_MS);
	m_expect(0, FTH_RV_CONFIRMING);
}

/* Unconfirmed it goes back by itself, and that is a failure. */
static void test_no_effect_ends_as_a_failure(void **state)
{
	(void)state;
	m.policy.health_guest |= FTH_HEALTH_GUEST_EFFECT;
	m.policy.inconclusive_max = (struct fth_share){ false, 1 };
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	m_seen(0, FTH_LC_STAGED);
	m_expect(0, FTH_RV_FAILED);
	assert_int_equal(m.rollout.inconclusive, 0);
	m_expect_phase(FTH_RO_PAUSED);
}

static void test_word_of_the_guest_wins(void **state)
{
	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_lost(0);
	m_seen(0, FTH_LC_SOAKING); /* the answer to apply was lost */
	m_expect(0, FTH_RV_SOAKING);
	assert_int_equal(m.rollout.in_flight, 0);
	m_tick(SOAK_MS);
	m_lost(0);
	m_seen(0, FTH_LC_APPLIED); /* so was the one to confirm */
	m_expect(0, FTH_RV_DONE);
}

static void test_foreign_payload_is_left_alone(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	made = m_seen_event(0, FTH_LC_APPLIED);
	made.sha256_matches = false;
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_FAILED);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0); /* not ours to take back */
	m_expect_phase(FTH_RO_REVERSED);
}

static void test_same_taint_is_no_news(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	m_heartbeat(0, 0);
	assert_false(m.actions.changed);
}

static void test_payload_that_is_there_is_applied(void **state)
{
	(void)state;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_seen(0, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY), 1);
}

/* It was patched before this rollout; so was the trouble before. */
static void test_adopted_with_old_taint(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	made = m_seen_event(0, FTH_LC_SOAKING);
	made.taint = WARN;
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_SOAKING);
	assert_true(m_vm_of(0)->touched); /* so a recall takes it back */
	m_heartbeat(0, WARN | OOPS);
	m_expect(0, FTH_RV_FAILED);
}

static void test_oops_in_the_last_answer(void **state)
{
	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	m_result_taint(0, FTH_E_OK, FTH_LC_APPLIED, OOPS);
	m_expect(0, FTH_RV_FAILED);
}

static void test_gone_when_it_is_confirmed(void **state)
{
	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why, "patch reverted by itself in the guest");
}

static void test_confirm_is_tried_again(void **state)
{
	(void)state;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	m_result(0, FTH_E_BUSY, FTH_LC_SOAKING);
	m_expect(0, FTH_RV_SOAKING);
	m_tick(FTH_RETRY_AFTER_MS - 1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	m_tick(1); /* its soak does not begin anew */
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
	m_result(0, FTH_E_INTERNAL, FTH_LC_SOAKING);
	m_expect(0, FTH_RV_FAILED);
}

static void test_confirmed_by_somebody_else(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	m_seen(0, FTH_LC_APPLIED);
	m_expect(0, FTH_RV_SOAKING); /* the soak is ours */
	m_tick(SOAK_MS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	m_expect(0, FTH_RV_DONE);
}

static void test_boots_the_right_kernel(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.kernels.count = 1;
	memcpy(m.policy.kernels.entries[0].text, "6.12.*", 7);
	m_begin(2);
	m_expect(0, FTH_RV_SKIPPED);
	made = m_seen_event(0, FTH_LC_ABSENT);
	made.boot_id[0] = 2;
	memcpy(made.release, "6.12.1", 7);
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_STAGING);
}

/* Back to a moment in the same transition: the op that is in flight is the guest's too. */
static void test_snapshot_in_the_transition(void **state)
{
	struct fth_rollout_event event;
	uint64_t op;

	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	op = m_vm_of(0)->op_id;
	event = m_seen_event(0, FTH_LC_APPLYING);
	event.restored = true;
	assert_int_equal(m_step(&event), 0);
	m_expect(0, FTH_RV_APPLYING);
	assert_true(m_vm_of(0)->op_id == op);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	m_expect(0, FTH_RV_SOAKING);
}

/*
 * Back to a moment before the transition, which we hear of when the guest has been
 * asked to apply since: another op would meet the first.
 */
static void test_snapshot_before_the_transition(void **state)
{
	struct fth_rollout_event event;
	uint64_t op;
	uint32_t i;

	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	op = m_vm_of(0)->op_id;
	event = m_seen_event(0, FTH_LC_STAGED);
	event.restored = true;
	for (i = 1; i < FTH_ROLLOUT_RESTORES_MAX; i++) {
		assert_int_equal(m_step(&event), 0);
		m_expect(0, FTH_RV_APPLYING);
		assert_true(m_vm_of(0)->op_id == op);
	}
	assert_int_equal(m_step(&event), 0);
	assert_true(m_vm_of(0)->failure_counted);
}

/* Refused, since an op that we gave up has done it: the guest's word is what counts. */
static void test_refused_because_it_is_applied(void **state)
{
	struct fth_rollout_event event;

	(void)state;
	m_begin(2);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	event = m_event(FTH_RE_RESULT, 0);
	event.op_id = m_vm_of(0)->op_id;
	event.code = FTH_E_WRONG_STATE;
	event.guest_state = FTH_LC_SOAKING;
	event.sha256_matches = true;
	assert_int_equal(m_step(&event), 0);
	m_expect(0, FTH_RV_SOAKING);
	m_result(1, FTH_E_OK, FTH_LC_STAGED);
	event = m_event(FTH_RE_RESULT, 1);
	event.op_id = m_vm_of(1)->op_id;
	event.code = FTH_E_WRONG_STATE;
	event.guest_state = FTH_LC_SOAKING; /* of another payload */
	assert_int_equal(m_step(&event), 0);
	assert_int_equal(m_vm_of(1)->attempts, 1);
}

static void test_restored_too_often_fails(void **state)
{
	struct fth_rollout_event event;
	uint32_t i;

	(void)state;
	m_begin(1);
	for (i = 0; i < FTH_ROLLOUT_RESTORES_MAX; i++) {
		m_to_soaking(0);
		event = m_seen_event(0, FTH_LC_ABSENT);
		event.restored = true;
		assert_int_equal(m_step(&event), 0);
	}
	assert_true(m_vm_of(0)->failure_counted);
	assert_string_equal(m_vm_of(0)->why,
			    "rebooted or restored 8 times before it was confirmed");
}

/* To be heard of is no answer: who is at it for longer than that may take is unknown. */
static void test_heard_of_and_never_answered(void **state)
{
	uint64_t patience_ms, waited_ms;

	(void)state;
	m.policy.inconclusive_max.value = 1;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	patience_ms = fth_rollout_patience_ms(&m.rollout);
	for (waited_ms = 0; waited_ms < patience_ms; waited_ms += patience_ms / 4) {
		m_expect(0, FTH_RV_APPLYING);
		m_tick(patience_ms / 4);
		m_seen(0, FTH_LC_APPLYING);
	}
	m_expect(0, FTH_RV_UNKNOWN);
	assert_int_equal(m.rollout.inconclusive, 1);
	m_seen(0, FTH_LC_APPLYING);
	assert_int_equal(m.rollout.inconclusive, 1);
	m_seen(0, FTH_LC_SOAKING); /* which is one */
	m_expect(0, FTH_RV_SOAKING);
	assert_int_equal(m.rollout.inconclusive, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_snapshot_in_the_transition),
		MACHINE_TEST(test_snapshot_before_the_transition),
		MACHINE_TEST(test_refused_because_it_is_applied),
		MACHINE_TEST(test_restored_too_often_fails),
		MACHINE_TEST(test_missing_capability_sends_nothing),
		MACHINE_TEST(test_other_kernel_is_skipped),
		MACHINE_TEST(test_old_taint_is_no_failure),
		MACHINE_TEST(test_health_that_nobody_asked_for),
		MACHINE_TEST(test_reboot_in_the_soak),
		MACHINE_TEST(test_snapshot_in_the_soak_is_no_crash),
		MACHINE_TEST(test_reverted_by_itself),
		MACHINE_TEST(test_reboot_after_completion),
		MACHINE_TEST(test_failure_after_completion_pauses),
		MACHINE_TEST(test_retries_end),
		MACHINE_TEST(test_lost_payload_is_staged_again),
		MACHINE_TEST(test_busy_apply_is_applied_again),
		MACHINE_TEST(test_apply_that_lies),
		MACHINE_TEST(test_no_answer),
		MACHINE_TEST(test_freezes_are_waited_for),
		MACHINE_TEST(test_effect_is_waited_for),
		MACHINE_TEST(test_effect_seen_early_is_kept),
		MACHINE_TEST(test_no_effect_ends_as_a_failure),
		MACHINE_TEST(test_word_of_the_guest_wins),
		MACHINE_TEST(test_foreign_payload_is_left_alone),
		MACHINE_TEST(test_same_taint_is_no_news),
		MACHINE_TEST(test_payload_that_is_there_is_applied),
		MACHINE_TEST(test_adopted_with_old_taint),
		MACHINE_TEST(test_oops_in_the_last_answer),
		MACHINE_TEST(test_gone_when_it_is_confirmed),
		MACHINE_TEST(test_confirm_is_tried_again),
		MACHINE_TEST(test_confirmed_by_somebody_else),
		MACHINE_TEST(test_boots_the_right_kernel),
		MACHINE_TEST(test_heard_of_and_never_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
