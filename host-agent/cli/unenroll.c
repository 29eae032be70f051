// SPDX-License-Identifier: GPL-2.0
/*
 * fother unenroll: take back what fother enroll did to a libvirt domain.
 *
 * DESIGN
 * Only what the records in the domain's metadata name is taken out, and only as
 * far as it is still as it was made; all else is left alone and named.  The
 * dedicated channel of a running domain stays until its next power cycle, as it
 * came with one: a controller can't be unplugged by libvirt.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/enroll.h"
#include "cli/verbs.h"
#include "fother/wire.h"

static const char help[] =
	"usage: fother unenroll [--connect URI] [--dry-run] [--json] DOMAIN\n"
	"\n"
	"Takes back what 'fother enroll' did to a libvirt domain, and nothing else: the\n"
	"relay's port at once, the dedicated controller from its definition, in force\n"
	"from the next power cycle on.  Patches in the guest are not touched: reverse\n"
	"them first.  May be repeated.  No agent is asked.\n"
	"\n"
	"  -c, --connect URI   libvirt; else its own default\n"
	"  -n, --dry-run       say what would be changed, and change nothing\n"
	"  -j, --json          print an object\n"
	"\n"
	"exit: 0 nothing of enroll is left in the definition and no relay's port;\n"
	"      1 failed, or a channel is left that enroll did not make;\n"
	"      2 usage, no such domain; 3 libvirt does not answer\n"
	"\n"
	"example: fother unenroll --dry-run db-1\n";

static void drop_text(char **text)
{
	free(*text);
}

/* What is taken out of @run->definition, as changes and notes. */
static void name_removed(struct fth_enrollment *run, const struct fth_domain_record *record,
			 const struct fth_domain_removed *removed)
{
	char text[FTH_DOMAIN_TEXT_MAX];

	fth_domain_channel_element(FTH_PORT_NAME, record->controller, 1, text);
	if (removed->channel)
		fth_enroll_change(run, FTH_ENROLL_DEFINITION, "removed", text);
	fth_domain_controller_element(record->controller, text);
	if (removed->controller)
		fth_enroll_change(run, FTH_ENROLL_DEFINITION, "removed", text);
	else if (record->controller)
		fth_enroll_note(
			run,
			"Controller %u stays in the definition: it is gone already, or other ports are on it by now.",
			record->controller);
}

static int undo_definition(struct fth_enrollment *run, bool *ret_again)
{
	__attribute__((cleanup(drop_text))) char *text = NULL;
	struct fth_domain_record record;
	struct fth_domain_removed removed;
	struct fth_domain_port port;
	char why[FTH_DOMAIN_ERROR_MAX];
	int error = 0;

	if (!run->definition)
		return -1;
	if (fth_domain_xml_record(run->definition, &record)) {
		fth_domain_xml_remove(run->definition, &record, &removed);
		name_removed(run, &record, &removed);
		text = fth_domain_xml_text(run->definition);
		if (!text)
			return fth_enroll_fail(run, "out of memory");
		if (!run->dry_run)
			error = fth_domain_define(run->domain, run->state.definition, text, why);
		*ret_again = error == -EAGAIN;
		if (error && !*ret_again)
			return fth_enroll_fail(run, "%s; the domain is left as it was", why);
	}
	if (fth_domain_xml_port(run->definition, FTH_PORT_NAME, &port)) {
		run->next = FTH_DOMAIN_DEDICATED;
		fth_enroll_note(run,
				"The definition has a channel '" FTH_PORT_NAME
				"' that 'fother enroll' did not make; 'virsh edit' removes it.");
	}
	return -1;
}

static int unplug(struct fth_enrollment *run, struct fth_domain_record *record)
{
	__attribute__((cleanup(drop_text))) char *channel =
		fth_domain_xml_channel_text(run->live, FTH_RELAY_PORT_NAME);
	char text[FTH_DOMAIN_TEXT_MAX], why[FTH_DOMAIN_ERROR_MAX];
	int error = 0;

	if (channel) {
		fth_enroll_change(run, FTH_ENROLL_RUNNING, "removed", channel);
		if (!run->dry_run)
			error = fth_domain_unplug(run->domain, channel, why);
	}
	record->relay = false;
	fth_domain_record_element(record, text);
	if (!error && !run->dry_run)
		error = fth_domain_record(run->domain, true, record->controller ? text : NULL, why);
	return error ? fth_enroll_fail(run, "the relay's port: %s", why) : -1;
}

static int undo_running(struct fth_enrollment *run)
{
	struct fth_domain_record record = { 0 };
	bool relay, ours;
	int code = -1;

	if (!run->live)
		return -1;
	relay = fth_domain_xml_port(run->live, FTH_RELAY_PORT_NAME, &run->now_port);
	fth_domain_xml_record(run->live, &record);
	ours = record.relay;
	if (ours)
		code = unplug(run, &record);
	else if (relay)
		fth_enroll_note(run, "The running domain has a channel '" FTH_RELAY_PORT_NAME
				     "' that 'fother enroll' did not plug in; it stays.");
	run->now = relay && !ours ? FTH_DOMAIN_RELAY : FTH_DOMAIN_NONE;
	if (fth_domain_xml_port(run->live, FTH_PORT_NAME, &run->now_port))
		run->now = FTH_DOMAIN_DEDICATED;
	return code;
}

int fth_cli_unenroll(int argc, char **argv)
{
	static struct fth_enrollment run;
	unsigned int attempts = FTH_ENROLL_ATTEMPTS;
	int code = fth_enroll_begin(&run, argc, argv, help);
	bool again = true;

	while (code < 0 && again) {
		again = false;
		code = undo_definition(&run, &again);
		if (code < 0 && again)
			code = --attempts
				       ? fth_enroll_read(&run)
				       : fth_enroll_fail(
						 &run,
						 "its definition was changed by somebody else %u times meanwhile; the domain is left as it was",
						 FTH_ENROLL_ATTEMPTS);
	}
	if (code < 0)
		code = undo_running(&run);
	if (code < 0) {
		code = run.next || run.now == FTH_DOMAIN_RELAY ? FTH_EXIT_NOT_SO : FTH_EXIT_OK;
		fth_enroll_report(&run, code ? "not enrolled by 'fother enroll', and has a channel"
					: json_array_size(run.changes) ? "not enrolled any more"
								       : "not enrolled");
	}
	fth_enroll_end(&run);
	return code;
}
