// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module whose text is used though its replacement was left: the
 * replacement ends in a jump to a function that waits until `go` is set.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static bool go;
module_param(go, bool, 0644);

static noinline int linger(struct seq_file *m)
{
	while (!READ_ONCE(go))
		msleep(20);
	seq_puts(m, "this has been live patched\n");
	/* Not always the same: else its caller would return that itself, after it. */
	return m->count ? 0 : -ENODATA;
}

/* A tail call: of this function nothing is on the sleeper's stack. */
static int fth_test_text_proc_show(struct seq_file *m, void *v)
{
	return linger(m);
}

static struct klp_func funcs[] = { {
					   .old_name = "cmdline_proc_show",
					   .new_func = fth_test_text_proc_show,
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

static int __init fth_test_text_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit fth_test_text_exit(void)
{
}

module_init(fth_test_text_init);
module_exit(fth_test_text_exit);
MODULE_DESCRIPTION("fother test: text in use after its replacement was left");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
