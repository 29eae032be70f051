// SPDX-License-Identifier: GPL-2.0
/* fother vm: the VMs, what runs in them, and commands by hand. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/incidents_view.h"
#include "cli/table.h"
#include "cli/tasks_view.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "fother/consistency.h"
#include "io/policy_value.h"

static const char help[] =
	"usage: fother vm list [--json]\n"
	"       fother vm show VM [--json]\n"
	"       fother vm nudge VM PATCH [--why TEXT] [--json]\n"
	"       fother vm force VM PATCH --yes [--why TEXT] [--json]\n"
	"       fother vm confirm VM PATCH [--extend 5m] [--why TEXT] [--json]\n"
	"       fother vm revert VM PATCH [--mode MODE] [--why TEXT] [--json]\n"
	"       fother vm forget VM [--why TEXT] [--json]\n"
	"       fother vm audit [--json]\n"
	"\n"
	"list   every VM that has a channel, its session, kernel and patches\n"
	"show   all that is known of one VM, also which tasks a transition that\n"
	"       a rollout began waits for\n"
	"nudge  ask each task that holds the patch's transition up to leave, now\n"
	"force  end the patch's transition although tasks hold it up.  This breaks\n"
	"       its consistency model, and the patch stays until the next boot of\n"
	"       the VM; needs --yes\n"
	"confirm  the patch stays; with --extend it doesn't yet, and its time to be\n"
	"       confirmed begins anew with so much\n"
	"revert  take the patch back in emergency, whatever its rollout says: as\n"
	"       its policy says, or by --mode consistent, immediate (all tasks at\n"
	"       once, whatever they run) or consistent-then-immediate.  Needs\n"
	"       nothing of the guest's userspace.  The payload is blocked in that\n"
	"       VM until 'fother allow'\n"
	"forget  a VM that no inventory has any more won't come back: no recall waits\n"
	"       for it, and its place in rollouts is free.  If it does come back it is\n"
	"       a new VM, and is taken back if it has what was recalled\n"
	"audit  what was asked for by hand, by whom, and what came of it\n"
	"\n"
	"exit: 0 as wished, 1 the guest refused or does not answer, 2 usage, no such VM,\n"
	"      3 no agent\n"
	"\n"
	"example: fother vm show web-1\n"
	"         fother vm revert web-1 cve_2026_1234 --mode immediate\n";

#define PATCHES_TEXT_SIZE 512
#define SESSION_TEXT_SIZE 32

static void patches_text(const json_t *vm, char *text, size_t size)
{
	const json_t *patches = json_object_get(vm, "patches");
	const json_t *patch;
	size_t i, used = 0;

	snprintf(text, size, "-");
	json_array_foreach(patches, i, patch) {
		char details[FTH_TASKS_TEXT_MAX];
		int n;

		fth_tasks_patch(patch, details);
		n = snprintf(text + used, size - used, "%s%s (%s)", i ? ", " : "",
			     fth_cli_string(patch, "name"), details);

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

/* What it may not have again, and what triggered that. */
static void blocked_text(const json_t *vm, char *text, size_t size)
{
	const json_t *block;
	size_t i, used = 0;

	snprintf(text, size, "-");
	json_array_foreach(json_object_get(vm, "blocks"), i, block) {
		int n = snprintf(text + used, size - used, "%s%s (%s)", i ? ", " : "",
				 fth_cli_string(block, "patch"), fth_cli_string(block, "trigger"));

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

/* Whether it is open, and whether a program in the guest carries it. */
static void session_text(const json_t *vm, char *ret_text, size_t size)
{
	snprintf(ret_text, size, "%s%s", fth_cli_string(vm, "session"),
		 json_is_true(json_object_get(vm, "relayed")) ? " (relay)" : "");
}

static void print_list(const json_t *vms)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char patches[PATCHES_TEXT_SIZE], blocked[PATCHES_TEXT_SIZE];
	char session[SESSION_TEXT_SIZE];
	const json_t *vm;
	size_t i;

	fth_table_row(&table, "VM", "HOST", "GROUP", "RUNNING", "SESSION", "KERNEL", "PATCHES",
		      "BLOCKED", NULL);
	json_array_foreach(vms, i, vm) {
		patches_text(vm, patches, sizeof(patches));
		blocked_text(vm, blocked, sizeof(blocked));
		session_text(vm, session, sizeof(session));
		fth_table_row(&table, fth_cli_string(vm, "name"), fth_cli_string(vm, "host"),
			      fth_cli_string(vm, "group"),
			      json_is_true(json_object_get(vm, "running")) ? "yes" : "no", session,
			      fth_cli_string(vm, "release"), patches, blocked, NULL);
	}
	fth_table_print(&table);
}

/* What people would have to reckon with: printed, if it is one of these. */
static bool is_time(const char *name, const json_t *value)
{
	char at[FTH_INCIDENTS_TIME_SIZE];
	int64_t ms = json_integer_value(value);

	if (!strcmp(name, "heard_ms")) {
		fth_incidents_time(ms, at);
		printf("%-16s%s\n", "heard", ms ? at : "never");
		return true;
	}
	if (strcmp(name, "uptime_ms") != 0)
		return false;
	ms /= 1000;
	printf("%-16s%" PRId64 " d %02" PRId64 ":%02" PRId64 ":%02" PRId64 "\n", "uptime",
	       ms / 86400, ms / 3600 % 24, ms / 60 % 60, ms % 60);
	return true;
}

static void print_member(const char *name, const json_t *value)
{
	char *text;

	if (json_is_null(value) || json_is_array(value) || json_is_object(value) ||
	    (json_is_string(value) && !*json_string_value(value)))
		return;
	if (is_time(name, value))
		return;
	printf("%-16s", name);
	if (json_is_string(value)) {
		fth_cli_print_text(json_string_value(value));
	} else if (json_is_boolean(value)) {
		fputs(json_is_true(value) ? "yes" : "no", stdout);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		fth_cli_print_text(text ? text : "?");
		free(text);
	}
	putchar('\n');
}

/* What lists of words a VM has; a long one is for --json. */
static void print_words(const json_t *vm, const char *name)
{
	const json_t *words = json_object_get(vm, name), *word;
	size_t i;

	if (!json_array_size(words))
		return;
	printf("%-16s", name);
	json_array_foreach(words, i, word) {
		fputs(i ? ", " : "", stdout);
		fth_cli_print_text(json_string_value(word));
	}
	putchar('\n');
}

static const char *notes(const json_t *patch, char *text, size_t size)
{
	bool is_forced = json_is_true(json_object_get(patch, "forced"));
	bool is_by_hand = json_is_true(json_object_get(patch, "by_hand"));
	int64_t left_ms = fth_cli_number(patch, "confirm_left_ms");

	if (left_ms) {
		snprintf(text, size, "reverts in %" PRId64 " s unless confirmed%s",
			 (left_ms + 999) / 1000, is_by_hand ? "; by hand" : "");
		return text;
	}
	if (json_is_true(json_object_get(patch, "immediate")))
		return "switched at once: consistency was broken";

	if (is_forced)
		return is_by_hand ? "forced: until the next boot; by hand"
				  : "forced: until the next boot";
	return is_by_hand ? "by hand" : "-";
}

static void print_patches(const json_t *patches)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char pending[24], functions[24], hits[24], note[80];
	const json_t *patch;
	size_t i;

	fth_table_row(&table, "PATCH", "STATE", "MODEL", "PENDING", "FUNCTIONS", "HITS", "NOTES",
		      NULL);
	json_array_foreach(patches, i, patch) {
		snprintf(pending, sizeof(pending), "%" PRId64, fth_cli_number(patch, "pending"));
		snprintf(functions, sizeof(functions), "%" PRId64,
			 fth_cli_number(patch, "functions"));
		snprintf(hits, sizeof(hits), "%" PRId64, fth_cli_number(patch, "hits"));
		fth_table_row(&table, fth_cli_string(patch, "name"), fth_cli_string(patch, "state"),
			      fth_cli_string(json_object_get(patch, "model"), "name"), pending,
			      functions, hits, notes(patch, note, sizeof(note)), NULL);
	}
	fth_table_print(&table);
}

