// SPDX-License-Identifier: GPL-2.0
/* fother: what a person or a script says to fotherd. */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verbs.h"
#include "fother/version.h"

static const char help[] =
	"usage: fother [--socket PATH] COMMAND ...\n"
	"\n"
	"Steers live patching of this host's VMs through fotherd.\n"
	"\n"
	"  status                       is the agent well?\n"
	"  vm list | show VM            the VMs and what runs in them\n"
	"  vm nudge|force VM PATCH      move a transition on by hand\n"
	"  vm confirm|revert VM PATCH   keep a patch, or take it back at once\n"
	"  vm forget VM                 it won't come back: nothing waits for it any more\n"
	"  vm audit                     what was done by hand\n"
	"  explain VM                   what holds a transition up, what went wrong\n"
	"  blocks                       what VMs reverted in emergency\n"
	"  allow PATCH|SHA256           let it go there again\n"
	"  policy check FILE            is this policy right?\n"
	"  rollout start POLICY         patch the VMs a policy selects\n"
	"  rollout status [ID] | list   how far it is\n"
	"  rollout pause|resume|promote|abort|reverse|recall|undo ID\n"
	"  history [VM]                 what was done where, by whose word, and why\n"
	"  sign PATCH.ko                sign a payload for guests that want that\n"
	"  enroll|unenroll DOMAIN       give a libvirt domain its channel, or take it back\n"
	"\n"
	"  -s, --socket PATH   the agent's API socket; else $FOTHER_SOCKET, else\n"
	"                      /run/fother/api.sock\n"
	"  -V, --version       print the version; the agent's says 'fother status'\n"
	"  -h, --help          this text; every command has its own\n"
	"\n"
	"exit: 0 as wished, 1 not as wished (failed, degraded, reversed),\n"
	"      2 usage or policy error, 3 no agent\n"
	"\n"
	"example: fother rollout start --wait policies/cve_2026_1234.yaml\n";

struct verb {
	const char *name;
	int (*run)(int argc, char **argv);
};

/* "complete" is last: it is no command for people. */
static const struct verb verbs[] = {
	{ "status", fth_cli_status },	  { "vm", fth_cli_vm },
	{ "explain", fth_cli_explain },	  { "policy", fth_cli_policy },
	{ "rollout", fth_cli_rollout },	  { "enroll", fth_cli_enroll },
	{ "unenroll", fth_cli_unenroll }, { "sign", fth_cli_sign },
	{ "blocks", fth_cli_blocks },	  { "allow", fth_cli_allow },
	{ "history", fth_cli_history },	  { "complete", fth_cli_complete },
};

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	size_t i;
	int c;

	setlocale(LC_CTYPE, ""); /* how wide names are, and which signs a terminal has */
	/* '+': options behind the command are the command's. */
	while ((c = getopt_long(argc, argv, "+s:Vh", options, NULL)) != -1) {
		switch (c) {
		case 's':
			if (setenv("FOTHER_SOCKET", optarg, 1))
				return FTH_EXIT_USAGE;
			break;
		case 'V':
			puts("fother " FTH_VERSION);
			return FTH_EXIT_OK;
		case 'h':
			fputs(help, stdout);
			return FTH_EXIT_OK;
		default:
			fputs("fother: see 'fother --help'\n", stderr);
			return FTH_EXIT_USAGE;
		}
	}
	if (optind == argc) {
		fputs(help, stderr);
		return FTH_EXIT_USAGE;
	}
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (!strcmp(argv[optind], verbs[i].name)) {
			int first = optind;

			optind = 0; /* the verb's own scan starts afresh */
			return verbs[i].run(argc - first, argv + first);
		}
	}
	fprintf(stderr,
		"fother: unknown command '%s', expected status, vm, explain, policy, rollout, history, blocks, allow, sign, enroll or unenroll; see 'fother --help'\n",
		argv[optind]);
	return FTH_EXIT_USAGE;
}
