// SPDX-License-Identifier: GPL-2.0
/*
 * Health gates: checks that a VM must pass after its soak, and a wave at its end.
 *
 * DESIGN
 * A round asks for all checks that the policy names, and is over when each has
 * a verdict.  All pass: the VM may be confirmed.  One fails: the VM has failed,
 * at once.  Else it is inconclusive, holds its wave, and the next round comes
 * after health.retry.  A pass counts in its own round only: what was healthy an
 * hour ago proves nothing.  Who makes the checks is the agent's business; what
 * it can't tell it must say, and may say late: a verdict names its round.
 *
 * A VM that can't be reached after its soak may be one that the patch crashed.
 * Nothing is asked of it, but its hypervisor is, once for each time that it is
 * lost: a crash is a failure, and all else leaves the VM as it is.  When it is
 * back a whole round begins.
 */
#include "core/rollout_internal.h"

static uint32_t rounds_of_wave(const struct fth_rollout *rollout)
{
	return rollout->wave + 1;
}

static bool is_watched(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	return fth_rollout_is_forward(rollout) && vm->state == FTH_RV_SOAKING;
}

void fth_rollout_checks(const struct fth_rollout *rollout, uint32_t vm_index,
			struct fth_rollout_checks *ret_checks)
{
	const struct fth_rollout_vm *vm;

	memset(ret_checks, 0, sizeof(*ret_checks));
	if (vm_index == FTH_ROLLOUT_WAVE) {
		ret_checks->round = rounds_of_wave(rollout);
		if (fth_rollout_is_forward(rollout))
			ret_checks->wanted = rollout->checks_pending;
		return;
	}
	vm = &rollout->vms[vm_index];
	if (!is_watched(rollout, vm))
		return;
	ret_checks->round = vm->since_ms;
	ret_checks->watched = rollout->policy.health_host & FTH_CHECKS_OF_HOST;
	ret_checks->wanted = vm->checks_pending;
}

void fth_vm_watch(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	vm->checks_pending = 0;
	vm->checks_passed = 0;
	vm->checks_unsure = 0;
	/* Without room for it the baseline is taken with the first round. */
	if (run->rollout->policy.health_host & FTH_CHECKS_OF_HOST)
		fth_run_check(run, (uint32_t)(vm - run->rollout->vms));
}

bool fth_vm_checks_passed(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	uint32_t wanted = fth_policy_checks(&run->rollout->policy);

	if (vm->checks_passed == wanted)
		return true;
	if (vm->checks_pending)
		return false;
	if (!fth_run_check(run, (uint32_t)(vm - run->rollout->vms))) {
		run->short_of_room = true;
		return false;
	}
	vm->checks_pending = (uint8_t)wanted;
	vm->checks_passed = 0;
	run->actions->changed = true;
	return false;
}

/* What it was asked is over, whether its answers came or not. */
void fth_vm_checks_end(struct fth_rollout_vm *vm)
{
	vm->checks_pending = 0;
	vm->checks_passed = 0;
	vm->checks_unsure = 0;
}

bool fth_vm_asks_host(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	return (rollout->policy.health_host & FTH_HEALTH_HOST_DOMAIN_STATE) &&
	       vm->state == FTH_RV_SOAKING && !vm->checks_pending && !vm->host_asked;
}

void fth_vm_ask_host(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (!fth_vm_asks_host(run->rollout, vm))
		return;
	if (!fth_run_check(run, (uint32_t)(vm - run->rollout->vms))) {
		run->short_of_room = true;
		return;
	}
	vm->host_asked = true;
	vm->checks_pending = FTH_HEALTH_HOST_DOMAIN_STATE;
	vm->checks_passed = 0;
	run->actions->changed = true;
}

/* It speaks for itself again. */
void fth_vm_host_asked_end(struct fth_rollout_vm *vm)
{
	if (vm->host_asked)
		vm->checks_pending = 0;
	vm->host_asked = false;
}

static bool verdict_valid(const struct fth_rollout_event *event)
{
	return event->check < FTH_CHECKS && event->verdict >= FTH_VERDICT_PASS &&
	       event->verdict <= FTH_VERDICT_INCONCLUSIVE;
}

