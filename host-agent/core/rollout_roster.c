// SPDX-License-Identifier: GPL-2.0
/*
 * Who is in a rollout: VMs that join, move, change their names, or are no more.
 *
 * DESIGN
 * An entry never leaves the roster, since others know it by its number.  One that is
 * forgotten is a free place: it takes part in nothing, keeps its wave, and is given to who
 * comes under its name, or to anybody when the roster is full.  What was tried and what
 * failed there goes on to count.  Who gets it begins with a clean sheet: nothing that was
 * known of the VM before is believed of the new one.
 */
#include "core/planner.h"
#include "core/rollout_internal.h"

static bool selected(const struct fth_rollout *rollout, const struct fth_rollout_event *event)
{
	const struct fth_policy *policy = &rollout->policy;

	/* What is recalled goes back from wherever it is. */
	if (event->sha256_matches && rollout->recalled && !fth_rollout_is_forward(rollout))
		return true;
	return fth_patterns_match(&policy->select_name, event->vm) &&
	       fth_patterns_match(&policy->select_group, event->group) &&
	       (!event->release[0] || fth_patterns_match(&policy->select_kernel, event->release));
}

/* After a change of names, hosts or groups: O(fleet), but these are rare. */
static void rebuild(struct fth_rollout_run *run)
{
	fth_index_rebuild(run->rollout);
	if (run->rollout->phase != FTH_RO_NEW)
		fth_agenda_rebuild(run);
	run->actions->changed = true;
}

/* Return: is anything of it new? */
static bool set_place(struct fth_rollout_vm *vm, const struct fth_rollout_event *event)
{
	if (fth_text_equal(vm->name, event->vm) && fth_text_equal(vm->host, event->host) &&
	    fth_text_equal(vm->group, event->group))
		return false;
	fth_text_copy(vm->name, sizeof(vm->name), event->vm);
	fth_text_copy(vm->host, sizeof(vm->host), event->host);
	fth_text_copy(vm->group, sizeof(vm->group), event->group);
	return true;
}

int fth_rollout_rename_vm(struct fth_rollout_run *run)
{
	const struct fth_rollout_event *event = run->event;
	struct fth_rollout *rollout = run->rollout;
	uint32_t at = fth_index_find(rollout, FTH_INDEX_VM, event->vm);
	uint32_t other = fth_index_find(rollout, FTH_INDEX_VM, event->why);

	if (at == FTH_VM_NONE)
		return 0;
	if (!event->why[0] || fth_text_length(event->why, FTH_WHY_MAX) > FTH_VM_NAME_MAX ||
	    other == at || (other != FTH_VM_NONE && rollout->vms[other].state != FTH_RV_FORGOTTEN))
		return -EINVAL;
	if (other != FTH_VM_NONE)
		memcpy(rollout->vms[other].name, rollout->vms[at].name, FTH_VM_NAME_MAX + 1);
	fth_text_copy(rollout->vms[at].name, sizeof(rollout->vms[at].name), event->why);
	rebuild(run);
	return 0;
}

/* A VM that comes when the plan is made already. */
static void join_vm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout *rollout = run->rollout;

	if (!fth_rollout_is_forward(rollout)) {
		vm->state = FTH_RV_SKIPPED;
		fth_vm_explain(run, vm, "came after the rollout was reversed");
	} else if (fth_rollout_is_aborted(rollout)) {
		vm->state = FTH_RV_SKIPPED;
		fth_vm_explain(run, vm, "came after the rollout was aborted");
	} else if (vm->wave >= rollout->policy.wave_count) {
		vm->state = FTH_RV_SKIPPED;
		fth_vm_explain(run, vm, "behind the last wave");
	}
}

/* Its state, by what is known of it before it has spoken. */
static void begin_vm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;
	struct fth_rollout *rollout = run->rollout;

	run->vm = vm;
	fth_text_copy(vm->release, sizeof(vm->release), event->release);
	vm->reachable = event->reachable;
	fth_vm_enter(run, vm, vm->reachable ? FTH_RV_WAITING : FTH_RV_DEFERRED);
	fth_vm_explain(run, vm, "%s", vm->reachable ? "" : "unreachable");
	if (vm->release[0] && !fth_patterns_match(&rollout->policy.kernels, vm->release)) {
		fth_vm_enter(run, vm, FTH_RV_SKIPPED);
		fth_vm_explain(run, vm, "kernel '%s' is not the policy's", vm->release);
	}
	if (event->blocked)
		fth_vm_blocked(run, vm, "blocked");
	/* On the way back it is found by its guest's word, and counted then. */
	if (event->sha256_matches && fth_rollout_is_forward(rollout))
		vm->touched = true;
	if (rollout->phase != FTH_RO_NEW)
		join_vm(run, vm);
}

