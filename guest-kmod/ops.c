// SPDX-License-Identifier: GPL-2.0
#include "ops.h"

#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "teller.h"

enum op_state {
	OP_FREE = 0,
	OP_RUNNING = 1, /* its RESULT comes later */
	OP_DONE = 2,	/* @report is the answer */
};

/**
 * struct fth_op - a command and what came of it
 * @id: the host's, never 0
 * @age: when it was begun, in commands
 * @type: enum fth_wire_type
 * @state: enum op_state
 * @asked: REVERSE, REVERT: the engine has begun what is asked for
 * @after: fth_teller_serial() when it was begun: only what comes after can be its end
 * @asked_after: the same when it was @asked
 * @name: of the patch
 * @report: where DONE
 */
struct fth_op {
	u64 id;
	u64 age;
	u8 type;
	u8 state;
	bool asked;
	u64 after;
	u64 asked_after;
	char name[FTH_NAME_MAX + 1];
	struct fth_report report;
};

/* Lock held. */
static struct fth_op *find(struct fth_ops *ops, u64 id)
{
	u32 i;

	fth_robust_assert_held(&ops->lock);
	for (i = 0; i < FTH_OPS_MAX; i++)
		if (ops->list[i].state != OP_FREE && ops->list[i].id == id)
			return &ops->list[i];
	return NULL;
}

/* A free slot, or the oldest answer's.  Lock held. */
static struct fth_op *take_slot(struct fth_ops *ops)
{
	struct fth_op *op, *oldest = NULL;
	u32 i;

	for (i = 0; i < FTH_OPS_MAX; i++) {
		op = &ops->list[i];
		if (op->state == OP_FREE)
			return op;
		if (op->state == OP_DONE && (!oldest || op->age < oldest->age))
			oldest = op;
	}
	return oldest;
}

/* Lock held. */
static enum fth_admission begin(struct fth_ops *ops, const struct fth_msg *msg, const char *name,
				struct fth_report *ret_report)
{
	struct fth_op *op = take_slot(ops);

	if (!op) {
		fth_report_set(ret_report, FTH_E_BUSY, 0,
			       "%s '%s' refused: %u commands are running",
			       fth_msg_type_name(msg->type), name, FTH_OPS_MAX);
		return FTH_ADMIT_ANSWER;
	}
	op->id = msg->op_id;
	op->age = ops->begun++;
	op->type = msg->type;
	op->state = OP_RUNNING;
	op->asked = false;
	op->after = fth_teller_serial();
	strscpy(op->name, name, sizeof(op->name));
	return FTH_ADMIT_NEW;
}

/* Lock held. */
static enum fth_admission admit(struct fth_ops *ops, const struct fth_msg *msg, u64 epoch,
				const char *name, struct fth_report *ret_report)
{
	struct fth_op *op;

	if (epoch < ops->epoch) {
		fth_report_set(ret_report, FTH_E_STALE_EPOCH, 0,
			       "%s '%s' refused: epoch %llu, newest seen is %llu",
			       fth_msg_type_name(msg->type), name, epoch, ops->epoch);
		return FTH_ADMIT_ANSWER;
	}
	ops->epoch = epoch;
	op = find(ops, msg->op_id);
	if (!op)
		return begin(ops, msg, name, ret_report);
	if (op->type != msg->type || strcmp(op->name, name)) {
		fth_report_set(ret_report, FTH_E_MALFORMED, 0,
			       "%s '%s' refused: op id %llu was %s '%s'",
			       fth_msg_type_name(msg->type), name, msg->op_id,
			       fth_msg_type_name(op->type), op->name);
		return FTH_ADMIT_ANSWER;
	}
	if (op->state == OP_RUNNING)
		return FTH_ADMIT_RUNNING;
	*ret_report = op->report;
	return FTH_ADMIT_ANSWER;
}

enum fth_admission fth_ops_admit(struct fth_ops *ops, const struct fth_msg *msg, u64 epoch,
				 const char *name, struct fth_report *ret_report)
{
	enum fth_admission admission;

	fth_robust_lock(&ops->lock);
	admission = admit(ops, msg, epoch, name, ret_report);
	fth_robust_unlock(&ops->lock);
	return admission;
}

u64 fth_ops_see_epoch(struct fth_ops *ops, u64 epoch)
{
	fth_robust_lock(&ops->lock);
	ops->epoch = max(ops->epoch, epoch);
	epoch = ops->epoch;
	fth_robust_unlock(&ops->lock);
	return epoch;
}

void fth_ops_forget(struct fth_ops *ops, u64 id)
{
	struct fth_op *op;

	fth_robust_lock(&ops->lock);
	op = find(ops, id);
	if (op)
		op->state = OP_FREE;
	fth_robust_unlock(&ops->lock);
}

