// SPDX-License-Identifier: GPL-2.0
/*
 * Faults of a kernel thread, in places where a note is hard to send.
 *
 *	how=oops	a write to nowhere in a thread
 *	how=irqoff	the same with interrupts off
 *	how=held	the same with a spinlock held, interrupts off, in a timer's
 *			softirq: the kernel panics
 *	how=panic	panic()
 *	how=stuck	the same while another CPU holds the lock of fother's sending, the
 *			ring whole, and never gives it back
 *	how=send	the next sending of fother's dies with its lock held, the ring whole
 *	how=ring	the next sending of fother's dies while it changes the ring
 *	how=warn	the next sending of fother's warns with its lock held
 *	how=allow	whoever carries the next ALLOW out dies before it has an effect
 *
 * With note=1 the module sends the note itself, from notifiers of its own.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/err.h>
#include <linux/ftrace.h>
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/string.h>
#include <linux/timer.h>
#include <linux/virtio.h>

#include "fother/codec.h"
#include "fother/lifecycle.h"

static char *how = "oops";
module_param(how, charp, 0444);
static bool note = true;
module_param(note, bool, 0444);
static int answer = 1;
module_param(answer, int, 0444);
MODULE_PARM_DESC(answer, "what the last note came to; 1: none was sent");

static int (*note_send)(const struct fth_msg_event *event);

static void send_note(u8 trigger, const char *detail)
{
	static struct fth_msg_event event;

	event.kind = FTH_EVENT_TROUBLE;
	event.trigger = trigger;
	event.detail = (struct fth_span){ (const u8 *)detail, strlen(detail) };
	answer = note_send(&event);
	pr_info("fth_test_note: %s: %d\n", detail, answer);
}

static int on_die(struct notifier_block *block, unsigned long event, void *data)
{
	if (event == DIE_OOPS)
		send_note(FTH_TRIGGER_OOPS, how);
	return NOTIFY_DONE;
}

static int on_panic(struct notifier_block *block, unsigned long event, void *data)
{
	send_note(FTH_TRIGGER_PANIC, "panic");
	return NOTIFY_DONE;
}

static struct notifier_block die_block = { .notifier_call = on_die };
static struct notifier_block panic_block = { .notifier_call = on_panic };

static int *nowhere;

static void notrace fall_over(void)
{
	WRITE_ONCE(*READ_ONCE(nowhere), 1);
}

static DEFINE_SPINLOCK(held);

static void die_in_softirq(struct timer_list *timer)
{
	spin_lock_irq(&held);
	fall_over();
	/* Never reached. */
	spin_unlock_irq(&held);
}

static DEFINE_TIMER(timer, die_in_softirq);

static int fault(void *data)
{
	if (!strcmp(how, "held")) {
		mod_timer(&timer, jiffies + 1);
		return 0;
	}
	if (!strcmp(how, "panic"))
		panic("fth_test_note: as asked");
	if (!strcmp(how, "irqoff"))
		local_irq_disable();
	fall_over();
	return 0;
}

static atomic_t armed = ATOMIC_INIT(1);

static bool stuck;

static void notrace stay(void)
{
	WRITE_ONCE(stuck, true);
	for (;;)
		cpu_relax();
}

static int panic_beside(void *data)
{
	while (!READ_ONCE(stuck))
		usleep_range(1000, 2000);
	panic("fth_test_note: as asked");
}

/* Of these, one has a CPU that isn't stuck. */
static int start_beside(void)
{
	struct task_struct *task;
	unsigned int cpu;

	for_each_online_cpu(cpu) {
		task = kthread_create(panic_beside, NULL, "fth_note/%u", cpu);
		if (IS_ERR(task))
			return PTR_ERR(task);
		kthread_bind(task, cpu);
		wake_up_process(task);
	}
	return 0;
}

static bool notrace is_out(struct pt_regs *regs)
{
	struct virtqueue *vq = regs ? (struct virtqueue *)regs->di : NULL;

	return vq && vq->vdev->dev.driver && !strcmp(vq->vdev->dev.driver->name, "fother") &&
	       !strncmp(vq->name, "fother-out", strlen("fother-out"));
}

static void notrace on_call(unsigned long ip, unsigned long parent, struct ftrace_ops *ops,
			    struct ftrace_regs *fregs)
{
	if (strcmp(how, "allow") && !is_out(ftrace_get_regs(fregs)))
		return;
	if (!atomic_xchg(&armed, 0))
		return;
	if (!strcmp(how, "stuck"))
		stay();
	if (strcmp(how, "warn"))
		fall_over();
	send_note(FTH_TRIGGER_WARN, "warn");
}

static struct ftrace_ops ops = {
	.func = on_call,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION,
};

static int trace(char *function)
{
	int err = ftrace_set_filter(&ops, function, strlen(function), 0);

	if (!err)
		err = register_ftrace_function(&ops);
	if (err)
		ftrace_free_filter(&ops);
	return err;
}

static int find_note_send(void)
{
	struct kprobe probe = { .symbol_name = "fth_note_send" };
	int err = register_kprobe(&probe);

	if (err)
		return err;
	note_send = (void *)probe.addr;
	unregister_kprobe(&probe);
	return 0;
}

static int __init fth_test_note_init(void)
{
	struct task_struct *task;
	int err = find_note_send();

	if (err)
		return err;
	if (note) {
		register_die_notifier(&die_block);
		atomic_notifier_chain_register(&panic_notifier_list, &panic_block);
	}
	if (!strcmp(how, "send") || !strcmp(how, "warn"))
		return trace("virtqueue_kick");
	if (!strcmp(how, "stuck"))
		return trace("virtqueue_kick") ?: start_beside();
	if (!strcmp(how, "ring"))
		return trace("virtqueue_add_outbuf");
	if (!strcmp(how, "allow"))
		return trace("fth_revert_allow");
	task = kthread_run(fault, NULL, "fth_note");
	return PTR_ERR_OR_ZERO(task);
}

static void __exit fth_test_note_exit(void)
{
	if (ops.flags & FTRACE_OPS_FL_ENABLED)
		unregister_ftrace_function(&ops);
	ftrace_free_filter(&ops);
	if (note) {
		unregister_die_notifier(&die_block);
		atomic_notifier_chain_unregister(&panic_notifier_list, &panic_block);
	}
}

module_init(fth_test_note_init);
module_exit(fth_test_note_exit);
MODULE_DESCRIPTION("fother test: faults where a note is hard to send");
MODULE_LICENSE("GPL");
