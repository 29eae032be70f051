// SPDX-License-Identifier: GPL-2.0
/* Nudge and force through the API, and what a stuck guest is shown to wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_fixture.h"

/* One request to the API while the loop turns; the answer's body. */
static json_t *ask(const char *method, const char *path, const char *body, int *ret_status)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[1024], answer[65536];
	size_t length = 0;
	const char *at;
	json_t *json;
	ssize_t got;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int size = snprintf(text, sizeof(text),
			    "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			    "Content-Length: %zu\r\n\r\n%s",
			    method, path, strlen(body), body);
	uint64_t end_ms = af_clock_ms() + AF_PATIENCE_MS;

	strcpy(address.sun_path, af.api);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, text, (size_t)size), size);
	while ((got = read(fd, answer + length, sizeof(answer) - 1 - length))) {
		assert_true(got > 0 || errno == EAGAIN);
		assert_true(af_clock_ms() < end_ms);
		length += got > 0 ? (size_t)got : 0;
		af_turn();
	}
	close(fd);
	answer[length] = '\0';
	*ret_status = atoi(answer + strlen("HTTP/1.1 "));
	at = strstr(answer, "\r\n\r\n");
	assert_non_null(at);
	json = json_loads(at + 4, 0, NULL);
	assert_non_null(json);
	return json;
}

static int status_of(const char *method, const char *path, const char *body)
{
	int status;

	json_decref(ask(method, path, body, &status));
	return status;
}

static struct guest_peer *stuck_peer(void)
{
	int i;

	for (i = 0; i < AF_PEERS; i++)
		if (af.peers[i].waiting_op)
			return &af.peers[i];
	return NULL;
}

static void expect_text(const json_t *json, const char *path_to, const char *text)
{
	char path[128], *part, *rest = path;

	strcpy(path, path_to);
	while ((part = strsep(&rest, ".")))
		json = *part >= '0' && *part <= '9' ? json_array_get(json, (size_t)atoi(part))
						    : json_object_get(json, part);
	if (!json_is_string(json) || strcmp(json_string_value(json), text) != 0)
		fail_msg("%s: found '%s', expected '%s'", path_to, json_string_value(json), text);
}

/* The canary is stuck: who holds it up is seen, and a person ends it. */
static void a_stuck_transition_is_forced_by_hand(void **unused)
{
	struct guest_peer *peer;
	char vm[32], path[64];
	json_t *json;
	int i, status;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].stuck = true;
	af_create();
	AF_UNTIL((peer = stuck_peer()));
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].stuck = false;
	snprintf(vm, sizeof(vm), "/v1/vms/web-%d", (int)(peer - af.peers));
	AF_UNTIL(af.agent->lives[0]->rollout->in_flight &&
		 fth_guest_find(af.agent, vm + 8)->transition);
	json = ask("GET", vm, "", &status);
	expect_text(json, "transition.patch", "fix");
	expect_text(json, "transition.state", "applying");
	expect_text(json, "transition.stragglers.0.comm", "ng?nx");
	expect_text(json, "transition.stragglers.0.where", "pipe_read+0x12");
	expect_text(json, "transition.stragglers.0.next", "nudge in 500 ms");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "transition"), "pending")),
		40);
	json_decref(json);
	snprintf(path, sizeof(path), "%s/explain", vm);
	json = ask("GET", path, "", &status);
	assert_int_equal(status, 200);
	expect_text(json, "patches.0.model.name", "default");
	json_decref(json);
	snprintf(path, sizeof(path), "%s/nudge", vm);
	assert_int_equal(status_of("POST", path, "{\"patch\": \"fix\"}"), 200);
	assert_int_equal(peer->nudged, 1);
	snprintf(path, sizeof(path), "%s/force", vm);
	json = ask("POST", path, "{\"patch\": \"fix\", \"why\": \"no time\"}", &status);
	assert_int_equal(status, 200);
	expect_text(json, "command", "force");
	json_decref(json);
	assert_int_equal(peer->forced, 1);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_null(fth_guest_find(af.agent, vm + 8)->transition);
	/* There is none any more: the guest refuses, and that is kept too. */
	assert_int_equal(status_of("POST", path, "{\"patch\": \"fix\"}"), 409);
	json = ask("GET", "/v1/audit", "", &status);
	assert_int_equal(json_array_size(json), 3);
	expect_text(json, "0.command", "nudge");
	expect_text(json, "0.result", "ok");
	expect_text(json, "1.why", "no time");
	expect_text(json, "2.result", "wrong_state");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(json, 1), "uid")),
			 getuid());
	json_decref(json);
}

static void a_command_by_hand_is_sent_once(void **unused)
{
	const char *path = "/v1/vms/web-1/force", *body = "{\"patch\": \"fix\"}";
	json_t *json;
	int status;

	(void)unused;
	assert_int_equal(status_of("POST", "/v1/vms/web-9/force", body), 404);
	assert_int_equal(status_of("POST", "/v1/vms/web-1/force", "{}"), 400);
	assert_int_equal(status_of("POST", "/v1/vms/web-1/force", "{\"patch\": \"a/b\"}"), 400);
	assert_int_equal(status_of("POST", "/v1/vms/web-1/jump", body), 405);
	assert_int_equal(AF_SUM(forced), 0);
	af.peers[1].ignores_hands = true;
	assert_int_equal(status_of("POST", path, body), 503);
	assert_int_equal(af.peers[1].forced, 1);
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	af.peers[1].ignores_hands = false;
	assert_int_equal(status_of("POST", path, body), 409);
	assert_int_equal(af.peers[1].forced, 2);
	json = ask("GET", "/v1/audit", "", &status);
	assert_int_equal(json_array_size(json), 2);
	assert_true(json_is_null(json_object_get(json_array_get(json, 0), "result")));
	expect_text(json, "1.result", "wrong_state");
	json_decref(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(a_stuck_transition_is_forced_by_hand),
		AF_TEST(a_command_by_hand_is_sent_once),
	};

	return cmocka_run_group_tests_name("app_hand", tests, NULL, NULL);
}
