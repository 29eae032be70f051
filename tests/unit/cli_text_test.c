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

/* What @rollout looks like; to be freed.  Takes @rollout. */
static char *printed(json_t *rollout)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size), *terminal = stdout;

	assert_non_null(file);
	assert_non_null(rollout);
	stdout = file;
	fth_rollout_print(rollout, false);
	stdout = terminal;
	assert_int_equal(fclose(file), 0);
	json_decref(rollout);
	return text;
}

/* Who holds a wave up is named, however many others soak with it. */
static void test_inconclusive_is_named(void **state)
{
	json_t *vms = json_array();
	char name[16], *text;
	int i;

	(void)state;
	for (i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "vm-%02d", i);
		json_array_append_new(vms, json_pack("{s:s, s:i, s:s, s:b, s:s}", "name", name,
						     "wave", 0, "state", "soaking", "inconclusive",
						     i == 42, "why", "who knows"));
	}
	text = printed(json_pack("{s:i, s:s, s:i, s:i, s:o}", "id", 1, "phase", "soaking", "waves",
				 1, "inconclusive", 1, "vms", vms));
	assert_non_null(strstr(text, "vm-42"));
	assert_null(strstr(text, "vm-41"));
	assert_non_null(strstr(text, "49 more: 49 soaking"));
	free(text);
}

/* Where only a person's word moves it, the word is said. */
static void test_next_step(void **state)
{
	static const struct {
		const char *phase, *says;
	} cases[] = {
		{ "paused", "next: 'fother rollout resume 7' goes on" },
		{ "gated", "next: 'fother rollout resume 7' begins the next wave" },
		{ "soaking", "next: 'fother rollout pause 7' and then resume go on without" },
		{ "stuck", "next: 'fother rollout reverse 7' asks again" },
		{ "aborted", "next: 'fother rollout undo 7'" },
		{ "reversed", "'fother allow fix --fleet'" },
	};
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		text = printed(json_pack("{s:i, s:s, s:s, s:i, s:{s:b}}", "id", 7, "patch", "fix",
					 "phase", cases[i].phase, "inconclusive", 1, "recall",
					 "blocks", 1));
		if (!strstr(text, cases[i].says))
			fail_msg("%s: found '%s', expected '%s'", cases[i].phase, text,
				 cases[i].says);
		free(text);
	}
	text = printed(json_pack("{s:i, s:s, s:s, s:{s:b}}", "id", 7, "patch", "fix", "phase",
				 "reversed", "recall", "blocks", 0));
	assert_null(strstr(text, "next:"));
	free(text);
	text = printed(json_pack("{s:i, s:s, s:b}", "id", 7, "phase", "reversed", "superseded", 1));
	assert_non_null(strstr(text, "a newer rollout of this patch followed"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_inconclusive_is_named),
		cmocka_unit_test(test_next_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
