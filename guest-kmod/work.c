// SPDX-License-Identifier: GPL-2.0
/* The engine's first worker: what a transition's begin and turns mean. */

#include <linux/jiffies.h>
#include <linux/livepatch.h>
#include <linux/sched/mm.h>
#include <linux/timekeeping.h>

#include "compat/cpus.h"
#include "engine_priv.h"
#include "object.h"
#include "revert.h"
#include "settle.h"
#include "states.h"
#include "times.h"

#define STUCK_RETRY_MS 100u /* while a CPU doesn't answer */
#define TELL_RETRY_MS 1000u /* while the host has no room for an incident */

static struct fth_outcome work_outcome; /* the worker's */

static bool is_interrupted(void)
{
	const struct fth_run *run = &fth_engine.run;

	return READ_ONCE(run->turned) || READ_ONCE(run->force);
}

static void retire(struct fth_roster *roster)
{
	bool lingers;

	if (!roster)
		return;
	lingers = roster->lingers;
	roster->live = false;
	fth_roster_cancel(roster);
	mutex_lock(&fth_engine.lock);
	list_add_tail(&roster->retired, &fth_engine.rosters);
	fth_engine.roster_count++;
	fth_work_drop_rosters();
	mutex_unlock(&fth_engine.lock);
	if (lingers)
		mod_delayed_work(fth_engine.queue, &fth_engine.release, 0);
}

void fth_work_drop_rosters(void)
{
	struct fth_roster *roster, *next;

	list_for_each_entry_safe(roster, next, &fth_engine.rosters, retired) {
		/* Pairs with the full barrier of the last visit's decrement. */
		if (roster->lingers || atomic_read_acquire(&roster->users))
			continue;
		list_del(&roster->retired);
		fth_engine.roster_count--;
		fth_roster_free(roster);
	}
}

/* @advance stays: the worker may be in the end of the transition before. */
static void begin_run(struct fth_patch *patch, bool asked_new)
{
	struct fth_run *run = &fth_engine.run;

	run->patch = patch;
	run->asked_new = asked_new;
	run->nudge = false;
	run->begun = false;
}

void fth_work_begin(struct fth_patch *patch)
{
	struct fth_run *run = &fth_engine.run;

	WARN_ON_ONCE(fth_lifecycle_step(FTH_LC_ABSENT, FTH_LC_EV_ADOPT, &patch->state));
	begin_run(patch, true);
	run->to_new = true;
	run->turned = true;
}

void fth_work_turn(struct fth_patch *patch, bool to_new, bool self, u16 code, const char *why)
{
	struct fth_run *run = &fth_engine.run;
	u8 next = patch->state;

	WARN_ON_ONCE(fth_lifecycle_step(patch->state, FTH_LC_EV_REVERSE, &next));
	WRITE_ONCE(patch->settled, false);
	/* Who reads the new direction must not read the end of the one before after it. */
	smp_store_release(&patch->state, next);
	/* What somebody asked for is no turn; what nobody asked for is one. */
	if (!fth_engine_busy())
		begin_run(patch, to_new != self);
	run->to_new = to_new;
	run->self = self;
	run->code = to_new == run->asked_new ? FTH_E_OK : code;
	run->force = false;
	strscpy(run->why, why, sizeof(run->why));
	WRITE_ONCE(run->turned, true);
}

int fth_work_renew_sets(struct fth_patch *patch, struct fth_report *ret_report)
{
	struct fth_sets *sets, *old = patch->sets;
	struct fth_roster *roster = patch->lever.roster;
	/* Whose roster it is, not where the worker wants to go: that may wait for its flip. */
	bool to_new = patch->lever.phase == FTH_PHASE_TO_NEW;
	int error;

	error = fth_patch_make_sets(patch, false, &sets, ret_report);
	if (error)
		return error;
	patch->sets = sets;
	patch->stale = false;
	/* Of a patch that switches all at once: who prevented it the last time. */
	if (!roster && patch == fth_engine.run.advance.patch) {
		roster = fth_engine.run.advance.blockers;
		to_new = fth_engine.run.advance.to_new;
	}
	if (roster)
		fth_roster_set_text(roster, to_new ? &sets->old_set : &sets->new_set);
	/* Who checks a stack does so with preemption off, for a retired roster too. */
	if (roster || READ_ONCE(fth_engine.roster_count))
		fth_transition_drain();
	fth_sets_free(old);
	return 0;
}

