// SPDX-License-Identifier: GPL-2.0
/* Fails on purpose, by parameter, so that the test harness can be tested. */
#include <linux/bug.h>
#include <linux/errno.h>
#include <linux/module.h>

static bool warn;
module_param(warn, bool, 0);
MODULE_PARM_DESC(warn, "WARN at load");
static bool oops;
module_param(oops, bool, 0);
MODULE_PARM_DESC(oops, "read through a NULL pointer at load");

static int __init fth_test_warn_init(void)
{
	WARN_ON(warn);
	if (oops)
		return READ_ONCE(*(int *)NULL);
	return -ENODEV; /* Nothing is left to unload. */
}
module_init(fth_test_warn_init);

MODULE_DESCRIPTION("Warns or oopses at load");
MODULE_LICENSE("GPL");
