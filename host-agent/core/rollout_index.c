// SPDX-License-Identifier: GPL-2.0
/*
 * From a name to a VM, from a host or group to the VM that counts for it.
 *
 * DESIGN
 * Three hash tables with chains live inside the rollout's own arrays: bucket
 * heads in the slot whose number is the hash, links in the VMs.  So a fleet of
 * any size needs no memory besides, and every look-up is O(1).
 */
#include "core/rollout_internal.h"

static const char *text_of(const struct fth_rollout_vm *vm, uint32_t index)
{
	switch (index) {
	case FTH_INDEX_VM:
		return vm->name;
	case FTH_INDEX_HOST:
		return vm->host;
	default:
		return vm->group;
	}
}

/* FNV-1a; names come from the host's own inventory, not from guests. */
static uint32_t bucket_of(const struct fth_rollout *rollout, const char *text)
{
	uint32_t hash = 2166136261u;

	while (*text)
		hash = (hash ^ (uint8_t)*text++) * 16777619u;
	return rollout->vm_max ? hash % rollout->vm_max : 0;
}

uint32_t fth_index_find(const struct fth_rollout *rollout, uint32_t index, const char *text)
{
	uint32_t at;

	if (!rollout->vm_max)
		return FTH_VM_NONE;
	at = rollout->slots[bucket_of(rollout, text)].heads[index];
	while (at) {
		if (fth_text_equal(text_of(&rollout->vms[at - 1], index), text))
			return at - 1;
		at = rollout->vms[at - 1].nexts[index];
	}
	return FTH_VM_NONE;
}

static void link_in(struct fth_rollout *rollout, uint32_t index, uint32_t at)
{
	struct fth_rollout_vm *vm = &rollout->vms[at];
	uint32_t bucket = bucket_of(rollout, text_of(vm, index));

	vm->nexts[index] = rollout->slots[bucket].heads[index];
	rollout->slots[bucket].heads[index] = at + 1;
}

static uint32_t slot_of(struct fth_rollout *rollout, uint32_t index, uint32_t at)
{
	uint32_t slot = fth_index_find(rollout, index, text_of(&rollout->vms[at], index));

	if (slot != FTH_VM_NONE)
		return slot;
	link_in(rollout, index, at);
	return at;
}

void fth_index_add(struct fth_rollout *rollout, uint32_t vm_index)
{
	struct fth_rollout_vm *vm = &rollout->vms[vm_index];

	link_in(rollout, FTH_INDEX_VM, vm_index);
	vm->host_slot = slot_of(rollout, FTH_INDEX_HOST, vm_index);
	vm->group_slot = slot_of(rollout, FTH_INDEX_GROUP, vm_index);
	if (vm->op) {
		rollout->vms[vm->host_slot].host_in_flight++;
		rollout->vms[vm->group_slot].group_in_flight++;
	}
}

void fth_index_rebuild(struct fth_rollout *rollout)
{
	struct fth_rollout_vm *vm;
	uint32_t i;

	for (i = 0; i < rollout->vm_max; i++)
		memset(rollout->slots[i].heads, 0, sizeof(rollout->slots[i].heads));
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		memset(vm->nexts, 0, sizeof(vm->nexts));
		vm->host_in_flight = 0;
		vm->group_in_flight = 0;
	}
	for (i = 0; i < rollout->vm_count; i++)
		fth_index_add(rollout, i);
}
