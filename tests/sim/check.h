/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the checks share. */
#ifndef FTH_SIM_CHECK_H
#define FTH_SIM_CHECK_H

#include "core/rollout.h"
#include "sim.h"

/* The agent's own, past what watches it. */
int __real_fth_rollout_step(struct fth_rollout *rollout, const struct fth_rollout_event *event,
			    struct fth_rollout_actions *actions);
int __wrap_fth_rollout_step(struct fth_rollout *rollout, const struct fth_rollout_event *event,
			    struct fth_rollout_actions *actions);

/** sim_check_number() - which of the fleet's VMs a rollout's VM is. */
uint32_t sim_check_number(const struct fth_rollout_vm *vm);

/** sim_check_replayed() - one event of a journal that is being replayed. */
void sim_check_replayed(struct fth_rollout *rollout, const struct fth_rollout_event *event);

/** sim_check_durable() - a rollout as the journal durably has it, or NULL. */
const struct fth_rollout *sim_check_durable(uint64_t id);

#endif /* FTH_SIM_CHECK_H */
