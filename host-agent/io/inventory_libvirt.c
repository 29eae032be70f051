// SPDX-License-Identifier: GPL-2.0
/*
 * VMs by libvirt: domains with a channel org.fother.0, or a relay's.
 *
 * DESIGN
 * A thread of its own runs libvirt's default event loop, because libvirt's
 * calls block and it calls back where it likes.  What the thread learns goes to
 * the agent's loop by fth_loop_post(), as copies.  The socket's path holds the
 * domain's numeric id and changes with each start, so it is read from the live
 * XML after every lifecycle event, and after a device came or went: a relay's
 * channel is plugged into a running domain; and after its metadata changed, where
 * group and tags are.  An event is a reason to look, not the truth: the domain is
 * always asked anew.  The data itself goes straight
 * through the socket and survives a restart of libvirtd, whose domains are then
 * asked anew.  No event tells of a domain that went while there was no connection:
 * whom we told of before and the whole list doesn't name is gone.  A list that could
 * not be had says nothing, nor does a domain in it that could not be read.
 * Nobody waits for the thread for long, at the end neither: a libvirtd that hangs
 * holds it in a call, and what it uses can't be freed then.
 */
#include <errno.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/health.h"
#include "core/rollout.h"
#include "io/domain_xml.h"
#include "io/inventory.h"
#include "io/libvirt_sample.h"
#include "io/log.h"
#include "io/loop.h"

#define BEAT_MS 1000	    /* how soon an end or a loss is seen */
#define KEEPALIVE_EVERY_S 5 /* of a remote connection */
#define KEEPALIVE_COUNT 3
#define EVENTS 4 /* kinds that we ask for */

/* What travels from the thread to the loop. */
struct notice {
	bool gone;
	bool running;
	bool has_path;
	bool relayed;
	uint8_t uuid[FTH_UUID_SIZE];
	char name[FTH_VM_NAME_MAX + 1];
	char host[FTH_HOST_NAME_MAX + 1];
	char group[FTH_GROUP_NAME_MAX + 1];
	char tags[FTH_TAGS_MAX + 1];
	char path[FTH_DOMAIN_PATH_MAX];
};

/* A domain that the loop was told of, and under which name. */
struct known {
	struct known *next;
	uint8_t uuid[FTH_UUID_SIZE];
	char name[FTH_VM_NAME_MAX + 1];
	bool listed; /* in the list that was read last */
};

/* The answer to one fth_libvirt_sample(). */
struct answer {
	bool known;
	char name[FTH_VM_NAME_MAX + 1];
	char why[FTH_HEALTH_WHY_MAX];
	struct fth_domain_sample sample;
};

/*
 * hooks, context and told are used on the loop's thread, all else on our own; ending,
 * lost and retells are written by any.  lock protects asked, asked_first and asked_count;
 * nothing is taken inside it.
 */
struct fth_libvirt {
	struct fth_loop *loop;
	const struct fth_inventory_hooks *hooks;
	void *context;
	pthread_t thread;
	atomic_bool ending;
	atomic_bool lost;
	atomic_bool retells;
	virConnectPtr connection;
	int callbacks[EVENTS]; /* their ids; each holds the connection; -1: none */
	int timer;
	struct known *known;
	bool said_down;
	bool told; /* the loop's */
	pthread_mutex_t lock;
	char asked[FTH_LIBVIRT_SAMPLES_MAX][FTH_VM_NAME_MAX + 1]; /* a ring */
	unsigned int asked_first;
	unsigned int asked_count;
	char host[FTH_HOST_NAME_MAX + 1];
	char uri[];
};

static void drop_text(char **text)
{
	free(*text);
}

static const char *last_error(void)
{
	const char *message = virGetLastErrorMessage();

	return message ? message : "unknown error";
}

