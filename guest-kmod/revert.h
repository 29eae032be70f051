/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Emergency revert: whatever a patch broke, the guest takes it back.
 *
 * DESIGN
 * Source: DESIGN section 4.  Triggers (revert_hooks.c) run wherever the kernel
 * found its trouble; they look at the patches in force through a table that
 * needs no lock (revert_watch.c), raise an alarm at each patch whose policy names
 * the trigger, write down what is known, and leave a note for the host.  The
 * engine's worker takes the alarms (revert.c), newest patch first, one transition
 * after the other.  An alarm is raised once in a patch's life and never taken
 * back, so no trigger is lost and none counts twice.
 *
 * Nothing here needs userspace.  The memory of a revert comes from the reserves
 * if there is no other: who runs out of memory because of a patch needs it most.
 */
#ifndef FOTHER_GUEST_REVERT_H
#define FOTHER_GUEST_REVERT_H

#include <linux/errno.h>
#include <linux/types.h>

#include "fother/codec.h"

#include "blocks.h"
#include "engine.h"

struct fth_patch;
struct kobject;
struct task_struct;

#define FTH_SYSRQ_KEY_DEFAULT "y"

/* Requests.  Context: task; take the engine's lock, wait for nothing. */

/**
 * fth_revert_request() - somebody wants a patch gone, in emergency
 * @name: the patch
 * @trigger: enum fth_trigger
 * @mode: enum fth_revert_mode; 0 = as its policy says
 * @ret_report: set on error
 *
 * A revert that runs already is joined; IMMEDIATE makes it immediate.
 * Return: 0 it is under way; 1 old code is in force already; -ENOENT no such
 * patch; -EINVAL it is forced.
 */
int fth_revert_request(const char *name, u8 trigger, u8 mode, struct fth_report *ret_report);

/**
 * fth_revert_request_all() - the same for every patch
 * Return: how many are being reverted now.
 */
u32 fth_revert_request_all(u8 trigger, u8 mode);

/** fth_revert_is_coming() - is that patch in force, and its emergency revert to come or running? */
bool fth_revert_is_coming(const char *name);

/**
 * fth_revert_extend() - confirm.within begins anew
 * @extend_ms: with so many ms
 *
 * Nothing is changed for a patch that stays anyway.
 * Return: 0; -ENOENT; -EINVAL with @ret_report.
 */
int fth_revert_extend(const char *name, u32 extend_ms, struct fth_report *ret_report);

/**
 * fth_revert_confirm_left_ms() - until it reverts unless confirmed
 * Context: the engine's lock.  Return: at least 1; 0: it doesn't.
 */
u32 fth_revert_confirm_left_ms(const struct fth_patch *patch);

/** fth_revert_allow() - see fth_blocks_allow(). */
u32 fth_revert_allow(const char *name, const u8 *sha256);

/** fth_revert_blocks() - see fth_blocks_list(). */
u32 fth_revert_blocks(struct fth_block *blocks, u32 max);

/* Triggers. */

/**
 * struct fth_finding - what a trigger found
 * @trigger: enum fth_trigger
 * @task: whose stack is meant; current, or one that is held where it is
 * @ip: where it faulted, 0 = it didn't
 * @trouble: it is told as trouble when no patch wants to be reverted for it
 */
struct fth_finding {
	u8 trigger;
	struct task_struct *task;
	unsigned long ip;
	bool trouble;
};

/**
 * fth_revert_found() - raise the alarms that a finding means, tell the host
 *
 * Context: any, with anything locked.  In an NMI no stack is looked at.
 */
void fth_revert_found(const struct fth_finding *finding);

/** fth_revert_wants() - is there a patch in force whose policy has one of @revert_on? */
bool fth_revert_wants(u32 revert_on);

/** fth_revert_everything() - alarm for all patches, by their modes.  Any context but NMI. */
void fth_revert_everything(u8 trigger);

/* Of revert_text.c. */

/** fth_revert_text_init() - follow the kernel's log.  Return: 0 or -errno. */
int fth_revert_text_init(void);
void fth_revert_text_exit(void);

