// SPDX-License-Identifier: GPL-2.0
/* The numbers of a policy: one table for the loader, the check and messages. */
#include "core/policy_range.h"

#include "core/text.h"

#define VMS_MAX 100000u
#define ROW(path, field, in, low, high, name, value)                                               \
	{                                                                                          \
		.key = (path), .word = (name), .word_value = (value),                              \
		.offset = offsetof(struct fth_policy, field), .unit = FTH_UNIT_##in, .min = (low), \
		.max = (high),                                                                     \
	}

/* In the order of the file's keys. */
static const struct fth_policy_range ranges[] = {
	ROW("transition.deadline", guest.deadline_ms, MS, 1, FTH_DEADLINE_MAX_MS, "none", 0),
	ROW("transition.stop-max", guest.stop_max_us, US, FTH_STOP_MAX_MIN_US, FTH_STOP_MAX_MAX_US,
	    NULL, 0),
	ROW("nudge.after", guest.nudge_after_ms, MS, 0, FTH_NUDGE_MAX_MS, "manual",
	    FTH_NUDGE_MANUAL),
	ROW("nudge.every", guest.nudge_every_ms, MS, FTH_NUDGE_EVERY_MIN_MS, FTH_NUDGE_MAX_MS, NULL,
	    0),
	ROW("freeze.budget", guest.freeze_budget_ms, MS, 1, FTH_FREEZE_BUDGET_MAX_MS, NULL, 0),
	ROW("freeze.attempts", guest.freeze_attempts, COUNT8, 1, FTH_FREEZE_ATTEMPTS_MAX, NULL, 0),
	ROW("confirm.within", guest.confirm_within_ms, MS, FTH_CONFIRM_WITHIN_MIN_MS,
	    FTH_CONFIRM_WITHIN_MAX_MS, "none", 0),
	ROW("revert.host-loss-after", guest.host_loss_after_ms, MS, FTH_HOST_LOSS_AFTER_MIN_MS,
	    FTH_HOST_LOSS_AFTER_MAX_MS, NULL, 0),
	ROW("rollout.soak", soak_ms, MS, 0, FTH_POLICY_SOAK_MAX_MS, NULL, 0),
	ROW("rollout.in-flight.fleet", in_flight.fleet, COUNT, 0, VMS_MAX, NULL, 0),
	ROW("rollout.in-flight.host", in_flight.host, COUNT, 0, VMS_MAX, NULL, 0),
	ROW("rollout.in-flight.group", in_flight.group, COUNT, 0, VMS_MAX, NULL, 0),
	ROW("rollout.recall.in-flight.fleet", recall_in_flight.fleet, COUNT, 0, VMS_MAX, NULL, 0),
	ROW("rollout.recall.in-flight.host", recall_in_flight.host, COUNT, 0, VMS_MAX, NULL, 0),
	ROW("rollout.recall.in-flight.group", recall_in_flight.group, COUNT, 0, VMS_MAX, NULL, 0),
	ROW("health.timeout", health_timeout_ms, MS, FTH_POLICY_TIMEOUT_MIN_MS,
	    FTH_POLICY_TIMEOUT_MAX_MS, NULL, 0),
	ROW("health.retry", health_retry_ms, MS, FTH_POLICY_RETRY_MIN_MS, FTH_POLICY_RETRY_MAX_MS,
	    NULL, 0),
	ROW("health.parallel", health_parallel, COUNT, 1, FTH_POLICY_PARALLEL_MAX, NULL, 0),
	ROW("health.transition-max", transition_max_ms, MS, 1, FTH_DEADLINE_MAX_MS, "none", 0),
};

const struct fth_policy_range *fth_policy_range_at(uint32_t index)
{
	return index < sizeof(ranges) / sizeof(*ranges) ? &ranges[index] : NULL;
}

const struct fth_policy_range *fth_policy_range_find(const char *key)
{
	const struct fth_policy_range *range;
	uint32_t i;

	for (i = 0; (range = fth_policy_range_at(i)); i++)
		if (fth_text_equal(range->key, key))
			break;
	return range;
}

uint32_t fth_policy_range_get(const struct fth_policy_range *range, const struct fth_policy *policy)
{
	const uint8_t *at = (const uint8_t *)policy + range->offset;
	uint32_t number;

	if (range->unit == FTH_UNIT_COUNT8)
		return *at;
	memcpy(&number, at, sizeof(number));
	return number;
}

void fth_policy_range_set(const struct fth_policy_range *range, uint32_t number,
			  struct fth_policy *policy)
{
	uint8_t *at = (uint8_t *)policy + range->offset;

	if (range->unit == FTH_UNIT_COUNT8)
		*at = (uint8_t)number;
	else
		memcpy(at, &number, sizeof(number));
}

bool fth_policy_range_allows(const struct fth_policy_range *range, uint64_t number)
{
	return (number >= range->min && number <= range->max) ||
	       (range->word && number == range->word_value);
}

void fth_policy_range_format(const struct fth_policy_range *range, uint32_t number, char *ret_text)
{
	static const struct {
		uint32_t us;
		const char *unit;
	} units[] = { { 3600000000u, "h" },
		      { 60000000u, "m" },
		      { 1000000u, "s" },
		      { 1000u, "ms" },
		      { 1u, "us" } };
	uint64_t us = number;
	uint32_t i = 0;

	if (range->word && number == range->word_value) {
		fth_text_copy(ret_text, FTH_POLICY_RANGE_TEXT_MAX, range->word);
		return;
	}
	if (range->unit == FTH_UNIT_COUNT || range->unit == FTH_UNIT_COUNT8) {
		fth_text_format(ret_text, FTH_POLICY_RANGE_TEXT_MAX, "%u", number);
		return;
	}
	if (range->unit == FTH_UNIT_MS)
		us *= 1000;
	if (!us)
		i = 2; /* "0s" */
	else
		while (us % units[i].us)
			i++;
	fth_text_format(ret_text, FTH_POLICY_RANGE_TEXT_MAX, "%llu%s",
			(unsigned long long)(us / units[i].us), units[i].unit);
}
