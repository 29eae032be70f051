// SPDX-License-Identifier: GPL-2.0
/* The rollout machine on its way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core/rollout_internal.h"
#include "core_machine.h"

static void test_reverse_by_hand(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m_canary_first();
	m_begin(2);
	m_to_soaking(m_first());
	made = m_event(FTH_RE_REVERSE, -1);
	memcpy(made.why, "too slow", 9);
	assert_int_equal(m_step(&made), 0);
	assert_string_equal(m.rollout.why, "by request: too slow");
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	m_expect(1 - m_first(), FTH_RV_SKIPPED);
	m_result(m_first(), FTH_E_OK, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_UNSTAGE), 1);
	m_result(m_first(), FTH_E_OK, FTH_LC_ABSENT);
	m_expect(m_first(), FTH_RV_REVERSED);
	m_expect_phase(FTH_RO_REVERSED);
	assert_string_equal(m.rollout.why, "by request: too slow");
	assert_int_equal(m_simple(FTH_RE_REVERSE), -EINVAL);
}

/* Who took it back plainly may still say that it is to go nowhere any more. */
static void test_recall_of_what_goes_back_already(void **state)
{
	struct fth_rollout_event made;
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		m_setup(NULL);
		m_begin(1);
		m_to_soaking(0);
		assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
		if (i) {
			m_result(0, FTH_E_OK, FTH_LC_STAGED);
			m_result(0, FTH_E_OK, FTH_LC_ABSENT);
		}
		m_expect_phase(i ? FTH_RO_REVERSED : FTH_RO_REVERSING);
		assert_false(m.rollout.recalled);
		made = m_event(FTH_RE_REVERSE, -1);
		made.blocked = true;
		memcpy(made.why, "it leaks", 9);
		assert_int_equal(m_step(&made), 0);
		assert_true(m.rollout.recalled);
		assert_true(m.actions.changed);
		assert_string_equal(m.rollout.reverse_why, "by request: it leaks");
		m_expect_phase(i ? FTH_RO_REVERSED : FTH_RO_REVERSING);
		/* Once more, in case it was allowed in between; a plain reverse is nothing new. */
		assert_int_equal(m_step(&made), 0);
		assert_int_equal(m_simple(FTH_RE_REVERSE), -EINVAL);
	}
}

static void test_no_patch_is_clean(void **state)
{
	(void)state;
	m_begin(1);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
}

static void test_payload_that_stays_is_reversed(void **state)
{
	int i;

	(void)state;
	m_begin(1);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	for (i = 0; i < (int)FTH_ROLLOUT_ATTEMPTS_MAX; i++) {
		m_expect(0, FTH_RV_UNSTAGING);
		m_result(0, FTH_E_IN_USE, FTH_LC_STAGED);
		m_tick(FTH_RETRY_AFTER_MS);
	}
	m_expect_phase(FTH_RO_REVERSED);
	assert_non_null(strstr(m_vm_of(0)->why, "unstage refused"));
}

/* A refusal that passes by itself says nothing to who asks why it went back. */
static void test_passing_refusal_hides_no_reason(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_SYMBOL_UNKNOWN, FTH_LC_STAGED);
	m_expect_phase(FTH_RO_REVERSING);
	m_result(0, FTH_E_IN_USE, FTH_LC_STAGED);
	assert_non_null(strstr(m_vm_of(0)->why, "apply refused"));
	m_tick(FTH_RETRY_AFTER_MS);
	m_result(0, FTH_E_OK, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
	assert_non_null(strstr(m_vm_of(0)->why, "apply refused"));
}

static void test_stuck_until_seen(void **state)
{
	(void)state;
	m_begin(2);
	m_to_soaking(0);
	m_to_soaking(1);
	m_lost(1);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_STUCK);
	assert_string_equal(m.rollout.why, "1 of 2 VMs are unreachable or refuse to go back");
	assert_true(fth_rollout_terminal(&m.rollout));
	assert_string_equal(m_vm_of(1)->why, "unreachable: goes back when it returns");
	m_seen(1, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_REVERSING);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	m_result(1, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
	assert_string_equal(m_vm_of(1)->why, ""); /* it has returned */
}

