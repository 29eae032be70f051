// SPDX-License-Identifier: GPL-2.0
/* Check stacks, flip universes: the two-phase move of every transition. */
#include "transition.h"

#include <linux/cpumask.h>
#include <linux/ftrace.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "compat/kernel.h"
#include "compat/breakage.h"
#include "uring.h"

#define CLOCK_EVERY_WALKS 8u  /* stacks between two looks at the clock */
#define CLOCK_EVERY_SLOTS 16u /* slots of a roster, most of them free */

/*
 * Of the one transition, for those who don't know which it is.  Set with its
 * lever's, so the same holds for who looks at it.
 */
static struct fth_roster *present;

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

static struct walk *walk_tasks(const struct fth_stack_rule *rule, u32 slack)
{
	u32 room = count_tasks() + slack;
	u32 bits = ilog2(roundup_pow_of_two(2 * room));
	struct walk *walk;

	walk = kvzalloc(struct_size(walk, slots, 1ul << bits), GFP_KERNEL);
	if (!walk)
		return NULL;
	walk->bits = bits;
	walk->room = room;
	walk_collect(walk);
	for (u32 i = 0; i < 1u << bits; i++) {
		struct look look = { .rule = rule, .seen = &walk->slots[i] };

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

static void tell_left(struct irq_work *work)
{
	container_of(work, struct fth_roster, tell)->left();
}

static struct fth_roster *roster_alloc(const struct fth_flip *flip, u32 room)
{
	u32 bits = ilog2(roundup_pow_of_two(2 * room));
	struct fth_roster *roster;

	roster = kvzalloc(struct_size(roster, slots, 1ul << bits), GFP_KERNEL);
	if (!roster)
		return NULL;
	INIT_LIST_HEAD(&roster->retired);
	roster->rule = flip->rule;
	roster->left = flip->left;
	roster->stop_max_us = flip->stop_max_us;
	init_irq_work(&roster->tell, tell_left);
	roster->bits = bits;
	roster->mask = (1u << bits) - 1;
	return roster;
}

struct flip_stopped {
	struct fth_flip *flip;
	struct fth_lever *lever;
	struct walk *walk;
	struct fth_roster *roster;
	u64 began_ns;
	u32 walked;
};

static u8 hold_of(int verdict)
{
	if (verdict == FTH_STACK_HELD)
		return FTH_HOLD_STACK;
	return verdict == FTH_STACK_KERNEL ? FTH_HOLD_KERNEL : FTH_HOLD_UNRELIABLE;
}

static int roster_add(struct flip_stopped *stopped, struct task_struct *task, int verdict,
		      unsigned long where)
{
	struct fth_roster *roster = stopped->roster;
	u32 mask = roster->mask;
	u32 i = fth_roster_slot(roster, task);

	if (roster->count > mask / 2)
		return -ENOSPC;
	while (roster->slots[i].task)
		i = (i + 1) & mask;
	roster->slots[i].task = get_task_struct(task);
	roster->slots[i].holds = 1;
	roster->slots[i].hold = hold_of(verdict);
	roster->slots[i].where = where;
	roster->slots[i].since_ns = stopped->began_ns;
	roster->count++;
	atomic_inc(&roster->holding);
	return 0;
}

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
		return roster_add(stopped, task, seen->verdict, seen->where);
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
	return verdict ? roster_add(stopped, task, verdict, where) : 0;
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
	WRITE_ONCE(present, stopped->roster);
	/* In this order, for handlers in NMIs; see struct fth_lever. */
	WRITE_ONCE(lever->roster, stopped->roster);
	WRITE_ONCE(lever->phase, stopped->flip->to_new ? FTH_PHASE_TO_NEW : FTH_PHASE_TO_OLD);
}

/* Nobody is a straggler, whatever the model. */
static void begin_uniform(struct flip_stopped *stopped)
{
	struct fth_lever *lever = stopped->lever;

	if (lever->roster)
		lever->roster->live = false;
	WRITE_ONCE(present, NULL);
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
	stopped.walk = walk_tasks(&flip->rule, flip->slack);
	if (!stopped.walk)
		return -ENOMEM;
	stopped.roster = roster_alloc(flip, walk_unclean(stopped.walk) + flip->slack);
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

/* Returns true for the one caller that moved it. */
static bool let_go(struct fth_straggler *straggler)
{
	return cmpxchg(&straggler->holds, 1, 0) == 1;
}

static int judge(struct fth_straggler *straggler, const struct fth_stack_rule *rule)
{
	int verdict;

	if (fth_task_is_dead(straggler->task))
		return 0;
	verdict = fth_stack_judge(straggler->task, rule, &straggler->where);
	if (verdict)
		straggler->hold = hold_of(verdict);
	return verdict;
}

/*
 * In the straggler's own context, not always at the kernel's boundary: io_uring
 * and do_exit() run task works too, so it looks at its own stack.  Preemption
 * is off, so that a flip, which stops all CPUs, comes before or after it all.
 */
static void visit(struct callback_head *head)
{
	struct fth_visit *visit = container_of(head, struct fth_visit, head);
	struct fth_roster *roster = visit->roster;
	struct fth_straggler *straggler;
	void (*left)(void) = roster->left;
	bool tell = false;

	preempt_disable();
	straggler = fth_roster_find(roster, current);
	if (roster->live && straggler && READ_ONCE(straggler->holds)) {
		if (judge(straggler, &roster->rule))
			fth_uring_return();
		else if (let_go(straggler))
			tell = atomic_dec_and_test(&roster->holding);
	}
	/* Pairs with fth_roster_visit(): done with @head. */
	smp_store_release(&visit->queued, false);
	/* The roster may be freed from here on. */
	if (atomic_dec_and_test(&roster->users) || tell)
		left();
	preempt_enable();
}

bool notrace fth_transition_enter(struct fth_roster *roster, struct fth_straggler *straggler,
				  unsigned long ip)
{
	u32 now = jiffies;

	if (!in_task() || straggler->tried == now)
		return false;
	straggler->tried = now;
	if (roster->rule.boundary && fth_task_has_boundary(current))
		return false;
	if (fth_stack_check_entry(READ_ONCE(roster->rule.set), ip + MCOUNT_INSN_SIZE))
		return false;
	if (let_go(straggler) && atomic_dec_and_test(&roster->holding))
		irq_work_queue(&roster->tell);
	return true;
}

bool fth_roster_visit(struct fth_roster *roster, struct fth_straggler *straggler)
{
	struct fth_visit *queue = &straggler->leave;

	/* The engine's worker and the task itself may come at once.  Pairs with visit(). */
	if (READ_ONCE(queue->queued) || xchg(&queue->queued, true))
		return false;
	queue->roster = roster;
	init_task_work(&queue->head, visit);
	atomic_inc(&roster->users);
	if (!task_work_add(straggler->task, &queue->head, TWA_RESUME))
		return true;
	/* It is exiting: it will be found dead, or clean. */
	smp_store_release(&queue->queued, false);
	atomic_dec(&roster->users);
	return false;
}

void fth_transition_deliver(void)
{
	struct fth_roster *roster = READ_ONCE(present);
	struct fth_straggler *straggler = roster ? fth_roster_find(roster, current) : NULL;

	if (straggler && READ_ONCE(straggler->holds))
		fth_roster_visit(roster, straggler);
}

static bool is_visit(struct callback_head *head, void *arg)
{
	const struct fth_straggler *straggler = arg;

	return head == &straggler->leave.head;
}

void fth_roster_set_text(struct fth_roster *roster, const struct fth_stack_set *set)
{
	WRITE_ONCE(roster->rule.set, set);
}

void fth_roster_cancel(struct fth_roster *roster)
{
	for (u32 i = 0; i < 1u << roster->bits; i++) {
		struct fth_straggler *straggler = &roster->slots[i];

		if (!straggler->task)
			continue;
		if (fth_task_work_cancel(straggler->task, is_visit, straggler))
			atomic_dec(&roster->users);
		cond_resched();
	}
}

void fth_roster_free(struct fth_roster *roster)
{
	if (!roster)
		return;
	irq_work_sync(&roster->tell);
	for (u32 i = 0; i < 1u << roster->bits; i++) {
		if (roster->slots[i].task)
			put_task_struct(roster->slots[i].task);
	}
	kvfree(roster);
}

struct retry {
	struct fth_roster *roster;
	struct fth_straggler *straggler;
};

static int retry_one(struct task_struct *task, void *arg)
{
	struct retry *retry = arg;

	if (fth_task_on_cpu(task) && task != current)
		return -EBUSY;
	if (judge(retry->straggler, &retry->roster->rule))
		return 1;
	/* Its locks are held, so nobody is told here: the caller looks. */
	if (let_go(retry->straggler))
		atomic_dec(&retry->roster->holding);
	return 0;
}

void fth_roster_inherit(struct fth_roster *roster, struct fth_roster *older)
{
	for (u32 i = 0; i < 1u << roster->bits; i++) {
		struct fth_straggler *straggler = &roster->slots[i];
		const struct fth_straggler *before;

		if (!straggler->task)
			continue;
		before = fth_roster_find(older, straggler->task);
		if (before && before->holds)
			straggler->since_ns = before->since_ns;
	}
}

bool fth_roster_review(struct fth_roster *roster)
{
	bool prevented = false;

	for (u32 i = 0; i < 1u << roster->bits; i++) {
		struct fth_straggler *straggler = &roster->slots[i];
		struct retry retry = { .roster = roster, .straggler = straggler };

		if (!straggler->task || !straggler->holds || is_idle_task(straggler->task))
			continue;
		prevented |= fth_task_call(straggler->task, retry_one, &retry) > 0;
		cond_resched();
	}
	return prevented;
}

/* It begins afresh when its CPU comes back, wherever it stood. */
static bool is_cpu_gone(const struct task_struct *task)
{
	return is_idle_task(task) && !cpu_online(task_cpu(task));
}

static void retry_one_stopped(struct fth_roster *roster, struct fth_straggler *straggler)
{
	if (!straggler->task || !straggler->holds)
		return;
	if (straggler->hold != FTH_HOLD_RUNNING && !is_idle_task(straggler->task))
		return;
	if (!is_cpu_gone(straggler->task) && judge(straggler, &roster->rule))
		return;
	if (let_go(straggler))
		atomic_dec(&roster->holding);
}

static int retry_stopped(void *arg)
{
	struct fth_roster *roster = arg;
	u32 mask = (1u << roster->bits) - 1;
	u64 began_ns = ktime_get_mono_fast_ns();

	for (u32 i = 0; i <= mask; i++) {
		retry_one_stopped(roster, &roster->slots[roster->next]);
		roster->next = (roster->next + 1) & mask;
		if (!(i % CLOCK_EVERY_SLOTS) &&
		    ktime_get_mono_fast_ns() - began_ns > roster->stop_max_us * 1000ull)
			break;
	}
	return 0;
}

void fth_transition_retry(struct fth_roster *roster, bool stop)
{
	bool need_stop = false;

	if (!roster->live)
		return;
	for (u32 i = 0; i < 1u << roster->bits; i++) {
		struct fth_straggler *straggler = &roster->slots[i];
		struct retry retry = { .roster = roster, .straggler = straggler };

		if (!straggler->task || !READ_ONCE(straggler->holds))
			continue;
		if (is_idle_task(straggler->task)) {
			need_stop = true;
			continue;
		}
		if (fth_task_call(straggler->task, retry_one, &retry) == -EBUSY) {
			straggler->hold = FTH_HOLD_RUNNING;
			need_stop = true;
		}
		if (READ_ONCE(straggler->holds) && !(straggler->task->flags & PF_KTHREAD)) {
			fth_uring_watch(straggler->task);
			fth_roster_visit(roster, straggler);
		}
		cond_resched();
	}
	if (stop && need_stop)
		stop_machine(retry_stopped, roster, NULL);
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
	WRITE_ONCE(present, NULL);
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
