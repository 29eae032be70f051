/* SPDX-License-Identifier: GPL-2.0 */
/* The memory of the host's commands: each has its effect at most once. */
#ifndef FOTHER_GUEST_OPS_H
#define FOTHER_GUEST_OPS_H

#include <linux/types.h>

#include "fother/codec.h"

#include "engine.h"
#include "robust.h"

#define FTH_OPS_MAX 64u /* commands remembered, running ones too */

struct fth_op;

/**
 * struct fth_ops - what is remembered of the host's commands
 * @lock: protects all below; never held over a call of another part
 * @epoch: newest seen
 * @begun: commands begun since load
 * @list: FTH_OPS_MAX of them
 *
 * A command is remembered by its op id from before it has any effect.  Asked
 * again it is answered from memory.  What was refused for a passing reason had no
 * effect and is forgotten, so the same op id may try again; what a transition
 * came to is never forgotten but for newer commands.
 */
struct fth_ops {
	struct fth_robust_mutex lock;
	u64 epoch;
	u64 begun;
	struct fth_op *list;
};

enum fth_admission {
	FTH_ADMIT_NEW,	   /* remembered as running: carry it out */
	FTH_ADMIT_RUNNING, /* it runs already */
	FTH_ADMIT_ANSWER,  /* the report is its answer */
};

/** fth_ops_init() - Return: 0 or -ENOMEM. */
int fth_ops_init(struct fth_ops *ops);

/** fth_ops_exit() - forget all. */
void fth_ops_exit(struct fth_ops *ops);

/**
 * fth_ops_see_epoch() - an agent says which epoch it is of
 * Return: the newest that was seen.
 */
u64 fth_ops_see_epoch(struct fth_ops *ops, u64 epoch);

/**
 * fth_ops_admit() - is this command to be carried out?
 * @msg: the command; its op id is not 0
 * @epoch: of its agent; one older than the newest is refused before anything else
 *	is looked at
 * @name: of the patch that it is about
 * @ret_report: set on FTH_ADMIT_ANSWER
 */
enum fth_admission fth_ops_admit(struct fth_ops *ops, const struct fth_msg *msg, u64 epoch,
				 const char *name, struct fth_report *ret_report);

/** fth_ops_forget() - it had no effect.  Nothing happens where @id is not known. */
void fth_ops_forget(struct fth_ops *ops, u64 id);

/** fth_ops_conclude() - @report is its answer, however often it is asked. */
void fth_ops_conclude(struct fth_ops *ops, u64 id, const struct fth_report *report);

/**
 * fth_ops_await_end() - the engine has begun what a command asks for
 *
 * Its answer is the end of a transition; of one that had ended before it is none.
 */
void fth_ops_await_end(struct fth_ops *ops, u64 id);

/**
 * fth_ops_renew() - who carried @id out has died
 *
 * A command that the engine has begun, or that has its answer, is remembered.
 * Another one may be asked for again: what it is about says what came of it.
 */
void fth_ops_renew(struct fth_ops *ops, u64 id);

/**
 * fth_ops_next_running() - the next command about a patch that runs
 * @at: 0 at first, then as this leaves it
 * @name: of the patch
 * Return: its op id; 0 = there is no other.
 */
u64 fth_ops_next_running(struct fth_ops *ops, u32 *at, const char *name);

/**
 * fth_ops_of_load() - the APPLY whose load has failed
 * @name: of the patch
 *
 * One load runs at a time, and another APPLY of that name may have come since.
 * Return: the op id of the oldest that runs; 0 = there is none.
 */
u64 fth_ops_of_load(struct fth_ops *ops, const char *name);

/**
 * fth_ops_next_ended() - the next command that a settled transition ends
 * @at: 0 at first, then as this leaves it
 * @settled: what it came to
 * @now: where the patch was when its end was told of
 * @serial: fth_teller_serial() then
 * @ret_code: what its answer says
 * Return: its op id; 0 = there is no other.
 */
u64 fth_ops_next_ended(struct fth_ops *ops, u32 *at, const struct fth_settled *settled, u8 now,
		       u64 serial, u16 *ret_code);

#endif /* FOTHER_GUEST_OPS_H */
