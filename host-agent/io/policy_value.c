// SPDX-License-Identifier: GPL-2.0
/*
 * The texts of a policy file as values.
 *
 * DESIGN
 * Tables say which key goes where; a function per kind of value reads it and
 * words the refusal: what was found, what is allowed.
 */
#include "io/policy_value.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy_range.h"
#include "io/policy_words.h"

#define NUMBER_MAX (1ull << 53)
#define HUNDREDTHS 100u
#define COUNT_MAX 100000u /* VMs */

/* Reads digits at *@at and moves it behind them. */
static int parse_number(const char **at, uint64_t *ret_number)
{
	const char *text = *at;
	uint64_t number = 0;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (number > NUMBER_MAX / 10)
			return -ERANGE;
		number = number * 10 + (uint64_t)(*text - '0');
	}
	*at = text;
	*ret_number = number;
	return 0;
}

int fth_policy_value_parse_duration(const char *text, uint64_t *ret_us)
{
	static const struct {
		const char *unit;
		uint64_t us;
	} units[] = {
		{ "us", 1 },	   { "ms", 1000 },	   { "s", 1000000 },
		{ "m", 60000000 }, { "h", 3600000000ull },
	};
	uint64_t number;
	size_t i;
	int error;

	error = parse_number(&text, &number);
	if (error)
		return error;
	for (i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(text, units[i].unit) != 0)
			continue;
		if (number > NUMBER_MAX / units[i].us)
			return -ERANGE;
		*ret_us = number * units[i].us;
		return 0;
	}
	return -EINVAL;
}

int fth_policy_value_parse_share(const char *text, struct fth_share *ret_share)
{
	uint64_t fraction = 0;
	const char *digits;
	uint64_t number;
	bool percent;

	if (parse_number(&text, &number) || number > COUNT_MAX)
		return -EINVAL;
	if (*text == '.') {
		digits = ++text;
		if (parse_number(&text, &fraction) || text - digits > 2 || *text != '%')
			return -EINVAL;
		if (text - digits == 1)
			fraction *= 10;
	}
	percent = *text == '%';
	if (percent ? text[1] : *text)
		return -EINVAL;
	ret_share->percent = percent;
	ret_share->value = (uint32_t)(percent ? number * HUNDREDTHS + fraction : number);
	return 0;
}

/* A duration's number in the row's unit; -EINVAL also between two units. */
static int parse_in_range(const struct fth_policy_range *range, const char *text,
			  uint64_t *ret_number)
{
	bool is_us = range->unit == FTH_UNIT_US;
	uint64_t number;

	if (range->word && !strcmp(text, range->word)) {
		*ret_number = range->word_value;
		return 0;
	}
	if (range->unit == FTH_UNIT_MS || is_us) {
		if (fth_policy_value_parse_duration(text, &number) ||
		    (!is_us && strstr(text, "us")))
			return -EINVAL;
		number = is_us ? number : number / 1000;
	} else if (parse_number(&text, &number) || *text) {
		return -EINVAL;
	}
	if (number < range->min || number > range->max)
		return -EINVAL;
	*ret_number = number;
	return 0;
}

static int refuse_number(struct fth_yaml *yaml, const struct fth_policy_range *range,
			 const struct fth_policy *policy, const char *text)
{
	char low[FTH_POLICY_RANGE_TEXT_MAX];
	char high[FTH_POLICY_RANGE_TEXT_MAX];
	char usual[FTH_POLICY_RANGE_TEXT_MAX];
	bool is_us = range->unit == FTH_UNIT_US;
	char word[FTH_YAML_SHOWN_MAX] = "";

	fth_policy_range_format(range, range->min, low);
	fth_policy_range_format(range, range->max, high);
	/* The default, which is still there, is the example. */
	fth_policy_range_format(range, fth_policy_range_get(range, policy), usual);
	if (range->word)
		snprintf(word, sizeof(word), ", or '%s'", range->word);
	if (range->unit == FTH_UNIT_MS || is_us)
		return fth_yaml_refuse(yaml, range->key,
				       "found '%.*s', expected a duration such as '%s' (units "
				       "%sms, s, m, h; %s … %s)%s",
				       FTH_YAML_SHOWN_MAX, text, usual, is_us ? "us, " : "", low,
				       high, word);
	return fth_yaml_refuse(yaml, range->key, "found '%.*s', expected a number, %s … %s%s",
			       FTH_YAML_SHOWN_MAX, text, low, high, word);
}

