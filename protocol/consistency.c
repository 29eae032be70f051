// SPDX-License-Identifier: GPL-2.0
/*
 * Consistency models and policies: defaults, ranges, contradictions, needs.
 *
 * DESIGN
 * Pure tables.  The host checks a policy file with them, the guest what came
 * over the wire or through sysfs, so both refuse the same things in the same
 * words.
 */
#include "fother/consistency.h"

#include "bytes.h"

struct model {
	uint8_t leave;
	uint8_t switches;
	uint64_t needs;	  /* 0: an empty cell */
	const char *name; /* in flags; of an empty cell why it is one */
};

static const struct model models[] = {
	{ FTH_LEAVE_FUNCTION, FTH_SWITCH_FUNCTION, FTH_CAP_MODEL_NONE, "none" },
	{ FTH_LEAVE_FUNCTION, FTH_SWITCH_THREAD, 0,
	  "leave: function checks no task, so no thread has a moment to switch at; "
	  "use switch: function, or leave: patched-set" },
	{ FTH_LEAVE_FUNCTION, FTH_SWITCH_KERNEL, 0,
	  "leave: function redirects each call at once, so there is no instant common to all; "
	  "use switch: function, or leave: patched-set" },
	{ FTH_LEAVE_PATCHED_SET, FTH_SWITCH_FUNCTION, 0,
	  "switch: function redirects each function alone, so leaving the set together means "
	  "nothing; use switch: thread or kernel" },
	{ FTH_LEAVE_PATCHED_SET, FTH_SWITCH_THREAD, FTH_CAP_MODEL_DEFAULT, "default" },
	{ FTH_LEAVE_PATCHED_SET, FTH_SWITCH_KERNEL, FTH_CAP_MODEL_IN_TIME, "in-time" },
	{ FTH_LEAVE_KERNEL, FTH_SWITCH_FUNCTION, 0,
	  "switch: function redirects each function alone, so leaving the kernel first means "
	  "nothing; use switch: thread or kernel" },
	{ FTH_LEAVE_KERNEL, FTH_SWITCH_THREAD, FTH_CAP_MODEL_IN_THREAD, "in-thread" },
	{ FTH_LEAVE_KERNEL, FTH_SWITCH_KERNEL, FTH_CAP_MODEL_IN_BOTH, "in-thread,in-time" },
};

static const struct model *find_model(uint8_t leave, uint8_t switches)
{
	for (uint32_t i = 0; i < FTH_COUNT_OF(models); i++)
		if (models[i].leave == leave && models[i].switches == switches)
			return &models[i];
	return NULL;
}

int fth_model_check(uint8_t leave, uint8_t switches, const char **ret_why)
{
	const struct model *model = find_model(leave, switches);

	if (model && model->needs)
		return 0;
	if (model)
		*ret_why = model->name;
	else if (leave < FTH_LEAVE_FUNCTION || leave > FTH_LEAVE_KERNEL)
		*ret_why = "leave: function, patched-set or kernel";
	else
		*ret_why = "switch: function, thread or kernel";
	return -EINVAL;
}

bool fth_model_at_least(uint8_t leave, uint8_t switches, uint8_t than_leave, uint8_t than_switches)
{
	return leave >= than_leave && switches >= than_switches;
}

const char *fth_model_name(uint8_t leave, uint8_t switches)
{
	const struct model *model = find_model(leave, switches);

	return model && model->needs ? model->name : "?";
}

void fth_model_from_flags(bool in_thread, bool in_time, uint8_t *ret_leave, uint8_t *ret_switches)
{
	if (!in_thread && !in_time) {
		*ret_leave = FTH_LEAVE_FUNCTION;
		*ret_switches = FTH_SWITCH_FUNCTION;
		return;
	}
	*ret_leave = in_thread ? FTH_LEAVE_KERNEL : FTH_LEAVE_PATCHED_SET;
	*ret_switches = in_time ? FTH_SWITCH_KERNEL : FTH_SWITCH_THREAD;
}

void fth_policy_set_defaults(struct fth_guest_policy *ret_policy)
{
	memset(ret_policy, 0, sizeof(*ret_policy));
	ret_policy->leave = FTH_LEAVE_PATCHED_SET;
	ret_policy->switches = FTH_SWITCH_THREAD;
	ret_policy->on_deadline = FTH_ON_DEADLINE_REVERSE;
	ret_policy->freeze_use = FTH_FREEZE_IF_NEEDED;
	ret_policy->freeze_way = FTH_FREEZE_PARK;
	ret_policy->freeze_attempts = FTH_FREEZE_ATTEMPTS_DEFAULT;
	ret_policy->revert_mode = FTH_REVERT_CONSISTENT;
	ret_policy->nudge_timed = FTH_NUDGE_TIMED_RESTART;
	ret_policy->deadline_ms = FTH_DEADLINE_DEFAULT_MS;
	ret_policy->stop_max_us = FTH_STOP_MAX_DEFAULT_US;
	ret_policy->nudge_after_ms = FTH_NUDGE_AFTER_DEFAULT_MS;
	ret_policy->nudge_every_ms = FTH_NUDGE_EVERY_DEFAULT_MS;
	ret_policy->freeze_budget_ms = FTH_FREEZE_BUDGET_DEFAULT_MS;
	ret_policy->confirm_within_ms = FTH_CONFIRM_WITHIN_DEFAULT_MS;
	ret_policy->host_loss_after_ms = FTH_HOST_LOSS_AFTER_DEFAULT_MS;
}

