// SPDX-License-Identifier: GPL-2.0
/* A livepatch module with one thing wrong, chosen by a parameter. */
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>

static char *kind = "";
module_param(kind, charp, 0444);
MODULE_PARM_DESC(
	kind,
	"unknown, ambiguous, sympos, data, notrace, stopper, twice, none, nameless, module or replace");

static int fth_test_bad_show(struct seq_file *m, void *v)
{
	seq_puts(m, "never shown\n");
	return 0;
}

static struct klp_func funcs[] = { {
					   .old_name = "version_proc_show",
					   .new_func = fth_test_bad_show,
				   },
				   {},
				   {} };

static struct klp_object objs[] = { {
					    .funcs = funcs, /* no name: vmlinux */
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static const struct {
	const char *kind;
	const char *old_name;
	unsigned long sympos;
} names[] = {
	{ "unknown", "fth_no_such_function", 0 }, { "ambiguous", "name_show", 0 },
	{ "sympos", "version_proc_show", 7 },	  { "data", "init_task", 0 },
	{ "notrace", "exc_divide_error", 0 },	  { "stopper", "multi_cpu_stop", 0 },
};

static int __init fth_test_bad_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(kind, names[i].kind))
			continue;
		funcs[0].old_name = names[i].old_name;
		funcs[0].old_sympos = names[i].sympos;
	}
	if (!strcmp(kind, "twice"))
		funcs[1] = funcs[0];
	if (!strcmp(kind, "none"))
		funcs[0].new_func = NULL;
	if (!strcmp(kind, "nameless"))
		funcs[0].old_name = NULL;
	if (!strcmp(kind, "module"))
		objs[0].name = "fother"; /* a module that is there on every kernel */
	patch.replace = !strcmp(kind, "replace");
	return klp_enable_patch(&patch);
}

static void __exit fth_test_bad_exit(void)
{
}

module_init(fth_test_bad_init);
module_exit(fth_test_bad_exit);
MODULE_DESCRIPTION("fother test: a patch that must be refused");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
