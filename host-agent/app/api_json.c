// SPDX-License-Identifier: GPL-2.0
/* Snapshots of guests and rollouts as JSON; the shapes stand in docs/api.md. */
#include "app/api_json.h"

#include <stdio.h>

#include "io/channel.h"
#include "io/http.h"
#include "io/json_text.h"
#include "fother/version.h"

#define UUID_TEXT_SIZE 37
#define HEX_TEXT_SIZE (2 * FTH_BUILD_ID_MAX + 1)

static json_t *text(const char *string)
{
	return fth_json_text(string, strlen(string));
}

static json_t *uuid_text(const uint8_t *uuid, bool known)
{
	char string[UUID_TEXT_SIZE];
	size_t i, used = 0;

	if (!known)
		return text("");
	for (i = 0; i < FTH_UUID_SIZE; i++)
		used += (size_t)snprintf(string + used, sizeof(string) - used, "%s%02x",
					 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
	return text(string);
}

static json_t *hex_text(const uint8_t *bytes, size_t size)
{
	char string[HEX_TEXT_SIZE] = "";
	size_t i;

	for (i = 0; i < size; i++)
		snprintf(string + 2 * i, 3, "%02x", bytes[i]);
	return text(string);
}

static json_t *span_text(struct fth_span span)
{
	char string[FTH_DETAIL_MAX + 1];

	fth_guest_span_text(string, sizeof(string), span);
	return text(string);
}

json_t *fth_api_json_status(const struct fth_agent *agent)
{
	return json_pack("{s:s, s:I, s:{s:b, s:o}, s:I, s:I, s:I}", "version", FTH_VERSION, "epoch",
			 (json_int_t)agent->epoch, "store", "ok", agent->store_ok, "why",
			 text(agent->store_why), "vms", (json_int_t)agent->guest_count,
			 "sessions_open", (json_int_t)agent->open_count, "rollouts",
			 (json_int_t)agent->live_count);
}

static json_t *capabilities(uint64_t mask)
{
	json_t *list = json_array();

	for (; mask; mask &= mask - 1)
		json_array_append_new(list, text(fth_capability_name(mask & -mask)));
	return list;
}

json_t *fth_api_json_model(uint8_t leave, uint8_t switches)
{
	if (!leave)
		return json_null();
	return json_pack("{s:s, s:s, s:s}", "name", fth_model_name(leave, switches), "leave",
			 fth_leave_name(leave), "switch", fth_switch_name(switches));
}

json_t *fth_api_json_patches(const struct fth_guest *guest)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < guest->patch_count; i++) {
		const struct fth_guest_patch *patch = &guest->patches[i];

		json_array_append_new(
			list,
			json_pack("{s:o, s:s, s:o, s:I, s:I, s:I, s:o, s:b, s:b, s:b, s:I}", "name",
				  text(patch->name), "state", fth_lifecycle_name(patch->state),
				  "model", fth_api_json_model(patch->leave, patch->switches),
				  "pending", (json_int_t)patch->pending, "functions",
				  (json_int_t)patch->functions, "hits", (json_int_t)patch->hits,
				  "sha256",
				  hex_text(patch->sha256, patch->has_sha256 ? FTH_SHA256_SIZE : 0),
				  "by_hand", (patch->flags & FTH_PATCH_BY_HAND) != 0, "forced",
				  (patch->flags & FTH_PATCH_FORCED) != 0, "immediate",
				  (patch->flags & FTH_PATCH_IMMEDIATE) != 0, "confirm_left_ms",
				  (json_int_t)patch->confirm_left_ms));
	}
	return list;
}

json_t *fth_api_json_stragglers(const struct fth_straggler_info *tasks, uint32_t count)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < count; i++) {
		const struct fth_straggler_info *task = &tasks[i];

		json_array_append_new(
			list, json_pack("{s:I, s:o, s:o, s:I, s:o}", "pid", (json_int_t)task->pid,
					"comm", span_text(task->comm), "where",
					span_text(task->where), "since_ms",
					(json_int_t)task->since_ms, "next", span_text(task->next)));
	}
	return list;
}