/* It came back from its reboot without the patch: nothing is to be sent. */
static void test_stuck_until_rebooted(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	m_lost(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_expect_phase(FTH_RO_STUCK);
	m_rebooted(0, 9);
	m_expect_phase(FTH_RO_REVERSED);
	assert_string_equal(m_vm_of(0)->why, "");
}

/* What is still exposed, in VMs and in the time they were. */
static void test_recall_says_what_is_exposed(void **state)
{
	struct fth_recall recall;

	(void)state;
	m_begin(3);
	m_to_soaking(0);
	m_to_soaking(1);
	m_to_soaking(2);
	fth_rollout_recall(&m.rollout, m.now_ms, &recall);
	assert_int_equal(recall.total, 0);
	m_lost(2);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_false(m.rollout.recalled);
	m_tick(MINUTE_MS / 2);
	fth_rollout_recall(&m.rollout, m.now_ms, &recall);
	assert_int_equal(recall.total, 3);
	assert_int_equal(recall.left, 3);
	assert_int_equal(recall.away, 1);
	assert_int_equal(recall.exposed_ms, 3 * MINUTE_MS / 2);
	assert_int_equal(recall.due_ms, 0);
	m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	fth_rollout_recall(&m.rollout, m.now_ms, &recall);
	assert_int_equal(recall.back, 1);
	assert_int_equal(recall.due_ms, m.now_ms + MINUTE_MS / 2);
	m_result(1, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_STUCK);
	fth_rollout_recall(&m.rollout, m.now_ms + MINUTE_MS / 2, &recall);
	assert_int_equal(recall.left, 1);
	assert_int_equal(recall.exposed_ms, 2 * MINUTE_MS / 2 + MINUTE_MS);
	assert_int_equal(recall.due_ms, 0); /* when it returns nobody can tell */
}

static void test_spent_budget_recalls(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m_begin(2);
	m_result(0, FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSING);
	assert_true(m.rollout.recalled);
	m_setup(NULL);
	m.policy.failures_max = (struct fth_share){ false, 0 };
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "h", "", true);
	made = m_seen_event(0, FTH_LC_ABSENT);
	made.capabilities = FTH_CAP_SIGNED_ONLY; /* so the payload is not sent, or to blame */
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_expect(0, FTH_RV_FAILED);
	m_expect_phase(FTH_RO_REVERSED);
	assert_false(m.rollout.recalled);
	m_setup(NULL);
	m_begin(1);
	made = m_event(FTH_RE_REVERSE, -1);
	made.blocked = true;
	assert_int_equal(m_step(&made), 0);
	assert_true(m.rollout.recalled);
}

static void test_recall_turns_what_is_unknown(void **state)
{
	struct fth_rollout_action pending;

	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_lost(0);
	m_expect(0, FTH_RV_UNKNOWN);
	assert_true(fth_rollout_pending(&m.rollout, 0, &pending));
	assert_int_equal(pending.op, FTH_OP_APPLY);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0);
	assert_true(fth_rollout_pending(&m.rollout, 0, &pending));
	assert_int_equal(pending.op, FTH_OP_REVERSE);
	assert_int_equal(pending.op_id, m_vm_of(0)->op_id);
}

static void test_recall_has_its_own_limit(void **state)
{
	int i;

	(void)state;
	m.policy.in_flight.fleet = 1;
	m.policy.recall_in_flight.fleet = 3;
	m_begin(4);
	for (i = 0; i < 4; i++) {
		int vm = (int)m.rollout.vms[i].order;

		m_result(vm, FTH_E_OK, FTH_LC_STAGED);
		m_result(vm, FTH_E_OK, FTH_LC_SOAKING);
	}
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 3);
}

