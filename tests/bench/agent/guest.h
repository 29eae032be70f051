/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One emulated guest: a listening unix socket as QEMU's chardev has it, and the
 * guest's half of the protocol behind it.
 *
 * DESIGN
 * Thousands of these live in one process, so a guest owns what a guest must
 * remember and nothing more: a buffer only while a frame is half here.  It has
 * the lifecycle of one patch (fth_lifecycle_step() decides), checks the payload's
 * hash, takes a while for each transition, answers a repeated op id from memory
 * and refuses an old epoch.  It has no emergencies; tests/unit/guest_peer.h does.
 */
#ifndef FTH_BENCH_GUEST_H
#define FTH_BENCH_GUEST_H

#include <sodium.h>

#include "fother/codec.h"
#include "fother/errors.h"
#include "fother/lifecycle.h"

#define BENCH_OPS_MAX 8u /* results that a guest remembers */
#define BENCH_RELEASE "6.1.0-1-cloud-amd64"

/* Of one process's guests; it alone writes them, others read. */
struct bench_counters {
	uint64_t received;   /* messages from the agent */
	uint64_t sent;	     /* messages to it */
	uint64_t heartbeats; /* of @received */
	uint64_t bytes;	     /* received */
	uint64_t repeated;   /* ops answered from memory */
	uint64_t hellos;
	uint64_t bad;	 /* frames or payloads that were not as the protocol has them */
	uint64_t choked; /* connections closed because the agent did not read */
	uint64_t connected;
	uint64_t states[FTH_LC_STATES]; /* guests in each */
};

struct bench_op {
	uint64_t id;
	uint16_t code;
};

/**
 * struct bench_guest - one of many
 * @buffer: the decoder's, while a frame is half here; else NULL
 * @moving: op id of the APPLY or REVERSE under way
 * @due_ms, @next_moving: when it ends; transitions all take as long, so they end
 *	in the order they began
 */
struct bench_guest {
	int listen_fd;
	int fd;
	uint32_t number;
	uint32_t seq;
	uint64_t nonce;
	uint64_t epoch;
	struct fth_decoder decoder;
	uint8_t *buffer;

	uint8_t state;
	char name[FTH_NAME_MAX + 1];
	uint8_t sha256[FTH_SHA256_SIZE];
	crypto_hash_sha256_state hash;
	uint32_t staged;
	uint32_t confirm_ms;

	uint64_t moving;
	uint64_t due_ms;
	struct bench_guest *next_moving;

	struct bench_op ops[BENCH_OPS_MAX];
	uint32_t op_count;
};

/* All guests of one process. */
struct bench_world {
	int epoll_fd;
	uint64_t start_ms;
	uint32_t transition_ms;
	uint8_t *spare; /* a buffer that no guest needs now */
	struct bench_guest *first_moving, **last_moving;
	struct bench_counters *counters;
};

/** bench_now_ms() - CLOCK_MONOTONIC. */
uint64_t bench_now_ms(void);

/** bench_guest_listen() - make @path; ends the program when that fails. */
void bench_guest_listen(struct bench_world *world, struct bench_guest *guest, const char *path);

/** bench_guest_ready() - one of its descriptors has something to read. */
void bench_guest_ready(struct bench_world *world, struct bench_guest *guest, bool listening);

/** bench_world_turn() - end the transitions that are due; ms until the next, -1: none. */
int bench_world_turn(struct bench_world *world);

#endif /* FTH_BENCH_GUEST_H */
