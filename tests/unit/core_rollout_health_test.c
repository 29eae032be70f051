// SPDX-License-Identifier: GPL-2.0
/* The rollout machine and its health gates: only a pass is a pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core_machine.h"

#define RETRY_MS 30000u

static struct fth_rollout_checks checks_of(uint32_t vm)
{
	struct fth_rollout_checks checks;

	fth_rollout_checks(&m.rollout, vm, &checks);
	return checks;
}

/* How many VMs, or waves, the last step says to look at. */
static uint32_t asked(void)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < m.actions.count; i++)
		count += m.entries[i].kind == FTH_RA_CHECK;
	return count;
}

static void verdict_of_round(int vm, uint8_t check, uint8_t verdict, uint64_t round)
{
	struct fth_rollout_event made = m_event(FTH_RE_HEALTH, vm);

	made.check = check;
	made.verdict = verdict;
	made.round = round;
	snprintf(made.why, sizeof(made.why), "said so");
	assert_int_equal(m_step(&made), 0);
}

static void verdict(int vm, uint8_t check, uint8_t says)
{
	verdict_of_round(vm, check, says,
			 checks_of(vm < 0 ? FTH_ROLLOUT_WAVE : (uint32_t)vm).round);
}

static void with_command(void)
{
	m.policy.command_count = 1;
	strcpy(m.policy.command[0], "/bin/probe");
}

/* One VM, whose soak is over; @unsure: how many may be inconclusive. */
static void at_the_gate(uint32_t unsure)
{
	with_command();
	m.policy.inconclusive_max.value = unsure;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
}

static void test_confirmed_when_each_gate_passed(void **state)
{
	(void)state;
	with_command();
	m.policy.health_host = FTH_HEALTH_HOST_DOMAIN_STATE;
	m_begin(1);
	m_to_soaking(0);
	assert_int_equal(asked(), 1); /* for the baseline */
	assert_int_equal(checks_of(0).watched, FTH_HEALTH_HOST_DOMAIN_STATE);
	assert_int_equal(checks_of(0).wanted, 0);
	m_tick(SOAK_MS);
	assert_int_equal(asked(), 1);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	assert_int_equal(checks_of(0).wanted,
			 1u << FTH_CHECK_DOMAIN_STATE | 1u << FTH_CHECK_COMMAND);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	/* A second word of the same check is none. */
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_FAIL);
	m_expect(0, FTH_RV_SOAKING);
	m_tick(HOUR_MS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_PASS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

static void test_a_failed_gate_fails_the_vm(void **state)
{
	(void)state;
	with_command();
	m_begin(2);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_FAIL);
	assert_string_equal(m.rollout.why, "1 of 2 VMs tried failed, allowed are 0: reversing");
	assert_string_equal(m_vm_of(0)->why, "health.command: fail: said so");
	m_expect_phase(FTH_RO_REVERSING);
}

static void test_inconclusive_holds_and_is_tried_again(void **state)
{
	(void)state;
	at_the_gate(1);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_INCONCLUSIVE);
	assert_true(m_vm_of(0)->inconclusive);
	assert_string_equal(m_vm_of(0)->why, "health.command: inconclusive: said so");
	assert_int_equal(m.rollout.inconclusive, 1);
	/* The guest's own word changes nothing of that. */
	m_seen(0, FTH_LC_SOAKING);
	assert_true(m_vm_of(0)->inconclusive);
	assert_int_equal(checks_of(0).wanted, 0);
	m_tick(m.rollout.wake_at_ms - m.now_ms - 1);
	assert_int_equal(asked(), 0);
	m_tick(1);
	assert_int_equal(asked(), 1);
	assert_true(m_vm_of(0)->inconclusive);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	assert_false(m_vm_of(0)->inconclusive);
	assert_int_equal(m.rollout.inconclusive, 0);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

/* Somebody else confirmed it, in the soak or after it: nothing is left to be told. */
static void test_confirmed_while_it_is_inconclusive(void **state)
{
	bool pending = false;

	do {
		m_setup(state);
		at_the_gate(1);
		verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_INCONCLUSIVE);
		if (pending)
			m_tick(RETRY_MS);
		m_seen(0, FTH_LC_APPLIED);
		m_tick(RETRY_MS);
		m_expect(0, FTH_RV_DONE);
		assert_false(m_vm_of(0)->inconclusive);
		assert_int_equal(m.rollout.inconclusive, 0);
		assert_int_equal(checks_of(0).wanted, 0);
		assert_int_equal(m_vm_of(0)->checks_pending, 0);
		assert_int_equal(m_vm_of(0)->checks_unsure, 0);
		m_expect_phase(FTH_RO_COMPLETE);
		pending = !pending;
	} while (pending);
}

