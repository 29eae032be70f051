// SPDX-License-Identifier: GPL-2.0
/*
 * Emergencies of guests: journalled, blocked, told to the rollouts.
 *
 * DESIGN
 * A guest that reverted in emergency says so at once, as well as it can, and
 * once more in every session; the journal knows which it has heard of.  A first
 * hearing blocks the payload for that VM and makes it a failure of its
 * rollouts, in the same transaction.  How many are written down in a second and
 * how many are kept is bounded: a guest that invents emergencies fills its own
 * pages and no others'.
 */
#include <stdio.h>

#include "app/agent.h"
#include "io/log.h"

/* An emergency is in the open transaction; if that fails, the guest is asked again. */
static void mark(struct fth_guest *guest)
{
	guest->told_in = guest->agent->commits + 1;
	fth_agent_mark(guest->agent);
}

/* The guest's words of one EVENT, made printable. */
struct words {
	char patch[FTH_NAME_MAX + 1];
	char where[FTH_SYMBOL_MAX + 1];
	char detail[FTH_DETAIL_MAX + 1];
	char text[FTH_TEXT_MAX + 1];
	char why[FTH_WHY_MAX];
};

/* A report has lines, and people read it as such. */
static void copy_lines(char *text, size_t size, struct fth_span span)
{
	size_t i;

	fth_guest_span_text(text, size, span);
	for (i = 0; i < span.length && i < size - 1; i++)
		if (span.data[i] == '\n')
			text[i] = '\n';
}

static void read_words(const struct fth_msg_event *event, struct words *words)
{
	fth_guest_span_text(words->patch, sizeof(words->patch), event->name);
	fth_guest_span_text(words->where, sizeof(words->where), event->where);
	fth_guest_span_text(words->detail, sizeof(words->detail), event->detail);
	copy_lines(words->text, sizeof(words->text), event->text);
	snprintf(words->why, sizeof(words->why), "%s%s%.100s%s%.120s",
		 fth_trigger_name(event->trigger), *words->where ? " in " : "", words->where,
		 *words->detail ? ": " : "", words->detail);
}

static void fill_row(const struct fth_guest *guest, const struct fth_msg_event *event,
		     const struct words *words, struct fth_store_incident *row)
{
	memset(row, 0, sizeof(*row));
	row->at_ms = guest->agent->now_ms;
	row->vm = guest->name;
	memcpy(row->boot_id, guest->boot_id, FTH_UUID_SIZE);
	row->incident = event->incident;
	row->kind = event->kind;
	row->trigger = event->trigger;
	row->mode = event->mode;
	row->state = event->state;
	row->patch = words->patch;
	row->has_sha256 = event->sha256.length == FTH_SHA256_SIZE;
	if (row->has_sha256)
		memcpy(row->sha256, event->sha256.data, FTH_SHA256_SIZE);
	row->where = words->where;
	row->detail = words->detail;
	row->text = words->text;
	row->happened_ms = event->happened_ms;
}

/* The VM's page of blocks may be full; that is its own loss. */
static int block(struct fth_guest *guest, const struct fth_store_block *row, bool explains)
{
	int error = fth_store_add_block(guest->agent->store, row, explains);

	if (error != -ENOSPC)
		return error;
	fth_log(FTH_LOG_WARNING, "vm '%s': block of '%s' not kept: it has %u already", guest->name,
		row->patch, FTH_STORE_BLOCKS_MAX);
	return 0;
}

