// SPDX-License-Identifier: GPL-2.0
/*
 * The engine's second worker: what was taken out is given back.
 *
 * DESIGN
 * A patch that left the table is nowhere called any more, but a task may still
 * run text of its module that is no replacement, or be preempted on its way to
 * one.  Its module's reference is given back when no stack holds its text or
 * the place behind the call at one of its patch sites, and an RCU-tasks grace
 * period has passed: a task that exits leaves the list of tasks some way before
 * it leaves the kernel, so no check of stacks finds it.  Nobody waits for the
 * grace period, which takes as long as the longest run of a task without a
 * voluntary switch: its callback lets the worker look again.
 */

#include <linux/jiffies.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/timekeeping.h>

#include "compat/cpus.h"
#include "compat/kernel.h"
#include "engine_priv.h"
#include "revert.h"
#include "sysfs.h"

/* Without reclaim: what is there, but for the reserves. */
#define GFP_THERE (GFP_KERNEL | __GFP_NOMEMALLOC | __GFP_NOWARN)

/* Its module's text, and where tasks are that are on the way there. */
static int text_set(const struct fth_patch *patch, struct fth_stack_set *ret_set)
{
	struct fth_text texts[FTH_MODULE_TEXTS_MAX];
	u32 count = fth_module_texts(patch->module, texts);
	struct fth_stack_set set;
	int error;

	error = fth_stack_set_init(&set, count + patch->count, GFP_THERE);
	if (error)
		return error;
	for (u32 i = 0; i < count; i++) {
		if (texts[i].start < texts[i].end)
			fth_stack_set_add(&set, texts[i].start, texts[i].end);
	}
	for (u32 i = 0; i < patch->count; i++) {
		unsigned long behind = patch->redirects[i].ip + MCOUNT_INSN_SIZE;

		if (patch->redirects[i].ip)
			fth_stack_set_add(&set, behind, behind + 1);
	}
	fth_stack_set_seal(&set);
	*ret_set = set;
	return 0;
}

/*
 * No handler can send a task there any more: is one there still?  Asked as a
 * flip of the whole machine asks, with a lever that nobody looks at: most
 * stacks are walked with the machine running.
 */
static int check_set(const struct fth_stack_set *set, u32 stop_max_us)
{
	struct fth_lever lever = { .phase = FTH_PHASE_OLD };
	struct fth_flip flip = {
		.rule = { .set = set },
		.to_new = true,
		.whole = true,
		.stop_max_us = stop_max_us,
		.slack = FTH_WALK_SLACK_MIN,
		.gfp = GFP_THERE,
		.left = fth_engine_kick,
	};
	struct fth_roster *old;
	int error;

	error = fth_transition_flip(&lever, &flip, &old);
	if (error == -EBUSY)
		fth_roster_free(flip.ret_blockers);
	/* A flip knows nothing of the idle tasks of CPUs that are offline. */
	if (!error && fth_stack_check_offline(set))
		error = -EBUSY;
	return error;
}

/*
 * With the mutex for moves held nobody here may wait for memory, since an emergency
 * may come meanwhile: without it the look fails, and is made again later.
 */
static int look(const struct fth_patch *patch)
{
	unsigned int flags = memalloc_noreclaim_save();
	struct fth_stack_set set;
	int error;

	error = text_set(patch, &set);
	if (!error) {
		error = check_set(&set, patch->release_stop_us);
		fth_stack_set_free(&set);
	}
	memalloc_noreclaim_restore(flags);
	return error;
}

static bool is_text_used(struct fth_patch *patch)
{
	int error = look(patch);

	/* It has to be found out some time. */
	if (error == -ETIME)
		patch->release_stop_us = min(2 * patch->release_stop_us, FTH_STOP_MAX_MAX_US);
	return error;
}

/* No trigger looks at it any more, wherever the kernel told of trouble. */
static void unwatched(struct rcu_head *head)
{
	struct fth_patch *patch = container_of(head, struct fth_patch, rcu);

	WRITE_ONCE(patch->grace, FTH_GRACE_PASSED);
	mod_delayed_work(fth_engine.queue, &fth_engine.release, 0);
}

static void grace_passed(struct rcu_head *head)
{
	call_rcu(head, unwatched);
}

