/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A module whose function fth_obj_value() patches replace; one .c file each.
 * Its generation is what /sys/module/NAME/parameters/value reads.
 */
#ifndef FTH_TEST_OBJ_TARGET_H
#define FTH_TEST_OBJ_TARGET_H

#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "fth_test_gen.h"

static bool fail;
module_param(fail, bool, 0444);
MODULE_PARM_DESC(fail, "init fails");

static int at_init = -1;
module_param(at_init, int, 0444);
MODULE_PARM_DESC(at_init, "generation that init saw");

/* What a patch reaches by a livepatch relocation only. */
static int fth_obj_secret = 1000;
module_param_named(secret, fth_obj_secret, int, 0644);

/* A compiler that knows the value would read it off, and make the call another function. */
static noinline int fth_obj_value(void)
{
	int value = 0;

	OPTIMIZER_HIDE_VAR(value);
	return value;
}

static int value_get(char *page, const struct kernel_param *param)
{
	return sysfs_emit(page, "%d\n", fth_obj_value());
}

/* Calls of generations that count in a shadow variable; 0 without any. */
static int shadow_get(char *page, const struct kernel_param *param)
{
	return sysfs_emit(page, "%lld\n", jiffies64_to_msecs(FTH_GEN_SHADOW) - FTH_GEN_SHADOW_OLD);
}

static const struct kernel_param_ops value_ops = { .get = value_get };
static const struct kernel_param_ops shadow_ops = { .get = shadow_get };
module_param_cb(value, &value_ops, NULL, 0444);
module_param_cb(shadow, &shadow_ops, NULL, 0444);

static int __init fth_obj_init(void)
{
	at_init = fth_obj_value();
	return fail ? -ENODEV : 0;
}

static void __exit fth_obj_exit(void)
{
}

module_init(fth_obj_init);
module_exit(fth_obj_exit);
MODULE_DESCRIPTION("fother test: a module to be patched");
MODULE_LICENSE("GPL");

#endif /* FTH_TEST_OBJ_TARGET_H */
