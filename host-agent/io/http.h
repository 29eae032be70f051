/* SPDX-License-Identifier: GPL-2.0 */
/* An HTTP server on a unix socket that speaks JSON (libevent, jansson). */
#ifndef FTH_IO_HTTP_H
#define FTH_IO_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct fth_http;
struct fth_http_request;
struct fth_loop;
struct fth_rights;

#define FTH_HTTP_BODY_MAX 65536	   /* bytes of a request's body */
#define FTH_HTTP_HEADERS_MAX 8192  /* bytes of its headers */
#define FTH_HTTP_PATH_MAX 512u	   /* bytes of a decoded path */
#define FTH_HTTP_MESSAGE_MAX 2048u /* bytes of an error's message */
#define FTH_HTTP_IDLE_S 60	   /* seconds until an idle peer is dropped */

/**
 * fth_http_new() - listen
 * @path: of the socket; a stale one is replaced, one that is served is not
 * @group: whose members may talk, beside root and our own uid; (gid_t)-1: none
 * @handle: called for each request that is allowed; it (or somebody later) must
 *	answer by fth_http_reply() or fth_http_error(), once
 * Return: 0; -EADDRINUSE when somebody serves @path; -errno.
 *
 * Others are kept out by the socket's mode and, again, by peer credentials.
 */
int fth_http_new(struct fth_loop *loop, const char *path, gid_t group,
		 void (*handle)(void *context, struct fth_http_request *request), void *context,
		 struct fth_http **ret_http);

/** fth_http_free() - stop to listen, remove the socket; NULL is fine. */
void fth_http_free(struct fth_http *http);

/** fth_http_is_post() - POST; else it is GET, all others are refused. */
bool fth_http_is_post(const struct fth_http_request *request);

/** fth_http_uid() - the user who made it, by the kernel's word. */
uid_t fth_http_uid(const struct fth_http_request *request);

/**
 * fth_http_rights() - with which that user opens files, by the kernel's word
 * Return: 0; -ENOTCONN: he is gone; -errno of fth_rights_of_peer().
 */
int fth_http_rights(const struct fth_http_request *request, struct fth_rights *ret_rights);

/** fth_http_path() - decoded, without the query. */
const char *fth_http_path(const struct fth_http_request *request);

/**
 * fth_http_body() - the body as a JSON object
 * @ret_body: a new reference
 * Return: 0; -EINVAL when it is none: the request was answered with 400.
 */
int fth_http_body(struct fth_http_request *request, json_t **ret_body);

/** fth_http_reply() - answer with @body, a reference that is taken. */
void fth_http_reply(struct fth_http_request *request, int status, json_t *body);

/**
 * fth_http_list_begin() - answer with a list that may be long
 * @head: an object that the list is the last member of, not empty; taken; NULL: without memory
 * @key: the list's; NULL: the answer is the list, without a head
 *
 * Each item is written out as it is added, so that a list of all VMs of a fleet is at no time
 * a tree of all VMs.  fth_http_list_end() must follow before the loop turns.
 */
void fth_http_list_begin(struct fth_http_request *request, json_t *head, const char *key);

/** fth_http_list_add() - one more; @item is taken. */
void fth_http_list_add(struct fth_http_request *request, json_t *item);

/** fth_http_list_end() - that was all; @request is gone afterwards. */
void fth_http_list_end(struct fth_http_request *request, int status);

/** fth_http_error() - answer {"error": {"code", "message"}}. */
__attribute__((format(printf, 4, 5))) void fth_http_error(struct fth_http_request *request,
							  int status, const char *code,
							  const char *format, ...);

#endif /* FTH_IO_HTTP_H */
