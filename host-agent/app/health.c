// SPDX-License-Identifier: GPL-2.0
/*
 * Health gates: the checks that rollouts ask for, made and told.
 *
 * DESIGN
 * Which checks are due follows from a rollout's state (fth_rollout_checks()), so
 * nothing of this is journalled but the verdicts: after a restart the same ones
 * are begun anew.  A watch belongs to a VM's binding, or to its rollout for a
 * wave.  Checks wait in one queue for their turn; begun ones end by themselves,
 * all of them in bounded time.  Programs that were killed and hang in the kernel
 * may hold all others up: who waits for that does so for its own time-out, and is
 * inconclusive then.  Nothing is begun, and no verdict is given, while
 * somebody else walks rollouts: that is the timer's business.
 */
#include "app/health.h"

#include <stdio.h>
#include <stdlib.h>

#include "app/agent.h"
#include "io/fetch.h"
#include "io/loop.h"
#include "io/process.h"

#define PROGRAMS (1u << FTH_CHECK_COMMAND | 1u << FTH_CHECK_WAVE_COMMAND)
#define PROBES (PROGRAMS | 1u << FTH_CHECK_HTTP | 1u << FTH_CHECK_WAVE_HTTP)

static struct fth_watch **slot_of(struct fth_live *live, uint32_t vm_index,
				  struct fth_guest **ret_guest)
{
	struct fth_binding *binding;
	struct fth_guest *guest;

	*ret_guest = NULL;
	if (vm_index == FTH_ROLLOUT_WAVE)
		return &live->wave_watch;
	guest = fth_guest_find(live->agent, live->rollout->vms[vm_index].name);
	binding = guest ? guest->bindings : NULL;
	while (binding && binding->live != live)
		binding = binding->next;
	*ret_guest = guest;
	return binding ? &binding->watch : NULL;
}

struct fth_watch *fth_health_find(struct fth_live *live, uint32_t vm_index, uint64_t round)
{
	struct fth_guest *guest;
	struct fth_watch **slot = slot_of(live, vm_index, &guest);

	return slot && *slot && (*slot)->round == round ? *slot : NULL;
}

static struct fth_watch *watch_new(struct fth_live *live, struct fth_guest *guest,
				   uint32_t vm_index, uint64_t round)
{
	struct fth_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->live = live;
	watch->guest = guest;
	watch->vm_index = vm_index;
	watch->round = round;
	return watch;
}

static void dequeue(struct fth_watch *watch)
{
	if (watch->queued)
		TAILQ_REMOVE(&watch->live->agent->health->queue, watch, queue);
	watch->queued = false;
}

static void enqueue(struct fth_watch *watch)
{
	struct fth_health *health = watch->live->agent->health;

	if (!watch->queued)
		TAILQ_INSERT_TAIL(&health->queue, watch, queue);
	watch->queued = true;
}

static void probe_ended(struct fth_watch *watch)
{
	watch->live->checks_running--;
	watch->live->agent->health->running--;
}

void fth_health_drop(struct fth_watch *watch)
{
	struct fth_health *health;

	if (!watch)
		return;
	health = watch->live->agent->health;
	dequeue(watch);
	fth_health_end_host(watch);
	/* It won't conclude: nobody else would tell those that wait for its place. */
	if ((watch->process || watch->fetch) && !TAILQ_EMPTY(&health->queue))
		fth_timer_set(health->timer, 0);
	if (watch->process)
		probe_ended(watch);
	fth_process_kill(watch->process);
	if (watch->fetch)
		probe_ended(watch);
	fth_fetch_cancel(watch->fetch);
	free(watch);
}

static void begin(struct fth_watch *watch, uint32_t checks)
{
	struct fth_health *health = watch->live->agent->health;

	watch->begun |= checks;
	watch->waiting |= checks;
	enqueue(watch);
	fth_timer_set(health->timer, 0);
}

void fth_health_look(struct fth_live *live, uint32_t vm_index)
{
	struct fth_rollout_checks checks;
	struct fth_watch **slot;
	struct fth_guest *guest;

	slot = slot_of(live, vm_index, &guest);
	if (!slot || !live->agent->health)
		return;
	fth_rollout_checks(live->rollout, vm_index, &checks);
	if (*slot && ((*slot)->round != checks.round || (!checks.watched && !checks.wanted))) {
		fth_health_drop(*slot);
		*slot = NULL;
	}
	if (!fth_live_is_told(live) || (!checks.watched && !checks.wanted))
		return;
	if (!*slot) {
		*slot = watch_new(live, guest, vm_index, checks.round);
		if (!*slot)
			return; /* the rollout goes on to wait; a restart looks again */
		if (checks.watched && !checks.wanted)
			fth_health_sample(*slot);
	}
	if (checks.wanted & ~(*slot)->begun)
		begin(*slot, checks.wanted & ~(*slot)->begun);
}