/**
 * struct range - what one field of a policy may be
 * @why: its name and range, for a person
 * @offset: of the field
 * @size: of the field, 1 or 4
 * @min: least
 * @max: most
 * @also: one more value that is allowed; @min where there is none
 */
struct range {
	const char *why;
	uint16_t offset;
	uint8_t size;
	uint32_t min;
	uint32_t max;
	uint32_t also;
};

#define RANGE(member, min_, max_, also_, why_)                                         \
	{                                                                              \
		.why = (why_), .offset = offsetof(struct fth_guest_policy, member),    \
		.size = sizeof(((struct fth_guest_policy *)0)->member), .min = (min_), \
		.max = (max_), .also = (also_)                                         \
	}

static const struct range ranges[] = {
	RANGE(on_deadline, FTH_ON_DEADLINE_REVERSE, FTH_ON_DEADLINE_WAIT, FTH_ON_DEADLINE_REVERSE,
	      "transition.on-deadline: reverse, freeze, force or wait"),
	RANGE(freeze_use, FTH_FREEZE_IF_NEEDED, FTH_FREEZE_NEVER, FTH_FREEZE_IF_NEEDED,
	      "freeze.use: if-needed, always or never"),
	RANGE(freeze_way, FTH_FREEZE_PARK, FTH_FREEZE_KERNEL, FTH_FREEZE_PARK,
	      "freeze.way: park or kernel"),
	RANGE(freeze_attempts, 1, FTH_FREEZE_ATTEMPTS_MAX, 1, "freeze.attempts: 1 to 100"),
	RANGE(revert_mode, FTH_REVERT_CONSISTENT, FTH_REVERT_CONSISTENT_THEN_IMMEDIATE,
	      FTH_REVERT_CONSISTENT,
	      "revert.mode: consistent, immediate or consistent-then-immediate"),
	RANGE(nudge_timed, FTH_NUDGE_TIMED_RESTART, FTH_NUDGE_TIMED_WAIT, FTH_NUDGE_TIMED_RESTART,
	      "nudge.timed: restart, interrupt or wait"),
	RANGE(deadline_ms, 0, FTH_DEADLINE_MAX_MS, 0,
	      "transition.deadline: at most 24h; 0 is none"),
	RANGE(stop_max_us, FTH_STOP_MAX_MIN_US, FTH_STOP_MAX_MAX_US, FTH_STOP_MAX_MIN_US,
	      "transition.stop-max: 100us to 1s"),
	RANGE(nudge_after_ms, 0, FTH_NUDGE_MAX_MS, FTH_NUDGE_MANUAL,
	      "nudge.after: at most 1h, or manual"),
	RANGE(nudge_every_ms, FTH_NUDGE_EVERY_MIN_MS, FTH_NUDGE_MAX_MS, FTH_NUDGE_EVERY_MIN_MS,
	      "nudge.every: 10ms to 1h"),
	RANGE(freeze_budget_ms, 1, FTH_FREEZE_BUDGET_MAX_MS, 1, "freeze.budget: 1ms to 10s"),
	RANGE(confirm_within_ms, FTH_CONFIRM_WITHIN_MIN_MS, FTH_CONFIRM_WITHIN_MAX_MS, 0,
	      "confirm.within: 1s to 168h, or none"),
	RANGE(revert_on, 0, FTH_REVERT_ON_ALL, 0,
	      "revert.on: oops, oops-in-patch, warn, warn-in-patch, soft-lockup, hung-task, "
	      "host-loss"),
	RANGE(host_loss_after_ms, FTH_HOST_LOSS_AFTER_MIN_MS, FTH_HOST_LOSS_AFTER_MAX_MS,
	      FTH_HOST_LOSS_AFTER_MIN_MS, "revert.host-loss-after: 5s to 24h"),
};

static bool is_in_range(const struct fth_guest_policy *policy, const struct range *range)
{
	const uint8_t *field = (const uint8_t *)policy + range->offset;
	uint32_t value = *field;

	if (range->size == sizeof(value))
		memcpy(&value, field, sizeof(value));
	return (value >= range->min && value <= range->max) || value == range->also;
}

