/* SPDX-License-Identifier: GPL-2.0 */
/* A payload's signature: what is signed, and the envelope it travels in. */
#ifndef FOTHER_SIGNATURE_H
#define FOTHER_SIGNATURE_H

#include "fother/types.h"
#include "fother/wire.h"

/*
 * What is signed is a manifest, a text of lines in this order, each ended by
 * one '\n', nothing else:
 *
 *	fother-manifest 1
 *	name=MODULE
 *	sha256=64 digits of hex
 *	epoch=DECIMAL
 *	vm=UUID			(any number of lines; none = any VM)
 *
 * Hex is lower case, a decimal has no leading zero.  So one content has one
 * text.
 */
#define FTH_MANIFEST_VMS_MAX 128u
#define FTH_UUID_TEXT_SIZE 36u				    /* 8-4-4-4-12 */
#define FTH_MANIFEST_VM_SIZE (3u + FTH_UUID_TEXT_SIZE + 1u) /* "vm=", uuid, newline */
#define FTH_MANIFEST_MAX (256u + FTH_MANIFEST_VMS_MAX * FTH_MANIFEST_VM_SIZE)

/**
 * struct fth_manifest - what the owner of a guest says of a payload
 * @name: of the module, 1 … FTH_NAME_MAX letters, digits and '_'
 * @sha256: of the module's file
 * @epoch: grows from one payload of a name to the next; seconds since 1970 by
 *	convention
 * @vms: the "vm=" lines, FTH_MANIFEST_VM_SIZE bytes each; borrowed
 */
struct fth_manifest {
	struct fth_span name;
	uint8_t sha256[FTH_SHA256_SIZE];
	uint64_t epoch;
	struct fth_span vms;
};

/**
 * fth_manifest_parse() - a manifest's text as a structure
 * @text: borrowed by @ret_manifest
 * @ret_manifest: untouched on error
 * @ret_why: on error only: constant text, what was expected
 * Return: 0; -EBADMSG.
 */
int fth_manifest_parse(struct fth_span text, struct fth_manifest *ret_manifest,
		       const char **ret_why);

/**
 * fth_manifest_format() - the one text of a manifest
 * @manifest: its @vms as fth_manifest_put_vm() wrote them
 * @buffer: where
 * @size: its bytes; FTH_MANIFEST_MAX always suffices
 * @ret_length: bytes written, no NUL
 * Return: 0; -EINVAL a name or a list of VMs that can't be; -EMSGSIZE.
 */
int fth_manifest_format(const struct fth_manifest *manifest, uint8_t *buffer, size_t size,
			uint32_t *ret_length);

/** fth_manifest_vm_count() - how many VMs it names; 0 = it is for any. */
static inline uint32_t fth_manifest_vm_count(const struct fth_manifest *manifest)
{
	return manifest->vms.length / FTH_MANIFEST_VM_SIZE;
}

/**
 * fth_manifest_allows_vm() - may this VM have the payload?
 * @manifest: parsed
 * @uuid: FTH_UUID_SIZE bytes in the order of the text; NULL = it has none
 */
bool fth_manifest_allows_vm(const struct fth_manifest *manifest, const uint8_t *uuid);

/** fth_manifest_put_vm() - FTH_MANIFEST_VM_SIZE bytes: the line of a VM. */
void fth_manifest_put_vm(uint8_t *to, const uint8_t *uuid);

/**
 * fth_uuid_parse() - 8-4-4-4-12 digits of hex, of either case
 * @text: FTH_UUID_TEXT_SIZE bytes
 * @ret_uuid: FTH_UUID_SIZE bytes; on success only
 */
bool fth_uuid_parse(struct fth_span text, uint8_t *ret_uuid);

/* How a signature was made, as its envelope says. */
enum fth_cms_key {
	FTH_CMS_RSA = 1,   /* PKCS #1 v1.5 */
	FTH_CMS_ECDSA = 2, /* with SHA-256 */
};

/**
 * struct fth_cms - an envelope that has the one form that is accepted
 * @content: the signed bytes, inside it
 * @key: what the signature was made with
 * @by_key_id: the signer is named by its certificate's subject key id
 */
struct fth_cms {
	struct fth_span content;
	enum fth_cms_key key;
	bool by_key_id;
};

/**
 * fth_cms_inspect() - has an envelope the form that is accepted?
 * @der: a CMS SignedData (RFC 5652) in DER, all of it
 * @ret_cms: borrows @der; untouched on error
 * @ret_why: on error only: constant text, what was expected
 *
 * Checks the form, never the signature.  The form: content of type data inside
 * it; SHA-256; one signer, named by issuer and serial or by key id; no signed
 * or unsigned attributes, no certificates, no revocation lists; RSA or ECDSA.
 * So whoever verifies needs no algorithm, and follows no pointer, that the
 * guest's owner didn't choose.
 * Return: 0; -EBADMSG.
 */
int fth_cms_inspect(struct fth_span der, struct fth_cms *ret_cms, const char **ret_why);

#endif /* FOTHER_SIGNATURE_H */
