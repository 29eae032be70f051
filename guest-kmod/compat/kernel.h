/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the engine needs of a kernel beyond its exported interface.
 *
 * DESIGN
 * Kernel versions are known in this folder only.  Functions that are not
 * exported are called through static calls: a direct call needs no ENDBR at
 * its target, which kernels with IBT seal on functions nobody exports.
 */
#ifndef FOTHER_GUEST_COMPAT_KERNEL_H
#define FOTHER_GUEST_COMPAT_KERNEL_H

#include <linux/types.h>

#include "module.h"

struct callback_head;
struct ftrace_ops;
struct klp_patch;
struct task_struct;

/**
 * fth_compat_init() - look up every symbol the engine needs
 *
 * Context: may sleep.
 * Return: 0; -ENOENT with a line that names the missing symbol; -errno of the
 * kprobe that finds the look-up function.
 */
int fth_compat_init(void);

/**
 * fth_task_call() - call @call with @task held where it is
 * @task: referenced by the caller
 * @call: runs with interrupts off and the task's locks held: must not sleep
 *	nor wake anything
 * @arg: for @call
 * Return: what @call returned.
 */
int fth_task_call(struct task_struct *task, int (*call)(struct task_struct *task, void *arg),
		  void *arg);

/**
 * fth_task_walk_stack() - return addresses on a task's kernel stack
 * @task: current, or one that does not run while this walks
 * @entries: room for @max
 * @max: how many
 * Return: how many were written, 0 for a task without a stack; -EINVAL when
 * the walk is not reliable or there are more than @max.
 */
int fth_task_walk_stack(struct task_struct *task, unsigned long *entries, u32 max);

/** fth_task_on_cpu() - is it some CPU's current task right now? */
bool fth_task_on_cpu(const struct task_struct *task);

/** fth_task_is_stopper() - is it a CPU's stop_machine() thread? */
bool fth_task_is_stopper(const struct task_struct *task);

/** fth_task_is_dead() - did it schedule for the last time? */
bool fth_task_is_dead(const struct task_struct *task);

/** fth_task_is_halted() - stopped by job control or by a tracer? */
bool fth_task_is_halted(const struct task_struct *task);

/**
 * fth_task_has_boundary() - does it ever leave the kernel?
 *
 * Kernel threads, idle tasks and workers that run in the kernel on behalf of a
 * process (io_uring, vhost) never do: only their stacks can be checked.
 */
bool fth_task_has_boundary(const struct task_struct *task);

/** fth_task_switches() - grows whenever the task leaves a CPU. */
unsigned long fth_task_switches(const struct task_struct *task);

/** fth_cpu_idle_task() - the idle task of @cpu. */
struct task_struct *fth_cpu_idle_task(int cpu);

/** fth_task_wake_interruptible() - wake it if it sleeps interruptibly. */
void fth_task_wake_interruptible(struct task_struct *task);

/**
 * fth_task_work_cancel() - take the first matching work off a task's queue
 * @match: called with a lock held for each queued work
 * Return: the work, or NULL: none matched, or it is being run.
 */
struct callback_head *fth_task_work_cancel(struct task_struct *task,
					   bool (*match)(struct callback_head *work, void *data),
					   void *data);

/** fth_symbol_address() - address of the first symbol @name, or 0. */
unsigned long fth_symbol_address(const char *name);

/**
 * fth_symbol_each() - call @found for every vmlinux symbol called @name
 * @found: in the order of kallsyms; a return that is not 0 ends the search
 * @data: for @found
 */
void fth_symbol_each(const char *name, int (*found)(void *data, unsigned long address), void *data);

/** fth_kernel_text() - vmlinux's text, without what is freed after the boot. */
struct fth_text fth_kernel_text(void);

/**
 * fth_kernel_cold() - what the compiler moved out of a function of vmlinux
 *
 * An unlikely part of a function may stand far away, as a symbol with ".cold" behind
 * its name: a task that is there is inside the function.
 * Return: from the first to the last of that name; empty where there is none.
 */
struct fth_text fth_kernel_cold(const char *name);

/** fth_symbol_size() - bytes from @address to the next symbol, 0 = unknown. */
unsigned long fth_symbol_size(unsigned long address);

/** fth_symbol_ftrace_ip() - ftrace's patch site of a function, 0 = none. */
unsigned long fth_symbol_ftrace_ip(unsigned long address);

/**
 * fth_ftrace_is_direct() - does a patch site call a trampoline directly?
 * @ip: the site
 *
 * A BPF trampoline that does calls the old function by itself, behind the
 * site, whatever an ftrace handler says.
 */
bool fth_ftrace_is_direct(unsigned long ip);

/**
 * fth_ftrace_is_dead() - has ftrace switched itself off?
 *
 * It does so for good where it finds something wrong, also in the middle of an edit
 * of a filter, whose return tells nothing of it: the new sites call nobody.
 */
bool fth_ftrace_is_dead(void);

/**
 * fth_ftrace_unregister() - its handler is called nowhere any more, and its filter is freed
 *
 * When ftrace has found something wrong it switches itself off for good, and its
 * sites go on calling what they call.  Then this does not return: whoever unloads
 * this module waits, and the module's text stays.
 * Context: sleeps.
 */
void fth_ftrace_unregister(struct ftrace_ops *ops);

/**
 * fth_klp_owner() - the in-tree livepatch that patches a function
 * @old_func: the function's address
 * @ret_name: FTH_NAME_MAX + 1 bytes, the livepatch module's name
 *
 * Context: takes klp_mutex, which nobody holds during a whole transition.
 * Return: true when found.
 */
bool fth_klp_owner(unsigned long old_func, char *ret_name);

/**
 * fth_klp_is_used() - has the in-tree core any patch?
 *
 * Context: as fth_klp_owner().
 */
bool fth_klp_is_used(void);

#endif /* FOTHER_GUEST_COMPAT_KERNEL_H */
