/* SPDX-License-Identifier: GPL-2.0 */
/* Consistency models and the part of a policy that a guest carries out. */
#ifndef FOTHER_CONSISTENCY_H
#define FOTHER_CONSISTENCY_H

#include "fother/types.h"
#include "fother/wire.h"

/* When may a task switch? */
enum fth_leave {
	FTH_LEAVE_FUNCTION = 1,
	FTH_LEAVE_PATCHED_SET = 2,
	FTH_LEAVE_KERNEL = 3,
};

/* What switches together? */
enum fth_switch {
	FTH_SWITCH_FUNCTION = 1,
	FTH_SWITCH_THREAD = 2,
	FTH_SWITCH_KERNEL = 3,
};

enum fth_on_deadline {
	FTH_ON_DEADLINE_REVERSE = 1,
	FTH_ON_DEADLINE_FREEZE = 2,
	FTH_ON_DEADLINE_FORCE = 3,
	FTH_ON_DEADLINE_WAIT = 4,
};

/* What a nudge does to a system call that waits with a time-out (see nudge.timed). */
enum fth_nudge_timed {
	FTH_NUDGE_TIMED_RESTART = 1,   /* it is issued again, with its whole time-out */
	FTH_NUDGE_TIMED_INTERRUPT = 2, /* it returns EINTR */
	FTH_NUDGE_TIMED_WAIT = 3,      /* it isn't nudged */
};

enum fth_freeze_use {
	FTH_FREEZE_IF_NEEDED = 1,
	FTH_FREEZE_ALWAYS = 2,
	FTH_FREEZE_NEVER = 3,
};

enum fth_freeze_way {
	FTH_FREEZE_PARK = 1,
	FTH_FREEZE_KERNEL = 2,
};

enum fth_revert_mode {
	FTH_REVERT_CONSISTENT = 1,
	FTH_REVERT_IMMEDIATE = 2,
	FTH_REVERT_CONSISTENT_THEN_IMMEDIATE = 3,
};

#define FTH_REVERT_ON_OOPS (1u << 0)
#define FTH_REVERT_ON_WARN (1u << 1)
#define FTH_REVERT_ON_SOFT_LOCKUP (1u << 2)
#define FTH_REVERT_ON_HUNG_TASK (1u << 3)
#define FTH_REVERT_ON_HOST_LOSS (1u << 4)
#define FTH_REVERT_ON_OOPS_IN_PATCH (1u << 5) /* with a patched function on the stack */
#define FTH_REVERT_ON_WARN_IN_PATCH (1u << 6)
#define FTH_REVERT_ON_ALL 0x7fu

#define FTH_NUDGE_MANUAL 0xffffffffu

/* Defaults; where a policy is silent these hold, on both sides. */
#define FTH_DEADLINE_DEFAULT_MS 30000u
#define FTH_STOP_MAX_DEFAULT_US 50000u
#define FTH_NUDGE_AFTER_DEFAULT_MS 1000u
#define FTH_NUDGE_EVERY_DEFAULT_MS 5000u
#define FTH_FREEZE_BUDGET_DEFAULT_MS 500u
#define FTH_FREEZE_ATTEMPTS_DEFAULT 5u
#define FTH_CONFIRM_WITHIN_DEFAULT_MS 600000u
#define FTH_HOST_LOSS_AFTER_DEFAULT_MS 60000u

/* Ranges, inclusive. */
#define FTH_DEADLINE_MAX_MS 86400000u
#define FTH_STOP_MAX_MIN_US 100u
#define FTH_STOP_MAX_MAX_US 1000000u
#define FTH_NUDGE_MAX_MS 3600000u
#define FTH_NUDGE_EVERY_MIN_MS 10u
#define FTH_FREEZE_BUDGET_MAX_MS 10000u
#define FTH_FREEZE_ATTEMPTS_MAX 100u
#define FTH_CONFIRM_WITHIN_MIN_MS 1000u
#define FTH_CONFIRM_WITHIN_MAX_MS 604800000u
#define FTH_HOST_LOSS_AFTER_MIN_MS 5000u
#define FTH_HOST_LOSS_AFTER_MAX_MS 86400000u

