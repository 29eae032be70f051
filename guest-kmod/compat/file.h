/* SPDX-License-Identifier: GPL-2.0 */
/* Descriptors under one name for every kernel. */
#ifndef FOTHER_GUEST_COMPAT_FILE_H
#define FOTHER_GUEST_COMPAT_FILE_H

#include <linux/file.h>
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

#endif /* FOTHER_GUEST_COMPAT_FILE_H */
