// SPDX-License-Identifier: GPL-2.0
/* Sets of text, and whether a task's stack holds any of it. */
#include "stack.h"

#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/stop_machine.h>

#include "compat/boundary.h"
#include "compat/breakage.h"

#define LOOKS_AT_ONCE 64u /* stacks read before others may run */

/*
 * Scratch of one check; used with preemption off, never from an interrupt.  A
 * check may call a redirected function, whose handler may want to check too.
 */
static DEFINE_PER_CPU(unsigned long[FTH_STACK_DEPTH_MAX], entries);
static DEFINE_PER_CPU(int, in_check);

int fth_stack_set_init(struct fth_stack_set *set, u32 room, gfp_t gfp)
{
	struct fth_text *texts = kvcalloc(max(room, 1u), sizeof(*texts), gfp);

	if (!texts)
		return -ENOMEM;
	*set = (struct fth_stack_set){ .texts = texts, .room = room };
	return 0;
}

void fth_stack_set_add(struct fth_stack_set *set, unsigned long start, unsigned long end)
{
	if (WARN_ON_ONCE(set->count == set->room || start >= end))
		return;
	set->texts[set->count++] = (struct fth_text){ start, end };
}

static int compare(const void *a, const void *b)
{
	const struct fth_text *left = a, *right = b;

	if (left->start != right->start)
		return left->start < right->start ? -1 : 1;
	return 0;
}

void fth_stack_set_seal(struct fth_stack_set *set)
{
	u32 kept = 0;

	if (!set->count)
		return;
	sort(set->texts, set->count, sizeof(*set->texts), compare, NULL);
	for (u32 i = 1; i < set->count; i++) {
		struct fth_text *last = &set->texts[kept];

		if (set->texts[i].start < last->end)
			last->end = max(last->end, set->texts[i].end);
		else
			set->texts[++kept] = set->texts[i];
	}
	set->count = kept + 1;
}

void fth_stack_set_free(struct fth_stack_set *set)
{
	kvfree(set->texts);
	*set = (struct fth_stack_set){};
}

static bool set_holds(const struct fth_stack_set *set, unsigned long address)
{
	u32 low = 0, high = set->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (address < set->texts[middle].start)
			high = middle;
		else if (address >= set->texts[middle].end)
			low = middle + 1;
		else
			return true;
	}
	return false;
}

/* The innermost entry that is in a set.  Return: false when none is. */
static bool find_held(const struct fth_stack_set *set, const unsigned long *found, int count,
		      unsigned long *ret_where)
{
	for (int i = 0; i < count; i++) {
		if (set_holds(set, found[i])) {
			*ret_where = found[i];
			return true;
		}
	}
	return false;
}

int fth_stack_check(struct task_struct *task, const struct fth_stack_set *set,
		    unsigned long *ret_where)
{
	unsigned long *found = *this_cpu_ptr(&entries);
	int count, held;

	this_cpu_inc(in_check);
	count = fth_task_walk_stack(task, found, FTH_STACK_DEPTH_MAX);
	held = count > 0 && find_held(set, found, count, ret_where);
	this_cpu_dec(in_check);
	return count < 0 ? -EINVAL : held;
}

int fth_stack_judge(struct task_struct *task, const struct fth_stack_rule *rule,
		    unsigned long *ret_where)
{
	const struct fth_stack_set *set = READ_ONCE(rule->set);
	unsigned long *found = *this_cpu_ptr(&entries);
	int count, verdict = FTH_STACK_CLEAN;

	if (fth_broken_stack_check())
		return FTH_STACK_CLEAN;
	this_cpu_inc(in_check);
	count = fth_task_walk_stack(task, found, FTH_STACK_DEPTH_MAX);
	if (count < 0)
		verdict = -EINVAL;
	else if (find_held(set, found, count, ret_where))
		verdict = FTH_STACK_HELD;
	else if (rule->boundary && fth_task_has_boundary(task) &&
		 !fth_boundary_is_out(found, count, task == current, ret_where))
		verdict = FTH_STACK_KERNEL;
	this_cpu_dec(in_check);
	return verdict;
}

enum fth_stack_exit fth_stack_exit(void)
{
	enum fth_stack_exit exit = FTH_EXIT_NOT;
	unsigned long where, *found;
	int count;

	preempt_disable();
	found = *this_cpu_ptr(&entries);
	this_cpu_inc(in_check);
	count = fth_task_walk_stack(current, found, FTH_STACK_DEPTH_MAX);
	if (count > 0 && fth_boundary_is_out(found, count, true, &where))
		exit = fth_boundary_in_signal(found, count) ? FTH_EXIT_SIGNAL : FTH_EXIT_PATH;
	this_cpu_dec(in_check);
	preempt_enable();
	return exit;
}

