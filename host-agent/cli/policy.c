// SPDX-License-Identifier: GPL-2.0
/* fother policy: is a policy file right?  Needs no agent. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "io/json_text.h"
#include "io/payload.h"
#include "io/policy_yaml.h"

static const char help[] =
	"usage: fother policy check FILE [--json]\n"
	"\n"
	"Reads a policy file and says what is wrong with it: file, line, column,\n"
	"key, what was found and what is allowed.  Where the module is at hand it is\n"
	"read too: it may name the consistency model that it needs.  Notes which\n"
	"model holds and who chose it, what a guest must be able to do, and which\n"
	"checks decide on its health; warns of programs that can't be run here.  No\n"
	"agent is asked.\n"
	"exit: 0 it is right, 2 it is not\n"
	"\n"
	"example: fother policy check policies/default.yaml\n";

static json_t *text(const char *string)
{
	return fth_json_text(string, strlen(string));
}

/* Capabilities a guest needs, as an array of the policy's words. */
static json_t *needs_of(const struct fth_policy *policy)
{
	uint64_t needs = fth_policy_guest_needs(policy);
	json_t *names = json_array();
	uint64_t bit;

	for (; needs; needs &= needs - 1) {
		bit = needs & -needs;
		json_array_append_new(names, json_string(fth_capability_name(bit)));
	}
	return names;
}

static json_t *checks_of(uint32_t checks)
{
	json_t *names = json_array();

	for (; checks; checks &= checks - 1)
		json_array_append_new(names,
				      json_string(fth_check_name((uint8_t)__builtin_ctz(checks))));
	return names;
}

static void warn_program(json_t *warnings, const char *key, const char *program)
{
	if (access(program, X_OK))
		json_array_append_new(warnings,
				      json_sprintf("%s: '%s' can't be run on this host: %s", key,
						   program, strerror(errno)));
}

/* What is right for the file, and perhaps not for the host that it is checked on. */
static json_t *warnings_of(const struct fth_policy *policy)
{
	json_t *warnings = json_array();

	if (policy->command_count)
		warn_program(warnings, "health.command", policy->command[0]);
	if (policy->wave_command_count)
		warn_program(warnings, "health.wave-command", policy->wave_command[0]);
	return warnings;
}

/* Its module, where there is one: is it the one, and which model does it name? */
static int read_module(struct fth_policy *policy, bool *ret_found, char *ret_error, size_t size)
{
	struct fth_payload payload;
	int error = fth_payload_load(policy->file, NULL, &payload, ret_error, size);

	*ret_found = !error;
	if (error)
		return error == -EINVAL ? error : 0;
	error = fth_payload_matches(&payload, policy, ret_error, size);
	if (!error)
		error = fth_payload_settle_model(&payload, policy, ret_error, size);
	if (!error && policy->signature[0]) {
		error = fth_payload_load_signature(&payload, policy->signature, NULL, ret_error,
						   size);
		if (error && error != -EINVAL)
			error = 0; /* not there yet, as the module may be */
	}
	fth_payload_free(&payload);
	return error;
}

static json_t *describe(const char *path, const struct fth_policy *policy, bool has_module)
{
	const struct fth_guest_policy *guest = &policy->guest;
	json_t *answer = json_pack("{s:o, s:b, s:o, s:o, s:b, s:{s:s, s:s, s:s}, s:s, s:o}",
				   "policy", text(path), "valid", 1, "patch", text(policy->name),
				   "file", text(policy->file), "module_read", has_module, "model",
				   "name", fth_model_name(guest->leave, guest->switches), "leave",
				   fth_leave_name(guest->leave), "switch",
				   fth_switch_name(guest->switches), "model_from",
				   fth_policy_model_from(policy), "guest_needs", needs_of(policy));

	if (answer && policy->signature[0])
		json_object_set_new(answer, "signature", text(policy->signature));
	if (answer)
		json_object_set_new(answer, "warnings", warnings_of(policy));
	if (answer)
		json_object_set_new(answer, "checks",
				    checks_of(fth_policy_checks(policy) |
					      fth_policy_wave_checks(policy)));
	return answer;
}

static void print_model(const struct fth_policy *policy, bool has_module, const char *why)
{
	const char *from = fth_policy_model_from(policy);
	const struct fth_guest_policy *guest = &policy->guest;

	printf("note: consistency model: %s (leave: %s, switch: %s), %s\n",
	       fth_model_name(guest->leave, guest->switches), fth_leave_name(guest->leave),
	       fth_switch_name(guest->switches),
	       !strcmp(from, "policy")	 ? "as the policy says"
	       : !strcmp(from, "module") ? "as the module says"
	       : has_module		 ? "the default: neither policy nor module name one"
					 : "the default: the policy names none");
	if (!has_module)
		printf("note: %s: the model that it may name is not known here\n", why);
}

static void print_warnings(const struct fth_policy *policy)
{
	json_t *warnings = warnings_of(policy), *warning;
	size_t i;

	json_array_foreach(warnings, i, warning) {
		printf("warning: ");
		fth_cli_print_text(json_string_value(warning));
		putchar('\n');
	}
	json_decref(warnings);
}

static void print_text(const char *path, const struct fth_policy *policy, bool has_module,
		       const char *why)
{
	uint32_t checks = fth_policy_checks(policy) | fth_policy_wave_checks(policy);
	uint64_t needs = fth_policy_guest_needs(policy);

	printf("%s: ok: patch '%s', %u waves\n", path, policy->name, policy->wave_count);
	if (policy->signature[0])
		printf("note: signature: %s; whether a guest accepts it, its own keys say\n",
		       policy->signature);
	print_model(policy, has_module, why);
	for (; needs; needs &= needs - 1)
		printf("note: guests must support: %s\n", fth_capability_name(needs & -needs));
	for (; checks; checks &= checks - 1)
		printf("note: checked: %s\n", fth_check_name((uint8_t)__builtin_ctz(checks)));
	if (policy->health_host)
		puts("note: health.host is known of VMs of libvirt only");
	print_warnings(policy);
}

static int check(const char *path, bool as_json)
{
	struct fth_policy *policy = malloc(sizeof(*policy));
	char message[FTH_POLICY_ERROR_MAX] = "out of memory";
	bool has_module = false;
	json_t *answer = NULL;
	int error = -1;

	if (policy)
		error = fth_policy_yaml_load(path, policy, message, sizeof(message));
	if (!error)
		error = read_module(policy, &has_module, message, sizeof(message));
	if (as_json && error)
		answer = json_pack("{s:o, s:b, s:o}", "policy", text(path), "valid", 0, "error",
				   text(message));
	else if (as_json)
		answer = describe(path, policy, has_module);
	if (answer)
		fth_cli_print_json(answer);
	else if (error)
		fprintf(stderr, "%s\n", message);
	else
		print_text(path, policy, has_module, message);
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
	if (argc - optind != 2 || strcmp(argv[optind], "check") != 0)
		return fth_usage_operands(argc, argv, "'check' and one policy file");
	return check(argv[optind + 1], options.json);
}
