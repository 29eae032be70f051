// SPDX-License-Identifier: GPL-2.0
/* Policies of patches that are loaded by hand. */
#include "policy.h"

#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

/* @policy is read and freed under the engine's lock only, never under RCU. */
struct entry {
	char name[FTH_NAME_MAX + 1];
	struct fth_owned_policy *policy;
};

struct fth_policy_list {
	struct rcu_head rcu;
	u32 count;
	struct entry entries[];
};

struct key {
	const char *name;
	int (*parse)(struct fth_guest_policy *policy, char *value);
	const char *allowed;
};

static struct fth_span span_of(const char *text)
{
	return (struct fth_span){ .data = (const u8 *)text, .length = strlen(text) };
}

/* "500ms", "1s", "10m", "2h"; also "us" where @scale is 1000. */
static int parse_duration(char *value, u32 scale, u32 *ret_units)
{
	static const struct {
		const char *unit;
		u64 us;
	} units[] = {
		{ "us", 1 },	      { "ms", 1000 },	      { "s", 1000000 },
		{ "m", 60000000ull }, { "h", 3600000000ull },
	};
	u64 number = 0;
	u32 digits;

	for (digits = 0; value[digits] >= '0' && value[digits] <= '9'; digits++) {
		number = number * 10 + (value[digits] - '0');
		if (digits > 9)
			return -EINVAL;
	}
	for (u32 i = 0; digits && i < ARRAY_SIZE(units); i++) {
		if (strcmp(value + digits, units[i].unit))
			continue;
		number *= units[i].us;
		if (number % scale || number / scale >= U32_MAX)
			return -EINVAL;
		*ret_units = number / scale;
		return 0;
	}
	return -EINVAL;
}

int fth_policy_parse_ms(char *value, u32 *ret_ms)
{
	return parse_duration(value, 1000, ret_ms);
}

static int parse_word(int number, u8 *ret_field)
{
	if (number < 0)
		return number;
	*ret_field = number;
	return 0;
}

static int parse_leave(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_leave_parse(span_of(value)), &policy->leave);
}

static int parse_switch(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_switch_parse(span_of(value)), &policy->switches);
}

static int parse_flags(struct fth_guest_policy *policy, char *value)
{
	bool in_thread = false, in_time = false;
	char *flag;

	if (!strcmp(value, "none"))
		value = NULL;
	while ((flag = strsep(&value, ","))) {
		if (!strcmp(flag, "in-thread"))
			in_thread = true;
		else if (!strcmp(flag, "in-time"))
			in_time = true;
		else
			return -EINVAL;
	}
	fth_model_from_flags(in_thread, in_time, &policy->leave, &policy->switches);
	return 0;
}

/*
 * A number is no function but the position of the one before it.  The spans borrow the
 * line until fth_policy_copy().
 */
static int parse_extend_set(struct fth_guest_policy *policy, char *value)
{
	char *function;

	while ((function = strsep(&value, ","))) {
		if (value && isdigit(*value)) {
			value[-1] = ',';
			strsep(&value, ",");
		}
		if (!*function || policy->extend_set_count == FTH_EXTEND_SET_MAX)
			return -EINVAL;
		policy->extend_set[policy->extend_set_count++] = span_of(function);
	}
	return 0;
}

static int parse_deadline(struct fth_guest_policy *policy, char *value)
{
	if (!strcmp(value, "none")) {
		policy->deadline_ms = 0;
		return 0;
	}
	return parse_duration(value, 1000, &policy->deadline_ms);
}

static int parse_on_deadline(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_on_deadline_parse(span_of(value)), &policy->on_deadline);
}

static int parse_stop_max(struct fth_guest_policy *policy, char *value)
{
	return parse_duration(value, 1, &policy->stop_max_us);
}

static int parse_nudge_after(struct fth_guest_policy *policy, char *value)
{
	if (!strcmp(value, "manual")) {
		policy->nudge_after_ms = FTH_NUDGE_MANUAL;
		return 0;
	}
	return parse_duration(value, 1000, &policy->nudge_after_ms);
}

static int parse_nudge_every(struct fth_guest_policy *policy, char *value)
{
	return parse_duration(value, 1000, &policy->nudge_every_ms);
}

static int parse_nudge_timed(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_nudge_timed_parse(span_of(value)), &policy->nudge_timed);
}

static int parse_freeze_use(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_freeze_use_parse(span_of(value)), &policy->freeze_use);
}

static int parse_freeze_way(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_freeze_way_parse(span_of(value)), &policy->freeze_way);
}

static int parse_freeze_budget(struct fth_guest_policy *policy, char *value)
{
	return parse_duration(value, 1000, &policy->freeze_budget_ms);
}

