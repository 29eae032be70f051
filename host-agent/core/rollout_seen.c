// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest says of itself, or that it fell silent.
 *
 * DESIGN
 * The guest's word wins over what we believed.  Its own earlier answers may be
 * lost, it may have rebooted or come out of a snapshot; here the two pictures
 * are compared and ours is corrected.  An op that stays in flight is not sent
 * from here: the executor sends what is pending after each connect.
 */
#include "core/rollout_internal.h"

/* Is the policy for this guest?  If not, nothing is ever sent to it. */
static bool eligible(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_policy *policy = &run->rollout->policy;
	uint64_t missing = fth_policy_guest_needs(policy) & ~vm->capabilities;

	if (!fth_patterns_match(&policy->kernels, vm->release) ||
	    !fth_patterns_match(&policy->select_kernel, vm->release)) {
		if (vm->state == FTH_RV_SKIPPED)
			return false;
		fth_vm_explain(run, vm, "kernel '%s' is not the policy's", vm->release);
		fth_vm_enter(run, vm, FTH_RV_SKIPPED);
		return false;
	}
	if (vm->blocked) {
		if (vm->state != FTH_RV_SKIPPED)
			fth_vm_enter(run, vm, FTH_RV_SKIPPED);
		return false;
	}
	if ((vm->capabilities & FTH_CAP_SIGNED_ONLY) && !policy->signature[0]) {
		fth_vm_explain(run, vm,
			       "its guest takes signed payloads only, and the policy "
			       "names no patch.signature");
		fth_vm_fail(run, vm);
		return false;
	}
	if (missing) {
		fth_vm_explain(run, vm, "not supported by this guest: %s",
			       fth_capability_name(missing & -missing));
		fth_vm_fail(run, vm);
		return false;
	}
	return true;
}

static bool another_is_there(const struct fth_rollout_event *event, uint8_t ours)
{
	return event->guest_state >= FTH_LC_APPLYING && ours == FTH_LC_ABSENT;
}

static void seen_idle(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t ours)
{
	if (another_is_there(run->event, ours)) {
		fth_vm_explain(run, vm,
			       "another payload of this name is applied there; a recall of its "
			       "rollout, or 'fother vm revert', takes it back");
		fth_vm_fail(run, vm);
		vm->in_way = true;
		return;
	}
	if (!eligible(run, vm))
		return;
	fth_vm_set_inconclusive(run, vm, false);
	if (ours == FTH_LC_SOAKING) {
		fth_vm_applied(run, vm);
	} else if (ours == FTH_LC_APPLIED) {
		fth_vm_confirmed(run, vm);
	} else if (vm->state != FTH_RV_WAITING) {
		fth_vm_explain(run, vm, "%s", "");
		fth_vm_enter(run, vm, FTH_RV_WAITING);
	}
}

/* Nothing is known of it but what it says now. */
static void seen_waiting(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t ours)
{
	if (vm->wave < run->rollout->policy.wave_count &&
	    (fth_vm_is_patched(ours) || !fth_rollout_is_aborted(run->rollout)))
		seen_idle(run, vm, ours);
}

/*
 * Where it goes again it may be another kernel, or module, than the patch went to.  One
 * that was not confirmed may have left its kernel because of the patch: nobody knows.
 */
static void seen_gone(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t ours,
		      bool rebooted)
{
	bool confirmed = vm->state == FTH_RV_DONE;

	fth_vm_gone(run, vm, rebooted, run->event->restored);
	if (vm->state == FTH_RV_WAITING)
		seen_waiting(run, vm, ours);
	if (confirmed || !rebooted || vm->state != FTH_RV_SKIPPED || vm->blocked)
		return;
	fth_vm_explain(run, vm,
		       "rebooted before it was confirmed, into kernel '%s', which is not the "
		       "policy's",
		       vm->release);
	fth_vm_set_inconclusive(run, vm, true);
}

/* It left the policy's kernel, and nobody knows why, until it is back or is excused. */
static bool left_kernel(const struct fth_rollout_vm *vm)
{
	return vm->state == FTH_RV_SKIPPED && vm->inconclusive;
}

