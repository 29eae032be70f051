/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Livepatch modules that are ours come to us instead of to the in-tree core.
 *
 * DESIGN
 * One ftrace ops sits on klp_enable_patch().  Its handler looks at the patch
 * in the first argument and asks whether it is wanted; if not, the in-tree
 * function runs as if nobody had looked.
 */
#ifndef FOTHER_GUEST_TAKEOVER_H
#define FOTHER_GUEST_TAKEOVER_H

#include <linux/ftrace.h>
#include <linux/types.h>

struct klp_patch;

/**
 * struct fth_takeover - the hook
 * @ops: registered between init and exit
 * @wanted: by the patch's name; preemption is off, RCU watches
 * @adopt: runs instead of klp_enable_patch(), with a reference on this module
 *	that it has to put
 */
struct fth_takeover {
	struct ftrace_ops ops;
	bool (*wanted)(const char *name);
	int (*adopt)(struct klp_patch *klp);
};

/** fth_takeover_init() - hook in; callbacks set.  Return: 0 or -errno. */
int fth_takeover_init(struct fth_takeover *takeover);

/** fth_takeover_exit() - unhook.  Context: sleeps for RCU tasks too. */
void fth_takeover_exit(struct fth_takeover *takeover);

#endif /* FOTHER_GUEST_TAKEOVER_H */
