// SPDX-License-Identifier: GPL-2.0
/*
 * The engine's part of an emergency revert: requests, time limits, alarms.
 *
 * An alarm that can't be taken, since another patch's transition runs, is taken
 * when that has ended.  An immediate one doesn't wait: the worker takes the patch
 * out beside the transition.
 */
#include "revert.h"

#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/ktime.h>

#include "clock.h"
#include "engine_priv.h"
#include "hostinfo.h"
#include "incidents.h"
#include "sysfs.h"
#include "times.h"

/* @one: to write an incident down; under the engine's lock. @copy: the worker's. */
static struct {
	struct fth_incident one;
	struct fth_incident copy;
} revert;

static u64 ms_to_lived_ns(u32 ms)
{
	return (u64)ms * NSEC_PER_MSEC;
}

bool fth_revert_is_alarmed(const struct fth_patch *patch)
{
	return READ_ONCE(patch->alarm);
}

void fth_revert_write_down(const struct fth_patch *patch, u64 alarm, const char *why)
{
	struct fth_incident *one = &revert.one;

	*one = (struct fth_incident){ .number = fth_alarm_number(alarm),
				      .trigger = fth_alarm_trigger(alarm),
				      .happened_ms = fth_hostinfo_uptime_ms(),
				      .has_sha256 = patch->has_sha256 };
	memcpy(one->sha256, patch->sha256, sizeof(one->sha256));
	strscpy(one->name, patch->name, sizeof(one->name));
	strscpy(one->why, why, sizeof(one->why));
	fth_incidents_add(one);
}

/* Lock held.  Return: false when a trigger was faster. */
static bool raise_alarm(struct fth_patch *patch, u8 trigger, u8 mode, const char *why)
{
	u64 alarm = fth_alarm(fth_incidents_number(), trigger, mode);

	if (cmpxchg(&patch->alarm, 0, alarm))
		return false;
	fth_revert_write_down(patch, alarm, why);
	return true;
}

static bool is_unconfirmed(const struct fth_patch *patch)
{
	return patch->state == FTH_LC_SOAKING && patch->confirm_by_ns;
}

/* Lived time at which the host counts as lost, 0 = never. */
static u64 host_loss_ns(const struct fth_patch *patch)
{
	u64 heard = fth_engine.client->heard_ns();

	if (!(patch->policy.revert_on & FTH_REVERT_ON_HOST_LOSS) ||
	    (patch->state != FTH_LC_APPLYING && patch->state != FTH_LC_SOAKING))
		return 0;
	return max(heard, patch->since_ns) + ms_to_lived_ns(patch->policy.host_loss_after_ms);
}

static void check_times(struct fth_patch *patch)
{
	u64 lived = fth_clock_lived_ns(), lost = host_loss_ns(patch);
	char why[FTH_INCIDENT_WHY_MAX];

	/* Pinned, and replaced: nobody else will look at what a trigger raised just before. */
	if (patch->out && (patch->flags & FTH_PATCH_FORCED))
		fth_revert_unwatched(patch);
	if (patch->alarm || patch->out || (patch->flags & FTH_PATCH_FORCED))
		return;
	if (is_unconfirmed(patch) && lived >= patch->confirm_by_ns) {
		scnprintf(why, sizeof(why), "not confirmed within %u ms",
			  patch->policy.confirm_within_ms);
		raise_alarm(patch, FTH_TRIGGER_UNCONFIRMED, 0, why);
	} else if (lost && lived >= lost) {
		scnprintf(why, sizeof(why), "nothing was heard of the host for %u ms",
			  patch->policy.host_loss_after_ms);
		raise_alarm(patch, FTH_TRIGGER_HOST_LOSS, 0, why);
	}
}

/* Lock held.  Does it wait for being taken? */
static bool is_waiting(const struct fth_patch *patch)
{
	return READ_ONCE(patch->alarm) && !patch->alarm_taken && !patch->out && !patch->leaving;
}

/* Lock held.  Is it alarmed, and old code not in force yet?  A forced one stays. */
static bool is_to_go(const struct fth_patch *patch)
{
	return READ_ONCE(patch->alarm) && !patch->out && !patch->leaving &&
	       !(patch->flags & FTH_PATCH_FORCED);
}

/* What its log line and its command's answer say. */
static void print_why(const struct fth_patch *patch, char *text, size_t size)
{
	u64 alarm = READ_ONCE(patch->alarm);

	scnprintf(text, size, "emergency %u (%s)", fth_alarm_number(alarm),
		  fth_trigger_name(fth_alarm_trigger(alarm)));
}

