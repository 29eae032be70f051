// SPDX-License-Identifier: GPL-2.0
/* Nudge and force through the API, and what a stuck guest is shown to wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_api.h"
#include "agent_fixture.h"

static struct guest_peer *stuck_peer(void)
{
	int i;

	for (i = 0; i < AF_PEERS; i++)
		if (af.peers[i].waiting_op)
			return &af.peers[i];
	return NULL;
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
	json = af_ask("GET", vm, "", &status);
	af_expect_text(json, "transition.patch", "fix");
	af_expect_text(json, "transition.state", "applying");
	af_expect_text(json, "transition.stragglers.0.comm", "ng?nx");
	af_expect_text(json, "transition.stragglers.0.where", "pipe_read+0x12");
	af_expect_text(json, "transition.stragglers.0.next", "nudge in 500 ms");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "transition"), "pending")),
		40);
	json_decref(json);
	snprintf(path, sizeof(path), "%s/explain", vm);
	json = af_ask("GET", path, "", &status);
	assert_int_equal(status, 200);
	af_expect_text(json, "patches.0.model.name", "default");
	json_decref(json);
	snprintf(path, sizeof(path), "%s/nudge", vm);
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\"}"), 200);
	assert_int_equal(peer->nudged, 1);
	snprintf(path, sizeof(path), "%s/force", vm);
	json = af_ask("POST", path, "{\"patch\": \"fix\", \"why\": \"no time\"}", &status);
	assert_int_equal(status, 200);
	af_expect_text(json, "command", "force");
	json_decref(json);
	assert_int_equal(peer->forced, 1);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_null(fth_guest_find(af.agent, vm + 8)->transition);
	/* There is none any more: the guest refuses, and that is kept too. */
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\"}"), 409);
	json = af_ask("GET", "/v1/audit", "", &status);
	assert_int_equal(json_array_size(json), 3);
	af_expect_text(json, "0.command", "nudge");
	af_expect_text(json, "0.result", "ok");
	af_expect_text(json, "1.why", "no time");
	af_expect_text(json, "2.result", "wrong_state");
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
	assert_int_equal(af_status_of("POST", "/v1/vms/web-9/force", body), 404);
	assert_int_equal(af_status_of("POST", "/v1/vms/web-1/force", "{}"), 400);
	assert_int_equal(af_status_of("POST", "/v1/vms/web-1/force", "{\"patch\": \"a/b\"}"), 400);
	assert_int_equal(af_status_of("POST", "/v1/vms/web-1/jump", body), 405);
	assert_int_equal(AF_SUM(forced), 0);
	af.peers[1].ignores_hands = true;
	assert_int_equal(af_status_of("POST", path, body), 503);
	assert_int_equal(af.peers[1].forced, 1);
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	af.peers[1].ignores_hands = false;
	assert_int_equal(af_status_of("POST", path, body), 409);
	assert_int_equal(af.peers[1].forced, 2);
	json = af_ask("GET", "/v1/audit", "", &status);
	assert_int_equal(json_array_size(json), 2);
	assert_true(json_is_null(json_object_get(json_array_get(json, 0), "result")));
	af_expect_text(json, "1.result", "wrong_state");
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
