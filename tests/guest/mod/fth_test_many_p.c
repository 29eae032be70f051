// SPDX-License-Identifier: GPL-2.0
/* A livepatch module for the first `count` functions of fth_test_many: 1 each. */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>

#include "fth_test_many.h"

static uint count = FTH_MANY_COUNT;
module_param(count, uint, 0444);

#define REPLACEMENT(name)                                  \
	static int fth_many_p_##name(void)                 \
	{                                                  \
		int one = 1;                               \
		asm volatile("# " #name "\n" : "+r"(one)); \
		return one;                                \
	}
FTH_MANY(REPLACEMENT)

#define FUNC(name) { .old_name = "fth_many_" #name, .new_func = fth_many_p_##name },
static struct klp_func funcs[] = { FTH_MANY(FUNC){} };

static struct klp_object objs[] = { {
					    .name = "fth_test_many",
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_many_p_init(void)
{
	if (count < FTH_MANY_COUNT)
		funcs[count] = (struct klp_func){}; /* where the list ends */
	return klp_enable_patch(&patch);
}

static void __exit fth_test_many_p_exit(void)
{
}

module_init(fth_test_many_p_init);
module_exit(fth_test_many_p_exit);
MODULE_DESCRIPTION("fother test: replacements of up to a thousand functions");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
