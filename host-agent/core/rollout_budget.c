// SPDX-License-Identifier: GPL-2.0
/* How much may be under way, and how much may go wrong. */
#include "core/rollout_internal.h"

#define PERCENT_TEXT_MAX 16u

/* What may be in flight; on the way back the recall's own. */
const struct fth_in_flight *fth_budget_limits(const struct fth_rollout *rollout)
{
	return fth_rollout_is_forward(rollout) ? &rollout->policy.in_flight
					       : &rollout->policy.recall_in_flight;
}

/* Does @budget, of @vm's fleet, host or group, allow one more? */
bool fth_budget_has_room(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
			 uint8_t budget)
{
	const struct fth_in_flight *limits = fth_budget_limits(rollout);
	const struct fth_rollout_vm *vms = rollout->vms;

	switch (budget) {
	case FTH_BUDGET_FLEET:
		return !limits->fleet || rollout->in_flight < limits->fleet;
	case FTH_BUDGET_HOST:
		return !limits->host || vms[vm->host_slot].host_in_flight < limits->host;
	default: /* a VM without a group has no limit of it */
		return !limits->group || !vm->group[0] ||
		       vms[vm->group_slot].group_in_flight < limits->group;
	}
}

/* Return: the first budget that does not let @vm be in flight, or NONE. */
uint8_t fth_budget_full(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	uint32_t budget;

	for (budget = FTH_BUDGET_FLEET; budget <= FTH_BUDGET_GROUP; budget++)
		if (!fth_budget_has_room(rollout, vm, (uint8_t)budget))
			return (uint8_t)budget;
	return FTH_BUDGET_NONE;
}

/* " (2%)", " (0.5%)", or nothing for a count. */
static void format_share(const struct fth_share *share, char *ret_text)
{
	uint32_t rest = share->value % 100;

	ret_text[0] = 0;
	if (!share->percent)
		return;
	if (!rest)
		fth_text_format(ret_text, PERCENT_TEXT_MAX, " (%u%%)", share->value / 100);
	else if (rest % 10)
		fth_text_format(ret_text, PERCENT_TEXT_MAX, " (%u.%s%u%%)", share->value / 100,
				rest < 10 ? "0" : "", rest);
	else
		fth_text_format(ret_text, PERCENT_TEXT_MAX, " (%u.%u%%)", share->value / 100,
				rest / 10);
}

/* @count of @tried, as the share of them that it is: where the limit is one too. */
static void format_measured(uint32_t count, uint32_t tried, const struct fth_share *limit,
			    char *ret_text)
{
	struct fth_share share = { .percent = limit->percent };

	share.value = (uint32_t)((uint64_t)count * 10000 / tried);
	format_share(&share, ret_text);
}

static bool over(uint32_t count, const struct fth_share *share, uint32_t tried, const char *what,
		 char *ret_why)
{
	uint32_t allowed = fth_share_of(share, tried);
	char measured[PERCENT_TEXT_MAX];
	char percent[PERCENT_TEXT_MAX];

	if (count <= allowed)
		return false;
	format_measured(count, tried, share, measured);
	format_share(share, percent);
	fth_text_format(ret_why, FTH_WHY_MAX, "%u of %u VMs tried %s%s, allowed are %u%s", count,
			tried, what, measured, allowed, percent);
	return true;
}

/*
 * A VM counts as tried from its first command on, or from when it fails or can't be told.  What
 * was found to have the patch says nothing of how this rollout fares: it would thin out the
 * failures of those that it patches.
 */
void fth_vm_tried(struct fth_rollout_run *run, struct fth_rollout_vm *vm)
{
	if (vm->tried)
		return;
	vm->tried = true;
	run->rollout->tried++;
	run->actions->changed = true;
}

/*
 * Shares are taken of the VMs that were tried, not of those that are still to
 * come: 2 of 4 that failed are a half, however large the fleet.
 * @ret_why has FTH_WHY_MAX bytes and is set when the budget is spent.
 */
bool fth_budget_spent(const struct fth_rollout *rollout, char *ret_why)
{
	const struct fth_policy *policy = &rollout->policy;

	return over(rollout->failures - rollout->failures_excused, &policy->failures_max,
		    rollout->tried,
		    rollout->failures_excused ? "failed since it was resumed" : "failed",
		    ret_why) ||
	       over(rollout->inconclusive, &policy->inconclusive_max, rollout->tried,
		    "are inconclusive", ret_why);
}