static void deliver(void *context, void *item)
{
	struct fth_libvirt *libvirt = context;
	struct notice *notice = item;
	const struct fth_inventory_vm vm = {
		.name = notice->name,
		.uuid = notice->uuid,
		.host = notice->host,
		.group = notice->group,
		.tags = notice->tags,
		.path = notice->has_path ? notice->path : NULL,
		.running = notice->running,
		.relayed = notice->relayed,
	};

	if (libvirt && notice->gone)
		libvirt->hooks->gone(libvirt->context, "libvirt", notice->name, notice->uuid);
	else if (libvirt)
		libvirt->hooks->found(libvirt->context, "libvirt", &vm);
	free(notice);
}

/* What was posted before it has been delivered. */
static void deliver_told(void *context, void *unused)
{
	struct fth_libvirt *libvirt = context;

	(void)unused;
	if (libvirt)
		libvirt->told = true;
}

/* Does the domain carry our channel?  Where is it now, and what group is it? */
static bool read_xml(const char *text, struct notice *notice)
{
	struct fth_domain_xml *xml;
	struct fth_domain_port port = { 0 };
	char name[FTH_VM_NAME_MAX + 1];
	enum fth_domain_channel channel;

	if (fth_domain_xml_new(text, &xml))
		return false;
	channel = fth_domain_xml_channel(xml, &port);
	/* Asked by its uuid: it may have another name than the event had. */
	if (fth_domain_xml_name(xml, name, sizeof(name)))
		strcpy(notice->name, name);
	else
		channel = FTH_DOMAIN_NONE;
	notice->relayed = channel == FTH_DOMAIN_RELAY;
	notice->has_path = *port.path;
	strcpy(notice->path, port.path);
	fth_domain_xml_group(xml, notice->group, sizeof(notice->group));
	fth_domain_xml_tags(xml, notice->tags, sizeof(notice->tags));
	fth_domain_xml_free(xml);
	return channel != FTH_DOMAIN_NONE;
}

/* The link to it; to NULL where the loop has no such domain. */
static struct known **find_known(struct fth_libvirt *libvirt, const uint8_t *uuid)
{
	struct known **link = &libvirt->known;

	while (*link && memcmp((*link)->uuid, uuid, sizeof((*link)->uuid)) != 0)
		link = &(*link)->next;
	return link;
}

static void drop_known(struct known **link)
{
	struct known *known = *link;

	if (!known)
		return;
	*link = known->next;
	free(known);
}

/* What the loop has when @notice was delivered. */
static int take_known(struct fth_libvirt *libvirt, const struct notice *notice)
{
	struct known **link = find_known(libvirt, notice->uuid);

	if (notice->gone) {
		drop_known(link);
		return 0;
	}
	if (!*link)
		*link = calloc(1, sizeof(**link));
	if (!*link)
		return -ENOMEM;
	memcpy((*link)->uuid, notice->uuid, sizeof(notice->uuid));
	strcpy((*link)->name, notice->name);
	return 0;
}

/* Ask the domain for everything, whatever made us look. */
static void look(struct fth_libvirt *libvirt, virDomainPtr domain)
{
	const char *name = virDomainGetName(domain);
	__attribute__((cleanup(drop_text))) char *xml = NULL;
	struct notice *notice;
	int state = VIR_DOMAIN_NOSTATE;

	if (!name || strlen(name) > FTH_VM_NAME_MAX)
		return;
	notice = calloc(1, sizeof(*notice));
	if (!notice)
		return;
	strcpy(notice->name, name);
	strcpy(notice->host, libvirt->host);
	virDomainGetUUID(domain, notice->uuid);
	xml = virDomainGetXMLDesc(domain, 0);
	if (xml && !virDomainGetState(domain, &state, NULL, 0)) {
		notice->gone = !read_xml(xml, notice);
	} else if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN) {
		notice->gone = true;
	} else {
		/* Not knowing is no reason to give a VM's own socket up. */
		fth_log(FTH_LOG_WARNING, "libvirt '%s': domain '%s': %s; kept as it was",
			libvirt->uri, name, last_error());
		free(notice);
		return;
	}
	notice->running = state == VIR_DOMAIN_RUNNING || state == VIR_DOMAIN_BLOCKED;
	if (take_known(libvirt, notice))
		free(notice);
	else
		fth_loop_post(libvirt->loop, deliver, libvirt, notice);
}

