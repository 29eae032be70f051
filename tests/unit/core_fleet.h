/* SPDX-License-Identifier: GPL-2.0 */
/* A fleet of model guests, an agent's journal and a faulty wire between. */
#ifndef FTH_TESTS_CORE_FLEET_H
#define FTH_TESTS_CORE_FLEET_H

#include "core/journal.h"
#include "core/rollout.h"

#define FLEET_VMS_MAX 16u
#define FLEET_WIRE_MAX 64u   /* messages under way per guest */
#define FLEET_MEMORY_MAX 64u /* op ids a guest remembers */

/* What a message on the wire is. */
struct wire {
	bool to_guest;
	uint8_t op;
	uint8_t state;
	uint16_t code;
	uint64_t op_id;
};

struct guest {
	bool up;       /* its channel is open */
	uint8_t state; /* enum fth_lifecycle_state */
	uint32_t boot;
	bool oopsed;
	bool bad;	      /* breaks when patched */
	bool refuses;	      /* it reverted in emergency in this boot */
	uint8_t apply_op_due; /* an op runs: FTH_OP_APPLY or _REVERSE */
	uint64_t op_id;
	uint64_t soaking_since_ms;
	uint64_t capabilities;
	uint32_t wire_count;
	uint32_t memory_count;
	struct wire wire[FLEET_WIRE_MAX];
	struct {
		uint64_t op_id;
		uint16_t code;
	} memory[FLEET_MEMORY_MAX];
};

struct fleet {
	uint64_t seed;
	uint64_t random;
	uint64_t now_ms;
	bool faults;
	bool reversed;		     /* a reverse stands in the journal */
	bool aborted;		     /* so does an abort */
	bool blocked[FLEET_VMS_MAX]; /* so does that this VM may not have the payload */
	uint32_t steps;
	uint32_t vm_count;
	struct fth_policy policy;
	struct guest guests[FLEET_VMS_MAX];
	struct fth_rollout live;
	struct fth_rollout shadow; /* stepped with decoded records only */
	struct fth_rollout_vm live_vms[FLEET_VMS_MAX];
	struct fth_rollout_vm shadow_vms[FLEET_VMS_MAX];
	struct fth_rollout_slot live_slots[FLEET_VMS_MAX];
	struct fth_rollout_slot shadow_slots[FLEET_VMS_MAX];
	struct fth_rollout_action entries[FTH_ROLLOUT_ACTIONS_MAX];
};

/** fleet_random() - 0 … @below - 1, from the fleet's seed. */
uint32_t fleet_random(struct fleet *fleet, uint32_t below);

/** fleet_init() - a random fleet and policy; the roster is in, not begun. */
void fleet_init(struct fleet *fleet, uint64_t seed);

/**
 * fleet_step() - one event, then every invariant
 *
 * Aborts with the seed on stderr at the first violated one; carries the
 * actions out on the wire, or loses them as a killed agent would.
 * Return: what fth_rollout_step() did.
 */
int fleet_step(struct fleet *fleet, struct fth_rollout_event *event);

/** fleet_event() - an event of @kind about VM @vm, time set. */
struct fth_rollout_event fleet_event(struct fleet *fleet, uint8_t kind, uint32_t vm);

/** fleet_see() - the guest speaks: its channel is open from now on. */
void fleet_see(struct fleet *fleet, uint32_t vm);

/** fleet_lose() - its channel closes. */
void fleet_lose(struct fleet *fleet, uint32_t vm);

/** fleet_run_guest() - deliver one message, or let time work in the guest. */
void fleet_run_guest(struct fleet *fleet, uint32_t vm);

/** fleet_emergency() - the guest reverts in emergency, if there is what to revert. */
void fleet_emergency(struct fleet *fleet, uint32_t vm);

/** fleet_allow() - a person lifts the block, in the guest too. */
void fleet_allow(struct fleet *fleet, uint32_t vm);

/** fleet_reboot() - patches and memory are gone. */
void fleet_reboot(struct fleet *fleet, uint32_t vm);

/** fleet_crash_agent() - killed and started again. */
void fleet_crash_agent(struct fleet *fleet);

/** fleet_fail() - name the seed and what is wrong, then abort. */
__attribute__((noreturn, format(printf, 2, 3))) void fleet_fail(const struct fleet *fleet,
								const char *format, ...);

#endif /* FTH_TESTS_CORE_FLEET_H */
