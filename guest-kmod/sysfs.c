// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/fother: status and control for a person in the guest.
 *
 * DESIGN
 * Files show copies that the engine hands out, and what is written goes to the
 * engine by the patch's name, as a host's command would.  A folder is removed
 * without the engine's lock, since removal waits for whoever is in a file.
 */

#include "sysfs.h"

#include <linux/kobject.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include "engine_sysfs.h"
#include "policy.h"
#include "revert.h"

/* One folder: of a patch, of its object, or of one of its functions. */
struct fth_sysfs_dir {
	struct kobject kobj;
	struct fth_patch *patch;
	u32 object;			  /* index; a function's too */
	u32 function;			  /* index */
	struct fth_sysfs_dir **objects;	  /* a patch's, its author's objects */
	struct fth_sysfs_dir **functions; /* a patch's, @patch->count */
};

struct fth_sysfs_file {
	struct attribute attr;
	ssize_t (*show)(struct fth_sysfs_dir *dir, char *page);
	ssize_t (*store)(struct fth_sysfs_dir *dir, const char *page, size_t length);
};

static struct {
	struct kobject *root;
	struct kobject *patches;
} sysfs;

static ssize_t file_show(struct kobject *kobj, struct attribute *attr, char *page)
{
	struct fth_sysfs_file *file = container_of(attr, struct fth_sysfs_file, attr);

	if (!file->show)
		return -EIO;
	return file->show(container_of(kobj, struct fth_sysfs_dir, kobj), page);
}

static ssize_t file_store(struct kobject *kobj, struct attribute *attr, const char *page,
			  size_t length)
{
	struct fth_sysfs_file *file = container_of(attr, struct fth_sysfs_file, attr);

	if (!file->store)
		return -EIO;
	return file->store(container_of(kobj, struct fth_sysfs_dir, kobj), page, length);
}

static const struct sysfs_ops file_ops = { .show = file_show, .store = file_store };

static void dir_release(struct kobject *kobj)
{
	struct fth_sysfs_dir *dir = container_of(kobj, struct fth_sysfs_dir, kobj);

	kvfree(dir->objects);
	kvfree(dir->functions);
	kfree(dir);
}

static bool is_enabled(u8 state)
{
	return state == FTH_LC_APPLYING || state == FTH_LC_SOAKING || state == FTH_LC_APPLIED;
}

static ssize_t enabled_show(struct fth_sysfs_dir *dir, char *page)
{
	return sysfs_emit(page, "%d\n", is_enabled(READ_ONCE(dir->patch->state)));
}

/* What a person asked for by writing @page; a refusal is said in the log. */
static ssize_t command(struct fth_sysfs_dir *dir, size_t length,
		       int (*request)(const char *name, struct fth_report *ret_report))
{
	struct fth_report *report = kzalloc(sizeof(*report), GFP_KERNEL);
	int error;

	if (!report)
		return -ENOMEM;
	error = request(dir->patch->name, report);
	/* It is there already, but for its module. */
	if (error > 0)
		error = -EALREADY;
	if (error)
		pr_warn("%s\n", report->detail);
	kfree(report);
	return error ?: length;
}

static int engine_on(const char *name, struct fth_report *ret_report)
{
	return fth_engine_enable(name, true, ret_report);
}

static int engine_off(const char *name, struct fth_report *ret_report)
{
	return fth_engine_enable(name, false, ret_report);
}

/* As in-tree: the present value is refused, the other one turns it round. */
static ssize_t enabled_store(struct fth_sysfs_dir *dir, const char *page, size_t length)
{
	bool enable;
	ssize_t done;
	int error;

	error = kstrtobool(page, &enable);
	if (error)
		return error;
	done = command(dir, length, enable ? engine_on : engine_off);
	return done == -EALREADY ? -EINVAL : done;
}

/* On the way out it reads 0 before the folder goes: nobody runs new code then. */
static ssize_t transition_show(struct fth_sysfs_dir *dir, char *page)
{
	return sysfs_emit(page, "%d\n", !READ_ONCE(dir->patch->settled));
}

static const char *state_note(const struct fth_patch *patch)
{
	if (READ_ONCE(patch->flags) & FTH_PATCH_FORCED)
		return " (forced: pinned until the next boot)";
	if (READ_ONCE(patch->flags) & FTH_PATCH_IMMEDIATE)
		return " (immediate: all tasks were switched without a look)";
	if (READ_ONCE(patch->leaving))
		return " (all tasks have switched; a task may run its module's text)";
	return "";
}

static ssize_t state_show(struct fth_sysfs_dir *dir, char *page)
{
	return sysfs_emit(page, "%s%s\n", fth_lifecycle_name(READ_ONCE(dir->patch->state)),
			  state_note(dir->patch));
}

