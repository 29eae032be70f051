// SPDX-License-Identifier: GPL-2.0
/* The journal's commands by hand. */
#include "io/store_internal.h"

int fth_store_add_hand(struct fth_store *store, const struct fth_store_hand *hand, uint64_t *ret_n)
{
	sqlite3_stmt *statement = store->statements[ADD_HAND];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_int64(statement, 1, (int64_t)hand->at_ms);
	sqlite3_bind_int64(statement, 2, hand->uid);
	sqlite3_bind_text(statement, 3, hand->vm, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 4, hand->patch, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 5, hand->verb, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 6, hand->why, -1, SQLITE_STATIC);
	error = fth_store_run(store, ADD_HAND, "add a command by hand");
	if (!error)
		*ret_n = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return error;
}

int fth_store_end_hand(struct fth_store *store, uint64_t n, uint16_t code, const char *detail)
{
	sqlite3_stmt *statement = store->statements[END_HAND];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_int64(statement, 1, code);
	sqlite3_bind_text(statement, 2, detail, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, (int64_t)n);
	return fth_store_run(store, END_HAND, "end a command by hand");
}

int fth_store_each_hand(struct fth_store *store,
			int (*take)(void *context, const struct fth_store_hand *hand),
			void *context)
{
	sqlite3_stmt *s = store->statements[ALL_HANDS];
	struct fth_store_hand hand;
	int code = SQLITE_DONE, error = 0;

	sqlite3_bind_int64(s, 1, FTH_STORE_HANDS_MAX);
	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW) {
		hand.n = (uint64_t)sqlite3_column_int64(s, 0);
		hand.at_ms = (uint64_t)sqlite3_column_int64(s, 1);
		hand.uid = (uint32_t)sqlite3_column_int64(s, 2);
		hand.vm = fth_store_text(s, 3);
		hand.patch = fth_store_text(s, 4);
		hand.verb = fth_store_text(s, 5);
		hand.why = fth_store_text(s, 6);
		hand.code = (int32_t)sqlite3_column_int64(s, 7);
		hand.detail = fth_store_text(s, 8);
		error = take(context, &hand);
	}
	return fth_store_end_walk(store, s, code, error);
}
