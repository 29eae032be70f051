// SPDX-License-Identifier: GPL-2.0
/* VMs that have the patch already, by whatever came before this rollout. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core_machine.h"

/* As the agent does: the roster first, then what is heard of each; -1 ends @found. */
static void begin(int count, const int *found)
{
	bool has_it;
	int i, k;

	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	for (i = 0; i < count; i++)
		m_add(i, "", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	for (i = 0; i < count; i++) {
		has_it = false;
		for (k = 0; found[k] >= 0; k++)
			has_it |= (int)m.rollout.vms[found[k]].order == i;
		m_seen(i, has_it ? FTH_LC_APPLIED : FTH_LC_ABSENT);
	}
}

static int at(uint32_t place)
{
	return (int)m.rollout.vms[place].order;
}

static void waves(uint32_t first)
{
	m_canary_first();
	m.policy.waves[0].value = first;
}

/* Else a half of those that are patched could fail, and be a small share. */
static void test_found_is_not_tried(void **state)
{
	static const int found[] = { 0, 1, 2, -1 };

	(void)state;
	waves(1);
	m.policy.failures_max = (struct fth_share){ true, 4000 };
	begin(6, found);
	assert_int_equal(m.rollout.wave, 1); /* the first had nothing to prove */
	assert_int_equal(m.rollout.tried, 3);
	m_result(at(3), FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	m_result(at(4), FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	m_result(at(5), FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	assert_string_equal(m.rollout.reverse_why,
			    "3 of 3 VMs tried failed (100%), allowed are 2 (40%): reversing");
}

static void test_nobody_left_to_patch(void **state)
{
	static const int found[] = { 0, 1, 2, -1 };

	(void)state;
	waves(1);
	begin(3, found);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m.rollout.tried, 0);
	/* It is this rollout's from when it is sent anything. */
	m_rebooted(at(0), 2);
	m_to_done(at(0));
	assert_int_equal(m.rollout.tried, 1);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m.rollout.recall_total, 3);
}

static void test_found_is_no_canary(void **state)
{
	static const int found[] = { 0, -1 };

	(void)state;
	waves(2);
	m.policy.failures_max = (struct fth_share){ false, 1 };
	m.policy.failures_then = FTH_THEN_PAUSE;
	begin(4, found);
	assert_int_equal(m.rollout.wave, 0);
	m_result(at(1), FTH_E_SYMBOL_UNKNOWN, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_PAUSED);
	assert_string_equal(m.rollout.why,
			    "wave 1 of 2: 1 VMs failed and none is healthy but those that had "
			    "the patch before: paused");
	/* A person says that this will do. */
	assert_int_equal(m_simple(FTH_RE_RESUME), 0);
	assert_int_equal(m.rollout.wave, 1);
	m_to_done(at(2));
	m_to_done(at(3));
	m_expect_phase(FTH_RO_COMPLETE);
}

/* The one that is to be the proof is away: another one takes its place. */
static void test_the_others_place_is_taken(void **state)
{
	static const int found[] = { 0, -1 };
	int away, other;

	(void)state;
	waves(2);
	begin(3, found);
	away = at(1);
	other = at(2);
	m_result(away, FTH_E_BUSY, FTH_LC_ABSENT);
	m_lost(away);
	m_expect(away, FTH_RV_DEFERRED);
	assert_int_equal(m.rollout.wave, 0);
	assert_int_equal(m_vm_of(other)->wave, 0);
	m_lost(other);
	m_result(other, FTH_E_BUSY, FTH_LC_ABSENT);
	m_expect(other, FTH_RV_DEFERRED);
	assert_string_equal(m.rollout.why,
			    "wave 1 of 2 waits: none of its VMs that lack the patch is reachable");
	m_seen(other, FTH_LC_ABSENT);
	m_tick(FTH_RETRY_AFTER_MS);
	m_to_done(other);
	m_expect_phase(FTH_RO_RUNNING); /* the last wave */
	m_seen(away, FTH_LC_ABSENT);
	m_to_done(away);
	m_expect_phase(FTH_RO_COMPLETE);
}

/* Whose place is free in a wave of VMs that have it: nobody is waited for. */
static void test_forgotten_among_found(void **state)
{
	static const int found[] = { 0, -1 };
	struct fth_rollout_event forget;
	int gone;

	(void)state;
	waves(2);
	begin(3, found);
	gone = at(1);
	m_lost(at(2));
	forget = m_event(FTH_RE_FORGET, gone);
	assert_int_equal(m_step(&forget), 0);
	assert_int_equal(m.rollout.wave, 1);
}

/* The wave asks nobody where it changed nothing. */
static void test_no_gate_behind_what_was_found(void **state)
{
	static const int found[] = { 0, -1 };

	(void)state;
	waves(1);
	m.policy.gate = FTH_GATE_MANUAL;
	begin(2, found);
	m_expect_phase(FTH_RO_RUNNING);
	assert_int_equal(m.rollout.wave, 1);
	m_to_done(at(1));
	m_expect_phase(FTH_RO_COMPLETE);
}

/* Out of a snapshot, or seen again: who was patched by this rollout stays one of its own. */
static void test_ones_own_stays_tried(void **state)
{
	static const int nobody[] = { -1 };
	struct fth_rollout_event made;

	(void)state;
	waves(1);
	begin(2, nobody);
	m_to_soaking(at(0));
	m_lost(at(0));
	m_seen(at(0), FTH_LC_APPLIED);
	made = m_seen_event(at(0), FTH_LC_APPLIED);
	made.restored = true;
	assert_int_equal(m_step(&made), 0);
	m_tick(SOAK_MS);
	m_expect(at(0), FTH_RV_DONE);
	assert_int_equal(m.rollout.tried, 2);
	assert_int_equal(m.rollout.wave, 1);
}

/* One that soaks is watched and confirmed here, so it proves something. */
static void test_found_soaking(void **state)
{
	(void)state;
	waves(1);
	m.policy.gate = FTH_GATE_MANUAL;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "", "", true);
	m_add(1, "", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_seen(at(0), FTH_LC_SOAKING);
	m_expect(at(0), FTH_RV_SOAKING);
	assert_int_equal(m.rollout.tried, 0);
	m_tick(SOAK_MS);
	assert_int_equal(m.rollout.tried, 1);
	m_result(at(0), FTH_E_OK, FTH_LC_APPLIED);
	m_seen(at(1), FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_GATED);
}

/* A share is of somebody: it can't be told of one that was only found. */
static void test_found_and_inconclusive(void **state)
{
	(void)state;
	m.policy.inconclusive_max = (struct fth_share){ true, 100 };
	m.policy.failures_then = FTH_THEN_PAUSE;
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	m_add(0, "", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_seen(0, FTH_LC_SOAKING);
	m_lost(0);
	m_tick(SOAK_MS);
	assert_true(m_vm_of(0)->inconclusive);
	assert_int_equal(m.rollout.tried, 1);
}

static void add_inherited(int vm, bool reachable)
{
	struct fth_rollout_event made = m_event(FTH_RE_ADD_VM, vm);

	made.sha256_matches = true;
	made.reachable = reachable;
	assert_int_equal(m_step(&made), 0);
}

/* The rollout before left the payload on a VM that is away now: it is not forgotten. */
static void begin_inherited(void)
{
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	add_inherited(0, false);
	m_add(1, "", "", true);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_seen(1, FTH_LC_ABSENT);
	m_to_done(1);
	m_expect_phase(FTH_RO_COMPLETE);
	m_expect(0, FTH_RV_DEFERRED);
	assert_true(m_vm_of(0)->touched);
	assert_int_equal(m.rollout.tried, 1);
}

static void test_inherited_goes_back_when_it_returns(void **state)
{
	bool patched = false;

	do {
		m_setup(state);
		begin_inherited();
		assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
		assert_int_equal(m.rollout.recall_total, 2);
		m_result(1, FTH_E_OK, FTH_LC_STAGED);
		m_result(1, FTH_E_OK, FTH_LC_ABSENT);
		m_expect_phase(FTH_RO_STUCK);
		m_seen(0, patched ? FTH_LC_APPLIED : FTH_LC_ABSENT);
		if (patched) {
			m_expect(0, FTH_RV_REVERSING);
			m_result(0, FTH_E_OK, FTH_LC_STAGED);
			m_result(0, FTH_E_OK, FTH_LC_ABSENT);
		}
		m_expect(0, FTH_RV_REVERSED);
		m_expect_phase(FTH_RO_REVERSED);
		patched = !patched;
	} while (patched);
}

/* It has the patch, as far as anybody knows: it is no reason to wait, nor for a canary. */
static void test_inherited_is_not_waited_for(void **state)
{
	(void)state;
	waves(1);
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	add_inherited(0, false);
	add_inherited(1, true);
	add_inherited(2, false);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	m_expect_phase(FTH_RO_RUNNING);
	m_seen(1, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m.rollout.tried, 0);
	m_seen(0, FTH_LC_APPLIED);
	m_expect(0, FTH_RV_DONE);
	m_seen(2, FTH_LC_ABSENT);
	m_to_done(2);
	m_expect_phase(FTH_RO_COMPLETE);
	assert_int_equal(m.rollout.tried, 1);
}

/* Its own word wins, whatever was said. */
static void test_inherited_is_not_there(void **state)
{
	(void)state;
	begin_inherited();
	m_seen(0, FTH_LC_ABSENT);
	m_expect(0, FTH_RV_STAGING);
	m_setup(NULL);
	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	add_inherited(0, true);
	assert_true(m_vm_of(0)->touched);
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
	assert_int_equal(m_simple(FTH_RE_ABORT), 0);
	m_expect(0, FTH_RV_SKIPPED);
	m_seen(0, FTH_LC_ABSENT);
	assert_false(m_vm_of(0)->touched);
	m_expect(0, FTH_RV_SKIPPED);
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_expect_phase(FTH_RO_REVERSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_found_is_not_tried),
		MACHINE_TEST(test_nobody_left_to_patch),
		MACHINE_TEST(test_found_is_no_canary),
		MACHINE_TEST(test_the_others_place_is_taken),
		MACHINE_TEST(test_forgotten_among_found),
		MACHINE_TEST(test_no_gate_behind_what_was_found),
		MACHINE_TEST(test_ones_own_stays_tried),
		MACHINE_TEST(test_found_soaking),
		MACHINE_TEST(test_found_and_inconclusive),
		MACHINE_TEST(test_inherited_goes_back_when_it_returns),
		MACHINE_TEST(test_inherited_is_not_waited_for),
		MACHINE_TEST(test_inherited_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
