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
 * Who is in a roster and how it leaves it is roster.h's.
 * This file knows nothing of patches, deadlines or who asked.
 */
#ifndef FOTHER_GUEST_TRANSITION_H
#define FOTHER_GUEST_TRANSITION_H

#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "roster.h"

#define FTH_WALK_SLACK_MIN 64u /* tasks that may appear during a walk */
#define FTH_WALK_SLACK_MAX 65536u

enum fth_phase {
	FTH_PHASE_OLD = 0,
	FTH_PHASE_TO_NEW = 1,
	FTH_PHASE_NEW = 2,
	FTH_PHASE_TO_OLD = 3,
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
		!fth_roster_enter(roster, straggler, ip);
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
 * @gfp: for the walk and the roster
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
	gfp_t gfp;
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
 * fth_transition_end() - one universe for all
 * @to_new: which; with stragglers left this breaks consistency (force)
 *
 * Context: any.
 * Return: the roster that was the lever's, which lingers, or NULL.
 */
struct fth_roster *fth_transition_end(struct fth_lever *lever, bool to_new);

/** fth_transition_drain() - returns when no handler runs that began before. */
void fth_transition_drain(void);

#endif /* FOTHER_GUEST_TRANSITION_H */
