// SPDX-License-Identifier: GPL-2.0
/*
 * A libvirt domain at one moment, by libvirt's statistics.
 *
 * DESIGN
 * Only what the hypervisor knows itself is taken: of the balloon its own
 * resident size, none of the guest's numbers.  What a driver does not tell is
 * missing, not zero.
 */
#include "io/libvirt_sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STATS                                                                        \
	(VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BALLOON | \
	 VIR_DOMAIN_STATS_BLOCK | VIR_DOMAIN_STATS_INTERFACE)
#define FIELD_MAX 80

static void take_state(const virDomainStatsRecord *record, struct fth_domain_sample *sample)
{
	static const char *const names[] = {
		[VIR_DOMAIN_NOSTATE] = "in no state that libvirt knows",
		[VIR_DOMAIN_RUNNING] = "running",
		[VIR_DOMAIN_BLOCKED] = "running",
		[VIR_DOMAIN_PAUSED] = "paused",
		[VIR_DOMAIN_SHUTDOWN] = "shutting down",
		[VIR_DOMAIN_SHUTOFF] = "shut off",
		[VIR_DOMAIN_CRASHED] = "crashed",
		[VIR_DOMAIN_PMSUSPENDED] = "suspended",
	};
	int state = VIR_DOMAIN_NOSTATE, reason = 0;

	virTypedParamsGetInt(record->params, record->nparams, "state.state", &state);
	virTypedParamsGetInt(record->params, record->nparams, "state.reason", &reason);
	if (state < 0 || state >= (int)(sizeof(names) / sizeof(*names)))
		state = VIR_DOMAIN_NOSTATE;
	snprintf(sample->state, sizeof(sample->state), "%s", names[state]);
	sample->run = FTH_DOMAIN_HELD;
	if (state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED) {
		sample->run = FTH_DOMAIN_RUNNING;
	} else if (state == VIR_DOMAIN_CRASHED ||
		   (state == VIR_DOMAIN_SHUTOFF && reason == VIR_DOMAIN_SHUTOFF_CRASHED) ||
		   (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_CRASHED)) {
		sample->run = FTH_DOMAIN_BROKEN;
		snprintf(sample->state, sizeof(sample->state), "crashed");
	} else if (state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR) {
		sample->run = FTH_DOMAIN_BROKEN;
		snprintf(sample->state, sizeof(sample->state), "paused by an I/O error");
	}
}

/* The sum of PREFIX.0.SUFFIX … PREFIX.(COUNT-1).SUFFIX; true when one was there. */
static bool add_all(const virDomainStatsRecord *record, const char *prefix, const char *counter,
		    const char *suffix, uint64_t *sum)
{
	char field[FIELD_MAX];
	unsigned int count = 0, i;
	unsigned long long value;
	bool found = false;

	snprintf(field, sizeof(field), "%s.%s", prefix, counter);
	virTypedParamsGetUInt(record->params, record->nparams, field, &count);
	for (i = 0; i < count; i++) {
		snprintf(field, sizeof(field), "%s.%u.%s", prefix, i, suffix);
		if (virTypedParamsGetULLong(record->params, record->nparams, field, &value) != 1)
			continue;
		*sum += value;
		found = true;
	}
	return found;
}

static void take_numbers(const virDomainStatsRecord *record, struct fth_domain_sample *sample)
{
	static const char *const io[][2] = {
		{ "block", "rd.reqs" },
		{ "block", "wr.reqs" },
		{ "net", "rx.pkts" },
		{ "net", "tx.pkts" },
	};
	unsigned long long rss;
	size_t i;

	sample->has_vcpu = add_all(record, "vcpu", "maximum", "time", &sample->vcpu_ns);
	for (i = 0; i < sizeof(io) / sizeof(*io); i++)
		if (add_all(record, io[i][0], "count", io[i][1], &sample->io_requests))
			sample->has_io = true;
	if (virTypedParamsGetULLong(record->params, record->nparams, "balloon.rss", &rss) == 1) {
		sample->has_memory = true;
		sample->rss_kib = rss;
	}
}

int fth_libvirt_sample_take(virDomainPtr domain, struct fth_domain_sample *ret_sample)
{
	virDomainPtr domains[] = { domain, NULL };
	virDomainStatsRecordPtr *records = NULL;
	int count;

	memset(ret_sample, 0, sizeof(*ret_sample));
	count = virDomainListGetStats(domains, STATS, &records,
				      VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);
	if (count != 1) {
		if (count >= 0)
			virDomainStatsRecordListFree(records);
		return -EIO;
	}
	take_state(records[0], ret_sample);
	take_numbers(records[0], ret_sample);
	virDomainStatsRecordListFree(records);
	return 0;
}
