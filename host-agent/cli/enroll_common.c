// SPDX-License-Identifier: GPL-2.0
/* What fother enroll and fother unenroll share: options, the domain, the report. */
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/client.h"
#include "cli/enroll.h"
#include "cli/usage.h"
#include "cli/verbs.h"
#include "fother/wire.h"

/* -1 to go on, else the exit code. */
static int parse(struct fth_enrollment *run, int argc, char **argv, const char *help,
		 const char **ret_uri)
{
	static const struct option all[] = {
		{ "connect", required_argument, NULL, 'c' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	int c;

	run->verb = argv[0];
	opterr = 0;
	while ((c = getopt_long(argc, argv, ":c:njh", all, NULL)) != -1) {
		switch (c) {
		case 'c':
			*ret_uri = optarg;
			break;
		case 'n':
			run->dry_run = true;
			break;
		case 'j':
			run->json = true;
			break;
		case 'h':
			fputs(help, stdout);
			return FTH_EXIT_OK;
		default:
			return fth_usage_option(argv, all, c);
		}
	}
	if (argc - optind == 1)
		return -1;
	return fth_usage_operands(argc, argv, "one domain's name ('virsh list --all')");
}

int fth_enroll_begin(struct fth_enrollment *run, int argc, char **argv, const char *help)
{
	char why[FTH_DOMAIN_ERROR_MAX];
	const char *uri = NULL;
	int code = parse(run, argc, argv, help, &uri);
	int error;

	if (code >= 0)
		return code;
	run->changes = json_array();
	run->notes = json_array();
	error = fth_domain_open(uri, argv[optind], &run->domain, why);
	if (!error)
		return fth_enroll_read(run);
	if (error == -ECONNREFUSED) {
		fprintf(stderr,
			"fother: %s; start libvirtd, or name its URI with --connect (e.g. qemu:///system)\n",
			why);
		return FTH_EXIT_NO_AGENT;
	}
	fprintf(stderr, "fother: domain '%s': %s; 'virsh list --all' names the domains there are\n",
		argv[optind], why);
	return error == -ENOENT ? FTH_EXIT_USAGE : FTH_EXIT_NOT_SO;
}

static void forget(struct fth_enrollment *run)
{
	fth_domain_xml_free(run->definition);
	fth_domain_xml_free(run->live);
	run->definition = NULL;
	run->live = NULL;
	fth_domain_state_clear(&run->state);
	run->now = FTH_DOMAIN_NONE;
	run->next = FTH_DOMAIN_NONE;
	run->now_why[0] = '\0';
}

void fth_enroll_end(struct fth_enrollment *run)
{
	forget(run);
	fth_domain_close(run->domain);
	json_decref(run->changes);
	json_decref(run->notes);
}

int fth_enroll_read(struct fth_enrollment *run)
{
	char why[FTH_DOMAIN_ERROR_MAX];

	forget(run);
	json_array_clear(run->changes);
	json_array_clear(run->notes);
	if (fth_domain_read(run->domain, &run->state, why))
		return fth_enroll_fail(run, "%s", why);
	if ((run->state.definition &&
	     fth_domain_xml_new(run->state.definition, &run->definition)) ||
	    (run->state.live && fth_domain_xml_new(run->state.live, &run->live)))
		return fth_enroll_fail(run, "libvirt's description of it is no XML of a domain");
	if (run->state.saved)
		fth_enroll_note(
			run,
			"It was saved: its next start restores the saved machine as it was; only the power cycle after that follows the definition (or after 'virsh managedsave-remove').");
	return -1;
}

void fth_enroll_change(struct fth_enrollment *run, const char *where, const char *action,
		       const char *xml)
{
	json_array_append_new(run->changes, json_pack("{s:s, s:s, s:s}", "where", where, "action",
						      action, "xml", xml));
}

void fth_enroll_note(struct fth_enrollment *run, const char *format, ...)
{
	char text[FTH_DOMAIN_ERROR_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	json_array_append_new(run->notes, json_string(text));
}

int fth_enroll_fail(const struct fth_enrollment *run, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "fother: domain '%s': %s: ", fth_domain_name(run->domain), run->verb);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return FTH_EXIT_NOT_SO;
}

static const char *channel_name(enum fth_domain_channel channel)
{
	static const char *const names[] = {
		[FTH_DOMAIN_NONE] = "none",
		[FTH_DOMAIN_RELAY] = "relay",
		[FTH_DOMAIN_DEDICATED] = "dedicated",
	};

	return names[channel];
}

static void print_now(const struct fth_enrollment *run)
{
	const struct fth_domain_port *port = &run->now_port;

	printf("  now: ");
	if (!run->state.running)
		printf("it does not run\n");
	else if (run->now == FTH_DOMAIN_DEDICATED)
		printf("dedicated, port '" FTH_PORT_NAME
		       "' on controller %u; needs fother.ko in the guest\n",
		       port->controller);
	else if (run->now == FTH_DOMAIN_RELAY)
		printf("relay, port '" FTH_RELAY_PORT_NAME
		       "' on controller %u; needs fother.ko and fother-relay in the guest\n",
		       port->controller);
	else
		printf("no channel%s%s\n", *run->now_why ? ": " : "", run->now_why);
}

static void print_text(const struct fth_enrollment *run, const char *verdict)
{
	const json_t *item;
	size_t i;

	printf("domain '%s': %s%s\n", fth_domain_name(run->domain), verdict,
	       run->dry_run ? " (dry run: nothing was changed)" : "");
	print_now(run);
	printf("  from the next power cycle on: %s\n",
	       !run->state.persistent		   ? "there is none, it is transient"
	       : run->next == FTH_DOMAIN_DEDICATED ? "dedicated, port '" FTH_PORT_NAME "'"
						   : "no channel");
	json_array_foreach(run->changes, i, item)
		printf("  %s %s: %s\n", fth_cli_string(item, "where"),
		       fth_cli_string(item, "action"), fth_cli_string(item, "xml"));
	json_array_foreach(run->notes, i, item)
		printf("  note: %s\n", json_string_value(item));
}

void fth_enroll_report(const struct fth_enrollment *run, const char *verdict)
{
	json_t *answer;

	if (!run->json) {
		print_text(run, verdict);
		return;
	}
	answer = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s?, s:s?, s:s, s:O, s:O}", "domain",
			   fth_domain_name(run->domain), "uuid", run->state.uuid, "verdict",
			   verdict, "dry_run", run->dry_run, "running", run->state.running,
			   "persistent", run->state.persistent, "now",
			   run->state.running ? channel_name(run->now) : NULL, "now_why",
			   *run->now_why ? run->now_why : NULL, "next", channel_name(run->next),
			   "changes", run->changes, "notes", run->notes);
	fth_cli_print_json(answer);
	json_decref(answer);
}
