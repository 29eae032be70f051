// SPDX-License-Identifier: GPL-2.0
/* What a patch's author wrote, and the nops that a replacement needs. */
#include "patch.h"

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/slab.h>

#include "policy.h"
#include "resolve.h"

struct count {
	u32 objects;
	u32 functions;
	size_t name_bytes;
};

static struct count count_author(const struct klp_patch *klp)
{
	struct count count = {};
	struct klp_object *object;
	struct klp_func *func;

	klp_for_each_object_static(klp, object) {
		count.objects += count.objects <= FTH_OBJECTS_MAX;
		klp_for_each_func_static(object, func)
			count.functions += count.functions <= FTH_FUNCTIONS_MAX;
	}
	return count;
}

static void count_names(const struct fth_patch *patch, struct count *count)
{
	struct fth_object *object;

	fth_patch_for_each_object(patch, object)
		count->name_bytes += object->name ? strlen(object->name) + 1 : 0;
	for (u32 i = 0; i < patch->count; i++)
		count->name_bytes += strlen(patch->functions[i].name) + 1;
}

/* At most: a function of several older patches is counted for each. */
static struct count count_older(const struct list_head *older)
{
	struct count count = {};
	struct fth_patch *patch;

	if (!older)
		return count;
	list_for_each_entry(patch, older, list) {
		if (patch->out)
			continue;
		count.objects += patch->object_count;
		count.functions += patch->count;
		count_names(patch, &count);
	}
	return count;
}

static bool is_name(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

struct fth_object *fth_patch_find_object(const struct fth_patch *patch, const char *name)
{
	struct fth_object *object;

	fth_patch_for_each_object(patch, object) {
		if (is_name(object->name, name))
			return object;
	}
	return NULL;
}

static int refuse_object(struct klp_object *klp, const struct fth_patch *patch,
			 struct fth_report *ret_report)
{
	if (klp->name && strnlen(klp->name, FTH_NAME_MAX + 1) > FTH_NAME_MAX)
		return fth_report_set(
			ret_report, FTH_E_MALFORMED, -EINVAL,
			"patch '%s' refused: an object's name of more than %d characters",
			patch->name, FTH_NAME_MAX);
	if (fth_patch_find_object(patch, klp->name))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "patch '%s' refused: it names object '%s' twice", patch->name,
				      klp->name ?: "vmlinux");
	return 0;
}

static int add_counter(struct fth_patch *patch, u32 i, struct fth_report *ret_report)
{
	patch->redirects[i].hits = alloc_percpu(u64);
	if (patch->redirects[i].hits)
		return 0;
	return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
			      "patch '%s' refused: no memory for its counters", patch->name);
}

static void add_entry(struct fth_patch *patch, u32 object, const char *name, unsigned long sympos)
{
	u32 i = patch->total++;

	patch->functions[i].name = name;
	patch->functions[i].sympos = sympos;
	patch->functions[i].object = object;
	patch->redirects[i].lever = &patch->lever;
	patch->redirects[i].owner = patch->name;
}

static bool has_function(const struct fth_patch *patch, u32 object, const char *name,
			 unsigned long sympos)
{
	for (u32 i = 0; i < patch->total; i++) {
		const struct fth_function *function = &patch->functions[i];

		if (function->object == object && !strcmp(function->name, name) &&
		    (function->sympos ?: 1) == (sympos ?: 1))
			return true;
	}
	return false;
}

static int add_function(struct fth_patch *patch, struct klp_func *klp,
			struct fth_report *ret_report)
{
	u32 i = patch->total;
	int error;

	error = fth_resolve_check(patch->name, klp, ret_report);
	if (error)
		return error;
	if (has_function(patch, patch->object_count - 1, klp->old_name, klp->old_sympos))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "patch '%s' refused: it replaces '%s' twice", patch->name,
				      klp->old_name);
	add_entry(patch, patch->object_count - 1, klp->old_name, klp->old_sympos);
	patch->functions[i].klp = klp;
	patch->functions[i].new_func = (unsigned long)klp->new_func;
	patch->redirects[i].new_func = (unsigned long)klp->new_func;
	return add_counter(patch, i, ret_report);
}

static int add_author(struct fth_patch *patch, struct fth_report *ret_report)
{
	struct klp_object *object;
	struct klp_func *func;
	int error;

	klp_for_each_object_static(patch->klp, object) {
		error = refuse_object(object, patch, ret_report);
		if (error)
			return error;
		patch->objects[patch->object_count++] =
			(struct fth_object){ .klp = object, .name = object->name };
		klp_for_each_func_static(object, func) {
			error = add_function(patch, func, ret_report);
			if (error)
				return error;
		}
	}
	patch->count = patch->total;
	return 0;
}

