// SPDX-License-Identifier: GPL-2.0
/*
 * A program of the operator's as a child process.
 *
 * DESIGN
 * Its end is the readiness of a pidfd, so that no signal handler is needed and
 * nobody else's children are touched.  It leads a session: a kill of that group
 * reaches what it started.  Its output is read so that it never blocks on us,
 * and forgotten but for the first line.  One that nobody wants to hear of any
 * more is killed and left to a pidfd that only reaps: what hangs in the kernel
 * dies when it can, and nothing waits for it.  The loop counts these.
 */
#include "io/process.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/loop.h"

#define READ_SIZE 4096u
#define READS_MAX 16u /* of one turn */
#define FAILURE_FD 3  /* of the child: says why it did not become the program */

struct fth_process {
	struct fth_loop *loop;
	pid_t pid;
	int pidfd;
	int output;  /* read end; -1: closed */
	int failure; /* the same, of an errno */
	struct event *ended;
	struct event *written;
	struct fth_timer *timer;
	void (*done)(void *context, const struct fth_process_end *end);
	void *context;
	size_t length; /* of @end.line */
	bool line_over;
	struct fth_process_end end;
};

static void close_output(struct fth_process *process)
{
	if (process->written)
		event_free(process->written);
	process->written = NULL;
	if (process->output >= 0)
		close(process->output);
	process->output = -1;
}

static void drop(struct fth_process *process)
{
	close_output(process);
	if (process->ended)
		event_free(process->ended);
	fth_timer_free(process->timer);
	if (process->pidfd >= 0)
		close(process->pidfd);
	if (process->failure >= 0)
		close(process->failure);
	free(process);
}

static void take_output(struct fth_process *process, const char *bytes, size_t count)
{
	size_t i;

	for (i = 0; i < count && !process->line_over; i++) {
		if (bytes[i] == '\n' || process->length == FTH_PROCESS_LINE_MAX)
			process->line_over = true;
		else
			process->end.line[process->length++] =
				bytes[i] < ' ' || bytes[i] > '~' ? '?' : bytes[i];
	}
}

static void read_output(evutil_socket_t fd, short what, void *context)
{
	struct fth_process *process = context;
	unsigned int turns = READS_MAX;
	char bytes[READ_SIZE];
	ssize_t got = 1;

	(void)what;
	while (turns-- && (got = read(fd, bytes, sizeof(bytes))) > 0)
		take_output(process, bytes, (size_t)got);
	if (!got || (got < 0 && errno != EAGAIN && errno != EINTR))
		close_output(process);
}

/* Its group, and itself, which may not lead one yet. */
static void end_group(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
}

/* Its group goes first: as long as nobody waited for it its number is not given anew. */
static void reap(pid_t pid, int pidfd, siginfo_t *ret_info)
{
	end_group(pid);
	memset(ret_info, 0, sizeof(*ret_info));
	while (waitid(P_PIDFD, (id_t)pidfd, ret_info, WEXITED) && errno == EINTR)
		;
}

