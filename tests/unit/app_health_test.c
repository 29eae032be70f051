// SPDX-License-Identifier: GPL-2.0
/* A whole agent whose policy names programs and servers that say who is healthy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_api.h"
#include "agent_fixture.h"
#include "app/health.h"
#include "io/loop.h"
#include "io/process.h"
#include "io/rights.h"

/* A program /FOLDER/probe with these lines, and a policy that names it. */
static void with_probe(const char *lines, const char *key, const char *more)
{
	char path[96], health[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/probe", af.folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fprintf(file, "#!/bin/sh\ncd %s || exit 9\n%s\n", af.folder, lines);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0700), 0);
	snprintf(health, sizeof(health),
		 "health: {%s: [%s, \"%s\", \"{wave}\"], retry: 100ms, timeout: 20s%s}\n", key,
		 path, strcmp(key, "command") ? "wave" : "{vm}", more);
	af_write_policy("0s", health);
}

/* Bytes of a file that the probe wrote; 0: there is none. */
static long size_of(const char *name)
{
	char path[96];
	struct stat status;

	snprintf(path, sizeof(path), "%s/%s", af.folder, name);
	return stat(path, &status) ? 0 : (long)status.st_size;
}

static void touch(const char *name)
{
	char path[96];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", af.folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
}

static bool vm_says(const char *words)
{
	const struct fth_rollout *rollout = af.agent->lives[af.agent->live_count - 1]->rollout;
	uint32_t i;

	for (i = 0; i < rollout->vm_count; i++)
		if (strstr(rollout->vms[i].why, words))
			return true;
	return false;
}

static void each_vm_is_probed_once(void **unused)
{
	(void)unused;
	with_probe("echo \"$1 $2 $FOTHER_VM $FOTHER_PATCH\" >>ran-$1", "command", "");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(confirmed), AF_PEERS);
	assert_int_equal(size_of("ran-web-0"), strlen("web-0 1 web-0 fix\n"));
	assert_int_equal(size_of("ran-web-1"), strlen("web-0 1 web-0 fix\n"));
	assert_int_equal(size_of("ran-web-2"), strlen("web-0 1 web-0 fix\n"));
	assert_int_equal(af.agent->health->running, 0);
}

static void one_that_fails_goes_back(void **unused)
{
	(void)unused;
	with_probe("echo the service is down; exit 1", "command", "");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(confirmed), 0);
	assert_int_equal(AF_SUM(applied), 1);
}

/* How many VMs the API says to be inconclusive. */
static size_t told_inconclusive(void)
{
	json_t *json = af_get("/v1/rollouts/1");
	const json_t *vm;
	size_t i, count = 0;

	json_array_foreach(json_object_get(json, "vms"), i, vm)
		count += json_is_true(json_object_get(vm, "inconclusive"));
	json_decref(json);
	return count;
}

static void what_cannot_tell_holds_until_it_can(void **unused)
{
	json_t *json;
	int count = 0;

	(void)unused;
	with_probe("test -e well || { echo who knows; exit 3; }", "command", "");
	af_create();
	AF_UNTIL(vm_says("health.command: inconclusive: exit 3: who knows"));
	assert_int_equal(told_inconclusive(), 1);
	json = af_get("/v1/rollouts/1"); /* the policy accepts 3, but not of one that was tried */
	assert_int_equal(json_integer_value(json_object_get(json, "inconclusive_allowed")), 1);
	assert_int_equal(json_integer_value(json_object_get(json, "failures_allowed")), 0);
	json_unpack(json, "{s:{s:i}}", "counts", "inconclusive", &count);
	assert_int_equal(count, 1);
	json_decref(json);
	assert_int_equal(AF_SUM(confirmed), 0);
	assert_int_equal(AF_SUM(applied), 1);
	touch("well");
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(confirmed), AF_PEERS);
}

static void one_that_crashes_is_no_pass(void **unused)
{
	(void)unused;
	with_probe("kill -SEGV $$", "command", "");
	af_create();
	AF_UNTIL(vm_says("health.command: inconclusive: killed by signal 11"));
	assert_int_equal(AF_SUM(confirmed), 0);
}

static void one_that_hangs_is_no_pass(void **unused)
{
	char health[160];

	(void)unused;
	with_probe("exec sleep 1000", "command", "");
	snprintf(health, sizeof(health),
		 "health: {command: [%s/probe], timeout: 100ms, retry: 100ms}\n", af.folder);
	af_write_policy("0s", health);
	af_create();
	AF_UNTIL(vm_says("health.command: inconclusive: it did not end in 100 ms"));
	assert_int_equal(AF_SUM(confirmed), 0);
}

