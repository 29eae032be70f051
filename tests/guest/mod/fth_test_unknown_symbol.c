// SPDX-License-Identifier: GPL-2.0
/* A livepatch module for a function that no kernel has. */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int fth_test_unknown_symbol_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "never shown\n");
	return 0;
}

static struct klp_func funcs[] = { {
					   .old_name = "fth_no_such_function",
					   .new_func = fth_test_unknown_symbol_proc_show,
				   },
				   {} };

static struct klp_object objs[] = { {
					    .funcs = funcs, /* no name: vmlinux */
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init fth_test_unknown_symbol_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_unknown_symbol_exit(void)
{
}

module_init(fth_test_unknown_symbol_init);
module_exit(fth_test_unknown_symbol_exit);
MODULE_DESCRIPTION("fother test: a function that no kernel has");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
