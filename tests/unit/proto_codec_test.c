// SPDX-License-Identifier: GPL-2.0
/* The codec, for every message: each field on its own, each limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bytes.h"
#include "vectors.h"

#define FIELDS_MAX 64

/* One message at a time; some KiB. */
struct fixture {
	struct fth_msg msg;
	struct fth_msg untouched;
	uint8_t payload[FTH_FRAME_PAYLOAD_MAX];
	uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	uint8_t text[FTH_CHUNK_MAX + 1];
	struct fth_span fields[FIELDS_MAX];
	uint32_t count;
};

static struct fixture fixture;

static int decode(uint8_t type, uint32_t length)
{
	struct fth_frame frame = { .type = type, .session = 1 };
	const char *why = NULL;
	int error;

	frame.payload.data = fixture.payload;
	frame.payload.length = length;
	memset(&fixture.msg, 0x5a, sizeof(fixture.msg));
	fixture.untouched = fixture.msg;
	error = fth_msg_decode(&frame, &fixture.msg, &why);
	if (error)
		assert_memory_equal(&fixture.msg, &fixture.untouched, sizeof(fixture.msg));
	assert_int_equal(!why, !error);
	return error;
}

/* Takes a golden payload apart. */
static void split(const struct fth_golden *golden)
{
	const uint8_t *at = golden->bytes + FTH_HEADER_SIZE;
	const uint8_t *end = golden->bytes + golden->length;

	for (fixture.count = 0; at < end; fixture.count++) {
		uint32_t length = (uint32_t)fth_bytes_get(at + 2, 2) + FTH_FIELD_HEADER_SIZE;

		assert_true(fixture.count < FIELDS_MAX);
		fixture.fields[fixture.count].data = at;
		fixture.fields[fixture.count].length = length;
		at += length;
	}
	assert_ptr_equal(at, end);
}

static uint32_t put_field(uint32_t at, struct fth_span field)
{
	memcpy(fixture.payload + at, field.data, field.length);
	return at + field.length;
}

static bool is_list(uint32_t tag)
{
	return tag == FTH_TAG_PATCH || tag == FTH_TAG_STRAGGLER || tag == FTH_TAG_EXTEND_SET ||
	       tag == FTH_TAG_BLOCKED;
}

static bool is_optional(uint8_t type, uint32_t tag)
{
	if (is_list(tag) || type == FTH_T_HEARTBEAT)
		return true;
	switch (type) {
	case FTH_T_STAGE:
		return tag == FTH_TAG_SIGNATURE;
	case FTH_T_CONFIRM:
		return tag == FTH_TAG_EXTEND || tag == FTH_TAG_SHA256;
	case FTH_T_REVERSE:
	case FTH_T_UNSTAGE:
	case FTH_T_NUDGE:
	case FTH_T_FORCE:
	case FTH_T_ALLOW:
		return tag == FTH_TAG_SHA256;
	case FTH_T_REVERT:
		return tag == FTH_TAG_REVERT_MODE || tag == FTH_TAG_SHA256;
	case FTH_T_APPLY:
		return tag >= FTH_TAG_LEAVE && tag <= FTH_TAG_NUDGE_TIMED;
	case FTH_T_HELLO_ACK:
		return tag == FTH_TAG_VM_UUID || tag == FTH_TAG_BUILD_ID;
	case FTH_T_PROGRESS:
		return tag == FTH_TAG_PENDING;
	case FTH_T_RESULT:
		return tag == FTH_TAG_DETAIL;
	case FTH_T_EVENT:
		return tag != FTH_TAG_KIND && tag != FTH_TAG_STATE && tag != FTH_TAG_UPTIME &&
		       tag != FTH_TAG_TAINT;
	default:
		return false;
	}
}

static uint32_t tag_of(uint32_t field)
{
	return (uint32_t)fth_bytes_get(fixture.fields[field].data, 2);
}

static void codec_each_field_left_out(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		split(&fth_golden[i]);
		for (uint32_t out = 0; out < fixture.count; out++) {
			uint32_t length = 0;
			bool optional = is_optional(fth_golden[i].type, tag_of(out));

			for (uint32_t field = 0; field < fixture.count; field++)
				if (field != out)
					length = put_field(length, fixture.fields[field]);
			assert_int_equal(decode(fth_golden[i].type, length),
					 optional ? 0 : -EBADMSG);
		}
	}
}

