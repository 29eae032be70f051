// SPDX-License-Identifier: GPL-2.0
/*
 * What people were told: a verb that was answered with 200 holds, whatever comes after.
 *
 * DESIGN
 * Kept beside the agent, of answers alone.  After a pause nothing is begun until
 * somebody says otherwise, after an abort nothing any more, after a recall nobody gets
 * that payload before it is allowed again; who was forgotten is in no rollout until it
 * comes back; and each verb stands in the history once.  A
 * verb whose answer never came (the agent died, the journal could not be written) may
 * have been carried out or not.
 */
#include <stdio.h>
#include <string.h>

#include "app/agent.h"
#include "check.h"

#define ROLLOUTS_MAX 16u

/**
 * struct hand - what people were told of one rollout
 * @paused, @aborted, @back: ... and nobody said otherwise since
 * @from: an op of this number or a later one was begun after that
 * @told: how often each verb was carried out
 * @unsure: verbs of which nobody knows
 */
struct hand {
	bool paused;
	bool aborted;
	bool back;
	uint32_t from;
	uint32_t told[SIM_VERBS];
	uint32_t unsure;
};

static struct hand hands[ROLLOUTS_MAX]; /* by id - 1 */
static bool recalled[SIM_PAYLOADS];

static const char *const names[SIM_VERBS] = {
	[SIM_V_PAUSE] = "pause", [SIM_V_RESUME] = "resume",   [SIM_V_PROMOTE] = "promote",
	[SIM_V_ABORT] = "abort", [SIM_V_REVERSE] = "reverse", [SIM_V_RECALL] = "recall",
	[SIM_V_UNDO] = "undo",	 [SIM_V_FORGET] = "forget",
};

const char *sim_verb_name(uint8_t verb)
{
	return verb < SIM_VERBS ? names[verb] : "?";
}

void sim_hand_init(void)
{
	memset(hands, 0, sizeof(hands));
	memset(recalled, 0, sizeof(recalled));
}

static struct hand *hand_of(uint64_t rollout)
{
	return rollout && rollout <= ROLLOUTS_MAX ? &hands[rollout - 1] : NULL;
}

/* Nothing came of it, as far as the answer goes. */
static bool is_refusal(int status)
{
	return status == 400 || status == 404 || status == 409;
}

static void note_told(struct hand *hand, enum sim_verb verb, uint64_t rollout)
{
	const struct fth_live *live = fth_live_find(sim.agent, rollout);

	sim.seen.verbs |= 1ull << verb;
	hand->told[verb]++;
	hand->paused = verb == SIM_V_PAUSE;
	hand->aborted = verb == SIM_V_ABORT;
	hand->back |= verb >= SIM_V_REVERSE;
	hand->from = live ? live->rollout->next_op : UINT32_MAX;
	if (live && verb == SIM_V_RECALL)
		recalled[sim_payload_number(live->rollout->policy.sha256)] = true;
}

int sim_hand_verb(uint64_t rollout, enum sim_verb verb)
{
	struct hand *hand = hand_of(rollout);
	struct hand before;
	char path[64];
	int status;

	if (!hand)
		return 0;
	/* What it allows may be sent before it is answered. */
	before = *hand;
	hand->paused &= verb == SIM_V_PAUSE;
	hand->aborted = false;
	snprintf(path, sizeof(path), "/v1/rollouts/%llu/%s", (unsigned long long)rollout,
		 names[verb]);
	status = sim_agent_post(path, "{\"why\": \"the simulator's\"}");
	if (status == 200 && !sim.dead)
		note_told(hand, verb, rollout);
	else if (status && (sim.dead || !is_refusal(status)))
		hand->unsure++;
	else
		*hand = before;
	return status;
}

void sim_hand_allow_all(void)
{
	if (sim_agent_post("/v1/allow", "{\"patch\": \"" SIM_PATCH "\"}"))
		memset(recalled, 0, sizeof(recalled));
}

static int find_forget(void *context, const struct fth_store_history *row)
{
	if (!strcmp(row->kind, "verb") && !strcmp(row->what, names[SIM_V_FORGET]))
		*(bool *)context = true;
	return 0;
}

static void check_forgotten(const char *name)
{
	const struct fth_rollout_vm *vm;
	bool is_told = false;
	uint32_t i;

	for (i = 0; i < sim.agent->live_count; i++) {
		vm = fth_rollout_find(sim.agent->lives[i]->rollout, name);
		if (vm && fth_live_is_told(sim.agent->lives[i]) && vm->state != FTH_RV_FORGOTTEN)
			sim_fail(
				"invariant 9: '%s' is %s in rollout %llu after people were told that it is forgotten",
				name, fth_rollout_vm_state_name(vm->state),
				(unsigned long long)sim.agent->lives[i]->rollout->id);
	}
	if (!fth_store_each_history(sim.agent->store, name, 0, find_forget, &is_told) && !is_told)
		sim_fail("invariant 9: '%s' was forgotten, and its history has no word of it",
			 name);
}

