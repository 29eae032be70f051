// SPDX-License-Identifier: GPL-2.0
/* replay(journal) → rollouts: at the start, and when a write failed. */
#include <stdio.h>
#include <stdlib.h>

#include "app/agent.h"
#include "core/journal.h"
#include "io/log.h"
#include "io/policy_yaml.h"

struct replay {
	struct fth_agent *agent;
	struct fth_live *live;
	struct fth_rollout_event event;
	uint64_t events;
};

static void drop_policy(struct fth_policy **policy)
{
	free(*policy);
}

static int take_event(void *context, const uint8_t *record, uint32_t length)
{
	struct replay *replay = context;
	struct fth_rollout_actions actions = {
		.max = FTH_ROLLOUT_ACTIONS_MAX, /* as when it was live */
		.entries = replay->agent->actions,
	};
	int error = fth_journal_decode(record, length, &replay->event);

	replay->events++;
	if (!error)
		error = fth_rollout_step(replay->live->rollout, &replay->event, &actions);
	if (error) {
		fth_log(FTH_LOG_ERROR,
			"rollout %llu: event %llu of the journal: %s; is it another version's?",
			(unsigned long long)replay->live->rollout->id,
			(unsigned long long)replay->events, strerror(-error));
		return error;
	}
	replay->live->last_ms = replay->event.now_ms;
	return 0;
}

static int run_events(struct fth_live *live)
{
	struct replay replay = { .agent = live->agent, .live = live };

	return fth_store_each_event(live->agent->store, live->rollout->id, take_event, &replay);
}

static int replay_events(struct fth_live *live)
{
	int error = run_events(live);

	if (error)
		return error;
	live->stored = true;
	live->uncommitted = false;
	if (live->last_ms > live->agent->now_ms)
		live->agent->now_ms = live->last_ms;
	return 0;
}

static int bind_guests(struct fth_live *live)
{
	return fth_live_keeps_names(live) ? fth_live_bind_all(live) : 0;
}

static int take_rollout(void *context, const struct fth_store_rollout *row)
{
	__attribute__((cleanup(drop_policy))) struct fth_policy *policy = malloc(sizeof(*policy));
	struct fth_agent *agent = context;
	char why[FTH_POLICY_ERROR_MAX];
	struct fth_live *live;

	if (!policy)
		return -ENOMEM;
	/* What has no bytes has no address either. */
	if (fth_policy_yaml_parse_kept(row->text.length ? (const char *)row->text.data : "",
				       row->text.length, row->path, policy, why, sizeof(why))) {
		fth_log(FTH_LOG_ERROR, "rollout %llu: its policy was fine once: %s",
			(unsigned long long)row->id, why);
		return -EINVAL;
	}
	if (row->leave) {
		policy->guest.leave = row->leave;
		policy->guest.switches = row->switches;
	}
	memset(&policy->kernels, 0, sizeof(policy->kernels));
	policy->kernels.count = 1;
	snprintf(policy->kernels.entries[0].text, sizeof(policy->kernels.entries[0].text), "%s",
		 row->release);
	policy->has_sha256 = true;
	memcpy(policy->sha256, row->sha256, FTH_SHA256_SIZE);
	if (agent->live_count == FTH_AGENT_LIVE_MAX || !row->vm_max ||
	    row->vm_max > FTH_ROLLOUT_VMS_MAX)
		return -EINVAL;
	live = fth_live_new(agent, row->id, row->seed, row->vm_max, policy, row->path);
	if (!live)
		return -ENOMEM;
	agent->lives[agent->live_count++] = live;
	return 0;
}

struct verdicts {
	struct fth_agent *agent;
	void (*take)(void *context, uint64_t id, int error);
	void *context;
};

static int judge_rollout(void *context, const struct fth_store_rollout *row)
{
	struct verdicts *verdicts = context;
	struct fth_agent *agent = verdicts->agent;
	struct fth_live *live;
	int error = take_rollout(agent, row);

	if (!error) {
		live = agent->lives[--agent->live_count];
		error = run_events(live);
		fth_live_free(live);
	}
	verdicts->take(verdicts->context, row->id, error);
	return 0;
}

int fth_replay_check(struct fth_agent *agent, void (*take)(void *context, uint64_t id, int error),
		     void *context)
{
	struct verdicts verdicts = { agent, take, context };

	return fth_store_each_rollout(agent->store, judge_rollout, &verdicts);
}

/* A row that only says which uuid the VM has. */
static const uint8_t unheard[FTH_UUID_SIZE];

static int take_vm(void *context, const struct fth_store_vm *vm)
{
	struct fth_guest *guest = fth_guest_find(context, vm->name);

	if (!guest)
		return 0; /* of no rollout any more */
	memcpy(guest->boot_id, vm->boot_id, sizeof(guest->boot_id));
	memcpy(guest->id, vm->uuid, sizeof(guest->id));
	guest->has_id = vm->has_uuid;
	guest->uptime_ms = vm->uptime_ms;
	guest->remembered = memcmp(vm->boot_id, unheard, sizeof(unheard)) != 0;
	return 0;
}

static void load_payload(struct fth_live *live)
{
	char why[FTH_PAYLOAD_ERROR_MAX];

	if (live->superseded || live->rollout->phase == FTH_RO_REVERSED)
		return;
	if (fth_cache_load(live->agent->state_folder, live->rollout->policy.sha256,
			   live->rollout->id, &live->payload, why, sizeof(why)))
		fth_log(FTH_LOG_ERROR, "rollout %llu: %s; what is not staged yet will fail",
			(unsigned long long)live->rollout->id, why);
}

int fth_replay_all(struct fth_agent *agent)
{
	uint32_t i;
	int error = fth_store_each_rollout(agent->store, take_rollout, agent);

	for (i = 0; !error && i < agent->live_count; i++) {
		error = replay_events(agent->lives[i]);
		agent->lives[i]->jump_base_ms -= agent->lives[i]->rollout->jumped_ms;
	}
	fth_live_rank(agent);
	for (i = 0; !error && i < agent->live_count; i++)
		error = bind_guests(agent->lives[i]);
	if (error)
		return error;
	for (i = 0; i < agent->live_count; i++)
		load_payload(agent->lives[i]);
	return fth_store_each_vm(agent->store, take_vm, agent);
}

int fth_replay_again(struct fth_live *live)
{
	__attribute__((cleanup(drop_policy))) struct fth_policy *policy = malloc(sizeof(*policy));
	struct fth_rollout *rollout = live->rollout;
	int error;

	if (!policy)
		return -ENOMEM;
	fth_policy_copy(policy, &rollout->policy);
	fth_live_unbind_all(live);
	fth_rollout_init(rollout, rollout->id, policy, rollout->seed, live->vms, live->slots,
			 rollout->vm_max);
	error = replay_events(live);
	fth_live_rank(live->agent);
	return error ? error : bind_guests(live);
}
