// SPDX-License-Identifier: GPL-2.0
/*
 * A host by hand: speaks the protocol to one guest, a command per line of stdin.
 *
 * DESIGN
 * Input: `peer SOCKET` and lines of words on stdin.  Output: one line for each
 * thing the guest said.  Exits with 1 when an answer did not come in WAIT_MS, 2
 * on a line that it doesn't understand.  It may do what a host must not: send
 * garbage, cut frames, not read.
 *
 *   open, close			the socket
 *   hello [EPOCH]			a new session; prints ack and patches
 *   stage OP EPOCH NAME FILE [ok|hash|tamper|half|skip]	payload, or a broken way of it
 *   sign FILE|-			what STAGEs from here on carry as signature
 *   mutate OP EPOCH NAME FILE COUNT SEED	STAGEs with that signature, changed each time
 *   apply OP EPOCH NAME FILE [CONFIRM_MS|-]	with `-` not waited for
 *   reverse|confirm|nudge|force|unstage|revert|allow OP EPOCH NAME [-]
 *   query OP				prints result, patches and stragglers
 *   heartbeat
 *   garbage BYTES			bytes that are no frame
 *   cut				the first half of a frame
 *   badcrc				a heartbeat whose payload checksum is wrong
 *   bad OP				a REVERSE without its fields
 *   fuzz COUNT SEED			frames of this session with random payloads
 *   flood COUNT			QUERYs whose answers are not read
 *   drain				what comes until it is quiet, unprinted; prints how much
 *   cuts				for each of its bytes: a frame cut there, a new connection, a HELLO
 *   skew version|flags|session|type|guest|tag|critical OP	a REVERSE that is not of
 *					this protocol; "type" and "critical" are answered
 *   skewhello tag|critical		a HELLO with a field that nobody knows
 *   result OP, progress OP, event	wait for one
 */
#include <endian.h>
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fother/codec.h"
#include "fother/errors.h"
#include "fother/lifecycle.h"
#include "fother/session.h"

#define WAIT_MS 60000 /* for one answer; guests may be slow */
#define HELLO_EVERY_MS 500
#define QUIET_MS 2000 /* nothing more comes */
#define UNKNOWN_TAG 0x7ff0
#define CHUNK 8192 /* bytes of one STAGE: several for the smallest module */
#define FUZZ_FIELD_MAX 300
#define FUZZ_PAYLOAD_MAX 4096
#define SIGNATURE_MAX 16384 /* bytes: longer ones than a guest takes too */
#define MUTATIONS_MAX 4	    /* changes of one signature */
#define WORDS_MAX 7
#define LINE_MAX_BYTES 512

struct peer {
	const char *path;
	int fd;
	uint64_t nonce;
	uint32_t seq;
	struct fth_decoder decoder;
	struct fth_span input;
	struct fth_msg msg;
	uint8_t signature[SIGNATURE_MAX];
	uint32_t signature_size;
	uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
	uint8_t chunk[FTH_DECODER_BUFFER_SIZE];
	uint8_t out[FTH_DECODER_BUFFER_SIZE];
};

