// SPDX-License-Identifier: GPL-2.0
/* /sys/kernel/fother/{revert,blocked,allow,incidents}. */
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "incidents.h"
#include "revert.h"

#define COMMAND_MAX 128u /* bytes written to `revert` or `allow` */

static int revert_all(u8 mode)
{
	if (fth_revert_request_all(FTH_TRIGGER_SYSFS, mode))
		return 0;
	pr_warn("revert: there is no patch in force\n");
	return -ENOENT;
}

static int revert_one(const char *name, u8 mode)
{
	struct fth_report *report = kzalloc(sizeof(*report), GFP_KERNEL);
	int error;

	if (!report)
		return -ENOMEM;
	error = fth_revert_request(name, FTH_TRIGGER_SYSFS, mode, report);
	if (error < 0)
		pr_warn("%s\n", report->detail);
	kfree(report);
	return min(error, 0);
}

/* "1", "immediate", "NAME", "NAME immediate"; changed by it. */
static int revert_words(char *line)
{
	char *rest = strim(line), *name = strsep(&rest, " \t");
	u8 mode = 0;

	if (!strcmp(name, "immediate") && !rest)
		return revert_all(FTH_REVERT_IMMEDIATE);
	if (rest && !strcmp(strim(rest), "immediate"))
		mode = FTH_REVERT_IMMEDIATE;
	if (!*name || (rest && !mode)) {
		pr_warn("revert: found '%s %s', expected 1, immediate, NAME or NAME immediate\n",
			name, rest ?: "");
		return -EINVAL;
	}
	if (!strcmp(name, "1"))
		return revert_all(mode);
	return revert_one(name, mode);
}

/*
 * On the stack: whoever reverts in need may find no memory.  Return: 0; -EINVAL
 * it is too long.
 */
static int copy_line(const char *page, size_t length, char *ret_line)
{
	if (length >= COMMAND_MAX)
		return -EINVAL;
	memcpy(ret_line, page, length);
	ret_line[length] = '\0';
	return 0;
}

static ssize_t revert_store(struct kobject *kobj, struct kobj_attribute *attr, const char *page,
			    size_t length)
{
	char line[COMMAND_MAX];

	return copy_line(page, length, line) ?: revert_words(line) ?: length;
}

static ssize_t allow_store(struct kobject *kobj, struct kobj_attribute *attr, const char *page,
			   size_t length)
{
	char line[COMMAND_MAX], *name;

	if (copy_line(page, length, line))
		return -EINVAL;
	name = strim(line);
	if (fth_revert_allow(name, NULL))
		return length;
	pr_warn("allow '%s': it is not blocked; 'blocked' lists what is\n", name);
	return -ENOENT;
}

static int print_block(char *page, int length, const struct fth_block *block)
{
	char sha256[2 * FTH_SHA256_SIZE + 1] = "-";

	if (block->has_sha256)
		scnprintf(sha256, sizeof(sha256), "%*phN", FTH_SHA256_SIZE, block->sha256);
	if (!block->incident)
		return sysfs_emit_at(page, length, "%s %s command-line\n", block->name, sha256);
	return sysfs_emit_at(page, length, "%s %s %s incident=%u at %llu.%03llu s\n", block->name,
			     sha256, fth_trigger_name(block->trigger), block->incident,
			     block->since_ms / 1000, block->since_ms % 1000);
}

static ssize_t blocked_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	struct fth_block *blocks = kcalloc(FTH_BLOCKS_MAX, sizeof(*blocks), GFP_KERNEL);
	int length = 0;
	u32 count;

	if (!blocks)
		return -ENOMEM;
	count = fth_revert_blocks(blocks, FTH_BLOCKS_MAX);
	for (u32 i = 0; i < count; i++)
		length += print_block(page, length, &blocks[i]);
	kfree(blocks);
	return length;
}

static ssize_t incidents_show(struct kobject *kobj, struct kobj_attribute *attr, char *page)
{
	return fth_incidents_print(page);
}

static struct kobj_attribute revert_file = __ATTR_WO(revert);
static struct kobj_attribute allow_file = __ATTR_WO(allow);
static struct kobj_attribute blocked_file = __ATTR_RO(blocked);
/* With words of the kernel's log, addresses among them: not for everybody. */
static struct kobj_attribute incidents_file = __ATTR_RO_MODE(incidents, 0400);

static struct attribute *attrs[] = { &revert_file.attr, &allow_file.attr, &blocked_file.attr,
				     &incidents_file.attr, NULL };
static const struct attribute_group group = { .attrs = attrs };

static struct kobject *folder;

int fth_revert_sysfs_init(struct kobject *root)
{
	folder = root;
	return sysfs_create_group(root, &group);
}

void fth_revert_sysfs_exit(void)
{
	sysfs_remove_group(folder, &group);
}
