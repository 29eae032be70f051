// SPDX-License-Identifier: GPL-2.0
/*
 * Witness of consistency: tasks visit a patched set and compare generations.
 *
 * DESIGN
 * Each ioctl on /dev/fth_gen, and each turn of the kernel threads, is a visit:
 * jiffies64_to_msecs(), then srcu_notifier_call_chain(), whose callback calls it
 * again, stays, and calls it again, then a last time.  What must not be is
 * counted:
 *
 *   nested	in one call of the chain two generations were seen
 *   syscall	in one visit of a user task two generations were seen
 *   down	a thread that had seen the target of a transition saw the other
 *   order	a visit that began after any task had seen the target saw the other
 *   overlap	a task was in the old function still when another had left the new one
 *   held	the same for a whole visit instead of a function
 *
 * Which of them a model promises is the script's business.  `epoch` says which
 * transition runs: its parity is the target's, 0 is "don't judge".  The script
 * sets it before it asks for a transition, and to 0 before it turns one round
 * half-way, so that within one number tasks only ever go to its target.  A call
 * counts for an epoch only if it stood before and after.  Reading
 * /dev/fth_gen shows the counts, and the latest epoch whose target was seen.
 */
#include <linux/atomic.h>
#include <linux/delay.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "fth_test_gen.h"

#define KTHREADS_MAX 16u
#define STAY_MAX_US 10000000u

static int epoch;
module_param(epoch, int, 0644);
MODULE_PARM_DESC(epoch, "number of the transition: odd goes to the patch, even back, 0 = none");

static int top = 1;
module_param(top, int, 0644);
MODULE_PARM_DESC(top, "generation that odd epochs go to");

static int bottom;
module_param(bottom, int, 0644);
MODULE_PARM_DESC(bottom, "generation that even epochs go to");

static uint kthreads;
module_param(kthreads, uint, 0444);
MODULE_PARM_DESC(kthreads, "kernel threads that visit");

static uint kthread_stay_us = 2000;
module_param(kthread_stay_us, uint, 0444);

static DECLARE_WAIT_QUEUE_HEAD(gate);
static bool release;

static int release_set(const char *text, const struct kernel_param *param)
{
	int error = param_set_bool(text, param);

	wake_up_all(&gate);
	return error;
}

static const struct kernel_param_ops release_ops = { .set = release_set, .get = param_get_bool };
module_param_cb(release, &release_ops, &release, 0644);
MODULE_PARM_DESC(release, "visits that wait go on");

/* The latest epoch whose target some task has seen. */
static atomic_t reached;

enum {
	NESTED,
	SYSCALL,
	DOWN,
	ORDER,
	OVERLAP,
	HELD,
	VISITS,
	TARGETS,
	OTHERS,
	INSIDE,
	COUNTS
};

static const char *const count_names[COUNTS] = {
	"nested", "syscall", "down",	"order",  "overlap",
	"held",	  "visits",  "targets", "others", "inside",
};
static atomic_t counts[COUNTS];

static struct task_struct *visitors[KTHREADS_MAX];

/**
 * struct history - one thread of those that visit
 * @epoch: the last one it saw the target of
 */
struct history {
	int epoch;
};

/**
 * struct visit - one
 * @io: what was asked for, and what is answered
 * @history: of its thread
 * @epoch: when it began
 * @user: of a user task
 */
struct visit {
	struct fth_gen_visit io;
	struct history *history;
	int epoch;
	bool user;
};

static int target_of(int number)
{
	return number & 1 ? READ_ONCE(top) : READ_ONCE(bottom);
}

static int epoch_now(void)
{
	smp_mb(); /* after whatever is judged by it */
	return READ_ONCE(epoch);
}

/* Called where @seen was observed, for something that began at epoch @begun. */
static void judge(struct visit *visit, u32 seen, int begun, int reached_before)
{
	int now = epoch_now(), old;

	if (!now || now != begun)
		return;
	if (seen == target_of(now)) {
		atomic_inc(&counts[TARGETS]);
		visit->history->epoch = now;
		for (old = atomic_read(&reached); old < now;)
			old = atomic_cmpxchg(&reached, old, now);
		return;
	}
	atomic_inc(&counts[OTHERS]);
	if (visit->history->epoch == now)
		atomic_inc(&counts[DOWN]);
	if (reached_before == now)
		atomic_inc(&counts[ORDER]);
}

/* Still inside something that began with @seen: has another left the target's? */
static bool is_passed(u32 seen, int begun)
{
	int now = epoch_now();

	return now && now == begun && seen != target_of(now) && atomic_read(&reached) == now;
}

static noinline u32 generation(struct visit *visit)
{
	int begun = epoch_now(), reached_before = atomic_read(&reached);
	u32 seen;

	smp_mb(); /* both are older than the call */
	seen = jiffies64_to_msecs(FTH_GEN_BASE) - FTH_GEN_OLD;
	judge(visit, seen, begun, reached_before);
	return seen;
}

static void spin(u32 us)
{
	ktime_t end = ktime_add_us(ktime_get(), us);

	while (ktime_before(ktime_get(), end))
		cpu_relax();
}

static noinline void stay(struct visit *visit)
{
	u32 how = visit->io.stay;

	if (how & FTH_GEN_STAY_SPIN)
		spin(visit->io.stay_us);
	else if (how & FTH_GEN_STAY_BLOCKED)
		wait_event(gate, READ_ONCE(release));
	else if (how & FTH_GEN_STAY_KILLABLE)
		visit->io.signalled |= !!wait_event_killable(gate, READ_ONCE(release));
	else if (how & FTH_GEN_STAY_HELD)
		visit->io.signalled |= !!wait_event_interruptible(gate, READ_ONCE(release));
	else if (visit->io.stay_us)
		visit->io.signalled |= !!wait_event_interruptible_timeout(
			gate, false, usecs_to_jiffies(visit->io.stay_us));
	else
		cond_resched();
}

