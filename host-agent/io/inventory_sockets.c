// SPDX-License-Identifier: GPL-2.0
/* VMs by the chardev sockets in a folder: NAME.sock, and NAME.json beside it. */
#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
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
#define INOTIFY_SIZE 16384u
#define WATCHED (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE)

/* One socket; its inode tells that it was made anew. */
struct entry {
	struct entry *next;
	char name[FTH_VM_NAME_MAX + 1];
	char host[FTH_HOST_NAME_MAX + 1];
	char group[FTH_GROUP_NAME_MAX + 1];
	ino_t inode;
	struct timespec changed;
	bool seen;
};

struct fth_sockets {
	const struct fth_inventory_hooks *hooks;
	void *context;
	struct fth_timer *timer;
	struct event *watch;
	int watch_fd;
	struct entry *entries;
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

/* Who writes to the folder owns the sockets: a broken sidecar is only said. */
static void read_sidecar(const struct fth_sockets *sockets, int folder_fd, struct entry *entry)
{
	__attribute__((cleanup(drop_json))) json_t *json = NULL;
	__attribute__((cleanup(close_fd))) int fd = -1;
	char file[FTH_VM_NAME_MAX + sizeof(".json")], text[FTH_SIDECAR_MAX];
	json_error_t fault;
	ssize_t length;

	strcpy(entry->host, sockets->self);
	entry->group[0] = '\0';
	snprintf(file, sizeof(file), "%s.json", entry->name);
	fd = openat(folder_fd, file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	length = read(fd, text, sizeof(text));
	if (length < 0)
		return;
	json = json_loadb(text, (size_t)length, 0, &fault);
	if (!json_is_object(json)) {
		fth_log(FTH_LOG_WARNING,
			"sidecar '%s/%s': line %d: found %s, expected {\"host\": .., \"group\": ..}; ignored",
			sockets->folder, file, json ? 1 : fault.line,
			json ? "no object" : fault.text);
		return;
	}
	take_text(json, "host", entry->host, sizeof(entry->host));
	take_text(json, "group", entry->group, sizeof(entry->group));
}

static void tell(struct fth_sockets *sockets, const struct entry *entry)
{
	char path[PATH_MAX];
	const struct fth_inventory_vm vm = {
		.name = entry->name,
		.host = entry->host,
		.group = entry->group,
		.path = path,
		.running = true,
	};

	snprintf(path, sizeof(path), "%s/%s%s", sockets->folder, entry->name, SUFFIX);
	sockets->hooks->found(sockets->context, "sockets", &vm);
}

static struct entry *find(struct fth_sockets *sockets, const char *name)
{
	struct entry *entry = sockets->entries;

	while (entry && strcmp(entry->name, name) != 0)
		entry = entry->next;
	return entry;
}

static struct entry *add(struct fth_sockets *sockets, const char *name)
{
	struct entry *entry;

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
	entry->next = sockets->entries;
	sockets->entries = entry;
	sockets->count++;
	return entry;
}

static void take_socket(struct fth_sockets *sockets, int folder_fd, const char *file)
{
	size_t length = strlen(file);
	char name[FTH_VM_NAME_MAX + 1];
	struct entry *entry, old;
	struct stat status;

	if (length < sizeof(SUFFIX) || strcmp(file + length - strlen(SUFFIX), SUFFIX) != 0)
		return;
	length -= strlen(SUFFIX);
	if (length > FTH_VM_NAME_MAX || fstatat(folder_fd, file, &status, 0) ||
	    !S_ISSOCK(status.st_mode))
		return;
	memcpy(name, file, length);
	name[length] = '\0';
	entry = find(sockets, name);
	if (!entry)
		entry = add(sockets, name);
	if (!entry)
		return;
	old = *entry;
	entry->seen = true;
	entry->inode = status.st_ino;
	entry->changed = status.st_ctim;
	read_sidecar(sockets, folder_fd, entry);
	if (old.inode != entry->inode ||
	    memcmp(&old.changed, &entry->changed, sizeof(old.changed)) ||
	    strcmp(old.host, entry->host) != 0 || strcmp(old.group, entry->group) != 0)
		tell(sockets, entry);
}

static void drop_unseen(struct fth_sockets *sockets)
{
	struct entry **link = &sockets->entries;
	struct entry *entry;

	while ((entry = *link)) {
		if (entry->seen) {
			link = &entry->next;
			continue;
		}
		*link = entry->next;
		sockets->count--;
		sockets->full = false;
		sockets->hooks->gone(sockets->context, "sockets", entry->name);
		free(entry);
	}
}

static int scan(struct fth_sockets *sockets)
{
	DIR *folder = opendir(sockets->folder);
	struct dirent *file;
	struct entry *entry;

	if (!folder)
		return -errno;
	for (entry = sockets->entries; entry; entry = entry->next)
		entry->seen = false;
	while ((file = readdir(folder)))
		take_socket(sockets, dirfd(folder), file->d_name);
	closedir(folder);
	drop_unseen(sockets);
	return 0;
}

static void rescan(void *context)
{
	struct fth_sockets *sockets = context;
	int error = scan(sockets);

	if (error)
		fth_log(FTH_LOG_ERROR, "folder '%s': %s; looking again in %u ms", sockets->folder,
			strerror(-error), FTH_SOCKETS_RESCAN_MS);
	fth_timer_set(sockets->timer, FTH_SOCKETS_RESCAN_MS);
}

static void folder_changed(evutil_socket_t fd, short what, void *context)
{
	char events[INOTIFY_SIZE];

	(void)what;
	while (read(fd, events, sizeof(events)) > 0)
		;
	rescan(context);
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

void fth_sockets_free(struct fth_sockets *sockets)
{
	struct entry *entry;

	if (!sockets)
		return;
	while ((entry = sockets->entries)) {
		sockets->entries = entry->next;
		free(entry);
	}
	if (sockets->watch)
		event_free(sockets->watch);
	if (sockets->watch_fd >= 0)
		close(sockets->watch_fd);
	fth_timer_free(sockets->timer);
	free(sockets);
}
