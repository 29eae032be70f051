// SPDX-License-Identifier: GPL-2.0
/* Requests to the API of the agent in this process. */
#include "agent_api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_fixture.h"

/* One request to the API while the loop turns; the answer's body. */
json_t *af_ask(const char *method, const char *path, const char *body, int *ret_status)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char text[1024], answer[65536];
	size_t length = 0;
	const char *at;
	json_t *json;
	ssize_t got;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	int size = snprintf(text, sizeof(text),
			    "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
			    "Content-Length: %zu\r\n\r\n%s",
			    method, path, strlen(body), body);
	uint64_t end_ms = af_clock_ms() + AF_PATIENCE_MS;

	strcpy(address.sun_path, af.api);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, text, (size_t)size), size);
	while ((got = read(fd, answer + length, sizeof(answer) - 1 - length))) {
		assert_true(got > 0 || errno == EAGAIN);
		assert_true(af_clock_ms() < end_ms);
		length += got > 0 ? (size_t)got : 0;
		af_turn();
	}
	close(fd);
	answer[length] = '\0';
	*ret_status = atoi(answer + strlen("HTTP/1.1 "));
	at = strstr(answer, "\r\n\r\n");
	assert_non_null(at);
	json = json_loads(at + 4, 0, NULL);
	assert_non_null(json);
	return json;
}

json_t *af_get(const char *path)
{
	json_t *json;
	int status;

	json = af_ask("GET", path, "", &status);
	assert_int_equal(status, 200);
	return json;
}

int af_status_of(const char *method, const char *path, const char *body)
{
	int status;

	json_decref(af_ask(method, path, body, &status));
	return status;
}

int af_verb(int id, const char *word)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/rollouts/%d/%s", id, word);
	return af_status_of("POST", path, "{}");
}

void af_expect_text(const json_t *json, const char *path_to, const char *text)
{
	char path[128], *part, *rest = path;

	strcpy(path, path_to);
	while ((part = strsep(&rest, ".")))
		json = *part >= '0' && *part <= '9' ? json_array_get(json, (size_t)atoi(part))
						    : json_object_get(json, part);
	if (!json_is_string(json) || strcmp(json_string_value(json), text) != 0)
		fail_msg("%s: found '%s', expected '%s'", path_to, json_string_value(json), text);
}