/*
 * The direction is news: a fresh start of it.  Return: false when it has to be
 * tried again.
 */
static bool take_turn(struct fth_report *report)
{
	struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch = run->patch;
	bool to_new;

	/* A patch below may have left since the sets were made. */
	if (patch->stale && !patch->lever.roster && fth_work_renew_sets(patch, report) == -ENOMEM) {
		run->advance.retry_ns = ktime_get_ns() + ms_to_ns(FTH_SETS_RETRY_MS);
		return false;
	}
	mutex_lock(&fth_engine.lock);
	run->turned = false;
	to_new = run->to_new;
	fth_patch_publish(patch, true);
	patch->klp->enabled = to_new;
	run->progress_ns = ktime_get_ns() + ms_to_ns(FTH_PROGRESS_EVERY_MS);
	run->begun = true;
	mutex_unlock(&fth_engine.lock);
	/* Not for one that is turned before it was in force, as in-tree. */
	if (!to_new && patch->in_force) {
		patch->in_force = false;
		fth_states_begin(patch);
		fth_objects_call(patch, FTH_CALL_PRE_UNPATCH);
		fth_states_end();
	}
	run->advance.interrupted = is_interrupted;
	run->advance.retire = retire;
	run->advance.left = fth_engine_kick;
	fth_advance_begin(&run->advance, patch, to_new);
	return true;
}

static void tell_progress(struct fth_outcome *outcome)
{
	struct fth_run *run = &fth_engine.run;
	int pending = fth_advance_pending(&run->advance);
	u64 now = ktime_get_ns();

	if (pending < 0 || now < run->progress_ns)
		return;
	run->progress_ns = now + ms_to_ns(FTH_PROGRESS_EVERY_MS);
	outcome->has_progress = true;
	outcome->state = run->patch->state;
	outcome->total = run->advance.total;
	outcome->done = run->advance.total - min_t(u32, pending, run->advance.total);
	strscpy(outcome->name, run->patch->name, sizeof(outcome->name));
}

/* Nobody asked for this end. */
static void meet_end(enum fth_advance_end end)
{
	struct fth_run *run = &fth_engine.run;

	mutex_lock(&fth_engine.lock);
	/* A request that came meanwhile goes first. */
	if (run->turned || run->force)
		goto out;
	if (end == FTH_ADVANCE_REVERSE) {
		fth_work_turn(run->patch, false, true, FTH_E_DEADLINE, run->advance.why);
	} else {
		run->force = true;
		run->self = true;
		strscpy(run->why, run->advance.why, sizeof(run->why));
	}
out:
	mutex_unlock(&fth_engine.lock);
}

static bool take_nudge(struct fth_run *run)
{
	bool nudge;

	mutex_lock(&fth_engine.lock);
	nudge = run->nudge;
	run->nudge = false;
	mutex_unlock(&fth_engine.lock);
	return nudge;
}

static void step(struct fth_outcome *outcome)
{
	struct fth_run *run = &fth_engine.run;
	enum fth_advance_end end;
	bool runs, turned;

	/* A request sets them under the lock alone; one without the other is no transition. */
	mutex_lock(&fth_engine.lock);
	runs = run->patch;
	turned = run->turned;
	mutex_unlock(&fth_engine.lock);
	if (!runs || (turned && !take_turn(&outcome->settled.report)))
		return;
	if (READ_ONCE(run->force)) {
		fth_settle_finish(outcome, true);
		return;
	}
	run->immediate = fth_revert_is_immediate(run->patch);
	if (run->immediate) {
		fth_settle_finish(outcome, false);
		return;
	}
	if (take_nudge(run))
		fth_advance_nudge(&run->advance);
	end = fth_advance_step(&run->advance);
	if (end == FTH_ADVANCE_DONE && !run->turned) {
		fth_settle_finish(outcome, false);
		return;
	}
	if (end == FTH_ADVANCE_REVERSE || end == FTH_ADVANCE_FORCE)
		meet_end(end);
	tell_progress(outcome);
}

