// SPDX-License-Identifier: GPL-2.0
/*
 * A whole agent in this process against guests that speak the protocol:
 * rollouts out and back, restarts, a full disk, guests that lie or vanish.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent_fixture.h"
#include "io/loop.h"

static void out_and_back(void **unused)
{
	struct fth_live *live = af_create();
	int i;

	(void)unused;
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	for (i = 0; i < AF_PEERS; i++) {
		assert_int_equal(af.peers[i].applied, 1);
		assert_int_equal(af.peers[i].confirmed, 1);
		assert_int_equal(af.peers[i].state, FTH_LC_APPLIED);
		assert_int_equal(af.peers[i].staged, AF_PAYLOAD_SIZE);
	}
	af_refused(409, "it has every VM that this policy selects; reverse it before");
	af_request(live, FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
	assert_int_equal(AF_SUM(unstaged), AF_PEERS);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(applied), 2 * AF_PEERS);
}

/* Invariant 3: what a restart would rebuild is what is there. */
static void replay_equals_live(void)
{
	struct fth_live *live = af.agent->lives[af.agent->live_count - 1];
	size_t size = live->rollout->vm_max * sizeof(*live->vms);
	struct fth_rollout_vm *vms = test_malloc(size);
	struct fth_rollout *rollout = test_malloc(sizeof(*rollout));

	memcpy(vms, live->vms, size);
	memcpy(rollout, live->rollout, sizeof(*rollout));
	assert_int_equal(fth_replay_again(live), 0);
	assert_memory_equal(vms, live->vms, size);
	assert_memory_equal(rollout, live->rollout, sizeof(*rollout));
	test_free(vms);
	test_free(rollout);
	/* As after a write that failed: what is pending is sent again. */
	live->synced = false;
	fth_live_sync(live);
}

static void replay_rebuilds_what_is_there(void **unused)
{
	(void)unused;
	af_create(); /* flushes */
	replay_equals_live();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	replay_equals_live();
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	replay_equals_live();
}

/* Guests did it, the answers are lost: a restart must not do it again. */
static void a_restart_applies_nothing_twice(void **unused)
{
	uint64_t epoch;
	int i;

	(void)unused;
	af_create();
	AF_UNTIL(AF_SUM(applied) == 1);
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].holds_results = true;
	AF_UNTIL(AF_SUM(commands) >= 1);
	epoch = af.agent->epoch;
	af_stop();
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].holds_results = false;
	af_start();
	assert_true(af.agent->epoch > epoch);
	assert_int_equal(af.agent->live_count, 1);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	for (i = 0; i < AF_PEERS; i++) {
		assert_int_equal(af.peers[i].applied, 1);
		assert_int_equal(af.peers[i].confirmed, 1);
	}
}

static void a_lost_connection_repeats_nothing(void **unused)
{
	int i;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++) {
		af.peers[i].mute = true;
		af.peers[i].read_bytes = 0;
	}
	af_create();
	AF_UNTIL(af.peers[0].read_bytes + af.peers[1].read_bytes + af.peers[2].read_bytes >
		 FTH_STAGE_WINDOW);
	for (i = 0; i < AF_PEERS; i++) {
		af.peers[i].mute = false;
		guest_peer_hang_up(&af.peers[i]);
	}
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	for (i = 0; i < AF_PEERS; i++)
		assert_int_equal(af.peers[i].applied, 1);
}

static void the_policy_file_is_needed_once(void **unused)
{
	char module[96];

	(void)unused;
	af_write_policy("1s", "");
	af_create();
	snprintf(module, sizeof(module), "%s/fix.ko", af.folder);
	unlink(module);
	unlink(af.policy);
	af_stop();
	af_start();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
}

static void a_lost_payload_is_said_and_reversed(void **unused)
{
	char command[160];
	bool said = false;
	uint32_t i;

	(void)unused;
	af_write_policy("1s", "");
	af_create();
	af_stop();
	snprintf(command, sizeof(command), "rm -r '%s/payloads'", af.state);
	assert_int_equal(system(command), 0);
	for (i = 0; i < AF_PEERS; i++)
		guest_peer_reboot(&af.peers[i]);
	af_start();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	for (i = 0; i < AF_PEERS; i++)
		said |= !!strstr(af.agent->lives[0]->vms[i].why, "cache");
	assert_true(said);
	assert_int_equal(AF_SUM(applied), 0);
}

