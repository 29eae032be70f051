// SPDX-License-Identifier: GPL-2.0
/*
 * Threads that visit the patched set of fth_test_gen.ko until they are killed.
 *
 * usage: fth_gen THREADS KIND STAY_US
 *	KIND	mixed: stays inside and outside in turn, asleep, running and
 *		yielding; spin: runs inside all the time; or, for one visit each
 *		that lasts until it is released: held, killable, blocked (inside)
 *		or outside (held between two functions of the set); look: one visit
 * Prints "ready" when all threads are on their way (of those that stay: are
 * inside).  When all of a one-visit kind came back it prints the number of them
 * whose stay was ended by a signal, and ends.  A look prints the generations of
 * both functions.  Exits with 1 when a call fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "mod/fth_test_gen.h"

#define THREADS_MAX 256

static const struct {
	const char *name;
	unsigned int stay;
} kinds[] = {
	{ "held", FTH_GEN_STAY_INSIDE | FTH_GEN_STAY_HELD },
	{ "killable", FTH_GEN_STAY_INSIDE | FTH_GEN_STAY_KILLABLE },
	{ "blocked", FTH_GEN_STAY_INSIDE | FTH_GEN_STAY_BLOCKED },
	{ "outside", FTH_GEN_STAY_HELD },
	{ "look", FTH_GEN_STAY_SPIN }, /* for no time at all */
};

static const char *kind;
static unsigned int stay_us, once;
static atomic_int begun, signalled;

static unsigned int stay_of(unsigned int turn)
{
	static const unsigned int mix[] = {
		FTH_GEN_STAY_INSIDE,
		0,
		FTH_GEN_STAY_INSIDE | FTH_GEN_STAY_SPIN,
		FTH_GEN_STAY_SPIN,
	};

	if (!strcmp(kind, "spin"))
		return FTH_GEN_STAY_INSIDE | FTH_GEN_STAY_SPIN;
	return mix[turn % 4];
}

static void *work(void *argument)
{
	unsigned int turn = (unsigned int)(long)argument;
	int fd = open("/dev/fth_gen", O_RDWR | O_CLOEXEC);
	struct fth_gen_visit visit;

	if (fd < 0)
		_exit(1);
	begun++;
	do {
		memset(&visit, 0, sizeof(visit));
		visit.stay = once ? once : stay_of(turn);
		visit.stay_us = turn++ % 8 || once ? stay_us : 0;
		if (ioctl(fd, FTH_GEN_VISIT, &visit))
			_exit(1);
	} while (!once);
	signalled += !!visit.signalled;
	if (!strcmp(kind, "look"))
		printf("generations %u %u\n", visit.inside, visit.last);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = argc == 4 ? atoi(argv[1]) : 0;
	pthread_t ids[THREADS_MAX];

	if (threads < 1 || threads > THREADS_MAX)
		return 2;
	kind = argv[2];
	stay_us = (unsigned int)atoi(argv[3]);
	for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (!strcmp(kind, kinds[i].name))
			once = kinds[i].stay;
	}
	for (long i = 0; i < threads; i++) {
		if (pthread_create(&ids[i], NULL, work, (void *)i))
			return 1;
	}
	while (begun < threads)
		usleep(1000);
	puts("ready");
	fflush(stdout);
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	if (strcmp(kind, "look"))
		printf("signalled %d\n", signalled);
	return 0;
}
