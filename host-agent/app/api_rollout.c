// SPDX-License-Identifier: GPL-2.0
/* The API's rollouts: begun, steered, and what was done. */
#include <stdio.h>
#include <stdlib.h>

#include "app/api_internal.h"
#include "app/api_json.h"
#include "core/text.h"
#include "io/http.h"
#include "io/json_text.h"
#include "io/rights.h"
#include "io/user.h"

static void reply_live(struct fth_http_request *request, int status, const struct fth_live *live)
{
	uint32_t i;

	fth_http_list_begin(request, fth_api_json_live(live), "vms");
	for (i = 0; i < live->rollout->vm_count; i++)
		fth_http_list_add(request, fth_api_json_live_vm(live, i));
	fth_http_list_end(request, status);
}

void fth_api_get_rollouts(struct fth_agent *agent, struct fth_http_request *request)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < agent->live_count; i++)
		json_array_append_new(list, fth_api_json_live(agent->lives[i]));
	fth_http_reply(request, 200, list);
}

void fth_api_post_rollouts(struct fth_agent *agent, struct fth_http_request *request)
{
	const char *path = NULL, *why = "";
	struct fth_create_error error;
	struct fth_rights rights;
	struct fth_asker asker;
	struct fth_live *live;
	json_t *body;
	int fault;

	if (fth_http_body(request, &body))
		return;
	fault = fth_http_rights(request, &rights);
	if (json_unpack(body, "{s:s, s?s !}", "policy", &path, "why", &why) || *path != '/') {
		fth_http_error(
			request, 400, "bad_request",
			"expected {\"policy\": \"/absolute/path.yaml\"}, also \"why\": \"text\"");
	} else if (fault) {
		fth_http_error(
			request, 403, "forbidden",
			"policy '%s': with which rights user %u opens files can't be told: %s; nothing was read",
			path, (unsigned int)fth_http_uid(request), strerror(-fault));
	} else if (!fth_api_refuse_writes(agent, request)) {
		fth_api_fill_asker(request, why, &asker);
		asker.rights = &rights;
		live = fth_create_rollout(agent, path, &asker, &error);
		if (live)
			reply_live(request, 201, live);
		else
			fth_http_error(request, error.status, error.code, "%s", error.message);
	}
	json_decref(body);
}

/**
 * struct verb - what may be asked of a rollout
 * @recalls: and its payload may go nowhere any more
 * @finished: only of one that is over
 */
struct verb {
	const char *word;
	uint8_t kind;
	bool recalls;
	bool finished;
};

static const struct verb verbs[] = {
	{ "pause", FTH_RE_PAUSE, false, false },     { "resume", FTH_RE_RESUME, false, false },
	{ "promote", FTH_RE_PROMOTE, false, false }, { "abort", FTH_RE_ABORT, false, false },
	{ "reverse", FTH_RE_REVERSE, false, false }, { "recall", FTH_RE_REVERSE, true, false },
	{ "undo", FTH_RE_REVERSE, false, true },
};

static bool refuse_verb(const struct fth_live *live, struct fth_http_request *request,
			const struct verb *verb)
{
	const struct fth_rollout *rollout = live->rollout;
	uint8_t phase = rollout->phase == FTH_RO_PAUSED ? rollout->paused_phase : rollout->phase;

	if (live->superseded && !verb->recalls) {
		fth_http_error(request, 409, "conflict",
			       "rollout %llu is over: a newer one of patch '%s' began after it; "
			       "recall still blocks its payload and takes it back",
			       (unsigned long long)rollout->id, rollout->policy.name);
		return true;
	}
	if (verb->finished && phase != FTH_RO_COMPLETE && phase != FTH_RO_ABORTED) {
		fth_http_error(
			request, 409, "conflict",
			"rollout %llu is %s: undo is for one that is complete or aborted; reverse "
			"takes back what is under way",
			(unsigned long long)rollout->id, fth_rollout_phase_name(rollout->phase));
		return true;
	}
	return false;
}

/* What a person can do in place of a verb that can't be carried out. */
static const char *next_step(uint8_t phase, const struct verb *verb)
{
	switch (phase) {
	case FTH_RO_RUNNING:
	case FTH_RO_SOAKING:
		return verb->kind == FTH_RE_PROMOTE
			       ? "no VM soaks of which it can be told that it is well"
			       : "it is neither paused nor at a gate";
	case FTH_RO_PAUSED:
		return "resume it first, or abort or reverse it";
	case FTH_RO_COMPLETE:
		return "all its waves are over; undo takes it back";
	case FTH_RO_ABORTING:
		return "nothing of it is started any more; reverse takes it back";
	case FTH_RO_ABORTED:
		return "nothing of it is started any more; undo takes it back, a rollout of "
		       "the same payload goes on";
	case FTH_RO_REVERSING:
		return "it goes back already; when it is back another one can begin";
	case FTH_RO_REVERSED:
		return "it is back; another one can begin";
	case FTH_RO_STUCK:
		return "some VMs are not back; reverse asks them again, and those that are away "
		       "go back when they return";
	default:
		return "it has not begun";
	}
}

static int carry_out(struct fth_live *live, const struct verb *verb, const struct fth_asker *asker)
{
	struct fth_rollout_event event = { .kind = verb->kind, .blocked = verb->recalls };
	int error = verb->recalls ? fth_live_wake(live) : 0;

	event.uid = asker->uid;
	memcpy(event.who, asker->who, sizeof(event.who));
	memcpy(event.why, asker->why, sizeof(event.why));
	if (!error)
		error = fth_live_step(live, &event);
	fth_live_rank(live->agent);
	fth_live_take_back(live, NULL); /* also who is none of its VMs */
	return error;
}

