// SPDX-License-Identifier: GPL-2.0
/*
 * HTTP GETs that never block the loop (libcurl).
 *
 * DESIGN
 * libcurl says which sockets it waits for and when it wants to be called; both
 * become libevent's events.  What is over is collected after each call of it,
 * and told last: whoever is told may start or cancel others.
 */
#include "io/fetch.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/loop.h"

struct fth_fetcher {
	struct event_base *base;
	CURLM *multi;
	struct fth_timer *timer;
};

struct fth_fetch {
	struct fth_fetcher *fetcher;
	CURL *easy;
	void (*done)(void *context, const struct fth_fetch_end *end);
	void *context;
	size_t length; /* of @end.line */
	bool line_over;
	struct fth_fetch_end end;
	char error[CURL_ERROR_SIZE];
};

static void drop(struct fth_fetch *fetch)
{
	curl_multi_remove_handle(fetch->fetcher->multi, fetch->easy);
	curl_easy_cleanup(fetch->easy);
	free(fetch);
}

static void finish(struct fth_fetch *fetch, CURLcode code)
{
	void (*done)(void *, const struct fth_fetch_end *) = fetch->done;
	void *context = fetch->context;
	struct fth_fetch_end end;
	long status = 0;

	curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &status);
	/* An answer that was cut short is none. */
	if (code == CURLE_OK)
		fetch->end.status = (int)status;
	else
		snprintf(fetch->end.line, sizeof(fetch->end.line), "%.*s", (int)FTH_FETCH_LINE_MAX,
			 fetch->error[0] ? fetch->error : curl_easy_strerror(code));
	end = fetch->end;
	drop(fetch);
	done(context, &end);
}

static void collect(struct fth_fetcher *fetcher)
{
	struct fth_fetch *fetch;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(fetcher->multi, &left))) {
		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&fetch);
		finish(fetch, message->data.result);
	}
}

static void socket_ready(evutil_socket_t fd, short what, void *context)
{
	struct fth_fetcher *fetcher = context;
	int running;

	curl_multi_socket_action(fetcher->multi, fd,
				 (what & EV_READ ? CURL_CSELECT_IN : 0) |
					 (what & EV_WRITE ? CURL_CSELECT_OUT : 0),
				 &running);
	collect(fetcher);
}

static void timer_due(void *context)
{
	struct fth_fetcher *fetcher = context;
	int running;

	curl_multi_socket_action(fetcher->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect(fetcher);
}

static int socket_wanted(CURL *easy, curl_socket_t fd, int what, void *context, void *socket)
{
	struct fth_fetcher *fetcher = context;
	struct event *event = socket;
	short wanted = (short)((what & CURL_POLL_IN ? EV_READ : 0) |
			       (what & CURL_POLL_OUT ? EV_WRITE : 0));

	(void)easy;
	if (event)
		event_free(event);
	event = NULL;
	if (what != CURL_POLL_REMOVE)
		event = event_new(fetcher->base, fd, (short)(wanted | EV_PERSIST), socket_ready,
				  fetcher);
	if (event)
		event_add(event, NULL);
	curl_multi_assign(fetcher->multi, fd, event);
	return 0;
}

static int timer_wanted(CURLM *multi, long after_ms, void *context)
{
	struct fth_fetcher *fetcher = context;

	(void)multi;
	if (after_ms < 0)
		fth_timer_clear(fetcher->timer);
	else
		fth_timer_set(fetcher->timer, (uint64_t)after_ms);
	return 0;
}

int fth_fetcher_new(struct fth_loop *loop, struct fth_fetcher **ret_fetcher)
{
	struct fth_fetcher *fetcher = calloc(1, sizeof(*fetcher));

	if (!fetcher)
		return -ENOMEM;
	fetcher->base = fth_loop_base(loop);
	if (!curl_global_init(CURL_GLOBAL_DEFAULT))
		fetcher->multi = curl_multi_init();
	if (!fetcher->multi || fth_timer_new(loop, timer_due, fetcher, &fetcher->timer)) {
		fth_fetcher_free(fetcher);
		return -ENOMEM;
	}
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETFUNCTION, socket_wanted);
	curl_multi_setopt(fetcher->multi, CURLMOPT_SOCKETDATA, fetcher);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERFUNCTION, timer_wanted);
	curl_multi_setopt(fetcher->multi, CURLMOPT_TIMERDATA, fetcher);
	*ret_fetcher = fetcher;
	return 0;
}

void fth_fetcher_free(struct fth_fetcher *fetcher)
{
	if (!fetcher)
		return;
	if (fetcher->multi)
		curl_multi_cleanup(fetcher->multi);
	curl_global_cleanup();
	fth_timer_free(fetcher->timer);
	free(fetcher);
}

/* The body is read to its end and forgotten but for its first line. */
static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
	struct fth_fetch *fetch = context;
	size_t i;

	for (i = 0; i < size * count && !fetch->line_over; i++) {
		if (bytes[i] == '\n' || fetch->length == FTH_FETCH_LINE_MAX)
			fetch->line_over = true;
		else
			fetch->end.line[fetch->length++] =
				bytes[i] < ' ' || bytes[i] > '~' ? '?' : bytes[i];
	}
	return size * count;
}

static bool set_up(struct fth_fetch *fetch, const char *url, uint64_t timeout_ms)
{
	CURL *easy = fetch->easy;

	return !curl_easy_setopt(easy, CURLOPT_URL, url) &&
	       !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") &&
	       !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) &&
	       !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) &&
	       /* Else the end of a fetch waits for a resolver that waits. */
	       !curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) &&
	       !curl_easy_setopt(easy, CURLOPT_USERAGENT, "fotherd") &&
	       !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) &&
	       !curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch);
}

int fth_fetch_start(struct fth_fetcher *fetcher, const char *url, uint64_t timeout_ms,
		    void (*done)(void *context, const struct fth_fetch_end *end), void *context,
		    struct fth_fetch **ret_fetch)
{
	struct fth_fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch)
		return -ENOMEM;
	fetch->fetcher = fetcher;
	fetch->done = done;
	fetch->context = context;
	fetch->easy = curl_easy_init();
	if (!fetch->easy || !set_up(fetch, url, timeout_ms) ||
	    curl_multi_add_handle(fetcher->multi, fetch->easy)) {
		curl_easy_cleanup(fetch->easy);
		free(fetch);
		return -ENOMEM;
	}
	*ret_fetch = fetch;
	return 0;
}

void fth_fetch_cancel(struct fth_fetch *fetch)
{
	if (fetch)
		drop(fetch);
}

size_t fth_fetch_escape(const char *text, char *ret_text, size_t size)
{
	static const char digits[] = "0123456789ABCDEF";
	size_t used = 0;
	char out[3];
	size_t i, count;

	for (; *text; text++) {
		count = isalnum((unsigned char)*text) || strchr("-._~", *text) ? 1 : 3;
		out[0] = count == 1 ? *text : '%';
		out[1] = digits[(unsigned char)*text >> 4];
		out[2] = digits[(unsigned char)*text & 15];
		for (i = 0; i < count; i++, used++)
			if (used + 1 < size)
				ret_text[used] = out[i];
	}
	if (size)
		ret_text[used < size ? used : size - 1] = '\0';
	return used;
}
