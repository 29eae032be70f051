// SPDX-License-Identifier: GPL-2.0
/*
 * Which payloads of a host this guest accepts.
 *
 * DESIGN
 * Input: the owner's certificates at load; with each payload its name, hash and
 * signature.  Output: accepted, or one of four refusals.  What is signed is a
 * manifest that names the payload by hash (fother/signature.h); that the bytes
 * have that hash is stage's to check.
 *
 * The host is not trusted here: a signature is first held against the one form
 * that is accepted, then given to the kernel's own verification, and only what
 * that has vouched for is read as a manifest.  Replay: of each name the newest
 * epoch is remembered until the module goes.  The memory is bounded; the entry
 * that makes room raises the floor for all names that are not in it, so
 * forgetting never admits what was refused before.
 *
 * Not here: modules that somebody loads in the guest by hand.  Who may do that
 * is the guest's root.
 */
#include "trust.h"

#include <linux/err.h>
#include <linux/kernel_read_file.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "fother/consistency.h"
#include "fother/signature.h"

#include "compat/keyring.h"
#include "engine.h"
#include "main.h"

/* Of trust_key.S: certificates that were given at build, one behind the other. */
extern const u8 fth_trust_built_in[];
extern const u8 fth_trust_built_in_end[];

/* Keys. */

/*
 * Bytes of the certificate at the beginning, 0 = it is none.  A certificate is a
 * SEQUENCE of more than 127 and at most 65,535 bytes.
 */
static u32 certificate_size(const u8 *bytes, size_t size)
{
	u32 length;

	if (size < 4 || bytes[0] != 0x30)
		return 0;
	if (bytes[1] == 0x81)
		length = 3 + bytes[2];
	else if (bytes[1] == 0x82)
		length = 4 + (bytes[2] << 8 | bytes[3]);
	else
		return 0;
	return length <= size ? length : 0;
}

static const char *explain_key(int error)
{
	switch (error) {
	case -EBADMSG:
		return "it is no X.509 certificate in DER (openssl x509 -outform DER)";
	case -ENOPKG:
		return "this kernel has no algorithm for such a key; take an RSA key";
	case -EKEYREJECTED:
		return "the kernel has it on its blacklist, or its own signature is wrong";
	case -E2BIG:
		return "there are too many certificates";
	default:
		return "see the errno";
	}
}

static int add_key(struct fth_trust *trust, const u8 *bytes, size_t left, const char *source,
		   u32 *ret_size)
{
	char text[FTH_TRUST_KEY_TEXT_MAX] = "";
	u32 size = certificate_size(bytes, left);
	int err = -EBADMSG;

	if (trust->keys == FTH_TRUST_KEYS_MAX)
		err = -E2BIG;
	else if (size)
		err = fth_keyring_add(trust->keyring, bytes, size, text, sizeof(text));
	if (err) {
		pr_err("trust: key %u of %s can't be used: %s (%d)\n", trust->keys + 1, source,
		       explain_key(err), err);
		return err;
	}
	pr_info("payloads are accepted when signed by '%s', of %s\n", text, source);
	trust->keys++;
	*ret_size = size;
	return 0;
}

static int add_keys(struct fth_trust *trust, const u8 *bytes, size_t left, const char *source)
{
	u32 size;
	int err;

	while (left) {
		err = add_key(trust, bytes, left, source, &size);
		if (err)
			return err;
		bytes += size;
		left -= size;
	}
	return 0;
}

static int add_key_file(struct fth_trust *trust, const char *path)
{
	void *bytes = NULL;
	ssize_t size = kernel_read_file_from_path(path, 0, &bytes, FTH_TRUST_KEY_FILE_MAX, NULL,
						  READING_X509_CERTIFICATE);
	int err;

	if (size < 0) {
		pr_err("trust: key_file '%s' can't be read (%zd); expected X.509 certificates in DER, at most %u bytes\n",
		       path, size, FTH_TRUST_KEY_FILE_MAX);
		return size;
	}
	err = add_keys(trust, bytes, size, "key_file");
	vfree(bytes);
	return err;
}