static int convert_numbers(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			   struct fth_policy *policy)
{
	/* In the order of the range table, which is that of the file. */
	static const uint8_t slots[] = {
		FTH_RAW_DEADLINE,	FTH_RAW_STOP_MAX,
		FTH_RAW_NUDGE_AFTER,	FTH_RAW_NUDGE_EVERY,
		FTH_RAW_FREEZE_BUDGET,	FTH_RAW_FREEZE_ATTEMPTS,
		FTH_RAW_CONFIRM_WITHIN, FTH_RAW_HOST_LOSS_AFTER,
		FTH_RAW_SOAK,		FTH_RAW_FLEET,
		FTH_RAW_HOST,		FTH_RAW_GROUP,
		FTH_RAW_RECALL_FLEET,	FTH_RAW_RECALL_HOST,
		FTH_RAW_RECALL_GROUP,	FTH_RAW_HEALTH_TIMEOUT,
		FTH_RAW_HEALTH_RETRY,	FTH_RAW_HEALTH_PARALLEL,
		FTH_RAW_TRANSITION_MAX,
	};
	const struct fth_policy_range *range;
	uint64_t number;
	uint32_t i;

	for (i = 0; (range = fth_policy_range_at(i)); i++) {
		const char *text;

		assert(i < sizeof(slots));
		text = raw->scalars[slots[i]];
		if (!text)
			continue;
		if (parse_in_range(range, text, &number))
			return refuse_number(yaml, range, policy, text);
		fth_policy_range_set(range, (uint32_t)number, policy);
	}
	return 0;
}

static int convert_words(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			 struct fth_policy *policy)
{
	const struct {
		const char *key;
		uint8_t slot;
		uint8_t *target;
		const struct fth_words *words;
	} rows[] = {
		{ "consistency.leave", FTH_RAW_LEAVE, &policy->guest.leave, &fth_words_leave },
		{ "consistency.switch", FTH_RAW_SWITCH, &policy->guest.switches,
		  &fth_words_switch },
		{ "transition.on-deadline", FTH_RAW_ON_DEADLINE, &policy->guest.on_deadline,
		  &fth_words_on_deadline },
		{ "nudge.timed", FTH_RAW_NUDGE_TIMED, &policy->guest.nudge_timed,
		  &fth_words_nudge_timed },
		{ "freeze.use", FTH_RAW_FREEZE_USE, &policy->guest.freeze_use,
		  &fth_words_freeze_use },
		{ "freeze.way", FTH_RAW_FREEZE_WAY, &policy->guest.freeze_way,
		  &fth_words_freeze_way },
		{ "revert.mode", FTH_RAW_REVERT_MODE, &policy->guest.revert_mode,
		  &fth_words_revert_mode },
		{ "rollout.gate", FTH_RAW_GATE, &policy->gate, &fth_words_gate },
		{ "rollout.failures.then", FTH_RAW_THEN, &policy->failures_then, &fth_words_then },
	};
	uint32_t number = 0;
	int error;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *text = raw->scalars[rows[i].slot];

		if (!text)
			continue;
		error = fth_words_parse(yaml, rows[i].key, rows[i].words, text, &number);
		if (error)
			return error;
		*rows[i].target = (uint8_t)number;
	}
	policy->has_model = raw->scalars[FTH_RAW_LEAVE] || raw->scalars[FTH_RAW_SWITCH];
	return 0;
}

static int convert_flags(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			 struct fth_policy *policy)
{
	uint32_t set = 0;
	int error;

	if (!fth_yaml_has(yaml, "consistency.flags"))
		return 0;
	if (raw->scalars[FTH_RAW_LEAVE] || raw->scalars[FTH_RAW_SWITCH])
		return fth_yaml_refuse(yaml, "consistency.flags",
				       "found beside 'leave' or 'switch', "
				       "expected either flags or leave and "
				       "switch");
	error = fth_words_parse_set(yaml, "consistency.flags", &raw->lists[FTH_RAW_FLAGS],
				    &fth_words_flag, &set);
	if (error)
		return error;
	fth_model_from_flags(set & 1, set & 2, &policy->guest.leave, &policy->guest.switches);
	policy->has_model = true;
	return 0;
}

