// SPDX-License-Identifier: GPL-2.0
/* A damaged journal: refused, checked, salvaged; nothing of it is guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent_api.h"
#include "agent_fixture.h"
#include "io/loop.h"

#define PAGE 4096
#define KILLED 9 /* exit code */

static bool dies_at_rename;

/* In place of the C library's. */
int rename(const char *from, const char *to)
{
	const char *name = strrchr(to, '/');

	if (dies_at_rename && name && !strcmp(name, "/journal.db"))
		_exit(KILLED);
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}

static void in_journal(const char *sql)
{
	char path[112];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
						   NULL),
			 SQLITE_OK);
	sqlite3_close(db);
}

/* All of it in its file, and the page where a table's tree begins. */
static int open_journal(const char *table, off_t *ret_page)
{
	char path[112], sql[96];
	sqlite3_stmt *s;
	sqlite3 *db;
	int fd;

	in_journal("PRAGMA user_version");
	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof(sql), "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", table);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	*ret_page = sqlite3_column_int(s, 0);
	sqlite3_finalize(s);
	sqlite3_close(db);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	return fd;
}

/* Zeroes where the first leaf of a table's tree begins; the other tables stay. */
static void damage(const char *table)
{
	char zeroes[PAGE / 2] = { 0 };
	off_t page;
	int fd;

	fd = open_journal(table, &page);
	assert_int_equal(pwrite(fd, zeroes, sizeof(zeroes), (page - 1) * PAGE), sizeof(zeroes));
	close(fd);
}

static int start_refused(void)
{
	const struct fth_agent_options options = {
		.sockets = af.sockets,
		.state = af.state,
		.api = af.api,
		.group = (gid_t)-1,
	};
	int error;

	assert_int_equal(fth_loop_new(&af.loop), 0);
	error = fth_agent_new(af.loop, &options, &af.agent);
	fth_loop_free(af.loop);
	af.loop = NULL;
	return error;
}

static void recall_and_stop(void)
{
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/recall", "{}"), 200);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	af_stop();
}

static void a_sound_one_is_sound(void **unused)
{
	(void)unused;
	recall_and_stop();
	assert_int_equal(fth_journal_check(af.state, false), 0);
	assert_int_equal(fth_journal_check(af.state, true), 0); /* nothing to do */
	af_start();
	assert_int_equal(af.agent->live_count, 1);
}

/* Events are lost: no rollout is rebuilt from the rest, but its recall holds. */
static void lost_events(void **unused)
{
	uint64_t epoch = af.agent->epoch, salt = af.agent->salt;

	(void)unused;
	recall_and_stop();
	damage("events");
	assert_int_not_equal(start_refused(), 0);
	assert_int_equal(fth_journal_check(af.state, false), 1);
	assert_int_not_equal(start_refused(), 0); /* a check mends nothing */
	assert_int_equal(fth_journal_check(af.state, true), 0);
	af_start();
	assert_true(af.agent->epoch > epoch); /* an older agent stays deposed */
	assert_true(af.agent->salt != salt);
	assert_int_equal(af.agent->live_count, 0);
	AF_UNTIL(af_all_open());
	af_refused(409, "blocked in the whole fleet");
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\"}"), 200);
	assert_int_equal(af_create()->rollout->id, 2); /* op ids are never given twice */
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
}

/* Page 2.. of a tree whose root has children: zeroes over its first leaf. */
static void damage_first_leaf(const char *table)
{
	uint8_t page[PAGE], zeroes[PAGE] = { 0 };
	uint32_t cell, leaf;
	off_t root;
	int fd;

	fd = open_journal(table, &root);
	assert_int_equal(pread(fd, page, PAGE, (root - 1) * PAGE), PAGE);
	assert_int_equal(page[0], 2); /* an index's interior page: cells begin with a child */
	cell = (uint32_t)page[12] << 8 | page[13];
	leaf = (uint32_t)page[cell] << 24 | (uint32_t)page[cell + 1] << 16 |
	       (uint32_t)page[cell + 2] << 8 | page[cell + 3];
	assert_int_equal(pwrite(fd, zeroes, PAGE, (off_t)(leaf - 1) * PAGE), PAGE);
	close(fd);
}

