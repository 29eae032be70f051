// SPDX-License-Identifier: GPL-2.0
/* Policies: every range at both ends, what each key needs; result codes. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fother/consistency.h"
#include "fother/errors.h"

#include "bytes.h"

#define TEXT(literal) \
	((struct fth_span){ .data = (const uint8_t *)(literal), .length = sizeof(literal) - 1 })

/* Checks, and that a refusal says why. */
static int check(const struct fth_guest_policy *policy)
{
	const char *why = NULL;
	int error = fth_policy_check(policy, &why);

	assert_int_equal(!why, !error);
	return error;
}

struct edge {
	size_t offset;
	size_t size;
	uint32_t value;
	int error;
};

#define IN_PATCH (FTH_REVERT_ON_OOPS_IN_PATCH | FTH_REVERT_ON_WARN_IN_PATCH)
#define EDGE(member, value, error)                                                       \
	{                                                                                \
		offsetof(struct fth_guest_policy, member),                               \
			sizeof(((struct fth_guest_policy *)0)->member), (value), (error) \
	}

static const struct edge edges[] = {
	EDGE(leave, 0, -EINVAL),
	EDGE(leave, 4, -EINVAL),
	EDGE(switches, 0, -EINVAL),
	EDGE(switches, 4, -EINVAL),
	EDGE(switches, FTH_SWITCH_FUNCTION, -EINVAL),
	EDGE(on_deadline, 0, -EINVAL),
	EDGE(on_deadline, FTH_ON_DEADLINE_WAIT, 0),
	EDGE(on_deadline, 5, -EINVAL),
	EDGE(freeze_use, 0, -EINVAL),
	EDGE(freeze_use, FTH_FREEZE_NEVER, 0),
	EDGE(freeze_use, 4, -EINVAL),
	EDGE(freeze_way, 0, -EINVAL),
	EDGE(freeze_way, FTH_FREEZE_KERNEL, 0),
	EDGE(freeze_way, 3, -EINVAL),
	EDGE(freeze_attempts, 0, -EINVAL),
	EDGE(freeze_attempts, 1, 0),
	EDGE(freeze_attempts, 100, 0),
	EDGE(freeze_attempts, 101, -EINVAL),
	EDGE(revert_mode, 0, -EINVAL),
	EDGE(revert_mode, FTH_REVERT_CONSISTENT_THEN_IMMEDIATE, 0),
	EDGE(revert_mode, 4, -EINVAL),
	EDGE(nudge_timed, 0, -EINVAL),
	EDGE(nudge_timed, FTH_NUDGE_TIMED_RESTART, 0),
	EDGE(nudge_timed, FTH_NUDGE_TIMED_WAIT, 0),
	EDGE(nudge_timed, 4, -EINVAL),
	EDGE(deadline_ms, 0, 0),
	EDGE(deadline_ms, FTH_DEADLINE_MAX_MS, 0),
	EDGE(deadline_ms, FTH_DEADLINE_MAX_MS + 1, -EINVAL),
	EDGE(stop_max_us, FTH_STOP_MAX_MIN_US - 1, -EINVAL),
	EDGE(stop_max_us, FTH_STOP_MAX_MIN_US, 0),
	EDGE(stop_max_us, FTH_STOP_MAX_MAX_US, 0),
	EDGE(stop_max_us, FTH_STOP_MAX_MAX_US + 1, -EINVAL),
	EDGE(nudge_after_ms, 0, 0),
	EDGE(nudge_after_ms, FTH_NUDGE_MAX_MS, 0),
	EDGE(nudge_after_ms, FTH_NUDGE_MAX_MS + 1, -EINVAL),
	EDGE(nudge_after_ms, FTH_NUDGE_MANUAL, 0),
	EDGE(nudge_every_ms, FTH_NUDGE_EVERY_MIN_MS - 1, -EINVAL),
	EDGE(nudge_every_ms, FTH_NUDGE_EVERY_MIN_MS, 0),
	EDGE(nudge_every_ms, FTH_NUDGE_MAX_MS, 0),
	EDGE(nudge_every_ms, FTH_NUDGE_MAX_MS + 1, -EINVAL),
	EDGE(nudge_every_ms, FTH_NUDGE_MANUAL, -EINVAL),
	EDGE(freeze_budget_ms, 0, -EINVAL),
	EDGE(freeze_budget_ms, 1, 0),
	EDGE(freeze_budget_ms, FTH_FREEZE_BUDGET_MAX_MS, 0),
	EDGE(freeze_budget_ms, FTH_FREEZE_BUDGET_MAX_MS + 1, -EINVAL),
	EDGE(confirm_within_ms, 0, 0),
	EDGE(confirm_within_ms, 1, -EINVAL),
	EDGE(confirm_within_ms, FTH_CONFIRM_WITHIN_MIN_MS - 1, -EINVAL),
	EDGE(confirm_within_ms, FTH_CONFIRM_WITHIN_MIN_MS, 0),
	EDGE(confirm_within_ms, FTH_CONFIRM_WITHIN_MAX_MS, 0),
	EDGE(confirm_within_ms, FTH_CONFIRM_WITHIN_MAX_MS + 1, -EINVAL),
	EDGE(revert_on, FTH_REVERT_ON_ALL & ~IN_PATCH, 0),
	EDGE(revert_on, IN_PATCH, 0),
	EDGE(revert_on, FTH_REVERT_ON_ALL + 1, -EINVAL),
	EDGE(host_loss_after_ms, FTH_HOST_LOSS_AFTER_MIN_MS - 1, -EINVAL),
	EDGE(host_loss_after_ms, FTH_HOST_LOSS_AFTER_MIN_MS, 0),
	EDGE(host_loss_after_ms, FTH_HOST_LOSS_AFTER_MAX_MS, 0),
	EDGE(host_loss_after_ms, FTH_HOST_LOSS_AFTER_MAX_MS + 1, -EINVAL),
};

