// SPDX-License-Identifier: GPL-2.0
/*
 * Rollouts as they run: events in, journalled, and guests to be looked at.
 *
 * DESIGN
 * After a start a rollout's clock stands still until each of its guests has
 * greeted, or FTH_AGENT_SYNC_WITHIN_MS have passed: first all of them are said
 * to be SEEN or LOST at the journal's last time, and only then time goes on.
 * Else the end of a soak that passed while the agent was away would be judged
 * by what was believed before.
 */
#include <stdlib.h>

#include "app/agent.h"
#include "app/health.h"
#include "core/journal.h"
#include "io/log.h"
#include "io/loop.h"

struct fth_live *fth_live_find(struct fth_agent *agent, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < agent->live_count; i++)
		if (agent->lives[i]->rollout->id == id)
			return agent->lives[i];
	return NULL;
}

static struct fth_binding *find_binding(const struct fth_live *live, struct fth_guest *guest)
{
	struct fth_binding *binding = guest->bindings;

	while (binding && binding->live != live)
		binding = binding->next;
	return binding;
}

struct fth_live *fth_live_newest(const struct fth_live *live)
{
	struct fth_agent *agent = live->agent;
	uint32_t i = agent->live_count;

	while (i-- > 0)
		if (!strcmp(agent->lives[i]->rollout->policy.name, live->rollout->policy.name))
			break;
	return i < agent->live_count ? agent->lives[i] : NULL;
}

static void carry_out(struct fth_live *live, const struct fth_rollout_action *action)
{
	struct fth_guest *guest;
	struct fth_binding *binding;

	if (action->kind == FTH_RA_SAY) {
		fth_log(FTH_LOG_NOTICE, "rollout %llu of '%s': %s",
			(unsigned long long)live->rollout->id, live->rollout->policy.name,
			action->text);
		return;
	}
	if (action->kind == FTH_RA_CHECK) {
		fth_health_look(live, action->vm_index);
		return;
	}
	guest = fth_guest_find(live->agent, live->rollout->vms[action->vm_index].name);
	binding = guest ? find_binding(live, guest) : NULL;
	if (!binding)
		return;
	binding->wants_send = true;
	fth_executor_queue(guest);
	if (binding->watch) /* its soak is over */
		fth_health_look(live, action->vm_index);
}

static int journal(struct fth_live *live, const struct fth_rollout_event *event,
		   const struct fth_rollout_actions *actions, const struct fth_history_mark *mark)
{
	uint8_t record[FTH_JOURNAL_RECORD_MAX];
	uint32_t length = fth_journal_encode(event, record);
	int error = length ? 0 : -EINVAL;

	live->uncommitted = true;
	live->last_ms = event->now_ms;
	live->agent->events++;
	if (!error)
		error = fth_store_append(live->agent->store, live->rollout->id, record, length);
	if (!error)
		error = fth_history_after(live, event, actions, mark);
	if (error)
		fth_agent_fail_store(live->agent, fth_store_why(live->agent->store));
	else
		fth_agent_mark(live->agent);
	return error;
}

static int step(struct fth_live *live, struct fth_rollout_event *event)
{
	struct fth_agent *agent = live->agent;
	struct fth_rollout_actions actions = {
		.max = FTH_ROLLOUT_ACTIONS_MAX,
		.entries = agent->actions,
	};
	struct fth_history_mark mark;
	bool recalled = live->rollout->recalled;
	uint32_t i;
	int error;

	if (!agent->store_ok)
		return -EROFS;
	event->now_ms = live->synced ? fth_agent_now(agent) : live->last_ms;
	fth_history_before(live, event, &mark);
	error = fth_rollout_step(live->rollout, event, &actions);
	if (error || !actions.changed)
		return error;
	error = journal(live, event, &actions, &mark);
	live->recall_began = live->recall_began || live->rollout->recalled != recalled;
	for (i = 0; !error && i < actions.count; i++)
		carry_out(live, &actions.entries[i]);
	return error;
}

/* By how much our time is ahead of the wall clock; a clock that is merely adjusted is right. */
static uint64_t ahead_ms(const struct fth_live *live)
{
	uint64_t known_ms = live->rollout->ahead_ms;
	uint64_t ahead_ms = live->agent->ahead_ms;

	if (ahead_ms + FTH_AGENT_CLOCK_BEHIND_MS > known_ms &&
	    ahead_ms < known_ms + FTH_AGENT_CLOCK_BEHIND_MS)
		return known_ms;
	return ahead_ms;
}