static int write_down(struct fth_guest *guest, const struct fth_store_incident *row,
		      const char *why, bool *ret_is_new, bool *ret_is_first)
{
	struct fth_store *store = guest->agent->store;
	struct fth_store_block blocked = {
		.vm = guest->name,
		.has_sha256 = row->has_sha256,
		.patch = row->patch,
		.trigger = row->trigger,
		.incident = row->incident,
		.at_ms = row->at_ms,
		.why = why,
	};
	/* What was allowed after it began is not blocked again by its end. */
	bool is_first = row->kind == FTH_EVENT_TRIGGERED ||
			(row->kind == FTH_EVENT_REVERTED &&
			 !fth_store_knows_incident(store, row, FTH_EVENT_TRIGGERED));
	int error = fth_store_add_incident(store, row, ret_is_new);

	*ret_is_first = !error && *ret_is_new && is_first;
	if (!*ret_is_first || !*row->patch)
		return error;
	memcpy(blocked.sha256, row->sha256, FTH_SHA256_SIZE);
	return block(guest, &blocked, true);
}

static void tell_rollouts(struct fth_guest *guest, const struct fth_store_incident *row,
			  const char *why)
{
	struct fth_rollout_event event;
	struct fth_binding *binding;

	for (binding = guest->bindings; row->has_sha256 && binding; binding = binding->next) {
		const struct fth_live *live = binding->live;

		if (!fth_live_is_told(live) || !live->synced ||
		    memcmp(live->rollout->policy.sha256, row->sha256, FTH_SHA256_SIZE) != 0)
			continue;
		memset(&event, 0, sizeof(event));
		event.kind = FTH_RE_EMERGENCY;
		event.guest_state = row->state;
		strcpy(event.vm, guest->name);
		snprintf(event.why, sizeof(event.why), "%s", why);
		fth_live_step(binding->live, &event);
	}
}

static void say(const struct fth_guest *guest, const struct fth_store_incident *row,
		const char *why)
{
	switch (row->kind) {
	case FTH_EVENT_TRIGGERED:
		fth_log(FTH_LOG_WARNING, "vm '%s': incident %u: emergency revert of '%s': %s",
			guest->name, row->incident, row->patch, why);
		return;
	case FTH_EVENT_REVERTED:
		fth_log(FTH_LOG_WARNING, "vm '%s': incident %u: '%s' is reverted%s%s: %s",
			guest->name, row->incident, row->patch, row->mode ? ", " : "",
			row->mode ? fth_revert_mode_name(row->mode) : "", why);
		return;
	default:
		fth_log(FTH_LOG_WARNING, "vm '%s': incident %u: %s", guest->name, row->incident,
			why);
	}
}

void fth_incident_take(struct fth_guest *guest, const struct fth_msg_event *event)
{
	struct fth_agent *agent = guest->agent;
	struct fth_store_incident row;
	struct words words;
	bool is_new = false, is_first = false;

	if (guest->incident_count++ >= FTH_GUEST_INCIDENTS_MAX) {
		guest->retell |= event->kind != FTH_EVENT_TROUBLE;
		return;
	}
	if (!agent->store_ok) {
		guest->retell = true;
		return;
	}
	read_words(event, &words);
	fill_row(guest, event, &words, &row);
	if (write_down(guest, &row, words.why, &is_new, &is_first)) {
		guest->retell = true;
		fth_agent_fail_store(agent, fth_store_why(agent->store));
		return;
	}
	if (!is_new)
		return;
	mark(guest);
	say(guest, &row, words.why);
	if (is_first)
		tell_rollouts(guest, &row, words.why);
}

/* Blocks of what was loaded by hand are the guest's alone: gone with its boot. */
struct by_hand {
	const struct fth_msg_hello_ack *ack;
	char names[FTH_STORE_BLOCKS_MAX][FTH_NAME_MAX + 1];
	uint64_t hands[FTH_STORE_BLOCKS_MAX]; /* who allowed it meanwhile, or 0 */
	uint32_t count;
};