static void print_vm(const json_t *vm)
{
	const json_t *transition = json_object_get(vm, "transition");
	const json_t *tasks = json_object_get(transition, "stragglers");
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)vm, name, value)
		print_member(name, value);
	print_words(vm, "tags");
	print_words(vm, "capabilities");
	if (json_array_size(json_object_get(vm, "patches"))) {
		putchar('\n');
		print_patches(json_object_get(vm, "patches"));
	}
	if (json_array_size(tasks)) {
		putchar('\n');
		fth_tasks_print(tasks, fth_cli_number(transition, "pending"));
	}
	fth_incidents_print(json_object_get(vm, "incidents"));
	if (json_array_size(json_object_get(vm, "blocks")))
		putchar('\n');
	fth_blocks_print(json_object_get(vm, "blocks"));
}

static void print_audit(const json_t *hands)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char n[24], uid[24], at[FTH_INCIDENTS_TIME_SIZE];
	const json_t *hand;
	size_t i;

	fth_table_row(&table, "N", "AT", "UID", "VM", "COMMAND", "PATCH", "RESULT", "WHY", NULL);
	json_array_foreach(hands, i, hand) {
		snprintf(n, sizeof(n), "%" PRId64, fth_cli_number(hand, "n"));
		snprintf(uid, sizeof(uid), "%" PRId64, fth_cli_number(hand, "uid"));
		fth_incidents_time(fth_cli_number(hand, "at_ms"), at);
		fth_table_row(&table, n, at, uid, fth_cli_string(hand, "vm"),
			      fth_cli_string(hand, "command"), fth_cli_string(hand, "patch"),
			      fth_cli_string(hand, "result"), fth_cli_string(hand, "why"), NULL);
	}
	fth_table_print(&table);
}

