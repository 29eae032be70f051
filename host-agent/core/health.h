/* SPDX-License-Identifier: GPL-2.0 */
/* Is a VM healthy, as its hypervisor sees it?  The guest is not asked. */
#ifndef FTH_CORE_HEALTH_H
#define FTH_CORE_HEALTH_H

#include "core/policy.h"

#define FTH_HEALTH_WHY_MAX 160u

enum fth_domain_run {
	FTH_DOMAIN_RUNNING = 1,
	FTH_DOMAIN_HELD = 2,   /* paused, suspended, shut off: nobody's fault */
	FTH_DOMAIN_BROKEN = 3, /* crashed, or stopped by an error of its disks */
};

/**
 * struct fth_domain_sample - a VM at one moment
 * @run: enum fth_domain_run
 * @state: the same as a word for people
 * @has_vcpu, @has_io, @has_memory: the hypervisor said the number
 * @vcpu_ns: time that its vCPUs ran, all together
 * @io_requests: requests of its disks, and packets of its network interfaces
 * @rss_kib: memory of the host that it occupies
 */
struct fth_domain_sample {
	uint8_t run;
	bool has_vcpu;
	bool has_io;
	bool has_memory;
	char state[32];
	uint64_t vcpu_ns;
	uint64_t io_requests;
	uint64_t rss_kib;
};

/**
 * struct fth_health_view - what a verdict is based on
 * @before: when the soak began, or as near to it as the agent has it
 * @first: first of this round
 * @last: newest; may be the same as @first
 * @is_over: the round's time is over: there is no later one
 * @waited_ms: from @first to @last
 */
struct fth_health_view {
	const struct fth_domain_sample *before;
	const struct fth_domain_sample *first;
	const struct fth_domain_sample *last;
	bool is_over;
	uint32_t waited_ms;
};

/**
 * fth_health_judge() - one of health.host
 * @check: one of FTH_CHECKS_OF_HOST
 * @policy: for its limits
 * @view: what was seen
 * @ret_why: FTH_HEALTH_WHY_MAX bytes, set with a verdict that is no pass
 * Return: enum fth_verdict; 0: look again later, never where @is_over.
 */
uint8_t fth_health_judge(uint8_t check, const struct fth_policy *policy,
			 const struct fth_health_view *view, char *ret_why);

/**
 * fth_health_began_anew() - do the numbers of @last begin later than @first?
 *
 * They do where the domain was started, or restored, in between: then @last is
 * the new first one.
 */
bool fth_health_began_anew(const struct fth_domain_sample *first,
			   const struct fth_domain_sample *last);

#endif /* FTH_CORE_HEALTH_H */
