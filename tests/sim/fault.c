// SPDX-License-Identifier: GPL-2.0
/*
 * What goes wrong in a run, and when.
 *
 * DESIGN
 * The plan is drawn before the run begins, each fault with all that it needs, so that
 * any part of it can be left out: that is how a failing run is made smaller.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent.h"
#include "sim.h"

#define FAULTS_SPAN_MS 150000u
#define LOOK_EVERY_MS 1000u
#define DEPOSED (1u << 20) /* epochs that no agent of a run comes to */
#define ELSEWHERE 3600u	   /* by so many at most another host's agent is newer */
#define WARN_TAINT (1ull << 9)
#define OOPS_TAINT (1ull << 7)

struct pair {
	struct sim_due begin, end;
	const struct sim_fault *fault;
};

static struct pair pairs[SIM_FAULTS_MAX];

static const char *const names[SIM_FAULTS] = {
	[SIM_F_CHOP] = "chopped bytes",
	[SIM_F_RESET] = "connection reset",
	[SIM_F_STALL] = "stall",
	[SIM_F_REBOOT] = "guest reboots",
	[SIM_F_SNAPSHOT] = "snapshot restored",
	[SIM_F_KILL] = "agent killed",
	[SIM_F_DISK_FULL] = "disk full",
	[SIM_F_FSYNC] = "fsync fails",
	[SIM_F_CLOCK] = "clock jumps",
	[SIM_F_OFF] = "domain off",
	[SIM_F_OFF_UNTOLD] = "domain off, event lost",
	[SIM_F_DUPLICATE] = "event twice",
	[SIM_F_MIGRATE] = "migration",
	[SIM_F_SKEW] = "older guest",
	[SIM_F_CORRUPT] = "corrupt bytes",
	[SIM_F_LIAR] = "guest lies",
	[SIM_F_EMERGENCY] = "emergency",
	[SIM_F_TAINT] = "taint",
	[SIM_F_REFUSE] = "apply refused",
	[SIM_F_SLOW] = "deadline missed",
	[SIM_F_PERSON] = "person",
	[SIM_F_JOIN] = "VM appears",
	[SIM_F_DEPOSED] = "newer agent seen",
	[SIM_F_BLOCKED] = "blocked by its owner",
	[SIM_F_MIDWAY] = "emergency midway",
	[SIM_F_SICK] = "VM is sick",
	[SIM_F_UNSURE] = "no check can tell",
	[SIM_F_TWO] = "two agents",
	[SIM_F_REMADE] = "domain made anew",
	[SIM_F_FORGET] = "forgotten, and back",
	[SIM_F_EXCUSE] = "impatient person",
};

/* How often each is drawn, of all; those not here are drawn apart. */
static const uint8_t weights[SIM_FAULTS] = {
	[SIM_F_CHOP] = 4,      [SIM_F_RESET] = 8, [SIM_F_STALL] = 6,	  [SIM_F_REBOOT] = 8,
	[SIM_F_SNAPSHOT] = 8,  [SIM_F_KILL] = 16, [SIM_F_DISK_FULL] = 3,  [SIM_F_FSYNC] = 3,
	[SIM_F_CLOCK] = 3,     [SIM_F_OFF] = 5,	  [SIM_F_OFF_UNTOLD] = 4, [SIM_F_DUPLICATE] = 3,
	[SIM_F_MIGRATE] = 4,   [SIM_F_SKEW] = 2,  [SIM_F_CORRUPT] = 5,	  [SIM_F_LIAR] = 2,
	[SIM_F_EMERGENCY] = 5, [SIM_F_TAINT] = 2, [SIM_F_REFUSE] = 7,	  [SIM_F_SLOW] = 3,
	[SIM_F_PERSON] = 14,   [SIM_F_JOIN] = 3,  [SIM_F_DEPOSED] = 2,	  [SIM_F_BLOCKED] = 2,
	[SIM_F_MIDWAY] = 4,    [SIM_F_SICK] = 3,  [SIM_F_UNSURE] = 4,	  [SIM_F_TWO] = 4,
};

