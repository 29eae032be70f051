// SPDX-License-Identifier: GPL-2.0
/*
 * Guests: spoken to through channels, told of to rollouts.
 *
 * DESIGN
 * Inputs: channels, API requests that wait for an answer.
 * Outputs: SEEN, LOST and HEARTBEAT events.  What a guest sends is its own word
 * about itself and never reaches another guest's record.  A guest that talks
 * much is asked at most once in FTH_GUEST_QUERY_EVERY_MS, and one whose word keeps
 * changing is not listened to for a while: see guest_quota.c.
 */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/agent.h"
#include "app/health.h"
#include "io/channel.h"
#include "io/http.h"
#include "io/log.h"
#include "io/loop.h"

/* QUERYs of one agent's life never repeat another op id. */
#define QUERY_BIT (1ull << 63)
#define EPOCH_MASK 0x7fffffffull

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct fth_guest *)a)->name, ((const struct fth_guest *)b)->name);
}

struct fth_guest *fth_guest_find(struct fth_agent *agent, const char *name)
{
	struct fth_guest key;
	struct fth_guest **found;

	if (strlen(name) >= sizeof(key.name))
		return NULL;
	strcpy(key.name, name);
	found = tfind(&key, &agent->guests, compare);
	return found ? *found : NULL;
}

struct fth_guest *fth_guest_get(struct fth_agent *agent, const char *name)
{
	struct fth_guest *guest = fth_guest_find(agent, name);

	if (guest || agent->guest_count == FTH_ROLLOUT_VMS_MAX || strlen(name) > FTH_VM_NAME_MAX)
		return guest;
	guest = calloc(1, sizeof(*guest));
	if (!guest)
		return NULL;
	guest->agent = agent;
	strcpy(guest->name, name);
	if (!tsearch(guest, &agent->guests, compare)) {
		free(guest);
		return NULL;
	}
	agent->guest_count++;
	return guest;
}

bool fth_guest_selected(const struct fth_guest *guest, const struct fth_policy *policy)
{
	return fth_patterns_match(&policy->select_name, guest->name) &&
	       fth_patterns_match(&policy->select_group, guest->group) &&
	       fth_tags_match(&policy->select_tag, guest->tags ? guest->tags : "") &&
	       (!guest->known || fth_patterns_match(&policy->select_kernel, guest->release));
}

struct walk {
	void (*take)(struct fth_guest *guest, void *context);
	void *context;
};

static void visit(const void *node, VISIT which, void *closure)
{
	const struct walk *walk = closure;

	if (which == postorder || which == leaf)
		walk->take(*(struct fth_guest *const *)node, walk->context);
}

void fth_guest_each(struct fth_agent *agent, void (*take)(struct fth_guest *guest, void *context),
		    void *context)
{
	struct walk walk = { take, context };

	twalk_r(agent->guests, visit, &walk);
}

static void refuse_askers(struct fth_guest *guest)
{
	uint32_t i, count = guest->asker_count;

	guest->asker_count = 0;
	for (i = 0; i < count; i++)
		fth_http_error(
			guest->askers[i], 503, "no_answer",
			"vm '%s' does not answer; is it running, and is its fother module loaded?",
			guest->name);
}

static void free_guest(void *memory)
{
	struct fth_guest *guest = memory;

	fth_channel_free(guest->channel);
	refuse_askers(guest);
	fth_hand_give_up(guest, "the agent ends");
	fth_allow_drop(guest);
	fth_guest_drop_transition(guest);
	free(guest->patches);
	free(guest->tags);
	free(guest);
}

/* It may be queued still, and so outlive its name's change of hands. */
void fth_guest_clear(struct fth_guest *guest)
{
	guest->heard = false;
	guest->known = false;
	guest->remembered = false;
	guest->has_id = false;
	guest->has_uuid = false;
	guest->retell = false;
	guest->allow_due = false;
	fth_quota_clear(guest);
	guest->epoch = 0;
	guest->release[0] = '\0';
	guest->engine[0] = '\0';
	guest->build_id_size = 0;
	guest->capabilities = 0;
	guest->uptime_ms = 0;
	guest->taint = 0;
	guest->vcpus = 0;
	guest->patch_count = 0;
	memset(guest->boot_id, 0, sizeof(guest->boot_id));
}