/*
 * A recall is about a payload: where a newer rollout brings the same one, that one is to
 * go back; where newer ones have others, this one is told of its VMs again, until
 * nobody has it.
 */
static struct fth_live *whom_to_recall(struct fth_live *live, struct fth_asker *asker)
{
	struct fth_live *newest = fth_live_of_payload(live);
	char why[FTH_WHY_MAX];

	if (newest == live)
		return live;
	fth_text_format(why, sizeof(why), "asked of rollout %llu%s%s",
			(unsigned long long)live->rollout->id, *asker->why ? ": " : "", asker->why);
	memcpy(asker->why, why, sizeof(asker->why));
	return newest;
}

static void steer(struct fth_live *live, struct fth_http_request *request, const struct verb *verb)
{
	struct fth_agent *agent = live->agent;
	struct fth_asker asker;
	int error;

	if (fth_api_take_asker(request, &asker) || fth_api_refuse_writes(agent, request) ||
	    refuse_verb(live, request, verb))
		return;
	if (verb->recalls)
		live = whom_to_recall(live, &asker);
	error = carry_out(live, verb, &asker);
	if (error == -ENOMEM)
		fth_http_error(request, 500, "internal", "out of memory; nothing was done");
	else if (error == -EINVAL)
		fth_http_error(request, 409, "conflict",
			       "rollout %llu is %s: %s is not possible: %s",
			       (unsigned long long)live->rollout->id,
			       fth_rollout_phase_name(live->rollout->phase), verb->word,
			       next_step(live->rollout->phase, verb));
	else if (error || fth_agent_flush(agent))
		fth_api_refuse_writes(agent, request);
	else
		reply_live(request, 200, live);
}

void fth_api_rollout(struct fth_agent *agent, struct fth_http_request *request, const char *rest)
{
	char *end;
	unsigned long long id = strtoull(rest, &end, 10);
	bool is_id = *rest >= '0' && *rest <= '9' && (!*end || *end == '/');
	struct fth_live *live = is_id ? fth_live_find(agent, id) : NULL;
	bool post = fth_http_is_post(request);
	size_t i;

	if (!live) {
		fth_http_error(request, 404, "not_found",
			       "no rollout '%.*s'; 'fother rollout list' shows them",
			       (int)strcspn(rest, "/"), rest);
		return;
	}
	if (!*end && !post) {
		reply_live(request, 200, live);
		return;
	}
	for (i = 0; post && *end == '/' && i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(end + 1, verbs[i].word) != 0)
			continue;
		steer(live, request, &verbs[i]);
		return;
	}
	fth_http_error(
		request, post ? 405 : 404, post ? "bad_method" : "not_found",
		"expected GET /v1/rollouts/ID, or POST with /pause, /resume, /promote, /abort, "
		"/reverse, /recall or /undo");
}

static json_t *text(const char *string)
{
	return fth_json_text(string, strlen(string));
}

/* Nobody's word: what came by itself. */
static bool has_asker(const struct fth_store_history *row)
{
	return !strcmp(row->kind, "hand") || (!strcmp(row->kind, "verb") && *row->who);
}

/* @uid, @who: the name that was looked up last */
struct entries {
	json_t *list;
	uint32_t uid;
	char who[FTH_WHO_MAX];
};

static const char *name_of(struct entries *entries, uint32_t uid)
{
	if (!*entries->who || entries->uid != uid)
		fth_user_name(uid, entries->who, sizeof(entries->who));
	entries->uid = uid;
	return entries->who;
}

static int add_entry(void *context, const struct fth_store_history *row)
{
	struct entries *entries = context;
	bool asked = has_asker(row);
	const char *who = !asked || *row->who ? row->who : name_of(entries, row->uid);

	json_array_append_new(
		entries->list,
		json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at_ms",
			  (json_int_t)row->at_ms, "rollout",
			  row->rollout ? json_integer((json_int_t)row->rollout) : json_null(),
			  "patch", text(row->patch), "vm", text(row->vm), "kind", text(row->kind),
			  "what", text(row->what), "why", text(row->why), "uid",
			  asked ? json_integer(row->uid) : json_null(), "who",
			  asked ? text(who) : json_null()));
	return 0;
}

void fth_api_get_history(struct fth_agent *agent, struct fth_http_request *request,
			 const char *rest)
{
	static const char vm_word[] = "/vm/", rollout_word[] = "/rollout/";
	const char *vm = NULL;
	unsigned long long rollout = 0;
	char *end = "";
	struct entries entries = { 0 };

	if (!strncmp(rest, vm_word, strlen(vm_word)))
		vm = rest + strlen(vm_word);
	else if (!strncmp(rest, rollout_word, strlen(rollout_word)))
		rollout = strtoull(rest + strlen(rollout_word), &end, 10);
	if ((*rest && !vm && !rollout) || *end) {
		fth_http_error(request, 404, "not_found",
			       "expected GET /v1/history, /v1/history/vm/NAME or "
			       "/v1/history/rollout/ID");
		return;
	}
	entries.list = json_array();
	if (!fth_store_each_history(agent->store, vm, rollout, add_entry, &entries)) {
		fth_http_reply(request, 200, entries.list);
		return;
	}
	json_decref(entries.list);
	fth_http_error(request, 500, "internal", "the journal can't be read: %s",
		       fth_store_why(agent->store));
}
