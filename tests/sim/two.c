// SPDX-License-Identifier: GPL-2.0
/*
 * Two agents at once: one stands still, another takes over, the first comes back.
 *
 * DESIGN
 * As when the host of a virtual machine that runs the agent hangs, and the agent is
 * started from a copy of its journal elsewhere.  The old agent is the same code with a
 * copy of the disk, which from then on is its own; it hears of no events of libvirt, its
 * connections are gone, and it knows nothing of that until it comes back.  Then it does
 * what it always does: connects, greets, and commands.  Its epoch is the older one.
 *
 * Only the newer agent is judged by the other invariants.  The old one only by what
 * guests make of it: who heard of the newer one obeys it no more.
 */
#include "app/agent.h"
#include "sim.h"

static void fire_old(struct sim_due *due)
{
	(void)due;
	if (!sim.old_frozen) {
		sim_two_end();
		return;
	}
	sim.old_frozen = false;
	sim_trace('2', 1, 0);
	sim_note("the old agent is back");
	sim_due_set(&sim.old_due, sim.now_us + sim.old_for_ms * SIM_MS);
	sim_links_return();
}

void sim_two_begin(uint32_t still_ms, uint32_t then_ms)
{
	uint32_t i;

	if (!sim.agent || sim.dead || sim.old_agent)
		return;
	sim_note("the agent stands still, and another one begins");
	sim_trace('2', 0, 0);
	sim.old_agent = sim.agent;
	sim.old_life = sim.lives;
	sim.old_frozen = true;
	sim.old_for_ms = then_ms;
	sim.agent = NULL;
	sim.kill_in = 0;
	for (i = 0; i < sim.heap_size; i++)
		if (sim.heap[i].due->whose == SIM_OURS)
			sim.heap[i].due->whose = SIM_OLD;
	sim_links_leave();
	sim_outside_fork();
	sim_disk_fork();
	sim_disk_crash();
	sim_agent_unlock();
	sim.old_due.fire = fire_old;
	sim_due_set(&sim.old_due, sim.now_us + still_ms * SIM_MS);
	sim_due_set(&sim.agent_due, sim.now_us + SIM_MS);
}

void sim_two_end(void)
{
	struct fth_agent *agent = sim.old_agent;
	enum sim_whose acting;

	if (!agent)
		return;
	sim_note("the old agent ends");
	sim_trace('2', 2, 0);
	acting = sim_act(SIM_OLD);
	fth_agent_free(agent, 1);
	sim_act(acting);
	sim.old_agent = NULL;
	sim.old_ends = false;
	sim.old_frozen = false;
	sim_due_clear(&sim.old_due);
	sim_disk_drop();
}
