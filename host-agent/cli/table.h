/* SPDX-License-Identifier: GPL-2.0 */
/* Tables for people: columns as wide as their widest cell. */
#ifndef FTH_CLI_TABLE_H
#define FTH_CLI_TABLE_H

#include <stddef.h>

#define FTH_TABLE_COLUMNS_MAX 12

struct fth_table {
	size_t columns;
	size_t cells;
	size_t room;
	char **texts;
};

/** fth_table_free() - forget all cells; for __attribute__((cleanup)). */
void fth_table_free(struct fth_table *table);

/**
 * fth_table_row() - one more row; the first one is the heading
 * @table: {} at first; every row has as many cells as the first one
 * @...: const char * cells, ended by NULL; control bytes are shown as '?'
 *
 * Without memory the program ends with a message: a table that lacks rows
 * would lie.
 */
__attribute__((sentinel)) void fth_table_row(struct fth_table *table, ...);

/** fth_table_print() - to stdout. */
void fth_table_print(const struct fth_table *table);

#endif /* FTH_CLI_TABLE_H */
