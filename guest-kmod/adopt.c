// SPDX-License-Identifier: GPL-2.0
/* Lets a livepatch module in: what runs instead of klp_enable_patch(). */

#include <linux/ctype.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat/kernel.h"
#include "engine_priv.h"
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

/* A name that the wire can't carry would take the whole list with it. */
static bool is_wire_name(const char *name)
{
	for (u32 i = 0; name[i]; i++) {
		if (!isascii(name[i]) || (!isalnum(name[i]) && name[i] != '_' &&
					  (!i || (name[i] != '-' && name[i] != '.'))))
			return false;
	}
	return name[0] && strlen(name) <= FTH_NAME_MAX;
}

/* Source: the head of the in-tree klp_enable_patch(). */
static int check_arguments(struct klp_patch *klp, struct fth_report *ret_report)
{
	struct klp_object *object;

	if (!is_wire_name(klp->mod->name))
		return fth_report_set(
			ret_report, FTH_E_MALFORMED, -EINVAL,
			"patch '%s' refused: its name, expected letters, digits, '_', '-', '.', the first not '-' or '.'; rename the module",
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

static int find_policy(struct klp_patch *klp, bool expected, struct fth_guest_policy *ret_policy,
		       struct fth_report *ret_report)
{
	const struct fth_expect *expect = &fth_engine.expect;
	const char *name = klp->mod->name;

	if (expected) {
		if (!expect->active)
			return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
					      "patch '%s' refused: its loader ended before", name);
		if (strcmp(expect->name, name))
			return fth_report_set(ret_report, FTH_E_MALFORMED, -EINVAL,
					      "patch '%s' refused: the host announced '%s'", name,
					      expect->name);
		*ret_policy = expect->policy;
		return 0;
	}
	if (!fth_policies_find(&fth_engine.policies, name, ret_policy))
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EINVAL,
				      "patch '%s' refused: its policy was taken away", name);
	return 0;
}

static int check_room(struct klp_patch *klp, struct fth_report *ret_report)
{
	const char *name = klp->mod->name;

	if (fth_engine.run.patch)
		return fth_report_set(ret_report, FTH_E_BUSY, -EBUSY,
				      "patch '%s' refused: the transition of '%s' runs; try again",
				      name, fth_engine.run.patch->name);
	if (fth_engine.patch_count == FTH_PATCHES_MAX)
		return fth_report_set(ret_report, FTH_E_TOO_LARGE, -ENOSPC,
				      "patch '%s' refused: there are %u patches already", name,
				      FTH_PATCHES_MAX);
	if (fth_engine_find(name))
		return fth_report_set(ret_report, FTH_E_WRONG_STATE, -EEXIST,
				      "patch '%s' refused: it is adopted already", name);
	if (klp->replace && fth_engine.patch_count)
		return fth_report_set(
			ret_report, FTH_E_UNSUPPORTED, -EOPNOTSUPP,
			"patch '%s' refused: not supported by this guest: replace, with %u other patches adopted",
			name, fth_engine.patch_count);
	if (klp->replace && fth_klp_is_used())
		return fth_report_set(
			ret_report, FTH_E_UNSUPPORTED, -EOPNOTSUPP,
			"patch '%s' refused: not supported by this guest: replace, with patches of the in-tree core in force; disable those first",
			name);
	return 0;
}

/* A function twice under fother would need stacking. */
static int check_owners(const struct fth_patch *patch, struct fth_report *ret_report)
{
	for (u32 i = 0; i < patch->count; i++) {
		const struct fth_redirect *owned;

		owned = fth_redirector_find(&fth_engine.redirector, patch->redirects[i].ip);
		if (owned)
			return fth_report_set(
				ret_report, FTH_E_OWNED, -EBUSY,
				"patch '%s' refused: '%s' is patched by '%s' of fother; revert that first",
				patch->name, patch->functions[i].name, owned->owner);
	}
	return 0;
}

static int redirect_functions(struct fth_patch *patch, struct fth_report *ret_report)
{
	const struct fth_redirect *refused;
	const struct fth_function *function;
	char owner[FTH_NAME_MAX + 1];
	int error;

	error = fth_redirector_add(&fth_engine.redirector, patch->redirects, patch->count,
				   &refused);
	if (!error)
		return 0;
	if (error == -ENOMEM)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, error,
				      "patch '%s' refused: no memory to redirect its functions",
				      patch->name);
	if (error != -EBUSY)
		return fth_report_set(ret_report, FTH_E_INTERNAL, error,
				      "patch '%s' refused: ftrace failed with %d", patch->name,
				      error);
	function = &patch->functions[refused - patch->redirects];
	if (fth_klp_owner(function->old_func, owner))
		return fth_report_set(
			ret_report, FTH_E_OWNED, error,
			"patch '%s' refused: '%s' is patched by livepatch module '%s' through the in-tree core; disable that first",
			patch->name, function->name, owner);
	return fth_report_set(
		ret_report, FTH_E_OWNED, error,
		"patch '%s' refused: '%s' is taken by another ftrace user (%s); detach that first",
		patch->name, function->name,
		fth_ftrace_is_direct(refused->ip) ? "a BPF trampoline"
						  : "e.g. a kprobe with a post handler");
}