static void codec_each_field_twice(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		split(&fth_golden[i]);
		for (uint32_t twice = 0; twice < fixture.count; twice++) {
			uint32_t length = put_field(0, fixture.fields[twice]);

			for (uint32_t field = 0; field < fixture.count; field++)
				length = put_field(length, fixture.fields[field]);
			assert_int_equal(decode(fth_golden[i].type, length),
					 is_list(tag_of(twice)) ? 0 : -EBADMSG);
		}
	}
}

static void codec_each_field_backwards(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		uint32_t length = 0;

		split(&fth_golden[i]);
		for (uint32_t field = fixture.count; field--;)
			length = put_field(length, fixture.fields[field]);
		assert_int_equal(decode(fth_golden[i].type, length), 0);
	}
}

/* No prefix of a payload is taken for the whole, but where a field ends. */
static void codec_each_payload_cut_short(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		uint32_t whole = fth_golden[i].length - FTH_HEADER_SIZE;

		memcpy(fixture.payload, fth_golden[i].bytes + FTH_HEADER_SIZE, whole);
		split(&fth_golden[i]);
		for (uint32_t length = 1; length < whole; length++) {
			bool at_end = false;
			uint32_t end = 0;

			for (uint32_t field = 0; field < fixture.count; field++) {
				end += fixture.fields[field].length;
				at_end = at_end || end == length;
			}
			if (!at_end)
				assert_int_equal(decode(fth_golden[i].type, length), -EBADMSG);
		}
	}
}

static void codec_lists_are_bounded(void **state)
{
	static const struct {
		uint8_t golden;
		uint16_t tag;
		uint32_t limit;
	} lists[] = {
		{ 2, FTH_TAG_EXTEND_SET, FTH_EXTEND_SET_MAX },
		{ 10, FTH_TAG_PATCH, FTH_PATCHES_MAX },
		{ 11, FTH_TAG_STRAGGLER, FTH_STRAGGLERS_MAX },
		{ 12, FTH_TAG_PATCH, FTH_PATCHES_MAX },
		{ 12, FTH_TAG_STRAGGLER, FTH_STRAGGLERS_MAX },
		{ 18, FTH_TAG_BLOCKED, FTH_BLOCKS_MAX },
	};

	(void)state;
	for (uint32_t i = 0; i < FTH_COUNT_OF(lists); i++) {
		uint8_t type = fth_golden[lists[i].golden].type;
		struct fth_span item = { .data = fixture.payload };
		uint32_t length = 0;

		split(&fth_golden[lists[i].golden]);
		for (uint32_t field = 0; field < fixture.count; field++) {
			if (tag_of(field) == lists[i].tag)
				item = fixture.fields[field];
			else
				length = put_field(length, fixture.fields[field]);
		}
		for (uint32_t count = 0; count < lists[i].limit; count++)
			length = put_field(length, item);
		assert_int_equal(decode(type, length), 0);
		length = put_field(length, item);
		assert_int_equal(decode(type, length), -EBADMSG);
	}
}

static void codec_silent_policy_has_defaults(void **state)
{
	struct fth_guest_policy defaults;
	uint32_t length = 0;

	(void)state;
	split(&fth_golden[2]);
	for (uint32_t field = 0; field < fixture.count; field++)
		if (!is_optional(FTH_T_APPLY, tag_of(field)))
			length = put_field(length, fixture.fields[field]);
	assert_int_equal(decode(FTH_T_APPLY, length), 0);
	fth_policy_set_defaults(&defaults);
	assert_memory_equal(&fixture.msg.u.apply.policy, &defaults, sizeof(defaults));
}

static void codec_types_without_a_name(void **state)
{
	(void)state;
	for (unsigned int type = 0; type < 256; type++) {
		bool named = false;
		uint32_t length = 0;

		for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
			if (fth_golden[i].type != type)
				continue;
			named = true;
			assert_string_equal(fth_msg_type_name(type), fth_golden[i].name);
		}
		if (named)
			continue;
		assert_string_equal(fth_msg_type_name(type), "?");
		assert_int_equal(decode(type, 0), -EOPNOTSUPP);
		fixture.msg.type = type;
		assert_int_equal(fth_msg_encode(&fixture.msg, fixture.frame, sizeof(fixture.frame),
						&length),
				 -EINVAL);
	}
}

