// SPDX-License-Identifier: GPL-2.0
/*
 * The patch's life in one guest: transitions, confirmation, emergencies.
 *
 * DESIGN
 * Which state follows which is fth_lifecycle_step()'s.  A transition is a time after
 * which it has ended, for better or worse.  What may end one: the last task, the
 * deadline (it turns round), a command the other way, an emergency.
 */
#include <stdio.h>
#include <string.h>

#include "sim.h"

#define TRANSITION_MAX_MS 200u

static void fire_guest(struct sim_due *due);

/* In all of it, or in some of its tasks. */
static bool runs_it(const struct sim_guest *guest)
{
	return guest->state >= FTH_LC_APPLYING;
}

static void note_pace(bool ended)
{
	struct sim_pace *pace = &sim.pace;

	pace->running += ended ? -1u : 1u;
	if (pace->recall_us && !pace->recall99_us && pace->running <= pace->patched / 100)
		pace->recall99_us = sim.now_us - pace->recall_us;
}

void sim_patch_set_state(struct sim_vm *vm, uint8_t event)
{
	struct sim_guest *guest = &vm->guest;
	bool ran = runs_it(guest);

	if (fth_lifecycle_step(guest->state, event, &guest->state)) {
		sim_fail("vm-%u: event %u is not possible in state '%s'", vm->index, event,
			 fth_lifecycle_name(guest->state));
		return;
	}
	guest->reached |= (uint8_t)(1u << guest->state);
	if (guest->state == FTH_LC_APPLIED)
		guest->applied |= (uint8_t)(1u << guest->payload);
	sim.seen.lifecycle |= 1ull << guest->state;
	if (runs_it(guest) != ran)
		note_pace(ran);
	sim_trace('L', vm->index, guest->state);
	sim_note("vm-%u is %s", vm->index, fth_lifecycle_name(guest->state));
}

static bool waits_for_host(const struct sim_guest *guest)
{
	return (guest->revert_on & FTH_REVERT_ON_HOST_LOSS) && guest->state == FTH_LC_SOAKING;
}

static uint64_t host_lost_us(const struct sim_guest *guest)
{
	return guest->heard_us + guest->host_loss_after_ms * SIM_MS;
}

static void note(uint64_t *due_us, uint64_t at_us)
{
	if (at_us && (!*due_us || at_us < *due_us))
		*due_us = at_us;
}

/* One timer for all that may come due in it. */
void sim_patch_plan(struct sim_guest *guest)
{
	uint64_t due_us = 0;

	note(&due_us, guest->end_us);
	if (guest->state == FTH_LC_SOAKING || sim_broken(SIM_BREAK_FORGETS))
		note(&due_us, guest->confirm_us);
	if (waits_for_host(guest))
		note(&due_us, host_lost_us(guest));
	guest->due.fire = fire_guest;
	if (!due_us)
		sim_due_clear(&guest->due);
	else if (!guest->due.heap_at || guest->due.at_us != due_us)
		sim_due_set(&guest->due, due_us);
}

static void begin_transition(struct sim_guest *guest, uint32_t ms, uint16_t code)
{
	guest->end_us = sim.now_us + ms * SIM_MS;
	guest->end_code = code;
}

static uint32_t transition_ms(void)
{
	return 1 + sim_random(SIM_RANDOM_GUEST, TRANSITION_MAX_MS);
}

static void answer(struct sim_vm *vm, uint64_t *op, uint16_t code)
{
	uint64_t id = *op;

	*op = 0;
	if (id)
		sim_guest_conclude(vm, id, code);
}

static void begin_soak(struct sim_guest *guest)
{
	guest->confirmed = false;
	guest->hits = 1 + sim_random(SIM_RANDOM_GUEST, 1000);
	guest->confirm_us =
		guest->confirm_within_ms ? sim.now_us + guest->confirm_within_ms * SIM_MS : 0;
	guest->confirm_by_us = guest->confirm_us;
	guest->heard_us = sim.now_us;
}

static void end_incident(struct sim_vm *vm)
{
	struct sim_guest *guest = &vm->guest;
	struct sim_incident *incident = &guest->incidents[guest->incident_count - 1];

	guest->emergency = false;
	incident->ended = true;
	sim_guest_tell(vm, incident, FTH_EVENT_REVERTED);
}

