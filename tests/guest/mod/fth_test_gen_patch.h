/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A livepatch module of generation FTH_GEN (a number), for one .c file each.
 *
 * DESIGN
 * It replaces srcu_notifier_call_chain() ("a") and jiffies64_to_msecs() ("b"), and with
 * `module` set fth_obj_value() of that module, or of two with `module2`.  All
 * else is by parameter, so that one source serves stacking, replace, states,
 * callbacks and shadow variables.  Callbacks note themselves in fth_test_log.
 */
#ifndef FTH_TEST_GEN_PATCH_H
#define FTH_TEST_GEN_PATCH_H

#include <linux/jiffies.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/srcu.h>
#include <linux/string.h>

#include "fth_test_gen.h"
#include "fth_test_log.h"

#define FTH_PASTE_(a, b, c) a##b##c
#define FTH_PASTE(a, b, c) FTH_PASTE_(a, b, c)
#define FTH_OWN(name) FTH_PASTE(fth_gen_p, FTH_GEN, _##name)

#define STATES_MAX 4
#define STATE_DATA 0x5eed

static char *functions = "ab";
module_param(functions, charp, 0444);
MODULE_PARM_DESC(functions, "of the kernel: a, b, ab or none");

static char *module;
module_param(module, charp, 0444);
MODULE_PARM_DESC(module, "also patch fth_obj_value() of this module");

static char *module2;
module_param(module2, charp, 0444);

static char *module_function = "fth_obj_value";
module_param(module_function, charp, 0444);
MODULE_PARM_DESC(module_function, "the function of `module` to be replaced");

static bool replace;
module_param(replace, bool, 0444);

static bool callbacks;
module_param(callbacks, bool, 0444);
MODULE_PARM_DESC(callbacks, "all four of them, for each object");

static char fail_pre[64];
module_param_string(fail_pre, fail_pre, sizeof(fail_pre), 0644);
MODULE_PARM_DESC(fail_pre, "object whose pre_patch fails: vmlinux or a module");

static int states[STATES_MAX * 2];
static int states_count;
module_param_array(states, int, &states_count, 0444);
MODULE_PARM_DESC(states, "id,version,...: what the patch states");

static int FTH_OWN(call_chain)(struct srcu_notifier_head *head, unsigned long action, void *data)
{
	int index = srcu_read_lock(&head->srcu), result = NOTIFY_DONE;
	struct notifier_block *block = rcu_dereference_raw(head->head);

	if (action == FTH_GEN_BASE)
		action += FTH_GEN;
	for (; block; block = rcu_dereference_raw(block->next)) {
		result = block->notifier_call(block, action, data);
		if (result & NOTIFY_STOP_MASK)
			break;
	}
	srcu_read_unlock(&head->srcu, index);
	return result;
}

/* How often generations before and this one were asked: a shadow variable. */
static u64 count_shadow(void)
{
	int *count = klp_shadow_get_or_alloc(&init_task, FTH_GEN_SHADOW, sizeof(*count), GFP_KERNEL,
					     NULL, NULL);

	return FTH_GEN_SHADOW_OLD + (count ? ++*count : 0);
}

static u64 FTH_OWN(to_msecs)(const u64 j)
{
	if (j == FTH_GEN_BASE)
		return FTH_GEN_OLD + FTH_GEN;
	if (j == FTH_GEN_SHADOW)
		return count_shadow();
	return j * (MSEC_PER_SEC / HZ);
}

static int FTH_OWN(obj_value)(void)
{
	return FTH_GEN;
}

static const char *name_of(const struct klp_object *object)
{
	return object->name ?: "vmlinux";
}

/* A state's data goes on to the patch that replaces this one. */
static void note_states(struct klp_patch *patch, bool take)
{
	struct klp_state *own, *before;

	for (int i = 0; i + 1 < states_count; i += 2) {
		own = klp_get_state(patch, states[i]);
		before = klp_get_prev_state(states[i]);
		if (!own) {
			fth_test_note("p%d state %d is missing", FTH_GEN, states[i]);
			continue;
		}
		if (take)
			own->data = before ? before->data : (void *)STATE_DATA;
		if (before)
			fth_test_note("p%d state %d version %u before, data %lx", FTH_GEN,
				      states[i], before->version, (unsigned long)own->data);
		else
			fth_test_note("p%d state %d new", FTH_GEN, states[i]);
	}
}

static struct klp_patch patch;

static int pre_patch(struct klp_object *object)
{
	bool fails = !strcmp(fail_pre, name_of(object));

	fth_test_note("p%d pre_patch %s%s", FTH_GEN, name_of(object), fails ? " fails" : "");
	fth_test_wait();
	if (!fails && !object->name)
		note_states(&patch, true);
	return fails ? -ENODEV : 0;
}

static void post_patch(struct klp_object *object)
{
	fth_test_note("p%d post_patch %s", FTH_GEN, name_of(object));
}

static void pre_unpatch(struct klp_object *object)
{
	fth_test_note("p%d pre_unpatch %s", FTH_GEN, name_of(object));
}

static void post_unpatch(struct klp_object *object)
{
	fth_test_note("p%d post_unpatch %s", FTH_GEN, name_of(object));
	if (!object->name)
		klp_shadow_free_all(FTH_GEN_SHADOW, NULL);
}

static const struct klp_func function_a = {
	.old_name = "srcu_notifier_call_chain",
	.new_func = FTH_OWN(call_chain),
};

static const struct klp_func function_b = {
	.old_name = "jiffies64_to_msecs",
	.new_func = FTH_OWN(to_msecs),
};

static struct klp_func kernel_functions[3];
static struct klp_func module_functions[][2] = {
	{ { .old_name = "fth_obj_value", .new_func = FTH_OWN(obj_value) } },
	{ { .old_name = "fth_obj_value", .new_func = FTH_OWN(obj_value) } },
};
static struct klp_object objects[4];
static struct klp_state patch_states[STATES_MAX + 1];
static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objects,
};

static void fill(void)
{
	struct klp_func *function = kernel_functions;
	struct klp_object *object = objects;

	if (strchr(functions, 'a'))
		*function++ = function_a;
	if (strchr(functions, 'b'))
		*function++ = function_b;
	if (function != kernel_functions)
		object++->funcs = kernel_functions;
	if (module) {
		object->name = module;
		module_functions[0][0].old_name = module_function;
		object++->funcs = module_functions[0];
	}
	if (module2) {
		object->name = module2;
		object++->funcs = module_functions[1];
	}
	for (object = objects; callbacks && object->funcs; object++) {
		object->callbacks.pre_patch = pre_patch;
		object->callbacks.post_patch = post_patch;
		object->callbacks.pre_unpatch = pre_unpatch;
		object->callbacks.post_unpatch = post_unpatch;
	}
	for (int i = 0; i + 1 < states_count; i += 2) {
		patch_states[i / 2].id = states[i];
		patch_states[i / 2].version = states[i + 1];
		patch.states = patch_states;
	}
	patch.replace = replace;
}

static int __init fth_test_gen_patch_init(void)
{
	fill();
	return klp_enable_patch(&patch);
}

static void __exit fth_test_gen_patch_exit(void)
{
}

module_init(fth_test_gen_patch_init);
module_exit(fth_test_gen_patch_exit);
MODULE_DESCRIPTION("fother test: one generation of the witnesses' functions");
MODULE_LICENSE("GPL");
MODULE_INFO(livepatch, "Y");

#endif /* FTH_TEST_GEN_PATCH_H */
