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
#include "core/text.h"
#include "io/http.h"
#include "io/json_text.h"
#include "io/user.h"

static void get_status(struct fth_agent *agent, struct fth_http_request *request)
{
	fth_http_reply(request, 200, fth_api_json_status(agent));
}

static void add_guest(struct fth_guest *guest, void *request)
{
	fth_http_list_add(request, fth_api_json_guest(guest, false));
}

static void get_vms(struct fth_agent *agent, struct fth_http_request *request)
{
	fth_http_list_begin(request, NULL, NULL);
	fth_guest_each(agent, add_guest, request);
	fth_http_list_end(request, 200);
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
			  fth_json_text(guest->name, strlen(guest->name)), "patches",
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

void fth_api_fill_asker(const struct fth_http_request *request, const char *why,
			struct fth_asker *ret_asker)
{
	ret_asker->uid = fth_http_uid(request);
	ret_asker->rights = NULL;
	fth_user_name(ret_asker->uid, ret_asker->who, sizeof(ret_asker->who));
	fth_text_copy(ret_asker->why, sizeof(ret_asker->why), why);
}

int fth_api_take_asker(struct fth_http_request *request, struct fth_asker *ret_asker)
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
		fth_api_fill_asker(request, why, ret_asker);
	json_decref(body);
	return error ? -EINVAL : 0;
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
	const char *history_rest = behind(path, "/v1/history");
	bool post = fth_http_is_post(request);

	if (rollout_rest)
		fth_api_rollout(agent, request, rollout_rest);
	else if (!strcmp(path, "/v1/rollouts") && post)
		fth_api_post_rollouts(agent, request);
	else if (!strcmp(path, "/v1/rollouts"))
		fth_api_get_rollouts(agent, request);
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
	else if (history_rest && (!*history_rest || *history_rest == '/'))
		fth_api_get_history(agent, request, history_rest);
	else if (!strcmp(path, "/v1/blocks"))
		fth_api_get_blocks(agent, request);
	else if (vm_rest)
		get_vm(agent, request, vm_rest);
	else
		fth_http_error(request, 404, "not_found", "no such path '%s'; see docs/api.md",
			       path);
}