/* Before anything else: the time that @event brings is not what it seems. */
static int tell_jump(struct fth_live *live)
{
	struct fth_rollout_event event = { .kind = FTH_RE_CLOCK };

	fth_agent_now(live->agent);
	event.op_id = live->agent->jumped_ms - live->jump_base_ms - live->rollout->jumped_ms;
	event.capabilities = live->rollout->policy.window_count ? ahead_ms(live) : 0;
	if ((!event.op_id && event.capabilities == live->rollout->ahead_ms) || !live->synced ||
	    live->rollout->phase == FTH_RO_NEW)
		return 0;
	return step(live, &event);
}

int fth_live_step(struct fth_live *live, struct fth_rollout_event *event)
{
	int error = live->agent->store_ok ? tell_jump(live) : 0;

	if (event->kind == FTH_RE_BEGIN)
		event->capabilities = ahead_ms(live);
	return error ? error : step(live, event);
}

static int bind(struct fth_live *live, struct fth_guest *guest, uint32_t vm_index)
{
	struct fth_binding *binding = calloc(1, sizeof(*binding));

	if (!binding)
		return -ENOMEM;
	binding->live = live;
	binding->vm_index = vm_index;
	binding->next = guest->bindings;
	guest->bindings = binding;
	return 0;
}

void fth_live_unbind(struct fth_live *live, struct fth_guest *guest)
{
	struct fth_binding **link, *binding;

	for (link = &guest->bindings; (binding = *link); link = &binding->next) {
		if (binding->live != live)
			continue;
		*link = binding->next;
		if (guest->current == binding)
			guest->current = NULL;
		fth_health_drop(binding->watch);
		free(binding);
		return;
	}
}

int fth_live_bind_all(struct fth_live *live)
{
	struct fth_guest *guest;
	uint32_t i;
	int error = 0;

	for (i = 0; !error && i < live->rollout->vm_count; i++) {
		if (live->rollout->vms[i].state == FTH_RV_FORGOTTEN)
			continue;
		guest = fth_guest_get(live->agent, live->rollout->vms[i].name);
		error = guest ? bind(live, guest, i) : -ENOMEM;
	}
	return error;
}

static void unbind_one(struct fth_guest *guest, void *live)
{
	fth_live_unbind(live, guest);
}

void fth_live_unbind_all(struct fth_live *live)
{
	fth_guest_each(live->agent, unbind_one, live);
}

static bool goes_back(const struct fth_live *live)
{
	uint8_t phase = live->rollout->phase;

	return phase == FTH_RO_REVERSING || phase == FTH_RO_REVERSED || phase == FTH_RO_STUCK;
}

static bool is_stopped(const struct fth_live *live)
{
	uint8_t phase = live->rollout->phase;

	return phase == FTH_RO_ABORTING || phase == FTH_RO_ABORTED;
}

/* Its payload is there, were it only on its way. */
static bool has_payload(const struct fth_live *live, const struct fth_guest *guest)
{
	const struct fth_guest_patch *patch = fth_guest_patch(guest, live->rollout->policy.name);

	return patch && patch->has_sha256 && patch->state >= FTH_LC_STAGED &&
	       !memcmp(patch->sha256, live->rollout->policy.sha256, FTH_SHA256_SIZE);
}

/* It was refused for good: only a new word of its guest makes it ask once more. */
static bool has_given_up(const struct fth_live *live, const struct fth_binding *binding)
{
	const struct fth_rollout_vm *vm = &live->rollout->vms[binding->vm_index];

	return vm->state == FTH_RV_FAILED && vm->reachable &&
	       vm->attempts >= FTH_ROLLOUT_ATTEMPTS_MAX;
}

const struct fth_live *fth_live_in_way(const struct fth_live *live, struct fth_guest *guest)
{
	const struct fth_agent *agent = live->agent;
	const char *name = live->rollout->policy.name;
	const struct fth_binding *binding;
	const struct fth_live *other;
	uint32_t i;

	if (!fth_guest_patch(guest, name) || has_payload(live, guest))
		return NULL;
	for (i = 0; i < agent->live_count; i++) {
		other = agent->lives[i];
		if (other == live || !fth_live_is_told(other) || !goes_back(other) ||
		    strcmp(other->rollout->policy.name, name) != 0 || !has_payload(other, guest))
			continue;
		/* One that has no place for it, or gave it up, would be waited for in vain. */
		binding = find_binding(other, guest);
		if (!other->synced || (binding && !has_given_up(other, binding)))
			return other;
	}
	return NULL;
}

/*
 * One that goes back takes in who has its payload: those that its policy selects, and
 * when it is recalled everybody.
 */
static bool takes_in(const struct fth_live *live, const struct fth_guest *guest)
{
	if (goes_back(live))
		return guest->known && has_payload(live, guest) &&
		       (live->rollout->recalled ||
			fth_guest_selected(guest, &live->rollout->policy));
	/* Who joins one that has begun runs what it selects, which only a greeting says. */
	if (live->rollout->phase != FTH_RO_NEW && live->rollout->policy.select_kernel.count &&
	    !guest->known)
		return false;
	return fth_guest_selected(guest, &live->rollout->policy);
}