static void a_refusal_reverses_the_rest(void **unused)
{
	int i;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].refuse_apply = FTH_E_SYMBOL_UNKNOWN;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(applied), 0);
	assert_int_equal(af.agent->lives[0]->rollout->failures, 1);
	assert_non_null(strstr(af.agent->lives[0]->rollout->why, "1 of 1"));
}

static void a_guest_that_reboots_is_brought_back(void **unused)
{
	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	guest_peer_reboot(&af.peers[1]);
	AF_UNTIL(af.peers[1].confirmed == 2);
	assert_int_equal(af.peers[1].applied, 2);
	AF_UNTIL(af.agent->lives[0]->vms[0].state == FTH_RV_DONE &&
		 af.agent->lives[0]->vms[1].state == FTH_RV_DONE &&
		 af.agent->lives[0]->vms[2].state == FTH_RV_DONE);
	assert_int_equal(AF_SUM(applied), AF_PEERS + 1);
}

/* The guest lost the patch in a snapshot; its boot id is the same. */
static void a_restored_snapshot_is_noticed(void **unused)
{
	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	af.peers[2].state = FTH_LC_ABSENT;
	af.peers[2].uptime_ms = 10;
	af.peers[2].result_count = 0;
	AF_UNTIL(af.peers[2].confirmed == 2);
	assert_int_equal(af.peers[2].queries, 1);
	assert_int_equal(af.peers[2].applied, 2);
}

/* Its first word since is the answer to a question, not a heartbeat. */
static void a_restored_snapshot_that_answers_is_noticed(void **unused)
{
	struct fth_msg msg = { .type = FTH_T_EVENT };

	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	msg.u.event.kind = FTH_EVENT_STATE;
	msg.u.event.name = (struct fth_span){ (const uint8_t *)"fix", 3 };
	guest_peer_send(&af.peers[2], &msg, 0);
	af.peers[2].state = FTH_LC_ABSENT;
	af.peers[2].uptime_ms = 10;
	af.peers[2].result_count = 0;
	AF_UNTIL(af.peers[2].confirmed == 2);
	assert_int_equal(af.peers[2].applied, 2);
	assert_int_equal(af.agent->lives[0]->rollout->failures, 0);
}

/* The selection's kernel is what the guest says, and what it says may change. */
static void a_guest_that_boots_a_selected_kernel_joins(void **unused)
{
	(void)unused;
	af.peers[2].release = "6.0.9";
	guest_peer_reboot(&af.peers[2]);
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	af_write_policy("1s", "  select: {kernel: ['6.1*']}\n");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, AF_PEERS - 1);
	af_stop();
	af_start(); /* before its guests are heard of again their kernels are not known */
	AF_UNTIL(af_all_open());
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, AF_PEERS - 1);
	af.peers[2].release = "6.1.0-1-cloud-amd64";
	guest_peer_reboot(&af.peers[2]);
	AF_UNTIL(af.peers[2].confirmed == 1);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, AF_PEERS);
}

static void events_do_not_make_the_agent_ask_without_end(void **unused)
{
	struct fth_msg msg = { .type = FTH_T_EVENT };
	uint64_t began_ms = af_clock_ms();
	int i;

	(void)unused;
	msg.u.event.kind = FTH_EVENT_STATE;
	msg.u.event.name = (struct fth_span){ (const uint8_t *)"fix", 3 };
	for (i = 0; i < 500; i++) {
		guest_peer_send(&af.peers[0], &msg, 0);
		af_turn();
	}
	AF_UNTIL(af.peers[0].queries > 0);
	assert_true(af.peers[0].queries <=
		    2 + (af_clock_ms() - began_ms) / FTH_GUEST_QUERY_EVERY_MS);
}

static void a_guest_selected_later_is_patched(void **unused)
{
	char path[112];
	struct fth_inventory_vm vm = {
		.name = "web-0",
		.host = "",
		.group = "db",
		.path = path,
		.running = true,
	};

	(void)unused;
	snprintf(path, sizeof(path), "%s/web-0.sock", af.sockets);
	fth_guest_hooks.found(af.agent, "sockets", &vm);
	af_write_policy("0s", "  select: {group: [db]}\n");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	vm.name = "web-1";
	snprintf(path, sizeof(path), "%s/web-1.sock", af.sockets);
	fth_guest_hooks.found(af.agent, "sockets", &vm);
	AF_UNTIL(af.peers[1].confirmed == 1);
}

