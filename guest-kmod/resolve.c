// SPDX-License-Identifier: GPL-2.0
/* From a function's name to its addresses. */
#include "resolve.h"

#include <linux/kallsyms.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/string.h>

#include "compat/kernel.h"
#include "compat/module.h"

/*
 * What a CPU's stopper runs while the CPUs are stopped.  Its stack can't be
 * read then, so these functions can't be switched consistently.
 */
static const char *const stopper_functions[] = {
	"multi_cpu_stop", "cpu_stopper_thread", "smpboot_thread_fn",
	"kthread",	  "stop_machine_yield", "touch_nmi_watchdog",
	"ret_from_fork",  "rcu_momentary_eqs",	"rcu_momentary_dyntick_idle",
};

struct search {
	unsigned long position;
	unsigned long count;
	unsigned long address;
};

static int found(void *arg, unsigned long address)
{
	struct search *search = arg;

	search->count++;
	search->address = address;
	return search->position ? search->count == search->position : search->count > 1;
}

static int find(const char *patch, const struct module *module, const struct fth_function *function,
		unsigned long *ret_address, struct fth_report *ret_report)
{
	struct search search = { .position = function->sympos };
	const char *where = module ? module->name : "this kernel";

	if (module)
		fth_module_symbol_each(module, function->name, found, &search);
	else
		fth_symbol_each(function->name, found, &search);
	if (!search.count)
		return fth_report_set(ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
				      "patch '%s' refused: %s has no function '%s'", patch, where,
				      function->name);
	if (!search.position && search.count > 1)
		return fth_report_set(
			ret_report, FTH_E_SYMBOL_AMBIGUOUS, -EINVAL,
			"patch '%s' refused: '%s' is the name of several functions; the patch must set old_sympos",
			patch, function->name);
	if (search.position && search.count != search.position)
		return fth_report_set(
			ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
			"patch '%s' refused: old_sympos of '%s' is %lu, but there are only %lu of that name",
			patch, function->name, search.position, search.count);
	*ret_address = search.address;
	return 0;
}

static bool is_stopper_function(const char *name)
{
	for (u32 i = 0; i < ARRAY_SIZE(stopper_functions); i++) {
		if (!strcmp(name, stopper_functions[i]))
			return true;
	}
	return false;
}

int fth_resolve_check(const char *patch, const struct klp_func *klp, struct fth_report *ret_report)
{
	/* The list ends where both name and function are missing, so one may be. */
	size_t length = klp->old_name ? strnlen(klp->old_name, KSYM_NAME_LEN) : 0;

	if (!length || length == KSYM_NAME_LEN)
		return fth_report_set(
			ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
			"patch '%s' refused: a name of %zu characters, expected 1 to %d", patch,
			length, KSYM_NAME_LEN - 1);
	if (!klp->new_func)
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "patch '%s' refused: '%s' has no new_func", patch,
				      klp->old_name);
	if (is_stopper_function(klp->old_name))
		return fth_report_set(
			ret_report, FTH_E_UNSUPPORTED, -EINVAL,
			"patch '%s' refused: '%s' runs while all CPUs are stopped and can't be patched",
			patch, klp->old_name);
	return 0;
}

/* Its site is gone from ftrace when the module has started, but not from a filter. */
static bool is_init_text(const struct module *module, unsigned long address)
{
	struct fth_text texts[FTH_MODULE_TEXTS_MAX];

	return fth_module_texts(module, texts) > 1 && address >= texts[1].start &&
	       address < texts[1].end;
}

int fth_resolve_function(const char *patch, const struct module *module,
			 struct fth_function *function, unsigned long *ret_ip,
			 struct fth_report *ret_report)
{
	unsigned long old_func, old_size, new_func, new_size, ip;
	int error;

	error = find(patch, module, function, &old_func, ret_report);
	if (error)
		return error;
	if (module && is_init_text(module, old_func))
		return fth_report_set(
			ret_report, FTH_E_UNSUPPORTED, -EINVAL,
			"patch '%s' refused: '%s' is init text of module '%s', which is freed when that has started",
			patch, function->name, module->name);
	ip = fth_symbol_ftrace_ip(old_func);
	if (!ip)
		return fth_report_set(
			ret_report, FTH_E_NOT_TRACEABLE, -EINVAL,
			"patch '%s' refused: '%s' has no ftrace entry (notrace or not a function)",
			patch, function->name);
	new_func = function->klp ? (unsigned long)function->klp->new_func : old_func;
	old_size = fth_symbol_size(old_func);
	new_size = fth_symbol_size(new_func);
	if (!old_size || !new_size)
		return fth_report_set(
			ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
			"patch '%s' refused: the size of '%s' or of its replacement is unknown",
			patch, function->name);
	function->old_func = old_func;
	function->old_size = old_size;
	if (!module)
		function->cold = fth_kernel_cold(function->name);
	function->new_func = new_func;
	function->new_size = new_size;
	*ret_ip = ip;
	return 0;
}
