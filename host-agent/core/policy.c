// SPDX-License-Identifier: GPL-2.0
/*
 * A policy as a value: defaults, rules across fields, shares.
 *
 * DESIGN
 * The loader has already checked how each value is written; this is the one
 * place that says which values may stand together, for a policy of any source.
 */
#include "core/policy.h"

#include "core/policy_range.h"
#include "core/text.h"

#define PERCENT 100u /* hundredths */
#define SHARE_WHOLE (100u * PERCENT)

/* Defaults; policies/README.md lists them. */
#define SOAK_DEFAULT_MS 300000u
#define IN_FLIGHT_FLEET_DEFAULT 20u
#define IN_FLIGHT_HOST_DEFAULT 4u
#define RECALL_FLEET_DEFAULT 500u
#define RECALL_HOST_DEFAULT 50u
#define HEALTH_TIMEOUT_DEFAULT_MS 10000u
#define HEALTH_RETRY_DEFAULT_MS 30000u
#define HEALTH_PARALLEL_DEFAULT 8u

static int fault(struct fth_policy_fault *ret_fault, const char *key, const char *why)
{
	fth_text_copy(ret_fault->key, sizeof(ret_fault->key), key);
	fth_text_copy(ret_fault->why, sizeof(ret_fault->why), why);
	return -EINVAL;
}

void fth_policy_defaults(struct fth_policy *ret_policy)
{
	static const struct fth_share waves[] = {
		{ false, 1 }, { true, 10 * PERCENT }, { true, 50 * PERCENT }, { true, SHARE_WHOLE }
	};

	memset(ret_policy, 0, sizeof(*ret_policy));
	fth_policy_set_defaults(&ret_policy->guest);
	memcpy(ret_policy->waves, waves, sizeof(waves));
	ret_policy->wave_count = sizeof(waves) / sizeof(*waves);
	ret_policy->soak_ms = SOAK_DEFAULT_MS;
	ret_policy->gate = FTH_GATE_AUTO;
	ret_policy->in_flight.fleet = IN_FLIGHT_FLEET_DEFAULT;
	ret_policy->in_flight.host = IN_FLIGHT_HOST_DEFAULT;
	ret_policy->recall_in_flight.fleet = RECALL_FLEET_DEFAULT;
	ret_policy->recall_in_flight.host = RECALL_HOST_DEFAULT;
	ret_policy->failures_max = (struct fth_share){ .percent = true, .value = 2 * PERCENT };
	ret_policy->inconclusive_max = (struct fth_share){ .percent = true, .value = 5 * PERCENT };
	ret_policy->failures_then = FTH_THEN_REVERSE;
	ret_policy->health_guest = FTH_HEALTH_GUEST_OOPS | FTH_HEALTH_GUEST_WARN;
	ret_policy->health_timeout_ms = HEALTH_TIMEOUT_DEFAULT_MS;
	ret_policy->health_retry_ms = HEALTH_RETRY_DEFAULT_MS;
	ret_policy->health_parallel = HEALTH_PARALLEL_DEFAULT;
	ret_policy->memory_growth = (struct fth_share){ .percent = true, .value = 20 * PERCENT };
}

void fth_policy_copy(struct fth_policy *ret_policy, const struct fth_policy *policy)
{
	uint32_t i;

	memcpy(ret_policy, policy, sizeof(*ret_policy));
	for (i = 0; i < policy->guest.extend_set_count; i++)
		ret_policy->guest.extend_set[i].data = (const uint8_t *)ret_policy->extend_set[i];
}

bool fth_policy_extends(const struct fth_policy *policy)
{
	return policy->guest.confirm_within_ms &&
	       policy->soak_ms >= policy->guest.confirm_within_ms;
}

uint64_t fth_policy_guest_needs(const struct fth_policy *policy)
{
	uint64_t needs = fth_policy_needs(&policy->guest);

	if (policy->health_guest & FTH_HEALTH_GUEST_EFFECT)
		needs |= FTH_CAP_EFFECT;
	if (fth_policy_extends(policy))
		needs |= FTH_CAP_CONFIRM_EXTEND;
	return needs;
}

const char *fth_policy_model_from(const struct fth_policy *policy)
{
	struct fth_guest_policy defaults;

	if (policy->has_model)
		return "policy";
	fth_policy_set_defaults(&defaults);
	return policy->guest.leave == defaults.leave && policy->guest.switches == defaults.switches
		       ? "default"
		       : "module";
}

uint32_t fth_share_of(const struct fth_share *share, uint32_t total)
{
	uint64_t count = share->value;

	if (share->percent)
		count = (count * total + SHARE_WHOLE - 1) / SHARE_WHOLE;
	return count < total ? (uint32_t)count : total;
}

