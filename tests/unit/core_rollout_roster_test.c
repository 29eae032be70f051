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

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_a_renamed_vm_keeps_its_place),
		MACHINE_TEST(test_renames_that_are_refused),
		MACHINE_TEST(test_names_can_be_given_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
