// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: golden ones both ways, malformed ones, streams cut anywhere.
 *
 * DESIGN
 * A golden frame is encoded from the expected message, and decoded and encoded
 * again.  The first proves where every field of the structure goes; given
 * that, the second proves where every field comes from.
 */
#include "vectors.h"

#include "bytes.h"

static void decode_golden(struct fth_vectors *vectors, const struct fth_golden *golden)
{
	struct fth_span input = { .data = golden->bytes, .length = golden->length };
	const char *why = NULL;
	struct fth_frame frame;
	uint32_t length = 0;
	bool good;

	fth_decoder_init(&vectors->decoder, vectors->buffer);
	good = fth_decoder_next(&vectors->decoder, &input, &frame) && !input.length &&
	       !fth_msg_decode(&frame, &vectors->msg, &why) && !why &&
	       !fth_msg_encode(&vectors->msg, vectors->encoded, sizeof(vectors->encoded),
			       &length) &&
	       length == golden->length && !memcmp(vectors->encoded, golden->bytes, length);
	fth_vectors_check(vectors, good, golden->name);
}

static void encode_golden(struct fth_vectors *vectors, const struct fth_golden *golden)
{
	uint32_t length = 0;
	bool good;

	fth_vectors_expect_at((uint32_t)(golden - fth_golden), &vectors->expected);
	good = !fth_msg_encode(&vectors->expected, vectors->encoded, sizeof(vectors->encoded),
			       &length) &&
	       length == golden->length && !memcmp(vectors->encoded, golden->bytes, length);
	fth_vectors_check(vectors, good, golden->name);
}

/**
 * struct payload_vector - a payload and what reading it gives
 * @what: is tried
 * @type: enum fth_wire_type
 * @error: expected
 * @length: of @bytes
 * @bytes: literally
 */
struct payload_vector {
	const char *what;
	uint8_t type;
	int error;
	uint32_t length;
	const char *bytes;
};

#define PAYLOAD(what_, type_, error_, bytes_)                                  \
	{                                                                      \
		(what_), FTH_T_##type_, (error_), sizeof(bytes_) - 1, (bytes_) \
	}

#define EPOCH "\1\0\x08\0\x08\7\6\5\4\3\2\1"
#define NAME "\2\0\1\0p"
#define TIMES "\x0c\0\x08\0\1\0\0\0\0\0\0\0\x0d\0\x08\0\0\0\0\0\0\0\0\0"
#define EXTEND "\x50\x80\4\0\1\0\0\0"
#define N8 "nnnnnnnn"
#define N55 N8 N8 N8 N8 N8 N8 "nnnnnnn"

