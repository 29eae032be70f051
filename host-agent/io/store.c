// SPDX-License-Identifier: GPL-2.0
/*
 * The journal: rollouts and their events in one SQLite file.
 *
 * DESIGN
 * The first write since a commit opens a transaction; the owner commits once
 * for many events.  Any error rolls the whole transaction back, so that there
 * is never half of it, and leaves a reason in words.  Nothing here decides what
 * an error means for the agent.
 */
#include "io/store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "io/loop.h"
#include "io/store_internal.h"

#define BUSY_WAIT_MS 5000		/* at the start */
#define BUSY_WAIT_LOOP_MS 100		/* later: all guests wait meanwhile */
#define SALT_MASK 0x7fffffff00000000ull /* mixed into the rollout's half of op ids */

#define BLOCK_COLUMNS "vm, sha256, patch, trigger, incident, at_ms, why, allowed_ms, hand"

/*
 * Rollouts' decisions, commands by hand and emergencies as one list; the newest,
 * oldest first.  A command by hand is told with what came of it.
 */
#define HISTORY(of_history, of_hands, of_incidents)                                             \
	"SELECT * FROM (SELECT at_ms, n, rollout, patch, vm, kind, what, why, uid, who"         \
	" FROM (SELECT * FROM history " of_history "ORDER BY n DESC LIMIT ?2)"                  \
	" UNION ALL SELECT at_ms, n, 0, patch, vm, 'hand', verb, why, uid, ''"                  \
	" FROM (SELECT * FROM hands " of_hands "ORDER BY n DESC LIMIT ?2)"                      \
	" UNION ALL SELECT at_ms, n, 0, patch, vm, 'emergency', CASE kind WHEN 4 THEN"          \
	" 'triggered' WHEN 2 THEN 'reverted' ELSE 'trouble' END, place || ' ' || detail, 0, ''" \
	" FROM (SELECT * FROM incidents " of_incidents "ORDER BY n DESC LIMIT ?2)"              \
	" ORDER BY 1 DESC, 2 DESC LIMIT ?2) ORDER BY 1, 2"

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[ADD_ROLLOUT] = "INSERT INTO rollouts (id, seed, created_ms, vm_max, path, policy, release,"
			" sha256, leave, switch) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[APPEND] = "INSERT INTO events (rollout, record) VALUES (?, ?)",
	[PUT_VM] = "INSERT OR REPLACE INTO vms (name, boot_id, uptime_ms, uuid)"
		   " VALUES (?, ?, ?, ?)",
	[PUT_META] = "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
	[GET_META] = "SELECT value FROM meta WHERE key = ?",
	[LAST_ROLLOUT] = "SELECT coalesce(max(id), 0) FROM rollouts",
	[ALL_ROLLOUTS] = "SELECT id, seed, created_ms, vm_max, path, policy, release, sha256,"
			 " leave, switch FROM rollouts WHERE NOT pruned ORDER BY id",
	[ALL_EVENTS] = "SELECT record FROM events WHERE rollout = ? ORDER BY n",
	[ALL_VMS] = "SELECT name, boot_id, uptime_ms, uuid FROM vms ORDER BY name",
	[FIND_VM] = "SELECT name, boot_id, uptime_ms, uuid FROM vms WHERE name = ?1 OR"
		    " (?1 IS NULL AND uuid = ?2)",
	[RENAME_VM] = "UPDATE OR REPLACE vms SET name = ?2 WHERE name = ?1",
	[RENAME_BLOCKS] = "UPDATE OR REPLACE blocks SET vm = ?2 WHERE vm = ?1",
	[RENAME_INCIDENTS] = "UPDATE incidents SET vm = ?2 WHERE vm = ?1",
	[RENAME_HISTORY] = "UPDATE history SET vm = ?2 WHERE vm = ?1",
	[RENAME_HANDS] = "UPDATE hands SET vm = ?2 WHERE vm = ?1",
	[DROP_VM] = "DELETE FROM vms WHERE name = ?",
	[DROP_BLOCKS_OF_VM] = "DELETE FROM blocks WHERE vm = ?",
	[ADD_HAND] = "INSERT INTO hands (at_ms, uid, vm, patch, verb, why)"
		     " VALUES (?, ?, ?, ?, ?, ?)",
	[END_HAND] = "UPDATE hands SET code = ?, detail = ? WHERE n = ?",
	[ALL_HANDS] = "SELECT * FROM (SELECT n, at_ms, uid, vm, patch, verb, why,"
		      " coalesce(code, -1), detail FROM hands ORDER BY n DESC LIMIT ?) ORDER BY n",
	[HAS_INCIDENT] = "SELECT count(*) FROM incidents WHERE vm = ? AND boot_id = ?"
			 " AND incident = ? AND kind = ?"
			 " AND (happened_ms = ? OR happened_ms = 0 OR ? = 0)",
	[ADD_INCIDENT] = "INSERT INTO incidents (at_ms, vm, boot_id, incident, kind, trigger, mode,"
			 " state, patch, sha256, place, detail, report, happened_ms)"
			 " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	/* Troubles apart: what reverted nothing never pushes out what did. */
	[TRIM_INCIDENTS] = "DELETE FROM incidents WHERE vm = ?1 AND (kind = ?3) = ?4 AND n <="
			   " (SELECT n FROM incidents WHERE vm = ?1 AND (kind = ?3) = ?4"
			   " ORDER BY n DESC LIMIT 1 OFFSET ?2)",
	[ALL_INCIDENTS] = "SELECT n, at_ms, vm, boot_id, incident, kind, trigger, mode, state,"
			  " patch, sha256, place, detail, report, happened_ms FROM incidents"
			  " WHERE vm = ? ORDER BY n",
	[ADD_BLOCK] = "INSERT INTO blocks (vm, sha256, patch, trigger, incident, at_ms, why)"
		      " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET why = excluded.why,"
		      " trigger = excluded.trigger, incident = excluded.incident WHERE ?",
	[COUNT_BLOCKS] = "SELECT count(*) FROM blocks WHERE vm = ?",
	[HAS_BLOCK] = "SELECT count(*) FROM blocks WHERE vm = ? AND sha256 = ? AND patch = ?",
	[GET_BLOCK] = "SELECT " BLOCK_COLUMNS " FROM blocks WHERE vm = ?1 AND (sha256 = ?2"
		      " OR (sha256 = x'' AND ?3 IS NOT NULL AND patch IN (?3, 'all')))"
		      " ORDER BY sha256 DESC",
	[ALLOW_BLOCK] = "UPDATE blocks SET allowed_ms = ?, hand = ? WHERE vm = ? AND sha256 = ?"
			" AND patch = ?",
	[DROP_BLOCK] = "DELETE FROM blocks WHERE vm = ? AND sha256 = ? AND patch = ?",
	[ALL_BLOCKS] = "SELECT " BLOCK_COLUMNS " FROM blocks WHERE ?1 IS NULL OR vm = ?1"
		       " ORDER BY at_ms, vm, patch",
	[ADD_HISTORY] = "INSERT INTO history (at_ms, rollout, patch, vm, kind, what, why, uid, who)"
			" VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
	[TRIM_HISTORY] = "DELETE FROM history WHERE n <= ?",
	[TRIM_HISTORY_OF_VM] = "DELETE FROM history WHERE vm = ?1 AND n <= (SELECT n FROM history"
			       " WHERE vm = ?1 ORDER BY n DESC LIMIT 1 OFFSET ?2)",
	[HISTORY_OF_ALL] = HISTORY("", "", ""),
	[HISTORY_OF_VM] = HISTORY("WHERE vm = ?1 ", "WHERE vm = ?1 ", "WHERE vm = ?1 "),
	[HISTORY_OF_ROLLOUT] = HISTORY("WHERE rollout = ?1 ", "WHERE 0 ", "WHERE 0 "),
	[IS_RECALLED] = "SELECT " BLOCK_COLUMNS " FROM blocks WHERE vm = '' AND sha256 = ?",
	[DROP_EVENTS] = "DELETE FROM events WHERE rollout = ?",
	[DROP_ROLLOUT] = "DELETE FROM rollouts WHERE id = ?",
	[MARK_PRUNED] = "UPDATE rollouts SET pruned = 1, policy = x'' WHERE id = ?",
	[PRUNE_EVENTS] = "DELETE FROM events WHERE n IN (SELECT n FROM events WHERE rollout IN"
			 " (SELECT id FROM rollouts WHERE pruned) LIMIT ?)",
	[PRUNE_ROLLOUTS] = "DELETE FROM rollouts WHERE pruned AND NOT EXISTS"
			   " (SELECT 1 FROM events WHERE rollout = rollouts.id)",
	[COUNT_PRUNED] = "SELECT count(*) FROM rollouts WHERE pruned",
};