/* Nothing of ours can go there before; that is nobody's failure. */
static void wait_for_way(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	char why[FTH_WHY_MAX];

	fth_text_format(why, sizeof(why),
			"waits: rollout %llu takes another payload of this name back first",
			(unsigned long long)run->event->op_id);
	if (vm->state == FTH_RV_DEFERRED && fth_text_equal(vm->why, why))
		return;
	fth_vm_explain(run, vm, "%s", why);
	fth_vm_enter(run, vm, FTH_RV_DEFERRED);
}

/* What it failed with is not there any more. */
static void note_clean(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (!vm->touched)
		return;
	vm->touched = false;
	run->actions->changed = true;
}

/* It was said to have the payload of before, and nothing was sent to it since. */
static bool is_hearsay(const struct fth_rollout_vm *vm)
{
	return vm->touched && !vm->tried && !vm->op &&
	       (vm->state == FTH_RV_WAITING || vm->state == FTH_RV_DEFERRED ||
		vm->state == FTH_RV_SKIPPED);
}

/*
 * Another payload of this name is there, and a rollout that was recalled takes it back:
 * the VM came back late, or out of a snapshot.  It is caught up when that is done.
 */
static void seen_in_way(struct fth_rollout_run *run, struct fth_rollout_vm *vm, bool rebooted)
{
	bool anew = rebooted || run->event->restored;

	if (vm->op == FTH_OP_STAGE || (vm->op == FTH_OP_APPLY && !anew))
		fth_vm_set_op(run, vm, 0);
	else if (vm->op || vm->state == FTH_RV_SOAKING || vm->state == FTH_RV_DONE)
		fth_vm_gone(run, vm, rebooted, run->event->restored);
	if (vm->state == FTH_RV_FAILED && !vm->in_way) {
		note_clean(run, vm);
		return;
	}
	if (vm->state == FTH_RV_SKIPPED &&
	    (vm->wave >= run->rollout->policy.wave_count || fth_rollout_is_aborted(run->rollout)))
		return;
	if (eligible(run, vm))
		wait_for_way(run, vm);
}

/* No op is in flight. */
static void seen_settled(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t ours,
			 bool rebooted)
{
	switch (vm->state) {
	case FTH_RV_SKIPPED: /* it may have booted another kernel */
	case FTH_RV_WAITING:
	case FTH_RV_DEFERRED:
		seen_waiting(run, vm, ours);
		return;
	case FTH_RV_SOAKING:
		if (fth_vm_is_patched(ours))
			fth_vm_check_health(run, vm);
		else
			seen_gone(run, vm, ours, rebooted);
		return;
	case FTH_RV_DONE:
		if (ours == FTH_LC_SOAKING) /* a snapshot from before */
			fth_vm_applied(run, vm);
		else if (ours != FTH_LC_APPLIED)
			seen_gone(run, vm, ours, rebooted);
		else if (fth_rollout_phase_beneath(run->rollout) != FTH_RO_COMPLETE)
			fth_vm_check_health(run, vm);
		return;
	case FTH_RV_FAILED:
		/* What it failed for is gone: it counts as failed, and is caught up. */
		if (vm->in_way && !another_is_there(run->event, ours) &&
		    !fth_rollout_is_aborted(run->rollout)) {
			seen_idle(run, vm, ours);
			return;
		}
		/* It may also come back out of a snapshot with the patch: then it is to go back. */
		if (ours == FTH_LC_ABSENT ? vm->touched : !vm->touched) {
			vm->touched = !vm->touched;
			run->actions->changed = true;
		}
		return;
	default:
		return;
	}
}

/*
 * Where it came back the op in flight was or will be sent again: wait anew for its answer.
 * One that is merely heard of once more is as late as it was.
 */
static void still_in_flight(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t state,
			    bool back)
{
	if (!back)
		return;
	if (!vm->blocked) /* why it goes back is worth more than that it was lost */
		fth_vm_explain(run, vm, "%s", "");
	fth_vm_enter(run, vm, state);
}

/*
 * Restored from a snapshot while an APPLY is in flight: the guest was at it already,
 * or has the payload and perhaps loads it by now, since of the snapshot we hear
 * late.  The same op is right in each case; another one would meet the first.
 */
