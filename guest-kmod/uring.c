// SPDX-License-Identifier: GPL-2.0
/* Tasks that wait in io_uring_enter(): brought out of it, and seen when they leave. */
#include "uring.h"

#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/thread_info.h>

#include "compat/kernel.h"
#include "compat/uring.h"
#include "nudge.h"
#include "restart.h"
#include "roster.h"

#define DELIVERY "get_signal"

static void notrace watch(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *regs);

/*
 * @lock protects @tried and the registration.  @on is written under it, and
 * read anywhere.  @expelled: tasks between the mark and its delivery.
 */
static struct {
	struct mutex lock;
	bool tried;
	bool on;
	atomic_t expelled;
	struct ftrace_ops ops;
} uring = { .lock = __MUTEX_INITIALIZER(uring.lock), .ops = { .func = watch } };

/*
 * On everybody's way to signal delivery: the usual case costs two looks.  The roster
 * stays as long as preemption is off, which ftrace doesn't see to.
 */
static void notrace watch(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *regs)
{
	preempt_disable_notrace();
	if (atomic_read(&uring.expelled))
		fth_nudge_deliver();
	fth_roster_deliver();
	preempt_enable_notrace();
}

static int register_watch(void)
{
	unsigned long ip = fth_symbol_ftrace_ip(fth_symbol_address(DELIVERY));
	int error;

	if (!ip)
		return -ENOENT;
	error = ftrace_set_filter_ip(&uring.ops, ip, 0, 0);
	if (!error)
		error = register_ftrace_function(&uring.ops);
	if (error)
		ftrace_free_filter(&uring.ops);
	return error;
}

void fth_uring_watch(const struct task_struct *task)
{
	int error = 0;

	if (READ_ONCE(uring.on) || !fth_task_uses_uring(task))
		return;
	mutex_lock(&uring.lock);
	if (!uring.tried) {
		error = register_watch();
		/* Memory comes back, and an emergency may wait for such a task. */
		uring.tried = error != -ENOMEM;
		WRITE_ONCE(uring.on, !error);
	}
	mutex_unlock(&uring.lock);
	if (error)
		pr_warn_ratelimited(
			"nudge: '%s' can't be watched: %d; tasks that wait in io_uring_enter() stay there\n",
			DELIVERY, error);
}

static bool is_inside(void)
{
	return READ_ONCE(uring.on) && !(current->flags & PF_EXITING) && fth_restart_in_uring();
}

bool fth_uring_expel(void)
{
	if (!is_inside())
		return false;
	atomic_inc(&uring.expelled);
	/* Nobody but current clears its own, and it is awake. */
	set_thread_flag(TIF_SIGPENDING);
	return true;
}

void fth_uring_delivered(void)
{
	atomic_dec(&uring.expelled);
}

void fth_uring_return(void)
{
	if (is_inside())
		set_thread_flag(TIF_NOTIFY_SIGNAL);
}

void fth_uring_exit(void)
{
	if (!uring.on)
		return;
	WRITE_ONCE(uring.on, false);
	fth_ftrace_unregister(&uring.ops);
}
