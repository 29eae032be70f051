/* SPDX-License-Identifier: GPL-2.0 */
/* SysRq handlers under one type for every kernel. */
#ifndef FOTHER_GUEST_COMPAT_SYSRQ_H
#define FOTHER_GUEST_COMPAT_SYSRQ_H

#include <linux/sysrq.h>
#include <linux/version.h>

/*
 * What a handler gets as the key.  Source: upstream commit bcb48dd3b344 ("tty:
 * sysrq: switch sysrq handlers from int to u8", 6.7).
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define fth_sysrq_key_t u8
#else
#define fth_sysrq_key_t int
#endif

#endif /* FOTHER_GUEST_COMPAT_SYSRQ_H */
