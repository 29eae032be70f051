// SPDX-License-Identifier: GPL-2.0
/* Tasks that hold a transition up, as a person reads them. */
#include "cli/tasks_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/table.h"

void fth_tasks_print(const json_t *stragglers, int64_t pending)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	int64_t listed = (int64_t)json_array_size(stragglers);
	char pid[24], since[32];
	const json_t *task;
	size_t i;

	fth_table_row(&table, "PID", "TASK", "WHERE", "SINCE", "NEXT", NULL);
	json_array_foreach(stragglers, i, task) {
		snprintf(pid, sizeof(pid), "%" PRId64, fth_cli_number(task, "pid"));
		snprintf(since, sizeof(since), "%.1f s",
			 (double)fth_cli_number(task, "since_ms") / 1000);
		fth_table_row(&table, pid, fth_cli_string(task, "comm"),
			      fth_cli_string(task, "where"), since, fth_cli_string(task, "next"),
			      NULL);
	}
	fth_table_print(&table);
	if (pending > listed)
		printf("and %" PRId64 " more\n", pending - listed);
}

void fth_tasks_line(const json_t *transition, char *ret_text)
{
	const json_t *tasks = json_object_get(transition, "stragglers");
	const json_t *first = json_array_get(tasks, 0);
	int64_t pending = fth_cli_number(transition, "pending");

	ret_text[0] = '\0';
	if (!first)
		return;
	if (pending < (int64_t)json_array_size(tasks))
		pending = (int64_t)json_array_size(tasks);
	snprintf(ret_text, FTH_TASKS_TEXT_MAX, "%" PRId64 " task%s left: %s[%" PRId64 "] %s%s",
		 pending, pending == 1 ? "" : "s", fth_cli_string(first, "comm"),
		 fth_cli_number(first, "pid"), fth_cli_string(first, "where"),
		 pending > 1 ? ", ..." : "");
}

void fth_tasks_patch(const json_t *patch, char *ret_text)
{
	const json_t *model = json_object_get(patch, "model");
	int64_t pending = fth_cli_number(patch, "pending");
	char count[40] = "";

	if (pending)
		snprintf(count, sizeof(count), ", %" PRId64 " pending", pending);
	snprintf(ret_text, FTH_TASKS_TEXT_MAX, "%s%s%s%s%s%s", fth_cli_string(patch, "state"),
		 json_is_object(model) ? ", " : "",
		 json_is_object(model) ? fth_cli_string(model, "name") : "", count,
		 json_is_true(json_object_get(patch, "forced")) ? ", forced" : "",
		 json_is_true(json_object_get(patch, "by_hand")) ? ", by hand" : "");
}
