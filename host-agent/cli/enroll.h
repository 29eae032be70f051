/* SPDX-License-Identifier: GPL-2.0 */
/* What fother enroll and fother unenroll share: one domain, and what became of it. */
#ifndef FTH_CLI_ENROLL_H
#define FTH_CLI_ENROLL_H

#include <jansson.h>
#include <stdbool.h>

#include "io/domain.h"
#include "io/domain_xml.h"

#define FTH_ENROLL_ATTEMPTS 3u /* while somebody else edits the definition */

/* Where a change is made. */
#define FTH_ENROLL_DEFINITION "definition" /* in force from the next power cycle on */
#define FTH_ENROLL_RUNNING "running"	   /* in force now, gone with the next power cycle */

/**
 * struct fth_enrollment - one run of a verb
 * @verb: "enroll" or "unenroll"
 * @json: print an object instead of text
 * @dry_run: say what would be done; change nothing
 * @domain: libvirt's
 * @state: as it was read last
 * @definition: of @state; NULL for a transient domain
 * @live: of @state; NULL unless it runs
 * @now: how the running domain is reached; where it runs
 * @next: how it will be after the next power cycle
 * @now_port: of @now, unless that is NONE
 * @now_why: why @now is NONE; may be ""
 * @changes: what was done, or would be: {"where", "action", "xml"}
 * @notes: what else must be known, in whole sentences
 */
struct fth_enrollment {
	const char *verb;
	bool json;
	bool dry_run;
	struct fth_domain *domain;
	struct fth_domain_state state;
	struct fth_domain_xml *definition;
	struct fth_domain_xml *live;
	enum fth_domain_channel now;
	enum fth_domain_channel next;
	struct fth_domain_port now_port;
	char now_why[FTH_DOMAIN_ERROR_MAX];
	json_t *changes;
	json_t *notes;
};

/**
 * fth_enroll_begin() - options, connection, look-up
 * @help: printed for --help
 * Return: -1 to go on; else the exit code.  fth_enroll_end() is due in any case.
 */
int fth_enroll_begin(struct fth_enrollment *run, int argc, char **argv, const char *help);

/** fth_enroll_end() - frees all. */
void fth_enroll_end(struct fth_enrollment *run);

/**
 * fth_enroll_read() - the domain anew; changes and notes of an earlier try go
 * Return: -1 to go on; else the exit code.
 */
int fth_enroll_read(struct fth_enrollment *run);

/** fth_enroll_change() - note one change: "added", "removed"; at @where. */
void fth_enroll_change(struct fth_enrollment *run, const char *where, const char *action,
		       const char *xml);

/** fth_enroll_note() - note what else must be known. */
__attribute__((format(printf, 2, 3))) void fth_enroll_note(struct fth_enrollment *run,
							   const char *format, ...);

/** fth_enroll_fail() - report on stderr.  Return: FTH_EXIT_NOT_SO. */
__attribute__((format(printf, 2, 3))) int fth_enroll_fail(const struct fth_enrollment *run,
							  const char *format, ...);

/** fth_enroll_report() - print all that is in @run. */
void fth_enroll_report(const struct fth_enrollment *run, const char *verdict);

#endif /* FTH_CLI_ENROLL_H */
