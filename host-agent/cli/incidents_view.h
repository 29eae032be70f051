/* SPDX-License-Identifier: GPL-2.0 */
/* Emergencies and blocks as people read them. */
#ifndef FTH_CLI_INCIDENTS_VIEW_H
#define FTH_CLI_INCIDENTS_VIEW_H

#include <jansson.h>
#include <stdint.h>

#define FTH_INCIDENTS_TIME_SIZE 32

/** fth_incidents_time() - "2026-01-31T12:00:00Z" of ms since 1970. */
void fth_incidents_time(int64_t ms, char *ret_text);

/** fth_incidents_print() - each with its report; nothing for none. */
void fth_incidents_print(const json_t *incidents);

/** fth_blocks_print() - a table; nothing for none. */
void fth_blocks_print(const json_t *blocks);

#endif /* FTH_CLI_INCIDENTS_VIEW_H */
