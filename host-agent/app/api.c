// SPDX-License-Identifier: GPL-2.0
/*
 * The HTTP API: snapshots out, events in.
 *
 * DESIGN
 * A request never touches core structures: reads copy them into JSON, writes
 * are events like any other, and are answered after they are durable.  Paths and
 * shapes stand in docs/api.md.
 */
#include <stdio.h>
#include <stdlib.h>

#include "app/api_internal.h"
#include "app/api_json.h"
#include "io/http.h"

static void get_status(struct fth_agent *agent, struct fth_http_request *request)
{
	fth_http_reply(request, 200, fth_api_json_status(agent));
}

static void add_guest(struct fth_guest *guest, void *list)
{
	json_array_append_new(list, fth_api_json_guest(guest, false));
}

static void get_vms(struct fth_agent *agent, struct fth_http_request *request)
{
	json_t *list = json_array();

	fth_guest_each(agent, add_guest, list);
	fth_http_reply(request, 200, list);
}

static void get_rollouts(struct fth_agent *agent, struct fth_http_request *request)
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < agent->live_count; i++)
		json_array_append_new(list, fth_api_json_live(agent->lives[i], false));
	fth_http_reply(request, 200, list);
}

static void explain(struct fth_guest *guest, struct fth_http_request *request)
{
	switch (fth_guest_ask(guest, request)) {
	case 0:
		return;
	case -EBUSY:
		fth_http_error(request, 503, "no_answer",
			       "vm '%s': %u requests wait for its answer already", guest->name,
			       FTH_GUEST_ASKERS_MAX);
		return;
	default:
		fth_http_error(
			request, 503, "no_answer",
			"vm '%s' has no open session; is it running, and is its fother module loaded?",
			guest->name);
	}
}

void fth_api_explain(const struct fth_guest *guest, const struct fth_msg_result *result,
		     struct fth_http_request *request)
{
	fth_http_reply(
		request, 200,
		json_pack("{s:o, s:o, s:o, s:o}", "vm",
			  fth_http_json_text(guest->name, strlen(guest->name)), "patches",
			  fth_api_json_patches(guest), "stragglers",
			  fth_api_json_stragglers(result->stragglers, result->straggler_count),
			  "incidents", fth_api_json_incidents(guest->agent, guest->name)));
}

/* A VM's name may hold a slash: only a known word at the end is cut off. */
static void get_vm(struct fth_agent *agent, struct fth_http_request *request, const char *name)
{
	static const char word[] = "/explain";
	struct fth_guest *guest = fth_guest_find(agent, name);
	char head[FTH_HTTP_PATH_MAX];
	size_t length = strlen(name);
	bool asks = false;

	if (!guest && length > strlen(word) && !strcmp(name + length - strlen(word), word)) {
		snprintf(head, sizeof(head), "%.*s", (int)(length - strlen(word)), name);
		name = head;
		guest = fth_guest_find(agent, head);
		asks = true;
	}
	if (!guest)
		fth_http_error(request, 404, "not_found",
			       "no VM '%s'; 'fother vm list' shows those that are known", name);
	else if (asks)
		explain(guest, request);
	else
		fth_http_reply(request, 200, fth_api_json_guest(guest, true));
}

bool fth_api_refuse_writes(struct fth_agent *agent, struct fth_http_request *request)
{
	if (agent->store_ok)
		return false;
	fth_http_error(
		request, 507, "store",
		"the journal in '%s' can't be written: %s; this request was not taken: repeat it when 'fother status' says ok",
		agent->state_folder, agent->store_why);
	return true;
}

static void post_rollouts(struct fth_agent *agent, struct fth_http_request *request)
{
	struct fth_create_error error;
	struct fth_live *live;
	const char *path;
	json_t *body;

	if (fth_http_body(request, &body))
		return;
	path = json_string_value(json_object_get(body, "policy"));
	if (!path || *path != '/' || json_object_size(body) != 1) {
		fth_http_error(
			request, 400, "bad_request",
			"expected {\"policy\": \"/absolute/path.yaml\"} and no other member");
	} else if (!fth_api_refuse_writes(agent, request)) {
		live = fth_create_rollout(agent, path, fth_http_uid(request), &error);
		if (live)
			fth_http_reply(request, 201, fth_api_json_live(live, true));
		else
			fth_http_error(request, error.status, error.code, "%s", error.message);
	}
	json_decref(body);
}

