// SPDX-License-Identifier: GPL-2.0
/* The frame decoder: what it gives up, what it never loses, what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bytes.h"
#include "vectors.h"

#define SESSION 0x77

struct fixture {
	struct fth_decoder decoder;
	struct fth_frame frame;
	uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
	uint8_t stream[8 * FTH_DECODER_BUFFER_SIZE];
	uint32_t length;
};

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	fth_decoder_init(&fixture->decoder, fixture->buffer);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static void put_header(uint8_t *at, uint8_t type, uint32_t seq, uint32_t length, uint32_t crc)
{
	memset(at, 0, FTH_HEADER_SIZE);
	FTH_HEADER_PUT(at, magic, FTH_WIRE_MAGIC);
	FTH_HEADER_PUT(at, version, FTH_WIRE_VERSION);
	FTH_HEADER_PUT(at, type, type);
	FTH_HEADER_PUT(at, session, SESSION);
	FTH_HEADER_PUT(at, seq, seq);
	FTH_HEADER_PUT(at, length, length);
	FTH_HEADER_PUT(at, payload_crc, crc);
	FTH_HEADER_PUT(at, header_crc, fth_crc32(at, FTH_HEADER_SIZE - 4));
}

/* A frame around what stands at stream + length + FTH_HEADER_SIZE already. */
static void wrap(struct fixture *fixture, uint8_t type, uint32_t seq, uint32_t length)
{
	uint8_t *at = fixture->stream + fixture->length;

	put_header(at, type, seq, length, fth_crc32(at + FTH_HEADER_SIZE, length));
	fixture->length += FTH_HEADER_SIZE + length;
}

static void append(struct fixture *fixture, uint8_t type, uint32_t seq, uint32_t length)
{
	memset(fixture->stream + fixture->length + FTH_HEADER_SIZE, 'p', length);
	wrap(fixture, type, seq, length);
}

/* A header that is right, of a payload that is never sent. */
static void append_lie(struct fixture *fixture, uint32_t length)
{
	put_header(fixture->stream + fixture->length, FTH_T_STAGE, 99, length, 0xbad);
	fixture->length += FTH_HEADER_SIZE;
}

/* Feeds the stream in pieces; frames must be numbered from @seq on. */
static uint32_t feed(struct fixture *fixture, uint32_t piece, uint32_t seq)
{
	uint32_t first = seq;

	for (uint32_t at = 0; at < fixture->length; at += piece) {
		struct fth_span input = { .data = fixture->stream + at, .length = piece };

		if (input.length > fixture->length - at)
			input.length = fixture->length - at;
		while (fth_decoder_next(&fixture->decoder, &input, &fixture->frame)) {
			assert_int_equal(fixture->frame.session, SESSION);
			assert_int_equal(fixture->frame.seq, seq);
			seq++;
		}
		assert_int_equal(input.length, 0);
	}
	return seq - first;
}

static void decoder_takes_the_longest_frame(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, FTH_T_STAGE, 0, FTH_FRAME_PAYLOAD_MAX);
	append(fixture, FTH_T_STAGE, 1, FTH_FRAME_PAYLOAD_MAX);
	append(fixture, FTH_T_QUERY, 2, 0);
	assert_int_equal(feed(fixture, 4096, 0), 3);
	assert_int_equal(feed(fixture, 1, 0), 3);
	assert_int_equal(fixture->decoder.frames, 6);
	assert_int_equal(fixture->decoder.skipped_bytes, 0);
}

static void decoder_refuses_a_length_over_the_limit(void **state)
{
	struct fixture *fixture = *state;

	append_lie(fixture, FTH_FRAME_PAYLOAD_MAX + 1);
	append(fixture, FTH_T_QUERY, 0, 0);
	assert_int_equal(feed(fixture, 7, 0), 1);
	assert_int_equal(fixture->decoder.bad_headers, 1);
	assert_int_equal(fixture->decoder.skipped_bytes, FTH_HEADER_SIZE);
}

static void decoder_refuses_session_zero(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, FTH_T_QUERY, 0, 0);
	FTH_HEADER_PUT(fixture->stream, session, 0);
	FTH_HEADER_PUT(fixture->stream, header_crc,
		       fth_crc32(fixture->stream, FTH_HEADER_SIZE - 4));
	assert_int_equal(feed(fixture, 100, 0), 0);
	assert_int_equal(fixture->decoder.bad_headers, 1);
}

