// SPDX-License-Identifier: GPL-2.0
/* What samples of a hypervisor prove of a VM's health. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/health.h"

static struct fth_policy policy;
static struct fth_domain_sample before, first, last;
static struct fth_health_view view;
static char why[FTH_HEALTH_WHY_MAX];

static int set_up(void **state)
{
	(void)state;
	fth_policy_defaults(&policy);
	memset(&before, 0, sizeof(before));
	before.run = FTH_DOMAIN_RUNNING;
	strcpy(before.state, "running");
	before.has_vcpu = true;
	before.has_io = true;
	before.has_memory = true;
	before.vcpu_ns = 1000;
	before.io_requests = 10;
	before.rss_kib = 1000;
	first = before;
	last = before;
	view = (struct fth_health_view){
		.before = &before,
		.first = &first,
		.last = &last,
		.waited_ms = 9000, /* of health.timeout's 10 s */
	};
	return 0;
}

static uint8_t judge(uint8_t check)
{
	return fth_health_judge(check, &policy, &view, why);
}

static void test_vcpu(void **state)
{
	(void)state;
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), 0); /* look again */
	last.vcpu_ns++;
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), FTH_VERDICT_PASS);
	last.vcpu_ns = first.vcpu_ns - 1; /* it was started anew */
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), 0);
	last.vcpu_ns = first.vcpu_ns;
	view.is_over = true;
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), FTH_VERDICT_FAIL);
	assert_string_equal(why, "none of its vCPUs ran for 9000 ms");
	last.run = FTH_DOMAIN_HELD;
	strcpy(last.state, "paused");
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), FTH_VERDICT_INCONCLUSIVE);
	assert_string_equal(why, "the domain is paused, expected running");
	last.run = FTH_DOMAIN_RUNNING;
	view.waited_ms = policy.health_timeout_ms / 2 - 1; /* libvirt was slow, or gone since */
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), FTH_VERDICT_INCONCLUSIVE);
	assert_string_equal(why, "the hypervisor does not tell it twice, half of health.timeout "
				 "apart");
	last.has_vcpu = false;
	view.last = &last;
	assert_int_equal(judge(FTH_CHECK_VCPU_PROGRESS), FTH_VERDICT_INCONCLUSIVE);
}

/* As when QEMU was started anew: to be compared with what came before would be wrong. */
static void test_numbers_that_begin_anew(void **state)
{
	(void)state;
	assert_false(fth_health_began_anew(&first, &last));
	last.vcpu_ns = first.vcpu_ns - 1;
	assert_true(fth_health_began_anew(&first, &last));
	last.has_vcpu = false;
	assert_false(fth_health_began_anew(&first, &last));
	last.io_requests = first.io_requests - 1;
	assert_true(fth_health_began_anew(&first, &last));
	first.has_io = false;
	assert_false(fth_health_began_anew(&first, &last));
}

static void test_state(void **state)
{
	(void)state;
	assert_int_equal(judge(FTH_CHECK_DOMAIN_STATE), FTH_VERDICT_PASS);
	last.run = FTH_DOMAIN_BROKEN;
	strcpy(last.state, "crashed");
	assert_int_equal(judge(FTH_CHECK_DOMAIN_STATE), FTH_VERDICT_FAIL);
	assert_string_equal(why, "the domain is crashed, expected running");
	last.run = FTH_DOMAIN_HELD;
	assert_int_equal(judge(FTH_CHECK_DOMAIN_STATE), FTH_VERDICT_INCONCLUSIVE);
}

static void test_io(void **state)
{
	(void)state;
	assert_int_equal(judge(FTH_CHECK_IO_PROGRESS), 0);
	view.is_over = true;
	assert_int_equal(judge(FTH_CHECK_IO_PROGRESS), FTH_VERDICT_INCONCLUSIVE);
	last.io_requests++;
	assert_int_equal(judge(FTH_CHECK_IO_PROGRESS), FTH_VERDICT_PASS);
	first.has_io = false;
	assert_int_equal(judge(FTH_CHECK_IO_PROGRESS), FTH_VERDICT_INCONCLUSIVE);
	assert_string_equal(why, "the hypervisor does not tell what its disks and interfaces did");
}

static void test_memory(void **state)
{
	(void)state;
	last.rss_kib = 1200;
	assert_int_equal(judge(FTH_CHECK_MEMORY), FTH_VERDICT_PASS); /* 20% by default */
	last.rss_kib = 1201;
	assert_int_equal(judge(FTH_CHECK_MEMORY), FTH_VERDICT_FAIL);
	assert_string_equal(why, "it occupies 1201 KiB of the host, 1000 KiB when its soak began; "
				 "health.memory-growth allows 1200 KiB");
	policy.memory_growth.value = 2010;
	assert_int_equal(judge(FTH_CHECK_MEMORY), FTH_VERDICT_PASS);
	/* One sample alone has not grown. */
	view.before = &last;
	assert_int_equal(judge(FTH_CHECK_MEMORY), 0);
	view.is_over = true;
	assert_int_equal(judge(FTH_CHECK_MEMORY), FTH_VERDICT_INCONCLUSIVE);
}

static void test_others_are_not_known(void **state)
{
	(void)state;
	assert_int_equal(judge(FTH_CHECK_COMMAND), FTH_VERDICT_INCONCLUSIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_vcpu, set_up),
		cmocka_unit_test_setup(test_numbers_that_begin_anew, set_up),
		cmocka_unit_test_setup(test_state, set_up),
		cmocka_unit_test_setup(test_io, set_up),
		cmocka_unit_test_setup(test_memory, set_up),
		cmocka_unit_test_setup(test_others_are_not_known, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
