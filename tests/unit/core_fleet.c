// SPDX-License-Identifier: GPL-2.0
/*
 * A fleet of model guests, an agent's journal and a faulty wire between.
 *
 * DESIGN
 * The model knows what a guest may do, not how the rollout reacts to it.  The
 * journal is the shadow: it is stepped only with records that were encoded and
 * decoded again, only for events that claimed to change something, and must
 * equal the live state after each of them.
 */
#include "core_fleet.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core_agenda.h"
#include "fother/lifecycle.h"

#define START_MS 1700000000000ull
#define OOPS_TAINT (1ull << 7)

void fleet_fail(const struct fleet *fleet, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "seed 0x%llx step %u: ", (unsigned long long)fleet->seed, fleet->steps);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

uint32_t fleet_random(struct fleet *fleet, uint32_t below)
{
	uint64_t number = fleet->random += 0x9e3779b97f4a7c15ull;

	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ull;
	number = (number ^ (number >> 27)) * 0x94d049bb133111ebull;
	return (uint32_t)((number ^ (number >> 31)) % below);
}

static bool chance(struct fleet *fleet, uint32_t percent)
{
	return fleet_random(fleet, 100) < percent;
}

static void random_policy(struct fleet *fleet)
{
	static const struct fth_share wave_sets[][3] = {
		{ { false, 1 }, { true, 5000 }, { true, 10000 } },
		{ { false, 1 }, { true, 10000 }, { 0 } },
		{ { true, 10000 }, { 0 }, { 0 } },
		{ { false, 2 }, { true, 7000 }, { 0 } },
	};
	struct fth_policy *policy = &fleet->policy;

	fth_policy_defaults(policy);
	memcpy(policy->name, "p", 2);
	memcpy(policy->file, "/p", 3);
	memcpy(policy->waves, wave_sets[fleet_random(fleet, 4)], sizeof(wave_sets[0]));
	for (policy->wave_count = 1;
	     policy->wave_count < 3 && policy->waves[policy->wave_count].value;)
		policy->wave_count++;
	policy->soak_ms = fleet_random(fleet, 4) * 2000;
	policy->guest.deadline_ms = 5000;
	policy->gate = chance(fleet, 15) ? FTH_GATE_MANUAL : FTH_GATE_AUTO;
	policy->in_flight.fleet = fleet_random(fleet, 5);
	policy->in_flight.host = fleet_random(fleet, 3);
	policy->in_flight.group = fleet_random(fleet, 3);
	policy->recall_in_flight.fleet = policy->in_flight.fleet ? policy->in_flight.fleet + 2 : 0;
	policy->recall_in_flight.host = policy->in_flight.host;
	policy->recall_in_flight.group = 0;
	policy->failures_max.percent = chance(fleet, 50);
	policy->failures_max.value = policy->failures_max.percent ? fleet_random(fleet, 60) * 100
								  : fleet_random(fleet, 3);
	policy->inconclusive_max.percent = false;
	policy->inconclusive_max.value = fleet_random(fleet, 4);
	policy->failures_then = chance(fleet, 70) ? FTH_THEN_REVERSE : FTH_THEN_PAUSE;
}

struct fth_rollout_event fleet_event(struct fleet *fleet, uint8_t kind, uint32_t vm)
{
	struct fth_rollout_event event;

	memset(&event, 0, sizeof(event));
	event.kind = kind;
	event.now_ms = fleet->now_ms;
	snprintf(event.vm, sizeof(event.vm), "vm-%u", vm);
	return event;
}

void fleet_init(struct fleet *fleet, uint64_t seed)
{
	struct fth_rollout_event event;
	struct fth_policy_fault fault;
	uint32_t i;

	memset(fleet, 0, sizeof(*fleet));
	fleet->seed = seed;
	fleet->random = seed;
	fleet->now_ms = START_MS;
	fleet->faults = true;
	fleet->vm_count = 1 + fleet_random(fleet, FLEET_VMS_MAX);
	random_policy(fleet);
	if (fth_policy_validate(&fleet->policy, &fault))
		fleet_fail(fleet, "policy: %s: %s", fault.key, fault.why);
	fth_rollout_init(&fleet->live, 7, &fleet->policy, seed, fleet->live_vms, fleet->live_slots,
			 FLEET_VMS_MAX);
	fth_rollout_init(&fleet->shadow, 7, &fleet->policy, seed, fleet->shadow_vms,
			 fleet->shadow_slots, FLEET_VMS_MAX);
	for (i = 0; i < fleet->vm_count; i++) {
		fleet->guests[i].boot = i + 1;
		fleet->guests[i].bad = chance(fleet, 6);
		fleet->guests[i].capabilities = chance(fleet, 97) ? ~FTH_CAP_SIGNED_ONLY : 0;
		event = fleet_event(fleet, FTH_RE_ADD_VM, i);
		fleet->blocked[i] = chance(fleet, 8); /* since an earlier rollout */
		event.blocked = fleet->blocked[i];
		snprintf(event.host, sizeof(event.host), "host-%u", fleet_random(fleet, 4));
		if (chance(fleet, 60))
			snprintf(event.group, sizeof(event.group), "group-%u",
				 fleet_random(fleet, 3));
		fleet_step(fleet, &event);
	}
}