static ssize_t model_show(struct fth_sysfs_dir *dir, char *page)
{
	const struct fth_guest_policy *policy = &dir->patch->policy;

	return sysfs_emit(page, "leave=%s switch=%s\n", fth_leave_name(policy->leave),
			  fth_switch_name(policy->switches));
}

static ssize_t pending_show(struct fth_sysfs_dir *dir, char *page)
{
	return fth_engine_print_pending(dir->patch, page);
}

static ssize_t trigger(struct fth_sysfs_dir *dir, const char *page, size_t length,
		       int (*request)(const char *name, struct fth_report *ret_report))
{
	bool yes;
	int error;

	error = kstrtobool(page, &yes);
	if (error)
		return error;
	return yes ? command(dir, length, request) : -EINVAL;
}

static ssize_t force_store(struct fth_sysfs_dir *dir, const char *page, size_t length)
{
	return trigger(dir, page, length, fth_engine_force);
}

static ssize_t nudge_store(struct fth_sysfs_dir *dir, const char *page, size_t length)
{
	return trigger(dir, page, length, fth_engine_nudge);
}

static bool is_duration(const char *page, u32 *ret_ms)
{
	char value[16];

	return strscpy(value, page, sizeof(value)) > 0 &&
	       !fth_policy_parse_ms(strim(value), ret_ms);
}

/* "1" confirms, a duration ("5m") puts the decision off. */
static ssize_t confirm_store(struct fth_sysfs_dir *dir, const char *page, size_t length)
{
	struct fth_report *report;
	u32 extend_ms;
	int error;

	if (!is_duration(page, &extend_ms))
		return sysfs_streq(page, "1") ? command(dir, length, fth_engine_confirm) : -EINVAL;
	report = kzalloc(sizeof(*report), GFP_KERNEL);
	if (!report)
		return -ENOMEM;
	error = fth_revert_extend(dir->patch->name, extend_ms, report);
	if (error)
		pr_warn("%s\n", report->detail);
	kfree(report);
	return error ?: length;
}

/* What is left, as it could be written to extend it by as much. */
static ssize_t confirm_show(struct fth_sysfs_dir *dir, char *page)
{
	u32 left_ms = fth_engine_confirm_left_ms(dir->patch);

	return left_ms ? sysfs_emit(page, "%ums\n", left_ms) : sysfs_emit(page, "none\n");
}

#define FILE_RW(name) \
	static struct fth_sysfs_file name##_file = { { #name, 0644 }, name##_show, name##_store }
#define FILE_RO(name) \
	static struct fth_sysfs_file name##_file = { { #name, 0444 }, name##_show, NULL }
/* Where in the kernel a task is, is between it and root. */
#define FILE_RO_ROOT(name) \
	static struct fth_sysfs_file name##_file = { { #name, 0400 }, name##_show, NULL }
#define FILE_WO(name) \
	static struct fth_sysfs_file name##_file = { { #name, 0200 }, NULL, name##_store }

FILE_RW(enabled);
FILE_RO(transition);
FILE_RO(state);
FILE_RO(model);
FILE_RO_ROOT(pending);
FILE_WO(force);
FILE_WO(nudge);
FILE_RW(confirm);

static struct attribute *patch_attrs[] = {
	&enabled_file.attr, &transition_file.attr, &state_file.attr,
	&model_file.attr,   &pending_file.attr,	   &force_file.attr,
	&nudge_file.attr,   &confirm_file.attr,	   NULL,
};
ATTRIBUTE_GROUPS(patch);

static ssize_t patched_show(struct fth_sysfs_dir *dir, char *page)
{
	return sysfs_emit(page, "%d\n", READ_ONCE(dir->patch->objects[dir->object].patched));
}
FILE_RO(patched);

static struct attribute *object_attrs[] = { &patched_file.attr, NULL };
ATTRIBUTE_GROUPS(object);

static ssize_t hits_show(struct fth_sysfs_dir *dir, char *page)
{
	return sysfs_emit(page, "%llu\n", fth_redirect_hits(&dir->patch->redirects[dir->function]));
}
FILE_RO(hits);

static struct attribute *function_attrs[] = { &patched_file.attr, &transition_file.attr,
					      &hits_file.attr, NULL };
ATTRIBUTE_GROUPS(function);

static struct kobj_type patch_type = { .release = dir_release,
				       .sysfs_ops = &file_ops,
				       .default_groups = patch_groups };
static struct kobj_type object_type = { .release = dir_release,
					.sysfs_ops = &file_ops,
					.default_groups = object_groups };