static bool is_asked_again(struct fth_rollout_vm *vm, uint8_t ours)
{
	if (ours == FTH_LC_APPLYING)
		return true;
	if (ours != FTH_LC_STAGED || vm->restores + 1u >= FTH_ROLLOUT_RESTORES_MAX)
		return false;
	vm->restores++;
	return true;
}

static void seen_in_flight(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t ours,
			   bool rebooted, bool back)
{
	bool anew = rebooted || run->event->restored;

	if (vm->op == FTH_OP_CONFIRM) {
		if (ours == FTH_LC_APPLIED)
			fth_vm_confirmed(run, vm);
		else if (ours == FTH_LC_SOAKING)
			still_in_flight(run, vm, FTH_RV_CONFIRMING, back);
		else
			seen_gone(run, vm, ours, rebooted);
		return;
	}
	if (fth_vm_is_patched(ours)) {
		fth_vm_applied(run, vm);
	} else if (vm->op == FTH_OP_APPLY) {
		if (anew && (rebooted || !is_asked_again(vm, ours)))
			seen_gone(run, vm, ours, rebooted);
		else
			still_in_flight(run, vm, FTH_RV_APPLYING, back);
	} else if (ours == FTH_LC_STAGED) {
		fth_vm_set_op(run, vm, 0);
		fth_vm_enter(run, vm, FTH_RV_WAITING);
	} else if (anew && !eligible(run, vm)) {
		fth_vm_set_op(run, vm, 0);
	} else {
		still_in_flight(run, vm, FTH_RV_STAGING, back);
	}
}

/*
 * While reversing: who was touched, and who of the waves has the payload all the same:
 * out of a snapshot, or from an agent that this one took over from.  What is recalled
 * goes back from behind the last wave, too.
 */
static void seen_reversing(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t ours,
			   bool fresh, bool back)
{
	if (!vm->touched) {
		if (ours < FTH_LC_STAGED ||
		    (vm->wave >= run->rollout->policy.wave_count && !run->rollout->recalled))
			return;
		fth_recall_note_found(run, vm);
		vm->touched = true;
	}
	fth_vm_heard(run, vm);
	if (ours == FTH_LC_ABSENT) {
		fth_vm_clean(run, vm);
		return;
	}
	if (fresh && vm->attempts) {
		vm->attempts = 0;
		vm->retry_at_ms = 0;
		run->actions->changed = true;
	}
	if (vm->op == FTH_OP_REVERSE && ours == FTH_LC_STAGED)
		fth_vm_set_op(run, vm, 0);
	if (vm->op == FTH_OP_UNSTAGE && ours != FTH_LC_STAGED)
		fth_vm_set_op(run, vm, 0);
	if (vm->op == FTH_OP_REVERSE)
		still_in_flight(run, vm, FTH_RV_REVERSING, back);
	else if (vm->op == FTH_OP_UNSTAGE)
		still_in_flight(run, vm, FTH_RV_UNSTAGING, back);
	else if (!vm->op && vm->attempts < FTH_ROLLOUT_ATTEMPTS_MAX && vm->state != FTH_RV_WAITING)
		fth_vm_enter(run, vm, FTH_RV_WAITING);
}

/* What its kernel went through while the patch was in it is judged, no more. */
static bool believed_patched(const struct fth_rollout_vm *vm)
{
	return vm->op == FTH_OP_APPLY || vm->op == FTH_OP_CONFIRM || vm->state == FTH_RV_SOAKING ||
	       vm->state == FTH_RV_DONE;
}

/* A guest that repeats itself must not make the journal grow. */
static bool is_news(const struct fth_rollout_vm *vm, const struct fth_rollout_event *event,
		    uint8_t ours)
{
	return vm->blocked != event->blocked || !vm->reachable || !vm->seen ||
	       vm->capabilities != event->capabilities || vm->taint != event->taint ||
	       vm->guest_state != event->guest_state || vm->staged != (ours == FTH_LC_STAGED) ||
	       (event->effect && !vm->effect) ||
	       memcmp(vm->boot_id, event->boot_id, FTH_UUID_SIZE) != 0 ||
	       !fth_text_equal(vm->release, event->release) ||
	       (!believed_patched(vm) && vm->taint_before != event->taint);
}