/* Joined in the middle of a frame whose payload holds a header that lies. */
static void decoder_recovers_what_a_false_header_swallowed(void **state)
{
	static const uint32_t pieces[] = { 1, 39, 40, 41, 1000, 1u << 20 };

	for (uint32_t i = 0; i < FTH_COUNT_OF(pieces); i++) {
		struct fixture *fixture = *state;

		fth_decoder_init(&fixture->decoder, fixture->buffer);
		fixture->length = 0;
		append_lie(fixture, 3000);
		for (uint32_t seq = 0; seq < 100; seq++)
			append(fixture, FTH_T_QUERY, seq, seq);
		assert_int_equal(feed(fixture, pieces[i], 0), 100);
		assert_int_equal(fixture->decoder.bad_payloads, 1);
		assert_int_equal(fixture->decoder.bad_headers, 0);
		assert_int_equal(fixture->decoder.skipped_bytes, FTH_HEADER_SIZE);
	}
}

/* Frames that wait inside come out with no input at all. */
static void decoder_empties_itself_without_input(void **state)
{
	struct fixture *fixture = *state;
	struct fth_span input = { .data = fixture->stream };
	uint32_t frames = 0;

	append_lie(fixture, 3 * FTH_HEADER_SIZE);
	append(fixture, FTH_T_QUERY, 0, 0);
	append(fixture, FTH_T_QUERY, 1, 0);
	append(fixture, FTH_T_QUERY, 2, 0);
	input.length = fixture->length;
	assert_true(fth_decoder_next(&fixture->decoder, &input, &fixture->frame));
	assert_int_equal(input.length, 0);
	while (fth_decoder_next(&fixture->decoder, &input, &fixture->frame))
		frames++;
	assert_int_equal(frames, 2);
}

/* Feeds @data in 1000-byte pieces; returns checksums over whole payloads. */
static uint64_t payload_checks(struct fixture *fixture)
{
	uint64_t frames = fixture->decoder.frames;

	feed(fixture, 1000, 0);
	return fixture->decoder.bad_payloads + fixture->decoder.frames - frames;
}

/*
 * Headers nested 40 bytes apart that all claim 64 KiB: each byte may be looked
 * at some times, not 1600.
 */
static void decoder_work_is_bounded(void **state)
{
	struct fixture *fixture = *state;
	uint64_t checks;

	while (fixture->length + FTH_HEADER_SIZE < sizeof(fixture->stream))
		append_lie(fixture, FTH_FRAME_PAYLOAD_MAX);
	checks = payload_checks(fixture);
	assert_in_range(checks * FTH_FRAME_PAYLOAD_MAX, 1, 20ull * fixture->length);

	/* And it still knows a frame when it sees one. */
	fixture->length = 0;
	memset(fixture->stream, 0, 2 * FTH_DECODER_BUFFER_SIZE);
	fixture->length = 2 * FTH_DECODER_BUFFER_SIZE;
	append(fixture, FTH_T_QUERY, 0, 5);
	assert_int_equal(feed(fixture, 1000, 0), 1);
}

/* Out of credit when a header behind a false one wants its bytes moved. */
static void decoder_goes_on_after_a_move_it_cannot_pay(void **state)
{
	struct fixture *fixture = *state;
	struct fth_span input = { .data = fixture->stream };

	append_lie(fixture, FTH_HEADER_SIZE);
	append_lie(fixture, FTH_FRAME_PAYLOAD_MAX);
	append(fixture, FTH_T_QUERY, 0, 0);
	input.length = 2 * FTH_HEADER_SIZE - 1;
	assert_false(fth_decoder_next(&fixture->decoder, &input, &fixture->frame));
	fixture->decoder.credit = FTH_HEADER_SIZE * 2;
	input.length = 1 + FTH_HEADER_SIZE;
	assert_true(fth_decoder_next(&fixture->decoder, &input, &fixture->frame));
	assert_int_equal(fixture->frame.type, FTH_T_QUERY);
	assert_int_equal(fixture->decoder.skipped_bytes, 2 * FTH_HEADER_SIZE);
}

