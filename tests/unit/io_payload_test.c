// SPDX-License-Identifier: GPL-2.0
/* Module files: what is no livepatch module for x86-64 does not travel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <elf.h>
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include "core/policy.h"
#include "io/payload.h"
#include "module_file.h"

#define GOOD_INFO "license=GPL\0livepatch=Y\0name=demo\0vermagic=6.1.0-9-cloud-amd64 SMP mod_unload"

static char path[] = "/tmp/fother-payload.XXXXXX";
static char message[FTH_PAYLOAD_ERROR_MAX];

static int load(const void *bytes, size_t size, struct fth_payload *ret_payload)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, size), (ssize_t)size);
	close(fd);
	message[0] = 0;
	return fth_payload_load(path, NULL, ret_payload, message, sizeof(message));
}

static void expect_refused(const struct module_file *module, const char *why)
{
	struct fth_payload payload;

	assert_int_equal(load(module, sizeof(*module), &payload), -EINVAL);
	if (!strstr(message, why))
		fail_msg("found \"%s\", expected \"%s\"", message, why);
}

static void test_good_module(void **state)
{
	uint8_t hash[crypto_hash_sha256_BYTES];
	struct fth_payload payload;
	struct module_file module;

	(void)state;
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	assert_int_equal(load(&module, sizeof(module), &payload), 0);
	assert_string_equal(payload.name, "demo");
	assert_string_equal(payload.release, "6.1.0-9-cloud-amd64");
	assert_int_equal(payload.size, sizeof(module));
	assert_memory_equal(payload.bytes, &module, sizeof(module));
	crypto_hash_sha256(hash, (const uint8_t *)&module, sizeof(module));
	assert_memory_equal(payload.sha256, hash, sizeof(hash));
	fth_payload_free(&payload);
}

static void test_wrong_modules(void **state)
{
	static const char no_livepatch[] = "name=demo\0vermagic=6.1 SMP";
	static const char no_name[] = "livepatch=Y\0vermagic=6.1 SMP";
	static const char no_vermagic[] = "livepatch=Y\0name=demo";
	static const char open_end[] = { 'n', 'a', 'm', 'e', '=', 'x' };
	struct module_file module;

	(void)state;
	module_file_make(&module, no_livepatch, sizeof(no_livepatch));
	expect_refused(&module, "found livepatch='', expected 'Y'");
	module_file_make(&module, no_name, sizeof(no_name));
	expect_refused(&module, "found a name of 0 bytes");
	module_file_make(&module, no_vermagic, sizeof(no_vermagic));
	expect_refused(&module, "found vermagic ''");
	module_file_make(&module, open_end, sizeof(open_end));
	expect_refused(&module, "found livepatch=''");
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	module.header.e_machine = EM_AARCH64;
	expect_refused(&module, "machine 183, expected 64 bit x86-64");
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	module.header.e_type = ET_EXEC;
	expect_refused(&module, "found ELF type 2, expected 1");
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	module.sections[1].sh_name = 10;
	expect_refused(&module, "no usable section '.modinfo'");
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	module.sections[1].sh_offset = 1 << 30;
	expect_refused(&module, "no usable section '.modinfo'");
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	memset(&module, 'x', 4);
	expect_refused(&module, "found no ELF file");
}

static void test_wrong_files(void **state)
{
	struct fth_payload payload;

	(void)state;
	assert_int_equal(load("", 0, &payload), -EINVAL);
	assert_non_null(strstr(message, "found 0 bytes, expected 1 … 33554432"));
	assert_int_equal(fth_payload_load("/nonexistent/x.ko", NULL, &payload, message,
					  sizeof(message)),
			 -ENOENT);
	assert_string_equal(
		message, "module '/nonexistent/x.ko': can't be opened: No such file or directory");
	assert_int_equal(fth_payload_load("/tmp", NULL, &payload, message, sizeof(message)),
			 -EINVAL);
	assert_non_null(strstr(message, "found no regular file"));
	assert_int_equal(load("x", 1, &payload), -EINVAL);
	assert_int_equal(truncate(path, (off_t)FTH_MODULE_SIZE_MAX + 1), 0);
	assert_int_equal(fth_payload_load(path, NULL, &payload, message, sizeof(message)), -EINVAL);
	assert_non_null(strstr(message, "found 33554433 bytes"));
}

/* Whatever a byte is changed to, the loader answers and stays within bounds. */
static void test_changed_bytes(void **state)
{
	struct fth_payload payload;
	struct module_file module;
	size_t i;

	(void)state;
	for (i = 0; i < offsetof(struct module_file, info); i++) {
		module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
		((uint8_t *)&module)[i] ^= 0xff;
		if (!load(&module, sizeof(module), &payload))
			fth_payload_free(&payload);
	}
}

