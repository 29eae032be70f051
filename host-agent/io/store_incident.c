// SPDX-License-Identifier: GPL-2.0
/*
 * The journal's emergencies, and which VM may not have which payload.
 *
 * DESIGN
 * A guest tells each of its incidents once more in every session, so an
 * incident is known by boot id, number and kind; out of a snapshot a guest may
 * number anew in the same boot, and then the time tells.  Of each VM the newest
 * are kept.  A block stays until somebody allows the payload and the guest has
 * heard of it, whatever becomes of the incident that it came from.
 */
#include "io/store_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HASH_SIZE(row) ((row)->has_sha256 ? FTH_SHA256_SIZE : 0)

static void bind_text(sqlite3_stmt *statement, int column, const char *text)
{
	sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
}

static void bind_key(sqlite3_stmt *statement, const struct fth_store_incident *row, uint8_t kind)
{
	bind_text(statement, 1, row->vm);
	sqlite3_bind_blob(statement, 2, row->boot_id, FTH_UUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, row->incident);
	sqlite3_bind_int64(statement, 4, kind);
	sqlite3_bind_int64(statement, 5, (int64_t)row->happened_ms);
	sqlite3_bind_int64(statement, 6, (int64_t)row->happened_ms);
}

static int insert(struct fth_store *store, const struct fth_store_incident *row)
{
	sqlite3_stmt *s = store->statements[ADD_INCIDENT];

	sqlite3_bind_int64(s, 1, (int64_t)row->at_ms);
	bind_text(s, 2, row->vm);
	sqlite3_bind_blob(s, 3, row->boot_id, FTH_UUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(s, 4, row->incident);
	sqlite3_bind_int64(s, 5, row->kind);
	sqlite3_bind_int64(s, 6, row->trigger);
	sqlite3_bind_int64(s, 7, row->mode);
	sqlite3_bind_int64(s, 8, row->state);
	bind_text(s, 9, row->patch);
	sqlite3_bind_blob(s, 10, row->sha256, HASH_SIZE(row), SQLITE_STATIC);
	bind_text(s, 11, row->where);
	bind_text(s, 12, row->detail);
	bind_text(s, 13, row->text);
	sqlite3_bind_int64(s, 14, (int64_t)row->happened_ms);
	return fth_store_run(store, ADD_INCIDENT, "add an incident");
}

int fth_store_add_incident(struct fth_store *store, const struct fth_store_incident *row,
			   bool *ret_is_new)
{
	sqlite3_stmt *trim = store->statements[TRIM_INCIDENTS];
	int64_t count = 0;
	int error = fth_store_begin(store);

	if (error)
		return error;
	bind_key(store->statements[HAS_INCIDENT], row, row->kind);
	error = fth_store_number(store, HAS_INCIDENT, &count);
	if (!error && !count)
		error = insert(store, row);
	if (!error && !count) {
		bind_text(trim, 1, row->vm);
		sqlite3_bind_int64(trim, 2, FTH_STORE_INCIDENTS_MAX);
		sqlite3_bind_int64(trim, 3, FTH_EVENT_TROUBLE);
		sqlite3_bind_int(trim, 4, row->kind == FTH_EVENT_TROUBLE);
		error = fth_store_run(store, TRIM_INCIDENTS, "forget old incidents");
	}
	if (!error)
		*ret_is_new = !count;
	return error;
}

bool fth_store_knows_incident(struct fth_store *store, const struct fth_store_incident *row,
			      uint8_t kind)
{
	int64_t count = 0;

	bind_key(store->statements[HAS_INCIDENT], row, kind);
	return !fth_store_number(store, HAS_INCIDENT, &count) && count;
}

int fth_store_each_incident(struct fth_store *store, const char *vm,
			    int (*take)(void *context, const struct fth_store_incident *row),
			    void *context)
{
	sqlite3_stmt *s = store->statements[ALL_INCIDENTS];
	struct fth_store_incident row;
	int code = SQLITE_DONE, error = 0;

	bind_text(s, 1, vm);
	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW) {
		row.n = (uint64_t)sqlite3_column_int64(s, 0);
		row.at_ms = (uint64_t)sqlite3_column_int64(s, 1);
		row.vm = fth_store_text(s, 2);
		fth_store_copy(s, 3, row.boot_id, sizeof(row.boot_id));
		row.incident = (uint32_t)sqlite3_column_int64(s, 4);
		row.kind = (uint8_t)sqlite3_column_int64(s, 5);
		row.trigger = (uint8_t)sqlite3_column_int64(s, 6);
		row.mode = (uint8_t)sqlite3_column_int64(s, 7);
		row.state = (uint8_t)sqlite3_column_int64(s, 8);
		row.patch = fth_store_text(s, 9);
		row.has_sha256 = sqlite3_column_bytes(s, 10) == FTH_SHA256_SIZE;
		fth_store_copy(s, 10, row.sha256, sizeof(row.sha256));
		row.where = fth_store_text(s, 11);
		row.detail = fth_store_text(s, 12);
		row.text = fth_store_text(s, 13);
		row.happened_ms = (uint64_t)sqlite3_column_int64(s, 14);
		error = take(context, &row);
	}
	return fth_store_end_walk(store, s, code, error);
}

/* Binds what names a block from @column on. */
static void bind_block(sqlite3_stmt *statement, int column, const struct fth_store_block *row)
{
	bind_text(statement, column, row->vm);
	sqlite3_bind_blob(statement, column + 1, row->sha256, HASH_SIZE(row), SQLITE_STATIC);
	bind_text(statement, column + 2, row->patch);
}

