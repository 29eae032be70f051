// SPDX-License-Identifier: GPL-2.0
/* Parking: user tasks are held at the kernel's boundary for a moment. */
#include "park.h"

#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/refcount.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include "compat/kernel.h"
#include "fother/consistency.h"
#include "nudge.h"
#include "restart.h"
#include "stack.h"

#define LOOK_MS 5u /* between two looks at whether to go on */
#define ROUND_PAUSE_US 200u

/* No signal ends it, no load counts it, a suspend may freeze it. */
#define PARKED (TASK_UNINTERRUPTIBLE | TASK_NOLOAD | TASK_FREEZABLE)

/*
 * Shared by the one who asks and those who are parked; the last one frees it.
 * @lock protects @berths, @parked, @first_ns and @longest_ns.
 */
struct fth_park {
	refcount_t users;
	u32 number;
	spinlock_t lock;
	struct list_head berths;
	u32 parked;
	u64 first_ns;
	u64 longest_ns;
	bool over;
	unsigned long until;
	u64 half_ns;
	atomic_t asked;
	atomic_t came;
	wait_queue_head_t all_came;
};

/* On the stack of a parked task; in its park's list until one of both lets go. */
struct berth {
	struct list_head link;
	struct task_struct *task;
};

/* The park that tasks join; @lock protects it and keeps it from being freed. */
static struct {
	spinlock_t lock;
	u32 number; /* of the last one */
	struct fth_park *park;
} now = { .lock = __SPIN_LOCK_UNLOCKED(now.lock) };

static void put_park(struct fth_park *park)
{
	if (refcount_dec_and_test(&park->users))
		kfree(park);
}

static struct fth_park *get_park(u32 number)
{
	struct fth_park *park;

	spin_lock(&now.lock);
	park = now.park && now.park->number == number ? now.park : NULL;
	if (park)
		refcount_inc(&park->users);
	spin_unlock(&now.lock);
	return park;
}

static bool is_over(const struct fth_park *park)
{
	return READ_ONCE(park->over) || time_after_eq(jiffies, park->until);
}

static void account(struct fth_park *park, u64 since_ns)
{
	u64 held_ns = ktime_get_ns() - since_ns;

	park->longest_ns = max(park->longest_ns, held_ns);
}

static void tell_came(struct fth_park *park)
{
	/* Pairs with the wait for it: who came is counted before the wake-up. */
	if (atomic_inc_return(&park->came) >= atomic_read(&park->asked))
		wake_up(&park->all_came);
}

static void stay_in(struct fth_park *park)
{
	struct berth berth = { .task = current };
	u64 since_ns = ktime_get_ns();
	long left;

	spin_lock(&park->lock);
	list_add_tail(&berth.link, &park->berths);
	if (!park->parked++)
		park->first_ns = since_ns;
	spin_unlock(&park->lock);
	tell_came(park);
	for (;;) {
		set_current_state(PARKED);
		left = (long)(park->until - jiffies);
		if (READ_ONCE(park->over) || left <= 0)
			break;
		schedule_timeout(left);
	}
	__set_current_state(TASK_RUNNING);
	spin_lock(&park->lock);
	list_del_init(&berth.link);
	account(park, since_ns);
	spin_unlock(&park->lock);
}

/* Of a nudge, maybe for a park that is over. */
static void stay(u32 number, enum fth_stack_exit where)
{
	struct fth_park *park = get_park(number);

	if (!park)
		return;
	if (!is_over(park) && !(current->flags & PF_EXITING) && where != FTH_EXIT_NOT)
		stay_in(park);
	else
		tell_came(park);
	put_park(park);
}

static bool can_be_asked(struct task_struct *task, u8 timed)
{
	unsigned int state = READ_ONCE(task->__state);

	if (!fth_task_has_boundary(task) || task == current || (task->flags & PF_EXITING))
		return false;
	/* Our own parked ones are among those that sleep so. */
	if (fth_task_is_halted(task) || (state & TASK_UNINTERRUPTIBLE))
		return false;
	return timed != FTH_NUDGE_TIMED_WAIT || !fth_restart_is_timed(task);
}

struct crowd {
	u32 room;
	u32 count;
	struct task_struct *tasks[];
};

/* Those who can be asked, referenced; who finds no room is asked next time. */
static struct crowd *collect(u8 timed)
{
	struct task_struct *process, *task;
	u32 room = FTH_PARK_SLACK;
	struct crowd *crowd;

	rcu_read_lock();
	for_each_process_thread(process, task)
		room++;
	rcu_read_unlock();
	crowd = kvmalloc(struct_size(crowd, tasks, room), GFP_KERNEL);
	if (!crowd)
		return NULL;
	crowd->room = room;
	crowd->count = 0;
	rcu_read_lock();
	for_each_process_thread(process, task) {
		if (crowd->count < crowd->room && can_be_asked(task, timed))
			crowd->tasks[crowd->count++] = get_task_struct(task);
	}
	rcu_read_unlock();
	return crowd;
}

