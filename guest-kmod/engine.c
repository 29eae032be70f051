// SPDX-License-Identifier: GPL-2.0
/* The engine's requests, its beginning and its end. */

#include "engine.h"

#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "compat/boundary.h"
#include "compat/cpus.h"
#include "compat/freeze.h"
#include "compat/kernel.h"
#include "engine_priv.h"
#include "engine_sysfs.h"
#include "lasting.h"
#include "nudge.h"
#include "revert.h"
#include "states.h"
#include "sysfs.h"

#define CAPABILITIES                                                                               \
	(FTH_CAP_MODEL_NONE | FTH_CAP_MODEL_DEFAULT | FTH_CAP_MODEL_IN_TIME |                      \
	 FTH_CAP_MODEL_IN_THREAD | FTH_CAP_MODEL_IN_BOTH | FTH_CAP_EXTEND_SET |                    \
	 FTH_CAP_DEADLINE_REVERSE | FTH_CAP_DEADLINE_FORCE | FTH_CAP_NUDGE | FTH_CAP_NUDGE_TIMED | \
	 FTH_CAP_FREEZE_PARK | FTH_CAP_FREEZE_KERNEL | FTH_CAP_CONFIRM | FTH_CAP_STOP_MAX |        \
	 FTH_CAP_MODULE_OBJECTS | FTH_CAP_CALLBACKS | FTH_CAP_REPLACE | FTH_CAP_STATES |           \
	 FTH_CAP_STACKING | FTH_CAP_EFFECT | FTH_CAP_REVERT_OOPS | FTH_CAP_REVERT_WARN |           \
	 FTH_CAP_REVERT_SOFT_LOCKUP | FTH_CAP_REVERT_HUNG_TASK | FTH_CAP_REVERT_HOST_LOSS |        \
	 FTH_CAP_REVERT_IMMEDIATE | FTH_CAP_CONFIRM_EXTEND | FTH_CAP_REVERT_IN_PATCH |             \
	 FTH_CAP_EMERGENCY)

struct fth_engine fth_engine = {
	.moves = __MUTEX_INITIALIZER(fth_engine.moves),
	.lock = __MUTEX_INITIALIZER(fth_engine.lock),
	.members = __SPIN_LOCK_UNLOCKED(fth_engine.members),
	.patches = LIST_HEAD_INIT(fth_engine.patches),
	.rosters = LIST_HEAD_INIT(fth_engine.rosters),
	.takeover = { .wanted = fth_adopt_wanted,
		      .adopt = fth_adopt,
		      .asked = fth_states_asked,
		      .previous = fth_states_previous },
};

int fth_report_set(struct fth_report *report, u16 code, int error, const char *format, ...)
{
	va_list args;

	report->code = code;
	va_start(args, format);
	vscnprintf(report->detail, sizeof(report->detail), format, args);
	va_end(args);
	return error;
}

void fth_engine_kick(void)
{
	mod_delayed_work(fth_engine.queue, &fth_engine.work, 0);
}

struct fth_patch *fth_engine_busy(void)
{
	const struct fth_run *run = &fth_engine.run;

	return run->ended && !run->turned ? NULL : run->patch;
}

struct fth_patch *fth_engine_find(const char *name)
{
	struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (!strcmp(patch->name, name))
			return patch;
	}
	return NULL;
}

u64 fth_engine_capabilities(void)
{
	return CAPABILITIES;
}

int fth_engine_check(const struct fth_guest_policy *policy, struct fth_report *ret_report)
{
	const char *why;
	u64 missing;

	if (fth_policy_check(policy, &why))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL, "policy refused: %s",
				      why);
	missing = fth_policy_needs(policy) & ~CAPABILITIES;
	if (missing)
		return fth_report_set(ret_report, FTH_E_UNSUPPORTED, -EOPNOTSUPP,
				      "policy refused: not supported by this guest: %s",
				      fth_capability_name(missing & -missing));
	return 0;
}

