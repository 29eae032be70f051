/* SPDX-License-Identifier: GPL-2.0 */
/* Tasks that hold a transition up, as a person reads them. */
#ifndef FTH_CLI_TASKS_VIEW_H
#define FTH_CLI_TASKS_VIEW_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define FTH_TASKS_TEXT_MAX 256u /* bytes of fth_tasks_line(), with its NUL */

/**
 * fth_tasks_print() - a table
 * @stragglers: list of the API
 * @pending: how many there are; more than the list has are counted below it
 */
void fth_tasks_print(const json_t *stragglers, int64_t pending);

/**
 * fth_tasks_line() - a transition in one line, e.g. "2 tasks left: sh[71] in f+0x4"
 * @transition: of the API; may be null
 * @ret_text: FTH_TASKS_TEXT_MAX bytes; "" for a null or when no task is named
 */
void fth_tasks_line(const json_t *transition, char *ret_text);

/**
 * fth_tasks_patch() - "applying, in-time, 2 pending, forced"
 * @patch: of the API
 * @ret_text: FTH_TASKS_TEXT_MAX bytes
 */
void fth_tasks_patch(const json_t *patch, char *ret_text);

#endif /* FTH_CLI_TASKS_VIEW_H */
