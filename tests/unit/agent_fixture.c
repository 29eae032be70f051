// SPDX-License-Identifier: GPL-2.0
/* A whole agent in this process, and guests that speak the protocol. */
#include "agent_fixture.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <ftw.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/rights.h"
#include "module_file.h"

struct agent_fixture af;

uint64_t af_clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void af_turn(void)
{
	int i;

	for (i = 0; i < AF_PEERS; i++)
		guest_peer_pump(&af.peers[i]);
	fth_loop_turn(af.loop);
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* As long as a real one: what it says of itself, and zeroes. */
void af_write_module(const char *path, const char *name, const char *release)
{
	uint8_t *file = calloc(1, AF_PAYLOAD_SIZE);
	struct module_file module;
	char info[sizeof(module.info)];
	int length;

	assert_non_null(file);
	length = snprintf(info, sizeof(info),
			  "livepatch=Y%cname=%s%cvermagic=%s SMP mod_unload%clicense=GPL%c%s%s", 0,
			  name, 0, release, 0, 0,
			  *af.module_model ? "fother_consistency=" : "x=", af.module_model);
	module_file_make(&module, info, (size_t)length + 1);
	memcpy(file, &module, sizeof(module));
	file[AF_PAYLOAD_SIZE - 1] = af.module_number;
	write_file(path, file, AF_PAYLOAD_SIZE);
	free(file);
}

void af_write_policy(const char *soak, const char *more)
{
	char text[512], module[96];
	int length = snprintf(text, sizeof(text),
			      "version: 1\n"
			      "patch: {name: fix, file: fix.ko}\n"
			      "rollout:\n"
			      "  waves: [1, 100%%]\n"
			      "  soak: %s\n"
			      "  failures: {max: 0, inconclusive: 3, then: reverse}\n"
			      "%s",
			      soak, more);

	write_file(af.policy, text, (size_t)length);
	snprintf(module, sizeof(module), "%s/fix.ko", af.folder);
	af_write_module(module, "fix", AF_RELEASE);
}

void af_start(void)
{
	const struct fth_agent_options options = {
		.sockets = af.sockets,
		.state = af.state,
		.api = af.api,
		.group = (gid_t)-1,
	};

	assert_int_equal(fth_loop_new(&af.loop), 0);
	assert_int_equal(fth_agent_new(af.loop, &options, &af.agent), 0);
}

/* As a kill would: what was not committed is lost. */
void af_stop(void)
{
	if (af.agent)
		fth_store_rollback(af.agent->store);
	fth_agent_free(af.agent, 1);
	fth_loop_free(af.loop);
	af.agent = NULL;
	af.loop = NULL;
}

bool af_all_open(void)
{
	return af.agent->open_count == AF_PEERS;
}

int af_set_up(void **unused)
{
	char path[112];
	int i;

	(void)unused;
	strcpy(af.folder, "/tmp/fother-agent.XXXXXX");
	if (!mkdtemp(af.folder))
		return -1;
	snprintf(af.sockets, sizeof(af.sockets), "%s/vms", af.folder);
	snprintf(af.state, sizeof(af.state), "%s/state", af.folder);
	snprintf(af.api, sizeof(af.api), "%s/api.sock", af.folder);
	snprintf(af.policy, sizeof(af.policy), "%s/fix.yaml", af.folder);
	mkdir(af.sockets, 0700);
	for (i = 0; i < AF_PEERS; i++) {
		snprintf(path, sizeof(path), "%s/web-%d.sock", af.sockets, i);
		guest_peer_start(&af.peers[i], path, (uint8_t)(16 * (i + 1)));
	}
	/* As fotherd's main() does: a client of the API may be gone before its answer. */
	signal(SIGPIPE, SIG_IGN);
	af.module_model = "";
	af_write_policy("0s", "");
	af_start();
	AF_UNTIL(af_all_open());
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

int af_tear_down(void **unused)
{
	int i;

	(void)unused;
	af_stop();
	for (i = 0; i < AF_PEERS; i++)
		guest_peer_stop(&af.peers[i]);
	return nftw(af.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct fth_asker asker(void)
{
	static struct fth_rights rights;

	rights.uid = geteuid();
	rights.gid = getegid();
	return (struct fth_asker){ .uid = geteuid(), .rights = &rights, .who = "test" };
}

struct fth_live *af_create(void)
{
	const struct fth_asker by = asker();
	struct fth_live *live = fth_create_rollout(af.agent, af.policy, &by, &af.error);

	if (!live)
		fail_msg("refused: %s", af.error.message);
	return live;
}

void af_complete(void)
{
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
}

void af_leave(int peer, bool leaves)
{
	char there[112], away[112], name[16];
	const struct fth_guest *guest;

	snprintf(name, sizeof(name), "web-%d", peer);
	snprintf(there, sizeof(there), "%s/%s.sock", af.sockets, name);
	snprintf(away, sizeof(away), "%s/%s.away", af.sockets, name);
	assert_int_equal(leaves ? rename(there, away) : rename(away, there), 0);
	if (leaves)
		AF_UNTIL(!(guest = fth_guest_find(af.agent, name)) || !guest->present);
	else
		AF_UNTIL((guest = fth_guest_find(af.agent, name)) && guest->present);
}

void af_refused(int status, const char *words)
{
	const struct fth_asker by = asker();

	assert_null(fth_create_rollout(af.agent, af.policy, &by, &af.error));
	assert_int_equal(af.error.status, status);
	if (!strstr(af.error.message, words))
		fail_msg("found '%s', expected it to say '%s'", af.error.message, words);
}

uint8_t af_phase(void)
{
	return af.agent->lives[af.agent->live_count - 1]->rollout->phase;
}

void af_request(struct fth_live *live, uint8_t kind)
{
	struct fth_rollout_event event = { .kind = kind };

	assert_int_equal(fth_live_step(live, &event), 0);
	assert_int_equal(fth_agent_flush(af.agent), 0);
}

uint64_t af_journal_rows(void)
{
	char path[112];
	sqlite3 *db;
	sqlite3_stmt *rows;
	uint64_t count;

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM events", -1, &rows, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	count = (uint64_t)sqlite3_column_int64(rows, 0);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	return count;
}

uint32_t af_sum(size_t member)
{
	uint32_t total = 0, value;
	int i;

	for (i = 0; i < AF_PEERS; i++) {
		memcpy(&value, (const char *)&af.peers[i] + member, sizeof(value));
		total += value;
	}
	return total;
}
