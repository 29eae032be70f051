// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module that reaches a static variable of the module it patches.
 * Not to be loaded as it is: fth_klprela makes livepatch relocations of what
 * refers to it.
 */
#include <linux/livepatch.h>
#include <linux/module.h>

extern int fth_obj_secret __weak;

static int fth_test_rela_value(void)
{
	return READ_ONCE(fth_obj_secret);
}

static struct klp_func funcs[] = { {
					   .old_name = "fth_obj_value",
					   .new_func = fth_test_rela_value,
				   },
				   {} };

static struct klp_object objs[] = { {
					    .name = "fth_test_obj",
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_rela_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_rela_exit(void)
{
}

module_init(fth_test_rela_init);
module_exit(fth_test_rela_exit);
MODULE_DESCRIPTION("fother test: livepatch relocations");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
