// SPDX-License-Identifier: GPL-2.0
/*
 * The invariants of a rollout, after every step and every frame.
 *
 * DESIGN
 * A command may be on a wire only while the journal durably holds it as being in
 * flight (check_journal.c).  Budgets are counted from the VMs themselves, belief is
 * compared with the guests.  A guest that lies, or ever did in this run, is not judged.
 *
 * The agent's functions named __wrap_* are called by it in place of its own (ld's
 * --wrap), which are called from here.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent.h"
#include "check.h"
#include "core/rollout_internal.h"
#include "../unit/core_agenda.h"

#define BUDGET_EVERY_VMS 256u
#define AGENDA_EVERY 8u /* steps */

/* ---- after each step */

static void check_limit(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
			uint32_t limit, char by)
{
	const struct fth_rollout_vm *other;
	uint32_t count = 0, i;

	for (i = 0; limit && i < rollout->vm_count; i++) {
		other = &rollout->vms[i];
		if (other->op && (by != 'h' || !strcmp(other->host, vm->host)) &&
		    (by != 'g' || !strcmp(other->group, vm->group)))
			count++;
	}
	if (limit && count > limit)
		sim_fail(
			"invariant 1: rollout %llu has %u VMs in flight, allowed are %u (%s of '%s')",
			(unsigned long long)rollout->id, count, limit,
			by == 'h'   ? "host"
			: by == 'g' ? "group"
				    : "fleet",
			vm->name);
}

static bool is_recall(const struct fth_rollout *rollout)
{
	return rollout->phase == FTH_RO_REVERSING || rollout->phase == FTH_RO_REVERSED ||
	       rollout->phase == FTH_RO_STUCK;
}

static const struct fth_rollout_vm *vm_of(const struct fth_rollout *rollout,
					  const struct fth_rollout_action *action)
{
	return &rollout->vms[action->vm_index];
}

/* Only who is sent something new can be one too many. */
static void check_budgets(const struct fth_rollout *rollout,
			  const struct fth_rollout_actions *actions)
{
	const struct fth_in_flight *limits = is_recall(rollout) ? &rollout->policy.recall_in_flight
								: &rollout->policy.in_flight;
	const struct fth_rollout_action *action;
	char why[FTH_WHY_MAX];
	uint32_t i, checked = 0;
	bool spent;

	spent = !is_recall(rollout) && fth_budget_spent(rollout, why);
	for (i = 0; i < actions->count && checked < 3; i++) {
		action = &actions->entries[i];
		if (action->kind != FTH_RA_SEND || vm_of(rollout, action)->state == FTH_RV_UNKNOWN)
			continue;
		checked++;
		check_limit(rollout, vm_of(rollout, action), limits->fleet, 'f');
		check_limit(rollout, vm_of(rollout, action), limits->host, 'h');
		if (vm_of(rollout, action)->group[0])
			check_limit(rollout, vm_of(rollout, action), limits->group, 'g');
		if (action->op <= FTH_OP_APPLY && (spent || fth_rollout_is_aborted(rollout)))
			sim_fail("invariant 1: rollout %llu sends %s to '%s' %s (%s)",
				 (unsigned long long)rollout->id, fth_op_name(action->op),
				 vm_of(rollout, action)->name,
				 spent ? "on a spent budget" : "after its abort",
				 spent ? why : rollout->why);
	}
	if (spent && (rollout->phase == FTH_RO_RUNNING || rollout->phase == FTH_RO_SOAKING ||
		      rollout->phase == FTH_RO_GATED || rollout->phase == FTH_RO_COMPLETE))
		sim_fail("invariant 1: rollout %llu is %s on a spent budget (%s)",
			 (unsigned long long)rollout->id, fth_rollout_phase_name(rollout->phase),
			 why);
}

/* What people are shown: each VM is in one column. */
static void check_shown(const struct fth_rollout *rollout)
{
	struct fth_rollout_counts counts;

	fth_rollout_count(rollout, &counts);
	if (counts.waiting + counts.deferred + counts.in_flight + counts.soaking + counts.done +
			    counts.failed + counts.reversed + counts.skipped + counts.forgotten !=
		    counts.total ||
	    counts.in_flight != rollout->in_flight)
		sim_fail("invariant 1: what is shown of rollout %llu does not add up",
			 (unsigned long long)rollout->id);
}

