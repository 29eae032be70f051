// SPDX-License-Identifier: GPL-2.0
/* Emergencies of guests, blocks, and commands of an emergency, through a whole agent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "agent_api.h"
#include "agent_fixture.h"
#include "io/payload.h"
#include "io/signature.h"

static const char long_soak[] = "confirm: {within: 2h}\n";

/* Who soaks first; the canary. */
static struct guest_peer *soaking_peer(void)
{
	int i;

	for (i = 0; i < AF_PEERS; i++)
		if (af.peers[i].state == FTH_LC_SOAKING)
			return &af.peers[i];
	return NULL;
}

static const struct fth_rollout_vm *vm_of(const struct guest_peer *peer)
{
	const struct fth_live *live = af.agent->lives[af.agent->live_count - 1];
	char name[16];
	uint32_t i;

	snprintf(name, sizeof(name), "web-%d", (int)(peer - af.peers));
	for (i = 0; i < live->rollout->vm_count; i++)
		if (!strcmp(live->vms[i].name, name))
			return &live->vms[i];
	fail_msg("no %s", name);
	return NULL;
}

/* Of VMs: what a rollout recalled is the fleet's. */
static size_t blocks(void)
{
	json_t *json = af_get("/v1/blocks"), *block;
	size_t i, count = 0;

	json_array_foreach(json, i, block)
		count += *json_string_value(json_object_get(block, "vm")) != 0;
	json_decref(json);
	return count;
}

static struct guest_peer *begin_soak(void)
{
	struct guest_peer *peer;

	af_write_policy("1h", long_soak);
	af_create();
	AF_UNTIL((peer = soaking_peer()) && vm_of(peer)->state == FTH_RV_SOAKING);
	return peer;
}

/* What the rollout recalled may go out again; what VMs block stays blocked. */
static void lift_recall(void)
{
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\", \"vm\": \"\"}"),
			 200);
}

/* The whole way: reason, reverse, block, refusal, allow, and once more. */
static void an_emergency_reverses_and_blocks(void **unused)
{
	struct guest_peer *peer = begin_soak();
	char path[64], body[64];
	json_t *json;
	int status;

	(void)unused;
	guest_peer_emergency(peer, FTH_TRIGGER_OOPS);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_string_equal(vm_of(peer)->why, "reverted in emergency: oops in fix_it+0x4");
	assert_int_equal(peer->reversed, 0); /* it went alone */
	assert_int_equal(AF_SUM(applied), 1);
	snprintf(path, sizeof(path), "/v1/vms/web-%d", (int)(peer - af.peers));
	json = af_get(path);
	assert_int_equal(json_array_size(json_object_get(json, "incidents")), 2);
	af_expect_text(json, "incidents.0.kind", "triggered");
	af_expect_text(json, "incidents.0.trigger", "oops");
	af_expect_text(json, "incidents.0.text", "BUG: a?[31m\nRIP: b");
	af_expect_text(json, "incidents.1.kind", "reverted");
	af_expect_text(json, "incidents.1.mode", "consistent");
	af_expect_text(json, "blocks.0.patch", "fix");
	json_decref(json);
	strcat(path, "/explain");
	json = af_get(path);
	af_expect_text(json, "incidents.0.where", "fix_it+0x4");
	json_decref(json);

	/* Recalled, it goes nowhere; when that is lifted, another rollout leaves it out. */
	af_write_policy("0s", "");
	af_refused(409, "blocked in the whole fleet: recalled by rollout 1: 1 of 1 VMs tried");
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	af_refused(409, "blocked in the whole fleet");
	assert_int_equal(af_status_of("POST", "/v1/allow", "{\"patch\": \"fix\", \"vm\": \"\"}"),
			 200);
	assert_int_equal(blocks(), 1);
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(AF_SUM(applied), AF_PEERS);
	assert_int_equal(vm_of(peer)->state, FTH_RV_SKIPPED);
	assert_non_null(strstr(vm_of(peer)->why, "blocked: oops in fix_it+0x4"));
	assert_int_equal(peer->allowed, 0);

	/* Allowed: the guest first, then the rollout that runs. */
	json = af_ask("POST", "/v1/allow", "{\"patch\": \"fix\", \"why\": \"it was the disk\"}",
		      &status);
	assert_int_equal(status, 200);
	assert_int_equal(json_integer_value(json_object_get(json, "allowed")), 1);
	json_decref(json);
	AF_UNTIL(vm_of(peer)->state == FTH_RV_DONE);
	assert_int_equal(peer->allowed, 1);
	assert_int_equal(AF_SUM(applied), AF_PEERS + 1);
	assert_int_equal(blocks(), 0);
	json = af_get("/v1/audit");
	af_expect_text(json, "0.vm", "");
	af_expect_text(json, "1.command", "allow");
	af_expect_text(json, "1.result", "ok");
	af_expect_text(json, "1.why", "it was the disk");
	json_decref(json);
	snprintf(body, sizeof(body), "{\"patch\": \"fix\", \"vm\": \"web-0\"}");
	assert_int_equal(af_status_of("POST", "/v1/allow", body), 404);
	/* The same incident told again, in a new session, blocks nothing again. */
	guest_peer_hang_up(peer);
	AF_UNTIL(af_all_open());
	guest_peer_tell(peer, FTH_EVENT_TRIGGERED);
	AF_UNTIL(peer->queries && !af.agent->dirty);
	assert_int_equal(vm_of(peer)->state, FTH_RV_DONE);
	assert_int_equal(blocks(), 0);
}

