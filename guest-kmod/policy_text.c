// SPDX-License-Identifier: GPL-2.0
/* Policies as copies of one's own and as lines of text. */
#include <linux/kernel.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "policy.h"

int fth_policy_copy(const struct fth_guest_policy *from, struct fth_owned_policy **ret_policy)
{
	struct fth_owned_policy *owned;
	size_t size = 0;
	char *text;

	if (WARN_ON_ONCE(from->extend_set_count > FTH_EXTEND_SET_MAX))
		return -EINVAL;
	for (u32 i = 0; i < from->extend_set_count; i++)
		size = size_add(size, size_add(from->extend_set[i].length, 1));
	owned = kzalloc(struct_size(owned, text, size), GFP_KERNEL);
	if (!owned)
		return -ENOMEM;
	owned->policy = *from;
	text = owned->text;
	for (u32 i = 0; i < from->extend_set_count; i++) {
		struct fth_span span = from->extend_set[i];

		memcpy(text, span.data, span.length);
		owned->policy.extend_set[i].data = (const u8 *)text;
		text += span.length + 1;
	}
	*ret_policy = owned;
	return 0;
}

/* One line that is being written; @at goes past @size when it did not fit. */
struct line {
	char *text;
	size_t size;
	size_t at;
};

static __printf(2, 3) void put(struct line *line, const char *format, ...)
{
	size_t room = line->at < line->size ? line->size - line->at : 0;
	va_list arguments;

	va_start(arguments, format);
	line->at += vsnprintf(room ? line->text + line->at : NULL, room, format, arguments);
	va_end(arguments);
}

static void put_ms(struct line *line, const char *key, u32 value, u32 special, const char *word)
{
	if (value == special)
		put(line, " %s=%s", key, word);
	else
		put(line, " %s=%ums", key, value);
}

static void put_revert(struct line *line, const struct fth_guest_policy *policy)
{
	const char *separator = "";

	put(line, " revert-on=%s", policy->revert_on ? "" : "none");
	for (u32 bit = 1; bit <= FTH_REVERT_ON_ALL; bit <<= 1) {
		if (!(policy->revert_on & bit))
			continue;
		put(line, "%s%s", separator, fth_revert_on_name(bit));
		separator = ",";
	}
	put(line, " revert-host-loss-after=%ums revert-mode=%s", policy->host_loss_after_ms,
	    fth_revert_mode_name(policy->revert_mode));
}

int fth_policy_print(const char *name, const struct fth_guest_policy *policy, char *text,
		     size_t size)
{
	struct line line = { .text = text, .size = size };

	put(&line, "%s leave=%s switch=%s", name, fth_leave_name(policy->leave),
	    fth_switch_name(policy->switches));
	for (u32 i = 0; i < policy->extend_set_count; i++)
		put(&line, "%s%.*s", i ? "," : " extend-set=", policy->extend_set[i].length,
		    (const char *)policy->extend_set[i].data);
	put_ms(&line, "deadline", policy->deadline_ms, 0, "none");
	put(&line, " on-deadline=%s stop-max=%uus", fth_on_deadline_name(policy->on_deadline),
	    policy->stop_max_us);
	put_ms(&line, "nudge-after", policy->nudge_after_ms, FTH_NUDGE_MANUAL, "manual");
	put(&line, " nudge-every=%ums nudge-timed=%s", policy->nudge_every_ms,
	    fth_nudge_timed_name(policy->nudge_timed));
	put(&line, " freeze-use=%s freeze-way=%s freeze-budget=%ums freeze-attempts=%u",
	    fth_freeze_use_name(policy->freeze_use), fth_freeze_way_name(policy->freeze_way),
	    policy->freeze_budget_ms, policy->freeze_attempts);
	put_ms(&line, "confirm-within", policy->confirm_within_ms, 0, "none");
	put_revert(&line, policy);
	put(&line, "\n");
	/* vsnprintf() keeps the last byte for its NUL. */
	return line.at < size ? (int)line.at : -ENOSPC;
}
