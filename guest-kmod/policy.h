/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies of patches that are loaded by hand: /sys/kernel/fother/policy.
 *
 * A line is `NAME key=value...`; NAME is a module's or `*` for every livepatch
 * module, keys are those of policy files without their dots.  It replaces the
 * policy NAME had.  `-NAME` takes it away.  Reading gives one line for each,
 * with every key, as it could be written again.
 */
#ifndef FOTHER_GUEST_POLICY_H
#define FOTHER_GUEST_POLICY_H

#include <linux/types.h>

#include "engine.h"

#define FTH_POLICIES_MAX 16u
#define FTH_POLICY_LINE_MAX 1024u /* bytes of one line */

#define FTH_POLICY_MORE_MAX 64u /* bytes kept for "# N more, …" */

struct fth_policy_list;

/**
 * struct fth_owned_policy - a policy that borrows nothing; kfree() frees it whole
 * @policy: its extend_set points into @text
 * @text: the set's functions, each with a NUL behind it
 */
struct fth_owned_policy {
	struct fth_guest_policy policy;
	char text[];
};

/**
 * fth_policy_copy() - a copy with texts of its own
 * @from: checked; its spans may lie in a line or a frame
 * @ret_policy: the caller's, for kfree(); untouched on error
 *
 * Context: may sleep.
 * Return: 0; -ENOMEM; -EINVAL with a set that is longer than its limit.
 */
int fth_policy_copy(const struct fth_guest_policy *from, struct fth_owned_policy **ret_policy);

/**
 * fth_policy_print() - "NAME key=value…\n"
 * @size: room at @text, with that for a NUL
 * Return: bytes without the NUL; -ENOSPC when it does not fit, with @text cut.
 */
int fth_policy_print(const char *name, const struct fth_guest_policy *policy, char *text,
		     size_t size);

/** fth_policy_parse_ms() - "500ms", "5m".  Return: 0; -EINVAL. */
int fth_policy_parse_ms(char *value, u32 *ret_ms);

/** struct fth_policies - all of them; written under the engine's lock. */
struct fth_policies {
	struct fth_policy_list __rcu *list;
};

/**
 * fth_policies_write() - carry one line out
 * @line: changed by parsing
 * @ret_report: set on error
 *
 * Context: sleeps; the engine's lock.
 * Return: 0; -EINVAL; -EOPNOTSUPP; -ENOENT; -ENOSPC; -ENOMEM.
 */
int fth_policies_write(struct fth_policies *policies, char *line, struct fth_report *ret_report);

/**
 * fth_policies_print() - one line each
 * @page: PAGE_SIZE bytes; what does not fit is counted in a last line "# N more"
 * Return: bytes written.
 */
int fth_policies_print(struct fth_policies *policies, char *page);

/** fth_policies_names() - is there a policy for @name?  RCU or atomic context. */
bool fth_policies_names(struct fth_policies *policies, const char *name);

/**
 * fth_policies_find() - @name's policy, else that of `*`
 * @ret_policy: its extend_set is borrowed while the engine's lock is held:
 *	fth_policy_copy() what shall stay
 */
bool fth_policies_find(struct fth_policies *policies, const char *name,
		       struct fth_guest_policy *ret_policy);

/** fth_policies_free() - drop them all. */
void fth_policies_free(struct fth_policies *policies);

#endif /* FOTHER_GUEST_POLICY_H */
