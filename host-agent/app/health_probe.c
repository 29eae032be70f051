// SPDX-License-Identifier: GPL-2.0
/*
 * Checks by the operator's own programs and servers.
 *
 * DESIGN
 * A program says 0: healthy, 1 or 2: not, as monitoring plugins do; anything else,
 * a signal or no end in time is inconclusive.  A server says 2xx or 5xx; anything
 * else, or no answer, is inconclusive.  Names are filled in as they are, in URLs
 * escaped; a program gets them in its environment too, and nothing of ours.
 */
#include <stdio.h>
#include <string.h>

#include "app/agent.h"
#include "app/health.h"
#include "io/fetch.h"
#include "io/process.h"

#define NUMBER_SIZE 24

struct name {
	const char *key;
	const char *variable;
	char text[FTH_VM_NAME_MAX + 1];
};

enum {
	NAME_VM,
	NAME_HOST,
	NAME_GROUP,
	NAME_WAVE,
	NAME_ROLLOUT,
	NAME_PATCH,
	NAMES
};

static void fill_names(const struct fth_watch *watch, struct name *names)
{
	static const struct name empty[NAMES] = {
		[NAME_VM] = { "{vm}", "FOTHER_VM", "" },
		[NAME_HOST] = { "{host}", "FOTHER_HOST", "" },
		[NAME_GROUP] = { "{group}", "FOTHER_GROUP", "" },
		[NAME_WAVE] = { "{wave}", "FOTHER_WAVE", "" },
		[NAME_ROLLOUT] = { "{rollout}", "FOTHER_ROLLOUT", "" },
		[NAME_PATCH] = { "{patch}", "FOTHER_PATCH", "" },
	};
	const struct fth_rollout *rollout = watch->live->rollout;
	uint32_t wave = watch->guest ? rollout->vms[watch->vm_index].wave : rollout->wave;

	memcpy(names, empty, sizeof(empty));
	if (watch->guest) {
		strcpy(names[NAME_VM].text, watch->guest->name);
		strcpy(names[NAME_HOST].text, watch->guest->host);
		strcpy(names[NAME_GROUP].text, watch->guest->group);
	}
	snprintf(names[NAME_WAVE].text, sizeof(names->text), "%u", wave + 1);
	snprintf(names[NAME_ROLLOUT].text, sizeof(names->text), "%llu",
		 (unsigned long long)rollout->id);
	strcpy(names[NAME_PATCH].text, rollout->policy.name);
}

static const struct name *name_at(const char *text, const struct name *names)
{
	size_t i;

	for (i = 0; i < NAMES; i++)
		if (!strncmp(text, names[i].key, strlen(names[i].key)))
			return &names[i];
	return NULL;
}

/* Return: 0; -E2BIG when @ret_text, of @size bytes, is too short. */
static int fill_in(const char *text, const struct name *names, bool escaped, char *ret_text,
		   size_t size)
{
	char value[3 * sizeof(names->text)];
	const struct name *name;
	size_t used = 0, length;

	while (*text) {
		name = name_at(text, names);
		if (!name)
			snprintf(value, sizeof(value), "%c", *text);
		else if (escaped)
			fth_fetch_escape(name->text, value, sizeof(value));
		else
			snprintf(value, sizeof(value), "%s", name->text);
		text += name ? strlen(name->key) : 1;
		length = strlen(value);
		if (used + length >= size)
			return -E2BIG;
		memcpy(ret_text + used, value, length);
		used += length;
	}
	ret_text[used] = '\0';
	return 0;
}