/* A copy at @at, which is moved on; the room was counted. */
static const char *keep_name(const char *name, char **at)
{
	char *copy = *at;

	if (!name)
		return NULL;
	*at += strlen(name) + 1;
	return strcpy(copy, name);
}

/* Source: the in-tree klp_add_nops(). */
static void add_nop(struct fth_patch *patch, const char *object_name,
		    const struct fth_function *function, char **at)
{
	struct fth_object *object = fth_patch_find_object(patch, object_name);

	if (!object) {
		object = &patch->objects[patch->object_count++];
		object->name = keep_name(object_name, at);
	}
	if (has_function(patch, object - patch->objects, function->name, function->sympos))
		return;
	/* Its redirect has no new function, and no counter. */
	add_entry(patch, object - patch->objects, keep_name(function->name, at), function->sympos);
}

static void add_nops(struct fth_patch *patch, const struct list_head *older)
{
	char *at = patch->nop_names;
	struct fth_patch *old;

	if (!older)
		return;
	list_for_each_entry(old, older, list) {
		for (u32 i = 0; i < old->count && !old->out; i++)
			add_nop(patch, old->objects[old->functions[i].object].name,
				&old->functions[i], &at);
	}
}

static int fill(struct fth_patch *patch, const struct list_head *older,
		struct fth_report *ret_report)
{
	struct count author = count_author(patch->klp);
	struct count nops = count_older(older);
	int error;

	if (author.functions > FTH_FUNCTIONS_MAX || author.objects > FTH_OBJECTS_MAX)
		return fth_report_set(ret_report, FTH_E_TOO_LARGE, -EINVAL,
				      "patch '%s' refused: more than %u functions or %u objects",
				      patch->name, FTH_FUNCTIONS_MAX, FTH_OBJECTS_MAX);
	patch->objects =
		kvcalloc(author.objects + nops.objects + 1, sizeof(*patch->objects), GFP_KERNEL);
	patch->functions = kvcalloc(author.functions + nops.functions + 1,
				    sizeof(*patch->functions), GFP_KERNEL);
	patch->redirects = kvcalloc(author.functions + nops.functions + 1,
				    sizeof(*patch->redirects), GFP_KERNEL);
	patch->nop_names = kvmalloc(nops.name_bytes + 1, GFP_KERNEL);
	if (!patch->objects || !patch->functions || !patch->redirects || !patch->nop_names)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "patch '%s' refused: out of memory", patch->name);
	error = add_author(patch, ret_report);
	if (!error)
		add_nops(patch, older);
	return error;
}

int fth_patch_create(struct klp_patch *klp, struct fth_owned_policy *policy,
		     const struct list_head *older, struct fth_patch **ret_patch,
		     struct fth_report *ret_report)
{
	struct fth_patch *patch = kzalloc(sizeof(*patch), GFP_KERNEL);
	int error;

	if (!patch)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "patch '%s' refused: out of memory", klp->mod->name);
	INIT_LIST_HEAD(&patch->list);
	patch->klp = klp;
	patch->module = klp->mod;
	patch->cold = fth_module_cold(klp->mod);
	strscpy(patch->name, klp->mod->name, sizeof(patch->name));
	error = fill(patch, older, ret_report);
	if (error) {
		fth_patch_free(patch);
		return error;
	}
	patch->owned = policy;
	patch->policy = policy->policy;
	*ret_patch = patch;
	return 0;
}

void fth_patch_free(struct fth_patch *patch)
{
	if (!patch)
		return;
	for (u32 i = 0; patch->redirects && i < patch->total; i++)
		free_percpu(patch->redirects[i].hits);
	fth_sets_free(patch->sets);
	kvfree(patch->nop_names);
	kvfree(patch->redirects);
	kvfree(patch->functions);
	kvfree(patch->objects);
	kfree(patch->owned);
	kfree(patch);
}

void fth_patch_drop_nops(struct fth_patch *patch)
{
	patch->total = patch->count;
	/* The author's objects are the first ones. */
	while (patch->object_count && !patch->objects[patch->object_count - 1].klp)
		patch->object_count--;
}

void fth_patch_want(struct fth_patch *patch, bool wanted)
{
	struct fth_object *object;

	for (u32 i = 0; i < patch->total; i++)
		patch->redirects[i].wanted = wanted && patch->redirects[i].ip;
	fth_patch_for_each_object(patch, object)
		object->patched = wanted && object->loaded;
}

void fth_patch_publish(struct fth_patch *patch, bool transition)
{
	struct fth_object *object;
	struct klp_func *func;

	fth_patch_for_each_object(patch, object) {
		if (!object->klp)
			continue;
		object->klp->patched = object->patched;
		klp_for_each_func_static(object->klp, func) {
			func->patched = object->patched;
			func->transition = transition;
		}
	}
}
