// SPDX-License-Identifier: GPL-2.0
/*
 * VMs by a file that lists them: name, socket, host, group, tags.
 *
 * DESIGN
 * Input: YAML (or JSON, which is YAML too) that a person or a program wrote.
 * Output: what changed since it was read last.  It is looked at every
 * FTH_FILE_RESCAN_MS and read when its time, size or inode changed; one that is
 * wrong is said, once, and what was read before goes on to hold: half a list
 * must not take half a fleet away.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rollout.h"
#include "io/inventory.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/yaml_place.h"

#define ERROR_MAX 1024
#define SOCKET_MAX 107 /* what a unix socket's address holds */
#define TAGS_COUNT_MAX 32

struct file_vm {
	char *name;
	char *socket;
	char *host;
	char *group;
	char **tags;
	uint32_t tag_count;
	char words[FTH_TAGS_MAX + 1]; /* @tags, with a space between two */
};

struct file_list {
	char *version;
	struct file_vm *vms;
	uint32_t count;
};

struct fth_file {
	const struct fth_inventory_hooks *hooks;
	void *context;
	struct fth_timer *timer;
	struct file_list *list; /* sorted by name; NULL: none was read yet */
	struct stat status;	/* of what was read last, right or wrong */
	bool said_missing;
	char self[FTH_HOST_NAME_MAX + 1];
	char path[];
};

#define TEXT(name, wanted, member, low, high)                                             \
	{                                                                                 \
		.key = (name), .data_offset = offsetof(struct file_vm, member),           \
		.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER | (wanted), char, (low), \
					      (high)) },                                  \
	}

static const cyaml_schema_value_t tag = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, FTH_TAG_MAX),
};

static const cyaml_schema_field_t vm_fields[] = {
	TEXT("name", 0, name, 0, FTH_VM_NAME_MAX),
	TEXT("socket", 0, socket, 0, SOCKET_MAX),
	TEXT("host", CYAML_FLAG_OPTIONAL, host, 0, FTH_HOST_NAME_MAX),
	TEXT("group", CYAML_FLAG_OPTIONAL, group, 0, FTH_GROUP_NAME_MAX),
	{
		.key = "tags",
		.data_offset = offsetof(struct file_vm, tags),
		.count_offset = offsetof(struct file_vm, tag_count),
		.count_size = sizeof(uint32_t),
		.value = { CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *,
						&tag, 0, TAGS_COUNT_MAX) },
	},
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t vm_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_vm, vm_fields),
};

static const cyaml_schema_field_t root_fields[] = {
	{
		.key = "version",
		.data_offset = offsetof(struct file_list, version),
		.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, FTH_TAG_MAX) },
	},
	{
		.key = "vms",
		.data_offset = offsetof(struct file_list, vms),
		.count_offset = offsetof(struct file_list, count),
		.count_size = sizeof(uint32_t),
		.value = { CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER, struct file_vm, &vm_value, 0,
						FTH_ROLLOUT_VMS_MAX) },
	},
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct file_list, root_fields),
};

static const cyaml_config_t config = {
	.mem_fn = cyaml_mem,
	.flags = CYAML_CFG_NO_ALIAS,
};

static void drop_list(struct file_list *list)
{
	if (list)
		cyaml_free(&config, &schema, list, 0);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct file_vm *)a)->name, ((const struct file_vm *)b)->name);
}

static int check_tags(struct fth_yaml *yaml, struct file_vm *vm, uint32_t index)
{
	char key[FTH_YAML_KEY_MAX];
	uint32_t i;

	for (i = 0; i < vm->tag_count; i++) {
		snprintf(key, sizeof(key), "vms[%u].tags[%u]", index, i);
		if (fth_tags_add(vm->words, sizeof(vm->words), vm->tags[i]))
			return fth_yaml_refuse(
				yaml, key,
				"found '%.64s', expected a tag of 1 … %u bytes without a space, %u bytes in all",
				vm->tags[i], FTH_TAG_MAX, FTH_TAGS_MAX);
	}
	return 0;
}