/* When there is something to do again, CLOCK_MONOTONIC; 0 = on a kick only. */
static u64 next_due_ns(void)
{
	const struct fth_run *run = &fth_engine.run;
	u64 due = fth_revert_due_ns(), now = ktime_get_ns();

	if (!run->patch)
		return due;
	/* Nothing that is due goes before the turn, which may lack memory for its sets. */
	if (run->turned)
		return clamp(run->advance.retry_ns, now, now + ms_to_ns(FTH_SETS_RETRY_MS));
	if (run->force || run->nudge)
		return now;
	return earlier(fth_advance_due_ns(&run->advance), due);
}

/* Return: false when something has to be told again. */
static bool tell(const struct fth_outcome *outcome)
{
	if (outcome->has_settled) {
		pr_info("%s\n", outcome->settled.report.detail);
		fth_engine.client->settled(&outcome->settled);
	} else if (outcome->has_progress) {
		fth_engine.client->progress(outcome->name, outcome->state, outcome->done,
					    outcome->total);
	}
	return fth_revert_tell();
}

/*
 * A CPU spins in the kernel: a stop of all would hold the others until it ends, if
 * it ever does.  What needs no stop is done: an immediate revert's jump, so that
 * whatever calls the function again gets the old one.
 */
static void step_stuck(int cpu)
{
	struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch;
	struct fth_report report;
	bool turned, back;

	pr_warn_ratelimited("revert: CPU %d doesn't answer; tried again when it does\n", cpu);
	mutex_lock(&fth_engine.lock);
	patch = run->patch;
	turned = run->turned;
	back = patch && !run->to_new && patch->alarm_taken &&
	       patch->revert_mode == FTH_REVERT_IMMEDIATE;
	mutex_unlock(&fth_engine.lock);
	/* It was on its way in.  The turn waits; its roster is not looked at meanwhile. */
	if (turned && back && patch->lever.roster)
		fth_transition_jump(&patch->lever, false);
	if (!patch || (turned && (patch->stale || patch->lever.roster || !take_turn(&report))))
		return;
	if (fth_revert_is_immediate(patch))
		fth_transition_jump(&patch->lever, false);
}

/* One step, with the mutex for moves.  Return: when the next one is due. */
static u64 move(struct fth_outcome *outcome)
{
	struct fth_patch *dropped;
	unsigned int flags = 0;
	bool emergency, stuck;
	int cpu;
	u64 due;

	mutex_lock(&fth_engine.lock);
	fth_work_drop_rosters();
	fth_revert_check();
	emergency = fth_revert_runs();
	mutex_unlock(&fth_engine.lock);
	stuck = emergency && !fth_cpus_answer(&cpu);
	mutex_lock(&fth_engine.lock);
	dropped = fth_revert_take(!stuck);
	mutex_unlock(&fth_engine.lock);
	/* From the reserves, if there is no other memory; and nothing is written back for it. */
	if (emergency)
		flags = memalloc_noreclaim_save();
	if (stuck)
		step_stuck(cpu);
	else if (dropped)
		fth_settle_drop(dropped, outcome);
	else
		step(outcome);
	if (emergency)
		memalloc_noreclaim_restore(flags);
	mutex_lock(&fth_engine.lock);
	due = next_due_ns();
	mutex_unlock(&fth_engine.lock);
	if (stuck)
		return max(due, ktime_get_ns() + ms_to_ns(STUCK_RETRY_MS));
	return due;
}

void fth_work_run(struct work_struct *work)
{
	struct fth_outcome *outcome = &work_outcome;
	u64 due, now;

	outcome->has_settled = false;
	outcome->has_progress = false;
	mutex_lock(&fth_engine.moves);
	due = move(outcome);
	mutex_unlock(&fth_engine.moves);
	if (!tell(outcome))
		due = earlier(due, ktime_get_ns() + ms_to_ns(TELL_RETRY_MS));
	if (!due)
		return;
	/* A kick meanwhile has queued it already, and wins. */
	now = ktime_get_ns();
	queue_delayed_work(fth_engine.queue, &fth_engine.work,
			   due > now ? nsecs_to_jiffies(due - now) + 1 : 0);
}
