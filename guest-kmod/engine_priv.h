/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's one root structure, and what its files share.
 *
 * DESIGN
 * engine.c takes requests, adopt.c lets patches in, work.c moves them on.
 * Whatever ends a transition happens in the worker (work.c), never in the
 * context that asked; what was reverted is given back by a second worker,
 * because that waits for an RCU-tasks grace period of any length.
 */
#ifndef FOTHER_GUEST_ENGINE_PRIV_H
#define FOTHER_GUEST_ENGINE_PRIV_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "engine.h"
#include "patch.h"
#include "policy.h"
#include "redirect.h"
#include "takeover.h"

#define FTH_ROSTERS_MAX 16u /* retired rosters that still have users */
#define FTH_BACKOFF_MIN_MS 1u
#define FTH_BACKOFF_MAX_MS 100u
#define FTH_PROGRESS_EVERY_MS 500u
#define FTH_RELEASE_MIN_MS 50u	 /* while a task still runs a patch's text, */
#define FTH_RELEASE_MAX_MS 5000u /* doubled each time up to this */
#define FTH_SHOW_OUT_TRIES 100u
#define FTH_EXIT_RETRY_MS 10u
#define FTH_EXIT_STACKS_MS 100u /* doubled each time up to FTH_RELEASE_MAX_MS */

/**
 * struct fth_run - the transition that runs
 * @patch: NULL = none
 * @starting: its files are being made; the worker keeps off
 * @to_new: where it goes
 * @asked_new: where whoever started it wanted to go
 * @flipped: the stragglers of this direction are in the roster
 * @force: end it at the next step
 * @self: nobody asked for the last turn
 * @late: the deadline was missed and nothing was to be done about it
 * @code: enum fth_error of the last turn
 * @why: of the last turn
 * @began_ns: CLOCK_MONOTONIC of the last turn
 * @retry_ns: when stragglers are looked at again
 * @nudge_ns: when they are nudged, 0 = never
 * @progress_ns: when progress may be told again
 * @backoff_ms: until the next retry
 * @slack: for the next flip
 * @total: tasks seen by the last flip
 * @error: of the last flip, or of taking the redirections out
 */
struct fth_run {
	struct fth_patch *patch;
	bool starting;
	bool to_new;
	bool asked_new;
	bool flipped;
	bool force;
	bool self;
	bool late;
	u16 code;
	char why[96];
	u64 began_ns;
	u64 retry_ns;
	u64 nudge_ns;
	u64 progress_ns;
	u32 backoff_ms;
	u32 slack;
	u32 total;
	int error;
};

/**
 * struct fth_expect - the load that the host announced
 * @active: between expect and expect_end
 * @loader: thread group of the loader; 0 = it did not start yet.  Read by the
 *	hook without the lock.
 * @result: -ENOENT until the patch came
 * @report: why it was refused
 */
struct fth_expect {
	bool active;
	pid_t loader;
	int result;
	char name[FTH_NAME_MAX + 1];
	u8 sha256[FTH_SHA256_SIZE];
	struct fth_guest_policy policy;
	struct fth_report report;
};

/**
 * struct fth_engine - everything
 * @lock: protects all below but the redirector's table and the rosters, which
 *	have rules of their own.  Taken before ftrace's, klp_mutex and the CPU
 *	hotplug lock; never held over a client's callback, over removal of sysfs
 *	folders, or over an RCU-tasks grace period.
 * @folders: held while a patch's folder in sysfs is made, or removed together
 *	with its module's last reference.  Never taken under @lock.
 * @armed: patches are let in; read by the hook without the lock
 * @client: who is told
 * @queue: of both workers
 * @work: moves the transition on
 * @release: gives back what was reverted
 * @patches: adopted, oldest first
 * @patch_count: of them
 * @run: the transition
 * @rosters: retired, visits may still be queued
 * @roster_count: of them
 */
struct fth_engine {
	struct mutex lock;
	struct mutex folders;
	bool armed;
	const struct fth_engine_client *client;
	struct workqueue_struct *queue;
	struct delayed_work work;
	struct delayed_work release;
	struct list_head patches;
	u32 patch_count;
	struct fth_run run;
	struct fth_expect expect;
	struct fth_policies policies;
	struct list_head rosters;
	u32 roster_count;
	struct fth_redirector redirector;
	struct fth_takeover takeover;
};

extern struct fth_engine fth_engine;

/** fth_engine_kick() - let the worker look now.  Any context. */
void fth_engine_kick(void);

/** fth_engine_find() - an adopted patch by name, or NULL.  Lock held. */
struct fth_patch *fth_engine_find(const char *name);

/** fth_adopt_wanted() - is a livepatch module of that name ours?  Atomic. */
bool fth_adopt_wanted(const char *name);

/** fth_adopt() - runs instead of klp_enable_patch().  Return: 0 or -errno. */
int fth_adopt(struct klp_patch *klp);

/**
 * fth_work_begin() - a patch that was just let in is to be applied
 *
 * Lock held; no transition runs.  The worker waits for @starting to be cleared.
 */
void fth_work_begin(struct fth_patch *patch);

/**
 * fth_work_turn() - start a transition of @patch, or turn its own round
 * @to_new: where to
 * @self: nobody asked
 * @code: what a turn is reported as
 * @why: one sentence
 *
 * Lock held; the lifecycle allows it; no other patch's transition runs.
 */
void fth_work_turn(struct fth_patch *patch, bool to_new, bool self, u16 code, const char *why);

/** fth_work_run() - the worker: one step of everything that is due. */
void fth_work_run(struct work_struct *work);

/** fth_work_release() - the second worker: give back what was reverted. */
void fth_work_release(struct work_struct *work);

/** fth_work_drop_rosters() - free retired rosters without users.  Lock held. */
void fth_work_drop_rosters(void);

#endif /* FOTHER_GUEST_ENGINE_PRIV_H */
