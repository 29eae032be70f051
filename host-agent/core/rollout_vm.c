// SPDX-License-Identifier: GPL-2.0
/* Moves of one VM within a rollout; each keeps the fleet's counts right. */
#include "core/rollout_internal.h"

/* A freeze may begin at the deadline, and each attempt is followed by a pause. */
uint64_t fth_rollout_patience_ms(const struct fth_rollout *rollout)
{
	const struct fth_guest_policy *policy = &rollout->policy.guest;
	uint64_t patience_ms = FTH_ANSWER_WITHIN_MS + (uint64_t)policy->deadline_ms;

	if (fth_policy_needs(policy) & (FTH_CAP_FREEZE_PARK | FTH_CAP_FREEZE_KERNEL))
		patience_ms += 2ull * policy->freeze_attempts * policy->freeze_budget_ms;
	return patience_ms;
}

static struct fth_rollout_action *new_action(struct fth_rollout_run *run)
{
	struct fth_rollout_actions *actions = run->actions;

	if (actions->count >= actions->max)
		return NULL;
	return &actions->entries[actions->count++];
}

static void say(struct fth_rollout_run *run, uint32_t vm_index, const char *subject,
		const char *text)
{
	struct fth_rollout_action *action = new_action(run);

	if (!action)
		return;
	memset(action, 0, sizeof(*action));
	action->kind = FTH_RA_SAY;
	action->vm_index = vm_index;
	fth_text_format(action->text, sizeof(action->text), "%s%s%s", subject, text[0] ? ": " : "",
			text);
}

void fth_run_say(struct fth_rollout_run *run, const char *subject, const char *text)
{
	say(run, FTH_ROLLOUT_WAVE, subject, text);
}

/* Return: false when there is no room for it. */
bool fth_run_check(struct fth_rollout_run *run, uint32_t vm_index)
{
	struct fth_rollout_action *action = new_action(run);

	if (!action)
		return false;
	memset(action, 0, sizeof(*action));
	action->kind = FTH_RA_CHECK;
	action->vm_index = vm_index;
	return true;
}

void fth_run_note_due(struct fth_rollout_run *run, uint64_t due_ms)
{
	if (!run->wake_ms || due_ms < run->wake_ms)
		run->wake_ms = due_ms;
}

bool fth_op_is_forward(uint8_t op)
{
	return op == FTH_OP_STAGE || op == FTH_OP_APPLY || op == FTH_OP_CONFIRM;
}

bool fth_vm_is_patched(uint8_t guest_state)
{
	return guest_state == FTH_LC_SOAKING || guest_state == FTH_LC_APPLIED;
}

void fth_vm_enter(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t state)
{
	vm->state = state;
	vm->since_ms = run->event->now_ms;
	vm->soaked = false;
	vm->in_way = false;
	vm->jumped_ms = run->rollout->jumped_ms;
	run->actions->changed = true;
}

/* When it has soaked for long enough. */
uint64_t fth_vm_soaked_ms(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	return vm->soaked ? vm->since_ms
			  : vm->since_ms + rollout->policy.soak_ms +
				    (rollout->jumped_ms - vm->jumped_ms);
}

/* When what is awaited of it is late. */
uint64_t fth_vm_answer_ms(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	return vm->since_ms + fth_rollout_patience_ms(rollout) +
	       (rollout->jumped_ms - vm->jumped_ms);
}

/* Time that did not pass: nobody soaked in it, and nobody was late. */
int fth_rollout_jump(struct fth_rollout_run *run)
{
	if (run->rollout->phase == FTH_RO_NEW)
		return -EINVAL;
	run->rollout->jumped_ms += run->event->op_id;
	run->rollout->ahead_ms = run->event->capabilities;
	run->actions->changed = true;
	fth_agenda_rebuild(run);
	return 0;
}

/* In flight means that an op is: the three counts follow @op alone. */
void fth_vm_set_op(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t op)
{
	struct fth_rollout *rollout = run->rollout;
	int step = !!op - !!vm->op;

	rollout->in_flight += step;
	rollout->vms[vm->host_slot].host_in_flight += step;
	rollout->vms[vm->group_slot].group_in_flight += step;
	vm->op = op;
	vm->op_id = op ? rollout->id << 32 | rollout->next_op++ : 0;
	vm->retry_at_ms = 0;
	run->actions->changed = true;
}

static void put_send(struct fth_rollout_run *run, struct fth_rollout_vm *vm,
		     struct fth_rollout_action *action)
{
	memset(action, 0, sizeof(*action));
	action->kind = FTH_RA_SEND;
	action->op = vm->op;
	action->op_id = vm->op_id;
	action->vm_index = (uint32_t)(vm - run->rollout->vms);
}

