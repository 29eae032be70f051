/* SPDX-License-Identifier: GPL-2.0 */
/* What the engine and the loader have to tell the host, told by another task. */
#ifndef FOTHER_GUEST_TELLER_H
#define FOTHER_GUEST_TELLER_H

#include <linux/spinlock.h>
#include <linux/types.h>

#include "engine.h"
#include "incidents.h"
#include "robust.h"

#define FTH_TELLER_NEWS_MAX 32u	  /* that wait */
#define FTH_TELLER_RETRY_MS 1000u /* while the host has no room for an incident */

enum fth_news_kind {
	FTH_NEWS_SETTLED,
	FTH_NEWS_PROGRESS,
	FTH_NEWS_INCIDENT,
	FTH_NEWS_LOAD_FAILED,
};

/**
 * struct fth_news - one thing to tell
 * @kind: enum fth_news_kind
 * @event: of an incident, enum fth_event_kind
 * @now: of SETTLED: where the patch was when it was told of
 * @serial: of SETTLED: its number among all
 * @incident: its number
 * @done: tasks, of PROGRESS
 * @total: tasks, of PROGRESS
 * @settled: of SETTLED; of the others the name, the state and the report
 */
struct fth_news {
	u8 kind;
	u8 event;
	u8 now;
	u64 serial;
	u32 incident;
	u32 done;
	u32 total;
	struct fth_settled settled;
};

/**
 * struct fth_teller - the queue and who works it off
 * @lock: protects @news, @first, @count, @serial; innermost
 * @news: FTH_TELLER_NEWS_MAX of them
 * @first: the oldest
 * @count: of them
 * @serial: of the newest end
 * @full_until_ns: no incident is taken before, fth_clock_now_ns()
 * @lost: ends for which there was no room
 * @one: the one that is being told, @work's; so is @incident
 */
struct fth_teller {
	spinlock_t lock;
	struct fth_news *news;
	u32 first;
	u32 count;
	u64 serial;
	u64 full_until_ns;
	u64 lost;
	struct workqueue_struct *wq;
	struct fth_robust_work work;
	struct fth_news one;
	struct fth_incident incident;
};

/** fth_teller_init() - Return: 0 or -ENOMEM. */
int fth_teller_init(void);

/**
 * fth_teller_flush() - what is being sent has been sent
 *
 * After the ends of the ways to the host, before the engine's: what could not be
 * sent would be asked of the engine again.
 */
void fth_teller_flush(void);

/** fth_teller_exit() - after the ends of engine and loader. */
void fth_teller_exit(void);

/*
 * For the engine's client and the loader.  They copy, and wait for nobody.
 * Context: task, no mutex held.
 */
void fth_teller_settled(const struct fth_settled *settled);
void fth_teller_progress(const char *name, u8 state, u32 done, u32 total);
int fth_teller_incident(const struct fth_incident *incident, u8 kind);

/** fth_teller_load_failed() - the loader's: no patch came of an APPLY. */
void fth_teller_load_failed(const char *name, const struct fth_report *report);

/**
 * fth_teller_serial() - number of the last end there was
 *
 * What is begun after this can only be ended by one with a higher number.
 */
u64 fth_teller_serial(void);

/** fth_teller_send_incident() - now; what has no room is told later.  The sender's context. */
void fth_teller_send_incident(const struct fth_incident *incident, u8 kind);

#endif /* FOTHER_GUEST_TELLER_H */
