// SPDX-License-Identifier: GPL-2.0
/*
 * What people ask of a rollout: pause, resume, promote, abort, reverse.
 *
 * DESIGN
 * A verb moves the phase, or time, and nothing else: no verb stops the counting
 * of failures or makes an unknown VM a healthy one.  Each says in the rollout's
 * own words who asked for it, and why.
 */
#include "core/rollout_internal.h"

void fth_run_by_request(const struct fth_rollout_run *run, char *ret_text)
{
	const struct fth_rollout_event *event = run->event;

	fth_text_format(ret_text, FTH_WHY_MAX, "by request%s%s%s%s%s", event->who[0] ? " of '" : "",
			event->who, event->who[0] ? "'" : "", event->why[0] ? ": " : "",
			event->why);
}

bool fth_rollout_is_aborted(const struct fth_rollout *rollout)
{
	return rollout->phase == FTH_RO_ABORTING || rollout->phase == FTH_RO_ABORTED;
}

int fth_rollout_pause(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	if (rollout->phase == FTH_RO_NEW || rollout->phase == FTH_RO_PAUSED ||
	    fth_rollout_is_aborted(rollout) || !fth_rollout_is_forward(rollout))
		return -EINVAL;
	rollout->paused_phase = rollout->phase;
	fth_run_by_request(run, why);
	fth_rollout_set_phase(run, FTH_RO_PAUSED, why);
	return 0;
}

/*
 * A person has seen what went wrong so far and says to go on.  Who fails once more from here
 * on is one more failure.
 */
static void excuse(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	uint32_t i;

	rollout->failures_excused = rollout->failures;
	if (rollout->checks_failed || rollout->checks_unsure)
		rollout->checks_excused = true;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		rollout->past_failures += vm->failure_counted;
		vm->failure_counted = false;
		if (!vm->inconclusive || vm->excused)
			continue;
		vm->excused = true;
		rollout->inconclusive--;
	}
	fth_agenda_rebuild(run);
}

static int open_gate(struct fth_rollout_run *run)
{
	fth_rollout_next_wave(run);
	return 0;
}

int fth_rollout_resume(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;

	if (rollout->phase == FTH_RO_GATED)
		return open_gate(run);
	if (rollout->phase != FTH_RO_PAUSED)
		return -EINVAL;
	excuse(run);
	if (rollout->paused_phase == FTH_RO_GATED)
		fth_rollout_close_gate(run); /* to be opened by a word of its own */
	else
		fth_rollout_set_phase(run, rollout->paused_phase, "");
	rollout->paused_phase = 0;
	return 0;
}

int fth_rollout_promote(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	char why[FTH_WHY_MAX];
	uint32_t count = 0;
	uint32_t i;

	if (rollout->phase == FTH_RO_GATED)
		return open_gate(run);
	if (rollout->phase != FTH_RO_RUNNING && rollout->phase != FTH_RO_SOAKING)
		return -EINVAL;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		if (vm->state != FTH_RV_SOAKING || vm->inconclusive ||
		    run->event->now_ms >= fth_vm_soaked_ms(rollout, vm))
			continue;
		vm->soaked = true;
		run->actions->changed = true;
		count++;
	}
	if (!count)
		return -EINVAL;
	fth_agenda_rebuild(run);
	fth_run_by_request(run, why);
	fth_run_say(run, "promoted", why);
	return 0;
}

int fth_rollout_abort(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	if (rollout->phase == FTH_RO_NEW || fth_rollout_is_aborted(rollout) ||
	    !fth_rollout_is_forward(rollout))
		return -EINVAL;
	rollout->soak_until_ms = 0;
	rollout->paused_phase = 0;
	fth_run_by_request(run, why);
	fth_rollout_set_phase(run, FTH_RO_ABORTING, why);
	return 0;
}

static void leave_alone(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->staged)
		fth_vm_explain(run, vm, "aborted: its payload is staged, not applied");
	else if (!vm->touched || !vm->why[0])
		fth_vm_explain(run, vm, "aborted before its turn");
	vm->retry_at_ms = 0;
	fth_vm_enter(run, vm, FTH_RV_SKIPPED);
}

/* After those under way were served: is it over? */
void fth_rollout_end_abort(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	struct fth_rollout_vm *vm;
	bool busy;

	while ((vm = fth_agenda_marked(rollout, FTH_MARK_IDLE))) {
		leave_alone(run, vm);
		fth_agenda_settle(run, vm);
	}
	busy = rollout->in_flight ||
	       fth_agenda_count_until(rollout, FTH_CLASS_SOAKING, FTH_POLICY_WAVES_MAX);
	fth_rollout_set_phase(run, busy ? FTH_RO_ABORTING : FTH_RO_ABORTED, rollout->why);
}

int fth_rollout_reverse(struct fth_rollout_run *run)
{
	struct fth_rollout *rollout = run->rollout;
	char why[FTH_WHY_MAX];

	fth_run_by_request(run, why);
	if (rollout->phase == FTH_RO_REVERSING || rollout->phase == FTH_RO_REVERSED) {
		if (!run->event->blocked)
			return -EINVAL;
		/*
		 * It goes back already: what is new is that it may go nowhere any more, or
		 * not again, if it was allowed meanwhile.
		 */
		fth_text_copy(rollout->reverse_why, sizeof(rollout->reverse_why), why);
		rollout->recalled = true;
		run->actions->changed = true;
		fth_run_say(run, "payload blocked", why);
		return 0;
	}
	fth_rollout_begin_reverse(run, why, run->event->blocked);
	return 0;
}
