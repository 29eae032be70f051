// SPDX-License-Identifier: GPL-2.0
/* How a transition moves on: attempts, retries, nudges, freezes, deadline. */
#include "advance.h"

#include <linux/delay.h>
#include <linux/sched/mm.h>
#include <linux/timekeeping.h>

#include "compat/breakage.h"
#include "compat/freeze.h"
#include "nudge.h"
#include "park.h"
#include "patch.h"
#include "times.h"

static bool is_whole(const struct fth_guest_policy *policy)
{
	return policy->switches == FTH_SWITCH_KERNEL;
}

/* It is never tried without a freeze. */
static bool freezes_first(const struct fth_guest_policy *policy)
{
	return policy->freeze_use == FTH_FREEZE_ALWAYS ||
	       (is_whole(policy) && policy->leave == FTH_LEAVE_KERNEL);
}

/* When it is frozen for the first time, 0 = only at the deadline or never. */
static u64 first_freeze_ns(const struct fth_guest_policy *policy, u64 began_ns)
{
	if (policy->leave == FTH_LEAVE_FUNCTION || policy->freeze_use == FTH_FREEZE_NEVER)
		return 0;
	if (freezes_first(policy))
		return began_ns;
	if (!is_whole(policy))
		return 0;
	if (policy->nudge_after_ms == FTH_NUDGE_MANUAL)
		return began_ns + ms_to_ns(FTH_FREEZE_MANUAL_MS);
	return began_ns + ms_to_ns(policy->nudge_after_ms) + ms_to_ns(FTH_FREEZE_LATER_MS);
}

/* Who looks at the one before does so under the engine's lock, as retiring does. */
static void set_blockers(struct fth_advance *advance, struct fth_roster *roster)
{
	struct fth_roster *old = advance->blockers;

	if (roster && old)
		fth_roster_inherit(roster, old);
	WRITE_ONCE(advance->blockers, roster);
	advance->retire(old);
}

void fth_advance_begin(struct fth_advance *advance, struct fth_patch *patch, bool to_new)
{
	const struct fth_guest_policy *policy = &patch->policy;

	set_blockers(advance, NULL);
	advance->patch = patch;
	advance->to_new = to_new;
	/* Turned twice between two steps: its stragglers are those of before. */
	advance->flipped = READ_ONCE(patch->lever.phase) ==
			   (to_new ? FTH_PHASE_TO_NEW : FTH_PHASE_TO_OLD);
	advance->late = false;
	advance->error = 0;
	advance->began_ns = ktime_get_ns();
	advance->first_ns = advance->first_ns ?: advance->began_ns;
	advance->freeze_ns = first_freeze_ns(policy, advance->began_ns);
	advance->retry_ns = advance->began_ns;
	if (!advance->flipped && advance->freeze_ns && freezes_first(policy))
		advance->retry_ns = 0;
	advance->nudge_ns = 0;
	if (policy->nudge_after_ms != FTH_NUDGE_MANUAL)
		advance->nudge_ns = advance->began_ns + ms_to_ns(policy->nudge_after_ms);
	advance->backoff_ms = FTH_BACKOFF_MIN_MS;
	advance->slack = FTH_WALK_SLACK_MIN;
	advance->stop_max_us = policy->stop_max_us;
	advance->tries = 0;
	advance->why[0] = '\0';
}

static u32 backoff_max_ms(const struct fth_advance *advance)
{
	return is_whole(&advance->patch->policy) ? FTH_BACKOFF_WHOLE_MAX_MS : FTH_BACKOFF_MAX_MS;
}

static void back_off(struct fth_advance *advance)
{
	advance->retry_ns = ktime_get_ns() + ms_to_ns(advance->backoff_ms);
	advance->backoff_ms = min(advance->backoff_ms * 2, backoff_max_ms(advance));
}

static bool is_late(const struct fth_advance *advance)
{
	/* Where nobody says when that is, it is when it would be. */
	return advance->late ||
	       (!advance->patch->policy.deadline_ms &&
		ktime_get_ns() >= advance->began_ns + ms_to_ns(FTH_DEADLINE_DEFAULT_MS));
}