static const struct payload_vector payloads[] = {
	PAYLOAD("field of no known tag is skipped", HELLO, 0, "\xff\x7f\3\0xyz" EPOCH),
	PAYLOAD("known tag of another message is skipped", HELLO, 0, NAME EPOCH),
	PAYLOAD("fields in any order", REVERSE, 0, NAME EPOCH),
	PAYLOAD("longest name", REVERSE, 0, EPOCH "\2\0\x37\0" N55),
	PAYLOAD("nothing but unknown fields", QUERY, 0, "\x63\0\0\0"),
	PAYLOAD("required field missing", HELLO, -EBADMSG, ""),
	PAYLOAD("second required field missing", REVERSE, -EBADMSG, EPOCH),
	PAYLOAD("integer too short", HELLO, -EBADMSG, "\1\0\4\0\1\0\0\0"),
	PAYLOAD("integer too long", HELLO, -EBADMSG, "\1\0\x09\0\1\0\0\0\0\0\0\0\0"),
	PAYLOAD("field twice", HELLO, -EBADMSG, EPOCH EPOCH),
	PAYLOAD("critical field of no known tag", HELLO, -EBADMSG, EPOCH "\1\x80\0\0"),
	PAYLOAD("extend, where it may stand", CONFIRM, 0, NAME EPOCH EXTEND),
	PAYLOAD("extend, where it means nothing", REVERSE, -EBADMSG, NAME EPOCH EXTEND),
	PAYLOAD("extend twice", CONFIRM, -EBADMSG, NAME EPOCH EXTEND EXTEND),
	PAYLOAD("reverse a cut hash", REVERSE, -EBADMSG, NAME EPOCH "\3\0\1\0h"),
	PAYLOAD("revert by the policy's mode", REVERT, 0, NAME EPOCH),
	PAYLOAD("revert by a mode of no name", REVERT, -EBADMSG, NAME EPOCH "\x2f\0\1\0\4"),
	PAYLOAD("allow by name alone", ALLOW, 0, NAME EPOCH),
	PAYLOAD("allow a cut hash", ALLOW, -EBADMSG, NAME EPOCH "\3\0\1\0h"),
	PAYLOAD("field header cut short", HELLO, -EBADMSG, EPOCH "\2\0\1"),
	PAYLOAD("value cut short", HELLO, -EBADMSG, EPOCH "\2\0\2\0p"),
	PAYLOAD("longest length and no value", HELLO, -EBADMSG, EPOCH "\2\0\xff\xff"),
	PAYLOAD("empty name", REVERSE, -EBADMSG, EPOCH "\2\0\0\0"),
	PAYLOAD("name too long", REVERSE, -EBADMSG, EPOCH "\2\0\x38\0n" N55),
	PAYLOAD("name with a slash", REVERSE, -EBADMSG, EPOCH "\2\0\3\0a/b"),
	PAYLOAD("name that is hidden", REVERSE, -EBADMSG, EPOCH "\2\0\2\0.a"),
	PAYLOAD("name that is an option", REVERSE, -EBADMSG, EPOCH "\2\0\2\0-a"),
	PAYLOAD("name with a NUL", REVERSE, -EBADMSG, EPOCH "\2\0\3\0a\0b"),
	PAYLOAD("name with a high byte", REVERSE, -EBADMSG, EPOCH "\2\0\2\0a\xe9"),
	PAYLOAD("state of no name", EVENT, -EBADMSG, "\x16\0\1\0\1\x09\0\1\0\6" TIMES),
	PAYLOAD("last state", EVENT, 0, "\x16\0\1\0\1\x09\0\1\0\5" TIMES),
	PAYLOAD("empty optional text", EVENT, -EBADMSG, "\x16\0\1\0\1\x09\0\1\0\5\x08\0\0\0" TIMES),
	PAYLOAD("text with a NUL", EVENT, -EBADMSG, "\x16\0\1\0\1\x09\0\1\0\5\x08\0\2\0a\0" TIMES),
	PAYLOAD("patch without a name", RESULT, -EBADMSG,
		"\7\0\2\0\0\0" TIMES "\x14\0\5\0\x09\0\1\0\1"),
	PAYLOAD("patch and nothing else", RESULT, 0,
		"\7\0\2\0\0\0" TIMES "\x14\0\x0a\0" NAME "\x09\0\1\0\1"),
	PAYLOAD("patch with its hash cut", RESULT, -EBADMSG,
		"\7\0\2\0\0\0" TIMES "\x14\0\x0f\0" NAME "\x09\0\1\0\1\3\0\1\0h"),
	PAYLOAD("patch with a critical field", RESULT, -EBADMSG,
		"\7\0\2\0\0\0" TIMES "\x14\0\x0e\0" NAME "\x09\0\1\0\1\0\x80\0\0"),
	PAYLOAD("field of a patch that runs out of it", RESULT, -EBADMSG,
		"\7\0\2\0\0\0\x14\0\x0a\0" NAME "\x09\0\2\0\1" TIMES),
	PAYLOAD("event of a later kind and trigger", EVENT, 0,
		"\x16\0\1\0\xff\x09\0\1\0\1\x1a\0\1\0\xff" TIMES),
	PAYLOAD("event with a field of a later engine", EVENT, 0,
		"\x16\0\1\0\4\x09\0\1\0\1\xf0\0\1\0x" TIMES),
	PAYLOAD("event with an empty text", EVENT, -EBADMSG,
		"\x16\0\1\0\4\x09\0\1\0\1\x1b\0\0\0" TIMES),
	PAYLOAD("straggler without a time", RESULT, -EBADMSG,
		"\7\0\2\0\0\0" TIMES "\x15\0\x08\0\x40\0\4\0\1\0\0\0"),
};

static void check_payloads(struct fth_vectors *vectors)
{
	for (uint32_t i = 0; i < FTH_COUNT_OF(payloads); i++) {
		const struct payload_vector *payload = &payloads[i];
		struct fth_frame frame = { .type = payload->type, .session = 1 };
		const char *why = NULL;
		bool good;

		frame.payload.data = (const uint8_t *)payload->bytes;
		frame.payload.length = payload->length;
		memset(&vectors->msg, 0xa5, sizeof(vectors->msg));
		vectors->expected = vectors->msg;
		good = fth_msg_decode(&frame, &vectors->msg, &why) == payload->error &&
		       !why == !payload->error;
		if (payload->error)
			good = good &&
			       !memcmp(&vectors->msg, &vectors->expected, sizeof(vectors->msg));
		fth_vectors_check(vectors, good, payload->what);
	}
}

/**
 * struct header_vector - one change to a good header
 * @what: is tried
 * @offset: of the byte that is changed
 * @flip: its bits that are
 * @heal: make the header's checksum right again
 */
struct header_vector {
	const char *what;
	uint8_t offset;
	uint8_t flip;
	bool heal;
};

static const struct header_vector headers[] = {
	{ "magic", 0, 1, true },
	{ "version", 4, 3, true },
	{ "flags", 6, 1, true },
	{ "flags, high byte", 7, 0x80, true },
	{ "length over the limit", 30, 2, true },
	{ "length, high byte", 31, 0x80, true },
	{ "header checksum", 36, 1, false },
	{ "session without a checksum", 8, 1, false },
	{ "payload checksum", 32, 1, true },
	{ "payload", 44, 1, false },
};

