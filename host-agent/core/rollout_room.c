// SPDX-License-Identifier: GPL-2.0
/*
 * VMs that wait for nothing but room in a budget of what is in flight.
 *
 * DESIGN
 * A VM that a budget refused stands in one queue: the fleet's, its host's or
 * its group's, whichever is full.  While one has room again, the first of its
 * queue is called: it is due and tries anew, and may then stand in the next
 * queue.  Each attempt, and each event of a VM, looks whether its three
 * budgets have room and calls one VM of each that has; so as long as there is
 * room somebody has been called for it, and a VM that was called and left
 * without using it passes the call on.
 *
 * A queue is a pairing heap in the order in which passes serve VMs: those that
 * confirm before those that start, then as in the plan.  Its links are in the
 * VMs; numbers are indices + 1, 0 = none.  @wait_prev is the sibling before, or
 * the parent of the first child.
 */
#include "core/rollout_internal.h"

static struct fth_rollout_vm *vm_at(const struct fth_rollout *rollout, uint32_t number)
{
	return &rollout->vms[number - 1];
}

static bool goes_before(const struct fth_rollout_vm *one, const struct fth_rollout_vm *other)
{
	return one->wait_starts == other->wait_starts ? one->place < other->place
						      : other->wait_starts;
}

/* Return: the root of two heaps made one; either may be empty. */
static uint32_t join(struct fth_rollout *rollout, uint32_t one, uint32_t other)
{
	struct fth_rollout_vm *parent;
	struct fth_rollout_vm *child;
	uint32_t held;

	if (!one || !other)
		return one ? one : other;
	if (goes_before(vm_at(rollout, other), vm_at(rollout, one))) {
		held = one;
		one = other;
		other = held;
	}
	parent = vm_at(rollout, one);
	child = vm_at(rollout, other);
	child->wait_next = parent->wait_child;
	child->wait_prev = one;
	if (child->wait_next)
		vm_at(rollout, child->wait_next)->wait_prev = other;
	parent->wait_child = other;
	return one;
}

/* Children become one heap: joined in pairs, then from the last pair back. */
static uint32_t join_children(struct fth_rollout *rollout, uint32_t first)
{
	uint32_t pairs = 0; /* linked by @wait_next, the last pair first */
	uint32_t whole = 0;
	uint32_t second;
	uint32_t next;

	while (first) {
		second = vm_at(rollout, first)->wait_next;
		next = second ? vm_at(rollout, second)->wait_next : 0;
		vm_at(rollout, first)->wait_next = 0;
		if (second)
			vm_at(rollout, second)->wait_next = 0;
		first = join(rollout, first, second);
		vm_at(rollout, first)->wait_next = pairs;
		pairs = first;
		first = next;
	}
	while (pairs) {
		next = vm_at(rollout, pairs)->wait_next;
		vm_at(rollout, pairs)->wait_next = 0;
		whole = join(rollout, whole, pairs);
		pairs = next;
	}
	if (whole)
		vm_at(rollout, whole)->wait_prev = 0;
	return whole;
}

static uint32_t *queue_of(struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
			  uint8_t budget)
{
	switch (budget) {
	case FTH_BUDGET_FLEET:
		return &rollout->waits;
	case FTH_BUDGET_HOST:
		return &rollout->vms[vm->host_slot].host_waits;
	default:
		return &rollout->vms[vm->group_slot].group_waits;
	}
}

static void cut_out(struct fth_rollout *rollout, struct fth_rollout_vm *vm)
{
	uint32_t number = (uint32_t)(vm - rollout->vms) + 1;
	struct fth_rollout_vm *prev = vm->wait_prev ? vm_at(rollout, vm->wait_prev) : NULL;

	if (prev && prev->wait_child == number)
		prev->wait_child = vm->wait_next;
	else if (prev)
		prev->wait_next = vm->wait_next;
	if (vm->wait_next)
		vm_at(rollout, vm->wait_next)->wait_prev = vm->wait_prev;
}

/* No longer in its queue; also the way of one that was never in any. */
void fth_room_leave(struct fth_rollout *rollout, struct fth_rollout_vm *vm)
{
	uint32_t children;
	uint32_t *queue;

	if (!vm->waits_for)
		return;
	queue = queue_of(rollout, vm, vm->waits_for);
	children = join_children(rollout, vm->wait_child);
	if (vm->wait_prev) {
		cut_out(rollout, vm);
		*queue = join(rollout, *queue, children);
	} else {
		*queue = children;
	}
	rollout->starts_waiting -= vm->wait_starts;
	vm->wait_child = 0;
	vm->wait_next = 0;
	vm->wait_prev = 0;
	vm->wait_starts = false;
	vm->waits_for = FTH_BUDGET_NONE;
}

bool fth_room_take(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout *rollout = run->rollout;
	uint8_t budget = fth_budget_full(rollout, vm);
	uint32_t *queue;

	if (!budget)
		return true;
	vm->waits_for = budget;
	vm->wait_starts = fth_rollout_is_forward(rollout) && vm->state == FTH_RV_WAITING;
	rollout->starts_waiting += vm->wait_starts;
	queue = queue_of(rollout, vm, budget);
	*queue = join(rollout, *queue, (uint32_t)(vm - rollout->vms) + 1);
	run->actions->changed = true;
	return false;
}

static void call(struct fth_rollout_run *run, const struct fth_rollout_vm *vm, uint8_t budget)
{
	struct fth_rollout *rollout = run->rollout;
	uint32_t first = *queue_of(rollout, vm, budget);

	if (!first || !fth_budget_has_room(rollout, vm, budget))
		return;
	fth_room_leave(rollout, vm_at(rollout, first));
	fth_agenda_update(run, vm_at(rollout, first));
}

void fth_room_call(struct fth_rollout_run *run, const struct fth_rollout_vm *vm)
{
	call(run, vm, FTH_BUDGET_FLEET);
	call(run, vm, FTH_BUDGET_HOST);
	call(run, vm, FTH_BUDGET_GROUP);
}

void fth_room_clear(struct fth_rollout *rollout)
{
	struct fth_rollout_vm *vm;
	uint32_t i;

	rollout->waits = 0;
	rollout->starts_waiting = 0;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		vm->host_waits = 0;
		vm->group_waits = 0;
		vm->wait_child = 0;
		vm->wait_next = 0;
		vm->wait_prev = 0;
		vm->wait_starts = false;
		vm->waits_for = FTH_BUDGET_NONE;
	}
}