const char *sim_fault_name(uint8_t kind)
{
	return kind < SIM_FAULTS && names[kind] ? names[kind] : "?";
}

void sim_fault_print(uint32_t number)
{
	const struct sim_fault *fault = &sim.plan[number];

	printf("  %3u: at %u.%03u s, vm-%u: %s (for %u ms, %u)\n", number, fault->at_ms / 1000,
	       fault->at_ms % 1000, fault->vm, sim_fault_name(fault->kind), fault->for_ms,
	       fault->arg);
}

static uint32_t draw(uint32_t below)
{
	return sim_random(SIM_RANDOM_PLAN, below);
}

static uint8_t draw_kind(void)
{
	uint32_t total = 0, number, kind;

	for (kind = 1; kind < SIM_FAULTS; kind++)
		total += weights[kind];
	number = draw(total);
	for (kind = 1; number >= weights[kind]; kind++)
		number -= weights[kind];
	return (uint8_t)kind;
}

/*
 * Faults that came later, with random numbers of their own: what else is in a seed's plan
 * stays as it was.
 */
static void add_later_faults(void)
{
	uint32_t count = sim.options.calm ? 0 : sim_random(SIM_RANDOM_LATER, 4);
	struct sim_fault *fault;

	while (count-- && sim.plan_count < SIM_FAULTS_MAX) {
		fault = &sim.plan[sim.plan_count++];
		fault->kind = sim_chance(SIM_RANDOM_LATER, 50) ? SIM_F_REMADE : SIM_F_FORGET;
		fault->at_ms = sim_random(SIM_RANDOM_LATER, FAULTS_SPAN_MS);
		fault->vm = sim_random(SIM_RANDOM_LATER, sim.vm_count);
		fault->for_ms = 100 + sim_random(SIM_RANDOM_LATER, 40000);
		fault->arg = sim_random(SIM_RANDOM_LATER, 1u << 16);
	}
	if (sim.options.calm || sim.plan_count == SIM_FAULTS_MAX ||
	    !sim_chance(SIM_RANDOM_LATER, 30))
		return;
	sim.plan[sim.plan_count++] = (struct sim_fault){
		.kind = SIM_F_EXCUSE,
		.at_ms = sim_random(SIM_RANDOM_LATER, 30000),
		.for_ms = FAULTS_SPAN_MS / 2,
	};
}

/* Early is when most happens: half of the faults come in the first 20 s. */
void sim_plan_make(void)
{
	uint32_t count = sim.options.calm ? 0 : 3 + draw(24) + draw(1 + sim.vm_count / 3);
	struct sim_fault *fault;
	uint32_t i;

	if (count > SIM_FAULTS_MAX)
		count = SIM_FAULTS_MAX;
	for (i = 0; i < count; i++) {
		fault = &sim.plan[i];
		fault->kind = draw_kind();
		fault->at_ms = draw(draw(2) ? 20000 : FAULTS_SPAN_MS);
		fault->vm = draw(sim.vm_count);
		fault->for_ms = draw(3) ? 100 + draw(4000) : draw(40000);
		fault->arg = draw(1u << 16);
	}
	sim.plan_count = count;
	add_later_faults();
	sim.faults_end_us = (sim.options.calm ? 0 : FAULTS_SPAN_MS + 45000) * SIM_MS;
}

static bool is_chosen(uint32_t number)
{
	uint32_t i;

	for (i = 0; i < sim.options.fault_count; i++)
		if (sim.options.faults[i] == number)
			return true;
	return !sim.options.faults;
}

static uint64_t after(uint32_t ms)
{
	return sim.now_us + ms * SIM_MS;
}