static void test_snapshot_from_before_the_recall(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
	m_seen(0, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_REVERSING);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
}

/* It had failed without the patch; a snapshot has it all the same. */
static void test_snapshot_of_one_that_failed(void **state)
{
	struct fth_rollout_event made;
	int late;

	(void)state;
	for (late = 0; late < 2; late++) {
		m_setup(NULL);
		m.policy.failures_max = (struct fth_share){ false, 2 };
		m_begin(2);
		m_to_done(0);
		m_seen(0, FTH_LC_ABSENT);
		m_expect(0, FTH_RV_FAILED);
		m_seen(0, FTH_LC_ABSENT);
		assert_false(m_vm_of(0)->touched);
		made = m_seen_event(0, FTH_LC_SOAKING);
		made.restored = true;
		if (late) {
			m_lost(0);
			assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
			assert_int_equal(m_step(&made), 0);
		} else {
			assert_int_equal(m_step(&made), 0);
			m_expect(0, FTH_RV_FAILED);
			assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
		}
		m_expect(0, FTH_RV_REVERSING);
		m_result(0, FTH_E_OK, FTH_LC_STAGED);
		m_result(0, FTH_E_OK, FTH_LC_ABSENT);
		m_expect(0, FTH_RV_REVERSED);
	}
}

/* An agent that this one took over from had come to it. */
static void test_patched_before_its_turn(void **state)
{
	(void)state;
	m.policy.wave_count = 2;
	m.policy.waves[0] = (struct fth_share){ false, 1 };
	m.policy.waves[1] = (struct fth_share){ false, 2 };
	m_begin(3);
	m_to_soaking(m_first());
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_expect((int)m.rollout.vms[1].order, FTH_RV_SKIPPED);
	m_seen((int)m.rollout.vms[1].order, FTH_LC_APPLIED);
	m_expect((int)m.rollout.vms[1].order, FTH_RV_REVERSING);
	assert_int_equal(m.rollout.tried, 1);
	/* This one is none of the rollout's. */
	m_seen((int)m.rollout.vms[2].order, FTH_LC_APPLIED);
	m_expect((int)m.rollout.vms[2].order, FTH_RV_SKIPPED);
}

/* So an op id may be one that the guest knows of that agent. */
static void test_id_of_another_agents_op(void **state)
{
	uint64_t id;

	(void)state;
	m_begin(1);
	id = m_vm_of(0)->op_id;
	m_result(0, FTH_E_MALFORMED, FTH_LC_ABSENT);
	m_tick(FTH_RETRY_AFTER_MS);
	m_expect(0, FTH_RV_STAGING);
	assert_true(m_vm_of(0)->op_id > id + FTH_ROLLOUT_OPS_APART);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	id = m_vm_of(0)->op_id;
	m_result(0, FTH_E_MALFORMED, FTH_LC_SOAKING);
	m_tick(FTH_RETRY_AFTER_MS);
	m_expect(0, FTH_RV_REVERSING);
	assert_true(m_vm_of(0)->op_id > id + FTH_ROLLOUT_OPS_APART);
}

/* Its list shows the patch in force: "no such patch" is an answer to somebody else's op. */
static void test_no_patch_of_another_agents_op(void **state)
{
	static const uint8_t states[] = { FTH_LC_APPLYING, FTH_LC_SOAKING, FTH_LC_APPLIED };
	uint64_t id;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(states); i++) {
		m_setup(NULL);
		m_begin(1);
		m_to_done(0);
		assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
		id = m_vm_of(0)->op_id;
		m_result(0, FTH_E_NO_PATCH, states[i]);
		m_expect(0, FTH_RV_WAITING);
		m_expect_phase(FTH_RO_REVERSING);
		assert_true(m_vm_of(0)->touched);
		m_tick(FTH_RETRY_AFTER_MS);
		m_expect(0, FTH_RV_REVERSING);
		assert_true(m_vm_of(0)->op_id > id + FTH_ROLLOUT_OPS_APART);
		m_result(0, FTH_E_OK, FTH_LC_STAGED);
		m_expect(0, FTH_RV_UNSTAGING);
		m_result(0, FTH_E_NO_PATCH, states[i]);
		assert_true(m_vm_of(0)->touched);
		m_tick(FTH_RETRY_AFTER_MS);
		m_expect(0, FTH_RV_REVERSING);
		m_result(0, FTH_E_NO_PATCH, FTH_LC_ABSENT);
		m_expect(0, FTH_RV_REVERSED);
		m_expect_phase(FTH_RO_REVERSED);
	}
}

