// SPDX-License-Identifier: GPL-2.0
/*
 * The process fotherd: its start, its death, and all that it talks to but guests.
 *
 * DESIGN
 * Beside loop, streams and disk the agent stands on payload files, HTTP and a log;
 * those are here, each as little as the agent can see of it.  Requests of
 * people go through app/api.c like any other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "app/agent.h"
#include "io/http.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/rights.h"
#include "sim.h"

#define POLICY_FD 100 /* one number in every run: it stands in the journal's rows */
#define POLICY_PATH "/proc/self/fd/100"
#define RESTART_MS 1000u

struct fth_http_request {
	bool post;
	const char *path;
	const char *body;
	int status;
};

static char state_folder[] = "/tmp/fother-sim.XXXXXX";
static char api_path[sizeof(state_folder) + 16];
static bool has_folder;
jmp_buf sim_agent_died;

bool sim_agent_call(void)
{
	if (sim.acting == SIM_OLD)
		return true;
	if (sim.dead)
		return false;
	if (sim.kill_in && !--sim.kill_in) {
		sim.dead = true;
		sim_trace('K', 0, 0);
		sim_note("the agent is killed");
		return false;
	}
	return true;
}

void sim_agent_kill(uint32_t down_ms)
{
	if (!sim.agent)
		return;
	sim.kill_in = 0;
	sim.kill_down_ms = down_ms;
	sim.dead = true;
}

/* An agent that ends itself is one that was killed, and its supervisor starts it again. */
_Noreturn void __wrap_abort(void);
_Noreturn void __real_abort(void);

void __wrap_abort(void)
{
	if (sim.acting == SIM_WORLD)
		__real_abort();
	sim_note("%s ends itself", sim.acting == SIM_OLD ? "the old agent" : "the agent");
	if (sim.acting == SIM_OLD)
		sim.old_ends = true;
	else
		sim.dead = true;
	longjmp(sim_agent_died, 1);
}

static void start_due(struct sim_due *due)
{
	(void)due;
	sim_agent_start();
}

void sim_agent_init(void)
{
	if (!has_folder && !mkdtemp(state_folder)) {
		perror("sim: mkdtemp");
		exit(2);
	}
	has_folder = true;
	snprintf(api_path, sizeof(api_path), "%s/api", state_folder);
	sim_payload_init();
	sim.agent_due.fire = start_due;
}

void sim_agent_start(void)
{
	const struct fth_agent_options options = {
		.uri = "sim:///",
		.state = state_folder,
		.api = api_path,
		.group = (gid_t)-1,
	};
	struct fth_agent *agent = NULL;
	enum sim_whose acting;
	int error;

	sim_trace('S', 0, 0);
	sim_note("the agent starts");
	sim_check_confirm_timers();
	sim.lives++;
	acting = sim_act(SIM_OURS);
	error = fth_agent_new(NULL, &options, &agent);
	sim_act(acting);
	sim.agent = error ? NULL : agent;
	if (!error && !sim.dead) {
		sim_check_epoch(agent->epoch);
		sim_hand_check_history();
	}
	if (!error || sim.dead)
		return;
	sim_due_set(&sim.agent_due, sim.now_us + RESTART_MS * SIM_MS);
}

void sim_agent_reap(void)
{
	struct fth_agent *agent = sim.agent;
	enum sim_whose acting = sim_act(SIM_OURS);

	sim_links_cut();
	fth_agent_free(agent, 1);
	sim_act(acting);
	sim.agent = NULL;
	sim.dead = false;
	sim.kills++;
	sim_disk_crash();
	sim_due_set(&sim.agent_due, sim.now_us + (sim.kill_down_ms + 1) * SIM_MS);
}

void sim_agent_free(void)
{
	enum sim_whose acting = sim_act(SIM_OURS);

	sim_links_cut();
	sim.dead = true; /* nothing is written any more */
	fth_agent_free(sim.agent, 1);
	sim.agent = NULL;
	sim.dead = false;
	sim_act(acting);
	sim_agent_unlock();
}

/* The folder is another host's copy: the lock of who stands still is not in it. */
void sim_agent_unlock(void)
{
	char path[sizeof(state_folder) + 8];

	if (!has_folder)
		return;
	snprintf(path, sizeof(path), "%s/lock", state_folder);
	unlink(path);
}

