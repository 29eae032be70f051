// SPDX-License-Identifier: GPL-2.0
/*
 * What the host asks for, at most once each.
 *
 * DESIGN
 * Input: decoded messages of the open session; ends of transitions and of the
 * loader's jobs, from the teller.  Output: requests to engine and stage;
 * one RESULT for each command, PROGRESS and EVENTs.
 *
 * What was asked for before is answered from memory (ops.h), or with PROGRESS
 * while it runs.
 *
 * Nothing here waits: long work is the engine's worker and the loader's queue.
 */
#include "dispatch.h"

#include <linux/ctype.h>
#include <linux/slab.h>

#include "main.h"
#include "note.h"
#include "revert.h"

/* Its answer, from now on. */
static void conclude(u64 id, const struct fth_report *report)
{
	fth_ops_conclude(&fth_guest.dispatch.ops, id, report);
	fth_dispatch_send_result(id, report, false);
}

/* What was refused for a passing reason had no effect. */
static void refuse(u64 id, const struct fth_report *report)
{
	if (!fth_error_retryable(report->code)) {
		conclude(id, report);
		return;
	}
	fth_ops_forget(&fth_guest.dispatch.ops, id);
	fth_dispatch_send_result(id, report, false);
}

/* A module's name: it goes into the arguments of a program. */
static bool copy_name(struct fth_span span, char *ret_name)
{
	u32 i;

	if (!span.length || span.length > FTH_NAME_MAX)
		return false;
	for (i = 0; i < span.length; i++)
		if (!isascii(span.data[i]) || (!isalnum(span.data[i]) && span.data[i] != '_'))
			return false;
	memcpy(ret_name, span.data, span.length);
	ret_name[span.length] = '\0';
	return true;
}

/*
 * Is this command to be carried out?  Else it was answered here.  Of STAGE every
 * chunk is.
 */
static bool admit(const struct fth_msg *msg, u64 epoch, struct fth_span span, char *ret_name)
{
	enum fth_admission admission;
	struct fth_report report;
	u8 state;

	if (!msg->op_id || !copy_name(span, ret_name)) {
		fth_dispatch_malformed(
			msg->op_id,
			msg->op_id ? "name is not a module's: expected letters, digits and '_'"
				   : "op id is 0");
		return false;
	}
	admission = fth_ops_admit(&fth_guest.dispatch.ops, msg, epoch, ret_name, &report);
	if (admission == FTH_ADMIT_NEW ||
	    (admission == FTH_ADMIT_RUNNING && msg->type == FTH_T_STAGE))
		return true;
	if (admission == FTH_ADMIT_ANSWER) {
		fth_dispatch_send_result(msg->op_id, &report, false);
		return false;
	}
	state = fth_dispatch_patch_state(ret_name);
	fth_dispatch_send_progress(msg->op_id, ret_name, state, 0, 0);
	return false;
}

/* The commands. */

static void handle_stage(const struct fth_msg *msg)
{
	const struct fth_msg_stage *stage = &msg->u.stage;
	const struct fth_partial *partial = &fth_guest.stage.partial;
	u64 before = partial->op_id;
	char name[FTH_NAME_MAX + 1];
	struct fth_report report;
	bool adopted = false;
	u32 done = 0;
	int err;

	if (!admit(msg, stage->epoch, stage->name, name))
		return;
	if (!stage->offset)
		adopted = fth_dispatch_patch_state(name) > FTH_LC_STAGED;
	err = fth_stage_chunk(msg->op_id, name, stage, adopted, &done, &report);
	if (before && before != msg->op_id && partial->op_id != before)
		fth_ops_forget(&fth_guest.dispatch.ops, before);
	if (err == -EINPROGRESS)
		fth_dispatch_send_progress(msg->op_id, name, FTH_LC_ABSENT, done, stage->size);
	else if (err)
		refuse(msg->op_id, &report);
	else
		conclude(msg->op_id, &report);
}

static void handle_apply(const struct fth_msg *msg)
{
	const struct fth_msg_apply *apply = &msg->u.apply;
	char name[FTH_NAME_MAX + 1];
	struct fth_report report;

	if (!admit(msg, apply->epoch, apply->name, name))
		return;
	if (fth_stage_load(name, apply->sha256.data, &apply->policy, &report))
		refuse(msg->op_id, &report);
}

/*
 * A recall may cross a revert that the guest began by itself: it joins that, it
 * never turns it round.
 */
static int reverse(const char *name, struct fth_report *report)
{
	u8 state = fth_dispatch_patch_state(name);
	bool loading;
	int err;

	fth_stage_holds(name, &loading);
	if (fth_engine_is_leaving(name))
		return fth_report_set(report, FTH_E_OK, 1,
				      "reverse '%s': old code is in force already", name);
	if (state == FTH_LC_STAGED && loading)
		return fth_report_set(report, FTH_E_BUSY, -EBUSY,
				      "reverse '%s' refused: its module is being loaded", name);
	if (state == FTH_LC_STAGED)
		return fth_report_set(report, FTH_E_WRONG_STATE, -EINVAL,
				      "reverse '%s' refused: it is staged, not applied", name);
	err = fth_engine_enable(name, false, report);
	return err == -EALREADY ? 0 : err;
}

