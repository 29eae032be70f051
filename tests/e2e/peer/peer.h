/* SPDX-License-Identifier: GPL-2.0 */
/* A host by hand: what its commands are made of. */
#ifndef FOTHER_TESTS_E2E_PEER_H
#define FOTHER_TESTS_E2E_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "fother/codec.h"

#define WAIT_MS 60000	    /* for one answer; guests may be slow; $TAP_SLOWER times as long */
#define SIGNATURE_MAX 16384 /* bytes: longer ones than a guest takes too */
#define LINE_MAX_BYTES 512

/**
 * struct peer - one host
 * @path: of the socket
 * @wait_ms: for one answer
 * @fd: the socket or -1
 * @nonce: of the session
 * @seq: next frame's number
 * @decoder: on @buffer
 * @input: what is left of @chunk
 * @msg: that came last
 * @stale: frames of other sessions that came on this socket
 * @signature: what STAGEs carry, @signature_size bytes
 * @out: the frame that was encoded last
 */
struct peer {
	const char *path;
	int wait_ms;
	int fd;
	uint64_t nonce;
	uint32_t seq;
	struct fth_decoder decoder;
	struct fth_span input;
	struct fth_msg msg;
	uint64_t stale;
	uint8_t signature[SIGNATURE_MAX];
	uint32_t signature_size;
	uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
	uint8_t chunk[FTH_DECODER_BUFFER_SIZE];
	uint8_t out[FTH_DECODER_BUFFER_SIZE];
};

/* Of talk.c.  Whatever fails ends the program with a message. */
int64_t peer_now_ms(void);
struct fth_span peer_span(const char *text);
uint64_t peer_number(const char *word);
void peer_open(struct peer *peer);
void peer_close(struct peer *peer);
void peer_write(struct peer *peer, const void *data, size_t length);
uint32_t peer_encode(struct peer *peer, struct fth_msg *msg);
void peer_send(struct peer *peer, struct fth_msg *msg);
void peer_print(const struct fth_msg *msg);

/* The next message of this session; false when the time is over. */
bool peer_next(struct peer *peer, int64_t until_ms);

/* Print what comes until a message of @type, and of @op_id unless that is 0. */
void peer_wait(struct peer *peer, uint8_t type, uint64_t op_id);

/* A new session, asked for until it is answered.  @nonce: odd; 0: by chance. */
void peer_hello(struct peer *peer, uint64_t epoch, uint64_t nonce);
void peer_heartbeat(struct peer *peer);

/* Of hostile.c: what a host must not do; named as the commands of peer.c. */
void peer_garbage(struct peer *peer, uint64_t bytes);
void peer_broken(struct peer *peer, uint8_t type, uint64_t op, const char *how);
void peer_fuzz(struct peer *peer, uint64_t count, uint64_t seed);
void peer_flood(struct peer *peer, uint64_t count);
void peer_drain(struct peer *peer);
void peer_tell_stale(const struct peer *peer);
void peer_cuts(struct peer *peer);
void peer_skew(struct peer *peer, const char *how, uint64_t op);
void peer_skew_hello(struct peer *peer, const char *how);

#endif /* FOTHER_TESTS_E2E_PEER_H */
