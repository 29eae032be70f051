// SPDX-License-Identifier: GPL-2.0
/*
 * What rollouts are told of a guest: SEEN, LOST and HEARTBEAT, and what of it they wait for.
 *
 * DESIGN
 * Each rollout that has the guest and is told of events gets its own event, since it says how
 * the guest stands to that rollout's payload.  A bit of a guest's taint is told once,
 * as soon as it is there, and all of them at most once in FTH_GUEST_QUERY_EVERY_MS.
 */
#include <string.h>

#include "app/agent.h"

/* Give one event about this guest to every rollout that has it. */
static void step_all(struct fth_guest *guest, const struct fth_rollout_event *event)
{
	struct fth_rollout_event copy;
	struct fth_binding *binding;

	for (binding = guest->bindings; binding; binding = binding->next) {
		if (!fth_live_is_told(binding->live) || !binding->live->synced)
			continue;
		copy = *event;
		strcpy(copy.vm, guest->name);
		fth_live_step(binding->live, &copy);
	}
}

void fth_guest_feed_lost(struct fth_guest *guest)
{
	struct fth_rollout_event event = { .kind = FTH_RE_LOST };

	step_all(guest, &event);
}

int fth_guest_feed_seen(struct fth_guest *guest, struct fth_binding *binding, bool restored)
{
	struct fth_rollout_event event;

	fth_guest_fill_seen(guest, binding->live, &event);
	event.restored = restored;
	return fth_live_step(binding->live, &event);
}

static void remember(struct fth_guest *guest)
{
	struct fth_store_vm row = {
		.name = guest->name,
		.uptime_ms = guest->uptime_ms,
		.has_uuid = guest->has_id,
	};

	if (!guest->agent->store_ok)
		return;
	memcpy(row.boot_id, guest->boot_id, sizeof(row.boot_id));
	memcpy(row.uuid, guest->id, sizeof(row.uuid));
	if (fth_store_put_vm(guest->agent->store, &row))
		fth_agent_fail_store(guest->agent, fth_store_why(guest->agent->store));
	else
		fth_agent_mark(guest->agent);
}

static void feed_those(struct fth_guest *guest, bool restored, bool takes_back)
{
	struct fth_binding *binding;

	for (binding = guest->bindings; binding; binding = binding->next)
		if (binding->live->takes_back == takes_back && fth_live_is_told(binding->live) &&
		    binding->live->synced)
			fth_guest_feed_seen(guest, binding, restored);
}

void fth_guest_feed_seen_all(struct fth_guest *guest, bool restored)
{
	struct fth_agent *agent = guest->agent;
	uint32_t i;

	for (i = 0; guest->patch_count && i < agent->live_count; i++)
		fth_live_take_back(agent->lives[i], guest);
	/* Who waits for one that takes back is told by what that one makes of this very word. */
	feed_those(guest, restored, true);
	feed_those(guest, restored, false);
	if (guest->bindings)
		remember(guest);
}

/* Its taint may change as fast as it can write; what came since the last time is one event. */
void fth_guest_tell_taint(struct fth_guest *guest)
{
	struct fth_rollout_event event;
	uint64_t now_ms;

	if (!guest->taint_due || !guest->open || !guest->agent->store_ok)
		return;
	now_ms = fth_agent_now(guest->agent);
	if (now_ms < guest->taint_ms + FTH_GUEST_QUERY_EVERY_MS)
		return;
	guest->taint_due = false;
	guest->taint_ms = now_ms;
	memset(&event, 0, sizeof(event));
	event.kind = FTH_RE_HEARTBEAT;
	event.taint = guest->taint;
	step_all(guest, &event);
}

/* A rollout waits for its new code to run: that is in the guest's word only. */
bool fth_guest_awaits_effect(const struct fth_guest *guest)
{
	const struct fth_binding *binding;

	for (binding = guest->bindings; binding; binding = binding->next) {
		const struct fth_rollout *rollout = binding->live->rollout;
		const struct fth_rollout_vm *vm = &rollout->vms[binding->vm_index];

		if (fth_live_is_told(binding->live) && binding->live->synced &&
		    (rollout->policy.health_guest & FTH_HEALTH_GUEST_EFFECT) &&
		    vm->state == FTH_RV_SOAKING && !vm->effect)
			return true;
	}
	return false;
}

/* Something of it is under way that its guest may undo for want of its host. */
bool fth_guest_is_under_way(const struct fth_guest *guest)
{
	const struct fth_binding *binding;

	for (binding = guest->bindings; binding; binding = binding->next) {
		uint8_t state = binding->live->rollout->vms[binding->vm_index].state;

		if (fth_live_is_told(binding->live) && state != FTH_RV_WAITING &&
		    state != FTH_RV_DEFERRED && state != FTH_RV_DONE && state != FTH_RV_REVERSED &&
		    state != FTH_RV_SKIPPED)
			return true;
	}
	return false;
}
