// SPDX-License-Identifier: GPL-2.0
/* The journal on real files: order, full disk, kill -9 in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/store.h"

#define RECORD_SIZE 512u
#define APPENDS_MAX 100000u

static char folder[64];
static char path[96];
static char why[FTH_STORE_WHY_MAX];

static int make_folder(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/fother-store.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/journal.db", folder);
	return 0;
}

static int drop_folder(void **state)
{
	static const char *const endings[] = { "", "-wal", "-shm" };
	char file[112];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
		snprintf(file, sizeof(file), "%s%s", path, endings[i]);
		unlink(file);
	}
	return rmdir(folder);
}

static struct fth_store *open_store(void)
{
	struct fth_store *store;

	why[0] = '\0';
	if (fth_store_open(path, &store, why))
		fail_msg("open: %s", why);
	return store;
}

static void add_rollout(struct fth_store *store, uint64_t id)
{
	const struct fth_store_rollout row = {
		.id = id,
		.seed = 0xfedcba9876543210ull,
		.created_ms = 12345,
		.vm_max = 77,
		.path = "/etc/policy.yaml",
		.text = { (const uint8_t *)"version: 1\n", 11 },
		.release = "6.1.0-1-cloud-amd64",
		.sha256 = { 1, 2, 3 },
		.leave = 2,
		.switches = 3,
	};

	assert_int_equal(fth_store_add_rollout(store, &row), 0);
}

/* Record @n says which it is in every byte, so a torn one is seen. */
static int append(struct fth_store *store, uint64_t id, uint32_t n)
{
	uint32_t record[RECORD_SIZE / sizeof(uint32_t)];
	size_t i;

	for (i = 0; i < RECORD_SIZE / sizeof(uint32_t); i++)
		record[i] = n;
	return fth_store_append(store, id, (const uint8_t *)record, sizeof(record));
}

static int check_next(void *context, const uint8_t *record, uint32_t length)
{
	uint32_t *count = context;
	uint32_t words[RECORD_SIZE / sizeof(uint32_t)];
	size_t i;

	assert_int_equal(length, sizeof(words));
	memcpy(words, record, sizeof(words));
	for (i = 0; i < RECORD_SIZE / sizeof(uint32_t); i++)
		assert_int_equal(words[i], *count);
	++*count;
	return 0;
}

static uint32_t count_events(struct fth_store *store, uint64_t id)
{
	uint32_t count = 0;

	assert_int_equal(fth_store_each_event(store, id, check_next, &count), 0);
	return count;
}

static void epochs_rise_and_salt_stays(void **state)
{
	struct fth_store *store = open_store();
	uint64_t first, second, salt, same;

	(void)state;
	assert_int_equal(fth_store_raise_epoch(store, &first, &salt), 0);
	fth_store_close(store);
	store = open_store();
	assert_int_equal(fth_store_raise_epoch(store, &second, &same), 0);
	fth_store_close(store);
	assert_true(second > first);
	assert_true(salt == same);
	assert_true(salt && !(salt >> 63) && !(salt & 0xffffffff));
}

static int check_row(void *context, const struct fth_store_rollout *row)
{
	++*(int *)context;
	assert_int_equal(row->id, 1);
	assert_true(row->seed == 0xfedcba9876543210ull);
	assert_int_equal(row->created_ms, 12345);
	assert_int_equal(row->vm_max, 77);
	assert_string_equal(row->path, "/etc/policy.yaml");
	assert_string_equal(row->release, "6.1.0-1-cloud-amd64");
	assert_int_equal(row->text.length, 11);
	assert_memory_equal(row->text.data, "version: 1\n", 11);
	assert_int_equal(row->sha256[2], 3);
	assert_int_equal(row->leave, 2);
	assert_int_equal(row->switches, 3);
	return 0;
}

