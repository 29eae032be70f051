// SPDX-License-Identifier: GPL-2.0
/*
 * What the journal durably holds, kept a second time, and compared at every chance.
 *
 * DESIGN
 * What the journal durably holds is kept a second time: the records of each commit
 * that succeeded, stepped into rollouts of their own (shadows) that the agent knows
 * nothing of.  A command may be on a wire only while the shadow has it in flight; what
 * a start replays must be the shadow; the live state must be it after each commit.
 * A transaction whose commit was under way when the agent died, or failed, may be there
 * afterwards or not: that, and nothing else, is accepted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent.h"
#include "core/journal.h"
#include "core/rollout_internal.h"
#include "check.h"

#define SHADOWS_MAX 16u
#define COMPARE_EVERY 8u /* commits, of small fleets */

struct record {
	uint64_t id;
	uint32_t length;
	uint32_t at;
};

/* Records of one transaction. */
struct batch {
	struct record *records;
	uint32_t count;
	uint32_t room;
	uint8_t *bytes;
	uint32_t size;
	uint32_t bytes_room;
};

struct shadow {
	uint64_t id;
	struct fth_live *live;
	uint64_t events;
};

static struct shadow shadows[SHADOWS_MAX];
static uint32_t shadow_count;
static struct batch pending, uncertain;
static uint32_t commits;
static uint64_t replayed_id, replayed;
static struct fth_agent nobody;
static struct fth_rollout_action entries[FTH_ROLLOUT_ACTIONS_MAX];

int __real_fth_store_append(struct fth_store *store, uint64_t id, const uint8_t *record,
			    uint32_t length);
int __wrap_fth_store_append(struct fth_store *store, uint64_t id, const uint8_t *record,
			    uint32_t length);
int __real_fth_store_commit(struct fth_store *store);
int __wrap_fth_store_commit(struct fth_store *store);
void __real_fth_store_rollback(struct fth_store *store);
void __wrap_fth_store_rollback(struct fth_store *store);
int __real_fth_replay_all(struct fth_agent *agent);
int __wrap_fth_replay_all(struct fth_agent *agent);
int __real_fth_replay_again(struct fth_live *live);
int __wrap_fth_replay_again(struct fth_live *live);

static bool has_shadows(void)
{
	return sim.vm_count <= SIM_SHADOW_VMS_MAX;
}

/* ---- batches of records */

static void batch_add(struct batch *batch, uint64_t id, const uint8_t *bytes, uint32_t length)
{
	if (batch->count == batch->room) {
		batch->room = batch->room ? 2 * batch->room : 64;
		batch->records = realloc(batch->records, batch->room * sizeof(*batch->records));
	}
	while (batch->size + length > batch->bytes_room) {
		batch->bytes_room = batch->bytes_room ? 2 * batch->bytes_room : 16384;
		batch->bytes = realloc(batch->bytes, batch->bytes_room);
	}
	if (!batch->records || !batch->bytes)
		abort();
	batch->records[batch->count++] = (struct record){ id, length, batch->size };
	memcpy(batch->bytes + batch->size, bytes, length);
	batch->size += length;
}

static void batch_clear(struct batch *batch)
{
	batch->count = 0;
	batch->size = 0;
}

static void batch_free(struct batch *batch)
{
	free(batch->records);
	free(batch->bytes);
	memset(batch, 0, sizeof(*batch));
}

static bool batch_has(const struct batch *batch, uint64_t id, const uint8_t *bytes, uint32_t length)
{
	const struct record *record;
	uint32_t i;

	for (i = 0; i < batch->count; i++) {
		record = &batch->records[i];
		if (record->id == id && record->length == length &&
		    !memcmp(batch->bytes + record->at, bytes, length))
			return true;
	}
	return false;
}

/* ---- shadows */

static struct shadow *find_shadow(uint64_t id)
{
	uint32_t i;

	for (i = 0; i < shadow_count; i++)
		if (shadows[i].id == id)
			return &shadows[i];
	return NULL;
}

uint32_t sim_check_number(const struct fth_rollout_vm *vm)
{
	return (uint32_t)strtoul(vm->name + strlen("vm-"), NULL, 10);
}

static struct shadow *new_shadow(const struct fth_rollout *rollout)
{
	struct shadow *shadow = &shadows[shadow_count];

