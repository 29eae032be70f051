// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that wait in system calls, and what they saw when they came back.
 *
 * usage: fth_waits COUNT TIMEOUT_MS KIND...
 *	KIND	epoll, epoll_pwait, sem, semop, sigtimedwait, poll, futex, nanosleep, pipe,
 *		uring; of a socket recv, send, accept, connect
 *		COUNT tasks are divided among the kinds.  TIMEOUT_MS 0 waits without
 *		one (nanosleep: for an hour).
 * Prints "ready" when all of them wait.  On SIGTERM it ends them, prints for
 * each kind "KIND NAME=N..." and then "end".
 *	eintr	calls that returned EINTR though no handler had run
 *	early	... because of a time-out, before it was over
 *	timeouts  ... when it was over
 *	handled	handlers that ran, of a real-time signal (queued, so that none is
 *		lost but by a fault): SIGRTMIN + 2, 36 for kill
 *	lost	calls that came back with anything but EINTR though a handler had run
 *	failed	calls that came back for no reason of these
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fth_common.h"

#define TASKS_MAX 256
#define EARLY_MS 5 /* a clock's tick, and rounding */

/* Of one task, shared with its parent. */
struct task {
	pid_t pid;
	atomic_int calls; /* that began */
	atomic_int eintr, early, timeouts, handled, lost, failed;
};

static struct task *tasks, *self;
static atomic_int handled, ending;
static int timeout_ms;

static void on_signal(int number)
{
	(void)number;
	handled = 1;
	self->handled++;
}

static void on_term(int number)
{
	(void)number;
	ending = 1;
}

static long long now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/*
 * By two clocks, the greater: sockets count ticks, as the coarse clock does.  Where a vCPU
 * was not run for long, ticks are late and come all at once, the coarse clock's with them.
 */
struct moment {
	long long exact_ms, ticks_ms;
};

static struct moment moment_now(void)
{
	return (struct moment){ now_ms(CLOCK_MONOTONIC), now_ms(CLOCK_MONOTONIC_COARSE) };
}

static long long since_ms(struct moment begun)
{
	struct moment now = moment_now();
	long long exact = now.exact_ms - begun.exact_ms, ticks = now.ticks_ms - begun.ticks_ms;

	return exact > ticks ? exact : ticks;
}

static struct timespec span(int ms)
{
	return (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
}

static long wait_epoll(int fd)
{
	struct epoll_event event;

	return epoll_wait(fd, &event, 1, timeout_ms ? timeout_ms : -1);
}

static long wait_epoll_pwait(int fd)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(fd, &event, 1, timeout_ms ? timeout_ms : -1, &none);
}

static long wait_sem(int id)
{
	struct sembuf down = { .sem_op = -1 };
	struct timespec time = span(timeout_ms);

	return syscall(SYS_semtimedop, id, &down, 1, timeout_ms ? &time : NULL);
}

static long wait_semop(int id)
{
	struct sembuf down = { .sem_op = -1 };

	return syscall(SYS_semop, id, &down, 1);
}

static long wait_sigtimedwait(int unused)
{
	struct timespec time = span(timeout_ms);
	sigset_t set;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	return syscall(SYS_rt_sigtimedwait, &set, NULL, timeout_ms ? &time : NULL, 8);
}

static long wait_poll(int fd)
{
	struct pollfd one = { .fd = fd, .events = POLLIN };

	return poll(&one, 1, timeout_ms ? timeout_ms : -1);
}

static long wait_futex(int unused)
{
	static int word;
	struct timespec time = span(timeout_ms);

	(void)unused;
	return syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, timeout_ms ? &time : NULL);
}

static long wait_nanosleep(int unused)
{
	struct timespec time = span(timeout_ms ? timeout_ms : 3600000);

	(void)unused;
	return syscall(SYS_nanosleep, &time, NULL);
}

static long wait_pipe(int fd)
{
	char byte;

	return read(fd, &byte, 1);
}

/* No work is in flight, so nothing ever completes. */
static long wait_uring(int fd)
{
	struct __kernel_timespec time = { .tv_sec = timeout_ms / 1000,
					  .tv_nsec = timeout_ms % 1000 * 1000000ll };
	struct io_uring_getevents_arg limit = { .ts = (unsigned long)&time };
	unsigned int flags = IORING_ENTER_GETEVENTS;

	if (!timeout_ms)
		return syscall(SYS_io_uring_enter, fd, 0, 1, flags, NULL, 0);
	flags |= IORING_ENTER_EXT_ARG;
	return syscall(SYS_io_uring_enter, fd, 0, 1, flags, &limit, sizeof(limit));
}

static long wait_recv(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0);
}

static long wait_send(int fd)
{
	return send(fd, "x", 1, 0);
}

static long wait_accept(int fd)
{
	return accept(fd, NULL, NULL);
}

/* An address of this task alone; without a file. */
static struct sockaddr_un own_address(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "fth_waits.%d", (int)getpid());
	return address;
}

static long wait_connect(int fd)
{
	struct sockaddr_un address = own_address();

	return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static int make_uring(void)
{
	struct ring ring;

	return ring_open(&ring) ? -1 : ring.fd;
}

static int set_limits(int fd)
{
	struct timeval time = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };

	if (!timeout_ms)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)))
		return -1;
	return fd;
}