static const struct fth_watch *held(void)
{
	const struct fth_guest *guest;
	char name[16];
	int i;

	for (i = 0; i < AF_PEERS; i++) {
		snprintf(name, sizeof(name), "web-%d", i);
		guest = fth_guest_find(af.agent, name);
		if (guest && guest->bindings && guest->bindings->watch &&
		    guest->bindings->watch->held_ms)
			return guest->bindings->watch;
	}
	return NULL;
}

/* Programs of others were killed and hang in the kernel: that says nothing of this VM. */
static void one_that_waits_for_hung_ones(void **unused)
{
	uint64_t since_ms;

	(void)unused;
	with_probe("exit 0", "command", "");
	fth_loop_count_orphans(af.loop, FTH_PROCESS_ORPHANS_MAX);
	af_create();
	AF_UNTIL(held());
	since_ms = held()->held_ms;
	AF_UNTIL(fth_loop_steady_ms() > since_ms + 2 * FTH_HEALTH_HELD_MS);
	assert_int_equal(held()->held_ms, since_ms);
	assert_int_equal(af.agent->lives[0]->rollout->inconclusive, 0);
	assert_int_equal(AF_SUM(confirmed), 0);
	fth_loop_count_orphans(af.loop, -1); /* one dies, and nobody says so */
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(confirmed), AF_PEERS);
	fth_loop_count_orphans(af.loop, 1 - (int)FTH_PROCESS_ORPHANS_MAX);
}

static void one_that_waits_in_vain_for_hung_ones(void **unused)
{
	(void)unused;
	af_write_policy("0s", "health: {command: [/bin/true], timeout: 100ms, retry: 100ms}\n");
	fth_loop_count_orphans(af.loop, FTH_PROCESS_ORPHANS_MAX);
	af_create();
	AF_UNTIL(vm_says("health.command: inconclusive: could not be run in 100 ms: 64 programs"));
	assert_int_equal(AF_SUM(confirmed), 0);
	assert_int_equal(AF_SUM(applied), 1);
	fth_loop_count_orphans(af.loop, -(int)FTH_PROCESS_ORPHANS_MAX);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
}

static void one_that_is_missing_is_no_pass(void **unused)
{
	(void)unused;
	af_write_policy("0s", "health: {command: [/nonexistent/probe], retry: 100ms}\n");
	af_create();
	AF_UNTIL(vm_says("health.command: inconclusive: can't be run: No such file"));
	assert_int_equal(AF_SUM(confirmed), 0);
}

/* The probe of a VM runs while the agent goes: the next one asks again. */
static void a_restart_asks_again(void **unused)
{
	(void)unused;
	with_probe("echo run >>runs; test -e well && exit 0; touch here; exec sleep 1000",
		   "command", "");
	af_create();
	AF_UNTIL(size_of("runs"));
	af_stop();
	touch("well");
	af_start();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
	assert_int_equal(size_of("runs"), (AF_PEERS + 1) * (long)strlen("run\n"));
}

static void not_more_than_allowed_run_at_a_time(void **unused)
{
	(void)unused;
	with_probe("mkdir alone || exit 1; sleep 0.05; rmdir alone", "command", ", parallel: 1");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(confirmed), AF_PEERS);
}

/* The slot of the only watch whose program runs; NULL: there is none. */
static struct fth_watch **running(void)
{
	struct fth_guest *guest;
	char name[16];
	int i;

	for (i = 0; i < AF_PEERS; i++) {
		snprintf(name, sizeof(name), "web-%d", i);
		guest = fth_guest_find(af.agent, name);
		if (guest && guest->bindings && guest->bindings->watch &&
		    guest->bindings->watch->process)
			return &guest->bindings->watch;
	}
	return NULL;
}

/* Nothing else happens that would have anybody look at the queue. */
static void one_that_waits_follows_one_that_is_dropped(void **unused)
{
	struct fth_watch **slot;

	(void)unused;
	with_probe(
		"[ $2 = 1 ] && exit 0; echo run >>runs; mkdir one 2>&- && exec sleep 1000; exit 0",
		"command", ", parallel: 1");
	af_create();
	AF_UNTIL(size_of("runs") && !TAILQ_EMPTY(&af.agent->health->queue));
	slot = running();
	assert_non_null(slot);
	fth_health_drop(*slot);
	*slot = NULL;
	AF_UNTIL(AF_SUM(confirmed) == 2);
	assert_int_equal(size_of("runs"), 2 * strlen("run\n"));
	assert_int_equal(af.agent->health->running, 0);
}

static void each_wave_is_probed(void **unused)
{
	(void)unused;
	with_probe("echo \"$2\" >>waves", "wave-command", "");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(size_of("waves"), strlen("1\n2\n"));
}

static void a_wave_that_fails_goes_back(void **unused)
{
	(void)unused;
	with_probe("echo errors are up; exit 2", "wave-command", "");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(applied), 1);
	assert_non_null(strstr(af.agent->lives[0]->rollout->reverse_why,
			       "wave 1 of 2: health.wave-command: fail: exit 2: errors are up"));
}

