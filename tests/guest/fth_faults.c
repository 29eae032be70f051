// SPDX-License-Identifier: GPL-2.0
/*
 * One system call of a task whose Nth allocation in the kernel fails (debug kernel:
 * fault injection, /proc/<pid>/fail-nth).
 *
 *	fth_faults load N FILE [PARAMETER]	finit_module()
 *	fth_faults write N FILE TEXT		one write(), the file was opened before
 *
 * With N = 0 somebody else gives the order, in the midst of the call (the module
 * fth_test_faults).  Prints one line: `injected` or `spared` (fewer than N were
 * asked for), and what came of it: `ok` or an errno's number.  Exits with 2 on
 * anything else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void die(const char *what)
{
	fprintf(stderr, "fth_faults: %s: %s\n", what, strerror(errno));
	exit(2);
}

static int open_or_die(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

/*
 * The task does this itself, so nothing else comes between.  This text's copy from
 * user space counts as well, and may be the one that fails: then no more does.
 */
static void order(int fd, int nth)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", nth);
	ssize_t written = pwrite(fd, text, length, 0);

	if (written < 0 && errno == EFAULT)
		written = pwrite(fd, text, length, 0);
	if (written != length)
		die("fail-nth");
}

/*
 * How many are left until the one that fails; 0 = it failed.  Copies to user space
 * count as well: where this very one fails, it was not the call's.
 */
static int left(int fd)
{
	char text[16] = "";

	if (pread(fd, text, sizeof(text) - 1, 0) > 0)
		return atoi(text);
	if (errno != EFAULT)
		die("fail-nth");
	return 1;
}

static int one_call(int nth, long (*call)(char **arguments, int fd), char **arguments, int fd)
{
	int fail = open_or_die("/proc/thread-self/fail-nth", O_RDWR), after, error;
	long result;

	order(fail, nth);
	result = call(arguments, fd);
	error = result < 0 ? errno : 0;
	after = left(fail);
	order(fail, 0);
	printf("%s ", after ? "spared" : "injected");
	if (error)
		printf("%d\n", error);
	else
		puts("ok");
	return 0;
}

static long load(char **arguments, int fd)
{
	return syscall(SYS_finit_module, fd, arguments[1] ? arguments[1] : "", 0);
}

static long write_text(char **arguments, int fd)
{
	return write(fd, arguments[1], strlen(arguments[1]));
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	int nth = argc > 2 ? atoi(argv[2]) : 0;

	if (!strcmp(what, "load") && argc >= 4)
		return one_call(nth, load, argv + 3, open_or_die(argv[3], O_RDONLY));
	if (!strcmp(what, "write") && argc == 5)
		return one_call(nth, write_text, argv + 3, open_or_die(argv[3], O_WRONLY));
	fprintf(stderr, "fth_faults: see the head of fth_faults.c\n");
	return 2;
}
