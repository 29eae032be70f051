/* SPDX-License-Identifier: GPL-2.0 */
/* What the command line wishes for. */
#ifndef FTH_SIM_OPTIONS_H
#define FTH_SIM_OPTIONS_H

#include "sim.h"

#define WISH_VMS_MAX 32u /* of a run whose seed says how many */

struct wish {
	uint64_t seed;
	uint64_t count;
	uint32_t vms;
	bool calm;
	bool defaults;
	bool verbose;
	bool once;
	bool shows_seen;
	bool keep_all;
	uint32_t breaks;
	bool has_faults;
	uint32_t faults[SIM_FAULTS_MAX];
	uint32_t fault_count;
};

/** sim_options_parse() - 0, or 2: said what is wrong.  --help ends the program. */
int sim_options_parse(int argc, char **argv, struct wish *wish);

#endif /* FTH_SIM_OPTIONS_H */
