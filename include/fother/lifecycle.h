/* SPDX-License-Identifier: GPL-2.0 */
/* The life of one patch in one guest (DESIGN section 3, "State"). */
#ifndef FOTHER_LIFECYCLE_H
#define FOTHER_LIFECYCLE_H

#include "fother/types.h"

/*
 * state      payload held  module loaded  functions redirected
 * ABSENT     no            no             no
 * STAGED     yes (*)       no (**)        no
 * APPLYING   any           yes            for switched tasks
 * SOAKING    any           yes            for all tasks, not confirmed
 * APPLIED    any           yes            for all tasks, confirmed
 * REVERTING  any           yes            for tasks not yet switched back
 *
 * (*) a module that was loaded by hand has no payload here: after its revert
 * it is ABSENT for the host.  (**) the engine unloads what it loaded.
 */
enum fth_lifecycle_state {
	FTH_LC_ABSENT = 0,
	FTH_LC_STAGED = 1,
	FTH_LC_APPLYING = 2,
	FTH_LC_SOAKING = 3,
	FTH_LC_APPLIED = 4,
	FTH_LC_REVERTING = 5,
};

#define FTH_LC_STATES 6

enum fth_lifecycle_event {
	FTH_LC_EV_STAGE = 0, /* payload complete, its hash is right */
	FTH_LC_EV_ADOPT = 1, /* loaded by hand, under a policy */
	FTH_LC_EV_APPLY = 2,
	FTH_LC_EV_FAIL = 3,	/* apply failed before any task switched */
	FTH_LC_EV_COMPLETE = 4, /* the last straggler left */
	FTH_LC_EV_REVERSE = 5,	/* turn round, or revert */
	FTH_LC_EV_CONFIRM = 6,
	FTH_LC_EV_FORCE = 7, /* end the transition against the rules */
	FTH_LC_EV_UNSTAGE = 8,
};

#define FTH_LC_EVENTS 9

/**
 * fth_lifecycle_step() - the state after an event
 * @state: enum fth_lifecycle_state
 * @event: enum fth_lifecycle_event
 * @ret_state: the next state; untouched on error
 * Return: 0; -EINVAL for a pair that stands in no row of the table.
 */
int fth_lifecycle_step(uint8_t state, uint8_t event, uint8_t *ret_state);

/** fth_lifecycle_in_transition() - APPLYING or REVERTING. */
bool fth_lifecycle_in_transition(uint8_t state);

/** fth_lifecycle_name() - "soaking", …; "?" for a number without a name. */
const char *fth_lifecycle_name(uint8_t state);

#endif /* FOTHER_LIFECYCLE_H */