static int check_expect(const char *name, const u8 *sha256, struct fth_report *ret_report)
{
	const struct fth_patch *patch;

	if (!fth_engine.armed)
		return fth_report_set(ret_report, FTH_E_BUSY, -EBUSY,
				      "apply '%s' refused: fother is still being loaded; try again",
				      name);
	if (fth_engine.expect.active)
		return fth_report_set(
			ret_report, FTH_E_BUSY, -EBUSY,
			"apply '%s' refused: the load of '%s' is under way; try again", name,
			fth_engine.expect.name);
	if (fth_engine_busy())
		return fth_report_set(ret_report, FTH_E_BUSY, -EBUSY,
				      "apply '%s' refused: the transition of '%s' runs; try again",
				      name, fth_engine_busy()->name);
	if (fth_revert_next())
		return fth_report_set(
			ret_report, FTH_E_BUSY, -EBUSY,
			"apply '%s' refused: '%s' is to be reverted in emergency first; try again",
			name, fth_revert_next()->name);
	patch = fth_engine_find(name);
	if (patch && patch->leaving)
		return fth_report_set(
			ret_report, FTH_E_BUSY, -EBUSY,
			"apply '%s' refused: its revert is over, but its module is still in use; try again",
			name);
	if (patch)
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EEXIST,
				      "apply '%s' refused: it is adopted already", name);
	return fth_blocks_check("apply", name, sha256, ret_report);
}

int fth_engine_expect(const char *name, const struct fth_guest_policy *policy, const u8 *sha256,
		      struct fth_report *ret_report)
{
	struct fth_expect *expect = &fth_engine.expect;
	int error;

	error = fth_engine_check(policy, ret_report);
	if (error)
		return error;
	mutex_lock(&fth_engine.lock);
	error = check_expect(name, sha256, ret_report);
	if (!error && fth_policy_copy(policy, &expect->policy))
		error = fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				       "apply '%s' refused: out of memory", name);
	if (!error) {
		strscpy(expect->name, name, sizeof(expect->name));
		memcpy(expect->sha256, sha256, sizeof(expect->sha256));
		expect->report = (struct fth_report){};
		expect->result = -ENOENT;
		expect->serial++;
		expect->active = true;
	}
	mutex_unlock(&fth_engine.lock);
	return error;
}

void fth_engine_expect_loader(void)
{
	WRITE_ONCE(fth_engine.expect.loader, current->tgid);
}

int fth_engine_expect_end(struct fth_report *ret_report)
{
	struct fth_expect *expect = &fth_engine.expect;
	int result;

	mutex_lock(&fth_engine.lock);
	WRITE_ONCE(expect->loader, 0);
	expect->active = false;
	kfree(expect->policy);
	expect->policy = NULL;
	result = expect->result;
	if (result == -ENOENT && !expect->report.code)
		fth_report_set(ret_report, FTH_E_LOAD_FAILED, 0,
			       "apply '%s': the loader ended without enabling the patch",
			       expect->name);
	else if (result)
		*ret_report = expect->report;
	mutex_unlock(&fth_engine.lock);
	return result;
}

/* Lock held.  A patch that can be commanded, or why not. */
static int find_for(const char *verb, const char *name, struct fth_patch **ret_patch,
		    struct fth_report *ret_report)
{
	struct fth_patch *patch = fth_engine_find(name);

	if (!patch)
		return fth_report_set(ret_report, FTH_E_NO_PATCH, -ENOENT,
				      "%s '%s' refused: no such patch is adopted", verb, name);
	if (patch->leaving)
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
				      "%s '%s' refused: it is reverted and being released", verb,
				      name);
	if (patch->flags & FTH_PATCH_FORCED)
		return fth_report_set(
			ret_report, FTH_E_WRONG_STATE, -EINVAL,
			"%s '%s' refused: it was forced and is pinned until the next boot", verb,
			name);
	*ret_patch = patch;
	return 0;
}

static int wrong_state(const char *verb, const struct fth_patch *patch,
		       struct fth_report *ret_report)
{
	return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL, "%s '%s' refused: it is %s",
			      verb, patch->name, fth_lifecycle_name(patch->state));
}

static int enable_locked(const char *name, bool enable, struct fth_report *ret_report)
{
	const char *verb = enable ? "enable" : "reverse";
	struct fth_patch *patch = fth_engine_find(name), *busy;
	u8 next;
	int error;

	/* Whoever wants it gone need not care that its module is still held. */
	if (patch && patch->leaving && !enable)
		return fth_report_set(ret_report, FTH_E_OK, 1,
				      "reverse '%s': old code is in force already", name);
	error = find_for(verb, name, &patch, ret_report);
	if (error)
		return error;
	if (enable && fth_revert_is_alarmed(patch))
		return fth_report_set(ret_report, FTH_E_BLOCKED, -EPERM,
				      "enable '%s' refused: it is reverted in emergency", name);
	busy = fth_engine_busy();
	if (busy && busy != patch)
		return fth_report_set(ret_report, FTH_E_BUSY, -EBUSY,
				      "%s '%s' refused: the transition of '%s' runs; try again",
				      verb, name, busy->name);
	if (enable && fth_revert_next())
		return fth_report_set(
			ret_report, FTH_E_BUSY, -EBUSY,
			"enable '%s' refused: '%s' is to be reverted in emergency first; try again",
			name, fth_revert_next()->name);
	if (fth_lifecycle_step(patch->state, FTH_LC_EV_REVERSE, &next))
		return wrong_state(verb, patch, ret_report);
	if (next != (enable ? FTH_LC_APPLYING : FTH_LC_REVERTING)) {
		wrong_state(verb, patch, ret_report);
		return -EALREADY;
	}
	fth_work_turn(patch, enable, false, FTH_E_REVERSED, "reversed on request");
	return 0;
}