/* Moves held, so it is out of the table. */
static bool is_graced(struct fth_patch *patch)
{
	if (patch->grace == FTH_GRACE_NONE) {
		patch->grace = FTH_GRACE_ASKED;
		call_rcu_tasks(&patch->rcu, grace_passed);
	}
	return READ_ONCE(patch->grace) == FTH_GRACE_PASSED;
}

/* Is it time to look, and nobody there?  A look may stop all CPUs. */
static bool is_released(struct fth_patch *patch)
{
	if (!patch->leaving || !is_graced(patch) || ktime_get_ns() < patch->release_ns)
		return false;
	if (!is_text_used(patch))
		return true;
	patch->release_ns = ktime_get_ns() + (u64)patch->release_wait_ms * NSEC_PER_MSEC;
	patch->release_wait_ms = min(patch->release_wait_ms * 2, FTH_RELEASE_MAX_MS);
	return false;
}

/* Moves held.  One that may go, or NULL and when to look again, 0 = on a kick only. */
static struct fth_patch *take_unused(u64 *ret_due_ns)
{
	struct fth_patch *patch, *found = NULL;

	*ret_due_ns = 0;
	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (is_released(patch)) {
			found = patch;
			break;
		}
		/* Before that its callback comes. */
		if (patch->leaving && is_graced(patch) &&
		    (!*ret_due_ns || patch->release_ns < *ret_due_ns))
			*ret_due_ns = patch->release_ns;
	}
	if (!found)
		return NULL;
	mutex_lock(&fth_engine.lock);
	spin_lock(&fth_engine.members);
	list_del_init(&found->list);
	spin_unlock(&fth_engine.members);
	fth_engine.patch_count--;
	WRITE_ONCE(found->state, FTH_LC_ABSENT);
	fth_revert_unwatched(found);
	mutex_unlock(&fth_engine.lock);
	return found;
}

/*
 * Moves held, which makes one that is loaded again at once wait with its folder.
 * The files go after the module's reference, so that whoever sees the folder
 * gone may unload the module; they show nothing that lies in the module.
 */
static void let_out(struct fth_patch *patch)
{
	patch->klp = NULL;
	module_put(patch->module);
	patch->module = NULL;
	fth_sysfs_remove(patch);
}

static void tell(struct fth_patch *patch)
{
	struct fth_settled settled = { .state = FTH_LC_ABSENT, .replaced = true };

	if (patch->farewell.detail[0]) {
		pr_info("%s\n", patch->farewell.detail);
		strscpy(settled.name, patch->name, sizeof(settled.name));
		settled.report = patch->farewell;
		fth_engine.client->settled(&settled);
	}
	fth_engine.client->released(patch->name);
	fth_patch_free(patch);
	module_put(THIS_MODULE);
}

/* Handlers that began before the end of a transition may look at its roster. */
static void drain_rosters(void)
{
	struct fth_roster *roster;
	bool some = false;

	mutex_lock(&fth_engine.lock);
	list_for_each_entry(roster, &fth_engine.rosters, retired) {
		if (roster->lingers)
			roster->lingers = FTH_LINGERS - 1;
		some = some || roster->lingers;
	}
	mutex_unlock(&fth_engine.lock);
	if (!some)
		return;
	fth_transition_drain();
	mutex_lock(&fth_engine.lock);
	list_for_each_entry(roster, &fth_engine.rosters, retired) {
		if (roster->lingers < FTH_LINGERS)
			roster->lingers = 0;
	}
	fth_work_drop_rosters();
	mutex_unlock(&fth_engine.lock);
}

void fth_work_release(struct work_struct *work)
{
	struct fth_patch *patch;
	u64 due, now;
	int cpu;

	if (!fth_cpus_answer(&cpu)) {
		queue_delayed_work(fth_engine.queue, &fth_engine.release,
				   msecs_to_jiffies(FTH_RELEASE_MIN_MS));
		return;
	}
	drain_rosters();
	do {
		mutex_lock(&fth_engine.moves);
		patch = take_unused(&due);
		if (patch)
			let_out(patch);
		mutex_unlock(&fth_engine.moves);
		if (patch)
			tell(patch);
	} while (patch);
	if (!due)
		return;
	/* A patch that left meanwhile has queued it already, and wins. */
	now = ktime_get_ns();
	queue_delayed_work(fth_engine.queue, &fth_engine.release,
			   due > now ? nsecs_to_jiffies(due - now) + 1 : 0);
}
