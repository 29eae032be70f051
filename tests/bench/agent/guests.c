// SPDX-License-Identifier: GPL-2.0
/*
 * Many emulated guests for a real fotherd: see guest.h, and docs/bench.md.
 *
 * DESIGN
 * One process serves as many guests as its file descriptors allow, two for each;
 * where that is too few more processes are forked.  On SIGUSR1 a line of JSON goes
 * to stdout: what all guests have done and are in now.  The program ends on SIGTERM.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

#define GUESTS_MAX 100000u
#define PROCESSES_MAX 64u
#define SPARE_FDS 32u
#define EVENTS 256
#define PER_HOST 50u

static const char help[] =
	"usage: guests --folder DIR --count N [--transition-ms MS] [--per-host N]\n"
	"\n"
	"  --folder DIR        where the sockets vm-000000.sock .. are made\n"
	"  --count N           guests, up to 100000\n"
	"  --transition-ms MS  how long an apply or a revert takes (60)\n"
	"  --per-host N        VMs that share a host in the inventory (50)\n"
	"\n"
	"Prints 'ready' when all listen, a line of JSON on SIGUSR1, ends on SIGTERM.\n";

struct options {
	const char *folder;
	uint32_t count;
	uint32_t transition_ms;
	uint32_t per_host;
};

static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (end == text || *end || value > max)
		errx(2, "'%s': expected a number up to %u", text, max);
	return (uint32_t)value;
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option all[] = {
		{ "folder", required_argument, NULL, 'f' },
		{ "count", required_argument, NULL, 'n' },
		{ "transition-ms", required_argument, NULL, 't' },
		{ "per-host", required_argument, NULL, 'p' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "", all, NULL)) != -1) {
		if (c == 'f')
			options->folder = optarg;
		else if (c == 'n')
			options->count = number(optarg, GUESTS_MAX);
		else if (c == 't')
			options->transition_ms = number(optarg, 60000);
		else if (c == 'p')
			options->per_host = number(optarg, GUESTS_MAX);
		else
			break;
	}
	if (c != -1 || optind != argc || !options->folder || !options->count ||
	    !options->per_host) {
		fputs(help, stderr);
		exit(2);
	}
}

/* Its host, before the socket: the inventory reads both at once. */
static void write_sidecar(const struct options *options, uint32_t i)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/vm-%06u.json", options->folder, i);
	file = fopen(path, "w");
	if (!file || fprintf(file, "{\"host\": \"host-%u\"}\n", i / options->per_host) < 0 ||
	    fclose(file))
		err(1, "sidecar '%s'", path);
}

static void serve(const struct options *options, uint32_t from, uint32_t to,
		  struct bench_counters *counters, int ready_fd)
{
	struct bench_guest *guests = calloc(to - from, sizeof(*guests));
	struct bench_world world = {
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.start_ms = bench_now_ms(),
		.transition_ms = options->transition_ms,
		.counters = counters,
	};
	struct epoll_event events[EVENTS];
	char path[PATH_MAX];
	int i, count;

	if (!guests || world.epoll_fd < 0)
		err(1, "guests");
	world.last_moving = &world.first_moving;
	for (uint32_t n = from; n < to; n++) {
		snprintf(path, sizeof(path), "%s/vm-%06u.sock", options->folder, n);
		guests[n - from].number = n;
		write_sidecar(options, n);
		bench_guest_listen(&world, &guests[n - from], path);
	}
	if (write(ready_fd, "r", 1) != 1)
		err(1, "ready");
	for (;;) {
		count = epoll_wait(world.epoll_fd, events, EVENTS, bench_world_turn(&world));
		if (count < 0 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < count; i++)
			bench_guest_ready(&world,
					  (struct bench_guest *)(uintptr_t)(events[i].data.u64 &
									    ~1ull),
					  events[i].data.u64 & 1);
	}
}

static void print_counters(const struct bench_counters *all, uint32_t processes)
{
	struct bench_counters sum = { 0 };
	uint32_t i, state;

	for (i = 0; i < processes; i++) {
		const uint64_t *from = (const uint64_t *)&all[i];
		uint64_t *to = (uint64_t *)&sum;
		size_t n;

		for (n = 0; n < sizeof(sum) / sizeof(*to); n++)
			to[n] += __atomic_load_n(&from[n], __ATOMIC_RELAXED);
	}
	printf("{\"ms\": %" PRIu64 ", \"connected\": %" PRIu64 ", \"received\": %" PRIu64
	       ", \"sent\": %" PRIu64 ", \"heartbeats\": %" PRIu64 ", \"bytes\": %" PRIu64
	       ", \"repeated\": %" PRIu64 ", \"hellos\": %" PRIu64 ", \"bad\": %" PRIu64
	       ", \"choked\": %" PRIu64,
	       bench_now_ms(), sum.connected, sum.received, sum.sent, sum.heartbeats, sum.bytes,
	       sum.repeated, sum.hellos, sum.bad, sum.choked);
	for (state = 0; state < FTH_LC_STATES; state++)
		printf(", \"%s\": %" PRIu64, fth_lifecycle_name((uint8_t)state), sum.states[state]);
	puts("}");
	fflush(stdout);
}

/* As many processes as the limit of descriptors asks for. */
static uint32_t share(uint32_t count)
{
	struct rlimit limit;
	uint64_t each;
	uint32_t processes;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		err(1, "RLIMIT_NOFILE");
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		err(1, "RLIMIT_NOFILE");
	if (limit.rlim_cur < 2 * SPARE_FDS)
		errx(1, "RLIMIT_NOFILE: found %" PRIu64 ", expected some hundreds",
		     (uint64_t)limit.rlim_cur);
	each = (limit.rlim_cur - SPARE_FDS) / 2;
	processes = (uint32_t)((count + each - 1) / each);
	if (processes > PROCESSES_MAX)
		errx(1,
		     "%u guests need %u processes with RLIMIT_NOFILE %" PRIu64
		     ": raise the hard limit",
		     count, processes, (uint64_t)limit.rlim_cur);
	return processes;
}

int main(int argc, char **argv)
{
	struct options options = { .transition_ms = 60, .per_host = PER_HOST };
	struct bench_counters *counters;
	uint32_t processes, i;
	int ready[2], signal;
	sigset_t signals;
	char byte;

	parse(argc, argv, &options);
	if (mkdir(options.folder, 0700) && errno != EEXIST)
		err(1, "folder '%s'", options.folder);
	processes = share(options.count);
	counters = mmap(NULL, processes * sizeof(*counters), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (counters == MAP_FAILED || pipe(ready) || sodium_init() < 0)
		err(1, "guests");
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0)
			err(1, "fork");
		if (pid)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		serve(&options, (uint32_t)((uint64_t)options.count * i / processes),
		      (uint32_t)((uint64_t)options.count * (i + 1) / processes), &counters[i],
		      ready[1]);
	}
	close(ready[1]);
	for (i = 0; i < processes; i++)
		if (read(ready[0], &byte, 1) != 1)
			errx(1, "a process with guests ended; it said why");
	puts("ready");
	fflush(stdout);
	while (!sigwait(&signals, &signal) && signal == SIGUSR1)
		print_counters(counters, processes);
	return signal == SIGCHLD; /* a process of guests ended: it said why */
}
