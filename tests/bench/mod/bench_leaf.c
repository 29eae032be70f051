// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module for bench_target: its leaf returns something else, and
 * the function that it sleeps in is in the patched set too.
 */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>

/* The original and one more, in as many instructions as can be. */
noinline __attribute__((noipa)) static u64 bench_leaf_leaf(u64 value)
{
	barrier();
	return value | 1;
}

/* Never called: whoever sleeps in the original holds the transition open. */
noinline __attribute__((noipa)) static void bench_leaf_hold(u32 calls, void *ret_cost)
{
	barrier();
}

static struct klp_func funcs[] = {
	{ .old_name = "bench_target_leaf", .new_func = bench_leaf_leaf },
	{ .old_name = "bench_target_hold", .new_func = bench_leaf_hold },
	{},
};

static struct klp_object objs[] = { {
					    .name = "bench_target",
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init bench_leaf_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit bench_leaf_exit(void)
{
}

module_init(bench_leaf_init);
module_exit(bench_leaf_exit);
MODULE_DESCRIPTION("fother bench: a patch of bench_target");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