struct payload {
	uint8_t *data;
	size_t size;
	uint8_t sha256[FTH_SHA256_SIZE];
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct fth_span span_of(const char *text)
{
	return (struct fth_span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static void peer_open(struct peer *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->path);

	if (length < 0 || length >= (int)sizeof(address.sun_path))
		errx(2, "path '%s' is too long for a socket", peer->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof(address)))
		err(1, "connect '%s'", peer->path);
	fth_decoder_reset(&peer->decoder);
	peer->input.length = 0;
}

static void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

static void write_all(struct peer *peer, const void *data, size_t length)
{
	const uint8_t *at = data;

	while (length) {
		ssize_t written = send(peer->fd, at, length, MSG_NOSIGNAL);

		if (written < 0)
			err(1, "send");
		at += written;
		length -= (size_t)written;
	}
}

static uint32_t encode(struct peer *peer, struct fth_msg *msg)
{
	uint32_t length;

	msg->session = peer->nonce;
	msg->seq = peer->seq++;
	if (fth_msg_encode(msg, peer->out, sizeof(peer->out), &length))
		errx(2, "message '%s' can't be encoded", fth_msg_type_name(msg->type));
	return length;
}

static void send_msg(struct peer *peer, struct fth_msg *msg)
{
	write_all(peer, peer->out, encode(peer, msg));
}

static void print_patches(const struct fth_patch_info *patches, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		printf("patch %.*s %s flags=%u functions=%u hits=%" PRIu64 " model=%s pending=%u\n",
		       (int)patches[i].name.length, patches[i].name.data,
		       fth_lifecycle_name(patches[i].state), patches[i].flags, patches[i].functions,
		       patches[i].hits, fth_model_name(patches[i].leave, patches[i].switches),
		       patches[i].pending);
}

static void print_stragglers(const struct fth_straggler_info *stragglers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		printf("straggler %u %.*s in %.*s next %.*s\n", stragglers[i].pid,
		       (int)stragglers[i].comm.length, stragglers[i].comm.data,
		       (int)stragglers[i].where.length, stragglers[i].where.data,
		       (int)stragglers[i].next.length, stragglers[i].next.data);
}

static void print_uuid(const char *name, struct fth_span uuid)
{
	printf(" %s=", name);
	for (uint32_t i = 0; i < uuid.length; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid.data[i]);
}

static void print_msg(const struct fth_msg *msg)
{
	const struct fth_msg_hello_ack *ack = &msg->u.hello_ack;
	const struct fth_msg_progress *progress = &msg->u.progress;
	const struct fth_msg_result *result = &msg->u.result;
	const struct fth_msg_event *event = &msg->u.event;

	switch (msg->type) {
	case FTH_T_HELLO_ACK:
		printf("ack release=%.*s vcpus=%u epoch=%" PRIu64, (int)ack->release.length,
		       ack->release.data, ack->vcpus, ack->epoch);
		print_uuid("uuid", ack->vm_uuid);
		print_uuid("boot", ack->boot_id);
		printf(" build=%u caps=%" PRIx64 "\n", ack->build_id.length, ack->capabilities);
		print_patches(ack->patches, ack->patch_count);
		break;
	case FTH_T_PROGRESS:
		printf("progress %" PRIu64 " %.*s %s %u/%u pending=%u\n", msg->op_id,
		       (int)progress->name.length, progress->name.data,
		       fth_lifecycle_name(progress->state), progress->done, progress->total,
		       progress->pending);
		break;
	case FTH_T_RESULT:
		printf("result %" PRIu64 " %s %.*s\n", msg->op_id, fth_error_name(result->code),
		       (int)result->detail.length, result->detail.data);
		print_patches(result->patches, result->patch_count);
		print_stragglers(result->stragglers, result->straggler_count);
		break;
	case FTH_T_EVENT:
		printf("event %u %.*s %s %.*s", event->kind, (int)event->name.length,
		       event->name.data, fth_lifecycle_name(event->state),
		       (int)event->detail.length, event->detail.data);
		if (event->trigger)
			printf(" trigger=%u incident=%u mode=%u where=%.*s text=%u", event->trigger,
			       event->incident, event->mode, (int)event->where.length,
			       event->where.data, event->text.length);
		printf("\n");
		break;
	default:
		printf("%s\n", fth_msg_type_name(msg->type));
	}
	fflush(stdout);
}

/* The next message of this session; false when the time is over. */
static bool next_msg(struct peer *peer, int64_t until_ms)
{
	struct fth_frame frame;
	const char *why;

	for (;;) {
		while (fth_decoder_next(&peer->decoder, &peer->input, &frame)) {
			if (frame.session != peer->nonce)
				continue;
			if (fth_msg_decode(&frame, &peer->msg, &why))
				errx(1, "guest sent a malformed '%s': %s",
				     fth_msg_type_name(frame.type), why);
			return true;
		}
		struct pollfd poll_fd = { .fd = peer->fd, .events = POLLIN };
		int64_t left = until_ms - now_ms();

		if (poll(&poll_fd, 1, left > 0 ? (int)left : 0) <= 0)
			return false;
		ssize_t length = read(peer->fd, peer->chunk, sizeof(peer->chunk));

		if (length <= 0)
			errx(1, "the guest's end closed");
		peer->input = (struct fth_span){ peer->chunk, (uint32_t)length };
	}
}

/* Print what comes until a message of @type, and of @op_id unless that is 0. */
static void wait_for(struct peer *peer, uint8_t type, uint64_t op_id)
{
	int64_t until_ms = now_ms() + WAIT_MS;

	while (next_msg(peer, until_ms)) {
		print_msg(&peer->msg);
		if (peer->msg.type == type && (!op_id || peer->msg.op_id == op_id))
			return;
	}
	errx(1, "no '%s' came in %d ms", fth_msg_type_name(type), WAIT_MS);
}

static void hello(struct peer *peer, uint64_t epoch)
{
	struct fth_msg msg = { .type = FTH_T_HELLO, .u.hello.epoch = epoch };
	int64_t until_ms = now_ms() + WAIT_MS;
	int64_t reopen_ms = now_ms() + FTH_SILENT_AFTER_MS;

	if (getrandom(&peer->nonce, sizeof(peer->nonce), 0) != sizeof(peer->nonce))
		err(1, "getrandom");
	peer->nonce |= 1;
	peer->seq = 0;
	while (now_ms() < until_ms) {
		send_msg(peer, &msg);
		while (next_msg(peer, now_ms() + HELLO_EVERY_MS)) {
			print_msg(&peer->msg);
			if (peer->msg.type == FTH_T_HELLO_ACK)
				return;
		}
		/* A port that was throttled may be mute until it is opened anew. */
		if (now_ms() > reopen_ms) {
			peer_close(peer);
			peer_open(peer);
			reopen_ms = now_ms() + FTH_SILENT_AFTER_MS;
		}
	}
	errx(1, "no answer to HELLO in %d ms", WAIT_MS);
}

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value = word ? strtoull(word, &end, 10) : 0;