static int lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
		     void *context)
{
	(void)connection;
	(void)event;
	(void)detail;
	look(context, domain);
	return 0;
}

static void device_event(virConnectPtr connection, virDomainPtr domain, const char *alias,
			 void *context)
{
	(void)connection;
	(void)alias;
	look(context, domain);
}

static void metadata_changed(virConnectPtr connection, virDomainPtr domain, int type,
			     const char *space, void *context)
{
	(void)connection;
	(void)type;
	(void)space;
	look(context, domain);
}

static void connection_closed(virConnectPtr connection, int reason, void *context)
{
	struct fth_libvirt *libvirt = context;

	(void)connection;
	(void)reason;
	libvirt->lost = true;
}

static void deliver_answer(void *context, void *item)
{
	struct fth_libvirt *libvirt = context;
	struct answer *answer = item;

	if (libvirt)
		libvirt->hooks->sampled(libvirt->context, answer->name,
					answer->known ? &answer->sample : NULL, answer->why);
	free(answer);
}

static void sample(struct fth_libvirt *libvirt, const char *name)
{
	struct answer *answer = calloc(1, sizeof(*answer));
	virDomainPtr domain = NULL;

	if (!answer)
		return;
	snprintf(answer->name, sizeof(answer->name), "%s", name);
	if (libvirt->connection)
		domain = virDomainLookupByName(libvirt->connection, name);
	if (domain && !fth_libvirt_sample_take(domain, &answer->sample))
		answer->known = true;
	else
		snprintf(answer->why, sizeof(answer->why), "libvirt: %.120s",
			 libvirt->connection ? last_error() : "not connected");
	if (domain)
		virDomainFree(domain);
	fth_loop_post(libvirt->loop, deliver_answer, libvirt, answer);
}

static bool take_asked(struct fth_libvirt *libvirt, char *ret_name)
{
	bool found;

	pthread_mutex_lock(&libvirt->lock);
	found = libvirt->asked_count > 0;
	if (found) {
		strcpy(ret_name, libvirt->asked[libvirt->asked_first]);
		libvirt->asked_first = (libvirt->asked_first + 1) % FTH_LIBVIRT_SAMPLES_MAX;
		libvirt->asked_count--;
	}
	pthread_mutex_unlock(&libvirt->lock);
	return found;
}

static int tell_gone(struct fth_libvirt *libvirt, const struct known *known)
{
	struct notice *notice = calloc(1, sizeof(*notice));

	if (!notice)
		return -ENOMEM;
	notice->gone = true;
	memcpy(notice->uuid, known->uuid, sizeof(notice->uuid));
	strcpy(notice->name, known->name);
	fth_loop_post(libvirt->loop, deliver, libvirt, notice);
	return 0;
}

/* Events wait meanwhile, on our thread: what is made while the list is comes after it. */
static void drop_unlisted(struct fth_libvirt *libvirt, virDomainPtr *domains, int count)
{
	struct known *known, **link = &libvirt->known;
	uint8_t uuid[FTH_UUID_SIZE];
	int i;

	for (known = libvirt->known; known; known = known->next)
		known->listed = false;
	for (i = 0; i < count; i++) {
		virDomainGetUUID(domains[i], uuid);
		known = *find_known(libvirt, uuid);
		if (known)
			known->listed = true;
	}
	while (*link) {
		if ((*link)->listed || tell_gone(libvirt, *link))
			link = &(*link)->next;
		else
			drop_known(link);
	}
}

