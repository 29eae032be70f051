// SPDX-License-Identifier: GPL-2.0
/*
 * fother enroll: give a libvirt domain a channel.  Needs no agent.
 *
 * DESIGN
 * The dedicated controller goes into the definition, because libvirt can't plug
 * one into a running domain.  A running domain that lacks it gets a channel on a
 * controller that it has, for fother-relay.  First all is looked at and decided,
 * so that what can't work is refused with nothing changed; then the definition is
 * changed, then the running domain.  What is done is recorded in the domain's
 * metadata, for unenroll.
 */
#include "cli/enroll.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/verbs.h"
#include "fother/wire.h"

static const char help[] =
	"usage: fother enroll [--connect URI] [--dry-run] [--json] DOMAIN\n"
	"\n"
	"Gives a libvirt domain its channel to the agent: in its definition a\n"
	"virtio-serial controller of its own, in force from the next power cycle on\n"
	"(shut down and start; a reboot is none); and where it runs without one, a\n"
	"port for the program fother-relay, at once.  Says which of the two is active\n"
	"now and which will be.  May be repeated.  No agent is asked.\n"
	"\n"
	"  -c, --connect URI   libvirt; else its own default\n"
	"  -n, --dry-run       say what would be changed, and change nothing\n"
	"  -j, --json          print an object\n"
	"\n"
	"exit: 0 enrolled: it has a channel now, or will have when it is started;\n"
	"      1 refused or failed, or no channel before the next power cycle;\n"
	"      2 usage, no such domain; 3 libvirt does not answer\n"
	"\n"
	"example: fother enroll --connect qemu:///system db-1\n";

/* What was decided on; "" and NULL for nothing. */
struct plan {
	char *definition;
	struct fth_domain_record record;
	char channel[FTH_DOMAIN_TEXT_MAX];
};

static void drop_plan(struct plan *plan)
{
	free(plan->definition);
	memset(plan, 0, sizeof(*plan));
}

static int plan_definition(struct fth_enrollment *run, struct plan *plan)
{
	char text[FTH_DOMAIN_TEXT_MAX];
	int error;

	if (!run->definition) {
		fth_enroll_note(
			run,
			"It is transient: it has no definition that a power cycle would follow; what creates it must give it the dedicated controller.");
		return -1;
	}
	run->next = FTH_DOMAIN_DEDICATED;
	error = fth_domain_xml_dedicated(run->definition, text);
	if (!error)
		return -1;
	if (error == -EINVAL)
		return fth_enroll_fail(
			run,
			"refused: %s; remove it with 'virsh edit' and enroll again; the domain is left as it was",
			text);
	error = fth_domain_xml_add(run->definition, &plan->record);
	if (error == -ENOSPC)
		return fth_enroll_fail(
			run,
			"refused: it has %u virtio-serial controllers, expected fewer; the domain is left as it was",
			FTH_DOMAIN_CONTROLLERS_MAX - 1);
	plan->definition = error ? NULL : fth_domain_xml_text(run->definition);
	if (!plan->definition)
		return fth_enroll_fail(run, "out of memory");
	fth_domain_controller_element(plan->record.controller, text);
	fth_enroll_change(run, FTH_ENROLL_DEFINITION, "added", text);
	fth_domain_channel_element(FTH_PORT_NAME, plan->record.controller, 1, text);
	fth_enroll_change(run, FTH_ENROLL_DEFINITION, "added", text);
	return -1;
}

static int plan_running(struct fth_enrollment *run, struct plan *plan)
{
	struct fth_domain_port *port = &run->now_port;
	char why[FTH_DOMAIN_TEXT_MAX];

	if (!run->live)
		return -1;
	if (!fth_domain_xml_dedicated(run->live, why)) {
		run->now = fth_domain_xml_channel(run->live, port);
		return -1;
	}
	if (fth_domain_xml_port(run->live, FTH_PORT_NAME, port)) {
		/* The agent would prefer it to a relay's. */
		snprintf(run->now_why, sizeof(run->now_why), "%s", why);
		return -1;
	}
	if (fth_domain_xml_port(run->live, FTH_RELAY_PORT_NAME, port)) {
		if (!port->is_unix)
			return fth_enroll_fail(
				run,
				"refused: found a channel '" FTH_RELAY_PORT_NAME
				"' that is not of type 'unix', which is expected; the domain is left as it was");
		run->now = FTH_DOMAIN_RELAY;
		return -1;
	}
	if (fth_domain_xml_relay_place(run->live, port, run->now_why)) {
		if (!run->definition)
			return fth_enroll_fail(run, "refused: %s; the domain is left as it was",
					       run->now_why);
		return -1;
	}
	run->now = FTH_DOMAIN_RELAY;
	fth_domain_channel_element(FTH_RELAY_PORT_NAME, port->controller, port->number,
				   plan->channel);
	fth_enroll_change(run, FTH_ENROLL_RUNNING, "added", plan->channel);
	return -1;
}

