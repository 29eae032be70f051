// SPDX-License-Identifier: GPL-2.0
/* Programs and HTTP GETs that the agent runs: each end is told once, and in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/fetch.h"
#include "io/loop.h"
#include "io/process.h"

#define LONG_MS 60000u /* ends a hang, is no measure of anything */
#define SHORT_MS 100u

static struct fth_loop *loop;
static struct fth_fetcher *fetcher;
static struct evhttp *server;
static uint16_t port;
static unsigned int told;
static struct fth_process_end process_end;
static struct fth_fetch_end fetch_end;

static void process_done(void *context, const struct fth_process_end *end)
{
	assert_ptr_equal(context, &told);
	process_end = *end;
	told++;
}

static void fetch_done(void *context, const struct fth_fetch_end *end)
{
	assert_ptr_equal(context, &told);
	fetch_end = *end;
	told++;
}

static int start(const char *script, uint64_t timeout_ms, struct fth_process **ret_process)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	const char *env[] = { "FOTHER_VM=web-1", NULL };

	told = 0;
	return fth_process_start(loop, argv, env, timeout_ms, process_done, &told, ret_process);
}

static void run(const char *script, uint64_t timeout_ms)
{
	struct fth_process *process;

	assert_int_equal(start(script, timeout_ms, &process), 0);
	while (!told)
		fth_loop_turn(loop);
	assert_int_equal(told, 1);
}

static void test_exits(void **state)
{
	(void)state;
	run("exit 0", LONG_MS);
	assert_int_equal(process_end.signal, 0);
	assert_int_equal(process_end.status, 0);
	assert_string_equal(process_end.line, "");
	run("echo \"$FOTHER_VM is $HOME \001bad\" >&2; echo more; exit 7", LONG_MS);
	assert_int_equal(process_end.status, 7);
	assert_string_equal(process_end.line, "web-1 is  ?bad");
	run("kill -SEGV $$", LONG_MS);
	assert_int_equal(process_end.signal, SIGSEGV);
	assert_false(process_end.timed_out);
}

static void test_talks_more_than_a_pipe_holds(void **state)
{
	(void)state;
	run("i=0; while [ $i -lt 3000 ]; do i=$((i+1)); "
	    "echo 0123456789012345678901234567890123456789012345678901234567890123456789; done",
	    LONG_MS);
	assert_int_equal(process_end.status, 0);
	assert_int_equal(process_end.line[0], '0');
}

static void test_no_such_program(void **state)
{
	const char *argv[] = { "/nonexistent/probe", NULL };
	struct fth_process *process;

	(void)state;
	told = 0;
	assert_int_equal(
		fth_process_start(loop, argv, argv + 1, LONG_MS, process_done, &told, &process), 0);
	while (!told)
		fth_loop_turn(loop);
	assert_int_equal(process_end.error, ENOENT);
	run("exit 127", LONG_MS);
	assert_int_equal(process_end.error, 0);
}

/* What it started holds its output open and ignores signals: it goes too. */
/* One that nobody waited for is dead, too: init has to, and that of a container may not. */
static bool lives(int pid)
{
	char path[32], state = '?';
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = '?';
	fclose(file);
	return state != 'Z' && state != 'X';
}

static void test_time_is_over(void **state)
{
	char line[32] = "";
	int child;

	(void)state;
	run("trap '' TERM INT HUP; sleep 1000 & echo $!; wait", SHORT_MS);
	assert_true(process_end.timed_out);
	snprintf(line, sizeof(line), "%.30s", process_end.line);
	child = atoi(line);
	assert_true(child > 1);
	while (lives(child))
		usleep(1000);
}

static bool has_children(void)
{
	siginfo_t info;

	return !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
}

static void test_killed_ones_are_not_told(void **state)
{
	struct fth_process *process;

	(void)state;
	assert_int_equal(start("sleep 1000", LONG_MS, &process), 0);
	fth_process_kill(process);
	fth_process_kill(NULL);
	run("exit 3", LONG_MS);
	assert_int_equal(process_end.status, 3);
	while (has_children()) /* nobody is left as a zombie */
		fth_loop_turn(loop);
}

/* As many as may hang in the kernel; until the loop turns nobody notes that they died. */
static void test_killed_ones_are_counted(void **state)
{
	struct fth_process *process;
	uint32_t i;

	(void)state;
	for (i = 0; i < FTH_PROCESS_ORPHANS_MAX; i++) {
		assert_int_equal(fth_process_orphans(loop), i);
		assert_int_equal(start("sleep 1000", LONG_MS, &process), 0);
		fth_process_kill(process);
	}
	assert_int_equal(start("exit 0", LONG_MS, &process), -EUSERS);
	while (fth_process_orphans(loop))
		fth_loop_turn(loop);
	assert_false(has_children());
	run("exit 3", LONG_MS);
	assert_int_equal(process_end.status, 3);
	assert_int_equal(fth_process_orphans(loop), 0);
}

