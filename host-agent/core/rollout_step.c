// SPDX-License-Identifier: GPL-2.0
/* The rollout machine's one entry: an event in, actions out. */
#include "core/planner.h"
#include "core/rollout_internal.h"

void fth_rollout_init(struct fth_rollout *rollout, uint64_t id, const struct fth_policy *policy,
		      uint64_t seed, struct fth_rollout_vm *vms, struct fth_rollout_slot *slots,
		      uint32_t vm_max)
{
	memset(rollout, 0, sizeof(*rollout));
	if (vm_max)
		memset(slots, 0, sizeof(*slots) * vm_max);
	rollout->id = id;
	rollout->seed = seed;
	rollout->next_op = 1;
	rollout->vms = vms;
	rollout->slots = slots;
	rollout->vm_max = vm_max;
	fth_policy_copy(&rollout->policy, policy);
}

static struct fth_rollout_vm *find_vm(struct fth_rollout_run *run)
{
	uint32_t at = fth_index_find(run->rollout, FTH_INDEX_VM, run->event->vm);

	run->vm = at == FTH_VM_NONE ? NULL : &run->rollout->vms[at];
	return run->vm;
}

static bool selected(const struct fth_rollout *rollout, const struct fth_rollout_event *event)
{
	const struct fth_policy *policy = &rollout->policy;

	return fth_patterns_match(&policy->select_name, event->vm) &&
	       fth_patterns_match(&policy->select_group, event->group) &&
	       (!event->release[0] || fth_patterns_match(&policy->select_kernel, event->release));
}

/* A VM that the roster has already: it may have moved to another host. */
static void move_vm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;

	if (fth_text_equal(vm->host, event->host) && fth_text_equal(vm->group, event->group))
		return;
	fth_text_copy(vm->host, sizeof(vm->host), event->host);
	fth_text_copy(vm->group, sizeof(vm->group), event->group);
	fth_index_rebuild(run->rollout);
	if (run->rollout->phase != FTH_RO_NEW)
		fth_agenda_rebuild(run);
	run->actions->changed = true;
}

static int rename_vm(struct fth_rollout_run *run)
{
	const struct fth_rollout_event *event = run->event;
	struct fth_rollout *rollout = run->rollout;
	uint32_t at = fth_index_find(rollout, FTH_INDEX_VM, event->vm);

	if (at == FTH_VM_NONE)
		return 0;
	if (!event->why[0] || fth_text_length(event->why, FTH_WHY_MAX) > FTH_VM_NAME_MAX ||
	    fth_index_find(rollout, FTH_INDEX_VM, event->why) != FTH_VM_NONE)
		return -EINVAL;
	fth_text_copy(rollout->vms[at].name, sizeof(rollout->vms[at].name), event->why);
	fth_index_rebuild(rollout);
	if (rollout->phase != FTH_RO_NEW)
		fth_agenda_rebuild(run);
	run->actions->changed = true;
	return 0;
}

/* A VM that comes when the plan is made already. */
static void join_vm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout *rollout = run->rollout;

	rollout->selected++;
	vm->wave = fth_planner_late_wave(rollout);
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

static int add_vm(struct fth_rollout_run *run)
{
	const struct fth_rollout_event *event = run->event;
	struct fth_rollout *rollout = run->rollout;
	uint32_t at = fth_index_find(rollout, FTH_INDEX_VM, event->vm);
	struct fth_rollout_vm *vm;

	if (at != FTH_VM_NONE) {
		move_vm(run, &rollout->vms[at]);
		return 0;
	}
	if (!selected(rollout, event))
		return 0;
	if (rollout->vm_count >= rollout->vm_max)
		return -ENOSPC;
	vm = &rollout->vms[rollout->vm_count];
	memset(vm, 0, sizeof(*vm));
	fth_text_copy(vm->name, sizeof(vm->name), event->vm);
	fth_text_copy(vm->host, sizeof(vm->host), event->host);
	fth_text_copy(vm->group, sizeof(vm->group), event->group);
	fth_text_copy(vm->release, sizeof(vm->release), event->release);
	vm->reachable = event->reachable;
	vm->order = rollout->vm_count++;
	vm->place = vm->order;
	run->vm = vm;
	fth_index_add(rollout, vm->order);
	fth_vm_enter(run, vm, vm->reachable ? FTH_RV_WAITING : FTH_RV_DEFERRED);
	if (!vm->reachable)
		fth_vm_explain(run, vm, "unreachable");
	if (vm->release[0] && !fth_patterns_match(&rollout->policy.kernels, vm->release)) {
		fth_vm_enter(run, vm, FTH_RV_SKIPPED);
		fth_vm_explain(run, vm, "kernel '%s' is not the policy's", vm->release);
	}
	if (event->blocked)
		fth_vm_blocked(run, vm, "blocked");
	if (rollout->phase != FTH_RO_NEW)
		join_vm(run, vm);
	return 0;
}

