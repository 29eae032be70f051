// SPDX-License-Identifier: GPL-2.0
/* The engine's workers: everything that moves a transition on or ends it. */

#include <linux/jiffies.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/timekeeping.h>

#include "compat/kernel.h"
#include "engine_priv.h"
#include "nudge.h"
#include "sysfs.h"

/* Confirmation counts time in suspend, which a timer of ours would not see. */
#define CONFIRM_LOOK_MS 1000u

/* What the client is told once the lock is dropped. */
struct news {
	char name[FTH_NAME_MAX + 1];
	bool settled;
	bool progress;
	bool self;
	u8 state;
	u32 done;
	u32 total;
	struct fth_report report;
};

static u64 ms_to_ns(u32 ms)
{
	return (u64)ms * NSEC_PER_MSEC;
}

static void aim(bool to_new)
{
	struct fth_run *run = &fth_engine.run;
	u32 nudge_after_ms = run->patch->policy.nudge_after_ms;

	run->to_new = to_new;
	/* Turned twice between two steps: its stragglers are those of before. */
	run->flipped = READ_ONCE(run->patch->lever.phase) ==
		       (to_new ? FTH_PHASE_TO_NEW : FTH_PHASE_TO_OLD);
	run->force = false;
	run->late = false;
	run->error = 0;
	run->began_ns = ktime_get_ns();
	run->retry_ns = run->began_ns;
	run->nudge_ns = 0;
	if (nudge_after_ms != FTH_NUDGE_MANUAL)
		run->nudge_ns = run->began_ns + ms_to_ns(nudge_after_ms);
	run->progress_ns = run->began_ns + ms_to_ns(FTH_PROGRESS_EVERY_MS);
	run->backoff_ms = FTH_BACKOFF_MIN_MS;
	run->slack = FTH_WALK_SLACK_MIN;
}

void fth_work_begin(struct fth_patch *patch)
{
	WARN_ON_ONCE(fth_lifecycle_step(FTH_LC_ABSENT, FTH_LC_EV_ADOPT, &patch->state));
	fth_engine.run = (struct fth_run){ .patch = patch, .starting = true, .asked_new = true };
	aim(true);
}

void fth_work_turn(struct fth_patch *patch, bool to_new, bool self, u16 code, const char *why)
{
	struct fth_run *run = &fth_engine.run;
	u8 next = patch->state;

	WARN_ON_ONCE(fth_lifecycle_step(patch->state, FTH_LC_EV_REVERSE, &next));
	WRITE_ONCE(patch->state, next);
	if (!run->patch) {
		/* What somebody asked for is no turn; what nobody asked for is one. */
		*run = (struct fth_run){ .patch = patch, .asked_new = to_new != self };
	}
	run->self = self;
	run->code = to_new == run->asked_new ? FTH_E_OK : code;
	strscpy(run->why, why, sizeof(run->why));
	patch->klp->enabled = to_new;
	fth_patch_publish(patch, true, true);
	aim(to_new);
}

static void retire(struct fth_roster *roster)
{
	if (!roster)
		return;
	roster->live = false;
	fth_roster_cancel(roster);
	list_add_tail(&roster->retired, &fth_engine.rosters);
	fth_engine.roster_count++;
	fth_work_drop_rosters();
}

void fth_work_drop_rosters(void)
{
	struct fth_roster *roster, *next;

	list_for_each_entry_safe(roster, next, &fth_engine.rosters, retired) {
		/* Pairs with the full barrier of the last visit's decrement. */
		if (atomic_read_acquire(&roster->users))
			continue;
		list_del(&roster->retired);
		fth_engine.roster_count--;
		fth_roster_free(roster);
	}
}

static void back_off(void)
{
	struct fth_run *run = &fth_engine.run;

	run->retry_ns = ktime_get_ns() + ms_to_ns(run->backoff_ms);
	run->backoff_ms = min(run->backoff_ms * 2, FTH_BACKOFF_MAX_MS);
}