static void test_policy_that_means_another(void **state)
{
	struct fth_policy *policy = test_calloc(1, sizeof(*policy));
	struct fth_payload payload;
	struct module_file module;

	(void)state;
	module_file_make(&module, GOOD_INFO, sizeof(GOOD_INFO));
	assert_int_equal(load(&module, sizeof(module), &payload), 0);
	strcpy(policy->name, "demo");
	strcpy(policy->file, "demo.ko");
	assert_int_equal(fth_payload_matches(&payload, policy, message, sizeof(message)), 0);
	strcpy(policy->name, "other");
	assert_int_equal(fth_payload_matches(&payload, policy, message, sizeof(message)), -EINVAL);
	assert_string_equal(
		message,
		"module 'demo.ko': found name 'demo', expected 'other' as patch.name says");
	strcpy(policy->name, "demo");
	policy->kernels.count = 1;
	strcpy(policy->kernels.entries[0].text, "6.12.*");
	assert_int_equal(fth_payload_matches(&payload, policy, message, sizeof(message)), -EINVAL);
	policy->kernels.count = 0;
	policy->has_sha256 = true;
	assert_int_equal(fth_payload_matches(&payload, policy, message, sizeof(message)), -EINVAL);
	assert_non_null(strstr(message, "as patch.sha256 says"));
	memcpy(policy->sha256, payload.sha256, sizeof(policy->sha256));
	assert_int_equal(fth_payload_matches(&payload, policy, message, sizeof(message)), 0);
	fth_payload_free(&payload);
	test_free(policy);
}

/* Loads a module that says of itself what stands between name and vermagic. */
static int load_with(const char *more, struct fth_payload *ret_payload)
{
	struct module_file module;
	char info[256];
	int length = snprintf(info, sizeof(info), "livepatch=Y%cname=demo%c%s%cvermagic=6.1 SMP", 0,
			      0, more, 0);

	for (int i = 0; i < length; i++)
		if (info[i] == '|')
			info[i] = 0;
	module_file_make(&module, info, (size_t)length + 1);
	return load(&module, sizeof(module), ret_payload);
}

static void expect_model(const char *more, uint8_t leave, uint8_t switches)
{
	struct fth_payload payload;

	if (load_with(more, &payload))
		fail_msg("'%s': %s", more, message);
	assert_int_equal(payload.has_model, leave != 0);
	assert_int_equal(payload.leave, leave);
	assert_int_equal(payload.switches, switches);
	fth_payload_free(&payload);
}

static void expect_no_model(const char *more, const char *why)
{
	struct fth_payload payload;

	assert_int_equal(load_with(more, &payload), -EINVAL);
	if (!strstr(message, why))
		fail_msg("found \"%s\", expected \"%s\"", message, why);
}