static void what_is_committed_comes_back(void **state)
{
	struct fth_store *store = open_store();
	uint64_t id = 0;
	int rows = 0;

	(void)state;
	assert_int_equal(fth_store_next_rollout(store, &id), 0);
	assert_int_equal(id, 1);
	add_rollout(store, 1);
	assert_int_equal(append(store, 1, 0), 0);
	assert_int_equal(append(store, 1, 1), 0);
	assert_int_equal(fth_store_commit(store), 0);
	assert_int_equal(append(store, 1, 2), 0);
	fth_store_rollback(store);
	assert_int_equal(append(store, 1, 2), 0);
	fth_store_close(store); /* not committed */
	store = open_store();
	assert_int_equal(fth_store_each_rollout(store, check_row, &rows), 0);
	assert_int_equal(rows, 1);
	assert_int_equal(count_events(store, 1), 2);
	assert_int_equal(fth_store_next_rollout(store, &id), 0);
	assert_int_equal(id, 2);
	fth_store_close(store);
}

static int check_old_row(void *context, const struct fth_store_rollout *row)
{
	++*(int *)context;
	assert_string_equal(row->path, "/etc/old.yaml");
	assert_int_equal(row->leave, 0);
	assert_int_equal(row->switches, 0);
	return 0;
}

/* Written by the agent before the last change of its tables. */
static void a_journal_of_version_1_is_taken_over(void **state)
{
	static const char old[] =
		"CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
		"CREATE TABLE rollouts (id INTEGER PRIMARY KEY, seed INTEGER NOT NULL,"
		" created_ms INTEGER NOT NULL, vm_max INTEGER NOT NULL, path TEXT NOT NULL,"
		" policy BLOB NOT NULL, release TEXT NOT NULL, sha256 BLOB NOT NULL);"
		"CREATE TABLE events (n INTEGER PRIMARY KEY,"
		" rollout INTEGER NOT NULL REFERENCES rollouts (id), record BLOB NOT NULL);"
		"CREATE INDEX events_of ON events (rollout, n);"
		"CREATE TABLE vms (name TEXT PRIMARY KEY, boot_id BLOB NOT NULL,"
		" uptime_ms INTEGER NOT NULL) WITHOUT ROWID;"
		"INSERT INTO rollouts VALUES (1, 2, 3, 4, '/etc/old.yaml', 'x', 'r', 'h');"
		"PRAGMA application_id = 1179928648; PRAGMA user_version = 1;";
	struct fth_store *store;
	int rows = 0;
	sqlite3 *db;

	(void)state;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, old, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store = open_store();
	assert_int_equal(fth_store_each_rollout(store, check_old_row, &rows), 0);
	assert_int_equal(rows, 1);
	add_rollout(store, 2);
	assert_int_equal(fth_store_commit(store), 0);
	fth_store_close(store);
	fth_store_close(open_store());
}

static void leave_an_event(void)
{
	struct fth_store *store = open_store();

	add_rollout(store, 1);
	assert_int_equal(append(store, 1, 0), 0);
	assert_int_equal(fth_store_commit(store), 0);
	fth_store_close(store);
}

