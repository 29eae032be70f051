// SPDX-License-Identifier: GPL-2.0
/*
 * The disk below SQLite: files in memory that lose what was not synced.
 *
 * DESIGN
 * An SQLite VFS, so that the store's own code, its transactions and SQLite's recovery
 * are what is tested.  Each file has two contents: what a read sees, and what is on the
 * platter.  A sync copies what was written since.  When the agent is killed together
 * with its host, each sector that was written and not synced is there or is not, by
 * chance.  A full disk and a failing fsync are errors that SQLite sees.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocks.h"
#include "sim.h"

#define FILES_MAX 8u
#define SECTOR 512u
#define WRITES_MAX 4096u /* between two syncs; more are synced at once */
#define SHM_REGIONS 64u

struct range {
	uint64_t begin;
	uint64_t end;
};

struct file {
	char name[64];
	struct sim_blocks now;
	struct sim_blocks platter; /* unused in calm runs: nothing is lost there */
	struct range writes[WRITES_MAX];
	uint32_t write_count;
	bool exists;
	bool cut; /* truncated since the last sync */
};

struct handle {
	sqlite3_file base;
	uint32_t file; /* of the disk of who acts */
	void *regions[SHM_REGIONS];
};

/* The second one is the old agent's, from when it began to stand still. */
static struct file disks[2][FILES_MAX];
static bool registered;

static struct file *files_of(void)
{
	return disks[sim.acting == SIM_OLD];
}

static struct file *file_of(sqlite3_file *base)
{
	return &files_of()[((struct handle *)base)->file];
}

/* Without faults only the process is killed, never its host; a large fleet is calm. */
static bool has_platter(void)
{
	return !sim.options.calm;
}

static void settle(struct file *file, uint64_t begin, uint64_t end)
{
	if (end > file->now.size)
		end = file->now.size;
	sim_blocks_copy(&file->platter, &file->now, begin, end);
}

static void sync_file(struct file *file)
{
	uint32_t i;

	for (i = 0; i < file->write_count && has_platter(); i++)
		settle(file, file->writes[i].begin, file->writes[i].end);
	file->write_count = 0;
	file->cut = false;
	if (has_platter())
		sim_blocks_resize(&file->platter, file->now.size);
}

static bool fails(void)
{
	return !sim_agent_call();
}

static int io_close(sqlite3_file *base)
{
	struct handle *handle = (struct handle *)base;
	uint32_t i;

	for (i = 0; i < SHM_REGIONS; i++)
		free(handle->regions[i]);
	memset(handle->regions, 0, sizeof(handle->regions));
	return SQLITE_OK;
}

static int io_read(sqlite3_file *base, void *bytes, int length, sqlite3_int64 offset)
{
	const struct sim_blocks *now = &file_of(base)->now;
	uint64_t begin = (uint64_t)offset, have;

	have = begin < now->size ? now->size - begin : 0;
	if (have >= (uint64_t)length) {
		sim_blocks_read(now, begin, bytes, (size_t)length);
		return SQLITE_OK;
	}
	memset(bytes, 0, (size_t)length);
	if (have)
		sim_blocks_read(now, begin, bytes, have);
	return SQLITE_IOERR_SHORT_READ;
}

static int io_write(sqlite3_file *base, const void *bytes, int length, sqlite3_int64 offset)
{
	struct file *file = file_of(base);
	uint64_t begin = (uint64_t)offset, end = begin + (uint64_t)length;

	if (fails())
		return SQLITE_IOERR_WRITE;
	if (sim.acting != SIM_OLD && sim.now_us < sim.disk_full_until_us)
		return SQLITE_FULL;
	if (file->write_count == WRITES_MAX)
		sync_file(file);
	sim_blocks_write(&file->now, begin, bytes, (size_t)length);
	file->writes[file->write_count++] = (struct range){ begin, end };
	return SQLITE_OK;
}

