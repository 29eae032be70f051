// SPDX-License-Identifier: GPL-2.0
/*
 * Tasks that are hard to move, one kind each, until SIGTERM.
 *
 * usage: fth_hard KIND
 *	stopped		by SIGSTOP, asleep in read() before
 *	signal-stop	traced, stopped in the delivery of a signal
 *	event-stop	traced, stopped in the middle of fork()
 *	syscall-stop	traced, stopped at the entry of a system call
 *	vfork		a parent that waits for its vfork child
 *	seccomp		in strict mode, asleep in read()
 *	io_uring	asleep in io_uring_enter(), the work done by an io worker
 *	io_uring-poll	... the work done by itself when the pipe has something
 *	io_uring-submit	... in the call that submitted the work
 * Prints "ready PID" of the task in question.  On SIGTERM it lets the task go on
 * and exits with 0 if it then ends as it should, else with 1.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fth_common.h"

static int pipe_fds[2];

/* Reads one byte; EINTR would be an error. */
static int read_byte(void)
{
	char byte;

	return read(pipe_fds[0], &byte, 1) == 1 ? 0 : 1;
}

static int be_reader(void)
{
	return read_byte();
}

static int be_signalled(void)
{
	signal(SIGUSR1, SIG_IGN);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGUSR1);
	return 0;
}

static int be_forking(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	if (!fork())
		_exit(0);
	return wait(NULL) < 0;
}

static int be_calling(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	return syscall(SYS_getppid) <= 0;
}

static int be_vforking(void)
{
	pid_t pid = vfork();

	if (!pid) {
		/* Shares the parent's memory: no more than system calls. */
		char byte;
		long got = syscall(SYS_read, pipe_fds[0], &byte, 1);

		syscall(SYS_exit, got != 1);
	}
	return pid < 0;
}

static int be_strict(void)
{
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 1;
	syscall(SYS_exit, read_byte());
	return 1;
}

/*
 * One read of the pipe, and a wait for it.  The read must be done once and well,
 * and the wait must not end before, nor with an error.
 */
static int read_by_ring(unsigned int flags, int together)
{
	static char byte;
	struct io_uring_sqe read = {
		.opcode = IORING_OP_READ,
		.flags = (__u8)flags,
		.fd = pipe_fds[0],
		.addr = (unsigned long)&byte,
		.len = 1,
	};
	struct ring ring;

	if (ring_open(&ring))
		return 1;
	ring_prepare(&ring, &read);
	if (ring_enter(&ring, 1, together) != 1)
		return 1;
	/* A wait that also submitted may end before its time, as by any signal. */
	if (!ring_ready(&ring) && ring_enter(&ring, 0, 1))
		return 1;
	if (ring_ready(&ring) != 1 || atomic_load(ring.sq_head) != 1)
		return 1;
	return ring.cqes[0].res != 1 || byte != 'x';
}

static int be_uring(void)
{
	return read_by_ring(IOSQE_ASYNC, 0);
}

static int be_uring_polling(void)
{
	return read_by_ring(0, 0);
}

static int be_uring_submitting(void)
{
	return read_by_ring(IOSQE_ASYNC, 1);
}

static const struct kind {
	const char *name;
	int (*be)(void);
	char state; /* of /proc/PID/stat when it is there */
	int traced;
} kinds[] = {
	{ "stopped", be_reader, 'T', 0 },
	{ "signal-stop", be_signalled, 't', 1 },
	{ "event-stop", be_forking, 't', 1 },
	{ "syscall-stop", be_calling, 't', 1 },
	{ "vfork", be_vforking, 'D', 0 },
	{ "seccomp", be_strict, 'S', 0 },
	{ "io_uring", be_uring, 'S', 0 },
	{ "io_uring-poll", be_uring_polling, 'S', 0 },
	{ "io_uring-submit", be_uring_submitting, 'S', 0 },
};

/* Brings a traced task to where it is wanted. */
static int trace(const struct kind *kind, pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return -1;
	if (kind->be == be_signalled)
		return 0;
	if (kind->be == be_forking) {
		if (ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACEFORK) ||
		    ptrace(PTRACE_CONT, pid, NULL, NULL))
			return -1;
	} else if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL)) {
		return -1;
	}
	return waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) ? 0 : -1;
}

/* The fork() that was stopped has a child that is traced too. */
static void let_go(const struct kind *kind, pid_t pid)
{
	unsigned long child = 0;

	if (kind->be == be_forking && !ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child)) {
		waitpid((pid_t)child, NULL, __WALL);
		ptrace(PTRACE_DETACH, (pid_t)child, NULL, NULL);
	}
	if (kind->traced)
		ptrace(PTRACE_DETACH, pid, NULL, NULL);
	if (kind->state == 'T')
		kill(pid, SIGCONT);
	if (write(pipe_fds[1], "x", 1) != 1)
		_exit(1);
}

static int drive(const struct kind *kind)
{
	int status, number, tries;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (pipe(pipe_fds))
		return 1;
	pid = fork();
	if (!pid) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		_exit(kind->be());
	}
	if (pid < 0 || (kind->traced && trace(kind, pid)))
		return 1;
	for (tries = 0; kind->state == 'T' && state_of(pid) != 'S'; tries++)
		usleep(1000);
	if (kind->state == 'T')
		kill(pid, SIGSTOP);
	for (tries = 0; state_of(pid) != kind->state; tries++) {
		if (tries > 20000)
			return 1;
		usleep(1000);
	}
	printf("ready %d\n", (int)pid);
	fflush(stdout);
	sigwait(&set, &number);
	if (state_of(pid) != kind->state)
		return 1;
	let_go(kind, pid);
	if (waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : 1;
}

int main(int argc, char **argv)
{
	for (unsigned int i = 0; argc == 2 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(argv[1], kinds[i].name))
			return drive(&kinds[i]);
	}
	return 2;
}
