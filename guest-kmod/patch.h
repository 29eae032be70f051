/* SPDX-License-Identifier: GPL-2.0 */
/* A patch that the engine adopted, and the functions it replaces. */
#ifndef FOTHER_GUEST_PATCH_H
#define FOTHER_GUEST_PATCH_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/types.h>

#include "engine.h"
#include "redirect.h"
#include "stack.h"
#include "transition.h"

struct klp_func;
struct klp_patch;
struct module;

#define FTH_FUNCTIONS_MAX 16384u /* of one patch */

/**
 * struct fth_function - one function of a patch, resolved
 * @klp: the author's structure; valid while the module is referenced
 * @name: @klp->old_name
 * @sympos: position among symbols of one name, from 1
 * @old_func: what is replaced; [@old_func, + @old_size)
 * @new_func: the replacement; [@new_func, + @new_size)
 */
struct fth_function {
	struct klp_func *klp;
	const char *name;
	unsigned long sympos;
	unsigned long old_func;
	unsigned long old_size;
	unsigned long new_func;
	unsigned long new_size;
};

struct fth_sysfs_dir;

/* On the way out. */
enum fth_leaving {
	FTH_STAYING = 0,
	FTH_LEAVING = 1,	/* reverted; waits for an RCU-tasks grace period */
	FTH_LEAVING_GRACED = 2, /* waits until no stack holds its text */
};

/**
 * struct fth_patch - one adopted patch
 * @list: in struct fth_engine, under its lock
 * @klp: the author's structure; valid while the module is referenced
 * @module: referenced
 * @policy: what it was adopted under; without an extend set
 * @state: enum fth_lifecycle_state
 * @flags: FTH_PATCH_*
 * @leaving: enum fth_leaving
 * @release_ns: CLOCK_MONOTONIC, when it is looked at again; while GRACED
 * @release_wait_ms: until the look after that
 * @farewell: what the client is told when it is gone
 * @farewell_self: nobody asked for that
 * @count: functions
 * @redirects: one per function, same order
 * @old_set: text that an OLD task may be in; must be left to become NEW
 * @new_set: text that a NEW task may be in; must be left to become OLD
 * @confirm_by_ns: CLOCK_BOOTTIME, 0 = no limit; while SOAKING
 * @sysfs: its folder
 */
struct fth_patch {
	struct list_head list;
	struct klp_patch *klp;
	struct module *module;
	char name[FTH_NAME_MAX + 1];
	struct fth_guest_policy policy;
	u8 sha256[FTH_SHA256_SIZE];
	bool has_sha256;
	u8 state;
	u8 flags;
	u8 leaving;
	u32 release_wait_ms;
	u64 release_ns;
	bool farewell_self;
	struct fth_report farewell;
	u32 count;
	struct fth_function *functions;
	struct fth_redirect *redirects;
	struct fth_stack_set old_set;
	struct fth_stack_set new_set;
	struct fth_lever lever;
	u64 confirm_by_ns;
	struct fth_sysfs_dir *sysfs;
};

/**
 * fth_patch_create() - resolve what an author wrote into a patch
 * @klp: arguments checked; its module is referenced by the caller
 * @ret_patch: ABSENT, in no list, redirects nothing
 * @ret_report: set on error
 * Return: 0; -EINVAL; -EOPNOTSUPP; -ENOMEM.
 */
int fth_patch_create(struct klp_patch *klp, struct fth_patch **ret_patch,
		     struct fth_report *ret_report);

/** fth_patch_free() - the memory; NULL is fine.  Puts no module. */
void fth_patch_free(struct fth_patch *patch);

/** fth_patch_publish() - show state in the author's structures, as in-tree. */
void fth_patch_publish(struct fth_patch *patch, bool patched, bool transition);

#endif /* FOTHER_GUEST_PATCH_H */