/* The commit fails that has the incident; the guest is asked for all of it again. */
static void an_emergency_outlives_a_full_disk(void **unused)
{
	struct guest_peer *peer = begin_soak();
	struct rlimit old, small;
	uint32_t hellos = peer->hellos;

	(void)unused;
	AF_UNTIL(!af.agent->dirty);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 4096;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	guest_peer_emergency(peer, FTH_TRIGGER_OOPS);
	AF_UNTIL(!af.agent->store_ok && !af.agent->rebuild_due);
	assert_int_equal(blocks(), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	AF_UNTIL(peer->hellos > hellos);
	AF_UNTIL(blocks() == 1);
	assert_string_equal(vm_of(peer)->why, "reverted in emergency: oops in fix_it+0x4");
}

/* Its end says nothing new to the rollouts: the reason stays that of its beginning. */
static void the_end_is_no_new_emergency(void **unused)
{
	struct guest_peer *peer = begin_soak();
	char path[64];
	json_t *json;
	size_t rows;

	(void)unused;
	peer->incident++;
	peer->refuses = true;
	peer->trigger = FTH_TRIGGER_OOPS;
	peer->state = FTH_LC_REVERTING;
	guest_peer_tell(peer, FTH_EVENT_TRIGGERED);
	AF_UNTIL(blocks() == 1);
	peer->state = FTH_LC_STAGED;
	peer->trigger = FTH_TRIGGER_WARN;
	guest_peer_tell(peer, FTH_EVENT_REVERTED);
	snprintf(path, sizeof(path), "/v1/vms/web-%d", (int)(peer - af.peers));
	do {
		json = af_get(path);
		rows = json_array_size(json_object_get(json, "incidents"));
		json_decref(json);
	} while (rows < 2);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_string_equal(vm_of(peer)->why, "reverted in emergency: oops in fix_it+0x4");
}

/* The agent was away; the guest tells it when it is back. */
static void a_dead_agent_learns_why(void **unused)
{
	struct guest_peer *peer = begin_soak();

	(void)unused;
	af_stop();
	guest_peer_hang_up(peer);
	peer->nonce = 0;
	guest_peer_emergency(peer, FTH_TRIGGER_UNCONFIRMED);
	af_start();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	AF_UNTIL(!strcmp(vm_of(peer)->why, "reverted in emergency: unconfirmed in fix_it+0x4"));
	assert_int_equal(blocks(), 1);
	af_stop();
	af_start();
	AF_UNTIL(af_all_open());
	assert_int_equal(blocks(), 1);
	assert_int_equal(AF_SUM(applied), 1);
	/* Nobody else is selected: there is nothing to roll out. */
	af_write_policy("0s", "  select: {name: [web-0, web-1, web-2]}\n");
	lift_recall();
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(vm_of(peer)->state, FTH_RV_SKIPPED);
}

/* Invariant 4 holds while the guest that was allowed is away. */
static void an_allowed_guest_is_told_when_it_returns(void **unused)
{
	char hash[2 * FTH_SHA256_SIZE + 1], body[96];
	struct guest_peer *peer = begin_soak();
	json_t *json;
	int i;

	(void)unused;
	guest_peer_emergency(peer, FTH_TRIGGER_WARN);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	peer->mute = true;
	guest_peer_hang_up(peer);
	AF_UNTIL(af.agent->open_count == AF_PEERS - 1);
	for (i = 0; i < FTH_SHA256_SIZE; i++)
		snprintf(hash + 2 * i, 3, i & 1 ? "%02x" : "%02X", peer->sha256[i]);
	snprintf(body, sizeof(body), "{\"patch\": \"%s\"}", hash);
	assert_int_equal(af_status_of("POST", "/v1/allow", body), 200);
	json = af_get("/v1/blocks");
	assert_int_equal(json_array_size(json), 1);
	assert_true(json_integer_value(json_object_get(json_array_get(json, 0), "allowed_ms")) > 0);
	json_decref(json);
	af_write_policy("0s", "");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(vm_of(peer)->state, FTH_RV_SKIPPED);
	af_stop();
	af_start();
	peer->mute = false;
	AF_UNTIL(vm_of(peer)->state == FTH_RV_DONE);
	assert_int_equal(peer->allowed, 1);
	assert_int_equal(blocks(), 0);
}

/* Its refusal is taken as a block, though no note of it was ever heard. */
static void a_guest_that_refuses_is_blocked(void **unused)
{
	struct guest_peer *peer = NULL;
	int i;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].refuse_apply = FTH_E_BLOCKED;
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(blocks(), 1);
	for (i = 0; i < AF_PEERS; i++) {
		af.peers[i].refuse_apply = 0;
		if (af.peers[i].commands)
			peer = &af.peers[i];
	}
	lift_recall();
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	assert_int_equal(vm_of(peer)->state, FTH_RV_SKIPPED);
	assert_int_equal(AF_SUM(applied), AF_PEERS - 1);
}

