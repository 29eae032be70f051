// SPDX-License-Identifier: GPL-2.0
/* A module that has nothing to do with any patch: how long does its insmod take? */
#include <linux/module.h>

static int __init bench_bystander_init(void)
{
	return 0;
}

static void __exit bench_bystander_exit(void)
{
}

module_init(bench_bystander_init);
module_exit(bench_bystander_exit);
MODULE_DESCRIPTION("fother bench: an unrelated module");
MODULE_LICENSE("GPL");