/* Mostly of the newest rollout, now and then of one that may not even be there. */
static void person(const struct sim_fault *fault)
{
	static const uint8_t verbs[] = {
		SIM_V_PAUSE,  SIM_V_PAUSE,   SIM_V_PAUSE,   SIM_V_RESUME,  SIM_V_RESUME,
		SIM_V_RESUME, SIM_V_PROMOTE, SIM_V_PROMOTE, SIM_V_PROMOTE, SIM_V_ABORT,
		SIM_V_ABORT,  SIM_V_REVERSE, SIM_V_RECALL,  SIM_V_UNDO,
	};
	uint32_t what = fault->arg % (sizeof(verbs) + 4), whom = fault->arg >> 8;
	uint64_t rollout = sim.agent ? sim.agent->live_count : 1;

	if (what >= sizeof(verbs) + 2)
		sim_hand_begin();
	else if (what >= sizeof(verbs))
		sim_hand_allow_all();
	else
		sim_hand_verb(whom % 4 ? rollout : 1 + (whom >> 2) % 3, verbs[what]);
}

static void power(struct sim_vm *vm, bool on, bool tell)
{
	if (!vm->exists || vm->running == on)
		return;
	vm->running = on;
	vm->crashed = false;
	if (on)
		sim_guest_boot(vm);
	else
		sim_due_clear(&vm->guest.due);
	sim_link_break(vm, true);
	if (tell)
		sim_agent_tell(vm);
}

/* A domain can be renamed while it is off; where no event says that, its start does. */
static void power_off(struct sim_vm *vm, const struct sim_fault *fault)
{
	bool renames = fault->arg % 4 == 0 && vm->exists;

	power(vm, false, fault->kind == SIM_F_OFF && !renames);
	vm->crashed = fault->arg % 4 == 1;
	if (!renames)
		return;
	vm->renames++;
	sim_note("vm-%u is renamed, %u times by now", vm->index, vm->renames);
	if (fault->kind == SIM_F_OFF)
		sim_agent_tell(vm);
}

/* Its disk and its memory are another one's; that the first is gone is not always told. */
static void make_anew(struct sim_vm *vm, const struct sim_fault *fault)
{
	if (!vm->exists)
		return;
	power(vm, false, false);
	if (fault->arg & 1)
		sim_agent_gone(vm);
	sim_guest_free(vm);
	vm->made++;
	sim_note("vm-%u is made anew, %u times by now", vm->index, vm->made);
}

/* It runs on, where our agent has no word of it. */
static void leave(struct sim_vm *vm)
{
	char name[SIM_NAME_MAX];

	if (!vm->exists || vm->away)
		return;
	vm->away = true;
	sim_agent_gone(vm);
	sim_link_break(vm, true);
	sim_vm_name(vm, name);
	sim_hand_forget(name);
}

static void come_back(struct sim_vm *vm)
{
	vm->away = false;
	sim_agent_tell(vm);
}

static void skew(struct sim_vm *vm, uint32_t arg)
{
	static const uint64_t lacks[] = { FTH_CAP_CONFIRM_EXTEND, FTH_CAP_EMERGENCY, FTH_CAP_EFFECT,
					  ~0ull };

	vm->guest.capabilities &= ~lacks[arg % 4];
	/* It is seen at the next greeting. */
	sim_link_break(vm, true);
}

static void refuse_next(struct sim_vm *vm, uint32_t arg)
{
	static const uint16_t codes[] = { FTH_E_BUSY, FTH_E_NO_MEMORY, FTH_E_LOAD_FAILED,
					  FTH_E_SYMBOL_UNKNOWN, FTH_E_IN_USE };

	vm->guest.fails_next = codes[arg % 5];
}

/* Looks at the newest rollout every second; who holds it up is excused. */
static void look(struct sim_due *due)
{
	const struct sim_fault *fault = ((struct pair *)due)->fault;
	const struct fth_rollout *rollout;

	if (sim.faults_over || sim.now_us > SIM_MS * (fault->at_ms + fault->for_ms))
		return;
	due->fire = look;
	sim_due_set(due, after(LOOK_EVERY_MS));
	if (!sim.agent || !sim.agent->live_count)
		return;
	rollout = sim.agent->lives[sim.agent->live_count - 1]->rollout;
	if (!rollout->inconclusive)
		return;
	if (rollout->phase != FTH_RO_PAUSED)
		sim_hand_verb(rollout->id, SIM_V_PAUSE);
	sim_hand_verb(rollout->id, SIM_V_RESUME);
}

