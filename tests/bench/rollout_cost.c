// SPDX-License-Identifier: GPL-2.0
/*
 * What the rollout machine alone costs: CPU per event and per VM, by fleet.
 *
 *   rollout_cost [--json] [--ratio FACTOR] [VMS...]      1000 10000 100000 1000000
 *
 * Guests here answer each op at once and rightly, through nothing but events,
 * so what is measured is fth_rollout_step() and the making of the events.  Each
 * fleet is patched in three waves at the default limits of what is in flight;
 * as many VMs again come and find no place; then it is recalled.  With --ratio the
 * exit status is 1 if an event of the largest fleet cost more than FACTOR times as
 * much as one of the smallest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/rollout.h"

#define SIZES_MAX 16
#define VMS_PER_HOST 40u
#define VMS_PER_GROUP 5u
#define START_MS 1700000000000ull

struct bench {
	struct fth_rollout *rollout;
	struct fth_rollout_actions actions;
	struct fth_rollout_action entries[FTH_ROLLOUT_ACTIONS_MAX];
	struct fth_rollout_event event;
	uint32_t *queue; /* VMs whose guests have an op to answer */
	uint32_t first;
	uint32_t queued;
	uint8_t *states; /* of the patch in each guest */
	uint64_t now_ms;
	uint64_t events;
};

struct cost {
	uint32_t vms;
	uint64_t events;
	double forward_s;
	double back_s;
};

static double cpu_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *room_for(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory) {
		fprintf(stderr, "rollout_cost: no memory for %zu VMs; name smaller fleets\n",
			count);
		exit(2);
	}
	return memory;
}

static void step(struct bench *bench)
{
	struct fth_rollout *rollout = bench->rollout;
	uint32_t i;

	bench->events++;
	bench->event.now_ms = bench->now_ms;
	bench->actions.max = FTH_ROLLOUT_ACTIONS_MAX;
	bench->actions.entries = bench->entries;
	if (fth_rollout_step(rollout, &bench->event, &bench->actions)) {
		fprintf(stderr, "rollout_cost: event %u refused in phase %s\n", bench->event.kind,
			fth_rollout_phase_name(rollout->phase));
		exit(2);
	}
	for (i = 0; i < bench->actions.count; i++) {
		if (bench->entries[i].kind != FTH_RA_SEND)
			continue;
		bench->queue[(bench->first + bench->queued++) % rollout->vm_max] =
			bench->entries[i].vm_index;
	}
}

static void simple(struct bench *bench, uint8_t kind)
{
	memset(&bench->event, 0, sizeof(bench->event));
	bench->event.kind = kind;
	step(bench);
}

static void name(struct bench *bench, uint32_t vm)
{
	struct fth_rollout_event *event = &bench->event;

	memset(event, 0, sizeof(*event));
	event->kind = FTH_RE_ADD_VM;
	event->reachable = true;
	snprintf(event->vm, sizeof(event->vm), "vm-%u", vm);
	snprintf(event->host, sizeof(event->host), "host-%u", vm / VMS_PER_HOST);
	snprintf(event->group, sizeof(event->group), "service-%u", vm / VMS_PER_GROUP);
}

/* Of those that come when the roster is full each asks for a place, again and again. */
static void turn_away(struct bench *bench, uint32_t vm)
{
	bench->events++;
	name(bench, vm);
	bench->event.now_ms = bench->now_ms;
	if (fth_rollout_step(bench->rollout, &bench->event, &bench->actions) == -ENOSPC)
		return;
	fprintf(stderr, "rollout_cost: a full roster took '%s' in\n", bench->event.vm);
	exit(2);
}

static void add(struct bench *bench, uint32_t vm)
{
	struct fth_rollout_event *event = &bench->event;

	name(bench, vm);
	step(bench);
	event->kind = FTH_RE_SEEN;
	event->boot_id[0] = 1;
	event->capabilities = ~FTH_CAP_SIGNED_ONLY;
	event->guest_state = FTH_LC_ABSENT;
	memcpy(event->release, "6.1.0-1-cloud-amd64", 20);
	step(bench);
}

static void answer(struct bench *bench)
{
	static const uint8_t after[] = {
		[FTH_OP_STAGE] = FTH_LC_STAGED,	   [FTH_OP_APPLY] = FTH_LC_SOAKING,
		[FTH_OP_CONFIRM] = FTH_LC_APPLIED, [FTH_OP_REVERSE] = FTH_LC_STAGED,
		[FTH_OP_UNSTAGE] = FTH_LC_ABSENT,
	};
	uint32_t vm = bench->queue[bench->first];
	const struct fth_rollout_vm *entry = &bench->rollout->vms[vm];

	bench->first = (bench->first + 1) % bench->rollout->vm_max;
	bench->queued--;
	memset(&bench->event, 0, sizeof(bench->event));
	bench->event.kind = FTH_RE_RESULT;
	bench->event.op_id = entry->op_id;
	bench->event.code = FTH_E_OK;
	bench->event.guest_state = after[entry->op];
	bench->event.sha256_matches = after[entry->op] != FTH_LC_ABSENT;
	bench->states[vm] = after[entry->op];
	memcpy(bench->event.vm, entry->name, sizeof(entry->name));
	step(bench);
}

static void run_until(struct bench *bench, uint8_t phase)
{
	struct fth_rollout *rollout = bench->rollout;

	while (rollout->phase != phase) {
		if (bench->queued) {
			bench->now_ms += !(bench->events % 64);
			answer(bench);
		} else if (rollout->wake_at_ms) {
			if (rollout->wake_at_ms > bench->now_ms)
				bench->now_ms = rollout->wake_at_ms;
			simple(bench, FTH_RE_TICK);
		} else {
			fprintf(stderr, "rollout_cost: %s, and nothing is due\n",
				fth_rollout_phase_name(rollout->phase));
			exit(2);
		}
	}
}

