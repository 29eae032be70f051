// SPDX-License-Identifier: GPL-2.0
/* How a transition moves on: attempts, retries, nudges, deadline. */
#include "advance.h"

#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "compat/kernel.h"
#include "nudge.h"
#include "patch.h"

static u64 ms_to_ns(u32 ms)
{
	return (u64)ms * NSEC_PER_MSEC;
}

void fth_advance_begin(struct fth_advance *advance, struct fth_patch *patch, bool to_new)
{
	u32 nudge_after_ms = patch->policy.nudge_after_ms;

	advance->patch = patch;
	advance->to_new = to_new;
	/* Turned twice between two steps: its stragglers are those of before. */
	advance->flipped = READ_ONCE(patch->lever.phase) ==
			   (to_new ? FTH_PHASE_TO_NEW : FTH_PHASE_TO_OLD);
	advance->late = false;
	advance->error = 0;
	advance->began_ns = ktime_get_ns();
	advance->retry_ns = advance->began_ns;
	advance->nudge_ns = 0;
	if (nudge_after_ms != FTH_NUDGE_MANUAL)
		advance->nudge_ns = advance->began_ns + ms_to_ns(nudge_after_ms);
	advance->backoff_ms = FTH_BACKOFF_MIN_MS;
	advance->slack = FTH_WALK_SLACK_MIN;
	advance->stopped_ns = 0;
	advance->held_ns = 0;
	advance->why[0] = '\0';
}

static void back_off(struct fth_advance *advance)
{
	advance->retry_ns = ktime_get_ns() + ms_to_ns(advance->backoff_ms);
	advance->backoff_ms = min(advance->backoff_ms * 2, FTH_BACKOFF_MAX_MS);
}

static void flip(struct fth_advance *advance)
{
	struct fth_patch *patch = advance->patch;
	struct fth_flip flip = {
		.rule = { .set = advance->to_new ? &patch->sets->old_set : &patch->sets->new_set },
		.to_new = advance->to_new,
		.stop_max_us = patch->policy.stop_max_us,
		.slack = advance->slack,
		.left = advance->left,
	};
	struct fth_roster *old;

	advance->error = fth_transition_flip(&patch->lever, &flip, &old);
	if (advance->error) {
		advance->slack = min(advance->slack * 2, FTH_WALK_SLACK_MAX);
		back_off(advance);
		return;
	}
	advance->total = flip.ret_total;
	advance->stopped_ns = max(advance->stopped_ns, flip.ret_stopped_ns);
	advance->flipped = true;
	advance->backoff_ms = FTH_BACKOFF_MIN_MS;
	advance->retire(old);
	fth_transition_retry(patch->lever.roster, false);
	back_off(advance);
}

/* Where the whole machine is already where it shall go (turned at once). */
static bool is_there(const struct fth_advance *advance)
{
	return READ_ONCE(advance->patch->lever.phase) ==
	       (advance->to_new ? FTH_PHASE_NEW : FTH_PHASE_OLD);
}

static enum fth_advance_end meet_deadline(struct fth_advance *advance)
{
	const struct fth_guest_policy *policy = &advance->patch->policy;

	if (!policy->deadline_ms || advance->late ||
	    ktime_get_ns() < advance->began_ns + ms_to_ns(policy->deadline_ms))
		return FTH_ADVANCE_MOVING;
	advance->late = true;
	/* A revert never goes back to the patched state by itself. */
	if (!advance->to_new)
		return FTH_ADVANCE_MOVING;
	scnprintf(advance->why, sizeof(advance->why), "deadline of %u ms missed with %d tasks left",
		  policy->deadline_ms, fth_advance_pending(advance));
	if (policy->on_deadline == FTH_ON_DEADLINE_REVERSE)
		return FTH_ADVANCE_REVERSE;
	if (policy->on_deadline == FTH_ON_DEADLINE_FORCE)
		return FTH_ADVANCE_FORCE;
	return FTH_ADVANCE_MOVING;
}

void fth_advance_nudge(struct fth_advance *advance)
{
	struct fth_roster *roster = fth_advance_roster(advance);

	if (roster)
		fth_nudge_stragglers(roster, advance->patch->policy.nudge_timed);
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
	if (is_there(advance))
		return FTH_ADVANCE_DONE;
	if (ktime_get_ns() >= advance->retry_ns) {
		if (!advance->flipped) {
			flip(advance);
		} else {
			fth_transition_retry(advance->patch->lever.roster,
					     advance->backoff_ms == FTH_BACKOFF_MAX_MS);
			back_off(advance);
		}
	}
	if (advance->flipped && !atomic_read(&advance->patch->lever.roster->holding))
		return FTH_ADVANCE_DONE;
	nudge_if_due(advance);
	return meet_deadline(advance);
}

void fth_advance_finish(struct fth_advance *advance)
{
	struct fth_lever *lever = &advance->patch->lever;
	struct fth_roster *roster = lever->roster;

	fth_transition_end(lever, advance->to_new);
	advance->flipped = false;
	if (!roster)
		return;
	fth_transition_drain();
	lever->roster = NULL;
	advance->retire(roster);
}

u64 fth_advance_due_ns(const struct fth_advance *advance)
{
	const struct fth_guest_policy *policy = &advance->patch->policy;
	u64 due = advance->retry_ns;

	if (advance->nudge_ns)
		due = min(due, advance->nudge_ns);
	if (policy->deadline_ms && !advance->late)
		due = min(due, advance->began_ns + ms_to_ns(policy->deadline_ms));
	return due;
}

struct fth_roster *fth_advance_roster(const struct fth_advance *advance)
{
	return advance->flipped ? READ_ONCE(advance->patch->lever.roster) : advance->blockers;
}

int fth_advance_pending(const struct fth_advance *advance)
{
	struct fth_roster *roster = fth_advance_roster(advance);

	return roster ? atomic_read(&roster->holding) : -1;
}

void fth_advance_describe(const struct fth_advance *advance, const struct fth_straggler *straggler,
			  char *text, size_t size)
{
	u64 now = ktime_get_ns();

	if (is_idle_task(straggler->task))
		strscpy(text, "looked at again with the CPUs stopped", size);
	else if (fth_task_is_halted(straggler->task))
		strscpy(text, "left alone while it is stopped or traced", size);
	else if (!advance->nudge_ns)
		strscpy(text, "waited for; nudge by hand", size);
	else
		scnprintf(text, size, "nudge in %llu ms",
			  advance->nudge_ns > now ? (advance->nudge_ns - now) / NSEC_PER_MSEC : 0);
}
