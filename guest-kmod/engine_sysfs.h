/* SPDX-License-Identifier: GPL-2.0 */
/* What the engine offers to its files in sysfs, and to nobody else. */
#ifndef FOTHER_GUEST_ENGINE_SYSFS_H
#define FOTHER_GUEST_ENGINE_SYSFS_H

#include <linux/types.h>

struct fth_patch;

/** fth_engine_print_pending() - one line per straggler.  Return: bytes. */
int fth_engine_print_pending(struct fth_patch *patch, char *page);

/** fth_engine_confirm_left_ms() - fth_revert_confirm_left_ms() with the lock. */
u32 fth_engine_confirm_left_ms(struct fth_patch *patch);

/** fth_engine_print_policies() - one line per policy.  Return: bytes. */
int fth_engine_print_policies(char *page);

/**
 * fth_engine_write_policy() - take a line of the policy file
 *
 * What is wrong with it is said in the log.  Return: 0 or -errno.
 */
int fth_engine_write_policy(const char *page, size_t length);

#endif /* FOTHER_GUEST_ENGINE_SYSFS_H */
