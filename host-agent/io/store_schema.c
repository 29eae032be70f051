// SPDX-License-Identifier: GPL-2.0
/* The journal's tables, and how a file of an older version becomes one of this. */
#include "io/store_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#define APPLICATION_ID 0x46544848 /* tells our files from others' */

/* Tables of version 1; what came later is added by the steps below. */
static const char schema[] =
	"BEGIN;"
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE rollouts (id INTEGER PRIMARY KEY, seed INTEGER NOT NULL,"
	" created_ms INTEGER NOT NULL, vm_max INTEGER NOT NULL, path TEXT NOT NULL,"
	" policy BLOB NOT NULL, release TEXT NOT NULL, sha256 BLOB NOT NULL);"
	"CREATE TABLE events (n INTEGER PRIMARY KEY,"
	" rollout INTEGER NOT NULL REFERENCES rollouts (id), record BLOB NOT NULL);"
	"CREATE INDEX events_of ON events (rollout, n);"
	"CREATE TABLE vms (name TEXT PRIMARY KEY, boot_id BLOB NOT NULL,"
	" uptime_ms INTEGER NOT NULL) WITHOUT ROWID;"
	"PRAGMA application_id = 1179928648;"
	"PRAGMA user_version = 1;"
	"COMMIT;";

/* Each from the version before; at [0] to version 2. */
static const char *const steps[] = {
	"BEGIN;"
	"ALTER TABLE rollouts ADD COLUMN leave INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE rollouts ADD COLUMN switch INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 2;"
	"COMMIT;",
	"BEGIN;"
	"CREATE TABLE hands (n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, uid INTEGER NOT NULL,"
	" vm TEXT NOT NULL, patch TEXT NOT NULL, verb TEXT NOT NULL, why TEXT NOT NULL,"
	" code INTEGER, detail TEXT);"
	"PRAGMA user_version = 3;"
	"COMMIT;",
	"BEGIN;"
	"CREATE TABLE incidents (n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, vm TEXT NOT NULL,"
	" boot_id BLOB NOT NULL, incident INTEGER NOT NULL, kind INTEGER NOT NULL,"
	" trigger INTEGER NOT NULL, mode INTEGER NOT NULL, state INTEGER NOT NULL,"
	" patch TEXT NOT NULL, sha256 BLOB NOT NULL, place TEXT NOT NULL, detail TEXT NOT NULL,"
	" report TEXT NOT NULL, happened_ms INTEGER NOT NULL);"
	"CREATE INDEX incidents_of ON incidents (vm, n);"
	"CREATE TABLE blocks (vm TEXT NOT NULL, sha256 BLOB NOT NULL, patch TEXT NOT NULL,"
	" trigger INTEGER NOT NULL, incident INTEGER NOT NULL, at_ms INTEGER NOT NULL,"
	" why TEXT NOT NULL, allowed_ms INTEGER NOT NULL DEFAULT 0,"
	" hand INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (vm, sha256, patch)) WITHOUT ROWID;"
	"PRAGMA user_version = 4;"
	"COMMIT;",
	"BEGIN;"
	"CREATE TABLE history (n INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL,"
	" rollout INTEGER NOT NULL, patch TEXT NOT NULL, vm TEXT NOT NULL, kind TEXT NOT NULL,"
	" what TEXT NOT NULL, why TEXT NOT NULL, uid INTEGER NOT NULL, who TEXT NOT NULL);"
	"CREATE INDEX history_of_vm ON history (vm, n);"
	"CREATE INDEX history_of_rollout ON history (rollout, n);"
	"CREATE INDEX hands_of ON hands (vm, n);"
	"ALTER TABLE vms ADD COLUMN uuid BLOB NOT NULL DEFAULT x'';"
	"PRAGMA user_version = 5;"
	"COMMIT;",
	"BEGIN;"
	"CREATE INDEX vms_by_uuid ON vms (uuid);"
	"PRAGMA user_version = 6;"
	"COMMIT;",
	"BEGIN;"
	"ALTER TABLE rollouts ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 7;"
	"COMMIT;",
	/* The tables stayed: what a replay makes of their events did not. */
	"PRAGMA user_version = 8;", "PRAGMA user_version = 9;", /* the same */
};

static_assert(sizeof(steps) / sizeof(steps[0]) == FTH_STORE_SCHEMA - 1, "one step each");

int fth_store_pragma(struct fth_store *store, const char *pragma, int64_t *ret_value)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(store->db, pragma, -1, &statement, NULL);

	if (code == SQLITE_OK)
		code = sqlite3_step(statement);
	if (code == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else
		fth_store_explain(store, pragma);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : -EIO;
}

static int bring_up(struct fth_store *store, int64_t version)
{
	int error = 0;

	for (; !error && version < FTH_STORE_SCHEMA; version++)
		error = fth_store_execute(store, steps[version - 1], "bring the tables up to date");
	return error;
}

/* No release wrote such ones: rules are not kept for them, and nothing is guessed. */
static int refuse_old_rules(struct fth_store *store, int64_t version)
{
	int64_t events = 0;

	if (version >= FTH_STORE_RULES_SINCE)
		return 0;
	if (fth_store_pragma(store, "SELECT count(*) FROM events", &events))
		return -EIO;
	if (!events)
		return 0;
	snprintf(store->why, sizeof(store->why),
		 "found rollouts in a journal of version %lld, expected version %d or later: "
		 "they can't be replayed by this agent's rules. Let the agent that wrote them "
		 "end or reverse them, then move the journal away and start this one: guests "
		 "say what runs in them",
		 (long long)version, FTH_STORE_RULES_SINCE);
	return -EINVAL;
}

int fth_store_check_schema(struct fth_store *store)
{
	int64_t application = 0, version = 0, tables = 0;

	if (fth_store_pragma(store, "PRAGMA application_id", &application) ||
	    fth_store_pragma(store, "PRAGMA user_version", &version) ||
	    fth_store_pragma(store, "SELECT count(*) FROM sqlite_schema", &tables))
		return -EIO;
	if (!application && !version && !tables) {
		if (fth_store_execute(store, schema, "create the tables"))
			return -EIO;
		return bring_up(store, 1);
	}
	if (application == APPLICATION_ID && version >= 1 && version <= FTH_STORE_SCHEMA) {
		int error = refuse_old_rules(store, version);

		return error ? error : bring_up(store, version);
	}
	if (application == APPLICATION_ID && version > FTH_STORE_SCHEMA) {
		snprintf(
			store->why, sizeof(store->why),
			"found a journal of version %lld, this agent reads up to %d: a newer fotherd "
			"wrote it: start that one",
			(long long)version, FTH_STORE_SCHEMA);
		return -ENOTSUP;
	}
	snprintf(
		store->why, sizeof(store->why),
		"found application id %lld, version %lld, expected %d, %d: not a journal of this agent",
		(long long)application, (long long)version, APPLICATION_ID, FTH_STORE_SCHEMA);
	return -EINVAL;
}
