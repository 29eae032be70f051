/* SPDX-License-Identifier: GPL-2.0 */
/* The emergencies of this boot, remembered for a host that may be away. */
#ifndef FOTHER_GUEST_INCIDENTS_H
#define FOTHER_GUEST_INCIDENTS_H

#include <linux/types.h>

#include "fother/codec.h"

#define FTH_INCIDENT_WHERE_MAX 128u
#define FTH_INCIDENT_WHY_MAX 192u

/**
 * struct fth_incident - one emergency, or trouble that reverted nothing
 * @number: from 1 in each boot; 0 = free
 * @trigger: enum fth_trigger
 * @trouble: nothing is reverted for it
 * @ended: old code is in force, or there was nothing left to do
 * @mode: enum fth_revert_mode as it was done, once @ended; 0 = it isn't said
 * @told: bits of enum fth_event_kind that were handed to the host's channel
 * @has_sha256: the payload came from a host
 * @name: of the patch; empty = none is meant
 * @happened_ms: CLOCK_BOOTTIME
 * @where: the patched function on the stack, or empty
 * @why: one sentence
 * @end: what the revert came to, one sentence
 * @text: first lines of the kernel's report
 */
struct fth_incident {
	u32 number;
	u8 trigger;
	bool trouble;
	bool ended;
	u8 mode;
	u32 told;
	bool has_sha256;
	u8 sha256[FTH_SHA256_SIZE];
	char name[FTH_NAME_MAX + 1];
	u64 happened_ms;
	char where[FTH_INCIDENT_WHERE_MAX];
	char why[FTH_INCIDENT_WHY_MAX];
	char end[FTH_DETAIL_MAX];
	char text[FTH_TEXT_MAX];
};

/** fth_incidents_number() - the next number.  Any context. */
u32 fth_incidents_number(void);

/**
 * fth_incidents_add() - remember one, or what more is known of it
 * @incident: copied; one of its number keeps what came of it
 *
 * Makes room by forgetting trouble first, then what is over, then the oldest.
 * Context: any but NMI; waits for a bounded time only.
 * Return: false when it wasn't: the memory is busy, or too good for trouble.
 */
bool fth_incidents_add(const struct fth_incident *incident);

/**
 * fth_incidents_why() - why the emergency @number began
 * @ret_why: FTH_INCIDENT_WHY_MAX bytes
 * Context: task.  Return: false when it isn't remembered.
 */
bool fth_incidents_why(u32 number, char *ret_why);

/** fth_incidents_end() - what its revert came to.  Task context. */
void fth_incidents_end(u32 number, u8 mode, const char *detail);

/** fth_incidents_told() - an event of @kind was sent, or not.  Context: as _add(). */
void fth_incidents_told(u32 number, u8 kind, bool told);

/** fth_incidents_missed() - count one that is not told of.  Any context. */
void fth_incidents_missed(void);

/**
 * fth_incidents_next() - a copy of the one with the smallest number above @after
 * Context: task.
 * Return: false when there is none.
 */
bool fth_incidents_next(u32 after, struct fth_incident *ret_incident);

/**
 * fth_incidents_event() - as the host is told it
 * @incident: borrowed by @ret_event
 * @kind: TRIGGERED, REVERTED or TROUBLE
 */
void fth_incidents_event(const struct fth_incident *incident, u8 kind,
			 struct fth_msg_event *ret_event);

/**
 * fth_incidents_print() - for a person, the newest first
 *
 * Reports are left out where a page has no room.  Return: bytes of @page.
 */
int fth_incidents_print(char *page);

#endif /* FOTHER_GUEST_INCIDENTS_H */
