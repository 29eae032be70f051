/* SPDX-License-Identifier: GPL-2.0 */
/* /sys/kernel/fother: status and control for a person in the guest. */
#ifndef FOTHER_GUEST_SYSFS_H
#define FOTHER_GUEST_SYSFS_H

#include "patch.h"

struct kobject;

/** fth_sysfs_init() - make the root folder and `patches`.  Return: 0, -errno. */
int fth_sysfs_init(void);

/** fth_sysfs_exit() - remove them; no patch has a folder any more. */
void fth_sysfs_exit(void);

/** fth_sysfs_root() - /sys/kernel/fother, between engine init and exit. */
struct kobject *fth_sysfs_root(void);

/**
 * fth_sysfs_add() - make a patch's folder with all beneath
 * @patch: gets @sysfs
 *
 * Context: sleeps; without the engine's lock, which its files take.
 * Return: 0 or -errno; then there is none.
 */
int fth_sysfs_add(struct fth_patch *patch);

/**
 * fth_sysfs_remove() - remove it; waits for readers and writers
 *
 * Context: sleeps; without the engine's lock.
 */
void fth_sysfs_remove(struct fth_patch *patch);

#endif /* FOTHER_GUEST_SYSFS_H */
