/* SPDX-License-Identifier: GPL-2.0 */
/* HTTP GETs that never block the loop (libcurl). */
#ifndef FTH_IO_FETCH_H
#define FTH_IO_FETCH_H

#include <stddef.h>
#include <stdint.h>

#define FTH_FETCH_LINE_MAX 127u /* bytes kept of a reason */

struct fth_fetch;
struct fth_fetcher;
struct fth_loop;

/**
 * struct fth_fetch_end - how a GET ended
 * @status: of HTTP; 0: there is no answer, @line says why
 * @line: the body's first line, printable ASCII; or why there is no answer
 */
struct fth_fetch_end {
	int status;
	char line[FTH_FETCH_LINE_MAX + 1];
};

/** fth_fetcher_new() - Return: 0 or -ENOMEM. */
int fth_fetcher_new(struct fth_loop *loop, struct fth_fetcher **ret_fetcher);

/** fth_fetcher_free() - no fetch may be left; NULL is fine. */
void fth_fetcher_free(struct fth_fetcher *fetcher);

/**
 * fth_fetch_start() - GET @url
 * @url: http or https; no redirect is followed, no connection is used again
 * @timeout_ms: for all of it
 * @done: called once on the loop, never from in here; @fetch is gone afterwards
 * Return: 0 or -ENOMEM.
 */
int fth_fetch_start(struct fth_fetcher *fetcher, const char *url, uint64_t timeout_ms,
		    void (*done)(void *context, const struct fth_fetch_end *end), void *context,
		    struct fth_fetch **ret_fetch);

/** fth_fetch_cancel() - end it; @done is not called; NULL is fine. */
void fth_fetch_cancel(struct fth_fetch *fetch);

/**
 * fth_fetch_escape() - a value as it may stand in a URL
 * @text: any
 * @ret_text: @size bytes; letters, digits and "-._~" stay as they are
 * Return: bytes without NUL; @size or more: it was cut.
 */
size_t fth_fetch_escape(const char *text, char *ret_text, size_t size);

#endif /* FTH_IO_FETCH_H */