/* What may follow a function's comma: 1 … 9999, as an author writes it. */
static bool is_position(const uint8_t *digits, uint32_t length)
{
	if (!length || length > 4 || digits[0] == '0')
		return false;
	for (uint32_t i = 0; i < length; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
	}
	return true;
}

/* "[object:]function[,position]", of printable characters without spaces */
static bool is_symbol(struct fth_span text)
{
	uint32_t begin = 0;

	if (!text.length || text.length > FTH_SYMBOL_MAX)
		return false;
	for (uint32_t i = 0; i < text.length; i++) {
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
		if (i == begin && text.data[i] >= '0' && text.data[i] <= '9')
			return false;
		if (text.data[i] == ',')
			return i > begin && is_position(text.data + i + 1, text.length - i - 1);
		if (text.data[i] != ':')
			continue;
		if (begin || !i || i == text.length - 1)
			return false;
		begin = i + 1;
	}
	return true;
}

/* Freezing before any deadline, and so attempts that may be used up. */
static bool freezes_by_itself(const struct fth_guest_policy *policy)
{
	return policy->freeze_use == FTH_FREEZE_ALWAYS ||
	       (policy->freeze_use == FTH_FREEZE_IF_NEEDED &&
		policy->switches == FTH_SWITCH_KERNEL);
}

/* Is there a moment at which transition.on-deadline is asked for? */
static bool may_be_late(const struct fth_guest_policy *policy)
{
	return policy->deadline_ms || freezes_by_itself(policy);
}

static bool may_freeze(const struct fth_guest_policy *policy)
{
	return freezes_by_itself(policy) ||
	       (policy->deadline_ms && policy->on_deadline == FTH_ON_DEADLINE_FREEZE);
}

static bool no_check_but_set(const struct fth_guest_policy *policy)
{
	return policy->leave == FTH_LEAVE_FUNCTION && policy->extend_set_count;
}

static bool no_check_but_freeze(const struct fth_guest_policy *policy)
{
	return policy->leave == FTH_LEAVE_FUNCTION && policy->freeze_use == FTH_FREEZE_ALWAYS;
}

static bool no_check_but_late(const struct fth_guest_policy *policy)
{
	return policy->leave == FTH_LEAVE_FUNCTION &&
	       (policy->on_deadline == FTH_ON_DEADLINE_FREEZE ||
		policy->on_deadline == FTH_ON_DEADLINE_FORCE);
}

static bool no_check_but_timed(const struct fth_guest_policy *policy)
{
	return policy->leave == FTH_LEAVE_FUNCTION &&
	       policy->nudge_timed != FTH_NUDGE_TIMED_RESTART;
}

static bool both_but_no_freeze(const struct fth_guest_policy *policy)
{
	return policy->leave == FTH_LEAVE_KERNEL && policy->switches == FTH_SWITCH_KERNEL &&
	       policy->freeze_use == FTH_FREEZE_NEVER;
}

static bool late_but_no_freeze(const struct fth_guest_policy *policy)
{
	return policy->on_deadline == FTH_ON_DEADLINE_FREEZE &&
	       policy->freeze_use == FTH_FREEZE_NEVER;
}

static bool late_but_never(const struct fth_guest_policy *policy)
{
	return !may_be_late(policy) && (policy->on_deadline == FTH_ON_DEADLINE_FREEZE ||
					policy->on_deadline == FTH_ON_DEADLINE_FORCE);
}

static bool any_and_in_patch(const struct fth_guest_policy *policy)
{
	const uint32_t oops = FTH_REVERT_ON_OOPS | FTH_REVERT_ON_OOPS_IN_PATCH;
	const uint32_t warn = FTH_REVERT_ON_WARN | FTH_REVERT_ON_WARN_IN_PATCH;

	return (policy->revert_on & oops) == oops || (policy->revert_on & warn) == warn;
}

static bool then_but_never(const struct fth_guest_policy *policy)
{
	return policy->revert_mode == FTH_REVERT_CONSISTENT_THEN_IMMEDIATE && !policy->deadline_ms;
}

