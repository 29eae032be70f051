// SPDX-License-Identifier: GPL-2.0
/* Words of policies, capabilities and models: numbers to text and back. */
#include "fother/consistency.h"

#include "bytes.h"

static const struct {
	uint64_t capability;
	const char *name;
} capabilities[] = {
	{ FTH_CAP_MODEL_NONE, "consistency.flags: []" },
	{ FTH_CAP_MODEL_DEFAULT, "consistency.leave: patched-set, switch: thread" },
	{ FTH_CAP_MODEL_IN_TIME, "consistency.flags: [in-time]" },
	{ FTH_CAP_MODEL_IN_THREAD, "consistency.flags: [in-thread]" },
	{ FTH_CAP_MODEL_IN_BOTH, "consistency.flags: [in-thread, in-time]" },
	{ FTH_CAP_EXTEND_SET, "consistency.extend-set" },
	{ FTH_CAP_DEADLINE_REVERSE, "transition.on-deadline: reverse" },
	{ FTH_CAP_DEADLINE_FORCE, "transition.on-deadline: force" },
	{ FTH_CAP_NUDGE, "nudge.after" },
	{ FTH_CAP_FREEZE_PARK, "freeze.way: park" },
	{ FTH_CAP_FREEZE_KERNEL, "freeze.way: kernel" },
	{ FTH_CAP_CONFIRM, "confirm.within" },
	{ FTH_CAP_REVERT_OOPS, "revert.on: oops" },
	{ FTH_CAP_REVERT_WARN, "revert.on: warn" },
	{ FTH_CAP_REVERT_SOFT_LOCKUP, "revert.on: soft-lockup" },
	{ FTH_CAP_REVERT_HUNG_TASK, "revert.on: hung-task" },
	{ FTH_CAP_REVERT_HOST_LOSS, "revert.on: host-loss" },
	{ FTH_CAP_REVERT_IMMEDIATE, "revert.mode: immediate" },
	{ FTH_CAP_STOP_MAX, "transition.stop-max" },
	{ FTH_CAP_MODULE_OBJECTS, "functions of modules" },
	{ FTH_CAP_CALLBACKS, "callbacks" },
	{ FTH_CAP_REPLACE, "cumulative replace" },
	{ FTH_CAP_STATES, "states" },
	{ FTH_CAP_STACKING, "a function patched twice" },
	{ FTH_CAP_EFFECT, "health.guest: effect" },
	{ FTH_CAP_NUDGE_TIMED, "nudge.timed" },
	{ FTH_CAP_CONFIRM_EXTEND, "confirmation later" },
	{ FTH_CAP_SIGNATURES, "signatures" },
	{ FTH_CAP_SIGNED_ONLY, "signed payloads only" },
	{ FTH_CAP_REVERT_IN_PATCH, "revert.on: oops-in-patch, warn-in-patch" },
	{ FTH_CAP_EMERGENCY, "emergency revert" },
	{ FTH_CAP_RELAYED, "relay" },
};

const char *fth_capability_name(uint64_t capability)
{
	for (uint32_t i = 0; i < FTH_COUNT_OF(capabilities); i++)
		if (capabilities[i].capability == capability)
			return capabilities[i].name;
	return "unknown capability";
}

struct word {
	uint32_t number;
	const char *text;
};

static const struct word leave_words[] = {
	{ FTH_LEAVE_FUNCTION, "function" },
	{ FTH_LEAVE_PATCHED_SET, "patched-set" },
	{ FTH_LEAVE_KERNEL, "kernel" },
};

static const struct word switch_words[] = {
	{ FTH_SWITCH_FUNCTION, "function" },
	{ FTH_SWITCH_THREAD, "thread" },
	{ FTH_SWITCH_KERNEL, "kernel" },
};

static const struct word on_deadline_words[] = {
	{ FTH_ON_DEADLINE_REVERSE, "reverse" },
	{ FTH_ON_DEADLINE_FREEZE, "freeze" },
	{ FTH_ON_DEADLINE_FORCE, "force" },
	{ FTH_ON_DEADLINE_WAIT, "wait" },
};

static const struct word freeze_use_words[] = {
	{ FTH_FREEZE_IF_NEEDED, "if-needed" },
	{ FTH_FREEZE_ALWAYS, "always" },
	{ FTH_FREEZE_NEVER, "never" },
};

static const struct word freeze_way_words[] = {
	{ FTH_FREEZE_PARK, "park" },
	{ FTH_FREEZE_KERNEL, "kernel" },
};

static const struct word nudge_timed_words[] = {
	{ FTH_NUDGE_TIMED_RESTART, "restart" },
	{ FTH_NUDGE_TIMED_INTERRUPT, "interrupt" },
	{ FTH_NUDGE_TIMED_WAIT, "wait" },
};

static const struct word revert_mode_words[] = {
	{ FTH_REVERT_CONSISTENT, "consistent" },
	{ FTH_REVERT_IMMEDIATE, "immediate" },
	{ FTH_REVERT_CONSISTENT_THEN_IMMEDIATE, "consistent-then-immediate" },
};

static const struct word revert_on_words[] = {
	{ FTH_REVERT_ON_OOPS, "oops" },
	{ FTH_REVERT_ON_WARN, "warn" },
	{ FTH_REVERT_ON_SOFT_LOCKUP, "soft-lockup" },
	{ FTH_REVERT_ON_HUNG_TASK, "hung-task" },
	{ FTH_REVERT_ON_HOST_LOSS, "host-loss" },
	{ FTH_REVERT_ON_OOPS_IN_PATCH, "oops-in-patch" },
	{ FTH_REVERT_ON_WARN_IN_PATCH, "warn-in-patch" },
};

