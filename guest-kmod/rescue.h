/* SPDX-License-Identifier: GPL-2.0 */
/* What a task that died in our own code held is given back. */
#ifndef FOTHER_GUEST_RESCUE_H
#define FOTHER_GUEST_RESCUE_H

#include <linux/notifier.h>
#include <linux/task_work.h>
#include <linux/types.h>

#define FTH_RESCUE_MAX 4u /* tasks that die at the same time */

/**
 * struct fth_rescue - its notifier, and room for the dead
 * @died: of each oops
 * @dead: tasks that died, and what is to run on their way out
 * @count: of tasks that were
 */
struct fth_rescue {
	struct notifier_block died;
	struct fth_rescue_death {
		struct task_struct *task;
		struct callback_head way_out;
	} dead[FTH_RESCUE_MAX];
	u64 count;
};

/**
 * fth_rescue_init() - before the engine's, so that a note finds the way free
 * Return: 0 or -errno.
 */
int fth_rescue_init(void);

/** fth_rescue_exit() - no task is in our code any more. */
void fth_rescue_exit(void);

#endif /* FOTHER_GUEST_RESCUE_H */