static void list_domains(struct fth_libvirt *libvirt)
{
	virDomainPtr *domains = NULL;
	int i, count = virConnectListAllDomains(libvirt->connection, &domains, 0);

	if (count < 0) {
		fth_log(FTH_LOG_ERROR, "libvirt '%s': list of domains: %s", libvirt->uri,
			last_error());
		libvirt->lost = true;
		return;
	}
	/* First of all: another domain of the list may have the name now. */
	drop_unlisted(libvirt, domains, count);
	for (i = 0; i < count; i++) {
		look(libvirt, domains[i]);
		virDomainFree(domains[i]);
	}
	free(domains);
	fth_loop_post(libvirt->loop, deliver_told, libvirt, NULL);
}

/* virEventRunDefaultImpl() returns after it; the timer is set to 0 to wake the thread. */
static void beat(int timer, void *context)
{
	struct fth_libvirt *libvirt = context;
	unsigned int budget = FTH_LIBVIRT_SAMPLES_MAX;
	char name[FTH_VM_NAME_MAX + 1];

	virEventUpdateTimeout(timer, BEAT_MS);
	while (!libvirt->ending && budget-- && take_asked(libvirt, name))
		sample(libvirt, name);
	if (!libvirt->ending && libvirt->connection && atomic_exchange(&libvirt->retells, false))
		list_domains(libvirt);
}

int fth_libvirt_sample(struct fth_libvirt *libvirt, const char *name)
{
	unsigned int at;
	int error = -EAGAIN;

	pthread_mutex_lock(&libvirt->lock);
	if (libvirt->asked_count < FTH_LIBVIRT_SAMPLES_MAX) {
		at = (libvirt->asked_first + libvirt->asked_count++) % FTH_LIBVIRT_SAMPLES_MAX;
		snprintf(libvirt->asked[at], sizeof(libvirt->asked[at]), "%s", name);
		error = 0;
	}
	pthread_mutex_unlock(&libvirt->lock);
	virEventUpdateTimeout(libvirt->timer, 0);
	return error;
}

bool fth_libvirt_has_told(const struct fth_libvirt *libvirt)
{
	return libvirt->told;
}

void fth_libvirt_retell(struct fth_libvirt *libvirt)
{
	libvirt->retells = true;
	virEventUpdateTimeout(libvirt->timer, 0);
}

static void ask_for_events(struct fth_libvirt *libvirt)
{
	static const int kinds[EVENTS] = { VIR_DOMAIN_EVENT_ID_LIFECYCLE,
					   VIR_DOMAIN_EVENT_ID_DEVICE_ADDED,
					   VIR_DOMAIN_EVENT_ID_DEVICE_REMOVED,
					   VIR_DOMAIN_EVENT_ID_METADATA_CHANGE };
	virConnectDomainEventGenericCallback callbacks[EVENTS] = {
		VIR_DOMAIN_EVENT_CALLBACK(lifecycle),
		VIR_DOMAIN_EVENT_CALLBACK(device_event),
		VIR_DOMAIN_EVENT_CALLBACK(device_event),
		VIR_DOMAIN_EVENT_CALLBACK(metadata_changed),
	};
	int i;

	for (i = 0; i < EVENTS; i++) {
		libvirt->callbacks[i] = virConnectDomainEventRegisterAny(
			libvirt->connection, NULL, kinds[i], callbacks[i], libvirt, NULL);
		if (libvirt->callbacks[i] >= 0)
			continue;
		fth_log(FTH_LOG_ERROR, "libvirt '%s': events of domains: %s", libvirt->uri,
			last_error());
		libvirt->lost = true;
	}
}

