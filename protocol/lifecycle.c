// SPDX-License-Identifier: GPL-2.0
/* The life of one patch in one guest, as a table. */
#include "fother/lifecycle.h"

#include "bytes.h"

struct transition {
	uint8_t state;
	uint8_t event;
	uint8_t next;
};

/* A pair that stands in no row is an error. */
static const struct transition transitions[] = {
	{ FTH_LC_ABSENT, FTH_LC_EV_STAGE, FTH_LC_STAGED },
	{ FTH_LC_ABSENT, FTH_LC_EV_ADOPT, FTH_LC_APPLYING },
	{ FTH_LC_STAGED, FTH_LC_EV_STAGE, FTH_LC_STAGED },
	{ FTH_LC_STAGED, FTH_LC_EV_APPLY, FTH_LC_APPLYING },
	{ FTH_LC_STAGED, FTH_LC_EV_UNSTAGE, FTH_LC_ABSENT },
	{ FTH_LC_APPLYING, FTH_LC_EV_FAIL, FTH_LC_STAGED },
	{ FTH_LC_APPLYING, FTH_LC_EV_COMPLETE, FTH_LC_SOAKING },
	{ FTH_LC_APPLYING, FTH_LC_EV_FORCE, FTH_LC_SOAKING },
	{ FTH_LC_APPLYING, FTH_LC_EV_REVERSE, FTH_LC_REVERTING },
	{ FTH_LC_SOAKING, FTH_LC_EV_CONFIRM, FTH_LC_APPLIED },
	{ FTH_LC_SOAKING, FTH_LC_EV_REVERSE, FTH_LC_REVERTING },
	{ FTH_LC_APPLIED, FTH_LC_EV_REVERSE, FTH_LC_REVERTING },
	{ FTH_LC_REVERTING, FTH_LC_EV_REVERSE, FTH_LC_APPLYING },
	{ FTH_LC_REVERTING, FTH_LC_EV_COMPLETE, FTH_LC_STAGED },
	{ FTH_LC_REVERTING, FTH_LC_EV_FORCE, FTH_LC_STAGED },
};

static const char *const names[FTH_LC_STATES] = {
	[FTH_LC_ABSENT] = "absent",	[FTH_LC_STAGED] = "staged",
	[FTH_LC_APPLYING] = "applying", [FTH_LC_SOAKING] = "soaking",
	[FTH_LC_APPLIED] = "applied",	[FTH_LC_REVERTING] = "reverting",
};

int fth_lifecycle_step(uint8_t state, uint8_t event, uint8_t *ret_state)
{
	for (uint32_t i = 0; i < FTH_COUNT_OF(transitions); i++) {
		const struct transition *row = &transitions[i];

		if (row->state == state && row->event == event) {
			*ret_state = row->next;
			return 0;
		}
	}
	return -EINVAL;
}

bool fth_lifecycle_in_transition(uint8_t state)
{
	return state == FTH_LC_APPLYING || state == FTH_LC_REVERTING;
}

const char *fth_lifecycle_name(uint8_t state)
{
	return state < FTH_LC_STATES ? names[state] : "?";
}
