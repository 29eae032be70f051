// SPDX-License-Identifier: GPL-2.0
/*
 * Messages to the host, filled from the engine, the stage and the machine.
 *
 * A message that can't be sent is counted by link and not sent again: the host
 * asks again with the same op id, or says HELLO and sees the states.  Nobody asks
 * for an incident: the engine tells it until it was sent.
 */
#include "dispatch.h"

#include <linux/cpumask.h>
#include <linux/utsname.h>

#include "main.h"
#include "revert.h"

static struct fth_span span_of(const char *text)
{
	return (struct fth_span){ .data = (const u8 *)text, .length = strlen(text) };
}

/* Everything below: with reply_lock. */

static struct fth_answer *answer_begin(u8 type, u64 op_id)
{
	struct fth_answer *answer = fth_guest.dispatch.answer;

	fth_robust_lock(&fth_guest.dispatch.reply_lock);
	memset(&answer->msg, 0, sizeof(answer->msg));
	answer->msg.type = type;
	answer->msg.op_id = op_id;
	return answer;
}

static int answer_end(struct fth_answer *answer)
{
	int error = fth_link_send(&answer->msg);

	if (error == -EINVAL)
		pr_err_ratelimited("channel: a message of type %u can't be encoded, and is lost\n",
				   answer->msg.type);
	fth_robust_unlock(&fth_guest.dispatch.reply_lock);
	return error;
}

static bool is_listed(const struct fth_answer *answer, u32 count, const char *name)
{
	while (count--)
		if (!strcmp(answer->patches[count].name, name))
			return true;
	return false;
}

/* The engine's patches, then the payloads that are only staged. */
static u8 list_patches(struct fth_answer *answer, struct fth_patch_info *infos)
{
	u32 count = fth_engine_list(answer->patches, FTH_PATCHES_MAX);
	u32 staged = fth_stage_list(answer->staged, FTH_STAGE_PAYLOADS_MAX);
	u32 adopted = count, i;

	for (i = 0; i < adopted; i++) {
		const struct fth_engine_patch *patch = &answer->patches[i];

		infos[i].name = span_of(patch->name);
		if (patch->has_sha256)
			infos[i].sha256 = (struct fth_span){ patch->sha256, FTH_SHA256_SIZE };
		infos[i].state = patch->state;
		infos[i].flags = patch->flags;
		infos[i].leave = patch->leave;
		infos[i].switches = patch->switches;
		infos[i].functions = patch->functions;
		infos[i].pending = patch->pending;
		infos[i].confirm_left_ms = patch->confirm_left_ms;
		infos[i].hits = patch->hits;
	}
	for (i = 0; i < staged && count < FTH_PATCHES_MAX; i++) {
		const struct fth_stage_entry *entry = &answer->staged[i];

		if (is_listed(answer, adopted, entry->name))
			continue;
		infos[count].name = span_of(entry->name);
		infos[count].sha256 = (struct fth_span){ entry->sha256, FTH_SHA256_SIZE };
		infos[count++].state = FTH_LC_STAGED;
	}
	return count;
}

static u8 list_blocks(struct fth_answer *answer, struct fth_block_info *infos)
{
	u32 found = fth_revert_blocks(answer->blocks, FTH_BLOCKS_MAX);
	u8 count = 0;

	for (u32 i = 0; i < found; i++) {
		const struct fth_block *block = &answer->blocks[i];

		/* A fother of before, in this boot, may have taken what can't be told. */
		if (!fth_name_is_good(span_of(block->name)))
			continue;
		infos[count].name = span_of(block->name);
		if (block->has_sha256)
			infos[count].sha256 = (struct fth_span){ block->sha256, FTH_SHA256_SIZE };
		infos[count].trigger = block->trigger;
		infos[count++].incident = block->incident;
	}
	return count;
}

/* @ret_total: all of them, also those without room. */
static u8 list_stragglers(struct fth_answer *answer, struct fth_straggler_info *infos,
			  u32 *ret_total)
{
	u32 count = fth_engine_stragglers(answer->stragglers, FTH_STRAGGLERS_MAX, ret_total);
	u32 i;

	for (i = 0; i < count; i++) {
		const struct fth_engine_straggler *straggler = &answer->stragglers[i];

		infos[i].pid = straggler->pid;
		infos[i].since_ms = straggler->since_ms;
		infos[i].comm = span_of(straggler->comm);
		infos[i].where = span_of(straggler->where);
		infos[i].next = span_of(straggler->next);
	}
	return count;
}

