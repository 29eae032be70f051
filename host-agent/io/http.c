// SPDX-License-Identifier: GPL-2.0
/*
 * An HTTP server on a unix socket that speaks JSON (libevent, jansson).
 *
 * DESIGN
 * A request that waits for a guest may outlive its connection: the struct
 * handed out is ours, and is told when libevent's own request goes away.
 */
#include "io/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/listener.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "io/json_text.h"
#include "io/loop.h"
#include "io/rights.h"

#define BACKLOG 64
#define LARGE_REPLY (1u << 17) /* bytes: its tree took some times as many */

struct fth_http {
	struct evhttp *server;
	gid_t group;
	void (*handle)(void *context, struct fth_http_request *request);
	void *context;
	struct sockaddr_un address;
};

struct fth_http_request {
	struct evhttp_request *request; /* NULL once the peer is gone */
	bool post;
	uid_t uid;
	bool has_head;	/* of a list: it is in an object */
	bool has_items; /* it is not empty */
	bool failed;	/* something of the answer could not be written */
	char path[FTH_HTTP_PATH_MAX];
};

static int fd_of(struct evhttp_connection *connection)
{
	return bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
}

static bool in_group(int fd, gid_t group)
{
	struct fth_rights rights;
	uint32_t i;

	if (fth_rights_of_peer(fd, &rights))
		return false;
	for (i = 0; i < rights.group_count; i++)
		if (rights.groups[i] == group)
			return true;
	return false;
}

static bool allowed(const struct fth_http *http, struct evhttp_connection *connection,
		    uid_t *ret_uid)
{
	int fd = fd_of(connection);
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return false;
	*ret_uid = peer.uid;
	if (!peer.uid || peer.uid == geteuid())
		return true;
	return http->group != (gid_t)-1 && (peer.gid == http->group || in_group(fd, http->group));
}

static void peer_gone(struct evhttp_connection *connection, void *context)
{
	struct fth_http_request *request = context;

	(void)connection;
	request->request = NULL;
}

static void took_request(struct evhttp_request *raw, void *context)
{
	struct fth_http *http = context;
	struct evhttp_connection *connection = evhttp_request_get_connection(raw);
	struct fth_http_request *request = calloc(1, sizeof(*request));
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(raw);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	char *decoded = path ? evhttp_uridecode(path, 0, NULL) : NULL;

	if (!request) {
		free(decoded);
		evhttp_send_error(raw, HTTP_INTERNAL, NULL);
		return;
	}
	request->request = raw;
	request->post = evhttp_request_get_command(raw) == EVHTTP_REQ_POST;
	evhttp_connection_set_closecb(connection, peer_gone, request);
	request->uid = (uid_t)-1;
	if (!allowed(http, connection, &request->uid)) {
		fth_http_error(
			request, 403, "forbidden",
			"this user may not talk to the agent; root, the agent's own user and its --group may");
	} else if (!request->post && evhttp_request_get_command(raw) != EVHTTP_REQ_GET) {
		fth_http_error(request, 405, "bad_method", "expected GET or POST");
	} else if (!decoded || strlen(decoded) >= sizeof(request->path)) {
		fth_http_error(request, 404, "not_found", "no such path");
	} else {
		strcpy(request->path, decoded);
		http->handle(http->context, request);
	}
	free(decoded);
}

/* A socket file that nobody listens on is left from a killed agent. */
static int remove_stale(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat info;
	bool served;

	if (fd < 0)
		return -errno;
	served = !connect(fd, (const struct sockaddr *)address, sizeof(*address)) ||
		 errno == EAGAIN;
	if (!served && errno == ECONNREFUSED && !lstat(address->sun_path, &info) &&
	    S_ISSOCK(info.st_mode))
		unlink(address->sun_path);
	close(fd);
	return served ? -EADDRINUSE : 0;
}