static void flip(void)
{
	struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch = run->patch;
	struct fth_flip flip = {
		.set = run->to_new ? &patch->old_set : &patch->new_set,
		.to_new = run->to_new,
		.stop_max_us = patch->policy.stop_max_us,
		.slack = run->slack,
		.left = fth_engine_kick,
	};
	struct fth_roster *old;

	if (fth_engine.roster_count == FTH_ROSTERS_MAX)
		run->error = -EAGAIN;
	else
		run->error = fth_transition_flip(&patch->lever, &flip, &old);
	if (run->error) {
		run->slack = min(run->slack * 2, FTH_WALK_SLACK_MAX);
		back_off();
		return;
	}
	run->total = flip.ret_total;
	run->flipped = true;
	run->backoff_ms = FTH_BACKOFF_MIN_MS;
	retire(old);
	fth_transition_retry(patch->lever.roster, false);
	back_off();
}

/* Where the whole machine is already where it shall go (turned at once). */
static bool is_there(const struct fth_run *run)
{
	return READ_ONCE(run->patch->lever.phase) == (run->to_new ? FTH_PHASE_NEW : FTH_PHASE_OLD);
}

static void tell_settled(struct news *news, u8 state, bool forced)
{
	const struct fth_run *run = &fth_engine.run;
	const char *way = run->to_new ? "in force" : "reverted";

	news->settled = true;
	news->self = run->self;
	news->state = state;
	strscpy(news->name, run->patch->name, sizeof(news->name));
	fth_report_set(&news->report, run->code, 0, "patch '%s' %s%s%s%s after %llu ms",
		       run->patch->name, way, forced ? " by force, pinned until the next boot" : "",
		       run->why[0] ? ": " : "", run->why,
		       (ktime_get_ns() - run->began_ns) / NSEC_PER_MSEC);
}

static void arm_confirm(struct fth_patch *patch)
{
	patch->confirm_by_ns = 0;
	if (patch->policy.confirm_within_ms && !(patch->flags & FTH_PATCH_FORCED))
		patch->confirm_by_ns =
			ktime_get_boottime_ns() + ms_to_ns(patch->policy.confirm_within_ms);
}

/*
 * A revert is not told here but once its text is unused (fth_work_release()).
 * A forced revert is told at once, as STAGED: its module can't be unloaded.
 */
static void finish(struct news *news, bool forced)
{
	struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch = run->patch;
	struct fth_roster *roster = patch->lever.roster;
	u8 next = patch->state;

	fth_transition_end(&patch->lever, run->to_new);
	run->flipped = false;
	if (roster) {
		fth_transition_drain();
		patch->lever.roster = NULL;
		retire(roster);
	}
	if (!run->to_new)
		run->error = fth_redirector_remove(&fth_engine.redirector, patch->redirects,
						   patch->count);
	if (!run->to_new && run->error) {
		/* Only this is left to do: no task is waited for any more. */
		run->nudge_ns = 0;
		run->late = true;
		back_off();
		return;
	}
	fth_patch_publish(patch, run->to_new, false);
	if (forced)
		WRITE_ONCE(patch->flags, patch->flags | FTH_PATCH_FORCED);
	WARN_ON_ONCE(fth_lifecycle_step(patch->state, forced ? FTH_LC_EV_FORCE : FTH_LC_EV_COMPLETE,
					&next));
	tell_settled(news, next, forced);
	if (run->to_new || forced) {
		WRITE_ONCE(patch->state, next);
		arm_confirm(patch);
		if (patch->klp)
			patch->klp->forced = forced;
	} else {
		/* REVERTING it stays until it is gone. */
		news->settled = false;
		news->state = FTH_LC_ABSENT;
		patch->leaving = FTH_LEAVING;
		patch->farewell_self = news->self;
		patch->farewell = news->report;
		mod_delayed_work(fth_engine.queue, &fth_engine.release, 0);
	}
	*run = (struct fth_run){};
}

