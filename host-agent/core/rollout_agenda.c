// SPDX-License-Identifier: GPL-2.0
/*
 * What is to be done next, and for which VM, without a look at the others.
 *
 * DESIGN
 * Each VM has a summary: how it counts for its wave, and when a pass has
 * something to do for it.  The summaries are the leaves of a tree whose inner
 * nodes hold the earliest times and the union of marks beneath them; the leaves
 * stand in the order of the plan, so a walk down finds the *first* VM that is
 * due, and the root knows when the next one is.  A summary follows from the
 * VM's fields, the phase and the current wave alone: the event's VM and each
 * one that a pass served is summed up anew, all are when the wave or the phase
 * changes.  So a step costs O(log n), and the few changes of wave O(n) each.
 *
 * The tree lies in the array of VMs: entry i holds nodes 2i and 2i + 1, which
 * are siblings.  Node 1 is the root, nodes vm_max … 2 vm_max - 1 are leaves.
 */
#include "core/rollout_internal.h"

static struct fth_rollout_node *node_at(const struct fth_rollout *rollout, uint32_t number)
{
	return &rollout->slots[number / 2].nodes[number % 2];
}

/*
 * Where vm_max is no power of two the leaves are on two levels; those on the
 * lower one are left of the others, so the order of the plan begins there.
 */
static uint32_t leaf_of(const struct fth_rollout *rollout, uint32_t place)
{
	uint32_t number = rollout->leaf_first + place;

	return number < 2 * rollout->vm_max ? number : number - rollout->vm_max;
}

static uint32_t place_of(const struct fth_rollout *rollout, uint32_t leaf)
{
	return leaf >= rollout->leaf_first ? leaf - rollout->leaf_first
					   : leaf + rollout->vm_max - rollout->leaf_first;
}

static void clear_node(struct fth_rollout_node *node)
{
	memset(node, 0, sizeof(*node));
	node->serve_ms = FTH_NEVER_MS;
	node->start_ms = FTH_NEVER_MS;
}