/* Return: false when it stays. */
static bool take(struct fth_patch *patch)
{
	u64 alarm = READ_ONCE(patch->alarm);
	const char *trigger = fth_trigger_name(fth_alarm_trigger(alarm));
	u32 number = fth_alarm_number(alarm);
	char why[FTH_INCIDENT_WHY_MAX];

	patch->alarm_taken = true;
	/* The trigger could not write it down, or one of SysRq has nothing to say. */
	if (!fth_incidents_why(number, why)) {
		strscpy(why, trigger, sizeof(why));
		fth_revert_write_down(patch, alarm, why);
	}
	if (patch->flags & FTH_PATCH_FORCED) {
		fth_incidents_end(number, 0, "it was forced meanwhile, and stays");
		return false;
	}
	WRITE_ONCE(patch->revert_mode, fth_alarm_mode(alarm) ?: patch->policy.revert_mode);
	fth_blocks_add(patch->name, patch->has_sha256 ? patch->sha256 : NULL,
		       fth_alarm_trigger(alarm), number);
	pr_warn("patch '%s': emergency %u (%s): %s; it is reverted, mode '%s'\n", patch->name,
		number, trigger, why, fth_revert_mode_name(patch->revert_mode));
	return true;
}

static void begin(struct fth_patch *patch)
{
	char why[FTH_WHY_MAX];

	/* A way back that runs is joined. */
	if (!take(patch) || patch->state == FTH_LC_REVERTING)
		return;
	print_why(patch, why, sizeof(why));
	fth_work_turn(patch, false, true, FTH_E_REVERSED, why);
}

/* When it is taken out beside another patch's transition, CLOCK_MONOTONIC; 0 = never. */
static u64 drop_ns(const struct fth_patch *patch)
{
	u8 mode = fth_alarm_mode(READ_ONCE(patch->alarm)) ?: patch->policy.revert_mode;
	u32 deadline_ms = patch->policy.deadline_ms ?: FTH_DEADLINE_DEFAULT_MS;

	if (mode == FTH_REVERT_IMMEDIATE)
		return patch->waits_ns;
	if (mode == FTH_REVERT_CONSISTENT_THEN_IMMEDIATE)
		return patch->waits_ns + ms_to_lived_ns(deadline_ms);
	return 0;
}

/* Another patch's transition runs.  Return: is it time to take it out beside that? */
static bool is_to_drop(struct fth_patch *patch)
{
	u64 at;

	patch->waits_ns = patch->waits_ns ?: ktime_get_ns();
	at = drop_ns(patch);
	return at && ktime_get_ns() >= at && fth_engine.run.begun &&
	       !(patch->flags & FTH_PATCH_FORCED);
}

void fth_revert_check(void)
{
	struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list)
		check_times(patch);
}

struct fth_patch *fth_revert_take(bool may_drop)
{
	struct fth_patch *patch, *busy = fth_engine_busy();

	list_for_each_entry_reverse(patch, &fth_engine.patches, list) {
		if (!is_waiting(patch))
			continue;
		if (!busy || busy == patch) {
			begin(patch);
			return NULL;
		}
		if (may_drop && is_to_drop(patch) && take(patch))
			return patch;
	}
	return NULL;
}

bool fth_revert_runs(void)
{
	struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (is_to_go(patch))
			return true;
	}
	return false;
}

const struct fth_patch *fth_revert_next(void)
{
	const struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (is_to_go(patch) && !patch->alarm_taken)
			return patch;
	}
	return NULL;
}

bool fth_revert_is_coming(const char *name)
{
	const struct fth_patch *patch;
	bool coming;

	mutex_lock(&fth_engine.lock);
	patch = fth_engine_find(name);
	coming = patch && is_to_go(patch);
	mutex_unlock(&fth_engine.lock);
	return coming;
}

/* When a moment of lived time comes at the earliest. */
static u64 at_lived_ns(u64 lived)
{
	u64 now = fth_clock_lived_ns();

	return ktime_get_ns() + (lived > now ? lived - now : 0);
}

/* CLOCK_MONOTONIC, when consistent-then-immediate becomes immediate. */
static u64 patience_ns(const struct fth_patch *patch)
{
	u32 deadline_ms = patch->policy.deadline_ms ?: FTH_DEADLINE_DEFAULT_MS;

	return fth_engine.run.advance.began_ns + ms_to_lived_ns(deadline_ms);
}