static int encode(uint32_t size)
{
	uint32_t length = 0xdead;
	int error = fth_msg_encode(&fixture.msg, fixture.frame, size, &length);

	if (error)
		assert_int_equal(length, 0xdead);
	return error;
}

static void codec_small_buffer_is_not_overrun(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		fth_vectors_expect_at(i, &fixture.msg);
		for (uint32_t size = 0; size < fth_golden[i].length; size++) {
			memset(fixture.frame, 0x5a, fth_golden[i].length);
			assert_int_equal(encode(size), -EMSGSIZE);
			assert_int_equal(fixture.frame[size], 0x5a);
		}
		assert_int_equal(encode(fth_golden[i].length), 0);
	}
}

/* A span of a message at its longest, and one byte over. */
static void check_span(uint8_t type, struct fth_span *span, uint32_t max)
{
	struct fth_span before = *span;

	memset(fixture.text, 'x', sizeof(fixture.text));
	span->data = fixture.text;
	span->length = max;
	assert_int_equal(fixture.msg.type, type);
	assert_int_equal(encode(sizeof(fixture.frame)), 0);
	span->length = max + 1;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	*span = before;
}

static void codec_encoder_keeps_limits(void **state)
{
	struct fth_msg *msg = &fixture.msg;

	(void)state;
	fth_vectors_expect(FTH_T_STAGE, msg);
	check_span(FTH_T_STAGE, &msg->u.stage.name, FTH_NAME_MAX);
	check_span(FTH_T_STAGE, &msg->u.stage.sha256, FTH_SHA256_SIZE);
	check_span(FTH_T_STAGE, &msg->u.stage.data, FTH_CHUNK_MAX);
	fth_vectors_expect(FTH_T_APPLY, msg);
	check_span(FTH_T_APPLY, &msg->u.apply.policy.extend_set[1], FTH_SYMBOL_MAX);
	fth_vectors_expect(FTH_T_HELLO_ACK, msg);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.vm_uuid, FTH_UUID_SIZE);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.boot_id, FTH_UUID_SIZE);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.release, FTH_RELEASE_MAX);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.build_id, FTH_BUILD_ID_MAX);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.engine, FTH_RELEASE_MAX);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.patches[1].name, FTH_NAME_MAX);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.patches[1].sha256, FTH_SHA256_SIZE);
	fth_vectors_expect_at(18, msg);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.blocks[0].name, FTH_NAME_MAX);
	check_span(FTH_T_HELLO_ACK, &msg->u.hello_ack.blocks[0].sha256, FTH_SHA256_SIZE);
	fth_vectors_expect_at(14, msg);
	check_span(FTH_T_STAGE, &msg->u.stage.signature, FTH_SIGNATURE_MAX);
	fth_vectors_expect_at(19, msg);
	check_span(FTH_T_EVENT, &msg->u.event.where, FTH_SYMBOL_MAX);
	check_span(FTH_T_EVENT, &msg->u.event.text, FTH_TEXT_MAX);
	check_span(FTH_T_EVENT, &msg->u.event.sha256, FTH_SHA256_SIZE);
	fth_vectors_expect(FTH_T_RESULT, msg);
	check_span(FTH_T_RESULT, &msg->u.result.detail, FTH_DETAIL_MAX);
	check_span(FTH_T_RESULT, &msg->u.result.stragglers[1].comm, FTH_NAME_MAX);
	check_span(FTH_T_RESULT, &msg->u.result.stragglers[1].where, FTH_SYMBOL_MAX);
	check_span(FTH_T_RESULT, &msg->u.result.stragglers[1].next, FTH_SYMBOL_MAX);
}

