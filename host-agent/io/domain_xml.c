// SPDX-License-Identifier: GPL-2.0
/*
 * What a libvirt domain's XML says of our channels, and how it is changed.
 *
 * DESIGN
 * Input: XML as libvirt prints it; it is not trusted to be complete.  Output: what
 * stands in it of our two ports, and the same document with our elements added
 * or taken out.  No libvirt here: nothing is looked up and nothing takes effect.
 * What was added is recorded in the document itself, so that it can be taken out
 * again by whoever reads it later, and nothing else is.
 */
#include "io/domain_xml.h"

#include <errno.h>
#include <libxml/parser.h>
#include <libxml/xpath.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/policy.h"
#include "fother/wire.h"

#define GROUP_NAMESPACE "urn:fother:1"
#define IN_NAMESPACE(name) "*[local-name()='" name "' and namespace-uri()='" GROUP_NAMESPACE "']"
#define TAGS "/domain/metadata/" IN_NAMESPACE("vm") "/" IN_NAMESPACE("tag")
#define QUERY_SIZE 512
#define CONTROLLER "/domain/devices/controller[@type='virtio-serial' and @index='%u']"
#define ON_CONTROLLER "//address[@type='virtio-serial' and @controller='%u']"
#define RECORD                                                                                   \
	"/domain/metadata/*[local-name()='enrolled' and namespace-uri()='" FTH_DOMAIN_RECORD_URI \
	"']"

struct fth_domain_xml {
	xmlDocPtr document;
	xmlXPathContextPtr xpath;
};

static xmlXPathObjectPtr evaluate(const struct fth_domain_xml *xml, const char *format,
				  va_list arguments)
{
	char query[QUERY_SIZE];

	vsnprintf(query, sizeof(query), format, arguments);
	return xmlXPathEvalExpression((const xmlChar *)query, xml->xpath);
}

/* The value of an expression; "" and false where it is empty or too long. */
__attribute__((format(printf, 4, 5))) static bool text_of(const struct fth_domain_xml *xml,
							  char *ret_text, size_t size,
							  const char *format, ...)
{
	xmlXPathObjectPtr object;
	xmlChar *string;
	va_list arguments;
	bool found;

	va_start(arguments, format);
	object = evaluate(xml, format, arguments);
	va_end(arguments);
	string = object ? xmlXPathCastToString(object) : NULL;
	found = string && *string && strlen((const char *)string) < size;
	snprintf(ret_text, size, "%s", found ? (const char *)string : "");
	xmlFree(string);
	xmlXPathFreeObject(object);
	return found;
}

/* How many nodes there are. */
__attribute__((format(printf, 2, 3))) static uint32_t count_of(const struct fth_domain_xml *xml,
							       const char *format, ...)
{
	xmlXPathObjectPtr object;
	uint32_t count = 0;
	va_list arguments;

	va_start(arguments, format);
	object = evaluate(xml, format, arguments);
	va_end(arguments);
	if (object && object->nodesetval)
		count = (uint32_t)object->nodesetval->nodeNr;
	xmlXPathFreeObject(object);
	return count;
}

/* The first one; it stays the document's. */
__attribute__((format(printf, 2, 3))) static xmlNodePtr node_of(const struct fth_domain_xml *xml,
								const char *format, ...)
{
	xmlXPathObjectPtr object;
	xmlNodePtr node = NULL;
	va_list arguments;

	va_start(arguments, format);
	object = evaluate(xml, format, arguments);
	va_end(arguments);
	if (object && object->nodesetval && object->nodesetval->nodeNr)
		node = object->nodesetval->nodeTab[0];
	xmlXPathFreeObject(object);
	return node;
}

static uint32_t number_of(xmlNodePtr node, const char *attribute, uint32_t otherwise)
{
	xmlChar *text = node ? xmlGetProp(node, (const xmlChar *)attribute) : NULL;
	unsigned long value = otherwise;
	char *end;

	if (text) {
		value = strtoul((const char *)text, &end, 0);
		if (end == (const char *)text || value > UINT32_MAX)
			value = otherwise;
	}
	xmlFree(text);
	return (uint32_t)value;
}

