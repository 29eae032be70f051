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

#include "options.h"

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
	struct sim_pace pace; /* of the last run */
	struct sim_seen seen;
	uint32_t plan_count;
	bool failed;
	char why[SIM_WHY_MAX];
};

static struct shared *shared;

static uint32_t vms_of(const struct wish *wish, uint64_t seed)
{
	return wish->vms ? wish->vms
			 : 1 + (uint32_t)((seed * 0xd1342543de82ef95ull >> 33) % WISH_VMS_MAX);
}

static bool run_once(const struct wish *wish, uint64_t seed, const uint32_t *faults, uint32_t count)
{
	const struct sim_options options = {
		.seed = seed,
		.vms = vms_of(wish, seed),
		.calm = wish->calm,
		.defaults = wish->defaults,
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
	shared->pace = sim.pace;
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
		.defaults = wish->defaults,
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
	printf("%s%s\n", wish->calm ? " CALM=1" : "", wish->defaults ? " DEFAULTS=1" : "");
}

/* What the children took of the machine. */
static double cpu_s(double *ret_mib)
{
	struct rusage usage;

	getrusage(RUSAGE_CHILDREN, &usage);
	*ret_mib = (double)usage.ru_maxrss / 1024;
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

/* In virtual time, and of guests that need up to 0.2 s for a transition. */
static void print_pace(const struct sim_pace *pace)
{
	if (!pace->rollout_ms || !pace->recall99_us)
		return;
	printf("sim: %u VMs: rollout %.1f virtual s, recall to 99 %% %.2f virtual s, share %.4f\n",
	       pace->patched, (double)pace->rollout_ms / 1e3, (double)pace->recall99_us / 1e6,
	       (double)pace->recall99_us / 1e3 / (double)pace->rollout_ms);
}

int main(int argc, char **argv)
{
	struct wish wish = { .seed = 1, .count = 1 };
	int error = sim_options_parse(argc, argv, &wish);
	double seconds, mib;
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
	if (wish.calm)
		print_pace(&shared->pace);
	seconds = cpu_s(&mib);
	printf("sim: %llu seeds held: %llu events, %llu steps, %llu frames, %llu kills, "
	       "%llu virtual s; %.2f s CPU, %.0f events/s, %.0f MiB; trace %016llx\n",
	       (unsigned long long)shared->done, (unsigned long long)shared->events,
	       (unsigned long long)shared->steps, (unsigned long long)shared->frames,
	       (unsigned long long)shared->kills, (unsigned long long)shared->virtual_s, seconds,
	       (double)shared->events / seconds, mib, (unsigned long long)shared->hash);
	return 0;
}