static void round_ended(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (!vm->reachable)
		vm->checks_passed = 0; /* that is another round's when it is back */
	if (!vm->checks_unsure) {
		fth_vm_explain(run, vm, "%s", "");
		fth_vm_set_inconclusive(run, vm, false);
		return;
	}
	fth_vm_set_inconclusive(run, vm, true);
	vm->retry_at_ms = run->event->now_ms + run->rollout->policy.health_retry_ms;
}

static void explain_verdict(struct fth_rollout_run *run, char *ret_why)
{
	const struct fth_rollout_event *event = run->event;

	fth_text_format(ret_why, FTH_WHY_MAX, "%s: %s%s%s", fth_check_name(event->check),
			fth_verdict_name(event->verdict), event->why[0] ? ": " : "", event->why);
}

static void vm_verdict(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_rollout_event *event = run->event;
	uint8_t bit = (uint8_t)(1u << event->check);

	if (!is_watched(run->rollout, vm) || event->round != vm->since_ms ||
	    !(vm->checks_pending & bit))
		return;
	run->actions->changed = true;
	if (vm->host_asked && event->verdict != FTH_VERDICT_FAIL) {
		vm->checks_pending = 0;
		return;
	}
	if (vm->checks_pending == fth_policy_checks(&run->rollout->policy))
		vm->checks_unsure = 0; /* the first word of this round */
	vm->checks_pending &= (uint8_t)~bit;
	if (event->verdict == FTH_VERDICT_PASS)
		vm->checks_passed |= bit;
	else
		explain_verdict(run, vm->why);
	if (event->verdict == FTH_VERDICT_FAIL) {
		fth_vm_checks_end(vm);
		fth_vm_fail(run, vm);
		return;
	}
	if (event->verdict == FTH_VERDICT_INCONCLUSIVE)
		vm->checks_unsure |= bit;
	if (!vm->checks_pending)
		round_ended(run, vm);
}

static void wave_verdict(struct fth_rollout_run *run)
{
	const struct fth_rollout_event *event = run->event;
	struct fth_rollout *rollout = run->rollout;
	uint8_t bit = (uint8_t)(1u << event->check);
	char why[FTH_WHY_MAX];

	if (!fth_rollout_is_forward(rollout) || event->round != rounds_of_wave(rollout) ||
	    !(rollout->checks_pending & bit))
		return;
	run->actions->changed = true;
	rollout->checks_pending &= (uint8_t)~bit;
	if (event->verdict == FTH_VERDICT_PASS) {
		rollout->checks_passed |= bit;
		return;
	}
	explain_verdict(run, why);
	fth_text_copy(rollout->checks_why, sizeof(rollout->checks_why), why);
	if (event->verdict == FTH_VERDICT_FAIL)
		rollout->checks_failed = true;
	rollout->checks_unsure |= bit;
	rollout->checks_at_ms = event->now_ms + rollout->policy.health_retry_ms;
}

int fth_run_health(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (!verdict_valid(run->event))
		return -EINVAL;
	if (1u << run->event->check & FTH_CHECKS_OF_WAVE)
		wave_verdict(run);
	else if (vm)
		vm_verdict(run, vm);
	return 0;
}

void fth_wave_checks_begin(struct fth_rollout *rollout)
{
	rollout->checks_pending = 0;
	rollout->checks_passed = 0;
	rollout->checks_unsure = 0;
	rollout->checks_failed = false;
	rollout->checks_excused = false;
	rollout->checks_at_ms = 0;
	rollout->checks_why[0] = 0;
}

uint8_t fth_wave_checks(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	uint32_t wanted = fth_policy_wave_checks(&rollout->policy);

	if (rollout->checks_excused || rollout->checks_passed == wanted)
		return FTH_VERDICT_PASS;
	if (rollout->checks_failed)
		return FTH_VERDICT_FAIL;
	if (rollout->checks_pending)
		return FTH_VERDICT_INCONCLUSIVE;
	if (run->event->now_ms < rollout->checks_at_ms) {
		fth_run_note_due(run, rollout->checks_at_ms);
		return FTH_VERDICT_INCONCLUSIVE;
	}
	if (!fth_run_check(run, FTH_ROLLOUT_WAVE)) {
		run->short_of_room = true;
		return FTH_VERDICT_INCONCLUSIVE;
	}
	rollout->checks_pending = (uint8_t)wanted;
	rollout->checks_passed = 0;
	rollout->checks_unsure = 0;
	run->actions->changed = true;
	return FTH_VERDICT_INCONCLUSIVE;
}
