// SPDX-License-Identifier: GPL-2.0
/*
 * Outward: who is started, who is confirmed, when a wave is over.
 *
 * DESIGN
 * Two passes over the fleet in the order of the plan: what is under way first,
 * since it may spend a budget, then the starts, tallying the current wave;
 * then the wave is judged.  A wave is over
 * when each of its VMs is confirmed, failed, or deferred, and at least one was
 * seen to be healthy: a wave whose VMs are all away proves nothing, so VMs of
 * later waves take their places, and when there are none it waits.
 */
#include "core/planner.h"
#include "core/rollout_internal.h"

struct tally {
	uint32_t unsettled; /* waiting, or an op to patch them in flight */
	uint32_t soaking;
	uint32_t held; /* inconclusive */
	uint32_t healthy;
	uint32_t failed;
	uint32_t deferred;
	bool crowded;			     /* a VM waits only because a budget is full */
	const struct fth_rollout_vm *silent; /* one of those that fill it, or NULL */
	uint64_t soak_until_ms;
};

bool fth_rollout_is_forward(const struct fth_rollout *rollout)
{
	return rollout->phase != FTH_RO_REVERSING && rollout->phase != FTH_RO_REVERSED &&
	       rollout->phase != FTH_RO_STUCK;
}

void fth_rollout_set_phase(struct fth_rollout_run *run, uint8_t phase, const char *why)
{
	struct fth_rollout *rollout = run->rollout;
	char text[FTH_WHY_MAX];

	fth_text_copy(text, sizeof(text), why);
	if (rollout->phase == phase && !memcmp(rollout->why, text, sizeof(text)))
		return;
	if (rollout->phase != phase)
		fth_run_say(run, fth_rollout_phase_name(phase), why);
	rollout->phase = phase;
	memcpy(rollout->why, text, sizeof(text));
	rollout->ended_ms = phase == FTH_RO_COMPLETE || phase == FTH_RO_REVERSED ||
					    phase == FTH_RO_STUCK || phase == FTH_RO_ABORTED
				    ? run->event->now_ms
				    : 0;
	run->actions->changed = true;
}

static bool starts_vms(const struct fth_rollout *rollout)
{
	return rollout->phase == FTH_RO_RUNNING || rollout->phase == FTH_RO_SOAKING ||
	       rollout->phase == FTH_RO_COMPLETE;
}

/* Return: false when only a full budget keeps it from being started. */
static bool try_start(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_policy *policy = &run->rollout->policy;
	uint64_t now_ms = run->event->now_ms;
	uint64_t opens_ms;

	if (!starts_vms(run->rollout) || !vm->seen || !vm->reachable || vm->blocked)
		return true;
	if (now_ms < vm->retry_at_ms) {
		fth_run_note_due(run, vm->retry_at_ms);
		return true;
	}
	if (!fth_budget_window_open(policy, now_ms, &opens_ms)) {
		fth_run_note_due(run, opens_ms);
		return true;
	}
	if (!fth_budget_allows(run->rollout, vm, &policy->in_flight))
		return false;
	fth_vm_send(run, vm, vm->staged ? FTH_OP_APPLY : FTH_OP_STAGE);
	return true;
}

/* Its soak ends: it must be there, and then it may stay. */
static void try_confirm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	const struct fth_policy *policy = &run->rollout->policy;
	uint64_t now_ms = run->event->now_ms;
	uint64_t due_ms = fth_vm_soaked_ms(run->rollout, vm);

	if (due_ms < vm->retry_at_ms)
		due_ms = vm->retry_at_ms;
	if (now_ms < due_ms) {
		fth_run_note_due(run, due_ms);
	} else if (!vm->reachable) {
		if (!vm->inconclusive)
			fth_vm_explain(run, vm, "unreachable at the end of its soak");
		fth_vm_set_inconclusive(run, vm, true);
	} else if (vm->guest_state == FTH_LC_APPLIED) {
		fth_vm_confirmed(run, vm);
	} else if (fth_vm_lacks_effect(run->rollout, vm)) {
		if (!vm->inconclusive)
			fth_vm_explain(run, vm, "its soak is over, and no call ran the new code");
		fth_vm_set_inconclusive(run, vm, true);
	} else if (fth_vm_checks_passed(run, vm) &&
		   fth_budget_allows(run->rollout, vm, &policy->in_flight)) {
		fth_vm_send(run, vm, FTH_OP_CONFIRM);
	}
}