/* One op per VM and step: what a step thought of first is overtaken. */
static struct fth_rollout_action *send_slot(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout_actions *actions = run->actions;
	struct fth_rollout_action *action;

	if (vm->action_at < actions->count) {
		action = &actions->entries[vm->action_at];
		if (action->kind == FTH_RA_SEND &&
		    action->vm_index == (uint32_t)(vm - run->rollout->vms))
			return action;
	}
	action = new_action(run);
	if (action)
		vm->action_at = actions->count - 1;
	return action;
}

/* A stopwatch of its transition; time that jumped did not pass. */
void fth_vm_watch_apply(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	vm->apply_ms = run->event->now_ms - run->rollout->jumped_ms;
}

/* While it can't be seen it may be paused as well: that is no time of its transition. */
void fth_vm_unwatch_apply(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->apply_ms)
		vm->apply_took_ms += run->event->now_ms - run->rollout->jumped_ms - vm->apply_ms;
	vm->apply_ms = 0;
}

bool fth_vm_send(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t op)
{
	static const uint8_t states[] = {
		[FTH_OP_STAGE] = FTH_RV_STAGING,      [FTH_OP_APPLY] = FTH_RV_APPLYING,
		[FTH_OP_CONFIRM] = FTH_RV_CONFIRMING, [FTH_OP_REVERSE] = FTH_RV_REVERSING,
		[FTH_OP_UNSTAGE] = FTH_RV_UNSTAGING,
	};
	struct fth_rollout_action *action = send_slot(run, vm);

	if (!action) {
		run->short_of_room = true;
		return false;
	}
	fth_vm_set_op(run, vm, op);
	fth_vm_enter(run, vm, states[op]);
	if (op < FTH_OP_REVERSE) /* on its way back a VM keeps saying why */
		fth_vm_explain(run, vm, "%s", "");
	if (fth_op_is_forward(op)) {
		vm->touched = true;
		fth_vm_tried(run, vm);
	}
	if (op == FTH_OP_APPLY) {
		vm->apply_took_ms = 0;
		fth_vm_watch_apply(run, vm);
		vm->staged = false;
		vm->taint_before = vm->taint;
	}
	put_send(run, vm, action);
	return true;
}

/*
 * An answer that does not come: the VM is unknown and stays in flight.  Where
 * the channel is open the frame or its answer was lost on the way; the same op
 * id goes out again, which the guest answers from memory if it knows it.
 */
void fth_vm_check_answer(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	struct fth_rollout_action *action;

	if (!vm->reachable && vm->inconclusive)
		return;
	if (run->event->now_ms < fth_vm_answer_ms(run->rollout, vm))
		return;
	fth_vm_enter(run, vm, FTH_RV_UNKNOWN);
	fth_vm_explain(run, vm, "no answer to %s", fth_op_name(vm->op));
	fth_vm_set_inconclusive(run, vm, true);
	if (!vm->reachable)
		return;
	action = send_slot(run, vm);
	if (action)
		put_send(run, vm, action);
}

void fth_vm_set_inconclusive(struct fth_rollout_run *run, struct fth_rollout_vm *vm,
			     bool inconclusive)
{
	if (vm->inconclusive == inconclusive)
		return;
	if (inconclusive)
		fth_vm_tried(run, vm);
	vm->inconclusive = inconclusive;
	if (!vm->excused)
		run->rollout->inconclusive += inconclusive ? 1 : -1;
	if (!inconclusive)
		vm->excused = false;
	run->actions->changed = true;
}

/* Patched, and yet no call ran the new code: is it in effect at all? */
bool fth_vm_lacks_effect(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	return (rollout->policy.health_guest & FTH_HEALTH_GUEST_EFFECT) &&
	       vm->state == FTH_RV_SOAKING && !vm->effect;
}

/* The caller has explained why. */
void fth_vm_fail(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	fth_vm_tried(run, vm);
	fth_vm_set_inconclusive(run, vm, false);
	if (vm->op)
		fth_vm_set_op(run, vm, 0);
	vm->retry_at_ms = 0;
	fth_vm_enter(run, vm, FTH_RV_FAILED);
	if (!vm->failure_counted) {
		vm->failure_counted = true;
		run->rollout->failures++;
	}
	say(run, (uint32_t)(vm - run->rollout->vms), vm->name, vm->why);
}

/* Something broke in the guest's kernel since the patch went in. */
void fth_vm_check_health(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_policy *policy = &run->rollout->policy;
	uint64_t fresh = vm->taint & ~vm->taint_before;

	if ((policy->health_guest & FTH_HEALTH_GUEST_OOPS) && (fresh & FTH_TAINT_DIE))
		fth_vm_explain(run, vm, "oops since the patch was applied");
	else if ((policy->health_guest & FTH_HEALTH_GUEST_WARN) && (fresh & FTH_TAINT_WARN))
		fth_vm_explain(run, vm, "WARN since the patch was applied");
	else
		return;
	fth_vm_fail(run, vm);
}

