// SPDX-License-Identifier: GPL-2.0
/* fotherd: one per host; patches the VMs it finds, as policies say. */
#include <getopt.h>
#include <grp.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "app/agent.h"
#include "fother/version.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/notify.h"

#define EXIT_FAILED 1
#define EXIT_USAGE 2
#define DAY_MS 86400000ull
#define KEEP_DAYS_DEFAULT 365u
#define KEEP_DAYS_MAX 36500u
#define LARGE_BUFFER (256 * 1024) /* bytes: of its own from the kernel, and back to it */

static const char help[] =
	"usage: fotherd [--sockets DIR] [--inventory FILE] [--connect URI]\n"
	"               [--state DIR] [--api SOCKET] [--group GROUP] [--keep-rollouts DAYS]\n"
	"\n"
	"Patches the kernels of this host's running VMs, as policies say; 'fother'\n"
	"steers it.  VMs come from a folder of QEMU chardev sockets, from a file that\n"
	"lists them, from libvirt, or from several of these.\n"
	"\n"
	"  --sockets DIR      NAME.sock is the channel of VM NAME; NAME.json beside it,\n"
	"                     {\"host\": \"..\", \"group\": \"..\", \"tags\": [..]}, says where\n"
	"                     it belongs\n"
	"  --inventory FILE   YAML or JSON that lists VMs: {version: 1, vms: [{name: ..,\n"
	"                     socket: .., host: .., group: .., tags: [..]}]}\n"
	"  -c, --connect URI  libvirt: domains that have a channel org.fother.0\n"
	"  --state DIR        journal and payloads; else /var/lib/fother\n"
	"  --api SOCKET       else /run/fother/api.sock\n"
	"  --group GROUP      its members may use the API, beside root\n"
	"  --keep-rollouts DAYS\n"
	"                     how long rollouts are kept that a newer one of the same patch\n"
	"                     followed; else 365; 0 for ever\n"
	"  --check-journal    say what of the journal is damaged; starts no agent\n"
	"  --salvage-journal  and put what can be read in its place; the damaged file is\n"
	"                     kept\n"
	"  --fault POINT:N    for tests: SIGKILL to itself at the N-th after-intent,\n"
	"                     after-send, after-result, before-commit or after-commit\n"
	"  -V, --version      print the version\n"
	"  -h, --help         this text\n"
	"\n"
	"exit: 0 after SIGTERM or SIGINT, or the journal is sound; 1 can't start, or the\n"
	"      journal is damaged; 2 usage\n"
	"\n"
	"example: fotherd --connect qemu:///system --group libvirt\n";

enum option_code {
	OPT_SOCKETS = 256,
	OPT_INVENTORY,
	OPT_STATE,
	OPT_API,
	OPT_GROUP,
	OPT_FAULT,
	OPT_CHECK,
	OPT_SALVAGE,
	OPT_KEEP,
};

static void stop(void *loop)
{
	fth_loop_stop(loop);
}

/*
 * No fault of the usage: a name service may answer a moment later, and who starts us
 * shall try again.
 */
static int find_group(const char *name, gid_t *ret_group)
{
	const struct group *group;

	errno = 0;
	group = getgrnam(name);
	if (group) {
		*ret_group = group->gr_gid;
		return 0;
	}
	/* A name service that can't be asked now may also say that there is none. */
	if (!errno || errno == ENOENT || errno == ESRCH)
		fprintf(stderr,
			"fotherd: --group '%s': no such group; 'groupadd --system %s' makes it; where a name service (LDAP, SSSD) has it, start fotherd again when that answers\n",
			name, name);
	else
		fprintf(stderr,
			"fotherd: --group '%s': can't be looked up: %s; start fotherd again when the name service answers\n",
			name, strerror(errno));
	return -ENOENT;
}

static int read_days(const char *text, uint64_t *ret_ms)
{
	unsigned long days;
	char *end;

	errno = 0;
	days = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || days > KEEP_DAYS_MAX) {
		fprintf(stderr,
			"fotherd: --keep-rollouts '%s': expected a number of days, 0 … %u; 0 for ever\n",
			text, KEEP_DAYS_MAX);
		return -EINVAL;
	}
	*ret_ms = days * DAY_MS;
	return 0;
}

static int find_fault(const char *text, struct fth_fault *ret_fault)
{
	int error = fth_fault_parse(text, ret_fault);

	if (error)
		fprintf(stderr, "fotherd: --fault '%s': expected e.g. 'after-send:1'\n", text);
	return error;
}

