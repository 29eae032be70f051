/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A whole agent in this process, and guests that speak the protocol.
 *
 * One test at a time: af_set_up() makes a folder with sockets, a policy fix.yaml
 * and its module, starts the agent and waits for its sessions.
 */
#ifndef FTH_TEST_AGENT_FIXTURE_H
#define FTH_TEST_AGENT_FIXTURE_H

#include "app/agent.h"
#include "guest_peer.h"

#define AF_PEERS 3
#define AF_PATIENCE_MS 60000u /* ends a hang, is no measure of anything */
#define AF_RELEASE "6.1.0-1-cloud-amd64"
#define AF_PAYLOAD_SIZE (600u * 1024) /* several windows of chunks */
#define AF_TEST(name) cmocka_unit_test_setup_teardown(name, af_set_up, af_tear_down)

/*
 * @module_model: what fix.ko says of its consistency model; "" for nothing
 * @module_number: makes it another module, by its hash
 */
struct agent_fixture {
	struct fth_loop *loop;
	struct fth_agent *agent;
	struct guest_peer peers[AF_PEERS];
	char folder[64];
	char sockets[80];
	char state[80];
	char api[80];
	char policy[80];
	const char *module_model;
	uint8_t module_number;
	struct fth_create_error error;
};

extern struct agent_fixture af;

/* Let guests and agent work until @condition holds. */
#define AF_UNTIL(condition)                                       \
	do {                                                      \
		uint64_t end_ms = af_clock_ms() + AF_PATIENCE_MS; \
		while (!(condition)) {                            \
			assert_true(af_clock_ms() < end_ms);      \
			af_turn();                                \
		}                                                 \
	} while (0)

/* A uint32_t of struct guest_peer, over all peers. */
#define AF_SUM(member) af_sum(offsetof(struct guest_peer, member))

int af_set_up(void **unused);
int af_tear_down(void **unused);
uint64_t af_clock_ms(void);
void af_turn(void);
void af_write_module(const char *path, const char *name, const char *release);
void af_write_policy(const char *soak, const char *more); /* and its module */
void af_start(void);
void af_stop(void); /* as a kill would: what was not committed is lost */
bool af_all_open(void);
struct fth_live *af_create(void);
void af_complete(void); /* af_create(), and until it is complete */
/* The inventory of sockets has it no more, or again; what runs in it goes on. */
void af_leave(int peer, bool leaves);
void af_refused(int status, const char *words);
uint8_t af_phase(void); /* of the newest rollout */
void af_request(struct fth_live *live, uint8_t kind);
uint32_t af_sum(size_t member);
uint64_t af_journal_rows(void); /* events of all rollouts, committed */

#endif /* FTH_TEST_AGENT_FIXTURE_H */