/* Who says so for ever is left, and the rollout says that. */
static void test_no_patch_for_ever(void **state)
{
	int i;

	(void)state;
	m_begin(1);
	m_to_done(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	for (i = 0; m_vm_of(0)->op && i < 20; i++) {
		m_result(0, FTH_E_NO_PATCH, FTH_LC_APPLIED);
		m_tick(FTH_RETRY_AFTER_MS);
	}
	assert_int_equal(i, FTH_ROLLOUT_ATTEMPTS_MAX);
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why, "reverse refused: no such patch");
	m_expect_phase(FTH_RO_STUCK);
}

/* A guest that refuses so for ever must not make ids come round again. */
static void test_ids_are_not_used_up(void **state)
{
	uint64_t id;

	(void)state;
	m_begin(1);
	m.rollout.next_op = UINT32_MAX / 2;
	m_result(0, FTH_E_MALFORMED, FTH_LC_ABSENT);
	m_tick(FTH_RETRY_AFTER_MS);
	m_expect(0, FTH_RV_STAGING);
	id = m_vm_of(0)->op_id;
	assert_int_equal((uint32_t)id, UINT32_MAX / 2);
	assert_int_equal(m.rollout.next_op, UINT32_MAX / 2 + 1);
}

static void test_late_vm_after_recall(void **state)
{
	(void)state;
	m_begin(1);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_add(1, "b", "", true);
	m_seen(1, FTH_LC_ABSENT);
	m_expect(1, FTH_RV_SKIPPED);
}

static void test_refused_reverse_ends_stuck(void **state)
{
	uint32_t i;

	(void)state;
	m_begin(1);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	for (i = 0; i < FTH_ROLLOUT_ATTEMPTS_MAX; i++) {
		m_expect(0, FTH_RV_REVERSING);
		m_result(0, FTH_E_BUSY, FTH_LC_SOAKING);
		m_tick(FTH_RETRY_AFTER_MS);
	}
	m_expect(0, FTH_RV_FAILED);
	m_expect_phase(FTH_RO_STUCK);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0); /* a person insists */
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
}

/* What it is busy with ends some day, and it may say nothing then: it is asked now and then. */
static void test_busy_is_asked_again(void **state)
{
	uint32_t i;

	(void)state;
	m_begin(1);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	for (i = 0; i < FTH_ROLLOUT_ATTEMPTS_MAX + 2u; i++) {
		m_result(0, FTH_E_BUSY, FTH_LC_SOAKING);
		m_tick(i + 1 < FTH_ROLLOUT_ATTEMPTS_MAX ? FTH_RETRY_AFTER_MS : FTH_RETRY_STUCK_MS);
		m_expect(0, FTH_RV_REVERSING);
	}
	m_expect_phase(FTH_RO_STUCK);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_UNSTAGE), 1);
	m_result(0, FTH_E_OK, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
}

