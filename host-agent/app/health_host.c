// SPDX-License-Identifier: GPL-2.0
/*
 * Checks by the hypervisor: looks at a domain until there are verdicts.
 *
 * DESIGN
 * Judging is the core's (core/health.h); here are only the looks and the time.  A
 * round ends after health.timeout, whether libvirt answered or not.
 */
#include <stdio.h>
#include <string.h>

#include "app/agent.h"
#include "app/health.h"
#include "io/loop.h"

void fth_health_sample(struct fth_watch *watch)
{
	struct fth_agent *agent = watch->live->agent;

	if (watch->asked || !agent->libvirt || strcmp(watch->guest->inventory, "libvirt") != 0)
		return;
	watch->asked = !fth_libvirt_sample(agent->libvirt, watch->guest->name);
}

void fth_health_begin_host(struct fth_watch *watch, uint32_t checks)
{
	struct fth_health *health = watch->live->agent->health;

	if (!watch->host) {
		TAILQ_INSERT_TAIL(&health->sampling, watch, sampling);
		health->sampling_count++;
	}
	watch->host |= checks;
	watch->first_n = 0;
	watch->why[0] = '\0';
	watch->until_ms = fth_loop_steady_ms() + watch->live->rollout->policy.health_timeout_ms;
	fth_timer_set(health->timer, 0);
}

void fth_health_end_host(struct fth_watch *watch)
{
	struct fth_health *health = watch->live->agent->health;

	if (!watch->host)
		return;
	TAILQ_REMOVE(&health->sampling, watch, sampling);
	health->sampling_count--;
	watch->host = 0;
}

struct verdict {
	uint8_t check;
	uint8_t says;
	char why[FTH_HEALTH_WHY_MAX];
};

static void judge(const struct fth_watch *watch, bool is_over, struct verdict *verdict)
{
	const struct fth_policy *policy = &watch->live->rollout->policy;
	const struct fth_health_view view = {
		.before = watch->before_n == watch->samples ? &watch->last : &watch->before,
		.first = watch->first_n == watch->samples ? &watch->last : &watch->first,
		.last = &watch->last,
		.is_over = is_over,
		.waited_ms = (uint32_t)(watch->last_ms - watch->first_ms),
	};

	if (watch->first_n) {
		verdict->says = fth_health_judge(verdict->check, policy, &view, verdict->why);
	} else if (!is_over) {
		verdict->says = 0;
	} else {
		verdict->says = FTH_VERDICT_INCONCLUSIVE;
		snprintf(verdict->why, sizeof(verdict->why), "%s",
			 watch->why[0] ? watch->why : "libvirt gave no answer in time");
	}
}

/* Each verdict is a step of the rollout, which may end this watch and others. */
static void judge_all(struct fth_watch *watch, bool is_over)
{
	struct verdict verdicts[FTH_CHECKS] = { 0 };
	struct fth_live *live = watch->live;
	uint32_t vm_index = watch->vm_index;
	uint32_t left = 0, count = 0, check, i;
	uint64_t round = watch->round;

	for (check = 0; check < FTH_CHECKS; check++) {
		if (!(watch->host & 1u << check))
			continue;
		verdicts[count].check = (uint8_t)check;
		judge(watch, is_over, &verdicts[count]);
		if (verdicts[count].says)
			count++;
		else
			left |= 1u << check;
	}
	if (left)
		watch->host = left;
	else
		fth_health_end_host(watch);
	for (i = 0; i < count && watch; i++) {
		fth_health_conclude(watch, verdicts[i].check, verdicts[i].says, verdicts[i].why);
		watch = fth_health_find(live, vm_index, round);
	}
}

static bool can_be_asked(const struct fth_watch *watch)
{
	return watch->live->agent->libvirt && !strcmp(watch->guest->inventory, "libvirt");
}

static void sample_or_judge(struct fth_watch *watch)
{
	if (!can_be_asked(watch)) {
		snprintf(
			watch->why, sizeof(watch->why),
			"no hypervisor can be asked: its inventory is '%s', expected 'libvirt' (fotherd --connect)",
			watch->guest->inventory);
		watch->first_n = 0;
		judge_all(watch, true);
	} else if (fth_loop_steady_ms() >= watch->until_ms) {
		judge_all(watch, true);
	} else {
		fth_health_sample(watch);
	}
}

/* By their number, from the front to the end: a verdict may end any of them. */
void fth_health_sample_all(struct fth_health *health)
{
	uint32_t count = health->sampling_count;
	struct fth_watch *watch;

	while (count-- && (watch = TAILQ_FIRST(&health->sampling))) {
		TAILQ_REMOVE(&health->sampling, watch, sampling);
		TAILQ_INSERT_TAIL(&health->sampling, watch, sampling);
		sample_or_judge(watch);
	}
}

static void take(struct fth_watch *watch, const struct fth_domain_sample *sample, const char *why)
{
	struct fth_rollout_checks checks;

	fth_rollout_checks(watch->live->rollout, watch->vm_index, &checks);
	if (checks.round != watch->round)
		return; /* its soak is over */
	if (!sample) {
		snprintf(watch->why, sizeof(watch->why), "%s", why);
		return;
	}
	watch->last = *sample;
	watch->last_ms = fth_loop_steady_ms();
	watch->samples++;
	if (!watch->before_n) {
		watch->before = *sample;
		watch->before_n = watch->samples;
	}
	if (!watch->host)
		return;
	if (!watch->first_n || fth_health_began_anew(&watch->first, sample)) {
		watch->first = *sample;
		watch->first_n = watch->samples;
		watch->first_ms = watch->last_ms;
	}
	judge_all(watch, false);
}

void fth_health_sampled(void *agent, const char *name, const struct fth_domain_sample *sample,
			const char *why)
{
	struct fth_guest *guest = fth_guest_find(agent, name);
	struct fth_binding *binding, *next;

	for (binding = guest ? guest->bindings : NULL; binding; binding = next) {
		next = binding->next;
		if (!binding->watch || !binding->watch->asked)
			continue;
		binding->watch->asked = false;
		take(binding->watch, sample, why);
	}
}