/* Return: how many were asked that were not before; -ENOMEM. */
static int ask_all(struct fth_park *park, u8 timed)
{
	struct crowd *crowd = collect(timed);
	int asked = 0;

	if (!crowd)
		return -ENOMEM;
	for (u32 i = 0; i < crowd->count; i++) {
		int error;

		/* First, or it might have come before it counts. */
		atomic_inc(&park->asked);
		error = fth_nudge_task(crowd->tasks[i], timed, stay, park->number);
		/* Nobody need be woken for that: it is we who will wait, and look first. */
		if (error != 1)
			atomic_dec(&park->asked);
		asked += error == 1 || error == -EAGAIN;
		put_task_struct(crowd->tasks[i]);
		cond_resched();
	}
	kvfree(crowd);
	return asked;
}

static bool have_all_come(struct fth_park *park)
{
	return atomic_read(&park->came) >= atomic_read(&park->asked);
}

enum wait_end {
	ALL_CAME,
	SETTLED, /* nobody comes any more */
	STOP,	 /* it is time for what they are parked for, or for nothing */
};

static enum wait_end wait_for_all(struct fth_park *park, const struct fth_park_order *order)
{
	u64 moved_ns = ktime_get_ns();
	int came = atomic_read(&park->came);

	for (;;) {
		wait_event_timeout(park->all_came, have_all_come(park), msecs_to_jiffies(LOOK_MS));
		if (ktime_get_ns() >= park->half_ns || (order->interrupted && order->interrupted()))
			return STOP;
		if (have_all_come(park))
			return ALL_CAME;
		if (came != atomic_read(&park->came)) {
			came = atomic_read(&park->came);
			moved_ns = ktime_get_ns();
		} else if (ktime_get_ns() - moved_ns > FTH_PARK_SETTLE_MS * NSEC_PER_MSEC) {
			return SETTLED;
		}
	}
}

/* Return: 0 or -ENOMEM. */
static int ask_in_rounds(struct fth_park *park, const struct fth_park_order *order)
{
	enum wait_end end = ALL_CAME;

	for (u32 round = 0; round < FTH_PARK_ROUNDS_MAX && end != STOP; round++) {
		int asked = ask_all(park, order->timed);

		if (asked < 0)
			return asked;
		/* Some can be asked only now: they slept, or left the park before. */
		if (!asked && (end == SETTLED || have_all_come(park)))
			break;
		end = wait_for_all(park, order);
		/* Those that were asked in vain have a moment to get on. */
		usleep_range(ROUND_PAUSE_US, 2 * ROUND_PAUSE_US);
	}
	return 0;
}

static struct fth_park *alloc_park(u32 budget_ms)
{
	struct fth_park *park = kzalloc(sizeof(*park), GFP_KERNEL);

	if (!park)
		return NULL;
	refcount_set(&park->users, 1);
	spin_lock_init(&park->lock);
	INIT_LIST_HEAD(&park->berths);
	init_waitqueue_head(&park->all_came);
	park->until = jiffies + max(msecs_to_jiffies(budget_ms), 1ul);
	park->half_ns = ktime_get_ns() + budget_ms * (u64)NSEC_PER_MSEC / 2;
	return park;
}

/* One that nobody ended, because its worker died, is passed over in time. */
static bool open_park(struct fth_park *park)
{
	bool opened;

	spin_lock(&now.lock);
	opened = !now.park || is_over(now.park);
	if (opened) {
		park->number = ++now.number;
		now.park = park;
	}
	spin_unlock(&now.lock);
	return opened;
}

int fth_park_begin(const struct fth_park_order *order, struct fth_park **ret_park)
{
	struct fth_park *park = alloc_park(order->budget_ms);
	u64 longest_ns;
	u32 parked;
	int error;

	if (!park)
		return -ENOMEM;
	if (!open_park(park)) {
		kfree(park);
		return -EBUSY;
	}
	error = ask_in_rounds(park, order);
	if (error)
		fth_park_end(park, &longest_ns, &parked);
	else
		*ret_park = park;
	return error;
}

/* The next one to be woken, referenced, or NULL. */
static struct task_struct *take_one(struct fth_park *park)
{
	struct task_struct *task = NULL;
	struct berth *berth;

	spin_lock(&park->lock);
	berth = list_first_entry_or_null(&park->berths, struct berth, link);
	if (berth) {
		list_del_init(&berth->link);
		task = get_task_struct(berth->task);
	}
	spin_unlock(&park->lock);
	return task;
}

void fth_park_end(struct fth_park *park, u64 *ret_longest_ns, u32 *ret_parked)
{
	struct task_struct *task;

	spin_lock(&now.lock);
	if (now.park == park)
		now.park = NULL;
	spin_unlock(&now.lock);
	WRITE_ONCE(park->over, true);
	/* Pairs with set_current_state() in stay_in(): it sees that, or we see it. */
	smp_mb();
	while ((task = take_one(park))) {
		wake_up_process(task);
		put_task_struct(task);
		cond_resched();
	}
	spin_lock(&park->lock);
	if (park->parked)
		account(park, park->first_ns);
	*ret_longest_ns = park->longest_ns;
	*ret_parked = park->parked;
	spin_unlock(&park->lock);
	put_park(park);
}