static void orphan_ended(evutil_socket_t fd, short what, void *loop)
{
	siginfo_t info = { 0 };

	(void)what;
	while (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	if (info.si_pid)
		reap(info.si_pid, fd, &info);
	close(fd);
	fth_loop_count_orphans(loop, -1);
}

/* It is killed already; its end is still to be taken note of. */
static void orphan(struct fth_process *process)
{
	if (process->ended)
		event_del(process->ended);
	if (process->pidfd >= 0 && !event_base_once(fth_loop_base(process->loop), process->pidfd,
						    EV_READ, orphan_ended, process->loop, NULL)) {
		process->pidfd = -1;
		fth_loop_count_orphans(process->loop, 1);
	}
	drop(process);
}

static void process_ended(evutil_socket_t fd, short what, void *context)
{
	struct fth_process *process = context;
	void (*done)(void *, const struct fth_process_end *) = process->done;
	struct fth_process_end end;
	siginfo_t info;

	(void)fd;
	(void)what;
	reap(process->pid, process->pidfd, &info);
	if (process->output >= 0)
		read_output(process->output, EV_READ, process);
	end = process->end;
	if (read(process->failure, &end.error, sizeof(end.error)) != sizeof(end.error))
		end.error = 0;
	if (info.si_code == CLD_EXITED)
		end.status = info.si_status;
	else
		end.signal = info.si_status ? info.si_status : SIGKILL;
	context = process->context;
	drop(process);
	done(context, &end);
}

/* What hangs in the kernel can't be killed: it is left behind. */
static void time_over(void *context)
{
	struct fth_process *process = context;
	void (*done)(void *, const struct fth_process_end *) = process->done;
	struct fth_process_end end;

	end_group(process->pid); /* its end follows */
	if (!process->end.timed_out) {
		process->end.timed_out = true;
		fth_timer_set(process->timer, FTH_PROCESS_LAST_MS);
		return;
	}
	end = process->end;
	end.signal = SIGKILL;
	context = process->context;
	orphan(process);
	done(context, &end);
}

/* In the child, of a process with threads: nothing but system calls.  Never returns. */
static void become(const char *const *argv, const char *const *env, int output, int failure)
{
	const struct sigaction usual = { .sa_handler = SIG_DFL };
	sigset_t none;
	int signal, code;

	setsid();
	for (signal = 1; signal < NSIG; signal++)
		sigaction(signal, &usual, NULL); /* not all can be set, nor need be */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* What it would hold of ours goes now: its program's file system may hang. */
	if (dup2(output, 1) == 1 && dup2(output, 2) == 2 && dup2(failure, FAILURE_FD) >= 0 &&
	    !fcntl(FAILURE_FD, F_SETFD, FD_CLOEXEC) && !close_range(FAILURE_FD + 1, ~0u, 0) &&
	    !close(0) && !open("/dev/null", O_RDONLY) && !chdir("/"))
		execve(argv[0], (char *const *)argv, (char *const *)env);
	code = errno;
	if (write(FAILURE_FD, &code, sizeof(code)) < 0)
		_exit(126);
	_exit(127);
}

/*
 * By fork(): whoever shares our memory until it is another program, as a vfork() or what
 * posix_spawn() does, would stop the agent for as long as that program's file hangs.
 */
static int spawn(struct fth_process *process, const char *const *argv, const char *const *env,
		 int output, int failure)
{
	sigset_t all, before;
	int error = 0;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before); /* no handler of ours runs in the child */
	process->pid = fork();
	if (!process->pid)
		become(argv, env, output, failure);
	if (process->pid < 0)
		error = -errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

static int watch(struct fth_process *process, uint64_t timeout_ms)
{
	struct event_base *base = fth_loop_base(process->loop);

	process->pidfd = pidfd_open(process->pid, 0);
	if (process->pidfd < 0)
		return -errno;
	process->ended = event_new(base, process->pidfd, EV_READ, process_ended, process);
	process->written =
		event_new(base, process->output, EV_READ | EV_PERSIST, read_output, process);
	if (!process->ended || !process->written || event_add(process->ended, NULL) ||
	    event_add(process->written, NULL) ||
	    fth_timer_new(process->loop, time_over, process, &process->timer))
		return -ENOMEM;
	fth_timer_set(process->timer, timeout_ms);
	return 0;
}

/* With two pipes, whose other ends are for the child.  Return: NULL with errno. */
static struct fth_process *new_process(struct fth_loop *loop,
				       void (*done)(void *, const struct fth_process_end *),
				       void *context, int *ret_output, int *ret_failure)
{
	struct fth_process *process = calloc(1, sizeof(*process));

	if (!process)
		return NULL;
	process->loop = loop;
	process->pidfd = -1;
	process->output = -1;
	process->failure = -1;
	process->done = done;
	process->context = context;
	if (pipe2(ret_output, O_CLOEXEC)) {
		drop(process);
		return NULL;
	}
	process->output = ret_output[0];
	if (pipe2(ret_failure, O_CLOEXEC)) {
		close(ret_output[1]);
		drop(process);
		return NULL;
	}
	process->failure = ret_failure[0];
	fcntl(process->output, F_SETFL, O_NONBLOCK);
	fcntl(process->failure, F_SETFL, O_NONBLOCK);
	return process;
}

int fth_process_start(struct fth_loop *loop, const char *const *argv, const char *const *env,
		      uint64_t timeout_ms,
		      void (*done)(void *context, const struct fth_process_end *end), void *context,
		      struct fth_process **ret_process)
{
	struct fth_process *process;
	int output[2], failure[2];
	int error;

	if (fth_process_orphans(loop) >= FTH_PROCESS_ORPHANS_MAX)
		return -EUSERS;
	process = new_process(loop, done, context, output, failure);
	if (!process)
		return -errno;
	error = spawn(process, argv, env, output[1], failure[1]);
	close(output[1]);
	close(failure[1]);
	if (error) {
		drop(process);
		return error;
	}
	error = watch(process, timeout_ms);
	if (error) {
		fth_process_kill(process);
		return error;
	}
	*ret_process = process;
	return 0;
}

uint32_t fth_process_orphans(struct fth_loop *loop)
{
	return fth_loop_count_orphans(loop, 0);
}

void fth_process_kill(struct fth_process *process)
{
	if (!process)
		return;
	end_group(process->pid);
	orphan(process);
}
