/* SPDX-License-Identifier: GPL-2.0 */
/* Which payloads of a host this guest accepts: keys, manifests, epochs. */
#ifndef FOTHER_GUEST_TRUST_H
#define FOTHER_GUEST_TRUST_H

#include <linux/types.h>

#include "fother/types.h"
#include "fother/wire.h"

struct fth_keyring;
struct fth_report;

/* Limits. */
#define FTH_TRUST_KEYS_MAX 8		    /* certificates */
#define FTH_TRUST_KEY_FILE_MAX (64u * 1024) /* bytes of key_file */
#define FTH_TRUST_EPOCHS_MAX 64		    /* names of patches that are remembered */
#define FTH_TRUST_KEY_TEXT_MAX 160	    /* bytes of a key's name in the log */

/**
 * struct fth_trust_epoch - the newest manifest that was accepted of a patch
 * @epoch: its epoch
 * @name: of the patch; empty = a free place
 */
struct fth_trust_epoch {
	u64 epoch;
	char name[FTH_NAME_MAX + 1];
};

/**
 * struct fth_trust - the owner's keys, and what they have signed so far
 * @keyring: NULL = the owner gave no key: signatures are not looked at
 * @keys: certificates in @keyring
 * @floor: oldest epoch that is accepted of a name that is not in @epochs:
 *	parameter min_epoch, and the newest epoch that had to be given up for room
 * @epochs: the receiving side's alone, as is @floor
 */
struct fth_trust {
	struct fth_keyring *keyring;
	u32 keys;
	u64 floor;
	struct fth_trust_epoch epochs[FTH_TRUST_EPOCHS_MAX];
};

/**
 * fth_trust_init() - install the owner's keys
 *
 * Keys are the certificates built in (make guest-kmod FOTHER_KEY=…) and those
 * of the parameter key_file.  Whatever is wrong with one, and a
 * require_signature without any, is said in the log and keeps the module out: a
 * guest must not run with less trust than its owner asked for.
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int fth_trust_init(void);

/** fth_trust_exit() - forget keys and epochs. */
void fth_trust_exit(void);

/** fth_trust_capabilities() - FTH_CAP_SIGNATURES, FTH_CAP_SIGNED_ONLY. */
u64 fth_trust_capabilities(void);

/**
 * fth_trust_check() - may a payload be staged?
 * @name: of the module, checked
 * @sha256: that the payload is going to have, FTH_SHA256_SIZE bytes
 * @signature: CMS as fother/signature.h says; length 0 = none
 * @ret_epoch: of its manifest; 0 when no signature was looked at
 * @ret_report: on error only: FTH_E_UNSIGNED, FTH_E_BAD_SIGNATURE,
 *	FTH_E_WRONG_VM, FTH_E_STALE_SIGNATURE, FTH_E_NO_MEMORY
 *
 * Asked before the first byte is kept: a payload that would be refused costs
 * nothing.  Source: DESIGN section 7.
 * Context: the receiving side; may sleep, for memory only.
 * Return: 0 or -errno.
 */
int fth_trust_check(const char *name, const u8 *sha256, struct fth_span signature, u64 *ret_epoch,
		    struct fth_report *ret_report);

/**
 * fth_trust_accept() - the payload came whole and is staged
 * @name: of the module
 * @epoch: from fth_trust_check(); an older one is refused from now on
 * Context: the receiving side.
 */
void fth_trust_accept(const char *name, u64 epoch);

#endif /* FOTHER_GUEST_TRUST_H */
