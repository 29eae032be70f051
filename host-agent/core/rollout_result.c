// SPDX-License-Identifier: GPL-2.0
/* Answers to the ops of a rollout. */
#include "core/rollout_internal.h"

/*
 * The state of this rollout's payload.  Of one name there may be another one, of another
 * rollout that is told of the same guest: it is not ours to take back, nor to be proud of.
 */
static uint8_t state_of_ours(const struct fth_rollout_event *event)
{
	return event->sha256_matches ? event->guest_state : FTH_LC_ABSENT;
}

static void explain_refusal(struct fth_rollout_run *run, struct fth_rollout_vm *vm, const char *op)
{
	const struct fth_rollout_event *event = run->event;

	fth_vm_explain(run, vm, "%s refused: %s%s%s", op, fth_error_text(event->code),
		       event->why[0] ? ": " : "", event->why);
}

/* What it lists tells more than an answer that may be older. */
static bool denies_ours(const struct fth_rollout_run *run)
{
	return run->event->code == FTH_E_NO_PATCH && state_of_ours(run->event) >= FTH_LC_APPLYING;
}

static bool is_of_another_agent(const struct fth_rollout_run *run)
{
	return run->event->code == FTH_E_MALFORMED || denies_ours(run);
}

/*
 * The guest may know the op's id as another command's, or its answer of before: of an agent
 * that this one took over from, and that went on with a copy of the journal.  It goes again,
 * under an id that the other one has not come to.  Guests that say so for ever use up no more
 * than half of all ids that way: one that comes twice would be answered from memory.
 */
static bool passes(struct fth_rollout_run *run)
{
	if (!is_of_another_agent(run))
		return fth_error_retryable(run->event->code);
	if (run->rollout->next_op < UINT32_MAX / 2)
		run->rollout->next_op += FTH_ROLLOUT_OPS_APART;
	return true;
}

/* Stage or apply was refused: later, from the start, or never. */
static void refused_forward(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	uint16_t code = run->event->code;
	bool again = passes(run) || code == FTH_E_NO_PATCH || code == FTH_E_WRONG_STATE;

	explain_refusal(run, vm, fth_op_name(vm->op));
	if (code == FTH_E_BLOCKED)
		vm->blocked = true;
	vm->staged = vm->op == FTH_OP_APPLY && code != FTH_E_NO_PATCH && code != FTH_E_BAD_OFFSET &&
		     state_of_ours(run->event) == FTH_LC_STAGED;
	if (!again || !fth_vm_may_retry(run, vm)) {
		fth_vm_fail(run, vm);
		return;
	}
	fth_vm_enter(run, vm, vm->reachable ? FTH_RV_WAITING : FTH_RV_DEFERRED);
}

/* A refusal by a guest that runs the payload: an earlier APPLY did it. */
static void result_of_apply(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;

	if (fth_vm_is_patched(state_of_ours(event))) {
		fth_vm_applied(run, vm);
	} else if (event->code != FTH_E_OK) {
		refused_forward(run, vm);
	} else {
		fth_vm_explain(run, vm, "apply answered 'done' but the patch is '%s'",
			       fth_lifecycle_name(state_of_ours(event)));
		fth_vm_fail(run, vm);
	}
}

static void result_of_confirm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	uint8_t ours = state_of_ours(run->event);

	if (ours == FTH_LC_APPLIED) {
		fth_vm_confirmed(run, vm);
		return;
	}
	if (ours != FTH_LC_SOAKING) {
		fth_vm_gone(run, vm, false, false);
		return;
	}
	explain_refusal(run, vm, fth_op_name(vm->op));
	if (!passes(run) || !fth_vm_may_retry(run, vm)) {
		fth_vm_fail(run, vm);
		return;
	}
	fth_vm_enter(run, vm, FTH_RV_SOAKING);
	vm->soaked = true;
}

/* The payload may stay where it can't be removed: the patch is off. */
static void result_of_unstage(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	uint8_t ours = state_of_ours(run->event);

	if (run->event->code == FTH_E_OK || ours == FTH_LC_ABSENT ||
	    (run->event->code == FTH_E_NO_PATCH && !denies_ours(run))) {
		fth_vm_clean(run, vm);
		return;
	}
	vm->staged = ours == FTH_LC_STAGED;
	/* A refusal that passes by itself must not hide why it goes back. */
	if (fth_vm_may_retry(run, vm)) {
		fth_vm_enter(run, vm, FTH_RV_WAITING);
		return;
	}
	explain_refusal(run, vm, fth_op_name(FTH_OP_UNSTAGE));
	if (vm->staged)
		fth_vm_clean(run, vm);
	else
		fth_vm_enter(run, vm, FTH_RV_FAILED);
}

static void result_of_reverse(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;
	uint8_t ours = state_of_ours(event);
	bool spent, may_pass;

	if (ours == FTH_LC_ABSENT || (event->code == FTH_E_NO_PATCH && !denies_ours(run))) {
		fth_vm_clean(run, vm);
		return;
	}
	if (ours == FTH_LC_STAGED) {
		fth_vm_set_op(run, vm, 0);
		vm->staged = true;
		vm->attempts = 0;
		fth_vm_enter(run, vm, FTH_RV_WAITING);
		return;
	}
	if (ours == FTH_LC_REVERTING) {
		/* It was going back already: look again. */
		fth_vm_set_op(run, vm, 0);
		if (vm->attempts)
			vm->attempts--;
		fth_vm_enter(run, vm, FTH_RV_WAITING);
		return;
	}
	spent = !fth_vm_may_retry(run, vm);
	may_pass = event->code != FTH_E_OK && passes(run);
	if (event->code != FTH_E_OK && !may_pass) {
		vm->attempts = FTH_ROLLOUT_ATTEMPTS_MAX;
		spent = true;
	}
	if (spent && event->code == FTH_E_OK)
		fth_vm_explain(run, vm, "reverse answered 'done' but the patch is '%s'",
			       fth_lifecycle_name(event->guest_state));
	else if (spent)
		explain_refusal(run, vm, fth_op_name(FTH_OP_REVERSE));
	/* What it is busy with ends some day, and nothing tells us when. */
	if (spent && may_pass)
		vm->retry_at_ms = event->now_ms + FTH_RETRY_STUCK_MS;
	fth_vm_enter(run, vm, spent ? FTH_RV_FAILED : FTH_RV_WAITING);
}

void fth_vm_result(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;

	if (!vm->op || vm->op_id != event->op_id)
		return;
	vm->guest_state = event->guest_state;
	vm->taint = event->taint;
	fth_vm_set_inconclusive(run, vm, false);
	run->actions->changed = true;
	switch (vm->op) {
	case FTH_OP_STAGE:
		if (event->code != FTH_E_OK) {
			refused_forward(run, vm);
			return;
		}
		fth_vm_set_op(run, vm, 0);
		vm->staged = true;
		fth_vm_enter(run, vm, FTH_RV_WAITING);
		return;
	case FTH_OP_APPLY:
		result_of_apply(run, vm);
		return;
	case FTH_OP_CONFIRM:
		result_of_confirm(run, vm);
		return;
	case FTH_OP_REVERSE:
		result_of_reverse(run, vm);
		return;
	default:
		result_of_unstage(run, vm);
		return;
	}
}
