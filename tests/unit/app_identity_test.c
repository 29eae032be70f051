// SPDX-License-Identifier: GPL-2.0
/* Which VM is this?  What inventories say, and what the journal knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent_api.h"
#include "agent_fixture.h"

#define HISTORY_SIZE 1024

static const uint8_t uuids[][FTH_UUID_SIZE] = { { 1 }, { 2 }, { 3 } };
static char peers[80]; /* the folder of the peers' sockets; "": the agent's own */

/* An inventory's word: VM @name, with the channel of the peer @peer. */
static void tell(const char *inventory, const char *name, const uint8_t *uuid, int peer)
{
	char path[112];
	const struct fth_inventory_vm vm = {
		.name = name,
		.uuid = uuid,
		.host = "here",
		.group = "",
		.path = path,
		.running = true,
	};

	snprintf(path, sizeof(path), "%s/web-%d.sock", *peers ? peers : af.sockets, peer);
	fth_guest_hooks.found(af.agent, inventory, &vm);
}

static const char *inventory_of(const char *name)
{
	const struct fth_guest *guest = fth_guest_find(af.agent, name);

	return guest ? guest->inventory : "none";
}

static void the_next_inventory_is_heard_when_one_drops_a_vm(void **unused)
{
	(void)unused;
	tell("libvirt", "web-0", NULL, 0);
	assert_string_equal(inventory_of("web-0"), "sockets"); /* who came first */
	fth_guest_hooks.gone(af.agent, "libvirt", "web-0", NULL);
	assert_string_equal(inventory_of("web-0"), "sockets");
	/* The other way round: the folder's word was refused, and comes once only. */
	fth_guest_hooks.gone(af.agent, "sockets", "web-1", NULL);
	tell("libvirt", "web-1", NULL, 1);
	fth_sockets_retell(af.agent->sockets, "web-1");
	assert_string_equal(inventory_of("web-1"), "libvirt");
	fth_guest_hooks.gone(af.agent, "libvirt", "web-1", NULL);
	assert_string_equal(inventory_of("web-1"), "sockets");
	AF_UNTIL(af_all_open());
}

static bool is_relayed(const char *path)
{
	json_t *json = af_get(path);
	bool relayed = json_is_true(json_object_get(json, "relayed"));

	af_expect_text(json, "session", "down");
	json_decref(json);
	return relayed;
}

/* It is the inventory's word, whether the guest has said anything or not. */
static void relayed_without_a_session(void **unused)
{
	struct fth_inventory_vm vm = { .name = "db-1", .host = "here", .group = "" };

	(void)unused;
	vm.relayed = true;
	fth_guest_hooks.found(af.agent, "libvirt", &vm);
	vm.name = "db-2";
	vm.relayed = false;
	fth_guest_hooks.found(af.agent, "libvirt", &vm);
	assert_true(is_relayed("/v1/vms/db-1"));
	assert_false(is_relayed("/v1/vms/db-2"));
}

/* From here on libvirt has the VMs: the folder that the agent follows is empty. */
static void with_libvirt(void)
{
	int i;

	af_stop();
	snprintf(peers, sizeof(peers), "%s", af.sockets);
	snprintf(af.sockets, sizeof(af.sockets), "%s/none", af.folder);
	assert_int_equal(mkdir(af.sockets, 0700), 0);
	af_start();
	for (i = 0; i < 2; i++)
		tell("libvirt", i ? "db-1" : "db-0", uuids[i], i);
	AF_UNTIL(af.agent->open_count == 2);
}

static void complete(void)
{
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(AF_SUM(confirmed), 2);
}

static const struct fth_rollout_vm *vm_of(const char *name)
{
	return fth_rollout_find(af.agent->lives[0]->rollout, name);
}

static int note_history(void *context, const struct fth_store_history *row)
{
	char *text = context;

	snprintf(text + strlen(text), HISTORY_SIZE - strlen(text), "%s;", row->what);
	return 0;
}

static const char *history_of(const char *name)
{
	static char text[HISTORY_SIZE];

	text[0] = '\0';
	assert_int_equal(fth_store_each_history(af.agent->store, name, 0, note_history, text), 0);
	return text;
}

static void block_it(const char *name)
{
	const struct fth_store_block row = {
		.vm = name, .has_sha256 = true, .sha256 = { 5 }, .patch = "other", .why = "oops"
	};

	assert_int_equal(fth_store_add_block(af.agent->store, &row, true), 0);
	assert_int_equal(fth_store_commit(af.agent->store), 0);
}