	if (shadow_count == SHADOWS_MAX)
		return NULL;
	shadow_count++;
	memset(shadow, 0, sizeof(*shadow));
	shadow->id = rollout->id;
	shadow->live = fth_live_new(&nobody, rollout->id, rollout->seed, rollout->vm_max,
				    &rollout->policy, "shadow");
	if (!shadow->live)
		abort();
	return shadow;
}

static void step_shadow(struct shadow *shadow, const struct fth_rollout_event *event)
{
	struct fth_rollout_actions actions = {
		.max = FTH_ROLLOUT_ACTIONS_MAX,
		.entries = entries,
	};

	__real_fth_rollout_step(shadow->live->rollout, event, &actions);
	shadow->events++;
}

static uint32_t differing_vm(const struct fth_rollout *one, const struct fth_rollout *other)
{
	uint32_t i;

	for (i = 0; i < one->vm_count; i++)
		if (memcmp(&one->vms[i], &other->vms[i], sizeof(*one->vms)) != 0)
			return i;
	return FTH_VM_NONE;
}

static void compare(const struct shadow *shadow, const struct fth_rollout *live, const char *when)
{
	const struct fth_rollout *kept = shadow->live->rollout;
	uint32_t vm;

	if (memcmp(kept, live, offsetof(struct fth_rollout, vms)) != 0) {
		sim_fail(
			"invariant 3: rollout %llu %s: replay gives phase '%s' (%s), live is '%s' (%s)",
			(unsigned long long)live->id, when, fth_rollout_phase_name(kept->phase),
			kept->why, fth_rollout_phase_name(live->phase), live->why);
		return;
	}
	vm = differing_vm(kept, live);
	if (vm != FTH_VM_NONE)
		sim_fail(
			"invariant 3: rollout %llu %s: of '%s' replay gives '%s' (%s), live is '%s' (%s)",
			(unsigned long long)live->id, when, live->vms[vm].name,
			fth_rollout_vm_state_name(kept->vms[vm].state), kept->vms[vm].why,
			fth_rollout_vm_state_name(live->vms[vm].state), live->vms[vm].why);
	else if (memcmp(kept->slots, live->slots, live->vm_max * sizeof(*live->slots)) != 0)
		sim_fail(
			"invariant 3: rollout %llu %s: replay gives another agenda than the live one",
			(unsigned long long)live->id, when);
}

/* It can be read, and what was read gives the same bytes again. */
static bool is_whole(const struct record *record, struct fth_rollout_event *ret_event)
{
	const uint8_t *bytes = pending.bytes + record->at;
	uint8_t again[FTH_JOURNAL_RECORD_MAX];

	return !fth_journal_decode(bytes, record->length, ret_event) &&
	       fth_journal_encode(ret_event, again) == record->length &&
	       (sim_broken(SIM_BREAK_RECORD) || !memcmp(again, bytes, record->length));
}

static void promote(void)
{
	struct fth_rollout_event event;
	const struct record *record;
	struct shadow *shadow;
	const struct fth_live *live;
	uint32_t i;

	for (i = 0; i < pending.count && !sim.failed; i++) {
		record = &pending.records[i];
		shadow = find_shadow(record->id);
		live = fth_live_find(sim.agent, record->id);
		if (!shadow && live)
			shadow = new_shadow(live->rollout);
		if (!shadow || !is_whole(record, &event))
			sim_fail("invariant 3: a record of rollout %llu can't be read",
				 (unsigned long long)record->id);
		else
			step_shadow(shadow, &event);
	}
	batch_clear(&pending);
	batch_clear(&uncertain);
	/* A comparison costs what the fleet has of VMs: the larger, the rarer. */
	for (i = 0; i < shadow_count && commits % (COMPARE_EVERY + sim.vm_count / 8) == 0; i++) {
		live = fth_live_find(sim.agent, shadows[i].id);
		if (live)
			compare(&shadows[i], live->rollout, "after a commit");
	}
}

/* ---- the journal's own calls */

int __wrap_fth_store_append(struct fth_store *store, uint64_t id, const uint8_t *record,
			    uint32_t length)
{
	int error = __real_fth_store_append(store, id, record, length);

	if (sim.dead || sim.acting == SIM_OLD || !has_shadows())
		return error;
	if (error)
		batch_clear(&pending);
	else
		batch_add(&pending, id, record, length);
	return error;
}