int fth_domain_xml_new(const char *text, struct fth_domain_xml **ret_xml)
{
	struct fth_domain_xml *xml = calloc(1, sizeof(*xml));

	if (!xml)
		return -ENOMEM;
	xml->document = xmlReadMemory(text, (int)strlen(text), "domain.xml", NULL,
				      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	xml->xpath = xml->document ? xmlXPathNewContext(xml->document) : NULL;
	if (!xml->xpath || !count_of(xml, "/domain/devices")) {
		fth_domain_xml_free(xml);
		return -EBADMSG;
	}
	*ret_xml = xml;
	return 0;
}

void fth_domain_xml_free(struct fth_domain_xml *xml)
{
	if (!xml)
		return;
	xmlXPathFreeContext(xml->xpath);
	xmlFreeDoc(xml->document);
	free(xml);
}

char *fth_domain_xml_text(const struct fth_domain_xml *xml)
{
	xmlChar *text = NULL;
	char *copy = NULL;
	int length;

	xmlDocDumpMemory(xml->document, &text, &length);
	if (text)
		copy = strdup((const char *)text);
	xmlFree(text);
	return copy;
}

bool fth_domain_xml_supported(const struct fth_domain_xml *xml, char *ret_type, size_t size)
{
	text_of(xml, ret_type, size, "string(/domain/@type)");
	return !strcmp(ret_type, "qemu") || !strcmp(ret_type, "kvm");
}

bool fth_domain_xml_port(const struct fth_domain_xml *xml, const char *name,
			 struct fth_domain_port *ret_port)
{
	xmlNodePtr address;

	if (!count_of(xml, "/domain/devices/channel/target[@name='%s']", name))
		return false;
	address = node_of(xml, "/domain/devices/channel[target/@name='%s']/address", name);
	ret_port->controller = number_of(address, "controller", 0);
	ret_port->number = number_of(address, "port", 0);
	ret_port->is_unix =
		count_of(xml, "/domain/devices/channel[@type='unix' and target/@name='%s']", name);
	text_of(xml, ret_port->path, sizeof(ret_port->path),
		"string(/domain/devices/channel[@type='unix' and target/@name='%s']/source/@path)",
		name);
	return true;
}

enum fth_domain_channel fth_domain_xml_channel(const struct fth_domain_xml *xml,
					       struct fth_domain_port *ret_port)
{
	if (fth_domain_xml_port(xml, FTH_PORT_NAME, ret_port))
		return FTH_DOMAIN_DEDICATED;
	if (fth_domain_xml_port(xml, FTH_RELAY_PORT_NAME, ret_port))
		return FTH_DOMAIN_RELAY;
	return FTH_DOMAIN_NONE;
}

char *fth_domain_xml_channel_text(const struct fth_domain_xml *xml, const char *name)
{
	xmlNodePtr node = node_of(xml, "/domain/devices/channel[target/@name='%s']", name);
	xmlBufferPtr buffer = node ? xmlBufferCreate() : NULL;
	char *text = NULL;

	if (buffer && xmlNodeDump(buffer, xml->document, node, 0, 0) > 0)
		text = strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

bool fth_domain_xml_name(const struct fth_domain_xml *xml, char *ret_name, size_t size)
{
	return text_of(xml, ret_name, size, "string(/domain/name)");
}

void fth_domain_xml_group(const struct fth_domain_xml *xml, char *ret_group, size_t size)
{
	text_of(xml, ret_group, size,
		"string(/domain/metadata/*[local-name()='vm' and namespace-uri()='" GROUP_NAMESPACE
		"']/@group)");
}

void fth_domain_xml_tags(const struct fth_domain_xml *xml, char *ret_tags, size_t size)
{
	char tag[FTH_TAG_MAX + 2];
	uint32_t i;

	*ret_tags = '\0';
	for (i = 1; i <= count_of(xml, TAGS); i++)
		if (text_of(xml, tag, sizeof(tag), "normalize-space((" TAGS ")[%u])", i))
			fth_tags_add(ret_tags, (uint32_t)size,
				     tag); /* one that is none is left out */
}

static uint32_t ports_of(const struct fth_domain_xml *xml, uint32_t controller)
{
	return number_of(node_of(xml, CONTROLLER, controller), "ports", FTH_DOMAIN_PORTS_DEFAULT);
}

int fth_domain_xml_dedicated(const struct fth_domain_xml *xml, char *ret_why)
{
	struct fth_domain_port port = { 0 };
	uint32_t ports, others, count;

	count = count_of(xml, "/domain/devices/channel/target[@name='" FTH_PORT_NAME "']");
	if (!count)
		return -ENOENT;
	fth_domain_xml_port(xml, FTH_PORT_NAME, &port);
	ports = ports_of(xml, port.controller);
	others = count_of(xml, ON_CONTROLLER, port.controller) - 1;
	if (count > 1)
		snprintf(ret_why, FTH_DOMAIN_TEXT_MAX,
			 "found %u channels '" FTH_PORT_NAME "', expected one", count);
	else if (!port.is_unix)
		snprintf(ret_why, FTH_DOMAIN_TEXT_MAX,
			 "channel '" FTH_PORT_NAME "' is not of type 'unix', which is expected");
	else if (ports != FTH_DOMAIN_PORTS_DEDICATED)
		snprintf(
			ret_why, FTH_DOMAIN_TEXT_MAX,
			"channel '" FTH_PORT_NAME
			"' is on virtio-serial controller %u with %u ports, expected one of its own with ports='%u'",
			port.controller, ports, FTH_DOMAIN_PORTS_DEDICATED);
	else if (others)
		snprintf(
			ret_why, FTH_DOMAIN_TEXT_MAX,
			"channel '" FTH_PORT_NAME
			"' shares virtio-serial controller %u with %u other ports, expected it alone there",
			port.controller, others);
	else
		return 0;
	return -EINVAL;
}

int fth_domain_xml_relay_place(const struct fth_domain_xml *xml, struct fth_domain_port *ret_port,
			       char *ret_why)
{
	uint32_t controllers = count_of(xml, "/domain/devices/controller[@type='virtio-serial']");
	uint32_t index, number, ports;

	for (index = 0; index < FTH_DOMAIN_CONTROLLERS_MAX; index++) {
		ports = count_of(xml, CONTROLLER, index) ? ports_of(xml, index) : 0;
		/* Port 0 is kept for a console, as libvirt and QEMU do. */
		for (number = 1; number < ports; number++) {
			if (count_of(xml, ON_CONTROLLER "[@port='%u']", index, number))
				continue;
			ret_port->controller = index;
			ret_port->number = number;
			return 0;
		}
	}
	if (!controllers) {
		snprintf(
			ret_why, FTH_DOMAIN_TEXT_MAX,
			"it has no virtio-serial controller, and none can be plugged into a running domain");
		return -ENODEV;
	}
	snprintf(ret_why, FTH_DOMAIN_TEXT_MAX,
		 "no port is free on its %u virtio-serial controllers", controllers);
	return -ENOSPC;
}

void fth_domain_controller_element(uint32_t controller, char *ret_text)
{
	snprintf(ret_text, FTH_DOMAIN_TEXT_MAX,
		 "<controller type='virtio-serial' index='%u' ports='%u'/>", controller,
		 FTH_DOMAIN_PORTS_DEDICATED);
}

void fth_domain_channel_element(const char *name, uint32_t controller, uint32_t number,
				char *ret_text)
{
	snprintf(
		ret_text, FTH_DOMAIN_TEXT_MAX,
		"<channel type='unix'><target type='virtio' name='%s'/><address type='virtio-serial' controller='%u' bus='0' port='%u'/></channel>",
		name, controller, number);
}

void fth_domain_record_element(const struct fth_domain_record *record, char *ret_text)
{
	size_t at = (size_t)snprintf(ret_text, FTH_DOMAIN_TEXT_MAX, "<enrolled");
	uint32_t i;

	if (record->controller)
		at += (size_t)snprintf(ret_text + at, FTH_DOMAIN_TEXT_MAX - at, " controller='%u'",
				       record->controller);
	if (record->relay)
		at += (size_t)snprintf(ret_text + at, FTH_DOMAIN_TEXT_MAX - at, " relay='%s'",
				       FTH_RELAY_PORT_NAME);
	for (i = 0; i < record->pci_count; i++)
		at += (size_t)snprintf(ret_text + at, FTH_DOMAIN_TEXT_MAX - at, "%s%u",
				       i ? " " : " pci='", record->pci[i]);
	snprintf(ret_text + at, FTH_DOMAIN_TEXT_MAX - at, "%s/>", i ? "'" : "");
}

bool fth_domain_xml_record(const struct fth_domain_xml *xml, struct fth_domain_record *ret_record)
{
	xmlNodePtr node = node_of(xml, RECORD);
	char list[FTH_DOMAIN_TEXT_MAX], *word, *save = NULL;
	struct fth_domain_record record = { 0 };

	if (!node)
		return false;
	record.controller = number_of(node, "controller", 0);
	record.relay = count_of(xml, RECORD "/@relay");
	text_of(xml, list, sizeof(list), "string(" RECORD "/@pci)");
	for (word = strtok_r(list, " ", &save); word && record.pci_count < FTH_DOMAIN_PCI_MAX;
	     word = strtok_r(NULL, " ", &save))
		record.pci[record.pci_count++] = (uint32_t)strtoul(word, NULL, 10);
	*ret_record = record;
	return true;
}

static int add_text(xmlNodePtr parent, const char *text)
{
	xmlNodePtr list = NULL;

	if (xmlParseInNodeContext(parent, text, (int)strlen(text),
				  XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING,
				  &list) != XML_ERR_OK ||
	    !list)
		return -ENOMEM;
	xmlAddChildList(parent, list);
	return 0;
}

static void remove_node(xmlNodePtr node)
{
	xmlUnlinkNode(node);
	xmlFreeNode(node);
}

static int add_record(struct fth_domain_xml *xml, const struct fth_domain_record *record)
{
	xmlNodePtr metadata = node_of(xml, "/domain/metadata"), node = node_of(xml, RECORD);
	char text[FTH_DOMAIN_TEXT_MAX];
	xmlNsPtr space;
	int error;

	if (node) /* of a channel that somebody took out since */
		remove_node(node);
	if (!metadata)
		metadata = xmlNewChild(xmlDocGetRootElement(xml->document), NULL,
				       (const xmlChar *)"metadata", NULL);
	if (!metadata)
		return -ENOMEM;
	fth_domain_record_element(record, text);
	error = add_text(metadata, text);
	if (error)
		return error;
	node = xmlGetLastChild(metadata);
	space = xmlNewNs(node, (const xmlChar *)FTH_DOMAIN_RECORD_URI,
			 (const xmlChar *)FTH_DOMAIN_RECORD_PREFIX);
	if (!space)
		return -ENOMEM;
	xmlSetNs(node, space);
	return 0;
}

int fth_domain_xml_add(struct fth_domain_xml *xml, struct fth_domain_record *ret_record)
{
	/* Index 0 is what libvirt gives to channels without an address. */
	struct fth_domain_record record = { .controller = 1 };
	xmlNodePtr devices = node_of(xml, "/domain/devices");
	char text[FTH_DOMAIN_TEXT_MAX];
	int error;

	while (count_of(xml, CONTROLLER, record.controller))
		if (++record.controller == FTH_DOMAIN_CONTROLLERS_MAX)
			return -ENOSPC;
	fth_domain_controller_element(record.controller, text);
	error = add_text(devices, text);
	fth_domain_channel_element(FTH_PORT_NAME, record.controller, 1, text);
	if (!error)
		error = add_text(devices, text);
	if (!error)
		error = add_record(xml, &record);
	if (!error)
		*ret_record = record;
	return error;
}

void fth_domain_xml_remove(struct fth_domain_xml *xml, const struct fth_domain_record *record,
			   struct fth_domain_removed *ret_removed)
{
	struct fth_domain_removed removed = { 0 };
	xmlNodePtr node, metadata = node_of(xml, "/domain/metadata");
	uint32_t i;

	node = node_of(xml,
		       "/domain/devices/channel[target/@name='" FTH_PORT_NAME
		       "' and address/@controller='%u']",
		       record->controller);
	if (record->controller && node) {
		remove_node(node);
		removed.channel = true;
	}
	node = node_of(xml, CONTROLLER, record->controller);
	if (record->controller && node && !count_of(xml, ON_CONTROLLER, record->controller)) {
		remove_node(node);
		removed.controller = true;
	}
	/* Newest first: one may sit on another.  A bus is written in hexadecimal. */
	for (i = record->pci_count; removed.controller && i-- > 0;) {
		node = node_of(xml, "/domain/devices/controller[@type='pci' and @index='%u']",
			       record->pci[i]);
		if (node &&
		    !count_of(xml, "//address[@type='pci' and @bus='0x%02x']", record->pci[i]))
			remove_node(node);
	}
	node = node_of(xml, RECORD);
	if (node)
		remove_node(node);
	if (metadata && !xmlFirstElementChild(metadata))
		remove_node(metadata);
	*ret_removed = removed;
}

void fth_domain_xml_new_pci(const struct fth_domain_xml *before, const struct fth_domain_xml *after,
			    struct fth_domain_record *record)
{
	uint32_t total = count_of(after, "/domain/devices/controller[@type='pci']");
	uint32_t i, index;
	xmlNodePtr node;

	for (i = 1; i <= total && record->pci_count < FTH_DOMAIN_PCI_MAX; i++) {
		node = node_of(after, "(/domain/devices/controller[@type='pci'])[%u]", i);
		index = number_of(node, "index", 0);
		if (!count_of(before, "/domain/devices/controller[@type='pci' and @index='%u']",
			      index))
			record->pci[record->pci_count++] = index;
	}
}
