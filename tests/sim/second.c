// SPDX-License-Identifier: GPL-2.0
/*
 * A rollout follows another one of the same patch, and a VM comes back late.
 *
 * DESIGN
 * Late is: it was away while the first payload went back everywhere else, or it is restored
 * from a snapshot that was taken before.  Either the first payload was recalled, and another
 * one follows: the rollout that was recalled takes it back; the newer one waits for that, and
 * brings its own.  That nothing of the first payload is left, and that the VM is no failure of
 * the newer rollout, is what is looked for then.  Or the first rollout was stopped, and one of
 * the same payload goes on and is taken back: it must not say that it has it from everybody
 * while a VM that is not heard has it.
 */
#include <string.h>

#include "app/agent.h"
#include "sim.h"

#define RECALL_S 60u  /* long enough for all but one that is away */
#define SILENT_S 200u /* longer than all that happens meanwhile */

static const struct fth_rollout *newest(void)
{
	return sim.agent && sim.agent->live_count
		       ? sim.agent->lives[sim.agent->live_count - 1]->rollout
		       : NULL;
}

/* Out everywhere, so that there is something to recall. */
static bool is_out(void)
{
	const struct fth_rollout *rollout = newest();

	if (rollout && rollout->phase == FTH_RO_REVERSED) {
		sim_hand_allow_all();
		if (sim_hand_begin() != 201)
			return false;
		sim_run_settle();
		rollout = newest();
	}
	return !sim.failed && rollout && rollout->phase == FTH_RO_COMPLETE;
}

static struct sim_vm *choose_late(const uint8_t *sha256)
{
	uint32_t first = sim_random(SIM_RANDOM_SECOND, sim.vm_count), i;
	struct sim_vm *vm;

	for (i = 0; i < sim.vm_count; i++) {
		vm = &sim.vms[(first + i) % sim.vm_count];
		if (vm->running && vm->exists && !vm->guest.lies &&
		    sim_guest_ours(&vm->guest, sha256) == FTH_LC_APPLIED)
			return vm;
	}
	return NULL;
}

static void leave(struct sim_vm *vm, bool is_away)
{
	sim_note("vm-%u %s", vm->index, is_away ? "leaves" : "has a snapshot taken");
	if (!is_away) {
		sim_guest_snapshot(vm);
		return;
	}
	vm->away = true;
	sim_agent_gone(vm);
	sim_link_break(vm, true);
}

static void come_back(struct sim_vm *vm, bool is_away)
{
	sim_note("vm-%u %s", vm->index, is_away ? "is back" : "goes back in time");
	if (is_away) {
		vm->away = false;
		sim_agent_tell(vm);
	} else if (vm->running && vm->snapshot) {
		sim_guest_restore(vm);
		sim_link_break(vm, true);
	}
}

/* What was in its way went back: that was no failure of whoever waited for it. */
static void check_late(const struct sim_vm *late)
{
	const struct fth_rollout *rollout = newest();
	const struct fth_rollout_vm *vm;
	char name[SIM_NAME_MAX];

	sim_vm_name(late, name);
	vm = rollout ? fth_rollout_find(rollout, name) : NULL;
	if (vm && vm->state == FTH_RV_FAILED && strstr(vm->why, "another payload"))
		sim_fail("invariant 6: '%s' came back late, and rollout %llu gives it up: %s", name,
			 (unsigned long long)rollout->id, vm->why);
}

static void take_back(void)
{
	sim_hand_verb(newest()->id,
		      sim_chance(SIM_RANDOM_SECOND, 50) ? SIM_V_REVERSE : SIM_V_RECALL);
}

static void check_silent(const struct sim_vm *late, uint8_t payload)
{
	const struct fth_rollout *rollout = newest();

	if (!late->guest.lies && late->exists && late->guest.payload == payload &&
	    late->guest.state >= FTH_LC_APPLYING && rollout && rollout->phase == FTH_RO_REVERSED)
		sim_fail("invariant 6: rollout %llu is reversed, and vm-%u, which is silent, is %s",
			 (unsigned long long)rollout->id, late->index,
			 fth_lifecycle_name(late->guest.state));
}

/* It is in the inventory, and not a byte comes through. */
static void fall_silent(struct sim_vm *vm, bool silent)
{
	sim_note("vm-%u is %s", vm->index, silent ? "silent" : "heard again");
	vm->to_guest.stalled_until_us = silent ? sim.now_us + SILENT_S * SIM_S : sim.now_us;
	vm->to_host.stalled_until_us = vm->to_guest.stalled_until_us;
	sim_link_break(vm, true);
}

/* The same payload goes on. */
static void go_on(void)
{
	struct sim_vm *late = is_out() ? choose_late(newest()->policy.sha256) : NULL;
	bool follows = false;
	uint8_t payload;

	if (!late)
		return;
	payload = sim_payload_number(newest()->policy.sha256);
	sim_hand_verb(newest()->id, SIM_V_ABORT);
	fall_silent(late, true);
	sim_run_until(sim.now_us + sim_random(SIM_RANDOM_SECOND, 10) * SIM_S);
	if (!sim.failed && sim.agent)
		follows = sim_hand_begin_with(payload) == 201;
	sim_run_until(sim.now_us + sim_random(SIM_RANDOM_SECOND, 40) * SIM_S);
	if (!sim.failed && follows && newest())
		take_back();
	sim_run_until(sim.now_us + RECALL_S * SIM_S);
	if (sim.failed)
		return;
	check_silent(late, payload);
	fall_silent(late, false);
	sim_run_settle();
}

/* Another payload takes its place. */
static void replace(void)
{
	bool is_away = sim_chance(SIM_RANDOM_SECOND, 50);
	struct sim_vm *late;
	bool follows = false;
	uint8_t payload;

	late = is_out() ? choose_late(newest()->policy.sha256) : NULL;
	if (!late)
		return;
	payload = sim_payload_number(newest()->policy.sha256);
	leave(late, is_away);
	if (sim_hand_verb(newest()->id, SIM_V_RECALL) == 200)
		sim_run_until(sim.now_us + RECALL_S * SIM_S);
	if (!sim.failed && sim.agent)
		follows = sim_hand_begin_with((payload + 1) % SIM_PAYLOADS) == 201;
	sim_run_until(sim.now_us + sim_random(SIM_RANDOM_SECOND, 40) * SIM_S);
	if (sim.failed)
		return;
	come_back(late, is_away);
	sim_run_settle();
	if (follows && !sim.failed)
		check_late(late);
	if (sim.failed || !newest() || !sim_chance(SIM_RANDOM_SECOND, 50))
		return;
	take_back();
	sim_run_settle();
}

void sim_second_run(void)
{
	if (sim_chance(SIM_RANDOM_SECOND, 40))
		go_on();
	else
		replace();
}