int __wrap_fth_store_commit(struct fth_store *store)
{
	int error = __real_fth_store_commit(store);
	struct batch swap;

	if (sim.dead || sim.acting == SIM_OLD || !has_shadows())
		return error;
	commits++;
	if (error) {
		/* Its bytes may have come to the disk all the same. */
		swap = uncertain;
		uncertain = pending;
		pending = swap;
		batch_clear(&pending);
	} else if (sim.agent) {
		if (!sim_disk_is_synced() && !sim_broken(SIM_BREAK_NO_SYNC))
			sim_fail("invariant 2: a commit returned before its bytes were synced");
		promote();
	}
	return error;
}

void __wrap_fth_store_rollback(struct fth_store *store)
{
	__real_fth_store_rollback(store);
	if (!sim.dead && sim.acting != SIM_OLD)
		batch_clear(&pending);
}

/* ---- replays */

void sim_check_replayed(struct fth_rollout *rollout, const struct fth_rollout_event *event)
{
	struct shadow *shadow = find_shadow(rollout->id);
	uint8_t bytes[FTH_JOURNAL_RECORD_MAX];
	uint32_t length;

	if (replayed_id != rollout->id) {
		replayed_id = rollout->id;
		replayed = 0;
	}
	replayed++;
	if (!has_shadows())
		return;
	if (!shadow)
		shadow = new_shadow(rollout); /* its creation was being committed */
	if (!shadow || replayed <= shadow->events)
		return;
	step_shadow(shadow, event);
	length = fth_journal_encode(event, bytes);
	if (!batch_has(&pending, rollout->id, bytes, length) &&
	    !batch_has(&uncertain, rollout->id, bytes, length))
		sim_fail("invariant 3: rollout %llu: event %llu of the journal was never written",
			 (unsigned long long)rollout->id, (unsigned long long)replayed);
}

static void check_replay(const struct fth_live *live)
{
	const struct shadow *shadow = find_shadow(live->rollout->id);

	if (!shadow || sim.failed)
		return;
	if (live->rollout->id == replayed_id && replayed < shadow->events)
		sim_fail(
			"invariant 3: rollout %llu: the journal holds %llu events, %llu were durable",
			(unsigned long long)live->rollout->id, (unsigned long long)replayed,
			(unsigned long long)shadow->events);
	else
		compare(shadow, live->rollout, "replayed");
}

int __wrap_fth_replay_all(struct fth_agent *agent)
{
	uint32_t i;
	int error;

	sim.replaying = true;
	replayed_id = 0;
	error = __real_fth_replay_all(agent);
	sim.replaying = false;
	if (error || sim.dead || !has_shadows())
		return error;
	for (i = 0; i < agent->live_count; i++)
		check_replay(agent->lives[i]);
	for (i = 0; i < shadow_count; i++)
		if (!fth_live_find(agent, shadows[i].id))
			sim_fail("invariant 3: rollout %llu is not in the journal any more",
				 (unsigned long long)shadows[i].id);
	batch_clear(&pending);
	batch_clear(&uncertain);
	return 0;
}

int __wrap_fth_replay_again(struct fth_live *live)
{
	int error;

	if (sim.acting == SIM_OLD)
		return __real_fth_replay_again(live);
	sim.replaying = true;
	replayed_id = 0;
	error = __real_fth_replay_again(live);
	sim.replaying = false;
	if (!error && !sim.dead)
		check_replay(live);
	return error;
}

const struct fth_rollout *sim_check_durable(uint64_t id)
{
	const struct shadow *shadow = find_shadow(id);
	const struct fth_live *live;

	if (has_shadows())
		return shadow ? shadow->live->rollout : NULL;
	live = fth_live_find(sim.agent, id);
	return live && !sim.agent->dirty ? live->rollout : NULL;
}

void sim_check_init(void)
{
	shadow_count = 0;
	commits = 0;
	replayed_id = 0;
	memset(&nobody, 0, sizeof(nobody));
}

void sim_check_free(void)
{
	while (shadow_count) {
		shadow_count--;
		fth_live_free(shadows[shadow_count].live);
	}
	batch_free(&pending);
	batch_free(&uncertain);
}