static void policy_ranges_have_both_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < FTH_COUNT_OF(edges); i++) {
		struct fth_guest_policy policy;

		fth_policy_set_defaults(&policy);
		fth_bytes_put((uint8_t *)&policy + edges[i].offset, edges[i].value, edges[i].size);
		if (check(&policy) != edges[i].error)
			fail_msg("edge %zu: value %u", i, edges[i].value);
	}
}

static void policy_extend_set_names_functions(void **state)
{
	static const struct {
		struct fth_span text;
		int error;
	} names[] = {
		{ TEXT("do_sys_openat2"), 0 },	{ TEXT("nf_tables:nft_do_chain"), 0 },
		{ TEXT("f.constprop.0"), 0 },	{ TEXT(""), -EINVAL },
		{ TEXT(":f"), -EINVAL },	{ TEXT("o:"), -EINVAL },
		{ TEXT("o:f:g"), -EINVAL },	{ TEXT("a b"), -EINVAL },
		{ TEXT("a\0b"), -EINVAL },	{ TEXT("a\x7f"), -EINVAL },
		{ TEXT("a\xc3\xa9"), -EINVAL }, { TEXT("f,2"), 0 },
		{ TEXT("o:f,9999"), 0 },	{ TEXT("f,"), -EINVAL },
		{ TEXT("f,0"), -EINVAL },	{ TEXT("f,10000"), -EINVAL },
		{ TEXT("f,2,3"), -EINVAL },	{ TEXT("f,g"), -EINVAL },
		{ TEXT(",2"), -EINVAL },	{ TEXT("o:,2"), -EINVAL },
		{ TEXT("f,2:g"), -EINVAL },	{ TEXT("2"), -EINVAL },
		{ TEXT("o:2"), -EINVAL },
	};
	static const uint8_t longest[FTH_SYMBOL_MAX + 1] = { [0 ... FTH_SYMBOL_MAX] = 'f' };
	struct fth_guest_policy policy;

	(void)state;
	fth_policy_set_defaults(&policy);
	policy.extend_set_count = 2;
	policy.extend_set[0] = TEXT("f");
	for (size_t i = 0; i < FTH_COUNT_OF(names); i++) {
		policy.extend_set[1] = names[i].text;
		if (check(&policy) != names[i].error)
			fail_msg("extend-set: '%s'", (const char *)names[i].text.data);
	}
	policy.extend_set[1] = (struct fth_span){ longest, FTH_SYMBOL_MAX };
	assert_int_equal(check(&policy), 0);
	policy.extend_set[1].length++;
	assert_int_equal(check(&policy), -EINVAL);
	policy.extend_set_count = FTH_EXTEND_SET_MAX + 1;
	assert_int_equal(check(&policy), -EINVAL);
}

