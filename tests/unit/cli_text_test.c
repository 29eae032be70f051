// SPDX-License-Identifier: GPL-2.0
/* What others wrote never steers the terminal of who reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/columns.h"
#include "cli/incidents_view.h"
#include "cli/rollout_view.h"
#include "cli/table.h"
#include "cli/verbs.h"

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

/* Who waits for a window is told so: nothing else would move. */
static void test_progress_of_a_window(void **state)
{
	char previous[FTH_PROGRESS_SIZE] = "";
	json_t *rollout = json_pack("{s:i, s:s, s:I}", "id", 1, "phase", "running",
				    "window_opens_ms", (json_int_t)1767571200000);
	FILE *terminal = stderr;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	stderr = open_memstream(&text, &size);
	fth_rollout_progress(rollout, previous);
	fclose(stderr);
	stderr = terminal;
	assert_non_null(strstr(text, ": window: closed, VMs are patched again from "
				     "Mon 2026-01-05 00:00 UTC on"));
	free(text);
	json_decref(rollout);
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

static void test_budget(void **state)
{
	char *text = printed(json_pack("{s:i, s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "id", 7, "phase",
				       "running", "failures", 12, "failures_accepted", 9,
				       "failures_allowed", 4, "inconclusive", 1,
				       "inconclusive_allowed", 10, "tried", 200));

	(void)state;
	assert_non_null(strstr(text, "budget: 3 failed (allowed: 4), beside 9 that were accepted, "
				     "1 inconclusive (allowed: 10), of 200 VMs tried\n"));
	free(text);
	text = printed(json_pack("{s:i, s:s, s:i, s:{}}", "id", 7, "phase", "reversed", "failures",
				 1, "recall"));
	assert_null(strstr(text, "budget"));
	free(text);
	text = printed(json_pack("{s:i, s:s, s:i}", "id", 7, "phase", "running", "failures", 0));
	assert_null(strstr(text, "budget"));
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

/* Complete is not all of it: who lacks the patch, and who can't be told, counts. */
static void test_verdict(void **state)
{
	static const struct {
		const char *phase, *member;
		int code;
	} cases[] = {
		{ "complete", "done", FTH_EXIT_OK },
		{ "complete", "soaking", FTH_EXIT_OK },
		{ "complete", "skipped", FTH_EXIT_OK },
		{ "complete", "forgotten", FTH_EXIT_OK },
		{ "complete", "waiting", FTH_EXIT_NOT_SO },
		{ "complete", "deferred", FTH_EXIT_NOT_SO },
		{ "complete", "unknown", FTH_EXIT_NOT_SO },
		{ "complete", "inconclusive", FTH_EXIT_NOT_SO },
		{ "complete", "failed", FTH_EXIT_NOT_SO },
		{ "running", "waiting", FTH_EXIT_OK },
		{ "soaking", "inconclusive", FTH_EXIT_OK },
		{ "paused", "done", FTH_EXIT_NOT_SO },
	};
	json_t *rollout;
	size_t i;
	int code;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		rollout = json_pack("{s:s, s:{s:i}}", "phase", cases[i].phase, "counts",
				    cases[i].member, 1);
		code = fth_rollout_verdict(rollout, "complete");
		json_decref(rollout);
		if (code != cases[i].code)
			fail_msg("%s with one %s: found %d, expected %d", cases[i].phase,
				 cases[i].member, code, cases[i].code);
	}
}

/* Two letters, two wide ones, one with an accent of its own, and what is no UTF-8. */
static void test_columns(void **state)
{
	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	assert_int_equal(fth_columns(""), 0);
	assert_int_equal(fth_columns("web-1"), 5);
	assert_int_equal(fth_columns("\xd0\xb1\xd0\xb0"), 2);
	assert_int_equal(fth_columns("\xe6\x97\xa5\xe6\x9c\xac"), 4);
	assert_int_equal(fth_columns("e\xcc\x81"), 1);
	assert_int_equal(fth_columns("a\xff\xe6z"), 4);
	assert_int_equal(fth_columns("a\nb\033"), 4);
	assert_int_equal(fth_columns_fit("\xe6\x97\xa5\xe6\x9c\xac", 3), 3);
	assert_int_equal(fth_columns_fit("\xe6\x97\xa5\xe6\x9c\xac", 1), 0);
	assert_int_equal(fth_columns_fit("ab", 9), 2);
	assert_int_equal(fth_columns_fit("a\xe6", 2), 2);
}

/* A list that stands alone begins with its head. */
static void test_blocks(void **state)
{
	json_t *blocks = json_pack("[{s:s, s:s}]", "vm", "", "patch", "fix");
	FILE *terminal = stdout;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	stdout = open_memstream(&text, &size);
	fth_blocks_print(blocks);
	fclose(stdout);
	stdout = terminal;
	assert_int_equal(strncmp(text, "VM ", 3), 0);
	assert_non_null(strstr(text, "\n(the fleet)  fix "));
	free(text);
	json_decref(blocks);
}

/* Names of several alphabets in one column. */
static void test_table_of_names(void **state)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	FILE *terminal = stdout;
	char *text = NULL;
	size_t size = 0;

	(void)state;
	fth_table_row(&table, "VM", "STATE", NULL);
	fth_table_row(&table, "\xd0\xb1\xd0\xb0\xd0\xb7\xd0\xb0", "done", NULL);
	fth_table_row(&table, "\xe6\x97\xa5", "failed", NULL);
	stdout = open_memstream(&text, &size);
	fth_table_print(&table);
	fclose(stdout);
	stdout = terminal;
	assert_string_equal(text, "VM    STATE\n"
				  "\xd0\xb1\xd0\xb0\xd0\xb7\xd0\xb0  done\n"
				  "\xe6\x97\xa5    failed\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_control_characters),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_table_of_names),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_progress_of_a_window),
		cmocka_unit_test(test_inconclusive_is_named),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_next_step),
		cmocka_unit_test(test_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
