// SPDX-License-Identifier: GPL-2.0
/*
 * A livepatch module for any functions of the kernel: each replacement calls
 * the body of what it replaces, so that nothing changes but who is asleep where.
 *
 * DESIGN
 * A body is entered behind the call to ftrace at its beginning, where nothing
 * redirects any more and no register was touched yet.  Up to six arguments are
 * handed on, whatever they are.
 */
#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/static_call.h>
#include <linux/string.h>

#define SLOTS 16
#define ENDBR_B 4

static char *functions[SLOTS];
static int functions_count;
module_param_array(functions, charp, &functions_count, 0444);
MODULE_PARM_DESC(functions, "functions of the kernel, with commas between");

typedef unsigned long any_function(unsigned long a, unsigned long b, unsigned long c,
				   unsigned long d, unsigned long e, unsigned long f);
typedef unsigned long lookup_function(const char *name);

DEFINE_STATIC_CALL_NULL(fth_wrap_lookup, lookup_function);

/* Not a tail call: the wrapper stays on the stack. */
#define SLOT(n)                                                                          \
	DEFINE_STATIC_CALL_NULL(fth_wrap_body_##n, any_function);                        \
	static noinline unsigned long fth_wrap_##n(unsigned long a, unsigned long b,     \
						   unsigned long c, unsigned long d,     \
						   unsigned long e, unsigned long f)     \
	{                                                                                \
		unsigned long result = static_call(fth_wrap_body_##n)(a, b, c, d, e, f); \
		barrier();                                                               \
		return result;                                                           \
	}
#define SLOTS_EACH(X) \
	X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

SLOTS_EACH(SLOT)

#define WRAPPER(n) fth_wrap_##n,
static any_function *const wrappers[SLOTS] = { SLOTS_EACH(WRAPPER) };

static void set_body(int slot, unsigned long address)
{
#define UPDATE(n)        \
	if (slot == (n)) \
		static_call_update(fth_wrap_body_##n, (any_function *)(address));
	SLOTS_EACH(UPDATE)
}

static struct klp_func funcs[SLOTS + 1];
static struct klp_object objs[] = { { .funcs = funcs /* no name: vmlinux */ }, {} };
static struct klp_patch patch = { .mod = THIS_MODULE, .objs = objs };

static int find_lookup(void)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name" };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	/* Past the ENDBR of a kernel that has one; that does for a direct call. */
	static_call_update(fth_wrap_lookup, (lookup_function *)probe.addr);
	unregister_kprobe(&probe);
	return 0;
}

static int find_body(const char *name, unsigned long *ret_address)
{
	static const u8 nop[] = { 0x0f, 0x1f, 0x44, 0x00, 0x00 };
	unsigned long address = static_call(fth_wrap_lookup)(name);

	if (!address)
		return -ENOENT;
	if (*(u8 *)address != 0xe8 && memcmp((void *)address, nop, sizeof(nop)))
		address += ENDBR_B;
	if (*(u8 *)address != 0xe8 && memcmp((void *)address, nop, sizeof(nop)))
		return -EINVAL;
	*ret_address = address + MCOUNT_INSN_SIZE;
	return 0;
}

static int __init fth_test_wrap_init(void)
{
	unsigned long address;
	int error = find_lookup();

	for (int i = 0; !error && i < functions_count; i++) {
		error = find_body(functions[i], &address);
		if (error)
			break;
		set_body(i, address);
		funcs[i].old_name = functions[i];
		funcs[i].new_func = wrappers[i];
	}
	return error ?: klp_enable_patch(&patch);
}

static void __exit fth_test_wrap_exit(void)
{
}

module_init(fth_test_wrap_init);
module_exit(fth_test_wrap_exit);
MODULE_DESCRIPTION("fother test: replacements that do what the functions did");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");
