/* SPDX-License-Identifier: GPL-2.0 */
/* One libvirt domain: read, defined anew, devices plugged in and out. */
#ifndef FTH_IO_DOMAIN_H
#define FTH_IO_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>

#define FTH_DOMAIN_ERROR_MAX 1024u /* bytes of a message, with its NUL */

struct fth_domain;

/**
 * struct fth_domain_state - a domain as it was read
 * @uuid: as text
 * @running: it has a virtual machine, running or paused
 * @persistent: it has a definition that outlives that machine
 * @saved: its next start restores a saved machine and not the definition
 * @definition: XML of the definition, with its secrets; NULL unless @persistent
 * @live: XML of the machine; NULL unless @running
 */
struct fth_domain_state {
	char uuid[40];
	bool running;
	bool persistent;
	bool saved;
	char *definition;
	char *live;
};

/**
 * fth_domain_open() - connect and look a domain up
 * @uri: NULL is libvirt's default
 * @name: or its UUID
 * @ret_error: FTH_DOMAIN_ERROR_MAX bytes, set on error, as below
 * Return: 0; -ECONNREFUSED libvirt doesn't answer; -ENOENT no such domain; -EIO.
 */
int fth_domain_open(const char *uri, const char *name, struct fth_domain **ret_domain,
		    char *ret_error);

/** fth_domain_close() - NULL is fine. */
void fth_domain_close(struct fth_domain *domain);

/** fth_domain_name() - its name, however it was looked up. */
const char *fth_domain_name(const struct fth_domain *domain);

/**
 * fth_domain_read() - both descriptions and what is needed to judge them
 * @ret_state: to be given to fth_domain_state_clear()
 * Return: 0 or -EIO.
 */
int fth_domain_read(struct fth_domain *domain, struct fth_domain_state *ret_state, char *ret_error);

/** fth_domain_state_clear() - free what is in it; for __attribute__((cleanup)). */
void fth_domain_state_clear(struct fth_domain_state *state);

/**
 * fth_domain_define() - change the definition
 * @from: what it was read as; somebody else's change since is -EAGAIN
 * @to: what it shall be
 * Return: 0; -EAGAIN; -EIO libvirt refused: the definition is as it was.
 */
int fth_domain_define(struct fth_domain *domain, const char *from, const char *to, char *ret_error);

/** fth_domain_plug() - a device into the running domain only.  Return: 0 or -EIO. */
int fth_domain_plug(struct fth_domain *domain, const char *device, char *ret_error);

/** fth_domain_unplug() - out of the running domain only.  Return: 0 or -EIO. */
int fth_domain_unplug(struct fth_domain *domain, const char *device, char *ret_error);

/**
 * fth_domain_record() - our element of the metadata
 * @live: of the running domain; else of the definition
 * @element: NULL takes it away
 * Return: 0 or -EIO.
 */
int fth_domain_record(struct fth_domain *domain, bool live, const char *element, char *ret_error);

#endif /* FTH_IO_DOMAIN_H */
