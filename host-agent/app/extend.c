// SPDX-License-Identifier: GPL-2.0
/*
 * The agent's sign of life to guests whose patch is not confirmed yet.
 *
 * DESIGN
 * How long a guest still waits it says itself (confirm_left); whether it is to
 * wait longer is the rollout's to say.  Nothing of this is journalled: it
 * follows from the rollout's state and the guest's word, after a restart too,
 * and an agent that is gone says nothing, which is the point.
 */
#include "app/agent.h"
#include "io/channel.h"
#include "io/log.h"

/* What is left by now, at least 1: its revert may be on its way. */
static uint32_t left_ms(const struct fth_guest *guest, const struct fth_guest_patch *patch)
{
	uint64_t passed_ms = guest->agent->now_ms - guest->patches_ms;

	return passed_ms < patch->confirm_left_ms ? patch->confirm_left_ms - (uint32_t)passed_ms
						  : 1;
}

static uint32_t extension_ms(const struct fth_guest *guest, const struct fth_binding *binding)
{
	const struct fth_rollout *rollout = binding->live->rollout;
	const struct fth_guest_patch *patch = fth_guest_patch(guest, rollout->policy.name);

	if (!fth_live_is_told(binding->live) || !binding->live->synced || !patch ||
	    !patch->has_sha256 || !patch->confirm_left_ms || patch->state != FTH_LC_SOAKING ||
	    memcmp(patch->sha256, rollout->policy.sha256, FTH_SHA256_SIZE) != 0)
		return 0;
	return fth_rollout_extends(rollout, binding->vm_index, left_ms(guest, patch));
}

/* Each second for each guest: nearly always there is nothing to put off. */
static const struct fth_binding *find_due(const struct fth_guest *guest, uint32_t *ret_ms)
{
	const struct fth_binding *binding;

	if (!guest->open || !guest->known || !guest->patch_count || !guest->agent->store_ok ||
	    (guest->extend_ms && guest->agent->now_ms < guest->extend_ms + FTH_ALLOW_RETRY_MS))
		return NULL;
	for (binding = guest->bindings; binding; binding = binding->next) {
		*ret_ms = extension_ms(guest, binding);
		if (*ret_ms)
			return binding;
	}
	return NULL;
}

void fth_extend_turn(struct fth_guest *guest)
{
	struct fth_agent *agent = guest->agent;
	const struct fth_binding *binding;
	struct fth_msg msg;
	const struct fth_policy *policy;
	uint32_t by_ms;

	binding = find_due(guest, &by_ms);
	if (!binding)
		return;
	memset(&msg, 0, sizeof(msg));
	policy = &binding->live->rollout->policy;
	msg.type = FTH_T_CONFIRM;
	msg.u.command.extend_ms = by_ms;
	msg.u.command.name =
		(struct fth_span){ (const uint8_t *)policy->name, (uint32_t)strlen(policy->name) };
	msg.u.command.sha256 = (struct fth_span){ policy->sha256, FTH_SHA256_SIZE };
	msg.u.command.epoch = fth_guest_epoch(guest);
	msg.op_id = fth_guest_next_op(agent);
	if (fth_channel_send(guest->channel, &msg))
		return;
	guest->extend_op = msg.op_id;
	guest->extend_ms = agent->now_ms;
}

bool fth_extend_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result)
{
	char detail[FTH_DETAIL_MAX + 1];

	if (!guest->extend_op || guest->extend_op != op)
		return false;
	guest->extend_op = 0;
	if (!result->code) {
		guest->extend_ms = 0; /* another patch of it may be due */
		return true;
	}
	fth_guest_span_text(detail, sizeof(detail), result->detail);
	fth_log(FTH_LOG_WARNING, "vm '%s': its confirmation can't be put off: %s%s%s", guest->name,
		fth_error_text(result->code), *detail ? ": " : "", detail);
	fth_guest_query(guest, true, false);
	return true;
}
