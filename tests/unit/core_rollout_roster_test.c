// SPDX-License-Identifier: GPL-2.0
/* The roster of a rollout: VMs that change their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core_machine.h"

static int rename_vm(const char *from, const char *to)
{
	struct fth_rollout_event made = m_event(FTH_RE_RENAME, -1);

	snprintf(made.vm, sizeof(made.vm), "%s", from);
	snprintf(made.why, sizeof(made.why), "%s", to);
	return m_step(&made);
}

/* The VM stays the same one: its op, its budget, its answer. */
static void test_a_renamed_vm_keeps_its_place(void **state)
{
	struct fth_rollout_event result;
	char name[FTH_VM_NAME_MAX + 1];

	(void)state;
	m_begin(3);
	m_expect(0, FTH_RV_STAGING);
	strcpy(name, m_vm_of(0)->name);
	m_lost(0);
	assert_int_equal(rename_vm(name, "db-1"), 0);
	assert_true(m.actions.changed);
	assert_null(fth_rollout_find(&m.rollout, name));
	assert_ptr_equal(fth_rollout_find(&m.rollout, "db-1"), m_vm_of(0));
	m_expect(0, FTH_RV_UNKNOWN);
	assert_int_equal(m.rollout.in_flight, 3);
	result = m_event(FTH_RE_RESULT, 0);
	strcpy(result.vm, "db-1");
	result.op_id = m_vm_of(0)->op_id;
	result.guest_state = FTH_LC_STAGED;
	assert_int_equal(m_step(&result), 0);
	m_expect(0, FTH_RV_WAITING);
	assert_int_equal(m.rollout.vm_count, 3);
}

static void test_renames_that_are_refused(void **state)
{
	char first[FTH_VM_NAME_MAX + 1], long_name[FTH_VM_NAME_MAX + 2];

	(void)state;
	m_begin(2);
	strcpy(first, m_vm_of(0)->name);
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(rename_vm(first, m_vm_of(1)->name), -EINVAL);
	assert_int_equal(rename_vm(first, first), -EINVAL);
	assert_int_equal(rename_vm(first, ""), -EINVAL);
	assert_int_equal(rename_vm(first, long_name), -EINVAL);
	assert_string_equal(m_vm_of(0)->name, first);
	assert_int_equal(rename_vm("nobody", "db-1"), 0);
	assert_false(m.actions.changed);
}

/* Also where the policy would not select the new name, and after the name is free again. */
static void test_names_can_be_given_anew(void **state)
{
	char first[FTH_VM_NAME_MAX + 1];

	(void)state;
	m_begin(2);
	strcpy(first, m_vm_of(0)->name);
	assert_int_equal(rename_vm(first, "x/1"), 0);
	assert_int_equal(rename_vm(m_vm_of(1)->name, first), 0);
	assert_int_equal(rename_vm("x/1", "vm-9"), 0);
	assert_ptr_equal(fth_rollout_find(&m.rollout, first), m_vm_of(1));
	assert_ptr_equal(fth_rollout_find(&m.rollout, "vm-9"), m_vm_of(0));
}

static int forget(int vm, const char *who)
{
	struct fth_rollout_event made = m_event(FTH_RE_FORGET, vm);

	snprintf(made.who, sizeof(made.who), "%s", who);
	snprintf(made.why, sizeof(made.why), "its disk burnt");
	return m_step(&made);
}