static const struct word trigger_words[] = {
	{ FTH_TRIGGER_NONE, "none" },
	{ FTH_TRIGGER_UNCONFIRMED, "unconfirmed" },
	{ FTH_TRIGGER_OOPS, "oops" },
	{ FTH_TRIGGER_WARN, "warn" },
	{ FTH_TRIGGER_SOFT_LOCKUP, "soft-lockup" },
	{ FTH_TRIGGER_HUNG_TASK, "hung-task" },
	{ FTH_TRIGGER_HOST_LOSS, "host-loss" },
	{ FTH_TRIGGER_SYSFS, "sysfs" },
	{ FTH_TRIGGER_SYSRQ, "sysrq" },
	{ FTH_TRIGGER_HOST, "host" },
	{ FTH_TRIGGER_PANIC, "panic" },
};

static const char *find_name(const struct word *words, uint32_t count, uint32_t number)
{
	for (uint32_t i = 0; i < count; i++)
		if (words[i].number == number)
			return words[i].text;
	return "?";
}

static bool is_word(struct fth_span given, const char *text)
{
	uint32_t i = 0;

	while (i < given.length && text[i] && given.data[i] == (uint8_t)text[i])
		i++;
	return i == given.length && !text[i];
}

static int find_number(const struct word *words, uint32_t count, struct fth_span given)
{
	for (uint32_t i = 0; i < count; i++)
		if (is_word(given, words[i].text))
			return (int)words[i].number;
	return -EINVAL;
}

#define FTH_WORDS_DEFINE(set)                                                     \
	const char *fth_##set##_name(uint32_t number)                             \
	{                                                                         \
		return find_name(set##_words, FTH_COUNT_OF(set##_words), number); \
	}                                                                         \
	int fth_##set##_parse(struct fth_span word)                               \
	{                                                                         \
		return find_number(set##_words, FTH_COUNT_OF(set##_words), word); \
	}
FTH_WORDS(FTH_WORDS_DEFINE)

/* Separated by one comma or space; false when nothing is left. */
static bool take_word(struct fth_span *text, struct fth_span *ret_word)
{
	uint32_t i = 0;

	if (!text->data)
		return false;
	while (i < text->length && text->data[i] != ',' && text->data[i] != ' ')
		i++;
	*ret_word = (struct fth_span){ .data = text->data, .length = i };
	if (i == text->length)
		text->data = NULL;
	else
		*text = (struct fth_span){ .data = text->data + i + 1,
					   .length = text->length - i - 1 };
	return true;
}

/* Behind "KEY="; false when @word doesn't begin so. */
static bool take_key(struct fth_span *word, const char *key)
{
	uint32_t length = (uint32_t)strlen(key);

	if (word->length < length || memcmp(word->data, key, length))
		return false;
	word->data += length;
	word->length -= length;
	return true;
}

/* "leave=WORD switch=WORD" */
static int parse_explicit(struct fth_span text, uint8_t *ret_leave, uint8_t *ret_switches)
{
	struct fth_span leave, switches, more;
	int leave_number, switch_number;

	if (!take_word(&text, &leave) || !take_word(&text, &switches) || take_word(&text, &more) ||
	    !take_key(&leave, "leave=") || !take_key(&switches, "switch="))
		return -EINVAL;
	leave_number = fth_leave_parse(leave);
	switch_number = fth_switch_parse(switches);
	if (leave_number < 0 || switch_number < 0)
		return -EINVAL;
	*ret_leave = (uint8_t)leave_number;
	*ret_switches = (uint8_t)switch_number;
	return 0;
}

/* "in-thread", "in-time" or both in any order */
static int parse_flags(struct fth_span text, uint8_t *ret_leave, uint8_t *ret_switches)
{
	bool in_thread = false, in_time = false;
	struct fth_span flag;

	while (take_word(&text, &flag)) {
		bool *is_there;

		if (is_word(flag, "in-thread"))
			is_there = &in_thread;
		else if (is_word(flag, "in-time"))
			is_there = &in_time;
		else
			return -EINVAL;
		if (*is_there)
			return -EINVAL;
		*is_there = true;
	}
	fth_model_from_flags(in_thread, in_time, ret_leave, ret_switches);
	return 0;
}

static int parse_model(struct fth_span text, uint8_t *ret_leave, uint8_t *ret_switches)
{
	if (!text.length)
		return -EINVAL;
	if (is_word(text, "none")) {
		fth_model_from_flags(false, false, ret_leave, ret_switches);
		return 0;
	}
	if (is_word(text, "default")) {
		*ret_leave = FTH_LEAVE_PATCHED_SET;
		*ret_switches = FTH_SWITCH_THREAD;
		return 0;
	}
	if (!parse_flags(text, ret_leave, ret_switches))
		return 0;
	return parse_explicit(text, ret_leave, ret_switches);
}

int fth_model_parse(struct fth_span text, uint8_t *ret_leave, uint8_t *ret_switches,
		    const char **ret_why)
{
	uint8_t leave, switches;

	if (parse_model(text, &leave, &switches)) {
		*ret_why = "none, default, in-thread, in-time, 'in-thread,in-time' or "
			   "'leave=WORD switch=WORD'";
		return -EINVAL;
	}
	if (fth_model_check(leave, switches, ret_why))
		return -EINVAL;
	*ret_leave = leave;
	*ret_switches = switches;
	return 0;
}