static void changing_taint_does_not_fill_the_journal(void **unused)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };
	uint64_t before, until_ms;
	uint32_t i = 0;

	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	before = af_journal_rows();
	for (until_ms = af_clock_ms() + 6 * FTH_GUEST_QUERY_EVERY_MS; af_clock_ms() < until_ms;
	     i++) {
		msg.u.heartbeat.uptime_ms = ++af.peers[0].uptime_ms;
		msg.u.heartbeat.taint = i & 1 ? 1 : 2;
		guest_peer_send(&af.peers[0], &msg, 0);
		af_turn();
	}
	msg.u.heartbeat.uptime_ms = ++af.peers[0].uptime_ms;
	msg.u.heartbeat.taint = 4;
	guest_peer_send(&af.peers[0], &msg, 0);
	/* Each bit is told, once: what a gate judges by is neither lost nor late. */
	AF_UNTIL(af.agent->lives[0]->vms[0].taint & 4 || af.agent->lives[0]->vms[1].taint & 4 ||
		 af.agent->lives[0]->vms[2].taint & 4);
	AF_UNTIL(!af.agent->dirty);
	assert_in_range(af_journal_rows() - before, 1, 3);
	assert_int_equal(fth_guest_find(af.agent, "web-0")->taint, 7);
}

/* As if it had said so much before. */
static struct fth_guest *nearly_over(uint32_t words)
{
	struct fth_guest *guest = fth_guest_find(af.agent, "web-0");

	guest->quota_ms = af.agent->now_ms;
	guest->quota_used = FTH_QUOTA_MAX - words;
	return guest;
}

/* Who says something else each second is not listened to; the fleet goes back all the same. */
static void a_changing_word_does_not_fill_the_journal(void **unused)
{
	struct guest_peer *peer = &af.peers[0];
	uint64_t before, until_ms;
	struct fth_guest *guest;
	int i;

	(void)unused;
	af_complete();
	before = af_journal_rows();
	guest = nearly_over(3);
	for (until_ms = af_clock_ms() + 8000; af_clock_ms() < until_ms;) {
		if (guest->query_op)
			peer->state ^= FTH_LC_SOAKING ^ FTH_LC_APPLIED;
		guest_peer_tell(peer, FTH_EVENT_STATE);
		af_turn();
	}
	AF_UNTIL(!af.agent->dirty);
	assert_in_range(af_journal_rows() - before, 2, 5);
	assert_int_equal(guest->held_ms, FTH_QUOTA_HOLD_MIN_MS);
	assert_false(guest->open);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	for (i = 1; i < AF_PEERS; i++)
		AF_UNTIL(af.peers[i].state == FTH_LC_ABSENT);
	/* Its time is over: it is heard, and goes back as well. */
	guest->held_until_ms = 0;
	guest_peer_hang_up(peer);
	fth_guest_disconnect(guest, "a test's");
	af_leave(0, true);
	af_leave(0, false);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(peer->state, FTH_LC_ABSENT);
}

/* A session that opens and closes in a loop is two events each time. */
static void sessions_without_end_do_not_fill_the_journal(void **unused)
{
	struct guest_peer *peer = &af.peers[0];
	struct fth_guest *guest;
	uint64_t before;

	(void)unused;
	af_complete();
	before = af_journal_rows();
	guest = nearly_over(16);
	while (!guest->held_until_ms) {
		assert_in_range(af_journal_rows() - before, 0, 30);
		if (guest->open)
			guest_peer_hang_up(peer);
		af_turn();
	}
	AF_UNTIL(!af.agent->dirty);
	assert_in_range(af_journal_rows() - before, 8, 30);
	assert_int_equal(guest->held_ms, FTH_QUOTA_HOLD_MIN_MS);
	assert_false(guest->open);
}

