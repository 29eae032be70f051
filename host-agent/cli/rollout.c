// SPDX-License-Identifier: GPL-2.0
/* fother rollout: start, watch, hold, go on, take back. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/rollout_tree.h"
#include "cli/rollout_view.h"
#include "cli/usage.h"
#include "cli/verbs.h"

static const char help[] =
	"usage: fother rollout start POLICY [--why TEXT] [--wait] [--json]\n"
	"       fother rollout status [ID] [--wait|--watch] [--all] [--json]\n"
	"       fother rollout list [--json]\n"
	"       fother rollout pause|resume|promote|abort|reverse|recall|undo ID\n"
	"                      [--why TEXT] [--wait] [--json]\n"
	"\n"
	"start    check the policy file and its module, patch the VMs it selects:\n"
	"         canary first, then wave by wave\n"
	"status   one rollout, the newest without ID; --wait until it has settled,\n"
	"         --watch it until then; of many VMs those that need a look, --all names all\n"
	"list     all rollouts, oldest first\n"
	"pause    start nothing new; what runs may end, failures still count\n"
	"resume   go on; also opens a manual gate\n"
	"promote  skip the rest of the soak, or open a manual gate; health still counts\n"
	"abort    stop here: nothing new is started, what is in flight ends, nothing is\n"
	"         taken back\n"
	"reverse  take the patch back from every VM that was touched\n"
	"recall   reverse, and block the payload in the whole fleet ('fother allow'); of\n"
	"         a rollout that a newer one followed it recalls the payload all the same\n"
	"undo     reverse a rollout that is complete or aborted\n"
	"\n"
	"exit: 0 as wished; 1 not as wished (VMs failed, it was reversed or paused, it is\n"
	"      complete and VMs are without the patch or can't be told to do well);\n"
	"      for reverse, recall and undo, 0 once it is reversed or on its way; for\n"
	"      abort, 0 once it is aborted; 2 usage or policy error; 3 no agent\n"
	"\n"
	"example: fother rollout start --wait policies/cve_2026_1234.yaml\n";

#define WATCH_EVERY_MS 250
#define ID_SIZE 24

static int get(const char *id, json_t **ret_rollout)
{
	char *path = fth_cli_path("rollouts/", id, "");
	int code;

	if (!path)
		return FTH_EXIT_NOT_SO;
	code = fth_cli_call("GET", path, NULL, ret_rollout);
	free(path);
	return code;
}

/* The rollout without its VMs, which may be many. */
static int get_short(const char *id, json_t **ret_rollout)
{
	json_t *list, *rollout;
	size_t i;
	int code = fth_cli_call("GET", "/v1/rollouts", NULL, &list);

	if (code)
		return code;
	*ret_rollout = NULL;
	json_array_foreach(list, i, rollout)
		if (fth_cli_number(rollout, "id") == strtoll(id, NULL, 10))
			*ret_rollout = json_incref(rollout);
	json_decref(list);
	return *ret_rollout ? FTH_EXIT_OK : get(id, ret_rollout);
}

/* Prints all of it again and again; elsewhere than on a terminal it is --wait. */
static int watch_tree(const char *id, const struct fth_cli_options *options, json_t **ret_rollout)
{
	const struct timespec nap = { 1, 0 };
	json_t *rollout;
	int code;

	for (;;) {
		code = get(id, &rollout);
		if (code)
			return code;
		fth_rollout_clear();
		if (fth_rollout_settled(rollout))
			break;
		fth_rollout_print(rollout, options->all);
		fflush(stdout);
		json_decref(rollout);
		nanosleep(&nap, NULL);
	}
	*ret_rollout = rollout;
	return FTH_EXIT_OK;
}

/* Reads the rollout until it has settled; a progress line goes to stderr. */
static int watch(const char *id, json_t **ret_rollout)
{
	const struct timespec nap = { 0, WATCH_EVERY_MS * 1000000L };
	char line[FTH_PROGRESS_SIZE] = "";
	json_t *rollout;
	int code;

	for (;;) {
		code = get_short(id, &rollout);
		if (code)
			return code;
		fth_rollout_progress(rollout, line);
		if (fth_rollout_settled(rollout))
			break;
		json_decref(rollout);
		nanosleep(&nap, NULL);
	}
	fth_rollout_progress_end();
	json_decref(rollout);
	return get(id, ret_rollout);
}

/* Waits if asked to, prints, judges.  Takes @rollout. */
static int finish(json_t *rollout, const struct fth_cli_options *options, const char *wished)
{
	char id[ID_SIZE];
	int code;

	if (options->wait || options->watch) {
		snprintf(id, sizeof(id), "%" PRId64, fth_cli_number(rollout, "id"));
		json_decref(rollout);
		code = options->watch && !options->json && isatty(STDOUT_FILENO)
			       ? watch_tree(id, options, &rollout)
			       : watch(id, &rollout);
		if (code)
			return code;
	}
	code = fth_rollout_verdict(rollout, wished);
	if (options->json)
		fth_cli_print_json(rollout);
	else
		fth_rollout_print(rollout, options->all);
	json_decref(rollout);
	return code;
}

