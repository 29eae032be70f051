// SPDX-License-Identifier: GPL-2.0
/* The maintenance windows of a policy file as values. */
#include "io/policy_value.h"

#include <stdio.h>
#include <string.h>

#include "io/policy_words.h"

static int convert_time(struct fth_yaml *yaml, const char *key, const char *text,
			uint16_t *ret_minute)
{
	unsigned int hour;
	unsigned int minute;
	int used = 0;

	if (!text)
		return 0;
	if (strspn(text, "0123456789:") != strlen(text) ||
	    sscanf(text, "%2u:%2u%n", &hour, &minute, &used) != 2 || used != 5 || text[used] ||
	    hour > 23 || minute > 59)
		return fth_yaml_refuse(yaml, key,
				       "found '%.*s', expected a time of day "
				       "in UTC such as '22:00' (00:00 … 23:59)",
				       FTH_YAML_SHOWN_MAX, text);
	*ret_minute = (uint16_t)(hour * 60 + minute);
	return 0;
}

/* @at is its key: "rollout.window" or "rollout.windows[1]". */
static int convert_window(struct fth_yaml *yaml, const char *at, const struct fth_raw_window *raw,
			  struct fth_window *ret_window)
{
	char key[FTH_YAML_KEY_MAX];
	uint32_t days = FTH_WINDOW_DAYS_ALL;
	int error;

	snprintf(key, sizeof(key), "%s.days", at);
	error = fth_words_parse_set(yaml, key, &raw->days, &fth_words_day, &days);
	if (error)
		return error;
	ret_window->days = (uint8_t)days;
	snprintf(key, sizeof(key), "%s.from", at);
	error = convert_time(yaml, key, raw->from, &ret_window->from_min);
	if (error)
		return error;
	snprintf(key, sizeof(key), "%s.to", at);
	return convert_time(yaml, key, raw->to, &ret_window->to_min);
}

int fth_policy_value_windows(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			     struct fth_policy *policy)
{
	const struct fth_raw_window one = {
		.days = raw->lists[FTH_RAW_WINDOW_DAYS],
		.from = raw->scalars[FTH_RAW_WINDOW_FROM],
		.to = raw->scalars[FTH_RAW_WINDOW_TO],
	};
	char key[FTH_YAML_KEY_MAX];
	uint32_t i;
	int error = 0;

	policy->has_window_list = fth_yaml_has(yaml, "rollout.windows");
	if (one.from && policy->has_window_list)
		return fth_yaml_refuse(yaml, "rollout.windows",
				       "found beside 'window', expected one of the two: "
				       "all windows in this list");
	if (policy->has_window_list && !raw->window_count)
		return fth_yaml_refuse(
			yaml, "rollout.windows",
			"found no window, expected at least one, or no such key: then "
			"VMs are patched at any time");
	policy->window_count = one.from ? 1 : raw->window_count;
	if (one.from)
		return convert_window(yaml, "rollout.window", &one, &policy->windows[0]);
	for (i = 0; !error && i < raw->window_count; i++) {
		fth_yaml_entry_key("rollout.windows", i, key);
		error = convert_window(yaml, key, &raw->windows[i], &policy->windows[i]);
	}
	return error;
}