/* The rollout that @live follows left it there, or may have: the newest of its patch before it. */
static bool is_inherited(const struct fth_live *live, struct fth_guest *guest)
{
	const struct fth_agent *agent = live->agent;
	const struct fth_live *older = NULL;
	const struct fth_binding *binding;
	uint32_t i;

	for (i = 0; i < agent->live_count && agent->lives[i] != live; i++)
		if (!strcmp(agent->lives[i]->rollout->policy.name, live->rollout->policy.name))
			older = agent->lives[i];
	if (!older || memcmp(older->rollout->policy.sha256, live->rollout->policy.sha256,
			     FTH_SHA256_SIZE) != 0)
		return false;
	binding = find_binding(older, guest);
	return binding && older->rollout->vms[binding->vm_index].touched;
}

int fth_live_add_guest(struct fth_live *live, struct fth_guest *guest)
{
	struct fth_rollout_event event = { .kind = FTH_RE_ADD_VM };
	const struct fth_binding *binding = find_binding(live, guest);
	const struct fth_rollout_vm *vm;
	int error;

	/* Tags are the inventory's alone; whom they select stands in the journal. */
	if (!fth_live_is_told(live) || is_stopped(live) ||
	    (binding ? goes_back(live) : !takes_in(live, guest)))
		return 0;
	strcpy(event.vm, guest->name);
	strcpy(event.host, guest->host);
	strcpy(event.group, guest->group);
	if (guest->known)
		strcpy(event.release, guest->release);
	event.reachable = guest->open;
	if (!binding)
		event.sha256_matches = goes_back(live) || is_inherited(live, guest);
	fth_incident_fill(live->agent, guest->name, live, &event);
	error = fth_live_step(live, &event);
	if (error == -ENOSPC && !live->full) {
		live->full = true;
		fth_log(FTH_LOG_ERROR,
			"rollout %llu: vm '%s' not taken in: its roster of %u is full",
			(unsigned long long)live->rollout->id, guest->name, live->rollout->vm_max);
	}
	vm = error || binding ? NULL : fth_rollout_find(live->rollout, guest->name);
	if (!vm || vm->state == FTH_RV_FORGOTTEN)
		return error;
	error = bind(live, guest, (uint32_t)(vm - live->rollout->vms));
	/* Its session is open already: nobody else would say that it was seen. */
	if (!error && live->synced && live->rollout->phase != FTH_RO_NEW && guest->open &&
	    guest->known)
		error = fth_guest_feed_seen(guest, guest->bindings, false);
	return error;
}

void fth_live_offer_kernel(struct fth_guest *guest)
{
	struct fth_agent *agent = guest->agent;
	uint32_t i;

	for (i = 0; guest->present && i < agent->live_count; i++)
		if (agent->lives[i]->rollout->policy.select_kernel.count &&
		    !find_binding(agent->lives[i], guest))
			fth_live_add_guest(agent->lives[i], guest);
}

static void offer(struct fth_guest *guest, void *live)
{
	if (!find_binding(live, guest))
		fth_live_add_guest(live, guest);
}

/* Of its own VMs, too, some may have it that it never touched: what was blocked there, say. */
static void offer_anew(struct fth_guest *guest, void *context)
{
	struct fth_live *live = context;
	struct fth_binding *binding = find_binding(live, guest);

	if (!binding)
		fth_live_add_guest(live, guest);
	else if (guest->open && guest->known && has_payload(live, guest) &&
		 !live->rollout->vms[binding->vm_index].touched)
		fth_guest_feed_seen(guest, binding, false);
}

void fth_live_take_back(struct fth_live *live, struct fth_guest *guest)
{
	if (!fth_live_is_told(live) || !goes_back(live) || !live->synced)
		return;
	if (guest)
		offer(guest, live);
	else
		fth_guest_each(live->agent, offer_anew, live);
}

static bool all_heard(const struct fth_live *live)
{
	const struct fth_guest *guest;
	uint32_t i;

	for (i = 0; i < live->rollout->vm_count; i++) {
		guest = fth_guest_find(live->agent, live->rollout->vms[i].name);
		if (guest && !guest->heard)
			return false;
	}
	return true;
}

