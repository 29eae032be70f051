/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls of old functions are sent to their replacements.
 *
 * DESIGN
 * One ftrace ops for everything, registered once.  Its filter is edited, so no
 * patch ever waits for the RCU-tasks grace period that an unregistration
 * costs.  One table maps a patch site to its function; it is replaced as a
 * whole, and the handler reads it with preemption off and without a lock.
 * The filter keeps a site of our own: an empty one would mean every function.
 */
#ifndef FOTHER_GUEST_REDIRECT_H
#define FOTHER_GUEST_REDIRECT_H

#include <linux/ftrace.h>
#include <linux/types.h>

#include "transition.h"

#define FTH_REDIRECTS_MAX 65536u /* functions of all patches together */

/**
 * struct fth_redirect - one function
 * @ip: ftrace's patch site in the old function
 * @new_func: where to go
 * @lever: whether to go there
 * @hits: calls that went there, one count per CPU
 * @owner: its patch's name
 */
struct fth_redirect {
	unsigned long ip;
	unsigned long new_func;
	const struct fth_lever *lever;
	u64 __percpu *hits;
	const char *owner;
};

struct fth_redirect_table;

/**
 * struct fth_redirector - the ops and its table
 * @ops: registered between init and exit
 * @table: what the handler reads
 */
struct fth_redirector {
	struct ftrace_ops ops;
	struct fth_redirect_table *table;
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
 * fth_redirector_add() - redirect @count functions
 * @entries: borrowed until removed; their switch says OLD
 * @ret_refused: the one whose site has another owner, on -EBUSY only
 * Return: 0; -EBUSY; -ENOMEM; another -errno of ftrace.  Then all is as before.
 */
int fth_redirector_add(struct fth_redirector *redirector, struct fth_redirect *entries, u32 count,
		       const struct fth_redirect **ret_refused);

/**
 * fth_redirector_remove() - take them out again
 *
 * A task may have been preempted on its way to the replacement: memory and
 * module may be given back only after synchronize_rcu_tasks() and a check of
 * stacks.
 * Return: 0 or -errno of ftrace or -ENOMEM; then nothing was changed.
 */
int fth_redirector_remove(struct fth_redirector *redirector, struct fth_redirect *entries,
			  u32 count);

/** fth_redirector_find() - the entry of a patch site, or NULL. */
const struct fth_redirect *fth_redirector_find(const struct fth_redirector *redirector,
					       unsigned long ip);

/** fth_redirect_hits() - calls that ran the replacement. */
u64 fth_redirect_hits(const struct fth_redirect *entry);

#endif /* FOTHER_GUEST_REDIRECT_H */
