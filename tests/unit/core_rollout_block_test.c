// SPDX-License-Identifier: GPL-2.0
/* The rollout machine and emergencies: who reverted fails, who is blocked waits for a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core_machine.h"

static void emergency(int vm, const char *why)
{
	struct fth_rollout_event made = m_event(FTH_RE_EMERGENCY, vm);

	made.guest_state = FTH_LC_REVERTING;
	snprintf(made.why, sizeof(made.why), "%s", why);
	assert_int_equal(m_step(&made), 0);
}

static void seen_blocked(int vm, uint8_t guest_state)
{
	struct fth_rollout_event made = m_seen_event(vm, guest_state);

	made.blocked = true;
	memcpy(made.why, "oops", 5);
	assert_int_equal(m_step(&made), 0);
}

/* Budgets that one failure doesn't spend, and nothing is taken back. */
static void allow_failures(void)
{
	m.policy.failures_then = FTH_THEN_PAUSE;
	m.policy.failures_max = (struct fth_share){ false, 9 };
}

static void test_emergency_in_the_soak_reverses(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	emergency(0, "oops in fix_it+0x4");
	assert_string_equal(m_vm_of(0)->why, "reverted in emergency: oops in fix_it+0x4");
	m_expect_phase(FTH_RO_REVERSING);
	assert_int_equal(m.rollout.failures, 1);
	/* It goes back alone; what it leaves behind is cleared away. */
	assert_int_equal(m_sent(FTH_OP_REVERSE), 0);
	seen_blocked(0, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_UNSTAGE), 1);
	m_result(0, FTH_E_OK, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
	assert_string_equal(m_vm_of(0)->why, "reverted in emergency: oops in fix_it+0x4");
}

/* The same incident again, at its end and in the next session: no news. */
static void test_emergency_told_again_changes_nothing(void **state)
{
	(void)state;
	allow_failures();
	m_begin(2);
	m_to_soaking(m_first());
	emergency(m_first(), "oops");
	assert_true(m.actions.changed);
	emergency(m_first(), "oops");
	assert_false(m.actions.changed);
	assert_int_equal(m.rollout.failures, 1);
}

/* Nor is another one of a VM that failed by one: the first reason stays. */
static void test_emergencies_of_a_failed_vm_change_nothing(void **state)
{
	const int vm = (allow_failures(), m_begin(2), m_first());
	int i;

	(void)state;
	m_to_soaking(vm);
	emergency(vm, "oops");
	for (i = 0; i < 4; i++) {
		emergency(vm, i & 1 ? "oops in fix_it" : "WARN");
		assert_false(m.actions.changed);
	}
	assert_string_equal(m_vm_of(vm)->why, "reverted in emergency: oops");
	seen_blocked(vm, FTH_LC_STAGED);
	emergency(vm, "another");
	assert_false(m.actions.changed);
	assert_int_equal(m.rollout.failures, 1);
	/* Allowed by a person it goes again, and may fail again for a reason of its own. */
	m_seen(vm, FTH_LC_STAGED);
	m_result(vm, FTH_E_OK, FTH_LC_SOAKING);
	emergency(vm, "hung task");
	assert_true(m.actions.changed);
	assert_string_equal(m_vm_of(vm)->why, "reverted in emergency: hung task");
}

static void test_emergency_in_the_transition(void **state)
{
	uint64_t op;

	(void)state;
	allow_failures();
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_expect(0, FTH_RV_APPLYING);
	op = m_vm_of(0)->op_id;
	emergency(0, "warn");
	m_expect(0, FTH_RV_FAILED);
	assert_int_equal(m.rollout.in_flight, 0);
	/* What the APPLY came to is answered late. */
	struct fth_rollout_event made = m_event(FTH_RE_RESULT, 0);

	made.op_id = op;
	made.code = FTH_E_REVERSED;
	made.guest_state = FTH_LC_STAGED;
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_FAILED);
	m_seen(0, FTH_LC_STAGED); /* the journal says no more that it is blocked */
	m_expect_phase(FTH_RO_PAUSED);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	assert_int_equal(m_sent(FTH_OP_APPLY), 1);
}

static void test_emergency_after_completion_pauses(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
	emergency(0, "soft-lockup");
	m_expect(0, FTH_RV_FAILED);
	m_expect_phase(FTH_RO_PAUSED);
	/* A person goes on: the VM still doesn't get it back. */
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	seen_blocked(0, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY) + m_sent(FTH_OP_STAGE), 0);
	m_rebooted(0, 7); /* and is allowed: goes again */
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
}

/* The note was lost; the journal's block, out of the greeting, says it. */
static void test_a_block_that_is_seen(void **state)
{
	(void)state;
	allow_failures();
	m_begin(1);
	m_to_soaking(0);
	seen_blocked(0, FTH_LC_REVERTING);
	m_expect(0, FTH_RV_FAILED);
	assert_string_equal(m_vm_of(0)->why, "reverted in emergency: oops");
	emergency(0, "oops in fix_it+0x4");
	assert_string_equal(m_vm_of(0)->why, "reverted in emergency: oops in fix_it+0x4");
	assert_int_equal(m.rollout.failures, 1);
}

