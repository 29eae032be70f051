// SPDX-License-Identifier: GPL-2.0
/* The API's commands by hand: of one VM, and blocks that are lifted. */
#include <ctype.h>
#include <stdio.h>

#include "app/api_internal.h"
#include "app/api_json.h"
#include "core/text.h"
#include "io/http.h"
#include "io/json_text.h"

struct command {
	const char *word;
	uint8_t type;
	const char *members; /* that the body may have beside "patch" and "why" */
};

static const struct command commands[] = {
	{ "/nudge", FTH_T_NUDGE, "" },
	{ "/force", FTH_T_FORCE, "" },
	{ "/revert", FTH_T_REVERT, "mode" },
	{ "/confirm", FTH_T_CONFIRM, "extend_ms" },
};

static bool is_module_name(const char *name)
{
	size_t i;

	for (i = 0; name[i]; i++)
		if (i == FTH_NAME_MAX || !(isalnum((unsigned char)name[i]) || name[i] == '_'))
			return false;
	return i;
}

/* Members that nobody knows may mean something that is not done. */
static const char *stranger(json_t *body, const char *also)
{
	const char *member;
	json_t *value;

	json_object_foreach(body, member, value)
		if (strcmp(member, "patch") != 0 && strcmp(member, "why") != 0 &&
		    strcmp(member, also) != 0)
			return member;
	return NULL;
}

static int read_patch(struct fth_http_request *request, json_t *body, struct fth_hand_order *order)
{
	const char *patch = json_string_value(json_object_get(body, "patch"));
	const json_t *why = json_object_get(body, "why");

	if (!patch || (why && !json_is_string(why))) {
		fth_http_error(request, 400, "bad_request",
			       "expected {\"patch\": \"name\"}, also \"why\": \"text\"");
		return -EINVAL;
	}
	if (!is_module_name(patch)) {
		fth_http_error(
			request, 400, "bad_request",
			"found patch '%.64s', expected a module's name: 1 … %d letters, digits and underscores",
			patch, FTH_NAME_MAX);
		return -EINVAL;
	}
	strcpy(order->patch, patch);
	fth_text_copy(order->why, sizeof(order->why), why ? json_string_value(why) : "");
	return 0;
}

static int read_mode(struct fth_http_request *request, const json_t *body,
		     struct fth_hand_order *order)
{
	const json_t *mode = json_object_get(body, "mode");
	const char *word = json_string_value(mode);
	int number = 0;

	if (word)
		number = fth_revert_mode_parse(
			(struct fth_span){ (const uint8_t *)word, (uint32_t)strlen(word) });
	if ((mode && !word) || number < 0) {
		fth_http_error(
			request, 400, "bad_request",
			"found mode '%.32s', expected consistent, immediate or consistent-then-immediate",
			word ? word : "");
		return -EINVAL;
	}
	order->mode = (uint8_t)number;
	return 0;
}

static int read_extend(struct fth_http_request *request, const json_t *body,
		       struct fth_hand_order *order)
{
	const json_t *extend = json_object_get(body, "extend_ms");
	json_int_t number = json_integer_value(extend);

	if (extend && (number < FTH_CONFIRM_WITHIN_MIN_MS || number > FTH_CONFIRM_WITHIN_MAX_MS)) {
		fth_http_error(request, 400, "bad_request",
			       "found extend_ms %lld, expected %u … %u", (long long)number,
			       FTH_CONFIRM_WITHIN_MIN_MS, FTH_CONFIRM_WITHIN_MAX_MS);
		return -EINVAL;
	}
	order->extend_ms = (uint32_t)number;
	return 0;
}

static int read_order(struct fth_http_request *request, const struct command *command,
		      struct fth_hand_order *order)
{
	const char *member;
	json_t *body;
	int error;

	if (fth_http_body(request, &body))
		return -EINVAL;
	memset(order, 0, sizeof(*order));
	order->type = command->type;
	member = stranger(body, command->members);
	if (member)
		fth_http_error(request, 400, "bad_request", "member '%.64s' means nothing here",
			       member);
	error = member ? -EINVAL : read_patch(request, body, order);
	if (!error && command->type == FTH_T_REVERT)
		error = read_mode(request, body, order);
	if (!error && command->type == FTH_T_CONFIRM)
		error = read_extend(request, body, order);
	json_decref(body);
	return error;
}

static void refuse_unable(const struct fth_guest *guest, const struct fth_hand_order *order,
			  struct fth_http_request *request)
{
	uint64_t missing = fth_hand_needs(order) & ~guest->capabilities;

	fth_http_error(request, 409, "conflict",
		       "vm '%s': its engine '%s' can't do that (%s); nothing was sent%s",
		       guest->name, guest->engine, fth_capability_name(missing & -missing),
		       order->type == FTH_T_REVERT
			       ? ": reverse the patch's rollout, or use the guest's "
				 "own /sys/kernel/fother"
			       : "");
}

static void no_such_vm(struct fth_http_request *request, const char *name)
{
	fth_http_error(request, 404, "not_found",
		       "no VM '%s'; 'fother vm list' shows those that are known", name);
}

