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
 *   hello [EPOCH [NONCE]]		a new session; prints ack and patches
 *   session NONCE			another host's, without a HELLO
 *   stage OP EPOCH NAME FILE [HOW]	payload; HOW: hash, tamper, skip: a broken one; half, rest
 *   sign FILE|-			what STAGEs from here on carry as signature
 *   mutate OP EPOCH NAME FILE COUNT SEED	STAGEs with that signature, changed each time
 *   apply OP EPOCH NAME FILE [CONFIRM_MS|- [DEADLINE_MS]]	with `-` not waited for
 *   reverse|confirm|nudge|force|unstage|revert|allow OP EPOCH NAME [FILE|-]	with FILE: its hash
 *					is named; with `-` not waited for
 *   query OP				prints result, patches and stragglers
 *   heartbeat
 *   garbage BYTES			bytes that are no frame
 *   cut				the first half of a frame
 *   badcrc				a heartbeat whose payload checksum is wrong
 *   bad OP				a REVERSE without its fields
 *   fuzz COUNT SEED			frames of this session with random payloads
 *   flood COUNT			QUERYs whose answers are not read
 *   drain				what comes until it is quiet, unprinted; prints how much
 *   stale				prints how many frames of other sessions came since `open`
 *   cuts				a frame cut at each of its bytes, with a HELLO after each
 *   skew version|flags|session|type|guest|tag|critical OP	a REVERSE that is not of
 *					this protocol; "type" and "critical" are answered
 *   skewhello tag|critical		a HELLO with a field that nobody knows
 *   result OP, progress OP, event	wait for one
 */
#include <err.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fother/errors.h"
#include "fother/lifecycle.h"
#include "peer/peer.h"

#define CHUNK 8192	/* bytes of one STAGE: several for the smallest module */
#define MUTATIONS_MAX 4 /* changes of one signature */
#define WORDS_MAX 7

struct payload {
	uint8_t *data;
	size_t size;
	uint8_t sha256[FTH_SHA256_SIZE];
};

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
	length = peer_encode(peer, msg);
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
	peer_write(peer, peer->out, length);
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
	uint32_t size, at, changes;

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
	chunk->name = peer_span(name);
	chunk->sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	chunk->size = (uint32_t)payload.size;
	chunk->data = (struct fth_span){ payload.data, 1 };
	for (uint64_t i = 0; i < count && peer->signature_size; i++) {
		msg.op_id = op + i;
		send_stage(peer, &msg, signature, mutate(peer, signature));
		do {
			if (!peer_next(peer, peer_now_ms() + peer->wait_ms))
				errx(1, "no answer to mutation %" PRIu64 " in %d ms", i,
				     peer->wait_ms);
		} while (peer->msg.op_id != msg.op_id);
		if (peer->msg.type == FTH_T_RESULT &&
		    peer->msg.u.result.code == FTH_E_BAD_SIGNATURE)
			refused++;
		else
			peer_print(&peer->msg);
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
	chunk->name = peer_span(name);
	chunk->sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	chunk->size = (uint32_t)payload.size;
	if (!strcmp(how, "rest")) /* of one that was left half done */
		chunk->offset = (chunk->size / 2 / CHUNK + 1) * CHUNK;
	for (;;) {
		uint32_t left = chunk->size - chunk->offset;

		chunk->data.data = payload.data + chunk->offset;
		chunk->data.length = left < CHUNK ? left : CHUNK;
		send_stage(peer, &msg, peer->signature, chunk->offset ? 0 : peer->signature_size);
		do {
			if (!peer_next(peer, peer_now_ms() + peer->wait_ms))
				errx(1, "no answer to a chunk in %d ms", peer->wait_ms);
		} while (peer->msg.op_id != op);
		if (peer->msg.type == FTH_T_RESULT)
			break;
		chunk->offset = peer->msg.u.progress.done;
		if (!strcmp(how, "half") && chunk->offset > payload.size / 2)
			break;
		if (!strcmp(how, "skip"))
			chunk->offset++;
	}
	if (peer->msg.type == FTH_T_RESULT)
		peer_print(&peer->msg);
	free(payload.data);
}