	if (word && *end)
		errx(2, "'%s' is not a number", word);
	return value;
}

static struct payload read_payload(const char *path)
{
	struct payload payload = {};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

	if (size <= 0)
		err(2, "open '%s'", path);
	payload.size = (size_t)size;
	payload.data = malloc(payload.size);
	if (!payload.data || pread(fd, payload.data, payload.size, 0) != size)
		err(2, "read '%s'", path);
	close(fd);
	SHA256(payload.data, payload.size, payload.sha256);
	return payload;
}

/* One STAGE; a signature that no host could send is put behind the other fields. */
static void send_stage(struct peer *peer, struct fth_msg *msg, const uint8_t *signature,
		       uint32_t size)
{
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	bool fits = size <= FTH_SIGNATURE_MAX;
	uint32_t length;
	uint8_t *to;

	msg->u.stage.signature = (struct fth_span){ signature, fits ? size : 0 };
	length = encode(peer, msg);
	if (!fits) {
		to = peer->out + length;
		*to++ = FTH_TAG_SIGNATURE;
		*to++ = 0;
		*to++ = (uint8_t)size;
		*to++ = (uint8_t)(size >> 8);
		memcpy(to, signature, size);
		length += FTH_FIELD_HEADER_SIZE + size;
		header->length = htole32(length - FTH_HEADER_SIZE);
		header->payload_crc =
			htole32(fth_crc32(peer->out + FTH_HEADER_SIZE, length - FTH_HEADER_SIZE));
		header->header_crc = htole32(fth_crc32(peer->out, FTH_HEADER_SIZE - 4));
	}
	write_all(peer, peer->out, length);
}

static void set_signature(struct peer *peer, const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t size = fd < 0 ? 0 : read(fd, peer->signature, sizeof(peer->signature));

	if (size < 0 || (fd < 0 && strcmp(path, "-") != 0))
		err(2, "read '%s'", path);
	if (fd >= 0)
		close(fd);
	peer->signature_size = (uint32_t)size;
}

/* The same bytes never: each change is one, but two may undo each other. */
static uint32_t mutate(const struct peer *peer, uint8_t *to)
{
	uint32_t size = peer->signature_size, at, changes;

	do {
		size = peer->signature_size;
		memcpy(to, peer->signature, size);
		for (changes = (uint32_t)random() % MUTATIONS_MAX + 1; changes; changes--) {
			at = (uint32_t)random() % size;
			if (random() % 3)
				to[at] ^= (uint8_t)(1 << random() % 8);
			else if (random() % 2)
				to[at] = (uint8_t)random();
			else
				size = at ? at : size;
		}
	} while (size == peer->signature_size && !memcmp(to, peer->signature, size));
	return size;
}

