/* SPDX-License-Identifier: GPL-2.0 */
/* One rollout under test and short words for what happens to it. */
#ifndef FTH_TESTS_CORE_MACHINE_H
#define FTH_TESTS_CORE_MACHINE_H

#include "core/rollout.h"

#define VMS_MAX 40u
#define START_MS 1767571200000ull /* Monday, 2026-01-05 00:00 UTC */
#define MINUTE_MS 60000u
#define HOUR_MS 3600000u
#define SOAK_MS 10000u
#define OOPS (1ull << 7)
#define WARN (1ull << 9)
#define MACHINE_TEST(name) cmocka_unit_test_setup(name, m_setup)

struct machine {
	struct fth_policy policy;
	struct fth_rollout rollout;
	struct fth_rollout_vm vms[VMS_MAX];
	struct fth_rollout_slot slots[VMS_MAX];
	struct fth_rollout_action entries[FTH_ROLLOUT_ACTIONS_MAX];
	struct fth_rollout_actions actions;
	uint64_t now_ms;
	uint32_t room;
	char said[FTH_WHY_MAX]; /* the last line */
};

extern struct machine m;

int m_setup(void **state);
struct fth_rollout_event m_event(uint8_t kind, int vm);
int m_step(struct fth_rollout_event *made);
int m_simple(uint8_t kind);
void m_tick(uint64_t later_ms);
uint32_t m_sent(uint8_t op);
const struct fth_rollout_vm *m_vm_of(int vm);
void m_canary_first(void); /* the policy, before m_begin() */
void m_add(int vm, const char *host, const char *group, bool reachable);
struct fth_rollout_event m_seen_event(int vm, uint8_t guest_state);
void m_seen(int vm, uint8_t guest_state);
void m_rebooted(int vm, uint8_t boot);
void m_lost(int vm);
void m_result_taint(int vm, uint16_t code, uint8_t guest_state, uint64_t taint);
void m_result(int vm, uint16_t code, uint8_t guest_state);
void m_heartbeat(int vm, uint64_t taint);
void m_begin(int count);
void m_expect(int vm, uint8_t state);
void m_expect_phase(uint8_t phase);
void m_to_soaking(int vm);
void m_to_done(int vm);
int m_first(void);

#endif /* FTH_TESTS_CORE_MACHINE_H */
