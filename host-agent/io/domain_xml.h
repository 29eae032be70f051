/* SPDX-License-Identifier: GPL-2.0 */
/* What a libvirt domain's XML says of our channels, and how it is changed. */
#ifndef FTH_IO_DOMAIN_XML_H
#define FTH_IO_DOMAIN_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FTH_DOMAIN_PATH_MAX 4096u      /* of a channel's socket, with its NUL */
#define FTH_DOMAIN_TEXT_MAX 512u       /* a message or an element, with its NUL */
#define FTH_DOMAIN_CONTROLLERS_MAX 64u /* indices of virtio-serial controllers that are tried */
#define FTH_DOMAIN_PCI_MAX 8u	       /* PCI controllers that came with ours */
#define FTH_DOMAIN_PORTS_DEFAULT 31u   /* of a controller that doesn't say; QEMU's */
#define FTH_DOMAIN_PORTS_DEDICATED 2u  /* port 0 is a console's, port 1 ours */
#define FTH_DOMAIN_RECORD_URI "urn:fother:enrolled:1"
#define FTH_DOMAIN_RECORD_PREFIX "fother"

/* A parsed domain. */
struct fth_domain_xml;

/** enum fth_domain_channel - ways from the host to fother.ko */
enum fth_domain_channel {
	FTH_DOMAIN_NONE,
	FTH_DOMAIN_RELAY,     /* a port that a program in the guest relays */
	FTH_DOMAIN_DEDICATED, /* a controller of its own, driven by the module */
};

/**
 * struct fth_domain_port - a channel of a domain
 * @is_unix: its host side is a unix socket
 * @controller: virtio-serial controller it is on
 * @number: of its port there
 * @path: of the socket; "" where the XML doesn't say (a domain that doesn't run)
 */
struct fth_domain_port {
	bool is_unix;
	uint32_t controller;
	uint32_t number;
	char path[FTH_DOMAIN_PATH_MAX];
};

/**
 * struct fth_domain_record - what enroll did, kept in the domain's metadata
 * @controller: index of the virtio-serial controller that was added; 0: none
 * @relay: the relay's channel was plugged in
 * @pci_count: PCI controllers that libvirt added for it
 * @pci: their indices
 */
struct fth_domain_record {
	uint32_t controller;
	bool relay;
	uint32_t pci_count;
	uint32_t pci[FTH_DOMAIN_PCI_MAX];
};

/**
 * struct fth_domain_removed - what fth_domain_xml_remove() took out
 * @channel: our channel
 * @controller: our controller; false: somebody else's port is on it by now
 */
struct fth_domain_removed {
	bool channel;
	bool controller;
};

/** fth_domain_xml_new() - Return: 0; -EBADMSG not the XML of a domain; -ENOMEM. */
int fth_domain_xml_new(const char *text, struct fth_domain_xml **ret_xml);

/** fth_domain_xml_free() - NULL is fine. */
void fth_domain_xml_free(struct fth_domain_xml *xml);

/** fth_domain_xml_text() - the document, to be freed with free(); NULL without memory. */
char *fth_domain_xml_text(const struct fth_domain_xml *xml);

/** fth_domain_xml_supported() - does its hypervisor have virtio-serial ports? */
bool fth_domain_xml_supported(const struct fth_domain_xml *xml, char *ret_type, size_t size);

/**
 * fth_domain_xml_port() - the channel with that port name
 * Return: is there one?  @ret_port is untouched if not.
 */
bool fth_domain_xml_port(const struct fth_domain_xml *xml, const char *name,
			 struct fth_domain_port *ret_port);

/**
 * fth_domain_xml_channel() - how the agent reaches this domain
 * @ret_port: set unless FTH_DOMAIN_NONE; the dedicated one where both are there
 */
enum fth_domain_channel fth_domain_xml_channel(const struct fth_domain_xml *xml,
					       struct fth_domain_port *ret_port);

/**
 * fth_domain_xml_channel_text() - a channel's element as it stands there
 * Return: a string to be freed with free(); NULL without such a channel or memory.
 */
char *fth_domain_xml_channel_text(const struct fth_domain_xml *xml, const char *name);

/** fth_domain_xml_name() - of the domain, @size bytes; false where it does not fit. */
bool fth_domain_xml_name(const struct fth_domain_xml *xml, char *ret_name, size_t size);

/** fth_domain_xml_tags() - of the same: words with a space between two, @size bytes. */
void fth_domain_xml_tags(const struct fth_domain_xml *xml, char *ret_tags, size_t size);

/** fth_domain_xml_group() - of the domain's metadata; "" if it names none. */
void fth_domain_xml_group(const struct fth_domain_xml *xml, char *ret_group, size_t size);

/**
 * fth_domain_xml_dedicated() - is the dedicated channel there, and such that it works?
 * @ret_why: FTH_DOMAIN_TEXT_MAX bytes; what was found and what is expected; on
 *	-EINVAL only
 * Return: 0; -ENOENT no such channel; -EINVAL it is there and can't work.
 */
int fth_domain_xml_dedicated(const struct fth_domain_xml *xml, char *ret_why);

/**
 * fth_domain_xml_relay_place() - where a relay's channel can be plugged in
 * @ret_port: @controller and @number are set
 * @ret_why: FTH_DOMAIN_TEXT_MAX bytes, on error only
 * Return: 0; -ENODEV no virtio-serial controller; -ENOSPC none has a free port.
 */
int fth_domain_xml_relay_place(const struct fth_domain_xml *xml, struct fth_domain_port *ret_port,
			       char *ret_why);

/* One element each, as libvirt takes it; FTH_DOMAIN_TEXT_MAX bytes. */
void fth_domain_controller_element(uint32_t controller, char *ret_text);
void fth_domain_channel_element(const char *name, uint32_t controller, uint32_t number,
				char *ret_text);
void fth_domain_record_element(const struct fth_domain_record *record, char *ret_text);

/** fth_domain_xml_record() - Return: is there one? */
bool fth_domain_xml_record(const struct fth_domain_xml *xml, struct fth_domain_record *ret_record);

/**
 * fth_domain_xml_add() - the dedicated controller, its channel, and the record of both
 * @ret_record: which controller it became
 * Return: 0; -ENOSPC no index is free; -ENOMEM.
 */
int fth_domain_xml_add(struct fth_domain_xml *xml, struct fth_domain_record *ret_record);

/**
 * fth_domain_xml_remove() - what @record says, as far as it is still as it was made
 *
 * A controller that something else sits on by now stays.  The record goes.
 */
void fth_domain_xml_remove(struct fth_domain_xml *xml, const struct fth_domain_record *record,
			   struct fth_domain_removed *ret_removed);

/** fth_domain_xml_new_pci() - into @record: PCI controllers of @after that @before lacks. */
void fth_domain_xml_new_pci(const struct fth_domain_xml *before, const struct fth_domain_xml *after,
			    struct fth_domain_record *record);

#endif /* FTH_IO_DOMAIN_XML_H */