/* Invariant 4: a VM that is blocked is none of a new rollout's. */
static void test_blocked_vm_is_skipped_until_allowed(void **state)
{
	struct fth_rollout_event made;
	int i;

	(void)state;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	for (i = 0; i < 2; i++) {
		made = m_event(FTH_RE_ADD_VM, i);
		made.reachable = true;
		made.blocked = i == 0;
		memcpy(made.why, "oops", 5);
		assert_int_equal(m_step(&made), 0);
	}
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	seen_blocked(0, FTH_LC_STAGED);
	m_seen(1, FTH_LC_ABSENT);
	m_expect(0, FTH_RV_SKIPPED);
	assert_string_equal(m_vm_of(0)->why, "blocked: oops");
	assert_int_equal(m.rollout.selected, 1);
	m_to_done(1);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m_vm_of(0)->op, 0);
	seen_blocked(0, FTH_LC_STAGED);
	assert_false(m.actions.changed);
	m_seen(0, FTH_LC_STAGED);
	assert_int_equal(m_sent(FTH_OP_APPLY), 1);
}

/* It was to be patched when the block became known. */
static void test_a_block_before_its_turn(void **state)
{
	int second;

	(void)state;
	m.policy.in_flight.fleet = 1;
	m_begin(2);
	second = 1 - m_first();
	m_expect(second, FTH_RV_WAITING);
	seen_blocked(second, FTH_LC_ABSENT);
	m_expect(second, FTH_RV_SKIPPED);
	m_to_done(m_first());
	m_expect(second, FTH_RV_SKIPPED);
	assert_int_equal(m.rollout.failures, 0);
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_refusal_of_a_guest_blocks(void **state)
{
	(void)state;
	allow_failures();
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_BLOCKED, FTH_LC_STAGED);
	m_expect(0, FTH_RV_FAILED);
	assert_true(m_vm_of(0)->blocked);
	assert_string_equal(m_vm_of(0)->why,
			    "apply refused: patch was reverted in emergency and is blocked");
}

/* While it goes back: what it says is shown, and it goes back all the same. */
static void test_emergency_on_the_way_back(void **state)
{
	(void)state;
	m_begin(1);
	m_to_done(0);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_expect(0, FTH_RV_REVERSING);
	emergency(0, "host");
	m_expect(0, FTH_RV_REVERSING);
	assert_string_equal(m_vm_of(0)->why, "reverted in emergency: host");
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_expect(0, FTH_RV_UNSTAGING);
	m_result(0, FTH_E_OK, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
	seen_blocked(0, FTH_LC_ABSENT);
	m_expect(0, FTH_RV_REVERSED);
}

static void test_signed_only_needs_a_signature(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "a", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	made = m_seen_event(0, FTH_LC_ABSENT);
	made.capabilities = ~0ull;
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_FAILED);
	assert_non_null(strstr(m_vm_of(0)->why, "patch.signature"));
}

/* The dead man's switch: told when less than half of confirm.within is left. */
static void test_extension_while_it_soaks(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.guest.confirm_within_ms = 20000;
	m.policy.soak_ms = 3600000;
	m_begin(1);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 1), 0);
	m_to_soaking(0);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 20000), 0);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 10000), 0);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 9999), 20000);
	/* An older guest doesn't know how. */
	made = m_seen_event(0, FTH_LC_SOAKING);
	made.capabilities = ~(FTH_CAP_CONFIRM_EXTEND | FTH_CAP_SIGNED_ONLY);
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 9999), 0);
	m_seen(0, FTH_LC_SOAKING);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 9999), 20000);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(fth_rollout_extends(&m.rollout, 0, 9999), 0);
}

/* A soak well within confirm.within needs no word in between. */
static void test_no_extension_where_none_is_needed(void **state)
{
	(void)state;
	m.policy.guest.confirm_within_ms = 600000;
	m.policy.soak_ms = 300000;
	m_begin(1);
	m_to_soaking(0);
	for (uint32_t past = 0; past <= 300000; past += 1000)
		assert_int_equal(fth_rollout_extends(&m.rollout, 0, 600000 - past), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_emergency_in_the_soak_reverses),
		MACHINE_TEST(test_emergency_told_again_changes_nothing),
		MACHINE_TEST(test_emergencies_of_a_failed_vm_change_nothing),
		MACHINE_TEST(test_emergency_in_the_transition),
		MACHINE_TEST(test_emergency_after_completion_pauses),
		MACHINE_TEST(test_a_block_that_is_seen),
		MACHINE_TEST(test_blocked_vm_is_skipped_until_allowed),
		MACHINE_TEST(test_a_block_before_its_turn),
		MACHINE_TEST(test_refusal_of_a_guest_blocks),
		MACHINE_TEST(test_emergency_on_the_way_back),
		MACHINE_TEST(test_signed_only_needs_a_signature),
		MACHINE_TEST(test_extension_while_it_soaks),
		MACHINE_TEST(test_no_extension_where_none_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