void fth_dispatch_send_result(u64 op_id, const struct fth_report *report, bool with_stragglers)
{
	struct fth_answer *answer = answer_begin(FTH_T_RESULT, op_id);
	struct fth_msg_result *result = &answer->msg.u.result;
	u32 total;

	result->code = report->code;
	result->detail = span_of(report->detail);
	result->uptime_ms = fth_hostinfo_uptime_ms();
	result->taint = fth_hostinfo_taint();
	result->patch_count = list_patches(answer, result->patches);
	if (with_stragglers)
		result->straggler_count = list_stragglers(answer, result->stragglers, &total);
	answer_end(answer);
}

void fth_dispatch_send_progress(u64 op_id, const char *name, u8 state, u32 done, u32 total)
{
	struct fth_answer *answer = answer_begin(FTH_T_PROGRESS, op_id);
	struct fth_msg_progress *progress = &answer->msg.u.progress;

	progress->name = span_of(name);
	progress->state = state;
	progress->done = done;
	progress->total = total;
	if (fth_lifecycle_in_transition(state))
		progress->straggler_count =
			list_stragglers(answer, progress->stragglers, &progress->pending);
	answer_end(answer);
}

void fth_dispatch_send_event(u8 kind, const char *name, u8 state, const char *detail)
{
	struct fth_answer *answer = answer_begin(FTH_T_EVENT, 0);
	struct fth_msg_event *event = &answer->msg.u.event;

	event->kind = kind;
	event->name = span_of(name);
	event->state = state;
	event->detail = span_of(detail);
	event->uptime_ms = fth_hostinfo_uptime_ms();
	event->taint = fth_hostinfo_taint();
	answer_end(answer);
}

int fth_dispatch_send_incident(const struct fth_incident *incident, u8 kind)
{
	u8 state = fth_dispatch_patch_state(incident->name);
	struct fth_answer *answer = answer_begin(FTH_T_EVENT, 0);
	struct fth_msg_event *event = &answer->msg.u.event;

	fth_incidents_event(incident, kind, event);
	if (!incident->trouble)
		event->state = state;
	return answer_end(answer);
}

void fth_dispatch_send_heartbeat(u64 op_id)
{
	struct fth_answer *answer = answer_begin(FTH_T_HEARTBEAT, op_id);

	answer->msg.u.heartbeat.uptime_ms = fth_hostinfo_uptime_ms();
	answer->msg.u.heartbeat.taint = fth_hostinfo_taint();
	answer_end(answer);
}

void fth_dispatch_send_hello_ack(u64 epoch)
{
	const struct fth_hostinfo *info = &fth_guest.hostinfo;
	struct fth_answer *answer = answer_begin(FTH_T_HELLO_ACK, 0);
	struct fth_msg_hello_ack *ack = &answer->msg.u.hello_ack;

	if (info->has_vm_uuid)
		ack->vm_uuid = (struct fth_span){ info->vm_uuid, FTH_UUID_SIZE };
	ack->boot_id = (struct fth_span){ info->boot_id, FTH_UUID_SIZE };
	ack->release = span_of(utsname()->release);
	ack->build_id = (struct fth_span){ info->build_id, info->build_id_size };
	ack->engine = span_of(FTH_ENGINE_VERSION);
	ack->capabilities = fth_engine_capabilities() | fth_link_capabilities() |
			    fth_trust_capabilities();
	ack->uptime_ms = fth_hostinfo_uptime_ms();
	ack->taint = fth_hostinfo_taint();
	ack->epoch = epoch;
	ack->vcpus = num_online_cpus();
	ack->patch_count = list_patches(answer, ack->patches);
	ack->block_count = list_blocks(answer, ack->blocks);
	answer_end(answer);
}

u8 fth_dispatch_engine_state(const char *name)
{
	u8 state = fth_engine_state(name);

	/* The engine's worker takes an alarm a moment later. */
	if (state != FTH_LC_ABSENT && fth_revert_is_coming(name))
		state = FTH_LC_REVERTING;
	return state;
}

u8 fth_dispatch_patch_state(const char *name)
{
	u8 state = fth_dispatch_engine_state(name);
	bool loading;

	if (state == FTH_LC_ABSENT && fth_stage_holds(name, &loading))
		state = FTH_LC_STAGED;
	return state;
}

bool fth_dispatch_has_other(const char *name, const u8 *sha256)
{
	bool other;

	if (fth_engine_holds(name, sha256, &other))
		return false;
	return other || fth_stage_has_other(name, sha256);
}