static int make_recv(void)
{
	int fds[2];

	return socketpair(AF_UNIX, SOCK_STREAM, 0, fds) ? -1 : set_limits(fds[0]);
}

/* As full as it gets. */
static int make_send(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		return -1;
	while (send(fds[0], "x", 1, MSG_DONTWAIT) == 1)
		;
	return errno == EAGAIN ? set_limits(fds[0]) : -1;
}

static int make_accept(void)
{
	struct sockaddr_un address = own_address();
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 0))
		return -1;
	return set_limits(fd);
}

/* Others stand in the listener's queue already. */
static int make_connect(void)
{
	struct sockaddr_un address = own_address();

	if (make_accept() < 0)
		return -1;
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

		if (fd < 0)
			return -1;
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			continue;
		if (errno != EAGAIN || fcntl(fd, F_SETFL, 0))
			return -1;
		return set_limits(fd);
	}
}

static int make_pipe(void)
{
	int fds[2];

	return pipe(fds) ? -1 : fds[0];
}

static int make_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0), from = make_pipe();

	return from < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, from, &event) ? -1 : fd;
}

static int make_sem(void)
{
	return semget(IPC_PRIVATE, 1, 0600);
}

static const struct kind {
	const char *name;
	int (*make)(void);
	long (*wait)(int what);
} kinds[] = {
	{ "epoll", make_epoll, wait_epoll },
	{ "epoll_pwait", make_epoll, wait_epoll_pwait },
	{ "sem", make_sem, wait_sem },
	{ "semop", make_sem, wait_semop },
	{ "sigtimedwait", NULL, wait_sigtimedwait },
	{ "poll", make_pipe, wait_poll },
	{ "futex", NULL, wait_futex },
	{ "nanosleep", NULL, wait_nanosleep },
	{ "pipe", make_pipe, wait_pipe },
	{ "uring", make_uring, wait_uring },
	{ "recv", make_recv, wait_recv },
	{ "send", make_send, wait_send },
	{ "accept", make_accept, wait_accept },
	{ "connect", make_connect, wait_connect },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct kind *kind_of(const char *name)
{
	for (unsigned int i = 0; i < KINDS; i++) {
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	}
	return NULL;
}

/* What a call came back with; -1 and an error, or success (nothing ever comes). */
static void judge(long result, int error, long long took_ms)
{
	int timed_out = timeout_ms &&
			(!result || error == ETIMEDOUT || error == EAGAIN || error == ETIME);

	if (result < 0 && error == EINTR) {
		if (!handled)
			self->eintr++;
	} else if (timed_out && took_ms + EARLY_MS < timeout_ms) {
		self->early++;
	} else if (timed_out) {
		self->timeouts++;
	} else {
		self->failed++;
	}
	if (handled && (result >= 0 || error != EINTR))
		self->lost++;
	handled = 0;
}

static void work(const struct kind *kind)
{
	struct sigaction action = { .sa_handler = on_signal };
	int what = kind->make ? kind->make() : 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGRTMIN + 2, &action, NULL);
	signal(SIGTERM, SIG_DFL);
	if (what < 0)
		_exit(1);
	for (;;) {
		struct moment begun = moment_now();
		long result;

		self->calls++;
		errno = 0;
		result = kind->wait(what);
		judge(result, errno, since_ms(begun));
		if (self->failed)
			_exit(1);
	}
}

static void show(const struct kind *kind, int first, int count, int step)
{
	int eintr = 0, early = 0, timeouts = 0, ran = 0, lost = 0, failed = 0;

	for (int i = first; i < count; i += step) {
		eintr += tasks[i].eintr;
		early += tasks[i].early;
		timeouts += tasks[i].timeouts;
		ran += tasks[i].handled;
		lost += tasks[i].lost;
		failed += tasks[i].failed;
	}
	printf("%s eintr=%d early=%d timeouts=%d handled=%d lost=%d failed=%d\n", kind->name, eintr,
	       early, timeouts, ran, lost, failed);
}

static void end_all(int count)
{
	for (int i = 0; i < count; i++) {
		kill(tasks[i].pid, SIGKILL);
		waitpid(tasks[i].pid, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	int count = argc > 3 ? atoi(argv[1]) : 0, kinds_asked = argc - 3;
	struct sigaction action = { .sa_handler = on_term };

	if (count < 1 || count > TASKS_MAX)
		return 2;
	timeout_ms = atoi(argv[2]);
	tasks = mmap(NULL, sizeof(*tasks) * TASKS_MAX, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tasks == MAP_FAILED)
		return 1;
	sigaction(SIGTERM, &action, NULL);
	for (int i = 0; i < count; i++) {
		const struct kind *kind = kind_of(argv[3 + i % kinds_asked]);
		pid_t pid;

		if (!kind)
			return 2;
		self = &tasks[i];
		pid = fork(); /* tasks[] is shared with the child */
		if (pid < 0)
			return 1;
		if (!pid)
			work(kind);
		tasks[i].pid = pid;
	}
	for (int i = 0; i < count; i++) {
		while (!tasks[i].calls || state_of(tasks[i].pid) != 'S')
			usleep(1000);
	}
	puts("ready");
	fflush(stdout);
	/* Looked at again now and then: the signal may come before pause(). */
	while (!ending)
		usleep(100000);
	end_all(count);
	for (int i = 0; i < kinds_asked; i++)
		show(kind_of(argv[3 + i]), i, count, kinds_asked);
	puts("end");
	return 0;
}
