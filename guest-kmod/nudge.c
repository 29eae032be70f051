// SPDX-License-Identifier: GPL-2.0
/* The fake signal: tasks are asked to leave the kernel. */
#include "nudge.h"

#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "compat/kernel.h"
#include "fother/consistency.h"
#include "restart.h"
#include "uring.h"

#define TABLE_BITS 10
#define EXIT_LOOK_MS 10u

enum state {
	QUEUED,
	RUNS,
	EXPELLED, /* it ran inside io_uring and is to be queued again on the way out */
};

struct nudge {
	struct callback_head head;
	struct hlist_node link;
	struct task_struct *task; /* referenced */
	enum state state;
	bool expels; /* it may, once more */
	bool marked; /* ... and did */
	u8 timed;
	u32 which;
	fth_nudge_stay *stay;
};

/*
 * @lock protects the table and what it holds; task context only, and at the
 * beginning of signal delivery.
 */
static struct {
	spinlock_t lock;
	u32 count;
	DECLARE_HASHTABLE(nudges, TABLE_BITS);
} all = { .lock = __SPIN_LOCK_UNLOCKED(all.lock) };

static struct nudge *find(const struct task_struct *task)
{
	struct nudge *nudge;

	hash_for_each_possible(all.nudges, nudge, link, (unsigned long)task) {
		if (nudge->task == task)
			return nudge;
	}
	return NULL;
}

static void drop(struct nudge *nudge)
{
	spin_lock(&all.lock);
	hash_del(&nudge->link);
	all.count--;
	spin_unlock(&all.lock);
	put_task_struct(nudge->task);
	kfree(nudge);
}

/* Lock held. */
static void requeued(struct nudge *nudge)
{
	nudge->state = QUEUED;
	fth_uring_delivered();
}

void fth_nudge_deliver(void)
{
	struct nudge *nudge;

	spin_lock(&all.lock);
	hash_for_each_possible(all.nudges, nudge, link, (unsigned long)current) {
		if (nudge->task != current || nudge->state != EXPELLED)
			continue;
		/* It is not exiting, so this can't fail; and it looks for works next. */
		if (!task_work_add(current, &nudge->head, TWA_NONE))
			requeued(nudge);
	}
	spin_unlock(&all.lock);
}

/* Only once: where the stack can't be read, it would go on for ever. */
static bool expel(struct nudge *nudge)
{
	bool expelled;

	spin_lock(&all.lock);
	expelled = nudge->expels && fth_uring_expel();
	if (expelled) {
		nudge->state = EXPELLED;
		nudge->expels = false;
		nudge->marked = true;
	}
	spin_unlock(&all.lock);
	return expelled;
}

/*
 * In the task's own context, not always in signal delivery: whoever finds the
 * work queued runs it, io_uring and do_exit() among them.
 */
static void run(struct callback_head *head)
{
	struct nudge *nudge = container_of(head, struct nudge, head);
	enum fth_stack_exit where = fth_stack_exit();
	fth_nudge_stay *stay;
	bool marked;
	u32 which;
	u8 timed;

	if (where == FTH_EXIT_NOT && expel(nudge))
		return;
	spin_lock(&all.lock);
	nudge->state = RUNS;
	marked = nudge->marked;
	stay = nudge->stay;
	which = nudge->which;
	timed = nudge->timed;
	spin_unlock(&all.lock);
	/*
	 * Before it stays: a signal that comes meanwhile still has its way.  A
	 * tracer's stop runs task works too, with signal delivery still to come.
	 */
	if (where == FTH_EXIT_SIGNAL ||
	    (where == FTH_EXIT_PATH && test_thread_flag(TIF_NOTIFY_SIGNAL)))
		fth_restart_call(timed, marked);
	if (stay)
		stay(which, where);
	drop(nudge);
}

/*
 * Once more, for one that was expelled: whatever ran after us in the loop may
 * have taken the mark back.  Under the lock, or the task might leave in between.
 * Return: false when it exits.
 */
static bool queue_again(struct nudge *nudge)
{
	if (task_work_add(nudge->task, &nudge->head, TWA_SIGNAL))
		return false;
	nudge->expels = true;
	requeued(nudge);
	return true;
}