static bool is_blocked(const char *name)
{
	const uint8_t sha256[FTH_SHA256_SIZE] = { 5 };
	char why[64];

	return fth_store_is_blocked(af.agent->store, name, sha256, "other", why, sizeof(why));
}

/* What is known of "db-1": a patch that is in force, and a block. */
static void complete_and_block(void)
{
	with_libvirt();
	complete();
	block_it("db-1");
}

static void expect_renamed(void)
{
	AF_UNTIL(af.agent->open_count == 2 && !af.agent->dirty);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, 2);
	assert_null(vm_of("db-1"));
	assert_non_null(vm_of("web-9"));
	AF_UNTIL(vm_of("web-9")->reachable);
	assert_int_equal(vm_of("web-9")->state, FTH_RV_DONE);
	assert_int_equal(AF_SUM(applied), 2);
	assert_true(is_blocked("web-9"));
	assert_false(is_blocked("db-1"));
	assert_non_null(strstr(history_of("web-9"), "confirm;done;"));
	assert_non_null(strstr(history_of("web-9"), "renamed;"));
	assert_string_equal(history_of("db-1"), "");
	AF_UNTIL(!fth_guest_find(af.agent, "db-1"));
}

static void a_renamed_domain_is_the_same_vm(void **unused)
{
	(void)unused;
	complete_and_block();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	tell("libvirt", "web-9", uuids[1], 1);
	expect_renamed();
	af_stop();
	af_start();
	tell("libvirt", "db-0", uuids[0], 0);
	tell("libvirt", "web-9", uuids[1], 1);
	expect_renamed();
}

/* Renamed while no agent ran, and nobody said that the old name is gone. */
static void a_rename_is_found_after_a_restart(void **unused)
{
	(void)unused;
	complete_and_block();
	af_stop();
	af_start();
	tell("libvirt", "db-0", uuids[0], 0);
	tell("libvirt", "web-9", uuids[1], 1);
	expect_renamed();
}

static void a_domain_made_anew_is_another_vm(void **unused)
{
	(void)unused;
	complete_and_block();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	tell("libvirt", "db-1", uuids[2], 2);
	AF_UNTIL(AF_SUM(confirmed) == 3 && !af.agent->dirty);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, 3);
	assert_int_equal(vm_of("db-1")->state, FTH_RV_DONE);
	assert_non_null(vm_of("db-1/02000000"));
	assert_false(vm_of("db-1/02000000")->reachable);
	assert_true(vm_of("db-1/02000000")->touched);
	assert_false(is_blocked("db-1"));
	assert_true(is_blocked("db-1/02000000"));
	assert_non_null(strstr(history_of("db-1/02000000"), "confirm;done;"));
	assert_non_null(strstr(history_of("db-1/02000000"), "replaced;"));
	assert_int_equal(strncmp(history_of("db-1"), "new;", 4), 0);
	/* What is told late of the one before concerns nobody. */
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	assert_true(fth_guest_find(af.agent, "db-1")->present);
	/* It lives on under another name. */
	tell("libvirt", "db-2", uuids[1], 1);
	AF_UNTIL(vm_of("db-2") && vm_of("db-2")->reachable && !af.agent->dirty);
	assert_int_equal(vm_of("db-2")->state, FTH_RV_DONE);
	assert_true(is_blocked("db-2"));
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, 3);
	assert_int_equal(AF_SUM(applied), 3);
}

/* Who was never touched is nobody's to wait for: its place in the rollout is the next one's. */
static void a_domain_made_anew_night_after_night(void **unused)
{
	const struct fth_rollout_vm *vm;
	uint8_t uuid[FTH_UUID_SIZE] = { 9 };
	int night;

	(void)unused;
	with_libvirt();
	af_write_policy("0s", "  gate: manual\n");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_GATED && !af.agent->dirty);
	assert_int_equal(AF_SUM(applied), 1);
	vm = vm_of("db-0")->touched ? vm_of("db-1") : vm_of("db-0");
	for (night = 0; night < 100; night++) {
		uuid[1] = (uint8_t)night;
		if (night % 2) /* or nobody said that the one before is gone */
			fth_guest_hooks.gone(af.agent, "libvirt", vm->name, NULL);
		tell("libvirt", vm->name, uuid, 2);
		AF_UNTIL(!af.agent->dirty);
	}
	AF_UNTIL(vm->reachable && vm->seen && !af.agent->dirty);
	assert_int_equal(vm->state, FTH_RV_WAITING);
	assert_false(af.agent->lives[0]->full);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, 2);
	assert_non_null(strstr(history_of(vm->name), "new;"));
	af_request(af.agent->lives[0], FTH_RE_RESUME);
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	assert_int_equal(af.peers[2].confirmed, 1);
	assert_int_equal(vm->state, FTH_RV_DONE);
}

