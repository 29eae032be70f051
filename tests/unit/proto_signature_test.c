// SPDX-License-Identifier: GPL-2.0
/* Manifests: one content has one text, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fother/signature.h"

#define HEAD "fother-manifest 1\n"
#define NAME "name=cve_2026_1\n"
#define HEX "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define UPPER "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF"
#define SHA "sha256=" HEX "\n"
#define EPOCH "epoch=1795260517\n"
#define VM "vm=6ba7b810-9dad-11d1-80b4-00c04fd430c8\n"
#define OTHER_VM "vm=ffffffff-9dad-11d1-80b4-00c04fd430c8\n"
#define GOOD HEAD NAME SHA EPOCH

static const uint8_t uuid[FTH_UUID_SIZE] = { 0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1,
					     0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };

static struct fth_span span_of(const char *text)
{
	return (struct fth_span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static struct fth_manifest parse(const char *text)
{
	struct fth_manifest manifest;
	const char *why = NULL;

	if (fth_manifest_parse(span_of(text), &manifest, &why))
		fail_msg("'%s': %s", text, why);
	return manifest;
}

static void test_reads(void **state)
{
	struct fth_manifest manifest = parse(GOOD VM);

	(void)state;
	assert_int_equal(manifest.name.length, strlen("cve_2026_1"));
	assert_memory_equal(manifest.name.data, "cve_2026_1", manifest.name.length);
	assert_int_equal(manifest.sha256[1], 0x11);
	assert_int_equal(manifest.sha256[31], 0xff);
	assert_int_equal(manifest.epoch, 1795260517);
	assert_int_equal(fth_manifest_vm_count(&manifest), 1);
	manifest = parse(HEAD NAME SHA "epoch=18446744073709551615\n");
	assert_true(manifest.epoch == ~0ull);
	assert_int_equal(parse(HEAD NAME SHA "epoch=0\n").epoch, 0);
}

static void test_vms(void **state)
{
	struct fth_manifest any = parse(GOOD), one = parse(GOOD VM), two = parse(GOOD OTHER_VM VM),
			    other = parse(GOOD OTHER_VM);

	(void)state;
	assert_true(fth_manifest_allows_vm(&any, uuid));
	assert_true(fth_manifest_allows_vm(&any, NULL));
	assert_true(fth_manifest_allows_vm(&one, uuid));
	assert_true(fth_manifest_allows_vm(&two, uuid));
	assert_false(fth_manifest_allows_vm(&other, uuid));
	assert_false(fth_manifest_allows_vm(&one, NULL));
}

/* Each is one step away from a good one. */
static void test_refuses(void **state)
{
	static const char *const bad[] = {
		"",
		HEAD,
		"fother-manifest 2\n" NAME SHA EPOCH,
		"\n" GOOD,
		HEAD SHA NAME EPOCH,
		HEAD "name=\n" SHA EPOCH,
		HEAD "name=a-b\n" SHA EPOCH,
		HEAD "name=../x\n" SHA EPOCH,
		HEAD "name= cve\n" SHA EPOCH,
		HEAD "name=cve\r\n" SHA EPOCH,
		HEAD "name=aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffff6\n" SHA EPOCH,
		HEAD NAME "sha256=00\n" EPOCH,
		HEAD NAME "sha256=" UPPER "\n" EPOCH,
		HEAD NAME "sha256=" HEX "00\n" EPOCH,
		HEAD NAME "sha256=" HEX EPOCH,
		HEAD NAME SHA,
		HEAD NAME SHA "epoch=\n",
		HEAD NAME SHA "epoch=01\n",
		HEAD NAME SHA "epoch=-1\n",
		HEAD NAME SHA "epoch=+1\n",
		HEAD NAME SHA "epoch=18446744073709551616\n",
		HEAD NAME SHA "epoch=99999999999999999999999999\n",
		HEAD NAME SHA "epoch=1",
		HEAD NAME SHA "epoch=1;\n",
		GOOD "\n",
		GOOD "x",
		GOOD EPOCH,
		GOOD "vm=\n",
		GOOD "vm=6BA7B810-9dad-11d1-80b4-00c04fd430c8\n",
		GOOD "vm=6ba7b8109dad-11d1-80b4-00c04fd430c8-\n",
		GOOD "vm=6ba7b810-9dad-11d1-80b4-00c04fd430c8",
		GOOD VM "vm=",
		GOOD VM "\n",
	};
	struct fth_manifest manifest, before;
	const char *why;

	(void)state;
	memset(&manifest, 0x5a, sizeof(manifest));
	before = manifest;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		if (fth_manifest_parse(span_of(bad[i]), &manifest, &why) != -EBADMSG)
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(why);
		assert_memory_equal(&manifest, &before, sizeof(manifest));
	}
}

