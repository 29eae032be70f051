// SPDX-License-Identifier: GPL-2.0
/* Signatures: made and verified, of the form that guests accept and of no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <unistd.h>

#include "io/signature.h"

#define FORM (CMS_BINARY | CMS_NOCERTS | CMS_NOATTR | CMS_NOSMIMECAP)

enum {
	KEY_RSA,
	KEY_BIG,
	KEY_EC,
	KEY_SHORT,
	KEY_ED,
	KEYS
};

static char folder[] = "/tmp/fother-signature.XXXXXX";
static EVP_PKEY *keys[KEYS];
static X509 *certs[KEYS];
static char message[FTH_SIGNATURE_ERROR_MAX];

static const char *path_of(int key, const char *suffix)
{
	static char paths[2][64];
	static int turn;

	turn = !turn;
	snprintf(paths[turn], sizeof(paths[turn]), "%s/%d.%s", folder, key, suffix);
	return paths[turn];
}

static X509 *certify(EVP_PKEY *key, int serial)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);
	const EVP_MD *digest = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"4711", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, digest) > 0);
	return cert;
}

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	keys[KEY_RSA] = EVP_RSA_gen(2048);
	keys[KEY_BIG] = EVP_RSA_gen(4096);
	keys[KEY_EC] = EVP_EC_gen("P-256");
	keys[KEY_SHORT] = EVP_RSA_gen(1024);
	keys[KEY_ED] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	for (int i = 0; i < KEYS; i++) {
		FILE *file = fopen(path_of(i, "key"), "w");

		certs[i] = certify(keys[i], i + 1);
		assert_true(PEM_write_PrivateKey(file, keys[i], NULL, NULL, 0, NULL, NULL));
		fclose(file);
		file = fopen(path_of(i, "pem"), "w");
		assert_true(PEM_write_X509(file, certs[i]));
		fclose(file);
		file = fopen(path_of(i, "der"), "w");
		assert_true(i2d_X509_fp(file, certs[i]));
		fclose(file);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < KEYS; i++) {
		unlink(path_of(i, "key"));
		unlink(path_of(i, "pem"));
		unlink(path_of(i, "der"));
		X509_free(certs[i]);
		EVP_PKEY_free(keys[i]);
	}
	return rmdir(folder);
}

static struct fth_manifest manifest_of(const char *name)
{
	struct fth_manifest manifest = { .epoch = 7 };

	manifest.name = (struct fth_span){ (const uint8_t *)name, (uint32_t)strlen(name) };
	memset(manifest.sha256, 0xab, sizeof(manifest.sha256));
	return manifest;
}

static int make(int key, const char *cert, const struct fth_manifest *manifest,
		struct fth_signature *ret_signature)
{
	message[0] = 0;
	return fth_signature_make(manifest, path_of(key, "key"), cert, ret_signature, message,
				  sizeof(message));
}

static void expect_message(const char *part)
{
	if (!strstr(message, part))
		fail_msg("'%s' does not say '%s'", message, part);
}

static void make_and_check(int key, const char *suffix)
{
	struct fth_manifest manifest = manifest_of("demo");
	struct fth_signature signature, again;
	struct fth_span bytes = { signature.bytes, 0 };

	assert_int_equal(make(key, path_of(key, suffix), &manifest, &signature), 0);
	assert_string_equal(signature.signer, "/CN=4711");
	bytes.length = signature.length;
	assert_int_equal(fth_signature_read(bytes, &again, message, sizeof(message)), 0);
	assert_int_equal(again.manifest.epoch, 7);
	assert_true(again.manifest.name.data > again.bytes &&
		    again.manifest.name.data < again.bytes + again.length);
	assert_int_equal(
		fth_signature_verify(&again, path_of(key, "der"), message, sizeof(message)), 0);
	assert_int_equal(fth_signature_matches(&again, "demo", manifest.sha256, NULL, message,
					       sizeof(message)),
			 0);
}

static void test_keys(void **state)
{
	(void)state;
	make_and_check(KEY_RSA, "pem");
	make_and_check(KEY_RSA, "der");
	make_and_check(KEY_BIG, "pem");
	make_and_check(KEY_EC, "pem");
}

static void test_bad_keys(void **state)
{
	struct fth_manifest manifest = manifest_of("demo");
	struct fth_signature signature;

	(void)state;
	assert_int_equal(make(KEY_SHORT, path_of(KEY_SHORT, "pem"), &manifest, &signature),
			 -EINVAL);
	expect_message("RSA of 1024 bits");
	assert_int_equal(make(KEY_ED, path_of(KEY_ED, "pem"), &manifest, &signature), -EINVAL);
	expect_message("ED25519");
	assert_int_equal(make(KEY_BIG, path_of(KEY_RSA, "pem"), &manifest, &signature), -EINVAL);
	expect_message("not the key of certificate");
	assert_int_equal(make(KEY_RSA, path_of(KEY_RSA, "key"), &manifest, &signature), -EINVAL);
	expect_message("no X.509 certificate");
	assert_int_equal(make(KEY_RSA, "/nonexistent", &manifest, &signature), -ENOENT);
	expect_message("'/nonexistent'");
	assert_int_equal(fth_signature_make(&manifest, path_of(KEY_RSA, "pem"),
					    path_of(KEY_RSA, "pem"), &signature, message,
					    sizeof(message)),
			 -EINVAL);
	expect_message("no private key");
	manifest = manifest_of("no name");
	assert_int_equal(make(KEY_RSA, path_of(KEY_RSA, "pem"), &manifest, &signature), -EINVAL);
	expect_message("manifest");
}

/* The most VMs and a large key fit into what a frame carries. */
static void test_most_vms(void **state)
{
	static uint8_t vms[FTH_MANIFEST_VMS_MAX * FTH_MANIFEST_VM_SIZE];
	struct fth_manifest manifest = manifest_of("demo");
	uint8_t uuid[FTH_UUID_SIZE] = { 0 };
	struct fth_signature signature;

	(void)state;
	for (uint32_t i = 0; i < FTH_MANIFEST_VMS_MAX; i++) {
		uuid[15] = (uint8_t)i;
		fth_manifest_put_vm(vms + i * FTH_MANIFEST_VM_SIZE, uuid);
	}
	manifest.vms = (struct fth_span){ vms, sizeof(vms) };
	assert_int_equal(make(KEY_BIG, path_of(KEY_BIG, "pem"), &manifest, &signature), 0);
	assert_int_equal(fth_signature_matches(&signature, "demo", manifest.sha256, uuid, message,
					       sizeof(message)),
			 0);
	uuid[0] = 1;
	assert_int_equal(fth_signature_matches(&signature, "demo", manifest.sha256, uuid, message,
					       sizeof(message)),
			 -EINVAL);
	expect_message("128 VMs");
}