static void test_confirmed_without_an_effect(void **state)
{
	(void)state;
	m.policy.health_guest |= FTH_HEALTH_GUEST_EFFECT;
	m.policy.inconclusive_max.value = 1;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	assert_int_equal(m.rollout.inconclusive, 1);
	m_seen(0, FTH_LC_APPLIED);
	m_expect(0, FTH_RV_DONE);
	assert_int_equal(m.rollout.inconclusive, 0);
	m_expect_phase(FTH_RO_COMPLETE);
}

/* An hour-old pass must not stand for a round in which another check could not tell. */
static void test_a_pass_counts_in_its_round_only(void **state)
{
	(void)state;
	with_command();
	strcpy(m.policy.http, "http://a/");
	m.policy.inconclusive_max.value = 1;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	verdict(0, FTH_CHECK_HTTP, FTH_VERDICT_INCONCLUSIVE);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	m_tick(RETRY_MS);
	assert_int_equal(checks_of(0).wanted, 1u << FTH_CHECK_HTTP | 1u << FTH_CHECK_COMMAND);
	verdict(0, FTH_CHECK_HTTP, FTH_VERDICT_PASS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

/* It passed, waits for room to be confirmed, and falls silent. */
static void test_a_pass_is_gone_with_its_vm(void **state)
{
	(void)state;
	with_command();
	m.policy.in_flight.fleet = 1;
	m.policy.inconclusive_max.value = 1;
	m_begin(2);
	m_to_soaking(0);
	assert_int_equal(m.rollout.in_flight, 1); /* the other one's */
	m_tick(SOAK_MS);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	m_expect(0, FTH_RV_SOAKING);
	m_lost(0);
	m_seen(0, FTH_LC_SOAKING);
	assert_int_equal(asked(), 1);
	m_result(1, FTH_E_OK, FTH_LC_STAGED);
	m_result(1, FTH_E_OK, FTH_LC_SOAKING);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

static void test_inconclusive_spends_its_budget(void **state)
{
	(void)state;
	at_the_gate(0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_INCONCLUSIVE);
	assert_string_equal(m.rollout.why,
			    "1 of 1 VMs tried are inconclusive, allowed are 0: reversing");
}

/* It rebooted meanwhile: what was found belongs to a soak that is over. */
static void test_a_late_verdict_is_dropped(void **state)
{
	uint64_t round;

	(void)state;
	at_the_gate(1);
	round = checks_of(0).round;
	m_lost(0);
	m_rebooted(0, 2);
	assert_int_equal(checks_of(0).wanted, 0);
	m_tick(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	verdict_of_round(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS, round);
	m_tick(SOAK_MS);
	verdict_of_round(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS, round);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
}

/* Its soak ends while it is away; @more: there are other checks than its hypervisor's. */
static void lost_in_the_soak(bool more)
{
	if (more)
		with_command();
	m.policy.health_host = FTH_HEALTH_HOST_DOMAIN_STATE;
	m.policy.inconclusive_max.value = 1;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	m_lost(0);
	m_tick(SOAK_MS);
	assert_true(m_vm_of(0)->inconclusive);
	assert_int_equal(asked(), 1);
	assert_int_equal(checks_of(0).wanted, FTH_HEALTH_HOST_DOMAIN_STATE);
}

static void test_a_crash_is_no_absence(void **state)
{
	int more;

	for (more = 0; more < 2; more++) {
		m_setup(state);
		lost_in_the_soak(more);
		verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_FAIL);
		m_expect(0, FTH_RV_FAILED);
		assert_string_equal(m_vm_of(0)->why, "health.host: domain-state: fail: said so");
		assert_int_equal(m.rollout.inconclusive, 0);
		m_expect_phase(FTH_RO_PAUSED);
	}
}

/* All else changes nothing, is not asked again, and counts for nothing when it is back. */
static void test_an_absence_is_no_crash(void **state)
{
	static const uint8_t says[] = { FTH_VERDICT_PASS, FTH_VERDICT_INCONCLUSIVE, 0 };
	int more, i;

	for (i = 0; i < 6; i++) {
		m_setup(state);
		more = i / 3;
		lost_in_the_soak(more);
		if (says[i % 3])
			verdict(0, FTH_CHECK_DOMAIN_STATE, says[i % 3]);
		assert_int_equal(m.rollout.inconclusive, 1);
		assert_string_equal(m_vm_of(0)->why, "unreachable at the end of its soak");
		m_tick(HOUR_MS);
		assert_int_equal(asked(), 0);
		m_seen(0, FTH_LC_SOAKING);
		assert_int_equal(m.rollout.inconclusive, 0);
		assert_int_equal(asked(), 1);
		assert_int_equal(checks_of(0).wanted, fth_policy_checks(&m.policy));
		assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
		verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_PASS);
		if (more)
			verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
		assert_int_equal(m_sent(FTH_OP_CONFIRM), 1);
		m_expect(0, FTH_RV_CONFIRMING);
	}
}

/* It is lost while a round can't tell, or is under way: then, too, and each time anew. */
static void test_lost_after_the_soak(void **state)
{
	(void)state;
	with_command();
	m.policy.health_host = FTH_HEALTH_HOST_DOMAIN_STATE;
	m.policy.inconclusive_max.value = 1;
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(1);
	m_to_soaking(0);
	m_tick(SOAK_MS);
	verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_PASS);
	m_lost(0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_PASS);
	assert_int_equal(checks_of(0).wanted, FTH_HEALTH_HOST_DOMAIN_STATE);
	m_seen(0, FTH_LC_SOAKING);
	assert_int_equal(m_sent(FTH_OP_CONFIRM), 0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_INCONCLUSIVE);
	verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_PASS);
	m_lost(0);
	m_tick(RETRY_MS);
	assert_int_equal(checks_of(0).wanted, FTH_HEALTH_HOST_DOMAIN_STATE);
	verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_PASS);
	assert_string_equal(m_vm_of(0)->why, "health.command: inconclusive: said so");
	m_seen(0, FTH_LC_SOAKING);
	assert_int_equal(m.rollout.inconclusive, 1); /* as the last round said */
	assert_int_equal(asked(), 1);
	m_lost(0);
	verdict(0, FTH_CHECK_COMMAND, FTH_VERDICT_INCONCLUSIVE);
	verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_PASS);
	m_tick(RETRY_MS);
	verdict(0, FTH_CHECK_DOMAIN_STATE, FTH_VERDICT_FAIL);
	m_expect(0, FTH_RV_FAILED);
}

