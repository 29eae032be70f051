// SPDX-License-Identifier: GPL-2.0
/* Policy files: YAML in, a validated policy or one precise error out. */
#include "io/policy_yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/policy_schema.h"
#include "io/policy_value.h"
#include "io/yaml_place.h"

static const cyaml_config_t config = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

/* @file, the value of @key, against the folder of @path; both may be relative. */
static int make_absolute(struct fth_yaml *yaml, const char *key, const char *path, const char *file,
			 char *ret_file)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	char current[FTH_POLICY_PATH_MAX + 1] = "";
	int length;

	if (file[0] == '/')
		folder = 0;
	else if (path[0] != '/' && !getcwd(current, sizeof(current)))
		return fth_yaml_refuse(yaml, key, "the current folder has no path: %s",
				       strerror(errno));
	length = snprintf(ret_file, FTH_POLICY_PATH_MAX + 1, "%s%s%.*s%s", current,
			  current[0] ? "/" : "", folder, path, file);
	if (!file[0] || length > (int)FTH_POLICY_PATH_MAX)
		return fth_yaml_refuse(yaml, key,
				       "found a path of %d bytes, expected "
				       "1 … %u",
				       file[0] ? length : 0, FTH_POLICY_PATH_MAX);
	return 0;
}

static int convert(struct fth_yaml *yaml, const struct fth_policy_raw *raw, bool kept,
		   struct fth_policy *policy)
{
	const char *signature = raw->scalars[FTH_RAW_SIGNATURE];
	struct fth_policy_fault fault;
	int error;

	fth_policy_defaults(policy);
	error = fth_policy_value_convert(yaml, raw, policy);
	if (!error)
		error = make_absolute(yaml, "patch.file", yaml->path, raw->scalars[FTH_RAW_FILE],
				      policy->file);
	if (!error && signature)
		error = make_absolute(yaml, "patch.signature", yaml->path, signature,
				      policy->signature);
	if (error)
		return error;
	if (!kept && fth_policy_validate(policy, &fault))
		return fth_yaml_refuse(yaml, fault.key, "%s", fault.why);
	return 0;
}

static int load_raw(struct fth_yaml *yaml, const char *text, size_t length, bool kept,
		    struct fth_policy *policy)
{
	struct fth_policy_raw *raw = NULL;
	cyaml_err_t failed;
	int error;

	error = fth_yaml_check(yaml, &fth_policy_schema);
	if (error)
		return error;
	failed = cyaml_load_data((const uint8_t *)text, length, &config, &fth_policy_schema,
				 (cyaml_data_t **)&raw, NULL);
	if (failed == CYAML_ERR_OOM)
		return fth_yaml_refuse(yaml, "", "out of memory");
	if (failed != CYAML_OK || !raw)
		return fth_yaml_refuse(yaml, "", "not a policy: %s", cyaml_strerror(failed));
	error = convert(yaml, raw, kept, policy);
	cyaml_free(&config, &fth_policy_schema, raw, 0);
	return error;
}

static int parse(const char *text, size_t length, const char *path, bool kept,
		 struct fth_policy *ret_policy, char *ret_error, size_t error_size)
{
	struct fth_policy *policy;
	struct fth_yaml yaml;
	int error;

	if (length > FTH_POLICY_FILE_MAX) {
		snprintf(ret_error, error_size, "%s: found %zu bytes, expected at most %u", path,
			 length, FTH_POLICY_FILE_MAX);
		return -EINVAL;
	}
	error = fth_yaml_open(text, length, path, ret_error, error_size, &yaml);
	if (error)
		return error;
	/* Some 60 KiB: not for a stack. */
	policy = malloc(sizeof(*policy));
	if (policy)
		error = load_raw(&yaml, text, length, kept, policy);
	else
		error = fth_yaml_refuse(&yaml, "", "out of memory");
	if (!error)
		fth_policy_copy(ret_policy, policy);
	free(policy);
	fth_yaml_close(&yaml);
	return error;
}

int fth_policy_yaml_parse(const char *text, size_t length, const char *path,
			  struct fth_policy *ret_policy, char *ret_error, size_t error_size)
{
	return parse(text, length, path, false, ret_policy, ret_error, error_size);
}

int fth_policy_yaml_parse_kept(const char *text, size_t length, const char *path,
			       struct fth_policy *ret_policy, char *ret_error, size_t error_size)
{
	return parse(text, length, path, true, ret_policy, ret_error, error_size);
}

static int read_whole(int fd, char *text, size_t *ret_length)
{
	size_t length = 0;
	ssize_t got;

	do {
		got = read(fd, text + length, FTH_POLICY_FILE_MAX + 1 - length);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			length += (size_t)got;
	} while (got != 0 && length <= FTH_POLICY_FILE_MAX);
	*ret_length = length;
	return 0;
}

int fth_policy_yaml_load(const char *path, struct fth_policy *ret_policy, char *ret_error,
			 size_t error_size)
{
	size_t length = 0;
	char *text;
	int error;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		error = -errno;
		snprintf(ret_error, error_size, "%s: can't be opened: %s", path, strerror(-error));
		return error;
	}
	text = malloc(FTH_POLICY_FILE_MAX + 1);
	error = text ? read_whole(fd, text, &length) : -ENOMEM;
	if (error)
		snprintf(ret_error, error_size, "%s: can't be read: %s", path, strerror(-error));
	else
		error = fth_policy_yaml_parse(text, length, path, ret_policy, ret_error,
					      error_size);
	free(text);
	close(fd);
	return error;
}
