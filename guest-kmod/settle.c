// SPDX-License-Identifier: GPL-2.0
/* What the end of a transition means, for the table, the patches and the client. */
#include "settle.h"

#include <linux/livepatch.h>
#include <linux/string.h>

#include "engine_priv.h"
#include "object.h"
#include "revert.h"
#include "states.h"

static const char *end_note(bool forced, bool immediate)
{
	if (forced)
		return " by force, pinned until the next boot";
	return immediate ? " at once, without a look at any task, which may break consistency" : "";
}

static void tell_settled(struct fth_outcome *outcome, u8 state, bool forced)
{
	const struct fth_run *run = &fth_engine.run;
	const struct fth_advance *advance = &run->advance;
	const char *way = advance->to_new ? "in force" : "reverted";
	struct fth_settled *settled = &outcome->settled;
	char took[FTH_WHY_MAX];

	outcome->has_settled = true;
	settled->self = run->self;
	settled->state = state;
	settled->incident = 0;
	strscpy(settled->name, run->patch->name, sizeof(settled->name));
	fth_advance_print(advance, took, sizeof(took));
	fth_report_set(&settled->report, run->code, 0, "patch '%s' %s%s%s%s %s", run->patch->name,
		       way, end_note(forced, run->immediate), run->why[0] ? ": " : "", run->why,
		       took);
}

/*
 * Lock held.  Its module's reference is given back by the second worker, which
 * tells the client what @farewell says; NULL: that was told.
 */
static void send_off(struct fth_patch *patch, const struct fth_report *farewell)
{
	WRITE_ONCE(patch->leaving, true);
	fth_revert_unwatch(patch, farewell ? "it was replaced" : "it was reverted already");
	patch->release_ns = 0;
	patch->release_wait_ms = FTH_RELEASE_MIN_MS;
	patch->release_stop_us = patch->policy.stop_max_us;
	if (farewell)
		patch->farewell = *farewell;
	mod_delayed_work(fth_engine.queue, &fth_engine.release, 0);
}

/* Out of the table, with the nops of the one that replaces them. */
static void sweep_replaced(struct fth_patch *by)
{
	struct fth_patch *patch;

	for (u32 i = by->count; i < by->total; i++)
		by->redirects[i].wanted = false;
	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (patch != by && !patch->out)
			fth_patch_want(patch, false);
	}
	fth_redirector_sweep(&fth_engine.redirector);
	fth_patch_drop_nops(by);
}

/*
 * Lock held.  They go as soon as the mutex for moves is free.  After a forced
 * end tasks may still run their text.
 */
static void send_replaced_off(const struct fth_patch *by, bool forced)
{
	struct fth_report farewell;
	struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (patch == by || patch->out)
			continue;
		patch->confirm_by_ns = 0;
		if (forced || (patch->flags & FTH_PATCH_FORCED)) {
			patch->klp->forced = true;
			WRITE_ONCE(patch->flags, patch->flags | FTH_PATCH_FORCED);
			WRITE_ONCE(patch->state, FTH_LC_STAGED);
			fth_revert_unwatch(patch, "it was replaced by force");
		} else {
			WRITE_ONCE(patch->state, FTH_LC_REVERTING);
			fth_report_set(&farewell, FTH_E_OK, 0,
				       "patch '%s' reverted: replaced by patch '%s'", patch->name,
				       by->name);
			send_off(patch, &farewell);
		}
	}
}

/* Not before the table is swept: a module that goes is taken out of it by name. */
static void set_out(struct fth_patch *patch)
{
	patch->klp->enabled = false;
	fth_patch_publish(patch, false);
	mutex_lock(&fth_engine.lock);
	WRITE_ONCE(patch->out, true);
	mutex_unlock(&fth_engine.lock);
}

/* All tasks are where they shall be: the table follows. */
static void end_table(struct fth_patch *patch, bool to_new)
{
	struct fth_patch *other;

	if (to_new && !patch->klp->replace)
		return;
	if (to_new)
		sweep_replaced(patch);
	else
		fth_redirector_sweep(&fth_engine.redirector);
	list_for_each_entry(other, &fth_engine.patches, list) {
		bool is_it = other == patch;

		if (!other->out && is_it != to_new)
			set_out(other);
		other->stale = true;
	}
}

/*
 * From here on a request finds what the transition came to, and asks for the
 * next one.  A revert is told as soon as old code is in force, though its text may
 * be in use for a while (fth_work_release()); a forced one as STAGED: its module
 * can't be unloaded.  Return: false when somebody turned it round just before.
 */