static void stage_mutated(struct peer *peer, uint64_t op, uint64_t epoch, const char *name,
			  const char *file, uint64_t count, uint64_t seed)
{
	struct payload payload = read_payload(file);
	struct fth_msg msg = { .type = FTH_T_STAGE };
	struct fth_msg_stage *chunk = &msg.u.stage;
	uint8_t signature[SIGNATURE_MAX];
	uint64_t refused = 0;

	srandom((unsigned int)seed);
	chunk->epoch = epoch;
	chunk->name = span_of(name);
	chunk->sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	chunk->size = (uint32_t)payload.size;
	chunk->data = (struct fth_span){ payload.data, 1 };
	for (uint64_t i = 0; i < count && peer->signature_size; i++) {
		msg.op_id = op + i;
		send_stage(peer, &msg, signature, mutate(peer, signature));
		do
			if (!next_msg(peer, now_ms() + WAIT_MS))
				errx(1, "no answer to mutation %" PRIu64 " in %d ms", i, WAIT_MS);
		while (peer->msg.op_id != msg.op_id);
		if (peer->msg.type == FTH_T_RESULT &&
		    peer->msg.u.result.code == FTH_E_BAD_SIGNATURE)
			refused++;
		else
			print_msg(&peer->msg);
	}
	printf("mutated %" PRIu64 " bad_signature %" PRIu64 "\n", count, refused);
	free(payload.data);
}

static void stage(struct peer *peer, uint64_t op, uint64_t epoch, const char *name,
		  const char *file, const char *how)
{
	struct payload payload = read_payload(file);
	struct fth_msg msg = { .type = FTH_T_STAGE, .op_id = op };
	struct fth_msg_stage *chunk = &msg.u.stage;

	if (!strcmp(how, "hash"))
		payload.sha256[0] ^= 1;
	if (!strcmp(how, "tamper"))
		payload.data[payload.size / 2] ^= 1;
	chunk->epoch = epoch;
	chunk->name = span_of(name);
	chunk->sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	chunk->size = (uint32_t)payload.size;
	for (;;) {
		uint32_t left = chunk->size - chunk->offset;

		chunk->data.data = payload.data + chunk->offset;
		chunk->data.length = left < CHUNK ? left : CHUNK;
		send_stage(peer, &msg, peer->signature, chunk->offset ? 0 : peer->signature_size);
		do
			if (!next_msg(peer, now_ms() + WAIT_MS))
				errx(1, "no answer to a chunk in %d ms", WAIT_MS);
		while (peer->msg.op_id != op);
		if (peer->msg.type == FTH_T_RESULT)
			break;
		chunk->offset = peer->msg.u.progress.done;
		if (!strcmp(how, "half") && chunk->offset > payload.size / 2)
			break;
		if (!strcmp(how, "skip"))
			chunk->offset++;
	}
	if (peer->msg.type == FTH_T_RESULT)
		print_msg(&peer->msg);
	free(payload.data);
}

static void apply(struct peer *peer, uint64_t op, uint64_t epoch, const char *name,
		  const char *file, const char *confirm_ms)
{
	struct payload payload = read_payload(file);
	struct fth_msg msg = { .type = FTH_T_APPLY, .op_id = op };

	msg.u.apply.epoch = epoch;
	msg.u.apply.name = span_of(name);
	msg.u.apply.sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	fth_policy_set_defaults(&msg.u.apply.policy);
	if (confirm_ms && strcmp(confirm_ms, "-") != 0)
		msg.u.apply.policy.confirm_within_ms = (uint32_t)number(confirm_ms);
	send_msg(peer, &msg);
	free(payload.data);
	if (!confirm_ms || strcmp(confirm_ms, "-") != 0)
		wait_for(peer, FTH_T_RESULT, op);
}