static int find_gone(void *context, const struct fth_store_block *row)
{
	struct by_hand *by_hand = context;
	const struct fth_block_info *told;
	uint32_t i;

	if (row->has_sha256 || by_hand->count == FTH_STORE_BLOCKS_MAX)
		return 0;
	for (i = 0; i < by_hand->ack->block_count; i++) {
		told = &by_hand->ack->blocks[i];
		if (!told->sha256.length && told->name.length == strlen(row->patch) &&
		    !memcmp(told->name.data, row->patch, told->name.length))
			return 0;
	}
	by_hand->hands[by_hand->count] = row->hand;
	snprintf(by_hand->names[by_hand->count++], sizeof(by_hand->names[0]), "%s", row->patch);
	return 0;
}

static int drop_gone(struct fth_guest *guest, const struct fth_msg_hello_ack *ack,
		     uint32_t *ret_count)
{
	struct fth_store_block row = { .vm = guest->name };
	struct by_hand by_hand = { .ack = ack };
	uint32_t i;
	int error = fth_store_each_block(guest->agent->store, guest->name, find_gone, &by_hand);

	for (i = 0; !error && i < by_hand.count; i++) {
		row.patch = by_hand.names[i];
		error = fth_store_drop_block(guest->agent->store, &row);
		if (!error && by_hand.hands[i])
			error = fth_store_end_hand(guest->agent->store, by_hand.hands[i], FTH_E_OK,
						   "gone with the guest's boot");
	}
	*ret_count = by_hand.count;
	return error;
}

static int add_told(struct fth_guest *guest, const struct fth_block_info *info)
{
	struct fth_store_block row = {
		.vm = guest->name,
		.has_sha256 = info->sha256.length == FTH_SHA256_SIZE,
		.trigger = info->trigger,
		.incident = info->incident,
		.at_ms = guest->agent->now_ms,
		.why = info->trigger ? fth_trigger_name(info->trigger)
				     : "its guest refuses it, and doesn't say why",
	};
	char name[FTH_NAME_MAX + 1];

	fth_guest_span_text(name, sizeof(name), info->name);
	row.patch = name;
	if (row.has_sha256)
		memcpy(row.sha256, info->sha256.data, FTH_SHA256_SIZE);
	return block(guest, &row, false);
}

void fth_incident_take_blocks(struct fth_guest *guest, const struct fth_msg_hello_ack *ack)
{
	struct fth_agent *agent = guest->agent;
	uint32_t i, dropped = 0;
	int error;

	if (!agent->store_ok) {
		guest->retell = true;
		return;
	}
	error = drop_gone(guest, ack, &dropped);
	for (i = 0; !error && i < ack->block_count; i++)
		error = add_told(guest, &ack->blocks[i]);
	if (error) {
		guest->retell = true;
		fth_agent_fail_store(agent, fth_store_why(agent->store));
	} else if (ack->block_count || dropped) {
		mark(guest);
	}
}

void fth_incident_refused(struct fth_guest *guest, const struct fth_live *live)
{
	const struct fth_policy *policy = &live->rollout->policy;
	const struct fth_block_info info = {
		.name = { (const uint8_t *)policy->name, (uint32_t)strlen(policy->name) },
		.sha256 = { policy->sha256, FTH_SHA256_SIZE },
	};
	char why[FTH_WHY_MAX];

	/* What is known already, by its name perhaps, ends as the guest's own block does. */
	if (!guest->agent->store_ok ||
	    fth_store_is_blocked(guest->agent->store, guest->name, policy->sha256, policy->name,
				 why, sizeof(why)))
		return;
	if (add_told(guest, &info))
		fth_agent_fail_store(guest->agent, fth_store_why(guest->agent->store));
	else
		mark(guest);
}

void fth_incident_fill(struct fth_agent *agent, const char *vm, const struct fth_live *live,
		       struct fth_rollout_event *event)
{
	const struct fth_policy *policy = &live->rollout->policy;
	bool has_it = event->sha256_matches && (event->guest_state == FTH_LC_SOAKING ||
						event->guest_state == FTH_LC_APPLIED);

	event->blocked = fth_store_is_blocked(agent->store, vm, policy->sha256,
					      has_it ? NULL : policy->name, event->why,
					      sizeof(event->why));
}
