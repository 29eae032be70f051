// SPDX-License-Identifier: GPL-2.0
/*
 * A module of a thousand functions, each of which returns 0.  What they return
 * together is what /sys/module/fth_test_many/parameters/sum reads.
 */
#include <linux/kernel.h>
#include <linux/module.h>

#include "fth_test_many.h"

/* Different ones, or a compiler makes them one. */
#define FUNCTION(name)                                      \
	static noinline int fth_many_##name(void)           \
	{                                                   \
		int zero = 0;                               \
		asm volatile("# " #name "\n" : "+r"(zero)); \
		return zero;                                \
	}
FTH_MANY(FUNCTION)

#define ENTRY(name) fth_many_##name,
static int (*const functions[])(void) = { FTH_MANY(ENTRY) };

static int sum_get(char *page, const struct kernel_param *param)
{
	int sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(functions); i++)
		sum += functions[i]();
	return sysfs_emit(page, "%d\n", sum);
}

static const struct kernel_param_ops sum_ops = { .get = sum_get };
module_param_cb(sum, &sum_ops, NULL, 0444);

static int __init fth_test_many_init(void)
{
	BUILD_BUG_ON(ARRAY_SIZE(functions) != FTH_MANY_COUNT);
	return 0;
}

static void __exit fth_test_many_exit(void)
{
}

module_init(fth_test_many_init);
module_exit(fth_test_many_exit);
MODULE_DESCRIPTION("fother test: a thousand functions");
MODULE_LICENSE("GPL");
