// SPDX-License-Identifier: GPL-2.0
/* How things stand: copies for the host and lines for a person. */

#include <linux/sched.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>

#include "compat/kernel.h"
#include "engine_priv.h"
#include "engine_sysfs.h"
#include "revert.h"

static bool runs(const struct fth_patch *patch)
{
	const struct fth_run *run = &fth_engine.run;

	return run->patch == patch && run->begun;
}

static u32 pending_of(const struct fth_patch *patch)
{
	int pending = runs(patch) ? fth_advance_pending(&fth_engine.run.advance) : 0;

	return max(pending, 0);
}

u32 fth_engine_list(struct fth_engine_patch *patches, u32 max)
{
	struct fth_patch *patch;
	u32 count = 0;

	mutex_lock(&fth_engine.lock);
	list_for_each_entry(patch, &fth_engine.patches, list) {
		struct fth_engine_patch *to = &patches[count];

		if (count == max)
			break;
		/* Old code is in force everywhere; the rest is between us and its module. */
		if (patch->leaving)
			continue;
		*to = (struct fth_engine_patch){ .has_sha256 = patch->has_sha256,
						 .state = patch->state,
						 .flags = patch->flags,
						 .leave = patch->policy.leave,
						 .switches = patch->policy.switches,
						 .functions = patch->count,
						 .pending = pending_of(patch),
						 .confirm_left_ms =
							 fth_revert_confirm_left_ms(patch) };
		strscpy(to->name, patch->name, sizeof(to->name));
		memcpy(to->sha256, patch->sha256, sizeof(to->sha256));
		for (u32 i = 0; i < patch->count; i++)
			to->hits += fth_redirect_hits(&patch->redirects[i]);
		count++;
	}
	mutex_unlock(&fth_engine.lock);
	return count;
}

u8 fth_engine_state(const char *name)
{
	const struct fth_patch *patch;
	u8 state = FTH_LC_ABSENT;

	mutex_lock(&fth_engine.lock);
	list_for_each_entry(patch, &fth_engine.patches, list)
		if (!patch->leaving && !strcmp(patch->name, name))
			state = patch->state;
	mutex_unlock(&fth_engine.lock);
	return state;
}

/* By the patch's own words: a symbol's address may have several names. */
static const struct fth_function *function_at(const struct fth_patch *patch, unsigned long where)
{
	for (u32 i = 0; i < patch->count; i++) {
		const struct fth_function *function = &patch->functions[i];

		if (where >= function->old_func && where < function->old_func + function->old_size)
			return function;
	}
	return NULL;
}

static void describe_text(unsigned long where, char *text, size_t size)
{
	const struct fth_function *function = function_at(fth_engine.run.patch, where);
	unsigned long offset;
	const char *name;

	if (function) {
		scnprintf(text, size, "%s+0x%lx", function->name, where - function->old_func);
		return;
	}
	name = fth_patch_extend_at(fth_engine.run.patch, where, &offset);
	if (name)
		scnprintf(text, size, "%s+0x%lx", name, offset);
	else
		scnprintf(text, size, "%pS", (void *)where);
}

static void describe(const struct fth_straggler *straggler, struct fth_engine_straggler *ret_to)
{
	unsigned long where = READ_ONCE(straggler->where);

	*ret_to = (struct fth_engine_straggler){
		.pid = straggler->task->pid,
		.since_ms = (ktime_get_ns() - straggler->since_ns) / NSEC_PER_MSEC,
	};
	get_task_comm(ret_to->comm, straggler->task);
	switch (READ_ONCE(straggler->hold)) {
	case FTH_HOLD_STACK:
	case FTH_HOLD_KERNEL:
		describe_text(where, ret_to->where, sizeof(ret_to->where));
		break;
	case FTH_HOLD_RUNNING:
		strscpy(ret_to->where, "running whenever it was looked at", sizeof(ret_to->where));
		break;
	default:
		strscpy(ret_to->where, "stack can't be read reliably", sizeof(ret_to->where));
	}
	fth_advance_describe(&fth_engine.run.advance, straggler, ret_to->next,
			     sizeof(ret_to->next));
}

/* Lock held: the roster stays.  The next one from slot @*at on, or false. */
static bool next_straggler(u32 *at, struct fth_engine_straggler *ret_to)
{
	const struct fth_run *run = &fth_engine.run;
	struct fth_roster *roster;

	if (!run->patch || !runs(run->patch))
		return false;
	roster = fth_advance_roster(&run->advance);
	for (; roster && *at < 1u << roster->bits; (*at)++) {
		const struct fth_straggler *straggler = &roster->slots[*at];

		if (!straggler->task || !READ_ONCE(straggler->holds))
			continue;
		describe(straggler, ret_to);
		(*at)++;
		return true;
	}
	return false;
}

u32 fth_engine_stragglers(struct fth_engine_straggler *stragglers, u32 max, u32 *ret_total)
{
	struct fth_engine_straggler one;
	u32 at = 0, total = 0;

	mutex_lock(&fth_engine.lock);
	while (next_straggler(&at, &one)) {
		if (total < max)
			stragglers[total] = one;
		total++;
	}
	mutex_unlock(&fth_engine.lock);
	*ret_total = total;
	return min(total, max);
}

static int print_notes(const struct fth_patch *patch, char *page)
{
	const struct fth_advance *advance = &fth_engine.run.advance;
	char text[FTH_WHY_MAX];
	int length = 0;

	if (!runs(patch))
		return length;
	if (advance->late)
		length += sysfs_emit_at(page, length, "# deadline missed, still trying\n");
	if (fth_advance_trouble(advance, text, sizeof(text)))
		length += sysfs_emit_at(page, length, "# %s\n", text);
	return length;
}

int fth_engine_print_pending(struct fth_patch *patch, char *page)
{
	struct fth_engine_straggler one;
	u32 at = 0, rest = 0;
	int length;

	mutex_lock(&fth_engine.lock);
	length = print_notes(patch, page);
	while (runs(patch) && next_straggler(&at, &one)) {
		/* A line has at most 16 + 128 + 64 characters and the numbers. */
		if (length > (int)PAGE_SIZE - 320)
			rest++;
		else
			length += sysfs_emit_at(page, length, "%u %s: %s; since %u ms; %s\n",
						one.pid, one.comm, one.where, one.since_ms,
						one.next);
	}
	mutex_unlock(&fth_engine.lock);
	if (rest)
		length += sysfs_emit_at(page, length, "# and %u more\n", rest);
	return length;
}

u32 fth_engine_confirm_left_ms(struct fth_patch *patch)
{
	u32 left_ms;

	mutex_lock(&fth_engine.lock);
	left_ms = fth_revert_confirm_left_ms(patch);
	mutex_unlock(&fth_engine.lock);
	return left_ms;
}
