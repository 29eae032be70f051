/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the journal share; nobody else includes this. */
#ifndef FTH_IO_STORE_INTERNAL_H
#define FTH_IO_STORE_INTERNAL_H

#include <sqlite3.h>

#include "io/store.h"

/* Prepared once; their texts stand in store.c. */
enum fth_store_statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	ADD_ROLLOUT,
	APPEND,
	PUT_VM,
	PUT_META,
	GET_META,
	LAST_ROLLOUT,
	ALL_ROLLOUTS,
	ALL_EVENTS,
	ALL_VMS,
	FIND_VM,
	RENAME_VM, /* and so on */
	RENAME_BLOCKS,
	RENAME_INCIDENTS,
	RENAME_HISTORY,
	RENAME_HANDS,
	DROP_VM,
	DROP_BLOCKS_OF_VM,
	ADD_HAND,
	END_HAND,
	ALL_HANDS,
	HAS_INCIDENT,
	ADD_INCIDENT,
	TRIM_INCIDENTS,
	ALL_INCIDENTS,
	ADD_BLOCK,
	COUNT_BLOCKS,
	HAS_BLOCK,
	GET_BLOCK,
	ALLOW_BLOCK,
	DROP_BLOCK,
	ALL_BLOCKS,
	ADD_HISTORY,
	TRIM_HISTORY,
	TRIM_HISTORY_OF_VM,
	HISTORY_OF_ALL,
	HISTORY_OF_VM,
	HISTORY_OF_ROLLOUT,
	IS_RECALLED,
	DROP_EVENTS,
	DROP_ROLLOUT,
	MARK_PRUNED,
	PRUNE_EVENTS,
	PRUNE_ROLLOUTS,
	COUNT_PRUNED,
	STATEMENTS,
};

struct fth_store {
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	char why[FTH_STORE_WHY_MAX];
};

/** fth_store_explain() - keep the database's last error as the store's reason. */
void fth_store_explain(struct fth_store *store, const char *operation);

/** fth_store_execute() - statements without results; 0 or -EIO, explained, rolled back. */
int fth_store_execute(struct fth_store *store, const char *text, const char *operation);

/** fth_store_pragma() - the first number of a query; 0 or -EIO, explained. */
int fth_store_pragma(struct fth_store *store, const char *pragma, int64_t *ret_value);

/** fth_store_check_schema() - make the tables, or bring them up to date; 0, -EIO, -EINVAL. */
int fth_store_check_schema(struct fth_store *store);

/** fth_store_get_meta() - a number of the journal's own; 0, -ENOENT, -EIO. */
int fth_store_get_meta(struct fth_store *store, const char *key, int64_t *value);

/** fth_store_put_meta() - in the open transaction; 0 or -EIO. */
int fth_store_put_meta(struct fth_store *store, const char *key, int64_t value);

/** fth_store_begin() - a transaction is open then; 0 or -EIO. */
int fth_store_begin(struct fth_store *store);

/** fth_store_run() - a statement to its end, or everything since the commit is gone. */
int fth_store_run(struct fth_store *store, enum fth_store_statement which, const char *operation);

/** fth_store_number() - the first column of the only row; -ENOENT, -EIO. */
int fth_store_number(struct fth_store *store, enum fth_store_statement which, int64_t *number);

/** fth_store_end_walk() - the end of a walk: 0, or an error, explained. */
int fth_store_end_walk(struct fth_store *store, sqlite3_stmt *statement, int code, int error);

/** fth_store_text() - a column, never NULL; borrowed until the next step. */
const char *fth_store_text(sqlite3_stmt *statement, int column);

/** fth_store_copy() - a column's bytes, the rest zeroed. */
void fth_store_copy(sqlite3_stmt *statement, int column, uint8_t *bytes, size_t size);

#endif /* FTH_IO_STORE_INTERNAL_H */
