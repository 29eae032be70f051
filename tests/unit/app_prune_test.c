// SPDX-License-Identifier: GPL-2.0
/* Rollouts that leave the journal, and what of them stays; one that a newer one forgets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_api.h"
#include "agent_fixture.h"

static int64_t count_in_journal(const char *sql)
{
	sqlite3_stmt *s;
	char path[112];
	int64_t count;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	count = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	return count;
}

static void out_and_back(void)
{
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af_request(af.agent->lives[af.agent->live_count - 1], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
}

/* As after the time that the command line says. */
static void grow_old(void)
{
	af.agent->keep_ms = 1;
	af.agent->prune_ms = 0;
	AF_UNTIL(af.agent->prune_ms && !af.agent->prunes && !af.agent->dirty);
	af.agent->keep_ms = 0;
}

static void old_rollouts_leave_and_history_stays(void **unused)
{
	(void)unused;
	out_and_back();
	out_and_back();
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(af.agent->live_count, 3);
	grow_old();
	assert_int_equal(af.agent->live_count, 1);
	assert_int_equal(af.agent->lives[0]->rollout->id, 3);
	assert_int_equal(count_in_journal("SELECT count(*) FROM rollouts"), 1);
	assert_int_equal(count_in_journal("SELECT count(*) FROM events WHERE rollout < 3"), 0);
	assert_true(count_in_journal("SELECT count(*) FROM events WHERE rollout = 3") > 0);
	assert_true(count_in_journal("SELECT count(*) FROM history WHERE rollout = 1"
				     " AND what = 'reverse'") > 0);
	assert_int_equal(count_in_journal("SELECT count(*) FROM history WHERE what = 'pruned'"), 2);
	assert_int_equal(af_status_of("GET", "/v1/rollouts/1", ""), 404);
	assert_int_equal(af_status_of("GET", "/v1/history/rollout/1", ""), 200);
	grow_old(); /* the newest of its name stays, however old */
	assert_int_equal(af.agent->live_count, 1);
	af_stop();
	assert_int_equal(fth_journal_check(af.state, false), 0);
	af_start();
	assert_int_equal(af.agent->live_count, 1);
	AF_UNTIL(af_all_open());
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af_create()->rollout->id, 4); /* no number is given twice */
}

/* Between the commit that prunes it and the last of its events the agent is killed. */
static void a_kill_while_pruning(void **unused)
{
	(void)unused;
	out_and_back();
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af.agent->keep_ms = 1;
	af.agent->prune_ms = 0;
	AF_UNTIL(af.agent->live_count == 1);
	assert_true(af.agent->prunes);
	assert_true(count_in_journal("SELECT count(*) FROM events WHERE rollout = 1") > 0);
	af_stop();
	assert_int_equal(fth_journal_check(af.state, false), 0);
	af_start();
	assert_int_equal(af.agent->live_count, 1);
	AF_UNTIL(!af.agent->prunes && !af.agent->dirty);
	assert_int_equal(count_in_journal("SELECT count(*) FROM events WHERE rollout = 1"), 0);
	assert_int_equal(count_in_journal("SELECT count(*) FROM rollouts"), 1);
}

/* Out of an old snapshot of its disk. */
static void comes_with(int peer, const uint8_t *sha256)
{
	guest_peer_reboot(&af.peers[peer]);
	strcpy(af.peers[peer].patch, "fix");
	memcpy(af.peers[peer].sha256, sha256, FTH_SHA256_SIZE);
	af.peers[peer].state = FTH_LC_APPLIED;
}

static void a_recall_outlives_its_rollout(void **unused)
{
	char other[96];

	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/recall", "{}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\"}"), 200);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/2/recall", "{}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	/* Another module of the same name follows; then its payload is asked for again. */
	snprintf(other, sizeof(other), "%s/fix.ko", af.folder);
	af.module_model = "in-thread";
	af_write_module(other, "fix", AF_RELEASE);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	grow_old();
	/* The one that goes on taking back is no less needed when it is old. */
	assert_int_equal(af.agent->live_count, 2);
	assert_int_equal(af.agent->lives[0]->rollout->id, 2);
	comes_with(1, af.agent->lives[0]->rollout->policy.sha256);
	AF_UNTIL(af.peers[1].reversed == 3);
	AF_UNTIL(af.peers[1].state == FTH_LC_APPLIED && !af.agent->dirty);
	assert_memory_equal(af.peers[1].sha256, af.peers[0].sha256, FTH_SHA256_SIZE);
	assert_int_equal(af.agent->lives[1]->rollout->failures, 0);
	af.module_model = "";
	af_write_module(other, "fix", AF_RELEASE);
	af_request(af.agent->lives[1], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	af_refused(409, "blocked in the whole fleet");
	/* Once it is allowed again nobody is to be taken back. */
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\"}"), 200);
	grow_old();
	assert_int_equal(af.agent->live_count, 1);
}

/* Each has its list of VMs: there is an end to that. */
static void the_newest_recalls_stay(void **unused)
{
	const uint32_t more = 2;
	char path[96], word[64];
	uint32_t i;

	(void)unused;
	snprintf(path, sizeof(path), "%s/fix.ko", af.folder);
	for (i = 0; i < FTH_AGENT_RECALLS_MAX + more + 1; i++) {
		af.module_number = (uint8_t)i;
		af_write_module(path, "fix", AF_RELEASE);
		af_create();
		AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
		snprintf(word, sizeof(word), "/v1/rollouts/%u/recall", i + 1);
		assert_int_equal(af_status_of("POST", word, "{}"), 200);
		AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	}
	grow_old();
	/* The last one is its name's newest. */
	assert_int_equal(af.agent->live_count, FTH_AGENT_RECALLS_MAX + 1);
	assert_int_equal(af.agent->lives[0]->rollout->id, more + 1);
	assert_int_equal(count_in_journal("SELECT count(*) FROM history WHERE what = 'pruned' AND"
					  " why LIKE '%takes nobody back any more'"),
			 more);
}

static void hang_up_for_good(int peer)
{
	char path[112];

	snprintf(path, sizeof(path), "%s/web-%d.sock", af.sockets, peer);
	assert_int_equal(unlink(path), 0);
	guest_peer_hang_up(&af.peers[peer]);
	AF_UNTIL(af.agent->open_count == AF_PEERS - 1 &&
		 (!fth_guest_find(af.agent, "web-2") ||
		  !fth_guest_find(af.agent, "web-2")->present));
}

/*
 * A VM is gone with the patch that was to be taken back: a newer rollout may begin, and the
 * history names the VM.  What ended so is never pruned: nothing else says who was left.
 */
static void what_is_stuck_is_forgotten_and_kept(void **unused)
{
	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	hang_up_for_good(2);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_STUCK && !af.agent->dirty);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(count_in_journal("SELECT count(*) FROM history WHERE what = 'forgotten'"
					  " AND vm = 'web-2' AND rollout = 1"),
			 1);
	assert_int_equal(count_in_journal("SELECT count(*) FROM history WHERE what = 'forgotten'"),
			 1);
	assert_true(af.agent->lives[0]->superseded);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/undo", "{}"), 409);
	grow_old();
	assert_int_equal(af.agent->live_count, 2);
	assert_int_equal(count_in_journal("SELECT count(*) FROM rollouts"), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(old_rollouts_leave_and_history_stays), AF_TEST(a_kill_while_pruning),
		AF_TEST(a_recall_outlives_its_rollout),	       AF_TEST(the_newest_recalls_stay),
		AF_TEST(what_is_stuck_is_forgotten_and_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
