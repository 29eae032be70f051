// SPDX-License-Identifier: GPL-2.0
/* How far a recall is, and what is still exposed to what it takes back. */
#include "core/rollout_internal.h"

void fth_recall_begin(struct fth_rollout_run *run, bool recall)
{
	struct fth_rollout *rollout = run->rollout;
	uint32_t i;

	if (rollout->recall_ms) { /* asked for once more */
		rollout->recalled |= recall;
		return;
	}
	rollout->recall_ms = run->event->now_ms;
	for (i = 0; i < rollout->vm_count; i++)
		rollout->recall_total += rollout->vms[i].touched || rollout->vms[i].op;
	/* Where it went nowhere, what failed was not the payload: unless a person says so. */
	rollout->recalled = recall && (rollout->recall_total || run->event->kind == FTH_RE_REVERSE);
}

void fth_recall_note_back(struct fth_rollout_run *run, const struct fth_rollout_vm *vm)
{
	if (vm->touched)
		run->rollout->exposed_ms += run->event->now_ms - run->rollout->recall_ms;
}

void fth_recall_note_found(struct fth_rollout_run *run, const struct fth_rollout_vm *vm)
{
	if (vm->state != FTH_RV_REVERSED) /* that one was counted, and is back for a second time */
		run->rollout->recall_total++;
}

void fth_recall_note_gone(struct fth_rollout_run *run, const struct fth_rollout_vm *vm)
{
	if (!run->rollout->recall_ms || (!vm->touched && !vm->op && vm->state != FTH_RV_REVERSED))
		return;
	fth_recall_note_back(run, vm); /* up to now it was exposed */
	run->rollout->recall_total--;
}

void fth_rollout_recall(const struct fth_rollout *rollout, uint64_t now_ms,
			struct fth_recall *ret_recall)
{
	const struct fth_rollout_vm *vm;
	uint64_t age_ms;
	uint32_t i;

	memset(ret_recall, 0, sizeof(*ret_recall));
	if (!rollout->recall_ms)
		return;
	age_ms = now_ms > rollout->recall_ms ? now_ms - rollout->recall_ms : 0;
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		ret_recall->back += vm->state == FTH_RV_REVERSED;
		if (!vm->touched && !vm->op)
			continue;
		ret_recall->left++;
		ret_recall->away += !vm->reachable;
	}
	ret_recall->total = rollout->recall_total;
	ret_recall->exposed_ms = rollout->exposed_ms + age_ms * ret_recall->left;
	if (ret_recall->back && ret_recall->left > ret_recall->away)
		ret_recall->due_ms =
			now_ms + age_ms * (ret_recall->left - ret_recall->away) / ret_recall->back;
}
