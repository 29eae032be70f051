// SPDX-License-Identifier: GPL-2.0
/*
 * Back: every VM that was touched returns to what it was.
 *
 * DESIGN
 * A VM in the middle of being patched turns round at once: the reversing op
 * takes the place of the one in flight, so it needs no further room in the
 * budget.  The others follow under the recall's own limits.  A VM that can't
 * be reached, or refuses for good, leaves the rollout STUCK rather than
 * REVERSED until it is seen again; one whose refusals may pass by themselves is
 * asked now and then.  One that can't be reached holds no room of the
 * limits for longer than an answer may take: others are to go back meanwhile.
 */
#include "core/rollout_internal.h"

void fth_rollout_begin_reverse(struct fth_rollout_run *run, const char *why, bool recall)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	uint32_t i;

	fth_rollout_set_phase(run, FTH_RO_REVERSING, why);
	fth_recall_begin(run, recall);
	memcpy(rollout->reverse_why, rollout->why, FTH_WHY_MAX);
	rollout->soak_until_ms = 0;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		vm->attempts = 0;
		vm->retry_at_ms = 0;
		if (vm->touched || vm->state == FTH_RV_FAILED || vm->state == FTH_RV_SKIPPED ||
		    vm->state == FTH_RV_REVERSED || vm->state == FTH_RV_FORGOTTEN)
			continue;
		fth_vm_enter(run, vm, FTH_RV_SKIPPED);
		fth_vm_explain(run, vm, "reversed before its turn");
	}
	fth_agenda_rebuild(run);
}

/* Turn round what is in flight outward. */
static void turn(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->reachable && vm->guest_state == FTH_LC_REVERTING) {
		fth_vm_set_op(run, vm, 0);
		fth_vm_enter(run, vm, FTH_RV_WAITING);
	} else if (vm->reachable) {
		fth_vm_send(run, vm, FTH_OP_REVERSE);
	} else {
		fth_vm_set_op(run, vm, FTH_OP_REVERSE);
		fth_vm_enter(run, vm, FTH_RV_UNKNOWN);
		fth_vm_explain(run, vm, "unreachable: goes back when it returns");
	}
}

/*
 * A guest that is reverting by itself needs no REVERSE.  It is left alone until
 * it is seen to be back, or for as long as an answer may take; a REVERSE after
 * that joins what the guest does, it never turns it round.
 */
static bool goes_back_alone(struct fth_rollout_run *run, const struct fth_rollout_vm *vm)
{
	return !vm->op && vm->reachable && vm->guest_state == FTH_LC_REVERTING &&
	       run->event->now_ms < fth_vm_answer_ms(run->rollout, vm);
}

static void serve_vm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (fth_op_is_forward(vm->op))
		turn(run, vm);
	if (goes_back_alone(run, vm))
		return;
	if (vm->op && !vm->reachable && run->event->now_ms >= fth_vm_answer_ms(run->rollout, vm))
		fth_vm_set_op(run, vm, 0);
	if (vm->op) {
		fth_vm_check_answer(run, vm);
	} else if (!vm->reachable) {
		if (vm->state == FTH_RV_DEFERRED)
			return;
		fth_vm_enter(run, vm, FTH_RV_DEFERRED);
		fth_vm_explain(run, vm, "unreachable: goes back when it returns");
	} else if (!fth_vm_gave_up(vm) && run->event->now_ms >= vm->retry_at_ms &&
		   fth_room_take(run, vm)) {
		fth_vm_send(run, vm, vm->staged ? FTH_OP_UNSTAGE : FTH_OP_REVERSE);
	}
}

void fth_rollout_reverse_pass(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	uint32_t moving;
	uint32_t stuck;
	char why[FTH_WHY_MAX];

	run->wake_ms = 0;
	fth_agenda_serve_all(run, serve_vm);
	moving = fth_agenda_count_until(rollout, FTH_CLASS_MOVING, FTH_POLICY_WAVES_MAX);
	stuck = fth_agenda_count_until(rollout, FTH_CLASS_STUCK, FTH_POLICY_WAVES_MAX);
	if (moving) {
		fth_rollout_set_phase(run, FTH_RO_REVERSING, rollout->reverse_why);
	} else if (stuck) {
		fth_text_format(why, sizeof(why),
				"%u of %u VMs are unreachable or refuse to "
				"go back",
				stuck, rollout->vm_count);
		fth_rollout_set_phase(run, FTH_RO_STUCK, why);
	} else {
		fth_rollout_set_phase(run, FTH_RO_REVERSED, rollout->reverse_why);
	}
}