static void all_blocked_is_no_rollout(void **unused)
{
	struct guest_peer *peer = begin_soak();
	char more[64];

	(void)unused;
	guest_peer_emergency(peer, FTH_TRIGGER_SYSRQ);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	snprintf(more, sizeof(more), "  select: {name: [web-%d]}\n", (int)(peer - af.peers));
	af_write_policy("0s", more);
	lift_recall();
	af_refused(409, "blocked in all 1 VMs selected");
}

static void revert_and_confirm_by_hand(void **unused)
{
	struct guest_peer *peer = begin_soak();
	char path[64];
	int index = (int)(peer - af.peers);

	(void)unused;
	snprintf(path, sizeof(path), "/v1/vms/web-%d/confirm", index);
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\", \"extend_ms\": 5}"), 400);
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\", \"mode\": \"x\"}"), 400);
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\", \"extend_ms\": 60000}"),
			 200);
	assert_int_equal(peer->confirm_left_ms, 60000);
	assert_int_equal(peer->confirmed, 0);
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\"}"), 200);
	assert_int_equal(peer->confirmed, 1);
	snprintf(path, sizeof(path), "/v1/vms/web-%d/revert", index);
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\", \"mode\": \"soon\"}"),
			 400);
	assert_int_equal(
		af_status_of("POST", path, "{\"patch\": \"fix\", \"mode\": \"immediate\"}"), 200);
	assert_int_equal(peer->reverts, 1);
	assert_int_equal(peer->revert_mode, FTH_REVERT_IMMEDIATE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_non_null(strstr(vm_of(peer)->why, "reverted in emergency: host"));
	assert_int_equal(blocks(), 1);
}

/* Version skew, an older guest: nothing is sent that it does not know. */
static void an_older_guest_gets_nothing_new(void **unused)
{
	const uint64_t newer = FTH_CAP_CONFIRM_EXTEND | FTH_CAP_SIGNATURES | FTH_CAP_EMERGENCY |
			       FTH_CAP_REVERT_IN_PATCH | FTH_CAP_RELAYED;
	struct guest_peer *peer;
	char path[64];
	int i;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++) {
		af.peers[i].capabilities &= ~newer;
		guest_peer_hang_up(&af.peers[i]);
	}
	AF_UNTIL(!af.agent->open_count);
	AF_UNTIL(af_all_open());
	af_write_policy("1h", long_soak);
	af_create();
	AF_UNTIL((peer = soaking_peer()) && vm_of(peer)->state == FTH_RV_SOAKING);
	snprintf(path, sizeof(path), "/v1/vms/web-%d/revert", (int)(peer - af.peers));
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\"}"), 409);
	snprintf(path, sizeof(path), "/v1/vms/web-%d/confirm", (int)(peer - af.peers));
	assert_int_equal(af_status_of("POST", path, "{\"patch\": \"fix\", \"extend_ms\": 60000}"),
			 409);
	assert_int_equal(peer->reverts + peer->extended, 0);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	/* A soak that would have to be extended is none for it. */
	af_write_policy("1h", "confirm: {within: 10s}\n");
	af_create();
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	assert_int_equal(AF_SUM(applied), 1);
}

