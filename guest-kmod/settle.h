/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the end of a transition means, for the table, the patches and the client.
 *
 * DESIGN
 * work.c drives a transition and says that it has ended; here its outcome becomes
 * the patches' state, the author's callbacks run, and the table follows.  From the
 * moment the state is settled, requests find what it came to and may ask for the
 * next one; all the rest is done after, with the mutex for moves held throughout.
 */
#ifndef FOTHER_GUEST_SETTLE_H
#define FOTHER_GUEST_SETTLE_H

#include <linux/types.h>

#include "engine.h"

struct fth_patch;

/**
 * struct fth_outcome - what the client is told once the mutexes are dropped
 * @has_settled: @settled is to be told
 * @has_progress: else the rest is
 */
struct fth_outcome {
	bool has_settled;
	bool has_progress;
	struct fth_settled settled;
	char name[FTH_NAME_MAX + 1];
	u8 state;
	u32 done;
	u32 total;
};

/**
 * fth_settle_finish() - the running transition is over
 * @forced: against the rules
 *
 * Does nothing when somebody turned it round just before.
 * Context: the worker; moves held; sleeps.
 */
void fth_settle_finish(struct fth_outcome *outcome, bool forced);

/**
 * fth_settle_drop() - a patch at rest is taken out at once
 *
 * Beside the transition of another one, which has been begun.
 * Context: as fth_settle_finish().
 */
void fth_settle_drop(struct fth_patch *patch, struct fth_outcome *outcome);

#endif /* FOTHER_GUEST_SETTLE_H */