static int check_vm(struct fth_yaml *yaml, struct file_vm *vm, uint32_t index)
{
	char key[FTH_YAML_KEY_MAX];

	snprintf(key, sizeof(key), "vms[%u].name", index);
	if (!vm->name[0] || strchr(vm->name, '/'))
		return fth_yaml_refuse(yaml, key,
				       "found '%.64s', expected a VM's name, without a slash",
				       vm->name);
	snprintf(key, sizeof(key), "vms[%u].socket", index);
	if (vm->socket[0] != '/')
		return fth_yaml_refuse(yaml, key, "found '%.64s', expected an absolute path",
				       vm->socket);
	return check_tags(yaml, vm, index);
}

static int check_list(struct fth_yaml *yaml, struct file_list *list)
{
	uint32_t i;

	if (strcmp(list->version, "1") != 0)
		return fth_yaml_refuse(yaml, "version", "found '%s', expected 1", list->version);
	for (i = 0; i < list->count; i++)
		if (check_vm(yaml, &list->vms[i], i))
			return -EINVAL;
	qsort(list->vms, list->count, sizeof(*list->vms), by_name);
	for (i = 1; i < list->count; i++)
		if (!strcmp(list->vms[i - 1].name, list->vms[i].name))
			return fth_yaml_refuse(yaml, "vms",
					       "found vm '%s' twice, expected each name once",
					       list->vms[i].name);
	return 0;
}

static int parse(const char *path, const char *text, size_t length, struct file_list **ret_list,
		 char *ret_error)
{
	struct file_list *list = NULL;
	struct fth_yaml yaml;
	int error;

	error = fth_yaml_open(text, length, path, ret_error, ERROR_MAX, &yaml);
	if (error)
		return error;
	error = fth_yaml_check(&yaml, &schema);
	if (!error && cyaml_load_data((const uint8_t *)text, length, &config, &schema,
				      (cyaml_data_t **)&list, NULL) != CYAML_OK)
		error = fth_yaml_refuse(&yaml, "", "not an inventory, or out of memory");
	if (!error)
		error = list ? check_list(&yaml, list) : fth_yaml_refuse(&yaml, "", "empty");
	fth_yaml_close(&yaml);
	if (error)
		drop_list(list);
	else
		*ret_list = list;
	return error;
}

static int read_text(int fd, char *text, size_t *ret_length)
{
	size_t length = 0;
	ssize_t got;

	do {
		got = read(fd, text + length, FTH_FILE_SIZE_MAX + 1 - length);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			length += (size_t)got;
	} while (got && length <= FTH_FILE_SIZE_MAX);
	*ret_length = length;
	return length > FTH_FILE_SIZE_MAX ? -EFBIG : 0;
}

static int load(struct fth_file *file, struct file_list **ret_list, char *ret_error)
{
	int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int error = fd < 0 ? -errno : 0;
	char *text = NULL;
	size_t length = 0;

	if (!error && fstat(fd, &file->status))
		error = -errno;
	if (!error && !S_ISREG(file->status.st_mode))
		error = -EINVAL;
	if (!error) {
		text = malloc(FTH_FILE_SIZE_MAX + 1);
		error = text ? read_text(fd, text, &length) : -ENOMEM;
	}
	if (error)
		snprintf(ret_error, ERROR_MAX, "%s: can't be read: %s", file->path,
			 strerror(-error));
	else
		error = parse(file->path, text, length, ret_list, ret_error);
	free(text);
	if (fd >= 0)
		close(fd);
	return error;
}

static void tell(struct fth_file *file, const struct file_vm *entry)
{
	const struct fth_inventory_vm vm = {
		.name = entry->name,
		.host = entry->host ? entry->host : file->self,
		.group = entry->group ? entry->group : "",
		.tags = entry->words,
		.path = entry->socket,
		.running = true,
	};

	file->hooks->found(file->context, "file", &vm);
}

