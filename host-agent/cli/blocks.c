// SPDX-License-Identifier: GPL-2.0
/* fother blocks, fother allow: payloads that VMs reverted in emergency. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/incidents_view.h"
#include "cli/usage.h"
#include "cli/verbs.h"

static const char blocks_help[] =
	"usage: fother blocks [--json]\n"
	"\n"
	"Which VM may not have which payload: it reverted it in emergency, and\n"
	"nobody has allowed it since.  No rollout sends it there, also after the\n"
	"VM was rebooted.  What a rollout recalled is blocked in the whole fleet.\n"
	"exit: 0 answered (also when nothing is blocked), 2 usage error, 3 no agent\n"
	"\n"
	"example: fother blocks --json\n";

static const char allow_help[] =
	"usage: fother allow PATCH|SHA256 [--vm VM | --fleet | --all] [--why TEXT] [--json]\n"
	"\n"
	"Lifts blocks of a patch, or of one payload of it: in the agent's journal,\n"
	"and in the guests, in those that are away as soon as they return.  Then\n"
	"running rollouts that select the VM go on with it.  Where more than one VM\n"
	"is meant, say which, or --all.  --fleet lifts what a recall blocks, and leaves\n"
	"what VMs reverted by themselves.\n"
	"exit: 0 allowed, 1 nothing of it is blocked, 2 usage error, 3 no agent\n"
	"\n"
	"example: fother allow cve_2026_1234 --vm web-1 --why 'it was the disk'\n";

int fth_cli_blocks(int argc, char **argv)
{
	struct fth_cli_options options;
	json_t *answer;
	size_t count;
	int code = fth_cli_options(argc, argv, blocks_help, "j", &options);

	if (code >= 0)
		return code;
	if (argc != optind)
		return fth_usage_operands(argc, argv, "nothing");
	code = fth_cli_call("GET", "/v1/blocks", NULL, &answer);
	if (code)
		return code;
	count = json_array_size(answer);
	if (options.json)
		fth_cli_print_json(answer);
	else if (!count)
		puts("nothing is blocked");
	else
		fth_blocks_print(answer);
	json_decref(answer);
	return FTH_EXIT_OK;
}

/* The one VM that is named: "" is the fleet's own page; NULL: all of them. */
static const char *vm_meant(const struct fth_cli_options *options)
{
	return options->fleet ? "" : options->vm;
}

static bool is_meant(const json_t *block, const char *patch, const char *vm)
{
	const char *of = json_string_value(json_object_get(block, "vm"));

	return !fth_cli_number(block, "allowed_ms") &&
	       (!strcmp(fth_cli_string(block, "patch"), patch) ||
		!strcasecmp(fth_cli_string(block, "sha256"), patch)) &&
	       (!vm || (of && !strcmp(of, vm)));
}

/* Return: an exit code, or -1: go on. */
static int check(const char *patch, const struct fth_cli_options *options)
{
	bool says_which = options->all || vm_meant(options);
	const json_t *block;
	json_t *blocks, *meant;
	size_t i, count;
	int code = fth_cli_call("GET", "/v1/blocks", NULL, &blocks);

	if (code)
		return code;
	meant = json_array();
	json_array_foreach(blocks, i, block)
		if (is_meant(block, patch, vm_meant(options)))
			json_array_append(meant, (json_t *)block);
	count = json_array_size(meant);
	if (!count)
		fprintf(stderr, "fother: nothing is blocked as '%s'%s%s; see 'fother blocks'\n",
			patch, options->vm ? " in vm " : "", options->vm ? options->vm : "");
	else if (count > 1 && !says_which)
		fprintf(stderr,
			"fother: '%s' is blocked in %zu places; say --vm VM, --fleet, or --all:\n",
			patch, count);
	if (count > 1 && !says_which)
		fth_blocks_print(meant);
	json_decref(meant);
	json_decref(blocks);
	if (!count)
		return FTH_EXIT_NOT_SO;
	return count > 1 && !says_which ? FTH_EXIT_USAGE : -1;
}

int fth_cli_allow(int argc, char **argv)
{
	struct fth_cli_options options;
	json_t *request, *answer;
	const char *patch;
	int code = fth_cli_options(argc, argv, allow_help, "jmavf", &options);

	if (code >= 0)
		return code;
	if (argc - optind != 1)
		return fth_usage_operands(argc, argv,
					  "the name of a patch, or the SHA-256 of a payload");
	if (options.all + options.fleet + !!options.vm > 1) {
		fputs("fother allow: found more than one of --vm, --fleet and --all, expected one; "
		      "see 'fother allow --help'\n",
		      stderr);
		return FTH_EXIT_USAGE;
	}
	patch = argv[optind];
	code = check(patch, &options);
	if (code >= 0)
		return code;
	request = json_pack("{s:s, s:s*, s:s*}", "patch", patch, "vm", vm_meant(&options), "why",
			    options.why);
	if (!request) {
		fputs("fother: the patch's name, --vm and --why must be UTF-8 text\n", stderr);
		return FTH_EXIT_USAGE;
	}
	code = fth_cli_call("POST", "/v1/allow", request, &answer);
	json_decref(request);
	if (code)
		return code;
	if (options.json)
		fth_cli_print_json(answer);
	else
		printf("'%s': blocks lifted: %" PRId64
		       "; that of a VM holds until its guest knows, see 'fother blocks'\n",
		       patch, fth_cli_number(answer, "allowed"));
	json_decref(answer);
	return FTH_EXIT_OK;
}
