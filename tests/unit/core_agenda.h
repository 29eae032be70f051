/* SPDX-License-Identifier: GPL-2.0 */
/* What a rollout keeps count of, counted anew from its VMs. */
#ifndef FTH_TESTS_CORE_AGENDA_H
#define FTH_TESTS_CORE_AGENDA_H

#include "core/rollout.h"

#define AGENDA_WHY_MAX 256u
#define AGENDA_VMS_MAX 1024u /* in a rollout that is checked */

/**
 * agenda_check() - do tree, counts and queues say what the VMs say?
 * @rollout: after a step that was not short of room for actions
 * @now_ms: of that step
 * @ret_why: AGENDA_WHY_MAX bytes, set when something is wrong
 *
 * Passes over the whole fleet as often as it likes, which the rollout itself
 * must not: nobody is forgotten, and nobody waits for room that there is.
 */
bool agenda_check(const struct fth_rollout *rollout, uint64_t now_ms, char *ret_why);

#endif /* FTH_TESTS_CORE_AGENDA_H */
