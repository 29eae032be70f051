/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The move that every transition is made of: check stacks, flip universes.
 *
 * DESIGN
 * A task lives in the OLD or in the NEW universe of a patch.  A flip makes one
 * of them the target for all tasks at once, in stop_machine(): whoever is
 * clean is in the target from then on, whoever is not is entered in a roster
 * as a straggler and stays where it is.  Stacks are walked before, with the
 * machine running; inside the stop only tasks that ran since are walked again.
 *
 * phase    universe of a task
 * OLD      OLD
 * TO_NEW   OLD if it is a straggler of the roster, else NEW
 * NEW      NEW
 * TO_OLD   NEW if it is a straggler of the roster, else OLD
 *
 * A task that is not listed has never run: it was forked after the stop, so it
 * is in the target, and its stack holds nothing but its own beginning.  A task
 * that has left the list already (the end of do_exit()) is in the target too.
 *
 * A flip of the whole machine has no stragglers: it is made if nobody is one,
 * else nothing is changed, and the roster that is handed out then only names
 * those who prevented it.
 *
 * This file knows nothing of patches, deadlines or who asked.
 */
#ifndef FOTHER_GUEST_TRANSITION_H
#define FOTHER_GUEST_TRANSITION_H

#include <linux/atomic.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/sched.h>
#include <linux/task_work.h>
#include <linux/types.h>

#include "stack.h"

#define FTH_WALK_SLACK_MIN 64u /* tasks that may appear during a walk */
#define FTH_WALK_SLACK_MAX 65536u
#define FTH_LINGERS 2u /* a roster whose drain has not begun; 1 = it has */

enum fth_phase {
	FTH_PHASE_OLD = 0,
	FTH_PHASE_TO_NEW = 1,
	FTH_PHASE_NEW = 2,
	FTH_PHASE_TO_OLD = 3,
};

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

/**
 * struct fth_lever - which universe tasks see, for all functions of a patch
 * @phase: enum fth_phase.  Becomes a mixed phase with all CPUs stopped only,
 *	after @roster.  Only a handler in an NMI can see one without the other: it
 *	interrupted a stopper, which is no straggler, so either gives its answer.
 *	From mixed to uniform it changes any time: both give the same answer.
 * @roster: in the mixed phases
 */