void fth_vm_seen(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;
	bool rebooted = vm->seen && memcmp(vm->boot_id, event->boot_id, FTH_UUID_SIZE) != 0;
	uint8_t ours = event->sha256_matches ? event->guest_state : FTH_LC_ABSENT;
	bool back = rebooted || event->restored || !vm->reachable;
	/* What it refused before need not be refused again. */
	bool fresh = back || (ours == FTH_LC_STAGED && !vm->staged);

	/* That it lacks an effect, a check's word or an answer is nothing new once more. */
	bool same = (fth_vm_is_patched(ours) &&
		     ((vm->reachable && !event->effect && fth_vm_lacks_effect(run->rollout, vm)) ||
		      (vm->state == FTH_RV_SOAKING && vm->checks_unsure))) ||
		    (vm->op && !back) || left_kernel(vm);
	uint64_t awaited = vm->op_id;

	if (is_news(vm, event, ours))
		run->actions->changed = true;
	vm->effect |= event->effect;
	if (vm->op == FTH_OP_APPLY && !vm->reachable)
		fth_vm_watch_apply(run, vm);
	vm->reachable = true;
	vm->seen = true;
	fth_vm_host_asked_end(vm);
	vm->capabilities = event->capabilities;
	vm->taint = event->taint;
	vm->guest_state = event->guest_state;
	vm->staged = ours == FTH_LC_STAGED;
	memcpy(vm->boot_id, event->boot_id, FTH_UUID_SIZE);
	fth_text_copy(vm->release, sizeof(vm->release), event->release);
	if (!believed_patched(vm))
		vm->taint_before = event->taint;
	if (!same || !fth_rollout_is_forward(run->rollout))
		fth_vm_set_inconclusive(run, vm, false);
	if (event->blocked && !vm->blocked)
		fth_vm_blocked(run, vm, believed_patched(vm) ? "reverted in emergency" : "blocked");
	else if (!event->blocked && vm->blocked)
		fth_vm_allowed(run, vm);
	if (ours == FTH_LC_ABSENT && is_hearsay(vm) && fth_rollout_is_forward(run->rollout))
		note_clean(run, vm);
	if (!fth_rollout_is_forward(run->rollout))
		seen_reversing(run, vm, ours, fresh, back);
	else if (event->op_id && ours == FTH_LC_ABSENT)
		seen_in_way(run, vm, rebooted);
	else if (vm->op)
		seen_in_flight(run, vm, ours, rebooted, back);
	else
		seen_settled(run, vm, ours, rebooted);
	if (awaited && vm->op_id != awaited && !left_kernel(vm))
		fth_vm_set_inconclusive(run, vm, false); /* what it says was the answer */
}

void fth_vm_lost(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (!vm->reachable)
		return;
	vm->reachable = false;
	vm->checks_passed = 0; /* what passed was here; it may come back as another */
	run->actions->changed = true;
	if (vm->op == FTH_OP_APPLY)
		fth_vm_unwatch_apply(run, vm);
	if (vm->op) {
		fth_vm_enter(run, vm, FTH_RV_UNKNOWN);
		fth_vm_explain(run, vm, "lost before it answered %s", fth_op_name(vm->op));
	} else if (vm->state == FTH_RV_WAITING || vm->state == FTH_RV_DEFERRED) {
		fth_vm_enter(run, vm, FTH_RV_DEFERRED);
		fth_vm_explain(run, vm, "unreachable");
	}
}

void fth_vm_heartbeat(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->taint == run->event->taint)
		return;
	vm->taint = run->event->taint;
	run->actions->changed = true;
	if (fth_rollout_is_forward(run->rollout) &&
	    (vm->state == FTH_RV_SOAKING ||
	     (vm->state == FTH_RV_DONE &&
	      fth_rollout_phase_beneath(run->rollout) != FTH_RO_COMPLETE)))
		fth_vm_check_health(run, vm);
}