static void answer(struct evhttp_request *request, void *context)
{
	const char *path = evhttp_request_get_uri(request);
	struct evbuffer *body = evhttp_request_get_output_buffer(request);

	(void)context;
	if (!strcmp(path, "/hang"))
		return;
	if (!strcmp(path, "/away"))
		evhttp_add_header(evhttp_request_get_output_headers(request), "Location", "/well");
	evbuffer_add_printf(body, "first of %s\nsecond", path);
	evhttp_send_reply(request,
			  !strcmp(path, "/ill")	   ? 503
			  : !strcmp(path, "/away") ? 302
						   : 200,
			  "so", body);
}

static struct fth_fetch *begin(const char *path, uint16_t to, uint64_t timeout_ms)
{
	struct fth_fetch *fetch;
	char url[128];

	told = 0;
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", to, path);
	assert_int_equal(fth_fetch_start(fetcher, url, timeout_ms, fetch_done, &told, &fetch), 0);
	return fetch;
}

static void get(const char *path, uint16_t to, uint64_t timeout_ms)
{
	begin(path, to, timeout_ms);
	while (!told)
		fth_loop_turn(loop);
	assert_int_equal(told, 1);
}

static void test_answers(void **state)
{
	(void)state;
	get("/well", port, LONG_MS);
	assert_int_equal(fetch_end.status, 200);
	assert_string_equal(fetch_end.line, "first of /well");
	get("/ill", port, LONG_MS);
	assert_int_equal(fetch_end.status, 503);
	get("/away", port, LONG_MS); /* is not followed */
	assert_int_equal(fetch_end.status, 302);
}

static void test_no_answer(void **state)
{
	(void)state;
	get("/hang", port, SHORT_MS);
	assert_int_equal(fetch_end.status, 0);
	assert_int_not_equal(strlen(fetch_end.line), 0);
	get("/well", 1, LONG_MS); /* nobody listens there */
	assert_int_equal(fetch_end.status, 0);
	fth_fetch_cancel(begin("/hang", port, LONG_MS));
	fth_fetch_cancel(NULL);
	get("/well", port, LONG_MS);
	assert_int_equal(fetch_end.status, 200);
}

static void test_other_schemes_are_refused(void **state)
{
	struct fth_fetch *fetch;

	(void)state;
	told = 0;
	assert_int_equal(fth_fetch_start(fetcher, "file:///etc/passwd", LONG_MS, fetch_done, &told,
					 &fetch),
			 0);
	while (!told)
		fth_loop_turn(loop);
	assert_int_equal(fetch_end.status, 0);
}

static void test_escapes(void **state)
{
	char text[32];

	(void)state;
	assert_int_equal(fth_fetch_escape("web-1.a_b~", text, sizeof(text)), 10);
	assert_string_equal(text, "web-1.a_b~");
	assert_int_equal(fth_fetch_escape("a/b?&\xff", text, sizeof(text)), 14);
	assert_string_equal(text, "a%2Fb%3F%26%FF");
	assert_int_equal(fth_fetch_escape("a/b", text, 3), 5);
	assert_string_equal(text, "a%");
}

static int set_up(void **state)
{
	struct evhttp_bound_socket *bound;
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);

	(void)state;
	if (fth_loop_new(&loop) || fth_fetcher_new(loop, &fetcher))
		return -1;
	server = evhttp_new(fth_loop_base(loop));
	evhttp_set_gencb(server, answer, NULL);
	bound = evhttp_bind_socket_with_handle(server, "127.0.0.1", 0);
	if (!bound ||
	    getsockname(evhttp_bound_socket_get_fd(bound), (struct sockaddr *)&address, &size))
		return -1;
	port = ntohs(address.sin_port);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	evhttp_free(server);
	fth_fetcher_free(fetcher);
	fth_loop_free(loop);
	return 0;
}

#define PROBE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_exits),
		PROBE_TEST(test_talks_more_than_a_pipe_holds),
		PROBE_TEST(test_no_such_program),
		PROBE_TEST(test_time_is_over),
		PROBE_TEST(test_killed_ones_are_not_told),
		PROBE_TEST(test_killed_ones_are_counted),
		PROBE_TEST(test_answers),
		PROBE_TEST(test_no_answer),
		PROBE_TEST(test_other_schemes_are_refused),
		PROBE_TEST(test_escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