/* What the next flip does otherwise than one that could not tell who may switch. */
static void learn(struct fth_advance *advance, int error)
{
	u32 stop_max_us = min(advance->stop_max_us * 2, FTH_STOP_MAX_MAX_US);

	if (error == -ENOSPC)
		advance->slack = min(advance->slack * 2, FTH_WALK_SLACK_MAX);
	if (error != -ETIME || advance->to_new || !is_late(advance) ||
	    stop_max_us == advance->stop_max_us)
		return;
	pr_warn("patch '%s': its revert is late, since the check of stacks takes longer than %u us; it may stop all CPUs for %u us now\n",
		advance->patch->name, advance->stop_max_us, stop_max_us);
	advance->stop_max_us = stop_max_us;
}

static int flip(struct fth_advance *advance)
{
	struct fth_patch *patch = advance->patch;
	const struct fth_sets *sets = patch->sets;
	struct fth_flip flip = {
		.rule = { .set = advance->to_new ? &sets->old_set : &sets->new_set,
			  .boundary = patch->policy.leave == FTH_LEAVE_KERNEL },
		.to_new = advance->to_new,
		.whole = is_whole(&patch->policy),
		.stop_max_us = advance->stop_max_us,
		.slack = advance->slack,
		.gfp = GFP_KERNEL,
		.left = advance->left,
	};
	struct fth_roster *old = NULL;
	int error = fth_transition_flip(&patch->lever, &flip, &old);

	advance->error = error;
	advance->stopped_ns = max(advance->stopped_ns, flip.ret_stopped_ns);
	if (error == -EBUSY)
		set_blockers(advance, flip.ret_blockers);
	else if (error)
		learn(advance, error);
	else
		advance->retire(old);
	if (!error || error == -EBUSY)
		advance->total = flip.ret_total;
	return error;
}

static void begin_thread(struct fth_advance *advance)
{
	if (flip(advance))
		return;
	advance->flipped = advance->patch->lever.roster;
	advance->backoff_ms = FTH_BACKOFF_MIN_MS;
	if (!advance->flipped)
		return;
	/* A retry goes on where the last one stopped: it needs no more than is allowed. */
	advance->patch->lever.roster->stop_max_us = advance->patch->policy.stop_max_us;
	fth_roster_retry(advance->patch->lever.roster, false);
}

/* One attempt.  @held: tasks are held for it, so nothing is left to chance. */
static void attempt(struct fth_advance *advance, bool held)
{
	bool stop = held || advance->backoff_ms == backoff_max_ms(advance);

	if (advance->flipped)
		fth_roster_retry(advance->patch->lever.roster, stop);
	else if (!is_whole(&advance->patch->policy))
		begin_thread(advance);
	else if (held || !advance->blockers || !fth_roster_review(advance->blockers))
		flip(advance);
}

/* Where the whole machine is already where it shall go. */
static bool is_there(const struct fth_advance *advance)
{
	return READ_ONCE(advance->patch->lever.phase) ==
	       (advance->to_new ? FTH_PHASE_NEW : FTH_PHASE_OLD);
}

static bool has_ended(const struct fth_advance *advance)
{
	return is_there(advance) ||
	       (advance->flipped && !atomic_read(&advance->patch->lever.roster->holding));
}

/* Some blockers move though no task work moves them: threads, sleep on a disk. */
static void attempt_held(struct fth_advance *advance, u64 until_ns)
{
	for (u32 i = 0; i < FTH_HELD_TRIES; i++) {
		if (advance->interrupted() || ktime_get_ns() >= until_ns)
			return;
		attempt(advance, true);
		if (has_ended(advance))
			return;
		usleep_range(FTH_HELD_PAUSE_US, 2 * FTH_HELD_PAUSE_US);
	}
}

/*
 * With the kernel's freezer too: it freezes those who are parked where they are,
 * and not deep inside a system call as it would.
 */