static bool same_text(const char *a, const char *b)
{
	return !strcmp(a ? a : "", b ? b : "");
}

static bool same_vm(const struct file_vm *a, const struct file_vm *b)
{
	return same_text(a->socket, b->socket) && same_text(a->host, b->host) &&
	       same_text(a->group, b->group) && same_text(a->words, b->words);
}

/* Both lists are sorted: one walk tells who came, changed and went. */
static void take_over(struct fth_file *file, struct file_list *list)
{
	struct file_list *old = file->list;
	uint32_t before = old ? old->count : 0;
	uint32_t i = 0, j = 0;
	int order;

	file->list = list;
	while (i < before || j < list->count) {
		order = i == before	   ? 1
			: j == list->count ? -1
					   : by_name(&old->vms[i], &list->vms[j]);
		if (order < 0)
			file->hooks->gone(file->context, "file", old->vms[i].name, NULL);
		else if (order > 0 || !same_vm(&old->vms[i], &list->vms[j]))
			tell(file, &list->vms[j]);
		i += order <= 0;
		j += order >= 0;
	}
	drop_list(old);
}

static bool has_changed(const struct fth_file *file, const struct stat *status)
{
	return status->st_ino != file->status.st_ino || status->st_size != file->status.st_size ||
	       status->st_ctim.tv_sec != file->status.st_ctim.tv_sec ||
	       status->st_ctim.tv_nsec != file->status.st_ctim.tv_nsec;
}

static void look(void *context)
{
	struct fth_file *file = context;
	struct file_list *list = NULL;
	char error[ERROR_MAX];
	struct stat status;

	fth_timer_set(file->timer, FTH_FILE_RESCAN_MS);
	if (stat(file->path, &status)) {
		if (!file->said_missing)
			fth_log(FTH_LOG_ERROR, "inventory '%s': %s; kept as it was", file->path,
				strerror(errno));
		file->said_missing = true;
		return;
	}
	file->said_missing = false;
	if (!has_changed(file, &status))
		return;
	if (load(file, &list, error)) {
		fth_log(FTH_LOG_ERROR, "inventory %s; kept as it was", error);
		return;
	}
	fth_log(FTH_LOG_INFO, "inventory '%s': %u VMs", file->path, list->count);
	take_over(file, list);
}

int fth_file_new(struct fth_loop *loop, const char *path, const struct fth_inventory_hooks *hooks,
		 void *context, struct fth_file **ret_file)
{
	struct fth_file *file = calloc(1, sizeof(*file) + strlen(path) + 1);
	struct file_list *list = NULL;
	char why[ERROR_MAX];
	int error;

	if (!file)
		return -ENOMEM;
	strcpy(file->path, path);
	file->hooks = hooks;
	file->context = context;
	if (gethostname(file->self, sizeof(file->self) - 1))
		strcpy(file->self, "localhost");
	error = fth_timer_new(loop, look, file, &file->timer);
	if (!error) {
		error = load(file, &list, why);
		if (error)
			fth_log(FTH_LOG_ERROR, "inventory %s", why);
	}
	if (error) {
		fth_file_free(file);
		return error;
	}
	take_over(file, list);
	fth_timer_set(file->timer, FTH_FILE_RESCAN_MS);
	*ret_file = file;
	return 0;
}

void fth_file_retell(struct fth_file *file, const char *name)
{
	uint32_t i;

	for (i = 0; file->list && i < file->list->count; i++)
		if (!name || !strcmp(file->list->vms[i].name, name))
			tell(file, &file->list->vms[i]);
}

void fth_file_free(struct fth_file *file)
{
	if (!file)
		return;
	drop_list(file->list);
	fth_timer_free(file->timer);
	free(file);
}
