/* SPDX-License-Identifier: GPL-2.0 */
/* How wide text is on a terminal: names of VMs need not be ASCII. */
#ifndef FTH_CLI_COLUMNS_H
#define FTH_CLI_COLUMNS_H

#include <stddef.h>

/**
 * fth_columns() - columns that a text takes
 * @text: UTF-8; a byte that is none takes one, and so does what fth_cli_put_text() replaces
 *
 * By the locale's LC_CTYPE; where that is not UTF-8 each character takes one.
 */
size_t fth_columns(const char *text);

/** fth_columns_fit() - bytes of @text, in whole characters, that take @room columns at most. */
size_t fth_columns_fit(const char *text, size_t room);

#endif /* FTH_CLI_COLUMNS_H */