/* A module's name as the kernel has it: no path, no '-', no extension. */
static bool name_valid(const char *name)
{
	uint32_t length = fth_text_length(name, FTH_NAME_MAX + 1);
	uint32_t i;

	for (i = 0; i < length; i++)
		if (!(name[i] == '_' || (name[i] >= '0' && name[i] <= '9') ||
		      (name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z')))
			return false;
	return length && length <= FTH_NAME_MAX;
}

static int validate_ranges(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	char found[FTH_POLICY_RANGE_TEXT_MAX];
	char low[FTH_POLICY_RANGE_TEXT_MAX];
	char high[FTH_POLICY_RANGE_TEXT_MAX];
	const struct fth_policy_range *range;
	uint32_t number;
	uint32_t i;

	for (i = 0; (range = fth_policy_range_at(i)); i++) {
		number = fth_policy_range_get(range, policy);
		if (fth_policy_range_allows(range, number))
			continue;
		fth_policy_range_format(range, number, found);
		fth_policy_range_format(range, range->min, low);
		fth_policy_range_format(range, range->max, high);
		fth_text_copy(ret_fault->key, sizeof(ret_fault->key), range->key);
		fth_text_format(ret_fault->why, sizeof(ret_fault->why),
				"found '%s', expected %s … %s%s%s", found, low, high,
				range->word ? " or " : "", range->word);
		return -EINVAL;
	}
	return 0;
}

static int validate_patterns(const struct fth_patterns *patterns, const char *key,
			     struct fth_policy_fault *ret_fault)
{
	uint32_t i;

	if (patterns->count > FTH_POLICY_PATTERNS_MAX)
		return fault(ret_fault, key, "more entries than allowed");
	for (i = 0; i < patterns->count; i++) {
		if (fth_pattern_valid(patterns->entries[i].text))
			continue;
		fth_text_format(ret_fault->key, sizeof(ret_fault->key), "%s[%u]", key, i);
		fth_text_format(ret_fault->why, sizeof(ret_fault->why),
				"found '%s', expected a pattern of *, ?, [a-z] "
				"with every [ closed",
				patterns->entries[i].text);
		return -EINVAL;
	}
	return 0;
}

static int validate_wave_order(const struct fth_policy *policy, uint32_t i,
			       struct fth_policy_fault *ret_fault)
{
	const struct fth_share *wave = &policy->waves[i];
	const struct fth_share *before = i ? wave - 1 : NULL;
	const char *why = NULL;

	if (!wave->value)
		why = "found 0, expected at least 1 VM";
	else if (wave->percent && wave->value > SHARE_WHOLE)
		why = "found more than 100%, expected 0.01% … 100%";
	else if (before && before->percent && !wave->percent)
		why = "found a count after a percentage, expected waves that "
		      "grow: counts first, then percentages";
	else if (before && before->percent == wave->percent && before->value >= wave->value)
		why = "found a wave not larger than the one before, expected "
		      "waves that grow: each counts the VMs before it too";
	if (!why)
		return 0;
	fth_text_format(ret_fault->key, sizeof(ret_fault->key), "rollout.waves[%u]", i);
	fth_text_copy(ret_fault->why, sizeof(ret_fault->why), why);
	return -EINVAL;
}

static int validate_waves(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	uint32_t i;
	int error;

	if (!policy->wave_count || policy->wave_count > FTH_POLICY_WAVES_MAX)
		return fault(ret_fault, "rollout.waves",
			     policy->wave_count ? "found more than 16 waves, expected 1 … 16"
						: "found no wave, expected 1 … 16");
	for (i = 0; i < policy->wave_count; i++) {
		error = validate_wave_order(policy, i, ret_fault);
		if (error)
			return error;
	}
	return 0;
}

/* A recall that is slower than the rollout makes things worse. */
static int validate_recall(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	const struct fth_in_flight *out = &policy->in_flight;
	const struct fth_in_flight *back = &policy->recall_in_flight;
	const struct {
		const char *what;
		uint32_t out;
		uint32_t back;
	} pairs[] = { { "fleet", out->fleet, back->fleet },
		      { "host", out->host, back->host },
		      { "group", out->group, back->group } };
	uint32_t i;

	for (i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (!pairs[i].back || (pairs[i].out && pairs[i].back >= pairs[i].out))
			continue;
		fth_text_format(ret_fault->key, sizeof(ret_fault->key),
				"rollout.recall.in-flight.%s", pairs[i].what);
		if (pairs[i].out)
			fth_text_format(ret_fault->why, sizeof(ret_fault->why),
					"found %u, expected at least "
					"rollout.in-flight.%s, which is %u, or "
					"0 (no limit)",
					pairs[i].back, pairs[i].what, pairs[i].out);
		else
			fth_text_format(ret_fault->why, sizeof(ret_fault->why),
					"found %u, expected 0 (no limit) "
					"because rollout.in-flight.%s has none",
					pairs[i].back, pairs[i].what);
		return -EINVAL;
	}
	return 0;
}

static int validate_soak(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	const struct fth_policy_range *range = fth_policy_range_find("rollout.soak");
	char soak[FTH_POLICY_RANGE_TEXT_MAX];
	char confirm[FTH_POLICY_RANGE_TEXT_MAX];

	if (!fth_policy_extends(policy) ||
	    policy->guest.confirm_within_ms >= FTH_POLICY_EXTEND_MIN_MS)
		return 0;
	fth_policy_range_format(range, policy->soak_ms, soak);
	fth_policy_range_format(range, policy->guest.confirm_within_ms, confirm);
	fth_text_copy(ret_fault->key, sizeof(ret_fault->key), range->key);
	fth_text_format(ret_fault->why, sizeof(ret_fault->why),
			"found '%s', expected less than confirm.within, which "
			"is '%s', or a confirm.within of %us and more, which the "
			"agent extends meanwhile",
			soak, confirm, FTH_POLICY_EXTEND_MIN_MS / 1000);
	return -EINVAL;
}

static int validate_shares(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	if (policy->failures_max.percent && policy->failures_max.value > SHARE_WHOLE)
		return fault(ret_fault, "rollout.failures.max",
			     "found more than 100%, expected 0% … 100%");
	if (policy->inconclusive_max.percent && policy->inconclusive_max.value > SHARE_WHOLE)
		return fault(ret_fault, "rollout.failures.inconclusive",
			     "found more than 100%, expected 0% … 100%");
	return 0;
}

static int validate_head(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	const char *why;

	if (!name_valid(policy->name)) {
		fault(ret_fault, "patch.name", "");
		fth_text_format(ret_fault->why, sizeof(ret_fault->why),
				"found '%s', expected a module's name: 1 … 55 "
				"letters, digits and underscores",
				policy->name);
		return -EINVAL;
	}
	if (!policy->file[0])
		return fault(ret_fault, "patch.file", "found nothing, expected a file's path");
	if (fth_model_check(policy->guest.leave, policy->guest.switches, &why)) {
		fault(ret_fault, "consistency", "");
		fth_text_format(ret_fault->why, sizeof(ret_fault->why),
				"found leave '%s' with switch '%s': %s",
				fth_leave_name(policy->guest.leave),
				fth_switch_name(policy->guest.switches), why);
		return -EINVAL;
	}
	return validate_patterns(&policy->kernels, "patch.kernels", ret_fault);
}

static int validate_select(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	int error;

	error = validate_patterns(&policy->select_name, "rollout.select.name", ret_fault);
	if (!error)
		error = validate_patterns(&policy->select_group, "rollout.select.group", ret_fault);
	if (!error)
		error = validate_patterns(&policy->select_kernel, "rollout.select.kernel",
					  ret_fault);
	if (!error)
		error = validate_patterns(&policy->select_tag, "rollout.select.tag", ret_fault);
	return error;
}

/* "section.key: what is wrong", as fth_policy_check() says it. */
static int guest_fault(struct fth_policy_fault *ret_fault, const char *why)
{
	uint32_t length = 0;

	while (why[length] && why[length] != ':')
		length++;
	if (!why[length] || length >= sizeof(ret_fault->key))
		return fault(ret_fault, "consistency", why);
	memcpy(ret_fault->key, why, length);
	ret_fault->key[length] = 0;
	fth_text_copy(ret_fault->why, sizeof(ret_fault->why), why + length + 2);
	return -EINVAL;
}

int fth_policy_validate(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	static int (*const checks[])(const struct fth_policy *, struct fth_policy_fault *) = {
		validate_head,
		validate_ranges,
		validate_select,
		validate_waves,
		validate_soak,
		validate_shares,
		fth_policy_validate_windows,
		validate_recall,
		fth_policy_validate_health,
	};
	const char *why;
	uint32_t i;
	int error;

	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		error = checks[i](policy, ret_fault);
		if (error)
			return error;
	}
	if (policy->gate != FTH_GATE_AUTO && policy->gate != FTH_GATE_MANUAL)
		return fault(ret_fault, "rollout.gate", "expected auto or manual");
	if (policy->failures_then != FTH_THEN_REVERSE && policy->failures_then != FTH_THEN_PAUSE)
		return fault(ret_fault, "rollout.failures.then", "expected reverse or pause");
	if (fth_policy_check(&policy->guest, &why))
		return guest_fault(ret_fault, why);
	return 0;
}