void fth_live_sync(struct fth_live *live)
{
	struct fth_rollout_event lost;
	struct fth_guest *guest;
	struct fth_binding *binding;
	uint32_t i;

	if (live->synced)
		return;
	for (i = 0; fth_live_is_told(live) && i < live->rollout->vm_count; i++) {
		guest = fth_guest_find(live->agent, live->rollout->vms[i].name);
		binding = guest ? find_binding(live, guest) : NULL;
		if (!binding)
			continue;
		if (guest->open && guest->known) {
			fth_guest_feed_seen(guest, binding, false);
			binding->wants_send = true;
			fth_executor_queue(guest);
			continue;
		}
		memset(&lost, 0, sizeof(lost));
		lost.kind = FTH_RE_LOST;
		strcpy(lost.vm, guest->name);
		fth_live_step(live, &lost);
	}
	if (!live->agent->store_ok)
		return; /* once more when it can be written */
	live->synced = true;
	for (i = 0; i < live->rollout->vm_count; i++)
		fth_health_look(live, i);
	fth_health_look(live, FTH_ROLLOUT_WAVE);
	fth_live_take_back(live, NULL);
	fth_agent_mark(live->agent); /* the queue is looked at, the wake planned */
}

void fth_live_turn(struct fth_agent *agent)
{
	bool late = fth_agent_now(agent) >= agent->started_ms + FTH_AGENT_SYNC_WITHIN_MS;
	uint32_t i;

	for (i = 0; agent->store_ok && i < agent->live_count; i++) {
		struct fth_live *live = agent->lives[i];

		if (!live->synced && (late || all_heard(live)))
			fth_live_sync(live);
		/* Where nothing else happens, too: a clock that is right again may open one. */
		if (live->synced && fth_live_is_told(live) && live->rollout->policy.window_count)
			tell_jump(live);
		if (!live->recall_began || !live->synced)
			continue;
		live->recall_began = false;
		fth_live_take_back(live, NULL);
	}
}

void fth_live_tick_due(struct fth_agent *agent)
{
	struct fth_rollout_event tick;
	struct fth_live *live;
	uint64_t now_ms = fth_agent_now(agent);
	uint32_t i;

	for (i = 0; i < agent->live_count; i++) {
		live = agent->lives[i];
		if (!fth_live_is_told(live) || !live->synced || !live->rollout->wake_at_ms ||
		    live->rollout->wake_at_ms > now_ms)
			continue;
		memset(&tick, 0, sizeof(tick));
		tick.kind = FTH_RE_TICK;
		fth_live_step(live, &tick);
	}
	fth_agent_plan_wake(agent);
}

struct fth_live *fth_live_new(struct fth_agent *agent, uint64_t id, uint64_t seed, uint32_t vm_max,
			      const struct fth_policy *policy, const char *path)
{
	struct fth_live *live = calloc(1, sizeof(*live));

	if (!live)
		return NULL;
	live->agent = agent;
	live->jump_base_ms = agent->jumped_ms;
	live->rollout = malloc(sizeof(*live->rollout));
	/* Of VMs that may join the pages stay untouched until they do. */
	live->vms = calloc(vm_max, sizeof(*live->vms));
	live->slots = malloc(vm_max * sizeof(*live->slots));
	if (!live->rollout || !live->vms || !live->slots || strlen(path) >= sizeof(live->path)) {
		free(live->rollout);
		free(live->vms);
		free(live->slots);
		free(live);
		return NULL;
	}
	strcpy(live->path, path);
	fth_rollout_init(live->rollout, id, policy, seed, live->vms, live->slots, vm_max);
	return live;
}

void fth_live_free(struct fth_live *live)
{
	if (!live)
		return;
	fth_live_unbind_all(live);
	fth_health_drop(live->wave_watch);
	fth_payload_free(&live->payload);
	free(live->vms);
	free(live->slots);
	free(live->rollout);
	free(live);
}

int fth_live_wake(struct fth_live *live)
{
	int error;

	if (fth_live_is_told(live))
		return 0;
	live->takes_back = true;   /* until they are ranked: after its recall that says the same */
	fth_live_unbind_all(live); /* by what its VMs were called when it was told last */
	error = fth_live_bind_all(live);
	live->synced = false;
	fth_live_sync(live);
	return error;
}

struct fth_live *fth_live_of_payload(const struct fth_live *live)
{
	struct fth_agent *agent = live->agent;
	uint32_t i = agent->live_count;

	while (i-- > 0)
		if (!memcmp(agent->lives[i]->rollout->policy.sha256, live->rollout->policy.sha256,
			    FTH_SHA256_SIZE))
			break;
	return i < agent->live_count ? agent->lives[i] : NULL;
}

void fth_live_rank(struct fth_agent *agent)
{
	struct fth_live *live;
	uint32_t i;

	for (i = 0; i < agent->live_count; i++) {
		live = agent->lives[i];
		live->superseded = fth_live_newest(live) != live;
		live->takes_back = live->superseded && live->rollout->recalled && goes_back(live) &&
				   fth_live_of_payload(live) == live;
	}
}