bool sim_agent_is_alive(uint8_t whose, uint32_t life)
{
	if (whose == SIM_OLD)
		return sim.old_agent && life == sim.old_life;
	return sim.agent && life == sim.lives;
}

void sim_agent_remove_folder(void)
{
	if (has_folder)
		rmdir(state_folder);
}

/* ---- the inventory that is not used */

int fth_sockets_new(struct fth_loop *loop, const char *folder,
		    const struct fth_inventory_hooks *hooks, void *context,
		    struct fth_sockets **ret_sockets)
{
	(void)loop;
	(void)folder;
	(void)hooks;
	(void)context;
	(void)ret_sockets;
	return -EOPNOTSUPP;
}

void fth_sockets_free(struct fth_sockets *sockets)
{
	(void)sockets;
}

void fth_sockets_retell(struct fth_sockets *sockets, const char *name)
{
	(void)sockets;
	(void)name;
}

/* ---- the log */

void fth_log(enum fth_log_priority priority, const char *format, ...)
{
	char text[FTH_LOG_LINE_MAX];
	va_list args;

	(void)priority;
	if (!sim.options.verbose || (sim.dead && sim.acting != SIM_OLD))
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sim_note("log%s: %s", sim.acting == SIM_OLD ? " of the old agent" : "", text);
}

/* ---- HTTP */

int fth_http_new(struct fth_loop *loop, const char *path, gid_t group,
		 void (*handle)(void *context, struct fth_http_request *request), void *context,
		 struct fth_http **ret_http)
{
	(void)loop;
	(void)path;
	(void)group;
	(void)handle;
	(void)context;
	*ret_http = NULL;
	return 0;
}

void fth_http_free(struct fth_http *http)
{
	(void)http;
}

bool fth_http_is_post(const struct fth_http_request *request)
{
	return request->post;
}

uid_t fth_http_uid(const struct fth_http_request *request)
{
	(void)request;
	return 0;
}

int fth_http_rights(const struct fth_http_request *request, struct fth_rights *ret_rights)
{
	(void)request;
	ret_rights->uid = 0;
	ret_rights->gid = 0;
	ret_rights->group_count = 0;
	return 0;
}

const char *fth_http_path(const struct fth_http_request *request)
{
	return request->path;
}

int fth_http_body(struct fth_http_request *request, json_t **ret_body)
{
	*ret_body = json_loads(request->body, 0, NULL);
	if (*ret_body)
		return 0;
	fth_http_error(request, 400, "bad_request", "no JSON");
	return -EINVAL;
}

void fth_http_list_begin(struct fth_http_request *request, json_t *head, const char *key)
{
	(void)request;
	(void)key;
	json_decref(head);
}

void fth_http_list_add(struct fth_http_request *request, json_t *item)
{
	(void)request;
	json_decref(item);
}

void fth_http_list_end(struct fth_http_request *request, int status)
{
	request->status = status;
}

void fth_http_reply(struct fth_http_request *request, int status, json_t *body)
{
	json_decref(body);
	request->status = status;
}

void fth_http_error(struct fth_http_request *request, int status, const char *code,
		    const char *format, ...)
{
	char text[FTH_HTTP_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	sim_note("api: %d %s: %s", status, code, text);
	request->status = status;
}

int sim_agent_post(const char *path, const char *body)
{
	struct fth_http_request request = { .post = true, .path = path, .body = body };
	enum sim_whose acting;

	if (!sim.agent || sim.dead)
		return 0;
	sim_note("api: POST %s", path);
	sim.kill_in += sim.kill_in ? 1 : 0;
	acting = sim_act(SIM_OURS);
	fth_api_handle(sim.agent, &request);
	sim_act(acting);
	sim_trace('P', (uint64_t)request.status, 0);
	return request.status;
}

/* The policy is a file without a name, and always under the same path. */
int sim_agent_begin_rollout(void)
{
	char text[4096];
	int fd = memfd_create("policy.yaml", 0);
	int status;

	sim_policy_write(text, sizeof(text));
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text) ||
	    dup2(fd, POLICY_FD) < 0) {
		perror("sim: policy");
		exit(2);
	}
	close(fd);
	status = sim_agent_post("/v1/rollouts", "{\"policy\": \"" POLICY_PATH "\"}");
	close(POLICY_FD);
	return status;
}
