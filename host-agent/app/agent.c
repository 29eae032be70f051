// SPDX-License-Identifier: GPL-2.0
/* The agent's life: start, one flush after the other, housekeeping, end. */
#include "app/agent.h"
#include "app/health.h"

#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/http.h"
#include "io/log.h"
#include "io/loop.h"
#include "fother/version.h"

/* Time in which nobody was watched must not end a soak. */
static void note_jump(struct fth_agent *agent, uint64_t by_ms)
{
	agent->jumped_ms += by_ms;
	fth_log(FTH_LOG_WARNING,
		"wall clock: set on by %llu s, or the host slept; soaks go on for as long as they were to",
		(unsigned long long)by_ms / 1000);
}

uint64_t fth_agent_now(struct fth_agent *agent)
{
	uint64_t wall_ms = fth_loop_wall_ms();
	uint64_t steady_ms = fth_loop_steady_ms();
	bool first = !agent->steady_ms;

	/* A wall clock that was ahead once must not make time stand still. */
	if (agent->steady_ms)
		agent->now_ms += steady_ms - agent->steady_ms;
	agent->steady_ms = steady_ms;
	if (!first && wall_ms > agent->now_ms + FTH_AGENT_CLOCK_AHEAD_MS)
		note_jump(agent, wall_ms - agent->now_ms);
	if (wall_ms > agent->now_ms)
		agent->now_ms = wall_ms;
	agent->ahead_ms = agent->now_ms - wall_ms;
	if (agent->ahead_ms > FTH_AGENT_CLOCK_BEHIND_MS && !agent->said_behind) {
		agent->said_behind = true;
		fth_log(FTH_LOG_WARNING,
			"wall clock: %llu s behind the journal's time, which goes on by itself; windows follow the clock; check it",
			(unsigned long long)agent->ahead_ms / 1000);
	}
	return agent->now_ms;
}

void fth_agent_mark(struct fth_agent *agent)
{
	agent->dirty = true;
	fth_timer_set(agent->flush_timer, 0);
}

void fth_agent_plan_wake(struct fth_agent *agent)
{
	const struct fth_live *live;
	uint64_t due_ms = UINT64_MAX;
	uint32_t i;

	for (i = 0; agent->store_ok && i < agent->live_count; i++) {
		live = agent->lives[i];
		if (fth_live_is_told(live) && live->synced && live->rollout->wake_at_ms &&
		    live->rollout->wake_at_ms < due_ms)
			due_ms = live->rollout->wake_at_ms;
	}
	if (due_ms == UINT64_MAX)
		fth_timer_clear(agent->wake_timer);
	else
		fth_timer_set(agent->wake_timer,
			      due_ms > agent->now_ms ? due_ms - agent->now_ms : 0);
}

static void send_queued(struct fth_agent *agent)
{
	struct fth_guest *guest = agent->send_first;

	agent->send_first = NULL;
	while (guest) {
		struct fth_guest *next = guest->next_send;

		guest->queued = false;
		guest->next_send = NULL;
		fth_executor_pump(guest);
		fth_guest_drop(guest); /* unless somebody has it still */
		guest = next;
	}
}

int fth_agent_flush(struct fth_agent *agent)
{
	uint32_t i;

	if (!agent->dirty)
		return agent->store_ok ? 0 : -EIO;
	fth_fault_hit(&agent->fault, FTH_FAULT_BEFORE_COMMIT);
	if (!agent->store_ok || fth_store_commit(agent->store)) {
		fth_agent_fail_store(agent, fth_store_why(agent->store));
		return -EIO;
	}
	fth_fault_hit(&agent->fault, FTH_FAULT_AFTER_COMMIT);
	agent->dirty = false;
	agent->commits++;
	for (i = 0; i < agent->live_count; i++) {
		agent->lives[i]->uncommitted = false;
		agent->lives[i]->stored = true;
	}
	send_queued(agent);
	fth_agent_plan_wake(agent);
	return 0;
}

/* Half a history is worse than none: the supervisor starts us anew. */
static void rebuild(struct fth_agent *agent)
{
	struct fth_live *live;
	uint32_t i;

	fth_guest_each(agent, fth_identity_doubt, NULL);
	for (i = 0; i < agent->live_count; i++) {
		live = agent->lives[i];
		if (!live->uncommitted || !live->stored)
			continue;
		if (fth_replay_again(live)) {
			fth_log(FTH_LOG_ERROR,
				"rollout %llu: the journal can't be read either: %s; the agent ends",
				(unsigned long long)live->rollout->id, fth_store_why(agent->store));
			abort();
		}
		live->synced = false;
	}
}

static void flush_due(void *context)
{
	struct fth_agent *agent = context;

	if (agent->rebuild_due) {
		agent->rebuild_due = false;
		rebuild(agent);
		fth_agent_plan_wake(agent);
	}
	fth_agent_flush(agent);
}