static int inside(struct notifier_block *block, unsigned long action, void *data)
{
	struct visit *visit = data;
	int begun = epoch_now();
	u32 outer = action - FTH_GEN_BASE;
	u32 first, last;

	visit->io.inside = outer;
	atomic_inc(&counts[INSIDE]);
	first = generation(visit);
	if (visit->io.stay & FTH_GEN_STAY_INSIDE)
		stay(visit);
	last = generation(visit);
	atomic_dec(&counts[INSIDE]);
	if (first != outer || last != outer)
		atomic_inc(&counts[NESTED]);
	if (is_passed(outer, begun))
		atomic_inc(&counts[OVERLAP]);
	return NOTIFY_OK;
}

SRCU_NOTIFIER_HEAD_STATIC(chain);
static struct notifier_block block = { .notifier_call = inside };

static void go(struct visit *visit)
{
	visit->epoch = epoch_now();
	atomic_inc(&counts[VISITS]);
	visit->io.signalled = 0;
	visit->io.first = generation(visit);
	srcu_notifier_call_chain(&chain, FTH_GEN_BASE, visit);
	if (!(visit->io.stay & FTH_GEN_STAY_INSIDE))
		stay(visit);
	visit->io.last = generation(visit);
	if (!visit->user)
		return;
	if (visit->io.first != visit->io.inside || visit->io.first != visit->io.last)
		atomic_inc(&counts[SYSCALL]);
	if (is_passed(visit->io.last, visit->epoch))
		atomic_inc(&counts[HELD]);
}

static int kthread_go(void *unused)
{
	static const u32 stays[] = { FTH_GEN_STAY_INSIDE, 0,
				     FTH_GEN_STAY_INSIDE | FTH_GEN_STAY_SPIN, 0 };
	struct history history = {};
	struct visit visit = { .history = &history };

	for (u32 turn = 0; !kthread_should_stop(); turn++) {
		visit.io.stay = stays[turn % ARRAY_SIZE(stays)];
		visit.io.stay_us = kthread_stay_us;
		go(&visit);
		cond_resched();
	}
	return 0;
}

/* One open file is one thread's history. */
static int gen_open(struct inode *inode, struct file *file)
{
	struct history *history = kzalloc(sizeof(*history), GFP_KERNEL);

	file->private_data = history;
	return history ? 0 : -ENOMEM;
}

static int gen_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static long gen_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct visit visit = { .history = file->private_data, .user = true };
	void __user *user = (void __user *)argument;

	if (command != FTH_GEN_VISIT)
		return -ENOTTY;
	if (copy_from_user(&visit.io, user, sizeof(visit.io)))
		return -EFAULT;
	if (visit.io.stay_us > STAY_MAX_US)
		return -EINVAL;
	go(&visit);
	return copy_to_user(user, &visit.io, sizeof(visit.io)) ? -EFAULT : 0;
}

static ssize_t gen_read(struct file *file, char __user *user, size_t length, loff_t *position)
{
	char text[(COUNTS + 1) * 24];
	int used = 0;

	for (u32 i = 0; i < COUNTS; i++)
		used += scnprintf(text + used, sizeof(text) - used, "%s=%d\n", count_names[i],
				  atomic_read(&counts[i]));
	used += scnprintf(text + used, sizeof(text) - used, "reached=%d\n", atomic_read(&reached));
	return simple_read_from_buffer(user, length, position, text, used);
}

/* Anything that is written begins all counts but `inside` anew. */
static ssize_t gen_write(struct file *file, const char __user *user, size_t length,
			 loff_t *position)
{
	for (u32 i = 0; i < INSIDE; i++)
		atomic_set(&counts[i], 0);
	return length;
}

static const struct file_operations gen_operations = {
	.owner = THIS_MODULE,
	.open = gen_open,
	.release = gen_release,
	.read = gen_read,
	.write = gen_write,
	.unlocked_ioctl = gen_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fth_gen",
	.fops = &gen_operations,
};

static void stop_kthreads(void)
{
	release = true;
	wake_up_all(&gate);
	for (u32 i = 0; i < KTHREADS_MAX && visitors[i]; i++)
		kthread_stop(visitors[i]);
}

static int __init fth_test_gen_init(void)
{
	int error = srcu_notifier_chain_register(&chain, &block);

	if (error)
		return error;
	for (u32 i = 0; i < min(kthreads, KTHREADS_MAX); i++) {
		struct task_struct *task = kthread_run(kthread_go, NULL, "fth_gen/%u", i);

		error = PTR_ERR_OR_ZERO(task);
		if (error)
			goto err_kthreads;
		visitors[i] = task;
	}
	error = misc_register(&device);
	if (error)
		goto err_kthreads;
	return 0;

err_kthreads:
	stop_kthreads();
	srcu_notifier_chain_unregister(&chain, &block);
	return error;
}

static void __exit fth_test_gen_exit(void)
{
	misc_deregister(&device);
	stop_kthreads();
	srcu_notifier_chain_unregister(&chain, &block);
}

module_init(fth_test_gen_init);
module_exit(fth_test_gen_exit);
MODULE_DESCRIPTION("fother test: witness of consistency");
MODULE_LICENSE("GPL");
