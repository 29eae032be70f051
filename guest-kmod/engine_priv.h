/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine's one root structure, and what its files share.
 *
 * DESIGN
 * engine.c takes requests, status.c tells how things stand, adopt.c lets
 * patches in, work.c moves them on and lets them out, modules.c follows modules
 * that come and go.  A request changes what is wanted, under the lock, and
 * returns; whatever moves a patch is done under the mutex for moves, which may
 * be held over callbacks, stops of all CPUs and freezes.  So status and the
 * host's channel never wait for a transition.
 */
#ifndef FOTHER_GUEST_ENGINE_PRIV_H
#define FOTHER_GUEST_ENGINE_PRIV_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "advance.h"
#include "engine.h"
#include "patch.h"
#include "policy.h"
#include "redirect.h"
#include "takeover.h"

#define FTH_PROGRESS_EVERY_MS 500u
#define FTH_RELEASE_MIN_MS 50u	 /* while a task still runs a patch's text, */
#define FTH_RELEASE_MAX_MS 5000u /* doubled each time up to this */
#define FTH_EXIT_RETRY_MS 10u
#define FTH_EXIT_STACKS_MS 100u /* doubled each time up to FTH_RELEASE_MAX_MS */
#define FTH_SETS_RETRY_MS 100u	/* while there is no memory for them */

/**
 * struct fth_run - the transition that runs
 * @patch: NULL = none; set with the lock, and @turned with it; cleared with both
 * @to_new: where it is wanted
 * @asked_new: where whoever started it wanted to go
 * @turned: @to_new is news to the worker
 * @begun: @advance is of this transition
 * @ended: the end of one is being carried out; a turn is another transition,
 *	of @patch or of another
 * @immediate: it ends at this step, with nobody looked at; the worker's
 * @force: end it at the next step
 * @nudge: nudge at the next step
 * @self: nobody asked for the last turn
 * @code: enum fth_error of the last turn
 * @why: of the last turn
 * @progress_ns: when progress may be told again; the worker's
 * @advance: the worker's; others may look at it under the lock
 */
struct fth_run {
	struct fth_patch *patch;
	bool to_new;
	bool asked_new;
	bool turned;
	bool begun;
	bool ended;
	bool immediate;
	bool force;
	bool nudge;
	bool self;
	u16 code;
	char why[FTH_WHY_MAX];
	u64 progress_ns;
	struct fth_advance advance;
};

/**
 * struct fth_expect - the load that the host announced
 * @active: between expect and expect_end
 * @serial: of this load, the first is 1; a patch that came for one is not the next one's
 * @loader: thread group of the loader; 0 = it did not start yet.  Read by the
 *	hook without the lock.
 * @result: -ENOENT until the patch came
 * @policy: while @active
 * @report: why it was refused
 */
struct fth_expect {
	bool active;
	u64 serial;
	pid_t loader;
	int result;
	char name[FTH_NAME_MAX + 1];
	u8 sha256[FTH_SHA256_SIZE];
	struct fth_owned_policy *policy;
	struct fth_report report;
};

/**
 * struct fth_engine - everything
 * @moves: whoever lets a patch in or out, switches tasks, or edits the table.
 *	Taken before @lock, ftrace's, klp_mutex and the CPU hotplug lock; held over
 *	authors' callbacks, so those can't load a module that is patched (as
 *	in-tree); never taken by a request or to show status.
 * @lock: protects all below but the redirector's table and the rosters, which
 *	have rules of their own; the patches' lists and states are changed with
 *	both.  Never held over anything that waits for others.
 * @members: taken inside @lock to change who is in @patches and @entering, and
 *	alone by any module that comes or goes: nothing can go wrong under it
 * @armed: patches are let in; read by the hook without the lock
 * @client: who is told, without any mutex
 * @queue: of both workers
 * @work: moves the transition on
 * @release: gives back what was reverted
 * @patches: adopted, oldest first
 * @patch_count: of them
 * @entering: is being let in, not in @patches yet; a module's coming asks
 * @run: the transition
 * @rosters: retired, visits may still be queued, or handlers look at them
 * @roster_count: of them
 * @modules: of modules that come and go
 */
struct fth_engine {
	struct mutex moves;
	struct mutex lock;
	spinlock_t members;
	bool armed;
	const struct fth_engine_client *client;
	struct workqueue_struct *queue;
	struct delayed_work work;
	struct delayed_work release;
	struct list_head patches;
	u32 patch_count;
	struct fth_patch *entering;
	struct fth_run run;
	struct fth_expect expect;
	struct fth_policies policies;
	struct list_head rosters;
	u32 roster_count;
	struct fth_redirector redirector;
	struct fth_takeover takeover;
	struct notifier_block modules;
};

extern struct fth_engine fth_engine;

/** fth_engine_kick() - let the worker look now.  Any context. */
void fth_engine_kick(void);

/**
 * fth_engine_busy() - the patch whose transition keeps others off, or NULL
 *
 * One whose end is being carried out keeps nobody off: what is asked for
 * meanwhile comes next.  Lock held.
 */
struct fth_patch *fth_engine_busy(void);

/** fth_engine_find() - an adopted patch by name, or NULL.  Lock held. */
struct fth_patch *fth_engine_find(const char *name);

/** fth_adopt_wanted() - is a livepatch module of that name ours?  Atomic. */
bool fth_adopt_wanted(const char *name);

/** fth_adopt() - runs instead of klp_enable_patch().  Return: 0 or -errno. */
int fth_adopt(struct klp_patch *klp);

/**
 * fth_adopt_redirect() - list the wanted functions of @patch
 *
 * Moves held.  Return: 0; -EBUSY and the owner's name in @ret_report; -errno.
 */
int fth_adopt_redirect(struct fth_patch *patch, struct fth_report *ret_report);

/**
 * fth_work_begin() - a patch that was just let in is to be applied
 *
 * Both mutexes held; no transition runs.
 */
void fth_work_begin(struct fth_patch *patch);

/**
 * fth_work_turn() - ask for a transition of @patch, or turn its own round
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

/** fth_work_release() - the second worker: give back what was taken out. */
void fth_work_release(struct work_struct *work);

/** fth_work_drop_rosters() - free retired rosters that nobody uses.  Lock held. */
void fth_work_drop_rosters(void);

/**
 * fth_work_renew_sets() - the table has changed under the running transition
 *
 * Moves held.  Return: 0; -ENOMEM, -EINVAL; then the old ones are still there.
 */
int fth_work_renew_sets(struct fth_patch *patch, struct fth_report *ret_report);

/** fth_modules_init() - follow modules.  Return: 0 or -errno. */
int fth_modules_init(void);

/** fth_modules_exit() - no notification runs when it returns. */
void fth_modules_exit(void);

#endif /* FOTHER_GUEST_ENGINE_PRIV_H */
