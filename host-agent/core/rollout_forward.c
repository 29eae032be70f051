// SPDX-License-Identifier: GPL-2.0
/*
 * Outward: who is started, who is confirmed, when a wave is over.
 *
 * DESIGN
 * The agenda gives the VMs that are due, in the order of the plan: what is under
 * way first, since it may spend a budget, then the starts; then the wave is
 * judged by its counts.  A wave is over when each of its VMs is confirmed,
 * failed, or deferred, and at least one was seen to be healthy: a wave whose VMs are
 * all away, no more or not the policy's proves nothing: VMs of later waves take their places;
 * when there are none it waits for those that are away.  VMs that were found to have
 * the patch, which this rollout sent nothing, prove nothing either; but a wave that has
 * no others has nothing to prove, and is passed.
 */
#include "core/planner.h"
#include "core/rollout_internal.h"

struct tally {
	uint32_t unsettled; /* waiting, or an op to patch them in flight */
	uint32_t soaking;
	uint32_t held; /* inconclusive */
	uint32_t healthy;
	uint32_t found; /* patched, not by this rollout */
	uint32_t failed;
	uint32_t deferred;
};

uint8_t fth_rollout_phase_beneath(const struct fth_rollout *rollout)
{
	return rollout->phase == FTH_RO_PAUSED ? rollout->paused_phase : rollout->phase;
}

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

void fth_rollout_next_wave(struct fth_rollout_run *run)
{
	run->rollout->wave++;
	run->actions->changed = true;
	fth_wave_checks_begin(run->rollout);
	fth_rollout_set_phase(run, FTH_RO_RUNNING, "");
	fth_agenda_rebuild(run);
}

static bool starts_vms(const struct fth_rollout *rollout)
{
	return rollout->phase == FTH_RO_RUNNING || rollout->phase == FTH_RO_SOAKING ||
	       rollout->phase == FTH_RO_COMPLETE;
}