static void test_nobody_is_asked_without_room(void **state)
{
	(void)state;
	m.policy.health_host = FTH_HEALTH_HOST_DOMAIN_STATE;
	m.policy.inconclusive_max.value = 1;
	m_begin(1);
	m_to_soaking(0);
	m_lost(0);
	m.room = 0;
	m_tick(SOAK_MS);
	assert_int_equal(checks_of(0).wanted, 0);
	assert_int_equal(m.rollout.wake_at_ms, m.now_ms);
	m.room = FTH_ROLLOUT_ACTIONS_MAX;
	m_tick(0);
	assert_int_equal(asked(), 1);
	assert_int_equal(checks_of(0).wanted, FTH_HEALTH_HOST_DOMAIN_STATE);
}

static void test_unknown_words_are_refused(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	at_the_gate(0);
	made = m_event(FTH_RE_HEALTH, 0);
	made.round = checks_of(0).round;
	made.check = FTH_CHECKS;
	made.verdict = FTH_VERDICT_PASS;
	assert_int_equal(m_step(&made), -EINVAL);
	made.check = FTH_CHECK_COMMAND;
	made.verdict = 0;
	assert_int_equal(m_step(&made), -EINVAL);
	made.verdict = FTH_VERDICT_INCONCLUSIVE + 1;
	assert_int_equal(m_step(&made), -EINVAL);
	m_expect(0, FTH_RV_SOAKING);
}

static void two_waves_with_a_check(void)
{
	m_canary_first();
	strcpy(m.policy.wave_http, "http://monitor/");
}

static void test_a_wave_ends_when_its_check_passed(void **state)
{
	int first;

	(void)state;
	two_waves_with_a_check();
	m_begin(2);
	first = m_first();
	m_to_done(first);
	assert_int_equal(asked(), 1);
	assert_int_equal(m.rollout.wave, 0);
	assert_int_equal(checks_of(FTH_ROLLOUT_WAVE).wanted, 1u << FTH_CHECK_WAVE_HTTP);
	assert_string_equal(m.rollout.why, "wave 1 of 2: its checks are under way");
	m_tick(HOUR_MS);
	assert_int_equal(m.rollout.wave, 0);
	verdict(-1, FTH_CHECK_WAVE_HTTP, FTH_VERDICT_INCONCLUSIVE);
	assert_int_equal(m.rollout.wave, 0);
	assert_string_equal(m.rollout.why, "wave 1 of 2: health.wave-http: inconclusive: said so");
	m_tick(RETRY_MS);
	assert_int_equal(asked(), 1);
	verdict(-1, FTH_CHECK_WAVE_HTTP, FTH_VERDICT_PASS);
	assert_int_equal(m.rollout.wave, 1);
	/* The second wave is asked about anew. */
	verdict_of_round(-1, FTH_CHECK_WAVE_HTTP, FTH_VERDICT_PASS, 1);
	m_to_done(!first);
	assert_int_equal(checks_of(FTH_ROLLOUT_WAVE).wanted, 1u << FTH_CHECK_WAVE_HTTP);
	m_expect_phase(FTH_RO_SOAKING);
	verdict(-1, FTH_CHECK_WAVE_HTTP, FTH_VERDICT_PASS);
	m_expect_phase(FTH_RO_COMPLETE);
}

