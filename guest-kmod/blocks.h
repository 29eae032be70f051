/* SPDX-License-Identifier: GPL-2.0 */
/* Payloads that this guest refuses until somebody allows them again. */
#ifndef FOTHER_GUEST_BLOCKS_H
#define FOTHER_GUEST_BLOCKS_H

#include <linux/types.h>

#include "engine.h"

#define FTH_BLOCK_ALL "all" /* the name that stands for every patch */
#define FTH_BLOCK_PARAMETER "fother.block="

/**
 * struct fth_block - one of them
 * @name: of the patch, or FTH_BLOCK_ALL
 * @has_sha256: only the payload with @sha256 is meant, where that is known
 * @trigger: enum fth_trigger; NONE: the kernel's command line, or a parameter
 * @incident: number of the emergency; 0 with NONE
 * @since_ms: CLOCK_BOOTTIME
 */
struct fth_block {
	char name[FTH_NAME_MAX + 1];
	bool has_sha256;
	u8 sha256[FTH_SHA256_SIZE];
	u8 trigger;
	u32 incident;
	u64 since_ms;
};

/*
 * All but _init_words(): under the engine's lock.
 */

/**
 * fth_blocks_add() - refuse it from now on
 * @sha256: NULL = everything of that name
 *
 * When there is no room for it everything is refused from now on, as what an
 * emergency took back must not come again.
 */
void fth_blocks_add(const char *name, const u8 *sha256, u8 trigger, u32 incident);

/**
 * fth_blocks_find() - what keeps a payload out, or NULL
 * @sha256: NULL = it is not known, as of one that is loaded by hand: then one
 *	that was blocked by its hash is refused by its name
 */
const struct fth_block *fth_blocks_find(const char *name, const u8 *sha256);

/**
 * fth_blocks_check() - fth_blocks_find() as a refusal
 * @verb: "apply", "patch"
 * Return: 0; -EPERM with @ret_report.
 */
int fth_blocks_check(const char *verb, const char *name, const u8 *sha256,
		     struct fth_report *ret_report);

/**
 * fth_blocks_allow() - lift it
 * @name: of the patch; FTH_BLOCK_ALL lifts everything
 * @sha256: only that payload; NULL: all of that name
 * Return: how many were lifted.
 */
u32 fth_blocks_allow(const char *name, const u8 *sha256);

/** fth_blocks_list() - copies.  Return: how many, at most @max. */
u32 fth_blocks_list(struct fth_block *blocks, u32 max);

/**
 * fth_blocks_init() - take what the parameter and the kernel's command line say
 * @parameter: "NAME[,NAME…]" or "all"; NULL = nothing
 *
 * Context: sleeps; before anything else uses this file.
 * Return: 0; an error of reading it, or -EINVAL for what can't be a patch's name: then
 * nothing was taken, and the module is not to be loaded.
 */
int fth_blocks_init(const char *parameter);

#endif /* FOTHER_GUEST_BLOCKS_H */