void fth_store_explain(struct fth_store *store, const char *operation)
{
	snprintf(store->why, sizeof(store->why), "%s: %s", operation,
		 store->db ? sqlite3_errmsg(store->db) : "out of memory");
}

void fth_store_rollback(struct fth_store *store)
{
	if (sqlite3_get_autocommit(store->db))
		return;
	sqlite3_step(store->statements[ROLLBACK]);
	sqlite3_reset(store->statements[ROLLBACK]);
}

/* The statement ran to its end, or everything since the commit is gone. */
int fth_store_run(struct fth_store *store, enum fth_store_statement which, const char *operation)
{
	sqlite3_stmt *statement = store->statements[which];
	int code = sqlite3_step(statement);

	if (code != SQLITE_DONE && code != SQLITE_ROW)
		fth_store_explain(store, operation);
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	if (code == SQLITE_DONE || code == SQLITE_ROW)
		return 0;
	fth_store_rollback(store);
	return -EIO;
}

int fth_store_begin(struct fth_store *store)
{
	if (!sqlite3_get_autocommit(store->db))
		return 0;
	return fth_store_run(store, BEGIN, "begin a transaction");
}

int fth_store_commit(struct fth_store *store)
{
	if (sqlite3_get_autocommit(store->db))
		return 0;
	return fth_store_run(store, COMMIT, "commit");
}