static bool open_connection(struct fth_libvirt *libvirt)
{
	__attribute__((cleanup(drop_text))) char *host = NULL;
	virConnectPtr connection = virConnectOpenReadOnly(libvirt->uri);

	if (!connection) {
		if (!libvirt->said_down)
			fth_log(FTH_LOG_ERROR, "libvirt '%s': %s; trying again every %u ms",
				libvirt->uri, last_error(), FTH_LIBVIRT_RETRY_MS);
		libvirt->said_down = true;
		return false;
	}
	libvirt->connection = connection;
	libvirt->lost = false;
	libvirt->said_down = false;
	host = virConnectGetHostname(connection);
	snprintf(libvirt->host, sizeof(libvirt->host), "%s", host ? host : "localhost");
	virConnectRegisterCloseCallback(connection, connection_closed, libvirt, NULL);
	virConnectSetKeepAlive(connection, KEEPALIVE_EVERY_S, KEEPALIVE_COUNT);
	/* Events first, or a start between the list and them would be missed. */
	ask_for_events(libvirt);
	fth_log(FTH_LOG_INFO, "libvirt '%s': connected", libvirt->uri);
	list_domains(libvirt);
	return true;
}

static void close_connection(struct fth_libvirt *libvirt)
{
	int i;

	if (!libvirt->connection)
		return;
	virConnectUnregisterCloseCallback(libvirt->connection, connection_closed);
	for (i = 0; i < EVENTS; i++)
		if (libvirt->callbacks[i] >= 0)
			virConnectDomainEventDeregisterAny(libvirt->connection,
							   libvirt->callbacks[i]);
	virConnectClose(libvirt->connection);
	libvirt->connection = NULL;
}

/* errors are reported where they are handled; libvirt is not to print them */
static void ignore_error(void *context, virErrorPtr error)
{
	(void)context;
	(void)error;
}

static void *run(void *context)
{
	struct fth_libvirt *libvirt = context;
	unsigned int waited_ms = FTH_LIBVIRT_RETRY_MS;

	while (!libvirt->ending) {
		if (libvirt->connection && libvirt->lost) {
			fth_log(FTH_LOG_WARNING, "libvirt '%s': connection lost", libvirt->uri);
			close_connection(libvirt);
			waited_ms = 0;
		}
		if (!libvirt->connection && waited_ms >= FTH_LIBVIRT_RETRY_MS) {
			waited_ms = 0;
			open_connection(libvirt);
			continue;
		}
		if (virEventRunDefaultImpl() < 0)
			libvirt->lost = true;
		waited_ms += BEAT_MS;
	}
	close_connection(libvirt);
	return NULL;
}

int fth_libvirt_new(struct fth_loop *loop, const char *uri, const struct fth_inventory_hooks *hooks,
		    void *context, struct fth_libvirt **ret_libvirt)
{
	struct fth_libvirt *libvirt = calloc(1, sizeof(*libvirt) + strlen(uri) + 1);

	if (!libvirt)
		return -ENOMEM;
	strcpy(libvirt->uri, uri);
	libvirt->loop = loop;
	libvirt->hooks = hooks;
	libvirt->context = context;
	pthread_mutex_init(&libvirt->lock, NULL);
	virSetErrorFunc(NULL, ignore_error);
	xmlInitParser();
	if (virInitialize() < 0 || virEventRegisterDefaultImpl() < 0) {
		free(libvirt);
		return -EIO;
	}
	libvirt->timer = virEventAddTimeout(BEAT_MS, beat, libvirt, NULL);
	if (libvirt->timer < 0 || pthread_create(&libvirt->thread, NULL, run, libvirt)) {
		if (libvirt->timer >= 0)
			virEventRemoveTimeout(libvirt->timer);
		free(libvirt);
		return -EAGAIN;
	}
	*ret_libvirt = libvirt;
	return 0;
}

/* It may be in a call that a libvirtd never answers, and that nothing can break off. */
static int join(pthread_t thread)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += FTH_LIBVIRT_END_MS / 1000;
	return -pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end);
}

int fth_libvirt_free(struct fth_libvirt *libvirt)
{
	int error;

	if (!libvirt)
		return 0;
	libvirt->ending = true;
	virEventUpdateTimeout(libvirt->timer, 0);
	error = join(libvirt->thread);
	if (error)
		return error;
	virEventRemoveTimeout(libvirt->timer);
	while (libvirt->known)
		drop_known(&libvirt->known);
	pthread_mutex_destroy(&libvirt->lock);
	free(libvirt);
	return 0;
}