/* Deadlines: 0 = none, else the default; "ok" where the pair may stand. */
struct pairing {
	uint8_t leave, switches, freeze_use, on_deadline, nudge_timed;
	bool has_deadline, has_set;
	const char *why;
};

#define NONE_MODEL FTH_LEAVE_FUNCTION, FTH_SWITCH_FUNCTION
#define DEFAULT_MODEL FTH_LEAVE_PATCHED_SET, FTH_SWITCH_THREAD
#define IN_THREAD FTH_LEAVE_KERNEL, FTH_SWITCH_THREAD
#define IN_TIME FTH_LEAVE_PATCHED_SET, FTH_SWITCH_KERNEL
#define BOTH FTH_LEAVE_KERNEL, FTH_SWITCH_KERNEL
#define USE(word) FTH_FREEZE_##word
#define LATE(word) FTH_ON_DEADLINE_##word
#define TIMED(word) FTH_NUDGE_TIMED_##word

static const struct pairing pairings[] = {
	{ NONE_MODEL, USE(IF_NEEDED), LATE(REVERSE), TIMED(RESTART), true, false, NULL },
	{ NONE_MODEL, USE(NEVER), LATE(WAIT), TIMED(RESTART), true, false, NULL },
	{ NONE_MODEL, USE(IF_NEEDED), LATE(REVERSE), TIMED(RESTART), true, true,
	  "consistency.extend-set" },
	{ NONE_MODEL, USE(ALWAYS), LATE(REVERSE), TIMED(RESTART), true, false,
	  "freeze.use: always" },
	{ NONE_MODEL, USE(IF_NEEDED), LATE(FREEZE), TIMED(RESTART), true, false,
	  "transition.on-deadline" },
	{ NONE_MODEL, USE(IF_NEEDED), LATE(FORCE), TIMED(RESTART), true, false,
	  "transition.on-deadline" },
	{ NONE_MODEL, USE(IF_NEEDED), LATE(REVERSE), TIMED(WAIT), true, false, "nudge.timed" },
	{ DEFAULT_MODEL, USE(ALWAYS), LATE(WAIT), TIMED(WAIT), true, true, NULL },
	{ DEFAULT_MODEL, USE(IF_NEEDED), LATE(FREEZE), TIMED(INTERRUPT), true, false, NULL },
	{ DEFAULT_MODEL, USE(NEVER), LATE(FREEZE), TIMED(RESTART), true, false,
	  "transition.on-deadline: freeze needs" },
	{ DEFAULT_MODEL, USE(IF_NEEDED), LATE(FREEZE), TIMED(RESTART), false, false,
	  "transition.on-deadline: freeze and force need" },
	{ DEFAULT_MODEL, USE(IF_NEEDED), LATE(FORCE), TIMED(RESTART), false, false,
	  "transition.on-deadline: freeze and force need" },
	{ DEFAULT_MODEL, USE(ALWAYS), LATE(FORCE), TIMED(RESTART), false, false, NULL },
	{ DEFAULT_MODEL, USE(NEVER), LATE(WAIT), TIMED(RESTART), false, false, NULL },
	{ IN_THREAD, USE(NEVER), LATE(REVERSE), TIMED(RESTART), true, true, NULL },
	{ IN_THREAD, USE(IF_NEEDED), LATE(FREEZE), TIMED(RESTART), true, false, NULL },
	{ IN_TIME, USE(NEVER), LATE(REVERSE), TIMED(RESTART), true, true, NULL },
	{ IN_TIME, USE(IF_NEEDED), LATE(FORCE), TIMED(RESTART), false, false, NULL },
	{ IN_TIME, USE(NEVER), LATE(FORCE), TIMED(RESTART), false, false,
	  "transition.on-deadline: freeze and force need" },
	{ BOTH, USE(IF_NEEDED), LATE(WAIT), TIMED(RESTART), false, true, NULL },
	{ BOTH, USE(NEVER), LATE(REVERSE), TIMED(RESTART), true, false, "freeze.use: never" },
};

