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
#include <elf.h>
#include <ftw.h>
#include <jansson.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app/agent.h"
#include "guest_peer.h"
#include "io/loop.h"

#define PEERS 3
#define PATIENCE_MS 60000u /* ends a hang, is no measure of anything */
#define RELEASE "6.1.0-1-cloud-amd64"
#define PAYLOAD_SIZE (600u * 1024) /* several windows of chunks */

static struct fth_loop *loop;
static struct fth_agent *agent;
static struct guest_peer peers[PEERS];
static char folder[64], sockets[80], state[80], api[80], policy[80];
static struct fth_create_error error;

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void turn(void)
{
	int i;

	for (i = 0; i < PEERS; i++)
		guest_peer_pump(&peers[i]);
	fth_loop_turn(loop);
}

#define UNTIL(condition)                                    \
	do {                                                \
		uint64_t end_ms = clock_ms() + PATIENCE_MS; \
		while (!(condition)) {                      \
			assert_true(clock_ms() < end_ms);   \
			turn();                             \
		}                                           \
	} while (0)

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* What fix.ko says of its consistency model; "" for nothing. */
static const char *module_model = "";

/* An ELF object with nothing but what a livepatch module says of itself. */
static void write_module(const char *path, const char *name, const char *release)
{
	static const char names[] = "\0.modinfo\0.shstrtab";
	struct {
		Elf64_Ehdr header;
		Elf64_Shdr sections[3];
		char names[sizeof(names)];
		char info[256];
	} *module = calloc(1, PAYLOAD_SIZE);
	int length;

	assert_non_null(module);
	module->header.e_ident[EI_MAG0] = ELFMAG0;
	module->header.e_ident[EI_MAG1] = ELFMAG1;
	module->header.e_ident[EI_MAG2] = ELFMAG2;
	module->header.e_ident[EI_MAG3] = ELFMAG3;
	module->header.e_ident[EI_CLASS] = ELFCLASS64;
	module->header.e_ident[EI_DATA] = ELFDATA2LSB;
	module->header.e_ident[EI_VERSION] = EV_CURRENT;
	module->header.e_type = ET_REL;
	module->header.e_machine = EM_X86_64;
	module->header.e_version = EV_CURRENT;
	module->header.e_ehsize = sizeof(Elf64_Ehdr);
	module->header.e_shoff = offsetof(typeof(*module), sections);
	module->header.e_shentsize = sizeof(Elf64_Shdr);
	module->header.e_shnum = 3;
	module->header.e_shstrndx = 2;
	memcpy(module->names, names, sizeof(names));
	length = snprintf(module->info, sizeof(module->info),
			  "livepatch=Y%cname=%s%cvermagic=%s SMP mod_unload%clicense=GPL%c%s%s", 0,
			  name, 0, release, 0, 0,
			  *module_model ? "fother_consistency=" : "x=", module_model);
	module->sections[1].sh_name = 1;
	module->sections[1].sh_type = SHT_PROGBITS;
	module->sections[1].sh_offset = offsetof(typeof(*module), info);
	module->sections[1].sh_size = (size_t)length + 1;
	module->sections[2].sh_name = 10;
	module->sections[2].sh_type = SHT_STRTAB;
	module->sections[2].sh_offset = offsetof(typeof(*module), names);
	module->sections[2].sh_size = sizeof(names);
	write_file(path, module, PAYLOAD_SIZE);
	free(module);
}

static void write_policy(const char *soak, const char *more)
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

	write_file(policy, text, (size_t)length);
	snprintf(module, sizeof(module), "%s/fix.ko", folder);
	write_module(module, "fix", RELEASE);
}

static void start_agent(void)
{
	const struct fth_agent_options options = {
		.sockets = sockets,
		.state = state,
		.api = api,
		.group = (gid_t)-1,
	};

	assert_int_equal(fth_loop_new(&loop), 0);
	assert_int_equal(fth_agent_new(loop, &options, &agent), 0);
}

/* As a kill would: what was not committed is lost. */
static void stop_agent(void)
{
	if (agent)
		fth_store_rollback(agent->store);
	fth_agent_free(agent);
	fth_loop_free(loop);
	agent = NULL;
	loop = NULL;
}

static bool all_open(void)
{
	return agent->open_count == PEERS;
}

