// SPDX-License-Identifier: GPL-2.0
/* A livepatch module for the first functions of fth_test_many. */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "fth_test_many.h"

static uint count = FTH_MANY_COUNT;
module_param(count, uint, 0444);
MODULE_PARM_DESC(count, "how many functions, from the first one");

#define DEFINE(n)                              \
	static noinline int new_many_##n(void) \
	{                                      \
		barrier();                     \
		return 1;                      \
	}
FTH_MANY(DEFINE)
#undef DEFINE

#define ENTRY(n) { .old_name = "fth_many_" #n, .new_func = new_many_##n },
static struct klp_func funcs[FTH_MANY_COUNT + 1] = { FTH_MANY(ENTRY){} };
#undef ENTRY

static struct klp_object objs[] = { { .name = "fth_test_many", .funcs = funcs }, {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_many_patch_init(void)
{
	if (!count || count > FTH_MANY_COUNT)
		return -EINVAL;
	funcs[count] = (struct klp_func){};
	return klp_enable_patch(&patch);
}

static void __exit fth_test_many_patch_exit(void)
{
}

module_init(fth_test_many_patch_init);
module_exit(fth_test_many_patch_exit);
MODULE_DESCRIPTION("fother test: a patch of many functions");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
