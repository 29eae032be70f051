/* SPDX-License-Identifier: GPL-2.0 */
/* Signatures of payloads: made, read, verified; see fother/signature.h. */
#ifndef FTH_IO_SIGNATURE_H
#define FTH_IO_SIGNATURE_H

#include "fother/signature.h"

#define FTH_SIGNATURE_ERROR_MAX 1024u /* bytes of a message, with its NUL */
#define FTH_SIGNATURE_RSA_MIN 2048    /* bits */
#define FTH_SIGNATURE_SIGNER_MAX 256u /* bytes of a signer's name, with its NUL */

/**
 * struct fth_signature - one that has the form that guests accept
 * @bytes: CMS in DER, @length of them
 * @length: at most FTH_SIGNATURE_MAX
 * @manifest: what was signed; borrows @bytes, so a copy of the structure is
 *	not one of the manifest: read it again
 * @signer: whose key made it, for a person; empty when that was not asked for
 */
struct fth_signature {
	uint8_t bytes[FTH_SIGNATURE_MAX];
	uint32_t length;
	struct fth_manifest manifest;
	char signer[FTH_SIGNATURE_SIGNER_MAX];
};

/**
 * fth_signature_make() - sign a manifest
 * @manifest: borrowed
 * @key_path: private key in PEM; a passphrase is asked for at the terminal
 * @cert_path: its certificate, PEM or DER
 * @ret_signature: set on 0; was verified with the certificate
 * @ret_error: set on error: "key 'PATH': found .., expected .."
 * @error_size: its bytes; FTH_SIGNATURE_ERROR_MAX holds any message
 *
 * Keys: RSA of FTH_SIGNATURE_RSA_MIN bits or more; ECDSA on P-256 or P-384,
 * which guests have from kernel 6.12 on.
 * Return: 0; -EINVAL a key, certificate or manifest that can't be used; -E2BIG
 * a signature longer than FTH_SIGNATURE_MAX; -errno of a file.
 */
int fth_signature_make(const struct fth_manifest *manifest, const char *key_path,
		       const char *cert_path, struct fth_signature *ret_signature, char *ret_error,
		       size_t error_size);

/**
 * fth_signature_read() - a signature's manifest; whether it verifies is not asked
 * @bytes: CMS in DER
 * @ret_signature: untouched on error
 * @ret_error: set on error
 * @error_size: its bytes
 * Return: 0; -EINVAL when no guest can accept it.
 */
int fth_signature_read(struct fth_span bytes, struct fth_signature *ret_signature, char *ret_error,
		       size_t error_size);

/**
 * fth_signature_verify() - did the key of this certificate sign?
 * @signature: read; its @signer is set on 0
 * @cert_path: PEM or DER
 * @ret_error: set on error
 * @error_size: its bytes
 *
 * As a guest does, this looks at the key only: not at the certificate's dates,
 * not at who issued it.
 * Return: 0; -EKEYREJECTED it did not; -EINVAL no certificate; -errno of the file.
 */
int fth_signature_verify(struct fth_signature *signature, const char *cert_path, char *ret_error,
			 size_t error_size);

/**
 * fth_signature_matches() - is it of this payload, and for this VM?
 * @signature: read
 * @name: of the module
 * @sha256: of its file
 * @uuid: of the VM; NULL = whichever
 * @ret_error: set on error
 * @error_size: its bytes
 * Return: 0; -EINVAL.
 */
int fth_signature_matches(const struct fth_signature *signature, const char *name,
			  const uint8_t *sha256, const uint8_t *uuid, char *ret_error,
			  size_t error_size);

#endif /* FTH_IO_SIGNATURE_H */
