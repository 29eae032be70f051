// SPDX-License-Identifier: GPL-2.0
/* What a rollout shows: numbers, names, pending ops. */
#include "core/rollout_internal.h"

bool fth_rollout_pending(const struct fth_rollout *rollout, uint32_t vm_index,
			 struct fth_rollout_action *ret_action)
{
	const struct fth_rollout_vm *vm = &rollout->vms[vm_index];

	if (!vm->op)
		return false;
	/* Once recalled, an op outward only waits to be turned round. */
	if (!fth_rollout_is_forward(rollout) && vm->op != FTH_OP_REVERSE &&
	    vm->op != FTH_OP_UNSTAGE)
		return false;
	memset(ret_action, 0, sizeof(*ret_action));
	ret_action->kind = FTH_RA_SEND;
	ret_action->op = vm->op;
	ret_action->op_id = vm->op_id;
	ret_action->vm_index = vm_index;
	return true;
}

const struct fth_rollout_vm *fth_rollout_find(const struct fth_rollout *rollout, const char *name)
{
	uint32_t at = fth_index_find(rollout, FTH_INDEX_VM, name);

	return at == FTH_VM_NONE ? NULL : &rollout->vms[at];
}

static void count_vm(const struct fth_rollout_vm *vm, struct fth_rollout_counts *counts)
{
	switch (vm->state) {
	case FTH_RV_WAITING:
		counts->waiting++;
		break;
	case FTH_RV_DEFERRED:
		counts->deferred++;
		break;
	case FTH_RV_SOAKING:
		counts->soaking++;
		break;
	case FTH_RV_DONE:
		counts->done++;
		break;
	case FTH_RV_FAILED:
		counts->failed++;
		break;
	case FTH_RV_REVERSED:
		counts->reversed++;
		break;
	case FTH_RV_SKIPPED:
		counts->skipped++;
		break;
	case FTH_RV_FORGOTTEN:
		counts->forgotten++;
		break;
	default:
		counts->in_flight++;
	}
}

void fth_rollout_count(const struct fth_rollout *rollout, struct fth_rollout_counts *ret_counts)
{
	const struct fth_rollout_vm *vm;
	uint32_t i;

	memset(ret_counts, 0, sizeof(*ret_counts));
	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		count_vm(vm, ret_counts);
		ret_counts->unknown += vm->state == FTH_RV_UNKNOWN;
		ret_counts->inconclusive += vm->inconclusive;
	}
	ret_counts->total = rollout->vm_count;
}

bool fth_rollout_terminal(const struct fth_rollout *rollout)
{
	switch (rollout->phase) {
	case FTH_RO_COMPLETE:
		return !rollout->wake_at_ms;
	case FTH_RO_REVERSED:
	case FTH_RO_STUCK:
	case FTH_RO_ABORTED:
		return true;
	default:
		return false;
	}
}

/* A table's name for a number, "?" beyond the table or in its gaps. */
static const char *name_of(const char *const *names, uint32_t count, uint32_t number)
{
	return number < count && names[number] ? names[number] : "?";
}

#define NAME_OF(names, number) name_of(names, sizeof(names) / sizeof(*(names)), number)

const char *fth_rollout_phase_name(uint8_t phase)
{
	static const char *const names[] = {
		[FTH_RO_NEW] = "new",
		[FTH_RO_RUNNING] = "running",
		[FTH_RO_SOAKING] = "soaking",
		[FTH_RO_GATED] = "gated",
		[FTH_RO_PAUSED] = "paused",
		[FTH_RO_COMPLETE] = "complete",
		[FTH_RO_REVERSING] = "reversing",
		[FTH_RO_REVERSED] = "reversed",
		[FTH_RO_STUCK] = "stuck",
		[FTH_RO_ABORTING] = "aborting",
		[FTH_RO_ABORTED] = "aborted",
	};

	return NAME_OF(names, phase);
}

const char *fth_rollout_vm_state_name(uint8_t state)
{
	static const char *const names[] = {
		[FTH_RV_WAITING] = "waiting",	  [FTH_RV_DEFERRED] = "deferred",
		[FTH_RV_STAGING] = "staging",	  [FTH_RV_APPLYING] = "applying",
		[FTH_RV_SOAKING] = "soaking",	  [FTH_RV_CONFIRMING] = "confirming",
		[FTH_RV_DONE] = "done",		  [FTH_RV_FAILED] = "failed",
		[FTH_RV_UNKNOWN] = "unknown",	  [FTH_RV_REVERSING] = "reversing",
		[FTH_RV_UNSTAGING] = "unstaging", [FTH_RV_REVERSED] = "reversed",
		[FTH_RV_SKIPPED] = "skipped",	  [FTH_RV_FORGOTTEN] = "forgotten",
	};

	return NAME_OF(names, state);
}

const char *fth_op_name(uint8_t op)
{
	static const char *const names[] = {
		[FTH_OP_STAGE] = "stage",     [FTH_OP_APPLY] = "apply",
		[FTH_OP_CONFIRM] = "confirm", [FTH_OP_REVERSE] = "reverse",
		[FTH_OP_UNSTAGE] = "unstage",
	};

	return NAME_OF(names, op);
}
