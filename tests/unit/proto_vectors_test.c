// SPDX-License-Identifier: GPL-2.0
/* The golden vectors, as the guest module's selftest runs them too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vectors.h"

static void report_failure(const char *what)
{
	print_error("vector '%s' failed\n", what);
}

static void vectors_all_pass(void **state)
{
	(void)state;
	assert_int_equal(fth_vectors_run(report_failure), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vectors_all_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