static void end_transition(struct sim_vm *vm)
{
	struct sim_guest *guest = &vm->guest;
	bool outward = guest->state == FTH_LC_APPLYING;

	if (guest->midway) {
		guest->midway = false;
		sim_patch_emergency(vm, FTH_TRIGGER_OOPS);
		return;
	}
	if (outward && guest->end_code != FTH_E_OK) {
		/* The deadline: it turns round, and then ends. */
		sim_patch_set_state(vm, FTH_LC_EV_REVERSE);
		begin_transition(guest, transition_ms(), guest->end_code);
		return;
	}
	guest->end_us = 0;
	sim_patch_set_state(vm, FTH_LC_EV_COMPLETE);
	if (outward) {
		begin_soak(guest);
		answer(vm, &guest->apply_op, FTH_E_OK);
		answer(vm, &guest->reverse_op, FTH_E_REVERSED);
		return;
	}
	guest->confirm_us = 0;
	answer(vm, &guest->apply_op, guest->end_code ? guest->end_code : FTH_E_REVERSED);
	answer(vm, &guest->reverse_op, FTH_E_OK);
	if (guest->emergency)
		end_incident(vm);
}

static void fire_guest(struct sim_due *due)
{
	struct sim_guest *guest = (struct sim_guest *)due; /* its first member */
	struct sim_vm *vm = sim_guest_vm(guest);

	sim_trace('D', vm->index, guest->state);
	if (guest->end_us && sim.now_us >= guest->end_us)
		end_transition(vm);
	else if (guest->confirm_us && sim.now_us >= guest->confirm_us &&
		 !sim_broken(SIM_BREAK_NO_TIMER))
		sim_patch_emergency(vm, FTH_TRIGGER_UNCONFIRMED);
	else if (waits_for_host(guest) && sim.now_us >= host_lost_us(guest))
		sim_patch_emergency(vm, FTH_TRIGGER_HOST_LOSS);
	else if (sim_broken(SIM_BREAK_NO_TIMER))
		guest->confirm_us = 0;
	sim_patch_plan(guest);
}

/* The oldest makes room; the host has been told of it, or will never be. */
static struct sim_incident *new_incident(struct sim_guest *guest, uint8_t trigger)
{
	uint32_t number =
		guest->incident_count ? guest->incidents[guest->incident_count - 1].number + 1 : 1;
	struct sim_incident *incident;

	if (guest->incident_count == FTH_INCIDENTS_MAX) {
		memmove(guest->incidents, guest->incidents + 1,
			sizeof(guest->incidents) - sizeof(*guest->incidents));
		guest->incident_count--;
	}
	incident = &guest->incidents[guest->incident_count++];
	*incident = (struct sim_incident){
		.number = number,
		.trigger = trigger,
		.payload = guest->payload,
		.happened_ms = sim_guest_uptime_ms(guest),
	};
	return incident;
}

void sim_patch_emergency(struct sim_vm *vm, uint8_t trigger)
{
	struct sim_guest *guest = &vm->guest;
	struct sim_incident *incident;

	if (guest->state < FTH_LC_APPLYING || guest->emergency)
		return;
	guest->blocked |= (uint8_t)(1u << guest->payload);
	guest->emergency = true;
	guest->confirm_us = 0;
	if (trigger != FTH_TRIGGER_UNCONFIRMED && trigger != FTH_TRIGGER_HOST_LOSS)
		guest->confirmed = false;
	if (trigger == FTH_TRIGGER_OOPS)
		guest->taint |= 1ull << 7;
	if (trigger == FTH_TRIGGER_WARN)
		guest->taint |= 1ull << 9;
	incident = new_incident(guest, trigger);
	if (guest->state != FTH_LC_REVERTING) {
		sim_patch_set_state(vm, FTH_LC_EV_REVERSE);
		begin_transition(guest, transition_ms(), FTH_E_REVERSED);
	}
	/* Out of an oops not every note comes through. */
	if (!sim_chance(SIM_RANDOM_GUEST, 30))
		sim_guest_tell(vm, incident, FTH_EVENT_TRIGGERED);
	sim_patch_plan(guest);
}