static int note_block(void *context, const struct fth_store_block *row)
{
	uint32_t *counts = context;

	counts[0]++;
	counts[1] |= !strcmp(row->vm, "web-01000");
	return 0;
}

/* Blocks have no row numbers to walk back by: their own order does. */
static void blocks_behind_a_bad_page_are_kept(void **unused)
{
	char path[112], why[FTH_STORE_WHY_MAX];
	uint32_t counts[2] = { 0 };
	struct fth_store *store;

	(void)unused;
	af_stop();
	in_journal("WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000)"
		   " INSERT INTO blocks (vm, sha256, patch, trigger, incident, at_ms, why)"
		   " SELECT format('web-%05d', i), zeroblob(32), 'fix', 1, 1, 1, 'oops' FROM c");
	damage_first_leaf("blocks");
	assert_int_equal(fth_journal_check(af.state, true), 0);
	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(fth_store_open(path, &store, why), 0);
	assert_int_equal(fth_store_each_block(store, NULL, note_block, counts), 0);
	fth_store_close(store);
	assert_true(counts[0] > 900 && counts[0] < 1000);
	assert_int_equal(counts[1], 1);
	af_start();
}

/* Of a process that was killed: what it wrote is in the write-ahead log only. */
static void in_log(const char *sql)
{
	char path[112];
	int status;
	sqlite3 *db;
	pid_t child;

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(sqlite3_open(path, &db) || sqlite3_exec(db, sql, NULL, NULL, NULL));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	strcat(path, "-wal");
	assert_int_equal(access(path, F_OK), 0);
}

static void salvage_killed(void)
{
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (!child) {
		dies_at_rename = true;
		_exit(fth_journal_check(af.state, true));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, W_EXITCODE(KILLED, 0));
}

/* A missing journal would be a new one, and one without its log an older one. */
static void a_salvage_that_was_killed_loses_nothing(void **unused)
{
	char path[112], why[FTH_STORE_WHY_MAX];
	uint32_t counts[2] = { 0 };
	struct fth_store *store;

	(void)unused;
	recall_and_stop();
	damage("events");
	in_log("INSERT INTO blocks (vm, sha256, patch, trigger, incident, at_ms, why)"
	       " VALUES ('web-01000', zeroblob(32), 'fix', 1, 1, 1, 'oops')");
	salvage_killed();
	assert_int_not_equal(start_refused(), 0);
	salvage_killed();
	assert_int_equal(fth_journal_check(af.state, true), 0);
	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(fth_store_open(path, &store, why), 0);
	assert_int_equal(fth_store_each_block(store, NULL, note_block, counts), 0);
	fth_store_close(store);
	assert_int_equal(counts[1], 1);
	af_start();
	AF_UNTIL(af_all_open());
	af_refused(409, "blocked in the whole fleet");
}

/* One record that means nothing: its rollout is left out, the other stays. */
static void one_rollout_is_left_out(void **unused)
{
	(void)unused;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af_stop();
	in_journal("UPDATE events SET record = x'07' WHERE n = 3");
	assert_int_not_equal(start_refused(), 0);
	assert_int_equal(fth_journal_check(af.state, false), 1);
	assert_int_equal(fth_journal_check(af.state, true), 0);
	af_start();
	assert_int_equal(af.agent->live_count, 1);
	assert_int_equal(af.agent->lives[0]->rollout->id, 2);
	assert_int_equal(af_phase(), FTH_RO_COMPLETE);
}

static void nothing_to_read(void **unused)
{
	char path[112];
	int fd;

	(void)unused;
	af_stop();
	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, "no journal at all, but long enough to be one", 44), 44);
	close(fd);
	assert_int_not_equal(start_refused(), 0);
	assert_int_equal(fth_journal_check(af.state, true), 1);
	assert_int_equal(access(path, F_OK), 0); /* it is left as it was */
}

