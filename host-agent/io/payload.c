// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module as a file: read, hashed, looked at before it travels.
 *
 * DESIGN
 * The guest's kernel checks a module for good; what is checked here saves a
 * fleet the transfer of a file that could never load, and says so in words.
 */
#include "io/payload.h"

#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/policy.h"
#include "io/rights.h"

#define MODINFO_MAX (64u * 1024) /* bytes of .modinfo that are looked at */
#define MODEL_KEY "fother_consistency"

#define DER_SEQUENCE 0x30u /* what each CMS message begins with */

static_assert(crypto_hash_sha256_BYTES == FTH_SHA256_SIZE, "one hash size");

/* @what: "module" or "signature", for messages. */
struct report {
	const char *what;
	const char *path;
	char *text;
	size_t size;
};

__attribute__((format(printf, 2, 3))) static int refuse(const struct report *report,
							const char *format, ...)
{
	char message[768];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(report->text, report->size, "%s '%s': %s", report->what, report->path, message);
	return -EINVAL;
}

static int refuse_errno(const struct report *report)
{
	int error = errno;

	refuse(report, "can't be read: %s", strerror(error));
	return -error;
}

static int open_file(const struct report *report, const struct fth_rights *rights)
{
	char why[FTH_RIGHTS_WHY_MAX];
	int fd = fth_rights_open(rights, report->path, why, sizeof(why));

	if (fd < 0)
		refuse(report, "%s", why);
	return fd;
}

static int read_exactly(const struct report *report, int fd, uint8_t *bytes, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size) {
		got = read(fd, bytes + length, size - length);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return refuse_errno(report);
		if (!got)
			return refuse(report,
				      "found %zu bytes, expected %zu: it "
				      "changed while it was read",
				      length, size);
		length += (size_t)got;
	}
	return 0;
}

static int read_file(const struct report *report, int fd, struct fth_payload *payload)
{
	struct stat status;
	int error;

	if (fstat(fd, &status))
		return refuse_errno(report);
	if (!S_ISREG(status.st_mode))
		return refuse(report, "found no regular file, expected one");
	if (status.st_size < 1 || status.st_size > FTH_MODULE_SIZE_MAX)
		return refuse(report, "found %lld bytes, expected 1 … %u",
			      (long long)status.st_size, FTH_MODULE_SIZE_MAX);
	payload->size = (uint32_t)status.st_size;
	payload->bytes = malloc(payload->size);
	if (!payload->bytes) {
		errno = ENOMEM;
		return refuse_errno(report);
	}
	error = read_exactly(report, fd, payload->bytes, payload->size);
	if (error)
		return error;
	crypto_hash_sha256(payload->sha256, payload->bytes, payload->size);
	return 0;
}

/* The section's bytes, or NULL; what it borrows lives as long as @elf. */
static Elf_Data *find_modinfo(Elf *elf)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	const char *name;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return NULL;
	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
			continue;
		name = elf_strptr(elf, names, header.sh_name);
		if (name && !strcmp(name, ".modinfo"))
			return elf_getdata(section, NULL);
	}
	return NULL;
}

/* The value behind "@key=" in a sequence of NUL-terminated strings, from @at on. */
static const char *find_info_from(const Elf_Data *info, const char *at, const char *key)
{
	const char *end = (const char *)info->d_buf + info->d_size;
	size_t length = strlen(key);
	const char *nul;

	while (at < end) {
		nul = memchr(at, 0, (size_t)(end - at));
		if (!nul)
			return NULL;
		if ((size_t)(nul - at) > length && at[length] == '=' && !memcmp(at, key, length))
			return at + length + 1;
		at = nul + 1;
	}
	return NULL;
}

static const char *find_info(const Elf_Data *info, const char *key)
{
	return find_info_from(info, info->d_buf, key);
}

