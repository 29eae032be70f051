// SPDX-License-Identifier: GPL-2.0
/*
 * fother complete: what may stand at the end of a command line, for the shells.
 *
 * DESIGN
 * Input: the words behind 'fother' so far, the last of them begun or empty.  Output: what
 * that one may become, a line each; a line ":files SUFFIX" where a file is meant, which
 * the shell knows better.  The scripts in packaging/completions know no command; the table
 * below does, and tests/unit/complete_test.sh compares it with each --help.
 * It is asked at each TAB: without an agent it prints no names and says nothing, and it
 * never takes longer than a person waits.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/verbs.h"

#define COMPLETE_MAX_S 2	 /* an agent that hangs is no reason to wait */
#define VALUE_OPTIONS "smMevrco" /* short ones that a value follows */

/* What an operand or an option's value is. */
enum kind {
	KIND_NONE,
	KIND_VM,
	KIND_ROLLOUT,
	KIND_PATCH,   /* that some rollout brought */
	KIND_BLOCKED, /* a patch that is blocked somewhere */
	KIND_POLICY,
	KIND_MODULE,
	KIND_FILE,
	KIND_MODE,
};

/* @operands: in their order.  @options: with a space behind each. */
struct command {
	const char *verb;
	const char *sub;
	enum kind operands[2];
	const char *options;
};

#define STEER "--why --wait --watch --all --json --help "

static const struct command commands[] = {
	{ "status", NULL, { 0 }, "--json --help " },
	{ "vm", "list", { 0 }, "--json --help " },
	{ "vm", "show", { KIND_VM }, "--json --help " },
	{ "vm", "nudge", { KIND_VM, KIND_PATCH }, "--why --json --help " },
	{ "vm", "force", { KIND_VM, KIND_PATCH }, "--yes --why --json --help " },
	{ "vm", "confirm", { KIND_VM, KIND_PATCH }, "--extend --why --json --help " },
	{ "vm", "revert", { KIND_VM, KIND_PATCH }, "--mode --why --json --help " },
	{ "vm", "forget", { KIND_VM }, "--why --json --help " },
	{ "vm", "audit", { 0 }, "--json --help " },
	{ "explain", NULL, { KIND_VM }, "--json --help " },
	{ "policy", "check", { KIND_POLICY }, "--json --help " },
	{ "rollout", "start", { KIND_POLICY }, STEER },
	{ "rollout", "status", { KIND_ROLLOUT }, "--wait --watch --all --json --help " },
	{ "rollout", "list", { 0 }, "--json --help " },
	{ "rollout", "pause", { KIND_ROLLOUT }, STEER },
	{ "rollout", "resume", { KIND_ROLLOUT }, STEER },
	{ "rollout", "promote", { KIND_ROLLOUT }, STEER },
	{ "rollout", "abort", { KIND_ROLLOUT }, STEER },
	{ "rollout", "reverse", { KIND_ROLLOUT }, STEER },
	{ "rollout", "recall", { KIND_ROLLOUT }, STEER },
	{ "rollout", "undo", { KIND_ROLLOUT }, STEER },
	{ "history", NULL, { KIND_VM }, "--rollout --json --help " },
	{ "blocks", NULL, { 0 }, "--json --help " },
	{ "allow", NULL, { KIND_BLOCKED }, "--vm --fleet --all --why --json --help " },
	{ "sign",
	  NULL,
	  { KIND_MODULE, KIND_FILE },
	  "--key --cert --vm --epoch --output --verify --json --help " },
	{ "enroll", NULL, { 0 }, "--connect --dry-run --json --help " },
	{ "unenroll", NULL, { 0 }, "--connect --dry-run --json --help " },
};

#define COMMANDS (sizeof(commands) / sizeof(*commands))

/* Options that a value follows; of all commands, as none means another thing elsewhere. */
static const struct value_option {
	const char *name;
	enum kind kind;
} value_options[] = {
	{ "--socket", KIND_FILE }, { "--why", KIND_NONE },     { "--mode", KIND_MODE },
	{ "--extend", KIND_NONE }, { "--vm", KIND_VM },	       { "--rollout", KIND_ROLLOUT },
	{ "--key", KIND_FILE },	   { "--cert", KIND_FILE },    { "--epoch", KIND_NONE },
	{ "--output", KIND_FILE }, { "--connect", KIND_NONE },
};

/* Where the words lead to. */
struct place {
	const char *verb;
	const char *sub;
	size_t operands;
	bool is_value; /* of the option before */
	enum kind value;
};

/* Whatever goes wrong is no business of somebody who types. */
static void be_quiet(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
	alarm(COMPLETE_MAX_S);
}

static void offer(const char *word, const char *begun)
{
	if (!strncmp(word, begun, strlen(begun)))
		puts(word);
}

/* A name that a shell would have to quote is left out with its control bytes. */
static bool is_plain(const char *name)
{
	return *name && strcmp(name, "-") != 0 && !strpbrk(name, " \t\n\r\033");
}