static void send_to_guest(struct fleet *fleet, const struct fth_rollout_action *action)
{
	struct guest *guest = &fleet->guests[action->vm_index];
	bool outward = action->op == FTH_OP_STAGE || action->op == FTH_OP_APPLY;

	if (fleet->reversed && (outward || action->op == FTH_OP_CONFIRM))
		fleet_fail(fleet, "invariant 4: %s sent after the recall", fth_op_name(action->op));
	if (fleet->blocked[action->vm_index] && outward)
		fleet_fail(fleet, "invariant 4: %s sent though it is blocked",
			   fth_op_name(action->op));
	if (!guest->up || guest->wire_count == FLEET_WIRE_MAX ||
	    (fleet->faults && chance(fleet, 5)))
		return;
	guest->wire[guest->wire_count++] = (struct wire){
		.to_guest = true,
		.op = action->op,
		.op_id = action->op_id,
	};
}

/* Counted from the VMs themselves, not from the machine's own counters. */
static void check_limit(const struct fleet *fleet, uint32_t vm, uint32_t limit, bool by_host,
			bool by_group)
{
	const struct fth_rollout_vm *vms = fleet->live.vms;
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < fleet->live.vm_count; i++)
		if (vms[i].op && (!by_host || !strcmp(vms[i].host, vms[vm].host)) &&
		    (!by_group || !strcmp(vms[i].group, vms[vm].group)))
			count++;
	if (limit && count > limit)
		fleet_fail(fleet, "invariant 1: %u in flight, allowed %u (%s)", count, limit,
			   by_host    ? "host"
			   : by_group ? "group"
				      : "fleet");
}

static bool is_recall(uint8_t phase)
{
	return phase == FTH_RO_REVERSING || phase == FTH_RO_REVERSED || phase == FTH_RO_STUCK;
}

static void check_budgets(const struct fleet *fleet, const struct fth_rollout_actions *actions)
{
	const struct fth_rollout *live = &fleet->live;
	const struct fth_policy *policy = &live->policy;
	const struct fth_in_flight *limits = is_recall(live->phase) ? &policy->recall_in_flight
								    : &policy->in_flight;
	bool spent;
	uint32_t i;

	for (i = 0; i < live->vm_count; i++) {
		check_limit(fleet, i, limits->fleet, false, false);
		check_limit(fleet, i, limits->host, true, false);
		if (live->vms[i].group[0])
			check_limit(fleet, i, limits->group, false, true);
	}
	spent = live->failures - live->failures_excused >
			fth_share_of(&policy->failures_max, live->tried) ||
		live->inconclusive > fth_share_of(&policy->inconclusive_max, live->tried);
	/* An op that goes out again to a VM that is silent is no start. */
	for (i = 0; (spent || fleet->aborted) && i < actions->count; i++)
		if (actions->entries[i].kind == FTH_RA_SEND &&
		    actions->entries[i].op <= FTH_OP_APPLY &&
		    live->vms[actions->entries[i].vm_index].state != FTH_RV_UNKNOWN)
			fleet_fail(fleet, "invariant 1: started a VM %s",
				   spent ? "on a spent budget" : "after the abort");
	if (spent && (live->phase == FTH_RO_RUNNING || live->phase == FTH_RO_SOAKING ||
		      live->phase == FTH_RO_GATED || live->phase == FTH_RO_COMPLETE))
		fleet_fail(fleet, "spent budget, yet the phase is %s",
			   fth_rollout_phase_name(live->phase));
}

