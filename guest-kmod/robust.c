// SPDX-License-Identifier: GPL-2.0
/*
 * Mutexes and work whose task may die of an oops.
 *
 * DESIGN
 * A mutex knows its owner, so that the dead task itself can give it back on its
 * way out (rescue.c).  The kernel remembers for ever that a worker that died was
 * carrying its item out, and would keep the item for that worker; so a work has
 * several items, and goes on with the next one.  For the same reason an end is not
 * waited for with the kernel's means: they would wait for the dead worker.
 */
#include "robust.h"

#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "main.h"

static void carry_out(struct work_struct *item)
{
	struct fth_robust_life *life = container_of(item, struct fth_robust_life, work);
	struct fth_robust_work *work = life->owner;
	int asked = atomic_read(&work->asked);

	WRITE_ONCE(work->worker, current);
	work->run(work);
	WRITE_ONCE(work->worker, NULL);
	smp_store_release(&work->done, asked); /* pairs with is_done() */
	/* From here on the work may be gone. */
	wake_up_all(&fth_guest.robust.idle);
}

void fth_robust_init(void)
{
	struct fth_robust *robust = &fth_guest.robust;

	mutex_init(&robust->lock);
	init_waitqueue_head(&robust->idle);
}

static int add(struct fth_robust_work *work)
{
	struct fth_robust *robust = &fth_guest.robust;
	int err = -ENOSPC;

	mutex_lock(&robust->lock);
	for (u32 i = 0; i < FTH_ROBUST_WORKS_MAX && err; i++) {
		if (rcu_access_pointer(robust->works[i]))
			continue;
		rcu_assign_pointer(robust->works[i], work);
		err = 0;
	}
	mutex_unlock(&robust->lock);
	return err;
}

int fth_robust_work_init(struct fth_robust_work *work, struct workqueue_struct *queue,
			 void (*run)(struct fth_robust_work *work))
{
	work->queue = queue;
	work->run = run;
	work->live = 0;
	work->done = 0;
	work->worker = NULL;
	atomic_set(&work->asked, 0);
	for (u32 i = 0; i < FTH_ROBUST_LIVES; i++) {
		INIT_WORK(&work->lives[i].work, carry_out);
		work->lives[i].owner = work;
	}
	return add(work);
}

bool fth_robust_work_exit(struct fth_robust_work *work)
{
	struct fth_robust *robust = &fth_guest.robust;
	u32 live;

	fth_robust_flush(work);
	mutex_lock(&robust->lock);
	for (u32 i = 0; i < FTH_ROBUST_WORKS_MAX; i++)
		if (rcu_access_pointer(robust->works[i]) == work)
			RCU_INIT_POINTER(robust->works[i], NULL);
	live = work->live;
	mutex_unlock(&robust->lock);
	/* It is past all that can kill it. */
	if (live < FTH_ROBUST_LIVES)
		cancel_work_sync(&work->lives[live].work);
	return !live;
}

void fth_robust_queue(struct fth_robust_work *work)
{
	u32 live;

	atomic_inc(&work->asked);
	/* Pairs with fth_robust_renew_works(): who queues the dead one is counted before. */
	smp_mb__after_atomic();
	live = READ_ONCE(work->live);
	if (live < FTH_ROBUST_LIVES)
		queue_work(work->queue, &work->lives[live].work);
}

static bool is_done(const struct fth_robust_work *work, int asked)
{
	/* Pairs with the release of carry_out(). */
	return smp_load_acquire(&work->done) - asked >= 0 ||
	       READ_ONCE(work->live) >= FTH_ROBUST_LIVES;
}

void fth_robust_flush(struct fth_robust_work *work)
{
	int asked;

	fth_robust_queue(work);
	asked = atomic_read(&work->asked);
	wait_event(fth_guest.robust.idle, is_done(work, asked));
}

bool fth_robust_work_is_mine(void)
{
	bool mine = false;

	rcu_read_lock();
	for (u32 i = 0; i < FTH_ROBUST_WORKS_MAX && !mine; i++) {
		const struct fth_robust_work *work = rcu_dereference(fth_guest.robust.works[i]);

		mine = work && READ_ONCE(work->worker) == current;
	}
	rcu_read_unlock();
	return mine;
}

void fth_robust_renew_works(void)
{
	struct fth_robust *robust = &fth_guest.robust;

	mutex_lock(&robust->lock);
	for (u32 i = 0; i < FTH_ROBUST_WORKS_MAX; i++) {
		struct fth_robust_work *work =
			rcu_dereference_protected(robust->works[i], lockdep_is_held(&robust->lock));

		if (!work || work->worker != current)
			continue;
		WRITE_ONCE(work->worker, NULL);
		WRITE_ONCE(work->live, work->live + 1);
		smp_mb(); /* pairs with fth_robust_queue() */
		if (work->live == FTH_ROBUST_LIVES)
			pr_err("%u workers died in one work: it stands still until the next boot\n",
			       FTH_ROBUST_LIVES);
		/* What was asked for meanwhile went to the dead one. */
		fth_robust_queue(work);
	}
	mutex_unlock(&robust->lock);
	wake_up_all(&robust->idle);
}

void fth_robust_give_back(struct fth_robust_mutex *lock)
{
	if (!fth_robust_mutex_is_mine(lock))
		return;
	if (lock->renew)
		lock->renew();
	fth_robust_unlock(lock);
}