static void check_counts(const struct fth_rollout *rollout)
{
	uint32_t inconclusive = 0, in_flight = 0, i;
	uint32_t failures = rollout->past_failures, tried = rollout->past_tried;
	const struct fth_rollout_vm *vm;

	for (i = 0; i < rollout->vm_count; i++) {
		vm = &rollout->vms[i];
		in_flight += vm->op != 0;
		failures += vm->failure_counted;
		inconclusive += vm->inconclusive && !vm->excused;
		tried += vm->tried;
		if ((fth_op_is_forward(vm->op) || vm->failure_counted || vm->inconclusive) &&
		    !vm->tried)
			sim_fail("invariant 1: '%s' was patched and does not count as tried",
				 vm->name);
	}
	if (in_flight != rollout->in_flight || failures != rollout->failures ||
	    inconclusive != rollout->inconclusive || tried != rollout->tried)
		sim_fail(
			"invariant 1: rollout %llu counts %u in flight, %u failed, %u inconclusive, %u tried; its VMs are %u, %u, %u, %u",
			(unsigned long long)rollout->id, rollout->in_flight, rollout->failures,
			rollout->inconclusive, rollout->tried, in_flight, failures, inconclusive,
			tried);
	check_shown(rollout);
}

static const struct fth_rollout_vm *find_vm(const struct fth_rollout *rollout, const char *name)
{
	uint32_t at = *name ? fth_index_find(rollout, FTH_INDEX_VM, name) : FTH_VM_NONE;

	return at == FTH_VM_NONE ? NULL : &rollout->vms[at];
}

/* What is believed of a guest it was once; and its newest word is what is believed. */
static void check_belief(const struct fth_rollout *rollout, const struct fth_rollout_event *event)
{
	const struct fth_rollout_vm *vm = find_vm(rollout, event->vm);
	const struct sim_vm *truth;

	if (!vm)
		return;
	truth = &sim.vms[sim_check_number(vm)];
	if (event->kind == FTH_RE_SEEN && vm->guest_state != event->guest_state)
		sim_fail("invariant 5: '%s' says it is %s, the rollout believes %s", vm->name,
			 fth_lifecycle_name(event->guest_state),
			 fth_lifecycle_name(vm->guest_state));
	if (vm->seen && !truth->lied && !(truth->guest.reached >> vm->guest_state & 1))
		sim_fail("invariant 5: '%s' is believed to be %s, which it never was", vm->name,
			 fth_lifecycle_name(vm->guest_state));
	if (vm->state == FTH_RV_DONE && !truth->lied &&
	    !(truth->guest.applied >> sim_payload_number(rollout->policy.sha256) & 1))
		sim_fail("invariant 5: '%s' is done, and never was applied", vm->name);
}

/* What it counts as it goes is what counting anew gives. */
static void check_agenda(const struct fth_rollout *rollout, const struct fth_rollout_event *event,
			 const struct fth_rollout_actions *actions)
{
	char why[AGENDA_WHY_MAX];

	if (rollout->vm_max > AGENDA_VMS_MAX || actions->count == actions->max ||
	    sim.steps % AGENDA_EVERY || sim_broken(SIM_BREAK_BUDGET))
		return;
	if (!agenda_check(rollout, event->now_ms, why))
		sim_fail("invariant 1: rollout %llu's counts: %s", (unsigned long long)rollout->id,
			 why);
}

static void note_seen(const struct fth_rollout *rollout, const struct fth_rollout_event *event,
		      const struct fth_rollout_actions *actions)
{
	const struct fth_rollout_vm *vm = find_vm(rollout, event->vm);
	uint32_t i;

	sim.seen.phases |= 1ull << rollout->phase;
	sim.seen.events |= 1ull << event->kind;
	if (event->kind == FTH_RE_RESULT)
		sim.seen.codes |= 1ull << (event->code & 63);
	if (vm)
		sim.seen.vm_states |= 1ull << vm->state;
	for (i = 0; i < actions->count; i++)
		if (actions->entries[i].kind == FTH_RA_SEND)
			sim.seen.vm_states |= 1ull << vm_of(rollout, &actions->entries[i])->state;
}

int __wrap_fth_rollout_step(struct fth_rollout *rollout, const struct fth_rollout_event *event,
			    struct fth_rollout_actions *actions)
{
	int error = __real_fth_rollout_step(rollout, event, actions);

	if (sim.acting == SIM_OLD)
		return error; /* it has a journal and a fleet of its own */
	if (sim.replaying) {
		if (!error && !sim.dead)
			sim_check_replayed(rollout, event);
		return error;
	}
	sim.steps++;
	if (sim.dead || error)
		return error;
	sim_trace('E', event->kind, (uint64_t)rollout->phase << 32 | actions->count);
	note_seen(rollout, event, actions);
	check_belief(rollout, event);
	if (rollout->vm_count <= BUDGET_EVERY_VMS || sim.steps % (16 * rollout->vm_count) == 0) {
		check_counts(rollout);
		check_budgets(rollout, actions);
	}
	check_agenda(rollout, event, actions);
	if (sim_broken(SIM_BREAK_UNWRITTEN) && event->kind == FTH_RE_LOST)
		actions->changed = false;
	return error;
}

