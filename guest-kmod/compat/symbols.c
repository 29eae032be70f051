// SPDX-License-Identifier: GPL-2.0
/* Symbols that the kernel does not export, under names of our own. */

#include "kernel.h"

#include <linux/ftrace.h>
#include <linux/kallsyms.h>
#include <linux/kprobes.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/stacktrace.h>
#include <linux/static_call.h>
#include <linux/task_work.h>
#include <linux/wait.h>

#include "fother/wire.h"
#include "lookup.h"

/* Every function that is called through a look-up. */
#define LOOKED_UP(X)                     \
	X(kallsyms_lookup_name)          \
	X(kallsyms_lookup_size_offset)   \
	X(kallsyms_on_each_match_symbol) \
	X(ftrace_location)               \
	X(ftrace_is_dead)                \
	X(stack_trace_save_tsk_reliable) \
	X(task_call_func)                \
	X(task_curr)                     \
	X(idle_task)                     \
	X(wake_up_state)                 \
	X(task_work_cancel_match)

#define DEFINE_CALL(name) DEFINE_STATIC_CALL_NULL(fth_##name, name);
LOOKED_UP(DEFINE_CALL)
#undef DEFINE_CALL

/* Not in kernels without direct calls (BPF trampolines). */
DEFINE_STATIC_CALL_NULL(fth_ftrace_find_rec_direct, ftrace_find_rec_direct);

/* Data that is reached through a look-up; set once by fth_compat_init(). */
static struct {
	const void *stop_sched_class;
	struct mutex *klp_mutex;
	struct list_head *klp_patches;
	struct fth_text text;
	bool has_direct_calls;
} data;

/* ENDBR64, and what a kernel writes over one it seals. */
static bool is_landing_pad(u32 word)
{
	return word == 0xfa1e0ff3u || word == 0x001f0f66u || word == 0xd6401f0fu;
}

/*
 * A kprobe on a function with an ENDBR reports the address behind it.  It is never
 * armed: to disarm one takes memory, and without that it would stay.
 */
static int find_lookup(unsigned long *ret_address)
{
	struct kprobe probe = { .symbol_name = "kallsyms_lookup_name",
				.flags = KPROBE_FLAG_DISABLED };
	const u32 *before;
	int error;

	error = register_kprobe(&probe);
	if (error)
		return error;
	before = (const u32 *)probe.addr - 1;
	*ret_address = (unsigned long)(is_landing_pad(*before) ? (const void *)before : probe.addr);
	unregister_kprobe(&probe);
	return 0;
}

int fth_lookup(const char *name, unsigned long *ret_address)
{
	unsigned long address = static_call(fth_kallsyms_lookup_name)(name);

	if (!address) {
		pr_err("init: this kernel has no symbol '%s'; it is not supported\n", name);
		return -ENOENT;
	}
	*ret_address = address;
	return 0;
}