int notrace fth_stack_check_entry(const struct fth_stack_set *set, unsigned long behind)
{
	unsigned long *found = *this_cpu_ptr(&entries);
	int count, i, held = 0;

	if (this_cpu_inc_return(in_check) != 1) {
		this_cpu_dec(in_check);
		return -EBUSY;
	}
	count = fth_task_walk_stack(current, found, FTH_STACK_DEPTH_MAX);
	for (i = 0; i < count && found[i] != behind; i++)
		;
	if (i >= count)
		held = -EINVAL;
	for (i++; i < count && !held; i++)
		held = set_holds(set, found[i]);
	this_cpu_dec(in_check);
	return held;
}

struct check_all {
	const struct fth_stack_set *set;
	const struct task_struct *except;
};

/* The other CPUs' stoppers spin in the kernel's own text and can't be read. */
static bool is_inside(struct task_struct *task, const struct check_all *check)
{
	unsigned long where;

	if (task == check->except || fth_task_is_stopper(task) || fth_task_is_dead(task))
		return false;
	return fth_stack_check(task, check->set, &where);
}

/*
 * An offline CPU's idle task never returns to where it was: it begins afresh.
 * But the CPU may be spinning there until then, its stack pointer unknown.
 */
static bool is_dead_cpu_inside(struct task_struct *idle, const struct fth_stack_set *set)
{
	const unsigned long *stack = idle ? task_stack_page(idle) : NULL;

	for (u32 i = 0; stack && i < THREAD_SIZE / sizeof(*stack); i++) {
		if (set_holds(set, READ_ONCE_NOCHECK(stack[i])))
			return true;
	}
	return false;
}

bool fth_stack_check_offline(const struct fth_stack_set *set)
{
	bool inside = false;
	int cpu;

	cpus_read_lock();
	for_each_possible_cpu(cpu) {
		if (!cpu_online(cpu))
			inside = inside || is_dead_cpu_inside(fth_cpu_idle_task(cpu), set);
	}
	cpus_read_unlock();
	return inside;
}

static int check_all_stopped(void *arg)
{
	const struct check_all *check = arg;
	struct task_struct *process, *task;
	int cpu;

	for_each_process_thread(process, task) {
		if (is_inside(task, check))
			return -EBUSY;
	}
	for_each_possible_cpu(cpu) {
		struct task_struct *idle = fth_cpu_idle_task(cpu);

		if (cpu_online(cpu) ? is_inside(idle, check) : is_dead_cpu_inside(idle, check->set))
			return -EBUSY;
	}
	return 0;
}

/* Runs with the task's locks held.  What runs is left to the stop. */
static int look_at(struct task_struct *task, void *arg)
{
	if (fth_task_on_cpu(task))
		return 0;
	return is_inside(task, arg);
}

/* Let others run in between.  Return: false when the place in the list is lost. */
static bool pause_walk(struct task_struct *process, struct task_struct *task)
{
	bool alive;

	get_task_struct(process);
	get_task_struct(task);
	rcu_read_unlock();
	cond_resched();
	rcu_read_lock();
	alive = pid_alive(process) && pid_alive(task);
	put_task_struct(task);
	put_task_struct(process);
	return alive;
}

/* Most often somebody sleeps there: no CPU need be stopped to see that. */
static int check_all_running(struct check_all *check)
{
	struct task_struct *process, *task;
	u32 looks = 0;
	int error = 0;

	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (fth_task_call(task, look_at, check)) {
			error = -EBUSY;
			goto out;
		}
		if (!(++looks % LOOKS_AT_ONCE) && !pause_walk(process, task))
			goto out;
	}
out:
	rcu_read_unlock();
	return error;
}

int fth_stack_check_all(const struct fth_stack_set *set, const struct task_struct *except)
{
	struct check_all check = { .set = set, .except = except };

	return check_all_running(&check) ?: stop_machine(check_all_stopped, &check, NULL);
}

int fth_stack_module_set(const struct module *module, struct fth_stack_set *ret_set)
{
	struct fth_text texts[FTH_MODULE_TEXTS_MAX];
	u32 count = fth_module_texts(module, texts);
	struct fth_stack_set set;
	int error;

	error = fth_stack_set_init(&set, count, GFP_KERNEL);
	if (error)
		return error;
	for (u32 i = 0; i < count; i++) {
		if (texts[i].start < texts[i].end)
			fth_stack_set_add(&set, texts[i].start, texts[i].end);
	}
	fth_stack_set_seal(&set);
	*ret_set = set;
	return 0;
}