static int check_journal(const char *state, bool salvages)
{
	int lock = fth_agent_lock(state);
	int code = lock < 0 ? EXIT_FAILED : fth_journal_check(state, salvages);

	if (lock >= 0)
		close(lock);
	return code;
}

/* -1 to go on, else the exit code. */
static int parse(int argc, char **argv, struct fth_agent_options *options, const char **ret_group)
{
	static const struct option all[] = {
		{ "sockets", required_argument, NULL, OPT_SOCKETS },
		{ "inventory", required_argument, NULL, OPT_INVENTORY },
		{ "connect", required_argument, NULL, 'c' },
		{ "state", required_argument, NULL, OPT_STATE },
		{ "api", required_argument, NULL, OPT_API },
		{ "group", required_argument, NULL, OPT_GROUP },
		{ "keep-rollouts", required_argument, NULL, OPT_KEEP },
		{ "fault", required_argument, NULL, OPT_FAULT },
		{ "check-journal", no_argument, NULL, OPT_CHECK },
		{ "salvage-journal", no_argument, NULL, OPT_SALVAGE },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c, fault = 0, check = 0;

	while ((c = getopt_long(argc, argv, "c:Vh", all, NULL)) != -1) {
		if (c == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (c == 'V') {
			puts("fotherd " FTH_VERSION);
			return 0;
		}
		if (c == OPT_SOCKETS)
			options->sockets = optarg;
		else if (c == OPT_INVENTORY)
			options->file = optarg;
		else if (c == 'c')
			options->uri = optarg;
		else if (c == OPT_STATE)
			options->state = optarg;
		else if (c == OPT_API)
			options->api = optarg;
		else if (c == OPT_GROUP)
			*ret_group = optarg;
		else if (c == OPT_KEEP)
			fault = read_days(optarg, &options->keep_ms);
		else if (c == OPT_FAULT)
			fault = find_fault(optarg, &options->fault);
		else if (c == OPT_CHECK || c == OPT_SALVAGE)
			check = c;
		else
			fault = -EINVAL;
		if (fault)
			return EXIT_USAGE;
	}
	if (optind != argc) {
		fputs("fotherd: unexpected operand; see 'fotherd --help'\n", stderr);
		return EXIT_USAGE;
	}
	if (check)
		return check_journal(options->state, check == OPT_SALVAGE);
	if (!options->sockets && !options->file && !options->uri) {
		fputs("fotherd: give --sockets, --inventory or --connect; see 'fotherd --help'\n",
		      stderr);
		return EXIT_USAGE;
	}
	return -1;
}

/* A descriptor for each VM: as many as we may have. */
static uint64_t raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			fth_log(FTH_LOG_WARNING, "limit of open files: can't be raised: %s",
				strerror(errno));
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	return limit.rlim_cur;
}

/* Who waits for us in vain ends us, so it is worth a line. */
static void tell(const char *state)
{
	int error = fth_notify(state);

	if (error)
		fth_log(FTH_LOG_WARNING, "service manager: '%s' could not be sent to '%s': %s",
			state, getenv("NOTIFY_SOCKET"), strerror(-error));
}

int main(int argc, char **argv)
{
	struct fth_agent_options options = {
		.state = "/var/lib/fother",
		.api = "/run/fother/api.sock",
		.group = (gid_t)-1,
		.keep_ms = KEEP_DAYS_DEFAULT * DAY_MS,
	};
	struct fth_agent *agent = NULL;
	struct fth_loop *loop;
	const char *group = NULL;
	int code = parse(argc, argv, &options, &group);

	if (code >= 0)
		return code;
	if (group && find_group(group, &options.group))
		return EXIT_FAILED;
	/* Else free() of one large buffer makes all later ones part of the heap. */
	mallopt(M_MMAP_THRESHOLD, LARGE_BUFFER);
	signal(SIGPIPE, SIG_IGN);
	options.files_max = raise_files();
	if (fth_loop_new(&loop)) {
		fth_log(FTH_LOG_ERROR, "event loop: %s", strerror(errno));
		return EXIT_FAILED;
	}
	code = EXIT_FAILED;
	if (!fth_loop_signal(loop, SIGTERM, stop, loop) &&
	    !fth_loop_signal(loop, SIGINT, stop, loop) && !fth_agent_new(loop, &options, &agent)) {
		tell(FTH_NOTIFY_READY);
		if (!fth_loop_run(loop))
			code = 0;
		tell(FTH_NOTIFY_STOPPING);
	}
	fth_agent_free(agent, code);
	fth_loop_free(loop);
	return code;
}
