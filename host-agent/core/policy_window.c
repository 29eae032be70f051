// SPDX-License-Identifier: GPL-2.0
/* When VMs may be patched: windows of the week, UTC. */
#include "core/policy.h"
#include "core/text.h"
#include "fother/errors.h"

#define MINUTE_MS 60000u
#define DAY_MIN (24u * 60)
#define DAY_MS ((uint64_t)DAY_MIN * MINUTE_MS)
#define EPOCH_WEEKDAY 3u /* 1970-01-01 was a Thursday; Monday is 0 */
#define LOOK_DAYS 9u	 /* yesterday's may still be open; the next opens within a week */

static int fault(const struct fth_policy *policy, uint32_t index, const char *key, const char *why,
		 struct fth_policy_fault *ret_fault)
{
	if (policy->has_window_list)
		fth_text_format(ret_fault->key, sizeof(ret_fault->key), "rollout.windows[%u]%s",
				index, key);
	else
		fth_text_format(ret_fault->key, sizeof(ret_fault->key), "rollout.window%s", key);
	fth_text_copy(ret_fault->why, sizeof(ret_fault->why), why);
	return -EINVAL;
}

int fth_policy_validate_windows(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	const struct fth_window *window;
	uint32_t i;

	for (i = 0; i < policy->window_count; i++) {
		window = &policy->windows[i];
		if (!(window->days & FTH_WINDOW_DAYS_ALL))
			return fault(policy, i, ".days",
				     "found no day, expected one or more: mon … sun", ret_fault);
		if (window->from_min >= DAY_MIN || window->to_min >= DAY_MIN)
			return fault(policy, i, "", "found no time, expected 00:00 … 23:59",
				     ret_fault);
		if (window->to_min == window->from_min)
			return fault(policy, i, ".to",
				     "found the same time as its 'from', expected another",
				     ret_fault);
	}
	return 0;
}

/* Is it open, or when does it open next?  With no day at all, in LOOK_DAYS. */
static bool is_open(const struct fth_window *window, uint64_t now_ms, uint64_t *ret_opens_ms)
{
	uint32_t length_min = (window->to_min + DAY_MIN - window->from_min) % DAY_MIN;
	uint64_t day = now_ms / DAY_MS;
	uint64_t from_ms;
	uint32_t i;

	for (i = 0; i < LOOK_DAYS; i++) {
		if (!(window->days & (1u << ((day + i + 6 + EPOCH_WEEKDAY) % 7))) || day + i < 1)
			continue;
		from_ms = (day + i - 1) * DAY_MS + (uint64_t)window->from_min * MINUTE_MS;
		if (now_ms < from_ms) {
			*ret_opens_ms = from_ms;
			return false;
		}
		if (now_ms < from_ms + (uint64_t)length_min * MINUTE_MS)
			return true;
	}
	*ret_opens_ms = now_ms + LOOK_DAYS * DAY_MS;
	return false;
}

bool fth_policy_window_open(const struct fth_policy *policy, uint64_t now_ms,
			    uint64_t *ret_opens_ms)
{
	uint64_t first_ms = UINT64_MAX;
	uint64_t opens_ms;
	uint32_t i;

	for (i = 0; i < policy->window_count; i++) {
		if (is_open(&policy->windows[i], now_ms, &opens_ms))
			return true;
		if (opens_ms < first_ms)
			first_ms = opens_ms;
	}
	if (!policy->window_count)
		return true;
	*ret_opens_ms = first_ms;
	return false;
}
