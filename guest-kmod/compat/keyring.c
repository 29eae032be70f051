// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own verification of CMS signatures, where it has one.
 *
 * DESIGN
 * Keys are the kernel's asymmetric keys in a keyring that no process can write
 * to.  A crypto algorithm that is not there makes the kernel run modprobe and
 * wait for it; so each is asked for when its key is added, while userspace just
 * loads this module, and never when a signature comes.
 */
#include "keyring.h"

#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kconfig.h>
#include <linux/slab.h>
#include <linux/string.h>

#if IS_ENABLED(CONFIG_SYSTEM_DATA_VERIFICATION) && IS_REACHABLE(CONFIG_ASYMMETRIC_KEY_TYPE)

#include <crypto/hash.h>
#include <crypto/public_key.h>
#include <keys/asymmetric-subtype.h>
#include <keys/asymmetric-type.h>
#include <linux/cred.h>
#include <linux/key.h>
#include <linux/keyctl.h>
#include <linux/uidgid.h>
#include <linux/verification.h>

#define KEYRING_NAME ".fother"
/* A process of root may look at it; only the kernel adds to it. */
#define KEYRING_PERM ((KEY_POS_ALL & ~KEY_POS_SETATTR) | KEY_USR_VIEW | KEY_USR_READ)

/**
 * struct fth_keyring - keys, and the digest that every signature needs
 * @keys: of type keyring
 * @sha256: only held, so that it can't go
 */
struct fth_keyring {
	struct key *keys;
	struct crypto_shash *sha256;
};

struct fth_keyring *fth_keyring_alloc(void)
{
	struct fth_keyring *keyring = kzalloc(sizeof(*keyring), GFP_KERNEL);
	int error;

	if (!keyring)
		return ERR_PTR(-ENOMEM);
	keyring->sha256 = crypto_alloc_shash("sha256", 0, 0);
	if (IS_ERR(keyring->sha256)) {
		error = PTR_ERR(keyring->sha256);
		goto err_keyring;
	}
	keyring->keys = keyring_alloc(KEYRING_NAME, GLOBAL_ROOT_UID, GLOBAL_ROOT_GID,
				      current_cred(), KEYRING_PERM, KEY_ALLOC_NOT_IN_QUOTA, NULL,
				      NULL);
	if (IS_ERR(keyring->keys)) {
		error = PTR_ERR(keyring->keys);
		goto err_sha256;
	}
	return keyring;

err_sha256:
	crypto_free_shash(keyring->sha256);
err_keyring:
	kfree(keyring);
	return ERR_PTR(error);
}

void fth_keyring_free(struct fth_keyring *keyring)
{
	if (!keyring)
		return;
	key_put(keyring->keys);
	crypto_free_shash(keyring->sha256);
	kfree(keyring);
}

/* Have what verifies with this key, and say what it is. */
static int prepare_algorithm(struct key *key, const char **ret_name)
{
	const struct public_key *public = key->payload.data[asym_crypto];
	struct kernel_pkey_params params = { .key = key, .hash_algo = "sha256" };
	struct kernel_pkey_query info;

	*ret_name = public->pkey_algo;
	if (!strcmp(public->pkey_algo, "rsa"))
		params.encoding = "pkcs1";
	else if (!strncmp(public->pkey_algo, "ecdsa-", strlen("ecdsa-")))
		params.encoding = "x962";
	else
		return -ENOPKG;
	return query_asymmetric_key(&params, &info);
}

int fth_keyring_add(struct fth_keyring *keyring, const void *certificate, u32 size, char *ret_key,
		    size_t ret_size)
{
	key_ref_t ref = key_create_or_update(make_key_ref(keyring->keys, true), "asymmetric", NULL,
					     certificate, size, KEYRING_PERM,
					     KEY_ALLOC_NOT_IN_QUOTA);
	const char *algorithm;
	struct key *key;
	int error;

	/* A self-signed certificate is verified when it is read. */
	if (IS_ERR(ref))
		return PTR_ERR(ref) == -ENOENT ? -ENOPKG : PTR_ERR(ref);
	key = key_ref_to_ptr(ref);
	error = prepare_algorithm(key, &algorithm);
	if (!error)
		scnprintf(ret_key, ret_size, "%s (%s)", key->description ?: "", algorithm);
	key_put(key);
	return error == -ENOENT ? -ENOPKG : error;
}

/* The kernel's reader and ours must see the same content. */
static int compare_content(void *context, const void *data, size_t length, size_t header)
{
	const struct fth_span *expected = context;

	return length == expected->length && !memcmp(data, expected->data, length) ? 0 : -EBADMSG;
}

int fth_keyring_verify(const struct fth_keyring *keyring, struct fth_span cms,
		       struct fth_span content)
{
	return verify_pkcs7_signature(NULL, 0, cms.data, cms.length, keyring->keys,
				      VERIFYING_UNSPECIFIED_SIGNATURE, compare_content, &content);
}

#else

struct fth_keyring *fth_keyring_alloc(void)
{
	return ERR_PTR(-EOPNOTSUPP);
}

void fth_keyring_free(struct fth_keyring *keyring)
{
}

int fth_keyring_add(struct fth_keyring *keyring, const void *certificate, u32 size, char *ret_key,
		    size_t ret_size)
{
	return -EOPNOTSUPP;
}

int fth_keyring_verify(const struct fth_keyring *keyring, struct fth_span cms,
		       struct fth_span content)
{
	return -EOPNOTSUPP;
}

#endif
