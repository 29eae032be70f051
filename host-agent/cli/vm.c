// SPDX-License-Identifier: GPL-2.0
/* fother vm list, fother vm show: the VMs and what runs in them. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"
#include "cli/verbs.h"

static const char help[] = "usage: fother vm list [--json]\n"
			   "       fother vm show VM [--json]\n"
			   "\n"
			   "list: every VM that has a channel, its session, kernel and patches.\n"
			   "show: all that is known of one VM.\n"
			   "\n"
			   "example: fother vm show web-1\n";

#define PATCHES_TEXT_SIZE 512

static void patches_text(const json_t *vm, char *text, size_t size)
{
	const json_t *patches = json_object_get(vm, "patches");
	const json_t *patch;
	size_t i, used = 0;

	snprintf(text, size, "-");
	json_array_foreach(patches, i, patch) {
		int n = snprintf(text + used, size - used, "%s%s (%s)", i ? ", " : "",
				 fth_cli_string(patch, "name"), fth_cli_string(patch, "state"));

		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

static void print_list(const json_t *vms)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char patches[PATCHES_TEXT_SIZE];
	const json_t *vm;
	size_t i;

	fth_table_row(&table, "VM", "HOST", "GROUP", "RUNNING", "SESSION", "KERNEL", "PATCHES",
		      NULL);
	json_array_foreach(vms, i, vm) {
		patches_text(vm, patches, sizeof(patches));
		fth_table_row(&table, fth_cli_string(vm, "name"), fth_cli_string(vm, "host"),
			      fth_cli_string(vm, "group"),
			      json_is_true(json_object_get(vm, "running")) ? "yes" : "no",
			      fth_cli_string(vm, "session"), fth_cli_string(vm, "release"), patches,
			      NULL);
	}
	fth_table_print(&table);
}

static void print_member(const char *name, const json_t *value)
{
	char *text;

	if (json_is_null(value) || json_is_array(value))
		return;
	printf("%-16s", name);
	if (json_is_string(value)) {
		fth_cli_print_text(json_string_value(value));
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
		fth_cli_print_text(text ? text : "?");
		free(text);
	}
	putchar('\n');
}

static void print_vm(json_t *vm)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char functions[24], hits[24];
	const json_t *patch;
	const char *name;
	json_t *value;
	size_t i;

	json_object_foreach(vm, name, value)
		print_member(name, value);
	if (!json_array_size(json_object_get(vm, "patches")))
		return;
	putchar('\n');
	fth_table_row(&table, "PATCH", "STATE", "FUNCTIONS", "HITS", NULL);
	json_array_foreach(json_object_get(vm, "patches"), i, patch) {
		snprintf(functions, sizeof(functions), "%" PRId64,
			 fth_cli_number(patch, "functions"));
		snprintf(hits, sizeof(hits), "%" PRId64, fth_cli_number(patch, "hits"));
		fth_table_row(&table, fth_cli_string(patch, "name"), fth_cli_string(patch, "state"),
			      functions, hits, NULL);
	}
	fth_table_print(&table);
}

static int show(const char *name, const struct fth_cli_options *options)
{
	char *path = fth_cli_path("vms/", name, "");
	json_t *answer;
	int code = FTH_EXIT_NOT_SO;

	if (!path)
		return code;
	code = fth_cli_call("GET", path, NULL, &answer);
	free(path);
	if (code)
		return code;
	if (options->json)
		fth_cli_print_json(answer);
	else
		print_vm(answer);
	json_decref(answer);
	return FTH_EXIT_OK;
}

static int list(const struct fth_cli_options *options)
{
	json_t *answer;
	int code = fth_cli_call("GET", "/v1/vms", NULL, &answer);

	if (code)
		return code;
	if (options->json)
		fth_cli_print_json(answer);
	else
		print_list(answer);
	json_decref(answer);
	return FTH_EXIT_OK;
}

int fth_cli_vm(int argc, char **argv)
{
	struct fth_cli_options options;
	int code = fth_cli_options(argc, argv, help, "j", &options);
	int operands = argc - optind;

	if (code >= 0)
		return code;
	if (operands == 1 && !strcmp(argv[optind], "list"))
		return list(&options);
	if (operands == 2 && !strcmp(argv[optind], "show"))
		return show(argv[optind + 1], &options);
	fputs(help, stderr);
	return FTH_EXIT_USAGE;
}
