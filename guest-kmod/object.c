// SPDX-License-Identifier: GPL-2.0
/* One object of a patch: its functions, relocations and callbacks. */
#include "object.h"

#include <linux/livepatch.h>
#include <linux/module.h>

#include "compat/module.h"
#include "resolve.h"

static bool is_of(const struct fth_patch *patch, u32 i, const struct fth_object *object)
{
	return patch->functions[i].object == object - patch->objects;
}

static int refuse_twice(const struct fth_patch *patch, u32 i, unsigned long ip,
			struct fth_report *ret_report)
{
	for (u32 j = 0; j < patch->total; j++) {
		if (j != i && patch->redirects[j].ip == ip)
			return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
					      "patch '%s' refused: it replaces '%s' twice",
					      patch->name, patch->functions[i].name);
	}
	return 0;
}

static int resolve(struct fth_patch *patch, u32 i, struct module *module,
		   struct fth_report *ret_report)
{
	struct fth_function *function = &patch->functions[i];
	struct klp_func *klp = function->klp;
	unsigned long ip;
	int error;

	error = fth_resolve_function(patch->name, module, function, &ip, ret_report);
	if (error)
		return error;
	error = refuse_twice(patch, i, ip, ret_report);
	if (error)
		return error;
	patch->redirects[i].ip = ip;
	if (klp) {
		klp->old_func = (void *)function->old_func;
		klp->old_size = function->old_size;
		klp->new_size = function->new_size;
	}
	return 0;
}

static void unresolve(struct fth_patch *patch, struct fth_object *object)
{
	for (u32 i = 0; i < patch->total; i++) {
		if (!is_of(patch, i, object))
			continue;
		patch->redirects[i].ip = 0;
		patch->functions[i].old_func = 0;
		patch->functions[i].old_size = 0;
		patch->functions[i].cold = (struct fth_text){};
		if (patch->functions[i].klp)
			patch->functions[i].klp->old_func = NULL;
	}
}

int fth_object_load(struct fth_patch *patch, struct fth_object *object, struct module *module,
		    struct fth_report *ret_report)
{
	int error = 0;

	object->module = module;
	if (module)
		object->cold = fth_module_cold(module);
	if (object->klp)
		object->klp->mod = module;
	/* A nop needs no relocation, nor does what the loader has relocated. */
	if (module && object->klp)
		error = fth_klp_apply_relocs(patch->module, object->name);
	if (error)
		fth_report_set(ret_report, FTH_E_LOAD_FAILED, error,
			       "patch '%s' refused: its relocations for module '%s' failed with %d",
			       patch->name, object->name, error);
	for (u32 i = 0; i < patch->total && !error; i++) {
		if (is_of(patch, i, object))
			error = resolve(patch, i, module, ret_report);
	}
	if (error) {
		fth_object_unload(patch, object);
		return error;
	}
	object->loaded = true;
	return 0;
}

void fth_object_unload(struct fth_patch *patch, struct fth_object *object)
{
	unresolve(patch, object);
	if (object->module && object->klp)
		fth_klp_clear_relocs(patch->module, object->name);
	if (object->klp)
		object->klp->mod = NULL;
	object->module = NULL;
	object->cold = (struct fth_text){};
	object->loaded = false;
	object->patched = false;
}

void fth_object_want(struct fth_patch *patch, struct fth_object *object, bool wanted)
{
	for (u32 i = 0; i < patch->total; i++) {
		if (is_of(patch, i, object))
			patch->redirects[i].wanted = wanted && patch->redirects[i].ip;
	}
	object->patched = wanted;
}

int fth_object_call(struct fth_object *object, enum fth_callback callback)
{
	struct klp_object *klp = object->klp;
	struct klp_callbacks *calls = klp ? &klp->callbacks : NULL;
	int error = 0;

	if (!calls || !object->loaded)
		return 0;
	switch (callback) {
	case FTH_CALL_PRE_PATCH:
		if (calls->pre_patch)
			error = calls->pre_patch(klp);
		/* Neither a module's init nor a notifier can say no with a positive number. */
		if (error > 0)
			error = -EINVAL;
		calls->post_unpatch_enabled = !error;
		return error;
	case FTH_CALL_POST_PATCH:
		if (calls->post_patch)
			calls->post_patch(klp);
		break;
	case FTH_CALL_PRE_UNPATCH:
		if (calls->pre_unpatch)
			calls->pre_unpatch(klp);
		break;
	case FTH_CALL_POST_UNPATCH:
		if (calls->post_unpatch_enabled && calls->post_unpatch)
			calls->post_unpatch(klp);
		calls->post_unpatch_enabled = false;
		break;
	}
	return 0;
}

void fth_objects_call(struct fth_patch *patch, enum fth_callback callback)
{
	struct fth_object *object;

	fth_patch_for_each_object(patch, object)
		fth_object_call(object, callback);
}
