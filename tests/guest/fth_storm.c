// SPDX-License-Identifier: GPL-2.0
/*
 * A storm of forks, execs and readers, until it is killed.
 *
 * usage: fth_storm WORKERS OLD NEW: each worker forks children that exec, exit
 * at once or make threads of control come and go, and reads /proc/cmdline.  A
 * line that begins with neither OLD nor NEW ends the storm with status 1.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int reads_right(const char *old_text, const char *new_text)
{
	char text[256] = "";
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	return length > 0 && (!strncmp(text, old_text, strlen(old_text)) ||
			      !strncmp(text, new_text, strlen(new_text)));
}

static void child(unsigned int round)
{
	static char *const arguments[] = { "true", NULL };

	if (round % 3 == 0)
		execv("/bin/true", arguments);
	if (round % 3 == 1 && !vfork())
		_exit(0);
	_exit(0);
}

static void work(char **argv)
{
	for (unsigned int round = 0;; round++) {
		pid_t pid = fork();

		if (!pid)
			child(round);
		if (!reads_right(argv[2], argv[3]))
			_exit(1);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
}

int main(int argc, char **argv)
{
	int workers = argc == 4 ? atoi(argv[1]) : 0;

	if (workers < 1 || workers > 64)
		return 2;
	for (int i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			return 2;
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			work(argv);
		}
	}
	wait(NULL);
	return 1;
}
