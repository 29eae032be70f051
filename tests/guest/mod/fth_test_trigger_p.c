// SPDX-License-Identifier: GPL-2.0
/* A livepatch module that brings trouble to fth_test_trigger. */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "fth_test_trigger.h"

static noinline void fth_test_trigger_patched(const char *kind)
{
	fth_test_trigger_make(kind);
}

static struct klp_func funcs[] = { {
					   .old_name = "fth_test_trigger_inside",
					   .new_func = fth_test_trigger_patched,
				   },
				   {} };

static struct klp_object objs[] = { {
					    .name = "fth_test_trigger",
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_trigger_p_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_trigger_p_exit(void)
{
}

module_init(fth_test_trigger_p_init);
module_exit(fth_test_trigger_p_exit);
MODULE_DESCRIPTION("fother test: trouble in a patched function");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
