// SPDX-License-Identifier: GPL-2.0
/*
 * Modules that come and go are patched and unpatched.
 *
 * DESIGN
 * A module that no patch names is not kept waiting, not even by a mutex that a task
 * may have died with.  One that is named waits
 * for the mutex for moves, then for each patch in order: resolve, pre-patch,
 * redirect, post-patch unless the patch is in transition.  If one fails, the
 * module is refused and what the patches before it did is undone.
 * Source: kernel/livepatch/core.c, klp_module_coming() and klp_module_going();
 * unlike those, an object that is undone here is undone with its table entry,
 * its callbacks and its relocations for every patch before the failing one.
 */

#include <linux/delay.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/slab.h>

#include "compat/module.h"
#include "engine_priv.h"
#include "object.h"
#include "states.h"

#define STRAYS_RETRY_MS 20u

static bool names(const struct fth_patch *patch, const char *module)
{
	return fth_patch_find_object(patch, module) || fth_patch_extends(patch, module);
}

static bool is_named(const char *module)
{
	struct fth_patch *patch;
	bool found;

	spin_lock(&fth_engine.members);
	found = fth_engine.entering && names(fth_engine.entering, module);
	list_for_each_entry(patch, &fth_engine.patches, list)
		found = found || (!READ_ONCE(patch->out) && names(patch, module));
	spin_unlock(&fth_engine.members);
	return found;
}

/* One that is asked to leave is in transition once its pre-unpatch has run. */
static bool is_in_transition(const struct fth_patch *patch)
{
	const struct fth_run *run = &fth_engine.run;

	return run->patch == patch && !patch->in_force;
}

static void take_out(struct fth_patch *patch, struct fth_object *object)
{
	if (object->patched && !is_in_transition(patch))
		fth_object_call(object, FTH_CALL_PRE_UNPATCH);
	fth_object_want(patch, object, false);
	fth_redirector_sweep(&fth_engine.redirector);
	fth_object_call(object, FTH_CALL_POST_UNPATCH);
	fth_object_unload(patch, object);
	fth_patch_publish(patch, is_in_transition(patch));
}

/* The sets of a patch at rest are made again before its next transition. */
static int renew_sets(struct fth_patch *patch, struct fth_report *ret_report)
{
	if (is_in_transition(patch))
		return fth_work_renew_sets(patch, ret_report);
	patch->stale = true;
	return 0;
}

static int put_in(struct fth_patch *patch, struct fth_object *object, struct module *module,
		  struct fth_report *ret_report)
{
	int error;

	error = fth_object_load(patch, object, module, ret_report);
	if (error)
		return error;
	error = fth_object_call(object, FTH_CALL_PRE_PATCH);
	if (error) {
		fth_report_set(ret_report, FTH_E_LOAD_FAILED, error,
			       "patch '%s' refused: its pre-patch callback for '%s' failed with %d",
			       patch->name, object->name, error);
		goto err_load;
	}
	fth_object_want(patch, object, true);
	error = fth_adopt_redirect(patch, ret_report);
	if (error)
		goto err_callback;
	error = renew_sets(patch, ret_report);
	if (error)
		goto err_redirect;
	fth_patch_publish(patch, is_in_transition(patch));
	if (!is_in_transition(patch))
		fth_object_call(object, FTH_CALL_POST_PATCH);
	return 0;

err_redirect:
	fth_object_want(patch, object, false);
	fth_redirector_sweep(&fth_engine.redirector);
err_callback:
	object->patched = false;
	fth_object_call(object, FTH_CALL_POST_UNPATCH);
err_load:
	fth_object_unload(patch, object);
	return error;
}

/* The object of @module, if it is to be changed now. */
static struct fth_object *object_of(struct fth_patch *patch, const struct module *module,
				    bool coming)
{
	struct fth_object *object;

	if (patch->out)
		return NULL;
	object = fth_patch_find_object(patch, module->name);
	return object && object->loaded != coming ? object : NULL;
}

/* Undo for all patches before @limit, NULL = for all. */
static void leave(struct module *module, const struct fth_patch *limit)
{
	struct fth_report report;
	struct fth_object *object;
	struct fth_patch *patch;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		if (patch == limit)
			break;
		object = object_of(patch, module, false);
		if (object)
			take_out(patch, object);
		/*
		 * Without memory the old sets stay: text that is gone only makes
		 * more tasks wait than must.
		 */
		if (object || (!patch->out && fth_patch_extends(patch, module->name)))
			renew_sets(patch, &report);
	}
}

static int enter(struct module *module, struct fth_report *ret_report)
{
	struct fth_object *object;
	struct fth_patch *patch;
	int error = 0;

	list_for_each_entry(patch, &fth_engine.patches, list) {
		object = object_of(patch, module, true);
		if (object)
			error = put_in(patch, object, module, ret_report);
		else if (!patch->out && fth_patch_extends(patch, module->name))
			error = renew_sets(patch, ret_report);
		if (error) {
			leave(module, patch);
			return error;
		}
	}
	return 0;
}

/*
 * Until ftrace has the memory to forget its sites.  Without a patch of its name too:
 * the patch may be out, and its sites not.
 */
static void let_go(const struct module *module)
{
	int error = 0;

	do {
		if (error)
			msleep(STRAYS_RETRY_MS);
		mutex_lock(&fth_engine.moves);
		error = fth_redirector_let_go(&fth_engine.redirector, module);
		mutex_unlock(&fth_engine.moves);
	} while (error);
}

static int coming(struct module *module)
{
	struct fth_report *report = kzalloc(sizeof(*report), GFP_KERNEL);
	int error;

	if (!report)
		return -ENOMEM;
	mutex_lock(&fth_engine.moves);
	fth_states_begin(fth_engine.run.patch);
	error = enter(module, report);
	fth_states_end();
	mutex_unlock(&fth_engine.moves);
	if (error) {
		pr_warn("module '%s' refused: %s\n", module->name, report->detail);
		let_go(module);
	}
	kfree(report);
	return error;
}

static void going(struct module *module)
{
	mutex_lock(&fth_engine.moves);
	fth_states_begin(fth_engine.run.patch);
	leave(module, NULL);
	fth_states_end();
	mutex_unlock(&fth_engine.moves);
}

static int notify(struct notifier_block *block, unsigned long state, void *data)
{
	struct module *module = data;

	if (module == THIS_MODULE)
		return NOTIFY_DONE;
	if (state == MODULE_STATE_COMING && is_named(module->name))
		return notifier_from_errno(coming(module));
	if (state == MODULE_STATE_GOING) {
		if (is_named(module->name))
			going(module);
		if (fth_redirector_has_strays(&fth_engine.redirector))
			let_go(module);
	}
	return NOTIFY_DONE;
}

int fth_modules_init(void)
{
	fth_engine.modules.notifier_call = notify;
	/* First, as the in-tree core is: whoever else refuses a module, we are told. */
	fth_engine.modules.priority = INT_MAX;
	return register_module_notifier(&fth_engine.modules);
}

void fth_modules_exit(void)
{
	unregister_module_notifier(&fth_engine.modules);
}