static int listen_on(const struct sockaddr_un *address, gid_t group, int *ret_fd)
{
	int fd, error = remove_stale(address);
	mode_t mask;
	bool bound;

	if (error)
		return error;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	mask = umask(0177);
	bound = !bind(fd, (const struct sockaddr *)address, sizeof(*address));
	error = bound ? 0 : -errno;
	umask(mask);
	if (!error && group != (gid_t)-1 &&
	    (chown(address->sun_path, (uid_t)-1, group) || chmod(address->sun_path, 0660)))
		error = -errno;
	if (!error && listen(fd, BACKLOG))
		error = -errno;
	if (error) {
		if (bound)
			unlink(address->sun_path);
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int fth_http_new(struct fth_loop *loop, const char *path, gid_t group,
		 void (*handle)(void *context, struct fth_http_request *request), void *context,
		 struct fth_http **ret_http)
{
	struct fth_http *http;
	int fd = -1, error;

	if (strlen(path) >= sizeof(http->address.sun_path))
		return -ENAMETOOLONG;
	http = calloc(1, sizeof(*http));
	if (!http)
		return -ENOMEM;
	http->address.sun_family = AF_UNIX;
	strcpy(http->address.sun_path, path);
	http->group = group;
	http->handle = handle;
	http->context = context;
	error = listen_on(&http->address, group, &fd);
	if (error) {
		free(http);
		return error;
	}
	http->server = evhttp_new(fth_loop_base(loop));
	if (!http->server || evhttp_accept_socket(http->server, fd)) {
		close(fd);
		fth_http_free(http);
		return -ENOMEM;
	}
	evhttp_set_max_body_size(http->server, FTH_HTTP_BODY_MAX);
	evhttp_set_max_headers_size(http->server, FTH_HTTP_HEADERS_MAX);
	evhttp_set_timeout(http->server, FTH_HTTP_IDLE_S);
	evhttp_set_gencb(http->server, took_request, http);
	*ret_http = http;
	return 0;
}

void fth_http_free(struct fth_http *http)
{
	if (!http)
		return;
	if (http->server)
		evhttp_free(http->server);
	unlink(http->address.sun_path);
	free(http);
}

bool fth_http_is_post(const struct fth_http_request *request)
{
	return request->post;
}

uid_t fth_http_uid(const struct fth_http_request *request)
{
	return request->uid;
}

int fth_http_rights(const struct fth_http_request *request, struct fth_rights *ret_rights)
{
	if (!request->request)
		return -ENOTCONN;
	return fth_rights_of_peer(fd_of(evhttp_request_get_connection(request->request)),
				  ret_rights);
}

const char *fth_http_path(const struct fth_http_request *request)
{
	return request->path;
}

int fth_http_body(struct fth_http_request *request, json_t **ret_body)
{
	struct evbuffer *input = evhttp_request_get_input_buffer(request->request);
	size_t length = evbuffer_get_length(input);
	const char *text = (const char *)evbuffer_pullup(input, -1);
	json_error_t fault;
	json_t *body = json_loadb(text ? text : "", length, JSON_REJECT_DUPLICATES, &fault);

	if (json_is_object(body)) {
		*ret_body = body;
		return 0;
	}
	if (body)
		fth_http_error(request, 400, "bad_request",
			       "request: found JSON that is no object, expected {..}");
	else
		fth_http_error(
			request, 400, "bad_request",
			"request is not JSON: line %d, column %d: %s; expected an object {..}",
			fault.line, fault.column, fault.text);
	json_decref(body);
	return -EINVAL;
}

static struct evbuffer *output_of(struct fth_http_request *request)
{
	return request->request ? evhttp_request_get_output_buffer(request->request) : NULL;
}

static int take_piece(const char *piece, size_t size, void *output)
{
	return evbuffer_add(output, piece, size);
}

/* Into what is sent, without a text of the whole besides. */
static void put(struct fth_http_request *request, json_t *json)
{
	struct evbuffer *output = output_of(request);

	if (!json || (output &&
		      json_dump_callback(json, take_piece, output, JSON_COMPACT | JSON_ENCODE_ANY)))
		request->failed = true;
	json_decref(json);
}

static void put_text(struct fth_http_request *request, const char *text, size_t length)
{
	struct evbuffer *output = output_of(request);

	if (output && evbuffer_add(output, text, length))
		request->failed = true;
}

static void finish(struct fth_http_request *request, int status)
{
	struct evhttp_request *raw = request->request;
	struct evbuffer *output = output_of(request);
	bool large = output && evbuffer_get_length(output) >= LARGE_REPLY;

	put_text(request, "\n", 1);
	if (request->failed)
		status = 500;
	if (raw) {
		if (request->failed)
			evbuffer_drain(output, evbuffer_get_length(output));
		evhttp_connection_set_closecb(evhttp_request_get_connection(raw), NULL, NULL);
		evhttp_add_header(evhttp_request_get_output_headers(raw), "Content-Type",
				  "application/json");
		evhttp_send_reply(raw, status, NULL, NULL);
	}
	free(request);
	/* Its pieces lie between what stays: free() alone gives no page of them back. */
	if (large)
		malloc_trim(0);
}

void fth_http_reply(struct fth_http_request *request, int status, json_t *body)
{
	put(request, body);
	finish(request, status);
}

void fth_http_list_begin(struct fth_http_request *request, json_t *head, const char *key)
{
	char *text = head ? json_dumps(head, JSON_COMPACT) : NULL;

	request->has_head = key;
	if (text) {
		put_text(request, text, strlen(text) - 1); /* its brace comes at the end */
		put_text(request, ",\"", 2);
		put_text(request, key, strlen(key));
		put_text(request, "\":", 2);
	} else if (key) {
		request->failed = true;
	}
	put_text(request, "[", 1);
	free(text);
	json_decref(head);
}

void fth_http_list_add(struct fth_http_request *request, json_t *item)
{
	if (request->has_items)
		put_text(request, ",", 1);
	request->has_items = true;
	put(request, item);
}

void fth_http_list_end(struct fth_http_request *request, int status)
{
	put_text(request, "]}", request->has_head ? 2 : 1);
	finish(request, status);
}

void fth_http_error(struct fth_http_request *request, int status, const char *code,
		    const char *format, ...)
{
	char message[FTH_HTTP_MESSAGE_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	fth_http_reply(request, status,
		       json_pack("{s:{s:s, s:o}}", "error", "code", code, "message",
				 fth_json_text(message, strlen(message))));
}
