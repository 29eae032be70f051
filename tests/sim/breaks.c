// SPDX-License-Identifier: GPL-2.0
/*
 * The agent, broken on purpose: would the simulator see it?
 *
 * DESIGN
 * Nothing of this is in the product: the functions below stand between two of its
 * files (ld's --wrap) and pass through unless the run asks to break that very thing.
 * tests/sim/broken_test.sh has each of them found.
 */
#include <string.h>

#include "app/agent.h"
#include "core/journal.h"
#include "core/rollout_internal.h"
#include "sim.h"

static const char *const names[SIM_BREAKS] = {
	[SIM_BREAK_BUDGET] = "budget",	     [SIM_BREAK_EARLY_SEND] = "early-send",
	[SIM_BREAK_NO_SYNC] = "no-sync",     [SIM_BREAK_RECORD] = "record",
	[SIM_BREAK_UNWRITTEN] = "unwritten", [SIM_BREAK_RECALL] = "recall",
	[SIM_BREAK_BLOCK] = "block",	     [SIM_BREAK_DEAF] = "deaf",
	[SIM_BREAK_ASLEEP] = "asleep",	     [SIM_BREAK_NO_TIMER] = "no-timer",
	[SIM_BREAK_FORGETS] = "forgets",     [SIM_BREAK_CHANCE] = "chance",
	[SIM_BREAK_EPOCH] = "epoch",	     [SIM_BREAK_OBEYS] = "obeys",
	[SIM_BREAK_PAUSE] = "pause",	     [SIM_BREAK_ANSWER] = "answer",
	[SIM_BREAK_ALLOWED] = "allowed",     [SIM_BREAK_FORGET] = "forget",
	[SIM_BREAK_STRAY] = "stray",	     [SIM_BREAK_EXCUSE] = "excuse",
	[SIM_BREAK_IN_WAY] = "in-way",
};

const char *sim_break_name(uint32_t number)
{
	return number < SIM_BREAKS ? names[number] : NULL;
}

