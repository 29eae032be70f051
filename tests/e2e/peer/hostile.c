// SPDX-License-Identifier: GPL-2.0
/* What a host must not do, and what one of another version does. */
#include "peer.h"

#include <endian.h>
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 2000 /* nothing more comes */
#define UNKNOWN_TAG 0x7ff0
#define FUZZ_FIELD_MAX 300
#define FUZZ_PAYLOAD_MAX 4096

void peer_garbage(struct peer *peer, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += sizeof(peer->out)) {
		uint64_t length = bytes - i < sizeof(peer->out) ? bytes - i : sizeof(peer->out);

		for (uint64_t j = 0; j < length; j++)
			peer->out[j] = (uint8_t)random();
		peer_write(peer, peer->out, length);
	}
}

/* A frame whose fields are missing, or whose payload does not check. */
void peer_broken(struct peer *peer, uint8_t type, uint64_t op, const char *how)
{
	struct fth_msg msg = { .type = FTH_T_REVERSE, .op_id = op };
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	uint32_t length;

	msg.u.command.name = peer_span("x");
	length = peer_encode(peer, &msg);
	if (!strcmp(how, "badcrc"))
		peer->out[length - 1] ^= 1;
	if (!strcmp(how, "cut"))
		length /= 2;
	if (!strcmp(how, "bad")) {
		length = FTH_HEADER_SIZE;
		header->type = type;
		header->length = 0;
		header->payload_crc = 0;
		header->header_crc = fth_crc32(peer->out, FTH_HEADER_SIZE - 4);
	}
	peer_write(peer, peer->out, length);
	if (!strcmp(how, "bad"))
		peer_wait(peer, FTH_T_RESULT, op);
}

/* Fields with sensible tags and any content, some cut off or too long. */
static uint32_t random_fields(uint8_t *to, uint32_t size)
{
	uint32_t at = 0;

	while (at + FTH_FIELD_HEADER_SIZE + FUZZ_FIELD_MAX <= size && random() % 8) {
		uint32_t length = (uint32_t)random() % 3 ? 1u << random() % 4
							 : (uint32_t)random() % FUZZ_FIELD_MAX;

		to[at++] = (uint8_t)(random() % (FTH_TAG_FUNCTIONS + 1));
		to[at++] = random() % 50 ? 0 : 0x80;
		to[at++] = (uint8_t)length;
		to[at++] = (uint8_t)(random() % 100 ? length >> 8 : random());
		for (uint32_t i = 0; i < length; i++)
			to[at++] = (uint8_t)random();
	}
	return at;
}

void peer_fuzz(struct peer *peer, uint64_t count, uint64_t seed)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	uint32_t length;

	srandom((unsigned int)seed);
	for (uint64_t i = 0; i < count; i++) {
		msg.op_id = (uint64_t)random() % 100;
		peer_encode(peer, &msg);
		do
			header->type = (uint8_t)(random() % (FTH_T_EVENT + 2));
		while (header->type == FTH_T_HELLO);
		length = random_fields(peer->out + FTH_HEADER_SIZE, FUZZ_PAYLOAD_MAX);
		header->length = htole32(length);
		header->payload_crc = htole32(fth_crc32(peer->out + FTH_HEADER_SIZE, length));
		header->header_crc = htole32(fth_crc32(peer->out, FTH_HEADER_SIZE - 4));
		peer_write(peer, peer->out, FTH_HEADER_SIZE + length);
		while (peer_next(peer, 0))
			;
	}
}

void peer_flood(struct peer *peer, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct fth_msg msg = { .type = FTH_T_QUERY, .op_id = i + 1 };

		peer_send(peer, &msg);
	}
	printf("flood %" PRIu64 " sent\n", count);
}

void peer_drain(struct peer *peer)
{
	uint64_t count = 0;

	while (peer_next(peer, peer_now_ms() + QUIET_MS))
		count++;
	printf("drained %" PRIu64 "\n", count);
}

