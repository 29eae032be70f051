// SPDX-License-Identifier: GPL-2.0
/*
 * What a step of a rollout did, as entries of the journal's history.
 *
 * DESIGN
 * Written in the transaction of the event itself, so that history and journal
 * never differ.  Replay writes none: it only repeats what is told already.  The
 * entries are for people: no decision of the agent reads them.
 */
#include <stdio.h>

#include "app/agent.h"
#include "core/text.h"

#define DEFERRED_HERE 0x80u

static const char *verb_of(const struct fth_rollout_event *event)
{
	switch (event->kind) {
	case FTH_RE_BEGIN:
		return "start";
	case FTH_RE_PAUSE:
		return "pause";
	case FTH_RE_RESUME:
		return "resume";
	case FTH_RE_PROMOTE:
		return "promote";
	case FTH_RE_ABORT:
		return "abort";
	case FTH_RE_REVERSE:
		return event->blocked ? "recall" : "reverse";
	case FTH_RE_FORGET:
		return *event->who ? "forget" : NULL; /* else it came by itself */
	default:
		return NULL;
	}
}

static int add(const struct fth_live *live, const char *vm, const char *kind, const char *what,
	       const char *why)
{
	const struct fth_store_history row = {
		.at_ms = live->last_ms,
		.rollout = live->rollout->id,
		.patch = live->rollout->policy.name,
		.vm = vm,
		.kind = kind,
		.what = what,
		.why = why,
		.who = "",
	};

	return fth_store_add_history(live->agent->store, &row);
}

static int add_verb(const struct fth_live *live, const struct fth_rollout_event *event)
{
	const struct fth_store_history row = {
		.at_ms = live->last_ms,
		.rollout = live->rollout->id,
		.patch = live->rollout->policy.name,
		.vm = event->kind == FTH_RE_FORGET ? event->vm : "",
		.kind = "verb",
		.what = verb_of(event),
		.why = event->why,
		.uid = event->uid,
		.who = event->who,
	};

	return row.what ? fth_store_add_history(live->agent->store, &row) : 0;
}

/* Why this op: on the way out its wave, on the way back what it is taken back for. */
static int add_op(const struct fth_live *live, const struct fth_rollout_action *action)
{
	const struct fth_rollout *rollout = live->rollout;
	const struct fth_rollout_vm *vm = &rollout->vms[action->vm_index];
	char why[FTH_WHY_MAX];

	if (action->op == FTH_OP_REVERSE || action->op == FTH_OP_UNSTAGE)
		snprintf(why, sizeof(why), "%s", *vm->why ? vm->why : rollout->reverse_why);
	else
		fth_text_format(why, sizeof(why), "wave %u of %u%s%s", vm->wave + 1,
				rollout->policy.wave_count, *vm->why ? ": " : "", vm->why);
	return add(live, vm->name, "op", fth_op_name(action->op), why);
}

static bool is_worth_telling(const struct fth_rollout_vm *vm)
{
	switch (vm->state) {
	case FTH_RV_SOAKING:
	case FTH_RV_DONE:
	case FTH_RV_FAILED:
	case FTH_RV_UNKNOWN:
	case FTH_RV_REVERSED:
	case FTH_RV_FORGOTTEN:
		return true;
	case FTH_RV_WAITING:
	case FTH_RV_DEFERRED:
	case FTH_RV_SKIPPED:
		return *vm->why;
	default:
		return false; /* its op tells */
	}
}

/* One that is deferred though it is there waits for something else than its return. */
static uint8_t told_state(const struct fth_rollout_vm *vm)
{
	return vm->state | (vm->state == FTH_RV_DEFERRED && vm->reachable ? DEFERRED_HERE : 0);
}

void fth_history_before(const struct fth_live *live, const struct fth_rollout_event *event,
			struct fth_history_mark *ret_mark)
{
	const struct fth_rollout_vm *vm = *event->vm ? fth_rollout_find(live->rollout, event->vm)
						     : NULL;

	ret_mark->phase = live->rollout->phase;
	ret_mark->recalled = live->rollout->recalled;
	ret_mark->state = vm ? told_state(vm) : 0;
}

static int add_vm(const struct fth_live *live, const struct fth_rollout_event *event,
		  const struct fth_history_mark *mark)
{
	const struct fth_rollout_vm *vm = *event->vm ? fth_rollout_find(live->rollout, event->vm)
						     : NULL;

	if (!vm || told_state(vm) == mark->state || !is_worth_telling(vm))
		return 0;
	return add(live, vm->name, "vm", fth_rollout_vm_state_name(vm->state), vm->why);
}

/* A VM that failed without an event of its own, by time or with its wave. */
static int add_said(const struct fth_live *live, const struct fth_rollout_event *event,
		    const struct fth_rollout_action *action)
{
	const struct fth_rollout_vm *vm;

	if (action->vm_index == FTH_ROLLOUT_WAVE)
		return 0;
	vm = &live->rollout->vms[action->vm_index];
	if (!strcmp(vm->name, event->vm))
		return 0;
	return add(live, vm->name, "vm", fth_rollout_vm_state_name(vm->state), vm->why);
}

/* The whole fleet may have it no more: with the very event that says so. */
static int add_block(const struct fth_live *live)
{
	const struct fth_rollout *rollout = live->rollout;
	char why[FTH_WHY_MAX];
	struct fth_store_block row = {
		.vm = "",
		.has_sha256 = true,
		.patch = rollout->policy.name,
		.at_ms = live->last_ms,
		.why = why,
	};

	memcpy(row.sha256, rollout->policy.sha256, FTH_SHA256_SIZE);
	fth_text_format(why, sizeof(why), "recalled by rollout %llu: %s",
			(unsigned long long)rollout->id, rollout->reverse_why);
	return fth_store_add_block(live->agent->store, &row, true);
}

/* A person's, perhaps once more, after it was allowed in between. */
static bool is_recall(const struct fth_rollout_event *event)
{
	return event->kind == FTH_RE_REVERSE && event->blocked;
}

int fth_history_after(const struct fth_live *live, const struct fth_rollout_event *event,
		      const struct fth_rollout_actions *actions,
		      const struct fth_history_mark *mark)
{
	const struct fth_rollout *rollout = live->rollout;
	int error = add_verb(live, event);
	uint32_t i;

	if (!error && rollout->recalled && (!mark->recalled || is_recall(event)))
		error = add_block(live);
	if (!error)
		error = add_vm(live, event, mark);
	if (!error && rollout->phase != mark->phase)
		error = add(live, "", "phase", fth_rollout_phase_name(rollout->phase),
			    rollout->why);
	for (i = 0; !error && i < actions->count; i++) {
		if (actions->entries[i].kind == FTH_RA_SEND)
			error = add_op(live, &actions->entries[i]);
		else if (actions->entries[i].kind == FTH_RA_SAY)
			error = add_said(live, event, &actions->entries[i]);
	}
	return error;
}