static void test_mismatch(void **state)
{
	struct fth_manifest manifest = manifest_of("demo");
	struct fth_signature signature;
	uint8_t sha256[FTH_SHA256_SIZE] = { 0xcd };

	(void)state;
	assert_int_equal(make(KEY_RSA, path_of(KEY_RSA, "pem"), &manifest, &signature), 0);
	assert_int_equal(fth_signature_verify(&signature, path_of(KEY_BIG, "pem"), message,
					      sizeof(message)),
			 -EKEYREJECTED);
	expect_message("did not make it");
	assert_int_equal(fth_signature_matches(&signature, "demo2", manifest.sha256, NULL, message,
					       sizeof(message)),
			 -EINVAL);
	expect_message("'demo2'");
	assert_int_equal(fth_signature_matches(&signature, "dem", manifest.sha256, NULL, message,
					       sizeof(message)),
			 -EINVAL);
	assert_int_equal(fth_signature_matches(&signature, "demo", sha256, NULL, message,
					       sizeof(message)),
			 -EINVAL);
	expect_message("'cd00");
}

/* Where the signer's name stands: OpenSSL compares names, not their bytes. */
static bool in_name(const struct fth_signature *signature, uint32_t at)
{
	uint8_t *der = NULL;
	size_t size = (size_t)i2d_X509_NAME(X509_get_subject_name(certs[KEY_RSA]), &der);
	const uint8_t *name = memmem(signature->bytes, signature->length, der, size);

	assert_non_null(name);
	OPENSSL_free(der);
	return signature->bytes + at >= name && signature->bytes + at < name + size;
}

