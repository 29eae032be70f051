// SPDX-License-Identifier: GPL-2.0
/* fother status: is the agent well? */
#include <inttypes.h>
#include <getopt.h>
#include <stdio.h>

#include "cli/client.h"
#include "cli/usage.h"
#include "cli/verbs.h"

static const char help[] =
	"usage: fother status [--json]\n"
	"\n"
	"Says whether the agent answers and its journal can be written.\n"
	"exit: 0 it is well, 1 it takes no new work (it says why), 2 usage error,\n"
	"      3 no agent\n"
	"\n"
	"example: fother status --json | jq .store\n";

int fth_cli_status(int argc, char **argv)
{
	struct fth_cli_options options;
	const json_t *store;
	json_t *answer;
	int code = fth_cli_options(argc, argv, help, "j", &options);

	if (code >= 0)
		return code;
	if (argc != optind)
		return fth_usage_operands(argc, argv, "nothing");
	code = fth_cli_call("GET", "/v1/status", NULL, &answer);
	if (code)
		return code;
	store = json_object_get(answer, "store");
	if (!json_is_true(json_object_get(store, "ok")))
		code = FTH_EXIT_NOT_SO;
	if (options.json) {
		fth_cli_print_json(answer);
	} else {
		printf("fotherd %s: %" PRId64 " VMs, %" PRId64 " in session, %" PRId64
		       " rollouts, epoch %" PRId64 "\n",
		       fth_cli_string(answer, "version"), fth_cli_number(answer, "vms"),
		       fth_cli_number(answer, "sessions_open"), fth_cli_number(answer, "rollouts"),
		       fth_cli_number(answer, "epoch"));
		printf("journal: %s\n", code ? fth_cli_string(store, "why") : "ok");
	}
	json_decref(answer);
	return code;
}
