/* SPDX-License-Identifier: GPL-2.0 */
/* io_uring, which not every kernel is built with. */
#ifndef FOTHER_GUEST_COMPAT_URING_H
#define FOTHER_GUEST_COMPAT_URING_H

#include <linux/sched.h>

/** fth_task_uses_uring() - did it ever submit to, or wait for, a ring? */
static inline bool fth_task_uses_uring(const struct task_struct *task)
{
#ifdef CONFIG_IO_URING
	return READ_ONCE(task->io_uring);
#else
	return false;
#endif
}

#endif /* FOTHER_GUEST_COMPAT_URING_H */