/* Nobody waits for it: not its op's answer, and not the way back. */
static void test_a_forgotten_vm_holds_nothing_up(void **state)
{
	struct fth_recall recall;

	(void)state;
	m.policy.in_flight.fleet = 1;
	m_begin(2);
	m_lost(m_first());
	m_expect(m_first(), FTH_RV_UNKNOWN);
	m_expect(1 - m_first(), FTH_RV_WAITING);
	assert_int_equal(forget(m_first(), "ann"), 0);
	m_expect(m_first(), FTH_RV_FORGOTTEN);
	assert_string_equal(m_vm_of(m_first())->why, "by request of 'ann': its disk burnt");
	m_expect(1 - m_first(), FTH_RV_STAGING);
	assert_int_equal(m.rollout.in_flight, 1);
	assert_int_equal(m.rollout.tried, 2);
	m_to_soaking(1 - m_first());
	m_lost(1 - m_first());
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	m_expect_phase(FTH_RO_STUCK);
	fth_rollout_recall(&m.rollout, m.now_ms, &recall);
	assert_int_equal(recall.total, 1);
	assert_int_equal(forget(1 - m_first(), "ann"), 0);
	m_expect_phase(FTH_RO_REVERSED);
	fth_rollout_recall(&m.rollout, m.now_ms, &recall);
	assert_int_equal(recall.total, 0);
	assert_int_equal(recall.left, 0);
	assert_int_equal(forget(0, "ann"), 0); /* for the second time */
	assert_false(m.actions.changed);
}

static void fails(int vm)
{
	m_expect(vm, FTH_RV_STAGING);
	m_result(vm, FTH_E_OK, FTH_LC_STAGED);
	m_result(vm, FTH_E_SYMBOL_UNKNOWN, FTH_LC_STAGED);
}

/* Or VMs that are made anew each time they fail would never spend the budget. */
static void test_who_gets_a_place_may_fail_too(void **state)
{
	(void)state;
	m.policy.failures_max = (struct fth_share){ false, 1 };
	m_begin(3);
	fails(0);
	assert_int_equal(forget(0, ""), 0);
	m_add(0, "h0", "", true);
	m_seen(0, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_RUNNING);
	fails(0);
	assert_int_equal(m.rollout.failures, 2);
	assert_int_equal(m.rollout.tried, 4);
	m_expect_phase(FTH_RO_REVERSING);
}

/* What is said of it is of nobody, until it is added: then it is a new one. */
static void test_a_forgotten_vm_comes_back_as_a_new_one(void **state)
{
	(void)state;
	m_begin(1);
	m_to_soaking(0);
	m_lost(0);
	assert_int_equal(forget(0, ""), 0);
	assert_string_equal(m_vm_of(0)->why, "its disk burnt");
	m_seen(0, FTH_LC_SOAKING);
	assert_false(m.actions.changed);
	m_add(0, "h0", "", true);
	m_expect(0, FTH_RV_WAITING);
	assert_int_equal(m.rollout.vm_count, 1);
	assert_false(m_vm_of(0)->touched);
	m_seen(0, FTH_LC_ABSENT);
	m_to_done(0);
	m_expect_phase(FTH_RO_COMPLETE);
}

/* On the way back it is taken back, if it has the patch. */
static void test_a_forgotten_vm_comes_back_with_the_patch(void **state)
{
	struct fth_rollout_event made;
	struct fth_recall recall;

	(void)state;
	m_begin(1);
	m_to_soaking(0);
	m_lost(0);
	made = m_event(FTH_RE_REVERSE, -1);
	made.blocked = true;
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(forget(0, "ann"), 0);
	m_expect_phase(FTH_RO_REVERSED);
	made = m_event(FTH_RE_ADD_VM, 0);
	made.sha256_matches = true;
	assert_int_equal(m_step(&made), 0);
	m_expect(0, FTH_RV_SKIPPED);
	m_seen(0, FTH_LC_APPLIED);
	m_expect_phase(FTH_RO_REVERSING);
	assert_int_equal(m_sent(FTH_OP_REVERSE), 1);
	m_result(0, FTH_E_OK, FTH_LC_STAGED);
	m_result(0, FTH_E_OK, FTH_LC_ABSENT);
	m_expect_phase(FTH_RO_REVERSED);
	fth_rollout_recall(&m.rollout, m.now_ms, &recall);
	assert_int_equal(recall.total, 1);
	assert_int_equal(recall.back, 1);
}

