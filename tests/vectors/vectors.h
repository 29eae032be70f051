/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Golden vectors: what the wire and the tables must be, to the byte.
 *
 * DESIGN
 * The same sources are linked into a unit test of the host and into the guest
 * module, which runs them at load when its parameter asks for it; so both
 * sides are proved to speak the same protocol, whatever their compilers did.
 */
#ifndef FOTHER_TESTS_VECTORS_H
#define FOTHER_TESTS_VECTORS_H

#include "fother/codec.h"

#ifdef __KERNEL__
#include <linux/mm.h>
#include <linux/slab.h>
#define fth_vectors_alloc(size) kvzalloc(size, GFP_KERNEL)
#define fth_vectors_free(memory) kvfree(memory)
#else
#include <stdlib.h>
#define fth_vectors_alloc(size) calloc(1, size)
#define fth_vectors_free(memory) free(memory)
#endif

/**
 * struct fth_golden - one frame
 * @name: of its type
 * @bytes: the whole frame
 * @length: of it
 * @type: enum fth_wire_type
 */
struct fth_golden {
	const char *name;
	const uint8_t *bytes;
	uint32_t length;
	uint8_t type;
};

#define FTH_GOLDEN_COUNT 23
#define FTH_GOLDEN_FIRST 14 /* so many are as they were at first; the rest has newer fields */
#define FTH_GOLDEN_NAMED 20 /* from here on commands name their payload */
extern const struct fth_golden fth_golden[FTH_GOLDEN_COUNT];

/**
 * fth_vectors_expect() - the message that the first golden frame of a type holds
 * @type: enum fth_wire_type
 * @ret_msg: borrows constants
 */
void fth_vectors_expect(uint8_t type, struct fth_msg *ret_msg);

/** fth_vectors_expect_at() - the same of the golden frame at @index. */
void fth_vectors_expect_at(uint32_t index, struct fth_msg *ret_msg);

/**
 * struct fth_vectors - one run
 * @fail: told of each check that failed
 * @failed: how many did
 * @decoder: on @buffer
 * @msg: decoded
 * @expected: to be encoded; or a copy of @msg that must not change
 * @encoded: room for any golden frame
 * @stream: frames and what lies between them
 */
struct fth_vectors {
	void (*fail)(const char *what);
	int failed;
	struct fth_decoder decoder;
	struct fth_msg msg;
	struct fth_msg expected;
	uint8_t encoded[1024];
	uint8_t stream[8192];
	uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
};

/** fth_vectors_check() - report @what unless @good. */
void fth_vectors_check(struct fth_vectors *vectors, bool good, const char *what);

/** fth_vectors_frames() - golden frames, malformed ones, streams. */
void fth_vectors_frames(struct fth_vectors *vectors);

/** fth_vectors_tables() - lifecycle, session, models, words, errors. */
void fth_vectors_tables(struct fth_vectors *vectors);

/**
 * fth_vectors_run() - all of it
 * @fail: called once per check that failed; @what is a constant
 *
 * Context: may sleep; takes some 80 KiB for its time.
 * Return: how many checks failed, or -ENOMEM.
 */
int fth_vectors_run(void (*fail)(const char *what));

#endif /* FOTHER_TESTS_VECTORS_H */
