/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a transition moves on: attempts, retries, nudges, freezes, deadline.
 *
 * DESIGN
 * work.c says what shall become of a patch and carries out what its end means;
 * this file moves the tasks by the patch's model until all have switched.
 * Everything runs in the engine's worker with the mutex for moves, and without
 * the engine's lock, since an attempt may take as long as a freeze is allowed.
 * A request for the other direction shows in @interrupted meanwhile.
 */
#ifndef FOTHER_GUEST_ADVANCE_H
#define FOTHER_GUEST_ADVANCE_H

#include <linux/types.h>

#include "transition.h"

#define FTH_BACKOFF_MIN_MS 1u
#define FTH_BACKOFF_MAX_MS 100u

struct fth_patch;

/* What is left to be done by who drives. */
enum fth_advance_end {
	FTH_ADVANCE_MOVING = 0,
	FTH_ADVANCE_DONE = 1,	 /* all tasks have switched */
	FTH_ADVANCE_REVERSE = 2, /* missed: to be turned round */
	FTH_ADVANCE_FORCE = 3,	 /* missed: to be ended against the rules */
};

/**
 * struct fth_advance - one direction of one transition
 * @patch: whose
 * @to_new: where to
 * @flipped: its stragglers are in the lever's roster
 * @late: the deadline was missed and nothing was to be done about it
 * @interrupted: is somebody waiting for the worker?  May be asked any time.
 * @retire: takes over a roster that is nobody's any more
 * @left: see struct fth_roster
 * @blockers: who prevented the last attempt to switch all at once, or NULL
 * @began_ns: CLOCK_MONOTONIC
 * @retry_ns: when tasks are looked at again
 * @nudge_ns: when they are nudged, 0 = never
 * @backoff_ms: until the retry after the next
 * @slack: for the next flip
 * @total: tasks seen by the last flip
 * @stopped_ns: the longest stop of all CPUs
 * @held_ns: the longest time that a task was parked
 * @error: of the last flip
 * @why: of an end that nobody asked for, one sentence
 */
struct fth_advance {
	struct fth_patch *patch;
	bool to_new;
	bool flipped;
	bool late;
	bool (*interrupted)(void);
	void (*retire)(struct fth_roster *roster);
	void (*left)(void);
	struct fth_roster *blockers;
	u64 began_ns;
	u64 retry_ns;
	u64 nudge_ns;
	u32 backoff_ms;
	u32 slack;
	u32 total;
	u64 stopped_ns;
	u64 held_ns;
	int error;
	char why[96];
};

/**
 * fth_advance_begin() - from here on to @to_new
 * @advance: @interrupted, @retire and @left set; @patch has fresh sets
 *
 * Also in the middle of the other direction: its roster stays the lever's.
 */
void fth_advance_begin(struct fth_advance *advance, struct fth_patch *patch, bool to_new);

/**
 * fth_advance_step() - do what is due
 *
 * Context: sleeps; the worker.
 */
enum fth_advance_end fth_advance_step(struct fth_advance *advance);

/** fth_advance_nudge() - nudge whoever holds it up, now. */
void fth_advance_nudge(struct fth_advance *advance);

/**
 * fth_advance_finish() - one universe for all, and no roster left
 *
 * With stragglers this breaks consistency (force).
 */
void fth_advance_finish(struct fth_advance *advance);

/** fth_advance_due_ns() - when fth_advance_step() has work; CLOCK_MONOTONIC. */
u64 fth_advance_due_ns(const struct fth_advance *advance);

/** fth_advance_roster() - who holds it up, or NULL; valid until retired. */
struct fth_roster *fth_advance_roster(const struct fth_advance *advance);

/** fth_advance_pending() - how many hold it up; -1 before anybody looked. */
int fth_advance_pending(const struct fth_advance *advance);

/**
 * fth_advance_describe() - what will be done about a straggler next
 * @text: room for @size
 */
void fth_advance_describe(const struct fth_advance *advance, const struct fth_straggler *straggler,
			  char *text, size_t size);

#endif /* FOTHER_GUEST_ADVANCE_H */