static uint64_t later(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* Outward: when serve_vm() has something to do for it. */
static uint64_t forward_due(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	if (vm->inconclusive && !vm->reachable && !fth_vm_asks_host(rollout, vm))
		return FTH_NEVER_MS; /* not before it is seen */
	if (vm->op)
		return fth_vm_answer_ms(rollout, vm);
	if (vm->state != FTH_RV_SOAKING)
		return FTH_NEVER_MS;
	if (vm->reachable && vm->guest_state != FTH_LC_APPLIED &&
	    (vm->checks_pending || (vm->inconclusive && fth_vm_lacks_effect(rollout, vm))))
		return FTH_NEVER_MS; /* not before a verdict comes, or an effect is seen */
	return later(fth_vm_soaked_ms(rollout, vm), vm->retry_at_ms);
}

/* Outward: when it may be sent the next op towards being patched. */
static uint64_t start_due(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	if (vm->state != FTH_RV_WAITING || vm->wave > rollout->wave || !vm->seen ||
	    !vm->reachable || vm->blocked)
		return FTH_NEVER_MS;
	return vm->retry_at_ms;
}

/* Back: a guest that reverts by itself is left alone until then. */
static uint64_t alone_until(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	if (vm->op || !vm->reachable || vm->guest_state != FTH_LC_REVERTING)
		return 0;
	return fth_vm_answer_ms(rollout, vm);
}

/* Back: when the reverse pass has something to do for it. */
static uint64_t reverse_due(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
			    uint64_t now_ms)
{
	uint64_t alone_ms = alone_until(rollout, vm);

	if (!vm->touched && !vm->op)
		return FTH_NEVER_MS;
	if (fth_op_is_forward(vm->op))
		return 0;
	if (vm->op)
		return fth_vm_answer_ms(rollout, vm);
	if (!vm->reachable)
		return vm->state == FTH_RV_DEFERRED ? FTH_NEVER_MS : 0;
	if (fth_vm_gave_up(vm))
		return now_ms < alone_ms ? alone_ms : FTH_NEVER_MS;
	return later(alone_ms, vm->retry_at_ms);
}

static uint8_t reverse_class(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
			     uint64_t now_ms)
{
	if (!vm->touched && !vm->op)
		return FTH_CLASS_NONE;
	if (!vm->reachable)
		return FTH_CLASS_STUCK;
	if (now_ms < alone_until(rollout, vm))
		return FTH_CLASS_MOVING;
	/* Also while it is asked once more. */
	if (vm->attempts >= FTH_ROLLOUT_ATTEMPTS_MAX)
		return FTH_CLASS_STUCK;
	return FTH_CLASS_MOVING;
}

static uint8_t forward_class(const struct fth_rollout_vm *vm)
{
	bool busy = vm->op || vm->state == FTH_RV_SOAKING;

	if (vm->inconclusive) {
		if (vm->excused)
			return FTH_CLASS_NONE;
		return busy ? FTH_CLASS_HELD_BUSY : FTH_CLASS_HELD;
	}
	if (vm->state == FTH_RV_SOAKING || vm->op == FTH_OP_CONFIRM)
		return FTH_CLASS_SOAKING;
	if (vm->op)
		return FTH_CLASS_BUSY;
	switch (vm->state) {
	case FTH_RV_WAITING:
		return FTH_CLASS_WAITING;
	case FTH_RV_DONE:
		return vm->tried ? FTH_CLASS_HEALTHY : FTH_CLASS_FOUND;
	case FTH_RV_FAILED:
		return FTH_CLASS_FAILED;
	case FTH_RV_DEFERRED:
		/* Who was left with it by the rollout before has it until it says otherwise. */
		return vm->touched && !vm->tried ? FTH_CLASS_FOUND : FTH_CLASS_DEFERRED;
	default:
		return FTH_CLASS_NONE;
	}
}

static uint32_t marks_of(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	uint32_t marks = 0;

	if (vm->state == FTH_RV_FORGOTTEN)
		marks |= FTH_MARK_FREE;
	if (!fth_rollout_is_forward(rollout))
		return marks; /* the others are of waves */
	if (vm->state == FTH_RV_UNKNOWN)
		marks |= FTH_MARK_SILENT;
	if ((vm->state == FTH_RV_DEFERRED || vm->state == FTH_RV_FORGOTTEN ||
	     vm->state == FTH_RV_SKIPPED) &&
	    vm->wave == rollout->wave)
		marks |= FTH_MARK_AWAY;
	if (vm->wave > rollout->wave && vm->wave < rollout->policy.wave_count) {
		if (vm->state == FTH_RV_WAITING && vm->seen)
			marks |= FTH_MARK_STAND_IN;
		else if (vm->state == FTH_RV_WAITING || vm->state == FTH_RV_DEFERRED)
			marks |= FTH_MARK_TO_COME;
	}
	if (!vm->op && (vm->state == FTH_RV_WAITING || vm->state == FTH_RV_DEFERRED))
		marks |= FTH_MARK_IDLE;
	return marks;
}

/* When it is due, were there room for it. */
static void set_due(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		    uint64_t now_ms, struct fth_rollout_node *ret_node)
{
	clear_node(ret_node);
	if (!fth_rollout_is_forward(rollout)) {
		ret_node->serve_ms = reverse_due(rollout, vm, now_ms);
		return;
	}
	ret_node->serve_ms = forward_due(rollout, vm);
	ret_node->start_ms = start_due(rollout, vm);
}

void fth_agenda_sum_up(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		       uint64_t now_ms, struct fth_rollout_node *ret_node, uint8_t *ret_class)
{
	if (vm->waits_for)
		clear_node(ret_node);
	else
		set_due(rollout, vm, now_ms, ret_node);
	ret_node->marks = marks_of(rollout, vm);
	if (!fth_rollout_is_forward(rollout)) {
		*ret_class = reverse_class(rollout, vm, now_ms);
		return;
	}
	*ret_class = forward_class(vm);
	if (*ret_class == FTH_CLASS_SOAKING && !vm->op)
		ret_node->soak_until_ms = fth_vm_soaked_ms(rollout, vm);
}

static bool combine(const struct fth_rollout *rollout, uint32_t number)
{
	const struct fth_rollout_node *left = node_at(rollout, 2 * number);
	const struct fth_rollout_node *right = node_at(rollout, 2 * number + 1);
	struct fth_rollout_node *node = node_at(rollout, number);
	struct fth_rollout_node old = *node;

	node->serve_ms = left->serve_ms < right->serve_ms ? left->serve_ms : right->serve_ms;
	node->start_ms = left->start_ms < right->start_ms ? left->start_ms : right->start_ms;
	node->soak_until_ms = later(left->soak_until_ms, right->soak_until_ms);
	node->marks = left->marks | right->marks;
	return memcmp(&old, node, sizeof(old)) != 0;
}

static void recount(struct fth_rollout *rollout, struct fth_rollout_vm *vm, uint8_t class)
{
	if (vm->class)
		rollout->classes[vm->class_wave][vm->class]--;
	vm->class = class;
	vm->class_wave = (uint8_t)vm->wave;
	if (vm->class)
		rollout->classes[vm->class_wave][vm->class]++;
}

void fth_agenda_update(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout *rollout = run->rollout;
	uint32_t number = leaf_of(rollout, vm->place);
	struct fth_rollout_node *leaf = node_at(rollout, number);
	struct fth_rollout_node node;
	uint8_t class;

	if (rollout->phase == FTH_RO_NEW)
		return;
	fth_agenda_sum_up(rollout, vm, run->event->now_ms, &node, &class);
	recount(rollout, vm, class);
	if (!memcmp(leaf, &node, sizeof(node)))
		return;
	*leaf = node;
	while (number > 1 && combine(rollout, number / 2))
		number /= 2;
}

void fth_agenda_settle(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout_node node;

	set_due(run->rollout, vm, run->event->now_ms, &node);
	if (node.serve_ms == FTH_NEVER_MS && node.start_ms == FTH_NEVER_MS)
		fth_room_leave(run->rollout, vm);
	fth_agenda_update(run, vm);
	fth_room_call(run, vm);
}

void fth_agenda_rebuild(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	uint8_t class;
	uint32_t i;

	if (!rollout->vm_max)
		return;
	for (rollout->leaf_first = 1; rollout->leaf_first < rollout->vm_max;)
		rollout->leaf_first *= 2;
	memset(rollout->classes, 0, sizeof(rollout->classes));
	fth_room_clear(rollout);
	for (i = 0; i < 2 * rollout->vm_max; i++)
		clear_node(node_at(rollout, i));
	for (i = 0; i < rollout->vm_count; i++)
		rollout->vms[rollout->vms[i].order].place = i;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		fth_agenda_sum_up(rollout, vm, run->event->now_ms,
				  node_at(rollout, leaf_of(rollout, vm->place)), &class);
		vm->class = FTH_CLASS_NONE;
		recount(rollout, vm, class);
	}
	for (i = rollout->vm_max; i-- > 1;)
		combine(rollout, i);
}