static void attempt_frozen(struct fth_advance *advance, u64 until_ns)
{
	u64 now = ktime_get_ns();

	if (advance->interrupted() || now >= until_ns)
		return;
	advance->error = fth_freeze_kernel_begin(max_t(u32, (until_ns - now) / NSEC_PER_MSEC, 1));
	if (advance->error)
		return;
	/* It may have waited for user mode helpers: those parked went on. */
	attempt_held(advance, until_ns);
	fth_freeze_kernel_end();
}

/* Return: how long tasks were held. */
static u64 hold(struct fth_advance *advance)
{
	const struct fth_guest_policy *policy = &advance->patch->policy;
	u64 until_ns = ktime_get_ns() + ms_to_ns(policy->freeze_budget_ms);
	struct fth_park_order order = {
		.budget_ms = policy->freeze_budget_ms,
		.interrupted = advance->interrupted,
		.timed = policy->nudge_timed,
	};
	struct fth_park *park;
	u64 held_ns;
	u32 parked;

	advance->error = fth_park_begin(&order, &park);
	if (advance->error)
		return 0;
	if (fth_broken_stop() && is_whole(policy)) {
		/* Too late: those who were found out of the way go on already. */
		fth_park_end(park, &held_ns, &parked);
		fth_transition_jump(&advance->patch->lever, advance->to_new);
		return held_ns;
	}
	if (policy->freeze_way == FTH_FREEZE_PARK)
		attempt_held(advance, until_ns);
	else
		attempt_frozen(advance, until_ns);
	fth_park_end(park, &held_ns, &parked);
	return held_ns;
}

/* What might wait for somebody who is held is done before, or not at all. */
static u64 hold_safely(struct fth_advance *advance)
{
	bool kernel = advance->patch->policy.freeze_way == FTH_FREEZE_KERNEL;
	unsigned int flags;
	u64 held_ns;

	if (kernel)
		fth_freeze_kernel_lock();
	/* Whoever would write a page back, for a file system of user space, may be held. */
	flags = memalloc_noio_save();
	held_ns = hold(advance);
	memalloc_noio_restore(flags);
	if (kernel)
		fth_freeze_kernel_unlock();
	return held_ns;
}

static void freeze(struct fth_advance *advance)
{
	u64 held_ns;

	advance->freezes++;
	advance->tries++;
	held_ns = hold_safely(advance);
	advance->held_ns = max(advance->held_ns, held_ns);
	advance->freeze_ns =
		ktime_get_ns() + max_t(u64, ms_to_ns(FTH_FREEZE_PAUSE_MS), 2 * held_ns);
	/* The first flip of threads is made: its stragglers are retried as ever. */
	if (advance->flipped && !advance->retry_ns)
		back_off(advance);
}

/* The policy's last word.  A revert never goes back to the patched state by itself. */
static enum fth_advance_end give_up(struct fth_advance *advance, const char *what)
{
	u8 action = advance->patch->policy.on_deadline;
	char names[FTH_WHY_MAX / 2], trouble[FTH_WHY_MAX / 2];
	int pending = fth_advance_pending(advance);

	advance->late = true;
	if (!advance->to_new || action == FTH_ON_DEADLINE_WAIT)
		return FTH_ADVANCE_MOVING;
	if (fth_advance_trouble(advance, trouble, sizeof(trouble))) {
		scnprintf(advance->why, sizeof(advance->why), "%s: %s", what, trouble);
	} else if (pending < 0) {
		scnprintf(advance->why, sizeof(advance->why), "%s before stacks were checked",
			  what);
	} else {
		fth_advance_names(advance, names, sizeof(names));
		scnprintf(advance->why, sizeof(advance->why), "%s with %d tasks left%s", what,
			  pending, names);
	}
	return action == FTH_ON_DEADLINE_FORCE ? FTH_ADVANCE_FORCE : FTH_ADVANCE_REVERSE;
}

static enum fth_advance_end meet_deadline(struct fth_advance *advance)
{
	const struct fth_guest_policy *policy = &advance->patch->policy;
	char what[FTH_WHY_MAX / 2];