static int io_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = file_of(base);

	if (fails())
		return SQLITE_IOERR_TRUNCATE;
	sim_blocks_resize(&file->now, (uint64_t)size);
	file->cut = true;
	return SQLITE_OK;
}

static int io_sync(sqlite3_file *base, int flags)
{
	(void)flags;
	if (fails())
		return SQLITE_IOERR_FSYNC;
	if (sim.fsync_fails && sim.acting != SIM_OLD) {
		sim.fsync_fails--;
		return SQLITE_IOERR_FSYNC;
	}
	if (!sim_broken(SIM_BREAK_NO_SYNC))
		sync_file(file_of(base));
	return SQLITE_OK;
}

static int io_size(sqlite3_file *base, sqlite3_int64 *ret_size)
{
	*ret_size = (sqlite3_int64)file_of(base)->now.size;
	return SQLITE_OK;
}

static int io_lock(sqlite3_file *base, int level)
{
	(void)base;
	(void)level;
	return SQLITE_OK;
}

static int io_reserved(sqlite3_file *base, int *ret_locked)
{
	(void)base;
	*ret_locked = 0;
	return SQLITE_OK;
}

static int io_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base;
	(void)operation;
	(void)argument;
	return SQLITE_NOTFOUND;
}

static int io_sector(sqlite3_file *base)
{
	(void)base;
	return SECTOR;
}

/* As SQLite takes disks to be by default: what is beside a write stays whole. */
static int io_traits(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* One process has the journal: memory that is shared with nobody. */
static int shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **ret_memory)
{
	struct handle *handle = (struct handle *)base;

	*ret_memory = NULL;
	if (region >= (int)SHM_REGIONS)
		return SQLITE_IOERR_SHMMAP;
	if (!handle->regions[region] && extend)
		handle->regions[region] = calloc(1, (size_t)size);
	*ret_memory = handle->regions[region];
	return SQLITE_OK;
}