static struct fth_rollout_vm *vm_of_leaf(const struct fth_rollout *rollout, uint32_t leaf)
{
	return &rollout->vms[rollout->vms[place_of(rollout, leaf)].order];
}

static struct fth_rollout_vm *first_due(const struct fth_rollout *rollout, uint64_t now_ms)
{
	uint32_t number = 1;

	if (fth_agenda_root(rollout)->serve_ms > now_ms)
		return NULL;
	while (number < rollout->vm_max) {
		number *= 2;
		number += node_at(rollout, number)->serve_ms > now_ms;
	}
	return vm_of_leaf(rollout, number);
}

void fth_agenda_serve_all(struct fth_rollout_run *run,
			  void (*serve)(struct fth_rollout_run *run, struct fth_rollout_vm *vm))
{
	struct fth_rollout_vm *before = NULL;
	struct fth_rollout_vm *vm;

	while (!run->short_of_room) {
		vm = first_due(run->rollout, run->event->now_ms);
		/* One that is due still would be so for ever. */
		if (!vm || vm == before)
			return;
		serve(run, vm);
		fth_agenda_settle(run, vm);
		before = vm;
	}
}

struct fth_rollout_vm *fth_agenda_start(const struct fth_rollout *rollout, uint64_t now_ms)
{
	uint32_t number = 1;

	if (fth_agenda_root(rollout)->start_ms > now_ms)
		return NULL;
	while (number < rollout->vm_max) {
		number *= 2;
		number += node_at(rollout, number)->start_ms > now_ms;
	}
	return vm_of_leaf(rollout, number);
}

struct fth_rollout_vm *fth_agenda_marked(const struct fth_rollout *rollout, uint32_t mark)
{
	uint32_t number = 1;

	if (!(fth_agenda_root(rollout)->marks & mark))
		return NULL;
	while (number < rollout->vm_max) {
		number *= 2;
		number += !(node_at(rollout, number)->marks & mark);
	}
	return vm_of_leaf(rollout, number);
}

const struct fth_rollout_node *fth_agenda_root(const struct fth_rollout *rollout)
{
	static const struct fth_rollout_node nothing = {
		.serve_ms = FTH_NEVER_MS,
		.start_ms = FTH_NEVER_MS,
	};

	return rollout->vm_count ? node_at(rollout, 1) : &nothing;
}

uint32_t fth_agenda_count(const struct fth_rollout *rollout, uint8_t class, uint32_t wave)
{
	return rollout->classes[wave][class];
}

/* In this wave and those before it. */
uint32_t fth_agenda_count_until(const struct fth_rollout *rollout, uint8_t class, uint32_t wave)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i <= wave; i++)
		count += rollout->classes[i][class];
	return count;
}
