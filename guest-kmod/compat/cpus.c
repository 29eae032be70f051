// SPDX-License-Identifier: GPL-2.0
/* Do all CPUs answer? */
#include "cpus.h"

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/percpu.h>
#include <linux/static_call.h>
#include <linux/stop_machine.h>

#include "lookup.h"

#define LOOK_US 200u
#define EXIT_LOOK_MS 10u

DEFINE_STATIC_CALL_NULL(fth_stop_one_cpu_nowait, stop_one_cpu_nowait);

/* @asked: its stopper has @work, from an earlier question perhaps. */
struct question {
	struct cpu_stop_work work;
	atomic_t asked;
};

static DEFINE_PER_CPU(struct question, questions);

static int answer(void *unused)
{
	atomic_set_release(&this_cpu_ptr(&questions)->asked, 0);
	return 0;
}

static void ask(int cpu)
{
	struct question *question = per_cpu_ptr(&questions, cpu);

	if (atomic_xchg(&question->asked, 1))
		return;
	/* It is going offline: nobody would wait for it. */
	if (!static_call(fth_stop_one_cpu_nowait)(cpu, answer, NULL, &question->work))
		atomic_set(&question->asked, 0);
}

/* Return: a CPU that has not answered, -1 = none. */
static int find_silent(void)
{
	int cpu;

	for_each_online_cpu(cpu) {
		if (atomic_read_acquire(&per_cpu_ptr(&questions, cpu)->asked))
			return cpu;
	}
	return -1;
}

bool fth_cpus_answer(int *ret_cpu)
{
	u32 looks = FTH_CPUS_WAIT_MS * USEC_PER_MSEC / LOOK_US;
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		ask(cpu);
	cpus_read_unlock();
	for (cpu = find_silent(); cpu >= 0 && looks; cpu = find_silent(), looks--)
		usleep_range(LOOK_US, 2 * LOOK_US);
	if (cpu < 0)
		return true;
	*ret_cpu = cpu;
	return false;
}

int fth_cpus_init(void)
{
	unsigned long address;
	int error = fth_lookup("stop_one_cpu_nowait", &address);

	if (!error)
		static_call_update(fth_stop_one_cpu_nowait, (typeof(&stop_one_cpu_nowait))address);
	return error;
}

void fth_cpus_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		while (atomic_read_acquire(&per_cpu_ptr(&questions, cpu)->asked))
			msleep(EXIT_LOOK_MS);
	}
}
