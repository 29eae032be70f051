// SPDX-License-Identifier: GPL-2.0
/* What a rollout keeps count of, counted anew from its VMs. */
#include "core_agenda.h"

#include <stdio.h>

#include "core/rollout_internal.h"

#define WRONG(...) (snprintf(ret_why, AGENDA_WHY_MAX, __VA_ARGS__), false)

static const struct fth_rollout_node *node_at(const struct fth_rollout *rollout, uint32_t number)
{
	return &rollout->slots[number / 2].nodes[number % 2];
}

static const struct fth_rollout_node *leaf_of(const struct fth_rollout *rollout,
					      const struct fth_rollout_vm *vm)
{
	uint32_t number = rollout->leaf_first + vm->place;

	return node_at(rollout, number < 2 * rollout->vm_max ? number : number - rollout->vm_max);
}

static bool check_leaves(const struct fth_rollout *rollout, uint64_t now_ms, char *ret_why)
{
	uint32_t classes[FTH_POLICY_WAVES_MAX + 1][FTH_ROLLOUT_CLASSES] = { 0 };
	const struct fth_rollout_vm *vm;
	struct fth_rollout_node node;
	uint8_t class;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		if (vm->place >= rollout->vm_count || rollout->vms[vm->place].order != i)
			return WRONG("'%s' is not at its place %u", vm->name, vm->place);
		fth_agenda_sum_up(rollout, vm, now_ms, &node, &class);
		if (memcmp(&node, leaf_of(rollout, vm), sizeof(node)) != 0)
			return WRONG("'%s' (%s) changed and was not settled", vm->name,
				     fth_rollout_vm_state_name(vm->state));
		if (vm->class != class)
			return WRONG("'%s' is counted as %u, should be %u", vm->name, vm->class,
				     class);
		classes[vm->wave][class] += class != FTH_CLASS_NONE;
	}
	if (memcmp(classes, rollout->classes, sizeof(classes)) != 0)
		return WRONG("the counts of the waves are not those of the VMs");
	return true;
}

static bool check_root(const struct fth_rollout *rollout, char *ret_why)
{
	const struct fth_rollout_node *root = fth_agenda_root(rollout);
	struct fth_rollout_node all = { .serve_ms = FTH_NEVER_MS, .start_ms = FTH_NEVER_MS };
	const struct fth_rollout_node *leaf;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		leaf = leaf_of(rollout, &rollout->vms[i]);
		if (leaf->serve_ms < all.serve_ms)
			all.serve_ms = leaf->serve_ms;
		if (leaf->start_ms < all.start_ms)
			all.start_ms = leaf->start_ms;
		if (leaf->soak_until_ms > all.soak_until_ms)
			all.soak_until_ms = leaf->soak_until_ms;
		all.marks |= leaf->marks;
	}
	return memcmp(&all, root, sizeof(all)) == 0 || WRONG("the root is not the sum of leaves");
}

static bool in_scope(const struct fth_rollout_vm *one, const struct fth_rollout_vm *other,
		     uint8_t budget)
{
	if (budget == FTH_BUDGET_HOST)
		return one->host_slot == other->host_slot;
	return budget == FTH_BUDGET_FLEET || one->group_slot == other->group_slot;
}

/* Somebody is due whom the room that there is was promised to. */
static bool called(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		   uint64_t now_ms)
{
	const struct fth_rollout_node *leaf;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		leaf = leaf_of(rollout, &rollout->vms[i]);
		if (in_scope(vm, &rollout->vms[i], vm->waits_for) &&
		    (leaf->serve_ms <= now_ms || leaf->start_ms <= now_ms))
			return true;
	}
	return false;
}

/* Walks one queue; its members are marked in @seen. */
static bool walk(const struct fth_rollout *rollout, uint32_t number, uint32_t prev, uint8_t budget,
		 uint8_t *seen, char *ret_why)
{
	const struct fth_rollout_vm *vm;

	for (; number; prev = number, number = vm->wait_next) {
		vm = &rollout->vms[number - 1];
		if (seen[number - 1]++)
			return WRONG("'%s' is queued twice", vm->name);
		if (vm->waits_for != budget || vm->wait_prev != prev)
			return WRONG("'%s' is in a queue it should not be in", vm->name);
		if (!walk(rollout, vm->wait_child, number, budget, seen, ret_why))
			return false;
	}
	return true;
}