static int add_all_keys(struct fth_trust *trust, size_t built_in, const char *path)
{
	int err;

	trust->keyring = fth_keyring_alloc();
	if (IS_ERR(trust->keyring)) {
		err = PTR_ERR(trust->keyring);
		trust->keyring = NULL;
		pr_err("trust: there is a key to check signatures with, but this kernel can't (%d); expected CONFIG_SYSTEM_DATA_VERIFICATION and SHA-256\n",
		       err);
		return err;
	}
	err = add_keys(trust, fth_trust_built_in, built_in, "the build");
	if (!err && path)
		err = add_key_file(trust, path);
	if (err)
		fth_trust_exit();
	return err;
}

int fth_trust_init(void)
{
	struct fth_trust *trust = &fth_guest.trust;
	const struct fth_params *params = &fth_guest.params;
	const char *path = params->key_file && *params->key_file ? params->key_file : NULL;
	size_t built_in = (unsigned long)fth_trust_built_in_end - (unsigned long)fth_trust_built_in;

	trust->floor = params->min_epoch;
	if (built_in || path)
		return add_all_keys(trust, built_in, path);
	if (!params->require_signature)
		return 0;
	pr_err("trust: require_signature is set and there is no key: no payload could ever be accepted; give key_file=, or build with FOTHER_KEY=\n");
	return -ENOKEY;
}

void fth_trust_exit(void)
{
	struct fth_trust *trust = &fth_guest.trust;

	fth_keyring_free(trust->keyring);
	memset(trust, 0, sizeof(*trust));
}

u64 fth_trust_capabilities(void)
{
	if (!fth_guest.trust.keys)
		return 0;
	return FTH_CAP_SIGNATURES | (fth_guest.params.require_signature ? FTH_CAP_SIGNED_ONLY : 0);
}

/* Epochs. */

static struct fth_trust_epoch *find_epoch(struct fth_trust *trust, const char *name)
{
	u32 i;

	for (i = 0; i < FTH_TRUST_EPOCHS_MAX; i++)
		if (!strcmp(trust->epochs[i].name, name))
			return &trust->epochs[i];
	return NULL;
}

/* A free place, or that of the oldest epoch. */
static struct fth_trust_epoch *make_room(struct fth_trust *trust)
{
	struct fth_trust_epoch *oldest = &trust->epochs[0];
	u32 i;

	for (i = 0; i < FTH_TRUST_EPOCHS_MAX; i++) {
		if (!*trust->epochs[i].name)
			return &trust->epochs[i];
		if (trust->epochs[i].epoch < oldest->epoch)
			oldest = &trust->epochs[i];
	}
	trust->floor = max(trust->floor, oldest->epoch);
	return oldest;
}

void fth_trust_accept(const char *name, u64 epoch)
{
	struct fth_trust *trust = &fth_guest.trust;
	struct fth_trust_epoch *entry = find_epoch(trust, name);

	/* What is not newer than the floor needs no place of its own. */
	if (!entry && epoch <= trust->floor)
		return;
	if (!entry) {
		entry = make_room(trust);
		strscpy(entry->name, name, sizeof(entry->name));
		entry->epoch = 0;
	}
	entry->epoch = max(entry->epoch, epoch);
}

/* The check. */

static int refuse_signature(const char *name, int error, struct fth_report *report)
{
	switch (error) {
	case -ENOMEM:
		return fth_report_set(report, FTH_E_NO_MEMORY, error,
				      "stage '%s' failed: no memory to check its signature", name);
	case -ENOKEY:
		return fth_report_set(
			report, FTH_E_BAD_SIGNATURE, error,
			"stage '%s' refused: signed by a key that is none of this guest's %u; sign with one of its owner's",
			name, fth_guest.trust.keys);
	default:
		return fth_report_set(
			report, FTH_E_BAD_SIGNATURE, error,
			"stage '%s' refused: the signature does not belong to its manifest (%d); sign again with 'fother sign'",
			name, error);
	}
}

