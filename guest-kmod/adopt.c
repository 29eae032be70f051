// SPDX-License-Identifier: GPL-2.0
/* Lets a livepatch module in: what runs instead of klp_enable_patch(). */

#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "clock.h"
#include "compat/kernel.h"
#include "compat/module.h"
#include "engine_priv.h"
#include "object.h"
#include "revert.h"
#include "states.h"
#include "sysfs.h"

/*
 * Does the host bring this?  The loader may be a script whose child this is,
 * so the name that was announced counts too.  Asked once for each patch, since
 * the load may end meanwhile.
 */
static bool is_expected(const char *name)
{
	pid_t loader = READ_ONCE(fth_engine.expect.loader);

	return loader && (loader == current->tgid || !strcmp(fth_engine.expect.name, name));
}

bool fth_adopt_wanted(const char *name)
{
	if (!READ_ONCE(fth_engine.armed))
		return false;
	return is_expected(name) || fth_policies_names(&fth_engine.policies, name);
}

static struct fth_span span_of(const char *text)
{
	return (struct fth_span){ .data = (const u8 *)text, .length = strlen(text) };
}

/* Source: the head of the in-tree klp_enable_patch(). */
static int check_arguments(struct klp_patch *klp, struct fth_report *ret_report)
{
	struct klp_object *object;

	/* One that the wire can't carry would take the whole list with it. */
	if (!fth_name_is_good(span_of(klp->mod->name)))
		return fth_report_set(
			ret_report, FTH_E_MALFORMED, -EINVAL,
			"patch '%s' refused: its name, expected letters, digits, '_', '-', '.', the first not '-' or '.'; rename the module",
			klp->mod->name);
	if (!strcmp(klp->mod->name, FTH_BLOCK_ALL))
		return fth_report_set(
			ret_report, FTH_E_MALFORMED, -EINVAL,
			"patch '%s' refused: its name stands for every patch where patches are blocked and allowed; rename the module",
			klp->mod->name);
	if (!klp->objs)
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "patch '%s' refused: it has no objects", klp->mod->name);
	klp_for_each_object_static(klp, object) {
		if (!object->funcs)
			return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
					      "patch '%s' refused: an object has no functions",
					      klp->mod->name);
	}
	if (!is_livepatch_module(klp->mod))
		return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
				      "patch '%s' refused: the module is not marked livepatch=Y",
				      klp->mod->name);
	return 0;
}

/* Lock held.  The host's @load is still under way. */
static bool is_load(u64 load)
{
	return load && fth_engine.expect.active && fth_engine.expect.serial == load;
}

/* Lock held. */
static int check_load(const char *name, u64 load, struct fth_report *ret_report)
{
	if (!load || is_load(load))
		return 0;
	return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
			      "patch '%s' refused: its loader ended before", name);
}

static int find_policy(struct klp_patch *klp, u64 load, struct fth_guest_policy *ret_policy,
		       struct fth_report *ret_report)
{
	const struct fth_expect *expect = &fth_engine.expect;
	const char *name = klp->mod->name;
	int error = check_load(name, load, ret_report);

	if (error)
		return error;
	if (load) {
		if (strcmp(expect->name, name))
			return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
					      "patch '%s' refused: the host announced '%s'", name,
					      expect->name);
		*ret_policy = expect->policy->policy;
		return 0;
	}
	if (!fth_policies_find(&fth_engine.policies, name, ret_policy))
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
				      "patch '%s' refused: its policy was taken away", name);
	return 0;
}

