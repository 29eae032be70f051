// SPDX-License-Identifier: GPL-2.0
/*
 * Times a livepatch transition in a guest, for any engine's control files.
 *
 * DESIGN
 * usage: transition MODULE.ko NAME SYSFS-ROOT LABEL ROUNDS
 * Loads the module, waits until SYSFS-ROOT/NAME/transition reads 0, disables
 * it, waits until SYSFS-ROOT/NAME is gone, unloads it; ROUNDS times.  Prints
 * one line "sample LABEL enable|disable MICROSECONDS" each.  The clock starts
 * before finit_module() or the write to `enabled`, so symbol look-up and
 * ftrace are in it.  Control files are polled every 200 us, which bounds the
 * resolution.  Exits 1 with a message when anything does not work.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PATH_SIZE 256
#define POLL_US 200
#define WAIT_MAX_S 120 /* ends a hang; no measurement is near it */
#define UNLOAD_EVERY_US 10000

static void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("transition: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void nap_us(long us)
{
	struct timespec nap = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&nap, NULL);
}

/* Returns the file's number, or -1 where the file is not there. */
static int read_number(const char *path)
{
	char text[16];
	ssize_t length;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	return atoi(text);
}

static long long load(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	long long start = now_us();

	if (fd < 0)
		die("open '%s': %s", file, strerror(errno));
	if (syscall(SYS_finit_module, fd, "", 0))
		die("load '%s': %s", file, strerror(errno));
	close(fd);
	return start;
}

static void unload(const char *name)
{
	long long end = now_us() + WAIT_MAX_S * 1000000LL;

	while (syscall(SYS_delete_module, name, O_NONBLOCK)) {
		if ((errno != EAGAIN && errno != EBUSY && errno != EWOULDBLOCK) || now_us() > end)
			die("unload '%s': %s", name, strerror(errno));
		nap_us(UNLOAD_EVERY_US);
	}
}

static void wait_enabled(const char *directory)
{
	long long end = now_us() + WAIT_MAX_S * 1000000LL;
	char path[PATH_SIZE + sizeof("/transition")];

	snprintf(path, sizeof(path), "%s/transition", directory);
	while (read_number(path) != 0) {
		if (now_us() > end)
			die("'%s' never read 0", path);
		nap_us(POLL_US);
	}
}

static void wait_gone(const char *directory)
{
	long long end = now_us() + WAIT_MAX_S * 1000000LL;
	struct stat info;

	while (!stat(directory, &info)) {
		if (now_us() > end)
			die("'%s' never went", directory);
		nap_us(POLL_US);
	}
}

static long long disable(const char *directory)
{
	char path[PATH_SIZE + sizeof("/transition")];
	long long start;
	int fd;

	snprintf(path, sizeof(path), "%s/enabled", directory);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		die("open '%s': %s", path, strerror(errno));
	start = now_us();
	if (write(fd, "0", 1) != 1)
		die("write '%s': %s", path, strerror(errno));
	close(fd);
	return start;
}

int main(int argc, char **argv)
{
	char directory[PATH_SIZE];
	long long start;
	int round;

	if (argc != 6)
		die("usage: transition MODULE.ko NAME SYSFS-ROOT LABEL ROUNDS");
	snprintf(directory, sizeof(directory), "%s/%s", argv[3], argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (round = 0; round < atoi(argv[5]); round++) {
		start = load(argv[1]);
		wait_enabled(directory);
		printf("sample %s enable %lld\n", argv[4], now_us() - start);
		start = disable(directory);
		wait_gone(directory);
		printf("sample %s disable %lld\n", argv[4], now_us() - start);
		unload(argv[2]);
	}
	return 0;
}