static void check_counts(const struct fleet *fleet)
{
	const struct fth_rollout *live = &fleet->live;
	struct fth_rollout_counts counts;
	uint32_t inconclusive = 0;
	uint32_t in_flight = 0;
	uint32_t failures = 0;
	uint32_t tried = 0;
	uint32_t i;

	fth_rollout_count(live, &counts);
	if (counts.waiting + counts.deferred + counts.in_flight + counts.soaking + counts.done +
		    counts.failed + counts.reversed + counts.skipped !=
	    counts.total)
		fleet_fail(fleet, "counts don't add up");
	for (i = 0; i < live->vm_count; i++) {
		in_flight += live->vms[i].op != 0;
		failures += live->vms[i].failure_counted;
		tried += live->vms[i].tried;
		if ((live->vms[i].touched || live->vms[i].failure_counted) && !live->vms[i].tried)
			fleet_fail(fleet, "'%s' was touched, and not tried", live->vms[i].name);
		inconclusive += live->vms[i].inconclusive && !live->vms[i].excused;
	}
	if (in_flight != live->in_flight || in_flight != counts.in_flight)
		fleet_fail(fleet, "%u VMs have an op, counted %u, shown %u", in_flight,
			   live->in_flight, counts.in_flight);
	if (tried != live->tried)
		fleet_fail(fleet, "%u VMs tried, counted %u", tried, live->tried);
	if (failures != live->failures || inconclusive != live->inconclusive)
		fleet_fail(fleet,
			   "failures %u counted %u, inconclusive %u "
			   "counted %u",
			   failures, live->failures, inconclusive, live->inconclusive);
}

static void check_agenda(const struct fleet *fleet, uint64_t now_ms)
{
	char why[AGENDA_WHY_MAX];

	if (!agenda_check(&fleet->live, now_ms, why))
		fleet_fail(fleet, "agenda: %s", why);
}

static bool same(const struct fth_rollout *one, const struct fth_rollout *other)
{
	size_t head = offsetof(struct fth_rollout, vms);

	return !memcmp(one, other, head) &&
	       !memcmp(one->vms, other->vms, sizeof(*one->vms) * one->vm_count) &&
	       !memcmp(one->slots, other->slots, sizeof(*one->slots) * FLEET_VMS_MAX);
}

/* What was changed goes through the bytes of a record into the shadow. */
static void journal(struct fleet *fleet, const struct fth_rollout_event *event, bool changed)
{
	struct fth_rollout_action entries[FTH_ROLLOUT_ACTIONS_MAX];
	struct fth_rollout_actions actions = {
		.max = FTH_ROLLOUT_ACTIONS_MAX,
		.entries = entries,
	};
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	uint8_t again[FTH_JOURNAL_RECORD_MAX];
	struct fth_rollout_event decoded;
	uint32_t length;

	if (changed) {
		length = fth_journal_encode(event, record);
		if (!length || fth_journal_decode(record, length, &decoded))
			fleet_fail(fleet, "event can't be journalled");
		if (fth_journal_encode(&decoded, again) != length ||
		    memcmp(again, record, length) != 0)
			fleet_fail(fleet, "event differs after the journal");
		fth_rollout_step(&fleet->shadow, &decoded, &actions);
	}
	if (!same(&fleet->live, &fleet->shadow))
		fleet_fail(fleet, "invariant 3: %s",
			   changed ? "replay differs from the live state"
				   : "a change was not journalled");
}

int fleet_step(struct fleet *fleet, struct fth_rollout_event *event)
{
	struct fth_rollout_actions actions = {
		.max = FTH_ROLLOUT_ACTIONS_MAX,
		.entries = fleet->entries,
	};
	uint32_t i;
	int error;

	fleet->steps++;
	error = fth_rollout_step(&fleet->live, event, &actions);
	journal(fleet, event, actions.changed);
	if (is_recall(fleet->live.phase))
		fleet->reversed = true;
	if (fleet->live.phase == FTH_RO_ABORTING)
		fleet->aborted = true;
	check_budgets(fleet, &actions);
	check_counts(fleet);
	if (!error) /* what is refused serves nobody who is due */
		check_agenda(fleet, event->now_ms);
	if (fleet->faults && chance(fleet, 2)) {
		fleet_crash_agent(fleet);
		return error;
	}
	for (i = 0; i < actions.count; i++)
		if (actions.entries[i].kind == FTH_RA_SEND)
			send_to_guest(fleet, &actions.entries[i]);
	return error;
}

/* The executor's rule: after a connect, exactly what is pending. */
static void send_pending(struct fleet *fleet, uint32_t vm)
{
	struct fth_rollout_action action;

	if (fth_rollout_pending(&fleet->live, vm, &action))
		send_to_guest(fleet, &action);
}

