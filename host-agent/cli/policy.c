// SPDX-License-Identifier: GPL-2.0
/* fother policy: is a policy file right?  Needs no agent. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/verbs.h"
#include "io/policy_yaml.h"

static const char help[] =
	"usage: fother policy check FILE [--json]\n"
	"\n"
	"Reads a policy file and says what is wrong with it: file, line, column,\n"
	"key, what was found and what is allowed.  Notes what a guest must be able\n"
	"to do, and what this agent would refuse.  No agent is asked.\n"
	"exit: 0 it is right, 2 it is not\n"
	"\n"
	"example: fother policy check policies/default.yaml\n";

/* Capabilities a guest needs, as an array of the policy's words. */
static json_t *needs_of(const struct fth_policy *policy)
{
	uint64_t needs = fth_policy_needs(&policy->guest);
	json_t *names = json_array();
	uint64_t bit;

	for (; needs; needs &= needs - 1) {
		bit = needs & -needs;
		json_array_append_new(names, json_string(fth_capability_name(bit)));
	}
	return names;
}

static json_t *describe(const char *path, const struct fth_policy *policy)
{
	struct fth_policy_fault fault;
	json_t *answer = json_pack("{s:s, s:b, s:s, s:s, s:o}", "policy", path, "valid", 1, "patch",
				   policy->name, "file", policy->file, "guest_needs",
				   needs_of(policy));

	if (fth_policy_unsupported(policy, &fault))
		json_object_set_new(answer, "unsupported",
				    json_pack("{s:s, s:s}", "key", fault.key, "why", fault.why));
	return answer;
}

static void print_text(const char *path, const struct fth_policy *policy)
{
	uint64_t needs = fth_policy_needs(&policy->guest);
	struct fth_policy_fault fault;

	printf("%s: ok: patch '%s', %u waves\n", path, policy->name, policy->wave_count);
	for (; needs; needs &= needs - 1)
		printf("note: guests must support: %s\n", fth_capability_name(needs & -needs));
	if (fth_policy_unsupported(policy, &fault))
		printf("note: key '%s': %s: a rollout of it would be refused\n", fault.key,
		       fault.why);
}

static int check(const char *path, bool as_json)
{
	struct fth_policy *policy = malloc(sizeof(*policy));
	char message[FTH_POLICY_ERROR_MAX] = "out of memory";
	json_t *answer = NULL;
	int error = -1;

	if (policy)
		error = fth_policy_yaml_load(path, policy, message, sizeof(message));
	if (as_json && error)
		answer = json_pack("{s:s, s:b, s:s}", "policy", path, "valid", 0, "error", message);
	else if (as_json)
		answer = describe(path, policy);
	if (answer)
		fth_cli_print_json(answer);
	else if (error)
		fprintf(stderr, "%s\n", message);
	else
		print_text(path, policy);
	json_decref(answer);
	free(policy);
	return error ? FTH_EXIT_USAGE : FTH_EXIT_OK;
}

int fth_cli_policy(int argc, char **argv)
{
	struct fth_cli_options options;
	int code = fth_cli_options(argc, argv, help, "j", &options);

	if (code >= 0)
		return code;
	if (argc - optind != 2 || strcmp(argv[optind], "check") != 0) {
		fputs(help, stderr);
		return FTH_EXIT_USAGE;
	}
	return check(argv[optind + 1], options.json);
}
