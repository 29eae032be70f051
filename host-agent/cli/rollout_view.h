/* SPDX-License-Identifier: GPL-2.0 */
/* How a rollout looks to a person, and whether it is as wished. */
#ifndef FTH_CLI_ROLLOUT_VIEW_H
#define FTH_CLI_ROLLOUT_VIEW_H

#include <jansson.h>
#include <stdbool.h>

/** fth_rollout_print_list() - one row per rollout. */
void fth_rollout_print_list(const json_t *rollouts);

/** fth_rollout_print() - one rollout and its VMs; @all: name each of them. */
void fth_rollout_print(const json_t *rollout, bool all);

/**
 * fth_rollout_progress() - where it is, as one line on stderr
 * @rollout: the answer
 * @previous: text printed last, PROGRESS_SIZE bytes; updated
 *
 * On a terminal the line is written over; elsewhere a line is printed only
 * when it changed.
 */
#define FTH_PROGRESS_SIZE 512
void fth_rollout_progress(const json_t *rollout, char *previous);

/** fth_rollout_progress_end() - finish the line on a terminal. */
void fth_rollout_progress_end(void);

/**
 * fth_rollout_settled() - nothing more will happen by itself
 * @rollout: the answer
 *
 * A rollout that waits for a person (paused, gated) has settled too.
 */
bool fth_rollout_settled(const json_t *rollout);

/**
 * fth_rollout_verdict() - FTH_EXIT_OK or FTH_EXIT_NOT_SO
 * @rollout: the answer
 * @wished: "complete" or "reversed"
 *
 * A rollout on its way to what was wished is as wished while nothing failed.  One that
 * is complete is not while VMs are without the patch, or inconclusive; VMs that came
 * later and soak are as wished.
 */
int fth_rollout_verdict(const json_t *rollout, const char *wished);

#endif /* FTH_CLI_ROLLOUT_VIEW_H */