/* A text that is cut anywhere, or has any byte changed, is another one or none. */
static void test_one_text(void **state)
{
	char text[] = GOOD VM, again[sizeof(text)];
	struct fth_span span = span_of(text);
	struct fth_manifest manifest;
	uint32_t length, taken = 0;
	const char *why;

	(void)state;
	for (span.length = 0; span.length < strlen(text); span.length++)
		taken += !fth_manifest_parse(span, &manifest, &why);
	/* The end of the last line before the VMs. */
	assert_int_equal(taken, 1);
	for (size_t at = 0; at < strlen(text); at++) {
		char was = text[at];

		for (int byte = 0; byte < 256; byte++) {
			text[at] = (char)byte;
			if (fth_manifest_parse(span, &manifest, &why))
				continue;
			assert_int_equal(fth_manifest_format(&manifest, (uint8_t *)again,
							     sizeof(again), &length),
					 0);
			assert_int_equal(length, span.length);
			assert_memory_equal(again, text, length);
		}
		text[at] = was;
	}
}

static void test_writes(void **state)
{
	static uint8_t vms[(FTH_MANIFEST_VMS_MAX + 1) * FTH_MANIFEST_VM_SIZE];
	uint8_t text[FTH_MANIFEST_MAX];
	struct fth_manifest manifest = { .name = span_of("cve_2026_1"), .epoch = ~0ull };
	uint32_t length = 0;

	(void)state;
	for (uint32_t i = 0; i <= FTH_MANIFEST_VMS_MAX; i++)
		fth_manifest_put_vm(vms + i * FTH_MANIFEST_VM_SIZE, uuid);
	manifest.vms = (struct fth_span){ vms, FTH_MANIFEST_VMS_MAX * FTH_MANIFEST_VM_SIZE };
	manifest.name = span_of(
		"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeefffff"); /* the longest */
	assert_int_equal(fth_manifest_format(&manifest, text, sizeof(text), &length), 0);
	assert_int_equal(fth_manifest_format(&manifest, text, length, &length), 0);
	assert_int_equal(fth_manifest_format(&manifest, text, length - 1, &length), -EMSGSIZE);
	manifest.vms.length += FTH_MANIFEST_VM_SIZE;
	assert_true(fth_manifest_format(&manifest, text, sizeof(text), &length));
	manifest.vms.length = FTH_MANIFEST_VM_SIZE - 1;
	assert_int_equal(fth_manifest_format(&manifest, text, sizeof(text), &length), -EINVAL);
	manifest.vms.length = 0;
	manifest.name = span_of("two\nlines");
	assert_int_equal(fth_manifest_format(&manifest, text, sizeof(text), &length), -EINVAL);
}

static void test_uuid(void **state)
{
	uint8_t parsed[FTH_UUID_SIZE];

	(void)state;
	assert_true(fth_uuid_parse(span_of("6BA7b810-9dad-11d1-80b4-00c04fd430c8"), parsed));
	assert_memory_equal(parsed, uuid, sizeof(uuid));
	assert_false(fth_uuid_parse(span_of("6ba7b810-9dad-11d1-80b4-00c04fd430c"), parsed));
	assert_false(fth_uuid_parse(span_of("6ba7b810-9dad-11d1-80b4-00c04fd430c8 "), parsed));
	assert_false(fth_uuid_parse(span_of("6ba7b810 9dad-11d1-80b4-00c04fd430c8"), parsed));
	assert_false(fth_uuid_parse(span_of("6ba7b810-9dad-11d1-80b4-00c04fd430g8"), parsed));
}

/* Lengths that lie, and nothing at all. */
static void test_no_envelope(void **state)
{
	static const uint8_t bad[][8] = {
		{ 0x30, 0x80, 0x00, 0x00 },				/* of no definite length */
		{ 0x30, 0x06, 0x06, 0x09 }, { 0x30, 0x81, 0x06, 0x06 }, /* not the shortest form */
		{ 0x30, 0x82, 0x00, 0x06 }, { 0x30, 0x84, 0xff, 0xff, 0xff, 0xff },
		{ 0x30, 0x82, 0xff, 0xff }, { 0x04, 0x06 },
	};
	struct fth_span empty = { NULL, 0 };
	struct fth_cms cms;
	const char *why;

	(void)state;
	assert_int_equal(fth_cms_inspect(empty, &cms, &why), -EBADMSG);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		for (uint32_t length = 1; length <= sizeof(bad[i]); length++) {
			struct fth_span der = { bad[i], length };

			assert_int_equal(fth_cms_inspect(der, &cms, &why), -EBADMSG);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),	    cmocka_unit_test(test_vms),
		cmocka_unit_test(test_refuses),	    cmocka_unit_test(test_one_text),
		cmocka_unit_test(test_writes),	    cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_no_envelope),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
