/* SPDX-License-Identifier: GPL-2.0 */
/* The agent's log: one line each, on stderr. */
#ifndef FTH_IO_LOG_H
#define FTH_IO_LOG_H

#define FTH_LOG_LINE_MAX 2048u /* bytes; longer lines are cut */

enum fth_log_priority { /* syslog's numbers */
	FTH_LOG_ERROR = 3,
	FTH_LOG_WARNING = 4,
	FTH_LOG_NOTICE = 5,
	FTH_LOG_INFO = 6,
};

/**
 * fth_log() - say one line: operation, subject, found against expected
 * @priority: enum fth_log_priority
 *
 * Under journald (JOURNAL_STREAM is set) the line begins with "<priority>",
 * else with the time in UTC and the priority's name.  Control bytes become
 * '?', so a guest's text can't forge a line.
 */
__attribute__((format(printf, 2, 3))) void fth_log(enum fth_log_priority priority,
						   const char *format, ...);

#endif /* FTH_IO_LOG_H */