/* No bit of it can be another one. */
static void test_each_byte_counts(void **state)
{
	static const int some[] = { KEY_RSA, KEY_EC };
	struct fth_manifest manifest = manifest_of("demo");
	struct fth_signature signature, broken;

	(void)state;
	for (size_t key = 0; key < sizeof(some) / sizeof(some[0]); key++) {
		assert_int_equal(make(some[key], path_of(some[key], "pem"), &manifest, &signature),
				 0);
		for (uint32_t at = 0; at < signature.length; at++) {
			struct fth_span bytes = { signature.bytes, signature.length };

			if (in_name(&signature, at))
				continue;
			signature.bytes[at] ^= (uint8_t)(1 << at % 8);
			if (!fth_signature_read(bytes, &broken, message, sizeof(message)) &&
			    !fth_signature_verify(&broken, path_of(some[key], "pem"), message,
						  sizeof(message)))
				fail_msg("byte %u may be changed", at);
			signature.bytes[at] ^= (uint8_t)(1 << at % 8);
			bytes.length = at;
			assert_int_equal(fth_signature_read(bytes, &broken, message,
							    sizeof(message)),
					 -EINVAL);
		}
	}
}

/* What OpenSSL makes of a good manifest with these flags. */
static int read_made(unsigned int flags, const EVP_MD *digest, int signers)
{
	struct fth_manifest manifest = manifest_of("demo");
	uint8_t text[FTH_MANIFEST_MAX], *der = NULL;
	struct fth_signature signature;
	CMS_ContentInfo *cms;
	uint32_t length;
	BIO *content;
	int size, error;

	assert_int_equal(fth_manifest_format(&manifest, text, sizeof(text), &length), 0);
	content = BIO_new_mem_buf(text, (int)length);
	cms = CMS_sign(NULL, NULL, NULL, content, flags | CMS_PARTIAL);
	assert_non_null(CMS_add1_signer(cms, certs[KEY_RSA], keys[KEY_RSA], digest, flags));
	if (signers == 2)
		assert_non_null(CMS_add1_signer(cms, certs[KEY_BIG], keys[KEY_BIG], digest, flags));
	assert_true(CMS_final(cms, content, NULL, flags));
	size = i2d_CMS_ContentInfo(cms, &der);
	assert_true(size > 0);
	error = fth_signature_read((struct fth_span){ der, (uint32_t)size }, &signature, message,
				   sizeof(message));
	if (!error)
		error = fth_signature_verify(&signature, path_of(KEY_RSA, "pem"), message,
					     sizeof(message));
	OPENSSL_free(der);
	CMS_ContentInfo_free(cms);
	BIO_free(content);
	return error;
}

static void test_form(void **state)
{
	(void)state;
	assert_int_equal(read_made(FORM, EVP_sha256(), 1), 0);
	/* The certificates of this test have no key id that CMS_USE_KEYID could name. */
	assert_int_equal(read_made(FORM & ~(unsigned int)CMS_NOCERTS, EVP_sha256(), 1), -EINVAL);
	expect_message("-nocerts");
	assert_int_equal(read_made(FORM & ~(unsigned int)CMS_NOATTR, EVP_sha256(), 1), -EINVAL);
	expect_message("-noattr");
	assert_int_equal(read_made(FORM | CMS_DETACHED, EVP_sha256(), 1), -EINVAL);
	expect_message("-nodetach");
	assert_int_equal(read_made(FORM, EVP_sha512(), 1), -EINVAL);
	expect_message("SHA-256");
	assert_int_equal(read_made(FORM, EVP_sha256(), 2), -EINVAL);
	expect_message("one signer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),	 cmocka_unit_test(test_bad_keys),
		cmocka_unit_test(test_most_vms), cmocka_unit_test(test_mismatch),
		cmocka_unit_test(test_form),	 cmocka_unit_test(test_each_byte_counts),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