/* What is gone under a name that nobody could write down is the one that it was. */
static void gone_by_its_uuid(void **unused)
{
	(void)unused;
	with_libvirt();
	complete();
	fth_agent_fail_store(af.agent, "a test's");
	tell("libvirt", "web-9", uuids[1], 1); /* renamed, and not taken */
	assert_null(fth_guest_find(af.agent, "web-9"));
	fth_guest_hooks.gone(af.agent, "libvirt", "web-9", uuids[1]);
	assert_false(fth_guest_find(af.agent, "db-1")->present);
	assert_true(fth_guest_find(af.agent, "db-0")->present);
	AF_UNTIL(af.agent->store_ok);
}

/* One uuid is of one VM, also where its former name is now another inventory's. */
static void a_uuid_is_of_one_vm(void **unused)
{
	char known[FTH_VM_NAME_MAX + 1];
	struct fth_store_vm row;

	(void)unused;
	with_libvirt();
	complete();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	tell("file", "db-1", NULL, 1);
	tell("libvirt", "web-9", uuids[1], 2);
	AF_UNTIL(af.agent->open_count == 3 && !af.agent->dirty);
	/* Each of them speaks, and is written down. */
	guest_peer_hang_up(&af.peers[1]);
	guest_peer_hang_up(&af.peers[2]);
	AF_UNTIL(af.agent->open_count < 3);
	AF_UNTIL(af.agent->open_count == 3 && !af.agent->dirty);
	assert_int_equal(
		fth_store_find_vm(af.agent->store, NULL, uuids[1], known, sizeof(known), &row), 0);
	assert_string_equal(known, "web-9");
	assert_int_equal(
		fth_store_find_vm(af.agent->store, "db-1", NULL, known, sizeof(known), &row), 0);
	assert_false(row.has_uuid);
}

static void names_are_swapped(void **unused)
{
	(void)unused;
	complete_and_block();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-0", uuids[0]);
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	tell("libvirt", "db-1", uuids[0], 0);
	tell("libvirt", "db-0", uuids[1], 1);
	AF_UNTIL(af.agent->open_count == 2 && !af.agent->dirty);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, 2);
	assert_int_equal(vm_of("db-0")->state, FTH_RV_DONE);
	assert_int_equal(vm_of("db-1")->state, FTH_RV_DONE);
	assert_true(is_blocked("db-0"));
	assert_false(is_blocked("db-1"));
	assert_int_equal(AF_SUM(applied), 2);
}

/* What the journal does not have did not happen. */
static void a_rename_that_is_not_durable(void **unused)
{
	(void)unused;
	complete_and_block();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	tell("libvirt", "web-9", uuids[1], 1);
	assert_non_null(vm_of("web-9"));
	fth_agent_fail_store(af.agent, "a test's");
	tell("libvirt", "web-9", uuids[1], 1);
	AF_UNTIL(!af.agent->rebuild_due);
	assert_null(vm_of("web-9"));
	assert_non_null(vm_of("db-1"));
	assert_false(fth_guest_find(af.agent, "web-9")->present);
	AF_UNTIL(af.agent->store_ok);
	tell("libvirt", "web-9", uuids[1], 1); /* as libvirt is asked to */
	expect_renamed();
}

