// SPDX-License-Identifier: GPL-2.0
/*
 * From a finding to alarms, in whatever context the kernel found it.
 *
 * DESIGN
 * Patches in force stand in a fixed table that is read under RCU.  What is worked
 * with is allocated before, once: one finding is worked on at a time, and another
 * CPU's waits for it, longer than a finding takes with its note.  If that is not
 * enough (it is this CPU's own finding that was interrupted) the stack is not
 * looked at: then every patch whose policy has anything to do with the trigger is
 * reverted, as nobody can say that it was not on that stack.  What was being worked
 * with by somebody who won't go on (the task that oopses, CPUs that a panic has
 * stopped) is taken over.
 */
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/kernel.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/stacktrace.h>
#include <linux/ktime.h>

#include "clock.h"
#include "compat/kernel.h"
#include "engine_priv.h"
#include "incidents.h"
#include "revert.h"

#define DEPTH_MAX 96u	     /* addresses of a stack that are looked at */
#define BUSY_WAIT_US 300000u /* a note out of an oops may take 220 ms */
#define TROUBLE_EVERY_NS ((u64)NSEC_PER_SEC)

/*
 * @patches: written under the engine's lock
 * @busy: guards all below it; the CPU that has it + 1, 0 = none
 * @trouble_ns: when trouble of each kind was told last; fth_clock_now_ns()
 * @kick: lets the worker look
 */
static struct {
	struct fth_patch __rcu *patches[FTH_PATCHES_MAX];
	atomic_t busy;
	unsigned long entries[DEPTH_MAX];
	u32 count;
	struct fth_incident one;
	struct fth_msg_event event;
	atomic64_t trouble_ns[FTH_TRIGGERS];
	struct irq_work kick;
} watch;

static void kick(struct irq_work *work)
{
	fth_engine_kick();
}

void fth_revert_watch(struct fth_patch *patch)
{
	for (u32 i = 0; i < FTH_PATCHES_MAX; i++) {
		if (rcu_access_pointer(watch.patches[i]))
			continue;
		rcu_assign_pointer(watch.patches[i], patch);
		return;
	}
	/* There are as many places as patches. */
	WARN_ON_ONCE(1);
}

/* It goes anyway; that it did harm is kept all the same.  Return: was there an alarm? */
static bool end_untaken(struct fth_patch *patch, const char *detail)
{
	u64 alarm = READ_ONCE(patch->alarm);
	char why[FTH_INCIDENT_WHY_MAX];

	if (!alarm || patch->alarm_taken)
		return false;
	patch->alarm_taken = true;
	/* The trigger may come to write it down later, or could not, or had nothing to say. */
	if (!fth_incidents_why(fth_alarm_number(alarm), why))
		fth_revert_write_down(patch, alarm, fth_trigger_name(fth_alarm_trigger(alarm)));
	fth_blocks_add(patch->name, patch->has_sha256 ? patch->sha256 : NULL,
		       fth_alarm_trigger(alarm), fth_alarm_number(alarm));
	fth_incidents_end(fth_alarm_number(alarm), 0, detail);
	return true;
}

void fth_revert_unwatch(struct fth_patch *patch, const char *detail)
{
	for (u32 i = 0; i < FTH_PATCHES_MAX; i++) {
		if (rcu_access_pointer(watch.patches[i]) == patch)
			RCU_INIT_POINTER(watch.patches[i], NULL);
	}
	end_untaken(patch, detail);
}

void fth_revert_unwatched(struct fth_patch *patch)
{
	if (end_untaken(patch, "it was on its way out already"))
		fth_engine_kick();
}

/* Can it be taken back, and is it not on its way already? */
static bool is_in_force(const struct fth_patch *patch)
{
	u8 state = READ_ONCE(patch->state);

	if ((READ_ONCE(patch->flags) & FTH_PATCH_FORCED) || READ_ONCE(patch->alarm))
		return false;
	return state == FTH_LC_APPLYING || state == FTH_LC_SOAKING || state == FTH_LC_APPLIED;
}

bool fth_revert_wants(u32 revert_on)
{
	bool wants = false;

	rcu_read_lock();
	for (u32 i = 0; i < FTH_PATCHES_MAX && !wants; i++) {
		const struct fth_patch *patch = rcu_dereference(watch.patches[i]);

		wants = patch && (patch->policy.revert_on & revert_on);
	}
	rcu_read_unlock();
	return wants;
}

static bool is_within(unsigned long address, unsigned long start, unsigned long size)
{
	return size && address - start < size;
}

