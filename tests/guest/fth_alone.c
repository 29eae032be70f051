// SPDX-License-Identifier: GPL-2.0
/*
 * The rest of userspace is dead: does a patch go all the same?
 *
 *	fth_alone stop|forks|memory PATH SECONDS [FILE TEXT]
 *
 * stop: every other process is stopped with SIGSTOP, and PID 1, which no signal
 * stops, by tracing it; forks: children are made until no thread can be made in
 * the whole machine; memory: this process holds all memory but the kernel's
 * reserves.  Then TEXT is written to FILE, if there is one, and PATH is waited
 * for to vanish.  All is undone, and "gone" or what went wrong is printed.
 * Exits with 0 if PATH went.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS 20000000L
#define CHUNK (64u * 1024)
#define HOGS 2
#define SPARE_THREADS 40 /* until the limit */
#define CHILDREN_MAX 10000

static pid_t children[CHILDREN_MAX];
static int child_count;

static long number_in(const char *path, const char *key)
{
	char line[256];
	long number = -1;
	FILE *file = fopen(path, "re");

	while (file && fgets(line, sizeof(line), file)) {
		if (key && strncmp(line, key, strlen(key)))
			continue;
		number = strtol(line + (key ? strlen(key) : 0), NULL, 10);
		break;
	}
	if (file)
		fclose(file);
	return number;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = (ssize_t)strlen(text);
	int done = fd >= 0 && write(fd, text, (size_t)length) == length;

	if (fd >= 0)
		close(fd);
	return done ? 0 : -1;
}

static int stop_all(void)
{
	if (ptrace(PTRACE_ATTACH, 1, NULL, NULL)) {
		printf("PID 1 can't be traced: %s\n", strerror(errno));
		return -1;
	}
	waitpid(1, NULL, __WALL);
	/* To all but PID 1 and this one. */
	return kill(-1, SIGSTOP);
}

static void cont_all(void)
{
	kill(-1, SIGCONT);
	ptrace(PTRACE_DETACH, 1, NULL, NULL);
}

/* Return: the limit before, or -1. */
static long exhaust_threads(void)
{
	long before = number_in("/proc/sys/kernel/threads-max", NULL), running = 0;
	char text[32];
	FILE *file = fopen("/proc/loadavg", "re");
	pid_t child = 0;

	if (!file || fscanf(file, "%*s %*s %*s %*d/%ld", &running) != 1 || before < 0)
		return -1;
	fclose(file);
	snprintf(text, sizeof(text), "%ld", running + SPARE_THREADS);
	if (put("/proc/sys/kernel/threads-max", text))
		return -1;
	while (child_count < CHILDREN_MAX && (child = fork()) > 0)
		children[child_count++] = child;
	if (!child) {
		for (;;)
			pause();
	}
	if (child > 0 || errno != EAGAIN) {
		printf("%d children, and no limit\n", child_count);
		return -1;
	}
	return before;
}

static void free_threads(long before)
{
	char text[32];

	for (int i = 0; i < child_count; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	snprintf(text, sizeof(text), "%ld", before);
	put("/proc/sys/kernel/threads-max", text);
}

/* Until the kernel kills it. */
static void hog(void)
{
	char *chunk;

	put("/proc/self/oom_score_adj", "1000");
	for (;;) {
		chunk = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (chunk != MAP_FAILED)
			memset(chunk, 1, CHUNK);
	}
}

static void add_hog(void)
{
	pid_t child = fork();

	if (!child)
		hog();
	if (child > 0)
		children[child_count++ % HOGS] = child;
}

/* One that was killed is replaced.  Return: was there one? */
static int feed_hogs(void)
{
	int status, killed = 0;

	for (int i = 0; i < HOGS; i++) {
		if (waitpid(children[i], &status, WNOHANG) != children[i])
			continue;
		killed = killed || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		child_count = i;
		add_hog();
	}
	return killed;
}

/* From here on somebody always asks for the last page. */
static int exhaust_memory(void)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };

	if (put("/proc/self/oom_score_adj", "-1000") || mlockall(MCL_CURRENT | MCL_FUTURE))
		return -1;
	for (int i = 0; i < HOGS; i++)
		add_hog();
	while (!feed_hogs())
		nanosleep(&look, NULL);
	return 0;
}

static void free_memory(void)
{
	for (int i = 0; i < HOGS; i++)
		kill(children[i], SIGKILL);
	while (wait(NULL) > 0)
		;
}

/* Return: did it go? */
static int wait_gone(const char *path, int seconds, int feed)
{
	const struct timespec look = { .tv_nsec = LOOK_NS };
	struct timespec now, begun;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	do {
		if (access(path, F_OK))
			return 1;
		if (feed)
			feed_hogs();
		nanosleep(&look, NULL);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - begun.tv_sec < seconds);
	return 0;
}

int main(int argc, char **argv)
{
	int done, gone = 0, written = 0;
	long before = 0;

	if (argc != 4 && argc != 6)
		return 2;
	if (!strcmp(argv[1], "stop"))
		done = !stop_all();
	else if (!strcmp(argv[1], "forks"))
		done = (before = exhaust_threads()) >= 0;
	else
		done = !exhaust_memory();
	if (done && argc == 6)
		written = put(argv[4], argv[5]);
	if (done && !written)
		gone = wait_gone(argv[2], atoi(argv[3]), !strcmp(argv[1], "memory"));
	if (!strcmp(argv[1], "stop"))
		cont_all();
	else if (!strcmp(argv[1], "forks") && done)
		free_threads(before);
	else if (!strcmp(argv[1], "memory"))
		free_memory();
	if (!done)
		printf("userspace could not be made as dead as asked\n");
	else if (written)
		printf("'%s' could not be written\n", argv[4]);
	else
		printf("%s\n", gone ? "gone" : "still there");
	return !gone;
}