static int start(const char *file, const struct fth_cli_options *options)
{
	char *path = realpath(file, NULL);
	json_t *request, *rollout;
	int code;

	if (!path) {
		fprintf(stderr, "fother: policy '%s': %s\n", file, strerror(errno));
		return FTH_EXIT_USAGE;
	}
	request = json_pack("{s:s, s:s*}", "policy", path, "why", options->why);
	free(path);
	if (!request) {
		fprintf(stderr, "fother: policy '%s': its path or --why is not UTF-8\n", file);
		return FTH_EXIT_USAGE;
	}
	code = fth_cli_call("POST", "/v1/rollouts", request, &rollout);
	json_decref(request);
	return code ? code : finish(rollout, options, "complete");
}

/* The newest rollout's id as text. */
static int newest(char *ret_id)
{
	json_t *list;
	size_t size;
	int code = fth_cli_call("GET", "/v1/rollouts", NULL, &list);

	if (code)
		return code;
	size = json_array_size(list);
	if (size)
		snprintf(ret_id, ID_SIZE, "%" PRId64,
			 fth_cli_number(json_array_get(list, size - 1), "id"));
	else
		fputs("fother: no rollout yet; begin with 'fother rollout start POLICY'\n", stderr);
	json_decref(list);
	return size ? FTH_EXIT_OK : FTH_EXIT_USAGE;
}

static int status(const char *id, const struct fth_cli_options *options)
{
	char text[ID_SIZE];
	json_t *rollout;
	int code;

	if (!id) {
		code = newest(text);
		if (code)
			return code;
		id = text;
	}
	code = get(id, &rollout);
	return code ? code : finish(rollout, options, "complete");
}

static int steer(const char *verb, const char *id, const struct fth_cli_options *options)
{
	bool reverse = !strcmp(verb, "reverse") || !strcmp(verb, "recall") || !strcmp(verb, "undo");
	char suffix[16];
	json_t *request, *rollout;
	char *path;
	int code;

	snprintf(suffix, sizeof(suffix), "/%s", verb);
	path = fth_cli_path("rollouts/", id, suffix);
	request = options->why ? json_pack("{s:s}", "why", options->why) : json_object();
	if (!path || !request) {
		fputs("fother: --why is not UTF-8 text\n", stderr);
		free(path);
		json_decref(request);
		return FTH_EXIT_USAGE;
	}
	code = fth_cli_call("POST", path, request, &rollout);
	free(path);
	json_decref(request);
	if (code)
		return code;
	if (fth_cli_number(rollout, "id") != strtoll(id, NULL, 10))
		fprintf(stderr,
			"fother: rollout %" PRId64
			" brought the payload of rollout %s again, and is recalled in its place\n",
			fth_cli_number(rollout, "id"), id);
	if (!strcmp(verb, "pause")) {
		code = finish(rollout, options, "complete");
		return code == FTH_EXIT_NOT_SO ? FTH_EXIT_OK : code;
	}
	return finish(rollout, options,
		      reverse		       ? "reversed"
		      : !strcmp(verb, "abort") ? "aborted"
					       : "complete");
}

static bool is_steering(const char *verb)
{
	static const char *const verbs[] = { "pause",	"resume", "promote", "abort",
					     "reverse", "recall", "undo" };
	size_t i;

	for (i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (!strcmp(verb, verbs[i]))
			return true;
	return false;
}

static const char *expected(const char *verb)
{
	if (!strcmp(verb, "list"))
		return "'list' alone";
	if (!strcmp(verb, "status"))
		return "'status' and at most one rollout's id ('fother rollout list')";
	if (!strcmp(verb, "start"))
		return "'start' and one policy file";
	if (is_steering(verb))
		return "one rollout's id behind it ('fother rollout list')";
	return "start, status, list, pause, resume, promote, abort, reverse, recall or undo";
}

int fth_cli_rollout(int argc, char **argv)
{
	struct fth_cli_options options;
	int code = fth_cli_options(argc, argv, help, "jwWma", &options);
	const char *verb, *operand;
	int operands;

	if (code >= 0)
		return code;
	operands = argc - optind;
	verb = operands ? argv[optind] : "";
	operand = operands == 2 ? argv[optind + 1] : NULL;
	if (!strcmp(verb, "list") && operands == 1)
		return fth_cli_get("/v1/rollouts", options.json, fth_rollout_print_list);
	if (!strcmp(verb, "status") && operands <= 2)
		return status(operand, &options);
	if (!strcmp(verb, "start") && operand)
		return start(operand, &options);
	if (is_steering(verb) && operand)
		return steer(verb, operand, &options);
	return fth_usage_operands(argc, argv, expected(verb));
}