/* Return: is @address text of the patch?  A function's name, where it has one. */
static bool find_text(const struct fth_patch *patch, unsigned long address, const char **ret_name)
{
	struct fth_text texts[FTH_MODULE_TEXTS_MAX];
	u32 count;

	*ret_name = NULL;
	for (u32 i = 0; i < patch->count; i++) {
		const struct fth_function *function = &patch->functions[i];

		if (!is_within(address, function->old_func, function->old_size) &&
		    !is_within(address, function->new_func, function->new_size))
			continue;
		*ret_name = function->name;
		return true;
	}
	count = fth_module_texts(patch->module, texts);
	for (u32 i = 0; i < count; i++) {
		if (address >= texts[i].start && address < texts[i].end)
			return true;
	}
	return false;
}

/* Is a function of the patch on the stack?  It is named in watch.one.where. */
static bool is_on_stack(const struct fth_patch *patch)
{
	char *where = watch.one.where;
	const char *name;

	where[0] = '\0';
	for (u32 i = 0; i < watch.count; i++) {
		if (!find_text(patch, watch.entries[i], &name))
			continue;
		if (name)
			strscpy(where, name, sizeof(watch.one.where));
		else
			scnprintf(where, sizeof(watch.one.where), "%ps", (void *)watch.entries[i]);
		return true;
	}
	return false;
}

static u32 bits_of(u8 trigger, bool on_stack)
{
	switch (trigger) {
	case FTH_TRIGGER_OOPS:
		return FTH_REVERT_ON_OOPS | (on_stack ? FTH_REVERT_ON_OOPS_IN_PATCH : 0);
	case FTH_TRIGGER_WARN:
		return FTH_REVERT_ON_WARN | (on_stack ? FTH_REVERT_ON_WARN_IN_PATCH : 0);
	case FTH_TRIGGER_SOFT_LOCKUP:
		return FTH_REVERT_ON_SOFT_LOCKUP;
	case FTH_TRIGGER_HUNG_TASK:
		return FTH_REVERT_ON_HUNG_TASK;
	default:
		return 0;
	}
}

static int walk(struct task_struct *task, void *data)
{
	int count = fth_task_walk_stack(task, watch.entries, DEPTH_MAX);

	return max(count, 0);
}

static void read_stack(const struct fth_finding *finding)
{
	u32 first = 0;

	if (finding->ip)
		watch.entries[first++] = finding->ip;
	if (finding->task == current)
		first += stack_trace_save(watch.entries + first, DEPTH_MAX - first, 0);
	else
		first = fth_task_call(finding->task, walk, NULL);
	watch.count = first;
}

/* What the kernel printed; where that isn't to be had, what can be said instead. */
static void read_text(const struct fth_finding *finding)
{
	char *text = watch.one.text;
	size_t size = sizeof(watch.one.text);
	int length;

	if (finding->task == current)
		fth_revert_text_take(text, size);
	if (text[0])
		return;
	length = scnprintf(text, size, "%s: CPU %d, task %d %s\n",
			   fth_trigger_name(finding->trigger), raw_smp_processor_id(),
			   finding->task->pid, finding->task->comm);
	for (u32 i = 0; i < watch.count && length < (int)size - 1; i++)
		length +=
			scnprintf(text + length, size - length, " %pS\n", (void *)watch.entries[i]);
}

/* Its patch's part, if it has one, is set for each. */
static void read_finding(const struct fth_finding *finding)
{
	watch.one = (struct fth_incident){
		.trigger = finding->trigger,
		.happened_ms = div_u64(ktime_get_boot_fast_ns(), NSEC_PER_MSEC),
	};
	read_stack(finding);
	read_text(finding);
}

/* Interrupts are off.  The memory to work with, for a bounded time of waiting. */
static bool take_memory(u8 trigger)
{
	int mine = raw_smp_processor_id() + 1, holder = 0;

	for (u32 waited_us = 0; waited_us < BUSY_WAIT_US && holder != mine; waited_us++) {
		holder = atomic_cmpxchg_acquire(&watch.busy, 0, mine);
		if (!holder)
			return true;
		udelay(1);
	}
	/* Will its holder never go on? */
	if (trigger != FTH_TRIGGER_PANIC && (trigger != FTH_TRIGGER_OOPS || holder != mine))
		return false;
	atomic_set(&watch.busy, mine);
	return true;
}

/* watch.one is complete. */
static void tell(u8 kind)
{
	bool kept = fth_incidents_add(&watch.one);

	fth_incidents_event(&watch.one, kind, &watch.event);
	if (!fth_engine.client->note(&watch.event) && kept)
		fth_incidents_told(watch.one.number, kind, true);
}

