// SPDX-License-Identifier: GPL-2.0
/* Emergencies and blocks as people read them. */
#include "cli/incidents_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/client.h"
#include "cli/table.h"

#define HASH_SHOWN 12 /* digits that tell payloads apart for the eye */

void fth_incidents_time(int64_t ms, char *ret_text)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm utc;

	if (!gmtime_r(&seconds, &utc) ||
	    !strftime(ret_text, FTH_INCIDENTS_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &utc))
		strcpy(ret_text, "?");
}

/* The kernel's lines, each indented. */
static void print_report(const char *text)
{
	char line[1025];
	size_t length;

	while (*text) {
		length = strcspn(text, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)length, text);
		printf("    ");
		fth_cli_print_text(line);
		putchar('\n');
		text += length + (text[length] == '\n');
	}
}

static void print_incident(const json_t *incident)
{
	const char *kind = fth_cli_string(incident, "kind");
	const char *detail = fth_cli_string(incident, "detail");
	const char *text = json_string_value(json_object_get(incident, "text"));
	char at[FTH_INCIDENTS_TIME_SIZE];

	fth_incidents_time(fth_cli_number(incident, "at_ms"), at);
	printf("incident %" PRId64 " (heard %s): ", fth_cli_number(incident, "incident"), at);
	if (!strcmp(kind, "triggered"))
		printf("emergency revert of '%s' begins: ", fth_cli_string(incident, "patch"));
	else if (!strcmp(kind, "reverted"))
		printf("'%s' is reverted (%s): ", fth_cli_string(incident, "patch"),
		       fth_cli_string(incident, "mode"));
	printf("%s", fth_cli_string(incident, "trigger"));
	if (strcmp(fth_cli_string(incident, "where"), "-") != 0) {
		printf(" in ");
		fth_cli_print_text(fth_cli_string(incident, "where"));
	}
	if (strcmp(detail, "-") != 0) {
		printf(": ");
		fth_cli_print_text(detail);
	}
	putchar('\n');
	print_report(text ? text : "");
}

void fth_incidents_print(const json_t *incidents)
{
	const json_t *incident;
	size_t i;

	if (json_array_size(incidents))
		putchar('\n');
	json_array_foreach(incidents, i, incident)
		print_incident(incident);
}

void fth_blocks_print(const json_t *blocks)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char since[FTH_INCIDENTS_TIME_SIZE], hash[HASH_SHOWN + 1];
	const json_t *block;
	const char *vm;
	size_t i;

	if (!json_array_size(blocks))
		return;
	fth_table_row(&table, "VM", "PATCH", "SHA256", "SINCE", "TRIGGER", "STATE", "WHY", NULL);
	json_array_foreach(blocks, i, block) {
		fth_incidents_time(fth_cli_number(block, "at_ms"), since);
		snprintf(hash, sizeof(hash), "%s", fth_cli_string(block, "sha256"));
		vm = json_string_value(json_object_get(block, "vm"));
		fth_table_row(&table, vm && !*vm ? "(the fleet)" : fth_cli_string(block, "vm"),
			      fth_cli_string(block, "patch"), hash, since,
			      fth_cli_string(block, "trigger"),
			      fth_cli_number(block, "allowed_ms")
				      ? "allowed; its guest is to be told"
				      : "blocked",
			      fth_cli_string(block, "why"), NULL);
	}
	fth_table_print(&table);
}
