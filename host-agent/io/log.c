// SPDX-License-Identifier: GPL-2.0
/* The agent's log: one line each, on stderr. */
#include "io/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static const char *priority_name(enum fth_log_priority priority)
{
	switch (priority) {
	case FTH_LOG_ERROR:
		return "error";
	case FTH_LOG_WARNING:
		return "warning";
	case FTH_LOG_NOTICE:
		return "notice";
	case FTH_LOG_INFO:
		return "info";
	}
	return "?";
}

void fth_log(enum fth_log_priority priority, const char *format, ...)
{
	char line[FTH_LOG_LINE_MAX], when[32];
	time_t now = time(NULL);
	struct tm utc;
	va_list args;
	char *c;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	for (c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	if (getenv("JOURNAL_STREAM")) {
		fprintf(stderr, "<%d>%s\n", priority, line);
		return;
	}
	strftime(when, sizeof(when), "%FT%TZ", gmtime_r(&now, &utc));
	fprintf(stderr, "%s %s: %s\n", when, priority_name(priority), line);
}