static void begin_hand(struct fth_guest *guest, const struct command *command,
		       struct fth_http_request *request)
{
	struct fth_hand_order order;

	if (read_order(request, command, &order) || fth_api_refuse_writes(guest->agent, request))
		return;
	switch (fth_hand_begin(guest, &order, request)) {
	case 0:
		return;
	case -EIO:
		fth_api_refuse_writes(guest->agent, request);
		return;
	case -ENOTCONN:
		fth_http_error(
			request, 503, "no_answer",
			"vm '%s' has no open session; is it running, and is its fother module loaded?",
			guest->name);
		return;
	case -EOPNOTSUPP:
		refuse_unable(guest, &order, request);
		return;
	default:
		fth_http_error(
			request, 503, "no_answer",
			"vm '%s' is busy, perhaps with another command by hand; nothing was sent",
			guest->name);
	}
}

static void forget(struct fth_agent *agent, const char *name, struct fth_http_request *request)
{
	struct fth_asker asker;
	uint32_t count = 0;

	if (fth_api_take_asker(request, &asker) || fth_api_refuse_writes(agent, request))
		return;
	switch (fth_forget_vm(agent, name, &asker, &count)) {
	case 0:
		fth_http_reply(request, 200,
			       json_pack("{s:o, s:I}", "vm", fth_json_text(name, strlen(name)),
					 "rollouts", (json_int_t)count));
		return;
	case -EBUSY:
		fth_http_error(
			request, 409, "conflict",
			"vm '%s' is in inventory '%s': it is there, so it can't be forgotten; take it out of there first",
			name, fth_guest_find(agent, name)->inventory);
		return;
	case -EAGAIN:
		fth_http_error(
			request, 503, "unavailable",
			"libvirt has not told its domains since the agent started: vm '%s' may be there; see that libvirtd runs, and try again",
			name);
		return;
	case -ENOENT:
		no_such_vm(request, name);
		return;
	default:
		fth_api_refuse_writes(agent, request);
	}
}

/* A VM's name may hold a slash: the command is what is behind the last one. */
void fth_api_post_vm(struct fth_agent *agent, struct fth_http_request *request, const char *rest)
{
	char name[FTH_HTTP_PATH_MAX];
	const char *slash = strrchr(rest, '/');
	const struct command *command = NULL;
	struct fth_guest *guest;
	bool forgets;
	size_t i;

	for (i = 0; slash && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(slash, commands[i].word))
			command = &commands[i];
	forgets = slash && !strcmp(slash, "/forget");
	if (!command && !forgets) {
		fth_http_error(
			request, 405, "bad_method",
			"expected GET /v1/vms/NAME, or POST with /nudge, /force, /confirm, /revert or /forget");
		return;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(slash - rest), rest);
	guest = fth_guest_find(agent, name);
	if (!guest)
		no_such_vm(request, name);
	else if (forgets)
		forget(agent, name, request);
	else
		begin_hand(guest, command, request);
}

static int add_hand(void *list, const struct fth_store_hand *hand)
{
	json_array_append_new(list, fth_api_json_hand(hand));
	return 0;
}

static void answer_list(struct fth_agent *agent, struct fth_http_request *request, json_t *list,
			int error)
{
	if (!error) {
		fth_http_reply(request, 200, list);
		return;
	}
	json_decref(list);
	fth_http_error(request, 500, "internal", "the journal can't be read: %s",
		       fth_store_why(agent->store));
}

void fth_api_get_audit(struct fth_agent *agent, struct fth_http_request *request)
{
	json_t *list = json_array();

	answer_list(agent, request, list, fth_store_each_hand(agent->store, add_hand, list));
}

static int add_block(void *list, const struct fth_store_block *block)
{
	json_array_append_new(list, fth_api_json_block(block));
	return 0;
}

void fth_api_get_blocks(struct fth_agent *agent, struct fth_http_request *request)
{
	json_t *list = json_array();

	answer_list(agent, request, list,
		    fth_store_each_block(agent->store, NULL, add_block, list));
}

void fth_api_post_allow(struct fth_agent *agent, struct fth_http_request *request)
{
	const char *vm = NULL, *patch = NULL, *why = "";
	uint32_t count = 0;
	json_t *body;
	int error;

	if (fth_http_body(request, &body))
		return;
	error = json_unpack(body, "{s:s, s?s, s?s !}", "patch", &patch, "vm", &vm, "why", &why);
	if (error) {
		fth_http_error(
			request, 400, "bad_request",
			"expected {\"patch\": \"name or SHA-256\"}, also \"vm\": \"name\", \"why\": \"text\"");
	} else if (!fth_api_refuse_writes(agent, request)) {
		if (fth_allow_begin(agent, vm, patch, why, request, &count))
			fth_api_refuse_writes(agent, request);
		else if (!count)
			fth_http_error(
				request, 404, "not_found",
				"nothing is blocked as '%.80s'%s%.128s; 'fother blocks' shows what is",
				patch, vm ? " in vm " : "", vm ? vm : "");
		else
			fth_http_reply(request, 200,
				       json_pack("{s:I}", "allowed", (json_int_t)count));
	}
	json_decref(body);
}
