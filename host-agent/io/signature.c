// SPDX-License-Identifier: GPL-2.0
/*
 * Signatures of payloads, by OpenSSL's CMS.
 *
 * DESIGN
 * Input: a manifest and the files of a key.  Output: an envelope of the one form
 * that guests accept (protocol/cms.c), or a message.  What was made is read and
 * verified again before it is handed out: a signature that no guest could accept
 * is found where it was made, not by a fleet.  Nothing here speaks to the agent.
 */
#include "io/signature.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_MAX (256u * 1024) /* bytes of a key or certificate */

struct report {
	char *text;
	size_t size;
};

__attribute__((format(printf, 3, 4))) static int refuse(const struct report *report, int error,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(report->text, report->size, format, args);
	va_end(args);
	return error;
}

/* What OpenSSL has to say of its last failure, and forget it. */
static const char *openssl_why(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *why = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return why ? why : "no reason given";
}

static void drop_bio(BIO **bio)
{
	BIO_free_all(*bio);
}

static void drop_cert(X509 **cert)
{
	X509_free(*cert);
}

static void drop_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void drop_cms(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

static void drop_certs(STACK_OF(X509) * *certs)
{
	sk_X509_free(*certs);
}

/* A file in memory: both forms of a certificate are tried on it. */
static int read_file(const char *what, const char *path, BIO **ret_bio, const struct report *report)
{
	__attribute__((cleanup(drop_bio))) BIO *memory = BIO_new(BIO_s_mem());
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	uint8_t bytes[4096];
	size_t total = 0;
	ssize_t length;

	if (fd < 0)
		return refuse(report, -errno, "%s '%s': can't be opened: %s", what, path,
			      strerror(errno));
	while ((length = read(fd, bytes, sizeof(bytes))) > 0 && total <= KEY_FILE_MAX) {
		total += (size_t)length;
		if (!memory || BIO_write(memory, bytes, (int)length) != length)
			length = -1, errno = ENOMEM;
		if (length < 0)
			break;
	}
	close(fd);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (length < 0)
		return refuse(report, -errno, "%s '%s': can't be read: %s", what, path,
			      strerror(errno));
	if (total > KEY_FILE_MAX)
		return refuse(report, -EINVAL, "%s '%s': found more than %u bytes, expected less",
			      what, path, KEY_FILE_MAX);
	*ret_bio = memory;
	memory = NULL;
	return 0;
}

static int load_cert(const char *path, X509 **ret_cert, const struct report *report)
{
	__attribute__((cleanup(drop_bio))) BIO *bio = NULL;
	int error = read_file("certificate", path, &bio, report);
	const uint8_t *der;
	X509 *cert;
	long size;

	if (error)
		return error;
	size = BIO_get_mem_data(bio, &der);
	cert = d2i_X509(NULL, &der, size);
	if (!cert)
		cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	if (!cert)
		return refuse(
			report, -EINVAL,
			"certificate '%s': found no X.509 certificate, expected one in PEM or DER (%s)",
			path, openssl_why());
	ERR_clear_error();
	*ret_cert = cert;
	return 0;
}

/* May guests verify with it? */
static int check_key(const char *path, const EVP_PKEY *key, const struct report *report)
{
	char curve[32] = "";

	if (EVP_PKEY_is_a(key, "RSA")) {
		if (EVP_PKEY_get_bits(key) >= FTH_SIGNATURE_RSA_MIN)
			return 0;
		return refuse(report, -EINVAL,
			      "key '%s': found RSA of %d bits, expected at least %d", path,
			      EVP_PKEY_get_bits(key), FTH_SIGNATURE_RSA_MIN);
	}
	if (EVP_PKEY_is_a(key, "EC") &&
	    EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof(curve),
					   NULL) &&
	    (!strcmp(curve, "prime256v1") || !strcmp(curve, "secp384r1")))
		return 0;
	ERR_clear_error();
	return refuse(
		report, -EINVAL,
		"key '%s': found '%s%s%s', expected RSA, or EC on prime256v1 or secp384r1: kernels verify no other",
		path, EVP_PKEY_get0_type_name(key), *curve ? " " : "", curve);
}