static void begin_of_wire(struct sim_vm *vm, const struct sim_fault *fault)
{
	struct sim_link *link = fault->arg & 1 ? &vm->to_guest : &vm->to_host;

	switch (fault->kind) {
	case SIM_F_CHOP:
		link->chopped_until_us = after(fault->for_ms);
		break;
	case SIM_F_RESET:
		sim_link_break(vm, true);
		break;
	case SIM_F_STALL:
		link->stalled_until_us = after(fault->for_ms);
		if (fault->arg & 2)
			vm->to_guest.stalled_until_us = link->stalled_until_us;
		break;
	default:
		link->corrupt = true;
	}
}

static void begin_of_guest(struct sim_vm *vm, const struct sim_fault *fault)
{
	switch (fault->kind) {
	case SIM_F_REBOOT:
		sim_guest_reboot(vm);
		break;
	case SIM_F_SNAPSHOT:
		sim_guest_snapshot(vm);
		break;
	case SIM_F_SKEW:
		skew(vm, fault->arg);
		break;
	case SIM_F_LIAR:
		vm->guest.lies = true;
		vm->lied = true;
		break;
	case SIM_F_EMERGENCY:
		sim_patch_emergency(vm, (uint8_t)(FTH_TRIGGER_OOPS + fault->arg % 4));
		break;
	case SIM_F_TAINT:
		vm->guest.taint |= fault->arg & 1 ? WARN_TAINT : OOPS_TAINT;
		break;
	case SIM_F_REFUSE:
		refuse_next(vm, fault->arg);
		break;
	case SIM_F_DEPOSED:
		vm->guest.epoch += DEPOSED;
		break;
	case SIM_F_BLOCKED:
		vm->guest.blocked = 1;
		break;
	case SIM_F_MIDWAY:
		vm->guest.midway = true;
		break;
	default:
		vm->guest.slow = true;
	}
}

/* The agent of another host commands it for a while; ours is not asked. */
static void obey_another(struct sim_vm *vm, uint32_t arg)
{
	struct sim_guest *guest = &vm->guest;

	if (!vm->running || !(arg & 1))
		return;
	guest->epoch += 1 + arg / 2 % ELSEWHERE;
	if (guest->heard_epoch < guest->epoch)
		guest->heard_epoch = guest->epoch;
}

static void begin_of_host(struct sim_vm *vm, const struct sim_fault *fault, struct sim_due *due)
{
	switch (fault->kind) {
	case SIM_F_KILL:
		sim.kill_in = 1 + fault->arg % 30;
		sim.kill_down_ms = fault->for_ms;
		break;
	case SIM_F_DISK_FULL:
		sim.disk_full_until_us = after(fault->for_ms);
		break;
	case SIM_F_FSYNC:
		sim.fsync_fails = 1 + fault->arg % 3;
		break;
	case SIM_F_CLOCK:
		sim.clock_skew_ms += (int64_t)(fault->arg % 40000) - 20000;
		break;
	case SIM_F_OFF:
	case SIM_F_OFF_UNTOLD:
		power_off(vm, fault);
		break;
	case SIM_F_DUPLICATE:
		sim_agent_tell(vm);
		sim_agent_tell(vm);
		break;
	case SIM_F_MIGRATE:
		vm->host = (vm->host + 1) % 4;
		sim_agent_gone(vm);
		sim_link_break(vm, true);
		obey_another(vm, fault->arg);
		break;
	case SIM_F_PERSON:
		person(fault);
		break;
	case SIM_F_TWO:
		sim_two_begin(fault->for_ms, 2000 + fault->arg % 20000);
		break;
	case SIM_F_REMADE:
		make_anew(vm, fault);
		break;
	case SIM_F_FORGET:
		leave(vm);
		break;
	case SIM_F_EXCUSE:
		look(due);
		break;
	case SIM_F_SICK:
		vm->sick = true;
		break;
	case SIM_F_UNSURE:
		vm->unsure = true;
		break;
	default:
		if (vm->exists)
			break;
		vm->exists = true;
		power(vm, true, true);
	}
}