static void meet_deadline(void)
{
	struct fth_run *run = &fth_engine.run;
	const struct fth_guest_policy *policy = &run->patch->policy;
	char why[sizeof(run->why)];

	if (!policy->deadline_ms || run->late ||
	    ktime_get_ns() < run->began_ns + ms_to_ns(policy->deadline_ms))
		return;
	run->late = true;
	/* A revert never goes back to the patched state by itself. */
	if (!run->to_new)
		return;
	scnprintf(why, sizeof(why), "deadline of %u ms missed with %d tasks left",
		  policy->deadline_ms,
		  run->flipped ? atomic_read(&run->patch->lever.roster->holding) : -1);
	if (policy->on_deadline == FTH_ON_DEADLINE_REVERSE) {
		fth_work_turn(run->patch, false, true, FTH_E_DEADLINE, why);
	} else if (policy->on_deadline == FTH_ON_DEADLINE_FORCE) {
		run->force = true;
		run->self = true;
		strscpy(run->why, why, sizeof(run->why));
	}
}

static void nudge_if_due(void)
{
	struct fth_run *run = &fth_engine.run;
	u64 now = ktime_get_ns();

	if (!run->flipped || !run->nudge_ns || now < run->nudge_ns)
		return;
	fth_nudge_stragglers(run->patch->lever.roster);
	run->nudge_ns = now + ms_to_ns(run->patch->policy.nudge_every_ms);
}

static void tell_progress(struct news *news)
{
	struct fth_run *run = &fth_engine.run;
	u64 now = ktime_get_ns();

	if (!run->flipped || now < run->progress_ns)
		return;
	run->progress_ns = now + ms_to_ns(FTH_PROGRESS_EVERY_MS);
	news->progress = true;
	news->state = run->patch->state;
	news->total = run->total;
	news->done = run->total - atomic_read(&run->patch->lever.roster->holding);
	strscpy(news->name, run->patch->name, sizeof(news->name));
}

static void step(struct news *news)
{
	struct fth_run *run = &fth_engine.run;

	if (!run->patch || run->starting)
		return;
	if (run->force || is_there(run)) {
		finish(news, run->force);
		return;
	}
	if (ktime_get_ns() >= run->retry_ns) {
		if (!run->flipped) {
			flip();
		} else {
			fth_transition_retry(run->patch->lever.roster,
					     run->backoff_ms == FTH_BACKOFF_MAX_MS);
			back_off();
		}
	}
	if (run->flipped && !atomic_read(&run->patch->lever.roster->holding)) {
		finish(news, false);
		return;
	}
	meet_deadline();
	nudge_if_due();
	tell_progress(news);
}

static void check_confirm(void)
{
	u64 now = ktime_get_boottime_ns();
	struct fth_patch *patch;
	char why[sizeof(fth_engine.run.why)];

	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (fth_engine.run.patch)
			return;
		if (patch->state != FTH_LC_SOAKING || !patch->confirm_by_ns ||
		    now < patch->confirm_by_ns)
			continue;
		scnprintf(why, sizeof(why), "not confirmed within %u ms",
			  patch->policy.confirm_within_ms);
		fth_work_turn(patch, false, true, FTH_E_REVERSED, why);
	}
}

static u64 earlier(u64 a, u64 b)
{
	return a && (!b || a < b) ? a : b;
}

/* When there is something to do again, CLOCK_MONOTONIC; 0 = on a kick only. */
static u64 next_due_ns(void)
{
	const struct fth_run *run = &fth_engine.run;
	struct fth_patch *patch;
	u64 due = 0;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		u64 look = ktime_get_ns() + ms_to_ns(CONFIRM_LOOK_MS);

		if (patch->state == FTH_LC_SOAKING && patch->confirm_by_ns)
			due = earlier(look, due);
	}
	if (!run->patch || run->starting)
		return due;
	/* What failed is not tried again at once. */
	if (run->force && !run->error)
		return ktime_get_ns();
	due = earlier(run->retry_ns, due);
	due = earlier(run->nudge_ns, due);
	if (run->patch->policy.deadline_ms && !run->late)
		due = earlier(run->began_ns + ms_to_ns(run->patch->policy.deadline_ms), due);
	return due;
}