json_t *fth_api_json_transition(const struct fth_guest *guest)
{
	const struct fth_guest_transition *transition = guest->transition;

	if (!transition)
		return json_null();
	return json_pack("{s:o, s:s, s:I, s:I, s:I, s:I, s:o}", "patch", text(transition->patch),
			 "state", fth_lifecycle_name(transition->state), "done",
			 (json_int_t)transition->done, "total", (json_int_t)transition->total,
			 "pending", (json_int_t)transition->pending, "heard_ms",
			 (json_int_t)transition->heard_ms, "stragglers",
			 fth_api_json_stragglers(transition->tasks, transition->task_count));
}

json_t *fth_api_json_hand(const struct fth_store_hand *hand)
{
	return json_pack(
		"{s:I, s:I, s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "n", (json_int_t)hand->n, "at_ms",
		(json_int_t)hand->at_ms, "uid", (json_int_t)hand->uid, "vm", text(hand->vm),
		"patch", text(hand->patch), "command", hand->verb, "why", text(hand->why), "result",
		hand->code < 0 ? json_null() : json_string(fth_error_name((uint16_t)hand->code)),
		"detail", text(hand->detail));
}

static const char *session_name(const struct fth_channel_stats *stats)
{
	static const char *const names[] = {
		[FTH_SS_DOWN] = "down",
		[FTH_SS_GREETING] = "greeting",
		[FTH_SS_OPEN] = "open",
	};

	return names[stats->state];
}

/* "trigger" is null where the guest did not say, or named one of a later engine. */
static json_t *trigger(uint8_t number)
{
	const char *name = fth_trigger_name(number);

	return number && strcmp(name, "?") != 0 ? json_string(name) : json_null();
}

json_t *fth_api_json_block(const struct fth_store_block *block)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:I}", "vm", text(block->vm), "patch",
			 text(block->patch), "sha256",
			 hex_text(block->sha256, block->has_sha256 ? FTH_SHA256_SIZE : 0),
			 "trigger", trigger(block->trigger), "incident",
			 (json_int_t)block->incident, "at_ms", (json_int_t)block->at_ms, "why",
			 text(block->why), "allowed_ms", (json_int_t)block->allowed_ms);
}

static int add_block(void *list, const struct fth_store_block *block)
{
	json_array_append_new(list, fth_api_json_block(block));
	return 0;
}

static const char *kind_name(uint8_t kind)
{
	return kind == FTH_EVENT_TRIGGERED  ? "triggered"
	       : kind == FTH_EVENT_REVERTED ? "reverted"
	       : kind == FTH_EVENT_TROUBLE  ? "trouble"
					    : "?";
}

static int add_incident(void *list, const struct fth_store_incident *row)
{
	json_t *json =
		json_pack("{s:I, s:I, s:o, s:I, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:I}",
			  "n", (json_int_t)row->n, "at_ms", (json_int_t)row->at_ms, "boot_id",
			  uuid_text(row->boot_id, true), "incident", (json_int_t)row->incident,
			  "kind", kind_name(row->kind), "trigger", trigger(row->trigger), "mode",
			  row->mode ? json_string(fth_revert_mode_name(row->mode)) : json_null(),
			  "state", fth_lifecycle_name(row->state), "patch", text(row->patch),
			  "sha256", hex_text(row->sha256, row->has_sha256 ? FTH_SHA256_SIZE : 0),
			  "where", text(row->where), "detail", text(row->detail), "text",
			  text(row->text), "happened_ms", (json_int_t)row->happened_ms);

	json_array_append_new(list, json);
	return 0;
}

json_t *fth_api_json_incidents(const struct fth_agent *agent, const char *vm)
{
	json_t *list = json_array();

	if (!fth_store_each_incident(agent->store, vm, add_incident, list))
		return list;
	json_decref(list);
	return json_null(); /* unknown is not none */
}

static json_t *blocks_json(const struct fth_guest *guest)
{
	json_t *list = json_array();

	if (!fth_store_each_block(guest->agent->store, guest->name, add_block, list))
		return list;
	json_decref(list);
	return json_null();
}

