// SPDX-License-Identifier: GPL-2.0
/* The journal's history: what was decided and done, for people. */
#include "io/store_internal.h"

#define TRIM_EVERY 1024 /* entries: the oldest leave in batches */

/* A guest that comes and goes for ever must not push out what was done to others. */
static int trim_vm(struct fth_store *store, const char *vm)
{
	sqlite3_stmt *s = store->statements[TRIM_HISTORY_OF_VM];

	if (!*vm)
		return 0;
	sqlite3_bind_text(s, 1, vm, -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 2, FTH_STORE_HISTORY_VM_MAX);
	return fth_store_run(store, TRIM_HISTORY_OF_VM, "trim the history");
}

static int trim(struct fth_store *store, int64_t newest)
{
	if (newest % TRIM_EVERY || newest <= (int64_t)FTH_STORE_HISTORY_MAX)
		return 0;
	sqlite3_bind_int64(store->statements[TRIM_HISTORY], 1,
			   newest - (int64_t)FTH_STORE_HISTORY_MAX);
	return fth_store_run(store, TRIM_HISTORY, "trim the history");
}

int fth_store_add_history(struct fth_store *store, const struct fth_store_history *row)
{
	const char *const texts[] = { row->patch, row->vm, row->kind, row->what, row->why };
	sqlite3_stmt *s = store->statements[ADD_HISTORY];
	int error = fth_store_begin(store);
	int i;

	if (error)
		return error;
	sqlite3_bind_int64(s, 1, (int64_t)row->at_ms);
	sqlite3_bind_int64(s, 2, (int64_t)row->rollout);
	for (i = 0; i < 5; i++)
		sqlite3_bind_text(s, 3 + i, texts[i], -1, SQLITE_STATIC);
	sqlite3_bind_int64(s, 8, row->uid);
	sqlite3_bind_text(s, 9, row->who, -1, SQLITE_STATIC);
	error = fth_store_run(store, ADD_HISTORY, "add to the history");
	if (!error)
		error = trim_vm(store, row->vm);
	return error ? error : trim(store, sqlite3_last_insert_rowid(store->db));
}

int fth_store_each_history(struct fth_store *store, const char *vm, uint64_t rollout,
			   int (*take)(void *context, const struct fth_store_history *row),
			   void *context)
{
	sqlite3_stmt *s = store->statements[vm	      ? HISTORY_OF_VM
					    : rollout ? HISTORY_OF_ROLLOUT
						      : HISTORY_OF_ALL];
	struct fth_store_history row;
	int code = SQLITE_DONE, error = 0;

	if (vm)
		sqlite3_bind_text(s, 1, vm, -1, SQLITE_STATIC);
	else if (rollout)
		sqlite3_bind_int64(s, 1, (int64_t)rollout);
	sqlite3_bind_int64(s, 2, FTH_STORE_HISTORY_WALK_MAX);
	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW) {
		row.at_ms = (uint64_t)sqlite3_column_int64(s, 0);
		row.n = (uint64_t)sqlite3_column_int64(s, 1);
		row.rollout = (uint64_t)sqlite3_column_int64(s, 2);
		row.patch = fth_store_text(s, 3);
		row.vm = fth_store_text(s, 4);
		row.kind = fth_store_text(s, 5);
		row.what = fth_store_text(s, 6);
		row.why = fth_store_text(s, 7);
		row.uid = (uint32_t)sqlite3_column_int64(s, 8);
		row.who = fth_store_text(s, 9);
		error = take(context, &row);
	}
	return fth_store_end_walk(store, s, code, error);
}
