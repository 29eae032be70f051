// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that a person lifts.
 *
 * DESIGN
 * That a payload is allowed again stands in the journal first; then its guest is
 * told, again after each connect until it answers; only then is the block gone
 * and the VM seen anew by its rollouts.  So nothing is sent to a guest that would
 * still refuse it.  One ALLOW at a time is on its way to a guest.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/agent.h"
#include "io/channel.h"
#include "io/http.h"
#include "io/log.h"

#define HEX_DIGITS (2 * FTH_SHA256_SIZE)
#define MATCHES_MIN 16u /* room at first */

/**
 * struct fth_allow - a block that is to be lifted
 * @op: of the ALLOW
 * @row: its strings are those beside it
 */
struct fth_allow {
	uint64_t op;
	struct fth_store_block row;
	char vm[FTH_VM_NAME_MAX + 1];
	char patch[FTH_NAME_MAX + 1];
};

static void copy_row(struct fth_allow *allow, const struct fth_store_block *row)
{
	memset(allow, 0, sizeof(*allow));
	allow->row = *row;
	snprintf(allow->vm, sizeof(allow->vm), "%s", row->vm);
	snprintf(allow->patch, sizeof(allow->patch), "%s", row->patch);
}

/* What is borrowed moves with the structure. */
static const struct fth_store_block *row_of(struct fth_allow *allow)
{
	allow->row.vm = allow->vm;
	allow->row.patch = allow->patch;
	allow->row.why = "";
	return &allow->row;
}

static int find_due(void *context, const struct fth_store_block *row)
{
	if (!row->allowed_ms)
		return 0;
	copy_row(context, row);
	return 1; /* ends the walk */
}

void fth_allow_drop(struct fth_guest *guest)
{
	free(guest->allow);
	guest->allow = NULL;
}

/* The guest knows, or can't hold a block: it is one no more. */
static void lift(struct fth_guest *guest, struct fth_allow *allow, uint16_t code)
{
	const struct fth_store_block *row = row_of(allow);
	struct fth_agent *agent = guest->agent;

	if (fth_store_drop_block(agent->store, row) ||
	    (row->hand && fth_store_end_hand(agent->store, row->hand, code, ""))) {
		fth_agent_fail_store(agent, fth_store_why(agent->store));
		return;
	}
	fth_agent_mark(agent);
	fth_log(FTH_LOG_NOTICE, "vm '%s': '%s' is allowed again", guest->name, row->patch);
	fth_guest_query(guest, true, false);
}

static int send(struct fth_guest *guest, struct fth_allow *allow)
{
	struct fth_msg msg = { .type = FTH_T_ALLOW, .op_id = allow->op };
	struct fth_msg_command *command = &msg.u.command;

	command->epoch = fth_guest_epoch(guest);
	command->name =
		(struct fth_span){ (const uint8_t *)allow->patch, (uint32_t)strlen(allow->patch) };
	if (allow->row.has_sha256)
		command->sha256 = (struct fth_span){ allow->row.sha256, FTH_SHA256_SIZE };
	return fth_channel_send(guest->channel, &msg);
}

void fth_allow_turn(struct fth_guest *guest)
{
	struct fth_agent *agent = guest->agent;
	struct fth_allow due;

	if (!guest->allow_due || !guest->open || !guest->known || !agent->store_ok ||
	    agent->dirty ||
	    (guest->allow_ms && agent->now_ms < guest->allow_ms + FTH_ALLOW_RETRY_MS))
		return;
	fth_allow_drop(guest);
	guest->allow_due = fth_store_each_block(agent->store, guest->name, find_due, &due) == 1;
	if (!guest->allow_due)
		return;
	if (!(guest->capabilities & FTH_CAP_EMERGENCY)) {
		lift(guest, &due, FTH_E_OK);
		return;
	}
	due.op = fth_guest_next_op(agent);
	guest->allow = malloc(sizeof(due));
	if (!guest->allow)
		return;
	*guest->allow = due;
	guest->allow_ms = agent->now_ms;
	if (send(guest, &due))
		fth_allow_drop(guest);
}