static void raise_told(struct fth_patch *patch, const struct fth_finding *finding, u64 alarm)
{
	struct fth_incident *one = &watch.one;

	one->number = fth_alarm_number(alarm);
	strscpy(one->name, patch->name, sizeof(one->name));
	one->has_sha256 = patch->has_sha256;
	memcpy(one->sha256, patch->sha256, sizeof(one->sha256));
	scnprintf(one->why, sizeof(one->why), "%s in task %d '%s'%s%s%s",
		  fth_trigger_name(finding->trigger), finding->task->pid, finding->task->comm,
		  one->where[0] ? " with '" : "", one->where,
		  one->where[0] ? "' of the patch on its stack" : "");
	tell(FTH_EVENT_TRIGGERED);
}

/* Return: was it raised now? */
static bool raise_alarm(struct fth_patch *patch, u8 trigger, u64 *ret_alarm)
{
	u64 alarm = fth_alarm(fth_incidents_number(), trigger, 0);

	if (cmpxchg(&patch->alarm, 0, alarm))
		return false;
	*ret_alarm = alarm;
	return true;
}

/* @held: watch.one is ours, and the stack was read. */
static bool raise_alarms(const struct fth_finding *finding, bool held)
{
	bool raised = false;

	for (u32 i = 0; i < FTH_PATCHES_MAX; i++) {
		struct fth_patch *patch = rcu_dereference(watch.patches[i]);
		u64 alarm;

		if (!patch || !is_in_force(patch))
			continue;
		if (!(patch->policy.revert_on &
		      bits_of(finding->trigger, held ? is_on_stack(patch) : true)))
			continue;
		if (!raise_alarm(patch, finding->trigger, &alarm))
			continue;
		raised = true;
		if (held)
			raise_told(patch, finding, alarm);
	}
	return raised;
}

/* Is a patch on its way out for it? */
static bool is_known(u8 trigger)
{
	for (u32 i = 0; i < FTH_PATCHES_MAX; i++) {
		const struct fth_patch *patch = rcu_dereference(watch.patches[i]);

		if (patch && fth_alarm_trigger(READ_ONCE(patch->alarm)) == trigger)
			return true;
	}
	return false;
}

/*
 * It is told once in a while only: whatever repeats itself does so without end.  An oops
 * is not kept silent by the WARNs around it.
 */
static bool may_tell_trouble(u8 trigger)
{
	atomic64_t *told_ns = &watch.trouble_ns[trigger];
	u64 now = fth_clock_now_ns();
	s64 last = atomic64_read(told_ns);

	if (trigger == FTH_TRIGGER_PANIC)
		return true;
	if (is_known(trigger))
		return false;
	return (!last || now - last >= TROUBLE_EVERY_NS) &&
	       atomic64_cmpxchg(told_ns, last, now) == last;
}

static void tell_trouble(const struct fth_finding *finding)
{
	struct fth_incident *one = &watch.one;

	if (!may_tell_trouble(finding->trigger)) {
		fth_incidents_missed();
		return;
	}
	one->number = fth_incidents_number();
	one->trouble = true;
	one->where[0] = '\0';
	scnprintf(one->why, sizeof(one->why), "%s in task %d '%s'",
		  fth_trigger_name(finding->trigger), finding->task->pid, finding->task->comm);
	tell(FTH_EVENT_TROUBLE);
}

void fth_revert_found(const struct fth_finding *finding)
{
	unsigned long flags;
	bool held, raised;

	/* Nothing on this CPU can want the memory meanwhile, but what goes wrong here. */
	local_irq_save(flags);
	rcu_read_lock();
	/* An NMI may have interrupted anything, the kernel's own tables of symbols too. */
	held = !in_nmi() && take_memory(finding->trigger);
	if (held)
		read_finding(finding);
	raised = raise_alarms(finding, held);
	if (held && !raised && finding->trouble)
		tell_trouble(finding);
	else if (!held && !raised && finding->trouble)
		fth_incidents_missed();
	if (held)
		atomic_set_release(&watch.busy, 0);
	rcu_read_unlock();
	local_irq_restore(flags);
	/* Queueing work takes locks that may be held here; an interrupt's turn is later. */
	irq_work_queue(&watch.kick);
}

void fth_revert_everything(u8 trigger)
{
	u64 alarm;

	rcu_read_lock();
	for (u32 i = 0; i < FTH_PATCHES_MAX; i++) {
		struct fth_patch *patch = rcu_dereference(watch.patches[i]);

		if (patch && !(READ_ONCE(patch->flags) & FTH_PATCH_FORCED) &&
		    !READ_ONCE(patch->alarm))
			raise_alarm(patch, trigger, &alarm);
	}
	rcu_read_unlock();
	irq_work_queue(&watch.kick);
}

void fth_revert_watch_init(void)
{
	init_irq_work(&watch.kick, kick);
}

void fth_revert_watch_exit(void)
{
	irq_work_sync(&watch.kick);
}
