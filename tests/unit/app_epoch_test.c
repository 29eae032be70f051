// SPDX-License-Identifier: GPL-2.0
/* Whom guests obey: epochs of this agent, of other hosts' and of older journals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "agent_fixture.h"
#include "io/store_internal.h"

static struct fth_store *open_store(const char *path)
{
	char why[FTH_STORE_WHY_MAX];
	struct fth_store *store;

	assert_int_equal(fth_store_open(path, &store, why), 0);
	return store;
}

/* A copy of a journal, from before: its guests saw epochs of the time since. */
static void the_epoch_of_an_old_copy_is_of_now(void **unused)
{
	uint64_t now = (uint64_t)time(NULL), first, second, third, salt;
	struct fth_store *store;
	char path[112];

	(void)unused;
	snprintf(path, sizeof(path), "%s/another.db", af.folder);
	store = open_store(path);
	assert_int_equal(fth_store_raise_epoch(store, &first, &salt), 0);
	assert_int_equal(fth_store_put_meta(store, "epoch", 5), 0);
	assert_int_equal(fth_store_commit(store), 0);
	fth_store_close(store);
	store = open_store(path);
	assert_int_equal(fth_store_raise_epoch(store, &second, &salt), 0);
	assert_true(second > now && second <= (uint64_t)time(NULL) + 1);
	/* What a guest was told beyond that the next one is above. */
	assert_int_equal(fth_store_keep_epoch(store, second + 50), 0);
	assert_int_equal(fth_store_keep_epoch(store, second + 20), 0);
	assert_int_equal(fth_store_commit(store), 0);
	fth_store_close(store);
	store = open_store(path);
	assert_int_equal(fth_store_raise_epoch(store, &third, &salt), 0);
	assert_int_equal(third, second + 51);
	fth_store_close(store);
}

/* A VM that was somewhere else comes back, and another agent commanded it there. */
static void comes_from(struct guest_peer *peer, uint64_t epoch)
{
	int index = (int)(peer - af.peers);

	af_leave(index, true);
	guest_peer_hang_up(peer);
	peer->epoch = epoch;
	af_leave(index, false);
	AF_UNTIL(af_all_open());
}

/* Migrated here from a host whose agent began later: it is ours from now on, and it alone. */
static void a_guest_of_another_host_obeys(void **unused)
{
	uint64_t epoch = af.agent->epoch, theirs = epoch + 3600;
	struct guest_peer *peer = &af.peers[1];

	(void)unused;
	comes_from(peer, theirs);
	assert_int_equal(peer->epoch, theirs + 1);
	assert_int_equal(af.agent->epoch, epoch);
	af_complete();
	assert_int_equal(AF_SUM(stale), 0);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
	assert_int_equal(peer->epoch, theirs + 1);
	assert_int_equal(af.peers[0].epoch, epoch);
	guest_peer_hang_up(peer);
	AF_UNTIL(!af_all_open());
	AF_UNTIL(af_all_open());
	assert_int_equal(peer->epoch, theirs + 1);
	/* The next agent of this journal begins above it, and takes all back. */
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	assert_true(af.agent->epoch > theirs + 1);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(stale), 0);
	assert_int_equal(AF_SUM(reversed), AF_PEERS);
}

/* The journal was restored from a backup: its guests saw newer epochs than it knows. */
static void guests_of_a_later_journal_obey(void **unused)
{
	uint64_t epoch = af.agent->epoch;
	int i;

	(void)unused;
	af_stop();
	for (i = 0; i < AF_PEERS; i++) {
		guest_peer_hang_up(&af.peers[i]);
		af.peers[i].epoch = epoch + 1000 + (uint64_t)i;
	}
	af_start();
	AF_UNTIL(af_all_open());
	af_complete();
	assert_int_equal(AF_SUM(stale), 0);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
}

/* A guest's word is no reason to depose anybody, nor to write without end. */
static void a_made_up_epoch_changes_nothing(void **unused)
{
	static const uint64_t far[] = { 2 * FTH_GUEST_EPOCH_AHEAD_S, UINT64_MAX / 2 };
	struct guest_peer *peer = &af.peers[1];
	const struct fth_guest *guest = fth_guest_find(af.agent, "web-1");
	uint64_t epoch = af.agent->epoch;
	uint32_t i, hellos;

	(void)unused;
	/* In the same place it says that an agent took over: once and for all. */
	for (i = 0; i < 5; i++) {
		guest_peer_hang_up(peer);
		peer->epoch += 10;
		AF_UNTIL(!af_all_open());
		AF_UNTIL(af_all_open());
		assert_int_equal(fth_guest_epoch(guest), epoch);
	}
	/* Out of a far future it is not believed. */
	for (i = 0; i < 2; i++) {
		comes_from(peer, epoch + far[i]);
		hellos = peer->hellos;
		AF_UNTIL(peer->beats > 2 * (i + 1));
		assert_int_equal(peer->hellos, hellos);
		guest = fth_guest_find(af.agent, "web-1");
		assert_int_equal(fth_guest_epoch(guest), epoch);
	}
	assert_int_equal(af.agent->epoch, epoch);
	/* Nobody else is touched by any of this. */
	af_write_policy("0s", "  select: {name: [web-0, web-2]}\n");
	af_complete();
	assert_int_equal(AF_SUM(stale), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(the_epoch_of_an_old_copy_is_of_now),
		AF_TEST(a_guest_of_another_host_obeys),
		AF_TEST(guests_of_a_later_journal_obey),
		AF_TEST(a_made_up_epoch_changes_nothing),
	};

	return cmocka_run_group_tests_name("app_epoch", tests, NULL, NULL);
}
