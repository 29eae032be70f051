// SPDX-License-Identifier: GPL-2.0
/* The kernel's own freezer, as a suspend uses it. */
#include "freeze.h"

#include <linux/freezer.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/static_call.h>
#include <linux/suspend.h>
#include <linux/workqueue.h>

#include "kernel.h"

#define PARTS 3u	 /* of the budget: user tasks, kernel threads, what is then done */
#define RESCUE_MS 30000u /* a freezer that is alive is long done by then */

#define LOOKED_UP(X)             \
	X(freeze_processes)      \
	X(freeze_kernel_threads) \
	X(thaw_processes)

#define DEFINE_CALL(name) DEFINE_STATIC_CALL_NULL(fth_##name, name);
LOOKED_UP(DEFINE_CALL)
#undef DEFINE_CALL

static void rescue(struct work_struct *work);

/* One freeze at a time: the engine's worker. */
static struct {
	unsigned int *timeout_ms;
	unsigned int saved_timeout_ms;
	unsigned int sleep_flags;
	int frozen; /* whoever takes it to 0 thaws */
	struct delayed_work rescue;
} freezer = { .rescue = __DELAYED_WORK_INITIALIZER(freezer.rescue, rescue, 0) };

static unsigned long look_up(const char *name)
{
	unsigned long address = fth_symbol_address(name);

	if (!address)
		pr_err("init: this kernel has no symbol '%s'; it is not supported\n", name);
	return address;
}

int fth_freeze_init(void)
{
	unsigned long address;

#define UPDATE_CALL(name)         \
	address = look_up(#name); \
	if (!address)             \
		return -ENOENT;   \
	static_call_update(fth_##name, (typeof(&name))address);
	LOOKED_UP(UPDATE_CALL)
#undef UPDATE_CALL
	address = look_up("freeze_timeout_msecs");
	if (!address)
		return -ENOENT;
	freezer.timeout_ms = (unsigned int *)address;
	return 0;
}

/* Thaws kernel threads and work queues too. */
static void thaw(void)
{
	/* The freezer wants to be thawed by whom it marked when it froze. */
	current->flags |= PF_SUSPEND_TASK;
	static_call(fth_thaw_processes)();
}

/*
 * Nobody came to thaw: the task that froze died.  It holds the lock that keeps
 * suspends off, for good, but userspace runs again.
 */
static void rescue(struct work_struct *work)
{
	if (!xchg(&freezer.frozen, 0))
		return;
	pr_err("freeze: whoever froze the guest did not thaw it; thawed now\n");
	WRITE_ONCE(*freezer.timeout_ms, freezer.saved_timeout_ms);
	thaw();
}

void fth_freeze_kernel_lock(void)
{
	freezer.sleep_flags = lock_system_sleep();
}

void fth_freeze_kernel_unlock(void)
{
	unlock_system_sleep(freezer.sleep_flags);
}

int fth_freeze_kernel_begin(u32 budget_ms)
{
	int error;

	freezer.saved_timeout_ms = READ_ONCE(*freezer.timeout_ms);
	WRITE_ONCE(*freezer.timeout_ms, max(budget_ms / PARTS, 1u));
	error = static_call(fth_freeze_processes)();
	if (!error) {
		error = static_call(fth_freeze_kernel_threads)();
		/* It thaws kernel threads only when it fails. */
		if (error)
			thaw();
	}
	if (error) {
		WRITE_ONCE(*freezer.timeout_ms, freezer.saved_timeout_ms);
		return error;
	}
	/* Nobody freezes workers.  The mark is set again by whoever thaws, maybe not us. */
	current->flags &= ~PF_SUSPEND_TASK;
	xchg(&freezer.frozen, 1);
	/* On a queue that is not frozen. */
	queue_delayed_work(system_highpri_wq, &freezer.rescue, msecs_to_jiffies(RESCUE_MS));
	return 0;
}

void fth_freeze_kernel_end(void)
{
	if (xchg(&freezer.frozen, 0)) {
		WRITE_ONCE(*freezer.timeout_ms, freezer.saved_timeout_ms);
		thaw();
	}
	/* If it was the rescue that thawed: before a suspend may freeze. */
	cancel_delayed_work_sync(&freezer.rescue);
}

void fth_freeze_exit(void)
{
	cancel_delayed_work_sync(&freezer.rescue);
}