static bool settle(struct fth_outcome *outcome, bool forced)
{
	struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch = run->patch;
	bool to_new = run->advance.to_new;
	u8 next = patch->state;

	mutex_lock(&fth_engine.lock);
	if (run->turned) {
		mutex_unlock(&fth_engine.lock);
		return false;
	}
	WARN_ON_ONCE(fth_lifecycle_step(patch->state, forced ? FTH_LC_EV_FORCE : FTH_LC_EV_COMPLETE,
					&next));
	tell_settled(outcome, to_new || forced ? next : FTH_LC_ABSENT, forced);
	if (forced)
		WRITE_ONCE(patch->flags, patch->flags | FTH_PATCH_FORCED);
	if (run->immediate)
		WRITE_ONCE(patch->flags, patch->flags | FTH_PATCH_IMMEDIATE);
	if (!to_new)
		outcome->settled.incident = fth_revert_settled(patch, forced || run->immediate,
							       outcome->settled.report.detail);
	if (to_new || forced) {
		WRITE_ONCE(patch->state, next);
		fth_revert_arm_confirm(patch);
	} else {
		/* REVERTING it stays until it is gone. */
		send_off(patch, NULL);
	}
	if (to_new && patch->klp->replace)
		send_replaced_off(patch, forced);
	run->force = false;
	run->ended = true;
	mutex_unlock(&fth_engine.lock);
	return true;
}

/* A turn that came meanwhile is another transition, of this patch or of another. */
static void end_run(void)
{
	struct fth_run *run = &fth_engine.run;

	mutex_lock(&fth_engine.lock);
	if (run->turned)
		run->ended = false;
	else
		*run = (struct fth_run){};
	mutex_unlock(&fth_engine.lock);
}

void fth_settle_finish(struct fth_outcome *outcome, bool forced)
{
	struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch = run->patch;
	bool to_new = run->advance.to_new;

	if (!settle(outcome, forced))
		return;
	fth_advance_finish(&run->advance);
	if (!to_new)
		fth_patch_want(patch, false);
	patch->klp->forced = forced;
	fth_patch_publish(patch, false);
	fth_states_begin(patch);
	fth_objects_call(patch, to_new ? FTH_CALL_POST_PATCH : FTH_CALL_POST_UNPATCH);
	fth_states_end();
	patch->in_force = to_new;
	mutex_lock(&fth_engine.lock);
	if (!run->turned || run->patch != patch)
		WRITE_ONCE(patch->settled, true);
	mutex_unlock(&fth_engine.lock);
	end_table(patch, to_new);
	end_run();
}

/* The sets of the one that is in transition know what it lay on. */
static void renew_running(void)
{
	struct fth_patch *patch = fth_engine.run.patch;
	struct fth_report report;

	/* Without memory it is what it was: an immediate revert may break more than its own. */
	if (patch && fth_work_renew_sets(patch, &report))
		pr_warn("patch '%s': its transition goes on with old sets\n", patch->name);
}

void fth_settle_drop(struct fth_patch *patch, struct fth_outcome *outcome)
{
	struct fth_settled *settled = &outcome->settled;

	mutex_lock(&fth_engine.lock);
	WRITE_ONCE(patch->settled, false);
	/* For whoever reads both without the lock; see fth_work_turn(). */
	smp_store_release(&patch->state, FTH_LC_REVERTING);
	WRITE_ONCE(patch->flags, patch->flags | FTH_PATCH_IMMEDIATE);
	mutex_unlock(&fth_engine.lock);
	fth_states_begin(patch);
	fth_objects_call(patch, FTH_CALL_PRE_UNPATCH);
	patch->in_force = false;
	fth_transition_jump(&patch->lever, false);
	fth_patch_want(patch, false);
	fth_objects_call(patch, FTH_CALL_POST_UNPATCH);
	fth_states_end();
	WRITE_ONCE(patch->settled, true);
	end_table(patch, false);
	renew_running();
	outcome->has_settled = true;
	settled->self = true;
	settled->state = FTH_LC_ABSENT;
	strscpy(settled->name, patch->name, sizeof(settled->name));
	fth_report_set(&settled->report, FTH_E_REVERSED, 0,
		       "patch '%s' reverted%s, beside the transition of '%s'", patch->name,
		       end_note(false, true), fth_engine.run.patch->name);
	mutex_lock(&fth_engine.lock);
	settled->incident = fth_revert_settled(patch, true, settled->report.detail);
	send_off(patch, NULL);
	mutex_unlock(&fth_engine.lock);
}