void fleet_see(struct fleet *fleet, uint32_t vm)
{
	struct fth_rollout_event event = fleet_event(fleet, FTH_RE_SEEN, vm);
	struct guest *guest = &fleet->guests[vm];

	guest->up = true;
	fleet->blocked[vm] |= guest->refuses;
	event.blocked = fleet->blocked[vm];
	if (event.blocked)
		memcpy(event.why, "oops", 5);
	memcpy(event.boot_id, &guest->boot, sizeof(guest->boot));
	memcpy(event.release, "6.1", 4);
	event.capabilities = guest->capabilities;
	event.guest_state = guest->state;
	event.sha256_matches = guest->state != FTH_LC_ABSENT;
	event.taint = guest->oopsed ? OOPS_TAINT : 0;
	fleet_step(fleet, &event);
	send_pending(fleet, vm);
}

void fleet_lose(struct fleet *fleet, uint32_t vm)
{
	struct fth_rollout_event event = fleet_event(fleet, FTH_RE_LOST, vm);

	fleet->guests[vm].up = false;
	fleet->guests[vm].wire_count = 0;
	fleet_step(fleet, &event);
}

void fleet_crash_agent(struct fleet *fleet)
{
	bool faults = fleet->faults;
	uint32_t i;

	fleet->faults = false;
	for (i = 0; i < fleet->vm_count; i++) {
		if (!fleet->guests[i].up)
			continue;
		fleet->guests[i].wire_count = 0;
		fleet_see(fleet, i);
	}
	fleet->faults = faults;
}

void fleet_reboot(struct fleet *fleet, uint32_t vm)
{
	struct guest *guest = &fleet->guests[vm];

	guest->state = FTH_LC_ABSENT;
	guest->boot += 100;
	guest->oopsed = false;
	guest->refuses = false;
	guest->apply_op_due = 0;
	guest->memory_count = 0;
	guest->wire_count = 0;
}

static void answer(struct guest *guest, uint64_t op_id, uint16_t code)
{
	uint32_t i;

	if (!op_id)
		return;
	for (i = 0; i < guest->memory_count; i++)
		if (guest->memory[i].op_id == op_id)
			break;
	if (i == guest->memory_count && i < FLEET_MEMORY_MAX) {
		guest->memory[i].op_id = op_id;
		guest->memory[i].code = code;
		guest->memory_count++;
	}
	if (guest->wire_count == FLEET_WIRE_MAX)
		return;
	guest->wire[guest->wire_count++] = (struct wire){
		.code = code,
		.op_id = op_id,
		.state = guest->state,
	};
}

void fleet_emergency(struct fleet *fleet, uint32_t vm)
{
	struct fth_rollout_event event = fleet_event(fleet, FTH_RE_EMERGENCY, vm);
	struct guest *guest = &fleet->guests[vm];

	if (guest->state < FTH_LC_APPLYING || guest->state == FTH_LC_REVERTING)
		return;
	if (guest->apply_op_due)
		answer(guest, guest->op_id, FTH_E_REVERSED);
	guest->refuses = true;
	guest->state = FTH_LC_REVERTING;
	guest->apply_op_due = FTH_OP_REVERSE;
	guest->op_id = 0;
	if (!guest->up || chance(fleet, 30))
		return; /* out of an oops not every note comes through */
	fleet->blocked[vm] = true;
	event.guest_state = guest->state;
	memcpy(event.why, "oops", 5);
	fleet_step(fleet, &event);
}

void fleet_allow(struct fleet *fleet, uint32_t vm)
{
	if (!fleet->guests[vm].up)
		return;
	fleet->guests[vm].refuses = false;
	fleet->blocked[vm] = false;
	fleet_see(fleet, vm);
}

/* Ends the transition that runs, for better or worse. */
static void finish_transition(struct fleet *fleet, struct guest *guest)
{
	uint8_t op = guest->apply_op_due;
	uint16_t code = FTH_E_OK;

	guest->apply_op_due = 0;
	if (op == FTH_OP_REVERSE) {
		guest->state = FTH_LC_STAGED;
	} else if (fleet->faults && chance(fleet, 8)) {
		guest->state = FTH_LC_STAGED;
		code = FTH_E_DEADLINE;
	} else {
		guest->state = FTH_LC_SOAKING;
		guest->soaking_since_ms = fleet->now_ms;
		guest->oopsed |= guest->bad;
	}
	answer(guest, guest->op_id, code);
}