/* A rollout's VM may come back, and one that is queued is still needed. */
void fth_guest_drop(struct fth_guest *guest)
{
	struct fth_agent *agent = guest->agent;

	if (guest->present || guest->bindings || guest->queued)
		return;
	tdelete(guest, &agent->guests, compare);
	agent->guest_count--;
	free_guest(guest);
}

void fth_guest_free_all(struct fth_agent *agent)
{
	tdestroy(agent->guests, free_guest);
	agent->guests = NULL;
	agent->guest_count = 0;
	agent->send_first = NULL;
}

uint64_t fth_guest_next_op(struct fth_agent *agent)
{
	return QUERY_BIT | (agent->epoch & EPOCH_MASK) << 32 | (uint32_t)++agent->query_count;
}

static void send_query(struct fth_guest *guest)
{
	struct fth_agent *agent = guest->agent;
	struct fth_msg msg = { .type = FTH_T_QUERY };

	guest->query_due = true;
	if (!guest->open || guest->query_op ||
	    agent->now_ms < guest->query_ms + FTH_GUEST_QUERY_EVERY_MS)
		return;
	msg.op_id = fth_guest_next_op(agent);
	if (fth_channel_send(guest->channel, &msg))
		return;
	guest->query_op = msg.op_id;
	guest->query_ms = agent->now_ms;
	guest->query_due = false;
}

void fth_guest_query(struct fth_guest *guest, bool feeds, bool restored)
{
	guest->query_feeds |= feeds;
	guest->query_restored |= restored;
	fth_agent_now(guest->agent);
	send_query(guest);
}

int fth_guest_ask(struct fth_guest *guest, struct fth_http_request *request)
{
	if (!guest->open)
		return -ENOTCONN;
	if (guest->asker_count == FTH_GUEST_ASKERS_MAX)
		return -EBUSY;
	guest->askers[guest->asker_count++] = request;
	fth_guest_query(guest, false, false);
	return 0;
}

/* A kernel that runs loses no taint: bits that come and go are one event each, for good. */
static void take_taint(struct fth_guest *guest, uint64_t taint)
{
	guest->taint_due |= (taint & ~guest->taint) != 0;
	guest->taint |= taint;
}

/* What could not be journalled the guest tells again to whoever greets it. */
static void greet_again(struct fth_guest *guest)
{
	if (!guest->retell || !guest->open || !guest->agent->store_ok ||
	    guest->agent->now_ms < guest->logged_ms + FTH_GUEST_QUERY_EVERY_MS)
		return;
	guest->retell = false;
	fth_guest_reconnect(guest, "it has incidents to tell again");
}

void fth_guest_turn(struct fth_guest *guest)
{
	uint64_t now_ms = guest->agent->now_ms, events = guest->agent->events;

	fth_quota_turn(guest);
	fth_epoch_turn(guest);
	greet_again(guest);
	if (guest->query_op && now_ms >= guest->query_ms + FTH_GUEST_ANSWER_MS) {
		guest->query_op = 0;
		guest->query_due = guest->query_feeds;
		refuse_askers(guest);
	}
	if (guest->open && now_ms >= guest->query_ms + FTH_GUEST_EFFECT_EVERY_MS &&
	    fth_guest_awaits_effect(guest))
		fth_guest_query(guest, true, false);
	if (guest->query_due)
		send_query(guest);
	fth_hand_turn(guest);
	fth_allow_turn(guest);
	fth_extend_turn(guest);
	fth_guest_tell_taint(guest);
	fth_quota_count(guest, events);
	fth_executor_turn(guest);
}

