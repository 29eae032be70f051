/* SPDX-License-Identifier: GPL-2.0 */
/* Commands of the host → engine and stage; their answers → link. */
#ifndef FOTHER_GUEST_DISPATCH_H
#define FOTHER_GUEST_DISPATCH_H

#include <linux/types.h>

#include "fother/codec.h"

#include "blocks.h"
#include "engine.h"
#include "incidents.h"
#include "ops.h"
#include "robust.h"
#include "stage.h"

/**
 * struct fth_answer - room to build one message; too large for a stack
 */
struct fth_answer {
	struct fth_msg msg;
	struct fth_engine_patch patches[FTH_PATCHES_MAX];
	struct fth_engine_straggler stragglers[FTH_STRAGGLERS_MAX];
	struct fth_stage_entry staged[FTH_STAGE_PAYLOADS_MAX];
	struct fth_block blocks[FTH_BLOCKS_MAX];
};

/**
 * struct fth_dispatch - what the host asks for
 * @ops: what is remembered of its commands
 * @under_way: op id of the command that is being carried out, 0 = none; the
 *	receiving side's
 * @incident: the one that is being told again; the receiving side's
 * @reply_lock: protects @answer while it is filled and sent
 */
struct fth_dispatch {
	struct fth_ops ops;
	u64 under_way;
	struct fth_incident incident;
	struct fth_robust_mutex reply_lock;
	struct fth_answer *answer;
};

/** fth_dispatch_init() - Return: 0 or -ENOMEM. */
int fth_dispatch_init(void);

/** fth_dispatch_exit() - after the ends of channel, loader and engine. */
void fth_dispatch_exit(void);

/* For fth_engine_init(). */
extern const struct fth_engine_client fth_dispatch_client;

/*
 * Called by link, one at a time, with a message that is borrowed.  None waits
 * for a transition, a loader or the host.
 */
void fth_dispatch_hello(const struct fth_msg *msg);
void fth_dispatch_new_session(void);
void fth_dispatch_message(const struct fth_msg *msg);
void fth_dispatch_malformed(u64 op_id, const char *why);

/** fth_dispatch_renew() - who carried a command out has died.  With link.receive_lock. */
void fth_dispatch_renew(void);

/*
 * Called by the teller, one at a time.
 * @now: where the patch was when the end was told of
 * @serial: fth_teller_serial() then
 */
void fth_dispatch_settled(const struct fth_settled *settled, u8 now, u64 serial);
void fth_dispatch_progress(const char *name, u8 state, u32 done, u32 total);
void fth_dispatch_load_failed(const char *name, const struct fth_report *report);

/* Of dispatch_answer.c: messages to the host.  They may sleep, not long. */

/** fth_dispatch_send_result() - @with_stragglers: list who holds things up. */
void fth_dispatch_send_result(u64 op_id, const struct fth_report *report, bool with_stragglers);
void fth_dispatch_send_progress(u64 op_id, const char *name, u8 state, u32 done, u32 total);
void fth_dispatch_send_event(u8 kind, const char *name, u8 state, const char *detail);
int fth_dispatch_send_incident(const struct fth_incident *incident, u8 kind);
void fth_dispatch_send_heartbeat(u64 op_id);
void fth_dispatch_send_hello_ack(u64 epoch);

/**
 * fth_dispatch_engine_state() - where a patch is that the engine has, or ABSENT
 *
 * Context: task; takes no lock of the way to the host.
 */
u8 fth_dispatch_engine_state(const char *name);

/**
 * fth_dispatch_patch_state() - where a patch is
 * @name: of the patch
 * Return: enum fth_lifecycle_state as the host is told.
 */
u8 fth_dispatch_patch_state(const char *name);

/**
 * fth_dispatch_has_other() - is what has that name here another payload?
 * @name: of the patch
 * @sha256: of the payload that is meant, FTH_SHA256_SIZE bytes
 * Return: true also for a patch that no host sent; false if there is nothing of that name.
 */
bool fth_dispatch_has_other(const char *name, const u8 *sha256);

#endif /* FOTHER_GUEST_DISPATCH_H */
