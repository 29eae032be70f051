// SPDX-License-Identifier: GPL-2.0
/*
 * Does a policy fit the fleet as it is: the canaries that it names, whom it selects, and
 * what runs there already?
 *
 * DESIGN
 * A rollout that ended, completely or by an abort, may be followed by one of the same payload,
 * which goes on where it stopped or goes further.  The newer one answers for all of them
 * then: it finds the patch where it is, keeps it there, and takes it back from everybody.  So
 * nobody whom the older one answers for may be left out, nor be behind its last wave.
 *
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

struct reach {
	const struct fth_live *live;
	const struct fth_policy *policy;
	uint32_t selected;
	bool further;
};

/* The older one does not have it, nor will. */
static bool is_beyond(const struct fth_rollout *older, const char *name)
{
	const struct fth_rollout_vm *vm = fth_rollout_find(older, name);

	return !vm || (vm->state == FTH_RV_SKIPPED && !vm->touched &&
		       vm->wave >= older->policy.wave_count);
}

static void look_further(struct fth_guest *guest, void *context)
{
	struct reach *reach = context;

	if (!guest->present || !fth_guest_selected(guest, reach->policy))
		return;
	reach->selected++;
	reach->further |= is_beyond(reach->live->rollout, guest->name);
}

/* Behind the last wave nobody is sent anything, and nobody taken back. */
static bool falls_behind(const struct reach *reach, char *ret_why, size_t size)
{
	const struct fth_rollout *older = reach->live->rollout;
	const struct fth_policy *policy = reach->policy;
	uint32_t covered = fth_share_of(&policy->waves[policy->wave_count - 1], reach->selected);
	uint32_t i;

	for (i = 0; covered < reach->selected && i < older->vm_count; i++) {
		if (!older->vms[i].touched)
			continue;
		snprintf(
			ret_why, size,
			"'%s' may run it, and the last of rollout.waves takes %u of the %u VMs selected, expected all: let them end with 100%%, or reverse rollout %llu first",
			older->vms[i].name, covered, reach->selected,
			(unsigned long long)older->id);
		return true;
	}
	return false;
}

/* Who may run the patch, or is to be caught up. */
static bool is_answered_for(const struct fth_rollout_vm *vm, const struct fth_guest *guest)
{
	return vm->state != FTH_RV_FORGOTTEN && (vm->touched || (guest && guest->present));
}

static bool is_left_out(struct fth_agent *agent, const struct fth_rollout_vm *vm,
			const struct fth_policy *policy, char *ret_why, size_t size)
{
	const struct fth_guest *guest = fth_guest_find(agent, vm->name);

	if (!is_answered_for(vm, guest))
		return false;
	if (vm->op || vm->state == FTH_RV_SOAKING)
		snprintf(ret_why, size, "vm '%s' is still being moved; wait for its end", vm->name);
	else if (!guest || !guest->present)
		snprintf(
			ret_why, size,
			"vm '%s' may run it and is in no inventory; 'fother vm forget %s' if it is no more",
			vm->name, vm->name);
	else if (!fth_guest_selected(guest, policy))
		snprintf(ret_why, size,
			 "vm '%s' is one of its VMs, and rollout.select does not select it",
			 vm->name);
	else
		return false;
	return true;
}

int fth_create_check_follows(const struct fth_live *live, const struct fth_policy *policy,
			     const struct fth_payload *payload, char *ret_why, size_t size)
{
	const struct fth_rollout *rollout = live->rollout;
	struct reach reach = { .live = live, .policy = policy };
	uint32_t i;

	snprintf(ret_why, size, "reverse it before another one begins");
	if ((rollout->phase != FTH_RO_COMPLETE && rollout->phase != FTH_RO_ABORTED) ||
	    memcmp(rollout->policy.sha256, payload->sha256, FTH_SHA256_SIZE) != 0)
		return -EINVAL;
	fth_guest_each(live->agent, look_further, &reach);
	if (rollout->phase == FTH_RO_COMPLETE && !reach.further) {
		snprintf(
			ret_why, size,
			"it has every VM that this policy selects; reverse it before another one begins");
		return -EINVAL;
	}
	if (falls_behind(&reach, ret_why, size))
		return -EINVAL;
	for (i = 0; i < rollout->vm_count; i++)
		if (is_left_out(live->agent, &rollout->vms[i], policy, ret_why, size))
			return -EINVAL;
	return 0;
}