/* A later engine: kinds, triggers and capabilities without a name here. */
static void a_newer_guest_is_understood(void **unused)
{
	struct guest_peer *peer = begin_soak();
	char path[64];
	json_t *json;

	(void)unused;
	peer->capabilities |= 1ull << 60;
	peer->trigger = 200;
	peer->incident = 7;
	guest_peer_tell(peer, 99);
	snprintf(path, sizeof(path), "/v1/vms/web-%d", (int)(peer - af.peers));
	while (!(json = af_get(path), json_array_size(json_object_get(json, "incidents"))))
		json_decref(json);
	af_expect_text(json, "incidents.0.kind", "?");
	assert_true(json_is_null(
		json_object_get(json_array_get(json_object_get(json, "incidents"), 0), "trigger")));
	json_decref(json);
	/* What it is no one knows: it is no failure by itself. */
	assert_int_equal(vm_of(peer)->state, FTH_RV_SOAKING);
	assert_int_equal(blocks(), 0);
}

/* The agent lives: the guest is told before half of its time is over. */
static void a_long_soak_is_extended(void **unused)
{
	struct guest_peer *peer;
	int i;

	(void)unused;
	for (i = 0; i < AF_PEERS; i++)
		af.peers[i].confirm_left_ms = 4000;
	af_write_policy("1h", "confirm: {within: 10s}\n");
	af_create();
	AF_UNTIL((peer = soaking_peer()) && peer->extended == 1);
	assert_int_equal(peer->confirm_left_ms, 10000);
	assert_int_equal(peer->confirmed, 0);
	af_stop();
	peer->confirm_left_ms = 4500;
	af_start();
	AF_UNTIL(peer->extended == 2);
	assert_int_equal(AF_SUM(applied), 1);
}

/* What a flood of troubles pushed aside is asked for again. */
static void an_emergency_outlives_a_flood(void **unused)
{
	struct guest_peer *peer = begin_soak();
	uint32_t i;

	(void)unused;
	peer->trigger = FTH_TRIGGER_WARN;
	for (i = 0; i < 2 * FTH_GUEST_INCIDENTS_MAX; i++) {
		peer->incident++;
		guest_peer_tell(peer, FTH_EVENT_TROUBLE);
	}
	guest_peer_emergency(peer, FTH_TRIGGER_OOPS);
	AF_UNTIL(blocks() == 1);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
}

/* A flood of invented emergencies: bounded, and no other guest's business. */
static void a_flood_of_incidents_is_bounded(void **unused)
{
	struct guest_peer *peer = begin_soak(), *other = peer == af.peers ? peer + 1 : af.peers;
	uint64_t until_ms = af_clock_ms() + 3000, events = af_journal_rows();
	uint32_t told = 0, rows;
	char path[64], detail[32];
	json_t *json;

	(void)unused;
	peer->trigger = FTH_TRIGGER_OOPS;
	peer->detail = detail;
	while (af_clock_ms() < until_ms) {
		snprintf(detail, sizeof(detail), "number %u", told);
		peer->incident = 1 + told++;
		guest_peer_tell(peer, told & 2 ? FTH_EVENT_REVERTED : FTH_EVENT_TRIGGERED);
		af_turn();
	}
	peer->detail = NULL;
	snprintf(path, sizeof(path), "/v1/vms/web-%d", (int)(peer - af.peers));
	json = af_get(path);
	rows = (uint32_t)json_array_size(json_object_get(json, "incidents"));
	assert_in_range(rows, 1, FTH_STORE_INCIDENTS_MAX);
	assert_true(told > 4 * FTH_GUEST_INCIDENTS_MAX);
	assert_true(json_array_size(json_object_get(json, "blocks")) == 1);
	json_decref(json);
	snprintf(path, sizeof(path), "/v1/vms/web-%d", (int)(other - af.peers));
	json = af_get(path);
	assert_int_equal(json_array_size(json_object_get(json, "incidents")), 0);
	assert_int_equal(json_array_size(json_object_get(json, "blocks")), 0);
	json_decref(json);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED && !af.agent->dirty);
	/* Whatever it says: the first was an event, and what the rollout made of it. */
	assert_in_range(af_journal_rows() - events, 1, 12);
	assert_string_equal(vm_of(peer)->why,
			    "reverted in emergency: oops in fix_it+0x4: number 0");
}

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	assert_int_equal(fclose(file), 0);
}

