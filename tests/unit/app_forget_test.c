// SPDX-License-Identifier: GPL-2.0
/* VMs that are no more, and payloads that go back from wherever they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "agent_api.h"
#include "agent_fixture.h"

static struct fth_live *live_of(uint64_t id)
{
	return fth_live_find(af.agent, id);
}

static const struct fth_rollout_vm *vm_of(uint64_t id, const char *name)
{
	return fth_rollout_find(live_of(id)->rollout, name);
}

static int forget(const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "/v1/vms/%s/forget", name);
	return af_status_of("POST", path, "{\"why\": \"burnt\"}");
}

static void another_module(const char *model)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/fix.ko", af.folder);
	af.module_model = model;
	af_write_module(path, "fix", AF_RELEASE);
}

static bool history_says(const json_t *list, const char *what, const char *why)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (!strcmp(json_string_value(json_object_get(row, "what")), what) &&
		    !strcmp(json_string_value(json_object_get(row, "why")), why))
			return true;
	return false;
}

/* What is recalled comes back with a VM that was said to be no more. */
static void forgotten_and_back(const char *word)
{
	json_t *json;

	af_complete();
	af_leave(1, true);
	assert_int_equal(af_verb(1, word), 200);
	AF_UNTIL(af_phase() == FTH_RO_STUCK && !af.agent->dirty);
	assert_int_equal(forget("web-0"), 409);
	assert_int_equal(forget("web-7"), 404);
	assert_int_equal(af_status_of("POST", "/v1/vms/web-1/forget", "{\"who\": 1}"), 400);
	assert_int_equal(af_phase(), FTH_RO_STUCK);
	assert_int_equal(forget("web-1"), 200);
	assert_int_equal(af_phase(), FTH_RO_REVERSED);
	assert_int_equal(forget("web-1"), 404);
	json = af_get("/v1/rollouts/1");
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(json, "counts"), "forgotten")),
		1);
	json_decref(json);
	json = af_get("/v1/history/vm/web-1");
	af_expect_text(json_array_get(json, json_array_size(json) - 2), "what", "forget");
	af_expect_text(json_array_get(json, json_array_size(json) - 2), "why", "burnt");
	af_expect_text(json_array_get(json, json_array_size(json) - 1), "what", "forgotten");
	json_decref(json);
	af_stop();
	af_start();
	AF_UNTIL(af.agent->open_count == AF_PEERS - 1);
	assert_int_equal(af_phase(), FTH_RO_REVERSED);
	assert_null(fth_guest_find(af.agent, "web-1"));
	assert_int_equal(af.peers[1].state, FTH_LC_APPLIED);
	af_leave(1, false);
	AF_UNTIL(af.peers[1].state == FTH_LC_ABSENT);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_REVERSED);
	assert_int_equal(live_of(1)->rollout->vm_count, AF_PEERS);
}

static void one_that_has_what_was_recalled(void **unused)
{
	(void)unused;
	forgotten_and_back("recall");
}

static void one_that_has_what_was_undone(void **unused)
{
	(void)unused;
	forgotten_and_back("undo");
}

/* In a rollout that goes on it is one that is yet to come. */
static void one_that_is_to_have_it(void **unused)
{
	(void)unused;
	af_complete();
	af_leave(1, true);
	assert_int_equal(forget("web-1"), 200);
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_FORGOTTEN);
	guest_peer_reboot(&af.peers[1]);
	af_leave(1, false);
	AF_UNTIL(vm_of(1, "web-1")->state == FTH_RV_DONE && !af.agent->dirty);
	assert_int_equal(af.peers[1].applied, 2);
	assert_int_equal(live_of(1)->rollout->vm_count, AF_PEERS);
}

/* Who has not spoken since the start is not away because another one is forgotten. */
static void right_after_a_start(void **unused)
{
	(void)unused;
	af_complete();
	af_leave(1, true);
	af_stop();
	af.peers[0].mute = true;
	af_start();
	assert_int_equal(forget("web-1"), 200);
	assert_true(vm_of(1, "web-0")->reachable);
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_FORGOTTEN);
	af.peers[0].mute = false;
}