static void codec_encoder_refuses(void **state)
{
	struct fth_msg *msg = &fixture.msg;

	(void)state;
	fth_vectors_expect(FTH_T_HELLO, msg);
	msg->session = 0;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect(FTH_T_REVERSE, msg);
	msg->u.command.name.length = 0;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect(FTH_T_REVERT, msg);
	msg->u.command.mode = FTH_REVERT_CONSISTENT_THEN_IMMEDIATE;
	assert_int_equal(encode(sizeof(fixture.frame)), 0);
	msg->u.command.mode++;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect_at(18, msg);
	msg->u.hello_ack.block_count = FTH_BLOCKS_MAX + 1;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect(FTH_T_PROGRESS, msg);
	msg->u.progress.state = 6;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect(FTH_T_APPLY, msg);
	for (uint32_t i = 0; i < FTH_EXTEND_SET_MAX; i++)
		msg->u.apply.policy.extend_set[i] = msg->u.apply.policy.extend_set[0];
	/* What stands behind the list looks good: the count alone is wrong. */
	memcpy((uint8_t *)&msg->u + sizeof(msg->u.apply), &msg->u.apply.policy.extend_set[0],
	       sizeof(struct fth_span));
	msg->u.apply.policy.extend_set_count = FTH_EXTEND_SET_MAX;
	assert_int_equal(encode(sizeof(fixture.frame)), 0);
	msg->u.apply.policy.extend_set_count = FTH_EXTEND_SET_MAX + 1;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect(FTH_T_APPLY, msg);
	msg->u.apply.policy.extend_set_count = 3; /* the third is empty */
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	fth_vectors_expect(FTH_T_RESULT, msg);
	msg->u.result.patch_count = FTH_PATCHES_MAX + 1;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
}

/* Every list full, every text at its longest: must fit in a frame. */
static void codec_fullest_result_fits(void **state)
{
	struct fth_msg_result *result = &fixture.msg.u.result;
	struct fth_span name = { .data = fixture.text, .length = FTH_NAME_MAX };
	struct fth_span symbol = { .data = fixture.text, .length = FTH_SYMBOL_MAX };

	(void)state;
	memset(fixture.text, 'x', sizeof(fixture.text));
	fth_vectors_expect(FTH_T_RESULT, &fixture.msg);
	result->patch_count = FTH_PATCHES_MAX;
	for (uint32_t i = 0; i < FTH_PATCHES_MAX; i++) {
		result->patches[i] = result->patches[0];
		result->patches[i].name = name;
	}
	result->straggler_count = FTH_STRAGGLERS_MAX;
	for (uint32_t i = 0; i < FTH_STRAGGLERS_MAX; i++)
		result->stragglers[i] = (struct fth_straggler_info){ .comm = name,
								     .where = symbol,
								     .next = symbol };
	assert_int_equal(encode(sizeof(fixture.frame)), 0);
	result->straggler_count++;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
	result->straggler_count--;
	result->patch_count++;
	assert_int_equal(encode(sizeof(fixture.frame)), -EINVAL);
}

/* A CONFIRM that confirms is, to the byte, what an older guest knows. */
static void codec_new_fields_at_zero_are_not_sent(void **state)
{
	struct fth_msg *msg = &fixture.msg;
	uint32_t length;

	(void)state;
	fth_vectors_expect_at(15, msg);
	msg->u.command.extend_ms = 0;
	msg->seq = 4;
	assert_int_equal(fth_msg_encode(msg, fixture.frame, sizeof(fixture.frame), &length), 0);
	assert_int_equal(length, fth_golden[4].length);
	assert_memory_equal(fixture.frame, fth_golden[4].bytes, length);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(codec_new_fields_at_zero_are_not_sent),
		cmocka_unit_test(codec_each_field_left_out),
		cmocka_unit_test(codec_each_field_twice),
		cmocka_unit_test(codec_each_field_backwards),
		cmocka_unit_test(codec_each_payload_cut_short),
		cmocka_unit_test(codec_lists_are_bounded),
		cmocka_unit_test(codec_silent_policy_has_defaults),
		cmocka_unit_test(codec_types_without_a_name),
		cmocka_unit_test(codec_small_buffer_is_not_overrun),
		cmocka_unit_test(codec_encoder_keeps_limits),
		cmocka_unit_test(codec_encoder_refuses),
		cmocka_unit_test(codec_fullest_result_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