/* Lock held. */
static int check_room(struct klp_patch *klp, u64 load, struct fth_report *ret_report)
{
	const char *name = klp->mod->name;

	if (fth_engine_busy())
		return fth_report_set(ret_report, FTH_E_BUSY, -EBUSY,
				      "patch '%s' refused: the transition of '%s' runs; try again",
				      name, fth_engine_busy()->name);
	if (fth_revert_next())
		return fth_report_set(
			ret_report, FTH_E_BUSY, -EBUSY,
			"patch '%s' refused: '%s' is to be reverted in emergency first; try again",
			name, fth_revert_next()->name);
	if (fth_engine.patch_count == FTH_PATCHES_MAX)
		return fth_report_set(ret_report, FTH_E_TOO_LARGE, -ENOSPC,
				      "patch '%s' refused: there are %u patches already", name,
				      FTH_PATCHES_MAX);
	if (fth_engine_find(name))
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EEXIST,
				      "patch '%s' refused: it is adopted already", name);
	/* What is loaded by hand has no hash that is known. */
	return fth_blocks_check("patch", name, load ? fth_engine.expect.sha256 : NULL, ret_report);
}

/* Without the lock: the in-tree core may hold its mutex for long. */
static int check_in_tree(struct klp_patch *klp, struct fth_report *ret_report)
{
	if (!klp->replace || !fth_klp_is_used())
		return 0;
	return fth_report_set(
		ret_report, FTH_E_UNSUPPORTED, -EOPNOTSUPP,
		"patch '%s' refused: replace, with patches of the in-tree core in force; disable those first",
		klp->mod->name);
}

static int refuse_owned(const struct fth_patch *patch, const struct fth_redirect *refused,
			struct fth_report *ret_report)
{
	const struct fth_function *function = &patch->functions[refused - patch->redirects];
	char owner[FTH_NAME_MAX + 1];

	if (fth_klp_owner(function->old_func, owner))
		return fth_report_set(
			ret_report, FTH_E_OWNED, -EBUSY,
			"patch '%s' refused: '%s' is patched by livepatch module '%s' through the in-tree core; disable that first",
			patch->name, function->name, owner);
	return fth_report_set(
		ret_report, FTH_E_OWNED, -EBUSY,
		"patch '%s' refused: '%s' is taken by another ftrace user (%s); detach that first",
		patch->name, function->name,
		fth_ftrace_is_direct(refused->ip) ? "a BPF trampoline"
						  : "e.g. a kprobe with a post handler");
}

int fth_adopt_redirect(struct fth_patch *patch, struct fth_report *ret_report)
{
	const struct fth_redirect *refused;
	int error;

	error = fth_redirector_add(&fth_engine.redirector, patch->redirects, patch->total,
				   &refused);
	if (error == -EBUSY)
		return refuse_owned(patch, refused, ret_report);
	if (error == -ENOMEM)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, error,
				      "patch '%s' refused: no memory to redirect its functions",
				      patch->name);
	if (error == -ENOSPC)
		return fth_report_set(ret_report, FTH_E_TOO_LARGE, error,
				      "patch '%s' refused: more than %u functions in all",
				      patch->name, FTH_REDIRECTS_MAX);
	if (error)
		return fth_report_set(ret_report, FTH_E_INTERNAL, error,
				      "patch '%s' refused: ftrace failed with %d", patch->name,
				      error);
	return 0;
}

/* What is known of a patch before it is made; @policy is owned. */
struct origin {
	struct fth_owned_policy *policy;
	u8 sha256[FTH_SHA256_SIZE];
};

/* Lock held.  The policy is copied while it can't be replaced. */
static int find_origin(struct klp_patch *klp, u64 load, struct origin *ret_origin,
		       struct fth_report *ret_report)
{
	struct fth_guest_policy policy;
	int error;

	error = check_room(klp, load, ret_report) ?: find_policy(klp, load, &policy, ret_report);
	if (error)
		return error;
	memcpy(ret_origin->sha256, fth_engine.expect.sha256, sizeof(ret_origin->sha256));
	error = fth_policy_copy(&policy, &ret_origin->policy);
	if (error)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, error,
				      "patch '%s' refused: no memory for its policy",
				      klp->mod->name);
	return 0;
}

static void set_origin(struct fth_patch *patch, u64 load, const struct origin *origin)
{
	if (!load) {
		patch->flags |= FTH_PATCH_BY_HAND;
		return;
	}
	memcpy(patch->sha256, origin->sha256, sizeof(patch->sha256));
	patch->has_sha256 = true;
}

