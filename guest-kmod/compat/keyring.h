/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own verification of CMS signatures, where it has one. */
#ifndef FOTHER_GUEST_COMPAT_KEYRING_H
#define FOTHER_GUEST_COMPAT_KEYRING_H

#include <linux/types.h>

#include "fother/types.h"

struct fth_keyring;

/**
 * fth_keyring_alloc() - a keyring that only this module adds to
 *
 * Context: may sleep.
 * Return: for fth_keyring_free(); -EOPNOTSUPP: this kernel was built without
 * verification of CMS or without asymmetric keys; -errno.
 */
struct fth_keyring *fth_keyring_alloc(void);

/** fth_keyring_free() - also of NULL. */
void fth_keyring_free(struct fth_keyring *keyring);

/**
 * fth_keyring_add() - a key that signatures are checked with
 * @keyring: where to
 * @certificate: an X.509 certificate in DER, all of @size
 * @size: its bytes
 * @ret_key: the certificate's name and the key's algorithm, cut to @ret_size
 * @ret_size: bytes, with the NUL
 *
 * Sees to it that the algorithm is there, now: later nothing of userspace can
 * be waited for.  Whether the certificate is in its time is not looked at.
 * Context: may sleep, also for the guest's modprobe.
 * Return: 0; -EBADMSG no certificate; -ENOPKG this kernel can't verify with
 * such a key; -errno.
 */
int fth_keyring_add(struct fth_keyring *keyring, const void *certificate, u32 size, char *ret_key,
		    size_t ret_size);

/**
 * fth_keyring_verify() - did a key of this keyring sign?
 * @keyring: with which keys
 * @cms: that fth_cms_inspect() let pass
 * @content: what that found in it; the kernel must find the same
 *
 * Context: may sleep, for memory only.
 * Return: 0; -ENOKEY the signer is none of the keys; -EKEYREJECTED or
 * -EBADMSG it isn't the signer's; -ENOMEM; -errno.
 */
int fth_keyring_verify(const struct fth_keyring *keyring, struct fth_span cms,
		       struct fth_span content);

#endif /* FOTHER_GUEST_COMPAT_KEYRING_H */
