// SPDX-License-Identifier: GPL-2.0
/*
 * make sim: many runs, each twice; what fails is made small and told how to repeat.
 *
 * DESIGN
 * Runs are made in a child process, so that one that crashes is a finding like any
 * other.  A finding's faults are left out by halves, as long as it stays one (delta
 * debugging); each such try is a child of its own.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

#define VMS_BY_SEED_MAX 32u
#define RUN_CPU_S 900 /* more of one run is a hang */
#define SHRINK_TRIES_MAX 400u

/* What the child tells. */
struct shared {
	uint64_t seed;
	uint64_t done;
	uint64_t events;
	uint64_t steps;
	uint64_t frames;
	uint64_t kills;
	uint64_t virtual_s;
	uint64_t hash;
	struct sim_seen seen;
	uint32_t plan_count;
	bool failed;
	char why[SIM_WHY_MAX];
};

struct wish {
	uint64_t seed;
	uint64_t count;
	uint32_t vms;
	bool calm;
	bool verbose;
	bool once;
	bool shows_seen;
	bool keep_all;
	uint32_t breaks;
	bool has_faults;
	uint32_t faults[SIM_FAULTS_MAX];
	uint32_t fault_count;
};

static struct shared *shared;

static void help(void)
{
	uint32_t i;

	printf("usage: sim [OPTION]...\n"
	       "Runs the real agent against simulated guests, wires, disks and clocks.\n\n"
	       "  --seed=S      first seed, decimal or 0x... (default 1)\n"
	       "  --n=N         number of seeds, one after the other (default 1)\n"
	       "  --vms=V       guests of each run, 1 ... %u (default: 1 ... %u, by the seed)\n"
	       "  --faults=L    of the seed's faults only these: numbers and ranges, as 3,7-9; or none\n"
	       "  --calm        no faults: to measure\n"
	       "  --once        run each seed once, not twice to compare\n"
	       "  --seen        say at the end what the runs came by; what never did is a failure\n"
	       "  --no-shrink   leave the faults of a failing run as they are\n"
	       "  --break=WHAT  break the agent on purpose: ",
	       SIM_VMS_MAX, VMS_BY_SEED_MAX);
	for (i = 1; i < SIM_BREAKS; i++)
		printf("%s%s", i > 1 ? ", " : "", sim_break_name(i));
	printf("\n  --verbose     say what happens\n"
	       "  --help        this\n\n"
	       "Exit status: 0 all invariants held, 1 one was violated (its run is printed), 2 usage.\n");
}

static uint32_t vms_of(const struct wish *wish, uint64_t seed)
{
	return wish->vms ? wish->vms
			 : 1 + (uint32_t)((seed * 0xd1342543de82ef95ull >> 33) % VMS_BY_SEED_MAX);
}

static bool run_once(const struct wish *wish, uint64_t seed, const uint32_t *faults, uint32_t count)
{
	const struct sim_options options = {
		.seed = seed,
		.vms = vms_of(wish, seed),
		.calm = wish->calm,
		.verbose = wish->verbose,
		.breaks = wish->breaks,
		.faults = faults,
		.fault_count = count,
	};
	bool good = sim_run(&options);

	shared->events += sim.events;
	shared->steps += sim.steps;
	shared->frames += sim.frames;
	shared->kills += sim.kills;
	shared->virtual_s += sim.now_us / SIM_S;
	shared->plan_count = sim.plan_count;
	sim_seen_add(&shared->seen, &sim.seen);
	if (!good) {
		shared->failed = true;
		snprintf(shared->why, sizeof(shared->why), "%s", sim.why);
	}
	return good;
}

static bool run_seed(const struct wish *wish, uint64_t seed, const uint32_t *faults, uint32_t count)
{
	uint64_t hash, events;

	shared->seed = seed;
	if (!run_once(wish, seed, faults, count))
		return false;
	hash = sim.hash;
	events = sim.events;
	shared->hash ^= hash;
	if (wish->once)
		return true;
	if (!run_once(wish, seed, faults, count))
		return false;
	if (sim.hash == hash && sim.events == events)
		return true;
	shared->failed = true;
	snprintf(shared->why, sizeof(shared->why),
		 "two runs of one seed differ: trace %016llx of %llu events, then %016llx of %llu",
		 (unsigned long long)hash, (unsigned long long)events, (unsigned long long)sim.hash,
		 (unsigned long long)sim.events);
	return false;
}

/* ---- children */

static void limit_cpu(void)
{
	const struct rlimit limit = { RUN_CPU_S, RUN_CPU_S };
	const struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CPU, &limit);
	setrlimit(RLIMIT_CORE, &none);
}

static void tell_end(int status)
{
	if (shared->failed || !WIFSIGNALED(status))
		return;
	shared->failed = true;
	snprintf(shared->why, sizeof(shared->why), "the run ended by signal %d (%s)",
		 WTERMSIG(status), strsignal(WTERMSIG(status)));
}