static int convert_sets(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			struct fth_policy *policy)
{
	const struct {
		const char *key;
		uint8_t slot;
		uint32_t *target;
		const struct fth_words *words;
	} rows[] = {
		{ "revert.on", FTH_RAW_REVERT_ON, &policy->guest.revert_on, &fth_words_revert_on },
		{ "health.guest", FTH_RAW_HEALTH_GUEST, &policy->health_guest,
		  &fth_words_guest_health },
		{ "health.host", FTH_RAW_HEALTH_HOST, &policy->health_host,
		  &fth_words_host_health },
	};
	int error;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		error = fth_words_parse_set(yaml, rows[i].key, &raw->lists[rows[i].slot],
					    rows[i].words, rows[i].target);
		if (error)
			return error;
	}
	return 0;
}

/* Texts of a list into rows of @size bytes. */
static int convert_texts(struct fth_yaml *yaml, const char *key, const struct fth_raw_list *list,
			 char *target, size_t size)
{
	char at[FTH_YAML_KEY_MAX];
	size_t length;
	uint32_t i;

	for (i = 0; i < list->count; i++) {
		length = strlen(list->entries[i]);
		fth_yaml_entry_key(key, i, at);
		if (!length || length >= size)
			return fth_yaml_refuse(yaml, at,
					       "found %zu bytes, expected "
					       "1 … %zu",
					       length, size - 1);
		memcpy(target + i * size, list->entries[i], length + 1);
	}
	return 0;
}

static int convert_lists(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			 struct fth_policy *policy)
{
	const struct {
		const char *key;
		uint8_t slot;
		struct fth_patterns *target;
	} rows[] = {
		{ "patch.kernels", FTH_RAW_KERNELS, &policy->kernels },
		{ "rollout.select.name", FTH_RAW_SELECT_NAME, &policy->select_name },
		{ "rollout.select.group", FTH_RAW_SELECT_GROUP, &policy->select_group },
		{ "rollout.select.kernel", FTH_RAW_SELECT_KERNEL, &policy->select_kernel },
		{ "rollout.select.tag", FTH_RAW_SELECT_TAG, &policy->select_tag },
		{ "rollout.canary", FTH_RAW_CANARY, &policy->canary },
	};
	int error;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		error = convert_texts(yaml, rows[i].key, &raw->lists[rows[i].slot],
				      rows[i].target->entries[0].text, sizeof(struct fth_pattern));
		if (error)
			return error;
		rows[i].target->count = raw->lists[rows[i].slot].count;
	}
	return 0;
}

static int convert_url(struct fth_yaml *yaml, const char *key, const char *text, char *target)
{
	size_t length = text ? strlen(text) : 0;

	if (!text)
		return 0;
	if (!length)
		return fth_yaml_refuse(yaml, key, "found nothing, expected a URL");
	memcpy(target, text, length + 1);
	return 0;
}

static int convert_health(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			  struct fth_policy *policy)
{
	int error;

	policy->command_count = raw->lists[FTH_RAW_HEALTH_COMMAND].count;
	policy->wave_command_count = raw->lists[FTH_RAW_WAVE_COMMAND].count;
	error = convert_texts(yaml, "health.command", &raw->lists[FTH_RAW_HEALTH_COMMAND],
			      policy->command[0], sizeof(policy->command[0]));
	if (!error)
		error = convert_texts(yaml, "health.wave-command",
				      &raw->lists[FTH_RAW_WAVE_COMMAND], policy->wave_command[0],
				      sizeof(policy->wave_command[0]));
	if (!error)
		error = convert_url(yaml, "health.http", raw->scalars[FTH_RAW_HTTP], policy->http);
	if (!error)
		error = convert_url(yaml, "health.wave-http", raw->scalars[FTH_RAW_WAVE_HTTP],
				    policy->wave_http);
	return error;
}

