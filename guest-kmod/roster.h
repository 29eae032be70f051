/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who has not switched yet, and how they are looked at again.
 *
 * DESIGN
 * A flip enters those who are not clean in a roster.  From then on each of them is
 * looked at where it may be clean: on its own way out of the kernel (a visit), as
 * it enters a function of the set, by the engine's worker (a retry), and with the
 * CPUs stopped where nothing else helps.  Whoever finds it clean lets it go, once.
 * This file knows no phases: which universe a straggler is in is its lever's.
 */
#ifndef FOTHER_GUEST_ROSTER_H
#define FOTHER_GUEST_ROSTER_H

#include <linux/atomic.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/types.h>

#include "stack.h"

#define FTH_LINGERS 2u /* a roster whose drain has not begun; 1 = it has */

/* Why a straggler is one. */
enum fth_hold {
	FTH_HOLD_STACK = 0,	 /* @where is on its stack */
	FTH_HOLD_RUNNING = 1,	 /* it ran whenever it was looked at */
	FTH_HOLD_UNRELIABLE = 2, /* its stack can't be read */
	FTH_HOLD_KERNEL = 3,	 /* it is inside the kernel, at @where */
};

struct fth_roster;

/* A callback in a straggler's own context; @queued guards @head. */
struct fth_visit {
	struct callback_head head;
	struct fth_roster *roster;
	bool queued;
};

/**
 * struct fth_straggler - one task that is not in the target yet
 * @task: referenced; NULL = free slot
 * @holds: it is still a straggler
 * @hold: enum fth_hold, for a person
 * @where: with FTH_HOLD_STACK and _KERNEL
 * @since_ns: CLOCK_MONOTONIC, when it was first found to be one
 * @tried: jiffies of the last look at itself at a function's entry
 * @leave: on its way out of the kernel
 */
struct fth_straggler {
	struct task_struct *task;
	int holds;
	u8 hold;
	u32 tried;
	unsigned long where;
	u64 since_ns;
	struct fth_visit leave;
};

/**
 * struct fth_roster - stragglers of one flip, open addressing by task
 * @retired: in the engine's list when it is no switch's roster any more
 * @lingers: a handler may look at it until fth_transition_drain() or a flip; the
 *	engine counts it down
 * @rule: what they must leave; its set outlives the roster or is replaced by
 *	fth_roster_set_text()
 * @left: called when the last straggler left or the last visit ended; not
 *	from under scheduler locks; preemption off
 * @tell: calls @left for a handler, which may stand under any lock
 * @live: it is some switch's roster; cleared with all CPUs stopped.  A roster
 *	of those who prevented a flip of the whole machine never is.
 * @holding: stragglers
 * @users: visits queued or running
 * @stop_max_us: of the flip; holds for retries too
 * @next: slot that the next retry with the CPUs stopped begins with
 * @bits: log2 of the slots
 * @mask: slots less one
 * @count: used slots
 */
struct fth_roster {
	struct list_head retired;
	u8 lingers;
	struct fth_stack_rule rule;
	void (*left)(void);
	struct irq_work tell;
	bool live;
	atomic_t holding;
	atomic_t users;
	u32 stop_max_us;
	u32 next;
	u32 bits;
	u32 mask;
	u32 count;
	struct fth_straggler slots[];
};

/* Bits from the middle of the product: no shift has to be loaded. */
static __always_inline u32 fth_roster_slot(const struct fth_roster *roster,
					   const struct task_struct *task)
{
	return (u32)(((unsigned long)task * 0x61c88647ul) >> 20) & roster->mask;
}

/** fth_roster_find() - the slot of @task, or NULL.  Any context. */
static __always_inline struct fth_straggler *fth_roster_find(struct fth_roster *roster,
							     const struct task_struct *task)
{
	u32 i = fth_roster_slot(roster, task);

	/* At most half of the slots are used: a free one ends the search. */
	for (;; i = (i + 1) & roster->mask) {
		struct task_struct *found = READ_ONCE(roster->slots[i].task);

		if (found == task)
			return &roster->slots[i];
		if (!found)
			return NULL;
	}
}

