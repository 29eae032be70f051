/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine as the rest of the module sees it: patches, transitions, policy.
 *
 * DESIGN
 * Requests come from dispatch (the host) and from sysfs (a person in the
 * guest); adoption comes from a module's init through klp_enable_patch().
 * Nothing here sends a byte: what happened is told to the one client.  A
 * request returns when the transition was started, not when it ended; the end
 * is an event.  All functions may sleep and take the engine's mutex unless
 * said otherwise; client callbacks run in the engine's workers without it.  None
 * of them waits for a transition, a callback or a freeze.
 */
#ifndef FOTHER_GUEST_ENGINE_H
#define FOTHER_GUEST_ENGINE_H

#include <linux/types.h>

#include "fother/codec.h"
#include "fother/consistency.h"
#include "fother/errors.h"
#include "fother/lifecycle.h"

#define FTH_ENGINE_VERSION "0.1"

/**
 * struct fth_report - why a request was refused or a transition ended
 * @code: enum fth_error
 * @detail: one line: operation, subject, found against expected, next step
 */
struct fth_report {
	u16 code;
	char detail[FTH_DETAIL_MAX];
};

/** fth_report_set() - fill a report; Return: @error, for `return ...`. */
__printf(4, 5) int fth_report_set(struct fth_report *report, u16 code, int error,
				  const char *format, ...);

/* A patch as listed; a copy, nothing borrowed. */
struct fth_engine_patch {
	char name[FTH_NAME_MAX + 1];
	u8 sha256[FTH_SHA256_SIZE];
	bool has_sha256;
	u8 state;    /* enum fth_lifecycle_state */
	u8 flags;    /* FTH_PATCH_* */
	u8 leave;    /* enum fth_leave */
	u8 switches; /* enum fth_switch */
	u32 functions;
	u32 pending;	     /* tasks that hold its transition up */
	u32 confirm_left_ms; /* until it reverts unless confirmed; 0: it doesn't */
	u64 hits;
};

/* A straggler as listed; a copy. */
struct fth_engine_straggler {
	u32 pid;
	u32 since_ms;
	char comm[16];
	char where[128];
	char next[64];
};

struct fth_incident;

/**
 * struct fth_settled - how a transition ended
 * @name: of the patch
 * @state: SOAKING or APPLIED when it is in force now; ABSENT when old code is in
 *	force on all tasks, though its module's text may be in use for a while;
 *	STAGED after a forced end, as its module stays
 * @self: nobody asked for the last turn (a deadline, an emergency)
 * @replaced: another patch took its place, some time before this is told; another
 *	one of this name may have been asked for meanwhile
 * @incident: number of the emergency that reverted it, 0 = none
 * @report: the code is OK as asked, DEADLINE or REVERSED when it turned round;
 *	the detail says who did it
 */
struct fth_settled {
	char name[FTH_NAME_MAX + 1];
	u8 state;
	bool self;
	bool replaced;
	u32 incident;
	struct fth_report report;
};

/**
 * struct fth_engine_client - who is told what happened
 * @settled: a transition ended
 * @released: its module is not referenced any more and no task runs its text: it
 *	may be unloaded
 * @progress: tasks switched so far; at most twice a second
 * @incident: an emergency has begun (TRIGGERED) or is over (REVERTED), or
 *	something went wrong for which nothing is reverted (TROUBLE).  Return: 0;
 *	-ENOMEM, -ENOBUFS: it could not be told now; else there is nobody to tell
 * @note: the same at once, out of an oops or a panic: any context but NMI, with
 *	anything locked.  Return: 0 it was handed to the host.
 * @heard_ns: lived time (clock.h) when the host was heard of last, 0 = never
 */
struct fth_engine_client {
	void (*settled)(const struct fth_settled *settled);
	void (*released)(const char *name);
	void (*progress)(const char *name, u8 state, u32 done, u32 total);
	int (*incident)(const struct fth_incident *incident, u8 kind);
	int (*note)(const struct fth_msg_event *event);
	u64 (*heard_ns)(void);
};

/* What module parameters say. */
struct fth_engine_options {
	const char *block; /* fth_blocks_init() */
	int sysrq_key;	   /* 0 = none */
};

/**
 * fth_engine_init() - look symbols up, hook klp_enable_patch(), make sysfs
 * @client: outlives the engine
 * @options: borrowed for the call
 * Return: 0 or -errno; then the kernel is as it was.
 */
int fth_engine_init(const struct fth_engine_client *client,
		    const struct fth_engine_options *options);

