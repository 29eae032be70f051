// SPDX-License-Identifier: GPL-2.0
/* The golden vectors of tests/vectors/, run inside the kernel at load. */
#include "selftest.h"

#include <linux/errno.h>
#include <linux/printk.h>

#include "vectors/vectors.h"

static void report_failure(const char *what)
{
	pr_err("selftest: vector '%s' failed\n", what);
}

int fth_selftest_run(void)
{
	int failed = fth_vectors_run(report_failure);

	if (failed)
		return -EILSEQ;
	pr_info("selftest: all vectors passed\n");
	return 0;
}
