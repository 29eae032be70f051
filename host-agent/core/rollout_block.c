// SPDX-License-Identifier: GPL-2.0
/*
 * Emergencies of guests, and payloads that VMs may not have again.
 *
 * DESIGN
 * A guest that reverted a payload in emergency refuses it from then on, and so
 * do we, whatever becomes of the guest: until a person allows it, nothing of it
 * is sent to that VM (invariant 4).  Whether it is blocked is not this
 * rollout's to remember, it comes with each event; here its consequences are
 * drawn: a VM that had the patch has failed, one that was to get it is skipped.
 */
#include "core/rollout_internal.h"

/* The patch was, or may have been, in its kernel by our doing. */
static bool is_ours(const struct fth_rollout_vm *vm)
{
	return vm->touched || vm->op || vm->state == FTH_RV_SOAKING || vm->state == FTH_RV_DONE ||
	       vm->state == FTH_RV_FAILED;
}

void fth_vm_blocked(struct fth_rollout_run *run, struct fth_rollout_vm *vm, const char *what)
{
	vm->blocked = true;
	fth_vm_explain(run, vm, "%s%s%s", what, run->event->why[0] ? ": " : "", run->event->why);
	if (!fth_rollout_is_forward(run->rollout) || vm->state == FTH_RV_FAILED)
		return;
	if (is_ours(vm))
		fth_vm_fail(run, vm);
	else
		fth_vm_enter(run, vm, FTH_RV_SKIPPED);
}

/* It goes again, once it is seen to be one that it may go to. */
void fth_vm_allowed(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	vm->blocked = false;
	vm->emergency = false;
	run->actions->changed = true;
	if (!fth_rollout_is_forward(run->rollout) ||
	    (vm->state != FTH_RV_FAILED && vm->state != FTH_RV_SKIPPED) ||
	    vm->wave >= run->rollout->policy.wave_count)
		return;
	fth_vm_set_inconclusive(run, vm, false);
	vm->attempts = 0;
	vm->retry_at_ms = 0;
	fth_vm_explain(run, vm, "allowed again");
	fth_vm_enter(run, vm, FTH_RV_WAITING);
}

void fth_vm_emergency(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	/*
	 * The end of one that is known, or whatever else its guest makes of it: the VM has
	 * failed already, and the first reason is the one that people are to see.  What
	 * else it says of itself fills its own pages of incidents and no journal.
	 */
	if (vm->blocked && vm->emergency)
		return;
	vm->emergency = true;
	run->actions->changed = true;
	if (vm->guest_state != run->event->guest_state) {
		vm->guest_state = run->event->guest_state; /* it goes back alone */
		vm->staged = vm->guest_state == FTH_LC_STAGED;
	}
	fth_vm_blocked(run, vm, "reverted in emergency");
}

uint32_t fth_rollout_extends(const struct fth_rollout *rollout, uint32_t vm_index, uint32_t left_ms)
{
	const struct fth_rollout_vm *vm = &rollout->vms[vm_index];
	uint32_t within_ms = rollout->policy.guest.confirm_within_ms;

	if (!within_ms || !fth_rollout_is_forward(rollout) || vm->state != FTH_RV_SOAKING ||
	    vm->op || !(vm->capabilities & FTH_CAP_CONFIRM_EXTEND))
		return 0;
	return left_ms < within_ms / 2 ? within_ms : 0;
}