static int look_up_calls(void)
{
	unsigned long address;

#define UPDATE_CALL(name)                \
	if (fth_lookup(#name, &address)) \
		return -ENOENT;          \
	static_call_update(fth_##name, (typeof(&name))address);
	LOOKED_UP(UPDATE_CALL)
#undef UPDATE_CALL
	return 0;
}

static void look_up_direct_calls(void)
{
	unsigned long address = static_call(fth_kallsyms_lookup_name)("ftrace_find_rec_direct");

	if (!address)
		return;
	static_call_update(fth_ftrace_find_rec_direct, (typeof(&ftrace_find_rec_direct))address);
	data.has_direct_calls = true;
}

int fth_compat_init(void)
{
	unsigned long address;
	int error;

	error = find_lookup(&address);
	if (error)
		return error;
	static_call_update(fth_kallsyms_lookup_name, (typeof(&kallsyms_lookup_name))address);
	error = look_up_calls();
	if (error)
		return error;
	if (fth_lookup("stop_sched_class", &address))
		return -ENOENT;
	data.stop_sched_class = (const void *)address;
	if (fth_lookup("klp_mutex", &address))
		return -ENOENT;
	data.klp_mutex = (struct mutex *)address;
	if (fth_lookup("klp_patches", &address))
		return -ENOENT;
	data.klp_patches = (struct list_head *)address;
	if (fth_lookup("_stext", &data.text.start) || fth_lookup("_etext", &data.text.end))
		return -ENOENT;
	look_up_direct_calls();
	return fth_lookup_module();
}

int fth_task_call(struct task_struct *task, int (*call)(struct task_struct *task, void *arg),
		  void *arg)
{
	return static_call(fth_task_call_func)(task, call, arg);
}

int fth_task_walk_stack(struct task_struct *task, unsigned long *entries, u32 max)
{
	return static_call(fth_stack_trace_save_tsk_reliable)(task, entries, max);
}

bool fth_task_on_cpu(const struct task_struct *task)
{
	return static_call(fth_task_curr)(task);
}

bool fth_task_is_stopper(const struct task_struct *task)
{
	return (const void *)task->sched_class == data.stop_sched_class;
}

bool fth_task_is_dead(const struct task_struct *task)
{
	return READ_ONCE(task->__state) == TASK_DEAD;
}

bool fth_task_is_halted(const struct task_struct *task)
{
	return READ_ONCE(task->__state) & (__TASK_STOPPED | __TASK_TRACED);
}

bool fth_task_has_boundary(const struct task_struct *task)
{
	unsigned int inside = PF_KTHREAD | PF_IO_WORKER;

#ifdef PF_USER_WORKER /* 6.4: upstream commit 54e6842d0775 */
	inside |= PF_USER_WORKER;
#endif
	return !(task->flags & inside);
}

unsigned long fth_task_switches(const struct task_struct *task)
{
	return READ_ONCE(task->nvcsw) + READ_ONCE(task->nivcsw);
}

struct task_struct *fth_cpu_idle_task(int cpu)
{
	return static_call(fth_idle_task)(cpu);
}

void fth_task_wake_interruptible(struct task_struct *task)
{
	static_call(fth_wake_up_state)(task, TASK_INTERRUPTIBLE);
}

struct callback_head *fth_task_work_cancel(struct task_struct *task,
					   bool (*match)(struct callback_head *work, void *data),
					   void *arg)
{
	return static_call(fth_task_work_cancel_match)(task, match, arg);
}

unsigned long fth_symbol_address(const char *name)
{
	return static_call(fth_kallsyms_lookup_name)(name);
}

void fth_symbol_each(const char *name, int (*found)(void *data, unsigned long address), void *arg)
{
	static_call(fth_kallsyms_on_each_match_symbol)(found, name, arg);
}

struct fth_text fth_kernel_text(void)
{
	return data.text;
}

int fth_text_widen(void *arg, unsigned long address)
{
	struct fth_text *text = arg;
	unsigned long end = address + (fth_symbol_size(address) ?: 1);

	text->start = text->start ? min(text->start, address) : address;
	text->end = max(text->end, end);
	return 0;
}

struct fth_text fth_kernel_cold(const char *name)
{
	struct fth_text cold = {};
	char part[KSYM_NAME_LEN];

	if (snprintf(part, sizeof(part), "%s%s", name, FTH_COLD) < sizeof(part))
		fth_symbol_each(part, fth_text_widen, &cold);
	return cold;
}

unsigned long fth_symbol_size(unsigned long address)
{
	unsigned long size, offset;

	if (!static_call(fth_kallsyms_lookup_size_offset)(address, &size, &offset))
		return 0;
	return size - offset;
}

unsigned long fth_symbol_ftrace_ip(unsigned long address)
{
	return static_call(fth_ftrace_location)(address);
}

bool fth_ftrace_is_dead(void)
{
	return static_call(fth_ftrace_is_dead)();
}

void fth_ftrace_unregister(struct ftrace_ops *ops)
{
	int error = unregister_ftrace_function(ops);

	if (error) {
		pr_crit("ftrace has switched itself off (%d) and still calls this module, which stays for ever; see the log for why, and reboot\n",
			error);
		for (;;)
			schedule_timeout_idle(MAX_SCHEDULE_TIMEOUT);
	}
	ftrace_free_filter(ops);
}

bool fth_ftrace_is_direct(unsigned long ip)
{
	return data.has_direct_calls && static_call(fth_ftrace_find_rec_direct)(ip);
}

bool fth_klp_owner(unsigned long old_func, char *ret_name)
{
	struct klp_object *object;
	struct klp_patch *patch;
	struct klp_func *func;
	bool found = false;

	mutex_lock(data.klp_mutex);
	list_for_each_entry(patch, data.klp_patches, list) {
		klp_for_each_object(patch, object) {
			klp_for_each_func(object, func) {
				if ((unsigned long)func->old_func != old_func || found)
					continue;
				strscpy(ret_name, patch->mod->name, FTH_NAME_MAX + 1);
				found = true;
			}
		}
	}
	mutex_unlock(data.klp_mutex);
	return found;
}

bool fth_klp_is_used(void)
{
	bool used;

	mutex_lock(data.klp_mutex);
	used = !list_empty(data.klp_patches);
	mutex_unlock(data.klp_mutex);
	return used;
}
