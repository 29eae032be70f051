// SPDX-License-Identifier: GPL-2.0
/* The command line. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void help(void)
{
	uint32_t i;

	printf("usage: sim [OPTION]...\n"
	       "Runs the real agent against simulated guests, wires, disks and clocks.\n\n"
	       "  --seed=S      first seed, decimal or 0x... (default 1)\n"
	       "  --n=N         number of seeds, one after the other (default 1)\n"
	       "  --vms=V       guests of each run, 1 ... %u (default: 1 ... %u, by the seed)\n"
	       "  --faults=L    of the seed's faults only these: numbers and ranges, as 3,7-9; or none\n"
	       "  --calm        no faults: to measure\n"
	       "  --defaults    with a policy that has all defaults, not one of chance\n"
	       "  --once        run each seed once, not twice to compare\n"
	       "  --seen        say at the end what the runs came by; what never did is a failure\n"
	       "  --no-shrink   leave the faults of a failing run as they are\n"
	       "  --break=WHAT  break the agent on purpose: ",
	       SIM_VMS_MAX, WISH_VMS_MAX);
	for (i = 1; i < SIM_BREAKS; i++)
		printf("%s%s", i > 1 ? ", " : "", sim_break_name(i));
	printf("\n  --verbose     say what happens\n"
	       "  --help        this\n\n"
	       "Exit status: 0 all invariants held, 1 one was violated (its run is printed), 2 usage.\n");
}

static int bad_usage(const char *what, const char *text)
{
	fprintf(stderr, "sim: %s: found '%s'; see sim --help\n", what, text);
	return 2;
}

static int parse_number(const char *text, uint64_t most, uint64_t *ret_number)
{
	char *end;

	errno = 0;
	*ret_number = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' || *ret_number > most ? -EINVAL : 0;
}

static int parse_faults(const char *text, struct wish *wish)
{
	unsigned long from, to;
	char *end;

	wish->has_faults = true;
	if (!strcmp(text, "none"))
		return 0;
	while (*text) {
		from = strtoul(text, &end, 10);
		if (end == text)
			return -EINVAL;
		to = from;
		text = end;
		if (*text == '-') {
			to = strtoul(text + 1, &end, 10);
			if (end == text + 1)
				return -EINVAL;
			text = end;
		}
		for (; from <= to; from++) {
			if (from >= SIM_FAULTS_MAX || wish->fault_count == SIM_FAULTS_MAX)
				return -EINVAL;
			wish->faults[wish->fault_count++] = (uint32_t)from;
		}
		if (*text == ',')
			text++;
		else if (*text)
			return -EINVAL;
	}
	return 0;
}

static int parse_break(const char *text, struct wish *wish)
{
	for (wish->breaks = 1; wish->breaks < SIM_BREAKS; wish->breaks++)
		if (!strcmp(sim_break_name(wish->breaks), text))
			return 0;
	return -EINVAL;
}

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },
	{ "n", required_argument, NULL, 'n' },
	{ "vms", required_argument, NULL, 'v' },
	{ "faults", required_argument, NULL, 'f' },
	{ "break", required_argument, NULL, 'b' },
	{ "calm", no_argument, NULL, 'c' },
	{ "defaults", no_argument, NULL, 'd' },
	{ "once", no_argument, NULL, 'o' },
	{ "no-shrink", no_argument, NULL, 'k' },
	{ "seen", no_argument, NULL, 'e' },
	{ "verbose", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

int sim_options_parse(int argc, char **argv, struct wish *wish)
{
	uint64_t number = 0;
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (option == 's' && parse_number(optarg, UINT64_MAX, &wish->seed))
			return bad_usage("expected a seed, decimal or 0x...", optarg);
		if (option == 'n' &&
		    (parse_number(optarg, UINT32_MAX, &wish->count) || !wish->count))
			return bad_usage("expected how many seeds", optarg);
		if (option == 'v') {
			if (parse_number(optarg, SIM_VMS_MAX, &number) || !number)
				return bad_usage("expected 1 ... 1000000 VMs", optarg);
			wish->vms = (uint32_t)number;
		}
		if (option == 'f' && parse_faults(optarg, wish))
			return bad_usage("expected numbers of faults, as 3,7-9, or none", optarg);
		if (option == 'b' && parse_break(optarg, wish))
			return bad_usage("no such thing to break", optarg);
		wish->calm |= option == 'c';
		wish->defaults |= option == 'd';
		wish->once |= option == 'o';
		wish->shows_seen |= option == 'e';
		wish->keep_all |= option == 'k';
		wish->verbose |= option == 'V';
		if (option == 'h') {
			help();
			exit(0);
		}
		if (option == '?')
			return 2;
	}
	return optind < argc ? bad_usage("no such argument", argv[optind]) : 0;
}
