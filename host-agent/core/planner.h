/* SPDX-License-Identifier: GPL-2.0 */
/* Which VM in which wave, and in which order. */
#ifndef FTH_CORE_PLANNER_H
#define FTH_CORE_PLANNER_H

#include "core/rollout.h"

/**
 * fth_planner_assign() - order the roster and cut it into waves
 * @rollout: its roster is whole; sets each VM's @wave and the @order
 *
 * Named canaries come first and are all in wave 0.  The rest is ordered by a
 * hash of seed and name, spread over hosts: no host gets its second VM before
 * every host got its first.  The same seed gives the same plan, whatever the
 * order of the roster.  VMs behind the last wave get wave = wave_count; those
 * in state SKIPPED what fth_planner_late_wave() says.
 */
void fth_planner_assign(struct fth_rollout *rollout);

/** fth_planner_late_wave() - for a VM that the plan was made without. */
uint32_t fth_planner_late_wave(const struct fth_rollout *rollout);

#endif /* FTH_CORE_PLANNER_H */
