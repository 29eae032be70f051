// SPDX-License-Identifier: GPL-2.0
/* What a policy counts as healthy: which checks it names, and how they are written. */
#include "core/policy.h"
#include "core/text.h"

static int fault(struct fth_policy_fault *ret_fault, const char *key, const char *why)
{
	fth_text_copy(ret_fault->key, sizeof(ret_fault->key), key);
	fth_text_copy(ret_fault->why, sizeof(ret_fault->why), why);
	return -EINVAL;
}

uint32_t fth_policy_checks(const struct fth_policy *policy)
{
	return (policy->health_host & FTH_CHECKS_OF_HOST) |
	       (policy->command_count ? 1u << FTH_CHECK_COMMAND : 0) |
	       (policy->http[0] ? 1u << FTH_CHECK_HTTP : 0);
}

uint32_t fth_policy_wave_checks(const struct fth_policy *policy)
{
	return (policy->wave_command_count ? 1u << FTH_CHECK_WAVE_COMMAND : 0) |
	       (policy->wave_http[0] ? 1u << FTH_CHECK_WAVE_HTTP : 0);
}

const char *fth_check_name(uint8_t check)
{
	static const char *const names[FTH_CHECKS] = {
		[FTH_CHECK_VCPU_PROGRESS] = "health.host: vcpu-progress",
		[FTH_CHECK_DOMAIN_STATE] = "health.host: domain-state",
		[FTH_CHECK_IO_PROGRESS] = "health.host: io-progress",
		[FTH_CHECK_MEMORY] = "health.host: memory",
		[FTH_CHECK_COMMAND] = "health.command",
		[FTH_CHECK_HTTP] = "health.http",
		[FTH_CHECK_WAVE_COMMAND] = "health.wave-command",
		[FTH_CHECK_WAVE_HTTP] = "health.wave-http",
	};

	return check < FTH_CHECKS ? names[check] : "?";
}

const char *fth_verdict_name(uint8_t verdict)
{
	return verdict == FTH_VERDICT_PASS	     ? "pass"
	       : verdict == FTH_VERDICT_FAIL	     ? "fail"
	       : verdict == FTH_VERDICT_INCONCLUSIVE ? "inconclusive"
						     : "?";
}

static bool starts_with(const char *text, const char *start)
{
	while (*start && *text == *start) {
		text++;
		start++;
	}
	return !*start;
}

/* A name without a folder would mean whatever the agent's PATH happens to be. */
static int check_command(const char *key, uint32_t count, const char *program,
			 struct fth_policy_fault *ret_fault)
{
	if (!count || program[0] == '/')
		return 0;
	fault(ret_fault, key, "");
	fth_text_format(ret_fault->key, sizeof(ret_fault->key), "%s[0]", key);
	fth_text_format(ret_fault->why, sizeof(ret_fault->why),
			"found '%s', expected a program's absolute path", program);
	return -EINVAL;
}

static int check_url(const char *key, const char *url, struct fth_policy_fault *ret_fault)
{
	const char *at;

	if (!url[0])
		return 0;
	if (!starts_with(url, "http://") && !starts_with(url, "https://"))
		return fault(ret_fault, key, "expected a URL that begins with http:// or https://");
	for (at = url; *at; at++)
		if (*at <= ' ' || *at > '~')
			return fault(ret_fault, key,
				     "found a character that no URL has, expected it as %XX");
	return 0;
}

static bool contains(const char *text, const char *part)
{
	for (; *text; text++)
		if (starts_with(text, part))
			return true;
	return false;
}

/* What names one VM would stand for nothing where a whole wave is meant. */
static int check_wave_text(const char *key, const char *text, struct fth_policy_fault *ret_fault)
{
	static const char *const names[] = { "{vm}", "{host}", "{group}" };
	uint32_t i;

	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!contains(text, names[i]))
			continue;
		fault(ret_fault, key, "");
		fth_text_format(ret_fault->why, sizeof(ret_fault->why),
				"found '%s', which a wave has not, expected {wave}, {rollout} "
				"or {patch}",
				names[i]);
		return -EINVAL;
	}
	return 0;
}

static int check_wave_command(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	char key[FTH_POLICY_KEY_MAX];
	uint32_t i;
	int error = 0;

	for (i = 0; !error && i < policy->wave_command_count; i++) {
		fth_text_format(key, sizeof(key), "health.wave-command[%u]", i);
		error = check_wave_text(key, policy->wave_command[i], ret_fault);
	}
	return error;
}

int fth_policy_validate_health(const struct fth_policy *policy, struct fth_policy_fault *ret_fault)
{
	int error;

	error = check_command("health.command", policy->command_count, policy->command[0],
			      ret_fault);
	if (!error)
		error = check_command("health.wave-command", policy->wave_command_count,
				      policy->wave_command[0], ret_fault);
	if (!error)
		error = check_url("health.http", policy->http, ret_fault);
	if (!error)
		error = check_url("health.wave-http", policy->wave_http, ret_fault);
	if (!error)
		error = check_wave_command(policy, ret_fault);
	if (!error)
		error = check_wave_text("health.wave-http", policy->wave_http, ret_fault);
	if (!error && !policy->memory_growth.percent)
		error = fault(ret_fault, "health.memory-growth",
			      "found a count, expected a percentage such as '20%'");
	return error;
}
