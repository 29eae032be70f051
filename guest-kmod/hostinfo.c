// SPDX-License-Identifier: GPL-2.0
/*
 * Which VM, which boot, which kernel this is.
 *
 * DESIGN
 * The boot id has no exported accessor; it is read the way a program reads it,
 * through a mount of our own, so that a guest without /proc has it too.  A
 * missing SMBIOS uuid or build id is not an error: the host is told "none".
 */
#include "hostinfo.h"

#include <linux/dmi.h>
#include <linux/elf.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uuid.h>

#define HOSTINFO_NOTES_MAX 4096 /* bytes of /sys/kernel/notes */
#define HOSTINFO_NOTE_BUILD_ID 3

struct vfsmount *fth_hostinfo_mount(const char *filesystem)
{
	struct file_system_type *type = get_fs_type(filesystem);
	struct vfsmount *mount;

	if (!type)
		return ERR_PTR(-ENODEV);
	mount = kern_mount(type);
	/* Both file systems are built in: the reference guards nothing more. */
	module_put(type->owner);
	return mount;
}

ssize_t fth_hostinfo_read(struct vfsmount *mount, const char *path, void *buffer, size_t size)
{
	struct path root = { .mnt = mount, .dentry = mount->mnt_root };
	struct file *file = file_open_root(&root, path, O_RDONLY, 0);
	loff_t position = 0;
	ssize_t length;

	if (IS_ERR(file))
		return PTR_ERR(file);
	length = kernel_read(file, buffer, size, &position);
	filp_close(file, NULL);
	return length;
}

static int read_boot_id(u8 *ret_boot_id)
{
	struct vfsmount *proc = fth_hostinfo_mount("proc");
	char text[UUID_STRING_LEN + 2] = "";
	ssize_t length;
	uuid_t uuid;

	if (IS_ERR(proc))
		return PTR_ERR(proc);
	length = fth_hostinfo_read(proc, "sys/kernel/random/boot_id", text, sizeof(text) - 1);
	kern_unmount(proc);
	if (length < 0)
		return length;
	if (uuid_parse(text, &uuid))
		return -EIO;
	export_uuid(ret_boot_id, &uuid);
	return 0;
}

static u8 find_build_id(const u8 *notes, size_t size, u8 *ret_build_id)
{
	const struct elf64_note *note;
	size_t name, data, at = 0;

	while (size - at >= sizeof(*note)) {
		note = (const void *)(notes + at);
		name = at + sizeof(*note);
		data = name + ALIGN((size_t)note->n_namesz, 4);
		at = data + ALIGN((size_t)note->n_descsz, 4);
		if (data > size || at > size)
			return 0;
		if (note->n_type != HOSTINFO_NOTE_BUILD_ID || note->n_namesz != sizeof("GNU") ||
		    memcmp(notes + name, "GNU", sizeof("GNU")) || note->n_descsz > FTH_BUILD_ID_MAX)
			continue;
		memcpy(ret_build_id, notes + data, note->n_descsz);
		return note->n_descsz;
	}
	return 0;
}

static void read_build_id(struct fth_hostinfo *info)
{
	u8 *notes = kmalloc(HOSTINFO_NOTES_MAX, GFP_KERNEL);
	struct vfsmount *sysfs;
	ssize_t length;

	if (!notes)
		return;
	sysfs = fth_hostinfo_mount("sysfs");
	if (IS_ERR(sysfs))
		goto out;
	length = fth_hostinfo_read(sysfs, "kernel/notes", notes, HOSTINFO_NOTES_MAX);
	kern_unmount(sysfs);
	if (length > 0)
		info->build_id_size = find_build_id(notes, length, info->build_id);
out:
	kfree(notes);
}

int fth_hostinfo_init(struct fth_hostinfo *ret_info)
{
	const char *text = dmi_get_system_info(DMI_PRODUCT_UUID);
	struct fth_hostinfo info = {};
	uuid_t uuid;
	int err;

	err = read_boot_id(info.boot_id);
	if (err)
		return err;
	/* The kernel printed it in the order of its SMBIOS version already. */
	if (text && !uuid_parse(text, &uuid)) {
		export_uuid(info.vm_uuid, &uuid);
		info.has_vm_uuid = true;
	}
	read_build_id(&info);
	*ret_info = info;
	return 0;
}

u64 fth_hostinfo_uptime_ms(void)
{
	return div_u64(ktime_get_boot_fast_ns(), NSEC_PER_MSEC);
}

u64 fth_hostinfo_taint(void)
{
	u64 taint = 0;
	unsigned int i;

	for (i = 0; i < TAINT_FLAGS_COUNT; i++)
		if (test_taint(i))
			taint |= 1ull << i;
	return taint;
}