	if (!policy->deadline_ms || advance->late ||
	    ktime_get_ns() < advance->began_ns + ms_to_ns(policy->deadline_ms))
		return FTH_ADVANCE_MOVING;
	if (policy->on_deadline == FTH_ON_DEADLINE_FREEZE) {
		advance->late = true;
		advance->freeze_ns = ktime_get_ns();
		return FTH_ADVANCE_MOVING;
	}
	scnprintf(what, sizeof(what), "deadline of %u ms missed", policy->deadline_ms);
	return give_up(advance, what);
}

static enum fth_advance_end meet_last_freeze(struct fth_advance *advance)
{
	const struct fth_guest_policy *policy = &advance->patch->policy;
	char what[FTH_WHY_MAX / 2];

	if (advance->tries < policy->freeze_attempts || advance->interrupted())
		return FTH_ADVANCE_MOVING;
	/* For what can't be given up. */
	advance->tries = 0;
	advance->freeze_ns = ktime_get_ns() + ms_to_ns(FTH_FREEZE_AGAIN_MS);
	scnprintf(what, sizeof(what), "%u freezes of at most %u ms failed", advance->freezes,
		  policy->freeze_budget_ms);
	return give_up(advance, what);
}

void fth_advance_nudge(struct fth_advance *advance)
{
	struct fth_roster *roster = fth_advance_roster(advance);

	if (!roster)
		return;
	fth_nudge_stragglers(roster, advance->patch->policy.nudge_timed);
	/* They are on their way. */
	advance->backoff_ms = FTH_BACKOFF_MIN_MS;
	if (advance->retry_ns)
		back_off(advance);
}

static void nudge_if_due(struct fth_advance *advance)
{
	u64 now = ktime_get_ns();

	if (!advance->nudge_ns || now < advance->nudge_ns)
		return;
	fth_advance_nudge(advance);
	advance->nudge_ns = now + ms_to_ns(advance->patch->policy.nudge_every_ms);
}

enum fth_advance_end fth_advance_step(struct fth_advance *advance)
{
	enum fth_advance_end end = FTH_ADVANCE_MOVING;
	u64 now = ktime_get_ns();

	if (advance->patch->policy.leave == FTH_LEAVE_FUNCTION)
		fth_transition_jump(&advance->patch->lever, advance->to_new);
	if (has_ended(advance))
		return FTH_ADVANCE_DONE;
	if (advance->freeze_ns && now >= advance->freeze_ns) {
		freeze(advance);
		if (!has_ended(advance))
			end = meet_last_freeze(advance);
	} else if (advance->retry_ns && now >= advance->retry_ns) {
		attempt(advance, false);
		back_off(advance);
	}
	if (has_ended(advance))
		return FTH_ADVANCE_DONE;
	nudge_if_due(advance);
	return end == FTH_ADVANCE_MOVING ? meet_deadline(advance) : end;
}

void fth_advance_finish(struct fth_advance *advance)
{
	struct fth_roster *roster;

	roster = fth_transition_end(&advance->patch->lever, advance->to_new);
	/* They are of the whole transition, however often it was turned. */
	advance->first_ns = 0;
	advance->stopped_ns = 0;
	advance->held_ns = 0;
	advance->freezes = 0;
	advance->flipped = false;
	set_blockers(advance, NULL);
	advance->retire(roster);
}

u64 fth_advance_due_ns(const struct fth_advance *advance)
{
	const struct fth_guest_policy *policy = &advance->patch->policy;
	u64 due = earlier(advance->retry_ns, advance->freeze_ns);

	due = earlier(advance->nudge_ns, due);
	if (policy->deadline_ms && !advance->late)
		due = earlier(advance->began_ns + ms_to_ns(policy->deadline_ms), due);
	return due;
}

struct fth_roster *fth_advance_roster(const struct fth_advance *advance)
{
	return advance->flipped ? READ_ONCE(advance->patch->lever.roster)
				: READ_ONCE(advance->blockers);
}

int fth_advance_pending(const struct fth_advance *advance)
{
	struct fth_roster *roster = fth_advance_roster(advance);

	return roster ? atomic_read(&roster->holding) : -1;
}