static void add_new(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm = &rollout->vms[rollout->vm_count];

	memset(vm, 0, sizeof(*vm));
	set_place(vm, run->event);
	vm->order = rollout->vm_count++;
	vm->place = vm->order;
	fth_index_add(rollout, vm->order);
	if (rollout->phase != FTH_RO_NEW) {
		rollout->selected++;
		vm->wave = fth_planner_late_wave(rollout);
	}
	begin_vm(run, vm);
}

/* Each VM that finds no place asks: it must not cost a walk. */
static uint32_t find_free(const struct fth_rollout *rollout)
{
	const struct fth_rollout_vm *vm;

	if (rollout->phase == FTH_RO_NEW)
		return FTH_VM_NONE; /* nobody is forgotten before there is a plan */
	vm = fth_agenda_marked(rollout, FTH_MARK_FREE);
	return vm ? (uint32_t)(vm - rollout->vms) : FTH_VM_NONE;
}

/* What the VM before it came to still counts; what the new one comes to counts too. */
static void begin_anew(struct fth_rollout *rollout, struct fth_rollout_vm *vm)
{
	rollout->past_tried += vm->tried;
	rollout->past_failures += vm->failure_counted;
	vm->tried = false;
	vm->failure_counted = false;
}

int fth_rollout_add_vm(struct fth_rollout_run *run)
{
	const struct fth_rollout_event *event = run->event;
	struct fth_rollout *rollout = run->rollout;
	uint32_t at = fth_index_find(rollout, FTH_INDEX_VM, event->vm);

	if (at != FTH_VM_NONE && rollout->vms[at].state != FTH_RV_FORGOTTEN) {
		if (set_place(&rollout->vms[at], event))
			rebuild(run);
		return 0;
	}
	if (!selected(rollout, event))
		return 0;
	if (at == FTH_VM_NONE && rollout->vm_count < rollout->vm_max) {
		add_new(run);
		return 0;
	}
	if (at == FTH_VM_NONE)
		at = find_free(rollout);
	if (at == FTH_VM_NONE)
		return -ENOSPC;
	if (set_place(&rollout->vms[at], event))
		rebuild(run);
	begin_anew(rollout, &rollout->vms[at]);
	begin_vm(run, &rollout->vms[at]);
	return 0;
}

/* Nothing of what was seen of it, or done to it, is so any more. */
static void wipe(struct fth_rollout_vm *vm)
{
	memset(vm->release, 0, sizeof(vm->release));
	memset(vm->boot_id, 0, sizeof(vm->boot_id));
	vm->guest_state = FTH_LC_ABSENT;
	vm->attempts = 0;
	vm->reboots = 0;
	vm->restores = 0;
	vm->reachable = false;
	vm->touched = false;
	vm->seen = false;
	vm->staged = false;
	vm->effect = false;
	vm->blocked = false;
	vm->emergency = false;
	vm->capabilities = 0;
	vm->taint = 0;
	vm->taint_before = 0;
	vm->retry_at_ms = 0;
	vm->apply_ms = 0;
	vm->apply_took_ms = 0;
	fth_vm_checks_end(vm);
}

int fth_rollout_forget_vm(struct fth_rollout_run *run)
{
	struct fth_rollout_vm *vm = run->vm;
	char why[FTH_WHY_MAX];

	if (run->rollout->phase == FTH_RO_NEW)
		return -EINVAL;
	fth_recall_note_gone(run, vm);
	fth_vm_set_inconclusive(run, vm, false);
	if (vm->op)
		fth_vm_set_op(run, vm, 0);
	wipe(vm);
	fth_vm_enter(run, vm, FTH_RV_FORGOTTEN);
	if (run->event->who[0])
		fth_run_by_request(run, why);
	else
		fth_text_copy(why, sizeof(why), run->event->why);
	fth_vm_explain(run, vm, "%s", why);
	return 0;
}
