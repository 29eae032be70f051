// SPDX-License-Identifier: GPL-2.0
/* What a patch's author wrote, resolved and checked. */
#include "patch.h"

#include <linux/ftrace.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "resolve.h"

static int refuse_feature(const char *patch, const char *what, const char *feature,
			  struct fth_report *ret_report)
{
	return fth_report_set(ret_report, FTH_E_UNSUPPORTED, -EOPNOTSUPP,
			      "patch '%s' refused: not supported by this guest: %s%s", patch,
			      feature, what);
}

static int check_features(struct klp_patch *klp, struct fth_report *ret_report)
{
	const char *name = klp->mod->name;
	struct klp_object *object;

	if (klp->states)
		return refuse_feature(name, "", "states", ret_report);
	klp_for_each_object_static(klp, object) {
		const struct klp_callbacks *calls = &object->callbacks;

		if (object->name)
			return refuse_feature(name, object->name, "functions of module ",
					      ret_report);
		if (calls->pre_patch || calls->post_patch || calls->pre_unpatch ||
		    calls->post_unpatch)
			return refuse_feature(name, "", "callbacks", ret_report);
	}
	return 0;
}

static u32 count_functions(struct klp_patch *klp)
{
	struct klp_object *object;
	struct klp_func *func;
	u32 count = 0;

	klp_for_each_object_static(klp, object) {
		klp_for_each_func_static(object, func) {
			if (count <= FTH_FUNCTIONS_MAX)
				count++;
		}
	}
	return count;
}

static int add_function(struct fth_patch *patch, u32 i, struct klp_func *klp,
			struct fth_report *ret_report)
{
	struct fth_function *function = &patch->functions[i];
	struct fth_redirect *redirect = &patch->redirects[i];
	unsigned long ip;
	int error;

	function->klp = klp;
	error = fth_resolve_function(patch->name, function, &ip, ret_report);
	if (error)
		return error;
	for (u32 j = 0; j < i; j++) {
		if (patch->redirects[j].ip == ip)
			return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
					      "patch '%s' refused: it replaces '%s' twice",
					      patch->name, function->name);
	}
	redirect->ip = ip;
	redirect->new_func = function->new_func;
	redirect->lever = &patch->lever;
	redirect->owner = patch->name;
	redirect->hits = alloc_percpu(u64);
	if (!redirect->hits)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "patch '%s' refused: no memory for its counters",
				      patch->name);
	klp->old_func = (void *)function->old_func;
	klp->old_size = function->old_size;
	klp->new_size = function->new_size;
	return 0;
}

static int add_functions(struct fth_patch *patch, struct fth_report *ret_report)
{
	struct klp_object *object;
	struct klp_func *func;
	u32 i = 0;
	int error;

	klp_for_each_object_static(patch->klp, object) {
		klp_for_each_func_static(object, func) {
			error = add_function(patch, i++, func, ret_report);
			if (error)
				return error;
		}
	}
	return 0;
}

/*
 * Who may not be NEW yet: a task inside the old function.  Who may not be OLD
 * yet: one inside the replacement, or one on its way there: preempted in
 * ftrace's trampoline, which returns behind the call in the old function
 * until it was told to go elsewhere.
 */
static int make_sets(struct fth_patch *patch)
{
	int error;

	error = fth_stack_set_init(&patch->old_set, patch->count);
	if (error)
		return error;
	error = fth_stack_set_init(&patch->new_set, 2 * patch->count);
	if (error)
		return error;
	for (u32 i = 0; i < patch->count; i++) {
		const struct fth_function *function = &patch->functions[i];
		unsigned long behind = patch->redirects[i].ip + MCOUNT_INSN_SIZE;

		fth_stack_set_add(&patch->old_set, function->old_func,
				  function->old_func + function->old_size);
		fth_stack_set_add(&patch->new_set, function->new_func,
				  function->new_func + function->new_size);
		fth_stack_set_add(&patch->new_set, behind, behind + 1);
	}
	fth_stack_set_seal(&patch->old_set);
	fth_stack_set_seal(&patch->new_set);
	return 0;
}

int fth_patch_create(struct klp_patch *klp, struct fth_patch **ret_patch,
		     struct fth_report *ret_report)
{
	struct fth_patch *patch;
	int error;

	error = check_features(klp, ret_report);
	if (error)
		return error;
	patch = kzalloc(sizeof(*patch), GFP_KERNEL);
	if (!patch)
		goto no_memory;
	INIT_LIST_HEAD(&patch->list);
	patch->klp = klp;
	patch->module = klp->mod;
	strscpy(patch->name, klp->mod->name, sizeof(patch->name));
	patch->count = count_functions(klp);
	if (patch->count > FTH_FUNCTIONS_MAX) {
		fth_patch_free(patch);
		return fth_report_set(ret_report, FTH_E_TOO_LARGE, -EINVAL,
				      "patch '%s' refused: more than %u functions", klp->mod->name,
				      FTH_FUNCTIONS_MAX);
	}
	patch->functions = kvcalloc(patch->count + 1, sizeof(*patch->functions), GFP_KERNEL);
	patch->redirects = kvcalloc(patch->count + 1, sizeof(*patch->redirects), GFP_KERNEL);
	if (!patch->functions || !patch->redirects)
		goto no_memory;
	error = add_functions(patch, ret_report);
	if (error) {
		fth_patch_free(patch);
		return error;
	}
	if (make_sets(patch))
		goto no_memory;
	*ret_patch = patch;
	return 0;

no_memory:
	fth_patch_free(patch);
	return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
			      "patch '%s' refused: out of memory", klp->mod->name);
}

void fth_patch_free(struct fth_patch *patch)
{
	if (!patch)
		return;
	for (u32 i = 0; patch->redirects && i < patch->count; i++)
		free_percpu(patch->redirects[i].hits);
	fth_stack_set_free(&patch->old_set);
	fth_stack_set_free(&patch->new_set);
	kvfree(patch->redirects);
	kvfree(patch->functions);
	kfree(patch);
}

void fth_patch_publish(struct fth_patch *patch, bool patched, bool transition)
{
	struct klp_object *object;
	struct klp_func *func;

	klp_for_each_object_static(patch->klp, object) {
		object->patched = patched;
		klp_for_each_func_static(object, func) {
			func->patched = patched;
			func->transition = transition;
		}
	}
}
