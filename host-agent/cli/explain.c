// SPDX-License-Identifier: GPL-2.0
/* fother explain: what holds a transition up, asked of the guest now. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/verbs.h"

static const char help[] = "usage: fother explain VM [--json]\n"
			   "\n"
			   "Asks the guest which tasks hold its transition up: pid, name, the\n"
			   "function on the task's stack or another reason, since when, and what\n"
			   "will be done about it next.\n"
			   "exit: 0 the guest answered, 1 it does not answer\n"
			   "\n"
			   "example: fother explain db-3\n";

static void print_stragglers(const json_t *stragglers)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char pid[24], since[32];
	const json_t *task;
	size_t i;

	fth_table_row(&table, "PID", "TASK", "WHERE", "SINCE", "NEXT", NULL);
	json_array_foreach(stragglers, i, task) {
		snprintf(pid, sizeof(pid), "%" PRId64, fth_cli_number(task, "pid"));
		snprintf(since, sizeof(since), "%.1f s",
			 (double)fth_cli_number(task, "since_ms") / 1000);
		fth_table_row(&table, pid, fth_cli_string(task, "comm"),
			      fth_cli_string(task, "where"), since, fth_cli_string(task, "next"),
			      NULL);
	}
	fth_table_print(&table);
}

static void print_answer(const json_t *answer, const char *vm)
{
	const json_t *stragglers = json_object_get(answer, "stragglers");
	const json_t *patch;
	size_t i;

	json_array_foreach(json_object_get(answer, "patches"), i, patch) {
		printf("patch '");
		fth_cli_print_text(fth_cli_string(patch, "name"));
		printf("': ");
		fth_cli_print_text(fth_cli_string(patch, "state"));
		putchar('\n');
	}
	if (json_array_size(stragglers))
		print_stragglers(stragglers);
	else
		printf("vm '%s': no task holds a transition up\n", vm);
}

int fth_cli_explain(int argc, char **argv)
{
	struct fth_cli_options options;
	json_t *answer;
	char *path;
	int code = fth_cli_options(argc, argv, help, "j", &options);

	if (code >= 0)
		return code;
	if (argc - optind != 1) {
		fputs(help, stderr);
		return FTH_EXIT_USAGE;
	}
	path = fth_cli_path("vms/", argv[optind], "/explain");
	if (!path)
		return FTH_EXIT_NOT_SO;
	code = fth_cli_call("GET", path, NULL, &answer);
	free(path);
	if (code)
		return code;
	if (options.json)
		fth_cli_print_json(answer);
	else
		print_answer(answer, argv[optind]);
	json_decref(answer);
	return FTH_EXIT_OK;
}
