/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs of the benchmarks share: time, naps, a command, an end with a message. */
#ifndef BENCH_H
#define BENCH_H

#include <errno.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define BENCH_NAME_SIZE 64
#define BENCH_MS_PER_S 1000.0
#define BENCH_NS_PER_MS 1000000.0

extern char **environ;

__attribute__((format(printf, 1, 2), noreturn)) static inline void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static inline double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * BENCH_MS_PER_S + (double)now.tv_nsec / BENCH_NS_PER_MS;
}

static inline void nap_ms(double ms)
{
	struct timespec nap = { .tv_sec = (time_t)(ms / BENCH_MS_PER_S) };

	nap.tv_nsec = (long)((ms - (double)nap.tv_sec * BENCH_MS_PER_S) * BENCH_NS_PER_MS);
	nanosleep(&nap, NULL);
}

/* A module is called as its file. */
static inline void module_name(const char *file, char name[BENCH_NAME_SIZE])
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;

	snprintf(name, BENCH_NAME_SIZE, "%.*s", (int)strcspn(base, "."), base);
}

/* Returns its exit status. */
static inline int run_command(char **command)
{
	int status, error;
	pid_t pid;

	error = posix_spawnp(&pid, command[0], NULL, NULL, command, environ);
	if (error)
		die("run '%s': %s", command[0], strerror(error));
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			die("wait: %s", strerror(errno));
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

#endif /* BENCH_H */
