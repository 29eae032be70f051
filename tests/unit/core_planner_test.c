// SPDX-License-Identifier: GPL-2.0
/* The plan: which VM in which wave, the same for the same seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_machine.h"

/* A roster of @count VMs on @hosts hosts, added in any order, and its plan. */
static void plan(uint64_t seed, int count, int hosts, bool backwards)
{
	char host[16];
	int i;

	fth_rollout_init(&m.rollout, 3, &m.policy, seed, m.vms, m.slots, VMS_MAX);
	for (i = 0; i < count; i++) {
		int vm = backwards ? count - 1 - i : i;

		snprintf(host, sizeof(host), "h%d", vm % hosts);
		m_add(vm, host, "", true);
	}
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
}

static const struct fth_rollout_vm *nth(uint32_t i)
{
	return &m.rollout.vms[m.rollout.vms[i].order];
}

static uint32_t in_wave(uint32_t wave)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < m.rollout.vm_count; i++)
		count += m.rollout.vms[i].wave == wave;
	return count;
}

static void set_waves(uint32_t count, const struct fth_share *waves)
{
	m.policy.wave_count = count;
	memcpy(m.policy.waves, waves, count * sizeof(*waves));
}

static void test_waves_are_cumulative(void **state)
{
	static const struct fth_share waves[] = {
		{ false, 1 }, { true, 1000 }, { true, 5000 }, { true, 10000 }
	};

	(void)state;
	set_waves(4, waves);
	plan(1, 30, 30, false);
	assert_int_equal(in_wave(0), 1);
	assert_int_equal(in_wave(1), 2);
	assert_int_equal(in_wave(2), 12);
	assert_int_equal(in_wave(3), 15);
}

static void test_same_seed_same_plan(void **state)
{
	char names[20][FTH_VM_NAME_MAX + 1];
	uint32_t moved = 0;
	uint32_t i;

	(void)state;
	plan(7, 20, 3, false);
	for (i = 0; i < 20; i++)
		strcpy(names[i], nth(i)->name);
	plan(7, 20, 3, true);
	for (i = 0; i < 20; i++)
		assert_string_equal(nth(i)->name, names[i]);
	plan(8, 20, 3, false);
	for (i = 0; i < 20; i++)
		moved += strcmp(nth(i)->name, names[i]) != 0;
	assert_true(moved > 10);
}

static void test_spread_over_hosts(void **state)
{
	uint32_t i, j;

	(void)state;
	plan(1, 20, 5, false);
	for (i = 0; i < 20; i += 5)
		for (j = i; j < i + 5; j++)
			assert_true(j == i || strcmp(nth(i)->host, nth(j)->host) != 0);
}

static void test_named_canaries_come_first(void **state)
{
	static const struct fth_share waves[] = { { false, 1 }, { true, 10000 } };

	(void)state;
	set_waves(2, waves);
	m.policy.canary.count = 3;
	strcpy(m.policy.canary.entries[0].text, "vm-9");
	strcpy(m.policy.canary.entries[1].text, "nobody");
	strcpy(m.policy.canary.entries[2].text, "vm-4");
	plan(1, 12, 3, false);
	assert_string_equal(nth(0)->name, "vm-9");
	assert_string_equal(nth(1)->name, "vm-4");
	assert_int_equal(in_wave(0), 2); /* both, though the wave says 1 */
	assert_int_equal(in_wave(1), 10);
}

static void test_behind_the_last_wave(void **state)
{
	static const struct fth_share waves[] = { { true, 2500 } };

	(void)state;
	set_waves(1, waves);
	plan(1, 8, 8, false);
	assert_int_equal(in_wave(0), 2);
	assert_int_equal(in_wave(1), 6);
}

static void test_nobody(void **state)
{
	(void)state;
	plan(1, 0, 1, false);
	assert_int_equal(m.rollout.phase, FTH_RO_COMPLETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MACHINE_TEST(test_waves_are_cumulative),
		MACHINE_TEST(test_same_seed_same_plan),
		MACHINE_TEST(test_spread_over_hosts),
		MACHINE_TEST(test_named_canaries_come_first),
		MACHINE_TEST(test_behind_the_last_wave),
		MACHINE_TEST(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
