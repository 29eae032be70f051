// SPDX-License-Identifier: GPL-2.0
/* Journal records: what goes in comes out, and anything else is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/journal.h"
#include "fother/codec.h"

#define SUM_SIZE 4u

static struct fth_rollout_event full_event(void)
{
	struct fth_rollout_event event;

	memset(&event, 0, sizeof(event));
	event.kind = FTH_RE_SEEN;
	event.guest_state = 4;
	event.sha256_matches = true;
	event.restored = true;
	event.effect = true;
	event.blocked = true;
	event.code = 0xfedc;
	event.now_ms = 0x123456789abcdef0ull;
	event.op_id = ~0ull;
	event.taint = 1ull << 63;
	event.capabilities = 0x55aa55aa55aa55aaull;
	memset(event.boot_id, 0xa5, sizeof(event.boot_id));
	memset(event.vm, 'v', FTH_VM_NAME_MAX);
	memset(event.host, 'h', FTH_HOST_NAME_MAX);
	memset(event.group, 'g', FTH_GROUP_NAME_MAX);
	memset(event.release, 'r', FTH_RELEASE_MAX);
	memset(event.why, 'w', FTH_WHY_MAX - 1);
	event.uid = 0xfffefdfcu;
	memset(event.who, 'u', FTH_WHO_MAX - 1);
	return event;
}

static void test_longest_event(void **state)
{
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	uint8_t again[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;
	uint32_t length;

	(void)state;
	length = fth_journal_encode(&event, record);
	assert_true(length > 600 && length <= FTH_JOURNAL_RECORD_MAX);
	memset(&decoded, 0xff, sizeof(decoded));
	assert_int_equal(fth_journal_decode(record, length, &decoded), 0);
	assert_int_equal(decoded.kind, FTH_RE_SEEN);
	assert_int_equal(decoded.guest_state, 4);
	assert_true(decoded.sha256_matches);
	assert_true(decoded.restored);
	assert_true(decoded.effect);
	assert_true(decoded.blocked);
	assert_false(decoded.reachable);
	assert_int_equal(decoded.code, 0xfedc);
	assert_true(decoded.now_ms == event.now_ms);
	assert_true(decoded.op_id == event.op_id);
	assert_true(decoded.taint == event.taint);
	assert_true(decoded.capabilities == event.capabilities);
	assert_memory_equal(decoded.boot_id, event.boot_id, FTH_UUID_SIZE);
	assert_string_equal(decoded.vm, event.vm);
	assert_string_equal(decoded.host, event.host);
	assert_string_equal(decoded.group, event.group);
	assert_string_equal(decoded.release, event.release);
	assert_string_equal(decoded.why, event.why);
	assert_true(decoded.uid == event.uid);
	assert_string_equal(decoded.who, event.who);
	assert_int_equal(fth_journal_encode(&decoded, again), length);
	assert_memory_equal(again, record, length);
}

static void test_a_verdict(void **state)
{
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;

	(void)state;
	event.kind = FTH_RE_HEALTH;
	event.check = FTH_CHECK_WAVE_HTTP;
	event.verdict = FTH_VERDICT_INCONCLUSIVE;
	event.round = 0xfedcba9876543210ull;
	event.op_id = 0;
	event.code = 0;
	assert_int_equal(fth_journal_decode(record, fth_journal_encode(&event, record), &decoded),
			 0);
	assert_memory_equal(&decoded, &event, sizeof(event));
}

static void test_every_cut_is_refused(void **state)
{
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX + 1] = { 0 };
	struct fth_rollout_event decoded;
	uint32_t length = fth_journal_encode(&event, record);
	uint32_t cut;

	(void)state;
	for (cut = 0; cut < length; cut++)
		assert_int_equal(fth_journal_decode(record, cut, &decoded), -EBADMSG);
	assert_int_equal(fth_journal_decode(record, length + 1, &decoded), -EBADMSG);
}

/* Journals of agents that did not write down who asked are read on. */
static void test_record_of_version_1(void **state)
{
	const uint32_t uid_at = 4 + 2 + 4 * 8 + FTH_UUID_SIZE;
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;
	uint32_t length = fth_journal_encode(&event, record);

	(void)state;
	record[0] = 1;
	memmove(record + uid_at, record + uid_at + 4, length - uid_at - 4);
	length -= 4 + 2 + (FTH_WHO_MAX - 1) + SUM_SIZE;
	assert_int_equal(fth_journal_decode(record, length, &decoded), 0);
	assert_int_equal(decoded.uid, 0);
	assert_string_equal(decoded.who, "");
	assert_string_equal(decoded.why, event.why);
	assert_int_equal(fth_journal_decode(record, length - 1, &decoded), -EBADMSG);
	assert_int_equal(fth_journal_decode(record, length + 1, &decoded), -EBADMSG);
}

