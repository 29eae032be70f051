/* SPDX-License-Identifier: GPL-2.0 */
/* What a host wants to know of this guest, and how it is read. */
#ifndef FOTHER_GUEST_HOSTINFO_H
#define FOTHER_GUEST_HOSTINFO_H

#include <linux/types.h>

#include "fother/wire.h"

struct vfsmount;

/**
 * struct fth_hostinfo - facts that hold until the next boot
 * @vm_uuid: SMBIOS, where @has_vm_uuid
 * @boot_id: of /proc/sys/kernel/random
 * @build_id: @build_id_size bytes; 0 = the kernel has none
 */
struct fth_hostinfo {
	bool has_vm_uuid;
	u8 build_id_size;
	u8 vm_uuid[FTH_UUID_SIZE];
	u8 boot_id[FTH_UUID_SIZE];
	u8 build_id[FTH_BUILD_ID_MAX];
};

/**
 * fth_hostinfo_init() - read the facts
 * @ret_info: filled
 *
 * Needs no mount of userspace: proc and sysfs are mounted privately.
 * Context: may sleep.
 * Return: 0; -errno when the boot id can't be read.
 */
int fth_hostinfo_init(struct fth_hostinfo *ret_info);

/** fth_hostinfo_uptime_ms() - CLOCK_BOOTTIME. Any context. */
u64 fth_hostinfo_uptime_ms(void);

/** fth_hostinfo_taint() - the kernel's taint mask. Any context. */
u64 fth_hostinfo_taint(void);

/**
 * fth_hostinfo_mount() - a mount of @filesystem that nobody else sees
 * @filesystem: "proc" or "sysfs"
 * Context: may sleep.
 * Return: for kern_unmount(), or an error pointer.
 */
struct vfsmount *fth_hostinfo_mount(const char *filesystem);

/**
 * fth_hostinfo_read() - the beginning of a file
 * @mount: from fth_hostinfo_mount()
 * @path: relative to it
 * @buffer: where
 * @size: bytes at most
 * Context: may sleep.
 * Return: bytes read or -errno.
 */
ssize_t fth_hostinfo_read(struct vfsmount *mount, const char *path, void *buffer, size_t size);

#endif /* FOTHER_GUEST_HOSTINFO_H */
