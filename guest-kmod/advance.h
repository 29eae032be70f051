/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a transition moves on: attempts, retries, nudges, freezes, deadline.
 *
 * DESIGN
 * work.c says what shall become of a patch, settle.c carries out what its end means;
 * this file moves the tasks by the patch's model until all have switched.
 * Everything runs in the engine's worker with the mutex for moves, and without
 * the engine's lock, since an attempt may take as long as a freeze is allowed.
 * A request for the other direction shows in @interrupted meanwhile.
 *
 * leave, switch          attempt               freeze (freeze.use: if-needed)
 * function, function     one, no check         never
 * set|kernel, thread     flip, then stragglers at the deadline, if it says so
 *                        are retried
 * set, kernel            whole flip            after the nudges' first turn
 * kernel, kernel         whole flip, frozen    at once
 *
 * Attempts back off while they fail; a nudge makes the next one soon.  Between
 * two freezes everybody runs for at least twice as long as they were held.  When
 * the freezes are used up it is as if the deadline had passed; what may not be
 * given up (a revert, or where the policy waits) begins a new series later.
 *
 * A flip that takes longer than stop-max changes nothing and is made again.  A
 * way back that is late has no other end: it may then stop the CPUs for twice as
 * long with each try.
 */
#ifndef FOTHER_GUEST_ADVANCE_H
#define FOTHER_GUEST_ADVANCE_H

#include <linux/types.h>

#include "transition.h"

#define FTH_BACKOFF_MIN_MS 1u
#define FTH_BACKOFF_MAX_MS 100u
#define FTH_BACKOFF_WHOLE_MAX_MS 250u /* every attempt looks at all tasks */
#define FTH_FREEZE_LATER_MS 200u      /* than the first nudge */
#define FTH_FREEZE_MANUAL_MS 1000u    /* where nobody nudges */
#define FTH_FREEZE_PAUSE_MS 200u      /* at least, between two freezes */
#define FTH_FREEZE_AGAIN_MS 10000u    /* between two series of them */
#define FTH_HELD_TRIES 3u	      /* attempts while tasks are held */
#define FTH_HELD_PAUSE_US 2000u
#define FTH_WHY_MAX 192u
#define FTH_WHY_NAMES_MAX 4u /* tasks that are named in it */

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
 * @first_ns: CLOCK_MONOTONIC, when the transition began; 0 = before that
 * @began_ns: when it took this direction
 * @retry_ns: when tasks are looked at again, 0 = in a freeze only
 * @freeze_ns: when they are frozen, 0 = not by itself
 * @nudge_ns: when they are nudged, 0 = never
 * @backoff_ms: until the retry after the next
 * @slack: for the next flip
 * @stop_max_us: for the next flip; more than the policy's on a way back that is late
 * @total: tasks seen by the last flip
 * @stopped_ns: the longest stop of all CPUs; this and the next two are of the
 *	whole transition, with its turns
 * @held_ns: the longest time that a task was held
 * @freezes: so many
 * @tries: freezes of the present series
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
	u64 first_ns;
	u64 began_ns;
	u64 retry_ns;
	u64 freeze_ns;
	u64 nudge_ns;
	u32 backoff_ms;
	u32 slack;
	u32 stop_max_us;
	u32 total;
	u64 stopped_ns;
	u64 held_ns;
	u32 freezes;
	u32 tries;
	int error;
	char why[FTH_WHY_MAX];
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

/** fth_advance_due_ns() - when fth_advance_step() has work; 0 = when it is kicked. */
u64 fth_advance_due_ns(const struct fth_advance *advance);

/** fth_advance_roster() - who holds it up, or NULL; valid until retired. */
struct fth_roster *fth_advance_roster(const struct fth_advance *advance);

/** fth_advance_pending() - how many hold it up; -1 before anybody looked. */
int fth_advance_pending(const struct fth_advance *advance);

/**
 * fth_advance_trouble() - why the last check of stacks moved nobody and named nobody
 * @text: room for @size; one clause, without an end; empty when it did not fail so
 *
 * Return: its length.
 */
int fth_advance_trouble(const struct fth_advance *advance, char *text, size_t size);

/**
 * fth_advance_names() - some of those who hold it up, at most FTH_WHY_NAMES_MAX
 * @text: room for @size; ": PID NAME, ...", or empty
 *
 * Context: the worker.
 */
void fth_advance_names(const struct fth_advance *advance, char *text, size_t size);

/**
 * fth_advance_print() - what it took: time, stop of the CPUs, freezes
 * @text: room for @size
 */
void fth_advance_print(const struct fth_advance *advance, char *text, size_t size);

/**
 * fth_advance_describe() - what will be done about a straggler next
 * @text: room for @size
 */
void fth_advance_describe(const struct fth_advance *advance, const struct fth_straggler *straggler,
			  char *text, size_t size);

#endif /* FOTHER_GUEST_ADVANCE_H */
