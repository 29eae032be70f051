// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a command while tasks sleep that nobody wakes.
 *
 * DESIGN
 * usage: bench_sleepers KIND COUNT COMMAND...
 * COUNT threads sleep in read(2) of an empty pipe ("pipe"), in epoll_wait(2)
 * ("epoll"), or in nanosleep(2), poll(2) and futex(2) by turns ("idle").  Once
 * every one is seen in its system call, COMMAND runs; after it "eintr N" is
 * printed: how many of the threads saw their call fail with EINTR, once or
 * more often.  A call that came back is made again.  Exits as COMMAND did.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define COUNT_MAX 20000
#define STACK_SIZE (32 * 1024)
#define LOOK_EVERY_MS 1
#define READY_MAX_MS 300000.0
#define LONG_S 1000000

struct sleeper {
	pthread_t thread;
	long (*sleep)(struct sleeper *sleeper);
	long number; /* of its system call */
	pid_t tid;
	int pipe[2];
	int epoll;
	int word; /* its futex */
	int interrupted;
};

static long sleep_read(struct sleeper *sleeper)
{
	char byte;

	return read(sleeper->pipe[0], &byte, 1);
}

static long sleep_epoll(struct sleeper *sleeper)
{
	struct epoll_event event;

	return epoll_wait(sleeper->epoll, &event, 1, -1);
}

static long sleep_nanosleep(struct sleeper *sleeper)
{
	struct timespec nap = { .tv_sec = LONG_S };

	(void)sleeper;
	return syscall(SYS_nanosleep, &nap, NULL);
}

static long sleep_poll(struct sleeper *sleeper)
{
	(void)sleeper;
	return syscall(SYS_poll, NULL, 0, -1);
}

static long sleep_futex(struct sleeper *sleeper)
{
	return syscall(SYS_futex, &sleeper->word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
}

static void *run(void *arg)
{
	struct sleeper *sleeper = arg;

	__atomic_store_n(&sleeper->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	for (;;) {
		if (sleeper->sleep(sleeper) < 0 && errno == EINTR)
			__atomic_store_n(&sleeper->interrupted, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void open_pipe(struct sleeper *sleeper)
{
	if (pipe2(sleeper->pipe, O_CLOEXEC))
		die("pipe: %s", strerror(errno));
}

static void prepare(struct sleeper *sleeper, const char *kind, int index)
{
	struct epoll_event event = { .events = EPOLLIN };

	if (!strcmp(kind, "pipe")) {
		open_pipe(sleeper);
		sleeper->sleep = sleep_read;
		sleeper->number = SYS_read;
	} else if (!strcmp(kind, "epoll")) {
		open_pipe(sleeper);
		sleeper->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (sleeper->epoll < 0 ||
		    epoll_ctl(sleeper->epoll, EPOLL_CTL_ADD, sleeper->pipe[0], &event))
			die("epoll: %s", strerror(errno));
		sleeper->sleep = sleep_epoll;
		sleeper->number = SYS_epoll_wait;
	} else if (!strcmp(kind, "idle")) {
		sleeper->sleep = index % 3 == 0	  ? sleep_nanosleep
				 : index % 3 == 1 ? sleep_poll
						  : sleep_futex;
		sleeper->number = index % 3 == 0   ? SYS_nanosleep
				  : index % 3 == 1 ? SYS_poll
						   : SYS_futex;
	} else {
		die("no kind '%s'; expected pipe, epoll or idle", kind);
	}
}

/* One mapping for all stacks: a process may have only so many of them. */
static void start(struct sleeper *sleepers, int count, const char *kind)
{
	char *stacks = mmap(NULL, (size_t)count * STACK_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	pthread_attr_t attr;

	if (stacks == MAP_FAILED)
		die("stacks: %s", strerror(errno));
	pthread_attr_init(&attr);
	for (int i = 0; i < count; i++) {
		int error;

		prepare(&sleepers[i], kind, i);
		pthread_attr_setstack(&attr, stacks + (size_t)i * STACK_SIZE, STACK_SIZE);
		error = pthread_create(&sleepers[i].thread, &attr, run, &sleepers[i]);
		if (error)
			die("thread %d of %d: %s", i, count, strerror(error));
	}
	pthread_attr_destroy(&attr);
}

static int is_asleep(const struct sleeper *sleeper)
{
	pid_t tid = __atomic_load_n(&sleeper->tid, __ATOMIC_ACQUIRE);
	char path[64];
	long number = -1;
	FILE *file;

	if (!tid)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/task/%d/syscall", (int)tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* A running task has the word "running" there. */
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number == sleeper->number;
}

static void wait_asleep(const struct sleeper *sleepers, int count)
{
	double end_ms = now_ms() + READY_MAX_MS;

	for (int i = 0; i < count; i++) {
		while (!is_asleep(&sleepers[i])) {
			if (now_ms() > end_ms)
				die("thread %d of %d does not sleep", i, count);
			nap_ms(LOOK_EVERY_MS);
		}
	}
}

int main(int argc, char **argv)
{
	int count = argc > 3 ? atoi(argv[2]) : 0;
	int interrupted = 0, status;
	struct sleeper *sleepers;

	if (count < 1 || count > COUNT_MAX)
		die("usage: bench_sleepers pipe|epoll|idle COUNT COMMAND...");
	sleepers = calloc((size_t)count, sizeof(*sleepers));
	if (!sleepers)
		die("no memory for %d sleepers", count);
	start(sleepers, count, argv[1]);
	wait_asleep(sleepers, count);
	status = run_command(argv + 3);
	for (int i = 0; i < count; i++)
		interrupted += __atomic_load_n(&sleepers[i].interrupted, __ATOMIC_RELAXED);
	printf("eintr %d\n", interrupted);
	fflush(stdout);
	_exit(status);
}