void peer_tell_stale(const struct peer *peer)
{
	printf("stale %" PRIu64 "\n", peer->stale);
	fflush(stdout);
}

static uint32_t encode_reverse(struct peer *peer, uint64_t op)
{
	struct fth_msg msg = { .type = FTH_T_REVERSE, .op_id = op };

	msg.u.command.name = peer_span("x");
	return peer_encode(peer, &msg);
}

/* A host that died; the next one is answered all the same. */
static void cut_at(struct peer *peer, const uint8_t *frame, uint32_t length)
{
	peer_write(peer, frame, length);
	peer_close(peer);
	peer_open(peer);
	peer_hello(peer, 0, 0);
	peer_heartbeat(peer);
}

/* The last cut is of a frame that would swallow all HELLOs of many minutes. */
void peer_cuts(struct peer *peer)
{
	struct fth_wire_header *header;
	uint8_t frame[LINE_MAX_BYTES];
	uint32_t length, i;

	length = encode_reverse(peer, 1);
	if (length > sizeof(frame))
		errx(2, "a frame of %u bytes is too long", length);
	memcpy(frame, peer->out, length);
	for (i = 1; i < length; i++)
		cut_at(peer, frame, i);
	header = (struct fth_wire_header *)frame;
	header->length = htole32(FTH_FRAME_PAYLOAD_MAX);
	header->header_crc = htole32(fth_crc32(frame, FTH_HEADER_SIZE - 4));
	cut_at(peer, frame, length);
	printf("cut %u times\n", length);
}

/* A changed header or payload gets its checksums again. */
static void seal(struct peer *peer, uint32_t length)
{
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	uint32_t payload = length - FTH_HEADER_SIZE;

	header->length = htole32(payload);
	header->payload_crc = htole32(fth_crc32(peer->out + FTH_HEADER_SIZE, payload));
	header->header_crc = htole32(fth_crc32(peer->out, FTH_HEADER_SIZE - 4));
}

static uint32_t append_field(struct peer *peer, uint32_t at, uint16_t tag)
{
	const uint8_t field[] = { (uint8_t)tag, (uint8_t)(tag >> 8), 2, 0, 0xaa, 0x55 };

	memcpy(peer->out + at, field, sizeof(field));
	return at + (uint32_t)sizeof(field);
}

void peer_skew(struct peer *peer, const char *how, uint64_t op)
{
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	uint32_t length = encode_reverse(peer, op);

	if (!strcmp(how, "version"))
		header->version = FTH_WIRE_VERSION + 1;
	else if (!strcmp(how, "flags"))
		header->flags = htole16(1);
	else if (!strcmp(how, "session"))
		header->session ^= htole64(2);
	else if (!strcmp(how, "type"))
		header->type = FTH_T_HELLO_ACK - 1;
	else if (!strcmp(how, "guest"))
		header->type = FTH_T_RESULT;
	else if (!strcmp(how, "tag"))
		length = append_field(peer, length, UNKNOWN_TAG);
	else
		length = append_field(peer, length, UNKNOWN_TAG | FTH_TAG_CRITICAL);
	seal(peer, length);
	peer_write(peer, peer->out, length);
}

void peer_skew_hello(struct peer *peer, const char *how)
{
	struct fth_msg msg = { .type = FTH_T_HELLO };
	bool critical = !strcmp(how, "critical");
	uint32_t length;

	peer->nonce += 2;
	peer->seq = 0;
	length = peer_encode(peer, &msg);
	length =
		append_field(peer, length, critical ? UNKNOWN_TAG | FTH_TAG_CRITICAL : UNKNOWN_TAG);
	seal(peer, length);
	peer_write(peer, peer->out, length);
	if (!critical)
		peer_wait(peer, FTH_T_HELLO_ACK, 0);
	else if (peer_next(peer, peer_now_ms() + QUIET_MS))
		errx(1, "a HELLO with a critical field that nobody knows was answered");
}
