// SPDX-License-Identifier: GPL-2.0
/*
 * Takes a patch back while every other process is stopped, and times it.
 *
 * DESIGN
 * usage: bench_stopped FOLDER FILE TEXT EFFECT-FILE:TEXT
 * Stops all processes but itself and the first one (which only waits for a
 * child), writes TEXT to FILE and waits until the patch's FOLDER says that no task
 * runs the new code: it is gone, or `enabled` and `transition` read 0.  Then
 * EFFECT-FILE must not hold its text, and the others go on.  Prints
 * "switched MS", since before the write.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "bench.h"

#define PATH_SIZE 256
#define POLL_MS 0.2
#define WAIT_MAX_MS 300000.0 /* ends a hang; no measurement is near it */

/* Returns bytes read, or -1 where the file is not there. */
static ssize_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = 0;
	return length;
}

/* A file that is gone says 0. */
static int is_zero(const char *folder, const char *file)
{
	char path[PATH_SIZE], text[16];

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	return read_text(path, text, sizeof(text)) <= 0 || text[0] == '0';
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) {
		kill(-1, SIGCONT);
		die("write '%s': %s", path, strerror(errno));
	}
	close(fd);
}

int main(int argc, char **argv)
{
	char effect[PATH_SIZE], *wanted;
	double begun, switched;

	if (argc != 5)
		die("usage: bench_stopped FOLDER FILE TEXT EFFECT-FILE:TEXT");
	wanted = strchr(argv[4], ':');
	if (!wanted)
		die("'%s': expected FILE:TEXT", argv[4]);
	*wanted++ = 0;
	if (is_zero(argv[1], "enabled"))
		die("'%s' is not enabled", argv[1]);
	if (kill(-1, SIGSTOP))
		die("stop the others: %s", strerror(errno));
	begun = now_ms();
	put(argv[2], argv[3]);
	while (!is_zero(argv[1], "enabled") || !is_zero(argv[1], "transition")) {
		if (now_ms() - begun > WAIT_MAX_MS) {
			kill(-1, SIGCONT);
			die("'%s' is still there after %.0f ms", argv[1], WAIT_MAX_MS);
		}
		nap_ms(POLL_MS);
	}
	switched = now_ms() - begun;
	read_text(argv[4], effect, sizeof(effect));
	kill(-1, SIGCONT);
	if (strstr(effect, wanted))
		die("'%s' still holds '%s'", argv[4], wanted);
	printf("switched %.3f\n", switched);
	return 0;
}