/* Now is what libvirt made of it.  What unenroll could not find again is taken back. */
static int put_back(struct fth_enrollment *run, const char *now, const char *why)
{
	char ignored[FTH_DOMAIN_ERROR_MAX];

	if (now && !fth_domain_define(run->domain, now, run->state.definition, ignored))
		return fth_enroll_fail(
			run, "its record can't be written: %s; the domain is left as it was", why);
	return fth_enroll_fail(
		run,
		"the definition was changed, its record was not: %s; unenroll and enroll it again, and look whether PCI root ports are left",
		why);
}

/* Adds what libvirt added to the record.  Return: 0 or -errno with @why. */
static int write_record(struct fth_enrollment *run, const char *now, struct plan *plan, char *why)
{
	struct fth_domain_xml *before = NULL, *after = NULL;
	char text[FTH_DOMAIN_TEXT_MAX];
	int error = fth_domain_xml_new(run->state.definition, &before);

	if (!error)
		error = now ? fth_domain_xml_new(now, &after) : -EBADMSG;
	if (error)
		snprintf(why, FTH_DOMAIN_ERROR_MAX,
			 "libvirt's description of it is no XML of a domain");
	else
		fth_domain_xml_new_pci(before, after, &plan->record);
	if (!error && plan->record.pci_count) {
		fth_domain_record_element(&plan->record, text);
		error = fth_domain_record(run->domain, false, text, why);
	}
	fth_domain_xml_free(before);
	fth_domain_xml_free(after);
	return error;
}

/* libvirt may have added PCI controllers; unenroll must know of them. */
static int complete_record(struct fth_enrollment *run, struct plan *plan)
{
	struct fth_domain_state state = { 0 };
	char why[FTH_DOMAIN_ERROR_MAX];
	int code = -1;

	if (fth_domain_read(run->domain, &state, why) ||
	    write_record(run, state.definition, plan, why))
		code = put_back(run, state.definition, why);
	fth_domain_state_clear(&state);
	return code;
}

/* The record stands before the channel does: unenroll must find what is ours. */
static int plug(struct fth_enrollment *run, const char *channel)
{
	struct fth_domain_record record = { 0 };
	char text[FTH_DOMAIN_TEXT_MAX], why[FTH_DOMAIN_ERROR_MAX], ignored[FTH_DOMAIN_ERROR_MAX];
	bool had_record = fth_domain_xml_record(run->live, &record);
	int error;

	record.relay = true;
	fth_domain_record_element(&record, text);
	error = fth_domain_record(run->domain, true, text, why);
	if (!error) {
		error = fth_domain_plug(run->domain, channel, why);
		record.relay = false;
		fth_domain_record_element(&record, text);
		if (error)
			fth_domain_record(run->domain, true, had_record ? text : NULL, ignored);
	}
	if (!error)
		return -1;
	run->now = FTH_DOMAIN_NONE;
	return fth_enroll_fail(
		run, "no port for the relay: %s; %s", why,
		run->next ? "its definition has the dedicated controller, power-cycle it"
			  : "the domain is left as it was");
}

static int carry_out(struct fth_enrollment *run, struct plan *plan, bool *ret_again)
{
	char why[FTH_DOMAIN_ERROR_MAX];
	int error, code = -1;

	if (run->dry_run)
		return -1;
	if (plan->definition) {
		error = fth_domain_define(run->domain, run->state.definition, plan->definition,
					  why);
		*ret_again = error == -EAGAIN;
		if (error)
			return *ret_again ? -1
					  : fth_enroll_fail(run, "%s; the domain is left as it was",
							    why);
		code = complete_record(run, plan);
	}
	if (code < 0 && *plan->channel)
		code = plug(run, plan->channel);
	return code;
}

static int enroll(struct fth_enrollment *run)
{
	unsigned int attempts = FTH_ENROLL_ATTEMPTS;
	char type[FTH_DOMAIN_TEXT_MAX];
	bool again = true;
	int code = -1;

	if (!fth_domain_xml_supported(run->definition ? run->definition : run->live, type,
				      sizeof(type)))
		return fth_enroll_fail(
			run,
			"refused: found a domain of type '%s', expected 'kvm' or 'qemu', which have virtio-serial ports; it is left as it was",
			type);
	while (code < 0 && again) {
		__attribute__((cleanup(drop_plan))) struct plan plan = { 0 };

		again = false;
		code = plan_definition(run, &plan);
		if (code < 0)
			code = plan_running(run, &plan);
		if (code < 0)
			code = carry_out(run, &plan, &again);
		if (code < 0 && again && !--attempts)
			return fth_enroll_fail(
				run,
				"its definition was changed by somebody else %u times meanwhile; the domain is left as it was",
				FTH_ENROLL_ATTEMPTS);
		if (code < 0 && again)
			code = fth_enroll_read(run);
	}
	return code;
}

int fth_cli_enroll(int argc, char **argv)
{
	static struct fth_enrollment run;
	int code = fth_enroll_begin(&run, argc, argv, help);

	if (code < 0)
		code = enroll(&run);
	if (code < 0) {
		code = FTH_EXIT_OK;
		if (run.state.running && !run.now)
			code = FTH_EXIT_NOT_SO;
		fth_enroll_report(&run,
				  code ? "enrolled, but not reached before its next power cycle"
				  : json_array_size(run.changes) ? "enrolled"
								 : "enrolled already");
	}
	fth_enroll_end(&run);
	return code;
}
