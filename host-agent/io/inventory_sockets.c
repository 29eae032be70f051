// SPDX-License-Identifier: GPL-2.0
/*
 * VMs by the chardev sockets in a folder: NAME.sock, and NAME.json beside it.
 *
 * DESIGN
 * inotify names what changed, and only that is looked at: a fleet that starts costs
 * one look a VM.  The whole folder is read when inotify lost something, and now and
 * then in case the folder itself was replaced; the more VMs, the more rarely.
 */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/rollout.h"
#include "io/inventory.h"
#include "io/log.h"
#include "io/loop.h"

#define SUFFIX ".sock"
#define SIDECAR ".json"
#define INOTIFY_SIZE 16384u
#define WATCHED (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE)

/* What tells that a file is not the one that was read. */
struct stamp {
	ino_t inode;
	off_t size;
	struct timespec changed;
};

/* One socket; its inode tells that it was made anew. */
struct socket_vm {
	struct socket_vm *next;
	char name[FTH_VM_NAME_MAX + 1];
	char host[FTH_HOST_NAME_MAX + 1];
	char group[FTH_GROUP_NAME_MAX + 1];
	char *tags; /* words with a space between two; NULL: none */
	struct stamp socket;
	struct stamp sidecar; /* all zero: there is none */
	bool seen;
};

struct fth_sockets {
	const struct fth_inventory_hooks *hooks;
	void *context;
	struct fth_timer *timer;
	struct event *watch;
	int watch_fd;
	struct socket_vm *entries;
	void *tree; /* the same, tsearch()'s, by name */
	unsigned int count;
	bool full;
	char self[FTH_HOST_NAME_MAX + 1];
	char folder[];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static void drop_json(json_t **json)
{
	json_decref(*json);
}

static void take_text(const json_t *object, const char *member, char *text, size_t size)
{
	const char *value = json_string_value(json_object_get(object, member));

	if (value && strlen(value) < size)
		strcpy(text, value);
	else if (value)
		fth_log(FTH_LOG_WARNING, "sidecar: '%s' is longer than %zu bytes; ignored", member,
			size - 1);
}

/* A list of words; what is none is said and left out. */
static void take_tags(const json_t *object, struct socket_vm *entry)
{
	const json_t *list = json_object_get(object, "tags");
	char tags[FTH_TAGS_MAX + 1] = "";
	const json_t *tag;
	size_t i;

	if (list && !json_is_array(list))
		fth_log(FTH_LOG_WARNING,
			"sidecar of '%s': found 'tags' that are no list, expected [\"web\", ..]; ignored",
			entry->name);
	json_array_foreach(list, i, tag) {
		if (json_is_string(tag) &&
		    !fth_tags_add(tags, sizeof(tags), json_string_value(tag)))
			continue;
		fth_log(FTH_LOG_WARNING,
			"sidecar of '%s': tag %zu is no word of 1 … %u bytes, or they are more than %u bytes in all; ignored",
			entry->name, i + 1, FTH_TAG_MAX, FTH_TAGS_MAX);
	}
	if (*tags)
		entry->tags = strdup(tags);
}

static bool stamp_is(const struct stamp *a, const struct stamp *b)
{
	return a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}

static void take_stamp(const struct stat *status, struct stamp *ret_stamp)
{
	ret_stamp->inode = status->st_ino;
	ret_stamp->size = status->st_size;
	ret_stamp->changed = status->st_ctim;
}

/* Who writes to the folder owns the sockets: a broken sidecar is only said. */
static void parse_sidecar(const struct fth_sockets *sockets, int fd, struct socket_vm *entry)
{
	__attribute__((cleanup(drop_json))) json_t *json = NULL;
	char text[FTH_SIDECAR_MAX];
	json_error_t fault;
	ssize_t length = read(fd, text, sizeof(text));

	if (length < 0)
		return;
	json = json_loadb(text, (size_t)length, 0, &fault);
	if (!json_is_object(json)) {
		fth_log(FTH_LOG_WARNING,
			"sidecar '%s/%s.json': line %d: found %s, expected {\"host\": .., \"group\": ..}; ignored",
			sockets->folder, entry->name, json ? 1 : fault.line,
			json ? "no object" : fault.text);
		return;
	}
	take_text(json, "host", entry->host, sizeof(entry->host));
	take_text(json, "group", entry->group, sizeof(entry->group));
	take_tags(json, entry);
}

/* Read again only when it is not the one that was read. */
static void take_sidecar(const struct fth_sockets *sockets, int folder_fd, struct socket_vm *entry)
{
	__attribute__((cleanup(close_fd))) int fd = -1;
	char file[FTH_VM_NAME_MAX + sizeof(".json")];
	struct stamp stamp = { 0 };
	struct stat status;

	snprintf(file, sizeof(file), "%s.json", entry->name);
	if (!fstatat(folder_fd, file, &status, 0))
		take_stamp(&status, &stamp);
	if (*entry->host && stamp_is(&stamp, &entry->sidecar))
		return;
	entry->sidecar = stamp;
	strcpy(entry->host, sockets->self);
	entry->group[0] = '\0';
	free(entry->tags);
	entry->tags = NULL;
	fd = openat(folder_fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0)
		parse_sidecar(sockets, fd, entry);
}

static void tell(struct fth_sockets *sockets, const struct socket_vm *entry)
{
	char path[PATH_MAX];
	const struct fth_inventory_vm vm = {
		.name = entry->name,
		.host = entry->host,
		.group = entry->group,
		.tags = entry->tags,
		.path = path,
		.running = true,
	};

	snprintf(path, sizeof(path), "%s/%s%s", sockets->folder, entry->name, SUFFIX);
	sockets->hooks->found(sockets->context, "sockets", &vm);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct socket_vm *)a)->name, ((const struct socket_vm *)b)->name);
}