bool fth_allow_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result)
{
	struct fth_allow *allow = guest->allow;

	if (!allow || allow->op != op)
		return false;
	if (result->code != FTH_E_OK && result->code != FTH_E_NO_PATCH) {
		fth_log(FTH_LOG_WARNING, "vm '%s': allow '%s': %s; tried again every %u ms",
			guest->name, allow->patch, fth_error_text(result->code),
			FTH_ALLOW_RETRY_MS);
	} else if (guest->agent->store_ok) {
		lift(guest, allow, result->code);
		guest->allow_ms = 0;
	}
	fth_allow_drop(guest);
	return true;
}

struct matching {
	const char *patch;
	uint8_t sha256[FTH_SHA256_SIZE];
	bool by_hash;
	uint32_t count;
	uint32_t room;
	struct fth_allow *matches;
};

static bool matches(const struct matching *matching, const struct fth_store_block *row)
{
	if (row->allowed_ms)
		return false;
	if (matching->by_hash)
		return row->has_sha256 && !memcmp(row->sha256, matching->sha256, FTH_SHA256_SIZE);
	return !strcmp(row->patch, matching->patch);
}

static int take_match(void *context, const struct fth_store_block *row)
{
	struct matching *matching = context;
	struct fth_allow *more;

	if (!matches(matching, row))
		return 0;
	if (matching->count == matching->room) {
		matching->room = matching->room ? 2 * matching->room : MATCHES_MIN;
		more = realloc(matching->matches, matching->room * sizeof(*more));
		if (!more)
			return -ENOMEM;
		matching->matches = more;
	}
	copy_row(&matching->matches[matching->count++], row);
	return 0;
}

static uint8_t nibble(char digit)
{
	static const char digits[] = "0123456789abcdef";

	return (uint8_t)(strchr(digits, tolower((unsigned char)digit)) - digits);
}

static bool read_hash(const char *text, uint8_t *ret_sha256)
{
	size_t i;

	if (strlen(text) != HEX_DIGITS || strspn(text, "0123456789abcdefABCDEF") != HEX_DIGITS)
		return false;
	for (i = 0; i < FTH_SHA256_SIZE; i++)
		ret_sha256[i] = (uint8_t)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
	return true;
}

static int write_down(struct fth_agent *agent, struct fth_allow *match, const char *why,
		      struct fth_http_request *request)
{
	const struct fth_store_hand hand = {
		.at_ms = agent->now_ms,
		.uid = fth_http_uid(request),
		.vm = match->vm,
		.patch = match->patch,
		.verb = "allow",
		.why = why,
	};
	int error = fth_store_add_hand(agent->store, &hand, &match->row.hand);

	match->row.allowed_ms = agent->now_ms;
	if (!error && *match->vm)
		return fth_store_allow_block(agent->store, row_of(match));
	/* The fleet's block is ours alone: no guest is to be told. */
	if (!error)
		error = fth_store_drop_block(agent->store, row_of(match));
	return error ? error : fth_store_end_hand(agent->store, match->row.hand, FTH_E_OK, "");
}

static void tell_guests(struct fth_agent *agent, const struct matching *matching)
{
	struct fth_guest *guest;
	uint32_t i;

	for (i = 0; i < matching->count; i++) {
		guest = fth_guest_find(agent, matching->matches[i].vm);
		if (!guest)
			continue;
		guest->allow_due = true;
		fth_allow_turn(guest);
	}
}

int fth_allow_begin(struct fth_agent *agent, const char *vm, const char *patch, const char *why,
		    struct fth_http_request *request, uint32_t *ret_count)
{
	struct matching matching = { .patch = patch };
	uint32_t i;
	int error;

	fth_agent_now(agent);
	matching.by_hash = read_hash(patch, matching.sha256);
	error = fth_agent_flush(agent); /* others' events don't hang on ours */
	if (!error)
		error = fth_store_each_block(agent->store, vm, take_match, &matching);
	for (i = 0; !error && i < matching.count; i++)
		error = write_down(agent, &matching.matches[i], why, request);
	if (!error && matching.count) {
		fth_agent_mark(agent);
		error = fth_agent_flush(agent);
	} else if (error && agent->store_ok) {
		fth_agent_fail_store(agent, error == -ENOMEM ? "out of memory"
							     : fth_store_why(agent->store));
	}
	if (!error)
		tell_guests(agent, &matching);
	free(matching.matches);
	*ret_count = matching.count;
	return error ? -EIO : 0;
}