int fth_engine_enable(const char *name, bool enable, struct fth_report *ret_report)
{
	int error;

	mutex_lock(&fth_engine.lock);
	error = enable_locked(name, enable, ret_report);
	mutex_unlock(&fth_engine.lock);
	if (!error)
		fth_engine_kick();
	return error;
}

bool fth_engine_is_leaving(const char *name)
{
	const struct fth_patch *patch;
	bool leaving;

	mutex_lock(&fth_engine.lock);
	patch = fth_engine_find(name);
	leaving = patch && patch->leaving;
	mutex_unlock(&fth_engine.lock);
	return leaving;
}

bool fth_engine_holds(const char *name, const u8 *sha256, bool *ret_other)
{
	const struct fth_patch *patch;
	bool holds;

	mutex_lock(&fth_engine.lock);
	patch = fth_engine_find(name);
	holds = patch && patch->has_sha256 && !memcmp(patch->sha256, sha256, FTH_SHA256_SIZE);
	*ret_other = patch && !holds;
	mutex_unlock(&fth_engine.lock);
	return holds;
}

static int confirm(const char *name, struct fth_report *ret_report)
{
	struct fth_patch *patch = fth_engine_find(name);
	u8 next;
	int error;

	/* One that was forced stays in any case, so its host may say so too. */
	if (!patch || !(patch->flags & FTH_PATCH_FORCED)) {
		error = find_for("confirm", name, &patch, ret_report);
		if (error)
			return error;
	}
	if (fth_revert_is_alarmed(patch) && !(patch->flags & FTH_PATCH_FORCED))
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
				      "confirm '%s' refused: it is reverted in emergency", name);
	if (patch->state == FTH_LC_APPLIED)
		return 0;
	if (fth_lifecycle_step(patch->state, FTH_LC_EV_CONFIRM, &next))
		return wrong_state("confirm", patch, ret_report);
	WRITE_ONCE(patch->state, next);
	patch->confirm_by_ns = 0;
	return 0;
}

int fth_engine_confirm(const char *name, struct fth_report *ret_report)
{
	int error;

	mutex_lock(&fth_engine.lock);
	error = confirm(name, ret_report);
	mutex_unlock(&fth_engine.lock);
	return error;
}

/* Lock held.  For commands that need the patch's own transition to run. */
static int find_running(const char *verb, const char *name, struct fth_patch **ret_patch,
			struct fth_report *ret_report)
{
	int error = find_for(verb, name, ret_patch, ret_report);

	if (error)
		return error;
	if (fth_engine_busy() != *ret_patch)
		return wrong_state(verb, *ret_patch, ret_report);
	return 0;
}

int fth_engine_nudge(const char *name, struct fth_report *ret_report)
{
	struct fth_patch *patch;
	int error;

	mutex_lock(&fth_engine.lock);
	error = find_running("nudge", name, &patch, ret_report);
	if (!error)
		fth_engine.run.nudge = true;
	mutex_unlock(&fth_engine.lock);
	if (!error)
		fth_engine_kick();
	return error;
}

int fth_engine_force(const char *name, struct fth_report *ret_report)
{
	struct fth_patch *patch;
	int error;

	mutex_lock(&fth_engine.lock);
	error = find_running("force", name, &patch, ret_report);
	if (!error)
		WRITE_ONCE(fth_engine.run.force, true);
	mutex_unlock(&fth_engine.lock);
	if (!error)
		fth_engine_kick();
	return error;
}

int fth_engine_print_policies(char *page)
{
	int length;

	mutex_lock(&fth_engine.lock);
	length = fth_policies_print(&fth_engine.policies, page);
	mutex_unlock(&fth_engine.lock);
	return length;
}

