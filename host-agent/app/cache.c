// SPDX-License-Identifier: GPL-2.0
/* Payloads by their hash, in the state folder: a restart needs no other file. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/agent.h"

#define PROBE_SIZE 65536u /* bytes: room for a payload, roughly */
#define HEX_SIZE (2 * FTH_SHA256_SIZE + 1)
#define EXTENSION_MAX 32u /* bytes of ".NUMBER.p7s", with its NUL */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void hex(const uint8_t *bytes, char *ret_text)
{
	size_t i;

	for (i = 0; i < FTH_SHA256_SIZE; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		}
	}
	return 0;
}

static int write_file(int folder_fd, const char *name, const uint8_t *bytes, size_t size)
{
	__attribute__((cleanup(close_fd))) int fd =
		openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int error;

	if (fd < 0)
		return -errno;
	error = write_all(fd, bytes, size);
	if (!error && fsync(fd))
		error = -errno;
	return error;
}

int fth_cache_probe(const char *state)
{
	__attribute__((cleanup(close_fd))) int folder_fd =
		open(state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint8_t bytes[PROBE_SIZE] = { 0 };
	int error;

	if (folder_fd < 0)
		return -errno;
	error = write_file(folder_fd, "probe.tmp", bytes, sizeof(bytes));
	unlinkat(folder_fd, "probe.tmp", 0);
	return error;
}

static bool holds_modules(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *entry = NULL;
	size_t length;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		length = strlen(entry->d_name);
		found = length > 3 && !strcmp(entry->d_name + length - 3, ".ko");
	}
	if (dir)
		closedir(dir);
	return found;
}

bool fth_cache_without_journal(const char *state)
{
	char path[PATH_MAX];
	struct stat info;

	snprintf(path, sizeof(path), "%s/journal.db", state);
	if (stat(path, &info) || !S_ISREG(info.st_mode) || info.st_size)
		return false;
	snprintf(path, sizeof(path), "%s/payloads", state);
	return holds_modules(path);
}

static int put_file(int folder_fd, const char *digits, const char *extension, const uint8_t *bytes,
		    size_t size)
{
	char name[HEX_SIZE + EXTENSION_MAX], temporary[HEX_SIZE + EXTENSION_MAX];
	int error;

	snprintf(name, sizeof(name), "%s.%s", digits, extension);
	snprintf(temporary, sizeof(temporary), "%s.tmp", digits);
	error = write_file(folder_fd, temporary, bytes, size);
	if (!error && renameat(folder_fd, temporary, folder_fd, name))
		error = -errno;
	if (error)
		unlinkat(folder_fd, temporary, 0);
	return error;
}

/* A rollout's own: another one of the same payload may have another one, or none. */
static int put_signature(int folder_fd, const char *digits, const struct fth_payload *payload,
			 uint64_t rollout)
{
	char extension[EXTENSION_MAX], name[HEX_SIZE + EXTENSION_MAX];

	snprintf(extension, sizeof(extension), "%llu.p7s", (unsigned long long)rollout);
	if (payload->signature)
		return put_file(folder_fd, digits, extension, payload->signature,
				payload->signature_size);
	/* One of that number may have failed to begin. */
	snprintf(name, sizeof(name), "%s.%s", digits, extension);
	return unlinkat(folder_fd, name, 0) && errno != ENOENT ? -errno : 0;
}

int fth_cache_put(const char *state, const struct fth_payload *payload, uint64_t rollout)
{
	__attribute__((cleanup(close_fd))) int folder_fd = -1;
	char folder[PATH_MAX], digits[HEX_SIZE];
	int error;

	hex(payload->sha256, digits);
	snprintf(folder, sizeof(folder), "%s/payloads", state);
	if (mkdir(folder, 0700) && errno != EEXIST)
		return -errno;
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder_fd < 0)
		return -errno;
	error = put_signature(folder_fd, digits, payload, rollout);
	if (!error)
		error = put_file(folder_fd, digits, "ko", payload->bytes, payload->size);
	if (!error && fsync(folder_fd))
		error = -errno;
	return error;
}

/* What can't be removed takes room, and does no harm. */
void fth_cache_drop(const char *state, const uint8_t *sha256, uint64_t rollout, bool is_last)
{
	char path[PATH_MAX], digits[HEX_SIZE];

	hex(sha256, digits);
	snprintf(path, sizeof(path), "%s/payloads/%s.%llu.p7s", state, digits,
		 (unsigned long long)rollout);
	unlink(path);
	snprintf(path, sizeof(path), "%s/payloads/%s.ko", state, digits);
	if (is_last)
		unlink(path);
}

int fth_cache_load(const char *state, const uint8_t *sha256, uint64_t rollout,
		   struct fth_payload *ret_payload, char *ret_error, size_t error_size)
{
	char path[PATH_MAX], digits[HEX_SIZE];
	struct fth_payload payload;
	int error;

	hex(sha256, digits);
	snprintf(path, sizeof(path), "%s/payloads/%s.ko", state, digits);
	error = fth_payload_load(path, NULL, &payload, ret_error, error_size);
	if (error)
		return error;
	if (memcmp(payload.sha256, sha256, FTH_SHA256_SIZE) != 0) {
		snprintf(ret_error, error_size,
			 "module '%s': its bytes are not those it is named by", path);
		fth_payload_free(&payload);
		return -EINVAL;
	}
	snprintf(path, sizeof(path), "%s/payloads/%s.%llu.p7s", state, digits,
		 (unsigned long long)rollout);
	error = fth_payload_load_signature(&payload, path, NULL, ret_error, error_size);
	if (error && error != -ENOENT) {
		fth_payload_free(&payload);
		return error;
	}
	*ret_payload = payload;
	return 0;
}
