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

	/* Of one that is forgotten nobody hears; ADD_VM makes it another one. */
	if (at == FTH_VM_NONE || run->rollout->vms[at].state == FTH_RV_FORGOTTEN)
		return NULL;
	run->vm = &run->rollout->vms[at];
	return run->vm;
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
	rollout->ahead_ms = run->event->capabilities;
	fth_rollout_set_phase(run, FTH_RO_RUNNING, "");
	fth_agenda_rebuild(run);
	return 0;
}

static int dispatch(struct fth_rollout_run *run)
{
	struct fth_rollout_vm *vm = NULL;

	switch (run->event->kind) {
	case FTH_RE_ADD_VM:
		return fth_rollout_add_vm(run);
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
		return fth_rollout_rename_vm(run);
	case FTH_RE_FORGET:
		return find_vm(run) ? fth_rollout_forget_vm(run) : 0;
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