/* Replayed by other rules than it was made by: the last version before today's too. */
static void events_of_the_version_before_are_refused(void **state)
{
	struct fth_store *store;
	sqlite3 *db;

	(void)state;
	leave_an_event();
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 8", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(fth_store_open(path, &store, why), -EINVAL);
	assert_non_null(
		strstr(why, "found rollouts in a journal of version 8, expected version 9"));
	assert_int_equal(sqlite3_exec(db, "DELETE FROM events", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	fth_store_close(open_store());
}

/* By today's rules its replay would end elsewhere than the rollout did. */
static void events_of_other_rules_are_refused(void **state)
{
	struct fth_store *store;
	int64_t version = 0;
	sqlite3_stmt *s;
	sqlite3 *db;

	(void)state;
	leave_an_event();
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(
			db,
			"DROP INDEX vms_by_uuid; ALTER TABLE rollouts DROP COLUMN pruned; PRAGMA user_version = 5",
			NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(fth_store_open(path, &store, why), -EINVAL);
	assert_non_null(strstr(why, "found rollouts in a journal of version 5"));
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	version = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	assert_int_equal(version, 5); /* it is left as it was */
	assert_int_equal(sqlite3_exec(db, "DELETE FROM events", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	fth_store_close(open_store());
}

static void a_journal_of_a_newer_agent_is_refused(void **state)
{
	struct fth_store *store = open_store();
	sqlite3 *db;

	(void)state;
	fth_store_close(store);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(fth_store_open(path, &store, why), -ENOTSUP);
	assert_non_null(
		strstr(why, "version 99, this agent reads up to 9: a newer fotherd wrote it"));
}

static struct fth_store_incident incident_of(uint32_t number, uint8_t kind)
{
	return (struct fth_store_incident){
		.at_ms = 5,
		.vm = "web-1",
		.boot_id = { 9 },
		.incident = number,
		.kind = kind,
		.trigger = FTH_TRIGGER_OOPS,
		.patch = "fix",
		.has_sha256 = true,
		.sha256 = { 1, 2 },
		.where = "f+0x1",
		.detail = "d",
		.text = "BUG\nRIP",
		.happened_ms = 100 + number,
	};
}

static bool add_incident(struct fth_store *store, const struct fth_store_incident *row)
{
	bool is_new = false;

	assert_int_equal(fth_store_add_incident(store, row, &is_new), 0);
	return is_new;
}

static int check_incident(void *context, const struct fth_store_incident *row)
{
	uint32_t *last = context;

	assert_string_equal(row->vm, "web-1");
	assert_int_equal(row->boot_id[0], 9);
	assert_int_equal(row->trigger, FTH_TRIGGER_OOPS);
	assert_true(row->has_sha256);
	assert_int_equal(row->sha256[1], 2);
	assert_string_equal(row->text, "BUG\nRIP");
	assert_true(row->incident > *last);
	*last = row->incident;
	return 0;
}

/* Told in every session, kept once; a snapshot's guest numbers anew. */
static void an_incident_is_kept_once(void **state)
{
	struct fth_store_incident row = incident_of(1, FTH_EVENT_TRIGGERED);
	struct fth_store *store = open_store();

	(void)state;
	assert_true(add_incident(store, &row));
	assert_false(add_incident(store, &row));
	assert_true(fth_store_knows_incident(store, &row, FTH_EVENT_TRIGGERED));
	assert_false(fth_store_knows_incident(store, &row, FTH_EVENT_REVERTED));
	row.kind = FTH_EVENT_REVERTED;
	assert_true(add_incident(store, &row));
	row.happened_ms = 0; /* the note out of the oops had no time to say when */
	assert_false(add_incident(store, &row));
	row.happened_ms = 77;
	assert_true(add_incident(store, &row));
	row.boot_id[0]++;
	assert_true(add_incident(store, &row));
	row.vm = "web-2";
	assert_true(add_incident(store, &row));
	fth_store_rollback(store);
	assert_true(add_incident(store, &row));
	fth_store_close(store);
}

static void incidents_of_a_vm_are_bounded(void **state)
{
	struct fth_store *store = open_store();
	struct fth_store_incident row;
	uint32_t i, last = 0;

	(void)state;
	row = incident_of(1000, FTH_EVENT_TRIGGERED);
	row.vm = "web-2";
	assert_true(add_incident(store, &row));
	for (i = 1; i <= 3 * FTH_STORE_INCIDENTS_MAX; i++) {
		row = incident_of(i, FTH_EVENT_TRIGGERED);
		assert_true(add_incident(store, &row));
	}
	assert_int_equal(fth_store_commit(store), 0);
	fth_store_close(store);
	store = open_store();
	last = 2 * FTH_STORE_INCIDENTS_MAX;
	assert_int_equal(fth_store_each_incident(store, "web-1", check_incident, &last), 0);
	assert_int_equal(last, 3 * FTH_STORE_INCIDENTS_MAX);
	row = incident_of(1000, FTH_EVENT_TRIGGERED);
	row.vm = "web-2";
	assert_false(add_incident(store, &row));
	/* Troubles are bounded too, and push no revert out. */
	for (i = 1; i <= 2 * FTH_STORE_INCIDENTS_MAX; i++) {
		row = incident_of(2000 + i, FTH_EVENT_TROUBLE);
		assert_true(add_incident(store, &row));
	}
	row = incident_of(3 * FTH_STORE_INCIDENTS_MAX, FTH_EVENT_TRIGGERED);
	assert_true(fth_store_knows_incident(store, &row, FTH_EVENT_TRIGGERED));
	last = 2 * FTH_STORE_INCIDENTS_MAX;
	assert_int_equal(fth_store_each_incident(store, "web-1", check_incident, &last), 0);
	row = incident_of(2001 + FTH_STORE_INCIDENTS_MAX, FTH_EVENT_TROUBLE);
	assert_true(fth_store_knows_incident(store, &row, FTH_EVENT_TROUBLE));
	row.incident--;
	row.happened_ms--;
	assert_false(fth_store_knows_incident(store, &row, FTH_EVENT_TROUBLE));
	fth_store_close(store);
}

static int count_block(void *context, const struct fth_store_block *row)
{
	(void)row;
	++*(uint32_t *)context;
	return 0;
}

static void a_block_holds_until_it_is_dropped(void **state)
{
	static const uint8_t other[FTH_SHA256_SIZE] = { 3 };
	struct fth_store_block row = {
		.vm = "web-1",
		.has_sha256 = true,
		.sha256 = { 1 },
		.patch = "fix",
		.at_ms = 5,
		.why = "oops",
	};
	struct fth_store *store = open_store();
	char text[64];
	uint32_t i, count = 0;

	(void)state;
	assert_int_equal(fth_store_add_block(store, &row, false), 0);
	row.why = "another reason";
	assert_int_equal(fth_store_add_block(store, &row, false), 0);
	assert_true(fth_store_is_blocked(store, "web-1", row.sha256, "fix", text, sizeof(text)));
	assert_string_equal(text, "oops");
	assert_int_equal(fth_store_add_block(store, &row, true), 0);
	assert_true(fth_store_is_blocked(store, "web-1", row.sha256, "fix", text, sizeof(text)));
	assert_string_equal(text, "another reason");
	assert_false(fth_store_is_blocked(store, "web-1", other, "fix", text, sizeof(text)));
	assert_false(fth_store_is_blocked(store, "web-2", row.sha256, "fix", text, sizeof(text)));
	row.allowed_ms = 6;
	assert_int_equal(fth_store_allow_block(store, &row), 0);
	assert_true(fth_store_is_blocked(store, "web-1", row.sha256, "fix", text, sizeof(text)));
	assert_int_equal(fth_store_drop_block(store, &row), 0);
	assert_false(fth_store_is_blocked(store, "web-1", row.sha256, "fix", text, sizeof(text)));
	for (i = 0; i < FTH_STORE_BLOCKS_MAX; i++) {
		row.sha256[0] = (uint8_t)i;
		assert_int_equal(fth_store_add_block(store, &row, false), 0);
	}
	row.sha256[0] = 200;
	assert_int_equal(fth_store_add_block(store, &row, false), -ENOSPC);
	/* A full page can't say that it is not blocked, but of what is there it can. */
	assert_true(fth_store_is_blocked(store, "web-1", row.sha256, "fix", text, sizeof(text)));
	assert_non_null(strstr(text, "no more are kept"));
	assert_false(fth_store_is_blocked(store, "web-1", row.sha256, NULL, text, sizeof(text)));
	row.sha256[0] = 3;
	assert_int_equal(fth_store_add_block(store, &row, false), 0);
	row.sha256[0] = 200;
	row.vm = "web-2";
	assert_int_equal(fth_store_add_block(store, &row, false), 0);
	assert_int_equal(fth_store_each_block(store, "web-1", count_block, &count), 0);
	assert_int_equal(count, FTH_STORE_BLOCKS_MAX);
	assert_int_equal(fth_store_each_block(store, NULL, count_block, &count), 0);
	assert_int_equal(count, 2 * FTH_STORE_BLOCKS_MAX + 1);
	fth_store_close(store);
}

/* As the guest does: a block by name, or of all, is one of each payload of that name. */
static void a_name_is_blocked_whatever_its_hash(void **state)
{
	static const uint8_t sha256[FTH_SHA256_SIZE] = { 3 };
	struct fth_store_block row = { .vm = "web-1", .patch = "fix", .why = "by hand" };
	struct fth_store *store = open_store();
	char text[64];

	(void)state;
	assert_int_equal(fth_store_add_block(store, &row, false), 0);
	assert_true(fth_store_is_blocked(store, "web-1", sha256, "fix", text, sizeof(text)));
	assert_string_equal(text, "by hand");
	assert_false(fth_store_is_blocked(store, "web-1", sha256, "other", text, sizeof(text)));
	assert_false(fth_store_is_blocked(store, "web-1", sha256, NULL, text, sizeof(text)));
	assert_false(fth_store_is_blocked(store, "web-2", sha256, "fix", text, sizeof(text)));
	row.patch = "all";
	assert_int_equal(fth_store_add_block(store, &row, false), 0);
	assert_true(fth_store_is_blocked(store, "web-1", sha256, "other", text, sizeof(text)));
	assert_false(fth_store_is_blocked(store, "web-1", sha256, NULL, text, sizeof(text)));
	fth_store_close(store);
}

static int check_vm(void *context, const struct fth_store_vm *vm)
{
	++*(int *)context;
	assert_string_equal(vm->name, "web-1");
	assert_int_equal(vm->uptime_ms, 20);
	assert_int_equal(vm->boot_id[0], 9);
	return 0;
}

static void a_vm_is_remembered_once(void **state)
{
	struct fth_store_vm vm = { .name = "web-1", .boot_id = { 9 }, .uptime_ms = 10 };
	struct fth_store *store = open_store();
	int vms = 0;

	(void)state;
	assert_int_equal(fth_store_put_vm(store, &vm), 0);
	vm.uptime_ms = 20;
	assert_int_equal(fth_store_put_vm(store, &vm), 0);
	assert_int_equal(fth_store_commit(store), 0);
	assert_int_equal(fth_store_each_vm(store, check_vm, &vms), 0);
	assert_int_equal(vms, 1);
	fth_store_close(store);
}

static int count_history(void *context, const struct fth_store_history *row)
{
	uint32_t *counts = context;

	counts[!strcmp(row->vm, "web-2")]++;
	return 0;
}

/* What is known of it goes along; of the others nothing is touched. */
static void a_vm_is_renamed(void **state)
{
	static const uint8_t other[FTH_UUID_SIZE] = { 8 };
	struct fth_store_vm vm = {
		.name = "web-1", .boot_id = { 9 }, .has_uuid = true, .uuid = { 7 }
	};
	struct fth_store_block block = {
		.vm = "web-1", .has_sha256 = true, .patch = "fix", .why = "oops"
	};
	struct fth_store_incident incident = incident_of(1, FTH_EVENT_TRIGGERED);
	struct fth_store_history history = {
		.patch = "fix", .vm = "web-1", .kind = "vm", .what = "soaking", .why = "", .who = ""
	};
	struct fth_store *store = open_store();
	char name[64], text[64];
	uint32_t counts[2] = { 0 };

	(void)state;
	assert_int_equal(fth_store_put_vm(store, &vm), 0);
	assert_int_equal(fth_store_add_block(store, &block, false), 0);
	assert_true(add_incident(store, &incident));
	assert_int_equal(fth_store_add_history(store, &history), 0);
	assert_int_equal(fth_store_rename_vm(store, "web-1", "web-2"), 0);
	assert_int_equal(fth_store_find_vm(store, "web-1", NULL, name, sizeof(name), &vm), -ENOENT);
	assert_int_equal(fth_store_find_vm(store, NULL, other, name, sizeof(name), &vm), -ENOENT);
	assert_int_equal(fth_store_find_vm(store, NULL, vm.uuid, name, sizeof(name), &vm), 0);
	assert_string_equal(vm.name, "web-2");
	assert_true(vm.has_uuid);
	assert_int_equal(vm.boot_id[0], 9);
	assert_false(fth_store_is_blocked(store, "web-1", block.sha256, NULL, text, sizeof(text)));
	assert_true(fth_store_is_blocked(store, "web-2", block.sha256, NULL, text, sizeof(text)));
	incident.vm = "web-2";
	assert_true(fth_store_knows_incident(store, &incident, FTH_EVENT_TRIGGERED));
	assert_int_equal(fth_store_each_history(store, "web-2", 0, count_history, counts), 0);
	assert_int_equal(counts[1], 2); /* and the incident */
	fth_store_close(store);
}

static void one_vm_does_not_fill_the_history(void **state)
{
	struct fth_store_history row = {
		.patch = "fix",
		.vm = "web-2",
		.kind = "vm",
		.what = "soaking",
		.why = "",
		.who = "",
	};
	struct fth_store *store = open_store();
	uint32_t counts[2] = { 0 };
	uint32_t i;

	(void)state;
	assert_int_equal(fth_store_add_history(store, &row), 0);
	row.vm = "web-1";
	for (i = 0; i < FTH_STORE_HISTORY_VM_MAX + 50; i++) {
		row.at_ms = i;
		assert_int_equal(fth_store_add_history(store, &row), 0);
	}
	row.vm = ""; /* what concerns a rollout as a whole is no VM's */
	for (i = 0; i < FTH_STORE_HISTORY_VM_MAX + 50; i++)
		assert_int_equal(fth_store_add_history(store, &row), 0);
	assert_int_equal(fth_store_each_history(store, NULL, 0, count_history, counts), 0);
	assert_int_equal(counts[0], 2 * FTH_STORE_HISTORY_VM_MAX + 50);
	assert_int_equal(counts[1], 1);
	fth_store_close(store);
}

static void another_file_is_refused(void **state)
{
	FILE *file = fopen(path, "w");
	struct fth_store *store;
	int i;

	(void)state;
	assert_non_null(file);
	for (i = 0; i < 1000; i++)
		fputs("no database ", file);
	fclose(file);
	assert_int_not_equal(fth_store_open(path, &store, why), 0);
	assert_non_null(strstr(why, path));
}

/* Commits until the disk is full; how many there are then. */
static uint32_t fill(struct fth_store *store)
{
	uint32_t n;

	for (n = 0; n < APPENDS_MAX; n++)
		if (append(store, 1, n) || fth_store_commit(store))
			return n;
	fail_msg("the limit did not bite");
	return n;
}

static void a_full_disk_keeps_what_was_committed(void **state)
{
	struct rlimit old, small = { .rlim_cur = 256 * 1024 };
	struct fth_store *store = open_store();
	uint32_t count;

	(void)state;
	add_rollout(store, 1);
	assert_int_equal(fth_store_commit(store), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	count = fill(store);
	assert_true(count > 0);
	assert_true(*fth_store_why(store));
	assert_int_equal(count_events(store, 1), count);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(fth_store_probe(store), 0);
	assert_int_equal(append(store, 1, count), 0);
	assert_int_equal(fth_store_commit(store), 0);
	fth_store_close(store);
	store = open_store();
	assert_int_equal(count_events(store, 1), count + 1);
	fth_store_close(store);
}

static void append_for_ever(int report_fd)
{
	struct fth_store *store = open_store();
	uint32_t n;

	add_rollout(store, 1);
	for (n = 0; n < APPENDS_MAX; n++) {
		if (append(store, 1, n) || fth_store_commit(store) ||
		    write(report_fd, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
	_exit(2);
}

static void kill_in_the_middle_loses_nothing(void **state)
{
	struct fth_store *store;
	uint32_t n = 0, last = 0;
	int pipe_fds[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		append_for_ever(pipe_fds[1]);
	close(pipe_fds[1]);
	while (last < 50 && read(pipe_fds[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	assert_int_equal(last, 50);
	kill(child, SIGKILL);
	while (read(pipe_fds[0], &n, sizeof(n)) == sizeof(n))
		last = n;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(pipe_fds[0]);
	store = open_store();
	assert_true(count_events(store, 1) >= last + 1);
	fth_store_close(store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)
	const struct CMUnitTest tests[] = {
		TEST(epochs_rise_and_salt_stays),
		TEST(what_is_committed_comes_back),
		TEST(a_journal_of_version_1_is_taken_over),
		TEST(an_incident_is_kept_once),
		TEST(incidents_of_a_vm_are_bounded),
		TEST(a_block_holds_until_it_is_dropped),
		TEST(a_name_is_blocked_whatever_its_hash),
		TEST(events_of_other_rules_are_refused),
		TEST(events_of_the_version_before_are_refused),
		TEST(a_journal_of_a_newer_agent_is_refused),
		TEST(a_vm_is_remembered_once),
		TEST(a_vm_is_renamed),
		TEST(one_vm_does_not_fill_the_history),
		TEST(another_file_is_refused),
		TEST(a_full_disk_keeps_what_was_committed),
		TEST(kill_in_the_middle_loses_nothing),
	};

	return cmocka_run_group_tests_name("io_store", tests, NULL, NULL);
}
