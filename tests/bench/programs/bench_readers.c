// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a command while every CPU is busy in the kernel.
 *
 * DESIGN
 * usage: bench_readers COMMAND...
 * On each CPU one process reads /dev/zero, in system calls of 2 GiB: it hardly
 * ever leaves the kernel and never sleeps there.  Once each has used CPU time
 * in the kernel, COMMAND runs; then they are killed.  Exits as COMMAND did.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bench.h"

#define CPUS_MAX 64
#define BUFFER_SIZE (2u << 20)
#define BUFFERS 1023 /* of one call; together just below what a call may move */
#define LOOK_EVERY_MS 10
#define READY_MAX_MS 60000.0

static void read_for_ever(int cpu)
{
	static struct iovec vector[BUFFERS];
	int fd = open("/dev/zero", O_RDONLY);
	cpu_set_t set;
	char *buffer = mmap(NULL, BUFFER_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (fd < 0 || buffer == MAP_FAILED || sched_setaffinity(0, sizeof(set), &set))
		die("reader on CPU %d: %s", cpu, strerror(errno));
	for (int i = 0; i < BUFFERS; i++)
		vector[i] = (struct iovec){ .iov_base = buffer, .iov_len = BUFFER_SIZE };
	for (;;) {
		if (readv(fd, vector, BUFFERS) < 0 && errno != EINTR)
			die("read: %s", strerror(errno));
	}
}

/* Has it used CPU time in the kernel? */
static int is_busy(pid_t pid)
{
	unsigned long ticks = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* The 15th field; the 2nd is a name without blanks here. */
	if (fscanf(file, "%*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %lu", &ticks) !=
	    1)
		ticks = 0;
	fclose(file);
	return ticks > 10;
}

int main(int argc, char **argv)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	double end_ms = now_ms() + READY_MAX_MS;
	pid_t pids[CPUS_MAX];
	int status;

	if (argc < 2 || cpus > CPUS_MAX)
		die("usage: bench_readers COMMAND..., on at most %d CPUs", CPUS_MAX);
	for (int cpu = 0; cpu < cpus; cpu++) {
		pids[cpu] = fork();
		if (pids[cpu] < 0)
			die("fork: %s", strerror(errno));
		if (!pids[cpu]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			read_for_ever(cpu);
		}
	}
	for (int cpu = 0; cpu < cpus; cpu++) {
		while (!is_busy(pids[cpu])) {
			if (now_ms() > end_ms)
				die("the reader on CPU %d does not run", cpu);
			nap_ms(LOOK_EVERY_MS);
		}
	}
	status = run_command(argv + 1);
	for (int cpu = 0; cpu < cpus; cpu++)
		kill(pids[cpu], SIGKILL);
	while (wait(NULL) > 0)
		;
	return status;
}
