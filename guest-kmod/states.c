// SPDX-License-Identifier: GPL-2.0
/* System states that patches declare. */
#include "states.h"

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>

#include "engine_priv.h"

/* Written with the mutex for moves; @task is read by the hook without. */
static struct {
	struct task_struct *task;
	struct fth_patch *patch;
} asking;

static struct klp_state *find(struct klp_patch *klp, unsigned long id)
{
	struct klp_state *state;

	for (state = klp->states; state && state->id; state++) {
		if (state->id == id)
			return state;
	}
	return NULL;
}

static int check_one(struct klp_patch *klp, const struct fth_patch *old,
		     const struct klp_state *had, struct fth_report *ret_report)
{
	const struct klp_state *state = find(klp, had->id);

	if (!state && !klp->replace)
		return 0;
	if (!state)
		return fth_report_set(
			ret_report, FTH_E_MALFORMED, -EINVAL,
			"patch '%s' refused: it replaces '%s' but doesn't know its state %lu",
			klp->mod->name, old->name, had->id);
	if (state->version >= had->version)
		return 0;
	return fth_report_set(
		ret_report, FTH_E_MALFORMED, -EINVAL,
		"patch '%s' refused: state %lu has version %u, but '%s' has brought %u; expected at least that",
		klp->mod->name, had->id, state->version, old->name, had->version);
}

int fth_states_check(struct klp_patch *klp, const struct list_head *patches,
		     struct fth_report *ret_report)
{
	struct fth_patch *old;
	struct klp_state *had;
	int error;

	list_for_each_entry(old, patches, list) {
		if (old->out)
			continue;
		for (had = old->klp->states; had && had->id; had++) {
			error = check_one(klp, old, had, ret_report);
			if (error)
				return error;
		}
	}
	return 0;
}

void fth_states_begin(struct fth_patch *patch)
{
	asking.patch = patch;
	WRITE_ONCE(asking.task, current);
}

void fth_states_end(void)
{
	WRITE_ONCE(asking.task, NULL);
	asking.patch = NULL;
}

bool notrace fth_states_asked(void)
{
	return READ_ONCE(asking.task) == current;
}

struct klp_state *fth_states_previous(unsigned long id)
{
	struct klp_state *state, *last = NULL;
	struct fth_patch *patch;

	if (!asking.patch)
		return NULL;
	/* The list is changed with the mutex that current holds. */
	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (patch == asking.patch)
			break;
		if (patch->out)
			continue;
		state = find(patch->klp, id);
		if (state)
			last = state;
	}
	return last;
}