/**
 * fth_engine_arm() - from here on patches are let in
 *
 * Once nothing can fail any more: a patch can't be adopted by a module whose
 * init fails.
 */
void fth_engine_arm(void);

/**
 * fth_engine_exit() - undo fth_engine_init()
 *
 * Only with no patch adopted (each one holds a reference on this module).
 * Returns when no task's stack holds this module's text.
 */
void fth_engine_exit(void);

/** fth_engine_capabilities() - FTH_CAP_* of this engine on this kernel. */
u64 fth_engine_capabilities(void);

/**
 * fth_engine_check() - would this policy be accepted?
 * @policy: decoded, not yet checked
 * @ret_report: set on error
 * Return: 0; -EINVAL out of range; -EOPNOTSUPP when a capability is missing.
 */
int fth_engine_check(const struct fth_guest_policy *policy, struct fth_report *ret_report);

/**
 * fth_engine_expect() - the module @name is about to be loaded for the host
 * @name: the only patch that may come from the loader
 * @policy: copied, extend_set too
 * @sha256: of its file, FTH_SHA256_SIZE bytes; copied
 * @ret_report: set on error
 *
 * From here to fth_engine_expect_end() a livepatch module that the loader
 * (fth_engine_expect_loader()) brings is ours whatever a policy says: adopted
 * when its name is @name, refused otherwise.  So is one of that name, whoever
 * brings it: the loader may be a script that has others do it.
 * Return: 0; -EBUSY not armed, a transition runs or another load is expected;
 * -EEXIST it is adopted already; -EPERM it is blocked; as fth_engine_check().
 */
int fth_engine_expect(const char *name, const struct fth_guest_policy *policy, const u8 *sha256,
		      struct fth_report *ret_report);

/** fth_engine_expect_loader() - current is the loader (umh init, no sleep). */
void fth_engine_expect_loader(void);

/**
 * fth_engine_expect_end() - the loader ended
 * @ret_report: why the engine refused, when it did
 * Return: 0 the patch was adopted and its transition started; -ENOENT the
 * loader never reached klp_enable_patch(); else what the adoption returned.
 */
int fth_engine_expect_end(struct fth_report *ret_report);

/**
 * fth_engine_enable() - take a patch back, or turn its revert round
 * @name: the patch
 * @enable: where to: true is back to the replacements
 * @ret_report: set on error
 *
 * The direction is asked for, not a turn: asking twice never undoes it.
 * Return: 0 started; 1 it is reverted, only its module is still held; -EALREADY it
 * is there or on its way there; -ENOENT no such patch; -EBUSY another patch's
 * transition runs; -EPERM it is reverted in emergency; -EINVAL not possible in its
 * state (it is forced, or gone but for its module).
 */
int fth_engine_enable(const char *name, bool enable, struct fth_report *ret_report);

/** fth_engine_state() - Return: enum fth_lifecycle_state, ABSENT where only its module is left. */
u8 fth_engine_state(const char *name);

/** fth_engine_is_leaving() - is old code in force, and only its module still in use? */
bool fth_engine_is_leaving(const char *name);

/**
 * fth_engine_holds() - is its patch of that name made from this payload?
 * @name: of the patch
 * @sha256: of the payload's file, FTH_SHA256_SIZE bytes
 * Return: true, also while only its module is left; false for another payload, and for
 * one that no host sent; *@ret_other then says whether there is such a patch.
 */
bool fth_engine_holds(const char *name, const u8 *sha256, bool *ret_other);

/** fth_engine_confirm() - SOAKING → APPLIED; idempotent when APPLIED. */
int fth_engine_confirm(const char *name, struct fth_report *ret_report);

/** fth_engine_nudge() - nudge every straggler of its transition now. */
int fth_engine_nudge(const char *name, struct fth_report *ret_report);

/** fth_engine_force() - end its transition against the rules, pin it. */
int fth_engine_force(const char *name, struct fth_report *ret_report);

/**
 * fth_engine_list() - adopted patches, but those that are only being released
 * @patches: room for @max
 * Return: how many were written.
 */
u32 fth_engine_list(struct fth_engine_patch *patches, u32 max);

/**
 * fth_engine_stragglers() - tasks that hold the running transition up
 * @stragglers: room for @max
 * @ret_total: all of them; may be more than fit
 * Return: how many were written; 0 with no transition.
 */
u32 fth_engine_stragglers(struct fth_engine_straggler *stragglers, u32 max, u32 *ret_total);

#endif /* FOTHER_GUEST_ENGINE_H */