static int set_up(void **unused)
{
	char path[112];
	int i;

	(void)unused;
	strcpy(folder, "/tmp/fother-agent.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(sockets, sizeof(sockets), "%s/vms", folder);
	snprintf(state, sizeof(state), "%s/state", folder);
	snprintf(api, sizeof(api), "%s/api.sock", folder);
	snprintf(policy, sizeof(policy), "%s/fix.yaml", folder);
	mkdir(sockets, 0700);
	for (i = 0; i < PEERS; i++) {
		snprintf(path, sizeof(path), "%s/web-%d.sock", sockets, i);
		guest_peer_start(&peers[i], path, (uint8_t)(16 * (i + 1)));
	}
	module_model = "";
	write_policy("0s", "");
	start_agent();
	UNTIL(all_open());
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int tear_down(void **unused)
{
	int i;

	(void)unused;
	stop_agent();
	for (i = 0; i < PEERS; i++)
		guest_peer_stop(&peers[i]);
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct fth_live *create(void)
{
	struct fth_live *live = fth_create_rollout(agent, policy, &error);

	if (!live)
		fail_msg("refused: %s", error.message);
	return live;
}

static void refused(int status, const char *words)
{
	assert_null(fth_create_rollout(agent, policy, &error));
	assert_int_equal(error.status, status);
	if (!strstr(error.message, words))
		fail_msg("found '%s', expected it to say '%s'", error.message, words);
}

static uint8_t phase(void)
{
	return agent->lives[agent->live_count - 1]->rollout->phase;
}

static void request(struct fth_live *live, uint8_t kind)
{
	struct fth_rollout_event event = { .kind = kind };

	assert_int_equal(fth_live_step(live, &event), 0);
	assert_int_equal(fth_agent_flush(agent), 0);
}

static uint32_t sum(size_t member)
{
	uint32_t total = 0, value;
	int i;

	for (i = 0; i < PEERS; i++) {
		memcpy(&value, (const char *)&peers[i] + member, sizeof(value));
		total += value;
	}
	return total;
}

#define SUM(member) sum(offsetof(struct guest_peer, member))

static void out_and_back(void **unused)
{
	struct fth_live *live = create();
	int i;

	(void)unused;
	UNTIL(phase() == FTH_RO_COMPLETE);
	for (i = 0; i < PEERS; i++) {
		assert_int_equal(peers[i].applied, 1);
		assert_int_equal(peers[i].confirmed, 1);
		assert_int_equal(peers[i].state, FTH_LC_APPLIED);
		assert_int_equal(peers[i].staged, PAYLOAD_SIZE);
	}
	refused(409, "reverse it before");
	request(live, FTH_RE_REVERSE);
	UNTIL(phase() == FTH_RO_REVERSED);
	assert_int_equal(SUM(reversed), PEERS);
	assert_int_equal(SUM(unstaged), PEERS);
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
	assert_int_equal(SUM(applied), 2 * PEERS);
}

/* Invariant 3: what a restart would rebuild is what is there. */
static void replay_equals_live(void)
{
	struct fth_live *live = agent->lives[agent->live_count - 1];
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
	create(); /* flushes */
	replay_equals_live();
	UNTIL(phase() == FTH_RO_COMPLETE && !agent->dirty);
	replay_equals_live();
	request(agent->lives[0], FTH_RE_REVERSE);
	UNTIL(phase() == FTH_RO_REVERSED && !agent->dirty);
	replay_equals_live();
}

/* Guests did it, the answers are lost: a restart must not do it again. */
static void a_restart_applies_nothing_twice(void **unused)
{
	uint64_t epoch;
	int i;

	(void)unused;
	create();
	UNTIL(SUM(applied) == 1);
	for (i = 0; i < PEERS; i++)
		peers[i].holds_results = true;
	UNTIL(SUM(commands) >= 1);
	epoch = agent->epoch;
	stop_agent();
	for (i = 0; i < PEERS; i++)
		peers[i].holds_results = false;
	start_agent();
	assert_true(agent->epoch > epoch);
	assert_int_equal(agent->live_count, 1);
	UNTIL(phase() == FTH_RO_COMPLETE);
	for (i = 0; i < PEERS; i++) {
		assert_int_equal(peers[i].applied, 1);
		assert_int_equal(peers[i].confirmed, 1);
	}
}

static void a_lost_connection_repeats_nothing(void **unused)
{
	int i;

	(void)unused;
	for (i = 0; i < PEERS; i++) {
		peers[i].mute = true;
		peers[i].read_bytes = 0;
	}
	create();
	UNTIL(peers[0].read_bytes + peers[1].read_bytes + peers[2].read_bytes > FTH_STAGE_WINDOW);
	for (i = 0; i < PEERS; i++) {
		peers[i].mute = false;
		guest_peer_hang_up(&peers[i]);
	}
	UNTIL(phase() == FTH_RO_COMPLETE);
	for (i = 0; i < PEERS; i++)
		assert_int_equal(peers[i].applied, 1);
}

static void the_policy_file_is_needed_once(void **unused)
{
	char module[96];

	(void)unused;
	write_policy("1s", "");
	create();
	snprintf(module, sizeof(module), "%s/fix.ko", folder);
	unlink(module);
	unlink(policy);
	stop_agent();
	start_agent();
	UNTIL(phase() == FTH_RO_COMPLETE);
	assert_int_equal(SUM(applied), PEERS);
}

static void a_lost_payload_is_said_and_reversed(void **unused)
{
	char command[160];
	bool said = false;
	uint32_t i;

	(void)unused;
	write_policy("1s", "");
	create();
	stop_agent();
	snprintf(command, sizeof(command), "rm -r '%s/payloads'", state);
	assert_int_equal(system(command), 0);
	for (i = 0; i < PEERS; i++)
		guest_peer_reboot(&peers[i]);
	start_agent();
	UNTIL(phase() == FTH_RO_REVERSED);
	for (i = 0; i < PEERS; i++)
		said |= !!strstr(agent->lives[0]->vms[i].why, "cache");
	assert_true(said);
	assert_int_equal(SUM(applied), 0);
}

static void a_refusal_reverses_the_rest(void **unused)
{
	int i;

	(void)unused;
	for (i = 0; i < PEERS; i++)
		peers[i].refuse_apply = FTH_E_SYMBOL_UNKNOWN;
	create();
	UNTIL(phase() == FTH_RO_REVERSED);
	assert_int_equal(SUM(applied), 0);
	assert_int_equal(agent->lives[0]->rollout->failures, 1);
	assert_non_null(strstr(agent->lives[0]->rollout->why, "1 of 3"));
}

static void a_guest_that_reboots_is_brought_back(void **unused)
{
	(void)unused;
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
	guest_peer_reboot(&peers[1]);
	UNTIL(peers[1].confirmed == 2);
	assert_int_equal(peers[1].applied, 2);
	UNTIL(agent->lives[0]->vms[0].state == FTH_RV_DONE &&
	      agent->lives[0]->vms[1].state == FTH_RV_DONE &&
	      agent->lives[0]->vms[2].state == FTH_RV_DONE);
	assert_int_equal(SUM(applied), PEERS + 1);
}

/* The guest lost the patch in a snapshot; its boot id is the same. */
static void a_restored_snapshot_is_noticed(void **unused)
{
	(void)unused;
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
	peers[2].state = FTH_LC_ABSENT;
	peers[2].uptime_ms = 10;
	peers[2].result_count = 0;
	UNTIL(peers[2].confirmed == 2);
	assert_int_equal(peers[2].queries, 1);
	assert_int_equal(peers[2].applied, 2);
}

static void events_do_not_make_the_agent_ask_without_end(void **unused)
{
	struct fth_msg msg = { .type = FTH_T_EVENT };
	uint64_t began_ms = clock_ms();
	int i;

	(void)unused;
	msg.u.event.kind = FTH_EVENT_STATE;
	msg.u.event.name = (struct fth_span){ (const uint8_t *)"fix", 3 };
	for (i = 0; i < 500; i++) {
		guest_peer_send(&peers[0], &msg, 0);
		turn();
	}
	UNTIL(peers[0].queries > 0);
	assert_true(peers[0].queries <= 2 + (clock_ms() - began_ms) / FTH_GUEST_QUERY_EVERY_MS);
}

static void a_clock_that_was_ahead_stops_nothing(void **unused)
{
	(void)unused;
	agent->now_ms += 3600u * 1000;
	write_policy("1s", "");
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
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
	snprintf(path, sizeof(path), "%s/web-0.sock", sockets);
	fth_guest_hooks.found(agent, "sockets", &vm);
	write_policy("0s", "  select: {group: [db]}\n");
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
	vm.name = "web-1";
	snprintf(path, sizeof(path), "%s/web-1.sock", sockets);
	fth_guest_hooks.found(agent, "sockets", &vm);
	UNTIL(peers[1].confirmed == 1);
}

static uint64_t journal_rows(void)
{
	char path[112];
	sqlite3 *db;
	sqlite3_stmt *rows;
	uint64_t count;

	snprintf(path, sizeof(path), "%s/journal.db", state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM events", -1, &rows, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	count = (uint64_t)sqlite3_column_int64(rows, 0);
	sqlite3_finalize(rows);
	sqlite3_close(db);
	return count;
}

static void changing_taint_does_not_fill_the_journal(void **unused)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };
	uint64_t before, began_ms;
	int i;

	(void)unused;
	create();
	UNTIL(phase() == FTH_RO_COMPLETE && !agent->dirty);
	before = journal_rows();
	began_ms = clock_ms();
	for (i = 0; i < 500; i++) {
		msg.u.heartbeat.uptime_ms = ++peers[0].uptime_ms + PATIENCE_MS;
		msg.u.heartbeat.taint = i & 1 ? 1 : 2;
		guest_peer_send(&peers[0], &msg, 0);
		turn();
	}
	msg.u.heartbeat.uptime_ms++;
	msg.u.heartbeat.taint = 4;
	guest_peer_send(&peers[0], &msg, 0);
	UNTIL(agent->lives[0]->vms[0].taint == 4 || agent->lives[0]->vms[1].taint == 4 ||
	      agent->lives[0]->vms[2].taint == 4);
	UNTIL(!agent->dirty);
	assert_true(journal_rows() - before <=
		    4 + 2 * (clock_ms() - began_ms) / FTH_GUEST_QUERY_EVERY_MS);
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
	refused(507, "nothing was started");
	assert_false(agent->store_ok);
	assert_true(*agent->store_why);
	assert_int_equal(agent->live_count, 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	UNTIL(agent->store_ok);
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
}

/* Answers that could not be journalled did not happen; they are asked again. */
static void a_disk_that_fills_midway_loses_nothing(void **unused)
{
	struct rlimit old, small;
	int i;

	(void)unused;
	signal(SIGXFSZ, SIG_IGN);
	for (i = 0; i < PEERS; i++)
		peers[i].holds_results = true;
	create();
	UNTIL(SUM(staged) == PAYLOAD_SIZE);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	for (i = 0; i < PEERS; i++) {
		peers[i].holds_results = false;
		guest_peer_hang_up(&peers[i]);
	}
	UNTIL(!agent->store_ok && !agent->rebuild_due);
	replay_equals_live();
	for (i = 0; i < 50; i++)
		turn();
	assert_int_equal(SUM(applied), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	UNTIL(phase() == FTH_RO_COMPLETE && !agent->dirty);
	assert_int_equal(SUM(applied), PEERS);
	replay_equals_live();
}

/* The first append fails while the guest's bindings are being walked. */
static void a_locked_journal_loses_nothing(void **unused)
{
	char path[112];
	sqlite3 *other;
	int i;

	(void)unused;
	create();
	UNTIL(phase() == FTH_RO_COMPLETE && !agent->dirty);
	snprintf(path, sizeof(path), "%s/journal.db", state);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	for (i = 0; i < PEERS; i++)
		guest_peer_reboot(&peers[i]);
	UNTIL(!agent->store_ok && !agent->rebuild_due);
	replay_equals_live();
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	UNTIL(SUM(confirmed) == 2 * PEERS);
	UNTIL(agent->store_ok && !agent->dirty);
	replay_equals_live();
}

static void a_module_for_another_kernel_is_refused(void **unused)
{
	char module[96];

	(void)unused;
	snprintf(module, sizeof(module), "%s/fix.ko", folder);
	write_module(module, "fix", "6.9.0-other");
	refused(400, "6.9.0-other");
	refused(400, RELEASE);
	write_policy("0s", "  select: {name: [db-*]}\n");
	refused(409, "selects none");
	assert_int_equal(SUM(commands), 0);
}

/* The policy is silent: what the module says goes to the guests, also after a restart. */
static void the_module_names_the_model(void **unused)
{
	const struct fth_guest_policy *guest;
	int i;

	(void)unused;
	module_model = "in-time";
	write_policy("0s", "consistency: {flags: [in-thread]}\n");
	refused(400, "expected at least the module's own, 'in-time'");
	module_model = "sometimes";
	write_policy("0s", "");
	refused(400, "found fother_consistency='sometimes'");
	module_model = "in-time";
	write_policy("0s", "");
	create();
	stop_agent();
	unlink(policy);
	start_agent();
	guest = &agent->lives[0]->rollout->policy.guest;
	assert_int_equal(guest->leave, FTH_LEAVE_PATCHED_SET);
	assert_int_equal(guest->switches, FTH_SWITCH_KERNEL);
	UNTIL(phase() == FTH_RO_COMPLETE);
	for (i = 0; i < PEERS; i++) {
		assert_int_equal(peers[i].leave, FTH_LEAVE_PATCHED_SET);
		assert_int_equal(peers[i].switches, FTH_SWITCH_KERNEL);
	}
}

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
	uint64_t end_ms = clock_ms() + PATIENCE_MS;

	strcpy(address.sun_path, api);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, text, (size_t)size), size);
	while ((got = read(fd, answer + length, sizeof(answer) - 1 - length))) {
		assert_true(got > 0 || errno == EAGAIN);
		assert_true(clock_ms() < end_ms);
		length += got > 0 ? (size_t)got : 0;
		turn();
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

	for (i = 0; i < PEERS; i++)
		if (peers[i].waiting_op)
			return &peers[i];
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
	for (i = 0; i < PEERS; i++)
		peers[i].stuck = true;
	create();
	UNTIL((peer = stuck_peer()));
	for (i = 0; i < PEERS; i++)
		peers[i].stuck = false;
	snprintf(vm, sizeof(vm), "/v1/vms/web-%d", (int)(peer - peers));
	UNTIL(agent->lives[0]->rollout->in_flight && fth_guest_find(agent, vm + 8)->transition);
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
	UNTIL(phase() == FTH_RO_COMPLETE);
	assert_null(fth_guest_find(agent, vm + 8)->transition);
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
	assert_int_equal(SUM(forced), 0);
	peers[1].ignores_hands = true;
	assert_int_equal(status_of("POST", path, body), 503);
	assert_int_equal(peers[1].forced, 1);
	stop_agent();
	start_agent();
	UNTIL(all_open());
	peers[1].ignores_hands = false;
	assert_int_equal(status_of("POST", path, body), 409);
	assert_int_equal(peers[1].forced, 2);
	json = ask("GET", "/v1/audit", "", &status);
	assert_int_equal(json_array_size(json), 2);
	assert_true(json_is_null(json_object_get(json_array_get(json, 0), "result")));
	expect_text(json, "1.result", "wrong_state");
	json_decref(json);
}

static void a_second_agent_is_kept_out(void **unused)
{
	const struct fth_agent_options options = {
		.sockets = sockets,
		.state = state,
		.api = api,
		.group = (gid_t)-1,
	};
	struct fth_agent *second = NULL;
	struct fth_loop *other;

	(void)unused;
	assert_int_equal(fth_loop_new(&other), 0);
	assert_int_not_equal(fth_agent_new(other, &options, &second), 0);
	fth_loop_free(other);
	create();
	UNTIL(phase() == FTH_RO_COMPLETE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(out_and_back),
		TEST(replay_rebuilds_what_is_there),
		TEST(a_restart_applies_nothing_twice),
		TEST(a_lost_connection_repeats_nothing),
		TEST(the_policy_file_is_needed_once),
		TEST(a_lost_payload_is_said_and_reversed),
		TEST(a_refusal_reverses_the_rest),
		TEST(a_guest_that_reboots_is_brought_back),
		TEST(a_restored_snapshot_is_noticed),
		TEST(events_do_not_make_the_agent_ask_without_end),
		TEST(a_clock_that_was_ahead_stops_nothing),
		TEST(a_guest_selected_later_is_patched),
		TEST(changing_taint_does_not_fill_the_journal),
		TEST(a_full_disk_refuses_new_work),
		TEST(a_disk_that_fills_midway_loses_nothing),
		TEST(a_locked_journal_loses_nothing),
		TEST(a_module_for_another_kernel_is_refused),
		TEST(the_module_names_the_model),
		TEST(a_stuck_transition_is_forced_by_hand),
		TEST(a_command_by_hand_is_sent_once),
		TEST(a_second_agent_is_kept_out),
	};

	return cmocka_run_group_tests_name("app_agent", tests, NULL, NULL);
}