static u64 due_of(const struct fth_patch *patch)
{
	const struct fth_run *run = &fth_engine.run;
	const struct fth_patch *busy = fth_engine_busy();
	u64 due = 0, lost;

	if (patch->out || (patch->flags & FTH_PATCH_FORCED))
		return 0;
	if (is_waiting(patch))
		return !busy || busy == patch ? ktime_get_ns() : drop_ns(patch);
	if (patch->alarm_taken) {
		if (run->patch != patch || !run->begun || run->to_new)
			return 0;
		if (patch->revert_mode == FTH_REVERT_IMMEDIATE)
			return ktime_get_ns();
		return patch->revert_mode == FTH_REVERT_CONSISTENT_THEN_IMMEDIATE
			       ? patience_ns(patch)
			       : 0;
	}
	if (is_unconfirmed(patch))
		due = at_lived_ns(patch->confirm_by_ns);
	lost = host_loss_ns(patch);
	return lost ? earlier(at_lived_ns(lost), due) : due;
}

u64 fth_revert_due_ns(void)
{
	struct fth_patch *patch;
	u64 due = 0;

	list_for_each_entry(patch, &fth_engine.patches, list)
		due = earlier(due_of(patch), due);
	return due;
}

bool fth_revert_is_immediate(const struct fth_patch *patch)
{
	u8 mode = READ_ONCE(patch->revert_mode);

	if (!patch->alarm_taken || fth_engine.run.advance.to_new)
		return false;
	if (mode == FTH_REVERT_CONSISTENT_THEN_IMMEDIATE)
		return ktime_get_ns() >= patience_ns(patch);
	return mode == FTH_REVERT_IMMEDIATE;
}

void fth_revert_arm_confirm(struct fth_patch *patch)
{
	patch->confirm_by_ns = 0;
	if (patch->policy.confirm_within_ms && !(patch->flags & FTH_PATCH_FORCED))
		patch->confirm_by_ns =
			fth_clock_lived_ns() + ms_to_lived_ns(patch->policy.confirm_within_ms);
}

u32 fth_revert_confirm_left_ms(const struct fth_patch *patch)
{
	u64 lived = fth_clock_lived_ns();

	if (!is_unconfirmed(patch) || patch->alarm)
		return 0;
	if (lived >= patch->confirm_by_ns)
		return 1;
	return max_t(u64, div_u64(patch->confirm_by_ns - lived, NSEC_PER_MSEC), 1);
}

u32 fth_revert_settled(struct fth_patch *patch, bool immediate, const char *detail)
{
	u32 number = fth_alarm_number(READ_ONCE(patch->alarm));

	if (!patch->alarm_taken)
		return 0;
	fth_incidents_end(number, immediate ? FTH_REVERT_IMMEDIATE : FTH_REVERT_CONSISTENT, detail);
	return number;
}

/* Return: false when it has to be tried again. */
static bool tell(const struct fth_incident *incident, u8 kind)
{
	if (incident->told & (1u << kind))
		return true;
	/* First, since who tells it takes it back where that came to nothing. */
	fth_incidents_told(incident->number, kind, true);
	/* With no session it is told at the start of the next one. */
	if (!fth_revert_is_untold(fth_engine.client->incident(incident, kind)))
		return true;
	fth_incidents_told(incident->number, kind, false);
	return false;
}

bool fth_revert_tell(void)
{
	struct fth_incident *copy = &revert.copy;

	copy->number = 0;
	while (fth_incidents_next(copy->number, copy)) {
		if (!tell(copy, copy->trouble ? FTH_EVENT_TROUBLE : FTH_EVENT_TRIGGERED))
			return false;
		if (copy->ended && !tell(copy, FTH_EVENT_REVERTED))
			return false;
	}
	return true;
}

void fth_revert_tell_again(u32 number, u8 kind)
{
	fth_incidents_told(number, kind, false);
	fth_engine_kick();
}

/* Requests. */

/* Lock held. */
static void escalate(struct fth_patch *patch, u8 mode)
{
	u64 alarm = READ_ONCE(patch->alarm);

	if (mode != FTH_REVERT_IMMEDIATE)
		return;
	if (patch->alarm_taken)
		WRITE_ONCE(patch->revert_mode, mode);
	else
		WRITE_ONCE(patch->alarm,
			   fth_alarm(fth_alarm_number(alarm), fth_alarm_trigger(alarm), mode));
}

/* Lock held. */
static void request(struct fth_patch *patch, u8 trigger, u8 mode)
{
	const char *why = trigger == FTH_TRIGGER_HOST ? "asked for by the host"
						      : "asked for in the guest";

	if (patch->alarm || !raise_alarm(patch, trigger, mode, why))
		escalate(patch, mode);
}

