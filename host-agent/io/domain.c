// SPDX-License-Identifier: GPL-2.0
/*
 * One libvirt domain: read, defined anew, devices plugged in and out.
 *
 * DESIGN
 * Input: a domain's name, XML to put in force.  Output: its descriptions, or what
 * libvirt says against it.  Blocks as libvirt does, so it is for programs that
 * have nothing else to do, not for the agent.  Which XML is right is not known
 * here.  A definition is read with its secrets: one that is defined anew without
 * them has lost them.
 */
#include "io/domain.h"

#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/domain_xml.h"

#define DEFINITION_FLAGS (VIR_DOMAIN_XML_INACTIVE | VIR_DOMAIN_XML_SECURE)

struct fth_domain {
	virConnectPtr connection;
	virDomainPtr domain;
};

static int fail(char *ret_error, const char *what)
{
	const char *message = virGetLastErrorMessage();

	snprintf(ret_error, FTH_DOMAIN_ERROR_MAX, "%s: %s", what,
		 message ? message : "unknown error");
	return -EIO;
}

/* errors are reported by whoever asked; libvirt is not to print them */
static void ignore_error(void *context, virErrorPtr error)
{
	(void)context;
	(void)error;
}

static void drop_text(char **text)
{
	free(*text);
}

static virDomainPtr look_up(virConnectPtr connection, const char *name)
{
	virDomainPtr domain = virDomainLookupByName(connection, name);

	if (!domain && virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
		domain = virDomainLookupByUUIDString(connection, name);
	/* Once more, for the error: that the name is no UUID is not what is wrong. */
	return domain ? domain : virDomainLookupByName(connection, name);
}

int fth_domain_open(const char *uri, const char *name, struct fth_domain **ret_domain,
		    char *ret_error)
{
	struct fth_domain *domain = calloc(1, sizeof(*domain));
	int error;

	if (!domain) {
		snprintf(ret_error, FTH_DOMAIN_ERROR_MAX, "out of memory");
		return -EIO;
	}
	virSetErrorFunc(NULL, ignore_error);
	domain->connection = virConnectOpen(uri);
	if (!domain->connection) {
		fail(ret_error, "libvirt does not answer");
		fth_domain_close(domain);
		return -ECONNREFUSED;
	}
	domain->domain = look_up(domain->connection, name);
	if (!domain->domain) {
		error = virGetLastErrorCode() == VIR_ERR_NO_DOMAIN ? -ENOENT : -EIO;
		fail(ret_error, "look-up");
		fth_domain_close(domain);
		return error;
	}
	*ret_domain = domain;
	return 0;
}

void fth_domain_close(struct fth_domain *domain)
{
	if (!domain)
		return;
	if (domain->domain)
		virDomainFree(domain->domain);
	if (domain->connection)
		virConnectClose(domain->connection);
	free(domain);
}

const char *fth_domain_name(const struct fth_domain *domain)
{
	return virDomainGetName(domain->domain);
}

void fth_domain_state_clear(struct fth_domain_state *state)
{
	free(state->definition);
	free(state->live);
	memset(state, 0, sizeof(*state));
}

int fth_domain_read(struct fth_domain *domain, struct fth_domain_state *ret_state, char *ret_error)
{
	__attribute__((cleanup(fth_domain_state_clear))) struct fth_domain_state state = { 0 };
	int running = virDomainIsActive(domain->domain);
	int persistent = virDomainIsPersistent(domain->domain);

	if (running < 0 || persistent < 0 || virDomainGetUUIDString(domain->domain, state.uuid) < 0)
		return fail(ret_error, "state");
	state.running = running;
	state.persistent = persistent;
	/* A driver that can't save has saved nothing. */
	state.saved = !running && virDomainHasManagedSaveImage(domain->domain, 0) > 0;
	if (persistent)
		state.definition = virDomainGetXMLDesc(domain->domain, DEFINITION_FLAGS);
	if (running)
		state.live = virDomainGetXMLDesc(domain->domain, 0);
	if ((persistent && !state.definition) || (running && !state.live))
		return fail(ret_error, "description");
	*ret_state = state;
	memset(&state, 0, sizeof(state));
	return 0;
}

int fth_domain_define(struct fth_domain *domain, const char *from, const char *to, char *ret_error)
{
	__attribute__((cleanup(drop_text))) char *now =
		virDomainGetXMLDesc(domain->domain, DEFINITION_FLAGS);
	virDomainPtr defined;

	if (!now)
		return fail(ret_error, "description");
	if (strcmp(now, from) != 0) {
		snprintf(ret_error, FTH_DOMAIN_ERROR_MAX,
			 "its definition was changed by somebody else meanwhile");
		return -EAGAIN;
	}
	defined = virDomainDefineXMLFlags(domain->connection, to, 0);
	if (!defined)
		return fail(ret_error, "define");
	virDomainFree(defined);
	return 0;
}

int fth_domain_plug(struct fth_domain *domain, const char *device, char *ret_error)
{
	if (virDomainAttachDeviceFlags(domain->domain, device, VIR_DOMAIN_AFFECT_LIVE) < 0)
		return fail(ret_error, "plug");
	return 0;
}

int fth_domain_unplug(struct fth_domain *domain, const char *device, char *ret_error)
{
	if (virDomainDetachDeviceFlags(domain->domain, device, VIR_DOMAIN_AFFECT_LIVE) < 0)
		return fail(ret_error, "unplug");
	return 0;
}

int fth_domain_record(struct fth_domain *domain, bool live, const char *element, char *ret_error)
{
	if (virDomainSetMetadata(domain->domain, VIR_DOMAIN_METADATA_ELEMENT, element,
				 element ? FTH_DOMAIN_RECORD_PREFIX : NULL, FTH_DOMAIN_RECORD_URI,
				 live ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG) < 0)
		return fail(ret_error, "metadata");
	return 0;
}