static void set_entering(struct fth_patch *patch)
{
	mutex_lock(&fth_engine.lock);
	spin_lock(&fth_engine.members);
	fth_engine.entering = patch;
	spin_unlock(&fth_engine.members);
	mutex_unlock(&fth_engine.lock);
}

/* Moves held, which keep the list of patches as it is. */
static int create(struct klp_patch *klp, u64 load, struct fth_patch **ret_patch,
		  struct fth_report *ret_report)
{
	const struct list_head *older = klp->replace ? &fth_engine.patches : NULL;
	struct origin origin = {};
	struct fth_patch *patch;
	int error;

	error = check_in_tree(klp, ret_report)
			?: fth_states_check(klp, &fth_engine.patches, ret_report);
	if (error)
		return error;
	mutex_lock(&fth_engine.lock);
	error = find_origin(klp, load, &origin, ret_report);
	mutex_unlock(&fth_engine.lock);
	if (error)
		return error;
	error = fth_patch_create(klp, origin.policy, older, &patch, ret_report);
	if (error) {
		kfree(origin.policy);
		return error;
	}
	set_origin(patch, load, &origin);
	/* From here on a module that is loaded, and that it names, waits for us. */
	set_entering(patch);
	*ret_patch = patch;
	return 0;
}

static void unload_objects(struct fth_patch *patch)
{
	struct fth_object *object;

	fth_patch_for_each_object(patch, object) {
		if (object->loaded)
			fth_object_unload(patch, object);
	}
}

/* An older patch lacks it, so its notification is still to come: then all are put in, in order. */
static bool is_announced(const char *module)
{
	struct fth_object *object;
	struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		object = patch->out ? NULL : fth_patch_find_object(patch, module);
		if (object && !object->loaded)
			return true;
	}
	return false;
}

static int load_objects(struct fth_patch *patch, struct fth_report *ret_report)
{
	struct fth_object *object;
	struct module *module;
	int error;

	fth_patch_for_each_object(patch, object) {
		module = object->name ? fth_module_find(object->name) : NULL;
		/* A module that is not there is patched when it comes. */
		if (object->name && (!module || is_announced(object->name)))
			continue;
		error = fth_object_load(patch, object, module, ret_report);
		if (error) {
			unload_objects(patch);
			return error;
		}
	}
	return 0;
}

/* Post-unpatch runs for the objects before the one whose pre-patch failed. */
static int call_pre_patch(struct fth_patch *patch, struct fth_report *ret_report)
{
	struct fth_object *object;
	int error;

	fth_patch_for_each_object(patch, object) {
		error = fth_object_call(object, FTH_CALL_PRE_PATCH);
		if (!error)
			continue;
		fth_objects_call(patch, FTH_CALL_POST_UNPATCH);
		return fth_report_set(
			ret_report, FTH_E_LOAD_FAILED, error,
			"patch '%s' refused: its pre-patch callback for '%s' failed with %d",
			patch->name, object->name ?: "vmlinux", error);
	}
	return 0;
}

static void take_out(struct fth_patch *patch)
{
	fth_patch_want(patch, false);
	fth_redirector_sweep(&fth_engine.redirector);
	fth_objects_call(patch, FTH_CALL_POST_UNPATCH);
}

/* No task has been switched when it fails. */
static int put_in(struct fth_patch *patch, struct fth_report *ret_report)
{
	int error;

	error = call_pre_patch(patch, ret_report);
	if (error)
		return error;
	fth_patch_want(patch, true);
	error = fth_adopt_redirect(patch, ret_report);
	if (error) {
		fth_patch_want(patch, false);
		fth_objects_call(patch, FTH_CALL_POST_UNPATCH);
		return error;
	}
	error = fth_patch_make_sets(patch, true, &patch->sets, ret_report);
	if (error)
		take_out(patch);
	return error;
}

/*
 * What allowed it may not be so any more: requests don't wait for the mutex for moves,
 * which was held over callbacks that took what time they liked.
 */