/* ---- what goes out */

static uint8_t op_of(uint8_t type)
{
	switch (type) {
	case FTH_T_STAGE:
		return FTH_OP_STAGE;
	case FTH_T_APPLY:
		return FTH_OP_APPLY;
	case FTH_T_CONFIRM:
		return FTH_OP_CONFIRM;
	case FTH_T_REVERSE:
		return FTH_OP_REVERSE;
	case FTH_T_UNSTAGE:
		return FTH_OP_UNSTAGE;
	default:
		return 0;
	}
}

static void check_blocked(const struct fth_rollout *rollout, const struct sim_vm *vm, uint8_t op)
{
	char name[SIM_NAME_MAX], why[FTH_WHY_MAX];

	if (op > FTH_OP_APPLY)
		return;
	sim_vm_name(vm, name);
	if (fth_store_is_blocked(sim.agent->store, name, rollout->policy.sha256, SIM_PATCH, why,
				 sizeof(why)))
		sim_fail("invariant 4: %s sent to vm-%u, which is blocked (%s)", fth_op_name(op),
			 vm->index, why);
}

void sim_check_sent(struct sim_vm *vm, const uint8_t *frame, uint32_t length)
{
	struct fth_wire_header header;
	const struct fth_rollout *rollout;
	const struct fth_rollout_vm *believed;
	char name[SIM_NAME_MAX];
	uint64_t op_id;
	uint8_t op;

	if (length < sizeof(header) || !sim.agent || sim.acting == SIM_OLD)
		return;
	memcpy(&header, frame, sizeof(header));
	op = op_of(header.type);
	if (!op || header.op_id >> 63)
		return; /* no command of a rollout */
	op_id = header.op_id ^ sim.agent->salt;
	rollout = sim_check_durable(op_id >> 32);
	sim_vm_name(vm, name);
	believed = rollout ? find_vm(rollout, name) : NULL;
	if (rollout && is_recall(rollout) && op <= FTH_OP_CONFIRM) {
		sim_fail("invariant 4: %s sent to vm-%u after the recall was journalled",
			 fth_op_name(op), vm->index);
		return;
	}
	if (!believed || believed->op_id != op_id || believed->op != op) {
		sim_fail(
			"invariant 2: %s (op %llx) sent to vm-%u; the journal holds %s of op %llx for it",
			fth_op_name(op), (unsigned long long)op_id, vm->index,
			believed && believed->op ? fth_op_name(believed->op) : "nothing",
			(unsigned long long)(believed ? believed->op_id : 0));
		return;
	}
	check_blocked(rollout, vm, op);
	sim_hand_check_sent(vm, rollout, op, (uint32_t)op_id);
}

/* ---- agents, one after the other */

void sim_check_epoch(uint64_t epoch)
{
	if (epoch <= sim.epoch_max)
		sim_fail("invariant 8: an agent begins with epoch %llu, one before had %llu",
			 (unsigned long long)epoch, (unsigned long long)sim.epoch_max);
	sim.epoch_max = epoch;
}

static bool is_of_old(uint64_t epoch)
{
	return sim.old_agent && epoch == sim.old_agent->epoch;
}

void sim_check_heard(struct sim_vm *vm, uint64_t epoch)
{
	struct sim_guest *guest = &vm->guest;

	if (is_of_old(epoch) && epoch < guest->heard_epoch)
		sim.seen.old |= 1u << SIM_OLD_GREETED;
	if (epoch > guest->heard_epoch)
		guest->heard_epoch = epoch;
}

void sim_check_command(struct sim_vm *vm, uint64_t epoch, bool obeyed)
{
	if (is_of_old(epoch))
		sim.seen.old |= 1u << (obeyed ? SIM_OLD_OBEYED : SIM_OLD_REFUSED);
	if (obeyed && epoch < vm->guest.heard_epoch)
		sim_fail(
			"invariant 8: vm-%u obeys an agent of epoch %llu after it heard of one of %llu",
			vm->index, (unsigned long long)epoch,
			(unsigned long long)vm->guest.heard_epoch);
	sim_check_heard(vm, epoch);
}

/* ---- at starts, and at the end */

