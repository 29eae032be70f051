/* SPDX-License-Identifier: GPL-2.0 */
/* SHA-256 in pieces, under one name for every kernel. */
#ifndef FOTHER_GUEST_COMPAT_SHA256_H
#define FOTHER_GUEST_COMPAT_SHA256_H

#include <crypto/sha2.h>
#include <linux/types.h>
#include <linux/version.h>

/* The library's state is called sha256_ctx from 6.17 on. */
struct fth_sha256 {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	struct sha256_ctx state;
#else
	struct sha256_state state;
#endif
};

static inline void fth_sha256_init(struct fth_sha256 *hash)
{
	sha256_init(&hash->state);
}

static inline void fth_sha256_update(struct fth_sha256 *hash, const u8 *bytes, u32 size)
{
	sha256_update(&hash->state, bytes, size);
}

/* @ret_hash: SHA256_DIGEST_SIZE bytes. */
static inline void fth_sha256_final(struct fth_sha256 *hash, u8 *ret_hash)
{
	sha256_final(&hash->state, ret_hash);
}

#endif /* FOTHER_GUEST_COMPAT_SHA256_H */
