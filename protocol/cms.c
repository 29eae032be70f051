// SPDX-License-Identifier: GPL-2.0
/*
 * The form of a signature's envelope (CMS SignedData, RFC 5652, in DER).
 *
 * DESIGN
 * Input: bytes of anybody.  Output: the signed content in them, or what is
 * wrong.  The walk knows one form and refuses all else that the standard
 * allows, before a general parser sees it.  It takes the fields in their order,
 * none is skipped, and each must end where the one around it ends.
 */
#include "fother/signature.h"

#include "bytes.h"

enum der_tag {
	DER_INTEGER = 0x02,
	DER_OCTETS = 0x04,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_KEY_ID = 0x80,   /* [0] implicit octets */
	DER_EXPLICIT = 0xa0, /* [0] explicit */
};

/* Whole fields, tag and length included. */
static const uint8_t oid_signed_data[] = { 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
					   0xf7, 0x0d, 0x01, 0x07, 0x02 };
static const uint8_t oid_data[] = {
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01
};
static const uint8_t oid_sha256[] = { 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				      0x65, 0x03, 0x04, 0x02, 0x01 };
static const uint8_t oid_rsa[] = {
	0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01
};
static const uint8_t oid_ecdsa_sha256[] = { 0x06, 0x08, 0x2a, 0x86, 0x48,
					    0xce, 0x3d, 0x04, 0x03, 0x02 };
static const uint8_t null_field[] = { 0x05, 0x00 };
/* Version 1 names the signer by issuer and serial, 3 by key id. */
static const uint8_t version_1[] = { DER_INTEGER, 0x01, 0x01 };
static const uint8_t version_3[] = { DER_INTEGER, 0x01, 0x03 };

static void advance(struct fth_span *der, uint32_t bytes)
{
	der->data += bytes;
	der->length -= bytes;
}

/*
 * Take the field that comes next if it has this tag.  Its length is in the
 * shortest form, and there is that much.
 */
static bool take(struct fth_span *der, uint8_t tag, struct fth_span *ret_value)
{
	uint32_t head = 2, length, digits, i;

	if (der->length < head || der->data[0] != tag)
		return false;
	length = der->data[1];
	if (length & 0x80) {
		digits = length & 0x7f;
		if (digits < 1 || digits > 2 || der->length < head + digits)
			return false;
		for (i = 0, length = 0; i < digits; i++)
			length = length << 8 | der->data[head++];
		if (length < (digits == 1 ? 0x80u : 0x100u))
			return false;
	}
	if (length > der->length - head)
		return false;
	*ret_value = (struct fth_span){ der->data + head, length };
	advance(der, head + length);
	return true;
}

/* Take a field that has just these bytes. */
static bool take_exactly(struct fth_span *der, const uint8_t *field, uint32_t length)
{
	if (der->length < length || memcmp(der->data, field, length) != 0)
		return false;
	advance(der, length);
	return true;
}

#define TAKE_EXACTLY(der, field) take_exactly(der, field, sizeof(field))

/* SHA-256; its parameters are NULL or left out. */
static bool take_sha256(struct fth_span *der)
{
	struct fth_span algorithm;

	if (!take(der, DER_SEQUENCE, &algorithm) || !TAKE_EXACTLY(&algorithm, oid_sha256))
		return false;
	return !algorithm.length || (TAKE_EXACTLY(&algorithm, null_field) && !algorithm.length);
}

static bool take_key(struct fth_span *der, enum fth_cms_key *ret_key)
{
	struct fth_span algorithm;

	if (!take(der, DER_SEQUENCE, &algorithm))
		return false;
	if (TAKE_EXACTLY(&algorithm, oid_rsa) && TAKE_EXACTLY(&algorithm, null_field))
		*ret_key = FTH_CMS_RSA;
	else if (TAKE_EXACTLY(&algorithm, oid_ecdsa_sha256))
		*ret_key = FTH_CMS_ECDSA;
	else
		return false;
	return !algorithm.length;
}

static bool take_content(struct fth_span *der, struct fth_span *ret_content)
{
	struct fth_span info, wrapped;

	return take(der, DER_SEQUENCE, &info) && TAKE_EXACTLY(&info, oid_data) &&
	       take(&info, DER_EXPLICIT, &wrapped) && !info.length &&
	       take(&wrapped, DER_OCTETS, ret_content) && !wrapped.length;
}

static bool take_version(struct fth_span *der, bool by_key_id)
{
	return by_key_id ? TAKE_EXACTLY(der, version_3) : TAKE_EXACTLY(der, version_1);
}

/* Who signed: issuer and serial of a certificate, or its key id. */
static bool take_signer_id(struct fth_span *der, bool by_key_id)
{
	struct fth_span id, issuer, serial;

	if (by_key_id)
		return take(der, DER_KEY_ID, &id) && id.length;
	return take(der, DER_SEQUENCE, &id) && take(&id, DER_SEQUENCE, &issuer) && issuer.length &&
	       take(&id, DER_INTEGER, &serial) && serial.length && !id.length;
}

static const char *inspect_signer(struct fth_span der, struct fth_cms *cms)
{
	struct fth_span signature;

	if (!take_version(&der, cms->by_key_id) || !take_signer_id(&der, cms->by_key_id))
		return "expected a signer named by issuer and serial, or by key id";
	if (!take_sha256(&der))
		return "expected SHA-256 as the signer's digest";
	if (der.length && der.data[0] == DER_EXPLICIT)
		return "signed attributes are in it, expected none (openssl cms -noattr)";
	if (!take_key(&der, &cms->key))
		return "expected RSA (PKCS #1 v1.5) or ECDSA with SHA-256";
	if (!take(&der, DER_OCTETS, &signature) || !signature.length || der.length)
		return "expected the signature's bytes as the signer's last field";
	return NULL;
}

/* The fields of SignedData. */
static const char *inspect(struct fth_span der, struct fth_cms *cms)
{
	struct fth_span digests, signers, signer;

	if (TAKE_EXACTLY(&der, version_3))
		cms->by_key_id = true;
	else if (!TAKE_EXACTLY(&der, version_1))
		return "expected version 1 or 3";
	if (!take(&der, DER_SET, &digests) || !take_sha256(&digests) || digests.length)
		return "expected SHA-256 as its only digest";
	if (!take_content(&der, &cms->content) || !cms->content.length)
		return "expected the manifest in it, as data (openssl cms -nodetach)";
	if (der.length && der.data[0] == DER_EXPLICIT)
		return "certificates are in it, expected none (openssl cms -nocerts)";
	if (!take(&der, DER_SET, &signers) || der.length)
		return "expected the signer as its last field";
	if (!take(&signers, DER_SEQUENCE, &signer) || signers.length)
		return "expected one signer";
	return inspect_signer(signer, cms);
}

int fth_cms_inspect(struct fth_span der, struct fth_cms *ret_cms, const char **ret_why)
{
	struct fth_span info, wrapped, data;
	struct fth_cms cms = {};
	const char *why;

	if (!take(&der, DER_SEQUENCE, &info) || der.length ||
	    !TAKE_EXACTLY(&info, oid_signed_data) || !take(&info, DER_EXPLICIT, &wrapped) ||
	    info.length || !take(&wrapped, DER_SEQUENCE, &data) || wrapped.length)
		why = "expected one CMS SignedData in DER";
	else
		why = inspect(data, &cms);
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret_cms = cms;
	return 0;
}
