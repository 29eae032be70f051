// SPDX-License-Identifier: GPL-2.0
/*
 * A command line that is wrong.
 *
 * DESIGN
 * One line on stderr: the command, what was found, what was expected, and where the whole help
 * is.  The help itself is not printed: who is in a hurry would have to search it for
 * what was wrong.
 */
#include "cli/usage.h"

#include <getopt.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/verbs.h"

static int see_help(const char *command)
{
	fprintf(stderr, "; see 'fother %s --help'\n", command);
	return FTH_EXIT_USAGE;
}

int fth_usage_operands(int argc, char **argv, const char *expected)
{
	int i;

	fprintf(stderr, "fother %s: found ", argv[0]);
	if (optind >= argc)
		fputs("nothing", stderr);
	for (i = optind; i < argc; i++) {
		fputs(i == optind ? "'" : " ", stderr);
		fth_cli_put_text(stderr, argv[i]);
	}
	fprintf(stderr, "%s, expected %s", optind < argc ? "'" : "", expected);
	return see_help(argv[0]);
}

static const char *long_name(const struct option *options, int c)
{
	while (options->name && options->val != c)
		options++;
	return options->name;
}

int fth_usage_option(char **argv, const struct option *options, int c)
{
	const char *word = argv[optind - 1];
	const char *name = long_name(options, c == ':' ? optopt : c);

	fprintf(stderr, "fother %s: ", argv[0]);
	if (c == ':' && name)
		fprintf(stderr, "option '--%s' needs a value", name);
	else if (c != '?' && name)
		fprintf(stderr, "'--%s' is no option of this command", name);
	else if (word[0] == '-' && word[1] != '-' && optopt)
		fprintf(stderr, "unknown option '-%c'", optopt);
	else
		fprintf(stderr, "unknown option '%s'", word);
	return see_help(argv[0]);
}
