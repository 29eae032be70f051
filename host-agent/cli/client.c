// SPDX-License-Identifier: GPL-2.0
/* HTTP to the agent by libcurl over its unix socket; JSON by jansson. */
#include "cli/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/usage.h"
#include "cli/verbs.h"

#define DEFAULT_SOCKET "/run/fother/api.sock"

struct answer {
	char *text;
	size_t length;
	long status; /* of HTTP */
	long error;  /* errno of a connection that failed */
};

static void curl_free_easy(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void curl_free_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
}

static void free_text(char **text)
{
	free(*text);
}

static void free_answer(struct answer *answer)
{
	free(answer->text);
}

static void drop_json(json_t **json)
{
	json_decref(*json);
}

static const char *socket_path(void)
{
	const char *path = getenv("FOTHER_SOCKET");

	return path && *path ? path : DEFAULT_SOCKET;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct answer *answer = context;
	size_t length = size * count;
	char *text;

	if (length > FTH_CLI_ANSWER_MAX - answer->length)
		return 0;
	text = realloc(answer->text, answer->length + length + 1);
	if (!text)
		return 0;
	memcpy(text + answer->length, data, length);
	answer->text = text;
	answer->length += length;
	text[answer->length] = '\0';
	return length;
}

static CURLcode perform(const char *method, const char *path, const char *body,
			struct answer *answer)
{
	__attribute__((cleanup(curl_free_list))) struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/json");
	__attribute__((cleanup(curl_free_easy))) CURL *curl = curl_easy_init();
	__attribute__((cleanup(free_text))) char *url = NULL;
	CURLcode code;

	if (!curl || !headers || asprintf(&url, "http://fother%s", path) < 0)
		return CURLE_OUT_OF_MEMORY;
	curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket_path());
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, FTH_CLI_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	if (body)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer->status);
	else
		curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &answer->error);
	return code;
}

/* Nobody was reached, or not heard to the end. */
static int report_silence(CURLcode code, const struct answer *answer)
{
	if (code == CURLE_OUT_OF_MEMORY) {
		fputs("fother: out of memory\n", stderr);
		return FTH_EXIT_NOT_SO;
	}
	if (answer->error == EACCES)
		fprintf(stderr,
			"fother: this user may not use the agent's socket '%s'; expected root or a member of its group ('ls -l' names it): be added to the group, or use sudo\n",
			socket_path());
	else if (code == CURLE_OPERATION_TIMEDOUT)
		fprintf(stderr,
			"fother: the agent on '%s' gave no answer within %ld s; look at its log ('journalctl -u fotherd')\n",
			socket_path(), FTH_CLI_TIMEOUT_S);
	else
		fprintf(stderr,
			"fother: no agent answers on '%s': %s; start fotherd ('systemctl start fotherd'), or name its socket with --socket\n",
			socket_path(),
			answer->error ? strerror((int)answer->error) : curl_easy_strerror(code));
	return FTH_EXIT_NO_AGENT;
}

/* The agent refused: its own message says why. */
static int report_refusal(long status, const json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");

	fprintf(stderr, "fother: %s\n", fth_cli_string(error, "message"));
	return status == 400 || status == 404 || status == 405 ? FTH_EXIT_USAGE : FTH_EXIT_NOT_SO;
}

int fth_cli_call(const char *method, const char *path, const json_t *body, json_t **ret_answer)
{
	__attribute__((cleanup(free_answer))) struct answer answer = { 0 };
	__attribute__((cleanup(free_text))) char *text = NULL;
	__attribute__((cleanup(drop_json))) json_t *json = NULL;
	json_error_t fault;
	CURLcode code;

	if (body) {
		text = json_dumps(body, JSON_COMPACT);
		if (!text) {
			fputs("fother: out of memory\n", stderr);
			return FTH_EXIT_NOT_SO;
		}
	}
	code = perform(method, path, text, &answer);
	if (code != CURLE_OK)
		return report_silence(code, &answer);
	json = json_loadb(answer.text ? answer.text : "", answer.length, 0, &fault);
	if (!json) {
		fprintf(stderr,
			"fother: '%s' answered with HTTP status %ld and no JSON (%s): is it fotherd's socket?\n",
			socket_path(), answer.status, fault.text);
		return FTH_EXIT_NO_AGENT;
	}
	if (answer.status >= 400)
		return report_refusal(answer.status, json);
	*ret_answer = json_incref(json);
	return FTH_EXIT_OK;
}

