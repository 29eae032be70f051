// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module that no policy names: it owns cmdline_proc_show() for the
 * in-tree core before fother wants it.
 */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int fth_test_cmdline_owner_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "the in-tree core owns this\n");
	return 0;
}

static struct klp_func funcs[] = { {
					   .old_name = "cmdline_proc_show",
					   .new_func = fth_test_cmdline_owner_proc_show,
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

static int __init fth_test_cmdline_owner_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_cmdline_owner_exit(void)
{
}

module_init(fth_test_cmdline_owner_init);
module_exit(fth_test_cmdline_owner_exit);
MODULE_DESCRIPTION("fother test: owner of a function");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