struct fth_lever {
	int phase;
	struct fth_roster *roster;
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
 * fth_transition_enter() - a straggler is about to enter a function of its patch
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
bool fth_transition_enter(struct fth_roster *roster, struct fth_straggler *straggler,
			  unsigned long ip);

/**
 * fth_lever_is_new() - does this call of current go to the replacement?
 * @ip: the patch site of the function that is entered
 *
 * Context: any, preemption off; not traced.  A roster is freed only after
 * every CPU has been stopped once more.
 */
static __always_inline bool fth_lever_is_new(const struct fth_lever *lever, unsigned long ip)
{
	int phase = READ_ONCE(lever->phase);
	struct fth_straggler *straggler;
	struct fth_roster *roster;
	bool holds;

	if (likely(phase == FTH_PHASE_NEW))
		return true;
	if (phase == FTH_PHASE_OLD)
		return false;
	/* Pairs with the barrier in fth_transition_end(). */
	smp_rmb();
	roster = READ_ONCE(lever->roster);
	/* The transition has just ended: there is no straggler any more. */
	if (unlikely(!roster))
		return phase == FTH_PHASE_TO_NEW;
	straggler = fth_roster_find(roster, current);
	holds = straggler && READ_ONCE(straggler->holds) &&
		!fth_transition_enter(roster, straggler, ip);
	return holds == (phase == FTH_PHASE_TO_OLD);
}

/* What a quick look at a lever says. */
enum fth_peek {
	FTH_PEEK_OLD = 0,
	FTH_PEEK_NEW = 1,
	FTH_PEEK_ASK = 2,
};

/**
 * fth_lever_peek() - fth_lever_is_new() in the few instructions of the usual cases
 *
 * Calls nothing.  Context: as fth_lever_is_new().
 * Return: enum fth_peek; ASK where fth_lever_is_new() has to be asked: a
 * straggler may look at itself, or the roster has a task in current's first slot.
 */
static __always_inline enum fth_peek fth_lever_peek(const struct fth_lever *lever)
{
	int phase = READ_ONCE(lever->phase);
	const struct fth_straggler *straggler;
	const struct fth_roster *roster;
	const struct task_struct *found;

	if (phase == FTH_PHASE_NEW)
		return FTH_PEEK_NEW;
	if (phase == FTH_PHASE_OLD)
		return FTH_PEEK_OLD;
	/* Pairs with the barrier in fth_transition_end(). */
	smp_rmb();
	roster = READ_ONCE(lever->roster);
	if (unlikely(!roster))
		return phase == FTH_PHASE_TO_NEW ? FTH_PEEK_NEW : FTH_PEEK_OLD;
	straggler = &roster->slots[fth_roster_slot(roster, current)];
	found = READ_ONCE(straggler->task);
	if (found) {
		if (found != current)
			return FTH_PEEK_ASK;
		if (READ_ONCE(straggler->holds)) {
			if (straggler->tried != (u32)jiffies)
				return FTH_PEEK_ASK;
			return phase == FTH_PHASE_TO_OLD ? FTH_PEEK_NEW : FTH_PEEK_OLD;
		}
	}
	return phase == FTH_PHASE_TO_NEW ? FTH_PEEK_NEW : FTH_PEEK_OLD;
}

/**
 * struct fth_flip - one attempt
 * @rule: what a task must have left to be in the target
 * @to_new: the target
 * @whole: all tasks at one instant or none; the phase must be uniform
 * @stop_max_us: give up when the CPUs were stopped for longer
 * @slack: tasks more than were counted that there is room for
 * @left: see struct fth_roster
 * @ret_total: tasks seen
 * @ret_stopped_ns: how long the CPUs were stopped for the check; on error too
 * @ret_blockers: on -EBUSY only: who prevented it.  Not live, without users:
 *	the caller frees it when it likes.
 */
struct fth_flip {
	struct fth_stack_rule rule;
	bool to_new;
	bool whole;
	u32 stop_max_us;
	u32 slack;
	void (*left)(void);
	u32 ret_total;
	u64 ret_stopped_ns;
	struct fth_roster *ret_blockers;
};

/**
 * fth_transition_flip() - make one universe the target of all tasks
 * @lever: changed on success only.  Its roster is the new one then, and its
 *	phase a mixed one; if nobody is a straggler there is no roster, and the
 *	phase is uniform at once.
 * @flip: the attempt
 * @ret_old: the roster that was replaced, or NULL; the caller retires it
 *
 * Context: may sleep; one flip at a time.
 * Return: 0; -ENOMEM; -ENOSPC more stragglers or tasks than room: again with
 * more slack; -ETIME @stop_max_us exceeded; -EBUSY with @flip->whole: somebody
 * is a straggler, see @flip->ret_blockers.
 */
int fth_transition_flip(struct fth_lever *lever, struct fth_flip *flip,
			struct fth_roster **ret_old);

/**
 * fth_transition_jump() - one universe for all, at once and without a check
 * @to_new: which
 *
 * The model none, and whatever ends a transition against the rules.  A roster
 * that the lever has is left to the caller, as by fth_transition_end().
 * Context: any.
 */
void fth_transition_jump(struct fth_lever *lever, bool to_new);

/**
 * fth_transition_retry() - look at all stragglers again
 * @roster: nothing is done unless it is live
 * @stop: stop the CPUs for those that can't be seen otherwise (idle tasks,
 *	tasks that run whenever they are looked at)
 *
 * A user task is also asked to look at itself on its way out of the kernel.
 * The idle task of a CPU that went offline is let go: it begins afresh.  A stop
 * ends after the flip's stop_max_us; the next one goes on from there.
 * Context: may sleep; not concurrently with itself or a flip.
 */
void fth_transition_retry(struct fth_roster *roster, bool stop);

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
 * fth_transition_end() - one universe for all
 * @to_new: which; with stragglers left this breaks consistency (force)
 *
 * Context: any.
 * Return: the roster that was the lever's, which lingers, or NULL.
 */
struct fth_roster *fth_transition_end(struct fth_lever *lever, bool to_new);

/**
 * fth_roster_visit() - have a straggler look at itself as it leaves the kernel
 * @straggler: of @roster, which is live
 *
 * Nothing is done while an earlier visit is queued.
 * Return: true when it was queued now.
 */
bool fth_roster_visit(struct fth_roster *roster, struct fth_straggler *straggler);

/**
 * fth_transition_deliver() - current leaves io_uring, or any call, by signal delivery
 *
 * If it is a straggler it looks at itself again, in a task work that signal
 * delivery will run next: io_uring's loop ran the one before too early.
 * Context: task context, preemption off.
 */
void fth_transition_deliver(void);

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

/** fth_transition_drain() - returns when no handler runs that began before. */
void fth_transition_drain(void);

#endif /* FOTHER_GUEST_TRANSITION_H */