void fth_ops_conclude(struct fth_ops *ops, u64 id, const struct fth_report *report)
{
	struct fth_op *op;

	fth_robust_lock(&ops->lock);
	op = find(ops, id);
	if (op && op->state == OP_RUNNING) {
		op->state = OP_DONE;
		op->report = *report;
	}
	fth_robust_unlock(&ops->lock);
}

void fth_ops_await_end(struct fth_ops *ops, u64 id)
{
	struct fth_op *op;

	fth_robust_lock(&ops->lock);
	op = find(ops, id);
	if (op) {
		op->asked = true;
		op->asked_after = fth_teller_serial();
	}
	fth_robust_unlock(&ops->lock);
}

void fth_ops_renew(struct fth_ops *ops, u64 id)
{
	struct fth_op *op;

	fth_robust_lock(&ops->lock);
	op = find(ops, id);
	if (op && op->state == OP_RUNNING && !op->asked)
		op->state = OP_FREE;
	fth_robust_unlock(&ops->lock);
}

static bool runs_for(const struct fth_op *op, const char *name)
{
	return op->state == OP_RUNNING && !strcmp(op->name, name);
}

u64 fth_ops_next_running(struct fth_ops *ops, u32 *at, const char *name)
{
	u64 id = 0;

	fth_robust_lock(&ops->lock);
	while (*at < FTH_OPS_MAX && !id) {
		const struct fth_op *op = &ops->list[(*at)++];

		if (runs_for(op, name))
			id = op->id;
	}
	fth_robust_unlock(&ops->lock);
	return id;
}

u64 fth_ops_of_load(struct fth_ops *ops, const char *name)
{
	const struct fth_op *oldest = NULL;
	u64 id;
	u32 i;

	fth_robust_lock(&ops->lock);
	for (i = 0; i < FTH_OPS_MAX; i++) {
		const struct fth_op *op = &ops->list[i];

		if (runs_for(op, name) && op->type == FTH_T_APPLY &&
		    (!oldest || op->age < oldest->age))
			oldest = op;
	}
	id = oldest ? oldest->id : 0;
	fth_robust_unlock(&ops->lock);
	return id;
}

/*
 * Does it wait for this end?  A command that the engine hasn't begun yet doesn't
 * wait for that of the one before.  Lock held.
 */
static bool may_end(const struct fth_op *op, const struct fth_settled *settled, u64 serial)
{
	if (op->state != OP_RUNNING || strcmp(op->name, settled->name) || serial <= op->after)
		return false;
	/* What was replaced had been applied: it is another one that is asked for now. */
	if (op->type == FTH_T_APPLY)
		return !settled->replaced;
	if (op->type != FTH_T_REVERSE && op->type != FTH_T_REVERT)
		return false;
	/* It may be gone before we came to note that it was asked to go. */
	return settled->state == FTH_LC_ABSENT || (op->asked && serial > op->asked_after);
}

/* Return: is what settled the command's end?  @now is the patch's state then. */
static bool is_end(u8 type, const struct fth_settled *settled, u8 now, u16 *ret_code)
{
	bool gone = settled->state == FTH_LC_ABSENT;

	*ret_code = settled->report.code;
	if (type == FTH_T_APPLY) {
		if (!gone)
			*ret_code = FTH_E_OK;
		else if (*ret_code == FTH_E_OK)
			*ret_code = FTH_E_REVERSED;
		return true;
	}
	if (gone) {
		*ret_code = FTH_E_OK;
		return true;
	}
	/* It settled just before this command turned it round. */
	if (fth_lifecycle_in_transition(now))
		return false;
	if (*ret_code == FTH_E_OK)
		*ret_code = FTH_E_REVERSED;
	return true;
}

u64 fth_ops_next_ended(struct fth_ops *ops, u32 *at, const struct fth_settled *settled, u8 now,
		       u64 serial, u16 *ret_code)
{
	u64 id = 0;

	fth_robust_lock(&ops->lock);
	while (*at < FTH_OPS_MAX && !id) {
		const struct fth_op *op = &ops->list[(*at)++];

		if (may_end(op, settled, serial) && is_end(op->type, settled, now, ret_code))
			id = op->id;
	}
	fth_robust_unlock(&ops->lock);
	return id;
}

int fth_ops_init(struct fth_ops *ops)
{
	fth_robust_mutex_init(&ops->lock, NULL);
	ops->list = kvcalloc(FTH_OPS_MAX, sizeof(*ops->list), GFP_KERNEL);
	return ops->list ? 0 : -ENOMEM;
}

void fth_ops_exit(struct fth_ops *ops)
{
	kvfree(ops->list);
}