void sim_check_confirm_timers(void)
{
	const struct sim_guest *guest;
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++) {
		guest = &sim.vms[i].guest;
		if (!sim.vms[i].running || sim.vms[i].lied)
			continue;
		if (guest->state == FTH_LC_SOAKING && guest->confirm_by_us &&
		    sim.now_us > guest->confirm_by_us + SIM_S)
			sim_fail("invariant 7: vm-%u still has its patch, which nobody confirmed",
				 i);
		if (guest->confirmed && guest->state != FTH_LC_APPLIED)
			sim_fail("invariant 7: vm-%u took a patch back that was confirmed", i);
	}
}

/* It could go, and nobody starts it. */
static bool is_forgotten(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm)
{
	if (rollout->phase != FTH_RO_COMPLETE || vm->wave >= rollout->policy.wave_count)
		return false;
	return vm->state == FTH_RV_DEFERRED || (vm->state == FTH_RV_WAITING && !vm->blocked);
}

/* What the rollout says of it is what the guest is. */
static bool agrees(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		   const struct sim_guest *guest)
{
	uint8_t ours = sim_guest_ours(guest, rollout->policy.sha256);

	if (vm->guest_state != guest->state)
		return false;
	if (vm->state == FTH_RV_DONE)
		return ours == FTH_LC_APPLIED;
	if (vm->state == FTH_RV_REVERSED)
		return ours == FTH_LC_ABSENT;
	return !is_recall(rollout) || ours < FTH_LC_APPLYING;
}

static bool vm_settled(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		       char *ret_why, size_t size)
{
	const struct sim_vm *truth = &sim.vms[sim_check_number(vm)];
	const struct sim_guest *guest = &truth->guest;

	if (!truth->running || !truth->exists || guest->lies || vm->state == FTH_RV_FORGOTTEN)
		return true;
	if (agrees(rollout, vm, guest) && !is_forgotten(rollout, vm))
		return true;
	snprintf(ret_why, size, "'%s' is %s, in rollout %llu (%s) it is %s and believed %s (%s)",
		 vm->name, fth_lifecycle_name(guest->state), (unsigned long long)rollout->id,
		 fth_rollout_phase_name(rollout->phase), fth_rollout_vm_state_name(vm->state),
		 fth_lifecycle_name(vm->guest_state), vm->why);
	return false;
}

/* What was taken back is nowhere, were it in a VM that is none of the rollout's. */
static bool is_nowhere(const struct fth_rollout *rollout, char *ret_why, size_t size)
{
	const struct fth_rollout_vm *vm;
	char name[SIM_NAME_MAX];
	uint32_t i;

	for (i = 0; is_recall(rollout) && i < sim.vm_count; i++) {
		if (!sim.vms[i].running || sim.vms[i].guest.lies ||
		    sim_guest_ours(&sim.vms[i].guest, rollout->policy.sha256) < FTH_LC_APPLYING)
			continue;
		sim_vm_name(&sim.vms[i], name);
		vm = find_vm(rollout, name);
		/* Behind the last wave it was not this rollout that brought it. */
		if (vm && vm->wave >= rollout->policy.wave_count && !rollout->recalled)
			continue;
		snprintf(ret_why, size, "'%s' is %s, and rollout %llu, which is %s, leaves it so",
			 name, fth_lifecycle_name(sim.vms[i].guest.state),
			 (unsigned long long)rollout->id, fth_rollout_phase_name(rollout->phase));
		return false;
	}
	return true;
}

bool sim_check_settled(char *ret_why, size_t size)
{
	const struct fth_rollout *rollout;
	const struct fth_live *live;
	uint32_t i, k;

	snprintf(ret_why, size, "the agent does not run, or can't write");
	if (!sim.agent || !sim.agent->store_ok)
		return false;
	for (i = 0; i < sim.agent->live_count; i++) {
		live = sim.agent->lives[i];
		rollout = live->rollout;
		if (!fth_live_is_told(live))
			continue;
		/* Nobody is away any more: no reason to be stuck. */
		if (!fth_rollout_terminal(rollout) || !live->synced ||
		    rollout->phase == FTH_RO_STUCK) {
			snprintf(ret_why, size, "rollout %llu is %s (%s), wave %u of %u",
				 (unsigned long long)rollout->id,
				 fth_rollout_phase_name(rollout->phase), rollout->why,
				 rollout->wave + 1, rollout->policy.wave_count);
			return false;
		}
		for (k = 0; k < rollout->vm_count; k++)
			if (!vm_settled(rollout, &rollout->vms[k], ret_why, size))
				return false;
		if (!is_nowhere(rollout, ret_why, size))
			return false;
	}
	return true;
}
