// SPDX-License-Identifier: GPL-2.0
/* Which VM in which wave, and in which order. */
#include "core/planner.h"

#include "core/text.h"

#define NOT_CANARY FTH_POLICY_PATTERNS_MAX

/* splitmix64's finaliser: every bit of the input moves every bit out. */
static uint64_t mix(uint64_t number)
{
	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ull;
	number = (number ^ (number >> 27)) * 0x94d049bb133111ebull;
	return number ^ (number >> 31);
}

static uint64_t hash_name(uint64_t seed, const char *name)
{
	uint64_t hash = mix(seed + 0x9e3779b97f4a7c15ull);

	while (*name)
		hash = mix(hash ^ (uint8_t)*name++);
	return hash;
}

static uint32_t canary_rank(const struct fth_policy *policy, const char *name)
{
	uint32_t i;

	for (i = 0; i < policy->canary.count; i++)
		if (fth_text_equal(policy->canary.entries[i].text, name))
			return i;
	return NOT_CANARY;
}

static int compare_text(const char *one, const char *other)
{
	uint32_t a = fth_text_length(one, FTH_VM_NAME_MAX);
	uint32_t b = fth_text_length(other, FTH_VM_NAME_MAX);
	int order = memcmp(one, other, a < b ? a : b);

	return order ? order : (a > b) - (a < b);
}

/*
 * While sorting, @wave holds the rank within the host; before ranks exist
 * it is the same for all and the host decides instead.
 */
static bool comes_before(const struct fth_rollout *rollout, bool ranked, uint32_t one,
			 uint32_t other)
{
	const struct fth_rollout_vm *a = &rollout->vms[one];
	const struct fth_rollout_vm *b = &rollout->vms[other];
	uint32_t canary_a = canary_rank(&rollout->policy, a->name);
	uint32_t canary_b = canary_rank(&rollout->policy, b->name);
	uint64_t hash_a;
	uint64_t hash_b;

	if (ranked && canary_a != canary_b)
		return canary_a < canary_b;
	if (ranked && a->wave != b->wave)
		return a->wave < b->wave;
	if (!ranked && a->host_slot != b->host_slot)
		return a->host_slot < b->host_slot;
	hash_a = hash_name(rollout->seed, a->name);
	hash_b = hash_name(rollout->seed, b->name);
	if (hash_a != hash_b)
		return hash_a < hash_b;
	return compare_text(a->name, b->name) < 0;
}

static void sift(struct fth_rollout *rollout, bool ranked, uint32_t root, uint32_t count)
{
	struct fth_rollout_vm *vms = rollout->vms;
	uint32_t child;
	uint32_t held;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count &&
		    comes_before(rollout, ranked, vms[child].order, vms[child + 1].order))
			child++;
		if (!comes_before(rollout, ranked, vms[root].order, vms[child].order))
			return;
		held = vms[root].order;
		vms[root].order = vms[child].order;
		vms[child].order = held;
		root = child;
	}
}

/* Heap sort: in place, and no worst case a roster could provoke. */
static void sort(struct fth_rollout *rollout, bool ranked)
{
	struct fth_rollout_vm *vms = rollout->vms;
	uint32_t count = rollout->vm_count;
	uint32_t held;
	uint32_t i;

	for (i = count / 2; i-- > 0;)
		sift(rollout, ranked, i, count);
	for (i = count; i-- > 1;) {
		held = vms[0].order;
		vms[0].order = vms[i].order;
		vms[i].order = held;
		sift(rollout, ranked, 0, i);
	}
}

static void rank_within_hosts(struct fth_rollout *rollout)
{
	struct fth_rollout_vm *before = NULL;
	struct fth_rollout_vm *vm;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[rollout->vms[i].order];
		vm->wave = 0;
		if (before && before->host_slot == vm->host_slot)
			vm->wave = before->wave + 1;
		before = vm;
	}
}

/* How many VMs are in waves 0 … @wave; wave 0 holds every named canary. */
static uint32_t wave_end(const struct fth_rollout *rollout, uint32_t wave, uint32_t canaries)
{
	uint32_t end = fth_share_of(&rollout->policy.waves[wave], rollout->selected);

	return end > canaries ? end : canaries;
}

void fth_planner_assign(struct fth_rollout *rollout)
{
	struct fth_rollout_vm *vm;
	uint32_t canaries = 0;
	uint32_t planned = 0;
	uint32_t wave = 0;
	uint32_t i;

	rollout->selected = 0;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		vm->order = i;
		if (vm->state == FTH_RV_SKIPPED)
			continue;
		rollout->selected++;
		if (canary_rank(&rollout->policy, vm->name) != NOT_CANARY)
			canaries++;
	}
	sort(rollout, false);
	rank_within_hosts(rollout);
	sort(rollout, true);
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[rollout->vms[i].order];
		while (wave < rollout->policy.wave_count &&
		       planned >= wave_end(rollout, wave, canaries))
			wave++;
		vm->wave = fth_planner_late_wave(rollout);
		if (vm->state == FTH_RV_SKIPPED)
			continue;
		vm->wave = wave;
		planned++;
	}
}

uint32_t fth_planner_late_wave(const struct fth_rollout *rollout)
{
	uint32_t last = rollout->policy.wave_count - 1;

	return fth_share_of(&rollout->policy.waves[last], rollout->selected) < rollout->selected
		       ? last + 1
		       : last;
}
