// SPDX-License-Identifier: GPL-2.0
/* The text that a task must leave before it may switch. */

#include <linux/ftrace.h>
#include <linux/slab.h>

#include "compat/module.h"
#include "patch.h"

/* "function" or "module:function", as the policy wrote it. */
struct extend {
	char module[FTH_NAME_MAX + 1];
	const char *function;
};

static bool split(const struct fth_span *span, struct extend *ret_extend)
{
	const char *text = (const char *)span->data;
	const char *colon = strchr(text, ':');

	ret_extend->module[0] = '\0';
	ret_extend->function = colon ? colon + 1 : text;
	if (!colon)
		return true;
	if (colon - text > FTH_NAME_MAX)
		return false;
	memcpy(ret_extend->module, text, colon - text);
	ret_extend->module[colon - text] = '\0';
	return true;
}

bool fth_patch_extends(const struct fth_patch *patch, const char *module)
{
	struct extend extend;

	for (u32 i = 0; i < patch->policy.extend_set_count; i++) {
		if (split(&patch->policy.extend_set[i], &extend) && !strcmp(extend.module, module))
			return true;
	}
	return false;
}

struct search {
	unsigned long where;
	unsigned long offset;
	bool found;
};

static int is_at(void *arg, unsigned long address)
{
	struct search *search = arg;

	search->offset = search->where - address;
	search->found = search->where >= address && search->offset < fth_symbol_size(address);
	return search->found;
}

const char *fth_patch_extend_at(const struct fth_patch *patch, unsigned long where,
				unsigned long *ret_offset)
{
	struct search search = { .where = where };

	for (u32 i = 0; i < patch->policy.extend_set_count; i++) {
		const char *name = (const char *)patch->policy.extend_set[i].data;

		fth_symbol_each(name, is_at, &search);
		if (search.found) {
			*ret_offset = search.offset;
			return name;
		}
	}
	return NULL;
}

/*
 * Adds every function of a name, or counts them without sets.  A module that
 * came between the two has more than there is @room for; what comes makes the
 * sets again.
 */
struct adding {
	struct fth_sets *sets;
	u32 count;
	u32 room;
};

static int add_found(void *arg, unsigned long address)
{
	unsigned long size = fth_symbol_size(address);
	struct adding *adding = arg;

	if (!size || !fth_symbol_ftrace_ip(address))
		return 0;
	if (!adding->sets) {
		adding->count++;
	} else if (adding->count < adding->room) {
		adding->count++;
		fth_stack_set_add(&adding->sets->old_set, address, address + size);
		fth_stack_set_add(&adding->sets->new_set, address, address + size);
	}
	return 0;
}

static int add_extend(const struct fth_patch *patch, const struct fth_span *span, bool strict,
		      struct adding *adding, struct fth_report *ret_report)
{
	u32 before = adding->count;
	struct module *module;
	struct extend extend;

	if (!split(span, &extend))
		goto unknown;
	if (!extend.module[0]) {
		fth_symbol_each(extend.function, add_found, adding);
	} else {
		module = fth_module_find(extend.module);
		/* It may come later; then the sets are made again. */
		if (!module)
			return 0;
		fth_module_symbol_each(module, extend.function, add_found, adding);
	}
	/* A function that a module has not needs no protection. */
	if (adding->count > before || (extend.module[0] && !strict))
		return 0;
unknown:
	return fth_report_set(ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
			      "patch '%s' refused: extend-set: there is no function '%s'",
			      patch->name, (const char *)span->data);
}

static int add_extends(const struct fth_patch *patch, bool strict, struct adding *adding,
		       struct fth_report *ret_report)
{
	for (u32 i = 0; i < patch->policy.extend_set_count; i++) {
		int error =
			add_extend(patch, &patch->policy.extend_set[i], strict, adding, ret_report);

		if (error)
			return error;
	}
	return 0;
}

static void add_function(struct fth_sets *sets, const struct fth_function *function,
			 const struct fth_redirect *redirect)
{
	const struct fth_redirect *before = redirect->next;
	unsigned long behind = redirect->ip + MCOUNT_INSN_SIZE;

	if (before) {
		unsigned long size = fth_symbol_size(before->new_func);

		fth_stack_set_add(&sets->old_set, before->new_func, before->new_func + (size ?: 1));
		fth_stack_set_add(&sets->old_set, behind, behind + 1);
	} else {
		fth_stack_set_add(&sets->old_set, function->old_func,
				  function->old_func + function->old_size);
	}
	fth_stack_set_add(&sets->new_set, function->new_func,
			  function->new_func + function->new_size);
	fth_stack_set_add(&sets->new_set, behind, behind + 1);
}

int fth_patch_make_sets(const struct fth_patch *patch, bool strict, struct fth_sets **ret_sets,
			struct fth_report *ret_report)
{
	struct fth_sets *sets = kzalloc(sizeof(*sets), GFP_KERNEL);
	struct adding adding = {};
	int error;

	error = add_extends(patch, strict, &adding, ret_report);
	if (error)
		goto err_sets;
	if (!sets || fth_stack_set_init(&sets->old_set, 2 * patch->total + adding.count) ||
	    fth_stack_set_init(&sets->new_set, 2 * patch->total + adding.count)) {
		error = fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				       "patch '%s': no memory for its patched set", patch->name);
		goto err_sets;
	}
	for (u32 i = 0; i < patch->total; i++) {
		if (patch->redirects[i].listed)
			add_function(sets, &patch->functions[i], &patch->redirects[i]);
	}
	adding = (struct adding){ .sets = sets, .room = adding.count };
	add_extends(patch, false, &adding, ret_report);
	fth_stack_set_seal(&sets->old_set);
	fth_stack_set_seal(&sets->new_set);
	*ret_sets = sets;
	return 0;

err_sets:
	fth_sets_free(sets);
	return error;
}

void fth_sets_free(struct fth_sets *sets)
{
	if (!sets)
		return;
	fth_stack_set_free(&sets->old_set);
	fth_stack_set_free(&sets->new_set);
	kfree(sets);
}