/* So are those that end without a checksum. */
static void test_record_of_version_2(void **state)
{
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;
	uint32_t length = fth_journal_encode(&event, record) - SUM_SIZE;

	(void)state;
	record[0] = 2;
	assert_int_equal(fth_journal_decode(record, length, &decoded), 0);
	assert_memory_equal(&decoded, &event, sizeof(event));
	assert_int_equal(fth_journal_decode(record, length - 1, &decoded), -EBADMSG);
	assert_int_equal(fth_journal_decode(record, length + SUM_SIZE, &decoded), -EBADMSG);
}

/* One bit that fell over, anywhere: no other event is read in its place. */
static void test_every_flipped_bit_is_refused(void **state)
{
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;
	uint32_t length = fth_journal_encode(&event, record);
	uint32_t bit;

	(void)state;
	for (bit = 0; bit < 8 * length; bit++) {
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(fth_journal_decode(record, length, &decoded), -EBADMSG);
		record[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(fth_journal_decode(record, length, &decoded), 0);
}

/* A checksum that fits does not make sense of what makes none. */
static void sum_up(uint8_t *record, uint32_t length)
{
	uint32_t sum = fth_crc32(record, length - SUM_SIZE), i;

	for (i = 0; i < SUM_SIZE; i++)
		record[length - SUM_SIZE + i] = (uint8_t)(sum >> (8 * i));
}

static void test_wrong_records(void **state)
{
	struct fth_rollout_event event = full_event();
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;
	uint32_t length;

	(void)state;
	event.kind = 0;
	assert_int_equal(fth_journal_encode(&event, record), 0);
	event.kind = FTH_RE_FORGET + 1;
	assert_int_equal(fth_journal_encode(&event, record), 0);
	event = full_event();
	memset(event.why, 'w', sizeof(event.why)); /* no NUL */
	assert_int_equal(fth_journal_encode(&event, record), 0);
	event = full_event();
	length = fth_journal_encode(&event, record);
	record[0]++; /* another version */
	sum_up(record, length);
	assert_int_equal(fth_journal_decode(record, length, &decoded), -EBADMSG);
	record[0]--;
	record[1] = 77; /* kind */
	sum_up(record, length);
	assert_int_equal(fth_journal_decode(record, length, &decoded), -EBADMSG);
	record[1] = FTH_RE_SEEN;
	record[3] |= 0x80; /* a flag without a name */
	sum_up(record, length);
	assert_int_equal(fth_journal_decode(record, length, &decoded), -EBADMSG);
	record[3] &= 0x7f;
	record[length - SUM_SIZE - 1] = 0; /* a NUL in a string */
	sum_up(record, length);
	assert_int_equal(fth_journal_decode(record, length, &decoded), -EBADMSG);
	record[length - SUM_SIZE - 1] = 'u';
	sum_up(record, length);
	assert_int_equal(fth_journal_decode(record, length, &decoded), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_longest_event),
		cmocka_unit_test(test_a_verdict),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_record_of_version_1),
		cmocka_unit_test(test_record_of_version_2),
		cmocka_unit_test(test_every_flipped_bit_is_refused),
		cmocka_unit_test(test_wrong_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