uint16_t sim_patch_apply(struct sim_vm *vm, const struct fth_msg_apply *apply, uint64_t op)
{
	struct sim_guest *guest = &vm->guest;
	uint8_t payload = sim_payload_number(apply->sha256.data);
	uint16_t fails = guest->fails_next;

	if (guest->blocked >> payload & 1)
		return FTH_E_BLOCKED;
	if (guest->state == FTH_LC_ABSENT ||
	    (guest->state == FTH_LC_STAGED && guest->payload != payload))
		return FTH_E_NO_PATCH;
	if (guest->end_us)
		return FTH_E_BUSY;
	if (guest->state != FTH_LC_STAGED)
		return FTH_E_WRONG_STATE;
	guest->fails_next = 0;
	if (fails)
		return fails;
	guest->confirm_within_ms = apply->policy.confirm_within_ms;
	guest->deadline_ms = apply->policy.deadline_ms;
	guest->revert_on = apply->policy.revert_on;
	guest->host_loss_after_ms = apply->policy.host_loss_after_ms;
	guest->leave = apply->policy.leave;
	guest->switches = apply->policy.switches;
	sim_patch_set_state(vm, FTH_LC_EV_APPLY);
	if (guest->slow)
		begin_transition(guest, guest->deadline_ms, FTH_E_DEADLINE);
	else
		begin_transition(guest, transition_ms(), FTH_E_OK);
	guest->slow = false;
	guest->apply_op = op;
	return UINT16_MAX;
}

bool sim_patch_means_other(const struct sim_guest *guest, const struct fth_msg *msg)
{
	const struct fth_span *sha256 = &msg->u.command.sha256;

	return msg->type != FTH_T_ALLOW && sha256->length && guest->state != FTH_LC_ABSENT &&
	       guest->payload != sim_payload_number(sha256->data);
}

uint16_t sim_patch_reverse(struct sim_vm *vm, uint64_t op)
{
	struct sim_guest *guest = &vm->guest;

	if (guest->state == FTH_LC_ABSENT)
		return FTH_E_NO_PATCH;
	if (guest->state == FTH_LC_STAGED)
		return FTH_E_WRONG_STATE;
	if (guest->state != FTH_LC_REVERTING) {
		sim_patch_set_state(vm, FTH_LC_EV_REVERSE);
		begin_transition(guest, transition_ms(), FTH_E_OK);
		guest->confirm_us = 0;
		guest->confirmed = false;
	}
	/* It joins a revert that began by itself; of two that wait the newer is told. */
	answer(vm, &guest->reverse_op, FTH_E_OK);
	guest->reverse_op = op;
	return UINT16_MAX;
}

static uint16_t confirm(struct sim_vm *vm, uint32_t extend_ms)
{
	struct sim_guest *guest = &vm->guest;

	if (guest->state == FTH_LC_ABSENT)
		return FTH_E_NO_PATCH;
	if (guest->state == FTH_LC_APPLIED && !extend_ms)
		return FTH_E_OK;
	if (guest->state != FTH_LC_SOAKING)
		return FTH_E_WRONG_STATE;
	if (extend_ms) {
		if (guest->confirm_us)
			guest->confirm_us = sim.now_us + extend_ms * SIM_MS;
		guest->confirm_by_us = guest->confirm_us;
		return FTH_E_OK;
	}
	sim_patch_set_state(vm, FTH_LC_EV_CONFIRM);
	guest->confirmed = true;
	if (!sim_broken(SIM_BREAK_FORGETS))
		guest->confirm_us = 0;
	return FTH_E_OK;
}

static uint16_t allow(struct sim_guest *guest, const struct fth_span *sha256)
{
	if (sha256->length)
		guest->blocked &= (uint8_t) ~(1u << sim_payload_number(sha256->data));
	else
		guest->blocked = 0;
	return FTH_E_OK;
}

uint16_t sim_patch_command(struct sim_vm *vm, const struct fth_msg *msg)
{
	struct sim_guest *guest = &vm->guest;

	switch (msg->type) {
	case FTH_T_CONFIRM:
		return confirm(vm, msg->u.command.extend_ms);
	case FTH_T_UNSTAGE:
		if (guest->state == FTH_LC_ABSENT)
			return FTH_E_NO_PATCH;
		if (guest->state != FTH_LC_STAGED)
			return FTH_E_WRONG_STATE;
		sim_patch_set_state(vm, FTH_LC_EV_UNSTAGE);
		return FTH_E_OK;
	case FTH_T_ALLOW:
		return allow(guest, &msg->u.command.sha256);
	default:
		return FTH_E_WRONG_STATE;
	}
}
