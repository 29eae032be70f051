// SPDX-License-Identifier: GPL-2.0
/* Check stacks, flip universes: the two-phase move of every transition. */
#include "transition.h"

#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "compat/kernel.h"
#include "compat/breakage.h"

#define CLOCK_EVERY_WALKS 8u /* stacks between two looks at the clock */

/* What the walk before the stop found out about a task. */
struct seen {
	struct task_struct *task; /* referenced */
	unsigned long switches;
	unsigned long where;
	int verdict; /* of fth_stack_judge(); -EBUSY = it ran */
};

struct walk {
	u32 bits;
	u32 room;
	u32 count;
	struct seen slots[];
};

static u32 task_hash(const struct task_struct *task, u32 bits)
{
	return (u32)(((unsigned long)task * 0x61c8864680b583ebull) >> (64 - bits));
}

static struct seen *walk_slot(struct walk *walk, const struct task_struct *task)
{
	u32 mask = (1u << walk->bits) - 1;
	u32 i = task_hash(task, walk->bits);

	while (walk->slots[i].task && walk->slots[i].task != task)
		i = (i + 1) & mask;
	return &walk->slots[i];
}

static u32 count_tasks(void)
{
	struct task_struct *process, *task;
	u32 count = 0;

	rcu_read_lock();
	for_each_process_thread(process, task)
		count++;
	rcu_read_unlock();
	return count;
}

/* References to all tasks there is room for; the others are walked stopped. */
static void walk_collect(struct walk *walk)
{
	struct task_struct *process, *task;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		struct seen *seen;

		if (walk->count == walk->room)
			goto out;
		seen = walk_slot(walk, task);
		if (seen->task)
			continue;
		seen->task = get_task_struct(task);
		walk->count++;
	}
out:
	rcu_read_unlock();
}

struct look {
	const struct fth_stack_rule *rule;
	struct seen *seen;
};

/* Runs with the task's locks held: it can't start to run meanwhile. */
static int look_at(struct task_struct *task, void *arg)
{
	struct look *look = arg;
	struct seen *seen = look->seen;

	if (fth_task_on_cpu(task) && task != current)
		return -EBUSY;
	seen->switches = fth_task_switches(task);
	return fth_stack_judge(task, look->rule, &seen->where);
}

static struct walk *walk_tasks(const struct fth_flip *flip)
{
	u32 room = count_tasks() + flip->slack;
	u32 bits = ilog2(roundup_pow_of_two(2 * room));
	struct walk *walk;

	walk = kvzalloc(struct_size(walk, slots, 1ul << bits), flip->gfp);
	if (!walk)
		return NULL;
	walk->bits = bits;
	walk->room = room;
	walk_collect(walk);
	for (u32 i = 0; i < 1u << bits; i++) {
		struct look look = { .rule = &flip->rule, .seen = &walk->slots[i] };

		if (!walk->slots[i].task)
			continue;
		walk->slots[i].verdict = fth_task_call(walk->slots[i].task, look_at, &look);
		cond_resched();
	}
	return walk;
}

static void walk_free(struct walk *walk)
{
	for (u32 i = 0; i < 1u << walk->bits; i++) {
		if (walk->slots[i].task)
			put_task_struct(walk->slots[i].task);
		cond_resched();
	}
	kvfree(walk);
}

static u32 walk_unclean(const struct walk *walk)
{
	u32 count = 0;

	for (u32 i = 0; i < 1u << walk->bits; i++)
		count += walk->slots[i].task && walk->slots[i].verdict;
	return count;
}

struct flip_stopped {
	struct fth_flip *flip;
	struct fth_lever *lever;
	struct walk *walk;
	struct fth_roster *roster;
	u64 began_ns;
	u32 walked;
};

/* The verdict of the walk counts if the task did not run since. */
static bool is_known(struct walk *walk, struct task_struct *task, const struct seen **ret_seen)
{
	const struct seen *seen = walk_slot(walk, task);

	if (!seen->task || seen->verdict < 0 || fth_task_on_cpu(task) ||
	    seen->switches != fth_task_switches(task))
		return false;
	*ret_seen = seen;
	return true;
}

static int flip_task(struct flip_stopped *stopped, struct task_struct *task)
{
	const struct fth_flip *flip = stopped->flip;
	struct fth_roster *old = stopped->lever->roster;
	const struct seen *seen;
	unsigned long where = 0;
	int verdict;

	stopped->flip->ret_total++;
	/* A straggler of the way there is already where the way back leads. */
	if (old && fth_roster_holds(old, task))
		return 0;
	if (is_known(stopped->walk, task, &seen)) {
		if (!seen->verdict)
			return 0;
		return fth_roster_add(stopped->roster, task, seen->verdict, seen->where,
				      stopped->began_ns);
	}
	/* The other CPUs' stoppers spin in functions that nobody may patch. */
	if (fth_task_is_stopper(task) || fth_task_is_dead(task))
		return 0;
	if (fth_broken_stop() && fth_task_on_cpu(task))
		return 0;
	if (!(++stopped->walked % CLOCK_EVERY_WALKS) &&
	    ktime_get_mono_fast_ns() - stopped->began_ns > flip->stop_max_us * 1000ull)
		return -ETIME;
	verdict = fth_stack_judge(task, &flip->rule, &where);
	if (!verdict)
		return 0;
	return fth_roster_add(stopped->roster, task, verdict, where, stopped->began_ns);
}