static void policy_contradictions_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < FTH_COUNT_OF(pairings); i++) {
		const struct pairing *pairing = &pairings[i];
		struct fth_guest_policy policy;
		const char *why = NULL;

		fth_policy_set_defaults(&policy);
		policy.leave = pairing->leave;
		policy.switches = pairing->switches;
		policy.freeze_use = pairing->freeze_use;
		policy.on_deadline = pairing->on_deadline;
		policy.nudge_timed = pairing->nudge_timed;
		policy.deadline_ms = pairing->has_deadline ? 1000 : 0;
		policy.extend_set_count = pairing->has_set;
		policy.extend_set[0] = TEXT("f");
		fth_policy_check(&policy, &why);
		if (!pairing->why != !why || (why && !strstr(why, pairing->why)))
			fail_msg("pairing %zu: '%s', expected '%s'", i, why ? why : "good",
				 pairing->why ? pairing->why : "good");
	}
}

/* What could never have an effect beside another word, or without a deadline. */
static void policy_reverts_that_contradict_are_refused(void **state)
{
	static const struct {
		uint32_t on;
		uint8_t mode;
		uint32_t deadline_ms;
		const char *why;
	} rows[] = {
		{ FTH_REVERT_ON_OOPS | FTH_REVERT_ON_WARN, 1, 1000, NULL },
		{ FTH_REVERT_ON_OOPS | FTH_REVERT_ON_WARN_IN_PATCH, 1, 1000, NULL },
		{ FTH_REVERT_ON_OOPS | FTH_REVERT_ON_OOPS_IN_PATCH, 1, 1000, "revert.on: " },
		{ FTH_REVERT_ON_WARN | FTH_REVERT_ON_WARN_IN_PATCH, 1, 1000, "revert.on: " },
		{ 0, FTH_REVERT_CONSISTENT_THEN_IMMEDIATE, 1000, NULL },
		{ 0, FTH_REVERT_CONSISTENT_THEN_IMMEDIATE, 0, "revert.mode: " },
		{ 0, FTH_REVERT_IMMEDIATE, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < FTH_COUNT_OF(rows); i++) {
		struct fth_guest_policy policy;
		const char *why = NULL;

		fth_policy_set_defaults(&policy);
		policy.revert_on = rows[i].on;
		policy.revert_mode = rows[i].mode;
		policy.deadline_ms = rows[i].deadline_ms;
		fth_policy_check(&policy, &why);
		if (!rows[i].why != !why ||
		    (why && strncmp(why, rows[i].why, strlen(rows[i].why)) != 0))
			fail_msg("row %zu: '%s'", i, why ? why : "good");
	}
}

/* Each model against each: at least as strong in both, or not. */
static void models_are_ordered_by_both(void **state)
{
	static const uint8_t models[][2] = {
		{ NONE_MODEL }, { DEFAULT_MODEL }, { IN_THREAD }, { IN_TIME }, { BOTH },
	};
	static const char *const at_least[] = { "10000", "11000", "11100", "11010", "11111" };

	(void)state;
	for (size_t i = 0; i < FTH_COUNT_OF(models); i++)
		for (size_t than = 0; than < FTH_COUNT_OF(models); than++)
			assert_int_equal(fth_model_at_least(models[i][0], models[i][1],
							    models[than][0], models[than][1]),
					 at_least[i][than] == '1');
}

static void models_are_parsed(void **state)
{
	static const struct {
		struct fth_span text;
		uint8_t leave, switches;
		const char *name;
	} models[] = {
		{ TEXT("none"), NONE_MODEL, "none" },
		{ TEXT("default"), DEFAULT_MODEL, "default" },
		{ TEXT("in-thread"), IN_THREAD, "in-thread" },
		{ TEXT("in-time"), IN_TIME, "in-time" },
		{ TEXT("in-thread,in-time"), BOTH, "in-thread,in-time" },
		{ TEXT("in-time in-thread"), BOTH, "in-thread,in-time" },
		{ TEXT("leave=kernel switch=thread"), IN_THREAD, "in-thread" },
		{ TEXT("leave=function,switch=function"), NONE_MODEL, "none" },
	};
	static const struct fth_span wrong[] = {
		TEXT(""),
		TEXT("strong"),
		TEXT("in-time,"),
		TEXT("in-time,in-time"),
		TEXT("in-time,none"),
		TEXT("default,in-time"),
		TEXT("none "),
		TEXT("in-time\0"),
		TEXT("IN-TIME"),
		TEXT("leave=kernel"),
		TEXT("switch=kernel leave=kernel"),
		TEXT("leave=kernel  switch=thread"),
		TEXT("leave=kernel switch=thread "),
		TEXT("leave=kernel switch="),
		TEXT("leave=kernel switch=function"),
		{ NULL, 0 },
	};
	uint8_t leave = 77, switches = 78;
	const char *why;

	(void)state;
	for (size_t i = 0; i < FTH_COUNT_OF(wrong); i++) {
		why = NULL;
		if (!fth_model_parse(wrong[i], &leave, &switches, &why) || !why)
			fail_msg("wrong model %zu", i);
		assert_int_equal(leave, 77);
		assert_int_equal(switches, 78);
	}
	for (size_t i = 0; i < FTH_COUNT_OF(models); i++) {
		assert_int_equal(fth_model_parse(models[i].text, &leave, &switches, &why), 0);
		assert_int_equal(leave, models[i].leave);
		assert_int_equal(switches, models[i].switches);
		assert_string_equal(fth_model_name(leave, switches), models[i].name);
	}
	assert_string_equal(fth_model_name(FTH_LEAVE_KERNEL, FTH_SWITCH_FUNCTION), "?");
	assert_string_equal(fth_model_name(0, 0), "?");
}

#define DEFAULT_NEEDS                                                                         \
	(FTH_CAP_MODEL_DEFAULT | FTH_CAP_DEADLINE_REVERSE | FTH_CAP_NUDGE | FTH_CAP_CONFIRM | \
	 FTH_CAP_STOP_MAX)

struct need {
	const char *what;
	void (*change)(struct fth_guest_policy *policy);
	uint64_t more;
	uint64_t less;
};

#define CHANGE(name, ...)                                 \
	static void name(struct fth_guest_policy *policy) \
	{                                                 \
		__VA_ARGS__;                              \
	}

CHANGE(model_none, policy->leave = 1; policy->switches = 1)
CHANGE(model_in_time, policy->switches = FTH_SWITCH_KERNEL)
CHANGE(in_time_never_freeze, model_in_time(policy); policy->freeze_use = FTH_FREEZE_NEVER)
CHANGE(model_in_thread, policy->leave = FTH_LEAVE_KERNEL)
CHANGE(model_in_both, model_in_time(policy); model_in_thread(policy); policy->freeze_way = 2)
CHANGE(extend_set, policy->extend_set_count = 1; policy->extend_set[0] = TEXT("f"))
CHANGE(deadline_none, policy->deadline_ms = 0)
CHANGE(deadline_force, policy->on_deadline = FTH_ON_DEADLINE_FORCE)
CHANGE(deadline_freeze, policy->on_deadline = FTH_ON_DEADLINE_FREEZE)
CHANGE(deadline_wait, policy->on_deadline = FTH_ON_DEADLINE_WAIT)
CHANGE(nudge_manual, policy->nudge_after_ms = FTH_NUDGE_MANUAL)
CHANGE(nudge_interrupt, policy->nudge_timed = FTH_NUDGE_TIMED_INTERRUPT)
CHANGE(nudge_wait, policy->nudge_timed = FTH_NUDGE_TIMED_WAIT)
CHANGE(in_time_no_deadline, model_in_time(policy); deadline_none(policy))
CHANGE(in_time_force, in_time_no_deadline(policy); deadline_force(policy))
CHANGE(freeze_always, policy->freeze_use = FTH_FREEZE_ALWAYS)
CHANGE(freeze_always_kernel, freeze_always(policy); policy->freeze_way = FTH_FREEZE_KERNEL)
CHANGE(freeze_way_unused, policy->freeze_way = FTH_FREEZE_KERNEL)
CHANGE(confirm_none, policy->confirm_within_ms = 0)
CHANGE(on_oops, policy->revert_on = FTH_REVERT_ON_OOPS)
CHANGE(on_warn, policy->revert_on = FTH_REVERT_ON_WARN)
CHANGE(on_lockup, policy->revert_on = FTH_REVERT_ON_SOFT_LOCKUP)
CHANGE(on_hung, policy->revert_on = FTH_REVERT_ON_HUNG_TASK)
CHANGE(on_loss, policy->revert_on = FTH_REVERT_ON_HOST_LOSS)
CHANGE(on_oops_in_patch, policy->revert_on = FTH_REVERT_ON_OOPS_IN_PATCH)
CHANGE(on_warn_in_patch, policy->revert_on = FTH_REVERT_ON_WARN_IN_PATCH)
CHANGE(immediate, policy->revert_mode = FTH_REVERT_IMMEDIATE)
CHANGE(then_immediate, policy->revert_mode = FTH_REVERT_CONSISTENT_THEN_IMMEDIATE)

#define NEED(change, more, less)                \
	{                                       \
#change, change, (more), (less) \
	}

static const struct need needs[] = {
	NEED(model_none, FTH_CAP_MODEL_NONE, FTH_CAP_MODEL_DEFAULT),
	NEED(model_in_time, FTH_CAP_MODEL_IN_TIME | FTH_CAP_FREEZE_PARK, FTH_CAP_MODEL_DEFAULT),
	NEED(in_time_never_freeze, FTH_CAP_MODEL_IN_TIME, FTH_CAP_MODEL_DEFAULT),
	NEED(model_in_thread, FTH_CAP_MODEL_IN_THREAD, FTH_CAP_MODEL_DEFAULT),
	NEED(model_in_both, FTH_CAP_MODEL_IN_BOTH | FTH_CAP_FREEZE_KERNEL, FTH_CAP_MODEL_DEFAULT),
	NEED(extend_set, FTH_CAP_EXTEND_SET, 0),
	NEED(deadline_none, 0, FTH_CAP_DEADLINE_REVERSE),
	NEED(deadline_force, FTH_CAP_DEADLINE_FORCE, FTH_CAP_DEADLINE_REVERSE),
	/* Attempts that were used up are followed by what is asked for, or by a reverse. */
	NEED(deadline_freeze, FTH_CAP_FREEZE_PARK, 0),
	NEED(in_time_no_deadline, FTH_CAP_MODEL_IN_TIME | FTH_CAP_FREEZE_PARK,
	     FTH_CAP_MODEL_DEFAULT),
	NEED(in_time_force, FTH_CAP_MODEL_IN_TIME | FTH_CAP_FREEZE_PARK | FTH_CAP_DEADLINE_FORCE,
	     FTH_CAP_MODEL_DEFAULT | FTH_CAP_DEADLINE_REVERSE),
	NEED(deadline_wait, 0, FTH_CAP_DEADLINE_REVERSE),
	NEED(nudge_manual, 0, FTH_CAP_NUDGE),
	NEED(nudge_interrupt, FTH_CAP_NUDGE_TIMED, 0),
	NEED(nudge_wait, FTH_CAP_NUDGE_TIMED, 0),
	NEED(freeze_always, FTH_CAP_FREEZE_PARK, 0),
	NEED(freeze_always_kernel, FTH_CAP_FREEZE_KERNEL, 0),
	NEED(freeze_way_unused, 0, 0),
	NEED(confirm_none, 0, FTH_CAP_CONFIRM),
	NEED(on_oops, FTH_CAP_REVERT_OOPS, 0),
	NEED(on_warn, FTH_CAP_REVERT_WARN, 0),
	NEED(on_lockup, FTH_CAP_REVERT_SOFT_LOCKUP, 0),
	NEED(on_hung, FTH_CAP_REVERT_HUNG_TASK, 0),
	NEED(on_loss, FTH_CAP_REVERT_HOST_LOSS, 0),
	NEED(on_oops_in_patch, FTH_CAP_REVERT_IN_PATCH, 0),
	NEED(on_warn_in_patch, FTH_CAP_REVERT_IN_PATCH, 0),
	NEED(immediate, FTH_CAP_REVERT_IMMEDIATE, 0),
	NEED(then_immediate, FTH_CAP_REVERT_IMMEDIATE, 0),
};

static void policy_needs_what_it_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < FTH_COUNT_OF(needs); i++) {
		uint64_t want = (DEFAULT_NEEDS | needs[i].more) & ~needs[i].less;
		struct fth_guest_policy policy;

		fth_policy_set_defaults(&policy);
		needs[i].change(&policy);
		assert_int_equal(check(&policy), 0);
		if (fth_policy_needs(&policy) != want)
			fail_msg("%s: needs 0x%llx", needs[i].what,
				 (unsigned long long)fth_policy_needs(&policy));
	}
}