static void apply(struct peer *peer, uint64_t op, uint64_t epoch, const char *name,
		  const char *file, char *const *times)
{
	const char *confirm_ms = times[0], *deadline_ms = confirm_ms ? times[1] : NULL;
	struct payload payload = read_payload(file);
	struct fth_msg msg = { .type = FTH_T_APPLY, .op_id = op };

	msg.u.apply.epoch = epoch;
	msg.u.apply.name = peer_span(name);
	msg.u.apply.sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	fth_policy_set_defaults(&msg.u.apply.policy);
	if (confirm_ms && strcmp(confirm_ms, "-") != 0)
		msg.u.apply.policy.confirm_within_ms = (uint32_t)peer_number(confirm_ms);
	if (deadline_ms)
		msg.u.apply.policy.deadline_ms = (uint32_t)peer_number(deadline_ms);
	peer_send(peer, &msg);
	free(payload.data);
	if (!confirm_ms || strcmp(confirm_ms, "-") != 0)
		peer_wait(peer, FTH_T_RESULT, op);
}

static void command(struct peer *peer, uint8_t type, uint64_t op, uint64_t epoch, const char *name,
		    const char *file)
{
	struct fth_msg msg = { .type = type, .op_id = op };
	bool waits = !file || strcmp(file, "-") != 0;
	struct payload payload = {};

	if (type != FTH_T_QUERY) {
		msg.u.command.epoch = epoch;
		msg.u.command.name = peer_span(name);
	}
	if (file && waits) {
		payload = read_payload(file);
		msg.u.command.sha256 = (struct fth_span){ payload.sha256, FTH_SHA256_SIZE };
	}
	peer_send(peer, &msg);
	free(payload.data);
	if (waits)
		peer_wait(peer, FTH_T_RESULT, op);
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
		peer_hello(peer, peer_number(word[1]), peer_number(word[2]));
	else if (!strcmp(word[0], "session") && word[1])
		peer->nonce = peer_number(word[1]);
	else if (!strcmp(word[0], "stage") && with_file)
		stage(peer, peer_number(word[1]), peer_number(word[2]), word[3], word[4],
		      word[5] ? word[5] : "ok");
	else if (!strcmp(word[0], "sign") && word[1])
		set_signature(peer, word[1]);
	else if (!strcmp(word[0], "mutate") && with_file && word[5] && word[6])
		stage_mutated(peer, peer_number(word[1]), peer_number(word[2]), word[3], word[4],
			      peer_number(word[5]), peer_number(word[6]));
	else if (!strcmp(word[0], "apply") && with_file)
		apply(peer, peer_number(word[1]), peer_number(word[2]), word[3], word[4], word + 5);
	else if (type && (type == FTH_T_QUERY || word[3]))
		command(peer, type, peer_number(word[1]), peer_number(word[2]), word[3],
			with_file ? word[4] : NULL);
	else if (!strcmp(word[0], "heartbeat"))
		peer_heartbeat(peer);
	else if (!strcmp(word[0], "garbage"))
		peer_garbage(peer, peer_number(word[1]));
	else if (!strcmp(word[0], "fuzz"))
		peer_fuzz(peer, peer_number(word[1]), peer_number(word[2]));
	else if (!strcmp(word[0], "flood"))
		peer_flood(peer, peer_number(word[1]));
	else if (!strcmp(word[0], "cut") || !strcmp(word[0], "badcrc") || !strcmp(word[0], "bad"))
		peer_broken(peer, FTH_T_REVERSE, peer_number(word[1]), word[0]);
	else if (!strcmp(word[0], "drain"))
		peer_drain(peer);
	else if (!strcmp(word[0], "stale"))
		peer_tell_stale(peer);
	else if (!strcmp(word[0], "cuts"))
		peer_cuts(peer);
	else if (!strcmp(word[0], "skew") && word[2])
		peer_skew(peer, word[1], peer_number(word[2]));
	else if (!strcmp(word[0], "skewhello") && word[1])
		peer_skew_hello(peer, word[1]);
	else if (!strcmp(word[0], "result"))
		peer_wait(peer, FTH_T_RESULT, peer_number(word[1]));
	else if (!strcmp(word[0], "progress"))
		peer_wait(peer, FTH_T_PROGRESS, peer_number(word[1]));
	else if (!strcmp(word[0], "event"))
		peer_wait(peer, FTH_T_EVENT, 0);
	else
		errx(2, "'%s' is not understood", word[0]);
}

/* As tests/lib/tap.sh has it. */
static int slower(void)
{
	const char *times = getenv("TAP_SLOWER");

	return times && *times ? (int)peer_number(times) : 1;
}

int main(int argc, char **argv)
{
	static struct peer peer = { .fd = -1 };
	char line[LINE_MAX_BYTES];

	if (argc != 2 || !argv[1])
		errx(2, "usage: peer SOCKET");
	peer.path = argv[1];
	peer.wait_ms = WAIT_MS * slower();
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