static void set_origin(struct fth_patch *patch, bool expected)
{
	if (!expected) {
		patch->flags |= FTH_PATCH_BY_HAND;
		return;
	}
	memcpy(patch->sha256, fth_engine.expect.sha256, sizeof(patch->sha256));
	patch->has_sha256 = true;
}

/* Lock held.  The module's reference is the patch's on success. */
static int let_in(struct klp_patch *klp, bool expected, struct fth_patch **ret_patch,
		  struct fth_report *ret_report)
{
	struct fth_guest_policy *policy;
	struct fth_patch *patch;
	int error;

	error = check_room(klp, ret_report);
	if (error)
		return error;
	error = fth_patch_create(klp, &patch, ret_report);
	if (error)
		return error;
	policy = &patch->policy;
	error = find_policy(klp, expected, policy, ret_report) ?: check_owners(patch, ret_report);
	if (error)
		goto err_patch;
	error = redirect_functions(patch, ret_report);
	if (error)
		goto err_patch;
	set_origin(patch, expected);
	list_add_tail(&patch->list, &fth_engine.patches);
	fth_engine.patch_count++;
	fth_work_begin(patch);
	*ret_patch = patch;
	return 0;

err_patch:
	fth_patch_free(patch);
	return error;
}

/*
 * Lock held.  No task was switched yet.  On an error the patch stays in the
 * table for ever: every call goes to the old functions, so its module, which
 * the kernel frees when its init fails, is not needed for that.
 */
static int show_out(struct fth_patch *patch)
{
	int error = -ENOMEM;

	list_del_init(&patch->list);
	fth_engine.patch_count--;
	fth_engine.run = (struct fth_run){};
	for (u32 i = 0; i < FTH_SHOW_OUT_TRIES && error == -ENOMEM; i++) {
		error = fth_redirector_remove(&fth_engine.redirector, patch->redirects,
					      patch->count);
		cond_resched();
	}
	return error;
}

/* The folder in sysfs failed with @error. */
static int undo(struct fth_patch *patch, int error, struct fth_report *ret_report)
{
	int stays;

	mutex_lock(&fth_engine.lock);
	stays = show_out(patch);
	mutex_unlock(&fth_engine.lock);
	fth_report_set(ret_report, FTH_E_NO_MEMORY, error,
		       "patch '%s' refused: its folder in sysfs failed with %d", patch->name,
		       error);
	if (stays) {
		pr_err("patch '%s': its sites can't be given back (%d); fother is pinned until the next boot\n",
		       patch->name, stays);
		__module_get(THIS_MODULE);
		return error;
	}
	synchronize_rcu_tasks();
	fth_patch_free(patch);
	return error;
}

/*
 * The files are made without the lock, since a writer in one of them may wait
 * for it while a failure removes them; @starting keeps the worker off.
 */
static int begin(struct klp_patch *klp, bool expected, struct fth_report *ret_report)
{
	struct fth_patch *patch;
	int error;

	mutex_lock(&fth_engine.lock);
	error = let_in(klp, expected, &patch, ret_report);
	mutex_unlock(&fth_engine.lock);
	if (error)
		return error;
	mutex_lock(&fth_engine.folders);
	error = fth_sysfs_add(patch);
	mutex_unlock(&fth_engine.folders);
	if (error)
		return undo(patch, error, ret_report);
	mutex_lock(&fth_engine.lock);
	fth_patch_publish(patch, true, true);
	/* Somebody may have turned it round through its files already. */
	klp->enabled = fth_engine.run.to_new;
	fth_engine.run.starting = false;
	mutex_unlock(&fth_engine.lock);
	fth_engine_kick();
	return 0;
}

static int adopt(struct klp_patch *klp, bool expected, struct fth_report *ret_report)
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
	error = begin(klp, expected, ret_report);
	if (error)
		module_put(klp->mod);
	return error;
}

int fth_adopt(struct klp_patch *klp)
{
	struct fth_report *report = kzalloc(sizeof(*report), GFP_KERNEL);
	bool expected = is_expected(klp->mod->name);
	int error = -ENOMEM;

	if (!report)
		goto out;
	error = adopt(klp, expected, report);
	mutex_lock(&fth_engine.lock);
	expected = expected && fth_engine.expect.active;
	if (expected) {
		fth_engine.expect.result = error;
		fth_engine.expect.report = *report;
	}
	mutex_unlock(&fth_engine.lock);
	if (error && !expected)
		pr_err("%s\n", report->detail);
	kfree(report);
out:
	/* The hook took it; an adopted patch keeps it. */
	if (error)
		module_put(THIS_MODULE);
	return error;
}