static void a_full_disk_refuses_new_work(void **unused)
{
	struct rlimit old, small;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	af_refused(507, "nothing was started");
	assert_false(af.agent->store_ok);
	assert_true(*af.agent->store_why);
	assert_int_equal(af.agent->live_count, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	AF_UNTIL(af.agent->store_ok);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
}

/* Answers that could not be journalled did not happen; they are asked again. */
static void a_disk_that_fills_midway_loses_nothing(void **unused)
{
	struct rlimit old, small;
	int i;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].holds_results = true;
	af_create();
	AF_UNTIL(AF_SUM(staged) == AF_PAYLOAD_SIZE);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (i = 0; i < AF_PEERS; i++) {
		af.peers[i].holds_results = false;
		guest_peer_hang_up(&af.peers[i]);
	}
	AF_UNTIL(!af.agent->store_ok && !af.agent->rebuild_due);
	replay_equals_live();
	for (i = 0; i < 50; i++)
		af_turn();
	assert_int_equal(AF_SUM(applied), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
	replay_equals_live();
}

/* The first append fails while the guest's bindings are being walked. */
static void a_locked_journal_loses_nothing(void **unused)
{
	char path[112];
	sqlite3 *other;
	int i;

	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (i = 0; i < AF_PEERS; i++)
		guest_peer_reboot(&af.peers[i]);
	AF_UNTIL(!af.agent->store_ok && !af.agent->rebuild_due);
	replay_equals_live();
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	AF_UNTIL(AF_SUM(confirmed) == 2 * AF_PEERS);
	AF_UNTIL(af.agent->store_ok && !af.agent->dirty);
	replay_equals_live();
}

/* What its rollouts were told of it went with the commit: they are told again. */
static void a_jump_outlives_a_failed_commit(void **unused)
{
	struct fth_rollout_event tick = { .kind = FTH_RE_TICK };
	const struct fth_rollout *rollout;

	(void)unused;
	rollout = af_create()->rollout;
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af.agent->jumped_ms += 3600000;
	assert_int_equal(fth_live_step(af.agent->lives[0], &tick), 0);
	assert_int_equal(rollout->jumped_ms, 3600000);
	fth_agent_fail_store(af.agent, "a test's");
	AF_UNTIL(!af.agent->rebuild_due);
	assert_int_equal(rollout->jumped_ms, 0);
	AF_UNTIL(af.agent->store_ok && af.agent->lives[0]->synced);
	memset(&tick, 0, sizeof(tick));
	tick.kind = FTH_RE_TICK;
	assert_int_equal(fth_live_step(af.agent->lives[0], &tick), 0);
	assert_int_equal(rollout->jumped_ms, 3600000);
	assert_int_equal(fth_live_step(af.agent->lives[0], &tick), 0);
	assert_int_equal(rollout->jumped_ms, 3600000);
	AF_UNTIL(!af.agent->dirty);
	replay_equals_live();
}

/* The journal has what jumped before: that is not owed to anybody. */
static void a_restart_owes_no_jump(void **unused)
{
	struct fth_rollout_event tick = { .kind = FTH_RE_TICK };

	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af.agent->jumped_ms += 3600000;
	assert_int_equal(fth_live_step(af.agent->lives[0], &tick), 0);
	AF_UNTIL(!af.agent->dirty);
	af_stop();
	af_start();
	AF_UNTIL(af.agent->lives[0]->synced);
	memset(&tick, 0, sizeof(tick));
	tick.kind = FTH_RE_TICK;
	assert_int_equal(fth_live_step(af.agent->lives[0], &tick), 0);
	assert_int_equal(af.agent->lives[0]->rollout->jumped_ms, 3600000);
}

static void a_module_for_another_kernel_is_refused(void **unused)
{
	char module[96];

	(void)unused;
	snprintf(module, sizeof(module), "%s/fix.ko", af.folder);
	af_write_module(module, "fix", "6.9.0-other");
	af_refused(400, "6.9.0-other");
	af_refused(400, AF_RELEASE);
	af_write_policy("0s", "  select: {name: [db-*]}\n");
	af_refused(409, "selects none");
	assert_int_equal(AF_SUM(commands), 0);
}

/* The policy is silent: what the module says goes to the guests, also after a restart. */
static void the_module_names_the_model(void **unused)
{
	const struct fth_guest_policy *guest;
	int i;

	(void)unused;
	af.module_model = "in-time";
	af_write_policy("0s", "consistency: {flags: [in-thread]}\n");
	af_refused(400, "expected at least the module's own, 'in-time'");
	af.module_model = "sometimes";
	af_write_policy("0s", "");
	af_refused(400, "found fother_consistency='sometimes'");
	af.module_model = "in-time";
	af_write_policy("0s", "");
	af_create();
	af_stop();
	unlink(af.policy);
	af_start();
	guest = &af.agent->lives[0]->rollout->policy.guest;
	assert_int_equal(guest->leave, FTH_LEAVE_PATCHED_SET);
	assert_int_equal(guest->switches, FTH_SWITCH_KERNEL);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	for (i = 0; i < AF_PEERS; i++) {
		assert_int_equal(af.peers[i].leave, FTH_LEAVE_PATCHED_SET);
		assert_int_equal(af.peers[i].switches, FTH_SWITCH_KERNEL);
	}
}

/* The agent asks the guests that soak until the new code has run in them. */
static void effect_is_asked_for(void **unused)
{
	const struct fth_rollout *rollout;
	int i;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].hits = i != 1;
	af_write_policy("0s", "health: {guest: [effect]}\n");
	rollout = af_create()->rollout;
	AF_UNTIL(rollout->inconclusive);
	assert_int_equal(af.peers[1].state, FTH_LC_SOAKING);
	assert_int_equal(af.peers[1].confirmed, 0);
	af.peers[1].hits = 1;
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(confirmed), AF_PEERS);
}

