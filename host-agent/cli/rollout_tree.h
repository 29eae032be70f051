/* SPDX-License-Identifier: GPL-2.0 */
/* A rollout's waves and VMs: a tree on a terminal, a table elsewhere. */
#ifndef FTH_CLI_ROLLOUT_TREE_H
#define FTH_CLI_ROLLOUT_TREE_H

#include <jansson.h>
#include <stdbool.h>

#define FTH_TREE_VMS_MAX 20u /* of one wave, or of a table, before the dull ones are folded */

/**
 * fth_rollout_print_vms() - the VMs of a rollout, to stdout
 * @rollout: the answer
 * @all: fold nothing
 *
 * On a terminal: a bar, then a tree as wide as the terminal, in colours unless
 * NO_COLOR is set, with plain signs unless the locale is UTF-8.  Elsewhere: a table.
 * Both name VMs that need a person's eye first and count the others.
 */
void fth_rollout_print_vms(const json_t *rollout, bool all);

/** fth_rollout_clear() - begin a terminal's screen anew. */
void fth_rollout_clear(void);

#endif /* FTH_CLI_ROLLOUT_TREE_H */