static int enlist(struct fth_patch *patch, u64 load, struct fth_report *ret_report)
{
	int error;

	mutex_lock(&fth_engine.lock);
	error = check_room(patch->klp, load, ret_report)
			?: check_load(patch->name, load, ret_report);
	if (error)
		goto out;
	spin_lock(&fth_engine.members);
	fth_engine.entering = NULL;
	list_add_tail(&patch->list, &fth_engine.patches);
	spin_unlock(&fth_engine.members);
	fth_engine.patch_count++;
	patch->since_ns = fth_clock_lived_ns();
	fth_revert_watch(patch);
	fth_patch_publish(patch, true);
	patch->klp->enabled = true;
	fth_work_begin(patch);
out:
	mutex_unlock(&fth_engine.lock);
	return error;
}

/* Moves held.  The module's reference is the patch's on success. */
static int let_in(struct klp_patch *klp, u64 load, struct fth_report *ret_report)
{
	struct fth_patch *patch;
	int error;

	error = create(klp, load, &patch, ret_report);
	if (error)
		return error;
	error = load_objects(patch, ret_report);
	if (error)
		goto err_patch;
	error = fth_sysfs_add(patch);
	if (error) {
		fth_report_set(ret_report, FTH_E_NO_MEMORY, error,
			       "patch '%s' refused: its folder in sysfs failed with %d",
			       patch->name, error);
		goto err_objects;
	}
	fth_states_begin(patch);
	error = put_in(patch, ret_report);
	if (!error) {
		error = enlist(patch, load, ret_report);
		if (error)
			take_out(patch);
	}
	fth_states_end();
	if (!error)
		return 0;
	fth_sysfs_remove(patch);
err_objects:
	unload_objects(patch);
err_patch:
	set_entering(NULL);
	fth_patch_free(patch);
	return error;
}

/*
 * A second patch is told at once that one is under way, and does not wait for
 * whatever holds the mutex for moves.
 */
static int begin(struct klp_patch *klp, u64 load, struct fth_report *ret_report)
{
	int error;

	mutex_lock(&fth_engine.lock);
	error = check_room(klp, load, ret_report);
	mutex_unlock(&fth_engine.lock);
	if (error)
		return error;
	mutex_lock(&fth_engine.moves);
	error = let_in(klp, load, ret_report);
	mutex_unlock(&fth_engine.moves);
	if (!error)
		fth_engine_kick();
	return error;
}

static int adopt(struct klp_patch *klp, u64 load, struct fth_report *ret_report)
{
	int error;

	error = check_arguments(klp, ret_report);
	if (error)
		return error;
	/* This is what refuses rmmod of an active patch. */
	if (!try_module_get(klp->mod))
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -ENODEV,
				      "patch '%s' refused: its module is going away",
				      klp->mod->name);
	error = begin(klp, load, ret_report);
	if (error)
		module_put(klp->mod);
	return error;
}

/* The serial of the load that brings @name, 0 = it is not the host's. */
static u64 expected_load(const char *name)
{
	u64 load;

	mutex_lock(&fth_engine.lock);
	load = is_expected(name) ? fth_engine.expect.serial : 0;
	mutex_unlock(&fth_engine.lock);
	return load;
}

/* Return: whether the host is told of it. */
static bool set_result(u64 load, int result, const struct fth_report *report)
{
	bool told;

	mutex_lock(&fth_engine.lock);
	/* Its loader may be gone by now, and the next one's load under way. */
	told = is_load(load);
	if (told) {
		fth_engine.expect.result = result;
		fth_engine.expect.report = *report;
	}
	mutex_unlock(&fth_engine.lock);
	return told;
}

int fth_adopt(struct klp_patch *klp)
{
	struct fth_report *report = kzalloc(sizeof(*report), GFP_KERNEL);
	u64 load = expected_load(klp->mod->name);
	int error = -ENOMEM;

	if (!report)
		goto out;
	error = adopt(klp, load, report);
	if (!set_result(load, error, report) && error)
		pr_err("%s\n", report->detail);
	kfree(report);
out:
	/* The hook took it; an adopted patch keeps it. */
	if (error)
		module_put(THIS_MODULE);
	return error;
}