/* A recall that has not reached all is not forgotten for a new rollout. */
static void a_stuck_recall_is_not_superseded(void **unused)
{
	char path[112];
	struct fth_live *live = af_create();

	(void)unused;
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	af.peers[1].mute = true;
	guest_peer_hang_up(&af.peers[1]);
	AF_UNTIL(!fth_guest_find(af.agent, "web-1")->open);
	af_request(live, FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_STUCK);
	af_refused(409, "is stuck on its way back: vm 'web-1' may still run it (unreachable");
	af.peers[1].mute = false;
	guest_peer_hang_up(&af.peers[1]);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
	live = af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	/* One that is gone for good does not stand in the way for ever. */
	guest_peer_stop(&af.peers[1]);
	snprintf(path, sizeof(path), "%s/web-1.sock", af.sockets);
	unlink(path);
	AF_UNTIL(!fth_guest_find(af.agent, "web-1")->present);
	af_request(live, FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_STUCK);
	af_create();
}

static void a_second_agent_is_kept_out(void **unused)
{
	const struct fth_agent_options options = {
		.sockets = af.sockets,
		.state = af.state,
		.api = af.api,
		.group = (gid_t)-1,
	};
	struct fth_agent *second = NULL;
	struct fth_loop *other;

	(void)unused;
	assert_int_equal(fth_loop_new(&other), 0);
	assert_int_not_equal(fth_agent_new(other, &options, &second), 0);
	fth_loop_free(other);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(out_and_back),
		AF_TEST(replay_rebuilds_what_is_there),
		AF_TEST(a_restart_applies_nothing_twice),
		AF_TEST(a_lost_connection_repeats_nothing),
		AF_TEST(the_policy_file_is_needed_once),
		AF_TEST(a_lost_payload_is_said_and_reversed),
		AF_TEST(a_refusal_reverses_the_rest),
		AF_TEST(a_guest_that_reboots_is_brought_back),
		AF_TEST(a_restored_snapshot_is_noticed),
		AF_TEST(a_restored_snapshot_that_answers_is_noticed),
		AF_TEST(a_guest_that_boots_a_selected_kernel_joins),
		AF_TEST(events_do_not_make_the_agent_ask_without_end),
		AF_TEST(a_guest_selected_later_is_patched),
		AF_TEST(changing_taint_does_not_fill_the_journal),
		AF_TEST(a_changing_word_does_not_fill_the_journal),
		AF_TEST(sessions_without_end_do_not_fill_the_journal),
		AF_TEST(a_full_disk_refuses_new_work),
		AF_TEST(a_disk_that_fills_midway_loses_nothing),
		AF_TEST(a_locked_journal_loses_nothing),
		AF_TEST(a_jump_outlives_a_failed_commit),
		AF_TEST(a_restart_owes_no_jump),
		AF_TEST(a_module_for_another_kernel_is_refused),
		AF_TEST(the_module_names_the_model),
		AF_TEST(effect_is_asked_for),
		AF_TEST(a_stuck_recall_is_not_superseded),
		AF_TEST(a_second_agent_is_kept_out),
	};

	return cmocka_run_group_tests_name("app_agent", tests, NULL, NULL);
}