static void journal(const char *sql)
{
	char path[112];
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/journal.db", af.state);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* It is in no doubt where the journal has it: neither half of it is believed. */
static void a_rename_that_fails_half_way(void **unused)
{
	(void)unused;
	complete_and_block();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	AF_UNTIL(!af.agent->dirty);
	journal("CREATE TRIGGER half_way BEFORE INSERT ON history WHEN new.what = 'renamed'"
		" BEGIN SELECT RAISE(FAIL, 'no history today'); END");
	tell("libvirt", "web-9", uuids[1], 1);
	assert_false(af.agent->store_ok);
	AF_UNTIL(!af.agent->rebuild_due);
	assert_null(vm_of("web-9"));
	assert_non_null(vm_of("db-1"));
	journal("DROP TRIGGER half_way");
	AF_UNTIL(af.agent->store_ok);
	tell("libvirt", "web-9", uuids[1], 1);
	expect_renamed();
}

/* A rollout has it on its list, but nobody ever heard it. */
static void a_rename_to_the_name_of_one_never_heard(void **unused)
{
	(void)unused;
	with_libvirt();
	tell("sockets", "web-9", NULL, 9);
	fth_guest_hooks.gone(af.agent, "sockets", "web-9", NULL);
	AF_UNTIL(!af.agent->dirty);
	af_create();
	tell("sockets", "web-9", NULL, 9);
	AF_UNTIL(vm_of("web-9") && !af.agent->dirty);
	fth_guest_hooks.gone(af.agent, "sockets", "web-9", NULL);
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	tell("libvirt", "web-9", uuids[1], 1);
	AF_UNTIL(af.agent->open_count == 2 && !af.agent->dirty);
	assert_true(af.agent->store_ok);
	/* One VM has one place: the other one is free, under the name that nobody has now. */
	assert_int_equal(vm_of("db-1")->state, FTH_RV_FORGOTTEN);
	assert_non_null(vm_of("web-9"));
	AF_UNTIL(vm_of("web-9")->reachable);
	assert_int_equal(af.agent->lives[0]->rollout->vm_count, 3);
	assert_non_null(fth_guest_find(af.agent, "web-9")->bindings);
	assert_null(fth_guest_find(af.agent, "web-9")->bindings->next);
}

/* What is left of its list is read again when it is recalled. */
static void renamed_behind_a_newer_rollout(void **unused)
{
	const struct fth_rollout *first;
	char path[96];

	(void)unused;
	with_libvirt();
	complete();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_STUCK && !af.agent->dirty);
	snprintf(path, sizeof(path), "%s/fix.ko", af.folder);
	af.module_model = "in-thread";
	af_write_module(path, "fix", AF_RELEASE);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE && !af.agent->dirty);
	af_stop();
	af_start();
	first = af.agent->lives[0]->rollout;
	assert_true(af.agent->lives[0]->superseded);
	tell("libvirt", "db-0", uuids[0], 0);
	tell("libvirt", "web-9", uuids[1], 1);
	AF_UNTIL(af.agent->open_count == 2 && !af.agent->dirty);
	assert_null(fth_rollout_find(first, "db-1"));
	assert_true(fth_rollout_find(first, "web-9")->touched);
	assert_int_equal(af_status_of("POST", "/v1/rollouts/1/recall", "{}"), 200);
	AF_UNTIL(first->phase == FTH_RO_REVERSED && !af.agent->dirty);
	assert_int_equal(first->vm_count, 2);
	assert_int_equal(af.peers[1].reversed, 1);
	af_stop();
	af_start();
	assert_int_equal(af.agent->lives[0]->rollout->phase, FTH_RO_REVERSED);
}

/* A VM that is put aside, and can't be: each try leaves nothing behind. */
static void putting_aside_leaves_no_ghosts(void **unused)
{
	const uint8_t uuid[FTH_UUID_SIZE] = { 7 };
	uint32_t count;
	int i;

	(void)unused;
	with_libvirt();
	complete();
	fth_guest_hooks.gone(af.agent, "libvirt", "db-1", uuids[1]);
	AF_UNTIL(!af.agent->dirty);
	count = af.agent->guest_count;
	journal("CREATE TRIGGER half_way BEFORE INSERT ON history WHEN new.what = 'replaced'"
		" BEGIN SELECT RAISE(FAIL, 'no history today'); END");
	for (i = 0; i < 5; i++) {
		tell("libvirt", "db-1", uuid, 2);
		assert_false(af.agent->store_ok);
		AF_UNTIL(!af.agent->rebuild_due);
		AF_UNTIL(af.agent->store_ok);
		assert_non_null(vm_of("db-1"));
		/* One name, which the next try takes. */
		assert_true(af.agent->guest_count <= count + 1);
	}
	journal("DROP TRIGGER half_way");
	tell("libvirt", "db-1", uuid, 2);
	AF_UNTIL(af.agent->open_count == 2 && !af.agent->dirty);
	assert_non_null(vm_of("db-1/02000000"));
	assert_non_null(vm_of("db-1"));
	assert_int_equal(af.agent->guest_count, count + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(the_next_inventory_is_heard_when_one_drops_a_vm),
		AF_TEST(relayed_without_a_session),
		AF_TEST(a_renamed_domain_is_the_same_vm),
		AF_TEST(a_rename_is_found_after_a_restart),
		AF_TEST(a_domain_made_anew_is_another_vm),
		AF_TEST(a_domain_made_anew_night_after_night),
		AF_TEST(gone_by_its_uuid),
		AF_TEST(a_uuid_is_of_one_vm),
		AF_TEST(names_are_swapped),
		AF_TEST(a_rename_that_is_not_durable),
		AF_TEST(a_rename_that_fails_half_way),
		AF_TEST(a_rename_to_the_name_of_one_never_heard),
		AF_TEST(renamed_behind_a_newer_rollout),
		AF_TEST(putting_aside_leaves_no_ghosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
