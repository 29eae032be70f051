// SPDX-License-Identifier: GPL-2.0
/*
 * Which VM in which wave, and in which order.
 *
 * DESIGN
 * Nothing is compared more than a few times: VMs fall into buckets by hash, from
 * these into one list per rank within their hosts, and the lists are the order.
 * The lists lie in the VMs' slots; numbers are indices + 1, 0 = none.
 */
#include "core/planner.h"

#include "core/rollout_internal.h"

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

static int compare_text(const char *one, const char *other)
{
	uint32_t a = fth_text_length(one, FTH_VM_NAME_MAX);
	uint32_t b = fth_text_length(other, FTH_VM_NAME_MAX);
	int order = memcmp(one, other, a < b ? a : b);

	return order ? order : (a > b) - (a < b);
}

static struct fth_planner_key *key_at(const struct fth_rollout *rollout, uint32_t number)
{
	return &rollout->slots[number - 1].key;
}

/* Of two VMs by their numbers. */
static bool comes_before(const struct fth_rollout *rollout, uint32_t one, uint32_t other)
{
	uint64_t a = key_at(rollout, one)->hash;
	uint64_t b = key_at(rollout, other)->hash;

	if (a != b)
		return a < b;
	return compare_text(rollout->vms[one - 1].name, rollout->vms[other - 1].name) < 0;
}

static void make_keys(struct fth_rollout *rollout)
{
	const struct fth_policy *policy = &rollout->policy;
	struct fth_planner_key *key;
	uint32_t at;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		key = &rollout->slots[i].key;
		memset(key, 0, sizeof(*key));
		key->hash = hash_name(rollout->seed, rollout->vms[i].name);
	}
	for (i = 0; i < policy->canary.count; i++) {
		at = fth_index_find(rollout, FTH_INDEX_VM, policy->canary.entries[i].text);
		if (at != FTH_VM_NONE)
			rollout->slots[at].key.canary = true;
	}
}

/*
 * As many buckets as VMs, in the order of hashes: none holds more than a few,
 * whatever the names, for nobody who names VMs knows the seed.
 */
static void fill_buckets(struct fth_rollout *rollout)
{
	struct fth_planner_key *key;
	uint32_t *link;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		key = &rollout->slots[i].key;
		link = &rollout->slots[(key->hash >> 32) * rollout->vm_count >> 32].key.bucket;
		while (*link && comes_before(rollout, *link, i + 1))
			link = &key_at(rollout, *link)->next;
		key->next = *link;
		*link = i + 1;
	}
}

/* The n-th VM of each host, by hash, goes to the end of list n. */
static void fill_ranks(struct fth_rollout *rollout)
{
	struct fth_planner_key *rank;
	uint32_t number;
	uint32_t next;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		for (number = rollout->slots[i].key.bucket; number; number = next) {
			next = key_at(rollout, number)->next;
			key_at(rollout, number)->next = 0;
			rank = &rollout->slots[rollout->vms[number - 1].host_slot].key;
			rank = &rollout->slots[rank->of_host++].key;
			if (rank->last)
				key_at(rollout, rank->last)->next = number;
			else
				rank->first = number;
			rank->last = number;
		}
	}
}

static void sort(struct fth_rollout *rollout)
{
	const struct fth_policy *policy = &rollout->policy;
	struct fth_rollout_slot *slots = rollout->slots;
	struct fth_rollout_vm *vms = rollout->vms;
	uint32_t placed = 0;
	uint32_t number;
	uint32_t at;
	uint32_t i;

	for (i = 0; i < policy->canary.count; i++) {
		at = fth_index_find(rollout, FTH_INDEX_VM, policy->canary.entries[i].text);
		if (at == FTH_VM_NONE || slots[at].key.placed)
			continue;
		slots[at].key.placed = true;
		vms[placed++].order = at;
	}
	for (i = 0; i < rollout->vm_count; i++)
		for (number = slots[i].key.first; number; number = key_at(rollout, number)->next)
			if (!key_at(rollout, number)->placed)
				vms[placed++].order = number - 1;
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

	make_keys(rollout);
	rollout->selected = 0;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		if (vm->state == FTH_RV_SKIPPED)
			continue;
		rollout->selected++;
		canaries += rollout->slots[i].key.canary;
	}
	fill_buckets(rollout);
	fill_ranks(rollout);
	sort(rollout);
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