/* A broken frame yields nothing, and the good one behind it is not lost. */
static void check_headers(struct fth_vectors *vectors)
{
	const struct fth_golden *golden = &fth_golden[0];

	for (uint32_t i = 0; i < FTH_COUNT_OF(headers); i++) {
		struct fth_span input = { .data = vectors->stream, .length = 2 * golden->length };
		struct fth_frame frame;
		bool good;

		memcpy(vectors->stream, golden->bytes, golden->length);
		memcpy(vectors->stream + golden->length, golden->bytes, golden->length);
		vectors->stream[headers[i].offset] ^= headers[i].flip;
		if (headers[i].heal)
			FTH_HEADER_PUT(vectors->stream, header_crc,
				       fth_crc32(vectors->stream, FTH_HEADER_SIZE - 4));
		fth_decoder_init(&vectors->decoder, vectors->buffer);
		good = fth_decoder_next(&vectors->decoder, &input, &frame) && frame.seq == 0 &&
		       frame.session == 0x1122334455667788ull &&
		       vectors->decoder.skipped_bytes == golden->length &&
		       !fth_decoder_next(&vectors->decoder, &input, &frame);
		fth_vectors_check(vectors, good, headers[i].what);
	}
}

/* All golden frames with things between them that are no frames. */
static uint32_t build_stream(struct fth_vectors *vectors)
{
	static const char between[] = "FTHFTHF\1\2FTFTHF";
	uint32_t length = 0;

	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		memcpy(vectors->stream + length, fth_golden[i].bytes, fth_golden[i].length);
		length += fth_golden[i].length;
		memcpy(vectors->stream + length, between, i % sizeof(between));
		length += i % sizeof(between);
	}
	return length;
}

/* Frames come in order, each of them once, wherever the stream is cut. */
static void check_cut(struct fth_vectors *vectors, uint32_t length, uint32_t cut)
{
	struct fth_span parts[2] = {
		{ .data = vectors->stream, .length = cut },
		{ .data = vectors->stream + cut, .length = length - cut },
	};
	struct fth_frame frame;
	uint32_t seq = 0;
	bool good = true;

	fth_decoder_init(&vectors->decoder, vectors->buffer);
	for (uint32_t i = 0; i < 2; i++) {
		while (good && fth_decoder_next(&vectors->decoder, &parts[i], &frame)) {
			good = seq < FTH_GOLDEN_COUNT && frame.seq == seq &&
			       frame.type == fth_golden[seq].type &&
			       frame.payload.length == fth_golden[seq].length - FTH_HEADER_SIZE &&
			       !memcmp(frame.payload.data, fth_golden[seq].bytes + FTH_HEADER_SIZE,
				       frame.payload.length);
			seq++;
		}
	}
	fth_vectors_check(vectors, good && seq == FTH_GOLDEN_COUNT, "stream cut in two");
}

static void check_stream(struct fth_vectors *vectors)
{
	uint32_t length = build_stream(vectors);
	struct fth_frame frame;
	uint32_t frames = 0;

	for (uint32_t cut = 0; cut <= length; cut++)
		check_cut(vectors, length, cut);
	fth_decoder_init(&vectors->decoder, vectors->buffer);
	for (uint32_t at = 0; at < length; at++) {
		struct fth_span byte = { .data = vectors->stream + at, .length = 1 };

		while (fth_decoder_next(&vectors->decoder, &byte, &frame))
			frames++;
	}
	fth_vectors_check(vectors, frames == FTH_GOLDEN_COUNT, "stream byte by byte");
}

/* A sender died inside a frame; the next one greets in a buffer of its own. */
static void check_greeting(struct fth_vectors *vectors)
{
	const struct fth_golden *hello = &fth_golden[0];
	const struct fth_golden *stage = &fth_golden[1];
	struct fth_span cut = { .data = stage->bytes, .length = stage->length - 1 };
	struct fth_span input = { .data = hello->bytes, .length = hello->length };
	struct fth_frame frame;
	bool good;

	fth_decoder_init(&vectors->decoder, vectors->buffer);
	good = !fth_decoder_next(&vectors->decoder, &cut, &frame);
	fth_decoder_begin_buffer(&vectors->decoder, input.data, input.length);
	good = good && fth_decoder_next(&vectors->decoder, &input, &frame) &&
	       frame.type == FTH_T_HELLO && vectors->decoder.skipped_bytes == stage->length - 1;
	fth_vectors_check(vectors, good, "HELLO after half a frame");
}

void fth_vectors_frames(struct fth_vectors *vectors)
{
	fth_vectors_check(vectors, fth_crc32("123456789", 9) == 0xcbf43926, "CRC-32");
	fth_vectors_check(vectors, fth_crc32(NULL, 0) == 0, "CRC-32 of nothing");
	for (uint32_t i = 0; i < FTH_GOLDEN_COUNT; i++) {
		encode_golden(vectors, &fth_golden[i]);
		decode_golden(vectors, &fth_golden[i]);
	}
	check_payloads(vectors);
	check_headers(vectors);
	check_stream(vectors);
	check_greeting(vectors);
}