int fth_engine_write_policy(const char *page, size_t length)
{
	struct fth_report *report = NULL;
	char *line = NULL;
	int error = -EINVAL;

	if (length > FTH_POLICY_LINE_MAX) {
		pr_warn("policy: a line of %zu bytes, expected at most %u\n", length,
			FTH_POLICY_LINE_MAX);
		return -EINVAL;
	}
	report = kzalloc(sizeof(*report), GFP_KERNEL);
	line = kmemdup_nul(page, length, GFP_KERNEL);
	if (!report || !line) {
		error = -ENOMEM;
		goto out;
	}
	mutex_lock(&fth_engine.lock);
	error = fth_policies_write(&fth_engine.policies, line, report);
	mutex_unlock(&fth_engine.lock);
	if (error)
		pr_warn("%s\n", report->detail);
out:
	kfree(line);
	kfree(report);
	return error;
}

int fth_engine_init(const struct fth_engine_client *client,
		    const struct fth_engine_options *options)
{
	int error;

	fth_engine.client = client;
	INIT_DELAYED_WORK(&fth_engine.work, fth_work_run);
	INIT_DELAYED_WORK(&fth_engine.release, fth_work_release);
	error = fth_compat_init() ?: fth_boundary_init() ?: fth_freeze_init() ?: fth_cpus_init();
	if (error)
		return error;
	fth_engine.queue =
		alloc_workqueue("fother_engine", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!fth_engine.queue)
		return -ENOMEM;
	error = fth_redirector_init(&fth_engine.redirector);
	if (error)
		goto err_queue;
	error = fth_sysfs_init();
	if (error)
		goto err_redirector;
	error = fth_lasting_init();
	if (error)
		goto err_sysfs;
	error = fth_blocks_init(options->block);
	if (error)
		goto err_sysfs;
	error = fth_revert_init(fth_sysfs_root(), options->sysrq_key);
	if (error)
		goto err_sysfs;
	error = fth_modules_init();
	if (error)
		goto err_revert;
	error = fth_takeover_init(&fth_engine.takeover);
	if (error)
		goto err_modules;
	return 0;

err_modules:
	fth_modules_exit();
err_revert:
	fth_revert_exit();
err_sysfs:
	fth_sysfs_exit();
	fth_policies_free(&fth_engine.policies);
err_redirector:
	fth_redirector_exit(&fth_engine.redirector);
err_queue:
	destroy_workqueue(fth_engine.queue);
	return error;
}

void fth_engine_arm(void)
{
	mutex_lock(&fth_engine.lock);
	WRITE_ONCE(fth_engine.armed, true);
	mutex_unlock(&fth_engine.lock);
}

/*
 * Visits that have begun finish soon; those queued to a task that does not
 * come by were taken back when their roster was retired.
 */
static void wait_for_visits(void)
{
	bool some;

	do {
		mutex_lock(&fth_engine.lock);
		fth_work_drop_rosters();
		some = fth_engine.roster_count;
		mutex_unlock(&fth_engine.lock);
		if (some)
			msleep(FTH_EXIT_RETRY_MS);
	} while (some);
	/* A visit tells the worker with preemption off. */
	synchronize_rcu();
}

/* A task may still stand in the last instructions of a hook or a callback. */
static void wait_for_stacks(void)
{
	u32 wait_ms = FTH_EXIT_STACKS_MS;
	struct fth_stack_set set;

	synchronize_rcu_tasks();
	while (fth_stack_module_set(THIS_MODULE, &set))
		msleep(FTH_EXIT_RETRY_MS);
	while (fth_stack_check_all(&set, current)) {
		msleep(wait_ms);
		wait_ms = min(wait_ms * 2, FTH_RELEASE_MAX_MS);
	}
	fth_stack_set_free(&set);
}

void fth_engine_exit(void)
{
	fth_takeover_exit(&fth_engine.takeover);
	/* A callback of a patch that has been let out may still be queueing. */
	rcu_barrier_tasks();
	rcu_barrier();
	fth_modules_exit();
	fth_revert_exit();
	fth_sysfs_exit();
	wait_for_visits();
	fth_nudge_exit();
	fth_freeze_exit();
	cancel_delayed_work_sync(&fth_engine.work);
	cancel_delayed_work_sync(&fth_engine.release);
	destroy_workqueue(fth_engine.queue);
	fth_cpus_exit();
	fth_redirector_exit(&fth_engine.redirector);
	fth_policies_free(&fth_engine.policies);
	wait_for_stacks();
}