static void begin(struct sim_due *due)
{
	struct pair *pair = (struct pair *)due;
	const struct sim_fault *fault = pair->fault;
	struct sim_vm *vm = &sim.vms[fault->vm];

	sim.seen.faults |= 1ull << fault->kind;
	sim_trace('F', fault->kind, fault->vm);
	sim_note("fault: vm-%u: %s", fault->vm, sim_fault_name(fault->kind));
	switch (fault->kind) {
	case SIM_F_CHOP:
	case SIM_F_RESET:
	case SIM_F_STALL:
	case SIM_F_CORRUPT:
		begin_of_wire(vm, fault);
		break;
	case SIM_F_REBOOT:
	case SIM_F_SNAPSHOT:
	case SIM_F_SKEW:
	case SIM_F_LIAR:
	case SIM_F_EMERGENCY:
	case SIM_F_TAINT:
	case SIM_F_REFUSE:
	case SIM_F_SLOW:
	case SIM_F_DEPOSED:
	case SIM_F_BLOCKED:
	case SIM_F_MIDWAY:
		if (vm->running)
			begin_of_guest(vm, fault);
		break;
	default:
		begin_of_host(vm, fault, due);
	}
	sim_due_set(&pair->end, after(fault->for_ms + 1));
}

static void end(struct sim_due *due)
{
	struct pair *pair = (struct pair *)((char *)due - offsetof(struct pair, end));
	const struct sim_fault *fault = pair->fault;
	struct sim_vm *vm = &sim.vms[fault->vm];

	switch (fault->kind) {
	case SIM_F_SNAPSHOT:
		if (vm->running && vm->snapshot) {
			sim_note("vm-%u goes back in time", vm->index);
			sim_guest_restore(vm);
			if (fault->arg & 1)
				sim_link_break(vm, true);
		}
		break;
	case SIM_F_OFF:
	case SIM_F_OFF_UNTOLD:
	case SIM_F_REMADE:
		power(vm, true, true);
		break;
	case SIM_F_FORGET:
		come_back(vm);
		break;
	case SIM_F_MIGRATE:
		sim_agent_tell(vm);
		break;
	case SIM_F_SICK:
		vm->sick = false;
		break;
	case SIM_F_UNSURE:
		vm->unsure = false;
		break;
	case SIM_F_LIAR:
		if (fault->arg & 1 && vm->guest.lies)
			sim_guest_reboot(vm);
		break;
	default:
		break;
	}
}

void sim_plan_start(void)
{
	uint32_t i;

	memset(pairs, 0, sizeof(pairs));
	for (i = 0; i < sim.plan_count; i++) {
		pairs[i].fault = &sim.plan[i];
		pairs[i].begin.fire = begin;
		pairs[i].end.fire = end;
		if (is_chosen(i))
			sim_due_set(&pairs[i].begin, sim.now_us + sim.plan[i].at_ms * SIM_MS);
	}
}

static bool is_faulty(const struct sim_guest *guest)
{
	return guest->lies || guest->fails_next || guest->slow || guest->midway ||
	       (sim.agent && guest->epoch > sim.agent->epoch + DEPOSED / 2);
}

/* From here on nothing goes wrong any more: what is away returns, who lied is made anew. */
void sim_plan_end(void)
{
	struct sim_vm *vm;
	uint32_t i;

	sim_note("no more faults");
	sim_two_end();
	sim.faults_over = true;
	sim.kill_in = 0;
	sim.fsync_fails = 0;
	sim.disk_full_until_us = 0;
	for (i = 0; i < sim.vm_count; i++) {
		vm = &sim.vms[i];
		vm->to_guest.corrupt = false;
		vm->to_host.corrupt = false;
		vm->sick = false;
		vm->unsure = false;
		vm->away = false;
		if (vm->running && is_faulty(&vm->guest))
			sim_guest_reboot(vm);
		power(vm, true, true);
		sim_agent_tell(vm);
	}
	sim_agent_list();
}
