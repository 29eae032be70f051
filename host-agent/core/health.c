// SPDX-License-Identifier: GPL-2.0
/*
 * Is a VM healthy, as its hypervisor sees it?
 *
 * DESIGN
 * Numbers only grow while a VM lives, so one that grew proves life, and one that
 * did not proves its absence as far as an idle guest would have made it grow.
 * A guest always runs now and then, so still vCPUs are a failure; it need not do
 * I/O, so a silent disk is inconclusive.
 */
#include "core/health.h"

#include "core/text.h"

static uint8_t unknown(char *ret_why, const char *what)
{
	fth_text_format(ret_why, FTH_HEALTH_WHY_MAX, "the hypervisor does not tell %s", what);
	return FTH_VERDICT_INCONCLUSIVE;
}

static uint8_t judge_state(const struct fth_domain_sample *last, char *ret_why)
{
	if (last->run == FTH_DOMAIN_RUNNING)
		return FTH_VERDICT_PASS;
	fth_text_format(ret_why, FTH_HEALTH_WHY_MAX, "the domain is %s, expected running",
			last->state);
	return last->run == FTH_DOMAIN_BROKEN ? FTH_VERDICT_FAIL : FTH_VERDICT_INCONCLUSIVE;
}

static uint8_t judge_vcpu(const struct fth_policy *policy, const struct fth_health_view *view,
			  char *ret_why)
{
	if (!view->first->has_vcpu || !view->last->has_vcpu)
		return unknown(ret_why, "for how long its vCPUs ran");
	if (view->last->vcpu_ns > view->first->vcpu_ns)
		return FTH_VERDICT_PASS;
	if (!view->is_over)
		return 0;
	if (view->last->run != FTH_DOMAIN_RUNNING)
		return judge_state(view->last, ret_why);
	/* The time that counts is that between two looks, and libvirt may be slow to tell. */
	if (view->waited_ms < policy->health_timeout_ms / 2)
		return unknown(ret_why, "it twice, half of health.timeout apart");
	fth_text_format(ret_why, FTH_HEALTH_WHY_MAX, "none of its vCPUs ran for %u ms",
			view->waited_ms);
	return FTH_VERDICT_FAIL;
}

static uint8_t judge_io(const struct fth_health_view *view, char *ret_why)
{
	if (!view->first->has_io || !view->last->has_io)
		return unknown(ret_why, "what its disks and interfaces did");
	if (view->last->io_requests > view->first->io_requests)
		return FTH_VERDICT_PASS;
	if (!view->is_over)
		return 0;
	fth_text_format(ret_why, FTH_HEALTH_WHY_MAX,
			"its disks and network interfaces did nothing for %u ms", view->waited_ms);
	return FTH_VERDICT_INCONCLUSIVE;
}

/* Growth since the soak began; where that is this very moment, wait for another. */
static uint8_t judge_memory(const struct fth_policy *policy, const struct fth_health_view *view,
			    char *ret_why)
{
	uint64_t before_kib = view->before->rss_kib;
	uint64_t last_kib = view->last->rss_kib;
	uint64_t allowed_kib;

	if (!view->before->has_memory || !view->last->has_memory)
		return unknown(ret_why, "how much memory it occupies");
	if (view->before == view->last)
		return view->is_over ? unknown(ret_why, "it twice in time") : 0;
	allowed_kib = before_kib + (before_kib * policy->memory_growth.value + 9999) / 10000;
	if (last_kib <= allowed_kib)
		return FTH_VERDICT_PASS;
	fth_text_format(ret_why, FTH_HEALTH_WHY_MAX,
			"it occupies %llu KiB of the host, %llu KiB when its soak began; "
			"health.memory-growth allows %llu KiB",
			(unsigned long long)last_kib, (unsigned long long)before_kib,
			(unsigned long long)allowed_kib);
	return FTH_VERDICT_FAIL;
}

uint8_t fth_health_judge(uint8_t check, const struct fth_policy *policy,
			 const struct fth_health_view *view, char *ret_why)
{
	ret_why[0] = 0;
	switch (check) {
	case FTH_CHECK_DOMAIN_STATE:
		return judge_state(view->last, ret_why);
	case FTH_CHECK_VCPU_PROGRESS:
		return judge_vcpu(policy, view, ret_why);
	case FTH_CHECK_IO_PROGRESS:
		return judge_io(view, ret_why);
	case FTH_CHECK_MEMORY:
		return judge_memory(policy, view, ret_why);
	default:
		return unknown(ret_why, "anything of that");
	}
}

bool fth_health_began_anew(const struct fth_domain_sample *first,
			   const struct fth_domain_sample *last)
{
	return (first->has_vcpu && last->has_vcpu && last->vcpu_ns < first->vcpu_ns) ||
	       (first->has_io && last->has_io && last->io_requests < first->io_requests);
}
