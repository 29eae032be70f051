// SPDX-License-Identifier: GPL-2.0
/* Rollouts that leave the journal; what was decided in them stays in its history. */
#include <errno.h>

#include "io/store_internal.h"

/* A number is never given again: op ids are made of it, and guests remember them. */
static int note_number(struct fth_store *store, uint64_t id)
{
	int64_t dropped = 0;
	int error = fth_store_get_meta(store, "dropped", &dropped);

	if (error == -EIO)
		return error;
	return (int64_t)id > dropped ? fth_store_put_meta(store, "dropped", (int64_t)id)
				     : fth_store_begin(store);
}

static int run_with_id(struct fth_store *store, enum fth_store_statement which, uint64_t id,
		       const char *operation)
{
	sqlite3_bind_int64(store->statements[which], 1, (int64_t)id);
	return fth_store_run(store, which, operation);
}

int fth_store_drop_rollout(struct fth_store *store, uint64_t id)
{
	int error = note_number(store, id);

	if (!error)
		error = run_with_id(store, DROP_EVENTS, id, "drop a rollout's events");
	return error ? error : run_with_id(store, DROP_ROLLOUT, id, "drop a rollout");
}

int fth_store_prune_rollout(struct fth_store *store, uint64_t id)
{
	int error = note_number(store, id);

	return error ? error : run_with_id(store, MARK_PRUNED, id, "prune a rollout");
}

int fth_store_prune_some(struct fth_store *store, uint32_t max, bool *ret_more)
{
	int64_t left = 0;
	int error = fth_store_begin(store);

	if (!error)
		error = run_with_id(store, PRUNE_EVENTS, max, "prune events");
	if (!error)
		error = fth_store_run(store, PRUNE_ROLLOUTS, "prune rollouts");
	if (!error && fth_store_number(store, COUNT_PRUNED, &left))
		error = -EIO;
	if (!error)
		*ret_more = left > 0;
	return error;
}