static json_t *tags_json(const char *tags)
{
	json_t *list = json_array();
	size_t length;

	while (tags && *tags) {
		length = strcspn(tags, " ");
		json_array_append_new(list, fth_json_text(tags, length));
		tags += length + strspn(tags + length, " ");
	}
	return list;
}

json_t *fth_api_json_guest(const struct fth_guest *guest, bool with_incidents)
{
	struct fth_channel_stats stats = { 0 };
	json_t *json;

	if (guest->channel)
		fth_channel_stats(guest->channel, &stats);
	json = json_pack("{s:o, s:o, s:o, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o}", "name",
			 text(guest->name), "host", text(guest->host), "group", text(guest->group),
			 "inventory", guest->inventory, "running", guest->running, "session",
			 session_name(&stats), "release", text(guest->release), "uuid",
			 uuid_text(guest->uuid, guest->known && guest->has_uuid), "boot_id",
			 uuid_text(guest->boot_id, guest->remembered), "build_id",
			 hex_text(guest->build_id, guest->build_id_size), "engine",
			 text(guest->engine));
	if (!json)
		return NULL;
	json_object_set_new(json, "domain_uuid", uuid_text(guest->id, guest->has_id));
	json_object_set_new(json, "tags", tags_json(guest->tags));
	json_object_set_new(json, "relayed", json_boolean(guest->relayed));
	json_object_set_new(json, "capabilities", capabilities(guest->capabilities));
	json_object_set_new(json, "vcpus", json_integer(guest->vcpus));
	json_object_set_new(json, "uptime_ms", json_integer((json_int_t)guest->uptime_ms));
	json_object_set_new(json, "taint", json_integer((json_int_t)guest->taint));
	json_object_set_new(json, "heard_ms", json_integer((json_int_t)stats.heard_ms));
	json_object_set_new(json, "bad_frames", json_integer((json_int_t)stats.bad_frames));
	json_object_set_new(json, "dropped_frames", json_integer((json_int_t)stats.dropped_frames));
	json_object_set_new(json, "patches", fth_api_json_patches(guest));
	json_object_set_new(json, "blocks", blocks_json(guest));
	if (with_incidents)
		json_object_set_new(json, "incidents",
				    fth_api_json_incidents(guest->agent, guest->name));
	json_object_set_new(json, "transition", fth_api_json_transition(guest));
	return json;
}

static json_t *counts_json(const struct fth_rollout *rollout)
{
	struct fth_rollout_counts counts;

	fth_rollout_count(rollout, &counts);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "total",
			 (json_int_t)counts.total, "waiting", (json_int_t)counts.waiting,
			 "deferred", (json_int_t)counts.deferred, "in_flight",
			 (json_int_t)counts.in_flight, "unknown", (json_int_t)counts.unknown,
			 "soaking", (json_int_t)counts.soaking, "done", (json_int_t)counts.done,
			 "failed", (json_int_t)counts.failed, "reversed",
			 (json_int_t)counts.reversed, "skipped", (json_int_t)counts.skipped,
			 "forgotten", (json_int_t)counts.forgotten, "inconclusive",
			 (json_int_t)counts.inconclusive);
}

static json_t *checks_json(const struct fth_rollout *rollout, uint32_t vm_index)
{
	struct fth_rollout_checks checks;
	json_t *list = json_array();
	uint32_t check;

	fth_rollout_checks(rollout, vm_index, &checks);
	for (check = 0; check < FTH_CHECKS; check++)
		if (checks.wanted & 1u << check)
			json_array_append_new(list, json_string(fth_check_name((uint8_t)check)));
	return list;
}

