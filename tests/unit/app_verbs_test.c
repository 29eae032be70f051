// SPDX-License-Identifier: GPL-2.0
/* The API's verbs of a rollout, and the history of who asked for what. */
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

/* How many entries have this in @member. */
static size_t count_of(const json_t *entries, const char *member, const char *text)
{
	const json_t *entry;
	size_t i, count = 0;

	json_array_foreach(entries, i, entry)
		count += !strcmp(json_string_value(json_object_get(entry, member)), text);
	return count;
}

static const json_t *entry_of(const json_t *entries, const char *kind, const char *what)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
		if (!strcmp(json_string_value(json_object_get(entry, "kind")), kind) &&
		    !strcmp(json_string_value(json_object_get(entry, "what")), what))
			return entry;
	fail_msg("no entry '%s' of kind '%s'", what, kind);
	return NULL;
}

static void expect_asker(const json_t *entry, const char *why)
{
	assert_int_equal(json_integer_value(json_object_get(entry, "uid")), geteuid());
	assert_true(strlen(json_string_value(json_object_get(entry, "who"))) > 0);
	af_expect_text(entry, "why", why);
}

static bool one_soaks(void)
{
	struct fth_rollout_counts counts;

	fth_rollout_count(af.agent->lives[0]->rollout, &counts);
	return counts.soaking == 1;
}

/* An hour of soak, that nobody waits for: then it is stopped, and taken back. */
static void promoted_aborted_undone(void **unused)
{
	char body[128];
	json_t *json;
	int status;

	(void)unused;
	af_write_policy("1h", "confirm: {within: 2h}\n");
	snprintf(body, sizeof(body), "{\"policy\": \"%s\", \"why\": \"CVE\"}", af.policy);
	assert_int_equal(af_status_of("POST", "/v1/rollouts", body), 201);
	AF_UNTIL(one_soaks());
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/undo", "{}"), 409);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/promote", "{\"why\": 7}"), 400);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/promote", "{\"why\": \"seen it\"}"),
			 200);
	AF_UNTIL(af.agent->lives[0]->rollout->wave == 1);
	AF_UNTIL(AF_SUM(applied) == AF_PEERS);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/abort", "{\"why\": \"enough\"}"),
			 200);
	assert_int_equal(af_phase(), FTH_RO_ABORTING); /* two still soak */
	assert_int_equal(AF_SUM(reversed), 0);
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	assert_int_equal(af_phase(), FTH_RO_ABORTING);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/resume", "{}"), 409);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/reverse", "{}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);

	json = af_get("/v1/history/rollout/1");
	expect_asker(entry_of(json, "verb", "start"), "CVE");
	expect_asker(entry_of(json, "verb", "promote"), "seen it");
	expect_asker(entry_of(json, "verb", "abort"), "enough");
	expect_asker(entry_of(json, "verb", "reverse"), "");
	assert_true(json_is_null(json_object_get(entry_of(json, "op", "apply"), "who")));
	assert_int_equal(count_of(json, "what", "apply"), AF_PEERS);
	assert_int_equal(count_of(json, "what", "unstage"), AF_PEERS);
	entry_of(json, "phase", "aborting");
	entry_of(json, "phase", "reversed");
	json_decref(json);
	json = af_get("/v1/history/vm/web-1");
	assert_int_equal(count_of(json, "vm", "web-1"), json_array_size(json));
	assert_int_equal(count_of(json, "what", "apply"), 1);
	json_decref(json);
	json = af_ask("GET", "/v1/history/what", "", &status);
	assert_int_equal(status, 404);
	json_decref(json);
}

/* Is the payload of what was recalled blocked in the whole fleet, as a status of it says? */
static bool says_it_is_blocked(void)
{
	json_t *json = af_get("/v1/rollouts/1");
	bool blocks = json_is_true(json_object_get(json_object_get(json, "recall"), "blocks"));

	json_decref(json);
	return blocks;
}