static void obey_reverse(struct guest *guest, uint64_t op_id)
{
	if (guest->state == FTH_LC_ABSENT) {
		answer(guest, op_id, FTH_E_NO_PATCH);
		return;
	}
	if (guest->state == FTH_LC_STAGED) {
		answer(guest, op_id, FTH_E_WRONG_STATE);
		return;
	}
	if (guest->apply_op_due == FTH_OP_REVERSE) { /* turns it round, outward again */
		answer(guest, guest->op_id, FTH_E_REVERSED);
		guest->state = FTH_LC_APPLYING;
		guest->apply_op_due = FTH_OP_APPLY;
		guest->op_id = op_id;
		return;
	}
	if (guest->apply_op_due)
		answer(guest, guest->op_id, FTH_E_REVERSED);
	guest->state = FTH_LC_REVERTING;
	guest->apply_op_due = FTH_OP_REVERSE;
	guest->op_id = op_id;
}

static void obey(struct fleet *fleet, struct guest *guest, const struct wire *message)
{
	uint32_t i;

	for (i = 0; i < guest->memory_count; i++) {
		if (guest->memory[i].op_id != message->op_id)
			continue;
		answer(guest, message->op_id, guest->memory[i].code);
		return;
	}
	if (guest->apply_op_due && guest->op_id == message->op_id)
		return;
	if (fleet->faults && chance(fleet, 6)) {
		answer(guest, message->op_id, FTH_E_BUSY);
		guest->memory_count--; /* a refusal is not remembered */
		return;
	}
	if (message->op == FTH_OP_REVERSE) {
		obey_reverse(guest, message->op_id);
	} else if (message->op == FTH_OP_STAGE && guest->state <= FTH_LC_STAGED) {
		guest->state = FTH_LC_STAGED;
		answer(guest, message->op_id, FTH_E_OK);
	} else if (message->op == FTH_OP_UNSTAGE && guest->state <= FTH_LC_STAGED) {
		guest->state = FTH_LC_ABSENT;
		answer(guest, message->op_id, FTH_E_OK);
	} else if (message->op == FTH_OP_CONFIRM && guest->state == FTH_LC_SOAKING) {
		guest->state = FTH_LC_APPLIED;
		answer(guest, message->op_id, FTH_E_OK);
	} else if (message->op == FTH_OP_APPLY && guest->refuses) {
		answer(guest, message->op_id, FTH_E_BLOCKED);
	} else if (message->op == FTH_OP_APPLY && guest->state == FTH_LC_STAGED) {
		guest->state = FTH_LC_APPLYING;
		guest->apply_op_due = FTH_OP_APPLY;
		guest->op_id = message->op_id;
	} else {
		answer(guest, message->op_id,
		       guest->state == FTH_LC_ABSENT ? FTH_E_NO_PATCH : FTH_E_WRONG_STATE);
	}
}

static void take_result(struct fleet *fleet, uint32_t vm, const struct wire *message)
{
	struct fth_rollout_event event = fleet_event(fleet, FTH_RE_RESULT, vm);

	event.op_id = message->op_id;
	event.code = message->code;
	event.guest_state = message->state;
	event.taint = fleet->guests[vm].oopsed ? OOPS_TAINT : 0;
	fleet_step(fleet, &event);
}

void fleet_run_guest(struct fleet *fleet, uint32_t vm)
{
	struct guest *guest = &fleet->guests[vm];
	uint64_t within = fleet->policy.guest.confirm_within_ms;
	struct wire message;

	if (guest->state == FTH_LC_SOAKING && !guest->apply_op_due &&
	    fleet->now_ms > guest->soaking_since_ms + within) {
		guest->state = FTH_LC_REVERTING;
		guest->apply_op_due = FTH_OP_REVERSE;
		guest->op_id = 0;
		if (guest->up)
			fleet_see(fleet, vm);
		return;
	}
	if (guest->apply_op_due && chance(fleet, 50)) {
		finish_transition(fleet, guest);
		if (!guest->op_id && guest->up) /* its own: an event says so */
			fleet_see(fleet, vm);
		return;
	}
	if (!guest->wire_count)
		return;
	message = guest->wire[0];
	guest->wire_count--;
	memmove(guest->wire, guest->wire + 1, guest->wire_count * sizeof(*guest->wire));
	if (fleet->faults && chance(fleet, 5))
		return;
	if (message.to_guest)
		obey(fleet, guest, &message);
	else
		take_result(fleet, vm, &message);
}