/* A word that is not known may ask for more than is given: it is no default. */
static int read_model(const struct report *report, const Elf_Data *info,
		      struct fth_payload *payload)
{
	const char *text = find_info(info, MODEL_KEY);
	struct fth_span span = { (const uint8_t *)text, 0 };
	const char *why;

	if (!text)
		return 0;
	span.length = (uint32_t)strlen(text);
	if (find_info_from(info, text + span.length, MODEL_KEY))
		return refuse(report, "found " MODEL_KEY " twice, expected it once");
	if (fth_model_parse(span, &payload->leave, &payload->switches, &why))
		return refuse(report, "found " MODEL_KEY "='%.64s', expected %s", text, why);
	payload->has_model = true;
	return 0;
}

static int check_info(const struct report *report, const Elf_Data *info,
		      struct fth_payload *payload)
{
	const char *livepatch;
	const char *vermagic;
	const char *name;
	size_t length;

	if (!info || !info->d_buf || !info->d_size || info->d_size > MODINFO_MAX)
		return refuse(report, "found no usable section '.modinfo', "
				      "expected a kernel module");
	livepatch = find_info(info, "livepatch");
	if (!livepatch || strcmp(livepatch, "Y") != 0)
		return refuse(report,
			      "found livepatch='%.8s', expected 'Y': not a "
			      "livepatch module",
			      livepatch ? livepatch : "");
	name = find_info(info, "name");
	if (!name || !*name || strlen(name) > FTH_NAME_MAX)
		return refuse(report, "found a name of %zu bytes, expected 1 … %d",
			      name ? strlen(name) : 0, FTH_NAME_MAX);
	vermagic = find_info(info, "vermagic");
	length = vermagic ? strcspn(vermagic, " ") : 0;
	if (!length || length > FTH_RELEASE_MAX)
		return refuse(report,
			      "found vermagic '%.64s', expected one "
			      "that begins with a kernel release",
			      vermagic ? vermagic : "");
	memcpy(payload->name, name, strlen(name) + 1);
	memcpy(payload->release, vermagic, length);
	payload->release[length] = 0;
	return read_model(report, info, payload);
}

static int check_elf(const struct report *report, Elf *elf, struct fth_payload *payload)
{
	GElf_Ehdr header;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return refuse(report, "found no ELF file, expected a module");
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != EM_X86_64)
		return refuse(report,
			      "found ELF class %u machine %u, expected 64 bit "
			      "x86-64 (class %u machine %u)",
			      header.e_ident[EI_CLASS], header.e_machine, ELFCLASS64, EM_X86_64);
	if (header.e_type != ET_REL)
		return refuse(report,
			      "found ELF type %u, expected %u: a relocatable "
			      "file, as modules are",
			      header.e_type, ET_REL);
	return check_info(report, find_modinfo(elf), payload);
}

int fth_payload_load(const char *path, const struct fth_rights *rights,
		     struct fth_payload *ret_payload, char *ret_error, size_t error_size)
{
	struct report report = { "module", path, ret_error, error_size };
	struct fth_payload payload = { 0 };
	Elf *elf = NULL;
	int fd = open_file(&report, rights);
	int error;

	if (fd < 0)
		return fd;
	error = read_file(&report, fd, &payload);
	close(fd);
	if (!error) {
		elf_version(EV_CURRENT);
		elf = elf_memory((char *)payload.bytes, payload.size);
		error = check_elf(&report, elf, &payload);
		elf_end(elf);
	}
	if (error)
		fth_payload_free(&payload);
	else
		*ret_payload = payload;
	return error;
}

void fth_payload_free(struct fth_payload *payload)
{
	free(payload->bytes);
	free(payload->signature);
	payload->bytes = NULL;
	payload->signature = NULL;
	payload->signature_size = 0;
}