/* By a key of the moment.  Return: bytes of the signature, which is at @path. */
static uint32_t sign(const char *name, const uint8_t *sha256, const char *path)
{
	struct fth_manifest manifest = { .epoch = 1 };
	char key_path[96], cert_path[96], why[FTH_SIGNATURE_ERROR_MAX];
	struct fth_signature signature;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *file;

	snprintf(key_path, sizeof(key_path), "%s/owner.key", af.folder);
	snprintf(cert_path, sizeof(cert_path), "%s/owner.pem", af.folder);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
				   (const uint8_t *)"owner", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	file = fopen(key_path, "w");
	assert_true(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL));
	fclose(file);
	file = fopen(cert_path, "w");
	assert_true(PEM_write_X509(file, cert));
	fclose(file);
	manifest.name = (struct fth_span){ (const uint8_t *)name, (uint32_t)strlen(name) };
	memcpy(manifest.sha256, sha256, sizeof(manifest.sha256));
	assert_int_equal(fth_signature_make(&manifest, key_path, cert_path, &signature, why,
					    sizeof(why)),
			 0);
	write_file(path, signature.bytes, signature.length);
	unlink(key_path);
	unlink(cert_path);
	X509_free(cert);
	EVP_PKEY_free(key);
	return signature.length;
}

static const char signed_policy[] = "version: 1\n"
				    "patch: {name: fix, file: fix.ko, signature: fix.ko.p7s}\n"
				    "rollout: {waves: [1, 100%], soak: 1s}\n";

/* Of another payload, of another patch, or of no form that a guest takes. */
static void a_signature_of_something_else_is_refused(void **unused)
{
	char path[96], ko_path[96], why[FTH_PAYLOAD_ERROR_MAX];
	struct fth_payload payload;

	(void)unused;
	snprintf(path, sizeof(path), "%s/fix.ko.p7s", af.folder);
	snprintf(ko_path, sizeof(ko_path), "%s/fix.ko", af.folder);
	assert_int_equal(fth_payload_load(ko_path, NULL, &payload, why, sizeof(why)), 0);
	write_file(af.policy, signed_policy, strlen(signed_policy));
	write_file(path, "\x30\x03\x02\x01\x07", 5);
	af_refused(400, "signature '");
	sign("another", payload.sha256, path);
	af_refused(400, "signature '");
	payload.sha256[0]++;
	sign("fix", payload.sha256, path);
	af_refused(400, "signature '");
	fth_payload_free(&payload);
	assert_int_equal(af.agent->live_count, 0);
	unlink(path);
}

/* patch.signature travels with the first chunk, to guests that have a key. */
static void a_signature_is_carried(void **unused)
{
	char path[96], ko_path[96], why[FTH_PAYLOAD_ERROR_MAX];
	struct fth_payload payload;
	uint32_t size;
	int i;

	(void)unused;
	snprintf(path, sizeof(path), "%s/fix.ko.p7s", af.folder);
	snprintf(ko_path, sizeof(ko_path), "%s/fix.ko", af.folder);
	assert_int_equal(fth_payload_load(ko_path, NULL, &payload, why, sizeof(why)), 0);
	size = sign("fix", payload.sha256, path);
	fth_payload_free(&payload);
	write_file(af.policy, signed_policy, strlen(signed_policy));
	af.peers[1].capabilities &= ~FTH_CAP_SIGNATURES;
	guest_peer_hang_up(&af.peers[1]);
	AF_UNTIL(af.agent->open_count == AF_PEERS - 1);
	AF_UNTIL(af_all_open());
	af_create();
	unlink(path);
	af_stop(); /* the rest of the fleet gets it from the agent's own copy */
	af_start();
	AF_UNTIL(af_phase() == FTH_RO_COMPLETE);
	for (i = 0; i < AF_PEERS; i++)
		assert_int_equal(af.peers[i].signature_size, i == 1 ? 0 : size);
	af_request(af.agent->lives[0], FTH_RE_REVERSE);
	AF_UNTIL(af_phase() == FTH_RO_REVERSED);
	af_refused(400, "signature '");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(an_emergency_reverses_and_blocks),
		AF_TEST(an_emergency_outlives_a_full_disk),
		AF_TEST(the_end_is_no_new_emergency),
		AF_TEST(a_dead_agent_learns_why),
		AF_TEST(an_allowed_guest_is_told_when_it_returns),
		AF_TEST(a_guest_that_refuses_is_blocked),
		AF_TEST(all_blocked_is_no_rollout),
		AF_TEST(revert_and_confirm_by_hand),
		AF_TEST(an_older_guest_gets_nothing_new),
		AF_TEST(a_newer_guest_is_understood),
		AF_TEST(a_long_soak_is_extended),
		AF_TEST(an_emergency_outlives_a_flood),
		AF_TEST(a_flood_of_incidents_is_bounded),
		AF_TEST(a_signature_is_carried),
		AF_TEST(a_signature_of_something_else_is_refused),
	};

	return cmocka_run_group_tests_name("app_emergency", tests, NULL, NULL);
}