static void expect(const struct bench *bench, uint8_t state)
{
	uint32_t i;

	for (i = 0; i < bench->rollout->vm_count; i++) {
		if (bench->states[i] == state)
			continue;
		fprintf(stderr, "rollout_cost: the patch of '%s' is %s, expected was %s\n",
			bench->rollout->vms[i].name, fth_lifecycle_name(bench->states[i]),
			fth_lifecycle_name(state));
		exit(2);
	}
}

static struct cost run(uint32_t count)
{
	struct fth_policy *policy = room_for(1, sizeof(*policy));
	struct bench *bench = room_for(1, sizeof(*bench));
	struct fth_rollout_vm *vms = room_for(count, sizeof(*vms));
	struct fth_rollout_slot *slots = room_for(count, sizeof(*slots));
	struct cost cost = { .vms = count };
	double begun_s;
	uint32_t i;

	fth_policy_defaults(policy);
	policy->wave_count = 3;
	policy->waves[0] = (struct fth_share){ .value = 1 };
	policy->waves[1] = (struct fth_share){ .percent = true, .value = 1000 };
	policy->waves[2] = (struct fth_share){ .percent = true, .value = 10000 };
	policy->gate = FTH_GATE_AUTO;
	bench->rollout = room_for(1, sizeof(*bench->rollout));
	bench->queue = room_for(count, sizeof(*bench->queue));
	bench->states = room_for(count, sizeof(*bench->states));
	bench->now_ms = START_MS;
	begun_s = cpu_s();
	fth_rollout_init(bench->rollout, 1, policy, 1, vms, slots, count);
	for (i = 0; i < count; i++)
		add(bench, i);
	simple(bench, FTH_RE_BEGIN);
	run_until(bench, FTH_RO_COMPLETE);
	expect(bench, FTH_LC_APPLIED);
	for (i = 0; i < count; i++)
		turn_away(bench, count + i);
	cost.forward_s = cpu_s() - begun_s;
	simple(bench, FTH_RE_REVERSE);
	run_until(bench, FTH_RO_REVERSED);
	expect(bench, FTH_LC_ABSENT);
	cost.back_s = cpu_s() - begun_s - cost.forward_s;
	cost.events = bench->events;
	free(bench->states);
	free(bench->queue);
	free(bench->rollout);
	free(vms);
	free(slots);
	free(bench);
	free(policy);
	return cost;
}

static double per_event_us(const struct cost *cost)
{
	return (cost->forward_s + cost->back_s) * 1e6 / (double)cost->events;
}

static void print_cost(const struct cost *cost, bool json)
{
	double all_s = cost->forward_s + cost->back_s;

	if (json)
		printf("{\"vms\": %u, \"bytes_per_vm\": %zu, \"events\": %llu, "
		       "\"cpu_rollout_s\": %.3f, \"cpu_recall_s\": %.3f, "
		       "\"us_per_event\": %.3f, \"us_per_vm\": %.3f}\n",
		       cost->vms, sizeof(struct fth_rollout_vm) + sizeof(struct fth_rollout_slot),
		       (unsigned long long)cost->events, cost->forward_s, cost->back_s,
		       per_event_us(cost), all_s * 1e6 / cost->vms);
	else
		printf("%10u %10llu %12.3f %12.3f %12.3f %12.3f %12.0f\n", cost->vms,
		       (unsigned long long)cost->events, cost->forward_s, cost->back_s,
		       per_event_us(cost), all_s * 1e6 / cost->vms, (double)cost->events / all_s);
	fflush(stdout);
}

static uint32_t parse_size(const char *text)
{
	char *end;
	unsigned long size = strtoul(text, &end, 10);

	if (*end || !size || size > FTH_ROLLOUT_VMS_MAX) {
		fprintf(stderr, "rollout_cost: '%s': VMs are 1 ... %u\n", text,
			FTH_ROLLOUT_VMS_MAX);
		exit(2);
	}
	return (uint32_t)size;
}

int main(int argc, char **argv)
{
	uint32_t sizes[SIZES_MAX] = { 1000, 10000, 100000, 1000000 };
	struct cost costs[SIZES_MAX];
	double factor = 0;
	bool json = false;
	int given = 0;
	int count;
	int i;

	for (i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--json"))
			json = true;
		else if (!strcmp(argv[i], "--ratio") && i + 1 < argc)
			factor = atof(argv[++i]);
		else if (given < SIZES_MAX)
			sizes[given++] = parse_size(argv[i]);
	}
	count = given ? given : 4;
	if (!json)
		printf("%10s %10s %12s %12s %12s %12s %12s\n", "VMs", "events", "rollout s",
		       "recall s", "us/event", "us/VM", "events/s");
	for (i = 0; i < count; i++) {
		costs[i] = run(sizes[i]);
		print_cost(&costs[i], json);
	}
	if (!factor || per_event_us(&costs[count - 1]) <= factor * per_event_us(&costs[0]))
		return 0;
	fprintf(stderr,
		"rollout_cost: an event costs %.2f us in a fleet of %u, %.2f us in one of %u: "
		"more than %.1f times as much\n",
		per_event_us(&costs[count - 1]), costs[count - 1].vms, per_event_us(&costs[0]),
		costs[0].vms, factor);
	return 1;
}