/**
 * struct fth_guest_policy - what a guest must know to run a transition
 * @leave: enum fth_leave
 * @switches: enum fth_switch
 * @on_deadline: enum fth_on_deadline
 * @freeze_use: enum fth_freeze_use; matters where @switches is KERNEL,
 *	@on_deadline is FREEZE or the value is ALWAYS
 * @freeze_way: enum fth_freeze_way
 * @freeze_attempts: 1 … FTH_FREEZE_ATTEMPTS_MAX
 * @revert_mode: enum fth_revert_mode
 * @nudge_timed: enum fth_nudge_timed; of calls that a signal makes return EINTR
 *	and that wait with a time-out.  Those without one are always issued again
 * @extend_set_count: used entries of @extend_set
 * @deadline_ms: 0 = none
 * @stop_max_us: longest stop of all CPUs that is allowed
 * @nudge_after_ms: FTH_NUDGE_MANUAL = only on request
 * @nudge_every_ms: between two nudges of one task
 * @freeze_budget_ms: longest time tasks are held
 * @confirm_within_ms: 0 = the patch stays though nobody confirms it
 * @revert_on: FTH_REVERT_ON_*
 * @host_loss_after_ms: matters with FTH_REVERT_ON_HOST_LOSS
 * @extend_set: "function" or "object:function"; borrowed
 *
 * Source: DESIGN sections 3, 4 and 9.
 */
struct fth_guest_policy {
	uint8_t leave;
	uint8_t switches;
	uint8_t on_deadline;
	uint8_t freeze_use;
	uint8_t freeze_way;
	uint8_t freeze_attempts;
	uint8_t revert_mode;
	uint8_t nudge_timed;
	uint8_t extend_set_count;
	uint32_t deadline_ms;
	uint32_t stop_max_us;
	uint32_t nudge_after_ms;
	uint32_t nudge_every_ms;
	uint32_t freeze_budget_ms;
	uint32_t confirm_within_ms;
	uint32_t revert_on;
	uint32_t host_loss_after_ms;
	struct fth_span extend_set[FTH_EXTEND_SET_MAX];
};

/* What an engine can do.  A policy that needs more is refused by it. */
#define FTH_CAP_MODEL_NONE (1ull << 0)	    /* leave function, switch function */
#define FTH_CAP_MODEL_DEFAULT (1ull << 1)   /* patched-set, thread */
#define FTH_CAP_MODEL_IN_TIME (1ull << 2)   /* patched-set, kernel */
#define FTH_CAP_MODEL_IN_THREAD (1ull << 3) /* kernel, thread */
#define FTH_CAP_MODEL_IN_BOTH (1ull << 4)   /* kernel, kernel */
#define FTH_CAP_EXTEND_SET (1ull << 5)
#define FTH_CAP_DEADLINE_REVERSE (1ull << 6)
#define FTH_CAP_DEADLINE_FORCE (1ull << 7)
#define FTH_CAP_NUDGE (1ull << 8)
#define FTH_CAP_FREEZE_PARK (1ull << 9)
#define FTH_CAP_FREEZE_KERNEL (1ull << 10)
#define FTH_CAP_CONFIRM (1ull << 11)
#define FTH_CAP_REVERT_OOPS (1ull << 12)
#define FTH_CAP_REVERT_WARN (1ull << 13)
#define FTH_CAP_REVERT_SOFT_LOCKUP (1ull << 14)
#define FTH_CAP_REVERT_HUNG_TASK (1ull << 15)
#define FTH_CAP_REVERT_HOST_LOSS (1ull << 16)
#define FTH_CAP_REVERT_IMMEDIATE (1ull << 17)
#define FTH_CAP_STOP_MAX (1ull << 18)
#define FTH_CAP_MODULE_OBJECTS (1ull << 19) /* functions of modules */
#define FTH_CAP_CALLBACKS (1ull << 20)
#define FTH_CAP_REPLACE (1ull << 21)
#define FTH_CAP_STATES (1ull << 22)
#define FTH_CAP_STACKING (1ull << 23)	 /* a function patched twice */
#define FTH_CAP_EFFECT (1ull << 24)	 /* proves that replacements run */
#define FTH_CAP_NUDGE_TIMED (1ull << 25) /* nudge.timed: interrupt, wait */
#define FTH_CAP_CONFIRM_EXTEND (1ull << 26)
#define FTH_CAP_SIGNATURES (1ull << 27)	 /* has a key to check signatures with */
#define FTH_CAP_SIGNED_ONLY (1ull << 28) /* refuses what is not signed */
#define FTH_CAP_REVERT_IN_PATCH (1ull << 29)
#define FTH_CAP_EMERGENCY (1ull << 30) /* REVERT, ALLOW, blocks, incidents */
#define FTH_CAP_RELAYED (1ull << 31)   /* this session goes through a program in the guest */