static void command(struct peer *peer, uint8_t type, uint64_t op, uint64_t epoch, const char *name,
		    bool wait)
{
	struct fth_msg msg = { .type = type, .op_id = op };

	if (type != FTH_T_QUERY) {
		msg.u.command.epoch = epoch;
		msg.u.command.name = span_of(name);
	}
	send_msg(peer, &msg);
	if (wait)
		wait_for(peer, FTH_T_RESULT, op);
}

static void heartbeat(struct peer *peer)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };

	send_msg(peer, &msg);
	wait_for(peer, FTH_T_HEARTBEAT, 0);
}

static void garbage(struct peer *peer, uint64_t bytes)
{
	for (uint64_t i = 0; i < bytes; i += sizeof(peer->out)) {
		uint64_t length = bytes - i < sizeof(peer->out) ? bytes - i : sizeof(peer->out);

		for (uint64_t j = 0; j < length; j++)
			peer->out[j] = (uint8_t)random();
		write_all(peer, peer->out, length);
	}
}

/* A frame whose fields are missing, or whose payload does not check. */
static void broken(struct peer *peer, uint8_t type, uint64_t op, const char *how)
{
	struct fth_msg msg = { .type = FTH_T_REVERSE, .op_id = op };
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	uint32_t length;

	msg.u.command.name = span_of("x");
	length = encode(peer, &msg);
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
	write_all(peer, peer->out, length);
	if (!strcmp(how, "bad"))
		wait_for(peer, FTH_T_RESULT, op);
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

static void fuzz(struct peer *peer, uint64_t count, uint64_t seed)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };
	struct fth_wire_header *header = (struct fth_wire_header *)peer->out;
	uint32_t length;

	srandom((unsigned int)seed);
	for (uint64_t i = 0; i < count; i++) {
		msg.op_id = (uint64_t)random() % 100;
		encode(peer, &msg);
		do
			header->type = (uint8_t)(random() % (FTH_T_EVENT + 2));
		while (header->type == FTH_T_HELLO);
		length = random_fields(peer->out + FTH_HEADER_SIZE, FUZZ_PAYLOAD_MAX);
		header->length = htole32(length);
		header->payload_crc = htole32(fth_crc32(peer->out + FTH_HEADER_SIZE, length));
		header->header_crc = htole32(fth_crc32(peer->out, FTH_HEADER_SIZE - 4));
		write_all(peer, peer->out, FTH_HEADER_SIZE + length);
		while (next_msg(peer, 0))
			;
	}
}

static void flood(struct peer *peer, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		struct fth_msg msg = { .type = FTH_T_QUERY, .op_id = i + 1 };

		send_msg(peer, &msg);
	}
	printf("flood %" PRIu64 " sent\n", count);
}

static void drain(struct peer *peer)
{
	uint64_t count = 0;

	while (next_msg(peer, now_ms() + QUIET_MS))
		count++;
	printf("drained %" PRIu64 "\n", count);
}

static uint32_t encode_reverse(struct peer *peer, uint64_t op)
{
	struct fth_msg msg = { .type = FTH_T_REVERSE, .op_id = op };

	msg.u.command.name = span_of("x");
	return encode(peer, &msg);
}

/* Each cut is a host that died; the next one is answered all the same. */
static void cuts(struct peer *peer)
{
	uint8_t frame[LINE_MAX_BYTES];
	uint32_t length, i;

	length = encode_reverse(peer, 1);
	if (length > sizeof(frame))
		errx(2, "a frame of %u bytes is too long", length);
	memcpy(frame, peer->out, length);
	for (i = 1; i < length; i++) {
		write_all(peer, frame, i);
		peer_close(peer);
		peer_open(peer);
		hello(peer, 0);
		heartbeat(peer);
	}
	printf("cut %u times\n", length - 1);
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

static void skew(struct peer *peer, const char *how, uint64_t op)
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
	write_all(peer, peer->out, length);
}

static void skew_hello(struct peer *peer, const char *how)
{
	struct fth_msg msg = { .type = FTH_T_HELLO };
	bool critical = !strcmp(how, "critical");
	uint32_t length;

	peer->nonce += 2;
	peer->seq = 0;
	length = encode(peer, &msg);
	length =
		append_field(peer, length, critical ? UNKNOWN_TAG | FTH_TAG_CRITICAL : UNKNOWN_TAG);
	seal(peer, length);
	write_all(peer, peer->out, length);
	if (!critical)
		wait_for(peer, FTH_T_HELLO_ACK, 0);
	else if (next_msg(peer, now_ms() + QUIET_MS))
		errx(1, "a HELLO with a critical field that nobody knows was answered");
}