/* Fields that are fine alone; the first that holds is told. */
static const struct {
	bool (*holds)(const struct fth_guest_policy *policy);
	const char *why;
} contradictions[] = {
	{ no_check_but_set, "consistency.extend-set: needs leave: patched-set or kernel, as "
			    "leave: function looks at no stack" },
	{ no_check_but_freeze, "freeze.use: always needs leave: patched-set or kernel, as with "
			       "leave: function no task is waited for" },
	{ no_check_but_late,
	  "transition.on-deadline: freeze and force need leave: patched-set or kernel, as with "
	  "leave: function no task is waited for" },
	{ no_check_but_timed, "nudge.timed: interrupt and wait need leave: patched-set or kernel, "
			      "as with leave: function no task is nudged" },
	{ both_but_no_freeze,
	  "freeze.use: never can't be with leave: kernel and switch: kernel, as tasks are never "
	  "all outside the kernel unless they are held there; use if-needed or always" },
	{ late_but_no_freeze,
	  "transition.on-deadline: freeze needs freeze.use: if-needed or always" },
	{ late_but_never, "transition.on-deadline: freeze and force need a transition.deadline, "
			  "as without one they would never happen" },
	{ any_and_in_patch, "revert.on: oops and oops-in-patch, or warn and warn-in-patch, can't "
			    "both be there, as the first is the second and more" },
	{ then_but_never, "revert.mode: consistent-then-immediate needs a transition.deadline, as "
			  "without one it would never be immediate" },
};

int fth_policy_check(const struct fth_guest_policy *policy, const char **ret_why)
{
	int error = fth_model_check(policy->leave, policy->switches, ret_why);

	if (error)
		return error;
	for (uint32_t i = 0; i < FTH_COUNT_OF(ranges); i++) {
		if (is_in_range(policy, &ranges[i]))
			continue;
		*ret_why = ranges[i].why;
		return -EINVAL;
	}
	for (uint32_t i = 0; i < FTH_COUNT_OF(contradictions); i++) {
		if (!contradictions[i].holds(policy))
			continue;
		*ret_why = contradictions[i].why;
		return -EINVAL;
	}
	if (policy->extend_set_count > FTH_EXTEND_SET_MAX) {
		*ret_why = "consistency.extend-set: at most 32 functions";
		return -EINVAL;
	}
	for (uint32_t i = 0; i < policy->extend_set_count; i++) {
		if (is_symbol(policy->extend_set[i]))
			continue;
		*ret_why =
			"consistency.extend-set: [object:]function[,position], 1 to 255 characters";
		return -EINVAL;
	}
	return 0;
}

static uint64_t reverts_need(const struct fth_guest_policy *policy)
{
	uint64_t needs = 0;

	if (policy->revert_on & FTH_REVERT_ON_OOPS)
		needs |= FTH_CAP_REVERT_OOPS;
	if (policy->revert_on & FTH_REVERT_ON_WARN)
		needs |= FTH_CAP_REVERT_WARN;
	if (policy->revert_on & FTH_REVERT_ON_SOFT_LOCKUP)
		needs |= FTH_CAP_REVERT_SOFT_LOCKUP;
	if (policy->revert_on & FTH_REVERT_ON_HUNG_TASK)
		needs |= FTH_CAP_REVERT_HUNG_TASK;
	if (policy->revert_on & FTH_REVERT_ON_HOST_LOSS)
		needs |= FTH_CAP_REVERT_HOST_LOSS;
	if (policy->revert_on & (FTH_REVERT_ON_OOPS_IN_PATCH | FTH_REVERT_ON_WARN_IN_PATCH))
		needs |= FTH_CAP_REVERT_IN_PATCH;
	if (policy->revert_mode != FTH_REVERT_CONSISTENT)
		needs |= FTH_CAP_REVERT_IMMEDIATE;
	return needs;
}

/* A freeze that came to nothing is followed by a reverse. */
static uint64_t lateness_needs(const struct fth_guest_policy *policy)
{
	switch (policy->on_deadline) {
	case FTH_ON_DEADLINE_REVERSE:
	case FTH_ON_DEADLINE_FREEZE:
		return FTH_CAP_DEADLINE_REVERSE;
	case FTH_ON_DEADLINE_FORCE:
		return FTH_CAP_DEADLINE_FORCE;
	default:
		return 0;
	}
}

uint64_t fth_policy_needs(const struct fth_guest_policy *policy)
{
	const struct model *model = find_model(policy->leave, policy->switches);
	uint64_t needs = FTH_CAP_STOP_MAX | reverts_need(policy);

	if (model)
		needs |= model->needs;
	if (policy->extend_set_count)
		needs |= FTH_CAP_EXTEND_SET;
	if (may_be_late(policy))
		needs |= lateness_needs(policy);
	if (policy->nudge_after_ms != FTH_NUDGE_MANUAL)
		needs |= FTH_CAP_NUDGE;
	if (policy->nudge_timed != FTH_NUDGE_TIMED_RESTART)
		needs |= FTH_CAP_NUDGE_TIMED;
	if (may_freeze(policy))
		needs |= policy->freeze_way == FTH_FREEZE_PARK ? FTH_CAP_FREEZE_PARK
							       : FTH_CAP_FREEZE_KERNEL;
	if (policy->confirm_within_ms)
		needs |= FTH_CAP_CONFIRM;
	return needs;
}
