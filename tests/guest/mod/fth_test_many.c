// SPDX-License-Identifier: GPL-2.0
/* A module with a thousand functions to be patched. */
#include <linux/kernel.h>
#include <linux/module.h>

#include "fth_test_many.h"

#define DEFINE(n)                              \
	static noinline int fth_many_##n(void) \
	{                                      \
		barrier();                     \
		return 0;                      \
	}
FTH_MANY(DEFINE)
#undef DEFINE

#define ADDRESS(n) fth_many_##n,
static int (*const functions[])(void) = { FTH_MANY(ADDRESS) };
#undef ADDRESS

/* How many of them are replaced, by calling each. */
static int patched_get(char *page, const struct kernel_param *param)
{
	int patched = 0;

	BUILD_BUG_ON(ARRAY_SIZE(functions) != FTH_MANY_COUNT);
	for (u32 i = 0; i < ARRAY_SIZE(functions); i++)
		patched += functions[i]();
	return sysfs_emit(page, "%d\n", patched);
}

static const struct kernel_param_ops patched_ops = { .get = patched_get };
module_param_cb(patched, &patched_ops, NULL, 0444);

static int __init fth_test_many_init(void)
{
	return 0;
}

static void __exit fth_test_many_exit(void)
{
}

module_init(fth_test_many_init);
module_exit(fth_test_many_exit);
MODULE_DESCRIPTION("fother test: a thousand functions");
MODULE_LICENSE("GPL");