int fth_store_number(struct fth_store *store, enum fth_store_statement which, int64_t *number)
{
	sqlite3_stmt *statement = store->statements[which];
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	else if (code != SQLITE_DONE)
		fth_store_explain(store, "read");
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? -ENOENT : -EIO;
}

int fth_store_get_meta(struct fth_store *store, const char *key, int64_t *value)
{
	sqlite3_bind_text(store->statements[GET_META], 1, key, -1, SQLITE_STATIC);
	return fth_store_number(store, GET_META, value);
}

int fth_store_put_meta(struct fth_store *store, const char *key, int64_t value)
{
	sqlite3_stmt *statement = store->statements[PUT_META];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_text(statement, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, value);
	return fth_store_run(store, PUT_META, "write");
}

int fth_store_execute(struct fth_store *store, const char *text, const char *operation)
{
	if (sqlite3_exec(store->db, text, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	fth_store_explain(store, operation);
	fth_store_rollback(store);
	return -EIO;
}

static int prepare(struct fth_store *store, const char *path)
{
	int i, error;

	if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
	    SQLITE_OK) {
		fth_store_explain(store, "open");
		return -EIO;
	}
	sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
	error = fth_store_execute(store,
				  "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
				  "PRAGMA wal_autocheckpoint = 100;"
				  "PRAGMA foreign_keys = ON",
				  "set up");
	/* ROLLBACK is prepared last: what needs it before is one statement. */
	if (!error)
		error = fth_store_check_schema(store);
	for (i = 0; !error && i < STATEMENTS; i++) {
		if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &store->statements[i], NULL) == SQLITE_OK)
			continue;
		fth_store_explain(store, "prepare");
		error = -EIO;
	}
	return error;
}

int fth_store_open(const char *path, struct fth_store **ret_store, char *ret_why)
{
	struct fth_store *store = calloc(1, sizeof(*store));
	int error;

	if (!store) {
		snprintf(ret_why, FTH_STORE_WHY_MAX, "journal '%s': out of memory", path);
		return -EIO;
	}
	error = prepare(store, path);
	if (error) {
		snprintf(ret_why, FTH_STORE_WHY_MAX, "journal '%s': %.400s", path, store->why);
		fth_store_close(store);
		return error;
	}
	*ret_store = store;
	return 0;
}

void fth_store_close(struct fth_store *store)
{
	int i;

	if (!store)
		return;
	for (i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->db);
	free(store);
}

const char *fth_store_why(const struct fth_store *store)
{
	return store->why;
}

int fth_store_raise_epoch(struct fth_store *store, uint64_t *ret_epoch, uint64_t *ret_salt)
{
	int64_t epoch = 0, salt = 0, now = (int64_t)time(NULL);
	int error = fth_store_get_meta(store, "epoch", &epoch);

	if (error == -EIO)
		return error;
	/* Of a journal that is older than what guests saw, a copy or another host's, too. */
	if (epoch < now)
		epoch = now;
	error = fth_store_get_meta(store, "salt", &salt);
	if (error == -EIO)
		return error;
	if (error) {
		salt = (int64_t)(fth_loop_random() & SALT_MASK);
		error = fth_store_put_meta(store, "salt", salt);
	}
	if (!error)
		error = fth_store_put_meta(store, "epoch", epoch + 1);
	if (!error)
		error = fth_store_commit(store);
	if (error)
		return error;
	sqlite3_busy_timeout(store->db, BUSY_WAIT_LOOP_MS);
	*ret_epoch = (uint64_t)epoch + 1;
	*ret_salt = (uint64_t)salt;
	return 0;
}

int fth_store_keep_epoch(struct fth_store *store, uint64_t epoch)
{
	int64_t kept = 0;
	int error = fth_store_get_meta(store, "epoch", &kept);

	if (error == -EIO || (!error && (uint64_t)kept >= epoch))
		return error;
	return fth_store_put_meta(store, "epoch", (int64_t)epoch);
}