json_t *fth_api_json_live_vm(const struct fth_live *live, uint32_t vm_index)
{
	const struct fth_rollout_vm *vm = &live->rollout->vms[vm_index];
	const struct fth_guest *guest = fth_guest_find(live->agent, vm->name);
	bool is_ours = guest && guest->transition &&
		       !strcmp(guest->transition->patch, live->rollout->policy.name);

	return json_pack("{s:o, s:o, s:o, s:I, s:s, s:b, s:s, s:s, s:I, s:o, s:o, s:o}", "name",
			 text(vm->name), "host", text(vm->host), "group", text(vm->group), "wave",
			 (json_int_t)vm->wave, "state", fth_rollout_vm_state_name(vm->state),
			 "inconclusive", vm->inconclusive, "guest_state",
			 fth_lifecycle_name(vm->guest_state), "op",
			 vm->op ? fth_op_name(vm->op) : "", "since_ms", (json_int_t)vm->since_ms,
			 "why", text(vm->why), "checks", checks_json(live->rollout, vm_index),
			 "transition", is_ours ? fth_api_json_transition(guest) : json_null());
}

/* Null for none.  Whether its payload is blocked is the journal's word: it may be allowed since. */
static json_t *recall_json(const struct fth_live *live)
{
	struct fth_recall recall;
	char why[FTH_WHY_MAX];

	if (!live->rollout->recall_ms)
		return json_null();
	fth_rollout_recall(live->rollout, live->agent->now_ms, &recall);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "since_ms",
			 (json_int_t)live->rollout->recall_ms, "total", (json_int_t)recall.total,
			 "back", (json_int_t)recall.back, "left", (json_int_t)recall.left, "away",
			 (json_int_t)recall.away, "exposed_ms", (json_int_t)recall.exposed_ms,
			 "due_ms", (json_int_t)recall.due_ms, "blocks",
			 fth_store_is_recalled(live->agent->store, live->rollout->policy.sha256,
					       why, sizeof(why)));
}

/* When its next window opens; 0: it is open, or has none. */
static json_t *window_json(const struct fth_live *live)
{
	uint64_t opens_ms = 0;

	if (!fth_rollout_window_open(live->rollout, live->agent->now_ms, &opens_ms))
		opens_ms -= live->rollout->ahead_ms; /* for people */
	return json_integer((json_int_t)opens_ms);
}

/* What may go wrong now, and what a person has accepted of what did. */
static void add_budget(json_t *json, const struct fth_rollout *rollout)
{
	const struct fth_policy *policy = &rollout->policy;

	json_object_set_new(json, "tried", json_integer(rollout->tried));
	json_object_set_new(json, "failures_accepted", json_integer(rollout->failures_excused));
	json_object_set_new(json, "failures_allowed",
			    json_integer(fth_share_of(&policy->failures_max, rollout->tried)));
	json_object_set_new(json, "inconclusive_allowed",
			    json_integer(fth_share_of(&policy->inconclusive_max, rollout->tried)));
}

json_t *fth_api_json_live(const struct fth_live *live)
{
	const struct fth_rollout *rollout = live->rollout;
	json_t *json;

	json = json_pack(
		"{s:I, s:s, s:o, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "id",
		(json_int_t)rollout->id, "patch", rollout->policy.name, "policy", text(live->path),
		"phase", fth_rollout_phase_name(rollout->phase), "why", text(rollout->why), "wave",
		(json_int_t)rollout->wave, "waves", (json_int_t)rollout->policy.wave_count,
		"started_ms", (json_int_t)rollout->started_ms, "ended_ms",
		(json_int_t)rollout->ended_ms, "soak_until_ms", (json_int_t)rollout->soak_until_ms,
		"failures", (json_int_t)rollout->failures, "inconclusive",
		(json_int_t)rollout->inconclusive, "counts", counts_json(rollout), "model",
		fth_api_json_model(rollout->policy.guest.leave, rollout->policy.guest.switches));
	if (json) {
		json_object_set_new(json, "model_from",
				    json_string(fth_policy_model_from(&rollout->policy)));
		json_object_set_new(json, "checks", checks_json(rollout, FTH_ROLLOUT_WAVE));
		add_budget(json, rollout);
		json_object_set_new(json, "recall", recall_json(live));
		json_object_set_new(json, "window_opens_ms", window_json(live));
		json_object_set_new(json, "superseded", json_boolean(live->superseded));
		json_object_set_new(json, "roster_full", json_boolean(live->full));
	}
	return json;
}
