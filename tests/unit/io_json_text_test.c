// SPDX-License-Identifier: GPL-2.0
/* Texts are cut between two characters, and any bytes can be told as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/text.h"
#include "io/json_text.h"

static void expect_json(const char *text, const char *expected)
{
	json_t *json = fth_json_text(text, strlen(text));

	assert_non_null(json);
	assert_string_equal(json_string_value(json), expected);
	json_decref(json);
}

static void test_whole_texts_stay(void **state)
{
	(void)state;
	expect_json("", "");
	expect_json("eve: später … 𝄞", "eve: später … 𝄞");
}

static void test_half_a_character_at_the_end_goes(void **state)
{
	(void)state;
	expect_json("für später\xc3", "für später");
	expect_json("für …\xe2", "für …");
	expect_json("für …\xe2\x80", "für …");
	expect_json("für 𝄞\xf0\x9d\x84", "für 𝄞");
	expect_json("\xc3", "");
}

static void test_bytes_that_are_no_utf8(void **state)
{
	(void)state;
	expect_json("für \xff\xfeimmer", "für ??immer");
	expect_json("a\xc3z ä", "a?z ä");
	expect_json("ä\xa4", "ä?"); /* continues nothing */
	expect_json("ä \xc0\xaf \xe0\x80\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xf5.",
		    "ä ?? ??? ??? ???? ?.");
	expect_json("\xff and \xc3", "? and ");
}

static void test_cut_between_characters(void **state)
{
	char text[8];

	(void)state;
	fth_text_copy(text, sizeof(text), "abcdeäx");
	assert_string_equal(text, "abcdeä");
	fth_text_copy(text, sizeof(text), "abcdefä");
	assert_string_equal(text, "abcdef");
	assert_memory_equal(text, "abcdef\0", sizeof(text));
	fth_text_copy(text, sizeof(text), "abcdef𝄞");
	assert_string_equal(text, "abcdef");
	fth_text_format(text, sizeof(text), "%s…%s", "abcde", "x"); /* its own, too */
	assert_string_equal(text, "abcde");
	fth_text_format(text, sizeof(text), "%s%s", "abcdeää", "x"); /* nothing behind a cut */
	assert_string_equal(text, "abcdeä");
	fth_text_format(text, 1, "%s", "ä");
	assert_string_equal(text, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_texts_stay),
		cmocka_unit_test(test_half_a_character_at_the_end_goes),
		cmocka_unit_test(test_bytes_that_are_no_utf8),
		cmocka_unit_test(test_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
