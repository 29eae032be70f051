// SPDX-License-Identifier: GPL-2.0
/* What a domain's XML says of our channels, and that a change of it can be undone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fother/wire.h"
#include "io/domain_xml.h"

#define CONTROLLER(index, more) "<controller type='virtio-serial' index='" index "' " more "/>"
#define CHANNEL(name, controller, port)                                            \
	"<channel type='unix'><source mode='bind' path='/run/" name                \
	"'/><target type='virtio' name='" name "'/><address type='virtio-serial' " \
	"controller='" controller "' bus='0' port='" port "'/></channel>"

static struct fth_domain_xml *parsed;
static char why[FTH_DOMAIN_TEXT_MAX];

/* One at a time. */
static struct fth_domain_xml *domain(const char *devices)
{
	char text[4096];

	fth_domain_xml_free(parsed);
	snprintf(text, sizeof(text),
		 "<domain type='kvm'><name>a</name><metadata><f:vm xmlns:f='urn:fother:1' "
		 "group='eu-1'/></metadata><devices>%s</devices></domain>",
		 devices);
	assert_int_equal(fth_domain_xml_new(text, &parsed), 0);
	return parsed;
}

static int tear_down(void **state)
{
	(void)state;
	fth_domain_xml_free(parsed);
	parsed = NULL;
	return 0;
}

static void no_domain_is_refused(void **unused)
{
	static const char *const texts[] = { "", "<domain", "<network/>", "no XML" };
	struct fth_domain_xml *xml;
	size_t i;

	(void)unused;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(fth_domain_xml_new(texts[i], &xml), -EBADMSG);
}

static void the_group_is_read(void **unused)
{
	char group[64];

	(void)unused;
	fth_domain_xml_group(domain(""), group, sizeof(group));
	assert_string_equal(group, "eu-1");
}

static void hypervisors_without_ports_are_told(void **unused)
{
	struct fth_domain_xml *xml;
	char type[FTH_DOMAIN_TEXT_MAX];

	(void)unused;
	assert_true(fth_domain_xml_supported(domain(""), type, sizeof(type)));
	assert_int_equal(fth_domain_xml_new("<domain type='lxc'><devices/></domain>", &xml), 0);
	assert_false(fth_domain_xml_supported(xml, type, sizeof(type)));
	assert_string_equal(type, "lxc");
	fth_domain_xml_free(xml);
}

/* The dedicated channel wins; a relay's is taken where there is no other. */
static void channels_are_found(void **unused)
{
	struct fth_domain_port port;

	(void)unused;
	assert_int_equal(fth_domain_xml_channel(domain(CHANNEL("org.other", "0", "1")), &port),
			 FTH_DOMAIN_NONE);
	assert_int_equal(fth_domain_xml_channel(domain(CHANNEL(FTH_RELAY_PORT_NAME, "0", "4")),
						&port),
			 FTH_DOMAIN_RELAY);
	assert_int_equal(port.number, 4);
	assert_int_equal(fth_domain_xml_channel(domain(CHANNEL(FTH_RELAY_PORT_NAME, "0",
							       "4") CONTROLLER("3", "ports='2'")
							       CHANNEL(FTH_PORT_NAME, "3", "1")),
						&port),
			 FTH_DOMAIN_DEDICATED);
	assert_int_equal(port.controller, 3);
	assert_true(port.is_unix);
	assert_string_equal(port.path, "/run/" FTH_PORT_NAME);
}

static void a_dedicated_channel_needs_its_controller_alone(void **unused)
{
	(void)unused;
	assert_int_equal(fth_domain_xml_dedicated(domain(""), why), -ENOENT);
	assert_int_equal(fth_domain_xml_dedicated(domain(CONTROLLER("1", "ports='2'")
								 CHANNEL(FTH_PORT_NAME, "1", "1")),
						  why),
			 0);
	/* Room for others; somebody else's port; port 0, which is a console's. */
	assert_int_equal(fth_domain_xml_dedicated(
				 domain(CONTROLLER("1", "") CHANNEL(FTH_PORT_NAME, "1", "1")), why),
			 -EINVAL);
	assert_non_null(strstr(why, "31"));
	assert_int_equal(fth_domain_xml_dedicated(domain(CONTROLLER("1", "ports='2'") CHANNEL(
							  FTH_PORT_NAME, "1", "1")
								 CHANNEL("org.other", "1", "2")),
						  why),
			 -EINVAL);
}