static void recalled_by_hand(void **unused)
{
	json_t *json;

	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	json = af_get("/v1/rollouts/1");
	assert_true(json_is_null(json_object_get(json, "recall")));
	assert_int_equal(json_integer_value(json_object_get(json, "tried")), AF_PEERS);
	json_decref(json);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/recall", "{\"why\": \"bad\"}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_true(says_it_is_blocked());
	json = af_get("/v1/blocks");
	assert_int_equal(json_array_size(json), 1);
	af_expect_text(json, "0.vm", "");
	json_decref(json);
	af_refused(409, "blocked in the whole fleet");
	assert_int_equal(
		af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\", \"vm\": \"web-1\"}"), 404);
	af_refused(409, "blocked in the whole fleet");
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\"}"), 200);
	assert_false(says_it_is_blocked());
	/* Nobody believes that it was allowed for good. */
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/recall", "{\"why\": \"bad\"}"), 200);
	af_refused(409, "blocked in the whole fleet");
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\"}"), 200);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	json = af_get("/v1/history");
	entry_of(json, "verb", "recall");
	expect_asker(entry_of(json, "hand", "allow"), "");
	json_decref(json);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/2/undo", "{}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	af_create(); /* an undo blocks nothing */
}

/* A canary that is misspelled, not selected or of another kernel must not pass in silence. */
static void a_canary_that_is_none_is_refused(void **unused)
{
	(void)unused;
	af_write_policy("0s", "  canary: [web-1, web-l]\n");
	af_refused(400, "key 'rollout.canary[1]': 'web-l' can't be one: no VM of that name");
	af_write_policy("0s", "  select: {name: [web-1, web-2]}\n  canary: [web-0]\n");
	af_refused(400, "'web-0' can't be one: rollout.select does not select it");
	strcpy(fth_guest_find(af.agent, "web-2")->release, "6.9.0-other");
	af_write_policy("0s", "  canary: [web-2]\n");
	af_refused(400, "'web-2' can't be one: it runs kernel '6.9.0-other', the module is for '");
	assert_int_equal(AF_SUM(commands), 0);
	af_write_policy("0s", "  canary: [web-1]\n");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
}

static void a_selection_of_nobody_says_why(void **unused)
{
	(void)unused;
	af_write_policy("0s", "  select: {name: [web-*], group: [eu-1]}\n");
	af_refused(409, "none of the 3 VMs known: no VM matches rollout.select.group;");
	af_write_policy("0s", "  select: {name: [web-1], tag: [x]}\n");
	af_refused(409, "no VM matches rollout.select.tag;");
	af_write_policy("0s", "  select: {kernel: [\"5.*\"]}\n");
	af_refused(409, "no VM matches rollout.select.kernel;");
}

/* @verb is refused, and the message says what to do in its place. */
static void expect_conflict(const char *path, const char *message)
{
	int status;
	json_t *json = af_ask("POST", path, "{}", &status);

	assert_int_equal(status, 409);
	af_expect_text(json, "error.message", message);
	json_decref(json);
}

static void what_is_not_possible_says_what_is(void **unused)
{
	(void)unused;
	af_write_policy("1h", "confirm: {within: 2h}\n");
	af_create();
	expect_conflict("/v1/rollouts/1/resume", "rollout 1 is running: resume is not possible: "
						 "it is neither paused nor at a gate");
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/pause", "{}"), 200);
	expect_conflict("/v1/rollouts/1/promote", "rollout 1 is paused: promote is not possible: "
						  "resume it first, or abort or reverse it");
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1x/pause", "{}"), 404);
	assert_int_equal(af_status_of("GET", "/v1/rollouts/1x", ""), 404);
	assert_int_equal(af_status_of("GET", "/v1/rollouts/+1", ""), 404);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/reverse", "{}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	expect_conflict("/v1/rollouts/1/pause", "rollout 1 is reversed: pause is not possible: "
						"it is back; another one can begin");
}

/* A window that opens in some hours: nothing is patched, and it is said until when. */
static void a_closed_window_is_told(void **unused)
{
	uint64_t opens_ms = fth_agent_now(af.agent) + 7200000;
	unsigned int from = (unsigned int)(opens_ms / 60000 % 1440);
	char more[96];
	json_t *json;
	int64_t said_ms;

	(void)unused;
	snprintf(more, sizeof(more), "  windows: [{from: \"%02u:%02u\", to: \"%02u:%02u\"}]\n",
		 from / 60, from % 60, (from + 1) % 1440 / 60, (from + 1) % 60);
	af_write_policy("0s", more);
	af_create();
	json = af_get("/v1/rollouts/1");
	said_ms = json_integer_value(json_object_get(json, "window_opens_ms"));
	assert_int_equal(said_ms, opens_ms / 60000 * 60000);
	json_decref(json);
	assert_int_equal(AF_SUM(staged), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(promoted_aborted_undone),	    AF_TEST(recalled_by_hand),
		AF_TEST(a_canary_that_is_none_is_refused),  AF_TEST(a_selection_of_nobody_says_why),
		AF_TEST(what_is_not_possible_says_what_is), AF_TEST(a_closed_window_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
