/* SPDX-License-Identifier: GPL-2.0 */
/* The fake signal: stragglers are asked to leave the kernel. */
#ifndef FOTHER_GUEST_NUDGE_H
#define FOTHER_GUEST_NUDGE_H

#include "transition.h"

/**
 * fth_nudge_stragglers() - nudge every task that still holds @roster up
 *
 * A user task gets a task work with a signal's notification, a kernel thread
 * a wake-up if it sleeps interruptibly.  A stopped or traced task is left
 * alone: its debugger would see it move.
 * Context: may sleep.
 * Return: how many were nudged.
 */
u32 fth_nudge_stragglers(struct fth_roster *roster);

#endif /* FOTHER_GUEST_NUDGE_H */