static void cut_journal(off_t size)
{
	char path[112];

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(truncate(path, size), 0);
}

/* Nothing is left of it: that is no new journal, unless a person says so. */
static void an_empty_file_is_no_new_journal(void **unused)
{
	char path[112];

	(void)unused;
	recall_and_stop();
	cut_journal(0);
	assert_int_not_equal(start_refused(), 0);
	assert_int_equal(fth_journal_check(af.state, false), 1);
	assert_int_equal(fth_journal_check(af.state, true), 1);
	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(unlink(path), 0);
	af_start();
	af_stop();
	snprintf(path, sizeof(path), "rm -r %s/payloads", af.state);
	assert_int_equal(system(path), 0);
	cut_journal(0); /* an agent that was killed when it made its first one */
	af_start();
}

/* Its end is missing, in the middle of a page: what stands before it is kept. */
static void a_short_file_is_salvaged(void **unused)
{
	off_t page;
	int fd;

	(void)unused;
	recall_and_stop();
	fd = open_journal("blocks", &page);
	close(fd);
	in_journal("WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 500)"
		   " INSERT INTO history (at_ms, rollout, patch, vm, kind, what, why, uid, who)"
		   " SELECT 1, 1, 'fix', format('web-%d', i), 'vm', 'done', '', 0, '' FROM c");
	fd = open_journal("history", &page);
	cut_journal(lseek(fd, 0, SEEK_END) - PAGE - 100);
	close(fd);
	assert_int_not_equal(start_refused(), 0);
	assert_int_equal(fth_journal_check(af.state, false), 1);
	assert_int_equal(fth_journal_check(af.state, true), 0);
	af_start();
	AF_UNTIL(af_all_open());
	af_refused(409, "blocked in the whole fleet");
}

static void write_header(off_t at, uint8_t byte)
{
	char path[112];
	int fd;

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

/* What no agent starts with is never called sound. */
static void a_damaged_header_is_salvaged(void **unused)
{
	static const struct {
		off_t at;
		uint8_t byte;
	} cases[] = { { 18, 0x42 }, { 29, 0x10 } }; /* who may write it; its length in pages */
	size_t i;

	(void)unused;
	recall_and_stop();
	in_journal("PRAGMA user_version");
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		write_header(cases[i].at, cases[i].byte);
		assert_int_not_equal(start_refused(), 0);
		assert_int_equal(fth_journal_check(af.state, false), 1);
		assert_int_equal(fth_journal_check(af.state, true), 0);
		af_start();
		assert_int_equal(af.agent->live_count, 1);
		AF_UNTIL(af_all_open());
		af_refused(409, "blocked in the whole fleet");
		af_stop();
		in_journal("PRAGMA user_version");
	}
}

/* Who went back to an older agent is not told to throw the journal away. */
static void a_newer_one_is_left_alone(void **unused)
{
	char path[112];

	(void)unused;
	af_stop();
	in_journal("PRAGMA user_version = 99");
	assert_int_not_equal(start_refused(), 0);
	assert_int_equal(fth_journal_check(af.state, true), 1);
	snprintf(path, sizeof(path), "%s/journal.db.copy", af.state);
	assert_int_equal(access(path, F_OK), -1);
	in_journal("PRAGMA user_version = 9");
	af_start();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(a_sound_one_is_sound),
		AF_TEST(lost_events),
		AF_TEST(blocks_behind_a_bad_page_are_kept),
		AF_TEST(a_salvage_that_was_killed_loses_nothing),
		AF_TEST(one_rollout_is_left_out),
		AF_TEST(nothing_to_read),
		AF_TEST(an_empty_file_is_no_new_journal),
		AF_TEST(a_short_file_is_salvaged),
		AF_TEST(a_damaged_header_is_salvaged),
		AF_TEST(a_newer_one_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