/* While the journal can't be written the verdict is lost, and asked for again later. */
void fth_health_conclude(struct fth_watch *watch, uint8_t check, uint8_t verdict, const char *why)
{
	struct fth_rollout_event event = { .kind = FTH_RE_HEALTH };
	struct fth_live *live = watch->live;
	uint32_t bit = 1u << check;

	if ((check == FTH_CHECK_COMMAND || check == FTH_CHECK_WAVE_COMMAND) && watch->process) {
		watch->process = NULL;
		probe_ended(watch);
	}
	if ((check == FTH_CHECK_HTTP || check == FTH_CHECK_WAVE_HTTP) && watch->fetch) {
		watch->fetch = NULL;
		probe_ended(watch);
	}
	watch->begun &= ~bit;
	watch->waiting &= ~bit;
	fth_timer_set(live->agent->health->timer, 0); /* there is room for another one */
	event.check = check;
	event.verdict = verdict;
	event.round = watch->round;
	if (watch->guest)
		strcpy(event.vm, watch->guest->name);
	snprintf(event.why, sizeof(event.why), "%s", why);
	if (fth_live_is_told(live) && live->synced)
		fth_live_step(live, &event);
}

static uint8_t lowest(uint32_t checks)
{
	uint8_t check = 0;

	while (!(checks & 1u << check))
		check++;
	return check;
}

static bool programs_hang(const struct fth_agent *agent)
{
	return fth_process_orphans(agent->loop) >= FTH_PROCESS_ORPHANS_MAX;
}

static bool probe_fits(const struct fth_watch *watch, uint8_t check)
{
	const struct fth_live *live = watch->live;
	bool is_program = PROGRAMS & 1u << check;

	return live->checks_running < live->rollout->policy.health_parallel &&
	       live->agent->health->running < FTH_HEALTH_RUNNING_MAX &&
	       !(is_program ? (void *)watch->process : (void *)watch->fetch) &&
	       !(is_program && programs_hang(live->agent));
}

/* Return: it waited for as long as it may run, and hung ones still have all places. */
static bool held_for_too_long(struct fth_watch *watch, char *ret_why)
{
	uint32_t timeout_ms = watch->live->rollout->policy.health_timeout_ms;
	uint64_t now_ms = fth_loop_steady_ms();

	if (!(watch->waiting & PROGRAMS) || !programs_hang(watch->live->agent)) {
		watch->held_ms = 0;
		return false;
	}
	if (!watch->held_ms)
		watch->held_ms = now_ms;
	if (now_ms < watch->held_ms + timeout_ms)
		return false;
	watch->held_ms = 0;
	snprintf(
		ret_why, FTH_HEALTH_WHY_MAX,
		"could not be run in %u ms: %u programs of checks before were killed and have not died yet",
		timeout_ms, FTH_PROCESS_ORPHANS_MAX);
	return true;
}

/* Begin what may begin; the watch may be gone afterwards. */
static void begin_waiting(struct fth_health *health, struct fth_watch *watch)
{
	uint32_t host = watch->waiting & FTH_CHECKS_OF_HOST;
	uint32_t probes = watch->waiting & PROBES;
	char why[FTH_HEALTH_WHY_MAX];
	bool failed = false;
	uint8_t check = 0;

	if (host && health->sampling_count < FTH_HEALTH_SAMPLING_MAX) {
		watch->waiting &= ~host;
		fth_health_begin_host(watch, host);
	}
	while (probes && !failed) {
		check = lowest(probes);
		probes &= probes - 1;
		if (!probe_fits(watch, check))
			continue;
		watch->waiting &= ~(1u << check);
		failed = fth_health_begin_probe(watch, check, why) != 0;
		if (!failed) {
			watch->live->checks_running++;
			health->running++;
		}
	}
	if (watch->waiting)
		enqueue(watch);
	if (failed)
		fth_health_conclude(watch, check, FTH_VERDICT_INCONCLUSIVE, why);
	else if (held_for_too_long(watch, why))
		fth_health_conclude(watch, lowest(watch->waiting & PROGRAMS),
				    FTH_VERDICT_INCONCLUSIVE, why);
}

static void turn(void *context)
{
	struct fth_health *health = context;
	struct fth_watch *watch;
	uint32_t count = 0;

	fth_health_sample_all(health);
	TAILQ_FOREACH(watch, &health->queue, queue)
		count++;
	/* Those that still wait go to the end again; any may be dropped meanwhile. */
	while (count-- && (watch = TAILQ_FIRST(&health->queue))) {
		dequeue(watch);
		begin_waiting(health, watch);
	}
	if (health->sampling_count)
		fth_timer_set(health->timer, FTH_HEALTH_SAMPLE_MS);
	else if (!TAILQ_EMPTY(&health->queue) && programs_hang(health->agent))
		fth_timer_set(health->timer, FTH_HEALTH_HELD_MS);
}

int fth_health_new(struct fth_agent *agent, struct fth_health **ret_health)
{
	struct fth_health *health = calloc(1, sizeof(*health));

	if (!health)
		return -ENOMEM;
	health->agent = agent;
	TAILQ_INIT(&health->queue);
	TAILQ_INIT(&health->sampling);
	if (fth_timer_new(agent->loop, turn, health, &health->timer)) {
		fth_health_free(health);
		return -ENOMEM;
	}
	*ret_health = health;
	return 0;
}

void fth_health_free(struct fth_health *health)
{
	if (!health)
		return;
	fth_fetcher_free(health->fetcher);
	fth_timer_free(health->timer);
	free(health);
}