static void a_relay_gets_a_free_port(void **unused)
{
	struct fth_domain_port port;

	(void)unused;
	assert_int_equal(fth_domain_xml_relay_place(domain(""), &port, why), -ENODEV);
	assert_int_equal(fth_domain_xml_relay_place(domain(CONTROLLER("0", "ports='2'")
								   CHANNEL("org.other", "0", "1")),
						    &port, why),
			 -ENOSPC);
	assert_int_equal(fth_domain_xml_relay_place(
				 domain(CONTROLLER("0", "ports='2'") CHANNEL("org.other", "0", "1")
						CONTROLLER("1", "") CHANNEL("org.third", "1", "1")),
				 &port, why),
			 0);
	assert_int_equal(port.controller, 1);
	assert_int_equal(port.number, 2);
}

static char *text_of(const struct fth_domain_xml *xml)
{
	char *text = fth_domain_xml_text(xml);

	assert_non_null(text);
	return text;
}

static void what_was_added_is_taken_out_again(void **unused)
{
	struct fth_domain_xml *xml = domain(CONTROLLER("0", "") CHANNEL("org.other", "0", "1"));
	struct fth_domain_record added, read = { 0 };
	struct fth_domain_removed removed;
	char *before = text_of(xml), *after;

	(void)unused;
	assert_int_equal(fth_domain_xml_add(xml, &added), 0);
	assert_int_equal(added.controller, 1);
	assert_int_equal(fth_domain_xml_dedicated(xml, why), 0);
	assert_true(fth_domain_xml_record(xml, &read));
	assert_int_equal(read.controller, 1);
	assert_int_equal(read.pci_count, 0);
	fth_domain_xml_remove(xml, &read, &removed);
	assert_true(removed.channel && removed.controller);
	assert_false(fth_domain_xml_record(xml, &read));
	after = text_of(xml);
	assert_string_equal(after, before);
	free(before);
	free(after);
}

static void somebody_elses_controller_stays(void **unused)
{
	struct fth_domain_record record = { .controller = 1 };
	struct fth_domain_removed removed;
	struct fth_domain_port port;

	(void)unused;
	fth_domain_xml_remove(domain(CONTROLLER("1", "ports='2'") CHANNEL(FTH_PORT_NAME, "1", "1")
					     CHANNEL("org.other", "1", "2")),
			      &record, &removed);
	assert_true(removed.channel);
	assert_false(removed.controller);
	assert_true(fth_domain_xml_port(parsed, "org.other", &port));
	assert_false(fth_domain_xml_port(parsed, FTH_PORT_NAME, &port));
}

static void the_record_names_new_pci_controllers(void **unused)
{
	struct fth_domain_record record = { .controller = 1, .relay = true }, read = { 0 };
	struct fth_domain_xml *before, *after;
	char element[FTH_DOMAIN_TEXT_MAX], text[2048];

	(void)unused;
	assert_int_equal(fth_domain_xml_new("<domain><devices><controller type='pci' index='0'/>"
					    "</devices></domain>",
					    &before),
			 0);
	assert_int_equal(fth_domain_xml_new("<domain><devices><controller type='pci' index='0'/>"
					    "<controller type='pci' index='7'/>"
					    "<controller type='pci' index='9'/>"
					    "<controller type='usb' index='8'/></devices></domain>",
					    &after),
			 0);
	fth_domain_xml_new_pci(before, after, &record);
	assert_int_equal(record.pci_count, 2);
	assert_int_equal(record.pci[0], 7);
	assert_int_equal(record.pci[1], 9);
	fth_domain_xml_free(before);
	fth_domain_xml_free(after);
	fth_domain_record_element(&record, element);
	/* As libvirt keeps it: in the namespace it was given. */
	snprintf(text, sizeof(text),
		 "<domain><metadata><f:enrolled xmlns:f='" FTH_DOMAIN_RECORD_URI
		 "'%s</metadata><devices/></domain>",
		 element + strlen("<enrolled"));
	assert_int_equal(fth_domain_xml_new(text, &after), 0);
	assert_true(fth_domain_xml_record(after, &read));
	assert_memory_equal(&read, &record, sizeof(read));
	fth_domain_xml_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_domain_is_refused),
		cmocka_unit_test(the_group_is_read),
		cmocka_unit_test(hypervisors_without_ports_are_told),
		cmocka_unit_test(channels_are_found),
		cmocka_unit_test(a_dedicated_channel_needs_its_controller_alone),
		cmocka_unit_test(a_relay_gets_a_free_port),
		cmocka_unit_test(what_was_added_is_taken_out_again),
		cmocka_unit_test(somebody_elses_controller_stays),
		cmocka_unit_test(the_record_names_new_pci_controllers),
	};

	return cmocka_run_group_tests_name("domain_xml", tests, NULL, tear_down);
}