static int parse_freeze_attempts(struct fth_guest_policy *policy, char *value)
{
	return kstrtou8(value, 10, &policy->freeze_attempts);
}

static int parse_confirm_within(struct fth_guest_policy *policy, char *value)
{
	if (!strcmp(value, "none")) {
		policy->confirm_within_ms = 0;
		return 0;
	}
	return parse_duration(value, 1000, &policy->confirm_within_ms);
}

static int parse_revert_on(struct fth_guest_policy *policy, char *value)
{
	char *word;

	if (!strcmp(value, "none"))
		return 0;
	while ((word = strsep(&value, ","))) {
		int bit = fth_revert_on_parse(span_of(word));

		if (bit < 0)
			return bit;
		policy->revert_on |= bit;
	}
	return 0;
}

static int parse_host_loss_after(struct fth_guest_policy *policy, char *value)
{
	return parse_duration(value, 1000, &policy->host_loss_after_ms);
}

static int parse_revert_mode(struct fth_guest_policy *policy, char *value)
{
	return parse_word(fth_revert_mode_parse(span_of(value)), &policy->revert_mode);
}

#define DURATION "a duration such as 500ms, 1s, 10m"

static const struct key keys[] = {
	{ "flags", parse_flags, "none, in-thread, in-time or in-thread,in-time" },
	{ "leave", parse_leave, "function, patched-set or kernel" },
	{ "switch", parse_switch, "function, thread or kernel" },
	{ "extend-set", parse_extend_set, "functions with commas between, as f,module:g,h,2" },
	{ "deadline", parse_deadline, DURATION " or none" },
	{ "on-deadline", parse_on_deadline, "reverse, freeze, force or wait" },
	{ "stop-max", parse_stop_max, "a duration such as 500us, 2ms" },
	{ "nudge-after", parse_nudge_after, DURATION " or manual" },
	{ "nudge-every", parse_nudge_every, DURATION },
	{ "nudge-timed", parse_nudge_timed, "restart, interrupt or wait" },
	{ "freeze-use", parse_freeze_use, "if-needed, always or never" },
	{ "freeze-way", parse_freeze_way, "park or kernel" },
	{ "freeze-budget", parse_freeze_budget, DURATION },
	{ "freeze-attempts", parse_freeze_attempts, "a number" },
	{ "confirm-within", parse_confirm_within, DURATION " or none" },
	{ "revert-on", parse_revert_on,
	  "oops, oops-in-patch, warn, warn-in-patch, soft-lockup, hung-task, host-loss, or none" },
	{ "revert-host-loss-after", parse_host_loss_after, DURATION },
	{ "revert-mode", parse_revert_mode, "consistent, immediate or consistent-then-immediate" },
};

static const struct key *find_key(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(keys[i].name, name))
			return &keys[i];
	}
	return NULL;
}

static int parse_pair(const char *name, char *pair, struct fth_guest_policy *policy, u32 *seen,
		      struct fth_report *ret_report)
{
	char *value = strchr(pair, '=');
	const struct key *key;

	if (!value)
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "policy '%s': '%s' is not key=value", name, pair);
	*value++ = '\0';
	key = find_key(pair);
	if (!key)
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "policy '%s': unknown key '%s'", name, pair);
	if (*seen & BIT(key - keys))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "policy '%s': key '%s' stands twice", name, pair);
	*seen |= BIT(key - keys);
	/* Lists are cut up by parsing, so the message shows their first word. */
	if (key->parse(policy, value))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "policy '%s': %s='%s', expected %s", name, pair, value,
				      key->allowed);
	return 0;
}

static int parse_pairs(const char *name, char *rest, struct fth_guest_policy *policy,
		       struct fth_report *ret_report)
{
	const u32 flags = BIT(0), model = BIT(1) | BIT(2);
	u32 seen = 0;
	char *pair;
	int error;

	BUILD_BUG_ON(ARRAY_SIZE(keys) > 32);
	fth_policy_set_defaults(policy);
	while ((pair = strsep(&rest, " \t"))) {
		if (!*pair)
			continue;
		error = parse_pair(name, pair, policy, &seen, ret_report);
		if (error)
			return error;
	}
	if ((seen & flags) && (seen & model))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "policy '%s': either flags or leave and switch, not both",
				      name);
	return fth_engine_check(policy, ret_report);
}

static struct fth_policy_list *list_of(struct fth_policies *policies)
{
	/* The engine's lock is held by every writer. */
	return rcu_dereference_protected(policies->list, true);
}

static struct entry *find_entry(struct fth_policy_list *list, const char *name)
{
	for (u32 i = 0; list && i < list->count; i++) {
		if (!strcmp(list->entries[i].name, name))
			return &list->entries[i];
	}
	return NULL;
}

