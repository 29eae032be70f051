// SPDX-License-Identifier: GPL-2.0
/* The API's rollouts: begun, steered, and what was done. */
#include <stdio.h>
#include <stdlib.h>

#include "app/api_internal.h"
#include "app/api_json.h"
#include "io/http.h"
#include "io/user.h"

void fth_api_get_rollouts(struct fth_agent *agent, struct fth_http_request *request)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < agent->live_count; i++)
		json_array_append_new(list, fth_api_json_live(agent->lives[i], false));
	fth_http_reply(request, 200, list);
}

static void fill_asker(const struct fth_http_request *request, const char *why,
		       struct fth_asker *ret_asker)
{
	ret_asker->uid = fth_http_uid(request);
	fth_user_name(ret_asker->uid, ret_asker->who, sizeof(ret_asker->who));
	snprintf(ret_asker->why, sizeof(ret_asker->why), "%s", why);
}

void fth_api_post_rollouts(struct fth_agent *agent, struct fth_http_request *request)
{
	const char *path = NULL, *why = "";
	struct fth_create_error error;
	struct fth_asker asker;
	struct fth_live *live;
	json_t *body;

	if (fth_http_body(request, &body))
		return;
	if (json_unpack(body, "{s:s, s?s !}", "policy", &path, "why", &why) || *path != '/') {
		fth_http_error(
			request, 400, "bad_request",
			"expected {\"policy\": \"/absolute/path.yaml\"}, also \"why\": \"text\"");
	} else if (!fth_api_refuse_writes(agent, request)) {
		fill_asker(request, why, &asker);
		live = fth_create_rollout(agent, path, &asker, &error);
		if (live)
			fth_http_reply(request, 201, fth_api_json_live(live, true));
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

/* The body is {} or {"why": ".."}. */
static int take_why(struct fth_http_request *request, struct fth_asker *ret_asker)
{
	const char *why = "";
	json_t *body;
	int error;

	if (fth_http_body(request, &body))
		return -EINVAL;
	error = json_unpack(body, "{s?s !}", "why", &why);
	if (error)
		fth_http_error(request, 400, "bad_request",
			       "expected {} or {\"why\": \"text\"} and no other member");
	else
		fill_asker(request, why, ret_asker);
	json_decref(body);
	return error ? -EINVAL : 0;
}

static bool refuse_verb(const struct fth_live *live, struct fth_http_request *request,
			const struct verb *verb)
{
	const struct fth_rollout *rollout = live->rollout;
	uint8_t phase = rollout->phase == FTH_RO_PAUSED ? rollout->paused_phase : rollout->phase;

	if (live->superseded) {
		fth_http_error(request, 409, "conflict",
			       "rollout %llu is over: a newer one of patch '%s' began after it",
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

static void steer(struct fth_live *live, struct fth_http_request *request, const struct verb *verb)
{
	struct fth_rollout_event event = { .kind = verb->kind, .blocked = verb->recalls };
	struct fth_agent *agent = live->agent;
	struct fth_asker asker;
	int error;

	if (take_why(request, &asker) || fth_api_refuse_writes(agent, request) ||
	    refuse_verb(live, request, verb))
		return;
	event.uid = asker.uid;
	memcpy(event.who, asker.who, sizeof(event.who));
	memcpy(event.why, asker.why, sizeof(event.why));
	fth_live_sync(live);
	error = fth_live_step(live, &event);
	if (error == -EINVAL)
		fth_http_error(request, 409, "conflict", "rollout %llu is %s: it can't %s now",
			       (unsigned long long)live->rollout->id,
			       fth_rollout_phase_name(live->rollout->phase), verb->word);
	else if (error || fth_agent_flush(agent))
		fth_api_refuse_writes(agent, request);
	else
		fth_http_reply(request, 200, fth_api_json_live(live, true));
}

void fth_api_rollout(struct fth_agent *agent, struct fth_http_request *request, const char *rest)
{
	char *end;
	unsigned long long id = strtoull(rest, &end, 10);
	struct fth_live *live = end == rest ? NULL : fth_live_find(agent, id);
	bool post = fth_http_is_post(request);
	size_t i;

	if (!live) {
		fth_http_error(request, 404, "not_found",
			       "no rollout '%.*s'; 'fother rollout list' shows them",
			       (int)strcspn(rest, "/"), rest);
		return;
	}
	if (!*end && !post) {
		fth_http_reply(request, 200, fth_api_json_live(live, true));
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
	return fth_http_json_text(string, strlen(string));
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
