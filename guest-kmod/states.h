/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System states that patches declare (struct klp_state).
 *
 * DESIGN
 * klp_get_state() asks one patch and works as it is.  klp_get_prev_state() asks
 * the in-tree core's list, so it is redirected (takeover.c) for the one task
 * that runs callbacks of ours, and only while it does.
 */
#ifndef FOTHER_GUEST_STATES_H
#define FOTHER_GUEST_STATES_H

#include "patch.h"

struct klp_state;

/**
 * fth_states_check() - may @klp come on top of the patches that are there?
 * @patches: adopted ones; their list does not change meanwhile
 * @ret_report: set on error
 *
 * It must know every state of theirs in the same version or a newer one; if it
 * doesn't replace them, it may leave states out.
 * Source: the in-tree klp_is_patch_compatible().
 * Return: 0 or -EINVAL.
 */
int fth_states_check(struct klp_patch *klp, const struct list_head *patches,
		     struct fth_report *ret_report);

/**
 * fth_states_begin() - callbacks run next, in current
 * @patch: in transition, or NULL: none is, and there is no previous state
 *
 * Context: the engine's mutex for moves is held until fth_states_end().
 */
void fth_states_begin(struct fth_patch *patch);

/** fth_states_end() - no callback runs any more. */
void fth_states_end(void);

/** fth_states_asked() - is current the task that runs callbacks?  Any context. */
bool fth_states_asked(void);

/**
 * fth_states_previous() - runs instead of klp_get_prev_state()
 *
 * Return: the state @id of the newest patch before the one in transition that
 * has it, or NULL.
 */
struct klp_state *fth_states_previous(unsigned long id);

#endif /* FOTHER_GUEST_STATES_H */