static void test_a_failed_wave_goes_back(void **state)
{
	(void)state;
	two_waves_with_a_check();
	m_begin(2);
	m_to_done(m_first());
	verdict(-1, FTH_CHECK_WAVE_HTTP, FTH_VERDICT_FAIL);
	m_expect_phase(FTH_RO_REVERSING);
	assert_string_equal(m.rollout.why,
			    "wave 1 of 2: health.wave-http: fail: said so: reversing");
}

static void test_a_person_goes_on_without_the_check(void **state)
{
	(void)state;
	two_waves_with_a_check();
	m.policy.failures_then = FTH_THEN_PAUSE;
	m_begin(2);
	m_to_done(m_first());
	verdict(-1, FTH_CHECK_WAVE_HTTP, FTH_VERDICT_FAIL);
	m_expect_phase(FTH_RO_PAUSED);
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	assert_int_equal(m.rollout.wave, 1);
}

static void test_a_slow_transition(void **state)
{
	(void)state;
	m.policy.transition_max_ms = 1000;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_tick(1001);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	assert_string_equal(m_vm_of(0)->why,
			    "its transition took 1001 ms, health.transition-max is 1000 ms");
	m_expect_phase(FTH_RO_REVERSING);
}

static void test_a_transition_that_is_just_fast_enough(void **state)
{
	(void)state;
	m.policy.transition_max_ms = 1000;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_tick(1000);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	m_expect(0, FTH_RV_SOAKING);
}

static void sent_apply(void)
{
	m.policy.transition_max_ms = 1000;
	m_begin(1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_expect(0, FTH_RV_APPLYING);
}

/* Neither an hour that it was paused nor one that the host slept. */
static void test_absence_is_no_transition(void **state)
{
	struct fth_rollout_event jump = m_event(FTH_RE_CLOCK, -1);

	(void)state;
	sent_apply();
	m_tick(500);
	m_lost(0);
	m.now_ms += HOUR_MS;
	m_seen(0, FTH_LC_APPLYING);
	m_expect(0, FTH_RV_APPLYING);
	m.now_ms += HOUR_MS;
	jump.now_ms = m.now_ms;
	jump.op_id = HOUR_MS;
	assert_int_equal(m_step(&jump), 0);
	m_lost(0);
	m.now_ms += HOUR_MS;
	m_seen(0, FTH_LC_APPLYING);
	m_tick(500);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	m_expect(0, FTH_RV_SOAKING);
}

static void test_what_was_seen_of_a_transition_adds_up(void **state)
{
	(void)state;
	sent_apply();
	m_tick(500);
	m_lost(0);
	m.now_ms += HOUR_MS;
	m_seen(0, FTH_LC_APPLYING);
	m_tick(501);
	m_result(0, FTH_E_OK, FTH_LC_SOAKING);
	assert_string_equal(m_vm_of(0)->why,
			    "its transition took 1001 ms, health.transition-max is 1000 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_confirmed_when_each_gate_passed),
		MACHINE_TEST(test_a_failed_gate_fails_the_vm),
		MACHINE_TEST(test_inconclusive_holds_and_is_tried_again),
		MACHINE_TEST(test_confirmed_while_it_is_inconclusive),
		MACHINE_TEST(test_confirmed_without_an_effect),
		MACHINE_TEST(test_a_pass_counts_in_its_round_only),
		MACHINE_TEST(test_a_pass_is_gone_with_its_vm),
		MACHINE_TEST(test_inconclusive_spends_its_budget),
		MACHINE_TEST(test_a_late_verdict_is_dropped),
		MACHINE_TEST(test_a_crash_is_no_absence),
		MACHINE_TEST(test_an_absence_is_no_crash),
		MACHINE_TEST(test_lost_after_the_soak),
		MACHINE_TEST(test_nobody_is_asked_without_room),
		MACHINE_TEST(test_unknown_words_are_refused),
		MACHINE_TEST(test_a_wave_ends_when_its_check_passed),
		MACHINE_TEST(test_a_failed_wave_goes_back),
		MACHINE_TEST(test_a_person_goes_on_without_the_check),
		MACHINE_TEST(test_a_slow_transition),
		MACHINE_TEST(test_absence_is_no_transition),
		MACHINE_TEST(test_what_was_seen_of_a_transition_adds_up),
		MACHINE_TEST(test_a_transition_that_is_just_fast_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
