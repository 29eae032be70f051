// SPDX-License-Identifier: GPL-2.0
/* A livepatch module for the function of fth_test_cold, with such a part of its own. */
#include <linux/livepatch.h>
#include <linux/module.h>

#include "fth_test_cold.h"

int fth_cold_work_patched(int unlikely_how);
FTH_COLD_FUNCTION(fth_cold_work_patched)

static struct klp_func funcs[] = { {
					   .old_name = "fth_cold_work",
					   .new_func = fth_cold_work_patched,
				   },
				   {} };

static struct klp_object objs[] = { {
					    .name = "fth_test_cold",
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_cold_p_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_cold_p_exit(void)
{
}

module_init(fth_test_cold_p_init);
module_exit(fth_test_cold_p_exit);
MODULE_DESCRIPTION("fother test: replaces a function with an unlikely part");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