/* The body is {} or {"why": ".."}. */
static int take_why(struct fth_http_request *request, struct fth_rollout_event *event)
{
	const char *why;
	json_t *body;
	int error = 0;

	if (fth_http_body(request, &body))
		return -EINVAL;
	why = json_string_value(json_object_get(body, "why"));
	if (json_object_size(body) > (why ? 1 : 0)) {
		fth_http_error(request, 400, "bad_request",
			       "expected {} or {\"why\": \"text\"} and no other member");
		error = -EINVAL;
	} else if (why) {
		snprintf(event->why, sizeof(event->why), "%s", why);
	}
	json_decref(body);
	return error;
}

static void steer(struct fth_live *live, struct fth_http_request *request, const char *verb,
		  uint8_t kind)
{
	struct fth_rollout_event event = { .kind = kind };
	struct fth_agent *agent = live->agent;
	int error;

	if (take_why(request, &event) || fth_api_refuse_writes(agent, request))
		return;
	if (live->superseded) {
		fth_http_error(request, 409, "conflict",
			       "rollout %llu is over: a newer one of patch '%s' began after it",
			       (unsigned long long)live->rollout->id, live->rollout->policy.name);
		return;
	}
	fth_live_sync(live);
	error = fth_live_step(live, &event);
	if (error == -EINVAL)
		fth_http_error(request, 409, "conflict", "rollout %llu is %s: it can't %s now",
			       (unsigned long long)live->rollout->id,
			       fth_rollout_phase_name(live->rollout->phase), verb);
	else if (error || fth_agent_flush(agent))
		fth_api_refuse_writes(agent, request);
	else
		fth_http_reply(request, 200, fth_api_json_live(live, true));
}

static void rollout(struct fth_agent *agent, struct fth_http_request *request, const char *rest)
{
	char *end;
	unsigned long long id = strtoull(rest, &end, 10);
	struct fth_live *live = end == rest ? NULL : fth_live_find(agent, id);
	bool post = fth_http_is_post(request);

	if (!live)
		fth_http_error(request, 404, "not_found",
			       "no rollout '%s'; 'fother rollout list' shows them", rest);
	else if (!*end && !post)
		fth_http_reply(request, 200, fth_api_json_live(live, true));
	else if (!strcmp(end, "/pause") && post)
		steer(live, request, "pause", FTH_RE_PAUSE);
	else if (!strcmp(end, "/resume") && post)
		steer(live, request, "resume", FTH_RE_RESUME);
	else if (!strcmp(end, "/reverse") && post)
		steer(live, request, "reverse", FTH_RE_REVERSE);
	else
		fth_http_error(
			request, post ? 405 : 404, post ? "bad_method" : "not_found",
			"expected GET /v1/rollouts/ID, or POST with /pause, /resume or /reverse");
}

static const char *behind(const char *path, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(path, prefix, length) ? NULL : path + length;
}

void fth_api_handle(void *context, struct fth_http_request *request)
{
	struct fth_agent *agent = context;
	const char *path = fth_http_path(request);
	const char *rollout_rest = behind(path, "/v1/rollouts/");
	const char *vm_rest = behind(path, "/v1/vms/");
	bool post = fth_http_is_post(request);

	if (rollout_rest)
		rollout(agent, request, rollout_rest);
	else if (!strcmp(path, "/v1/rollouts") && post)
		post_rollouts(agent, request);
	else if (!strcmp(path, "/v1/rollouts"))
		get_rollouts(agent, request);
	else if (vm_rest && post)
		fth_api_post_vm(agent, request, vm_rest);
	else if (!strcmp(path, "/v1/allow") && post)
		fth_api_post_allow(agent, request);
	else if (post)
		fth_http_error(request, 405, "bad_method", "'%s' is read with GET", path);
	else if (!strcmp(path, "/v1/status"))
		get_status(agent, request);
	else if (!strcmp(path, "/v1/vms"))
		get_vms(agent, request);
	else if (!strcmp(path, "/v1/audit"))
		fth_api_get_audit(agent, request);
	else if (!strcmp(path, "/v1/blocks"))
		fth_api_get_blocks(agent, request);
	else if (vm_rest)
		get_vm(agent, request, vm_rest);
	else
		fth_http_error(request, 404, "not_found", "no such path '%s'; see docs/api.md",
			       path);
}
