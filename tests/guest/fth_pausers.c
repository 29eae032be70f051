// SPDX-License-Identifier: GPL-2.0
/*
 * N tasks asleep in pause(2): prints "ready" once all of them are there.
 *
 * They end when this program is killed; it exits with 1 if one of them comes
 * back from pause(), which only a signal's handler could make it do.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSERS_MAX 1000

static int is_in_pause(pid_t pid)
{
	char path[64];
	long number = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/syscall", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%ld", &number) != 1)
		number = -1;
	fclose(file);
	return number == SYS_pause;
}

int main(int argc, char **argv)
{
	int count = argc == 2 ? atoi(argv[1]) : 0;
	pid_t pids[PAUSERS_MAX];
	int status;

	if (count < 1 || count > PAUSERS_MAX)
		return 2;
	for (int i = 0; i < count; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			return 2;
		if (!pids[i]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			pause();
			_exit(1);
		}
	}
	for (int i = 0; i < count; i++) {
		while (!is_in_pause(pids[i]))
			usleep(1000);
	}
	puts("ready");
	fflush(stdout);
	return wait(&status) < 0 || WIFEXITED(status) ? 1 : 0;
}