static int read_extend(const char *text, uint64_t *ret_ms)
{
	uint64_t us;

	if (!fth_policy_value_parse_duration(text, &us) && us / 1000 >= FTH_CONFIRM_WITHIN_MIN_MS &&
	    us / 1000 <= FTH_CONFIRM_WITHIN_MAX_MS) {
		*ret_ms = us / 1000;
		return 0;
	}
	fprintf(stderr,
		"fother: --extend: found '%s', expected a duration such as '5m' (units ms, s, m, h; 1s … 168h)\n",
		text);
	return -1;
}

/* A command that belongs to no rollout. */
static int command(const char *verb, char *const *operands, const struct fth_cli_options *options)
{
	char suffix[16];
	json_t *request, *answer;
	uint64_t extend_ms = 0;
	char *path;
	int code;

	if (options->mode && strcmp(verb, "revert") != 0) {
		fprintf(stderr, "fother: --mode is for revert, found it with %s\n", verb);
		return FTH_EXIT_USAGE;
	}
	if (options->extend && strcmp(verb, "confirm") != 0) {
		fprintf(stderr, "fother: --extend is for confirm, found it with %s\n", verb);
		return FTH_EXIT_USAGE;
	}
	if (options->extend && read_extend(options->extend, &extend_ms))
		return FTH_EXIT_USAGE;
	if (!strcmp(verb, "force") && !options->yes) {
		fprintf(stderr,
			"fother: force breaks the consistency model of '%s', and it stays until the next boot of '%s'; say --yes if that is wished\n",
			operands[1], operands[0]);
		return FTH_EXIT_USAGE;
	}
	snprintf(suffix, sizeof(suffix), "/%s", verb);
	path = fth_cli_path("vms/", operands[0], suffix);
	request = json_pack("{s:s, s:s*, s:s*}", "patch", operands[1], "why", options->why, "mode",
			    options->mode);
	if (request && extend_ms)
		json_object_set_new(request, "extend_ms", json_integer((json_int_t)extend_ms));
	if (!path || !request) {
		fputs("fother: the patch's name and --why must be UTF-8 text\n", stderr);
		free(path);
		json_decref(request);
		return FTH_EXIT_USAGE;
	}
	code = fth_cli_call("POST", path, request, &answer);
	free(path);
	json_decref(request);
	if (code)
		return code;
	if (options->json)
		fth_cli_print_json(answer);
	else
		printf("vm '%s': %s '%s': done\n", operands[0], verb, operands[1]);
	json_decref(answer);
	return FTH_EXIT_OK;
}

static int forget(const char *name, const struct fth_cli_options *options)
{
	char *path = fth_cli_path("vms/", name, "/forget");
	json_t *request = json_pack("{s:s*}", "why", options->why), *answer;
	int code = FTH_EXIT_USAGE;

	if (path && request)
		code = fth_cli_call("POST", path, request, &answer);
	else
		fputs("fother: --why must be UTF-8 text\n", stderr);
	free(path);
	json_decref(request);
	if (code)
		return code;
	if (options->json)
		fth_cli_print_json(answer);
	else
		printf("vm '%s': forgotten; it had a place in %" PRId64 " rollouts\n", name,
		       fth_cli_number(answer, "rollouts"));
	json_decref(answer);
	return FTH_EXIT_OK;
}

static int show(const char *name, const struct fth_cli_options *options)
{
	char *path = fth_cli_path("vms/", name, "");
	int code = path ? fth_cli_get(path, options->json, print_vm) : FTH_EXIT_NOT_SO;

	free(path);
	return code;
}

static bool is_command(const char *verb)
{
	return !strcmp(verb, "nudge") || !strcmp(verb, "force") || !strcmp(verb, "confirm") ||
	       !strcmp(verb, "revert");
}

static const char *expected(const char *verb)
{
	if (!strcmp(verb, "list") || !strcmp(verb, "audit"))
		return "that word alone";
	if (!strcmp(verb, "show"))
		return "'show' and one VM's name ('fother vm list')";
	if (!strcmp(verb, "forget"))
		return "'forget' and one VM's name ('fother vm list')";
	if (is_command(verb))
		return "a VM's and a patch's name behind it ('fother vm list')";
	return "list, show, nudge, force, confirm, revert, forget or audit";
}

int fth_cli_vm(int argc, char **argv)
{
	struct fth_cli_options options;
	int code = fth_cli_options(argc, argv, help, "jmyMe", &options);
	int operands = argc - optind;
	const char *verb;

	if (code >= 0)
		return code;
	verb = operands ? argv[optind] : "";
	if (operands == 1 && !strcmp(verb, "list"))
		return fth_cli_get("/v1/vms", options.json, print_list);
	if (operands == 1 && !strcmp(verb, "audit"))
		return fth_cli_get("/v1/audit", options.json, print_audit);
	if (operands == 2 && !strcmp(verb, "show"))
		return show(argv[optind + 1], &options);
	if (operands == 2 && !strcmp(verb, "forget"))
		return forget(argv[optind + 1], &options);
	if (operands == 3 && is_command(verb))
		return command(verb, argv + optind + 1, &options);
	return fth_usage_operands(argc, argv, expected(verb));
}