static void opened(void *context, const struct fth_msg_hello_ack *ack)
{
	struct fth_guest *guest = context;
	bool same_boot = guest->remembered && ack->boot_id.length == FTH_UUID_SIZE &&
			 !memcmp(guest->boot_id, ack->boot_id.data, FTH_UUID_SIZE);
	bool restored = same_boot && (ack->uptime_ms < guest->uptime_ms || guest->query_restored);
	uint64_t events = guest->agent->events;

	if (!fth_epoch_take(guest, ack->epoch))
		return;
	guest->open = true;
	guest->agent->open_count++;
	guest->query_op = 0;
	guest->query_ms = 0;
	guest->query_restored = false;
	guest->allow_ms = 0;
	guest->allow_due = true;
	guest->extend_op = 0;
	guest->extend_ms = 0;
	fth_log(FTH_LOG_INFO, "vm '%s': session open", guest->name);
	if (fth_guest_take_ack(guest, ack)) {
		fth_guest_query(guest, true, restored);
		return;
	}
	guest->heard = true;
	fth_incident_take_blocks(guest, ack);
	fth_guest_feed_seen_all(guest, restored);
	fth_live_offer_kernel(guest);
	fth_quota_count(guest, events);
	fth_executor_resend_all(guest);
	fth_live_turn(guest->agent);
}

static void closed(void *context, const char *why)
{
	struct fth_guest *guest = context;
	uint64_t events = guest->agent->events;

	if (!guest->open)
		return; /* it was to be greeted again */
	fth_log(FTH_LOG_INFO, "vm '%s': session closed: %s", guest->name, why);
	guest->open = false;
	guest->agent->open_count--;
	guest->current = NULL;
	guest->unwritten = false;
	guest->query_op = 0;
	guest->query_due = false;
	guest->taint_due = false; /* the next greeting says it */
	refuse_askers(guest);
	fth_hand_give_up(guest, "its session closed");
	fth_allow_drop(guest);
	fth_guest_drop_transition(guest);
	fth_guest_feed_lost(guest);
	fth_quota_count(guest, events);
}

/* Return: it came out of a snapshot since it was heard last. */
static bool take_uptime(struct fth_guest *guest, uint64_t uptime_ms, uint64_t taint)
{
	bool restored = uptime_ms < guest->uptime_ms;

	if (restored)
		guest->taint = 0; /* that was after the snapshot */
	take_taint(guest, taint);
	guest->uptime_ms = uptime_ms;
	return restored;
}

static void take_heartbeat(struct fth_guest *guest, const struct fth_msg_heartbeat *heartbeat)
{
	bool restored = take_uptime(guest, heartbeat->uptime_ms, heartbeat->taint);

	fth_guest_tell_taint(guest);
	if (restored)
		fth_guest_query(guest, true, true);
}

static void take_event(struct fth_guest *guest, const struct fth_msg_event *event)
{
	char name[FTH_NAME_MAX + 1], detail[FTH_DETAIL_MAX + 1];
	uint64_t now_ms = fth_agent_now(guest->agent);

	fth_guest_query(guest, true, false);
	if (now_ms >= guest->logged_ms + FTH_GUEST_QUERY_EVERY_MS) {
		guest->logged_ms = now_ms;
		guest->logged_count = 0;
		guest->incident_count = 0;
	}
	if (event->incident) {
		fth_incident_take(guest, event);
		return;
	}
	if (guest->logged_count++ >= FTH_GUEST_EVENTS_MAX)
		return;
	fth_guest_span_text(name, sizeof(name), event->name);
	fth_guest_span_text(detail, sizeof(detail), event->detail);
	fth_log(event->kind == FTH_EVENT_STATE ? FTH_LOG_INFO : FTH_LOG_WARNING,
		"vm '%s': patch '%s' is %s%s%s", guest->name, name,
		fth_lifecycle_name(event->state), *detail ? ": " : "", detail);
}

static void take_answer(struct fth_guest *guest, const struct fth_msg_result *result)
{
	struct fth_http_request *askers[FTH_GUEST_ASKERS_MAX];
	bool feeds = guest->query_feeds, restored = guest->query_restored;
	uint32_t i, count = guest->asker_count;

	guest->query_op = 0;
	guest->query_feeds = false;
	guest->query_restored = false;
	memcpy(askers, guest->askers, sizeof(askers));
	guest->asker_count = 0;
	for (i = 0; i < count; i++)
		fth_api_explain(guest, result, askers[i]);
	if (!feeds)
		return;
	fth_guest_feed_seen_all(guest, restored);
	if (restored)
		fth_executor_resend_all(guest);
}

