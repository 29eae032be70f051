// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module for any one function: the replacement runs the original's
 * body, so nothing changes but who is on the stack.
 *
 * parameter: func=NAME, a function of the kernel with at most six arguments,
 * all in registers.
 */
#include <linux/ftrace.h>
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/module.h>

typedef long (*bench_body_t)(long a, long b, long c, long d, long e, long f);

static char *func = "";
module_param(func, charp, 0444);
MODULE_PARM_DESC(func, "the function to replace");

static bench_body_t body;

noinline __attribute__((noipa)) static long bench_wrap_call(long a, long b, long c, long d, long e,
							    long f)
{
	long result = body(a, b, c, d, e, f);

	/* Not a tail call: this function stays on the stack. */
	barrier();
	return result;
}

static struct klp_func funcs[] = { { .new_func = bench_wrap_call }, {} };

static struct klp_object objs[] = { {
					    .funcs = funcs, /* no name: vmlinux */
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

/* A probe at a traced function's entry stands on its call of ftrace: the body follows. */
static int find_body(void)
{
	struct kprobe probe = { .symbol_name = func };
	int error = register_kprobe(&probe);

	if (error) {
		pr_err("can't find the function '%s': %d\n", func, error);
		return error;
	}
	body = (bench_body_t)((unsigned long)probe.addr + MCOUNT_INSN_SIZE);
	unregister_kprobe(&probe);
	return 0;
}

static int __init bench_wrap_init(void)
{
	int error = find_body();

	if (error)
		return error;
	funcs[0].old_name = func;
	return klp_enable_patch(&patch);
}

static void __exit bench_wrap_exit(void)
{
}

module_init(bench_wrap_init);
module_exit(bench_wrap_exit);
MODULE_DESCRIPTION("fother bench: a patch of one function that changes nothing");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
