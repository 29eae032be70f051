// SPDX-License-Identifier: GPL-2.0
/*
 * fother complete: names for a shell's completion, one a line.
 *
 * It is asked at each TAB: without an agent it prints nothing and says nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/verbs.h"

/* Whatever goes wrong is no business of somebody who types. */
static void be_quiet(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
}

/* A name that a shell would have to quote is left out with its control bytes. */
static void print_name(const json_t *object, const char *member)
{
	const char *name = fth_cli_string(object, member);

	if (strcmp(name, "-") != 0 && !strpbrk(name, " \t\n\r\033"))
		puts(name);
}

static int each(const char *path, const char *member)
{
	json_t *list;
	const json_t *item;
	size_t i;
	int code = fth_cli_call("GET", path, NULL, &list);

	if (code)
		return code;
	json_array_foreach(list, i, item) {
		if (!strcmp(member, "id"))
			printf("%lld\n", (long long)fth_cli_number(item, member));
		else
			print_name(item, member);
	}
	json_decref(list);
	return FTH_EXIT_OK;
}

int fth_cli_complete(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	be_quiet();
	if (!strcmp(what, "vms"))
		return each("/v1/vms", "name");
	if (!strcmp(what, "rollouts"))
		return each("/v1/rollouts", "id");
	if (!strcmp(what, "patches"))
		return each("/v1/rollouts", "patch");
	return FTH_EXIT_USAGE;
}