/* The first word out of a snapshot may be an answer: then all is asked anew. */
static void take_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result)
{
	bool restored = take_uptime(guest, result->uptime_ms, result->taint);

	fth_guest_take_patches(guest, result->patches, result->patch_count);
	if (restored && op == guest->query_op) {
		guest->query_feeds = true;
		guest->query_restored = true;
	} else if (restored) {
		fth_guest_query(guest, true, true);
	}
	if (op & QUERY_BIT) {
		if (op == guest->query_op)
			take_answer(guest, result);
		else if (!fth_allow_result(guest, op, result))
			fth_extend_result(guest, op, result);
		return;
	}
	/* What a rollout asked for is sent again, once the rollout knows. */
	if (!fth_hand_result(guest, op, result) && !restored)
		fth_executor_result(guest, op, result);
}

static void message(void *context, const struct fth_msg *msg)
{
	struct fth_guest *guest = context;
	uint64_t events = guest->agent->events;

	if (guest->quota_over || !guest->open)
		return; /* it says all of it again in its next session */
	switch (msg->type) {
	case FTH_T_HEARTBEAT:
		take_heartbeat(guest, &msg->u.heartbeat);
		break;
	case FTH_T_EVENT:
		take_event(guest, &msg->u.event);
		break;
	case FTH_T_PROGRESS:
		fth_executor_progress(guest, msg->op_id, &msg->u.progress);
		break;
	case FTH_T_RESULT:
		take_result(guest, msg->op_id, &msg->u.result);
		break;
	default:
		break;
	}
	fth_quota_count(guest, events);
}

static void drained(void *context)
{
	struct fth_guest *guest = context;

	if (guest->unwritten)
		fth_fault_hit(&guest->agent->fault, FTH_FAULT_AFTER_SEND);
	guest->unwritten = false;
	fth_executor_pump(guest);
}

/* All heartbeats together cost the same from some number of guests on. */
static uint32_t beat_ms(void *context)
{
	const struct fth_guest *guest = context;
	uint32_t every_ms = guest->agent->open_count * FTH_AGENT_BEAT_MS;

	if (every_ms <= FTH_HEARTBEAT_EVERY_MS || fth_guest_is_under_way(guest))
		return FTH_HEARTBEAT_EVERY_MS;
	return every_ms < FTH_HEARTBEAT_MAX_MS ? every_ms : FTH_HEARTBEAT_MAX_MS;
}

static const struct fth_channel_hooks channel_hooks = {
	.opened = opened,
	.closed = closed,
	.message = message,
	.drained = drained,
	.beat_ms = beat_ms,
};

void fth_guest_disconnect(struct fth_guest *guest, const char *why)
{
	if (guest->open)
		closed(guest, why);
	fth_channel_free(guest->channel);
	guest->channel = NULL;
	fth_epoch_clear(guest);
}

void fth_guest_reconnect(struct fth_guest *guest, const char *why)
{
	char path[FTH_CHANNEL_PATH_MAX];
	bool obeys = guest->obeys;

	snprintf(path, sizeof(path), "%s", fth_channel_path(guest->channel));
	fth_guest_disconnect(guest, why);
	guest->obeys = obeys;
	fth_guest_connect(guest, path);
}

void fth_guest_connect(struct fth_guest *guest, const char *path)
{
	int error;

	if (guest->channel && !strcmp(fth_channel_path(guest->channel), path)) {
		fth_channel_poke(guest->channel);
		return;
	}
	if (guest->channel)
		fth_guest_disconnect(guest, "the socket's path changed");
	error = fth_channel_new(guest->agent->loop, path, fth_guest_epoch(guest), &channel_hooks,
				guest, &guest->channel);
	if (error)
		fth_log(FTH_LOG_ERROR, "vm '%s': channel '%s': %s", guest->name, path,
			strerror(-error));
	else
		fth_quota_hold(guest);
}
