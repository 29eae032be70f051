// SPDX-License-Identifier: GPL-2.0
/*
 * What a task that died in our own code held is given back.
 *
 * DESIGN
 * An oops kills the task in whose context it happens.  If that was ours, or held
 * a lock of the way to the host, no command would ever be heard again.  The die
 * notifier, which runs inside the oops, frees only what others spin for; the rest
 * is done by the dead task itself on its way out, in the kernel's usual context,
 * by a task work: it hands its work over, and gives back its mutexes, innermost
 * first.  What the engine's mutexes protect can't be made sound again, so those are
 * not given back; the engine's workers never send (teller.c).
 *
 * This module can't be unloaded afterwards: the dead worker stays in the kernel's
 * lists, as one that still runs here.
 */
#include "rescue.h"

#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/sched.h>

#include "main.h"

/* Innermost first. */
static struct fth_robust_mutex *const mutexes[] = {
	&fth_guest.link.lock,
	&fth_guest.dispatch.ops.lock,
	&fth_guest.dispatch.reply_lock,
	&fth_guest.link.receive_lock,
};

static void on_way_out(struct callback_head *head)
{
	struct fth_rescue_death *death = container_of(head, struct fth_rescue_death, way_out);

	pr_warn("task %d '%s' died in fother; what it held is given back, and fother stays loaded\n",
		current->pid, current->comm);
	fth_robust_renew_works();
	for (u32 i = 0; i < ARRAY_SIZE(mutexes); i++)
		fth_robust_give_back(mutexes[i]);
	fth_channel_find_soon();
	WRITE_ONCE(death->task, NULL);
}

static bool is_ours(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(mutexes); i++)
		if (fth_robust_mutex_is_mine(mutexes[i]))
			return true;
	return fth_robust_work_is_mine();
}

/* NULL: there is no room, or it has died already. */
static struct fth_rescue_death *take_room(struct fth_rescue *rescue)
{
	for (u32 i = 0; i < FTH_RESCUE_MAX; i++)
		if (READ_ONCE(rescue->dead[i].task) == current)
			return NULL;
	for (u32 i = 0; i < FTH_RESCUE_MAX; i++)
		if (!cmpxchg(&rescue->dead[i].task, NULL, current))
			return &rescue->dead[i];
	pr_crit("task %d '%s' died in fother, and there is no room to give back what it held\n",
		current->pid, current->comm);
	return NULL;
}

/* An oops in an interrupt is a panic: nobody needs anything afterwards. */
static int died(struct notifier_block *block, unsigned long event, void *data)
{
	struct fth_rescue *rescue = &fth_guest.rescue;
	struct fth_rescue_death *death;
	bool held;

	if (event != DIE_OOPS || in_interrupt())
		return NOTIFY_DONE;
	held = fth_channel_abandon();
	fth_note_abandon();
	if (!held && !is_ours())
		return NOTIFY_DONE;
	death = take_room(rescue);
	if (!death)
		return NOTIFY_DONE;
	__module_get(THIS_MODULE);
	WRITE_ONCE(rescue->count, rescue->count + 1);
	init_task_work(&death->way_out, on_way_out);
	if (task_work_add(current, &death->way_out, TWA_NONE))
		WRITE_ONCE(death->task, NULL);
	return NOTIFY_DONE;
}

int fth_rescue_init(void)
{
	fth_robust_init();
	fth_guest.rescue.died.notifier_call = died;
	return register_die_notifier(&fth_guest.rescue.died);
}

void fth_rescue_exit(void)
{
	unregister_die_notifier(&fth_guest.rescue.died);
}
