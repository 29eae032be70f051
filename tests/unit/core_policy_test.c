// SPDX-License-Identifier: GPL-2.0
/* Policies as values: patterns, shares, rules across fields. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"
#include "core/policy_range.h"
#include "core/text.h"

static void test_patterns(void **state)
{
	static const struct {
		const char *pattern;
		const char *text;
		bool matches;
	} rows[] = {
		{ "*", "", true },
		{ "*", "web-1", true },
		{ "web-*", "web-1", true },
		{ "web-*", "db-1", false },
		{ "web-?", "web-", false },
		{ "web-?", "web-12", false },
		{ "*-[0-9]", "web-7", true },
		{ "*-[!0-9]", "web-7", false },
		{ "*-[!0-9]", "web-x", true },
		{ "[]x]", "]", true },
		{ "[a-]", "-", true },
		{ "6.1.*-cloud-amd64", "6.1.0-37-cloud-amd64", true },
		{ "6.1.*-cloud-amd64", "6.1.0-37-cloud-amd64-x", false },
		{ "6.1.*", "6.12.1", false },
		{ "a*b*c", "aXbXbXc", true },
		{ "a*b*c", "aXbXbX", false },
		{ "", "", true },
		{ "", "x", false },
		{ "[abc", "[abc", true }, /* unclosed: itself */
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (fth_pattern_match(rows[i].pattern, rows[i].text) != rows[i].matches)
			fail_msg("'%s' and '%s'", rows[i].pattern, rows[i].text);
}

/* Stars must not multiply the work: this would take ages by recursion. */
static void test_pattern_is_bounded(void **state)
{
	char text[4096];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_false(fth_pattern_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
}

static void test_valid_patterns(void **state)
{
	(void)state;
	assert_true(fth_pattern_valid("web-[0-9]"));
	assert_false(fth_pattern_valid("web-[0-9"));
	assert_false(fth_pattern_valid("[]"));
	assert_false(fth_pattern_valid(""));
}

static void test_shares(void **state)
{
	static const struct {
		struct fth_share share;
		uint32_t total;
		uint32_t count;
	} rows[] = {
		{ { true, 200 }, 30, 1 }, /* 0.6 is rounded up */
		{ { true, 200 }, 50, 1 },
		{ { true, 200 }, 51, 2 },
		{ { true, 10000 }, 7, 7 },
		{ { true, 0 }, 7, 0 },
		{ { true, 1 }, 100000, 10 },
		{ { true, 10000 }, 0, 0 },
		{ { false, 3 }, 2, 2 },
		{ { false, 3 }, 9, 3 },
		{ { true, 10000 }, 4294967295u, 4294967295u },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_int_equal(fth_share_of(&rows[i].share, rows[i].total), rows[i].count);
}

static void test_format(void **state)
{
	char text[16];

	(void)state;
	memset(text, 'x', sizeof(text));
	fth_text_format(text, sizeof(text), "%s:%u%%%llu", "a", 70u, 1ULL << 33);
	assert_memory_equal(text, "a:70%8589934592", 16);
	fth_text_format(text, sizeof(text), "%s", "0123456789abcdefgh");
	assert_string_equal(text, "0123456789abcde");
	fth_text_format(text, sizeof(text), "%s", "z");
	assert_memory_equal(text, "z\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

static void test_durations_read_well(void **state)
{
	const struct fth_policy_range *soak = fth_policy_range_find("rollout.soak");
	const struct fth_policy_range *nudge = fth_policy_range_find("nudge.after");
	char text[FTH_POLICY_RANGE_TEXT_MAX];

	(void)state;
	fth_policy_range_format(soak, 90000, text);
	assert_string_equal(text, "90s");
	fth_policy_range_format(soak, 7200000, text);
	assert_string_equal(text, "2h");
	fth_policy_range_format(soak, 1, text);
	assert_string_equal(text, "1ms");
	fth_policy_range_format(nudge, FTH_NUDGE_MANUAL, text);
	assert_string_equal(text, "manual");
	assert_null(fth_policy_range_find("rollout.waves"));
}

static struct fth_policy *valid_policy(void)
{
	struct fth_policy *policy = test_malloc(sizeof(*policy));

	fth_policy_defaults(policy);
	strcpy(policy->name, "p");
	strcpy(policy->file, "/p.ko");
	return policy;
}

/* A policy that no file was loaded from is checked just the same. */
static void test_every_range_is_checked(void **state)
{
	const struct fth_policy_range *range;
	struct fth_policy_fault fault;
	struct fth_policy *policy = valid_policy();
	uint32_t held;
	uint32_t i;

	(void)state;
	assert_int_equal(fth_policy_validate(policy, &fault), 0);
	for (i = 0; (range = fth_policy_range_at(i)); i++) {
		held = fth_policy_range_get(range, policy);
		fth_policy_range_set(range, range->max + 1, policy);
		assert_int_equal(fth_policy_validate(policy, &fault), -EINVAL);
		assert_string_equal(fault.key, range->key);
		fth_policy_range_set(range, held, policy);
	}
	assert_true(i > 10);
	test_free(policy);
}

static void test_checks(void **state)
{
	struct fth_policy *policy = valid_policy();
	struct fth_policy_fault fault;

	(void)state;
	assert_int_equal(fth_policy_guest_needs(policy) & FTH_CAP_EFFECT, 0);
	policy->health_guest |= FTH_HEALTH_GUEST_EFFECT;
	assert_int_not_equal(fth_policy_guest_needs(policy) & FTH_CAP_EFFECT, 0);
	assert_int_equal(fth_policy_checks(policy), 0);
	assert_int_equal(fth_policy_wave_checks(policy), 0);
	policy->health_host = FTH_HEALTH_HOST_IO_PROGRESS;
	policy->command_count = 1;
	strcpy(policy->command[0], "probe");
	strcpy(policy->wave_http, "http://monitor/");
	assert_int_equal(fth_policy_checks(policy),
			 1u << FTH_CHECK_IO_PROGRESS | 1u << FTH_CHECK_COMMAND);
	assert_int_equal(fth_policy_wave_checks(policy), 1u << FTH_CHECK_WAVE_HTTP);
	assert_int_equal(fth_policy_validate(policy, &fault), -EINVAL);
	assert_string_equal(fault.key, "health.command[0]");
	assert_string_equal(fault.why, "found 'probe', expected a program's absolute path");
	strcpy(policy->command[0], "/bin/probe");
	assert_int_equal(fth_policy_validate(policy, &fault), 0);
	strcpy(policy->http, "ftp://monitor/");
	assert_int_equal(fth_policy_validate(policy, &fault), -EINVAL);
	assert_string_equal(fault.key, "health.http");
	test_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_pattern_is_bounded),
		cmocka_unit_test(test_valid_patterns),
		cmocka_unit_test(test_shares),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_durations_read_well),
		cmocka_unit_test(test_every_range_is_checked),
		cmocka_unit_test(test_checks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
