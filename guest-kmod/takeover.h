/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Livepatch modules that are ours come to us instead of to the in-tree core.
 *
 * DESIGN
 * One ftrace ops sits on klp_enable_patch() and klp_get_prev_state().  Its
 * handler looks at the patch in the first one's argument and asks whether it
 * is wanted; if not, the in-tree function runs as if nobody had looked.  The
 * second one is taken over for the task that runs callbacks of ours.
 */
#ifndef FOTHER_GUEST_TAKEOVER_H
#define FOTHER_GUEST_TAKEOVER_H

#include <linux/ftrace.h>
#include <linux/types.h>

struct klp_patch;
struct klp_state;

/**
 * struct fth_takeover - the hook
 * @ops: registered between init and exit
 * @enable_ip: patch site of klp_enable_patch()
 * @wanted: by the patch's name; preemption is off, RCU watches
 * @adopt: runs instead of klp_enable_patch(), with a reference on this module
 *	that it has to put
 * @asked: is current to be answered by us?  As @wanted.
 * @previous: runs instead of klp_get_prev_state() then
 */
struct fth_takeover {
	struct ftrace_ops ops;
	unsigned long enable_ip;
	bool (*wanted)(const char *name);
	int (*adopt)(struct klp_patch *klp);
	bool (*asked)(void);
	struct klp_state *(*previous)(unsigned long id);
};

/** fth_takeover_init() - hook in; callbacks set.  Return: 0 or -errno. */
int fth_takeover_init(struct fth_takeover *takeover);

/** fth_takeover_exit() - unhook.  Context: sleeps for RCU tasks too. */
void fth_takeover_exit(struct fth_takeover *takeover);

#endif /* FOTHER_GUEST_TAKEOVER_H */
