/* SPDX-License-Identifier: GPL-2.0 */
/* Mutexes and work whose task may die of an oops: the way to the host outlives it. */
#ifndef FOTHER_GUEST_ROBUST_H
#define FOTHER_GUEST_ROBUST_H

#include <linux/atomic.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct task_struct;

#define FTH_ROBUST_LIVES 4u /* workers that may die in one work, until it stands still */
#define FTH_ROBUST_WORKS_MAX 8u

/**
 * struct fth_robust_mutex - as a robust mutex of POSIX: it is given back for the dead
 * @mutex: the lock itself
 * @owner: who has it; written by the owner
 * @renew: what it protects may be half changed: make it sound, with the lock, in
 *	the context of the task that died.  NULL where there is nothing to do
 */
struct fth_robust_mutex {
	struct mutex mutex;
	struct task_struct *owner;
	void (*renew)(void);
};

/* A macro, as each gets a class of its own from lockdep. */
#define fth_robust_mutex_init(lock, on_renew) \
	do {                                  \
		mutex_init(&(lock)->mutex);   \
		(lock)->owner = NULL;         \
		(lock)->renew = (on_renew);   \
	} while (0)

static inline void fth_robust_lock(struct fth_robust_mutex *lock)
{
	mutex_lock(&lock->mutex);
	WRITE_ONCE(lock->owner, current);
}

static inline void fth_robust_unlock(struct fth_robust_mutex *lock)
{
	WRITE_ONCE(lock->owner, NULL);
	mutex_unlock(&lock->mutex);
}

static inline void fth_robust_assert_held(const struct fth_robust_mutex *lock)
{
	lockdep_assert_held(&lock->mutex);
}

/* One of the work items that stand in for each other. */
struct fth_robust_life {
	struct work_struct work;
	struct fth_robust_work *owner;
};

/**
 * struct fth_robust_work - a work item that goes on when its worker has died
 * @queue: not one that allows a single worker only
 * @run: carries it out, one worker at a time
 * @lives: an item whose worker died is never carried out again, so there are several
 * @live: the one that is queued now
 * @asked: requests
 * @done: requests that were carried out
 * @worker: who carries it out
 */
struct fth_robust_work {
	struct workqueue_struct *queue;
	void (*run)(struct fth_robust_work *work);
	struct fth_robust_life lives[FTH_ROBUST_LIVES];
	u32 live;
	atomic_t asked;
	int done;
	struct task_struct *worker;
};

/**
 * struct fth_robust - all of them
 * @lock: protects changes of @works
 * @works: read under RCU
 * @idle: somebody waits for the end of one
 */
struct fth_robust {
	struct mutex lock;
	struct fth_robust_work __rcu *works[FTH_ROBUST_WORKS_MAX];
	wait_queue_head_t idle;
};

/** fth_robust_init() - before everything else here. */
void fth_robust_init(void);

/**
 * fth_robust_work_init() - from here on it may be queued
 * Context: may sleep.  Return: 0; -ENOSPC there are FTH_ROBUST_WORKS_MAX.
 */
int fth_robust_work_init(struct fth_robust_work *work, struct workqueue_struct *queue,
			 void (*run)(struct fth_robust_work *work));

/**
 * fth_robust_work_exit() - nobody queues it any more; it doesn't run afterwards
 *
 * Context: may sleep.
 * Return: may its memory be freed, after an RCU grace period?  No if a worker died
 * in it, as the kernel keeps that worker for ever.
 */
bool fth_robust_work_exit(struct fth_robust_work *work);

/** fth_robust_queue() - as queue_work().  Any context but NMI. */
void fth_robust_queue(struct fth_robust_work *work);

/**
 * fth_robust_flush() - what was asked for before is done
 *
 * Carries it out once more if need be.  Context: may sleep, not its own worker.
 */
void fth_robust_flush(struct fth_robust_work *work);

/* Inside an oops, or after it: */

/** fth_robust_work_is_mine() - does current carry out one of the works? */
bool fth_robust_work_is_mine(void);

/** fth_robust_mutex_is_mine() - does current hold @lock? */
static inline bool fth_robust_mutex_is_mine(const struct fth_robust_mutex *lock)
{
	return READ_ONCE(lock->owner) == current;
}

/** fth_robust_renew_works() - current died in some: others go on with them.  May sleep. */
void fth_robust_renew_works(void);

/** fth_robust_give_back() - current died with @lock.  May sleep. */
void fth_robust_give_back(struct fth_robust_mutex *lock);

#endif /* FOTHER_GUEST_ROBUST_H */
