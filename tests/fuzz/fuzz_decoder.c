// SPDX-License-Identifier: GPL-2.0
/*
 * The frame decoder, fed anything in pieces of any size.
 *
 * DESIGN
 * The input's first byte seeds the sizes of the pieces, the rest is the stream.
 * A stream is fed twice, cut differently: what comes out must not depend on
 * the cuts, unless the decoder ran out of credit.  No byte may get lost
 * uncounted.  With the seed's high bit set every header's checksum is made
 * right first, or the fuzzer would hardly get behind one.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fother/codec.h"

#include "bytes.h"

#define STREAM_MAX (3u * FTH_DECODER_BUFFER_SIZE)

struct outcome {
	uint64_t frames;
	uint64_t bytes;
	uint32_t digest;
};

static struct fth_decoder decoder;
static uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
static uint8_t stream[STREAM_MAX];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

static void take_frame(const struct fth_frame *frame, struct outcome *outcome)
{
	const uint8_t *data = frame->payload.data;

	require(frame->payload.length <= FTH_FRAME_PAYLOAD_MAX);
	require(data >= buffer + FTH_HEADER_SIZE &&
		data + frame->payload.length <= buffer + sizeof(buffer));
	require(frame->session != 0);
	outcome->frames++;
	outcome->bytes += FTH_HEADER_SIZE + frame->payload.length;
	outcome->digest = outcome->digest * 31 + fth_crc32(data, frame->payload.length) +
			  frame->seq + frame->type;
}

static void check_decoder(const struct outcome *outcome, uint64_t fed)
{
	uint32_t pending = decoder.fill - decoder.begin - decoder.consumed;

	require(decoder.begin <= decoder.fill && decoder.fill <= sizeof(buffer));
	require(decoder.frames == outcome->frames);
	require(decoder.skipped_bytes + outcome->bytes + pending == fed);
}

static struct outcome feed(uint32_t length, uint32_t seed)
{
	struct outcome outcome = { 0 };
	struct fth_frame frame;

	fth_decoder_init(&decoder, buffer);
	for (uint32_t at = 0; at < length;) {
		struct fth_span input = { .data = stream + at, .length = 1 };

		seed = seed * 1664525 + 1013904223;
		if (seed >> 30)
			input.length += seed >> 16 & (seed >> 29 & 1 ? 0xfff : 0x3f);
		if (input.length > length - at)
			input.length = length - at;
		at += input.length;
		fth_decoder_begin_buffer(&decoder, input.data, input.length);
		while (fth_decoder_next(&decoder, &input, &frame)) {
			take_frame(&frame, &outcome);
			check_decoder(&outcome, at - input.length);
		}
		require(input.length == 0);
		check_decoder(&outcome, at);
	}
	return outcome;
}

/* As feed(), in one piece; no buffer begins but the first. */
static struct outcome feed_whole(uint32_t length)
{
	struct fth_span input = { .data = stream, .length = length };
	struct outcome outcome = { 0 };
	struct fth_frame frame;

	fth_decoder_init(&decoder, buffer);
	while (fth_decoder_next(&decoder, &input, &frame))
		take_frame(&frame, &outcome);
	require(input.length == 0);
	check_decoder(&outcome, length);
	return outcome;
}

static struct outcome feed_bytes(uint32_t length)
{
	struct outcome outcome = { 0 };
	struct fth_frame frame;

	fth_decoder_init(&decoder, buffer);
	for (uint32_t at = 0; at < length; at++) {
		struct fth_span input = { .data = stream + at, .length = 1 };

		while (fth_decoder_next(&decoder, &input, &frame))
			take_frame(&frame, &outcome);
	}
	check_decoder(&outcome, length);
	return outcome;
}

/* Make each header that begins with a magic right, and some payloads. */
static void heal(uint32_t length)
{
	for (uint32_t at = 0; at + FTH_HEADER_SIZE <= length; at++) {
		uint8_t *header = stream + at;
		uint32_t payload = (uint32_t)FTH_HEADER_GET(header, length);

		if (FTH_HEADER_GET(header, magic) != FTH_WIRE_MAGIC)
			continue;
		if (payload <= length - at - FTH_HEADER_SIZE && !(header[32] & 1))
			FTH_HEADER_PUT(header, payload_crc,
				       fth_crc32(header + FTH_HEADER_SIZE, payload));
		FTH_HEADER_PUT(header, header_crc, fth_crc32(header, FTH_HEADER_SIZE - 4));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole;
	struct outcome bytes;

	if (size < 1 || size - 1 > sizeof(stream))
		return 0;
	memcpy(stream, data + 1, size - 1);
	if (data[0] & 0x80)
		heal((uint32_t)size - 1);
	feed((uint32_t)size - 1, data[0]);
	/* Less than the credit to begin with: cuts can't matter. */
	if (size > 4096)
		return 0;
	whole = feed_whole((uint32_t)size - 1);
	bytes = feed_bytes((uint32_t)size - 1);
	require(whole.frames == bytes.frames && whole.bytes == bytes.bytes &&
		whole.digest == bytes.digest);
	return 0;
}
