// SPDX-License-Identifier: GPL-2.0
/* Who has not switched yet, and how they are looked at again. */
#include "roster.h"

#include <linux/cpumask.h>
#include <linux/ftrace.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/timekeeping.h>

#include "compat/kernel.h"
#include "uring.h"

#define CLOCK_EVERY_SLOTS 16u /* slots between two looks at the clock, most of them free */

/*
 * Of the one transition, for those who don't know which it is.  Set with its
 * lever's, so the same holds for who looks at it.
 */
static struct fth_roster *present;

static void tell_left(struct irq_work *work)
{
	container_of(work, struct fth_roster, tell)->left();
}

struct fth_roster *fth_roster_alloc(u32 room, gfp_t gfp)
{
	u32 bits = ilog2(roundup_pow_of_two(2 * room));
	struct fth_roster *roster;

	roster = kvzalloc(struct_size(roster, slots, 1ul << bits), gfp);
	if (!roster)
		return NULL;
	INIT_LIST_HEAD(&roster->retired);
	init_irq_work(&roster->tell, tell_left);
	roster->bits = bits;
	roster->mask = (1u << bits) - 1;
	return roster;
}

static u8 hold_of(int verdict)
{
	if (verdict == FTH_STACK_HELD)
		return FTH_HOLD_STACK;
	return verdict == FTH_STACK_KERNEL ? FTH_HOLD_KERNEL : FTH_HOLD_UNRELIABLE;
}

int fth_roster_add(struct fth_roster *roster, struct task_struct *task, int verdict,
		   unsigned long where, u64 since_ns)
{
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
	roster->slots[i].since_ns = since_ns;
	roster->count++;
	atomic_inc(&roster->holding);
	return 0;
}

void fth_roster_present(struct fth_roster *roster)
{
	WRITE_ONCE(present, roster);
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

bool notrace fth_roster_enter(struct fth_roster *roster, struct fth_straggler *straggler,
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

void fth_roster_deliver(void)
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

void fth_roster_retry(struct fth_roster *roster, bool stop)
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