int fth_store_drop_salt(struct fth_store *store)
{
	int error = fth_store_begin(store);

	return error ? error
		     : fth_store_execute(store, "DELETE FROM meta WHERE key = 'salt'", "write");
}

int fth_store_next_rollout(struct fth_store *store, uint64_t *ret_id)
{
	int64_t last = 0, dropped = 0;
	int error = fth_store_number(store, LAST_ROLLOUT, &last);

	if (!error && fth_store_get_meta(store, "dropped", &dropped) == -EIO)
		error = -EIO;
	if (error)
		return error;
	if (dropped > last)
		last = dropped;
	if (last >= FTH_STORE_ROLLOUT_MAX)
		return -ENOSPC;
	*ret_id = (uint64_t)last + 1;
	return 0;
}

int fth_store_add_rollout(struct fth_store *store, const struct fth_store_rollout *row)
{
	sqlite3_stmt *statement = store->statements[ADD_ROLLOUT];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_int64(statement, 1, (int64_t)row->id);
	sqlite3_bind_int64(statement, 2, (int64_t)row->seed);
	sqlite3_bind_int64(statement, 3, (int64_t)row->created_ms);
	sqlite3_bind_int64(statement, 4, row->vm_max);
	sqlite3_bind_text(statement, 5, row->path, -1, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 6, row->text.data, (int)row->text.length, SQLITE_STATIC);
	sqlite3_bind_text(statement, 7, row->release, -1, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 8, row->sha256, FTH_SHA256_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 9, row->leave);
	sqlite3_bind_int64(statement, 10, row->switches);
	return fth_store_run(store, ADD_ROLLOUT, "add a rollout");
}

int fth_store_append(struct fth_store *store, uint64_t id, const uint8_t *record, uint32_t length)
{
	sqlite3_stmt *statement = store->statements[APPEND];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_int64(statement, 1, (int64_t)id);
	sqlite3_bind_blob(statement, 2, record, (int)length, SQLITE_STATIC);
	return fth_store_run(store, APPEND, "append an event");
}

int fth_store_probe(struct fth_store *store)
{
	int error = fth_store_put_meta(store, "probed_s", (int64_t)time(NULL));

	return error ? error : fth_store_commit(store);
}

/* The end of a walk: 0, or an error that is still to be explained. */
int fth_store_end_walk(struct fth_store *store, sqlite3_stmt *statement, int code, int error)
{
	if (!error && code != SQLITE_DONE) {
		fth_store_explain(store, "read");
		error = -EIO;
	}
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return error;
}

const char *fth_store_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);

	return text ? (const char *)text : "";
}

void fth_store_copy(sqlite3_stmt *statement, int column, uint8_t *bytes, size_t size)
{
	const void *blob = sqlite3_column_blob(statement, column);
	size_t length = (size_t)sqlite3_column_bytes(statement, column);

	memset(bytes, 0, size);
	if (blob)
		memcpy(bytes, blob, length < size ? length : size);
}

int fth_store_each_rollout(struct fth_store *store,
			   int (*take)(void *context, const struct fth_store_rollout *row),
			   void *context)
{
	sqlite3_stmt *s = store->statements[ALL_ROLLOUTS];
	struct fth_store_rollout row;
	int code, error = 0;

	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW) {
		row.id = (uint64_t)sqlite3_column_int64(s, 0);
		row.seed = (uint64_t)sqlite3_column_int64(s, 1);
		row.created_ms = (uint64_t)sqlite3_column_int64(s, 2);
		row.vm_max = (uint32_t)sqlite3_column_int64(s, 3);
		row.path = fth_store_text(s, 4);
		row.text.data = sqlite3_column_blob(s, 5);
		row.text.length = (uint32_t)sqlite3_column_bytes(s, 5);
		row.release = fth_store_text(s, 6);
		fth_store_copy(s, 7, row.sha256, sizeof(row.sha256));
		row.leave = (uint8_t)sqlite3_column_int64(s, 8);
		row.switches = (uint8_t)sqlite3_column_int64(s, 9);
		error = take(context, &row);
	}
	return fth_store_end_walk(store, s, code, error);
}

int fth_store_each_event(struct fth_store *store, uint64_t id,
			 int (*take)(void *context, const uint8_t *record, uint32_t length),
			 void *context)
{
	sqlite3_stmt *s = store->statements[ALL_EVENTS];
	int code = SQLITE_DONE, error = 0;

	sqlite3_bind_int64(s, 1, (int64_t)id);
	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW)
		error = take(context, sqlite3_column_blob(s, 0),
			     (uint32_t)sqlite3_column_bytes(s, 0));
	return fth_store_end_walk(store, s, code, error);
}
