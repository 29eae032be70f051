// SPDX-License-Identifier: GPL-2.0
/*
 * Random fleets, random faults: the invariants of a rollout hold after every
 * step, and once faults stop it ends.  FOTHER_SEED=0x… repeats one seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "core_fleet.h"

#define SEEDS 8000u
#define FAULTY_STEPS 150u
#define QUIET_ROUNDS 3000u /* bounded time, counted in rounds over the fleet */

static void tick(struct fleet *fleet)
{
	struct fth_rollout_event event = fleet_event(fleet, FTH_RE_TICK, 0);

	event.vm[0] = 0;
	fleet_step(fleet, &event);
}

static void by_hand(struct fleet *fleet, uint8_t kind)
{
	struct fth_rollout_event event = fleet_event(fleet, kind, 0);
	struct fth_rollout before = fleet->live;

	event.vm[0] = 0;
	if (fleet_step(fleet, &event) == -EINVAL && before.phase != fleet->live.phase &&
	    !fleet->faults)
		fleet_fail(fleet, "a refused event changed the phase");
}

static void random_fault(struct fleet *fleet)
{
	uint32_t vm = fleet_random(fleet, fleet->vm_count);
	struct fth_rollout_event event;

	switch (fleet_random(fleet, 17)) {
	case 0:
		fleet_lose(fleet, vm);
		break;
	case 1:
		fleet_reboot(fleet, vm);
		fleet_see(fleet, vm);
		break;
	case 2:
		fleet->guests[vm].oopsed = true;
		event = fleet_event(fleet, FTH_RE_HEARTBEAT, vm);
		event.taint = 1ull << 7;
		if (fleet->guests[vm].up)
			fleet_step(fleet, &event);
		break;
	case 3:
		by_hand(fleet, FTH_RE_PAUSE);
		break;
	case 4:
		by_hand(fleet, FTH_RE_RESUME);
		break;
	case 5:
		if (!fleet_random(fleet, 20))
			by_hand(fleet, FTH_RE_REVERSE);
		break;
	case 6:
		fleet_reboot(fleet, vm);
		fleet_lose(fleet, vm);
		break;
	case 7:
		fleet_emergency(fleet, vm);
		break;
	case 8:
		fleet_allow(fleet, vm);
		break;
	case 9:
		by_hand(fleet, FTH_RE_PROMOTE);
		break;
	case 10:
		if (!fleet_random(fleet, 20))
			by_hand(fleet, FTH_RE_ABORT);
		break;
	case 11:
		event = fleet_event(fleet, FTH_RE_CLOCK, 0);
		event.vm[0] = 0;
		event.op_id = 5000 + fleet_random(fleet, 100000);
		event.now_ms += event.op_id;
		fleet->now_ms = event.now_ms;
		fleet_step(fleet, &event);
		break;
	default:
		fleet_see(fleet, vm);
	}
}

static void faulty(struct fleet *fleet)
{
	uint32_t i;

	for (i = 0; i < FAULTY_STEPS; i++) {
		fleet->now_ms += fleet_random(fleet, 3000);
		if (!fleet_random(fleet, 6))
			random_fault(fleet);
		else if (fleet_random(fleet, 4))
			fleet_run_guest(fleet, fleet_random(fleet, fleet->vm_count));
		else
			tick(fleet);
	}
}

/* Everybody is there, nothing is lost, a person resumes what waits. */
static void quiet(struct fleet *fleet)
{
	uint32_t i;
	uint32_t vm;

	fleet->faults = false;
	for (vm = 0; vm < fleet->vm_count; vm++) {
		fleet->guests[vm].wire_count = 0;
		fleet->guests[vm].bad = false;
		fleet_see(fleet, vm);
	}
	for (i = 0; i < QUIET_ROUNDS; i++) {
		if (fth_rollout_terminal(&fleet->live))
			return;
		fleet->now_ms += 500;
		for (vm = 0; vm < fleet->vm_count; vm++)
			fleet_run_guest(fleet, vm);
		tick(fleet);
		if (fleet->live.phase == FTH_RO_PAUSED || fleet->live.phase == FTH_RO_GATED)
			by_hand(fleet, FTH_RE_RESUME);
	}
	fleet_fail(fleet, "invariant 6: still %s (%s) after the faults ended",
		   fth_rollout_phase_name(fleet->live.phase), fleet->live.why);
}

/* The guest's own state is what the rollout says of it. */
static void check_end(struct fleet *fleet)
{
	const struct fth_rollout_vm *vm;
	const struct guest *guest;
	uint32_t i;

	for (i = 0; i < fleet->vm_count; i++) {
		vm = &fleet->live.vms[i];
		guest = &fleet->guests[i];
		if (vm->state == FTH_RV_DONE && guest->state != FTH_LC_APPLIED)
			fleet_fail(fleet, "'%s' is done, its patch is %s", vm->name,
				   fth_lifecycle_name(guest->state));
		if (fleet->live.phase == FTH_RO_REVERSED && guest->state != FTH_LC_ABSENT)
			fleet_fail(fleet, "reversed, but '%s' (%s) is %s", vm->name,
				   fth_rollout_vm_state_name(vm->state),
				   fth_lifecycle_name(guest->state));
		if (vm->state == FTH_RV_WAITING)
			fleet_fail(fleet, "%s, but '%s' waits: %s",
				   fth_rollout_phase_name(fleet->live.phase), vm->name, vm->why);
	}
}

static void run_seed(uint64_t seed, uint32_t *endings)
{
	static struct fleet fleet; /* some hundred KiB */
	struct fth_rollout_event event;

	fleet_init(&fleet, seed);
	event = fleet_event(&fleet, FTH_RE_BEGIN, 0);
	event.vm[0] = 0;
	fleet_step(&fleet, &event);
	faulty(&fleet);
	quiet(&fleet);
	check_end(&fleet);
	endings[fleet.live.phase]++;
}

static void test_random_rollouts(void **state)
{
	uint32_t endings[16] = { 0 };
	const char *seed = getenv("FOTHER_SEED");
	uint64_t i;

	(void)state;
	if (seed) {
		run_seed(strtoull(seed, NULL, 0), endings);
		return;
	}
	for (i = 1; i <= SEEDS; i++)
		run_seed(i, endings);
	/* A run that never completes or never reverses would prove little. */
	assert_true(endings[FTH_RO_COMPLETE] > SEEDS / 50);
	assert_true(endings[FTH_RO_REVERSED] > SEEDS / 50);
	assert_true(endings[FTH_RO_ABORTED] > SEEDS / 50);
	print_message("# %u complete, %u reversed, %u stuck, %u aborted\n",
		      endings[FTH_RO_COMPLETE], endings[FTH_RO_REVERSED], endings[FTH_RO_STUCK],
		      endings[FTH_RO_ABORTED]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_rollouts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
