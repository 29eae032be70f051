// SPDX-License-Identifier: GPL-2.0
/* fother explain: what holds a transition up, asked of the guest now. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/client.h"
#include "cli/incidents_view.h"
#include "cli/tasks_view.h"
#include "cli/usage.h"
#include "cli/verbs.h"

static const char help[] =
	"usage: fother explain VM [--json]\n"
	"\n"
	"Asks the guest for its patches (state, consistency model, how many tasks\n"
	"are pending) and which tasks hold its transition up: pid, name, the\n"
	"function on the task's stack or another reason, since when, and what\n"
	"will be done about it next.  Below stands what the journal knows of its\n"
	"emergencies: trigger, place and the kernel's own lines.  Of a guest that is\n"
	"gone for good, 'fother vm show VM' says the same.\n"
	"exit: 0 the guest answered, 1 it does not answer, 2 usage, no such VM,\n"
	"      3 no agent\n"
	"\n"
	"example: fother explain db-3\n";

static void print_answer(const json_t *answer, const char *vm)
{
	const json_t *stragglers = json_object_get(answer, "stragglers");
	char text[FTH_TASKS_TEXT_MAX];
	int64_t pending = 0;
	const json_t *patch;
	size_t i;

	json_array_foreach(json_object_get(answer, "patches"), i, patch) {
		printf("patch '");
		fth_cli_print_text(fth_cli_string(patch, "name"));
		fth_tasks_patch(patch, text);
		printf("': ");
		fth_cli_print_text(text);
		putchar('\n');
		pending += fth_cli_number(patch, "pending");
	}
	if (json_array_size(stragglers))
		fth_tasks_print(stragglers, pending);
	else
		printf("vm '%s': no task holds a transition up\n", vm);
	fth_incidents_print(json_object_get(answer, "incidents"));
}

int fth_cli_explain(int argc, char **argv)
{
	struct fth_cli_options options;
	json_t *answer;
	char *path;
	int code = fth_cli_options(argc, argv, help, "j", &options);

	if (code >= 0)
		return code;
	if (argc - optind != 1)
		return fth_usage_operands(argc, argv, "one VM's name ('fother vm list')");
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
