// SPDX-License-Identifier: GPL-2.0
/*
 * Does a policy fit the fleet as it is: the canaries that it names, and whom it selects?
 *
 * DESIGN
 * A name that nobody bears must not pass in silence: another VM would be the canary, and
 * the operator would believe that the named one was.
 */
#include <stdio.h>
#include <string.h>

#include "app/agent.h"

static bool can_be_canary(struct fth_agent *agent, const struct fth_guest *guest,
			  const struct fth_policy *policy, const struct fth_payload *payload,
			  char *ret_why, size_t size)
{
	char why[FTH_WHY_MAX];

	if (!guest || !guest->present)
		snprintf(ret_why, size, "no VM of that name is known; see 'fother vm list'");
	else if (!fth_guest_selected(guest, policy))
		snprintf(ret_why, size, "rollout.select does not select it");
	else if (guest->known && strcmp(guest->release, payload->release) != 0)
		snprintf(ret_why, size, "it runs kernel '%s', the module is for '%s'",
			 guest->release, payload->release);
	else if (fth_store_is_blocked(agent->store, guest->name, payload->sha256, policy->name, why,
				      sizeof(why)))
		snprintf(ret_why, size, "the payload is blocked there; see 'fother blocks'");
	else
		return true;
	return false;
}

int fth_create_check_canaries(struct fth_agent *agent, const struct fth_policy *policy,
			      const struct fth_payload *payload, char *ret_why, size_t size)
{
	const char *name;
	char why[FTH_WHY_MAX];
	uint32_t i;

	for (i = 0; i < policy->canary.count; i++) {
		name = policy->canary.entries[i].text;
		if (can_be_canary(agent, fth_guest_find(agent, name), policy, payload, why,
				  sizeof(why)))
			continue;
		snprintf(ret_why, size, "key 'rollout.canary[%u]': '%s' can't be one: %s", i, name,
			 why);
		return -EINVAL;
	}
	return 0;
}

/* How many VMs each list of patterns leaves, alone. */
struct matches {
	const struct fth_policy *policy;
	uint32_t present, name, group, kernel, tag;
};

static void count_matches(struct fth_guest *guest, void *context)
{
	struct matches *matches = context;
	const struct fth_policy *policy = matches->policy;

	if (!guest->present)
		return;
	matches->present++;
	matches->name += fth_patterns_match(&policy->select_name, guest->name);
	matches->group += fth_patterns_match(&policy->select_group, guest->group);
	matches->tag += fth_tags_match(&policy->select_tag, guest->tags ? guest->tags : "");
	matches->kernel += !guest->known ||
			   fth_patterns_match(&policy->select_kernel, guest->release);
}

void fth_create_why_none(struct fth_agent *agent, const struct fth_policy *policy, char *ret_why,
			 size_t size)
{
	struct matches matches = { .policy = policy };
	const char *key;

	fth_guest_each(agent, count_matches, &matches);
	key = !matches.name	? "name"
	      : !matches.group	? "group"
	      : !matches.tag	? "tag"
	      : !matches.kernel ? "kernel"
				: NULL;
	if (!matches.present)
		snprintf(ret_why, size, "no VM is known yet");
	else if (key)
		snprintf(ret_why, size, "no VM matches rollout.select.%s", key);
	else
		snprintf(ret_why, size,
			 "each part of rollout.select matches some, all of them none");
}
