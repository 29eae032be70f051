// SPDX-License-Identifier: GPL-2.0
/*
 * Mutated frames into the kernel's decoder, codec and dispatch, through /dev/fother.
 *
 * usage: fth_fuzz COUNT SEED
 *
 * DESIGN
 * Each frame is made of a golden one: of any type, with bits, bytes or whole fields
 * changed, cut, doubled or taken from another frame; most with right checksums and
 * of the open session, so that they get far.  They are written in batches of any
 * size, so that frames begin and end anywhere in a chunk.  A thread reads what the
 * guest answers: each byte of it must belong to a frame whose checksums are right.
 * In between and at the end, a HELLO of a new session must be answered.
 * The same seed gives the same frames.  Exits with 1 when an answer is wrong or
 * missing.
 */
#include <endian.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../protocol/crc32.c"
#include "../vectors/golden.c"

#define DEVICE "/dev/fother"
#define BATCH_MAX 32768 /* bytes of one write, and one frame more */
#define FRAME_MAX 8192
#define NONCE_FIRST 0x1000
#define GREET_EVERY 20000 /* frames */
#define WAIT_MS 120000
#define OPS 100 /* op ids in use: some are repeated */

struct fuzz {
	int fd;
	uint64_t random;
	uint64_t nonce;
	uint8_t batch[BATCH_MAX + FRAME_MAX];
	uint32_t fill;
	_Atomic uint64_t acked; /* nonce of the last HELLO_ACK */
	_Atomic uint64_t answers;
};

static struct fuzz fuzz;

static uint32_t pick(uint32_t below)
{
	fuzz.random ^= fuzz.random << 13;
	fuzz.random ^= fuzz.random >> 7;
	fuzz.random ^= fuzz.random << 17;
	return (uint32_t)(fuzz.random >> 32) % below;
}

static void read_all(uint8_t *to, uint32_t length)
{
	while (length) {
		ssize_t got = read(fuzz.fd, to, length);

		if (got <= 0)
			err(1, "read '%s'", DEVICE);
		to += got;
		length -= (uint32_t)got;
	}
}

static void *read_answers(void *unused)
{
	static uint8_t payload[FTH_FRAME_PAYLOAD_MAX];
	struct fth_wire_header header;

	(void)unused;
	for (;;) {
		read_all((uint8_t *)&header, sizeof(header));
		if (le32toh(header.magic) != FTH_WIRE_MAGIC ||
		    le32toh(header.header_crc) != fth_crc32(&header, FTH_HEADER_SIZE - 4) ||
		    le32toh(header.length) > sizeof(payload))
			errx(1, "answer %llu: its header is broken",
			     (unsigned long long)fuzz.answers);
		read_all(payload, le32toh(header.length));
		if (le32toh(header.payload_crc) != fth_crc32(payload, le32toh(header.length)))
			errx(1, "answer %llu: its payload is broken",
			     (unsigned long long)fuzz.answers);
		fuzz.answers++;
		if (header.type == FTH_T_HELLO_ACK)
			fuzz.acked = le64toh(header.session);
	}
	return NULL;
}

static void write_batch(void)
{
	uint32_t at = 0;

	while (at < fuzz.fill) {
		uint32_t length = fuzz.fill - at;
		ssize_t put;

		/* Anywhere in a frame. */
		if (length > 1 && !pick(3))
			length = 1 + pick(length);
		put = write(fuzz.fd, fuzz.batch + at, length);
		if (put <= 0)
			err(1, "write '%s'", DEVICE);
		at += (uint32_t)put;
	}
	fuzz.fill = 0;
}

static void seal(uint8_t *frame, uint32_t length)
{
	struct fth_wire_header *header = (struct fth_wire_header *)frame;

	header->length = htole32(length - FTH_HEADER_SIZE);
	header->payload_crc = htole32(fth_crc32(frame + FTH_HEADER_SIZE, length - FTH_HEADER_SIZE));
	header->header_crc = htole32(fth_crc32(frame, FTH_HEADER_SIZE - 4));
}

static const struct fth_golden *any_golden(void)
{
	return &fth_golden[pick(FTH_GOLDEN_COUNT)];
}

/* The offset of one of the payload's fields; 0: it has none. */
static uint32_t any_field(const uint8_t *frame, uint32_t length, uint32_t *ret_size)
{
	uint32_t at = FTH_HEADER_SIZE, found = 0, seen = 0;

	while (at + FTH_FIELD_HEADER_SIZE <= length) {
		uint32_t size =
			FTH_FIELD_HEADER_SIZE + frame[at + 2] + ((uint32_t)frame[at + 3] << 8);

		if (size > length - at)
			break;
		if (!pick(++seen)) {
			found = at;
			*ret_size = size;
		}
		at += size;
	}
	return found;
}

static uint32_t remove_bytes(uint8_t *frame, uint32_t length, uint32_t at, uint32_t size)
{
	memmove(frame + at, frame + at + size, length - at - size);
	return length - size;
}

static uint32_t append(uint8_t *frame, uint32_t length, const uint8_t *bytes, uint32_t size)
{
	if (size > FRAME_MAX - length)
		size = FRAME_MAX - length;
	memmove(frame + length, bytes, size);
	return length + size;
}

