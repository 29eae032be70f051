// SPDX-License-Identifier: GPL-2.0
/*
 * What the benchmark of calls patches: a function of nearly nothing, and one
 * to sleep in, so that a transition can be held open.
 *
 * DESIGN
 * /proc/bench_target takes one command a write:
 *	leaf N		call bench_target_leaf() N times
 *	plain N		the same with a function that nobody patches
 *	hold N		sleep until `release`, in bench_target_hold(), then call
 *			bench_target_leaf() N times with that still on the stack
 *	release		end the sleep
 * and shows, for each of the three, what the last one cost: "leaf NS CALLS
 * SUM", in nanoseconds for all its calls together, and the sum of what they
 * returned, which tells whose body ran.  The sleep is not interruptible: no
 * engine gets the sleeper out of it.
 */
#include <linux/completion.h>
#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#define COMMAND_MAX 32
#define CALLS_MAX 10000000u

enum {
	LEAF,
	PLAIN,
	HOLD,
	KINDS
};

struct cost {
	u64 ns;
	u64 calls;
	u64 sum;
};

static const char *const kind_names[KINDS] = { "leaf", "plain", "hold" };
static DECLARE_COMPLETION(released);
static DEFINE_MUTEX(costs_lock); /* protects costs */
static struct cost costs[KINDS];

/* Patched by name; noipa: called as it stands, whatever it does. */
noinline __attribute__((noipa)) static u64 bench_target_leaf(u64 value)
{
	barrier();
	return value & 1;
}

noinline __attribute__((noipa)) static u64 bench_target_plain(u64 value)
{
	barrier();
	return value & 1;
}

static struct cost call_leaf(u32 calls)
{
	struct cost cost = { .calls = calls };
	u64 began_ns = ktime_get_ns();

	for (u32 i = 0; i < calls; i++)
		cost.sum += bench_target_leaf(i);
	cost.ns = ktime_get_ns() - began_ns;
	return cost;
}

static struct cost call_plain(u32 calls)
{
	struct cost cost = { .calls = calls };
	u64 began_ns = ktime_get_ns();

	for (u32 i = 0; i < calls; i++)
		cost.sum += bench_target_plain(i);
	cost.ns = ktime_get_ns() - began_ns;
	return cost;
}

noinline __attribute__((noipa)) static void bench_target_hold(u32 calls, struct cost *ret_cost)
{
	wait_for_completion(&released);
	*ret_cost = call_leaf(calls);
}

static int run(char *command)
{
	struct cost cost;
	u32 calls;
	int kind;

	if (!strcmp(command, "release")) {
		complete(&released);
		return 0;
	}
	for (kind = 0; kind < KINDS; kind++) {
		size_t length = strlen(kind_names[kind]);

		if (!strncmp(command, kind_names[kind], length) && command[length] == ' ')
			break;
	}
	if (kind == KINDS || kstrtou32(strchr(command, ' ') + 1, 10, &calls) || calls > CALLS_MAX)
		return -EINVAL;
	if (kind == HOLD)
		bench_target_hold(calls, &cost);
	else
		cost = kind == LEAF ? call_leaf(calls) : call_plain(calls);
	mutex_lock(&costs_lock);
	costs[kind] = cost;
	mutex_unlock(&costs_lock);
	return 0;
}

static ssize_t target_write(struct file *file, const char __user *text, size_t length, loff_t *pos)
{
	char command[COMMAND_MAX];
	int error;

	if (length >= sizeof(command))
		return -EINVAL;
	if (copy_from_user(command, text, length))
		return -EFAULT;
	command[length] = '\0';
	error = run(strim(command));
	return error ?: length;
}

static int target_show(struct seq_file *out, void *unused)
{
	mutex_lock(&costs_lock);
	for (int kind = 0; kind < KINDS; kind++)
		seq_printf(out, "%s %llu %llu %llu\n", kind_names[kind], costs[kind].ns,
			   costs[kind].calls, costs[kind].sum);
	mutex_unlock(&costs_lock);
	return 0;
}

static int target_open(struct inode *inode, struct file *file)
{
	return single_open(file, target_show, NULL);
}

static const struct proc_ops target_ops = {
	.proc_open = target_open,
	.proc_read = seq_read,
	.proc_write = target_write,
	.proc_lseek = seq_lseek,
	.proc_release = single_release,
};

static int __init bench_target_init(void)
{
	return proc_create("bench_target", 0600, NULL, &target_ops) ? 0 : -ENOMEM;
}

static void __exit bench_target_exit(void)
{
	remove_proc_entry("bench_target", NULL);
}

module_init(bench_target_init);
module_exit(bench_target_exit);
MODULE_DESCRIPTION("fother bench: functions to patch and to call");
MODULE_LICENSE("GPL");
