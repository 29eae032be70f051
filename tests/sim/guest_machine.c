// SPDX-License-Identifier: GPL-2.0
/* What happens to a guest's machine: it boots, is snapshotted, goes back in time. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define CAPABILITIES (~0ull & ~(FTH_CAP_SIGNATURES | FTH_CAP_SIGNED_ONLY | FTH_CAP_RELAYED))

void sim_guest_free(struct sim_vm *vm)
{
	free(vm->guest.partial);
	vm->guest.partial = NULL;
	free(vm->snapshot);
	vm->snapshot = NULL;
	sim_due_clear(&vm->guest.due);
}

void sim_guest_boot(struct sim_vm *vm)
{
	struct sim_guest *guest = &vm->guest;
	uint32_t boot = guest->boot + 1;
	uint8_t reached = guest->reached;
	uint8_t applied = guest->applied;
	uint8_t action;

	free(guest->partial);
	sim_due_clear(&guest->due);
	memset(guest, 0, sizeof(*guest));
	guest->boot = boot;
	guest->reached = (uint8_t)(reached | 1u << FTH_LC_ABSENT);
	guest->applied = applied;
	sim.seen.lifecycle |= 1ull << FTH_LC_ABSENT;
	guest->booted_us = sim.now_us;
	guest->capabilities = CAPABILITIES;
	guest->heard_us = sim.now_us;
	fth_decoder_init(&guest->decoder, sim.scratch);
	fth_session_init(&guest->session, FTH_SIDE_GUEST);
	fth_session_step(&guest->session, FTH_SS_EV_UP, 0, &action);
	sim_patch_plan(guest);
}

void sim_guest_reboot(struct sim_vm *vm)
{
	/* Its virtqueue's bytes are gone; the chardev stays connected. */
	vm->to_guest.begin = vm->to_guest.end;
	sim_due_clear(&vm->to_guest.due);
	sim_guest_boot(vm);
}

void sim_guest_snapshot(struct sim_vm *vm)
{
	if (!vm->snapshot)
		vm->snapshot = malloc(sizeof(*vm->snapshot));
	if (!vm->snapshot)
		abort();
	*vm->snapshot = vm->guest;
	vm->snapshot_us = sim.now_us;
}

static void shift(uint64_t *at_us, uint64_t by_us)
{
	if (*at_us)
		*at_us += by_us;
}

/* Back in time: its clocks go on from where they stood. */
void sim_guest_restore(struct sim_vm *vm)
{
	struct sim_guest *guest = &vm->guest;
	uint64_t by_us = sim.now_us - vm->snapshot_us;
	uint8_t reached = guest->reached;
	uint8_t applied = guest->applied;

	if (!vm->snapshot)
		return;
	free(guest->partial);
	sim_due_clear(&guest->due);
	*guest = *vm->snapshot;
	guest->partial = NULL;
	guest->reached |= reached;
	guest->applied |= applied;
	memset(&guest->due, 0, sizeof(guest->due));
	fth_decoder_init(&guest->decoder, sim.scratch);
	guest->booted_us += by_us;
	shift(&guest->end_us, by_us);
	shift(&guest->confirm_us, by_us);
	shift(&guest->confirm_by_us, by_us);
	shift(&guest->heard_us, by_us);
	vm->to_guest.begin = vm->to_guest.end;
	sim_due_clear(&vm->to_guest.due);
	sim_patch_plan(guest);
}