/* A copy without @name's entry and with room for one more. */
static struct fth_policy_list *copy_without(struct fth_policy_list *old, const char *name)
{
	struct fth_policy_list *list;

	list = kzalloc(struct_size(list, entries, FTH_POLICIES_MAX), GFP_KERNEL);
	for (u32 i = 0; list && old && i < old->count; i++) {
		if (strcmp(old->entries[i].name, name))
			list->entries[list->count++] = old->entries[i];
	}
	return list;
}

/* The new list holds all policies of the old one but that of @gone. */
static void replace(struct fth_policies *policies, struct fth_policy_list *list, struct entry *gone)
{
	struct fth_policy_list *old = list_of(policies);

	rcu_assign_pointer(policies->list, list);
	if (gone)
		kfree(gone->policy);
	if (old)
		kfree_rcu(old, rcu);
}

static int check_name(const char *name, struct fth_report *ret_report)
{
	if (*name && strlen(name) <= FTH_NAME_MAX && !strpbrk(name, "=/"))
		return 0;
	return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
			      "policy: a line begins with a module's name or '*', found '%s'",
			      name);
}

static int write_remove(struct fth_policies *policies, const char *name,
			struct fth_report *ret_report)
{
	struct entry *entry = find_entry(list_of(policies), name);
	struct fth_policy_list *list;

	if (!entry)
		return fth_report_set(ret_report, FTH_E_NO_PATCH, -ENOENT,
				      "policy: there is none for '%s' to take away", name);
	list = copy_without(list_of(policies), name);
	if (!list)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "policy '%s': out of memory", name);
	replace(policies, list, entry);
	return 0;
}

/* Takes @policy on 0 only. */
static int write_entry(struct fth_policies *policies, const char *name,
		       struct fth_owned_policy *policy, struct fth_report *ret_report)
{
	struct entry *entry = find_entry(list_of(policies), name);
	struct fth_policy_list *list = copy_without(list_of(policies), name);

	if (!list)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "policy '%s': out of memory", name);
	if (list->count == FTH_POLICIES_MAX) {
		kfree(list);
		return fth_report_set(ret_report, FTH_E_TOO_LARGE, -ENOSPC,
				      "policy '%s': there are %u already; take one away first",
				      name, FTH_POLICIES_MAX);
	}
	strscpy(list->entries[list->count].name, name, sizeof(list->entries[0].name));
	list->entries[list->count++].policy = policy;
	replace(policies, list, entry);
	return 0;
}

int fth_policies_write(struct fth_policies *policies, char *line, struct fth_report *ret_report)
{
	struct fth_owned_policy *owned;
	struct fth_guest_policy policy;
	char *name, *rest = strim(line);
	int error;

	name = strsep(&rest, " \t");
	if (*name == '-')
		return write_remove(policies, name + 1, ret_report);
	error = check_name(name, ret_report);
	if (error)
		return error;
	error = parse_pairs(name, rest, &policy, ret_report);
	if (error)
		return error;
	if (fth_policy_copy(&policy, &owned))
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "policy '%s': out of memory", name);
	error = write_entry(policies, name, owned, ret_report);
	if (error)
		kfree(owned);
	return error;
}

bool fth_policies_names(struct fth_policies *policies, const char *name)
{
	struct fth_policy_list *list;
	bool found;

	rcu_read_lock();
	list = rcu_dereference(policies->list);
	found = find_entry(list, name) || find_entry(list, "*");
	rcu_read_unlock();
	return found;
}

bool fth_policies_find(struct fth_policies *policies, const char *name,
		       struct fth_guest_policy *ret_policy)
{
	struct fth_policy_list *list = list_of(policies);
	struct entry *entry = find_entry(list, name) ?: find_entry(list, "*");

	if (entry)
		*ret_policy = entry->policy->policy;
	return entry;
}

int fth_policies_print(struct fth_policies *policies, char *page)
{
	struct fth_policy_list *list = list_of(policies);
	int at = 0;

	for (u32 i = 0; list && i < list->count; i++) {
		int length = fth_policy_print(list->entries[i].name,
					      &list->entries[i].policy->policy, page + at,
					      PAGE_SIZE - at - FTH_POLICY_MORE_MAX);

		if (length < 0)
			return at + scnprintf(page + at, PAGE_SIZE - at,
					      "# %u more, for which there is no room here\n",
					      list->count - i);
		at += length;
	}
	return at;
}

void fth_policies_free(struct fth_policies *policies)
{
	struct fth_policy_list *list = list_of(policies);

	for (u32 i = 0; list && i < list->count; i++)
		kfree(list->entries[i].policy);
	replace(policies, NULL, NULL);
}
