// SPDX-License-Identifier: GPL-2.0
/* A rollout that ended is followed by one of the same payload, which goes further. */
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

static const struct fth_rollout *rollout_of(uint64_t id)
{
	return fth_live_find(af.agent, id)->rollout;
}

static void select_names(const char *names)
{
	char line[80];

	snprintf(line, sizeof(line), "  select: {name: [%s]}\n", names);
	af_write_policy("0s", line);
}

/* In place of those of af_write_policy(). */
static void set_waves(const char *waves)
{
	char text[512], *at;
	FILE *file = fopen(af.policy, "r+");
	size_t length;

	assert_non_null(file);
	length = fread(text, 1, sizeof(text) - 1, file);
	text[length] = '\0';
	at = strstr(text, "[1, 100%]");
	assert_non_null(at);
	memset(at, ' ', strlen("[1, 100%]"));
	memcpy(at, waves, strlen(waves));
	rewind(file);
	assert_int_equal(fwrite(text, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
}

static void expect_applied(int first, int second, int third)
{
	assert_int_equal(af.peers[0].applied, first);
	assert_int_equal(af.peers[1].applied, second);
	assert_int_equal(af.peers[2].applied, third);
}

/* Whoever has the patch keeps it, and goes back with all the others. */
static void goes_further(void **unused)
{
	(void)unused;
	select_names("web-0");
	af_complete();
	expect_applied(1, 0, 0);
	select_names("'*'");
	af_complete();
	expect_applied(1, 1, 1);
	assert_int_equal(rollout_of(2)->vm_count, AF_PEERS);
	assert_true(fth_live_find(af.agent, 1)->superseded);
	af_stop();
	af_start();
	AF_UNTIL(af_all_open() && !af.agent->dirty);
	assert_int_equal(af_phase(), FTH_RO_COMPLETE);
	assert_int_equal(af_verb(1, "undo"), 409);
	assert_int_equal(AF_SUM(reversed), 0);
	assert_int_equal(af_verb(2, "undo"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
	expect_applied(1, 1, 1);
}

/* The recall of the older one is that of the payload, wherever it is. */
static void is_recalled_as_a_whole(void **unused)
{
	(void)unused;
	select_names("web-0");
	af_complete();
	select_names("'*'");
	af_complete();
	assert_int_equal(af_verb(1, "recall"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
	af_refused(409, "blocked in the whole fleet");
}

static void goes_on_after_an_abort(void **unused)
{
	(void)unused;
	af_write_policy("0s", "  gate: manual\n");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_GATED && !af.agent->dirty);
	assert_int_equal(AF_SUM(applied), 1);
	af_refused(409, "rollout 1 of patch 'fix' is gated; reverse it before another one begins");
	assert_int_equal(af_verb(1, "abort"), 200);
	AF_UNTIL(af_phase() == FTH_RO_ABORTED && !af.agent->dirty);
	af_write_policy("0s", "");
	af_complete();
	expect_applied(1, 1, 1);
	assert_int_equal(rollout_of(1)->phase, FTH_RO_ABORTED);
}

static void nobody_is_left_out(void **unused)
{
	(void)unused;
	select_names("web-0");
	af_complete();
	select_names("web-1, web-2");
	af_refused(409, "rollout 1 of patch 'fix' is complete; vm 'web-0' is one of its VMs, and "
			"rollout.select does not select it");
	af_leave(0, true);
	select_names("'*'");
	af_refused(409, "vm 'web-0' may run it and is in no inventory; 'fother vm forget web-0'");
	assert_int_equal(af_status_of("POST", "/v1/vms/web-0/forget", "{}"), 200);
	af_complete();
	expect_applied(1, 1, 1);
	assert_int_equal(rollout_of(2)->vm_count, AF_PEERS - 1);
}

/* It would answer for those behind its last wave, and never come to them. */
static void nobody_falls_behind(void **unused)
{
	(void)unused;
	select_names("web-0");
	af_complete();
	select_names("'*'");
	set_waves("[1, 2]");
	af_refused(409, "rollout 1 of patch 'fix' is complete; 'web-0' may run it, and the last of "
			"rollout.waves takes 2 of the 3 VMs selected, expected all: let them end "
			"with 100%, or reverse rollout 1 first");
	select_names("'*'");
	af_complete();
	expect_applied(1, 1, 1);
}

/* What was behind the last wave of the older one is further. */
static void goes_on_behind_the_last_wave(void **unused)
{
	(void)unused;
	set_waves("[1, 2]");
	af_complete();
	assert_int_equal(AF_SUM(applied), 2);
	af_write_policy("0s", "");
	af_complete();
	expect_applied(1, 1, 1);
	assert_int_equal(rollout_of(2)->tried, 1);
	af_refused(409, "it has every VM that this policy selects");
	assert_int_equal(af_verb(2, "undo"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
}

/* Its record says that it has the patch; that it is away doesn't make it forgotten. */
static void who_is_away_goes_back_when_it_returns(void **unused)
{
	const struct fth_guest *guest;

	(void)unused;
	select_names("web-0");
	af_complete();
	af.peers[0].mute = true;
	guest_peer_hang_up(&af.peers[0]);
	guest = fth_guest_find(af.agent, "web-0");
	AF_UNTIL(!guest->open);
	select_names("'*'");
	af_complete();
	expect_applied(1, 1, 1);
	af_stop();
	af_start();
	AF_UNTIL(af.agent->open_count == AF_PEERS - 1 && fth_live_find(af.agent, 2)->synced);
	assert_int_equal(af_verb(2, "undo"), 200);
	AF_UNTIL(af_phase() == FTH_RO_STUCK && !af.agent->dirty);
	assert_int_equal(AF_SUM(reversed), AF_PEERS - 1);
	af.peers[0].mute = false;
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
}

static void another_payload_does_not_follow(void **unused)
{
	(void)unused;
	select_names("web-0");
	af_complete();
	af.module_model = "in-thread";
	select_names("'*'");
	af_refused(409, "is complete; reverse it before another one begins");
	expect_applied(1, 0, 0);
}

/* What took its place, without a word to the agent, is not taken back with it. */
static void what_took_its_place_stays(void **unused)
{
	(void)unused;
	select_names("web-0, web-1");
	af_complete();
	af.peers[0].sha256[0] ^= 0xff;
	assert_int_equal(af_verb(1, "undo"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af.peers[0].reversed, 0);
	assert_int_equal(af.peers[0].unstaged, 0);
	assert_int_equal(af.peers[0].state, FTH_LC_APPLIED);
	assert_int_equal(af.peers[1].reversed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(goes_further),
		AF_TEST(is_recalled_as_a_whole),
		AF_TEST(goes_on_after_an_abort),
		AF_TEST(nobody_is_left_out),
		AF_TEST(nobody_falls_behind),
		AF_TEST(goes_on_behind_the_last_wave),
		AF_TEST(who_is_away_goes_back_when_it_returns),
		AF_TEST(another_payload_does_not_follow),
		AF_TEST(what_took_its_place_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