static void test_model_of_a_module(void **state)
{
	(void)state;
	expect_model("license=GPL", 0, 0);
	expect_model("other_fother_consistency=strange", 0, 0);
	expect_model("fother_consistency_more=strange", 0, 0);
	expect_model("fother_consistency=none", FTH_LEAVE_FUNCTION, FTH_SWITCH_FUNCTION);
	expect_model("fother_consistency=default", FTH_LEAVE_PATCHED_SET, FTH_SWITCH_THREAD);
	expect_model("fother_consistency=in-time", FTH_LEAVE_PATCHED_SET, FTH_SWITCH_KERNEL);
	expect_model("fother_consistency=in-thread", FTH_LEAVE_KERNEL, FTH_SWITCH_THREAD);
	expect_model("fother_consistency=in-thread,in-time", FTH_LEAVE_KERNEL, FTH_SWITCH_KERNEL);
	expect_model("fother_consistency=leave=kernel switch=thread", FTH_LEAVE_KERNEL,
		     FTH_SWITCH_THREAD);
	expect_no_model("fother_consistency=strong",
			"found fother_consistency='strong', expected none, default,");
	expect_no_model("fother_consistency=", "found fother_consistency='', expected none,");
	expect_no_model("fother_consistency=leave=kernel switch=function",
			"leaving the kernel first means nothing");
	expect_no_model("fother_consistency=in-time|fother_consistency=in-time",
			"found fother_consistency twice");
}

/* What a policy says about its model, the module's own, and what comes of it. */
static void test_policy_and_module_agree(void **state)
{
	static const struct {
		const char *module;
		bool has_model;
		uint8_t leave, switches, freeze_use;
		uint8_t settled_leave, settled_switches;
		const char *why;
	} pairs[] = {
		{ "license=GPL", false, 2, 2, 1, 2, 2, NULL },
		{ "license=GPL", true, 1, 1, 1, 1, 1, NULL },
		{ "fother_consistency=in-time", false, 2, 2, 1, 2, 3, NULL },
		{ "fother_consistency=none", false, 2, 2, 1, 1, 1, NULL },
		{ "fother_consistency=in-thread", true, 3, 2, 1, 3, 2, NULL },
		{ "fother_consistency=in-thread", true, 3, 3, 1, 3, 3, NULL },
		{ "fother_consistency=none", true, 2, 2, 1, 2, 2, NULL },
		{ "fother_consistency=in-time", true, 2, 2, 1, 2, 2,
		  "found model 'default' (leave: patched-set, switch: thread) in the policy, "
		  "expected at least the module's own, 'in-time' (leave: patched-set, switch: "
		  "kernel)" },
		{ "fother_consistency=in-time", true, 3, 2, 1, 3, 2, "found model 'in-thread'" },
		{ "fother_consistency=in-thread,in-time", true, 1, 1, 1, 1, 1,
		  "found model 'none'" },
		{ "fother_consistency=in-thread,in-time", false, 2, 2, 3, 3, 3,
		  "it names the model 'in-thread,in-time' for itself, and the policy none; with "
		  "that model key 'freeze.use': never can't be" },
	};
	struct fth_policy *policy = test_calloc(1, sizeof(*policy));

	(void)state;
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		struct fth_payload payload;
		int error;

		fth_policy_defaults(policy);
		strcpy(policy->name, "demo");
		strcpy(policy->file, "demo.ko");
		policy->has_model = pairs[i].has_model;
		policy->guest.leave = pairs[i].leave;
		policy->guest.switches = pairs[i].switches;
		policy->guest.freeze_use = pairs[i].freeze_use;
		assert_int_equal(load_with(pairs[i].module, &payload), 0);
		message[0] = 0;
		error = fth_payload_settle_model(&payload, policy, message, sizeof(message));
		fth_payload_free(&payload);
		if (error != (pairs[i].why ? -EINVAL : 0) ||
		    (error && !strstr(message, pairs[i].why)))
			fail_msg("pair %zu: %d \"%s\"", i, error, message);
		assert_int_equal(policy->guest.leave, pairs[i].settled_leave);
		assert_int_equal(policy->guest.switches, pairs[i].settled_switches);
		assert_int_equal(policy->has_model, pairs[i].has_model);
	}
	test_free(policy);
}

static int open_file(void **state)
{
	int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	return close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_module),
		cmocka_unit_test(test_wrong_modules),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_changed_bytes),
		cmocka_unit_test(test_policy_that_means_another),
		cmocka_unit_test(test_model_of_a_module),
		cmocka_unit_test(test_policy_and_module_agree),
	};

	return cmocka_run_group_tests(tests, open_file, remove_file);
}