uint8_t __real_fth_budget_full(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
uint8_t __wrap_fth_budget_full(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
uint8_t __wrap_fth_budget_full(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	return sim_broken(SIM_BREAK_BUDGET) ? FTH_BUDGET_NONE : __real_fth_budget_full(rollout, vm);
}

void __real_fth_executor_queue(struct fth_guest *guest);
void __wrap_fth_executor_queue(struct fth_guest *guest);
void __wrap_fth_executor_queue(struct fth_guest *guest)
{
	bool dirty = guest->agent->dirty;

	if (sim_broken(SIM_BREAK_EARLY_SEND) && guest->agent->store_ok) {
		guest->agent->dirty = false;
		fth_executor_pump(guest);
		guest->agent->dirty = dirty;
	}
	__real_fth_executor_queue(guest);
}

uint32_t __real_fth_journal_encode(const struct fth_rollout_event *event, uint8_t *buffer);
uint32_t __wrap_fth_journal_encode(const struct fth_rollout_event *event, uint8_t *buffer);
uint32_t __wrap_fth_journal_encode(const struct fth_rollout_event *event, uint8_t *buffer)
{
	struct fth_rollout_event less;

	if (!sim_broken(SIM_BREAK_RECORD) || event->kind != FTH_RE_SEEN)
		return __real_fth_journal_encode(event, buffer);
	less = *event;
	less.now_ms++;
	return __real_fth_journal_encode(&less, buffer);
}

bool __real_fth_rollout_pending(const struct fth_rollout *rollout, uint32_t vm_index,
				struct fth_rollout_action *ret_action);
bool __wrap_fth_rollout_pending(const struct fth_rollout *rollout, uint32_t vm_index,
				struct fth_rollout_action *ret_action);
bool __wrap_fth_rollout_pending(const struct fth_rollout *rollout, uint32_t vm_index,
				struct fth_rollout_action *ret_action)
{
	static struct fth_rollout_action last; /* outward */
	bool is_pending = __real_fth_rollout_pending(rollout, vm_index, ret_action);

	if (!sim_broken(SIM_BREAK_RECALL) || !is_pending)
		return is_pending;
	if (ret_action->op <= FTH_OP_APPLY)
		last = *ret_action;
	else if (rollout->phase == FTH_RO_REVERSING && last.op && last.vm_index == vm_index)
		*ret_action = last;
	return true;
}

void __real_fth_incident_fill(struct fth_agent *agent, const char *vm, const struct fth_live *live,
			      struct fth_rollout_event *event);
void __wrap_fth_incident_fill(struct fth_agent *agent, const char *vm, const struct fth_live *live,
			      struct fth_rollout_event *event);
void __wrap_fth_incident_fill(struct fth_agent *agent, const char *vm, const struct fth_live *live,
			      struct fth_rollout_event *event)
{
	__real_fth_incident_fill(agent, vm, live, event);
	if (sim_broken(SIM_BREAK_BLOCK))
		event->blocked = false;
}

void __real_fth_guest_fill_seen(struct fth_guest *guest, const struct fth_live *live,
				struct fth_rollout_event *event);
void __wrap_fth_guest_fill_seen(struct fth_guest *guest, const struct fth_live *live,
				struct fth_rollout_event *event);
void __wrap_fth_guest_fill_seen(struct fth_guest *guest, const struct fth_live *live,
				struct fth_rollout_event *event)
{
	const struct fth_rollout *rollout = live->rollout;
	uint32_t at;

	__real_fth_guest_fill_seen(guest, live, event);
	at = fth_index_find(rollout, FTH_INDEX_VM, guest->name);
	if (!sim_broken(SIM_BREAK_DEAF) || at == FTH_VM_NONE || !rollout->vms[at].seen)
		return;
	event->guest_state = rollout->vms[at].guest_state;
	event->sha256_matches = event->guest_state != FTH_LC_ABSENT;
	memcpy(event->boot_id, rollout->vms[at].boot_id, FTH_UUID_SIZE);
}

void __real_fth_live_tick_due(struct fth_agent *agent);
void __wrap_fth_live_tick_due(struct fth_agent *agent);
void __wrap_fth_live_tick_due(struct fth_agent *agent)
{
	if (!sim_broken(SIM_BREAK_ASLEEP))
		__real_fth_live_tick_due(agent);
}

int __real_fth_store_raise_epoch(struct fth_store *store, uint64_t *ret_epoch, uint64_t *ret_salt);
int __wrap_fth_store_raise_epoch(struct fth_store *store, uint64_t *ret_epoch, uint64_t *ret_salt);
int __wrap_fth_store_raise_epoch(struct fth_store *store, uint64_t *ret_epoch, uint64_t *ret_salt)
{
	int error = __real_fth_store_raise_epoch(store, ret_epoch, ret_salt);

	if (!error && sim_broken(SIM_BREAK_EPOCH) && sim.epoch_max)
		*ret_epoch = sim.epoch_max;
	return error;
}

int __real_fth_rollout_pause(struct fth_rollout_run *run);
int __wrap_fth_rollout_pause(struct fth_rollout_run *run);
int __wrap_fth_rollout_pause(struct fth_rollout_run *run)
{
	if (!sim_broken(SIM_BREAK_PAUSE))
		return __real_fth_rollout_pause(run);
	run->actions->changed = true;
	return 0;
}

int __real_fth_rollout_resume(struct fth_rollout_run *run);
int __wrap_fth_rollout_resume(struct fth_rollout_run *run);
int __wrap_fth_rollout_resume(struct fth_rollout_run *run)
{
	uint32_t inconclusive = run->rollout->inconclusive;
	int error = __real_fth_rollout_resume(run);

	if (sim_broken(SIM_BREAK_EXCUSE))
		run->rollout->inconclusive = inconclusive;
	return error;
}

int __real_fth_rollout_forget_vm(struct fth_rollout_run *run);
int __wrap_fth_rollout_forget_vm(struct fth_rollout_run *run);
int __wrap_fth_rollout_forget_vm(struct fth_rollout_run *run)
{
	if (!sim_broken(SIM_BREAK_FORGET))
		return __real_fth_rollout_forget_vm(run);
	run->actions->changed = true;
	return 0;
}

void __real_fth_live_take_back(struct fth_live *live, struct fth_guest *guest);
void __wrap_fth_live_take_back(struct fth_live *live, struct fth_guest *guest);
void __wrap_fth_live_take_back(struct fth_live *live, struct fth_guest *guest)
{
	if (!sim_broken(SIM_BREAK_STRAY))
		__real_fth_live_take_back(live, guest);
}

const struct fth_live *__real_fth_live_in_way(const struct fth_live *live, struct fth_guest *guest);
const struct fth_live *__wrap_fth_live_in_way(const struct fth_live *live, struct fth_guest *guest);
const struct fth_live *__wrap_fth_live_in_way(const struct fth_live *live, struct fth_guest *guest)
{
	return sim_broken(SIM_BREAK_IN_WAY) ? NULL : __real_fth_live_in_way(live, guest);
}

/* The timer's commit comes all the same, a little later. */
int __real_fth_agent_flush(struct fth_agent *agent);
int __wrap_fth_agent_flush(struct fth_agent *agent);
int __wrap_fth_agent_flush(struct fth_agent *agent)
{
	return sim_broken(SIM_BREAK_ANSWER) ? 0 : __real_fth_agent_flush(agent);
}

int __real_fth_store_add_block(struct fth_store *store, const struct fth_store_block *row,
			       bool renew);
int __wrap_fth_store_add_block(struct fth_store *store, const struct fth_store_block *row,
			       bool renew);
int __wrap_fth_store_add_block(struct fth_store *store, const struct fth_store_block *row,
			       bool renew)
{
	if (sim_broken(SIM_BREAK_ALLOWED) && !*row->vm)
		return 0;
	return __real_fth_store_add_block(store, row, renew);
}