static int begin(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	uint32_t i;

	if (rollout->phase != FTH_RO_NEW)
		return -EINVAL;
	fth_planner_assign(rollout);
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		if (vm->wave < rollout->policy.wave_count || vm->state == FTH_RV_SKIPPED)
			continue;
		fth_vm_enter(run, vm, FTH_RV_SKIPPED);
		fth_vm_explain(run, vm, "behind the last wave");
	}
	rollout->started_ms = run->event->now_ms;
	fth_rollout_set_phase(run, FTH_RO_RUNNING, "");
	fth_agenda_rebuild(run);
	return 0;
}

static int dispatch(struct fth_rollout_run *run)
{
	struct fth_rollout_vm *vm = NULL;

	switch (run->event->kind) {
	case FTH_RE_ADD_VM:
		return add_vm(run);
	case FTH_RE_BEGIN:
		return begin(run);
	case FTH_RE_TICK:
		return 0;
	case FTH_RE_PAUSE:
		return fth_rollout_pause(run);
	case FTH_RE_RESUME:
		return fth_rollout_resume(run);
	case FTH_RE_PROMOTE:
		return fth_rollout_promote(run);
	case FTH_RE_ABORT:
		return fth_rollout_abort(run);
	case FTH_RE_REVERSE:
		return fth_rollout_reverse(run);
	case FTH_RE_CLOCK:
		return fth_rollout_jump(run);
	case FTH_RE_RENAME:
		return rename_vm(run);
	case FTH_RE_SEEN:
	case FTH_RE_LOST:
	case FTH_RE_RESULT:
	case FTH_RE_HEARTBEAT:
	case FTH_RE_EMERGENCY:
		vm = find_vm(run);
		break;
	case FTH_RE_HEALTH:
		return fth_run_health(run, run->event->vm[0] ? find_vm(run) : NULL);
	default:
		return -EINVAL;
	}
	if (!vm)
		return 0;
	if (run->event->kind == FTH_RE_SEEN)
		fth_vm_seen(run, vm);
	else if (run->event->kind == FTH_RE_LOST)
		fth_vm_lost(run, vm);
	else if (run->event->kind == FTH_RE_RESULT)
		fth_vm_result(run, vm);
	else if (run->event->kind == FTH_RE_EMERGENCY)
		fth_vm_emergency(run, vm);
	else
		fth_vm_heartbeat(run, vm);
	return 0;
}

int fth_rollout_step(struct fth_rollout *rollout, const struct fth_rollout_event *event,
		     struct fth_rollout_actions *actions)
{
	struct fth_rollout_run run = {
		.rollout = rollout,
		.event = event,
		.actions = actions,
	};
	int error;

	actions->count = 0;
	actions->changed = false;
	error = dispatch(&run);
	if (!error && run.vm && actions->changed && rollout->phase != FTH_RO_NEW) {
		fth_room_leave(rollout, run.vm);
		fth_agenda_settle(&run, run.vm);
	}
	/* Without a change and before the time that is due nothing can move. */
	if (!error &&
	    (actions->changed || (rollout->wake_at_ms && event->now_ms >= rollout->wake_at_ms)))
		fth_rollout_advance(&run);
	actions->wake_at_ms = rollout->wake_at_ms;
	return error;
}