static void decoder_counts_every_byte(void **state)
{
	struct fixture *fixture = *state;
	struct fth_decoder *decoder = &fixture->decoder;

	memset(fixture->stream, 'F', 500);
	fixture->length = 500;
	append(fixture, FTH_T_QUERY, 0, 10);
	memset(fixture->stream + fixture->length, 'F', 500);
	fixture->length += 500;
	assert_int_equal(feed(fixture, 3, 0), 1);
	assert_int_equal(decoder->skipped_bytes + decoder->fill - decoder->begin, 1000);
	assert_in_range(decoder->fill - decoder->begin, 0, FTH_HEADER_SIZE);
}

static void decoder_reset_forgets_half_a_frame(void **state)
{
	struct fixture *fixture = *state;

	append(fixture, FTH_T_STAGE, 0, 100);
	fixture->length = 90;
	assert_int_equal(feed(fixture, 90, 0), 0);
	fth_decoder_reset(&fixture->decoder);
	fixture->length = 0;
	append(fixture, FTH_T_QUERY, 0, 0);
	assert_int_equal(feed(fixture, 90, 0), 1);
	assert_int_equal(fixture->decoder.skipped_bytes, 0);
}

/* The stream is empty again afterwards. */
static void feed_half_a_frame(struct fixture *fixture)
{
	append(fixture, FTH_T_STAGE, 9, 200);
	fixture->length = 100;
	assert_int_equal(feed(fixture, 100, 0), 0);
	fixture->length = 0;
}

/* Half a frame, then a buffer that begins with a frame of @type. */
static uint32_t frames_after_half_a_frame(struct fixture *fixture, uint8_t type, uint32_t cut)
{
	uint32_t frames = 0;
	struct fth_span input;

	feed_half_a_frame(fixture);
	append(fixture, type, 0, 12);
	append(fixture, FTH_T_QUERY, 1, 0);
	input.data = fixture->stream;
	input.length = fixture->length - cut;
	fth_decoder_begin_buffer(&fixture->decoder, input.data, input.length);
	while (fth_decoder_next(&fixture->decoder, &input, &fixture->frame))
		frames++;
	return frames;
}

static void decoder_hello_begins_anew(void **state)
{
	assert_int_equal(frames_after_half_a_frame(*state, FTH_T_HELLO, 0), 2);
}

static void decoder_only_hello_begins_anew(void **state)
{
	assert_int_equal(frames_after_half_a_frame(*state, FTH_T_QUERY, 0), 0);
}

static void decoder_half_a_hello_begins_nothing(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(frames_after_half_a_frame(fixture, FTH_T_HELLO, FTH_HEADER_SIZE + 1), 0);
	assert_int_equal(fixture->decoder.skipped_bytes, 0);
}

static void decoder_broken_hello_begins_nothing(void **state)
{
	struct fixture *fixture = *state;

	feed_half_a_frame(fixture);
	append(fixture, FTH_T_HELLO, 0, 12);
	fixture->stream[FTH_HEADER_SIZE] ^= 1;
	fth_decoder_begin_buffer(&fixture->decoder, fixture->stream, fixture->length);
	assert_int_equal(fixture->decoder.fill - fixture->decoder.begin, 100);
}

/* What would be a HELLO stands in memory, but no more of it came than this. */
static void decoder_short_buffer_begins_nothing(void **state)
{
	struct fixture *fixture = *state;

	feed_half_a_frame(fixture);
	append(fixture, FTH_T_HELLO, 0, 12);
	for (uint32_t length = 0; length < FTH_HEADER_SIZE + 12; length++)
		fth_decoder_begin_buffer(&fixture->decoder, fixture->stream, length);
	assert_int_equal(fixture->decoder.fill - fixture->decoder.begin, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(decoder_takes_the_longest_frame),
		TEST(decoder_refuses_a_length_over_the_limit),
		TEST(decoder_refuses_session_zero),
		TEST(decoder_recovers_what_a_false_header_swallowed),
		TEST(decoder_empties_itself_without_input),
		TEST(decoder_work_is_bounded),
		TEST(decoder_goes_on_after_a_move_it_cannot_pay),
		TEST(decoder_counts_every_byte),
		TEST(decoder_reset_forgets_half_a_frame),
		TEST(decoder_hello_begins_anew),
		TEST(decoder_only_hello_begins_anew),
		TEST(decoder_half_a_hello_begins_nothing),
		TEST(decoder_broken_hello_begins_nothing),
		TEST(decoder_short_buffer_begins_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
