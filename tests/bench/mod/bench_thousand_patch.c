// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module for the thousand functions of bench_thousand.
 *
 * parameter: idle=1, be loaded and enable nothing: what the module itself
 * takes of memory, whoever the patch is given to.
 */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>

#include "bench_thousand.h"

static bool idle;
module_param(idle, bool, 0444);
MODULE_PARM_DESC(idle, "enable nothing");

#define FUNCTION(n)                                                                \
	noinline __attribute__((noipa)) static void bench_thousand_patch_##n(void) \
	{                                                                          \
		barrier();                                                         \
	}
#define ENTRY(n) { .old_name = "bench_thousand_" #n, .new_func = bench_thousand_patch_##n },

BENCH_THOUSAND(FUNCTION)

static struct klp_func funcs[] = { BENCH_THOUSAND(ENTRY){} };

static struct klp_object objs[] = { {
					    .name = "bench_thousand",
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init bench_thousand_patch_init(void)
{
	return idle ? 0 : klp_enable_patch(&patch);
}

static void __exit bench_thousand_patch_exit(void)
{
}

module_init(bench_thousand_patch_init);
module_exit(bench_thousand_patch_exit);
MODULE_DESCRIPTION("fother bench: a patch of a thousand functions");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
