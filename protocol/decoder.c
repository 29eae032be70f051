// SPDX-License-Identifier: GPL-2.0
/*
 * Byte stream in, frames out.
 *
 * DESIGN
 * Bytes are assembled at the caller's buffer until the frame at @begin is
 * complete.  What does not turn out to be a frame is passed over one byte at a
 * time up to the next place where a magic may begin, so a header that a
 * payload happened to hold costs no frame behind it: those bytes are still in
 * the buffer and are searched again.
 *
 * That second search is what a hostile peer would pay us with: headers nested
 * 40 bytes apart, each with a right checksum and a length of 64 KiB, would
 * make every 40 bytes cost a checksum (and a move) of 64 KiB.  So looking
 * again is paid for: every byte taken earns RESCANS bytes of credit, a payload
 * checksum and a move within the buffer spend it, and with nothing left all
 * that is assembled is passed over at once.  Work is O(bytes taken).  A sender
 * that keeps to the protocol never gets there: each of its bytes is checked
 * once.
 *
 * No message is understood here, and no session: a frame is handed out when
 * both of its checksums are right.
 */
#include "fother/codec.h"

#include "bytes.h"

/* How often a byte may be looked at, on average. */
#define RESCANS 8u
#define CREDIT_MAX (RESCANS * FTH_DECODER_BUFFER_SIZE)

void fth_decoder_init(struct fth_decoder *decoder, uint8_t *buffer)
{
	memset(decoder, 0, sizeof(*decoder));
	decoder->buffer = buffer;
	decoder->credit = CREDIT_MAX;
}

/* Credit stays too: reconnecting must not buy any. */
void fth_decoder_reset(struct fth_decoder *decoder)
{
	decoder->begin = 0;
	decoder->fill = 0;
	decoder->consumed = 0;
	decoder->need = 0;
}

bool fth_decoder_is_idle(const struct fth_decoder *decoder)
{
	return decoder->begin + decoder->consumed == decoder->fill;
}

static bool header_is_good(const uint8_t *bytes)
{
	uint32_t covered = offsetof(struct fth_wire_header, header_crc);

	return FTH_HEADER_GET(bytes, magic) == FTH_WIRE_MAGIC &&
	       FTH_HEADER_GET(bytes, version) == FTH_WIRE_VERSION &&
	       FTH_HEADER_GET(bytes, flags) == 0 && FTH_HEADER_GET(bytes, session) != 0 &&
	       FTH_HEADER_GET(bytes, length) <= FTH_FRAME_PAYLOAD_MAX &&
	       FTH_HEADER_GET(bytes, header_crc) == fth_crc32(bytes, covered);
}

static bool payload_is_good(const uint8_t *bytes)
{
	return FTH_HEADER_GET(bytes, payload_crc) ==
	       fth_crc32(bytes + FTH_HEADER_SIZE, (uint32_t)FTH_HEADER_GET(bytes, length));
}

/* May these bytes be the beginning of a magic? */
static bool magic_may_begin(const uint8_t *bytes, uint32_t length)
{
	static const uint8_t magic[] = {
		FTH_WIRE_MAGIC & 0xff,
		FTH_WIRE_MAGIC >> 8 & 0xff,
		FTH_WIRE_MAGIC >> 16 & 0xff,
		FTH_WIRE_MAGIC >> 24,
	};

	return memcmp(bytes, magic, length < sizeof(magic) ? length : sizeof(magic)) == 0;
}

static void pass_over(struct fth_decoder *decoder, uint32_t count)
{
	decoder->begin += count;
	decoder->skipped_bytes += count;
	decoder->need = 0;
}

/* To the next place where a magic may begin; the present one is none. */
static void search(struct fth_decoder *decoder)
{
	uint32_t at = decoder->begin;

	do {
		at++;
	} while (at < decoder->fill && !magic_may_begin(decoder->buffer + at, decoder->fill - at));
	pass_over(decoder, at - decoder->begin);
}