static uint32_t mutate_field(uint8_t *frame, uint32_t length)
{
	static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff };
	uint32_t size = 0, at = any_field(frame, length, &size);
	uint32_t i;

	if (!at)
		return length;
	switch (pick(5)) {
	case 0:
		return remove_bytes(frame, length, at, size);
	case 1:
		return append(frame, length, frame + at, size);
	case 2: /* a length that lies */
		frame[at + 2 + pick(2)] = edges[pick(sizeof(edges))];
		return length;
	case 3:
		frame[at + pick(2)] = (uint8_t)pick(256);
		return length;
	default:
		for (i = at + FTH_FIELD_HEADER_SIZE; i < at + size; i++)
			frame[i] = edges[pick(sizeof(edges))];
		return length;
	}
}

/* Of a frame with its payload; returns its new length. */
static uint32_t mutate(uint8_t *frame, uint32_t length)
{
	const struct fth_golden *other = any_golden();
	uint32_t payload = length - FTH_HEADER_SIZE, count = 1 + pick(8), at;

	switch (pick(8)) {
	case 0:
		return length;
	case 1:
		while (payload && count--)
			frame[FTH_HEADER_SIZE + pick(payload)] ^= (uint8_t)(1u << pick(8));
		return length;
	case 2:
		while (payload && count--)
			frame[FTH_HEADER_SIZE + pick(payload)] = (uint8_t)pick(256);
		return length;
	case 3:
		return FTH_HEADER_SIZE + pick(payload + 1);
	case 4: /* the fields of another message */
		return append(frame, length, other->bytes + FTH_HEADER_SIZE,
			      other->length - FTH_HEADER_SIZE);
	case 5: /* the type of another message */
		((struct fth_wire_header *)frame)->type = (uint8_t)pick(70);
		return length;
	case 6:
		at = pick(payload + 1);
		for (count = pick(200); count--; length++)
			frame[length] = (uint8_t)pick(256);
		return remove_bytes(frame, length, FTH_HEADER_SIZE + at, pick(payload - at + 1));
	default:
		for (; count--;)
			length = mutate_field(frame, length);
		return length;
	}
}

/* What no checksum covers for. */
static uint32_t break_raw(uint8_t *frame, uint32_t length)
{
	switch (pick(3)) {
	case 0:
		frame[pick(length)] ^= (uint8_t)(1u << pick(8));
		return length;
	case 1:
		return pick(length);
	default:
		return remove_bytes(frame, length, pick(length), 1);
	}
}

static void add_frame(void)
{
	const struct fth_golden *golden = any_golden();
	uint8_t *frame = fuzz.batch + fuzz.fill;
	struct fth_wire_header *header = (struct fth_wire_header *)frame;
	uint32_t length = golden->length;

	memcpy(frame, golden->bytes, length);
	header->session = htole64(pick(50) ? fuzz.nonce : fuzz.nonce ^ (1ull << pick(64)));
	header->op_id = htole64(pick(OPS));
	length = mutate(frame, length);
	/* A HELLO of another session would make all the rest stale. */
	if (header->type == FTH_T_HELLO)
		header->session = htole64(fuzz.nonce);
	seal(frame, length);
	if (!pick(20))
		length = break_raw(frame, length);
	fuzz.fill += length;
	if (fuzz.fill > pick(BATCH_MAX))
		write_batch();
}

/* A session of our own, answered whatever came before. */
static void greet(void)
{
	const struct fth_golden *golden = &fth_golden[0];
	struct fth_wire_header *header = (struct fth_wire_header *)fuzz.batch;
	const struct timespec pause = { .tv_nsec = 1000000 };
	int waited_ms;

	write_batch();
	fuzz.nonce++;
	memcpy(fuzz.batch, golden->bytes, golden->length);
	header->session = htole64(fuzz.nonce);
	seal(fuzz.batch, golden->length);
	/* At the start of a chunk, where it ends what was left unfinished. */
	if (write(fuzz.fd, fuzz.batch, golden->length) != (ssize_t)golden->length)
		err(1, "write '%s'", DEVICE);
	for (waited_ms = 0; fuzz.acked != fuzz.nonce; waited_ms++) {
		if (waited_ms == WAIT_MS)
			errx(1, "no answer to a HELLO in %d ms", WAIT_MS);
		nanosleep(&pause, NULL);
	}
}

int main(int argc, char **argv)
{
	unsigned long long count, i;
	pthread_t reader;

	if (argc != 3)
		errx(2, "usage: fth_fuzz COUNT SEED");
	count = strtoull(argv[1], NULL, 0);
	fuzz.random = strtoull(argv[2], NULL, 0) | 1;
	fuzz.nonce = NONCE_FIRST;
	if (fth_golden[0].type != FTH_T_HELLO)
		errx(2, "the first golden frame is no HELLO");
	fuzz.fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	if (fuzz.fd < 0)
		err(1, "open '%s'", DEVICE);
	if (pthread_create(&reader, NULL, read_answers, NULL))
		errx(1, "no thread");
	greet();
	for (i = 1; i <= count; i++) {
		add_frame();
		if (i % GREET_EVERY == 0)
			greet();
	}
	greet();
	printf("%llu frames, %llu answers\n", count, (unsigned long long)fuzz.answers);
	return 0;
}