static int status = 503;

static void answer(struct evhttp_request *request, void *asked)
{
	if (!strcmp(evhttp_request_get_uri(request), "/web-0?p=fix"))
		++*(int *)asked;
	evhttp_send_reply(request, status, "so", NULL);
}

static struct evhttp *serve(int *asked)
{
	struct evhttp *server = evhttp_new(fth_loop_base(af.loop));
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);
	char health[160];

	evhttp_set_gencb(server, answer, asked);
	bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	assert_non_null(bound);
	assert_int_equal(getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address,
				     &size),
			 0);
	snprintf(health, sizeof(health),
		 "health: {http: \"http://127.0.0.1:%u/{vm}?p={patch}\", retry: 100ms}\n",
		 ntohs(address.sin_port));
	af_write_policy("0s", health);
	return server;
}

static void a_server_says_who_is_healthy(void **unused)
{
	int asked = 0;
	struct evhttp *server = serve(&asked);

	(void)unused;
	status = 404;
	af_create();
	AF_UNTIL(vm_says("health.http: inconclusive: status 404"));
	status = 204;
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_true(asked >= 1);
	evhttp_free(server);
}

static void a_server_says_who_is_not(void **unused)
{
	int asked = 0;
	struct evhttp *server = serve(&asked);

	(void)unused;
	status = 503;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(confirmed), 0);
	evhttp_free(server);
}

static void refused_at_the_start(void **unused)
{
	const struct fth_rights rights = { .uid = 12345, .gid = 12345 };
	const struct fth_asker stranger = { .uid = 12345, .rights = &rights, .who = "stranger" };

	(void)unused;
	assert_int_equal(chmod(af.folder, 0755), 0); /* for him to read the policy */
	af_write_policy("0s", "health: {host: [domain-state]}\n");
	af_refused(400, "runs without --connect");
	with_probe("exit 0", "wave-command", "");
	assert_null(fth_create_rollout(af.agent, af.policy, &stranger, &af.error));
	assert_int_equal(af.error.status, 403);
}

/* As an inventory would: what it says of one more VM. */
static void appear(const char *name, const char *tags)
{
	const struct fth_inventory_vm vm = {
		.name = name,
		.host = "here",
		.group = "",
		.tags = tags,
		.running = true,
	};

	fth_guest_hooks.found(af.agent, "test", &vm);
}

static void tags_select(void **unused)
{
	struct fth_live *live;

	(void)unused;
	af_write_policy("0s", "  select: {tag: [\"tier-[12]\"]}\n");
	af_refused(409, "selects none");
	appear("db-1", "db tier-1");
	appear("db-3", "db tier-3");
	live = af_create();
	assert_int_equal(live->rollout->vm_count, 1);
	assert_string_equal(live->vms[0].name, "db-1");
	appear("db-3", "db tier-2"); /* it was moved up */
	assert_int_equal(live->rollout->vm_count, 2);
	appear("db-4", NULL);
	assert_int_equal(live->rollout->vm_count, 2);
}

/* NAME.json beside a socket, written after the agent has it. */
static void tags_of_a_sidecar(void **unused)
{
	char path[112];
	FILE *file;

	(void)unused;
	snprintf(path, sizeof(path), "%s/web-1.json", af.sockets);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("{\"tags\": [\"two words\", \"tier-1\", 7]}", file);
	assert_int_equal(fclose(file), 0);
	AF_UNTIL(fth_guest_find(af.agent, "web-1")->tags);
	assert_string_equal(fth_guest_find(af.agent, "web-1")->tags, "tier-1");
	unlink(path);
	AF_UNTIL(!fth_guest_find(af.agent, "web-1")->tags);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(each_vm_is_probed_once),
		AF_TEST(one_that_fails_goes_back),
		AF_TEST(what_cannot_tell_holds_until_it_can),
		AF_TEST(one_that_crashes_is_no_pass),
		AF_TEST(one_that_hangs_is_no_pass),
		AF_TEST(one_that_waits_for_hung_ones),
		AF_TEST(one_that_waits_in_vain_for_hung_ones),
		AF_TEST(one_that_is_missing_is_no_pass),
		AF_TEST(a_restart_asks_again),
		AF_TEST(not_more_than_allowed_run_at_a_time),
		AF_TEST(one_that_waits_follows_one_that_is_dropped),
		AF_TEST(each_wave_is_probed),
		AF_TEST(a_wave_that_fails_goes_back),
		AF_TEST(a_server_says_who_is_healthy),
		AF_TEST(a_server_says_who_is_not),
		AF_TEST(refused_at_the_start),
		AF_TEST(tags_select),
		AF_TEST(tags_of_a_sidecar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