static int load_key(const char *path, EVP_PKEY **ret_key, const struct report *report)
{
	__attribute__((cleanup(drop_bio))) BIO *bio = NULL;
	__attribute__((cleanup(drop_key))) EVP_PKEY *key = NULL;
	int error = read_file("key", path, &bio, report);

	if (error)
		return error;
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	if (!key)
		return refuse(report, -EINVAL,
			      "key '%s': found no private key, expected one in PEM (%s)", path,
			      openssl_why());
	error = check_key(path, key, report);
	if (error)
		return error;
	*ret_key = key;
	key = NULL;
	return 0;
}

/* The envelope around @text, not looked at yet. */
static CMS_ContentInfo *envelop(struct fth_span text, X509 *cert, EVP_PKEY *key)
{
	unsigned int flags = CMS_BINARY | CMS_NOCERTS | CMS_NOATTR | CMS_NOSMIMECAP;
	__attribute__((cleanup(drop_bio)))
	BIO *content = BIO_new_mem_buf(text.data, (int)text.length);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, content, flags | CMS_PARTIAL);

	if (content && cms && CMS_add1_signer(cms, cert, key, EVP_sha256(), flags) &&
	    CMS_final(cms, content, NULL, flags))
		return cms;
	CMS_ContentInfo_free(cms);
	return NULL;
}

static int encode(CMS_ContentInfo *cms, struct fth_signature *signature,
		  const struct report *report)
{
	uint8_t *to = signature->bytes;
	int length = i2d_CMS_ContentInfo(cms, NULL);

	if (length > (int)sizeof(signature->bytes))
		return refuse(
			report, -E2BIG,
			"signature: found %d bytes, expected at most %zu: take a smaller key or fewer VMs",
			length, sizeof(signature->bytes));
	if (length <= 0 || i2d_CMS_ContentInfo(cms, &to) != length)
		return refuse(report, -EINVAL, "signature: can't be encoded (%s)", openssl_why());
	signature->length = (uint32_t)length;
	return 0;
}

int fth_signature_make(const struct fth_manifest *manifest, const char *key_path,
		       const char *cert_path, struct fth_signature *ret_signature, char *ret_error,
		       size_t error_size)
{
	struct report report = { ret_error, error_size };
	__attribute__((cleanup(drop_cert))) X509 *cert = NULL;
	__attribute__((cleanup(drop_key))) EVP_PKEY *key = NULL;
	__attribute__((cleanup(drop_cms))) CMS_ContentInfo *cms = NULL;
	struct fth_signature signature = { 0 };
	uint8_t text[FTH_MANIFEST_MAX];
	struct fth_span made;
	uint32_t length;
	int error = fth_manifest_format(manifest, text, sizeof(text), &length);

	if (error)
		return refuse(&report, -EINVAL,
			      "manifest: expected a module's name and at most %u VMs",
			      FTH_MANIFEST_VMS_MAX);
	error = load_cert(cert_path, &cert, &report);
	if (!error)
		error = load_key(key_path, &key, &report);
	if (error)
		return error;
	if (!X509_check_private_key(cert, key))
		return refuse(&report, -EINVAL,
			      "key '%s': it is not the key of certificate '%s' (%s)", key_path,
			      cert_path, openssl_why());
	cms = envelop((struct fth_span){ text, length }, cert, key);
	if (!cms)
		return refuse(&report, -EINVAL, "key '%s': signing failed (%s)", key_path,
			      openssl_why());
	error = encode(cms, &signature, &report);
	if (error)
		return error;
	made = (struct fth_span){ signature.bytes, signature.length };
	error = fth_signature_read(made, ret_signature, ret_error, error_size);
	return error ? error
		     : fth_signature_verify(ret_signature, cert_path, ret_error, error_size);
}