/* What can't be written down was not done. */
static void not_while_the_journal_fails(void **unused)
{
	(void)unused;
	af_complete();
	af_leave(1, true);
	fth_agent_fail_store(af.agent, "a test's");
	assert_int_equal(forget("web-1"), 507);
	AF_UNTIL(af.agent->store_ok);
	assert_non_null(fth_guest_find(af.agent, "web-1"));
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_DONE);
	assert_int_equal(forget("web-1"), 200);
}

static void tell(const char *name)
{
	const struct fth_inventory_vm vm = { .name = name, .host = "here", .group = "" };

	fth_guest_hooks.found(af.agent, "libvirt", &vm);
}

static bool is_full(void)
{
	json_t *json = af_get("/v1/rollouts/1");
	bool full = json_is_true(json_object_get(json, "roster_full"));

	json_decref(json);
	return full;
}

static void a_full_roster_is_told(void **unused)
{
	const struct fth_rollout *rollout;
	char name[16], last[16] = "";
	int i;

	(void)unused;
	af_complete();
	rollout = live_of(1)->rollout;
	assert_false(is_full());
	for (i = 10; rollout->vm_count < rollout->vm_max; i++) {
		snprintf(last, sizeof(last), "web-%d", i);
		tell(last);
	}
	assert_false(is_full());
	snprintf(name, sizeof(name), "web-%d", i);
	tell(name);
	assert_true(is_full());
	assert_null(fth_rollout_find(rollout, name));
	fth_guest_hooks.gone(af.agent, "libvirt", last, NULL);
	assert_int_equal(forget(last), 200);
	assert_false(is_full());
	assert_non_null(fth_rollout_find(rollout, name));
	assert_null(fth_rollout_find(rollout, last));
	assert_int_equal(rollout->vm_count, rollout->vm_max);
}

/* Somebody loaded it by hand where no policy wanted it. */
static void recalled_from_who_is_not_selected(void **unused)
{
	(void)unused;
	af_write_policy("0s", "  select: {name: [web-0]}\n");
	af_complete();
	assert_int_equal(live_of(1)->rollout->vm_count, 1);
	memcpy(af.peers[2].sha256, af.peers[0].sha256, FTH_SHA256_SIZE);
	strcpy(af.peers[2].patch, af.peers[0].patch);
	af.peers[2].state = FTH_LC_APPLIED;
	guest_peer_hang_up(&af.peers[2]);
	AF_UNTIL(!af_all_open());
	AF_UNTIL(af_all_open() && !af.agent->dirty);
	assert_int_equal(live_of(1)->rollout->vm_count, 1);
	assert_int_equal(af_verb(1, "recall"), 200);
	AF_UNTIL(af.peers[2].state == FTH_LC_ABSENT);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(live_of(1)->rollout->vm_count, 2);
}