static void wake_due(void *context)
{
	fth_live_tick_due(context);
}

/* Who calls may be walking the very bindings that a rebuild replaces. */
void fth_agent_fail_store(struct fth_agent *agent, const char *why)
{
	if (agent->store_ok) {
		snprintf(agent->store_why, sizeof(agent->store_why), "%s", why);
		fth_log(FTH_LOG_ERROR,
			"journal in '%s': %s; nothing new is started, trying again every %u ms",
			agent->state_folder, agent->store_why, FTH_AGENT_STORE_RETRY_MS);
	}
	agent->store_ok = false;
	agent->dirty = false;
	agent->store_retry_ms = fth_agent_now(agent) + FTH_AGENT_STORE_RETRY_MS;
	fth_store_rollback(agent->store);
	agent->rebuild_due = true;
	fth_timer_set(agent->flush_timer, 0);
}

static void ask_again(struct fth_guest *guest, void *context)
{
	struct fth_agent *agent = context;
	uint32_t i;

	for (i = 0; guest->present && i < agent->live_count; i++)
		fth_live_add_guest(agent->lives[i], guest);
	/* What it told of emergencies went with the commit; a QUERY has none of it. */
	if (guest->told_in > agent->commits)
		guest->retell = true;
	if (guest->open)
		fth_guest_query(guest, true, false);
	fth_executor_queue(guest);
}

/* What guests said meanwhile was not kept: they are asked anew. */
static void try_store(struct fth_agent *agent)
{
	uint32_t i;

	if (agent->store_ok || agent->rebuild_due || fth_agent_now(agent) < agent->store_retry_ms)
		return;
	agent->store_retry_ms = agent->now_ms + FTH_AGENT_STORE_RETRY_MS;
	if (fth_cache_probe(agent->state_folder) || fth_store_probe(agent->store))
		return;
	fth_log(FTH_LOG_NOTICE, "journal in '%s': can be written again", agent->state_folder);
	agent->store_ok = true;
	agent->store_why[0] = '\0';
	for (i = 0; i < agent->live_count; i++) {
		agent->lives[i]->synced = false;
		fth_live_sync(agent->lives[i]);
	}
	fth_guest_each(agent, ask_again, agent);
	fth_guest_retell(agent, "", NULL);
}

static void turn_guest(struct fth_guest *guest, void *context)
{
	(void)context;
	fth_guest_turn(guest);
}

static void turn_due(void *context)
{
	struct fth_agent *agent = context;

	fth_agent_now(agent);
	try_store(agent);
	fth_live_turn(agent);
	fth_guest_each(agent, turn_guest, NULL);
	fth_prune_turn(agent);
	/* Its timer doesn't know of a wall clock that was set on, or of a host that slept. */
	fth_agent_plan_wake(agent);
	fth_timer_set(agent->turn_timer, FTH_AGENT_TURN_MS);
}

static int make_folder(const char *path, mode_t mode)
{
	if (!mkdir(path, mode) || errno == EEXIST)
		return 0;
	fth_log(FTH_LOG_ERROR, "folder '%s': %s", path, strerror(errno));
	return -errno;
}

/* Two agents on one journal would both believe themselves alone. */
int fth_agent_lock(const char *state_folder)
{
	char path[PATH_MAX];
	int fd, error;

	if (make_folder(state_folder, 0700))
		return -EIO;
	snprintf(path, sizeof(path), "%s/lock", state_folder);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	error = errno;
	fth_log(FTH_LOG_ERROR, "state folder '%s': %s", state_folder,
		error == EWOULDBLOCK
			? "another fotherd uses it; end that one first, or give --state"
			: strerror(error));
	if (fd >= 0)
		close(fd);
	return -error;
}

static int open_store(struct fth_agent *agent)
{
	char path[PATH_MAX], why[FTH_STORE_WHY_MAX];
	int error;

	snprintf(path, sizeof(path), "%s/journal.db", agent->state_folder);
	if (fth_cache_without_journal(agent->state_folder)) {
		fth_log(FTH_LOG_ERROR,
			"journal '%s': found an empty file, and payloads of rollouts beside it: it was cut off; 'fotherd --state %s --check-journal' says more",
			path, agent->state_folder);
		return -EINVAL;
	}
	error = fth_store_open(path, &agent->store, why);
	if (error) {
		fth_log(FTH_LOG_ERROR, "%s; 'fotherd --state %s --check-journal' says more", why,
			agent->state_folder);
		return error;
	}
	error = fth_store_raise_epoch(agent->store, &agent->epoch, &agent->salt);
	if (error) {
		fth_log(FTH_LOG_ERROR, "journal '%s': %s; the agent can't start", path,
			fth_store_why(agent->store));
		return error;
	}
	agent->store_ok = true;
	error = fth_replay_all(agent);
	if (error)
		fth_log(FTH_LOG_ERROR,
			"journal '%s': replay failed: %s; 'fotherd --state %s --check-journal' says more",
			path, strerror(-error), agent->state_folder);
	return error;
}

