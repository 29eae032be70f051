/* SPDX-License-Identifier: GPL-2.0 */
/* A patch that the engine adopted, and the functions it replaces. */
#ifndef FOTHER_GUEST_PATCH_H
#define FOTHER_GUEST_PATCH_H

#include <linux/kobject.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "engine.h"
#include "redirect.h"
#include "stack.h"
#include "transition.h"

struct klp_func;
struct klp_object;
struct klp_patch;
struct module;

#define FTH_FUNCTIONS_MAX 16384u /* of one patch */
#define FTH_OBJECTS_MAX 256u	 /* of one patch */

/**
 * struct fth_object - vmlinux or a module that a patch changes
 * @klp: the author's structure; NULL where there are only nops
 * @name: the module's; NULL = vmlinux
 * @module: while it is loaded
 * @cold: of its functions; of vmlinux each function has its own
 * @loaded: its functions are resolved
 * @patched: its functions are in the table
 */
struct fth_object {
	struct klp_object *klp;
	const char *name;
	struct module *module;
	struct fth_text cold;
	bool loaded;
	bool patched;
};

/**
 * struct fth_function - one function of a patch
 * @klp: the author's structure; valid while the module is referenced.  NULL =
 *	a nop: the function that older patches replaced is the original again.
 * @name: the old function's
 * @sympos: its position among symbols of one name, 0 = it is the only one
 * @object: index of its object
 * @old_func: what is replaced; [@old_func, + @old_size); while it is loaded
 * @cold: what the compiler moved out of it, of vmlinux only
 * @new_func: the replacement; [@new_func, + @new_size); a nop's is @old_func
 */
struct fth_function {
	struct klp_func *klp;
	const char *name;
	unsigned long sympos;
	u32 object;
	unsigned long old_func;
	unsigned long old_size;
	struct fth_text cold;
	unsigned long new_func;
	unsigned long new_size;
};

/**
 * struct fth_sets - text that a task must leave to switch
 * @old_set: to become NEW: what the calls went to before
 * @new_set: to become OLD: the replacements
 *
 * A task on its way there counts too: preempted in ftrace's trampoline, which
 * returns behind the call in the old function until it is told where else to.
 */
struct fth_sets {
	struct fth_stack_set old_set;
	struct fth_stack_set new_set;
};

struct fth_owned_policy;
struct fth_sysfs_dir;

/* Has an RCU-tasks grace period passed since the patch left the table? */
enum fth_grace {
	FTH_GRACE_NONE = 0,
	FTH_GRACE_ASKED = 1,
	FTH_GRACE_PASSED = 2,
};

/**
 * struct fth_patch - one adopted patch
 * @list: in struct fth_engine, under its lock
 * @klp: the author's structure; valid while the module is referenced
 * @module: referenced
 * @cold: what the compiler moved out of its functions
 * @policy: what it was adopted under; its extend set lies in @owned
 * @owned: the texts of @policy
 * @state: enum fth_lifecycle_state
 * @flags: FTH_PATCH_*
 * @in_force: post-patch has run, pre-unpatch has not; the worker's
 * @settled: its last transition has switched all tasks
 * @out: it was reverted or replaced: its functions are in no table any more
 * @leaving: @out, and its module is looked after until no stack holds its text
 * @grace: enum fth_grace; while @leaving
 * @rcu: of that
 * @release_ns: CLOCK_MONOTONIC, when it is looked at again; while @leaving
 * @release_wait_ms: until the look after that
 * @release_stop_us: how long a look may stop the CPUs; grows while that is too short
 * @farewell: what the client is told when it is gone, if it wasn't told before
 * @object_count: of @objects
 * @count: the author's functions, the first ones
 * @total: those and the nops
 * @redirects: one per function, same order
 * @nop_names: of the nops: the older patches' own go with their modules
 * @sets: of the last transition; replaced with all CPUs stopped in between
 * @stale: the table has changed since they were made
 * @confirm_by_ns: lived time (clock.h), 0 = no limit; while SOAKING
 * @since_ns: lived time, when it was adopted
 * @alarm: its emergency, fth_alarm(); 0 = none.  Set once, in any context
 * @alarm_taken: the worker reverts it for that, or won't
 * @waits_ns: CLOCK_MONOTONIC, since when another patch's transition keeps it waiting
 * @revert_mode: enum fth_revert_mode of that
 * @sysfs: its folder
 */
