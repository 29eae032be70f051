/* SPDX-License-Identifier: GPL-2.0 */
/* Health gates: the checks that rollouts ask for, made and told. */
#ifndef FTH_APP_HEALTH_H
#define FTH_APP_HEALTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core/health.h"
#include "core/rollout.h"

struct fth_agent;
struct fth_fetch;
struct fth_fetch_end;
struct fth_fetcher;
struct fth_guest;
struct fth_live;
struct fth_process;
struct fth_process_end;
struct fth_timer;

#define FTH_HEALTH_RUNNING_MAX 64u  /* programs and GETs of all rollouts at a time */
#define FTH_HEALTH_SAMPLING_MAX 64u /* VMs whose hypervisor is asked at a time */
#define FTH_HEALTH_SAMPLE_MS 250u   /* between two looks at a VM */
#define FTH_HEALTH_HELD_MS 250u	    /* the same at killed programs, whether they died */
#define FTH_HEALTH_WORD_MAX 1024u   /* bytes of a program's argument, all filled in */
#define FTH_HEALTH_URL_MAX 4096u    /* the same of a URL */

/**
 * struct fth_watch - the checks of one VM in one rollout, or of its wave
 * @guest: NULL: the wave's
 * @round: as fth_rollout_checks() gave it
 * @begun: set of checks under way, or waiting for their turn
 * @waiting: those of @begun that wait for their turn
 * @host: those of @begun for which samples are taken
 * @held_ms: on the steady clock: since when a program of it waits for killed ones to die;
 *	0: it doesn't
 * @asked: a sample is on its way
 * @samples: taken so far; @before_n, @first_n: number of that one, 0 = none
 * @before: at the begin of its soak, or the first that there is
 * @first: of this round
 * @first_ms, @last_ms, @until_ms: on the steady clock: of @first, @last; end of this round
 * @why: why the last sample is missing
 */
struct fth_watch {
	TAILQ_ENTRY(fth_watch) queue;
	TAILQ_ENTRY(fth_watch) sampling;
	struct fth_live *live;
	struct fth_guest *guest;
	uint32_t vm_index;
	uint64_t round;
	uint32_t begun;
	uint32_t waiting;
	uint32_t host;
	uint64_t held_ms;
	bool queued;
	bool asked;
	uint32_t samples;
	uint32_t before_n;
	uint32_t first_n;
	uint64_t first_ms;
	uint64_t last_ms;
	uint64_t until_ms;
	struct fth_domain_sample before;
	struct fth_domain_sample first;
	struct fth_domain_sample last;
	char why[FTH_HEALTH_WHY_MAX];
	struct fth_process *process;
	struct fth_fetch *fetch;
};

TAILQ_HEAD(fth_watches, fth_watch);

/**
 * struct fth_health - the agent's checks
 * @fetcher: made when it is needed first
 * @queue: watches with checks that wait for their turn
 * @sampling: watches with @host checks
 * @running: programs and GETs
 */
struct fth_health {
	struct fth_agent *agent;
	struct fth_fetcher *fetcher;
	struct fth_timer *timer;
	struct fth_watches queue;
	struct fth_watches sampling;
	uint32_t sampling_count;
	uint32_t running;
};

/** fth_health_new() - Return: 0 or -ENOMEM. */
int fth_health_new(struct fth_agent *agent, struct fth_health **ret_health);

/** fth_health_free() - after all watches were dropped; NULL is fine. */
void fth_health_free(struct fth_health *health);

/**
 * fth_health_look() - a rollout's checks may have changed
 * @vm_index: or FTH_ROLLOUT_WAVE
 *
 * Starts what is due, drops what is not wanted any more.  Gives no event before
 * the next turn of the loop.
 */
void fth_health_look(struct fth_live *live, uint32_t vm_index);

/** fth_health_find() - the watch of that round, or NULL: any verdict may have ended it */
struct fth_watch *fth_health_find(struct fth_live *live, uint32_t vm_index, uint64_t round);

/** fth_health_drop() - end all of a watch's checks; NULL is fine. */
void fth_health_drop(struct fth_watch *watch);

/** fth_health_sampled() - an inventory's hook. */
void fth_health_sampled(void *agent, const char *name, const struct fth_domain_sample *sample,
			const char *why);

/**
 * fth_health_conclude() - a check has its verdict
 * @why: for people, or ""
 *
 * The watch may be gone afterwards.
 */
void fth_health_conclude(struct fth_watch *watch, uint8_t check, uint8_t verdict, const char *why);

/* health_host.c: by the hypervisor */

/** fth_health_sample() - ask for a sample, unless one is on its way. */
void fth_health_sample(struct fth_watch *watch);

/** fth_health_begin_host() - take samples for all of @checks. */
void fth_health_begin_host(struct fth_watch *watch, uint32_t checks);

/** fth_health_end_host() - take none any more. */
void fth_health_end_host(struct fth_watch *watch);

/** fth_health_sample_all() - one more look at all that are sampled. */
void fth_health_sample_all(struct fth_health *health);

/* health_probe.c: by the operator's programs and servers */

/**
 * fth_health_begin_probe() - run one
 * @check: FTH_CHECK_COMMAND, _HTTP, _WAVE_COMMAND or _WAVE_HTTP
 * @ret_why: FTH_HEALTH_WHY_MAX bytes, set on error
 * Return: 0, or -errno: it can't be run.
 */
int fth_health_begin_probe(struct fth_watch *watch, uint8_t check, char *ret_why);

#endif /* FTH_APP_HEALTH_H */