/* One of its own VMs was blocked, and has it all the same: it need not speak once more. */
static void recalled_from_who_was_skipped(void **unused)
{
	struct fth_store_block row = {
		.vm = "web-1", .has_sha256 = true, .patch = "fix", .why = "oops"
	};

	(void)unused;
	af_complete();
	assert_int_equal(af_verb(1, "undo"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	memcpy(row.sha256, live_of(1)->rollout->policy.sha256, FTH_SHA256_SIZE);
	assert_int_equal(fth_store_add_block(af.agent->store, &row, true), 0);
	assert_int_equal(fth_store_commit(af.agent->store), 0);
	af_complete();
	assert_int_equal(vm_of(2, "web-1")->state, FTH_RV_SKIPPED);
	af.peers[1].state = FTH_LC_APPLIED;
	guest_peer_hang_up(&af.peers[1]);
	AF_UNTIL(!af_all_open());
	AF_UNTIL(af_all_open() && !af.agent->dirty);
	assert_int_equal(vm_of(2, "web-1")->guest_state, FTH_LC_APPLIED);
	assert_false(vm_of(2, "web-1")->touched);
	assert_int_equal(af_verb(2, "recall"), 200);
	AF_UNTIL(af.peers[1].state == FTH_LC_ABSENT);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
}

/* web-1 is away when the first rollout goes back, and another payload follows. */
static void followed_while_away(const char *word)
{
	af_complete();
	af_leave(1, true);
	assert_int_equal(af_verb(1, word), 200);
	AF_UNTIL(af_phase() == FTH_RO_STUCK && !af.agent->dirty);
	another_module("in-thread");
	af_complete();
}

/* A newer rollout of another payload followed; a VM comes back with the first one. */
static void recalled_behind_a_newer_rollout(void **unused)
{
	json_t *json;

	(void)unused;
	followed_while_away("undo");
	assert_true(live_of(1)->superseded);
	assert_int_equal(af_verb(1, "pause"), 409);
	assert_int_equal(af_verb(1, "reverse"), 409);
	af_leave(1, false);
	AF_UNTIL(af_all_open() && !af.agent->dirty);
	assert_int_equal(af.peers[1].state, FTH_LC_APPLIED);
	assert_int_equal(af_verb(1, "recall"), 200);
	AF_UNTIL(af.peers[1].state == FTH_LC_ABSENT);
	AF_UNTIL(live_of(1)->rollout->phase == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af.peers[0].state, FTH_LC_APPLIED);
	assert_int_equal(af.peers[2].state, FTH_LC_APPLIED);
	json = af_get("/v1/blocks");
	assert_int_equal(json_array_size(json), 1);
	json_decref(json);
	/* Also after a restart, and whoever comes with it. */
	memcpy(af.peers[1].sha256, live_of(1)->rollout->policy.sha256, FTH_SHA256_SIZE);
	af_stop();
	af.peers[1].state = FTH_LC_APPLIED;
	af_start();
	AF_UNTIL(af.peers[1].state == FTH_LC_ABSENT);
	AF_UNTIL(live_of(1)->rollout->phase == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af.peers[0].state, FTH_LC_APPLIED);
	another_module("");
	assert_int_equal(af_verb(2, "undo"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	af_refused(409, "blocked in the whole fleet");
}

/* Of a VM that it waits for a newer rollout knows nothing. */
static void forgotten_behind_a_newer_rollout(void **unused)
{
	(void)unused;
	followed_while_away("undo");
	assert_true(live_of(1)->superseded);
	assert_int_equal(live_of(1)->rollout->phase, FTH_RO_STUCK);
	assert_int_equal(forget("web-1"), 200);
	assert_int_equal(live_of(1)->rollout->phase, FTH_RO_REVERSED);
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_FORGOTTEN);
	af_stop();
	af_start();
	assert_int_equal(live_of(1)->rollout->phase, FTH_RO_REVERSED);
	assert_null(fth_guest_find(af.agent, "web-1"));
}

/*
 * It comes back with what was recalled while a newer rollout has another payload under way:
 * that one waits, and then has it.
 */
static void the_fix_waits_for_the_recall(void **unused)
{
	json_t *json;

	(void)unused;
	followed_while_away("recall");
	assert_true(live_of(1)->takes_back);
	af_leave(1, false);
	AF_UNTIL(vm_of(2, "web-1") && vm_of(2, "web-1")->state == FTH_RV_DONE && !af.agent->dirty);
	assert_int_equal(live_of(1)->rollout->phase, FTH_RO_REVERSED);
	assert_int_equal(af_phase(), FTH_RO_COMPLETE);
	assert_int_equal(live_of(2)->rollout->failures, 0);
	assert_int_equal(af.peers[1].state, FTH_LC_APPLIED);
	assert_int_equal(af.peers[1].reversed, 1);
	assert_memory_equal(af.peers[1].sha256, af.peers[0].sha256, FTH_SHA256_SIZE);
	json = af_get("/v1/history/vm/web-1");
	assert_true(history_says(json, "deferred",
				 "waits: rollout 1 takes another payload of this name back first"));
	json_decref(json);
}

/* Its guest does not give the recalled one back: nobody waits for that, the fix has failed. */
static void the_fix_does_not_wait_for_ever(void **unused)
{
	(void)unused;
	followed_while_away("recall");
	af.peers[1].refuse_reverse = FTH_E_WRONG_STATE;
	af_leave(1, false);
	AF_UNTIL(vm_of(2, "web-1") && vm_of(2, "web-1")->state == FTH_RV_FAILED);
	assert_non_null(strstr(vm_of(2, "web-1")->why, "another payload of this name is applied"));
	assert_int_equal(live_of(1)->rollout->phase, FTH_RO_STUCK);
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_FAILED);
	assert_int_equal(af_phase(), FTH_RO_PAUSED);
	/* It greets anew, and is asked once more, before the fix is judged. */
	af.peers[1].refuse_reverse = 0;
	guest_peer_hang_up(&af.peers[1]);
	AF_UNTIL(live_of(1)->rollout->phase == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af_verb(2, "resume"), 200);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && vm_of(2, "web-1")->state == FTH_RV_DONE);
	assert_int_equal(live_of(2)->rollout->failures, 1);
}

/* It gave up, and its VM went away: when it is back, it is asked once more. */
static void a_recall_is_asked_anew(void **unused)
{
	(void)unused;
	af_complete();
	af.peers[1].refuse_reverse = FTH_E_WRONG_STATE;
	assert_int_equal(af_verb(1, "recall"), 200);
	AF_UNTIL(af_phase() == FTH_RO_STUCK && !af.agent->dirty);
	assert_int_equal(vm_of(1, "web-1")->state, FTH_RV_FAILED);
	af_leave(1, true);
	another_module("in-thread");
	af_complete();
	af.peers[1].refuse_reverse = 0;
	af_leave(1, false);
	AF_UNTIL(vm_of(2, "web-1") && vm_of(2, "web-1")->state == FTH_RV_DONE && !af.agent->dirty);
	assert_int_equal(live_of(2)->rollout->failures, 0);
	assert_int_equal(live_of(1)->rollout->phase, FTH_RO_REVERSED);
}

/* It was allowed again, and rolled out again: it is the newer one that goes back. */
static void recalled_in_the_newer_rollout(void **unused)
{
	json_t *json;
	int status;

	(void)unused;
	af_complete();
	assert_int_equal(af_verb(1, "recall"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\"}"), 200);
	af_complete();
	json = af_ask("POST", "/v1/rollouts/1/recall", "{\"why\": \"leaks\"}", &status);
	assert_int_equal(status, 200);
	assert_int_equal(json_integer_value(json_object_get(json, "id")), 2);
	json_decref(json);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_non_null(strstr(live_of(2)->rollout->reverse_why, "asked of rollout 1: leaks"));
	assert_int_equal(AF_SUM(reversed), 2 * AF_PEERS);
	af_refused(409, "blocked in the whole fleet");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(one_that_has_what_was_recalled),
		AF_TEST(one_that_has_what_was_undone),
		AF_TEST(one_that_is_to_have_it),
		AF_TEST(right_after_a_start),
		AF_TEST(not_while_the_journal_fails),
		AF_TEST(a_full_roster_is_told),
		AF_TEST(recalled_from_who_is_not_selected),
		AF_TEST(recalled_from_who_was_skipped),
		AF_TEST(recalled_behind_a_newer_rollout),
		AF_TEST(forgotten_behind_a_newer_rollout),
		AF_TEST(the_fix_waits_for_the_recall),
		AF_TEST(the_fix_does_not_wait_for_ever),
		AF_TEST(a_recall_is_asked_anew),
		AF_TEST(recalled_in_the_newer_rollout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
