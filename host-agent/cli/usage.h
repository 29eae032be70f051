/* SPDX-License-Identifier: GPL-2.0 */
/* What is said of a command line that is wrong: one line, which names what was found. */
#ifndef FTH_CLI_USAGE_H
#define FTH_CLI_USAGE_H

struct option;

/**
 * fth_usage_operands() - operands are missing, too many or unknown
 * @argc: words from the command's name on
 * @argv: its operands stand from optind on
 * @expected: e.g. "the name of a VM"
 *
 * Return: FTH_EXIT_USAGE.
 */
int fth_usage_operands(int argc, char **argv, const char *expected);

/**
 * fth_usage_option() - an option is unknown, not the command's, or without its value
 * @argv: words from the command's name on
 * @options: what getopt_long() was given; it must have been told to be silent: opterr is 0,
 *	the short options begin with ':'
 * @c: what it returned: ':', '?', or an option that this command has not
 *
 * Return: FTH_EXIT_USAGE.
 */
int fth_usage_option(char **argv, const struct option *options, int c);

#endif /* FTH_CLI_USAGE_H */
