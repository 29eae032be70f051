// SPDX-License-Identifier: GPL-2.0
/* Which VM is this?  What inventories say, and what the journal knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent_fixture.h"

/* An inventory's word: VM @name, with the channel of the peer @peer. */
static void tell(const char *inventory, const char *name, const uint8_t *uuid, int peer)
{
	char path[112];
	const struct fth_inventory_vm vm = {
		.name = name,
		.uuid = uuid,
		.host = "here",
		.group = "",
		.path = path,
		.running = true,
	};

	snprintf(path, sizeof(path), "%s/web-%d.sock", af.sockets, peer);
	fth_guest_hooks.found(af.agent, inventory, &vm);
}

static const char *inventory_of(const char *name)
{
	const struct fth_guest *guest = fth_guest_find(af.agent, name);

	return guest ? guest->inventory : "none";
}

static void the_next_inventory_is_heard_when_one_drops_a_vm(void **unused)
{
	(void)unused;
	tell("libvirt", "web-0", NULL, 0);
	assert_string_equal(inventory_of("web-0"), "sockets"); /* who came first */
	fth_guest_hooks.gone(af.agent, "libvirt", "web-0", NULL);
	assert_string_equal(inventory_of("web-0"), "sockets");
	/* The other way round: the folder's word was refused, and comes once only. */
	fth_guest_hooks.gone(af.agent, "sockets", "web-1", NULL);
	tell("libvirt", "web-1", NULL, 1);
	fth_sockets_retell(af.agent->sockets, "web-1");
	assert_string_equal(inventory_of("web-1"), "libvirt");
	fth_guest_hooks.gone(af.agent, "libvirt", "web-1", NULL);
	assert_string_equal(inventory_of("web-1"), "sockets");
	AF_UNTIL(af_all_open());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AF_TEST(the_next_inventory_is_heard_when_one_drops_a_vm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
