// SPDX-License-Identifier: GPL-2.0
/*
 * An ordinary livepatch module: /proc/cmdline shows another text.
 *
 * It knows nothing of fother; insmod on a guest without it hands the patch to
 * the in-tree core.  The replaced function is harmless and its effect can be
 * seen from a shell.
 */
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int fother_demo_cmdline_proc_show(struct seq_file *m, void *v)
{
	seq_puts(m, "this has been live patched\n");
	return 0;
}

static struct klp_func funcs[] = { {
					   .old_name = "cmdline_proc_show",
					   .new_func = fother_demo_cmdline_proc_show,
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

static int __init fother_demo_cmdline_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fother_demo_cmdline_exit(void)
{
}

module_init(fother_demo_cmdline_init);
module_exit(fother_demo_cmdline_exit);
MODULE_DESCRIPTION("fother demo: /proc/cmdline");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
