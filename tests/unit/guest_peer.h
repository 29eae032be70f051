/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest for unit tests of the agent: it listens on a unix socket and answers
 * by the real protocol.  Whether a kernel would do so is not its business.
 */
#ifndef FTH_TEST_GUEST_PEER_H
#define FTH_TEST_GUEST_PEER_H

#include "fother/codec.h"
#include "fother/errors.h"
#include "fother/lifecycle.h"

#define PEER_RESULTS_MAX 128u

/* @payload grows as chunks come; it is never looked at but for its length. */
struct guest_peer {
	int listen_fd;
	int fd; /* -1 while nobody is connected */
	struct fth_decoder decoder;
	uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
	uint64_t nonce;
	uint32_t seq;

	/* what it says of itself */
	uint8_t boot_id[FTH_UUID_SIZE];
	uint64_t uptime_ms;
	uint64_t taint;
	uint64_t capabilities;
	const char *release;

	/* knobs */
	bool mute;	       /* reads, never answers */
	bool deaf;	       /* doesn't read */
	bool holds_results;    /* does what it is told, doesn't say so */
	uint16_t refuse_apply; /* enum fth_error */
	uint16_t refuse_reverse;
	bool stuck;	    /* an APPLY waits for a task until it is forced */
	bool ignores_hands; /* no answer to NUDGE and FORCE */
	uint64_t hits;	    /* calls of the new code, as it tells them */
	uint32_t confirm_left_ms;
	uint16_t refuse_allow; /* enum fth_error */

	/* what it has, and what was done to it */
	char patch[FTH_NAME_MAX + 1];
	uint8_t sha256[FTH_SHA256_SIZE];
	uint8_t state;
	uint8_t leave, switches; /* of the last APPLY */
	uint64_t waiting_op;	 /* of the APPLY that is stuck */
	uint32_t nudged, forced;
	uint32_t incident;  /* the last one's number in this boot */
	uint8_t trigger;    /* of it */
	const char *detail; /* of it; NULL: none */
	bool refuses;	    /* the payload: it reverted it in emergency */
	uint32_t allowed, extended, reverts;
	uint8_t revert_mode;	 /* of the last REVERT */
	uint32_t signature_size; /* of the last STAGE from its start */
	uint32_t staged;
	uint32_t hellos, beats, connects, applied, confirmed, reversed, unstaged, queries, commands;
	uint64_t epoch; /* newest seen */
	uint32_t stale; /* commands of an older one */
	uint64_t read_bytes;
	uint64_t results[PEER_RESULTS_MAX]; /* op ids done, newest last */
	uint16_t codes[PEER_RESULTS_MAX];
	uint32_t result_count;
};

/** guest_peer_start() - listen on @path; @seed makes its boot id. */
void guest_peer_start(struct guest_peer *peer, const char *path, uint8_t seed);

/** guest_peer_stop() - close all; the socket's file stays. */
void guest_peer_stop(struct guest_peer *peer);

/** guest_peer_hang_up() - close the connection only. */
void guest_peer_hang_up(struct guest_peer *peer);

/** guest_peer_reboot() - a new boot id, nothing staged, nothing remembered. */
void guest_peer_reboot(struct guest_peer *peer);

/** guest_peer_pump() - take what has come, answer it; never blocks. */
void guest_peer_pump(struct guest_peer *peer);

/** guest_peer_emergency() - it reverts its patch for @trigger, and says so if it can. */
void guest_peer_emergency(struct guest_peer *peer, uint8_t trigger);

/** guest_peer_tell() - the last incident, as EVENT of @kind. */
void guest_peer_tell(struct guest_peer *peer, uint8_t kind);

/** guest_peer_progress() - tell again that the APPLY is stuck. */
void guest_peer_progress(struct guest_peer *peer);

/** guest_peer_send() - a message in the session, or @nonce's if not 0. */
void guest_peer_send(struct guest_peer *peer, struct fth_msg *msg, uint64_t nonce);

/** guest_peer_write() - raw bytes; how many were taken. */
size_t guest_peer_write(struct guest_peer *peer, const void *bytes, size_t size);

/** guest_peer_encode() - a message as a frame of the session. */
uint32_t guest_peer_encode(struct guest_peer *peer, struct fth_msg *msg, uint8_t *frame);

#endif /* FTH_TEST_GUEST_PEER_H */