static int shm_lock(sqlite3_file *base, int offset, int count, int flags)
{
	(void)base;
	(void)offset;
	(void)count;
	(void)flags;
	return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int shm_unmap(sqlite3_file *base, int remove)
{
	(void)remove;
	return io_close(base);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = io_close,
	.xRead = io_read,
	.xWrite = io_write,
	.xTruncate = io_truncate,
	.xSync = io_sync,
	.xFileSize = io_size,
	.xLock = io_lock,
	.xUnlock = io_lock,
	.xCheckReservedLock = io_reserved,
	.xFileControl = io_control,
	.xSectorSize = io_sector,
	.xDeviceCharacteristics = io_traits,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

static const char *last_part(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "temporary";
}

static struct file *find(const char *path, bool create)
{
	const char *name = last_part(path);
	struct file *files = files_of();
	uint32_t i;

	for (i = 0; i < FILES_MAX && files[i].name[0]; i++)
		if (!strcmp(files[i].name, name))
			return files[i].exists || create ? &files[i] : NULL;
	if (!create || i == FILES_MAX)
		return NULL;
	snprintf(files[i].name, sizeof(files[i].name), "%s", name);
	return &files[i];
}

static int vfs_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *base, int flags,
		    int *ret_flags)
{
	struct handle *handle = (struct handle *)base;
	struct file *file;

	(void)vfs;
	memset(handle, 0, sizeof(*handle));
	file = find(path, flags & SQLITE_OPEN_CREATE);
	if (!file || fails())
		return SQLITE_CANTOPEN;
	file->exists = true;
	handle->file = (uint32_t)(file - files_of());
	base->pMethods = &methods;
	if (ret_flags)
		*ret_flags = flags;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	struct file *file = find(path, false);

	(void)vfs;
	(void)sync;
	if (fails())
		return SQLITE_IOERR_DELETE;
	if (!file)
		return SQLITE_OK;
	sim_blocks_resize(&file->now, 0);
	sync_file(file);
	file->exists = false;
	return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *ret_there)
{
	(void)vfs;
	(void)flags;
	*ret_there = !!find(path, false);
	return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int size, char *ret_path)
{
	(void)vfs;
	sqlite3_snprintf(size, ret_path, "%s", path);
	return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int length, char *bytes)
{
	int i;

	(void)vfs;
	for (i = 0; i < length; i++)
		bytes[i] = (char)sim_random(SIM_RANDOM_DISK, 256);
	return length;
}

/* Who waits for a lock that nobody has would wait in vain. */
static int vfs_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int vfs_time(sqlite3_vfs *vfs, sqlite3_int64 *ret_ms)
{
	(void)vfs;
	*ret_ms = (sqlite3_int64)(SIM_START_MS + sim.now_us / SIM_MS + 210866760000000ull);
	return SQLITE_OK;
}

static int vfs_time_days(sqlite3_vfs *vfs, double *ret_days)
{
	sqlite3_int64 ms;

	vfs_time(vfs, &ms);
	*ret_days = (double)ms / 86400000.0;
	return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text)
{
	(void)vfs;
	(void)size;
	(void)text;
	return 0;
}

static sqlite3_vfs vfs = {
	.iVersion = 2,
	.szOsFile = sizeof(struct handle),
	.mxPathname = 512,
	.zName = "sim",
	.xOpen = vfs_open,
	.xDelete = vfs_delete,
	.xAccess = vfs_access,
	.xFullPathname = vfs_full_path,
	.xRandomness = vfs_randomness,
	.xSleep = vfs_sleep,
	.xCurrentTime = vfs_time_days,
	.xGetLastError = vfs_last_error,
	.xCurrentTimeInt64 = vfs_time,
};

void sim_disk_init(void)
{
	if (!registered && sqlite3_vfs_register(&vfs, 1) != SQLITE_OK)
		abort();
	registered = true;
	/* SQLite's own generator would carry state from one run to the next. */
	sqlite3_randomness(0, NULL);
}

static void clear(struct file *files)
{
	uint32_t i;

	for (i = 0; i < FILES_MAX; i++) {
		sim_blocks_free(&files[i].now);
		sim_blocks_free(&files[i].platter);
		files[i].name[0] = '\0';
		files[i].exists = false;
		files[i].write_count = 0;
		files[i].cut = false;
	}
}

void sim_disk_clear(void)
{
	clear(disks[0]);
	clear(disks[1]);
}

void sim_disk_drop(void)
{
	clear(disks[1]);
}

/* Nobody kills the old agent together with its host: what it wrote is there. */
void sim_disk_fork(void)
{
	const struct file *from;
	struct file *to;
	uint32_t i;

	for (i = 0; i < FILES_MAX; i++) {
		from = &disks[0][i];
		to = &disks[1][i];
		memcpy(to->name, from->name, sizeof(to->name));
		to->exists = from->exists;
		sim_blocks_copy(&to->now, &from->now, 0, from->now.size);
		settle(to, 0, to->now.size);
	}
}

/* A write that was under way may be there in part: each sector by itself. */
static void tear(struct file *file, const struct range *write)
{
	uint64_t at;

	for (at = write->begin; at < write->end; at += SECTOR)
		if (sim_chance(SIM_RANDOM_DISK, 50))
			settle(file, at, at + SECTOR < write->end ? at + SECTOR : write->end);
}

void sim_disk_crash(void)
{
	bool tears = sim_chance(SIM_RANDOM_DISK, 50);
	struct file *file;
	uint32_t i, k;

	for (i = 0; i < FILES_MAX && has_platter(); i++) {
		file = &disks[0][i];
		for (k = 0; tears && k < file->write_count; k++)
			tear(file, &file->writes[k]);
		if (!file->write_count && !file->cut)
			continue;
		file->write_count = 0;
		file->cut = false;
		sim_blocks_resize(&file->now, file->platter.size);
		sim_blocks_copy(&file->now, &file->platter, 0, file->platter.size);
	}
}

/* The shared memory is no file, and the database may lag behind its log. */
bool sim_disk_is_synced(void)
{
	const struct file *log = find("journal.db-wal", false);

	return !log || !log->write_count;
}