void sim_hand_forget(const char *name)
{
	char path[64 + FTH_VM_NAME_MAX];

	snprintf(path, sizeof(path), "/v1/vms/%s/forget", name);
	if (sim_agent_post(path, "{\"why\": \"the simulator's\"}") != 200 || sim.dead)
		return;
	sim.seen.verbs |= 1ull << SIM_V_FORGET;
	check_forgotten(name);
}

/* Another domain has its name, or its place under a name of its own. */
static bool is_replaced(const struct fth_rollout_vm *vm)
{
	char name[SIM_NAME_MAX];

	sim_vm_name(&sim.vms[sim_check_number(vm)], name);
	return vm->state != FTH_RV_FORGOTTEN && strcmp(vm->name, name) != 0;
}

void sim_hand_forget_replaced(void)
{
	char name[FTH_VM_NAME_MAX + 1];
	const struct fth_rollout *rollout;
	uint32_t i, k;

	for (i = 0; sim.agent && !sim.dead && i < sim.agent->live_count; i++) {
		rollout = sim.agent->lives[i]->rollout;
		for (k = 0; sim.agent && !sim.dead && k < rollout->vm_count; k++) {
			snprintf(name, sizeof(name), "%s", rollout->vms[k].name);
			if (is_replaced(&rollout->vms[k]))
				sim_hand_forget(name);
		}
	}
}

int sim_hand_begin_with(uint8_t payload)
{
	int status;

	sim.payload = payload;
	status = sim_agent_begin_rollout();
	if (status == 201 && !sim.dead && recalled[payload])
		sim_fail("invariant 4: a rollout begins with what was recalled and not allowed");
	return status;
}

int sim_hand_begin(void)
{
	return sim_hand_begin_with(
		sim.has_second ? (uint8_t)sim_random(SIM_RANDOM_SECOND, SIM_PAYLOADS) : 0);
}

void sim_hand_check_sent(const struct sim_vm *vm, const struct fth_rollout *rollout, uint8_t op,
			 uint32_t number)
{
	const struct hand *hand = hand_of(rollout->id);

	if (!hand || op > FTH_OP_CONFIRM)
		return;
	if (hand->back ||
	    (recalled[sim_payload_number(rollout->policy.sha256)] && op <= FTH_OP_APPLY))
		sim_fail("invariant 4: %s sent to vm-%u after people were told that it goes back",
			 fth_op_name(op), vm->index);
	if ((hand->paused || hand->aborted) && op == FTH_OP_STAGE && number >= hand->from)
		sim_fail("invariant 9: %s begun at vm-%u after people were told of %s",
			 fth_op_name(op), vm->index, hand->paused ? "a pause" : "an abort");
}

struct counts {
	uint32_t all;
	uint32_t rows[SIM_VERBS];
};

static int count_row(void *context, const struct fth_store_history *row)
{
	struct counts *counts = context;
	uint32_t i;

	counts->all++;
	for (i = 0; i < SIM_VERBS && !strcmp(row->kind, "verb"); i++)
		counts->rows[i] += !strcmp(row->what, names[i]);
	return 0;
}

static void check_rollout(uint64_t rollout, const struct hand *hand)
{
	uint32_t told[SIM_VERBS], i;
	struct counts counts = { 0 };

	if (fth_store_each_history(sim.agent->store, NULL, rollout, count_row, &counts))
		return;
	if (counts.all == FTH_STORE_HISTORY_WALK_MAX)
		return; /* a large fleet's is longer than what is given of it */
	memcpy(told, hand->told, sizeof(told));
	told[SIM_V_REVERSE] += told[SIM_V_UNDO]; /* so it stands there */
	told[SIM_V_UNDO] = 0;
	for (i = 0; i < SIM_V_FORGET; i++)
		if (counts.rows[i] < told[i] || counts.rows[i] > told[i] + hand->unsure)
			sim_fail(
				"invariant 9: rollout %llu: people were told of '%s' %u times (%u verbs unsure), the history has it %u times",
				(unsigned long long)rollout, names[i], told[i], hand->unsure,
				counts.rows[i]);
}

void sim_hand_check_history(void)
{
	uint32_t i;

	for (i = 0; i < ROLLOUTS_MAX && sim.agent && i < sim.agent->live_count; i++)
		check_rollout(i + 1, &hands[i]);
}