static int count_blocks(struct fth_store *store, const char *vm, int64_t *ret_count)
{
	bind_text(store->statements[COUNT_BLOCKS], 1, vm);
	return fth_store_number(store, COUNT_BLOCKS, ret_count);
}

int fth_store_add_block(struct fth_store *store, const struct fth_store_block *row, bool explains)
{
	sqlite3_stmt *s = store->statements[ADD_BLOCK];
	int64_t count = 0, known = 0;
	int error = fth_store_begin(store);

	if (error)
		return error;
	bind_block(store->statements[HAS_BLOCK], 1, row);
	error = fth_store_number(store, HAS_BLOCK, &known);
	if (!error)
		error = count_blocks(store, row->vm, &count);
	if (error)
		return error;
	/* The fleet's page is written by ourselves alone, guests can't fill it. */
	if (!known && *row->vm && count >= FTH_STORE_BLOCKS_MAX)
		return -ENOSPC;
	bind_block(s, 1, row);
	sqlite3_bind_int64(s, 4, row->trigger);
	sqlite3_bind_int64(s, 5, row->incident);
	sqlite3_bind_int64(s, 6, (int64_t)row->at_ms);
	bind_text(s, 7, row->why);
	sqlite3_bind_int(s, 8, explains);
	return fth_store_run(store, ADD_BLOCK, "add a block");
}

static void read_block(sqlite3_stmt *s, struct fth_store_block *row)
{
	row->vm = fth_store_text(s, 0);
	row->has_sha256 = sqlite3_column_bytes(s, 1) == FTH_SHA256_SIZE;
	fth_store_copy(s, 1, row->sha256, sizeof(row->sha256));
	row->patch = fth_store_text(s, 2);
	row->trigger = (uint8_t)sqlite3_column_int64(s, 3);
	row->incident = (uint32_t)sqlite3_column_int64(s, 4);
	row->at_ms = (uint64_t)sqlite3_column_int64(s, 5);
	row->why = fth_store_text(s, 6);
	row->allowed_ms = (uint64_t)sqlite3_column_int64(s, 7);
	row->hand = (uint64_t)sqlite3_column_int64(s, 8);
}

/* A full page has no room for one more; then nothing is known to be allowed. */
static bool page_is_full(struct fth_store *store, const char *vm, char *ret_why, size_t size)
{
	int64_t count = 0;
	int error = count_blocks(store, vm, &count);

	if (error)
		snprintf(ret_why, size, "the journal can't be read");
	else if (count >= FTH_STORE_BLOCKS_MAX)
		snprintf(ret_why, size,
			 "%u payloads are blocked for it, no more are kept; 'fother allow' some",
			 FTH_STORE_BLOCKS_MAX);
	return error || count >= FTH_STORE_BLOCKS_MAX;
}

bool fth_store_is_blocked(struct fth_store *store, const char *vm, const uint8_t *sha256,
			  const char *patch, char *ret_why, size_t size)
{
	sqlite3_stmt *s = store->statements[GET_BLOCK];
	struct fth_store_block row;
	bool is_blocked = true; /* unknown is never allowed */
	int code;

	bind_text(s, 1, vm);
	sqlite3_bind_blob(s, 2, sha256, FTH_SHA256_SIZE, SQLITE_STATIC);
	bind_text(s, 3, patch);
	code = sqlite3_step(s);
	ret_why[0] = '\0';
	if (code == SQLITE_ROW) {
		read_block(s, &row);
		snprintf(ret_why, size, "%s", row.why);
	} else if (code == SQLITE_DONE) {
		is_blocked = patch && page_is_full(store, vm, ret_why, size);
	} else {
		snprintf(ret_why, size, "the journal can't be read");
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return is_blocked;
}

bool fth_store_is_recalled(struct fth_store *store, const uint8_t *sha256, char *ret_why,
			   size_t size)
{
	sqlite3_stmt *s = store->statements[IS_RECALLED];
	struct fth_store_block row;
	int code;

	sqlite3_bind_blob(s, 1, sha256, FTH_SHA256_SIZE, SQLITE_STATIC);
	code = sqlite3_step(s);
	ret_why[0] = '\0';
	if (code == SQLITE_ROW) {
		read_block(s, &row);
		snprintf(ret_why, size, "%s", row.why);
	} else if (code != SQLITE_DONE) {
		snprintf(ret_why, size, "the journal can't be read");
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return code != SQLITE_DONE;
}

int fth_store_allow_block(struct fth_store *store, const struct fth_store_block *row)
{
	sqlite3_stmt *s = store->statements[ALLOW_BLOCK];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_int64(s, 1, (int64_t)row->allowed_ms);
	sqlite3_bind_int64(s, 2, (int64_t)row->hand);
	bind_block(s, 3, row);
	return fth_store_run(store, ALLOW_BLOCK, "allow a payload");
}

int fth_store_drop_block(struct fth_store *store, const struct fth_store_block *row)
{
	int error = fth_store_begin(store);

	if (error)
		return error;
	bind_block(store->statements[DROP_BLOCK], 1, row);
	return fth_store_run(store, DROP_BLOCK, "drop a block");
}

int fth_store_each_block(struct fth_store *store, const char *vm,
			 int (*take)(void *context, const struct fth_store_block *row),
			 void *context)
{
	sqlite3_stmt *s = store->statements[ALL_BLOCKS];
	struct fth_store_block row;
	int code = SQLITE_DONE, error = 0;

	if (vm)
		bind_text(s, 1, vm);
	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW) {
		read_block(s, &row);
		error = take(context, &row);
	}
	return fth_store_end_walk(store, s, code, error);
}