/* What is under way already. */
static void serve_vm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->op)
		fth_vm_check_answer(run, vm);
	else if (vm->state == FTH_RV_SOAKING)
		try_confirm(run, vm);
}

static void tally_vm(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		     struct tally *tally)
{
	uint64_t until_ms = fth_vm_soaked_ms(rollout, vm);
	bool current = vm->wave == rollout->wave;

	if (vm->wave > rollout->wave && !vm->op && vm->state != FTH_RV_SOAKING)
		return;
	if (vm->inconclusive) {
		if (!vm->excused)
			tally->held++;
		return;
	}
	if (vm->state == FTH_RV_SOAKING || vm->op == FTH_OP_CONFIRM) {
		tally->soaking++;
		if (!vm->op && until_ms > tally->soak_until_ms)
			tally->soak_until_ms = until_ms;
	} else if (vm->op || vm->state == FTH_RV_WAITING) {
		tally->unsettled++;
	} else if (current) {
		tally->healthy += vm->state == FTH_RV_DONE;
		tally->failed += vm->state == FTH_RV_FAILED;
		tally->deferred += vm->state == FTH_RV_DEFERRED;
	}
}

static void serve_all(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	uint32_t i;

	run->wake_ms = 0;
	for (i = 0; i < rollout->vm_count; i++)
		serve_vm(run, &rollout->vms[rollout->vms[i].order]);
}

static void start_all(struct fth_rollout_run *run, struct tally *ret_tally)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	uint32_t i;

	memset(ret_tally, 0, sizeof(*ret_tally));
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[rollout->vms[i].order];
		if (vm->state == FTH_RV_WAITING && vm->wave <= rollout->wave)
			ret_tally->crowded |= !try_start(run, vm);
		if (vm->state == FTH_RV_UNKNOWN && !ret_tally->silent)
			ret_tally->silent = vm;
		tally_vm(rollout, vm, ret_tally);
	}
}

/* Someone of a later wave takes the place of a VM that is away. */
static bool replace_deferred(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *away = NULL;
	struct fth_rollout_vm *stand_in = NULL;
	struct fth_rollout_vm *vm;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[rollout->vms[i].order];
		if (!away && vm->wave == rollout->wave && vm->state == FTH_RV_DEFERRED)
			away = vm;
		if (!stand_in && vm->wave > rollout->wave &&
		    vm->wave < rollout->policy.wave_count && vm->state == FTH_RV_WAITING &&
		    vm->seen)
			stand_in = vm;
	}
	if (!away || !stand_in)
		return false;
	away->wave = stand_in->wave;
	stand_in->wave = rollout->wave;
	run->actions->changed = true;
	fth_run_say(run, stand_in->name, "takes the place of a VM that is away");
	return true;
}

static void spend(struct fth_rollout_run *run, const char *what)
{
	struct fth_rollout *rollout = run->rollout;
	bool reverse = rollout->policy.failures_then == FTH_THEN_REVERSE;
	uint8_t phase = rollout->phase == FTH_RO_PAUSED ? rollout->paused_phase : rollout->phase;
	char why[FTH_WHY_MAX];

	if (fth_rollout_is_aborted(rollout)) {
		/* A person said that nothing is taken back: they are told, no more. */
		fth_text_format(why, sizeof(why), "%s: aborted, so nothing is taken back", what);
		fth_rollout_set_phase(run, rollout->phase, why);
		return;
	}
	/* What was complete is not taken back without a person. */
	if (phase == FTH_RO_COMPLETE)
		reverse = false;
	fth_text_format(why, sizeof(why), "%s: %s", what, reverse ? "reversing" : "paused");
	if (reverse) {
		fth_rollout_begin_reverse(run, why);
	} else if (rollout->phase != FTH_RO_PAUSED) {
		rollout->paused_phase = rollout->phase;
		fth_rollout_set_phase(run, FTH_RO_PAUSED, why);
	}
}

/* Nobody of the wave was seen healthy and some were seen broken. */
static bool wave_failed(struct fth_rollout_run *run, const struct tally *tally)
{
	struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	if (tally->healthy || !tally->failed || rollout->failures == rollout->failures_excused)
		return false;
	fth_text_format(why, sizeof(why), "wave %u of %u: %u VMs failed and none is healthy",
			rollout->wave + 1, rollout->policy.wave_count, tally->failed);
	spend(run, why);
	return true;
}

