// SPDX-License-Identifier: GPL-2.0
/* fother sign: a signature that guests accept, or is this one?  Needs no agent. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "io/payload.h"
#include "io/signature.h"

#define SUFFIX ".p7s"

static const char help[] =
	"usage: fother sign --key KEY.pem --cert CERT [--vm UUID]... [--epoch N]\n"
	"                   [-o FILE] PATCH.ko\n"
	"       fother sign --verify --cert CERT [--vm UUID] PATCH.ko [FILE]\n"
	"\n"
	"Signs a payload for guests whose owner gave them the certificate (DER) by\n"
	"the module's parameter key_file or by 'make guest-kmod FOTHER_KEY=CERT.der'.\n"
	"Writes PATCH.ko.p7s: CMS in DER around a manifest with the patch's name,\n"
	"SHA-256, epoch and VMs.  A policy names it as patch.signature.  No agent is\n"
	"asked.\n"
	"\n"
	"      --key KEY.pem   private key: RSA of 2048 bits or more; EC on P-256 or\n"
	"                      P-384, for guests with kernel 6.12 or newer\n"
	"      --cert CERT     its X.509 certificate, PEM or DER\n"
	"      --vm UUID       only this VM may have it; may be repeated\n"
	"      --epoch N       guests refuse an older one than the newest they took of\n"
	"                      this patch (default: seconds since 1970)\n"
	"  -o, --output FILE   write there (default: PATCH.ko.p7s)\n"
	"      --verify        is FILE (default: PATCH.ko.p7s) the key's signature of\n"
	"                      PATCH.ko, and for that VM?\n"
	"      --json          print what was signed as JSON\n"
	"  -h, --help          this text\n"
	"\n"
	"exit: 0 signed, or verified; 1 the signature is not of this key, payload or\n"
	"      VM; 2 usage, or a file that can't be used\n"
	"\n"
	"example: fother sign --key owner.key --cert owner.pem cve_2026_1234.ko\n";

/* The command line. */
struct request {
	const char *key;
	const char *cert;
	const char *output;
	const char *module;
	bool verify;
	bool json;
	bool has_epoch;
	uint64_t epoch;
	uint32_t vm_count;
	uint8_t vms[FTH_MANIFEST_VMS_MAX][FTH_UUID_SIZE];
};

static int complain(const char *what, const char *found, const char *expected)
{
	fprintf(stderr, "fother sign: %s: found '%s', expected %s; see 'fother sign --help'\n",
		what, found, expected);
	return FTH_EXIT_USAGE;
}

static int add_vm(struct request *request, const char *text)
{
	struct fth_span span = { (const uint8_t *)text, (uint32_t)strlen(text) };

	if (request->vm_count == FTH_MANIFEST_VMS_MAX) {
		fprintf(stderr, "fother sign: --vm: found more than %u, expected at most that\n",
			FTH_MANIFEST_VMS_MAX);
		return FTH_EXIT_USAGE;
	}
	if (!fth_uuid_parse(span, request->vms[request->vm_count]))
		return complain("--vm", text, "a UUID as 'virsh domuuid' prints it");
	request->vm_count++;
	return -1;
}

static int set_epoch(struct request *request, const char *text)
{
	char *end;

	errno = 0;
	request->epoch = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		return complain("--epoch", text, "a decimal number");
	request->has_epoch = true;
	return -1;
}

/* Return: -1 to go on, else the exit code. */
static int take_option(struct request *request, int option)
{
	switch (option) {
	case 'k':
		request->key = optarg;
		return -1;
	case 'c':
		request->cert = optarg;
		return -1;
	case 'v':
		return add_vm(request, optarg);
	case 'e':
		return set_epoch(request, optarg);
	case 'o':
		request->output = optarg;
		return -1;
	case 'V':
		request->verify = true;
		return -1;
	case 'j':
		request->json = true;
		return -1;
	default: /* --help */
		fputs(help, stdout);
		return FTH_EXIT_OK;
	}
}