static void capabilities_have_names_of_their_own(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 64; i++) {
		const char *name = fth_capability_name(1ull << i);

		if (1ull << i > FTH_CAP_RELAYED) {
			assert_string_equal(name, "unknown capability");
			continue;
		}
		assert_string_not_equal(name, "unknown capability");
		for (unsigned int other = 0; other < i; other++)
			assert_string_not_equal(name, fth_capability_name(1ull << other));
	}
	assert_string_equal(fth_capability_name(0), "unknown capability");
	assert_string_equal(fth_capability_name(3), "unknown capability");
}

static void check_error(uint16_t number, const char *code, const char *text, bool retryable)
{
	const char *name = fth_error_name(number);

	assert_string_equal(fth_error_text(number), text);
	assert_int_equal(fth_error_retryable(number), retryable);
	assert_int_equal(strlen(name), strlen(code));
	for (size_t i = 0; code[i]; i++)
		assert_int_equal(name[i], tolower(code[i]));
}

static void errors_are_what_the_table_says(void **state)
{
	unsigned int count = 0;

	(void)state;
#define CHECK_ERROR(code, number, text, retryable)   \
	check_error(number, #code, text, retryable); \
	count++;
	FTH_ERRORS(CHECK_ERROR)
#undef CHECK_ERROR
	for (unsigned int number = count; number < 65536; number++) {
		assert_string_equal(fth_error_name(number), "unknown");
		assert_string_equal(fth_error_text(number), "unknown result code");
		assert_false(fth_error_retryable(number));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(policy_ranges_have_both_ends),
		cmocka_unit_test(policy_extend_set_names_functions),
		cmocka_unit_test(policy_contradictions_are_refused),
		cmocka_unit_test(policy_reverts_that_contradict_are_refused),
		cmocka_unit_test(policy_needs_what_it_says),
		cmocka_unit_test(models_are_ordered_by_both),
		cmocka_unit_test(models_are_parsed),
		cmocka_unit_test(capabilities_have_names_of_their_own),
		cmocka_unit_test(errors_are_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