static int request_named(const char *name, u8 trigger, u8 mode, struct fth_report *ret_report)
{
	struct fth_patch *patch = fth_engine_find(name);

	if (!patch)
		return fth_report_set(ret_report, FTH_E_NO_PATCH, -ENOENT,
				      "revert '%s' refused: no such patch is adopted", name);
	if (patch->leaving)
		return fth_report_set(ret_report, FTH_E_OK, 1,
				      "revert '%s': old code is in force already", name);
	if (patch->flags & FTH_PATCH_FORCED)
		return fth_report_set(
			ret_report, FTH_E_WRONG_STATE, -EINVAL,
			"revert '%s' refused: it was forced and is pinned until the next boot",
			name);
	request(patch, trigger, mode);
	return 0;
}

int fth_revert_request(const char *name, u8 trigger, u8 mode, struct fth_report *ret_report)
{
	int error;

	mutex_lock(&fth_engine.lock);
	error = request_named(name, trigger, mode, ret_report);
	mutex_unlock(&fth_engine.lock);
	if (!error)
		fth_engine_kick();
	return error;
}

u32 fth_revert_request_all(u8 trigger, u8 mode)
{
	struct fth_patch *patch;
	u32 count = 0;

	mutex_lock(&fth_engine.lock);
	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (patch->leaving || patch->out || (patch->flags & FTH_PATCH_FORCED))
			continue;
		request(patch, trigger, mode);
		count++;
	}
	mutex_unlock(&fth_engine.lock);
	fth_engine_kick();
	return count;
}

static int extend(const char *name, u32 extend_ms, struct fth_report *ret_report)
{
	struct fth_patch *patch = fth_engine_find(name);

	if (!patch || patch->leaving)
		return fth_report_set(ret_report, FTH_E_NO_PATCH, -ENOENT,
				      "extend '%s' refused: no such patch is in force", name);
	if (extend_ms < FTH_CONFIRM_WITHIN_MIN_MS || extend_ms > FTH_CONFIRM_WITHIN_MAX_MS)
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "extend '%s' refused: %u ms, expected %u to %u", name,
				      extend_ms, FTH_CONFIRM_WITHIN_MIN_MS,
				      FTH_CONFIRM_WITHIN_MAX_MS);
	if (patch->alarm || patch->state == FTH_LC_REVERTING)
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
				      "extend '%s' refused: it is being reverted", name);
	/* Confirmed, forced, or under a policy without a limit: it stays anyway. */
	if (!patch->policy.confirm_within_ms || patch->state == FTH_LC_APPLIED ||
	    (patch->flags & FTH_PATCH_FORCED))
		return 0;
	patch->policy.confirm_within_ms = extend_ms;
	if (patch->state == FTH_LC_SOAKING)
		fth_revert_arm_confirm(patch);
	return 0;
}

int fth_revert_extend(const char *name, u32 extend_ms, struct fth_report *ret_report)
{
	int error;

	mutex_lock(&fth_engine.lock);
	error = extend(name, extend_ms, ret_report);
	mutex_unlock(&fth_engine.lock);
	/* It may be due sooner than before. */
	if (!error)
		fth_engine_kick();
	return error;
}

u32 fth_revert_allow(const char *name, const u8 *sha256)
{
	u32 lifted;

	mutex_lock(&fth_engine.lock);
	lifted = fth_blocks_allow(name, sha256);
	mutex_unlock(&fth_engine.lock);
	if (lifted)
		pr_info("allow '%s': %u blocks lifted\n", name, lifted);
	return lifted;
}

u32 fth_revert_blocks(struct fth_block *blocks, u32 max)
{
	u32 count;

	mutex_lock(&fth_engine.lock);
	count = fth_blocks_list(blocks, max);
	mutex_unlock(&fth_engine.lock);
	return count;
}

int fth_revert_init(struct kobject *root, int sysrq_key)
{
	int error;

	fth_revert_watch_init();
	error = fth_revert_text_init();
	if (error)
		return error;
	error = fth_revert_hooks_init(sysrq_key);
	if (error)
		goto err_text;
	error = fth_revert_sysfs_init(root);
	if (error)
		goto err_hooks;
	return 0;

err_hooks:
	fth_revert_hooks_exit();
err_text:
	fth_revert_text_exit();
	fth_revert_watch_exit();
	return error;
}

void fth_revert_exit(void)
{
	fth_revert_sysfs_exit();
	fth_revert_hooks_exit();
	fth_revert_text_exit();
	fth_revert_watch_exit();
}
