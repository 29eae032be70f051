// SPDX-License-Identifier: GPL-2.0
/* One rollout under test and short words for what happens to it. */
#include "core_machine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "core_agenda.h"

struct machine m;

int m_setup(void **state)
{
	(void)state;
	memset(&m, 0, sizeof(m));
	fth_policy_defaults(&m.policy);
	m.policy.wave_count = 1;
	m.policy.waves[0] = (struct fth_share){ true, 10000 };
	m.policy.soak_ms = SOAK_MS;
	m.policy.in_flight = (struct fth_in_flight){ 0 };
	m.policy.recall_in_flight = (struct fth_in_flight){ 0 };
	m.policy.failures_max = (struct fth_share){ false, 0 };
	m.policy.inconclusive_max = (struct fth_share){ false, 0 };
	m.now_ms = START_MS;
	m.room = FTH_ROLLOUT_ACTIONS_MAX;
	return 0;
}

struct fth_rollout_event m_event(uint8_t kind, int vm)
{
	struct fth_rollout_event made;

	memset(&made, 0, sizeof(made));
	made.kind = kind;
	made.now_ms = m.now_ms;
	if (vm >= 0)
		snprintf(made.vm, sizeof(made.vm), "vm-%d", vm);
	return made;
}

int m_step(struct fth_rollout_event *made)
{
	char why[AGENDA_WHY_MAX];
	uint32_t i;
	int error;

	m.actions.max = m.room;
	m.actions.entries = m.entries;
	error = fth_rollout_step(&m.rollout, made, &m.actions);
	for (i = 0; i < m.actions.count; i++)
		if (m.entries[i].kind == FTH_RA_SAY)
			memcpy(m.said, m.entries[i].text, sizeof(m.said));
	if (!error && m.room == FTH_ROLLOUT_ACTIONS_MAX &&
	    !agenda_check(&m.rollout, made->now_ms, why))
		fail_msg("agenda: %s", why);
	return error;
}

int m_simple(uint8_t kind)
{
	struct fth_rollout_event made = m_event(kind, -1);

	return m_step(&made);
}

void m_tick(uint64_t later_ms)
{
	m.now_ms += later_ms;
	assert_int_equal(m_simple(FTH_RE_TICK), 0);
}

/* How many of @op the last step wants to be sent. */
uint32_t m_sent(uint8_t op)
{
	uint32_t count = 0;
	uint32_t i;

	for (i = 0; i < m.actions.count; i++)
		count += m.entries[i].kind == FTH_RA_SEND && m.entries[i].op == op;
	return count;
}

const struct fth_rollout_vm *m_vm_of(int vm)
{
	return &m.rollout.vms[vm];
}

void m_canary_first(void)
{
	m.policy.wave_count = 2;
	m.policy.waves[0] = (struct fth_share){ false, 1 };
	m.policy.waves[1] = (struct fth_share){ true, 10000 };
}

void m_add(int vm, const char *host, const char *group, bool reachable)
{
	struct fth_rollout_event made = m_event(FTH_RE_ADD_VM, vm);

	snprintf(made.host, sizeof(made.host), "%s", host);
	snprintf(made.group, sizeof(made.group), "%s", group);
	made.reachable = reachable;
	assert_int_equal(m_step(&made), 0);
}

struct fth_rollout_event m_seen_event(int vm, uint8_t guest_state)
{
	struct fth_rollout_event made = m_event(FTH_RE_SEEN, vm);

	made.boot_id[0] = 1;
	made.capabilities = ~FTH_CAP_SIGNED_ONLY;
	made.guest_state = guest_state;
	made.sha256_matches = guest_state != FTH_LC_ABSENT;
	memcpy(made.release, "6.1.0-1-cloud-amd64", 20);
	return made;
}

void m_seen(int vm, uint8_t guest_state)
{
	struct fth_rollout_event made = m_seen_event(vm, guest_state);

	assert_int_equal(m_step(&made), 0);
}

void m_rebooted(int vm, uint8_t boot)
{
	struct fth_rollout_event made = m_seen_event(vm, FTH_LC_ABSENT);

	made.boot_id[0] = boot;
	assert_int_equal(m_step(&made), 0);
}

void m_lost(int vm)
{
	struct fth_rollout_event made = m_event(FTH_RE_LOST, vm);

	assert_int_equal(m_step(&made), 0);
}

void m_result_taint(int vm, uint16_t code, uint8_t guest_state, uint64_t taint)
{
	struct fth_rollout_event made = m_event(FTH_RE_RESULT, vm);

	made.op_id = m_vm_of(vm)->op_id;
	made.code = code;
	made.guest_state = guest_state;
	made.sha256_matches = guest_state != FTH_LC_ABSENT;
	made.taint = taint;
	assert_int_not_equal(made.op_id, 0);
	assert_int_equal(m_step(&made), 0);
}

void m_result(int vm, uint16_t code, uint8_t guest_state)
{
	m_result_taint(vm, code, guest_state, 0);
}

void m_heartbeat(int vm, uint64_t taint)
{
	struct fth_rollout_event made = m_event(FTH_RE_HEARTBEAT, vm);

	made.taint = taint;
	assert_int_equal(m_step(&made), 0);
}

/* @count VMs that are seen, each on a host of its own; begun. */
void m_begin(int count)
{
	char host[16];
	int i;

	fth_rollout_init(&m.rollout, 3, &m.policy, 1, m.vms, m.slots, VMS_MAX);
	for (i = 0; i < count; i++) {
		snprintf(host, sizeof(host), "h%d", i);
		m_add(i, host, "", true);
		m_seen(i, FTH_LC_ABSENT);
	}
	assert_int_equal(m_simple(FTH_RE_BEGIN), 0);
}

void m_expect(int vm, uint8_t state)
{
	assert_string_equal(fth_rollout_vm_state_name(m_vm_of(vm)->state),
			    fth_rollout_vm_state_name(state));
}

void m_expect_phase(uint8_t phase)
{
	assert_string_equal(fth_rollout_phase_name(m.rollout.phase), fth_rollout_phase_name(phase));
}

void m_to_soaking(int vm)
{
	m_result(vm, FTH_E_OK, FTH_LC_STAGED);
	m_expect(vm, FTH_RV_APPLYING);
	m_result(vm, FTH_E_OK, FTH_LC_SOAKING);
	m_expect(vm, FTH_RV_SOAKING);
}

void m_to_done(int vm)
{
	m_to_soaking(vm);
	m_tick(SOAK_MS);
	m_expect(vm, FTH_RV_CONFIRMING);
	m_result(vm, FTH_E_OK, FTH_LC_APPLIED);
	m_expect(vm, FTH_RV_DONE);
}

/* The VM that goes first. */
int m_first(void)
{
	return (int)m.rollout.vms[0].order;
}
