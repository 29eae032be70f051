/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies of patches that are loaded by hand: /sys/kernel/fother/policy.
 *
 * A line is `NAME key=value...`; NAME is a module's or `*` for every livepatch
 * module, keys are those of policy files without their dots.  It replaces the
 * policy NAME had.  `-NAME` takes it away.
 */
#ifndef FOTHER_GUEST_POLICY_H
#define FOTHER_GUEST_POLICY_H

#include <linux/types.h>

#include "engine.h"

#define FTH_POLICIES_MAX 16u
#define FTH_POLICY_LINE_MAX 1024u /* bytes of one line */

struct fth_policy_list;

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

/** fth_policies_print() - one line each.  Return: bytes written. */
int fth_policies_print(struct fth_policies *policies, char *page);

/** fth_policies_names() - is there a policy for @name?  RCU or atomic context. */
bool fth_policies_names(struct fth_policies *policies, const char *name);

/** fth_policies_find() - a copy of @name's policy, else that of `*`. */
bool fth_policies_find(struct fth_policies *policies, const char *name,
		       struct fth_guest_policy *ret_policy);

/** fth_policies_free() - drop them all. */
void fth_policies_free(struct fth_policies *policies);

#endif /* FOTHER_GUEST_POLICY_H */