/**
 * fth_revert_text_take() - the report that this CPU has printed last
 * @text: room for @size; first lines, each with its end; empty: there was none
 *
 * Context: preemption off.
 */
void fth_revert_text_take(char *text, u32 size);

/* For the engine's init and exit. */

/** fth_revert_init() - from here on alarms are raised.  Return: 0 or -errno. */
int fth_revert_init(struct kobject *root, int sysrq_key);

/** fth_revert_exit() - no alarm is raised any more, no file is left. */
void fth_revert_exit(void);

/* Of revert_watch.c, revert_hooks.c and revert_sysfs.c, for the above. */
void fth_revert_watch_init(void);
void fth_revert_watch_exit(void);
int fth_revert_hooks_init(int sysrq_key);
void fth_revert_hooks_exit(void);
int fth_revert_sysfs_init(struct kobject *root);
void fth_revert_sysfs_exit(void);

/* Of the engine's workers and requests. */

/** fth_revert_watch() - from here on triggers look at @patch.  Lock held. */
void fth_revert_watch(struct fth_patch *patch);

/**
 * fth_revert_write_down() - an incident, of an alarm that has none yet
 * @alarm: of @patch
 * @why: one sentence
 *
 * Lock held.  A trigger that comes later with its text fills it in.
 */
void fth_revert_write_down(const struct fth_patch *patch, u64 alarm, const char *why);

/**
 * fth_revert_unwatch() - no trigger looks at it after an RCU grace period
 *
 * Lock held.  An alarm that nobody took is settled: @detail says how.
 */
void fth_revert_unwatch(struct fth_patch *patch, const char *detail);

/**
 * fth_revert_unwatched() - that grace period has passed
 *
 * Lock held.  Settles an alarm of a trigger that had found the patch just before.
 */
void fth_revert_unwatched(struct fth_patch *patch);

/** fth_revert_check() - raise what is due by time.  Lock held. */
void fth_revert_check(void);

/**
 * fth_revert_take() - take one alarm
 * @may_drop: false: nothing that needs the CPUs' help now
 *
 * Lock held.  Return: a patch that the worker has to take out now, beside another
 * patch's transition, as its revert is immediate; or NULL.
 */
struct fth_patch *fth_revert_take(bool may_drop);

/** fth_revert_runs() - is there an alarm that isn't settled?  Lock held. */
bool fth_revert_runs(void);

/**
 * fth_revert_next() - a patch whose alarm is to be taken, before anything new begins
 * Context: the lock.  Return: it, or NULL.
 */
const struct fth_patch *fth_revert_next(void);

/**
 * fth_revert_due_ns() - when fth_revert_check() or _take() has work, CLOCK_MONOTONIC
 * Context: the lock.  Return: 0 = when it is kicked.
 */
u64 fth_revert_due_ns(void);

/** fth_revert_is_alarmed() - is or will it be reverted in emergency?  Any context. */
bool fth_revert_is_alarmed(const struct fth_patch *patch);

/** fth_revert_is_immediate() - shall the way back that runs end now?  The worker. */
bool fth_revert_is_immediate(const struct fth_patch *patch);

/**
 * fth_revert_arm_confirm() - it is in force: confirm.within begins.  Lock held.
 */
void fth_revert_arm_confirm(struct fth_patch *patch);

/**
 * fth_revert_settled() - old code is in force on all tasks
 * @immediate: nobody was looked at
 *
 * Lock held.  Return: number of its incident, 0 = it was no emergency.
 */
u32 fth_revert_settled(struct fth_patch *patch, bool immediate, const char *detail);

/**
 * fth_revert_tell() - hand what is news to the client
 *
 * Context: the worker, no mutex held.
 * Return: false: the client has no room for all of it now.
 */
bool fth_revert_tell(void);

/** fth_revert_is_untold() - is @error of the client's incident() a passing one? */
static inline bool fth_revert_is_untold(int error)
{
	return error == -ENOMEM || error == -ENOBUFS;
}

/** fth_revert_tell_again() - an event was lost on its way.  Context: task. */
void fth_revert_tell_again(u32 number, u8 kind);

#endif /* FOTHER_GUEST_REVERT_H */