/* Return: as fth_nudge_task(), -ENOENT when none is queued. */
static int join(struct task_struct *task, u8 timed, fth_nudge_stay *stay, u32 which)
{
	struct nudge *nudge;
	int joined = -ENOENT;

	spin_lock(&all.lock);
	nudge = find(task);
	if (nudge) {
		joined = stay && (nudge->stay != stay || nudge->which != which);
		if (joined && nudge->state == RUNS) {
			joined = -EAGAIN;
		} else if (joined) {
			nudge->stay = stay;
			nudge->which = which;
		}
		nudge->timed = timed;
		if (nudge->state == EXPELLED && !queue_again(nudge))
			joined = -ESRCH;
	} else if (all.count == FTH_NUDGES_MAX) {
		joined = -ENOSPC;
	}
	spin_unlock(&all.lock);
	return joined;
}

int fth_nudge_task(struct task_struct *task, u8 timed, fth_nudge_stay *stay, u32 which)
{
	int error = join(task, timed, stay, which);
	struct nudge *nudge;

	if (error != -ENOENT)
		return error;
	fth_uring_watch(task);
	nudge = kzalloc(sizeof(*nudge), GFP_KERNEL);
	if (!nudge)
		return -ENOMEM;
	nudge->task = get_task_struct(task);
	nudge->expels = true;
	nudge->timed = timed;
	nudge->stay = stay;
	nudge->which = which;
	init_task_work(&nudge->head, run);
	/* Two for one task, by callers that missed each other, do no harm. */
	spin_lock(&all.lock);
	hash_add(all.nudges, &nudge->link, (unsigned long)task);
	all.count++;
	spin_unlock(&all.lock);
	/*
	 * The work is queued before its notification is set.  A task that came by
	 * in between would run it at once, and the notification would interrupt its
	 * next call with nobody to hide that: so it must not be long in between.
	 */
	preempt_disable();
	error = task_work_add(task, &nudge->head, TWA_SIGNAL);
	preempt_enable();
	if (!error)
		return 1;
	drop(nudge);
	return error;
}

static bool nudge_one(struct fth_roster *roster, struct fth_straggler *straggler, u8 timed)
{
	struct task_struct *task = straggler->task;

	/* A CPU's idle task sleeps for nobody; its retry is a stop of the CPUs. */
	if (is_idle_task(task) || fth_task_is_halted(task))
		return false;
	/* A worker of io_uring would complete its request with EINTR for good. */
	if (!fth_task_has_boundary(task)) {
		fth_task_wake_interruptible(task);
		return true;
	}
	if (timed == FTH_NUDGE_TIMED_WAIT && fth_restart_is_timed(task))
		return false;
	if (roster->live)
		fth_roster_visit(roster, straggler);
	return fth_nudge_task(task, timed, NULL, 0) > 0;
}

u32 fth_nudge_stragglers(struct fth_roster *roster, u8 timed)
{
	u32 nudged = 0;

	for (u32 i = 0; i < 1u << roster->bits; i++) {
		struct fth_straggler *straggler = &roster->slots[i];

		if (straggler->task && READ_ONCE(straggler->holds))
			nudged += nudge_one(roster, straggler, timed);
		cond_resched();
	}
	return nudged;
}

static bool is_head(struct callback_head *head, void *nudge)
{
	return head == &((struct nudge *)nudge)->head;
}

/* Return: false when none could be taken back. */
static bool take_back_one(void)
{
	struct nudge *nudge, *taken = NULL;
	int bucket;

	spin_lock(&all.lock);
	hash_for_each(all.nudges, bucket, nudge, link) {
		if (nudge->state == QUEUED && fth_task_work_cancel(nudge->task, is_head, nudge)) {
			taken = nudge;
			break;
		}
	}
	spin_unlock(&all.lock);
	if (taken)
		drop(taken);
	return taken;
}

/* Nobody comes back for one whose task died inside io_uring. */
static void push_expelled(void)
{
	struct nudge *nudge;
	struct hlist_node *next;
	int bucket;

	spin_lock(&all.lock);
	hash_for_each_safe(all.nudges, bucket, next, nudge, link) {
		if (nudge->state != EXPELLED || queue_again(nudge))
			continue;
		fth_uring_delivered();
		hash_del(&nudge->link);
		all.count--;
		put_task_struct(nudge->task);
		kfree(nudge);
	}
	spin_unlock(&all.lock);
}

void fth_nudge_exit(void)
{
	bool some;

	do {
		while (take_back_one())
			cond_resched();
		push_expelled();
		spin_lock(&all.lock);
		some = all.count;
		spin_unlock(&all.lock);
		/* Taken off its task's queue, but not run yet: that is soon. */
		if (some)
			msleep(EXIT_LOOK_MS);
	} while (some);
	fth_uring_exit();
}