static void program_ended(void *context, const struct fth_process_end *end)
{
	struct fth_watch *watch = context;
	uint8_t verdict = FTH_VERDICT_INCONCLUSIVE;
	char why[FTH_HEALTH_WHY_MAX] = "";
	const char *colon = end->line[0] ? ": " : "";

	if (end->error)
		snprintf(why, sizeof(why), "can't be run: %s", strerror(end->error));
	else if (end->timed_out)
		snprintf(why, sizeof(why), "it did not end in %u ms%s%s",
			 watch->live->rollout->policy.health_timeout_ms, colon, end->line);
	else if (end->signal)
		snprintf(why, sizeof(why), "killed by signal %d%s%s", end->signal, colon,
			 end->line);
	else
		snprintf(why, sizeof(why), "exit %d%s%s", end->status, colon, end->line);
	if (!end->error && !end->timed_out && !end->signal && end->status <= 2)
		verdict = end->status ? FTH_VERDICT_FAIL : FTH_VERDICT_PASS;
	fth_health_conclude(watch, watch->guest ? FTH_CHECK_COMMAND : FTH_CHECK_WAVE_COMMAND,
			    verdict, why);
}

static void get_ended(void *context, const struct fth_fetch_end *end)
{
	struct fth_watch *watch = context;
	uint8_t verdict = FTH_VERDICT_INCONCLUSIVE;
	char why[FTH_HEALTH_WHY_MAX];

	if (end->status)
		snprintf(why, sizeof(why), "status %d%s%s", end->status, end->line[0] ? ": " : "",
			 end->line);
	else
		snprintf(why, sizeof(why), "no answer: %s", end->line);
	if (end->status >= 200 && end->status < 300)
		verdict = FTH_VERDICT_PASS;
	else if (end->status >= 500 && end->status < 600)
		verdict = FTH_VERDICT_FAIL;
	fth_health_conclude(watch, watch->guest ? FTH_CHECK_HTTP : FTH_CHECK_WAVE_HTTP, verdict,
			    why);
}

static int run(struct fth_watch *watch, uint32_t count, const char (*words)[FTH_POLICY_ARG_MAX + 1])
{
	static const char path[] =
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	char texts[FTH_POLICY_ARGS_MAX][FTH_HEALTH_WORD_MAX];
	char variables[NAMES][sizeof(((struct name *)NULL)->text) + NUMBER_SIZE];
	const char *argv[FTH_POLICY_ARGS_MAX + 1] = { NULL };
	const char *env[NAMES + 2] = { path };
	struct name names[NAMES];
	uint32_t i;

	fill_names(watch, names);
	for (i = 0; i < count; i++) {
		if (fill_in(words[i], names, false, texts[i], sizeof(texts[i])))
			return -E2BIG;
		argv[i] = texts[i];
	}
	for (i = 0; i < NAMES; i++) {
		snprintf(variables[i], sizeof(variables[i]), "%s=%s", names[i].variable,
			 names[i].text);
		env[i + 1] = variables[i];
	}
	return fth_process_start(watch->live->agent->loop, argv, env,
				 watch->live->rollout->policy.health_timeout_ms, program_ended,
				 watch, &watch->process);
}

static int get(struct fth_watch *watch, const char *template)
{
	struct fth_health *health = watch->live->agent->health;
	char url[FTH_HEALTH_URL_MAX];
	struct name names[NAMES];

	fill_names(watch, names);
	if (fill_in(template, names, true, url, sizeof(url)))
		return -E2BIG;
	if (!health->fetcher && fth_fetcher_new(health->agent->loop, &health->fetcher))
		return -ENOMEM;
	return fth_fetch_start(health->fetcher, url, watch->live->rollout->policy.health_timeout_ms,
			       get_ended, watch, &watch->fetch);
}

int fth_health_begin_probe(struct fth_watch *watch, uint8_t check, char *ret_why)
{
	const struct fth_policy *policy = &watch->live->rollout->policy;
	int error;

	switch (check) {
	case FTH_CHECK_COMMAND:
		error = run(watch, policy->command_count, policy->command);
		break;
	case FTH_CHECK_WAVE_COMMAND:
		error = run(watch, policy->wave_command_count, policy->wave_command);
		break;
	case FTH_CHECK_HTTP:
		error = get(watch, policy->http);
		break;
	default:
		error = get(watch, policy->wave_http);
	}
	if (error)
		snprintf(ret_why, FTH_HEALTH_WHY_MAX, "can't be run: %s", strerror(-error));
	return error;
}