int fth_signature_read(struct fth_span bytes, struct fth_signature *ret_signature, char *ret_error,
		       size_t error_size)
{
	struct report report = { ret_error, error_size };
	struct fth_manifest manifest;
	struct fth_cms cms;
	const char *why;

	if (bytes.length > sizeof(ret_signature->bytes))
		return refuse(&report, -EINVAL, "signature: found %u bytes, expected at most %zu",
			      bytes.length, sizeof(ret_signature->bytes));
	if (fth_cms_inspect(bytes, &cms, &why) || fth_manifest_parse(cms.content, &manifest, &why))
		return refuse(&report, -EINVAL, "signature: %s; make one with 'fother sign'", why);
	memcpy(ret_signature->bytes, bytes.data, bytes.length);
	ret_signature->length = bytes.length;
	ret_signature->signer[0] = 0;
	/* Once more, so that it borrows the copy. */
	bytes.data = ret_signature->bytes;
	fth_cms_inspect(bytes, &cms, &why);
	fth_manifest_parse(cms.content, &ret_signature->manifest, &why);
	return 0;
}

/* The content that OpenSSL vouches for is what our reader found. */
static bool has_content(BIO *content, const struct fth_signature *signature)
{
	const struct fth_span bytes = { signature->bytes, signature->length };
	struct fth_cms cms;
	const char *why;
	char *data;
	long length = BIO_get_mem_data(content, &data);

	return !fth_cms_inspect(bytes, &cms, &why) && length == (long)cms.content.length &&
	       !memcmp(data, cms.content.data, cms.content.length);
}

int fth_signature_verify(struct fth_signature *signature, const char *cert_path, char *ret_error,
			 size_t error_size)
{
	struct report report = { ret_error, error_size };
	const uint8_t *at = signature->bytes;
	__attribute__((cleanup(drop_cert))) X509 *cert = NULL;
	__attribute__((cleanup(drop_bio))) BIO *content = BIO_new(BIO_s_mem());
	__attribute__((cleanup(drop_certs))) STACK_OF(X509) *certs = sk_X509_new_null();
	__attribute__((cleanup(drop_cms)))
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)signature->length);
	int error = load_cert(cert_path, &cert, &report);

	if (error)
		return error;
	if (!cms || !certs || !content || !sk_X509_push(certs, cert) ||
	    !CMS_verify(cms, certs, NULL, NULL, content,
			CMS_BINARY | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) ||
	    !has_content(content, signature))
		return refuse(&report, -EKEYREJECTED,
			      "signature: the key of certificate '%s' did not make it (%s)",
			      cert_path, openssl_why());
	X509_NAME_oneline(X509_get_subject_name(cert), signature->signer,
			  sizeof(signature->signer));
	return 0;
}

int fth_signature_matches(const struct fth_signature *signature, const char *name,
			  const uint8_t *sha256, const uint8_t *uuid, char *ret_error,
			  size_t error_size)
{
	struct report report = { ret_error, error_size };
	const struct fth_manifest *manifest = &signature->manifest;
	char found[2 * FTH_SHA256_SIZE + 1], expected[2 * FTH_SHA256_SIZE + 1];

	if (manifest->name.length != strlen(name) ||
	    memcmp(manifest->name.data, name, manifest->name.length) != 0)
		return refuse(&report, -EINVAL,
			      "signature: found one of patch '%.*s', expected '%s'",
			      (int)manifest->name.length, manifest->name.data, name);
	if (memcmp(manifest->sha256, sha256, FTH_SHA256_SIZE) != 0) {
		sodium_bin2hex(found, sizeof(found), manifest->sha256, FTH_SHA256_SIZE);
		sodium_bin2hex(expected, sizeof(expected), sha256, FTH_SHA256_SIZE);
		return refuse(
			&report, -EINVAL,
			"signature: found one of SHA-256 '%s', expected the payload's '%s': sign it again",
			found, expected);
	}
	if (uuid && !fth_manifest_allows_vm(manifest, uuid))
		return refuse(
			&report, -EINVAL,
			"signature: found one that names %u VMs, expected this one among them",
			fth_manifest_vm_count(manifest));
	return 0;
}
