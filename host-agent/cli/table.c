// SPDX-License-Identifier: GPL-2.0
/* Tables for people: columns as wide as their widest cell. */
#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/columns.h"
#include "cli/verbs.h"

void fth_table_free(struct fth_table *table)
{
	size_t i;

	for (i = 0; i < table->cells; i++)
		free(table->texts[i]);
	free(table->texts);
}

static void add_cell(struct fth_table *table, const char *text)
{
	if (table->cells == table->room) {
		size_t room = table->room ? 2 * table->room : 64;
		char **texts = realloc(table->texts, room * sizeof(*texts));

		if (!texts)
			goto err_memory;
		table->texts = texts;
		table->room = room;
	}
	table->texts[table->cells] = strdup(text);
	if (!table->texts[table->cells])
		goto err_memory;
	table->cells++;
	return;

err_memory:
	fputs("fother: out of memory\n", stderr);
	exit(FTH_EXIT_NOT_SO);
}

void fth_table_row(struct fth_table *table, ...)
{
	size_t before = table->cells;
	const char *text;
	va_list cells;

	va_start(cells, table);
	while ((text = va_arg(cells, const char *)))
		add_cell(table, text);
	va_end(cells);
	if (!table->columns)
		table->columns = table->cells - before;
}

void fth_table_print(const struct fth_table *table)
{
	size_t widths[FTH_TABLE_COLUMNS_MAX] = { 0 };
	size_t i, column, length;

	for (i = 0; i < table->cells; i++) {
		column = i % table->columns;
		length = fth_columns(table->texts[i]);
		if (column < FTH_TABLE_COLUMNS_MAX && length > widths[column])
			widths[column] = length;
	}
	for (i = 0; i < table->cells; i++) {
		column = i % table->columns;
		fth_cli_print_text(table->texts[i]);
		if (column + 1 == table->columns)
			putchar('\n');
		else
			printf("%*s", (int)(widths[column] + 2 - fth_columns(table->texts[i])), "");
	}
}
