/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of old functions are sent to their replacements.
 *
 * DESIGN
 * One ftrace ops for everything, registered once.  Its filter is edited, so no
 * patch ever waits for the RCU-tasks grace period that an unregistration
 * costs.  One table maps a patch site to the newest of its entries, one for
 * each patch that replaces the function; the first one whose lever says NEW
 * decides.  Entries come in with a table that is a copy; they go out in place,
 * with all CPUs stopped, which needs no memory and so can't fail.  The handler
 * reads with preemption off and without a lock.
 * The filter keeps a site of our own: an empty one would mean every function.
 * A site that ftrace has no memory to take out of the filter is a stray: calls
 * there go where they always went, only slower.  Every edit tries again, and so
 * must whoever lets a module go: a filter must not name sites that are gone.
 */
#ifndef FOTHER_GUEST_REDIRECT_H
#define FOTHER_GUEST_REDIRECT_H

#include <linux/ftrace.h>
#include <linux/types.h>

#include "transition.h"

struct module;

#define FTH_REDIRECTS_MAX 65536u /* different functions of all patches together */

/**
 * struct fth_redirect - one function of one patch
 * @ip: ftrace's patch site in the old function; 0 = its module is not loaded
 * @new_func: where to go; 0 = a nop: NEW means the original function, whatever
 *	older patches say
 * @lever: whether to go there
 * @next: the same site's entry of the patch before, or NULL
 * @hits: calls that went there, one count per CPU; NULL for a nop
 * @owner: its patch's name
 * @wanted: it shall be in the table
 * @listed: it is in the table
 */
struct fth_redirect {
	unsigned long ip;
	unsigned long new_func;
	const struct fth_lever *lever;
	struct fth_redirect *next;
	u64 __percpu *hits;
	const char *owner;
	bool wanted;
	bool listed;
};

struct fth_redirect_table;

/**
 * struct fth_redirector - the ops and its table
 * @ops: registered between init and exit
 * @table: what the handler reads
 * @retired: the table before, which a handler may read until the CPUs are
 *	stopped again; or NULL
 * @sites: of an edit of the filter; room for all of the table: a way back can't
 *	ask for memory
 * @room: in @sites
 * @strays: the first ones of @sites, in no table
 */
struct fth_redirector {
	struct ftrace_ops ops;
	struct fth_redirect_table *table;
	struct fth_redirect_table *retired;
	unsigned long *sites;
	u32 room;
	u32 strays;
};

/** fth_redirector_init() - register the ops.  Return: 0 or -errno. */
int fth_redirector_init(struct fth_redirector *redirector);

/**
 * fth_redirector_exit() - unregister it; its table must be empty
 *
 * Context: sleeps, for an RCU-tasks grace period too.
 */
void fth_redirector_exit(struct fth_redirector *redirector);

/**
 * fth_redirector_add() - list the wanted ones of @count entries
 * @entries: borrowed until swept; those with @wanted and not @listed go on top
 *	of their site's, in order; their levers say OLD
 * @ret_refused: the one whose site has another owner, on -EBUSY only
 *
 * Context: sleeps; one edit at a time.
 * Return: 0; -EBUSY; -ENOMEM, also while there are strays; -ENOSPC more than
 * FTH_REDIRECTS_MAX; another -errno of ftrace.  On an error all is as before and
 * none of those is wanted.
 */
int fth_redirector_add(struct fth_redirector *redirector, struct fth_redirect *entries, u32 count,
		       const struct fth_redirect **ret_refused);

/**
 * fth_redirector_sweep() - take out every entry that is not wanted any more
 *
 * Whatever entry decided for a call before it was taken out must be the one
 * that decides after, but for levers that say OLD.  When it returns no handler
 * sees those entries.  A task may have been preempted on its way to a
 * replacement: memory of its text may be given back only after a check of
 * stacks that knows the patch sites.
 * Context: sleeps; one edit at a time.
 */
void fth_redirector_sweep(struct fth_redirector *redirector);

/**
 * fth_redirector_let_go() - no stray is left in a module
 * @module: goes when this says so; no patch has a function of it in the table
 *
 * Context: sleeps; one edit at a time.
 * Return: 0; -ENOMEM some are, ask again.
 */
int fth_redirector_let_go(struct fth_redirector *redirector, const struct module *module);

/** fth_redirector_has_strays() - any at all, just now?  Any context. */
bool fth_redirector_has_strays(const struct fth_redirector *redirector);

/** fth_redirector_top() - the newest entry of a patch site, or NULL. */
struct fth_redirect *fth_redirector_top(const struct fth_redirector *redirector, unsigned long ip);

/** fth_redirect_hits() - calls that ran the replacement; 0 for a nop. */
u64 fth_redirect_hits(const struct fth_redirect *entry);

#endif /* FOTHER_GUEST_REDIRECT_H */