/** fth_policy_set_defaults() - fill @ret_policy with every default. */
void fth_policy_set_defaults(struct fth_guest_policy *ret_policy);

/**
 * fth_model_check() - is this pair of the table of DESIGN section 3?
 * @leave: any number
 * @switches: any number
 * @ret_why: constant text for a person; set on error only
 * Return: 0; -EINVAL for a number of no name or an empty cell.
 */
int fth_model_check(uint8_t leave, uint8_t switches, const char **ret_why);

/**
 * fth_model_from_flags() - the pair that policy flags stand for
 * @in_thread: flag "in-thread" is there
 * @in_time: flag "in-time" is there
 * @ret_leave: enum fth_leave
 * @ret_switches: enum fth_switch
 *
 * Neither flag is the model "none" (`flags: []`), not the default one.
 */
void fth_model_from_flags(bool in_thread, bool in_time, uint8_t *ret_leave, uint8_t *ret_switches);

/**
 * fth_model_at_least() - is the first model at least as strong as the second?
 * @leave: of the first
 * @switches: of the first
 * @than_leave: of the second
 * @than_switches: of the second
 *
 * Stronger is what promises more: a task that leaves the kernel has left the
 * patched set, and what the whole kernel switches together every thread does.
 * A pair is at least as strong when it is in both; two pairs may each be weaker
 * than the other in one.
 */
bool fth_model_at_least(uint8_t leave, uint8_t switches, uint8_t than_leave, uint8_t than_switches);

/**
 * fth_model_parse() - a model in words, as MODULE_INFO(fother_consistency, …) has it
 * @text: "none", "in-thread", "in-time", "in-thread,in-time", "default", or
 *	"leave=WORD switch=WORD" in this order; one space or comma between
 * @ret_leave: enum fth_leave; untouched on error
 * @ret_switches: enum fth_switch; untouched on error
 * @ret_why: constant text for a person; on error only
 * Return: 0; -EINVAL for other words or an empty cell of the table.
 */
int fth_model_parse(struct fth_span text, uint8_t *ret_leave, uint8_t *ret_switches,
		    const char **ret_why);

/**
 * fth_model_name() - the flags of a model: "none", "default", "in-time", …
 * Return: "?" for an empty cell.
 */
const char *fth_model_name(uint8_t leave, uint8_t switches);

/**
 * fth_policy_check() - every field within its range, no two that contradict
 * @policy: to be checked; @policy->extend_set may be empty strings (refused)
 * @ret_why: constant text that names the field and the range; on error only
 *
 * Refused beside what is out of range: what could never have an effect, as
 * freezing where no task is waited for, and what could never come to an end.
 * Return: 0 or -EINVAL.
 */
int fth_policy_check(const struct fth_guest_policy *policy, const char **ret_why);

/**
 * fth_policy_needs() - capabilities an engine must have for this policy
 * @policy: one that fth_policy_check() accepted
 * Return: FTH_CAP_*; a default that needs nothing adds nothing.
 */
uint64_t fth_policy_needs(const struct fth_guest_policy *policy);

/**
 * fth_capability_name() - the policy's words for one capability
 * @capability: one bit of FTH_CAP_*
 * Return: e.g. "freeze.way: park"; "unknown capability" for any other bit.
 */
const char *fth_capability_name(uint64_t capability);

/*
 * Words of policy files and of /sys/kernel/fother/policy for the enums above
 * ("patched-set", "consistent-then-immediate", …).  _name() returns "?" for a
 * number without a name; _parse() returns the number or -EINVAL.
 */
#define FTH_WORDS(X)   \
	X(leave)       \
	X(switch)      \
	X(on_deadline) \
	X(freeze_use)  \
	X(freeze_way)  \
	X(nudge_timed) \
	X(revert_mode) \
	X(trigger)     \
	X(revert_on) /* one bit at a time */
#define FTH_WORDS_DECLARE(set)                         \
	const char *fth_##set##_name(uint32_t number); \
	int fth_##set##_parse(struct fth_span word);
FTH_WORDS(FTH_WORDS_DECLARE)
#undef FTH_WORDS_DECLARE

#endif /* FOTHER_CONSISTENCY_H */
