// SPDX-License-Identifier: GPL-2.0
/*
 * Commands by hand: nudge, force, confirm or revert one patch of one VM.
 *
 * DESIGN
 * They belong to no rollout.  Who asked for what stands in the journal before
 * anything is sent, what the guest answered after it.  Such a command is sent
 * once: when its answer does not come, whether it took effect is for a person
 * to see ("fother explain"), never for the agent to try again.  Its op id is
 * its number in the journal with a rollout's half of zero, which no rollout has.
 */
#include <stdlib.h>

#include "app/agent.h"
#include "app/api_json.h"
#include "io/channel.h"
#include "io/http.h"
#include "io/json_text.h"
#include "io/log.h"

/**
 * struct fth_hand - one that waits for its guest's answer
 * @n: in the journal
 * @op: as on the wire
 * @sent_ms: when
 * @patience_ms: how long an answer may take
 * @request: the API's, that gets the answer
 */
struct fth_hand {
	uint64_t n;
	uint64_t op;
	uint64_t sent_ms;
	uint64_t patience_ms;
	const char *verb;
	char patch[FTH_NAME_MAX + 1];
	struct fth_http_request *request;
};

static const char *verb_of(const struct fth_hand_order *order)
{
	switch (order->type) {
	case FTH_T_FORCE:
		return "force";
	case FTH_T_CONFIRM:
		return order->extend_ms ? "extend" : "confirm";
	case FTH_T_REVERT:
		return order->mode == FTH_REVERT_IMMEDIATE    ? "revert immediate"
		       : order->mode == FTH_REVERT_CONSISTENT ? "revert consistent"
							      : "revert";
	default:
		return "nudge";
	}
}

uint64_t fth_hand_needs(const struct fth_hand_order *order)
{
	if (order->type == FTH_T_REVERT)
		return FTH_CAP_EMERGENCY |
		       (order->mode > FTH_REVERT_CONSISTENT ? FTH_CAP_REVERT_IMMEDIATE : 0);
	return order->type == FTH_T_CONFIRM && order->extend_ms ? FTH_CAP_CONFIRM_EXTEND : 0;
}

/* Takes the guest's command away; it is answered by the caller. */
static struct fth_hand *take(struct fth_guest *guest)
{
	struct fth_hand *hand = guest->hand;

	guest->hand = NULL;
	return hand;
}

void fth_hand_give_up(struct fth_guest *guest, const char *why)
{
	struct fth_hand *hand = take(guest);

	if (!hand)
		return;
	fth_http_error(
		hand->request, 503, "no_answer",
		"vm '%s': %s '%s' was sent, but %s: it may or may not have taken effect; see 'fother explain %s'",
		guest->name, hand->verb, hand->patch, why, guest->name);
	free(hand);
}

void fth_hand_turn(struct fth_guest *guest)
{
	if (guest->hand && guest->agent->now_ms >= guest->hand->sent_ms + guest->hand->patience_ms)
		fth_hand_give_up(guest, "no answer came");
}

static void write_end(struct fth_agent *agent, uint64_t n, uint16_t code, const char *detail)
{
	if (!agent->store_ok)
		return;
	if (fth_store_end_hand(agent->store, n, code, detail))
		fth_agent_fail_store(agent, fth_store_why(agent->store));
	else
		fth_agent_mark(agent);
}

bool fth_hand_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result)
{
	char detail[FTH_DETAIL_MAX + 1];
	struct fth_hand *hand = guest->hand;

	if (!hand || hand->op != op)
		return false;
	take(guest);
	fth_guest_span_text(detail, sizeof(detail), result->detail);
	fth_log(FTH_LOG_NOTICE, "vm '%s': %s '%s' by hand: %s%s%s", guest->name, hand->verb,
		hand->patch, fth_error_text(result->code), *detail ? ": " : "", detail);
	write_end(guest->agent, hand->n, result->code, detail);
	if (result->code)
		fth_http_error(hand->request, 409, "conflict", "vm '%s' refuses to %s '%s': %s%s%s",
			       guest->name, hand->verb, hand->patch, fth_error_text(result->code),
			       *detail ? ": " : "", detail);
	else
		fth_http_reply(hand->request, 200,
			       json_pack("{s:o, s:s, s:s, s:I, s:o}", "vm",
					 fth_json_text(guest->name, strlen(guest->name)), "patch",
					 hand->patch, "command", hand->verb, "n",
					 (json_int_t)hand->n, "patches",
					 fth_api_json_patches(guest)));
	free(hand);
	return true;
}

static int send(struct fth_guest *guest, const struct fth_hand_order *order,
		const struct fth_hand *hand)
{
	struct fth_msg msg = { .type = order->type, .op_id = hand->op };

	if (order->type == FTH_T_REVERT)
		msg.u.command.mode = order->mode;
	else if (order->type == FTH_T_CONFIRM)
		msg.u.command.extend_ms = order->extend_ms;

	msg.u.command.epoch = fth_guest_epoch(guest);
	msg.u.command.name =
		(struct fth_span){ (const uint8_t *)hand->patch, (uint32_t)strlen(hand->patch) };
	return fth_channel_send(guest->channel, &msg);
}

/* The row, durable; on error the store's reason holds. */
static int write_down(struct fth_guest *guest, const struct fth_hand *hand, const char *why,
		      uint64_t *ret_n)
{
	const struct fth_store_hand row = {
		.at_ms = fth_agent_now(guest->agent),
		.uid = fth_http_uid(hand->request),
		.vm = guest->name,
		.patch = hand->patch,
		.verb = hand->verb,
		.why = why,
	};

	if (fth_agent_flush(guest->agent))
		return -EIO; /* others' events don't hang on ours */
	if (fth_store_add_hand(guest->agent->store, &row, ret_n)) {
		fth_agent_fail_store(guest->agent, fth_store_why(guest->agent->store));
		return -EIO;
	}
	fth_agent_mark(guest->agent);
	if (!fth_agent_flush(guest->agent))
		return 0;
	*ret_n = 0;
	return -EIO;
}

int fth_hand_begin(struct fth_guest *guest, const struct fth_hand_order *order,
		   struct fth_http_request *request)
{
	struct fth_hand *hand;
	int error;

	if (!guest->open)
		return -ENOTCONN;
	if (fth_hand_needs(order) & ~guest->capabilities)
		return -EOPNOTSUPP;
	if (guest->hand)
		return -EBUSY;
	hand = calloc(1, sizeof(*hand));
	if (!hand)
		return -ENOMEM;
	hand->verb = verb_of(order);
	hand->patience_ms = order->type == FTH_T_REVERT ? FTH_HAND_REVERT_MS : FTH_HAND_ANSWER_MS;
	hand->request = request;
	strcpy(hand->patch, order->patch);
	error = write_down(guest, hand, order->why, &hand->n);
	if (!error && !guest->open)
		error = -ENOTCONN;
	if (!error) {
		hand->op = hand->n ^ guest->agent->salt;
		hand->sent_ms = guest->agent->now_ms;
		fth_log(FTH_LOG_NOTICE, "vm '%s': %s '%s' by hand of uid %u%s%s", guest->name,
			hand->verb, hand->patch, fth_http_uid(request), *order->why ? ": " : "",
			order->why);
		error = send(guest, order, hand);
	}
	if (!error) {
		guest->hand = hand;
		return 0;
	}
	if (hand->n)
		write_end(guest->agent, hand->n, FTH_E_INTERNAL, "not sent");
	free(hand);
	return error;
}
