// SPDX-License-Identifier: GPL-2.0
/*
 * One run: a fleet, a rollout, its faults, and the end that it must come to.
 *
 * DESIGN
 * While faults happen a run is only watched.  Then they stop, and the rollout must come
 * to its end within a time that the policy bounds; somebody resumes it where it waits
 * for a person.  Then, mostly, it is recalled and must come to that end too; now and then
 * another payload follows, and a VM comes back with the first one (second.c).  At last
 * the agent is killed once more, and must find itself where it was.
 */
#include <stdio.h>
#include <time.h>

#include "app/agent.h"
#include "sim.h"

#define LIVENESS_S 7200u /* from the last fault to the end, and from a recall to its */
#define LOOK_EVERY_S 5u
#define RESUMES_MAX 40u
#define HOSTS 4u
#define LARGE_VMS 1000u
#define LARGE_HOST_VMS 64u

static void make_fleet(void)
{
	struct sim_vm *vm;
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++) {
		vm = &sim.vms[i];
		vm->index = i;
		vm->host = sim.vm_count > LARGE_VMS ? i / LARGE_HOST_VMS
						    : sim_random(SIM_RANDOM_PLAN, HOSTS);
		vm->group = sim_random(SIM_RANDOM_PLAN, 4);
		vm->exists = sim.options.calm || !sim_chance(SIM_RANDOM_PLAN, 8) || !i;
		vm->running = vm->exists;
		sim_link_init(vm);
		if (vm->running)
			sim_guest_boot(vm);
	}
}

/* One event, and what it did to the agent. */
static bool step(void)
{
	if (sim.failed)
		return false;
	/* It may also end itself, from anywhere. */
	if (!setjmp(sim_agent_died) && !sim_world_step())
		return false;
	sim.acting = SIM_WORLD;
	if (sim.old_ends)
		sim_two_end();
	if (sim.dead)
		sim_agent_reap();
	return !sim.failed;
}

void sim_run_until(uint64_t until_us)
{
	while (!sim.failed && sim.heap_size && sim.heap[0].at_us <= until_us)
		step();
	if (!sim.failed && sim.now_us < until_us)
		sim.now_us = until_us;
}

static void attend(void)
{
	uint32_t i;

	for (i = 0; sim.agent && i < sim.agent->live_count; i++) {
		const struct fth_rollout *rollout = sim.agent->lives[i]->rollout;

		if (sim.agent->lives[i]->superseded ||
		    (rollout->phase != FTH_RO_PAUSED && rollout->phase != FTH_RO_GATED))
			continue;
		sim_hand_verb(rollout->id,
			      ++sim.resumes > RESUMES_MAX ? SIM_V_REVERSE : SIM_V_RESUME);
		if (sim.dead)
			sim_agent_reap();
	}
	/* Nobody else can know that these won't come back. */
	sim_hand_forget_replaced();
	if (sim.dead)
		sim_agent_reap();
}

/* Invariant 6: it comes to an end, and what it believes then is so. */
void sim_run_settle(void)
{
	uint64_t until_us = sim.now_us + LIVENESS_S * SIM_S;
	char why[SIM_WHY_MAX] = "";

	while (!sim.failed && sim.now_us < until_us) {
		sim_run_until(sim.now_us + LOOK_EVERY_S * SIM_S);
		sim_check_confirm_timers();
		if (sim_check_settled(why, sizeof(why)))
			return;
		attend();
	}
	if (!sim.failed)
		sim_fail("invariant 6: %u s after the last fault: %s", LIVENESS_S, why);
}

static bool any_blocked(void)
{
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++)
		if (sim.vms[i].guest.blocked)
			return true;
	return false;
}

static void begin_rollout(void)
{
	uint32_t tries;
	int status = 0;

	/* Sessions open first; a policy may also be started while they do. */
	sim_run_until(sim.now_us + sim_random(SIM_RANDOM_PLAN, 3) * SIM_S);
	for (tries = 0; tries < 100 && status != 201 && !sim.failed; tries++) {
		if (sim.agent && sim.agent->live_count)
			return; /* a person of the plan was first */
		status = sim_hand_begin();
		if (sim.dead)
			sim_agent_reap();
		if (status == 400)
			sim_fail("the policy was refused");
		if (status != 201)
			sim_run_until(sim.now_us + SIM_S);
	}
	/* Its owner may have blocked the payload in the only guest there is. */
	if (status != 201 && !sim.failed && !any_blocked())
		sim_fail("invariant 6: no rollout could be begun in %u tries: status %d", tries,
			 status);
}

static void recall(void)
{
	const struct fth_rollout *rollout;

	if (!sim.agent || !sim.agent->live_count)
		return;
	rollout = sim.agent->lives[sim.agent->live_count - 1]->rollout;
	sim.pace.rollout_ms = rollout->ended_ms - rollout->started_ms;
	sim.pace.recall_us = sim.now_us;
	sim.pace.patched = sim.pace.running;
	sim_hand_verb(rollout->id, sim_chance(SIM_RANDOM_PLAN, 50) ? SIM_V_REVERSE : SIM_V_RECALL);
	sim_run_settle();
}

/* Once more from the start, with another policy; who is blocked stays so. */
static void begin_again(void)
{
	uint32_t count = sim.agent ? sim.agent->live_count : 0;

	if (sim_chance(SIM_RANDOM_PLAN, 50))
		sim_hand_allow_all();
	if (!count || !sim.agent ||
	    sim.agent->lives[count - 1]->rollout->phase != FTH_RO_REVERSED ||
	    sim_hand_begin() != 201)
		return;
	sim_run_settle();
}

static void restart(void)
{
	sim_agent_kill(0);
	if (!sim.dead)
		return;
	sim_agent_reap();
	sim_run_settle();
}

/* The random numbers of a plan are drawn behind those of the fleet. */
void sim_plan_draw(void)
{
	make_fleet();
	sim_plan_make();
	for (uint32_t i = 0; i < sim.vm_count; i++)
		sim_guest_free(&sim.vms[i]);
}

bool sim_run(const struct sim_options *options)
{
	sim_world_init(options);
	sim_disk_init();
	sim_disk_clear();
	sim_check_init();
	sim_hand_init();
	sim_agent_init();
	sim.has_second = !options->calm && sim_chance(SIM_RANDOM_SECOND, 40);
	make_fleet();
	sim_plan_make();
	sim_due_set(&sim.agent_due, sim.now_us);
	sim_plan_start();
	begin_rollout();
	sim_run_until(sim.faults_end_us);
	if (!sim.failed && !sim.options.calm)
		sim_plan_end();
	if (!sim.failed)
		sim_run_settle();
	if (!sim.failed && (sim_chance(SIM_RANDOM_PLAN, 70) || sim.options.calm))
		recall();
	if (!sim.failed && !sim.options.calm && sim_chance(SIM_RANDOM_PLAN, 30))
		begin_again();
	if (!sim.failed && !sim.options.calm && sim_chance(SIM_RANDOM_SECOND, 30))
		sim_second_run();
	if (!sim.failed)
		restart();
	if (sim_broken(SIM_BREAK_CHANCE))
		sim_trace('?', (uint64_t)(uintptr_t)sim.heap ^ sim.due_count, (uint64_t)clock());
	sim_two_end();
	sim_agent_free();
	for (uint32_t i = 0; i < sim.vm_count; i++) {
		sim_link_break(&sim.vms[i], false);
		sim_guest_free(&sim.vms[i]);
	}
	sim_check_free();
	sim_disk_clear();
	sim_world_free();
	return !sim.failed;
}