/* Return: its checks let it end; else the phase says what is waited for. */
static bool wave_is_healthy(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	uint8_t verdict = fth_wave_checks(run);
	char why[FTH_WHY_MAX];

	if (verdict == FTH_VERDICT_PASS)
		return true;
	fth_text_format(why, sizeof(why), "wave %u of %u: %s", rollout->wave + 1,
			rollout->policy.wave_count,
			rollout->checks_why[0] ? rollout->checks_why : "its checks are under way");
	if (verdict == FTH_VERDICT_FAIL)
		spend(run, why);
	else
		fth_rollout_set_phase(run, FTH_RO_SOAKING, why);
	return false;
}

static bool end_wave(struct fth_rollout_run *run, const struct tally *tally)
{
	struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	if (rollout->wave + 1 >= rollout->policy.wave_count) {
		fth_rollout_set_phase(run, FTH_RO_COMPLETE, "");
		return false;
	}
	if (rollout->policy.gate == FTH_GATE_MANUAL && tally->healthy) {
		fth_text_format(why, sizeof(why), "wave %u of %u is healthy; waits for resume",
				rollout->wave + 1, rollout->policy.wave_count);
		fth_rollout_set_phase(run, FTH_RO_GATED, why);
		return false;
	}
	rollout->wave++;
	fth_wave_checks_begin(rollout);
	fth_rollout_set_phase(run, FTH_RO_RUNNING, "");
	run->actions->changed = true;
	return true;
}

/* Return: true when another pass has something to do. */
static bool judge_wave(struct fth_rollout_run *run, const struct tally *tally)
{
	struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	rollout->soak_until_ms = 0;
	if (tally->unsettled) {
		why[0] = 0;
		if (tally->crowded && tally->silent)
			fth_text_format(why, sizeof(why),
					"wave %u of %u waits for room in rollout.in-flight: '%s' "
					"counts (%s)",
					rollout->wave + 1, rollout->policy.wave_count,
					tally->silent->name, tally->silent->why);
		fth_rollout_set_phase(run, FTH_RO_RUNNING, why);
		return false;
	}
	if (tally->soaking || tally->held) {
		rollout->soak_until_ms = tally->soak_until_ms;
		why[0] = 0;
		if (!tally->soaking)
			fth_text_format(why, sizeof(why),
					"wave %u of %u is held: %u VMs are "
					"inconclusive",
					rollout->wave + 1, rollout->policy.wave_count, tally->held);
		fth_rollout_set_phase(run, FTH_RO_SOAKING, why);
		return false;
	}
	if (wave_failed(run, tally))
		return false;
	if (!tally->healthy && tally->deferred) {
		if (replace_deferred(run))
			return true;
		fth_text_format(why, sizeof(why),
				"wave %u of %u waits: none of its VMs is "
				"reachable",
				rollout->wave + 1, rollout->policy.wave_count);
		fth_rollout_set_phase(run, FTH_RO_RUNNING, why);
		return false;
	}
	if (tally->healthy && !wave_is_healthy(run))
		return false;
	return end_wave(run, tally);
}

static void spend_budget(struct fth_rollout_run *run)
{
	char why[FTH_WHY_MAX];

	if (fth_budget_spent(run->rollout, why))
		spend(run, why);
}

static void advance_forward(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct tally tally;
	bool again = true;

	/* Ends: each further pass enters a wave or fills an empty one. */
	while (again && fth_rollout_is_forward(rollout)) {
		again = false;
		spend_budget(run);
		if (!fth_rollout_is_forward(rollout))
			return;
		serve_all(run);
		/* Nobody is started on a budget that was spent just now. */
		spend_budget(run);
		if (!fth_rollout_is_forward(rollout))
			return;
		start_all(run, &tally);
		if (fth_rollout_is_aborted(rollout))
			fth_rollout_end_abort(run);
		if (rollout->phase == FTH_RO_RUNNING || rollout->phase == FTH_RO_SOAKING)
			again = judge_wave(run, &tally);
	}
}

void fth_rollout_advance(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;

	if (rollout->phase == FTH_RO_NEW)
		return;
	advance_forward(run);
	if (!fth_rollout_is_forward(rollout))
		fth_rollout_reverse_pass(run);
	if (run->short_of_room)
		run->wake_ms = run->event->now_ms;
	if (rollout->wake_at_ms != run->wake_ms) {
		rollout->wake_at_ms = run->wake_ms;
		run->actions->changed = true;
	}
}