/* It refused too often, and no other time is set for it. */
bool fth_vm_gave_up(const struct fth_rollout_vm *vm)
{
	return vm->attempts >= FTH_ROLLOUT_ATTEMPTS_MAX && !vm->retry_at_ms;
}

/* A refusal that may pass by itself: false when it came too often. */
bool fth_vm_may_retry(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->op)
		fth_vm_set_op(run, vm, 0);
	run->actions->changed = true;
	if (vm->attempts >= FTH_ROLLOUT_ATTEMPTS_MAX || ++vm->attempts >= FTH_ROLLOUT_ATTEMPTS_MAX)
		return false;
	vm->retry_at_ms = run->event->now_ms + FTH_RETRY_AFTER_MS;
	return true;
}

/* Its transition took longer than the policy takes for healthy. */
static void check_transition(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	uint32_t limit_ms = run->rollout->policy.transition_max_ms;

	if (!limit_ms || vm->apply_took_ms <= limit_ms || vm->state != FTH_RV_SOAKING)
		return;
	fth_vm_explain(run, vm, "its transition took %llu ms, health.transition-max is %u ms",
		       (unsigned long long)vm->apply_took_ms, limit_ms);
	fth_vm_fail(run, vm);
}

void fth_vm_applied(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	bool is_answer = vm->op == FTH_OP_APPLY;

	fth_vm_unwatch_apply(run, vm);
	if (vm->op)
		fth_vm_set_op(run, vm, 0);
	vm->touched = true;
	vm->attempts = 0;
	vm->effect = run->event->effect;
	fth_vm_explain(run, vm, "%s", "");
	fth_vm_enter(run, vm, FTH_RV_SOAKING);
	fth_vm_check_health(run, vm);
	if (is_answer)
		check_transition(run, vm);
	fth_vm_watch(run, vm);
}

void fth_vm_confirmed(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->op) {
		/* The soak includes what this very answer, or greeting, says. */
		fth_vm_check_health(run, vm);
		if (vm->state == FTH_RV_FAILED)
			return;
		fth_vm_set_op(run, vm, 0);
	}
	fth_vm_set_inconclusive(run, vm, false);
	fth_vm_checks_end(vm);
	vm->touched = true;
	vm->attempts = 0;
	vm->reboots = 0;
	vm->restores = 0;
	fth_vm_explain(run, vm, "%s", "");
	fth_vm_enter(run, vm, FTH_RV_DONE);
}

/*
 * A patch that we thought was there is not.  After a reboot or out of a
 * snapshot it goes in again; but a guest that keeps dying before it could be
 * confirmed is not patched for ever.
 */
void fth_vm_gone(struct fth_rollout_run *run, struct fth_rollout_vm *vm, bool rebooted,
		 bool restored)
{
	bool confirmed = vm->state == FTH_RV_DONE;

	if (!rebooted && !restored) {
		fth_vm_explain(run, vm, "patch reverted by itself in the guest%s%s",
			       run->event->why[0] ? ": " : "", run->event->why);
		fth_vm_fail(run, vm);
		return;
	}
	if (!confirmed && (rebooted ? ++vm->reboots >= FTH_ROLLOUT_REBOOTS_MAX
				    : ++vm->restores >= FTH_ROLLOUT_RESTORES_MAX)) {
		vm->touched = run->event->sha256_matches &&
			      run->event->guest_state != FTH_LC_ABSENT;
		fth_vm_explain(run, vm, "rebooted or restored %u times before it was confirmed",
			       (uint32_t)vm->reboots + vm->restores);
		fth_vm_fail(run, vm);
		return;
	}
	if (vm->op)
		fth_vm_set_op(run, vm, 0);
	vm->touched = run->event->sha256_matches && run->event->guest_state != FTH_LC_ABSENT;
	vm->attempts = 0;
	vm->retry_at_ms = 0;
	fth_vm_checks_end(vm);
	fth_vm_explain(run, vm, "%s: goes again",
		       rebooted ? "rebooted" : "restored from a snapshot");
	fth_vm_enter(run, vm, FTH_RV_WAITING);
}

/* It said that it can't be reached, or did not answer: not so any more. */
void fth_vm_heard(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->why[0] && (vm->state == FTH_RV_DEFERRED || vm->state == FTH_RV_UNKNOWN))
		fth_vm_explain(run, vm, "%s", "");
}

/* Seen as it was before the rollout, while reversing. */
void fth_vm_clean(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	fth_vm_set_inconclusive(run, vm, false);
	if (vm->op)
		fth_vm_set_op(run, vm, 0);
	fth_recall_note_back(run, vm);
	vm->touched = false;
	vm->staged = false;
	vm->attempts = 0;
	vm->retry_at_ms = 0;
	fth_vm_heard(run, vm);
	fth_vm_enter(run, vm, FTH_RV_REVERSED);
}
