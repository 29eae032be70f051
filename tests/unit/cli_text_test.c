// SPDX-License-Identifier: GPL-2.0
/* What others wrote never steers the terminal of who reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/rollout_view.h"

static void test_control_characters(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	(void)state;
	assert_non_null(file);
	fth_cli_put_text(file, "a\033[2Jb\r\nc\x7f d\302\23331m \xc3\xa4\xc2\xb5");
	assert_int_equal(fclose(file), 0);
	assert_string_equal(text, "a?[2Jb??c? d?31m \xc3\xa4\xc2\xb5");
	free(text);
}

/* The line that `rollout status --wait` writes again and again. */
static void test_progress(void **state)
{
	char previous[FTH_PROGRESS_SIZE] = "";
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size), *terminal = stderr;
	json_t *rollout = json_pack("{s:i, s:s, s:s}", "id", 1, "phase", "paused", "why",
				    "by request of 'eve': \033]0;owned\007");

	(void)state;
	assert_non_null(file);
	assert_non_null(rollout);
	stderr = file;
	fth_rollout_progress(rollout, previous);
	stderr = terminal;
	assert_int_equal(fclose(file), 0);
	assert_non_null(strstr(text, "by request of 'eve': ?]0;owned?"));
	assert_null(strchr(text, '\007'));
	free(text);
	json_decref(rollout);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_progress),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