static int convert_extend_set(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			      struct fth_policy *policy)
{
	const struct fth_raw_list *list = &raw->lists[FTH_RAW_EXTEND_SET];
	uint32_t i;
	int error;

	error = convert_texts(yaml, "consistency.extend-set", list, policy->extend_set[0],
			      sizeof(policy->extend_set[0]));
	if (error)
		return error;
	policy->guest.extend_set_count = (uint8_t)list->count;
	for (i = 0; i < list->count; i++) {
		policy->guest.extend_set[i].data = (const uint8_t *)policy->extend_set[i];
		policy->guest.extend_set[i].length = (uint32_t)strlen(policy->extend_set[i]);
	}
	return 0;
}

static int convert_share(struct fth_yaml *yaml, const char *key, const char *text,
			 struct fth_share *ret_share)
{
	if (!text || !fth_policy_value_parse_share(text, ret_share))
		return 0;
	return fth_yaml_refuse(yaml, key,
			       "found '%.*s', expected a count such as '2' or "
			       "a percentage such as '2.5%%'",
			       FTH_YAML_SHOWN_MAX, text);
}

static int convert_shares(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			  struct fth_policy *policy)
{
	const struct fth_raw_list *waves = &raw->lists[FTH_RAW_WAVES];
	char at[FTH_YAML_KEY_MAX];
	uint32_t i;
	int error;

	if (fth_yaml_has(yaml, "rollout.waves"))
		policy->wave_count = waves->count;
	for (i = 0; i < waves->count; i++) {
		fth_yaml_entry_key("rollout.waves", i, at);
		error = convert_share(yaml, at, waves->entries[i], &policy->waves[i]);
		if (error)
			return error;
	}
	error = convert_share(yaml, "rollout.failures.max", raw->scalars[FTH_RAW_FAILURES_MAX],
			      &policy->failures_max);
	if (error)
		return error;
	error = convert_share(yaml, "rollout.failures.inconclusive",
			      raw->scalars[FTH_RAW_INCONCLUSIVE], &policy->inconclusive_max);
	if (error)
		return error;
	return convert_share(yaml, "health.memory-growth", raw->scalars[FTH_RAW_MEMORY_GROWTH],
			     &policy->memory_growth);
}

static int nibble(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

static int convert_sha256(struct fth_yaml *yaml, const char *text, struct fth_policy *policy)
{
	size_t length = strlen(text);
	size_t i;

	for (i = 0; i < length && nibble(text[i]) >= 0; i++)
		;
	if (i < length || length != 2 * FTH_SHA256_SIZE)
		return fth_yaml_refuse(yaml, "patch.sha256",
				       "found '%.*s', expected 64 hexadecimal "
				       "digits",
				       FTH_YAML_SHOWN_MAX, text);
	for (i = 0; i < FTH_SHA256_SIZE; i++)
		policy->sha256[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	policy->has_sha256 = true;
	return 0;
}

static int convert_head(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			struct fth_policy *policy)
{
	const char *name = raw->scalars[FTH_RAW_NAME];
	const char *version = raw->scalars[FTH_RAW_VERSION];
	size_t length = strlen(name);

	if (strcmp(version, "1") != 0)
		return fth_yaml_refuse(yaml, "version", "found '%.*s', expected 1",
				       FTH_YAML_SHOWN_MAX, version);
	if (!length || length > FTH_NAME_MAX)
		return fth_yaml_refuse(yaml, "patch.name",
				       "found %zu bytes, expected a module's "
				       "name of 1 … %d",
				       length, FTH_NAME_MAX);
	memcpy(policy->name, name, length + 1);
	if (!raw->scalars[FTH_RAW_SHA256])
		return 0;
	return convert_sha256(yaml, raw->scalars[FTH_RAW_SHA256], policy);
}

int fth_policy_value_convert(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			     struct fth_policy *policy)
{
	static int (*const steps[])(struct fth_yaml *, const struct fth_policy_raw *,
				    struct fth_policy *) = {
		convert_head,	convert_words,	    convert_flags,
		convert_sets,	convert_extend_set, convert_numbers,
		convert_lists,	convert_shares,	    fth_policy_value_windows,
		convert_health,
	};
	int error = 0;
	size_t i;

	for (i = 0; !error && i < sizeof(steps) / sizeof(*steps); i++)
		error = steps[i](yaml, raw, policy);
	return error;
}
