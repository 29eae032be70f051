// SPDX-License-Identifier: GPL-2.0
/* The journal's VMs: what was last heard of each, and what they are called. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "io/store_internal.h"

int fth_store_put_vm(struct fth_store *store, const struct fth_store_vm *vm)
{
	sqlite3_stmt *statement = store->statements[PUT_VM];
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_text(statement, 1, vm->name, -1, SQLITE_STATIC);
	sqlite3_bind_blob(statement, 2, vm->boot_id, FTH_UUID_SIZE, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 3, (int64_t)vm->uptime_ms);
	sqlite3_bind_blob(statement, 4, vm->uuid, vm->has_uuid ? FTH_UUID_SIZE : 0, SQLITE_STATIC);
	return fth_store_run(store, PUT_VM, "remember a VM");
}

static void take_row(sqlite3_stmt *s, struct fth_store_vm *ret_vm)
{
	ret_vm->name = fth_store_text(s, 0);
	fth_store_copy(s, 1, ret_vm->boot_id, sizeof(ret_vm->boot_id));
	ret_vm->uptime_ms = (uint64_t)sqlite3_column_int64(s, 2);
	ret_vm->has_uuid = sqlite3_column_bytes(s, 3) == FTH_UUID_SIZE;
	fth_store_copy(s, 3, ret_vm->uuid, sizeof(ret_vm->uuid));
}

int fth_store_find_vm(struct fth_store *store, const char *name, const uint8_t *uuid,
		      char *ret_name, size_t size, struct fth_store_vm *ret_vm)
{
	sqlite3_stmt *s = store->statements[FIND_VM];
	int code;

	if (name)
		sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
	else
		sqlite3_bind_blob(s, 2, uuid, FTH_UUID_SIZE, SQLITE_STATIC);
	code = sqlite3_step(s);
	if (code == SQLITE_ROW) {
		take_row(s, ret_vm);
		snprintf(ret_name, size, "%s", ret_vm->name);
		ret_vm->name = ret_name;
	} else if (code != SQLITE_DONE) {
		fth_store_explain(store, "read");
	}
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return code == SQLITE_ROW ? 0 : code == SQLITE_DONE ? -ENOENT : -EIO;
}

int fth_store_rename_vm(struct fth_store *store, const char *from, const char *to)
{
	int error = fth_store_begin(store);
	int which;

	for (which = RENAME_VM; !error && which <= RENAME_HANDS; which++) {
		sqlite3_bind_text(store->statements[which], 1, from, -1, SQLITE_STATIC);
		sqlite3_bind_text(store->statements[which], 2, to, -1, SQLITE_STATIC);
		error = fth_store_run(store, (enum fth_store_statement)which, "rename a VM");
	}
	return error;
}

int fth_store_drop_vm(struct fth_store *store, const char *name)
{
	int error = fth_store_begin(store);

	if (error)
		return error;
	sqlite3_bind_text(store->statements[DROP_VM], 1, name, -1, SQLITE_STATIC);
	error = fth_store_run(store, DROP_VM, "forget a VM");
	if (error)
		return error;
	sqlite3_bind_text(store->statements[DROP_BLOCKS_OF_VM], 1, name, -1, SQLITE_STATIC);
	return fth_store_run(store, DROP_BLOCKS_OF_VM, "forget what is blocked for a VM");
}

int fth_store_each_vm(struct fth_store *store,
		      int (*take)(void *context, const struct fth_store_vm *vm), void *context)
{
	sqlite3_stmt *s = store->statements[ALL_VMS];
	struct fth_store_vm vm;
	int code = SQLITE_DONE, error = 0;

	while (!error && (code = sqlite3_step(s)) == SQLITE_ROW) {
		take_row(s, &vm);
		error = take(context, &vm);
	}
	return fth_store_end_walk(store, s, code, error);
}