static int flip_tasks(struct flip_stopped *stopped)
{
	struct task_struct *process, *task;
	int cpu, error;

	for_each_process_thread(process, task) {
		error = flip_task(stopped, task);
		if (error)
			return error;
	}
	/* An offline CPU's idle task begins afresh when the CPU comes back. */
	for_each_online_cpu(cpu) {
		error = flip_task(stopped, fth_cpu_idle_task(cpu));
		if (error)
			return error;
	}
	return 0;
}

/* Stragglers are OLD or NEW by name, all others by the phase. */
static void begin_mixed(struct flip_stopped *stopped)
{
	struct fth_lever *lever = stopped->lever;

	if (lever->roster)
		lever->roster->live = false;
	stopped->roster->live = true;
	fth_roster_present(stopped->roster);
	/* In this order, for handlers in NMIs; see struct fth_lever. */
	WRITE_ONCE(lever->roster, stopped->roster);
	WRITE_ONCE(lever->phase, stopped->flip->to_new ? FTH_PHASE_TO_NEW : FTH_PHASE_TO_OLD);
}

/* Nobody is a straggler, whatever the model. */
static void begin_uniform(struct flip_stopped *stopped)
{
	struct fth_lever *lever = stopped->lever;

	/* A lever that nobody looks at has none: the one that is present is another's. */
	if (lever->roster) {
		lever->roster->live = false;
		fth_roster_present(NULL);
	}
	WRITE_ONCE(lever->roster, NULL);
	fth_transition_jump(lever, stopped->flip->to_new);
}

/*
 * No lock for the list of tasks is needed: it is written with interrupts off,
 * so no CPU can have been stopped in the middle of that.
 */
static int flip_stopped(void *arg)
{
	struct flip_stopped *stopped = arg;
	struct fth_flip *flip = stopped->flip;
	int error;

	stopped->began_ns = ktime_get_mono_fast_ns();
	flip->ret_total = 0;
	error = flip_tasks(stopped);
	flip->ret_stopped_ns = ktime_get_mono_fast_ns() - stopped->began_ns;
	if (error)
		return error;
	if (!stopped->roster->count)
		begin_uniform(stopped);
	else if (!flip->whole)
		begin_mixed(stopped);
	else
		return -EBUSY;
	return 0;
}

static int flip_now(struct flip_stopped *stopped)
{
	int error;

	if (!fth_broken_stop())
		return stop_machine(flip_stopped, stopped, NULL);
	rcu_read_lock();
	preempt_disable();
	error = flip_stopped(stopped);
	preempt_enable();
	rcu_read_unlock();
	return error;
}

static struct fth_roster *roster_for(const struct fth_flip *flip, u32 unclean)
{
	struct fth_roster *roster = fth_roster_alloc(unclean + flip->slack, flip->gfp);

	if (!roster)
		return NULL;
	roster->rule = flip->rule;
	roster->left = flip->left;
	roster->stop_max_us = flip->stop_max_us;
	return roster;
}

/* Stragglers of the same direction would be taken for switched ones. */
static bool is_possible(const struct fth_lever *lever, const struct fth_flip *flip)
{
	if (flip->whole)
		return !lever->roster &&
		       lever->phase != (flip->to_new ? FTH_PHASE_NEW : FTH_PHASE_OLD);
	return lever->phase != (flip->to_new ? FTH_PHASE_TO_NEW : FTH_PHASE_TO_OLD);
}

int fth_transition_flip(struct fth_lever *lever, struct fth_flip *flip, struct fth_roster **ret_old)
{
	struct flip_stopped stopped = { .flip = flip, .lever = lever };
	struct fth_roster *old = lever->roster;
	int error = -ENOMEM;

	if (WARN_ON_ONCE(!is_possible(lever, flip)))
		return -EINVAL;
	stopped.walk = walk_tasks(flip);
	if (!stopped.walk)
		return -ENOMEM;
	stopped.roster = roster_for(flip, walk_unclean(stopped.walk));
	if (!stopped.roster)
		goto out;
	error = flip_now(&stopped);
	if (error == -EBUSY)
		flip->ret_blockers = stopped.roster;
	else if (error || lever->roster != stopped.roster)
		fth_roster_free(stopped.roster);
	if (!error)
		*ret_old = old;
out:
	walk_free(stopped.walk);
	return error;
}

void fth_transition_jump(struct fth_lever *lever, bool to_new)
{
	WRITE_ONCE(lever->phase, to_new ? FTH_PHASE_NEW : FTH_PHASE_OLD);
}

struct fth_roster *fth_transition_end(struct fth_lever *lever, bool to_new)
{
	struct fth_roster *roster = lever->roster;

	/* In this order: a handler that misses the roster goes by the phase it read. */
	fth_transition_jump(lever, to_new);
	smp_wmb(); /* pairs with the barrier in fth_lever_is_new() */
	WRITE_ONCE(lever->roster, NULL);
	fth_roster_present(NULL);
	if (roster)
		roster->lingers = FTH_LINGERS;
	return roster;
}

static int nothing(void *arg)
{
	return 0;
}

/*
 * Handlers run with preemption off, also where RCU does not watch (the idle
 * loop), so a grace period is not enough; a stop of all CPUs is.
 */
void fth_transition_drain(void)
{
	stop_machine(nothing, NULL, NULL);
}