static __always_inline bool fth_roster_holds(struct fth_roster *roster,
					     const struct task_struct *task)
{
	struct fth_straggler *straggler = fth_roster_find(roster, task);

	return straggler && READ_ONCE(straggler->holds);
}

/**
 * fth_roster_enter() - a straggler is about to enter a function of its patch
 * @roster: of its lever
 * @straggler: current's, and it holds
 * @ip: the function's patch site
 *
 * A task that goes from one function of the set to the next, a kernel thread
 * in its loop above all, may be outside for an instant only: this one.  Where
 * the kernel's boundary counts, a user task is never outside here.
 * Context: an ftrace handler.  Looks once in a jiffy, and in task context only.
 * Return: true when it is no straggler any more.
 */
bool fth_roster_enter(struct fth_roster *roster, struct fth_straggler *straggler, unsigned long ip);

/**
 * fth_roster_alloc() - nobody in it yet, with room for @room tasks
 *
 * Its @rule, @left and @stop_max_us are the caller's to set.  Return: NULL without memory.
 */
struct fth_roster *fth_roster_alloc(u32 room, gfp_t gfp);

/**
 * fth_roster_add() - one more straggler
 * @verdict: of fth_stack_judge(), not clean
 * @where: what it found
 * @since_ns: CLOCK_MONOTONIC
 *
 * Context: all CPUs stopped, or nobody else knows @roster; takes a reference of @task.
 * Return: 0; -ENOSPC half of the slots are used.
 */
int fth_roster_add(struct fth_roster *roster, struct task_struct *task, int verdict,
		   unsigned long where, u64 since_ns);

/** fth_roster_present() - @roster is the one transition's; NULL: none runs. */
void fth_roster_present(struct fth_roster *roster);

/**
 * fth_roster_retry() - look at all stragglers again
 * @roster: nothing is done unless it is live
 * @stop: stop the CPUs for those that can't be seen otherwise (idle tasks,
 *	tasks that run whenever they are looked at)
 *
 * A user task is also asked to look at itself on its way out of the kernel.
 * The idle task of a CPU that went offline is let go: it begins afresh.  A stop
 * ends after the flip's stop_max_us; the next one goes on from there.
 * Context: may sleep; not concurrently with itself or a flip.
 */
void fth_roster_retry(struct fth_roster *roster, bool stop);

/**
 * fth_roster_inherit() - who holds up now did so before, says an older roster
 * @roster: not seen by others yet, or under whatever they look at it with
 * @older: of an attempt before
 */
void fth_roster_inherit(struct fth_roster *roster, struct fth_roster *older);

/**
 * fth_roster_review() - do those who prevented a flip still prevent it?
 * @roster: not live
 *
 * Who does not is let go in it.  Of a task that runs, and of an idle one, that
 * can't be told without another flip.
 * Context: may sleep.
 * Return: true when somebody does for certain.
 */
bool fth_roster_review(struct fth_roster *roster);

/**
 * fth_roster_visit() - have a straggler look at itself as it leaves the kernel
 * @straggler: of @roster, which is live
 *
 * Nothing is done while an earlier visit is queued.
 * Return: true when it was queued now.
 */
bool fth_roster_visit(struct fth_roster *roster, struct fth_straggler *straggler);

/**
 * fth_roster_deliver() - current leaves io_uring, or any call, by signal delivery
 *
 * If it is a straggler it looks at itself again, in a task work that signal
 * delivery will run next: io_uring's loop ran the one before too early.
 * Context: task context, preemption off.
 */
void fth_roster_deliver(void);

/**
 * fth_roster_set_text() - replace the set that stragglers must leave
 * @set: sealed; outlives the roster or the next call
 *
 * For a module that comes or goes.  The set before may be freed after
 * fth_transition_drain().  Not concurrently with a flip of the same lever.
 */
void fth_roster_set_text(struct fth_roster *roster, const struct fth_stack_set *set);

/** fth_roster_cancel() - take back the visits that have not begun. */
void fth_roster_cancel(struct fth_roster *roster);

/**
 * fth_roster_free() - drop the tasks and the memory
 *
 * Only with no users, and after the CPUs were stopped once since it was the
 * roster of a switch (fth_transition_drain()).
 */
void fth_roster_free(struct fth_roster *roster);

#endif /* FOTHER_GUEST_ROSTER_H */