int fth_cli_get(const char *path, bool as_json, void (*print)(const json_t *answer))
{
	__attribute__((cleanup(drop_json))) json_t *answer = NULL;
	int code = fth_cli_call("GET", path, NULL, &answer);

	if (code)
		return code;
	if (as_json)
		fth_cli_print_json(answer);
	else
		print(answer);
	return FTH_EXIT_OK;
}

char *fth_cli_path(const char *collection, const char *name, const char *suffix)
{
	__attribute__((cleanup(curl_free_easy))) CURL *curl = curl_easy_init();
	char *escaped = curl ? curl_easy_escape(curl, name, 0) : NULL;
	char *path = NULL;

	if (escaped && asprintf(&path, "/v1/%s%s%s", collection, escaped, suffix) < 0)
		path = NULL;
	curl_free(escaped);
	return path;
}

int fth_cli_options(int argc, char **argv, const char *help, const char *accepts,
		    struct fth_cli_options *ret_options)
{
	static const struct option all[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "wait", no_argument, NULL, 'w' },
		{ "watch", no_argument, NULL, 'W' },
		{ "why", required_argument, NULL, 'm' },
		{ "yes", no_argument, NULL, 'y' },
		{ "all", no_argument, NULL, 'a' },
		{ "mode", required_argument, NULL, 'M' },
		{ "extend", required_argument, NULL, 'e' },
		{ "vm", required_argument, NULL, 'v' },
		{ "fleet", no_argument, NULL, 'f' },
		{ "rollout", required_argument, NULL, 'r' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct fth_cli_options options = { 0 };
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":jwWm:yaM:e:v:fr:h", all, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return FTH_EXIT_OK;
		}
		if (!strchr(accepts, c))
			return fth_usage_option(argv, all, c);
		options.json |= c == 'j';
		options.wait |= c == 'w';
		options.watch |= c == 'W';
		options.yes |= c == 'y';
		options.all |= c == 'a';
		options.fleet |= c == 'f';
		if (c == 'm')
			options.why = optarg;
		else if (c == 'M')
			options.mode = optarg;
		else if (c == 'e')
			options.extend = optarg;
		else if (c == 'v')
			options.vm = optarg;
		else if (c == 'r')
			options.rollout = optarg;
	}
	*ret_options = options;
	return -1;
}

const char *fth_cli_string(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));

	return text && *text ? text : "-";
}

int64_t fth_cli_number(const json_t *object, const char *member)
{
	return json_integer_value(json_object_get(object, member));
}

void fth_cli_print_json(const json_t *answer)
{
	json_dumpf(answer, stdout, JSON_INDENT(2));
	putchar('\n');
}

/* A control byte, or the two bytes that UTF-8 makes of a control character past ASCII. */
static unsigned int control_length(const char *text)
{
	const unsigned char *bytes = (const unsigned char *)text;

	if (bytes[0] < ' ' || bytes[0] == 0x7f)
		return 1;
	return bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] < 0xa0 ? 2 : 0;
}

void fth_cli_put_text(FILE *file, const char *text)
{
	unsigned int length;

	for (; *text; text += length ? length : 1) {
		length = control_length(text);
		fputc(length ? '?' : *text, file);
	}
}

void fth_cli_print_text(const char *text)
{
	fth_cli_put_text(stdout, text);
}