/* Also one that the policy does not select, where the payload may be nowhere. */
static void test_what_is_recalled_goes_back_from_anybody(void **state)
{
	struct fth_rollout_event made;

	(void)state;
	m.policy.select_name.count = 1;
	strcpy(m.policy.select_name.entries[0].text, "vm-0");
	m_begin(1);
	m_to_done(0);
	made = m_event(FTH_RE_ADD_VM, 7);
	made.sha256_matches = true;
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(m.rollout.vm_count, 1); /* it is none of ours as long as all is well */
	assert_int_equal(m_simple(FTH_RE_REVERSE), 0);
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(m.rollout.vm_count, 1); /* nor when only ours are taken back */
	made = m_event(FTH_RE_REVERSE, -1);
	made.blocked = true;
	assert_int_equal(m_step(&made), 0);
	made = m_event(FTH_RE_ADD_VM, 7);
	made.sha256_matches = true;
	assert_int_equal(m_step(&made), 0);
	assert_int_equal(m.rollout.vm_count, 2);
	made = m_seen_event(7, FTH_LC_APPLIED);
	assert_int_equal(m_step(&made), 0);
	m_expect(1, FTH_RV_REVERSING);
}

/* A wave whose VM is no more proves nothing: another one goes first. */
static void test_a_forgotten_canary_is_replaced(void **state)
{
	int canary;

	(void)state;
	m_canary_first();
	m_begin(3);
	canary = m_first();
	m_lost(canary);
	assert_int_equal(forget(canary, "ann"), 0);
	assert_int_equal(m.rollout.wave, 0);
	assert_int_equal(m_sent(FTH_OP_STAGE), 1);
	assert_int_equal(m_vm_of(canary)->wave, 1);
}

/* Also by one that is away when the wave's only VM is forgotten: nobody goes without. */
static void test_a_forgotten_canary_is_waited_for(void **state)
{
	int canary, other;

	(void)state;
	m_canary_first();
	m_begin(2);
	canary = m_first();
	other = 1 - canary;
	m_lost(other);
	m_lost(canary);
	assert_int_equal(forget(canary, "ann"), 0);
	assert_int_equal(m.rollout.wave, 0);
	m_expect_phase(FTH_RO_RUNNING);
	m_seen(other, FTH_LC_ABSENT);
	m_expect(other, FTH_RV_STAGING);
	assert_int_equal(m.rollout.wave, 0);
	assert_int_equal(forget(other, "ann"), 0);
	m_expect_phase(FTH_RO_COMPLETE);
}

/* A full roster has room again where somebody was forgotten; names may be taken over. */
static void test_places_that_are_given_away(void **state)
{
	struct fth_rollout_event made;
	int i;

	(void)state;
	m_begin(VMS_MAX);
	made = m_event(FTH_RE_ADD_VM, VMS_MAX);
	assert_int_equal(m_step(&made), -ENOSPC);
	assert_int_equal(forget(3, ""), 0);
	assert_int_equal(m_step(&made), 0);
	assert_string_equal(m_vm_of(3)->name, made.vm);
	assert_int_equal(m.rollout.vm_count, VMS_MAX);
	m_expect(3, FTH_RV_DEFERRED);
	assert_int_equal(forget(5, ""), 0);
	assert_int_equal(rename_vm("vm-6", "vm-5"), 0);
	assert_ptr_equal(fth_rollout_find(&m.rollout, "vm-5"), m_vm_of(6));
	assert_ptr_equal(fth_rollout_find(&m.rollout, "vm-6"), m_vm_of(5));
	for (i = 0; i < (int)VMS_MAX; i++)
		assert_ptr_equal(fth_rollout_find(&m.rollout, m_vm_of(i)->name), m_vm_of(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_a_forgotten_vm_holds_nothing_up),
		MACHINE_TEST(test_who_gets_a_place_may_fail_too),
		MACHINE_TEST(test_a_forgotten_vm_comes_back_as_a_new_one),
		MACHINE_TEST(test_a_forgotten_vm_comes_back_with_the_patch),
		MACHINE_TEST(test_what_is_recalled_goes_back_from_anybody),
		MACHINE_TEST(test_a_forgotten_canary_is_replaced),
		MACHINE_TEST(test_a_forgotten_canary_is_waited_for),
		MACHINE_TEST(test_places_that_are_given_away),
		MACHINE_TEST(test_a_renamed_vm_keeps_its_place),
		MACHINE_TEST(test_renames_that_are_refused),
		MACHINE_TEST(test_names_can_be_given_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
