/* SPDX-License-Identifier: GPL-2.0 */
/* One request to the agent's API, and what every verb needs around it. */
#ifndef FTH_CLI_CLIENT_H
#define FTH_CLI_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FTH_CLI_ANSWER_MAX (64u << 20) /* bytes of one answer */
#define FTH_CLI_TIMEOUT_S 60L	       /* ends a hang of the agent */

/**
 * fth_cli_call() - one request, its answer as JSON
 * @method: "GET" or "POST"
 * @path: beginning with "/v1/"; names in it are escaped by fth_cli_path()
 * @body: sent as JSON; NULL for none; borrowed
 * @ret_answer: a new reference; set on FTH_EXIT_OK only
 *
 * An error is reported on stderr here.
 * Return: FTH_EXIT_OK; FTH_EXIT_NO_AGENT; FTH_EXIT_USAGE when the agent
 * refuses the request as wrong; FTH_EXIT_NOT_SO when it can't do it now.
 */
int fth_cli_call(const char *method, const char *path, const json_t *body, json_t **ret_answer);

/**
 * fth_cli_get() - one request without a body, its answer printed
 * @path: as for fth_cli_call()
 * @as_json: as the agent gave it
 * @print: else, for people
 * Return: as fth_cli_call(); nothing is printed but on FTH_EXIT_OK.
 */
int fth_cli_get(const char *path, bool as_json, void (*print)(const json_t *answer));

/**
 * fth_cli_path() - "/v1/", @collection and @name, @name percent-encoded
 * @collection: e.g. "vms/"
 * @name: a VM's name or a rollout's id as the user gave it
 * @suffix: e.g. "/explain", or ""
 * Return: a string to be freed with free(); NULL without memory.
 */
char *fth_cli_path(const char *collection, const char *name, const char *suffix);

/** struct fth_cli_options - options that several commands share */
struct fth_cli_options {
	bool json;
	bool wait;
	bool watch;
	bool yes;
	bool all;
	bool fleet;
	const char *why;
	const char *mode;
	const char *extend;
	const char *vm;
	const char *rollout;
};

/**
 * fth_cli_options() - parse the options of a command
 * @argc: words from the command's name on
 * @argv: permuted: operands stand from optind on
 * @help: printed for --help
 * @accepts: of "jwWmyaMevfr": --json, --wait, --watch, --why, --yes, --all, --mode, --extend,
 *	--vm, --fleet, --rollout
 * @ret_options: set
 * Return: -1 to go on; else the exit code.
 */
int fth_cli_options(int argc, char **argv, const char *help, const char *accepts,
		    struct fth_cli_options *ret_options);

/** fth_cli_string() - a member of an object as text; "-" when it has none. */
const char *fth_cli_string(const json_t *object, const char *member);

/** fth_cli_number() - a member of an object as a number; 0 when it has none. */
int64_t fth_cli_number(const json_t *object, const char *member);

/** fth_cli_print_json() - an answer as the agent gave it, one line end. */
void fth_cli_print_json(const json_t *answer);

/**
 * fth_cli_print_text() - a text from elsewhere, safe for a terminal
 * @text: control bytes are shown as '?'
 */
void fth_cli_print_text(const char *text);

/** fth_cli_put_text() - the same, to another file. */
void fth_cli_put_text(FILE *file, const char *text);

#endif /* FTH_CLI_CLIENT_H */
