// SPDX-License-Identifier: GPL-2.0
/* A module of a thousand functions that nobody calls; bench_thousand_patch patches them. */
#include <linux/kernel.h>
#include <linux/module.h>

#include "bench_thousand.h"

#define FUNCTION(n)                                                                \
	noinline __attribute__((noipa, used)) static void bench_thousand_##n(void) \
	{                                                                          \
		barrier();                                                         \
	}

BENCH_THOUSAND(FUNCTION)

static int __init bench_thousand_init(void)
{
	return 0;
}

static void __exit bench_thousand_exit(void)
{
}

module_init(bench_thousand_init);
module_exit(bench_thousand_exit);
MODULE_DESCRIPTION("fother bench: a thousand functions");
MODULE_LICENSE("GPL");
