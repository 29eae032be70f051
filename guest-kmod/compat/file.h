/* SPDX-License-Identifier: GPL-2.0 */
/* Files and descriptors under one name for every kernel. */
#ifndef FOTHER_GUEST_COMPAT_FILE_H
#define FOTHER_GUEST_COMPAT_FILE_H

#include <linux/file.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/version.h>

/**
 * fth_file_receive() - give current a descriptor of a file
 * @file: a reference of its own is taken
 * @flags: 0 or O_CLOEXEC
 *
 * Source: upstream commit 4e94ddfe2aab ("file: remove __receive_fd()", 6.8)
 * changed the arguments.
 * Return: the lowest free descriptor, or -errno.
 */
static inline int fth_file_receive(struct file *file, unsigned int flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	return receive_fd(file, NULL, flags);
#else
	return receive_fd(file, flags);
#endif
}

/**
 * fth_file_in_memory() - a file without a name, whose pages may be swapped out
 * @label: what /proc shows in place of its name
 * @size: bytes; none is reserved
 *
 * Source: shmem_file_setup() takes a vma_flags_t from 7.0 on.
 * Return: the file or an ERR_PTR.
 */
static inline struct file *fth_file_in_memory(const char *label, loff_t size)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
	return shmem_file_setup(label, size, mk_vma_flags(VMA_NORESERVE_BIT));
#else
	return shmem_file_setup(label, size, VM_NORESERVE);
#endif
}

#endif /* FOTHER_GUEST_COMPAT_FILE_H */