/* False: there was not enough, and all that is assembled was passed over. */
static bool spend(struct fth_decoder *decoder, uint32_t bytes)
{
	if (decoder->credit < bytes) {
		pass_over(decoder, decoder->fill - decoder->begin);
		return false;
	}
	decoder->credit -= bytes;
	return true;
}

static void release(struct fth_decoder *decoder)
{
	decoder->begin += decoder->consumed;
	decoder->consumed = 0;
}

/* Have @need bytes from @begin on in one piece; false: not there yet. */
static bool assemble(struct fth_decoder *decoder, uint32_t need, struct fth_span *input)
{
	uint32_t have = decoder->fill - decoder->begin;
	uint32_t take = input->length;

	if (have >= need)
		return true;
	if (decoder->begin + need > FTH_DECODER_BUFFER_SIZE || !have) {
		if (!spend(decoder, have))
			return false;
		memmove(decoder->buffer, decoder->buffer + decoder->begin, have);
		decoder->begin = 0;
		decoder->fill = have;
	}
	if (take > need - have)
		take = need - have;
	if (!take)
		return false;
	memcpy(decoder->buffer + decoder->fill, input->data, take);
	decoder->fill += take;
	decoder->credit += RESCANS * take;
	if (decoder->credit > CREDIT_MAX)
		decoder->credit = CREDIT_MAX;
	input->data += take;
	input->length -= take;
	return have + take == need;
}

static void check_header(struct fth_decoder *decoder)
{
	const uint8_t *bytes = decoder->buffer + decoder->begin;

	if (header_is_good(bytes)) {
		decoder->need = FTH_HEADER_SIZE + (uint32_t)FTH_HEADER_GET(bytes, length);
		return;
	}
	if (magic_may_begin(bytes, FTH_HEADER_SIZE))
		decoder->bad_headers++;
	search(decoder);
}

static void hand_out(struct fth_decoder *decoder, struct fth_frame *ret_frame)
{
	const uint8_t *bytes = decoder->buffer + decoder->begin;

	ret_frame->type = (uint8_t)FTH_HEADER_GET(bytes, type);
	ret_frame->seq = (uint32_t)FTH_HEADER_GET(bytes, seq);
	ret_frame->session = FTH_HEADER_GET(bytes, session);
	ret_frame->op_id = FTH_HEADER_GET(bytes, op_id);
	ret_frame->payload.data = bytes + FTH_HEADER_SIZE;
	ret_frame->payload.length = decoder->need - FTH_HEADER_SIZE;
	decoder->consumed = decoder->need;
	decoder->need = 0;
	decoder->frames++;
}

bool fth_decoder_next(struct fth_decoder *decoder, struct fth_span *input,
		      struct fth_frame *ret_frame)
{
	release(decoder);
	for (;;) {
		uint32_t need = decoder->need;

		if (!assemble(decoder, need ? need : FTH_HEADER_SIZE, input)) {
			/* Not for want of input: a move was not paid for. */
			if (input->length)
				continue;
			return false;
		}
		if (!decoder->need) {
			check_header(decoder);
			continue;
		}
		if (!spend(decoder, decoder->need))
			continue;
		if (payload_is_good(decoder->buffer + decoder->begin)) {
			hand_out(decoder, ret_frame);
			return true;
		}
		decoder->bad_payloads++;
		search(decoder);
	}
}

void fth_decoder_begin_buffer(struct fth_decoder *decoder, const uint8_t *data, size_t length)
{
	release(decoder);
	if (decoder->begin == decoder->fill || length < FTH_HEADER_SIZE)
		return;
	if (!header_is_good(data) || FTH_HEADER_GET(data, type) != FTH_T_HELLO ||
	    FTH_HEADER_GET(data, length) > length - FTH_HEADER_SIZE || !payload_is_good(data))
		return;
	pass_over(decoder, decoder->fill - decoder->begin);
}