static void progress(const struct wish *wish, bool ends)
{
	static bool shown;

	if (!isatty(STDERR_FILENO) || wish->verbose)
		return;
	if (!ends)
		fprintf(stderr, "\rsim: %llu of %llu seeds, %llu events",
			(unsigned long long)shared->done, (unsigned long long)wish->count,
			(unsigned long long)shared->events);
	else if (shown)
		fputs("\r\033[K", stderr);
	shown = !ends;
}

static void await(const struct wish *wish, pid_t child)
{
	const struct timespec pause = { 0, 100000000 };
	int status = 0;

	while (waitpid(child, &status, WNOHANG) == 0) {
		progress(wish, false);
		nanosleep(&pause, NULL);
	}
	progress(wish, true);
	tell_end(status);
}

static pid_t start_child(void)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0) {
		perror("sim: fork");
		exit(2);
	}
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* no run goes on without who wants it */
		limit_cpu();
	}
	return child;
}

/* In a child, whose memory goes with it. */
static bool fails(const struct wish *wish, uint64_t seed, const uint32_t *faults, uint32_t count)
{
	static const uint32_t none[1];
	pid_t child;
	int status;

	shared->failed = false;
	child = start_child();
	if (!child) {
		run_seed(wish, seed, faults ? faults : none, count);
		sim_agent_remove_folder();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	tell_end(status);
	return shared->failed;
}

/* "invariant 3", or what else its words have before the first number of a VM. */
static const char *class_of(const char *why)
{
	const char *invariant = strstr(why, "invariant ");

	return invariant ? invariant : strstr(why, "the run ") ? "the run" : "two runs";
}

static bool same_class(const char *one, const char *other)
{
	return !strncmp(class_of(one), class_of(other), strlen("invariant 1"));
}

/* Without @length of them from @from on: does it still fail? */
static bool try_without(const struct wish *wish, const char *why, uint32_t *faults, uint32_t *count,
			uint32_t from, uint32_t length)
{
	uint64_t seed = shared->seed;
	uint32_t rest[SIM_FAULTS_MAX], kept = 0, i;

	for (i = 0; i < *count; i++)
		if (i < from || i >= from + length)
			rest[kept++] = faults[i];
	if (!fails(wish, seed, rest, kept) || !same_class(why, shared->why))
		return false;
	memcpy(faults, rest, kept * sizeof(*rest));
	*count = kept;
	return true;
}

static uint32_t shrink(const struct wish *wish, const char *why, uint32_t *faults, uint32_t count)
{
	struct wish quiet = *wish;
	uint32_t part = count, tries = 0, at;

	quiet.verbose = false;
	while (part && count && tries < SHRINK_TRIES_MAX) {
		if (part > count)
			part = count;
		for (at = 0; at < count && tries < SHRINK_TRIES_MAX; tries++)
			if (!try_without(&quiet, why, faults, &count, at, part))
				at += part;
		part /= 2;
	}
	fails(&quiet, shared->seed, faults, count); /* for its words */
	return count;
}

static void print_list(const uint32_t *faults, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		printf("%s%u", i ? "," : "", faults[i]);
	if (!count)
		printf("none");
}

static void print_plan(const struct wish *wish, uint64_t seed, const uint32_t *faults,
		       uint32_t count)
{
	const struct sim_options options = {
		.seed = seed,
		.vms = vms_of(wish, seed),
		.calm = wish->calm,
	};
	uint32_t i;

	sim_world_init(&options);
	sim_plan_draw();
	for (i = 0; i < count; i++)
		sim_fault_print(faults[i]);
	sim_world_free();
}

static void explain(const struct wish *wish)
{
	uint32_t faults[SIM_FAULTS_MAX], count, i;
	uint64_t seed = shared->seed;
	char why[SIM_WHY_MAX];

	snprintf(why, sizeof(why), "%s", shared->why);
	if (wish->has_faults) {
		count = wish->fault_count;
		memcpy(faults, wish->faults, count * sizeof(*faults));
	} else {
		/* A run that crashed did not tell how many there were. */
		print_plan(wish, seed, NULL, 0);
		count = sim.plan_count;
		for (i = 0; i < count; i++)
			faults[i] = i;
	}
	printf("sim: seed 0x%llx, %u VMs, %u faults: %s\n", (unsigned long long)seed,
	       vms_of(wish, seed), count, why);
	if (!wish->keep_all && count) {
		count = shrink(wish, why, faults, count);
		printf("sim: with %u of them: %s\n", count, shared->why);
	}
	print_plan(wish, seed, faults, count);
	printf("sim: to repeat: make sim SEED=0x%llx VMS=%u FAULTS=", (unsigned long long)seed,
	       vms_of(wish, seed));
	print_list(faults, count);
	if (wish->breaks)
		printf(" BREAK=%s", sim_break_name(wish->breaks));
	printf("%s\n", wish->calm ? " CALM=1" : "");
}

/* ---- options */

static int bad_usage(const char *what, const char *text)
{
	fprintf(stderr, "sim: %s: found '%s'; see sim --help\n", what, text);
	return 2;
}

static int parse_number(const char *text, uint64_t most, uint64_t *ret_number)
{
	char *end;

	errno = 0;
	*ret_number = strtoull(text, &end, 0);
	return errno || end == text || *end || *text == '-' || *ret_number > most ? -EINVAL : 0;
}

static int parse_faults(const char *text, struct wish *wish)
{
	unsigned long from, to;
	char *end;

	wish->has_faults = true;
	if (!strcmp(text, "none"))
		return 0;
	while (*text) {
		from = strtoul(text, &end, 10);
		if (end == text)
			return -EINVAL;
		to = from;
		text = end;
		if (*text == '-') {
			to = strtoul(text + 1, &end, 10);
			if (end == text + 1)
				return -EINVAL;
			text = end;
		}
		for (; from <= to; from++) {
			if (from >= SIM_FAULTS_MAX || wish->fault_count == SIM_FAULTS_MAX)
				return -EINVAL;
			wish->faults[wish->fault_count++] = (uint32_t)from;
		}
		if (*text == ',')
			text++;
		else if (*text)
			return -EINVAL;
	}
	return 0;
}

static int parse_break(const char *text, struct wish *wish)
{
	for (wish->breaks = 1; wish->breaks < SIM_BREAKS; wish->breaks++)
		if (!strcmp(sim_break_name(wish->breaks), text))
			return 0;
	return -EINVAL;
}

static const struct option long_options[] = {
	{ "seed", required_argument, NULL, 's' },  { "n", required_argument, NULL, 'n' },
	{ "vms", required_argument, NULL, 'v' },   { "faults", required_argument, NULL, 'f' },
	{ "break", required_argument, NULL, 'b' }, { "calm", no_argument, NULL, 'c' },
	{ "once", no_argument, NULL, 'o' },	   { "no-shrink", no_argument, NULL, 'k' },
	{ "seen", no_argument, NULL, 'e' },	   { "verbose", no_argument, NULL, 'V' },
	{ "help", no_argument, NULL, 'h' },	   { NULL, 0, NULL, 0 },
};

static int parse(int argc, char **argv, struct wish *wish)
{
	uint64_t number = 0;
	int option;

	while ((option = getopt_long(argc, argv, "h", long_options, NULL)) >= 0) {
		if (option == 's' && parse_number(optarg, UINT64_MAX, &wish->seed))
			return bad_usage("expected a seed, decimal or 0x...", optarg);
		if (option == 'n' &&
		    (parse_number(optarg, UINT32_MAX, &wish->count) || !wish->count))
			return bad_usage("expected how many seeds", optarg);
		if (option == 'v') {
			if (parse_number(optarg, SIM_VMS_MAX, &number) || !number)
				return bad_usage("expected 1 ... 1000000 VMs", optarg);
			wish->vms = (uint32_t)number;
		}
		if (option == 'f' && parse_faults(optarg, wish))
			return bad_usage("expected numbers of faults, as 3,7-9, or none", optarg);
		if (option == 'b' && parse_break(optarg, wish))
			return bad_usage("no such thing to break", optarg);
		wish->calm |= option == 'c';
		wish->once |= option == 'o';
		wish->shows_seen |= option == 'e';
		wish->keep_all |= option == 'k';
		wish->verbose |= option == 'V';
		if (option == 'h') {
			help();
			exit(0);
		}
		if (option == '?')
			return 2;
	}
	return optind < argc ? bad_usage("no such argument", argv[optind]) : 0;
}

/* User time: what the host does beside is not the simulator's. */
static double cpu_s(void)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void run_all(const struct wish *wish)
{
	uint64_t i;

	for (i = 0; i < wish->count; i++) {
		if (!run_seed(wish, wish->seed + i, wish->has_faults ? wish->faults : NULL,
			      wish->fault_count))
			break;
		shared->done++;
	}
	sim_agent_remove_folder();
}

int main(int argc, char **argv)
{
	struct wish wish = { .seed = 1, .count = 1 };
	int error = parse(argc, argv, &wish);
	double seconds;
	pid_t child;

	if (error)
		return error;
	setvbuf(stdout, NULL, _IOLBF, 0);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED) {
		perror("sim: mmap");
		return 2;
	}
	child = start_child();
	if (!child) {
		run_all(&wish);
		fflush(stdout);
		_exit(0);
	}
	await(&wish, child);
	if (shared->failed) {
		explain(&wish);
		return 1;
	}
	if (wish.shows_seen && !sim_seen_print(&shared->seen)) {
		printf("sim: %llu seeds held, but did not come by all that there is\n",
		       (unsigned long long)shared->done);
		return 1;
	}
	seconds = cpu_s();
	printf("sim: %llu seeds held: %llu events, %llu steps, %llu frames, %llu kills, "
	       "%llu virtual s; %.2f s CPU, %.0f events/s; trace %016llx\n",
	       (unsigned long long)shared->done, (unsigned long long)shared->events,
	       (unsigned long long)shared->steps, (unsigned long long)shared->frames,
	       (unsigned long long)shared->kills, (unsigned long long)shared->virtual_s, seconds,
	       (double)shared->events / seconds, (unsigned long long)shared->hash);
	return 0;
}