static struct kobj_type function_type = { .release = dir_release,
					  .sysfs_ops = &file_ops,
					  .default_groups = function_groups };

__printf(6, 7) static struct fth_sysfs_dir *dir_add(struct fth_patch *patch, u32 object,
						    u32 function, struct kobj_type *type,
						    struct kobject *parent, const char *format, ...)
{
	struct fth_sysfs_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL);
	char *name;
	va_list args;
	int error;

	if (!dir)
		return NULL;
	dir->patch = patch;
	dir->object = object;
	dir->function = function;
	va_start(args, format);
	name = kvasprintf(GFP_KERNEL, format, args);
	va_end(args);
	if (!name) {
		kfree(dir);
		return NULL;
	}
	error = kobject_init_and_add(&dir->kobj, type, parent, "%s", name);
	kfree(name);
	if (error) {
		kobject_put(&dir->kobj);
		return NULL;
	}
	return dir;
}

static void dir_remove(struct fth_sysfs_dir *dir)
{
	if (!dir)
		return;
	kobject_del(&dir->kobj);
	kobject_put(&dir->kobj);
}

static int add_objects(struct fth_patch *patch, struct fth_sysfs_dir *dir)
{
	for (u32 i = 0; i < patch->object_count; i++) {
		/* Nops are ours and go when the transition ends. */
		if (!patch->objects[i].klp)
			continue;
		dir->objects[i] = dir_add(patch, i, 0, &object_type, &dir->kobj, "%s",
					  patch->objects[i].name ?: "vmlinux");
		if (!dir->objects[i])
			return -ENOMEM;
	}
	return 0;
}

static int add_functions(struct fth_patch *patch, struct fth_sysfs_dir *dir)
{
	for (u32 i = 0; i < patch->count; i++) {
		const struct fth_function *function = &patch->functions[i];

		dir->functions[i] = dir_add(patch, function->object, i, &function_type,
					    &dir->objects[function->object]->kobj, "%s,%lu",
					    function->name, function->sympos ?: 1);
		if (!dir->functions[i])
			return -ENOMEM;
	}
	return 0;
}

int fth_sysfs_add(struct fth_patch *patch)
{
	struct fth_sysfs_dir *dir;

	dir = dir_add(patch, 0, 0, &patch_type, sysfs.patches, "%s", patch->name);
	if (!dir)
		return -ENOMEM;
	patch->sysfs = dir;
	dir->objects = kvcalloc(patch->object_count, sizeof(struct fth_sysfs_dir *), GFP_KERNEL);
	dir->functions = kvcalloc(patch->count + 1, sizeof(struct fth_sysfs_dir *), GFP_KERNEL);
	if (!dir->functions || !dir->objects || add_objects(patch, dir) ||
	    add_functions(patch, dir)) {
		fth_sysfs_remove(patch);
		return -ENOMEM;
	}
	kobject_uevent(&dir->kobj, KOBJ_ADD);
	return 0;
}

void fth_sysfs_remove(struct fth_patch *patch)
{
	struct fth_sysfs_dir *dir = patch->sysfs;

	if (!dir)
		return;
	for (u32 i = 0; dir->functions && i < patch->count; i++)
		dir_remove(dir->functions[i]);
	for (u32 i = 0; dir->objects && i < patch->object_count; i++)
		dir_remove(dir->objects[i]);
	patch->sysfs = NULL;
	dir_remove(dir);
}

static ssize_t policy_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return fth_engine_print_policies(page);
}

static ssize_t policy_store(struct kobject *kobj, struct kobj_attribute *attr, const char *page,
			    size_t length)
{
	return fth_engine_write_policy(page, length) ?: length;
}

static struct kobj_attribute policy_file = __ATTR(policy, 0644, policy_show, policy_store);

int fth_sysfs_init(void)
{
	int error = -ENOMEM;

	sysfs.root = kobject_create_and_add("fother", kernel_kobj);
	if (!sysfs.root)
		return -ENOMEM;
	sysfs.patches = kobject_create_and_add("patches", sysfs.root);
	if (!sysfs.patches)
		goto err_root;
	error = sysfs_create_file(sysfs.root, &policy_file.attr);
	if (error)
		goto err_patches;
	return 0;

err_patches:
	kobject_put(sysfs.patches);
err_root:
	kobject_put(sysfs.root);
	sysfs.root = NULL;
	return error;
}

void fth_sysfs_exit(void)
{
	sysfs_remove_file(sysfs.root, &policy_file.attr);
	kobject_put(sysfs.patches);
	kobject_put(sysfs.root);
	sysfs.root = NULL;
}

struct kobject *fth_sysfs_root(void)
{
	return sysfs.root;
}
