// SPDX-License-Identifier: GPL-2.0
/*
 * What a guest says in PROGRESS of the tasks that hold its transition up.
 *
 * DESIGN
 * Kept only while an op of ours runs in the guest, and only the last word, so
 * that its memory is bounded by the budgets of what may be in flight.
 */
#include <stdlib.h>

#include "app/agent.h"

static uint32_t text_size(const struct fth_msg_progress *progress)
{
	uint32_t size = 0;
	uint32_t i;

	for (i = 0; i < progress->straggler_count; i++)
		size += progress->stragglers[i].comm.length + progress->stragglers[i].where.length +
			progress->stragglers[i].next.length;
	return size;
}

static void move_text(struct fth_span *span, uint8_t **text)
{
	if (span->length)
		memcpy(*text, span->data, span->length);
	span->data = *text;
	*text += span->length;
}

void fth_guest_take_progress(struct fth_guest *guest, const struct fth_msg_progress *progress)
{
	struct fth_guest_transition *transition;
	uint8_t *text;
	uint32_t i;

	fth_guest_drop_transition(guest);
	if (!fth_lifecycle_in_transition(progress->state))
		return;
	transition = malloc(sizeof(*transition) + text_size(progress));
	if (!transition)
		return; /* it is for people only, and the next one comes soon */
	fth_guest_span_text(transition->patch, sizeof(transition->patch), progress->name);
	transition->state = progress->state;
	transition->done = progress->done;
	transition->total = progress->total;
	transition->pending = progress->pending;
	transition->heard_ms = guest->agent->now_ms;
	transition->task_count = progress->straggler_count;
	text = transition->text;
	for (i = 0; i < transition->task_count; i++) {
		transition->tasks[i] = progress->stragglers[i];
		move_text(&transition->tasks[i].comm, &text);
		move_text(&transition->tasks[i].where, &text);
		move_text(&transition->tasks[i].next, &text);
	}
	guest->transition = transition;
}

void fth_guest_drop_transition(struct fth_guest *guest)
{
	free(guest->transition);
	guest->transition = NULL;
}
