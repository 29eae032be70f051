// SPDX-License-Identifier: GPL-2.0
/* The rollout machine and VMs that come back otherwise than they were left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core_machine.h"

#define WAYS 4

static void for_one_kernel(void)
{
	m.policy.kernels.count = 1;
	strcpy(m.policy.kernels.entries[0].text, "6.1.*");
}

/* One VM, as far as each way leads. */
static void begin_and_go(int way)
{
	m_begin(1);
	if (way == 0) {
		m_result(0, FTH_E_OK, FTH_LC_STAGED);
		m_expect(0, FTH_RV_APPLYING);
		return;
	}
	m_to_soaking(0);
	if (way > 1)
		m_tick(SOAK_MS);
	if (way == 3)
		m_result(0, FTH_E_OK, FTH_LC_APPLIED);
	m_expect(0, way == 1 ? FTH_RV_SOAKING : way == 2 ? FTH_RV_CONFIRMING : FTH_RV_DONE);
}

static struct fth_rollout_event rebooted_event(void)
{
	struct fth_rollout_event made = m_seen_event(0, FTH_LC_ABSENT);

	made.boot_id[0] = 2;
	return made;
}

/*
 * The next kernel has the fix, say: nothing goes there, and nobody failed.  But whether one
 * that was not confirmed left its kernel because of the patch nobody knows.
 */
static void test_boots_another_kernel(void **state)
{
	struct fth_rollout_event made;
	int way;

	for (way = 0; way < WAYS; way++) {
		m_setup(state);
		for_one_kernel();
		m.policy.inconclusive_max.value = 1;
		begin_and_go(way);
		made = rebooted_event();
		strcpy(made.release, "6.12.1");
		m_lost(0);
		assert_int_equal(m_step(&made), 0);
		m_expect(0, FTH_RV_SKIPPED);
		assert_int_equal(m_sent(FTH_OP_STAGE), 0);
		assert_int_equal(m.rollout.in_flight, 0);
		assert_int_equal(m.rollout.failures, 0);
		if (way < 3) {
			assert_string_equal(m_vm_of(0)->why,
					    "rebooted before it was confirmed, into kernel "
					    "'6.12.1', which is not the policy's");
			m_lost(0);
			assert_int_equal(m_step(&made), 0);
			assert_int_equal(m.rollout.inconclusive, 1);
			m_expect_phase(FTH_RO_SOAKING);
			assert_string_equal(m.rollout.why,
					    "wave 1 of 1 is held: 1 VMs are inconclusive");
			assert_int_equal(m_simple(FTH_RE_PAUSE), 0);
			assert_int_equal(m_simple(FTH_RE_RESUME), 0);
		} else {
			assert_string_equal(m_vm_of(0)->why, "kernel '6.12.1' is not the policy's");
		}
		assert_int_equal(m.rollout.inconclusive, 0);
		m_expect_phase(FTH_RO_COMPLETE);
		m_rebooted(0, 3); /* back in the old one */
		assert_int_equal(m_sent(FTH_OP_STAGE), 1);
		m_to_done(0);
	}
}

/* It is nobody's proof, nor is it one where the patch made it go: somebody stands in. */
static void test_a_canary_in_another_kernel_proves_nothing(void **state)
{
	struct fth_rollout_event made;
	int canary, i, others = 0;

	(void)state;
	for_one_kernel();
	m_canary_first();
	m.policy.gate = FTH_GATE_MANUAL;
	m_begin(3);
	canary = m_first();
	made = m_seen_event(canary, FTH_LC_ABSENT);
	made.boot_id[0] = 2;
	strcpy(made.release, "6.12.1");
	m_lost(canary);
	assert_int_equal(m_step(&made), 0);
	m_expect(canary, FTH_RV_SKIPPED);
	assert_int_equal(m.rollout.wave, 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	for (i = 0; i < 3; i++)
		others += i != canary && m_vm_of(i)->wave == 0 && m_vm_of(i)->op == FTH_OP_STAGE;
	assert_int_equal(others, 1);
}

/* Nobody is there who could stand in: the rollout is over for want of VMs. */
static void test_all_in_another_kernel(void **state)
{
	struct fth_rollout_event made;
	int i;

	(void)state;
	for_one_kernel();
	m_canary_first();
	m_begin(3);
	for (i = 2; i >= 0; i--) {
		made = m_seen_event(i, FTH_LC_ABSENT);
		made.boot_id[0] = 2;
		strcpy(made.release, "6.12.1");
		assert_int_equal(m_step(&made), 0);
	}
	m_expect_phase(FTH_RO_COMPLETE);
}

/* An older module of the same kernel: what it can't do is not asked of it. */
static void test_comes_back_with_less(void **state)
{
	struct fth_rollout_event made;
	int way;

	for (way = 0; way < WAYS; way++) {
		m_setup(state);
		m.policy.failures_max.value = 1;
		m.policy.guest.switches = FTH_SWITCH_KERNEL;
		begin_and_go(way);
		made = rebooted_event();
		made.capabilities &= ~FTH_CAP_MODEL_IN_TIME;
		assert_int_equal(m_step(&made), 0);
		m_expect(0, FTH_RV_FAILED);
		assert_non_null(strstr(m_vm_of(0)->why, "not supported by this guest: "));
		assert_int_equal(m_sent(FTH_OP_STAGE), 0);
		assert_int_equal(m.rollout.failures, 1);
	}
}

static void test_comes_back_with_another_payload(void **state)
{
	struct fth_rollout_event made;
	int way;

	for (way = 0; way < WAYS; way++) {
		m_setup(state);
		m.policy.failures_max.value = 1;
		begin_and_go(way);
		made = m_seen_event(0, FTH_LC_APPLIED);
		made.sha256_matches = false;
		made.restored = true;
		assert_int_equal(m_step(&made), 0);
		m_expect(0, FTH_RV_FAILED);
		assert_true(m_vm_of(0)->in_way);
		assert_int_equal(m_sent(FTH_OP_STAGE), 0);
	}
}

/* Who lost the patch after a person said 'abort' stays as it is, whatever it booted. */
static void test_aborted_looks_at_nobody(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	for_one_kernel();
	begin_and_go(3);
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	made = rebooted_event();
	strcpy(made.release, "6.12.1");
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_SKIPPED);
	assert_string_equal(m_vm_of(0)->why, "aborted before its turn");
	m_expect_phase(FTH_RO_ABORTED);
}

/* Its answer to the confirmation was lost, and with it what its kernel said meanwhile. */
static void test_oops_in_the_last_greeting(void **state)
{
	static const uint64_t taints[] = { OOPS, WARN };
	struct fth_rollout_event made;
	int i;

	for (i = 0; i < 2; i++) {
		m_setup(state);
		m.policy.failures_then = FTH_THEN_PAUSE;
		begin_and_go(2);
		m_lost(0);
		made = m_seen_event(0, FTH_LC_APPLIED);
		made.taint = taints[i];
		assert_int_equal(m_step(&made), 0);
		m_expect(0, FTH_RV_FAILED);
		assert_int_equal(m.rollout.in_flight, 0);
		assert_true(m_vm_of(0)->touched);
		m_expect_phase(FTH_RO_PAUSED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_boots_another_kernel),
		MACHINE_TEST(test_a_canary_in_another_kernel_proves_nothing),
		MACHINE_TEST(test_all_in_another_kernel),
		MACHINE_TEST(test_comes_back_with_less),
		MACHINE_TEST(test_comes_back_with_another_payload),
		MACHINE_TEST(test_aborted_looks_at_nobody),
		MACHINE_TEST(test_oops_in_the_last_greeting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
