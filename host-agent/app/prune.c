// SPDX-License-Identifier: GPL-2.0
/*
 * Rollouts that leave the journal.
 *
 * DESIGN
 * One goes when nobody can need it any more: a newer one of the same patch name
 * stands in the journal, so that it can't be resumed or undone; nothing
 * happened in it for as long as the command line says; and it did not end STUCK, nor
 * is it on its way back, for then its list of VMs is all that tells who may still
 * run the patch.  The newest of each name stays, whatever its age, and so does one that was
 * recalled, as long as its payload is blocked: who comes back late, or out of an old snapshot,
 * is taken back by it.  Of these the newest FTH_AGENT_RECALLS_MAX stay: each has its list.
 *
 * History, blocks and incidents are no part of a rollout and stay; its number is
 * never given again.  The commit that prunes it is one of the journal's; its events
 * go in rounds behind that, so that no round takes long.
 */
#include <stdio.h>

#include "app/agent.h"
#include "io/log.h"

#define DAY_MS 86400000u

/* Does it go on taking back who comes with its payload? */
static bool is_recall(const struct fth_live *live)
{
	char why[FTH_WHY_MAX];

	return live->takes_back &&
	       fth_store_is_recalled(live->agent->store, live->rollout->policy.sha256, why,
				     sizeof(why));
}

static bool is_kept_recall(const struct fth_live *live)
{
	const struct fth_agent *agent = live->agent;
	uint32_t i = agent->live_count, newer = 0;

	if (!is_recall(live))
		return false;
	while (agent->lives[--i] != live)
		newer += is_recall(agent->lives[i]);
	return newer < FTH_AGENT_RECALLS_MAX;
}

static bool is_old(const struct fth_live *live)
{
	const struct fth_agent *agent = live->agent;

	return live->superseded && live->stored && !live->uncommitted &&
	       live->rollout->phase != FTH_RO_STUCK && live->rollout->phase != FTH_RO_REVERSING &&
	       live->last_ms + agent->keep_ms <= agent->now_ms && !is_kept_recall(live);
}

static int write_down(const struct fth_live *live)
{
	char why[FTH_WHY_MAX];
	const struct fth_store_history row = {
		.at_ms = live->agent->now_ms,
		.rollout = live->rollout->id,
		.patch = live->rollout->policy.name,
		.vm = "",
		.kind = "phase",
		.what = "pruned",
		.why = why,
		.who = "",
	};
	int error = fth_store_prune_rollout(live->agent->store, live->rollout->id);

	snprintf(why, sizeof(why),
		 "a newer one of this patch began, and nothing happened in it for %llu days; "
		 "it was %s%s",
		 (unsigned long long)(live->agent->now_ms - live->last_ms) / DAY_MS,
		 fth_rollout_phase_name(live->rollout->phase),
		 is_recall(live) ? ", and takes nobody back any more" : "");
	return error ? error : fth_store_add_history(live->agent->store, &row);
}

static void take_out(struct fth_agent *agent, uint32_t index)
{
	struct fth_live *live = agent->lives[index];
	const uint8_t *sha256 = live->rollout->policy.sha256;
	bool is_last = true;
	uint32_t i;

	agent->live_count--;
	for (i = index; i < agent->live_count; i++)
		agent->lives[i] = agent->lives[i + 1];
	for (i = 0; i < agent->live_count; i++)
		is_last &= memcmp(agent->lives[i]->rollout->policy.sha256, sha256,
				  FTH_SHA256_SIZE) != 0;
	fth_cache_drop(agent->state_folder, sha256, live->rollout->id, is_last);
	fth_log(FTH_LOG_NOTICE, "rollout %llu of '%s': pruned; its history stays",
		(unsigned long long)live->rollout->id, live->rollout->policy.name);
	fth_live_free(live);
}

/* Nothing else is in this transaction: its rollouts are let go of when it is durable. */
static int prune_old(struct fth_agent *agent)
{
	uint32_t i, count = 0;
	int error = 0;

	if (agent->dirty && fth_agent_flush(agent))
		return -EIO;
	for (i = 0; !error && i < agent->live_count; i++) {
		if (!is_old(agent->lives[i]))
			continue;
		count++;
		error = write_down(agent->lives[i]);
	}
	if (!error && count)
		error = fth_store_commit(agent->store);
	for (i = agent->live_count; !error && count && i-- > 0;)
		if (is_old(agent->lives[i]))
			take_out(agent, i);
	agent->prunes |= count;
	return error;
}

void fth_prune_turn(struct fth_agent *agent)
{
	int error = 0;

	if (!agent->store_ok)
		return;
	if (agent->keep_ms && agent->now_ms >= agent->prune_ms) {
		agent->prune_ms = agent->now_ms + FTH_AGENT_PRUNE_EVERY_MS;
		error = prune_old(agent);
	} else if (agent->prunes) {
		error = fth_store_prune_some(agent->store, FTH_AGENT_PRUNE_EVENTS, &agent->prunes);
		if (!error)
			fth_agent_mark(agent);
	}
	if (error && agent->store_ok)
		fth_agent_fail_store(agent, fth_store_why(agent->store));
}