static uint8_t command_type(const char *verb)
{
	static const uint8_t types[] = { FTH_T_REVERSE, FTH_T_CONFIRM, FTH_T_NUDGE, FTH_T_FORCE,
					 FTH_T_UNSTAGE, FTH_T_REVERT,  FTH_T_ALLOW, FTH_T_QUERY };

	for (size_t i = 0; i < sizeof(types); i++)
		if (!strcmp(verb, fth_msg_type_name(types[i])))
			return types[i];
	return 0;
}

static void carry_out(struct peer *peer, char **word)
{
	uint8_t type = command_type(word[0]);
	bool with_file = word[1] && word[2] && word[3] && word[4];

	if (!strcmp(word[0], "open"))
		peer_open(peer);
	else if (!strcmp(word[0], "close"))
		peer_close(peer);
	else if (!strcmp(word[0], "hello"))
		hello(peer, number(word[1]));
	else if (!strcmp(word[0], "stage") && with_file)
		stage(peer, number(word[1]), number(word[2]), word[3], word[4],
		      word[5] ? word[5] : "ok");
	else if (!strcmp(word[0], "sign") && word[1])
		set_signature(peer, word[1]);
	else if (!strcmp(word[0], "mutate") && with_file && word[5] && word[6])
		stage_mutated(peer, number(word[1]), number(word[2]), word[3], word[4],
			      number(word[5]), number(word[6]));
	else if (!strcmp(word[0], "apply") && with_file)
		apply(peer, number(word[1]), number(word[2]), word[3], word[4], word[5]);
	else if (type && (type == FTH_T_QUERY || word[3]))
		command(peer, type, number(word[1]), number(word[2]), word[3],
			!with_file || strcmp(word[4], "-") != 0);
	else if (!strcmp(word[0], "heartbeat"))
		heartbeat(peer);
	else if (!strcmp(word[0], "garbage"))
		garbage(peer, number(word[1]));
	else if (!strcmp(word[0], "fuzz"))
		fuzz(peer, number(word[1]), number(word[2]));
	else if (!strcmp(word[0], "flood"))
		flood(peer, number(word[1]));
	else if (!strcmp(word[0], "cut") || !strcmp(word[0], "badcrc") || !strcmp(word[0], "bad"))
		broken(peer, FTH_T_REVERSE, number(word[1]), word[0]);
	else if (!strcmp(word[0], "drain"))
		drain(peer);
	else if (!strcmp(word[0], "cuts"))
		cuts(peer);
	else if (!strcmp(word[0], "skew") && word[2])
		skew(peer, word[1], number(word[2]));
	else if (!strcmp(word[0], "skewhello") && word[1])
		skew_hello(peer, word[1]);
	else if (!strcmp(word[0], "result"))
		wait_for(peer, FTH_T_RESULT, number(word[1]));
	else if (!strcmp(word[0], "progress"))
		wait_for(peer, FTH_T_PROGRESS, number(word[1]));
	else if (!strcmp(word[0], "event"))
		wait_for(peer, FTH_T_EVENT, 0);
	else
		errx(2, "'%s' is not understood", word[0]);
}

int main(int argc, char **argv)
{
	static struct peer peer = { .fd = -1 };
	char line[LINE_MAX_BYTES];

	if (argc != 2 || !argv[1])
		errx(2, "usage: peer SOCKET");
	peer.path = argv[1];
	fth_decoder_init(&peer.decoder, peer.buffer);
	peer_open(&peer);
	while (fgets(line, sizeof(line), stdin)) {
		char *words[WORDS_MAX + 1] = {}, *save = NULL, *word;
		int count = 0;

		for (word = strtok_r(line, " \t\n", &save); word && count < WORDS_MAX;
		     word = strtok_r(NULL, " \t\n", &save))
			words[count++] = word;
		if (count)
			carry_out(&peer, words);
	}
	peer_close(&peer);
	return 0;
}