/* offer_each() - members of a list, each once */
static void offer_each(const char *path, const char *member, const char *begun)
{
	json_t *list, *seen = json_object();
	const json_t *item;
	char number[32];
	size_t i;

	if (!seen || fth_cli_call("GET", path, NULL, &list)) {
		json_decref(seen);
		return;
	}
	json_array_foreach(list, i, item) {
		const char *name = fth_cli_string(item, member);

		if (json_is_integer(json_object_get(item, member))) {
			snprintf(number, sizeof(number), "%lld",
				 (long long)fth_cli_number(item, member));
			name = number;
		}
		if (!is_plain(name) || json_object_get(seen, name))
			continue;
		json_object_set_new(seen, name, json_true());
		offer(name, begun);
	}
	json_decref(list);
	json_decref(seen);
}

static void offer_kind(enum kind kind, const char *begun)
{
	switch (kind) {
	case KIND_NONE:
		break;
	case KIND_VM:
		offer_each("/v1/vms", "name", begun);
		break;
	case KIND_ROLLOUT:
		offer_each("/v1/rollouts", "id", begun);
		break;
	case KIND_PATCH:
		offer_each("/v1/rollouts", "patch", begun);
		break;
	case KIND_BLOCKED:
		offer_each("/v1/blocks", "patch", begun);
		break;
	case KIND_POLICY:
		puts(":files .yaml");
		break;
	case KIND_MODULE:
		puts(":files .ko");
		break;
	case KIND_FILE:
		puts(":files");
		break;
	case KIND_MODE:
		offer("consistent", begun);
		offer("immediate", begun);
		offer("consistent-then-immediate", begun);
		break;
	}
}

static bool has_subs(const char *verb)
{
	size_t i;

	for (i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].verb, verb))
			return commands[i].sub;
	return false;
}

/* Does a value follow @option, and of which kind? */
static bool takes_value(const char *option, enum kind *ret_kind)
{
	size_t i;

	for (i = 0; i < sizeof(value_options) / sizeof(*value_options); i++) {
		if (!strcmp(value_options[i].name, option)) {
			*ret_kind = value_options[i].kind;
			return true;
		}
	}
	*ret_kind = KIND_NONE;
	return option[1] && !option[2] && strchr(VALUE_OPTIONS, option[1]);
}

static void walk(char **words, int count, struct place *place)
{
	static const char socket_is[] = "--socket=";
	int i;

	for (i = 0; i < count; i++) {
		const char *word = words[i];

		place->is_value = false;
		if (!strncmp(word, socket_is, strlen(socket_is))) {
			setenv("FOTHER_SOCKET", word + strlen(socket_is), 1);
		} else if (*word == '-' && takes_value(word, &place->value)) {
			/* bash gives the '=' before a value as a word */
			if (i + 1 < count && !strcmp(words[i + 1], "="))
				i++;
			place->is_value = ++i >= count;
			if (!place->is_value &&
			    (!strcmp(word, "--socket") || (!place->verb && !strcmp(word, "-s"))))
				setenv("FOTHER_SOCKET", words[i], 1);
		} else if (*word == '-') {
			continue;
		} else if (!place->verb) {
			place->verb = word;
		} else if (!place->sub && has_subs(place->verb)) {
			place->sub = word;
		} else {
			place->operands++;
		}
	}
}

static const struct command *find(const struct place *place)
{
	size_t i;

	for (i = 0; place->verb && i < COMMANDS; i++)
		if (!strcmp(commands[i].verb, place->verb) &&
		    (!commands[i].sub || (place->sub && !strcmp(commands[i].sub, place->sub))))
			return &commands[i];
	return NULL;
}

static void offer_options(const struct command *command, const char *verb, const char *begun)
{
	const char *next = command ? command->options
			   : verb  ? "--help "
				   : "--socket --version --help ";
	char option[32];
	size_t length;

	for (; *next; next += length + 1) {
		length = strcspn(next, " ");
		snprintf(option, sizeof(option), "%.*s", (int)length, next);
		offer(option, begun);
	}
}

/* The verbs, or the second words of one. */
static void offer_commands(const char *verb, const char *begun)
{
	const char *last = "";
	size_t i;

	for (i = 0; i < COMMANDS; i++) {
		const char *word = verb ? commands[i].sub : commands[i].verb;

		if ((verb && strcmp(commands[i].verb, verb) != 0) || !strcmp(word, last))
			continue;
		offer(word, begun);
		last = word;
	}
}

int fth_cli_complete(int argc, char **argv)
{
	struct place place = { 0 };
	const struct command *command;
	const char *begun;

	if (argc < 2)
		return FTH_EXIT_USAGE;
	be_quiet();
	begun = argv[argc - 1];
	walk(argv + 1, argc - 2, &place);
	command = find(&place);
	if (place.is_value && !strcmp(begun, "="))
		begun = "";
	if (place.is_value)
		offer_kind(place.value, begun);
	else if (*begun == '-')
		offer_options(command, place.verb, begun);
	else if (!place.verb)
		offer_commands(NULL, begun);
	else if (!place.sub && has_subs(place.verb))
		offer_commands(place.verb, begun);
	else if (command && place.operands < sizeof(command->operands) / sizeof(enum kind))
		offer_kind(command->operands[place.operands], begun);
	return FTH_EXIT_OK;
}