/* What is reverted already is answered at once, whoever did it. */
static int revert(const char *name, u8 mode, struct fth_report *report)
{
	u8 state = fth_dispatch_patch_state(name);
	bool loading;

	fth_stage_holds(name, &loading);
	if (mode > FTH_REVERT_CONSISTENT_THEN_IMMEDIATE)
		return fth_report_set(report, FTH_E_MALFORMED, -EINVAL,
				      "revert '%s' refused: mode %u, expected 0 to %u", name, mode,
				      FTH_REVERT_CONSISTENT_THEN_IMMEDIATE);
	if (state == FTH_LC_STAGED && loading && !fth_engine_is_leaving(name))
		return fth_report_set(report, FTH_E_BUSY, -EBUSY,
				      "revert '%s' refused: its module is being loaded", name);
	if (state == FTH_LC_STAGED)
		return fth_report_set(report, FTH_E_OK, 1, "revert '%s': it is staged, not applied",
				      name);
	return fth_revert_request(name, FTH_TRIGGER_HOST, mode, report);
}

static void allow(const char *name, const struct fth_msg_command *command)
{
	fth_revert_allow(name, command->sha256.length ? command->sha256.data : NULL);
}

static int unstage(const char *name, struct fth_report *report)
{
	u8 state = fth_dispatch_patch_state(name);

	if (state > FTH_LC_STAGED)
		return fth_report_set(report, FTH_E_WRONG_STATE, -EINVAL,
				      "unstage '%s' refused: it is '%s'; reverse it first", name,
				      fth_lifecycle_name(state));
	return fth_stage_drop(name, report);
}

/*
 * Who names a payload means no other one of that name: another rollout's, or one that
 * somebody loaded by hand.
 */
static bool means_another(const struct fth_msg *msg, const char *name, struct fth_report *report)
{
	const struct fth_span *sha256 = &msg->u.command.sha256;
	bool other;

	if (!sha256->length || msg->type == FTH_T_ALLOW)
		return false;
	/* A patch of that name is not what UNSTAGE is about, but may be in its way. */
	other = msg->type == FTH_T_UNSTAGE ? fth_stage_has_other(name, sha256->data)
					   : fth_dispatch_has_other(name, sha256->data);
	if (!other)
		return false;
	fth_report_set(report, FTH_E_NO_PATCH, 0,
		       "%s '%s' refused: what has that name here is not SHA-256 '%*phN'",
		       fth_msg_type_name(msg->type), name, FTH_SHA256_SIZE, sha256->data);
	return true;
}

static void handle_command(const struct fth_msg *msg)
{
	const struct fth_msg_command *command = &msg->u.command;
	char name[FTH_NAME_MAX + 1];
	struct fth_report report;
	int err;

	if (!admit(msg, command->epoch, command->name, name))
		return;
	if (means_another(msg, name, &report)) {
		refuse(msg->op_id, &report);
		return;
	}
	fth_report_set(&report, FTH_E_OK, 0, "%s: done", fth_msg_type_name(msg->type));
	switch (msg->type) {
	case FTH_T_REVERSE:
		err = reverse(name, &report);
		if (!err) {
			fth_ops_await_end(&fth_guest.dispatch.ops, msg->op_id);
			return;
		}
		break;
	case FTH_T_REVERT:
		err = revert(name, command->mode, &report);
		if (!err) {
			fth_ops_await_end(&fth_guest.dispatch.ops, msg->op_id);
			return;
		}
		break;
	case FTH_T_CONFIRM:
		err = command->extend_ms ? fth_revert_extend(name, command->extend_ms, &report)
					 : fth_engine_confirm(name, &report);
		break;
	case FTH_T_ALLOW:
		/* Whether it was blocked or not, it isn't now. */
		allow(name, command);
		err = 0;
		break;
	case FTH_T_NUDGE:
		err = fth_engine_nudge(name, &report);
		break;
	case FTH_T_FORCE:
		err = fth_engine_force(name, &report);
		break;
	default:
		err = unstage(name, &report);
		break;
	}
	if (err < 0)
		refuse(msg->op_id, &report);
	else
		conclude(msg->op_id, &report);
}

static void carry_out(const struct fth_msg *msg)
{
	struct fth_report report;

	switch (msg->type) {
	case FTH_T_HEARTBEAT:
		fth_dispatch_send_heartbeat(msg->op_id);
		break;
	case FTH_T_QUERY:
		fth_report_set(&report, FTH_E_OK, 0, "%s", "");
		fth_dispatch_send_result(msg->op_id, &report, true);
		break;
	case FTH_T_STAGE:
		handle_stage(msg);
		break;
	case FTH_T_APPLY:
		handle_apply(msg);
		break;
	case FTH_T_REVERSE:
	case FTH_T_CONFIRM:
	case FTH_T_NUDGE:
	case FTH_T_FORCE:
	case FTH_T_UNSTAGE:
	case FTH_T_ALLOW:
	case FTH_T_REVERT:
		handle_command(msg);
		break;
	default:
		fth_dispatch_malformed(msg->op_id, "type is not a host's");
		break;
	}
}

