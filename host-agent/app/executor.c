// SPDX-License-Identifier: GPL-2.0
/*
 * Rollouts' ops as messages to guests, and guests' answers as events.
 *
 * DESIGN
 * What is to be sent to a guest is always asked of the core at the moment of
 * sending: an op that a later event replaced is never sent.  Nothing is sent
 * while events wait for their commit.  One op at a time is on its way to a
 * guest; other rollouts' ops wait for its answer.  An op is sent again, under the
 * same id, after each connect and when nothing was heard of it for
 * FTH_RESEND_AFTER_MS: the guest answers from memory what it did already.
 */
#include "app/agent.h"
#include "io/channel.h"
#include "io/log.h"

static uint64_t wire_op(const struct fth_agent *agent, uint64_t op_id)
{
	return op_id ^ agent->salt;
}

static bool pending(const struct fth_binding *binding, struct fth_rollout_action *ret_action)
{
	return fth_live_is_told(binding->live) &&
	       fth_rollout_pending(binding->live->rollout, binding->vm_index, ret_action);
}

void fth_executor_queue(struct fth_guest *guest)
{
	if (guest->queued)
		return;
	guest->queued = true;
	guest->next_send = guest->agent->send_first;
	guest->agent->send_first = guest;
}

static struct fth_span text_span(const char *text)
{
	return (struct fth_span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static void fill_apply(const struct fth_guest *guest, const struct fth_policy *policy,
		       struct fth_msg_apply *apply)
{
	apply->epoch = fth_guest_epoch(guest);
	apply->name = text_span(policy->name);
	apply->sha256 = (struct fth_span){ policy->sha256, FTH_SHA256_SIZE };
	apply->policy = policy->guest;
}

static int send_command(struct fth_guest *guest, uint8_t op)
{
	static const uint8_t types[] = {
		[FTH_OP_APPLY] = FTH_T_APPLY,
		[FTH_OP_CONFIRM] = FTH_T_CONFIRM,
		[FTH_OP_REVERSE] = FTH_T_REVERSE,
		[FTH_OP_UNSTAGE] = FTH_T_UNSTAGE,
	};
	const struct fth_policy *policy = &guest->current->live->rollout->policy;
	struct fth_msg msg = {
		.type = types[op],
		.op_id = wire_op(guest->agent, guest->current_op),
	};
	int error;

	if (op == FTH_OP_APPLY) {
		fill_apply(guest, policy, &msg.u.apply);
	} else {
		msg.u.command.epoch = fth_guest_epoch(guest);
		msg.u.command.name = text_span(policy->name);
		msg.u.command.sha256 = (struct fth_span){ policy->sha256, FTH_SHA256_SIZE };
	}
	error = fth_channel_send(guest->channel, &msg);
	if (!error)
		guest->unwritten = true;
	return error;
}

/* As many chunks as the window and the output buffer have room for. */
static void send_chunks(struct fth_guest *guest)
{
	const struct fth_live *live = guest->current->live;
	struct fth_msg msg = {
		.type = FTH_T_STAGE,
		.op_id = wire_op(guest->agent, guest->current_op),
	};
	struct fth_msg_stage *stage = &msg.u.stage;
	uint32_t length;

	stage->epoch = fth_guest_epoch(guest);
	stage->name = text_span(live->rollout->policy.name);
	stage->sha256 = (struct fth_span){ live->payload.sha256, FTH_SHA256_SIZE };
	stage->size = live->payload.size;
	while (guest->stage_sent < live->payload.size &&
	       guest->stage_sent - guest->stage_acked < FTH_STAGE_WINDOW) {
		length = live->payload.size - guest->stage_sent;
		if (length > FTH_CHUNK_MAX)
			length = FTH_CHUNK_MAX;
		stage->offset = guest->stage_sent;
		stage->signature = (struct fth_span){ NULL, 0 };
		if (!stage->offset && (guest->capabilities & FTH_CAP_SIGNATURES))
			stage->signature = (struct fth_span){ live->payload.signature,
							      live->payload.signature_size };
		stage->data = (struct fth_span){ live->payload.bytes + guest->stage_sent, length };
		if (fth_channel_send(guest->channel, &msg))
			return;
		guest->stage_sent += length;
		guest->unwritten = true;
	}
}

/* An op that can't even be put into a message is answered in the guest's place. */
static void refuse_here(struct fth_guest *guest, struct fth_binding *binding, uint64_t op_id,
			const char *why)
{
	const struct fth_msg_result result = {
		.code = FTH_E_INTERNAL,
		.detail = text_span(why),
	};
	struct fth_rollout_event event;

	fth_guest_fill_result(guest, binding->live, &result, &event);
	event.op_id = op_id;
	fth_live_step(binding->live, &event);
}

static bool start(struct fth_guest *guest, struct fth_binding *binding,
		  const struct fth_rollout_action *action)
{
	int error = 0;

	if (action->op == FTH_OP_STAGE && !binding->live->payload.bytes) {
		binding->wants_send = false;
		refuse_here(guest, binding, action->op_id,
			    "the payload is not in the agent's cache any more");
		return false;
	}
	fth_fault_hit(&guest->agent->fault, FTH_FAULT_AFTER_INTENT);
	guest->current = binding;
	guest->current_op = action->op_id;
	guest->current_kind = action->op;
	guest->word_ms = guest->agent->now_ms;
	guest->stage_sent = 0;
	guest->stage_acked = 0;
	if (action->op != FTH_OP_STAGE)
		error = send_command(guest, action->op);
	if (error) {
		guest->current = NULL; /* -ENOBUFS: again when it has drained */
		return false;
	}
	binding->wants_send = false;
	return true;
}

void fth_executor_pump(struct fth_guest *guest)
{
	struct fth_rollout_action action;
	struct fth_binding *binding;

	if (!guest->open)
		return;
	if (guest->agent->dirty || !guest->agent->store_ok) {
		fth_executor_queue(guest);
		return;
	}
	if (guest->current &&
	    (!pending(guest->current, &action) || action.op_id != guest->current_op))
		guest->current = NULL;
	for (binding = guest->bindings; binding && !guest->current; binding = binding->next)
		if (binding->wants_send && binding->live->synced && pending(binding, &action))
			start(guest, binding, &action);
	if (guest->current && guest->current_kind == FTH_OP_STAGE)
		send_chunks(guest);
}

void fth_executor_resend_all(struct fth_guest *guest)
{
	struct fth_binding *binding;

	guest->current = NULL;
	for (binding = guest->bindings; binding; binding = binding->next)
		binding->wants_send = true;
	fth_executor_pump(guest);
}

void fth_executor_progress(struct fth_guest *guest, uint64_t op,
			   const struct fth_msg_progress *progress)
{
	if (!guest->current || op != wire_op(guest->agent, guest->current_op))
		return;
	guest->word_ms = guest->agent->now_ms;
	fth_guest_take_progress(guest, progress);
	if (guest->current_kind != FTH_OP_STAGE || progress->done > guest->stage_sent ||
	    progress->done < guest->stage_acked)
		return;
	guest->stage_acked = progress->done;
	fth_executor_pump(guest);
}

/* Another rollout of this patch may wait for what @binding's one does there. */
static bool is_waited_for(const struct fth_guest *guest, const struct fth_binding *binding)
{
	const struct fth_binding *other;

	for (other = guest->bindings; other; other = other->next)
		if (other != binding && fth_live_is_told(other->live) &&
		    !strcmp(other->live->rollout->policy.name, binding->live->rollout->policy.name))
			return true;
	return false;
}

void fth_executor_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result)
{
	struct fth_rollout_event event;
	struct fth_rollout_action action;
	struct fth_binding *binding;

	fth_fault_hit(&guest->agent->fault, FTH_FAULT_AFTER_RESULT);
	for (binding = guest->bindings; binding; binding = binding->next) {
		if (!pending(binding, &action) || wire_op(guest->agent, action.op_id) != op)
			continue;
		fth_guest_fill_result(guest, binding->live, result, &event);
		event.op_id = action.op_id;
		if (guest->current == binding) {
			guest->current = NULL;
			fth_guest_drop_transition(guest);
		}
		if (result->code == FTH_E_BLOCKED)
			fth_incident_refused(guest, binding->live);
		fth_live_step(binding->live, &event);
		if (is_waited_for(guest, binding))
			fth_guest_query(guest, true, false);
		if (result->code)
			fth_log(FTH_LOG_WARNING, "vm '%s': %s of '%s' refused: %s%s%s", guest->name,
				fth_op_name(action.op), binding->live->rollout->policy.name,
				fth_error_text(result->code), *event.why ? ": " : "", event.why);
		else if (*event.why)
			fth_log(FTH_LOG_INFO, "vm '%s': %s: %s", guest->name,
				fth_op_name(action.op), event.why);
		break;
	}
	fth_executor_pump(guest);
}

void fth_executor_turn(struct fth_guest *guest)
{
	if (!guest->open || !guest->current ||
	    guest->agent->now_ms < guest->word_ms + FTH_RESEND_AFTER_MS)
		return;
	guest->current->wants_send = true;
	guest->current = NULL;
	fth_executor_pump(guest);
}
