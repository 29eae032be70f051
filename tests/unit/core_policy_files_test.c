// SPDX-License-Identifier: GPL-2.0
/*
 * The policy files of policies/: each good one loads, each bad one is refused
 * with exactly the message that stands beside it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glob.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/policy_yaml.h"

#define GOOD_MIN 4u /* fewer files than these: the test looks in vain */
#define SHIPPED_MIN 6u
#define BAD_MIN 50u

static char message[FTH_POLICY_ERROR_MAX];

/* Return: the loader's, @policy and the message set. */
static int load(const char *path, struct fth_policy **ret_policy)
{
	*ret_policy = test_malloc(sizeof(**ret_policy));
	message[0] = 0;
	return fth_policy_yaml_load(path, *ret_policy, message, sizeof(message));
}

static void find(const char *pattern, size_t least, glob_t *ret_files)
{
	assert_int_equal(glob(pattern, 0, NULL, ret_files), 0);
	assert_true(ret_files->gl_pathc >= least);
}

static void expect_good(const char *path)
{
	struct fth_policy_fault fault;
	struct fth_policy *policy;

	if (load(path, &policy))
		fail_msg("%s", message);
	assert_int_equal(fth_policy_validate(policy, &fault), 0);
	assert_int_equal(policy->file[0], '/');
	test_free(policy);
}

static void test_good(void **state)
{
	glob_t files;
	size_t i;

	(void)state;
	find("policies/good/*.yaml", GOOD_MIN, &files);
	for (i = 0; i < files.gl_pathc; i++)
		expect_good(files.gl_pathv[i]);
	globfree(&files);
	find("policies/*.yaml", SHIPPED_MIN, &files);
	for (i = 0; i < files.gl_pathc; i++)
		expect_good(files.gl_pathv[i]);
	globfree(&files);
}

static void read_expected(const char *path, char *ret_text, size_t size)
{
	char name[256];
	size_t length;
	FILE *file;

	snprintf(name, sizeof(name), "%.*s.expected", (int)strlen(path) - 5, path);
	file = fopen(name, "re");
	if (!file)
		fail_msg("'%s' is missing: each bad policy has its message", name);
	length = fread(ret_text, 1, size - 1, file);
	fclose(file);
	ret_text[length] = 0;
	ret_text[strcspn(ret_text, "\n")] = 0;
}

/* Messages name the file as it was given, here from inside the folder. */
static void test_bad(void **state)
{
	char expected[FTH_POLICY_ERROR_MAX];
	struct fth_policy *policy;
	char *folder;
	glob_t files;
	size_t i;

	(void)state;
	folder = getcwd(NULL, 0);
	assert_non_null(folder);
	assert_int_equal(chdir("policies/bad"), 0);
	find("*.yaml", BAD_MIN, &files);
	for (i = 0; i < files.gl_pathc; i++) {
		read_expected(files.gl_pathv[i], expected, sizeof(expected));
		if (load(files.gl_pathv[i], &policy) != -EINVAL)
			fail_msg("'%s' was not refused", files.gl_pathv[i]);
		assert_string_equal(message, expected);
		test_free(policy);
	}
	globfree(&files);
	assert_int_equal(chdir(folder), 0);
	free(folder);
}

/* default.yaml is what the code takes for the defaults. */
static void test_default_is_default(void **state)
{
	struct fth_policy *defaults = test_malloc(sizeof(*defaults));
	struct fth_policy *policy;

	(void)state;
	if (load("policies/default.yaml", &policy))
		fail_msg("%s", message);
	fth_policy_defaults(defaults);
	memcpy(defaults->name, policy->name, sizeof(policy->name));
	memcpy(defaults->file, policy->file, sizeof(policy->file));
	assert_memory_equal(policy, defaults, sizeof(*policy));
	test_free(defaults);
	test_free(policy);
}

static void test_file_is_beside_the_policy(void **state)
{
	static const char text[] = "version: 1\npatch: {name: a, file: a.ko}\n";
	struct fth_policy *policy = test_malloc(sizeof(*policy));

	(void)state;
	assert_int_equal(fth_policy_yaml_parse(text, strlen(text), "/srv/p/x.yaml", policy, message,
					       sizeof(message)),
			 0);
	assert_string_equal(policy->file, "/srv/p/a.ko");
	test_free(policy);
}