static struct socket_vm *find(struct fth_sockets *sockets, const char *name)
{
	struct socket_vm key, **found;

	strcpy(key.name, name);
	found = tfind(&key, &sockets->tree, compare);
	return found ? *found : NULL;
}

static struct socket_vm *add(struct fth_sockets *sockets, const char *name)
{
	struct socket_vm *entry;

	if (sockets->count == FTH_SOCKETS_VMS_MAX) {
		if (!sockets->full)
			fth_log(FTH_LOG_ERROR, "folder '%s': more than %u sockets; '%s' ignored",
				sockets->folder, FTH_SOCKETS_VMS_MAX, name);
		sockets->full = true;
		return NULL;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	strcpy(entry->name, name);
	if (!tsearch(entry, &sockets->tree, compare)) {
		free(entry);
		return NULL;
	}
	entry->next = sockets->entries;
	sockets->entries = entry;
	sockets->count++;
	return entry;
}

/* The VM's name, where the file's is one: of a socket, or of a sidecar. */
static bool name_of(const char *file, const char *suffix, char *ret_name)
{
	size_t length = strlen(file), end = strlen(suffix);

	if (length <= end || strcmp(file + length - end, suffix) != 0 ||
	    length - end > FTH_VM_NAME_MAX)
		return false;
	memcpy(ret_name, file, length - end);
	ret_name[length - end] = '\0';
	return true;
}

/* Is there a socket of that VM?  Then it is told where it is new or changed. */
static bool take_socket(struct fth_sockets *sockets, int folder_fd, const char *name)
{
	char file[FTH_VM_NAME_MAX + sizeof(SUFFIX)];
	struct socket_vm *entry, old;
	struct stat status;

	snprintf(file, sizeof(file), "%s%s", name, SUFFIX);
	if (fstatat(folder_fd, file, &status, 0) || !S_ISSOCK(status.st_mode))
		return false;
	entry = find(sockets, name);
	if (!entry)
		entry = add(sockets, name);
	if (!entry)
		return true;
	old = *entry;
	entry->seen = true;
	take_stamp(&status, &entry->socket);
	take_sidecar(sockets, folder_fd, entry);
	if (!stamp_is(&old.socket, &entry->socket) || !stamp_is(&old.sidecar, &entry->sidecar))
		tell(sockets, entry);
	return true;
}

static void drop(struct fth_sockets *sockets, struct socket_vm **link)
{
	struct socket_vm *entry = *link;

	*link = entry->next;
	tdelete(entry, &sockets->tree, compare);
	sockets->count--;
	sockets->full = false;
	sockets->hooks->gone(sockets->context, "sockets", entry->name, NULL);
	free(entry->tags);
	free(entry);
}

static void drop_named(struct fth_sockets *sockets, const char *name)
{
	struct socket_vm **link = &sockets->entries;

	if (!find(sockets, name))
		return;
	while (strcmp((*link)->name, name) != 0)
		link = &(*link)->next;
	drop(sockets, link);
}

static void drop_unseen(struct fth_sockets *sockets)
{
	struct socket_vm **link = &sockets->entries;

	while (*link) {
		if ((*link)->seen)
			link = &(*link)->next;
		else
			drop(sockets, link);
	}
}

static int scan(struct fth_sockets *sockets)
{
	DIR *folder = opendir(sockets->folder);
	char name[FTH_VM_NAME_MAX + 1];
	struct dirent *file;
	struct socket_vm *entry;

	if (!folder)
		return -errno;
	for (entry = sockets->entries; entry; entry = entry->next)
		entry->seen = false;
	while ((file = readdir(folder)))
		if (name_of(file->d_name, SUFFIX, name))
			take_socket(sockets, dirfd(folder), name);
	closedir(folder);
	drop_unseen(sockets);
	return 0;
}

static void rescan(void *context)
{
	struct fth_sockets *sockets = context;
	uint32_t again_ms = FTH_SOCKETS_RESCAN_MS + sockets->count * FTH_SOCKETS_RESCAN_VM_MS;
	int error = scan(sockets);

	if (error)
		fth_log(FTH_LOG_ERROR, "folder '%s': %s; looking again in %u ms", sockets->folder,
			strerror(-error), again_ms);
	fth_timer_set(sockets->timer, again_ms);
}

/* False: it is not known what changed. */
static bool take_events(struct fth_sockets *sockets, int folder_fd, const char *events,
			size_t length)
{
	const struct inotify_event *event;
	char name[FTH_VM_NAME_MAX + 1];
	size_t at;

	for (at = 0; at < length; at += sizeof(*event) + event->len) {
		event = (const struct inotify_event *)(events + at);
		if (!event->len)
			return false; /* lost some, or the folder is gone */
		if ((name_of(event->name, SUFFIX, name) || name_of(event->name, SIDECAR, name)) &&
		    !take_socket(sockets, folder_fd, name))
			drop_named(sockets, name);
	}
	return true;
}

static void folder_changed(evutil_socket_t fd, short what, void *context)
{
	_Alignas(struct inotify_event) char events[INOTIFY_SIZE];
	__attribute__((cleanup(close_fd))) int folder_fd = -1;
	struct fth_sockets *sockets = context;
	bool known = true;
	ssize_t length;

	(void)what;
	folder_fd = open(sockets->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while ((length = read(fd, events, sizeof(events))) > 0)
		known = known && folder_fd >= 0 &&
			take_events(sockets, folder_fd, events, (size_t)length);
	if (!known)
		rescan(sockets);
}

static int watch(struct fth_sockets *sockets, struct fth_loop *loop)
{
	sockets->watch_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (sockets->watch_fd < 0 ||
	    inotify_add_watch(sockets->watch_fd, sockets->folder, WATCHED) < 0)
		return -errno;
	sockets->watch = event_new(fth_loop_base(loop), sockets->watch_fd, EV_READ | EV_PERSIST,
				   folder_changed, sockets);
	if (!sockets->watch || event_add(sockets->watch, NULL))
		return -ENOMEM;
	return 0;
}

int fth_sockets_new(struct fth_loop *loop, const char *folder,
		    const struct fth_inventory_hooks *hooks, void *context,
		    struct fth_sockets **ret_sockets)
{
	struct fth_sockets *sockets = calloc(1, sizeof(*sockets) + strlen(folder) + 1);
	int error;

	if (!sockets)
		return -ENOMEM;
	strcpy(sockets->folder, folder);
	sockets->hooks = hooks;
	sockets->context = context;
	sockets->watch_fd = -1;
	if (gethostname(sockets->self, sizeof(sockets->self) - 1))
		strcpy(sockets->self, "localhost");
	error = fth_timer_new(loop, rescan, sockets, &sockets->timer);
	if (!error)
		error = watch(sockets, loop);
	if (!error)
		error = scan(sockets);
	if (error) {
		fth_sockets_free(sockets);
		return error;
	}
	fth_timer_set(sockets->timer, FTH_SOCKETS_RESCAN_MS);
	*ret_sockets = sockets;
	return 0;
}

void fth_sockets_retell(struct fth_sockets *sockets, const char *name)
{
	const struct socket_vm *entry = name ? find(sockets, name) : sockets->entries;

	for (; entry; entry = name ? NULL : entry->next)
		tell(sockets, entry);
}

void fth_sockets_free(struct fth_sockets *sockets)
{
	struct socket_vm *entry;

	if (!sockets)
		return;
	while ((entry = sockets->entries)) {
		sockets->entries = entry->next;
		tdelete(entry, &sockets->tree, compare);
		free(entry->tags);
		free(entry);
	}
	if (sockets->watch)
		event_free(sockets->watch);
	if (sockets->watch_fd >= 0)
		close(sockets->watch_fd);
	fth_timer_free(sockets->timer);
	free(sockets);
}