static int read_signature(const struct report *report, int fd, struct fth_payload *payload)
{
	struct stat status;
	uint8_t *bytes;
	int error;

	if (fstat(fd, &status))
		return refuse_errno(report);
	if (!S_ISREG(status.st_mode) || status.st_size < 1 || status.st_size > FTH_SIGNATURE_MAX)
		return refuse(
			report,
			"found %lld bytes, expected a file of 1 … %u; 'fother sign' makes one",
			S_ISREG(status.st_mode) ? (long long)status.st_size : 0, FTH_SIGNATURE_MAX);
	bytes = malloc((size_t)status.st_size);
	if (!bytes) {
		errno = ENOMEM;
		return refuse_errno(report);
	}
	error = read_exactly(report, fd, bytes, (size_t)status.st_size);
	if (!error && bytes[0] != DER_SEQUENCE)
		error = refuse(
			report,
			"found 0x%02x as its first byte, expected 0x%02x: CMS in DER, as 'fother sign' writes it",
			bytes[0], DER_SEQUENCE);
	if (error) {
		free(bytes);
		return error;
	}
	free(payload->signature);
	payload->signature = bytes;
	payload->signature_size = (uint32_t)status.st_size;
	return 0;
}

int fth_payload_load_signature(struct fth_payload *payload, const char *path,
			       const struct fth_rights *rights, char *ret_error, size_t error_size)
{
	struct report report = { "signature", path, ret_error, error_size };
	int fd = open_file(&report, rights);
	int error;

	if (fd < 0)
		return fd;
	error = read_signature(&report, fd, payload);
	close(fd);
	return error;
}

int fth_payload_matches(const struct fth_payload *payload, const struct fth_policy *policy,
			char *ret_error, size_t error_size)
{
	struct report report = { "module", policy->file, ret_error, error_size };
	char found[2 * FTH_SHA256_SIZE + 1];
	char expected[2 * FTH_SHA256_SIZE + 1];

	if (strcmp(payload->name, policy->name) != 0)
		return refuse(&report,
			      "found name '%s', expected '%s' as patch.name "
			      "says",
			      payload->name, policy->name);
	if (!fth_patterns_match(&policy->kernels, payload->release))
		return refuse(&report,
			      "found a module for kernel '%s', expected one "
			      "that patch.kernels has",
			      payload->release);
	if (!policy->has_sha256 || !memcmp(policy->sha256, payload->sha256, FTH_SHA256_SIZE))
		return 0;
	sodium_bin2hex(found, sizeof(found), payload->sha256, FTH_SHA256_SIZE);
	sodium_bin2hex(expected, sizeof(expected), policy->sha256, FTH_SHA256_SIZE);
	return refuse(&report, "found SHA-256 '%s', expected '%s' as patch.sha256 says", found,
		      expected);
}

int fth_payload_settle_model(const struct fth_payload *payload, struct fth_policy *policy,
			     char *ret_error, size_t error_size)
{
	struct report report = { "module", policy->file, ret_error, error_size };
	struct fth_guest_policy *guest = &policy->guest;
	struct fth_policy_fault fault;

	if (!payload->has_model ||
	    (guest->leave == payload->leave && guest->switches == payload->switches))
		return 0;
	if (!policy->has_model) {
		guest->leave = payload->leave;
		guest->switches = payload->switches;
		if (!fth_policy_validate(policy, &fault))
			return 0;
		return refuse(&report,
			      "it names the model '%s' for itself, and the policy none; with that "
			      "model key '%s': %s",
			      fth_model_name(payload->leave, payload->switches), fault.key,
			      fault.why);
	}
	if (fth_model_at_least(guest->leave, guest->switches, payload->leave, payload->switches))
		return 0;
	return refuse(
		&report,
		"found model '%s' (leave: %s, switch: %s) in the policy, expected at least the "
		"module's own, '%s' (leave: %s, switch: %s): say that or a stronger one under "
		"consistency, or nothing",
		fth_model_name(guest->leave, guest->switches), fth_leave_name(guest->leave),
		fth_switch_name(guest->switches), fth_model_name(payload->leave, payload->switches),
		fth_leave_name(payload->leave), fth_switch_name(payload->switches));
}