void fth_work_run(struct work_struct *work)
{
	struct news news = {};
	u64 due, now;

	mutex_lock(&fth_engine.lock);
	fth_work_drop_rosters();
	check_confirm();
	step(&news);
	due = next_due_ns();
	mutex_unlock(&fth_engine.lock);
	if (news.settled) {
		pr_info("%s\n", news.report.detail);
		fth_engine.client->settled(news.name, news.state, news.self, &news.report);
	} else if (news.progress) {
		fth_engine.client->progress(news.name, news.state, news.done, news.total);
	}
	if (!due)
		return;
	/* A kick meanwhile has queued it already, and wins. */
	now = ktime_get_ns();
	queue_delayed_work(fth_engine.queue, &fth_engine.work,
			   due > now ? nsecs_to_jiffies(due - now) + 1 : 0);
}

/* Those that left before the grace period that begins now. */
static bool mark_leaving(void)
{
	struct fth_patch *patch;
	bool some = false;

	mutex_lock(&fth_engine.lock);
	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (patch->leaving != FTH_LEAVING)
			continue;
		patch->leaving = FTH_LEAVING_GRACED;
		patch->release_ns = 0;
		patch->release_wait_ms = FTH_RELEASE_MIN_MS;
		some = true;
	}
	mutex_unlock(&fth_engine.lock);
	return some;
}

/* No handler can send a task there any more: is one there still? */
static bool is_text_used(const struct fth_patch *patch)
{
	struct fth_stack_set set;
	bool used;

	if (fth_stack_module_set(patch->module, &set))
		return true;
	used = fth_stack_check_all(&set, NULL);
	fth_stack_set_free(&set);
	return used;
}

/* Is it time to look, and nobody there?  A look may stop all CPUs. */
static bool is_released(struct fth_patch *patch)
{
	if (patch->leaving != FTH_LEAVING_GRACED || ktime_get_ns() < patch->release_ns)
		return false;
	if (!is_text_used(patch))
		return true;
	patch->release_ns = ktime_get_ns() + ms_to_ns(patch->release_wait_ms);
	patch->release_wait_ms = min(patch->release_wait_ms * 2, FTH_RELEASE_MAX_MS);
	return false;
}

/* One that may go, or NULL and when to look again, 0 = on a kick only. */
static struct fth_patch *take_unused(u64 *ret_due_ns)
{
	struct fth_patch *patch, *found = NULL;

	*ret_due_ns = 0;
	mutex_lock(&fth_engine.lock);
	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (is_released(patch)) {
			found = patch;
			list_del_init(&found->list);
			fth_engine.patch_count--;
			break;
		}
		if (patch->leaving == FTH_LEAVING_GRACED)
			*ret_due_ns = earlier(patch->release_ns, *ret_due_ns);
	}
	mutex_unlock(&fth_engine.lock);
	return found;
}

/*
 * The files go after the module's reference, so that whoever sees the folder
 * gone may unload the module; they show nothing that lies in the module.  One
 * that is loaded again in between waits with its folder.
 */
static void let_out(struct fth_patch *patch)
{
	fth_patch_publish(patch, false, false);
	WRITE_ONCE(patch->state, FTH_LC_ABSENT);
	patch->klp = NULL;
	mutex_lock(&fth_engine.folders);
	module_put(patch->module);
	patch->module = NULL;
	fth_sysfs_remove(patch);
	mutex_unlock(&fth_engine.folders);
	pr_info("%s\n", patch->farewell.detail);
	fth_engine.client->settled(patch->name, FTH_LC_ABSENT, patch->farewell_self,
				   &patch->farewell);
	fth_patch_free(patch);
	module_put(THIS_MODULE);
}

void fth_work_release(struct work_struct *work)
{
	struct fth_patch *patch;
	u64 due, now;

	if (mark_leaving())
		synchronize_rcu_tasks();
	while ((patch = take_unused(&due)))
		let_out(patch);
	if (!due)
		return;
	/* A patch that left meanwhile has queued it already, and wins. */
	now = ktime_get_ns();
	queue_delayed_work(fth_engine.queue, &fth_engine.release,
			   due > now ? nsecs_to_jiffies(due - now) + 1 : 0);
}