static void test_extend_set_survives_the_copy(void **state)
{
	struct fth_policy *policy;

	(void)state;
	assert_int_equal(load("policies/good/every_key.yaml", &policy), 0);
	assert_int_equal(policy->guest.extend_set_count, 2);
	assert_ptr_equal(policy->guest.extend_set[1].data, policy->extend_set[1]);
	assert_int_equal(policy->guest.extend_set[1].length, strlen("nf_tables:nft_do_chain"));
	assert_string_equal(policy->extend_set[1], "nf_tables:nft_do_chain");
	assert_int_equal(policy->sha256[0], 0x9f);
	assert_int_equal(policy->window_count, 1);
	assert_int_equal(policy->windows[0].days, 3);
	assert_int_equal(policy->windows[0].from_min, 22 * 60);
	assert_int_equal(policy->windows[0].to_min, 4 * 60);
	test_free(policy);
}

static void test_windows(void **state)
{
	struct fth_policy *policy;

	(void)state;
	assert_int_equal(load("policies/good/windows.yaml", &policy), 0);
	assert_int_equal(policy->window_count, 2);
	assert_int_equal(policy->windows[0].days, 0x1f);
	assert_int_equal(policy->windows[0].from_min, 22 * 60);
	assert_int_equal(policy->windows[0].to_min, 5 * 60);
	assert_int_equal(policy->windows[1].days, 0x60);
	assert_int_equal(policy->windows[1].from_min, 0);
	assert_int_equal(policy->windows[1].to_min, 23 * 60 + 59);
	test_free(policy);
}

/* What a rollout began with is read again, though a rule of today would refuse it. */
static void test_kept_policies_are_read(void **state)
{
	static const char text[] = "version: 1\npatch: {name: a, file: a.ko}\n"
				   "transition: {deadline: none, on-deadline: force}\n";
	static const char wrong[] = "version: 1\npatch: {name: a, file: a.ko}\n"
				    "transition: {deadline: soon}\n";
	struct fth_policy *policy = test_malloc(sizeof(*policy));

	(void)state;
	assert_int_equal(fth_policy_yaml_parse(text, strlen(text), "x.yaml", policy, message,
					       sizeof(message)),
			 -EINVAL);
	assert_int_equal(fth_policy_yaml_parse_kept(text, strlen(text), "x.yaml", policy, message,
						    sizeof(message)),
			 0);
	assert_int_equal(policy->guest.on_deadline, FTH_ON_DEADLINE_FORCE);
	assert_int_equal(fth_policy_yaml_parse_kept(wrong, strlen(wrong), "x.yaml", policy, message,
						    sizeof(message)),
			 -EINVAL);
	test_free(policy);
}

static void test_too_large(void **state)
{
	struct fth_policy *policy = test_malloc(sizeof(*policy));
	char *text = test_calloc(1, FTH_POLICY_FILE_MAX + 1);

	(void)state;
	memset(text, '#', FTH_POLICY_FILE_MAX + 1);
	assert_int_equal(fth_policy_yaml_parse(text, FTH_POLICY_FILE_MAX + 1, "x", policy, message,
					       sizeof(message)),
			 -EINVAL);
	assert_string_equal(message, "x: found 65537 bytes, expected at most 65536");
	test_free(text);
	test_free(policy);
}

static void test_missing_file(void **state)
{
	struct fth_policy *policy;

	(void)state;
	assert_int_equal(load("policies/none.yaml", &policy), -ENOENT);
	assert_string_equal(message,
			    "policies/none.yaml: can't be opened: No such file or directory");
	test_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_default_is_default),
		cmocka_unit_test(test_file_is_beside_the_policy),
		cmocka_unit_test(test_extend_set_survives_the_copy),
		cmocka_unit_test(test_windows),
		cmocka_unit_test(test_kept_policies_are_read),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_missing_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