struct fth_patch {
	struct list_head list;
	struct klp_patch *klp;
	struct module *module;
	struct fth_text cold;
	char name[FTH_NAME_MAX + 1];
	struct fth_guest_policy policy;
	struct fth_owned_policy *owned;
	u8 sha256[FTH_SHA256_SIZE];
	bool has_sha256;
	u8 state;
	u8 flags;
	bool in_force;
	bool settled;
	bool out;
	bool leaving;
	u8 grace;
	struct rcu_head rcu;
	u32 release_wait_ms;
	u32 release_stop_us;
	u64 release_ns;
	struct fth_report farewell;
	u32 object_count;
	struct fth_object *objects;
	u32 count;
	u32 total;
	struct fth_function *functions;
	struct fth_redirect *redirects;
	char *nop_names;
	struct fth_sets *sets;
	bool stale;
	struct fth_lever lever;
	u64 confirm_by_ns;
	u64 since_ns;
	u64 alarm;
	bool alarm_taken;
	u64 waits_ns;
	u8 revert_mode;
	struct fth_sysfs_dir *sysfs;
};

/* An alarm in one word, so that it is raised by one instruction. */
static inline u64 fth_alarm(u32 number, u8 trigger, u8 mode)
{
	return (u64)mode << 40 | (u64)trigger << 32 | number;
}

/* Of struct fth_incident. */
static inline u32 fth_alarm_number(u64 alarm)
{
	return alarm;
}

/* enum fth_trigger */
static inline u8 fth_alarm_trigger(u64 alarm)
{
	return alarm >> 32;
}

/* enum fth_revert_mode; 0 = as the patch's policy says */
static inline u8 fth_alarm_mode(u64 alarm)
{
	return alarm >> 40;
}

/**
 * fth_patch_create() - take over what an author wrote
 * @klp: arguments checked; its module is referenced by the caller
 * @policy: taken on success only
 * @older: the patches it replaces, or NULL
 * @ret_patch: ABSENT, in no list, redirects nothing; no object is resolved
 * @ret_report: set on error
 * Return: 0; -EINVAL; -ENOMEM.
 */
int fth_patch_create(struct klp_patch *klp, struct fth_owned_policy *policy,
		     const struct list_head *older, struct fth_patch **ret_patch,
		     struct fth_report *ret_report);

/** fth_patch_free() - the memory; NULL is fine.  Puts no module. */
void fth_patch_free(struct fth_patch *patch);

/** fth_patch_drop_nops() - forget the nops; none is listed any more. */
void fth_patch_drop_nops(struct fth_patch *patch);

/** fth_patch_want() - all functions of loaded objects shall be (un)listed. */
void fth_patch_want(struct fth_patch *patch, bool wanted);

/**
 * fth_patch_make_sets() - what a task must leave, as the table is now
 * @strict: refuse a function of the extend set that is unknown or ambiguous
 * @ret_sets: for fth_sets_free()
 *
 * The patch's functions are listed.
 * Return: 0; -ENOMEM; -EINVAL, with @strict only.
 */
int fth_patch_make_sets(const struct fth_patch *patch, bool strict, struct fth_sets **ret_sets,
			struct fth_report *ret_report);

/** fth_sets_free() - NULL is fine. */
void fth_sets_free(struct fth_sets *sets);

/** fth_patch_extends() - does its extend set name functions of @module? */
bool fth_patch_extends(const struct fth_patch *patch, const char *module);

/**
 * fth_patch_extend_at() - the name in its extend set whose function is at @where
 *
 * For those of vmlinux; a symbol's address may have several names.
 * Return: the policy's word, or NULL.
 */
const char *fth_patch_extend_at(const struct fth_patch *patch, unsigned long where,
				unsigned long *ret_offset);

/** fth_patch_find_object() - by name, NULL = vmlinux; NULL if it has none. */
struct fth_object *fth_patch_find_object(const struct fth_patch *patch, const char *name);

/** fth_patch_publish() - show state in the author's structures, as in-tree. */
void fth_patch_publish(struct fth_patch *patch, bool transition);

#define fth_patch_for_each_object(patch, object) \
	for (object = (patch)->objects; object < (patch)->objects + (patch)->object_count; object++)

#endif /* FOTHER_GUEST_PATCH_H */