/* Who can't be reached must not keep those from going back who can. */
static void test_the_lost_hold_no_room(void **state)
{
	int first;

	(void)state;
	m.policy.recall_in_flight.fleet = 1;
	m_begin(3);
	m_to_soaking(0);
	m_result(1, FTH_E_OK, FTH_LC_STAGED);
	m_to_soaking(2);
	m_lost(1);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0);
	m_tick(fth_rollout_patience_ms(&m.rollout));
	m_expect(1, FTH_RV_DEFERRED);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	first = m_vm_of(0)->op ? 0 : 2;
	m_result(first, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_result(2 - first, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_STUCK);
	m_seen(1, FTH_LC_SOAKING);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	m_result(1, FTH_E_NO_PATCH, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
}

static void test_what_waits_to_be_turned_is_not_sent(void **state)
{
	struct fth_rollout_action pending;
	uint32_t outward = 0;
	uint32_t i;

	(void)state;
	m_begin(3);
	m.room = 2; /* one line, one op */
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	for (i = 0; i < 3; i++) {
		outward += m_vm_of((int)i)->op == FTH_OP_STAGE;
		if (fth_rollout_pending(&m.rollout, i, &pending))
			assert_int_equal(pending.op, FTH_OP_REVERSE);
	}
	assert_int_equal(outward, 2);
}

static void test_guest_that_goes_back_alone_is_left_alone(void **state)
{
	(void)state;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_seen(0, FTH_LC_REVERTING); /* its deadline has passed */
	m_expect(0, FTH_RV_APPLYING);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0); /* would turn it round */
	m_expect_phase(FTH_RO_REVERSING);
	m_seen(0, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_UNSTAGE), 1);
}

static void test_guest_that_was_turned_goes_back(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING); /* it had been reverting */
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0);
	m_tick(FTH_RETRY_AFTER_MS);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
}

static void test_guest_that_only_says_done_ends_stuck(void **state)
{
	uint32_t i;

	(void)state;
	m_begin(1);
	m_to_soaking(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	for (i = 0; i < FTH_ROLLOUT_ATTEMPTS_MAX; i++) {
		m_expect(0, FTH_RV_REVERSING);
		m_result(0, FTH_E_OK, FTH_LC_SOAKING);
		m_seen(0, FTH_LC_SOAKING);
		m_tick(FTH_RETRY_AFTER_MS);
	}
	m_expect(0, FTH_RV_FAILED);
	m_expect_phase(FTH_RO_STUCK);
	assert_non_null(strstr(m_vm_of(0)->why, "answered 'done'"));
	m_seen(0, FTH_LC_SOAKING);
	m_expect_phase(FTH_RO_STUCK);
	assert_false(m.actions.changed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_reverse_by_hand),
		MACHINE_TEST(test_recall_of_what_goes_back_already),
		MACHINE_TEST(test_no_patch_is_clean),
		MACHINE_TEST(test_payload_that_stays_is_reversed),
		MACHINE_TEST(test_passing_refusal_hides_no_reason),
		MACHINE_TEST(test_stuck_until_seen),
		MACHINE_TEST(test_stuck_until_rebooted),
		MACHINE_TEST(test_recall_says_what_is_exposed),
		MACHINE_TEST(test_spent_budget_recalls),
		MACHINE_TEST(test_recall_turns_what_is_unknown),
		MACHINE_TEST(test_recall_has_its_own_limit),
		MACHINE_TEST(test_snapshot_from_before_the_recall),
		MACHINE_TEST(test_snapshot_of_one_that_failed),
		MACHINE_TEST(test_patched_before_its_turn),
		MACHINE_TEST(test_id_of_another_agents_op),
		MACHINE_TEST(test_no_patch_of_another_agents_op),
		MACHINE_TEST(test_no_patch_for_ever),
		MACHINE_TEST(test_ids_are_not_used_up),
		MACHINE_TEST(test_late_vm_after_recall),
		MACHINE_TEST(test_refused_reverse_ends_stuck),
		MACHINE_TEST(test_busy_is_asked_again),
		MACHINE_TEST(test_the_lost_hold_no_room),
		MACHINE_TEST(test_what_waits_to_be_turned_is_not_sent),
		MACHINE_TEST(test_guest_that_goes_back_alone_is_left_alone),
		MACHINE_TEST(test_guest_that_was_turned_goes_back),
		MACHINE_TEST(test_guest_that_only_says_done_ends_stuck),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