static bool check_queues(const struct fth_rollout *rollout, uint64_t now_ms, char *ret_why)
{
	uint8_t seen[AGENDA_VMS_MAX] = { 0 };
	const struct fth_rollout_vm *vm;
	uint32_t starts = 0;
	uint32_t i;

	if (!walk(rollout, rollout->waits, 0, FTH_BUDGET_FLEET, seen, ret_why))
		return false;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		if (!walk(rollout, vm->host_waits, 0, FTH_BUDGET_HOST, seen, ret_why) ||
		    !walk(rollout, vm->group_waits, 0, FTH_BUDGET_GROUP, seen, ret_why))
			return false;
	}
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		starts += vm->wait_starts;
		if (!seen[i] != !vm->waits_for)
			return WRONG("'%s' waits in no queue", vm->name);
		if (vm->waits_for && fth_budget_has_room(rollout, vm, vm->waits_for) &&
		    !called(rollout, vm, now_ms))
			return WRONG("'%s' waits for room that there is", vm->name);
	}
	return starts == rollout->starts_waiting ||
	       WRONG("%u starts wait, counted are %u", starts, rollout->starts_waiting);
}

/* Its soak is over, and it was not even looked at. */
static bool unjudged(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		     uint64_t now_ms)
{
	if (vm->state != FTH_RV_SOAKING || vm->op || now_ms < vm->retry_at_ms ||
	    now_ms < fth_vm_soaked_ms(rollout, vm))
		return false;
	if (!vm->reachable)
		return !vm->inconclusive ||
		       ((rollout->policy.health_host & FTH_HEALTH_HOST_DOMAIN_STATE) &&
			!vm->host_asked && !vm->checks_pending);
	return vm->guest_state == FTH_LC_APPLIED ||
	       (!vm->inconclusive && !vm->checks_pending && !fth_budget_full(rollout, vm));
}

/* As a pass over the whole fleet would see it. */
static bool check_forgotten(const struct fth_rollout *rollout, uint64_t now_ms, char *ret_why)
{
	bool starts = rollout->phase == FTH_RO_RUNNING || rollout->phase == FTH_RO_SOAKING ||
		      rollout->phase == FTH_RO_COMPLETE;
	const struct fth_rollout_vm *vm;
	uint64_t opens_ms;
	uint32_t i;

	starts = starts && fth_rollout_window_open(rollout, now_ms, &opens_ms);
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		if (vm->op && (vm->reachable || !vm->inconclusive) &&
		    now_ms >= vm->since_ms + fth_rollout_patience_ms(rollout) +
				      (rollout->jumped_ms - vm->jumped_ms))
			return WRONG("nobody missed the answer of '%s'", vm->name);
		if (fth_rollout_is_forward(rollout) && unjudged(rollout, vm, now_ms))
			return WRONG("the soak of '%s' is over, and nothing was done", vm->name);
		if (!starts || vm->state != FTH_RV_WAITING || vm->wave > rollout->wave ||
		    !vm->seen || !vm->reachable || vm->blocked || now_ms < vm->retry_at_ms)
			continue;
		if (!fth_budget_full(rollout, vm))
			return WRONG("'%s' might be started", vm->name);
	}
	return true;
}

bool agenda_check(const struct fth_rollout *rollout, uint64_t now_ms, char *ret_why)
{
	if (rollout->phase == FTH_RO_NEW || !rollout->vm_count)
		return true;
	if (fth_agenda_root(rollout)->serve_ms <= now_ms)
		return WRONG("a VM is due and was not served");
	return check_leaves(rollout, now_ms, ret_why) && check_root(rollout, ret_why) &&
	       check_queues(rollout, now_ms, ret_why) && check_forgotten(rollout, now_ms, ret_why);
}