void fth_dispatch_message(const struct fth_msg *msg)
{
	struct fth_dispatch *dispatch = &fth_guest.dispatch;

	WRITE_ONCE(dispatch->under_way, msg->op_id);
	carry_out(msg);
	WRITE_ONCE(dispatch->under_way, 0);
}

void fth_dispatch_renew(void)
{
	struct fth_dispatch *dispatch = &fth_guest.dispatch;

	if (dispatch->under_way)
		fth_ops_renew(&dispatch->ops, dispatch->under_way);
	dispatch->under_way = 0;
}

void fth_dispatch_malformed(u64 op_id, const char *why)
{
	struct fth_report report;

	fth_report_set(&report, FTH_E_MALFORMED, 0, "request refused: %s", why);
	fth_dispatch_send_result(op_id, &report, false);
}

void fth_dispatch_new_session(void)
{
	u64 id = fth_stage_abandon();

	if (id)
		fth_ops_forget(&fth_guest.dispatch.ops, id);
}

/*
 * With each HELLO: a host that was away, another one, or one that the first answer didn't
 * reach.  It knows by their numbers what is new to it.
 */
static void tell_incidents(struct fth_dispatch *dispatch)
{
	struct fth_incident *incident = &dispatch->incident;

	incident->number = 0;
	while (fth_incidents_next(incident->number, incident)) {
		fth_teller_send_incident(incident, incident->trouble ? FTH_EVENT_TROUBLE
								     : FTH_EVENT_TRIGGERED);
		if (incident->ended)
			fth_teller_send_incident(incident, FTH_EVENT_REVERTED);
	}
}

void fth_dispatch_hello(const struct fth_msg *msg)
{
	struct fth_dispatch *dispatch = &fth_guest.dispatch;

	fth_dispatch_send_hello_ack(fth_ops_see_epoch(&dispatch->ops, msg->u.hello.epoch));
	tell_incidents(dispatch);
}

/* Ends. */

/* Answer the commands that a settled transition ends; Return: were there any? */
static bool answer_ended(const struct fth_settled *settled, u8 now, u64 serial)
{
	struct fth_ops *ops = &fth_guest.dispatch.ops;
	struct fth_report answer = settled->report;
	bool explained = false;
	u32 at = 0;
	u64 id;

	for (;;) {
		id = fth_ops_next_ended(ops, &at, settled, now, serial, &answer.code);
		if (!id)
			return explained;
		explained = true;
		conclude(id, &answer);
	}
}

void fth_dispatch_settled(const struct fth_settled *settled, u8 now, u64 serial)
{
	bool gone = settled->state == FTH_LC_ABSENT, loading;
	u8 kind = settled->self && gone ? FTH_EVENT_REVERTED : FTH_EVENT_STATE;
	u8 state = settled->state;

	/* An emergency has events of its own, whoever is answered. */
	if (answer_ended(settled, now, serial) || settled->incident)
		return;
	if (gone && fth_stage_holds(settled->name, &loading))
		state = FTH_LC_STAGED;
	fth_dispatch_send_event(kind, settled->name, state, settled->report.detail);
}

void fth_dispatch_load_failed(const char *name, const struct fth_report *report)
{
	u64 id = fth_ops_of_load(&fth_guest.dispatch.ops, name);

	if (id)
		refuse(id, report);
}

void fth_dispatch_progress(const char *name, u8 state, u32 done, u32 total)
{
	u32 at = 0;
	u64 id;

	while ((id = fth_ops_next_running(&fth_guest.dispatch.ops, &at, name)) != 0)
		fth_dispatch_send_progress(id, name, state, done, total);
}

const struct fth_engine_client fth_dispatch_client = {
	.settled = fth_teller_settled,
	.released = fth_stage_unload,
	.progress = fth_teller_progress,
	.incident = fth_teller_incident,
	.note = fth_note_send,
	.heard_ns = fth_link_heard_ns,
};

int fth_dispatch_init(void)
{
	struct fth_dispatch *dispatch = &fth_guest.dispatch;
	int err = fth_ops_init(&dispatch->ops);

	if (err)
		return err;
	fth_robust_mutex_init(&dispatch->reply_lock, NULL);
	dispatch->answer = kvzalloc(sizeof(*dispatch->answer), GFP_KERNEL);
	if (dispatch->answer)
		return 0;
	fth_ops_exit(&dispatch->ops);
	return -ENOMEM;
}

void fth_dispatch_exit(void)
{
	kvfree(fth_guest.dispatch.answer);
	fth_ops_exit(&fth_guest.dispatch.ops);
}
