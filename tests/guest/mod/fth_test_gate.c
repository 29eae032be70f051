// SPDX-License-Identifier: GPL-2.0
/*
 * Gates: who enters a function of fother's first waits there, so that a test decides what
 * happens meanwhile.
 *
 *	insmod fth_test_gate.ko at=FUNCTION[,FUNCTION]...
 *	cat held		functions that somebody waits in, a line each
 *	echo FUNCTION >pass	who waits there goes on, the next one waits
 *	echo FUNCTION >open	who waits there goes on, and so does everybody later
 *
 * ftrace calls a handler that asks for no protection as the function was called, with
 * nothing of its own held: where the function may sleep, so may the handler.  Where
 * interrupts are off its CPU is kept busy, for a shorter time.
 */
#include <linux/atomic.h>
#include <linux/ftrace.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#define GATES_MAX 4
#define NAME_MAX_B 64
#define LIMIT_S 600 /* a test that ended before leaves nobody for ever */
#define BUSY_LIMIT_S 15

enum gate_state {
	GATE_SHUT,
	GATE_HELD, /* one waits, others go by */
	GATE_OPEN,
};

static char *at[GATES_MAX];
static int count;
module_param_array(at, charp, &count, 0444);
MODULE_PARM_DESC(at, "functions of fother's, with commas between");

/* @passes: how often who waits was let go on. */
static struct {
	atomic_t state;
	atomic_t passes;
} gates[GATES_MAX];
static atomic_t inside;
static DECLARE_WAIT_QUEUE_HEAD(queue);

static int find(const char *name)
{
	for (int i = 0; i < count; i++) {
		if (sysfs_streq(name, at[i]))
			return i;
	}
	return -ENOENT;
}

/* Without the module's name, which %ps puts behind a blank. */
static int find_ip(unsigned long ip)
{
	char name[NAME_MAX_B];

	snprintf(name, sizeof(name), "%ps", (void *)ip);
	strreplace(name, ' ', '\0');
	return find(name);
}

static bool is_let_on(int gate, int before)
{
	return atomic_read(&gates[gate].passes) != before;
}

/* By a clock: how long a delay's loops take an emulator may not know. */
static void keep_busy(int gate, int before)
{
	u64 until_ns = ktime_get_mono_fast_ns() + (u64)BUSY_LIMIT_S * NSEC_PER_SEC;

	while (!is_let_on(gate, before) && ktime_get_mono_fast_ns() < until_ns)
		cpu_relax();
}

static void hold(int gate)
{
	int before = atomic_read(&gates[gate].passes);

	if (atomic_cmpxchg(&gates[gate].state, GATE_SHUT, GATE_HELD) != GATE_SHUT)
		return;
	if (!irqs_disabled())
		wait_event_idle_timeout(queue, is_let_on(gate, before), LIMIT_S * HZ);
	else
		keep_busy(gate, before);
	if (!is_let_on(gate, before))
		pr_err("'%s' was not opened in time\n", at[gate]);
}

static void notrace on_entry(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			     struct ftrace_regs *fregs)
{
	int gate;

	atomic_inc(&inside);
	gate = find_ip(ip);
	if (gate >= 0)
		hold(gate);
	if (atomic_dec_and_test(&inside))
		wake_up_all(&queue);
}

static struct ftrace_ops ops = { .func = on_entry };

static void let_on(int gate, enum gate_state state)
{
	atomic_set(&gates[gate].state, state);
	atomic_inc(&gates[gate].passes);
	wake_up_all(&queue);
}

static int pass_set(const char *text, const struct kernel_param *param)
{
	int gate = find(text);

	if (gate < 0 || atomic_read(&gates[gate].state) != GATE_HELD)
		return gate < 0 ? gate : -EINVAL;
	let_on(gate, GATE_SHUT);
	return 0;
}

static const struct kernel_param_ops pass_ops = { .set = pass_set };
module_param_cb(pass, &pass_ops, NULL, 0200);

static int open_set(const char *text, const struct kernel_param *param)
{
	int gate = find(text);

	if (gate < 0)
		return gate;
	let_on(gate, GATE_OPEN);
	return 0;
}

static const struct kernel_param_ops open_ops = { .set = open_set };
module_param_cb(open, &open_ops, NULL, 0200);

static int held_get(char *page, const struct kernel_param *param)
{
	int length = 0;

	for (int i = 0; i < count; i++) {
		if (atomic_read(&gates[i].state) == GATE_HELD)
			length += sysfs_emit_at(page, length, "%s\n", at[i]);
	}
	return length;
}

static const struct kernel_param_ops held_ops = { .get = held_get };
module_param_cb(held, &held_ops, NULL, 0444);

static int __init gate_init(void)
{
	int error = count ? 0 : -EINVAL;

	for (int i = 0; i < count && !error; i++)
		error = ftrace_set_filter(&ops, at[i], strlen(at[i]), 0);
	if (!error)
		error = register_ftrace_function(&ops);
	if (error)
		ftrace_free_filter(&ops);
	return error;
}

/* Nobody may sleep in ftrace's trampoline when it is freed. */
static void __exit gate_exit(void)
{
	for (int i = 0; i < count; i++)
		let_on(i, GATE_OPEN);
	wait_event(queue, !atomic_read(&inside));
	unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
}

module_init(gate_init);
module_exit(gate_exit);
MODULE_DESCRIPTION("fother test: who enters a function waits there");
MODULE_LICENSE("GPL");