static int make_timers(struct fth_agent *agent)
{
	if (fth_timer_new(agent->loop, flush_due, agent, &agent->flush_timer) ||
	    fth_timer_new(agent->loop, turn_due, agent, &agent->turn_timer) ||
	    fth_timer_new(agent->loop, wake_due, agent, &agent->wake_timer))
		return -ENOMEM;
	fth_timer_set(agent->turn_timer, FTH_AGENT_TURN_MS);
	return 0;
}

static int open_inventories(struct fth_agent *agent, const struct fth_agent_options *options)
{
	int error = 0;

	if (options->sockets) {
		error = fth_sockets_new(agent->loop, options->sockets, &fth_guest_hooks, agent,
					&agent->sockets);
		if (error)
			fth_log(FTH_LOG_ERROR, "folder of sockets '%s': %s", options->sockets,
				strerror(-error));
	}
	if (!error && options->file)
		error = fth_file_new(agent->loop, options->file, &fth_guest_hooks, agent,
				     &agent->file);
	if (!error && options->uri) {
		error = fth_libvirt_new(agent->loop, options->uri, &fth_guest_hooks, agent,
					&agent->libvirt);
		if (error)
			fth_log(FTH_LOG_ERROR, "libvirt '%s': %s", options->uri, strerror(-error));
	}
	return error;
}

static int open_api(struct fth_agent *agent, const struct fth_agent_options *options)
{
	char folder[PATH_MAX];
	int error;

	snprintf(folder, sizeof(folder), "%s", options->api);
	if (make_folder(dirname(folder), 0755))
		return -EIO;
	error = fth_http_new(agent->loop, options->api, options->group, fth_api_handle, agent,
			     &agent->http);
	if (error)
		fth_log(FTH_LOG_ERROR, "API socket '%s': %s", options->api,
			error == -EADDRINUSE ? "another agent listens there" : strerror(-error));
	return error;
}

int fth_agent_new(struct fth_loop *loop, const struct fth_agent_options *options,
		  struct fth_agent **ret_agent)
{
	struct fth_agent *agent = calloc(1, sizeof(*agent));
	int error;

	if (!agent)
		return -ENOMEM;
	agent->loop = loop;
	agent->lock_fd = -1;
	agent->state_folder = options->state;
	agent->fault = options->fault;
	agent->files_max = options->files_max;
	agent->keep_ms = options->keep_ms;
	agent->prunes = true; /* what the last one had no time for */
	error = make_timers(agent);
	if (!error)
		error = fth_health_new(agent, &agent->health);
	if (!error) {
		agent->lock_fd = fth_agent_lock(options->state);
		error = agent->lock_fd;
	}
	if (error > 0)
		error = 0;
	if (!error)
		error = open_store(agent);
	agent->started_ms = fth_agent_now(agent);
	if (!error)
		error = open_inventories(agent, options);
	if (!error)
		error = open_api(agent, options);
	if (error) {
		fth_loop_stop(loop); /* so that no thread waits for us */
		fth_agent_free(agent, EXIT_FAILURE);
		return error;
	}
	fth_live_turn(agent);
	fth_log(FTH_LOG_NOTICE, "fotherd %s: epoch %llu, %u rollouts in the journal, API on '%s'",
		FTH_VERSION, (unsigned long long)agent->epoch, agent->live_count, options->api);
	*ret_agent = agent;
	return 0;
}

/* Last of all: it must not keep the journal waiting, nor us for longer than a guest waits. */
static void end_libvirt(struct fth_agent *agent, int code)
{
	if (!fth_libvirt_free(agent->libvirt))
		return;
	fth_log(FTH_LOG_WARNING,
		"libvirt: no answer in %u ms, so its thread can't be ended; the journal is closed",
		FTH_LIBVIRT_END_MS);
	_exit(code);
}

void fth_agent_free(struct fth_agent *agent, int code)
{
	uint32_t i;

	if (!agent)
		return;
	fth_http_free(agent->http);
	fth_sockets_free(agent->sockets);
	fth_file_free(agent->file);
	for (i = 0; i < agent->live_count; i++)
		fth_live_free(agent->lives[i]);
	fth_guest_free_all(agent);
	fth_health_free(agent->health);
	if (agent->store)
		fth_store_commit(agent->store); /* events whose flush was due */
	fth_store_close(agent->store);
	fth_timer_free(agent->flush_timer);
	fth_timer_free(agent->turn_timer);
	fth_timer_free(agent->wake_timer);
	if (agent->lock_fd >= 0)
		close(agent->lock_fd);
	end_libvirt(agent, code);
	free(agent);
}
