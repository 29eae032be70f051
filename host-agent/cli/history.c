// SPDX-License-Identifier: GPL-2.0
/* fother history: what was done to which VM, when, by whose word, why. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/incidents_view.h"
#include "cli/table.h"
#include "cli/usage.h"
#include "cli/verbs.h"

static const char help[] =
	"usage: fother history [VM | --rollout ID] [--json]\n"
	"\n"
	"What was done, oldest first: what people asked for, what rollouts decided,\n"
	"commands to guests and what became of each VM, commands by hand, emergencies.\n"
	"At most the newest 10000 entries; the journal keeps the newest 500000, 1000 of\n"
	"each VM.\n"
	"exit: 0 answered (also when there is nothing), 2 usage error, 3 no agent\n"
	"\n"
	"example: fother history web-1\n";

static void print_entry(struct fth_table *table, const json_t *entry)
{
	char when[FTH_INCIDENTS_TIME_SIZE], rollout[24] = "-";
	const char *vm = json_string_value(json_object_get(entry, "vm"));

	fth_incidents_time(fth_cli_number(entry, "at_ms"), when);
	if (fth_cli_number(entry, "rollout"))
		snprintf(rollout, sizeof(rollout), "%" PRId64, fth_cli_number(entry, "rollout"));
	fth_table_row(table, when, rollout, fth_cli_string(entry, "patch"), vm && *vm ? vm : "-",
		      fth_cli_string(entry, "kind"), fth_cli_string(entry, "what"),
		      fth_cli_string(entry, "who"), fth_cli_string(entry, "why"), NULL);
}

static void print_history(const json_t *entries)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	const json_t *entry;
	size_t i;

	fth_table_row(&table, "WHEN", "ROLLOUT", "PATCH", "VM", "KIND", "WHAT", "BY", "WHY", NULL);
	json_array_foreach(entries, i, entry)
		print_entry(&table, entry);
	fth_table_print(&table);
}

int fth_cli_history(int argc, char **argv)
{
	struct fth_cli_options options;
	int code = fth_cli_options(argc, argv, help, "jr", &options);
	json_t *entries;
	char *path;

	if (code >= 0)
		return code;
	if (argc - optind > 1 || (argc - optind && options.rollout))
		return fth_usage_operands(argc, argv, "one VM's name, or --rollout and its id");
	if (options.rollout && strspn(options.rollout, "0123456789") != strlen(options.rollout)) {
		fprintf(stderr,
			"fother history: --rollout: found '%s', expected an id ('fother rollout list'); see 'fother history --help'\n",
			options.rollout);
		return FTH_EXIT_USAGE;
	}
	if (options.rollout)
		path = fth_cli_path("history/rollout/", options.rollout, "");
	else if (argc - optind)
		path = fth_cli_path("history/vm/", argv[optind], "");
	else
		path = strdup("/v1/history");
	if (!path) {
		fputs("fother: out of memory\n", stderr);
		return FTH_EXIT_NOT_SO;
	}
	code = fth_cli_call("GET", path, NULL, &entries);
	free(path);
	if (code)
		return code;
	if (options.json)
		fth_cli_print_json(entries);
	else if (!json_array_size(entries))
		printf("nothing was done%s\n",
		       argc - optind	 ? " to a VM of that name; see 'fother vm list'"
		       : options.rollout ? " in a rollout of that id; see 'fother rollout list'"
					 : "");
	else
		print_history(entries);
	json_decref(entries);
	return FTH_EXIT_OK;
}