/* Which of the two uses is it, and is it whole? */
static int check_request(struct request *request, int operands, char **operand)
{
	const char *wrong = NULL;

	if (operands < 1 || operands > (request->verify ? 2 : 1))
		wrong = request->verify ? "expected PATCH.ko and at most one FILE"
					: "expected one PATCH.ko";
	else if (!request->cert)
		wrong = "--cert is missing";
	else if (!request->verify && !request->key)
		wrong = "--key is missing";
	else if (request->verify && (request->key || request->output || request->has_epoch))
		wrong = "--verify takes no --key, --epoch or --output";
	else if (request->verify && request->vm_count > 1)
		wrong = "--verify takes one --vm";
	if (wrong) {
		fprintf(stderr, "fother sign: %s; see 'fother sign --help'\n", wrong);
		return FTH_EXIT_USAGE;
	}
	request->module = operand[0];
	if (operands == 2)
		request->output = operand[1];
	return -1;
}

static int parse(int argc, char **argv, struct request *request)
{
	static const struct option options[] = {
		{ "key", required_argument, NULL, 'k' },
		{ "cert", required_argument, NULL, 'c' },
		{ "vm", required_argument, NULL, 'v' },
		{ "epoch", required_argument, NULL, 'e' },
		{ "output", required_argument, NULL, 'o' },
		{ "verify", no_argument, NULL, 'V' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int option, code;

	opterr = 0;
	while ((option = getopt_long(argc, argv, ":o:jh", options, NULL)) != -1) {
		if (option == '?' || option == ':')
			return fth_usage_option(argv, options, option);
		code = take_option(request, option);
		if (code >= 0)
			return code;
	}
	return check_request(request, argc - optind, argv + optind);
}

/* PATCH.ko.p7s unless a name was given; to be freed. */
static char *signature_path(const struct request *request)
{
	char *path = NULL;

	if (request->output)
		path = strdup(request->output);
	else if (asprintf(&path, "%s%s", request->module, SUFFIX) < 0)
		path = NULL;
	if (!path)
		fputs("fother sign: out of memory\n", stderr);
	return path;
}

static json_t *describe(const char *path, const struct fth_signature *signature)
{
	const struct fth_manifest *manifest = &signature->manifest;
	char hex[2 * FTH_SHA256_SIZE + 1];
	json_t *vms = json_array();
	uint32_t at;

	for (at = 0; at < FTH_SHA256_SIZE; at++)
		snprintf(hex + 2 * (size_t)at, 3, "%02x", manifest->sha256[at]);
	for (at = 0; at < manifest->vms.length; at += FTH_MANIFEST_VM_SIZE)
		json_array_append_new(
			vms, json_stringn((const char *)manifest->vms.data + at + strlen("vm="),
					  FTH_UUID_TEXT_SIZE));
	return json_pack("{s:s, s:s%, s:s, s:I, s:o, s:s}", "signature", path, "patch",
			 (const char *)manifest->name.data, (size_t)manifest->name.length, "sha256",
			 hex, "epoch", (json_int_t)manifest->epoch, "vms", vms, "signer",
			 signature->signer);
}

static void show(const struct request *request, const char *path,
		 const struct fth_signature *signature)
{
	const struct fth_manifest *manifest = &signature->manifest;
	uint32_t vms = fth_manifest_vm_count(manifest);
	json_t *answer = request->json ? describe(path, signature) : NULL;

	if (answer) {
		fth_cli_print_json(answer);
		json_decref(answer);
		return;
	}
	printf("%s: patch '%.*s', epoch %" PRIu64 ", for ", path, (int)manifest->name.length,
	       manifest->name.data, manifest->epoch);
	if (vms)
		printf("%u VM%s", vms, vms == 1 ? "" : "s");
	else
		printf("any VM");
	printf(", signed by '");
	fth_cli_print_text(signature->signer);
	puts("'");
}

/* Whole or not at all: a rollout may be reading the one that was there. */
static int write_file(const char *path, const uint8_t *bytes, uint32_t length)
{
	char *part = NULL;
	int fd = -1, error;
	ssize_t written;

	if (asprintf(&part, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	fd = mkostemp(part, O_CLOEXEC);
	error = fd < 0 ? errno : 0;
	if (!error) {
		written = write(fd, bytes, length);
		if (written != (ssize_t)length)
			error = written < 0 ? errno : EIO;
		if (!error && (fchmod(fd, 0644) || fsync(fd)))
			error = errno;
		if (close(fd) && !error)
			error = errno;
		if (!error && rename(part, path))
			error = errno;
		if (error)
			unlink(part);
	}
	free(part);
	return -error;
}

static int make(const struct request *request, const struct fth_payload *payload, const char *path,
		struct fth_signature *signature)
{
	struct fth_manifest manifest = { .epoch = request->epoch };
	uint8_t vms[FTH_MANIFEST_VMS_MAX * FTH_MANIFEST_VM_SIZE];
	char message[FTH_SIGNATURE_ERROR_MAX];
	uint32_t i;
	int error;

	manifest.name = (struct fth_span){ (const uint8_t *)payload->name,
					   (uint32_t)strlen(payload->name) };
	memcpy(manifest.sha256, payload->sha256, FTH_SHA256_SIZE);
	for (i = 0; i < request->vm_count; i++)
		fth_manifest_put_vm(vms + i * FTH_MANIFEST_VM_SIZE, request->vms[i]);
	manifest.vms = (struct fth_span){ vms, request->vm_count * FTH_MANIFEST_VM_SIZE };
	if (!request->has_epoch)
		manifest.epoch = (uint64_t)time(NULL);
	if (fth_signature_make(&manifest, request->key, request->cert, signature, message,
			       sizeof(message))) {
		fprintf(stderr, "fother sign: %s\n", message);
		return FTH_EXIT_USAGE;
	}
	error = write_file(path, signature->bytes, signature->length);
	if (error) {
		fprintf(stderr, "fother sign: '%s' can't be written: %s\n", path, strerror(-error));
		return FTH_EXIT_USAGE;
	}
	return FTH_EXIT_OK;
}

/* A file that is longer than any signature is read far enough to show it. */
static int read_file(const char *path, uint8_t *bytes, size_t size, struct fth_span *ret_span)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ssize_t length = fd < 0 ? -1 : read(fd, bytes, size);

	if (length < 0)
		fprintf(stderr, "fother sign: signature '%s': can't be read: %s\n", path,
			strerror(errno));
	if (fd >= 0)
		close(fd);
	if (length < 0)
		return FTH_EXIT_USAGE;
	*ret_span = (struct fth_span){ bytes, (uint32_t)length };
	return FTH_EXIT_OK;
}

static int verify(const struct request *request, const struct fth_payload *payload,
		  const char *path, struct fth_signature *signature)
{
	uint8_t bytes[FTH_SIGNATURE_MAX + 1];
	char message[FTH_SIGNATURE_ERROR_MAX];
	struct fth_span span;
	int error = read_file(path, bytes, sizeof(bytes), &span);

	if (error)
		return error;
	error = fth_signature_read(span, signature, message, sizeof(message));
	if (!error) {
		error = fth_signature_verify(signature, request->cert, message, sizeof(message));
		if (error && error != -EKEYREJECTED) {
			fprintf(stderr, "fother sign: %s\n", message);
			return FTH_EXIT_USAGE;
		}
	}
	if (!error)
		error = fth_signature_matches(signature, payload->name, payload->sha256,
					      request->vm_count ? request->vms[0] : NULL, message,
					      sizeof(message));
	if (error) {
		fprintf(stderr, "fother sign: '%s': %s\n", path, message);
		return FTH_EXIT_NOT_SO;
	}
	return FTH_EXIT_OK;
}

int fth_cli_sign(int argc, char **argv)
{
	struct request request = { 0 };
	struct fth_signature signature;
	char message[FTH_PAYLOAD_ERROR_MAX];
	struct fth_payload payload;
	int code = parse(argc, argv, &request);
	char *path;

	if (code >= 0)
		return code;
	path = signature_path(&request);
	if (!path)
		return FTH_EXIT_USAGE;
	if (fth_payload_load(request.module, NULL, &payload, message, sizeof(message))) {
		fprintf(stderr, "fother sign: %s\n", message);
		free(path);
		return FTH_EXIT_USAGE;
	}
	code = request.verify ? verify(&request, &payload, path, &signature)
			      : make(&request, &payload, path, &signature);
	if (code == FTH_EXIT_OK)
		show(&request, path, &signature);
	fth_payload_free(&payload);
	free(path);
	return code;
}