/* A manifest that the owner signed: is it of this payload? */
static int check_payload(const struct fth_manifest *manifest, const char *name, const u8 *sha256,
			 struct fth_report *report)
{
	if (manifest->name.length != strlen(name) ||
	    memcmp(manifest->name.data, name, manifest->name.length))
		return fth_report_set(
			report, FTH_E_BAD_SIGNATURE, -EBADMSG,
			"stage '%s' refused: the signature is of a patch '%.*s'; send the one of this",
			name, manifest->name.length, manifest->name.data);
	if (memcmp(manifest->sha256, sha256, FTH_SHA256_SIZE))
		return fth_report_set(
			report, FTH_E_BAD_SIGNATURE, -EBADMSG,
			"stage '%s' refused: SHA-256 is '%*phN', the signature is of '%*phN'; sign this payload",
			name, FTH_SHA256_SIZE, sha256, FTH_SHA256_SIZE, manifest->sha256);
	return 0;
}

/* Is it for this VM, and not of the past? */
static int check_place(struct fth_trust *trust, const struct fth_manifest *manifest,
		       const char *name, struct fth_report *report)
{
	const struct fth_hostinfo *info = &fth_guest.hostinfo;
	const struct fth_trust_epoch *newest = find_epoch(trust, name);
	u64 least = newest ? max(newest->epoch, trust->floor) : trust->floor;

	if (!fth_manifest_allows_vm(manifest, info->has_vm_uuid ? info->vm_uuid : NULL))
		return fth_report_set(
			report, FTH_E_WRONG_VM, -EPERM,
			"stage '%s' refused: signed for %u VMs, this one, '%pUb'%s, is not among them; sign with '--vm' for it",
			name, fth_manifest_vm_count(manifest), info->vm_uuid,
			info->has_vm_uuid ? "" : " (SMBIOS has no UUID)");
	if (manifest->epoch < least)
		return fth_report_set(
			report, FTH_E_STALE_SIGNATURE, -EPERM,
			"stage '%s' refused: the signature's epoch is %llu, expected %llu or newer; sign again",
			name, manifest->epoch, least);
	return 0;
}

static int check_signature(struct fth_trust *trust, const char *name, const u8 *sha256,
			   struct fth_span signature, u64 *ret_epoch, struct fth_report *report)
{
	struct fth_manifest manifest;
	const char *why = NULL;
	struct fth_cms cms;
	int err = fth_cms_inspect(signature, &cms, &why);

	if (!err) {
		err = fth_keyring_verify(trust->keyring, signature, cms.content);
		if (err)
			return refuse_signature(name, err, report);
		err = fth_manifest_parse(cms.content, &manifest, &why);
	}
	if (err)
		return fth_report_set(
			report, FTH_E_BAD_SIGNATURE, err,
			"stage '%s' refused: its signature is not of the accepted form: %s; sign with 'fother sign'",
			name, why);
	err = check_payload(&manifest, name, sha256, report);
	if (!err)
		err = check_place(trust, &manifest, name, report);
	if (!err)
		*ret_epoch = manifest.epoch;
	return err;
}

int fth_trust_check(const char *name, const u8 *sha256, struct fth_span signature, u64 *ret_epoch,
		    struct fth_report *ret_report)
{
	struct fth_trust *trust = &fth_guest.trust;

	if (trust->keys && signature.length)
		return check_signature(trust, name, sha256, signature, ret_epoch, ret_report);
	if (fth_guest.params.require_signature)
		return fth_report_set(
			ret_report, FTH_E_UNSIGNED, -EPERM,
			"stage '%s' refused: it is not signed and this guest takes only what is signed by one of %u keys; sign it with 'fother sign' and name the file as patch.signature",
			name, trust->keys);
	*ret_epoch = 0;
	return 0;
}