/* Its soak ends: it must be there, and then it may stay. */
static void try_confirm(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	uint64_t now_ms = run->event->now_ms;

	if (now_ms < fth_vm_soaked_ms(run->rollout, vm) || now_ms < vm->retry_at_ms)
		return;
	if (!vm->reachable) {
		if (!vm->inconclusive)
			fth_vm_explain(run, vm, "unreachable at the end of its soak");
		fth_vm_set_inconclusive(run, vm, true);
		fth_vm_ask_host(run, vm);
	} else if (vm->guest_state == FTH_LC_APPLIED) {
		fth_vm_confirmed(run, vm);
	} else if (fth_vm_lacks_effect(run->rollout, vm)) {
		if (!vm->inconclusive)
			fth_vm_explain(run, vm, "its soak is over, and no call ran the new code");
		fth_vm_set_inconclusive(run, vm, true);
	} else if (fth_vm_checks_passed(run, vm) && fth_room_take(run, vm)) {
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

static bool fleet_is_full(const struct fth_rollout *rollout)
{
	return !fth_budget_has_room(rollout, NULL, FTH_BUDGET_FLEET);
}

/* People mean the wall clock. */
bool fth_rollout_window_open(const struct fth_rollout *rollout, uint64_t now_ms,
			     uint64_t *ret_opens_ms)
{
	uint64_t ahead_ms = rollout->ahead_ms < now_ms ? rollout->ahead_ms : now_ms;

	if (fth_policy_window_open(&rollout->policy, now_ms - ahead_ms, ret_opens_ms))
		return true;
	*ret_opens_ms += ahead_ms;
	return false;
}

/* Return: does a VM wait only because a budget is full? */
static bool start_all(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	uint64_t now_ms = run->event->now_ms;
	struct fth_rollout_vm *vm = fth_agenda_start(rollout, now_ms);
	uint64_t opens_ms;

	if (!starts_vms(rollout) || (!vm && !rollout->starts_waiting))
		return false;
	if (!fth_rollout_window_open(rollout, now_ms, &opens_ms)) {
		fth_run_note_due(run, opens_ms);
		return false;
	}
	while (vm && !fleet_is_full(rollout)) {
		if (fth_room_take(run, vm))
			fth_vm_send(run, vm, vm->staged ? FTH_OP_APPLY : FTH_OP_STAGE);
		if (run->short_of_room)
			break;
		fth_agenda_settle(run, vm);
		vm = fth_agenda_start(rollout, now_ms);
	}
	return rollout->starts_waiting || (vm && fleet_is_full(rollout));
}

static void tally_wave(const struct fth_rollout *rollout, struct tally *ret_tally)
{
	uint32_t wave = rollout->wave;
	uint32_t all = FTH_POLICY_WAVES_MAX;

	ret_tally->unsettled = fth_agenda_count_until(rollout, FTH_CLASS_BUSY, all) +
			       fth_agenda_count_until(rollout, FTH_CLASS_WAITING, wave);
	ret_tally->soaking = fth_agenda_count_until(rollout, FTH_CLASS_SOAKING, all);
	ret_tally->held = fth_agenda_count_until(rollout, FTH_CLASS_HELD_BUSY, all) +
			  fth_agenda_count_until(rollout, FTH_CLASS_HELD, wave);
	ret_tally->healthy = fth_agenda_count(rollout, FTH_CLASS_HEALTHY, wave);
	ret_tally->found = fth_agenda_count(rollout, FTH_CLASS_FOUND, wave);
	ret_tally->failed = fth_agenda_count(rollout, FTH_CLASS_FAILED, wave);
	ret_tally->deferred = fth_agenda_count(rollout, FTH_CLASS_DEFERRED, wave);
}

/* Someone of a later wave takes the place of a VM that is away, or no more. */
static bool replace_away(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *away = fth_agenda_marked(rollout, FTH_MARK_AWAY);
	struct fth_rollout_vm *stand_in = fth_agenda_marked(rollout, FTH_MARK_STAND_IN);

	if (!away || !stand_in)
		return false;
	away->wave = stand_in->wave;
	stand_in->wave = rollout->wave;
	run->actions->changed = true;
	fth_agenda_settle(run, away);
	fth_agenda_settle(run, stand_in);
	fth_run_say(run, stand_in->name, "takes the place of a VM that is away");
	return true;
}

/* Its VMs are no more, and those that could take their place are away, or not heard yet. */
static bool waits_for_stand_in(const struct fth_rollout *rollout)
{
	return fth_agenda_marked(rollout, FTH_MARK_AWAY) &&
	       fth_agenda_marked(rollout, FTH_MARK_TO_COME);
}

static void spend(struct fth_rollout_run *run, const char *what)
{
	struct fth_rollout *rollout = run->rollout;
	bool reverse = rollout->policy.failures_then == FTH_THEN_REVERSE;
	uint8_t phase = fth_rollout_phase_beneath(rollout);
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
		fth_rollout_begin_reverse(run, why, true);
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
	fth_text_format(why, sizeof(why), "wave %u of %u: %u VMs failed and none is healthy%s",
			rollout->wave + 1, rollout->policy.wave_count, tally->failed,
			tally->found ? " but those that had the patch before" : "");
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

void fth_rollout_close_gate(struct fth_rollout_run *run)
{
	const struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	fth_text_format(why, sizeof(why), "wave %u of %u is healthy; waits for resume",
			rollout->wave + 1, rollout->policy.wave_count);
	fth_rollout_set_phase(run, FTH_RO_GATED, why);
}

static bool end_wave(struct fth_rollout_run *run, const struct tally *tally)
{
	struct fth_rollout *rollout = run->rollout;

	if (rollout->wave + 1 >= rollout->policy.wave_count) {
		fth_rollout_set_phase(run, FTH_RO_COMPLETE, "");
		return false;
	}
	if (rollout->policy.gate == FTH_GATE_MANUAL && tally->healthy) {
		fth_rollout_close_gate(run);
		return false;
	}
	fth_rollout_next_wave(run);
	return true;
}

/* The wave has VMs to be started, or that are at it. */
static void wait_for_wave(struct fth_rollout_run *run, bool crowded)
{
	struct fth_rollout *rollout = run->rollout;
	const struct fth_rollout_vm *silent = fth_agenda_marked(rollout, FTH_MARK_SILENT);
	char why[FTH_WHY_MAX] = "";

	if (crowded && silent)
		fth_text_format(why, sizeof(why),
				"wave %u of %u waits for room in rollout.in-flight: '%s' "
				"counts (%s)",
				rollout->wave + 1, rollout->policy.wave_count, silent->name,
				silent->why);
	fth_rollout_set_phase(run, FTH_RO_RUNNING, why);
}

/* None of its VMs is healthy, and nothing is under way. */
static void wait_for_vms(struct fth_rollout_run *run, const struct tally *tally)
{
	struct fth_rollout *rollout = run->rollout;
	const struct fth_rollout_vm *away = fth_agenda_marked(rollout, FTH_MARK_AWAY);
	char why[FTH_WHY_MAX];

	if (away && away->reachable)
		fth_text_format(why, sizeof(why), "wave %u of %u: '%s' %s", rollout->wave + 1,
				rollout->policy.wave_count, away->name, away->why);
	else
		fth_text_format(why, sizeof(why),
				"wave %u of %u waits: none of its VMs%s is reachable",
				rollout->wave + 1, rollout->policy.wave_count,
				tally->found ? " that lack the patch" : "");
	fth_rollout_set_phase(run, FTH_RO_RUNNING, why);
}

/* Somebody is to be patched there, and nobody was yet. */
static bool lacks_proof(const struct tally *tally)
{
	return !tally->healthy && (!tally->found || tally->deferred);
}

/* Return: true when another pass has something to do. */
static bool judge_wave(struct fth_rollout_run *run, bool crowded)
{
	struct fth_rollout *rollout = run->rollout;
	struct tally counts;
	struct tally *tally = &counts;
	char why[FTH_WHY_MAX];

	tally_wave(rollout, tally);
	rollout->soak_until_ms = 0;
	if (tally->unsettled) {
		wait_for_wave(run, crowded);
		return false;
	}
	if (tally->soaking || tally->held) {
		rollout->soak_until_ms = fth_agenda_root(rollout)->soak_until_ms;
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
	if (lacks_proof(tally) && replace_away(run))
		return true;
	if (lacks_proof(tally) && (tally->deferred || waits_for_stand_in(rollout))) {
		wait_for_vms(run, tally);
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
	bool again = true;
	bool crowded;

	/* Ends: each further pass enters a wave or fills an empty one. */
	while (again && fth_rollout_is_forward(rollout)) {
		again = false;
		run->wake_ms = 0;
		spend_budget(run);
		if (!fth_rollout_is_forward(rollout))
			return;
		fth_agenda_serve_all(run, serve_vm);
		/* Nobody is started on a budget that was spent just now. */
		spend_budget(run);
		if (!fth_rollout_is_forward(rollout))
			return;
		crowded = start_all(run);
		if (fth_rollout_is_aborted(rollout))
			fth_rollout_end_abort(run);
		if (rollout->phase == FTH_RO_RUNNING || rollout->phase == FTH_RO_SOAKING)
			again = judge_wave(run, crowded);
	}
}

/* When time alone makes something of the agenda due. */
static void note_agenda(struct fth_rollout_run *run)
{
	const struct fth_rollout_node *root = fth_agenda_root(run->rollout);
	uint64_t now_ms = run->event->now_ms;

	if (root->serve_ms > now_ms && root->serve_ms != FTH_NEVER_MS)
		fth_run_note_due(run, root->serve_ms);
	/* What might be started already waits for something else. */
	if (starts_vms(run->rollout) && root->start_ms > now_ms && root->start_ms != FTH_NEVER_MS)
		fth_run_note_due(run, root->start_ms);
}

void fth_rollout_advance(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;

	if (rollout->phase == FTH_RO_NEW)
		return;
	advance_forward(run);
	if (!fth_rollout_is_forward(rollout))
		fth_rollout_reverse_pass(run);
	note_agenda(run);
	if (run->short_of_room)
		run->wake_ms = run->event->now_ms;
	if (rollout->wake_at_ms != run->wake_ms) {
		rollout->wake_at_ms = run->wake_ms;
		run->actions->changed = true;
	}
}
