// SPDX-License-Identifier: GPL-2.0
/*
 * Guests as inventories tell of them: found, told again, gone.
 *
 * DESIGN
 * A name is in one inventory: who told of it first has it, and when that one drops it the
 * others are asked again.  Who a VM is, whatever its name, is identity.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent.h"
#include "app/health.h"
#include "io/log.h"

void fth_guest_part(struct fth_guest *guest, const char *why)
{
	guest->present = false;
	guest->running = false;
	fth_guest_disconnect(guest, why);
}

static void check_files(struct fth_agent *agent)
{
	if (!agent->files_max || agent->guest_count + FTH_AGENT_FILES_SPARE <= agent->files_max)
		return;
	fth_log(FTH_LOG_ERROR,
		"limit of open files: found %llu, %u VMs need %u at least; the rest stays unreachable: raise the hard limit (LimitNOFILE= of fotherd's unit, or ulimit -Hn) and start fotherd anew",
		(unsigned long long)agent->files_max, agent->guest_count,
		agent->guest_count + FTH_AGENT_FILES_SPARE);
	agent->files_max = 0;
}

static void found(void *context, const char *inventory, const struct fth_inventory_vm *vm)
{
	struct fth_agent *agent = context;
	struct fth_guest *guest = fth_guest_find(agent, vm->name);
	uint32_t i;

	if (guest && guest->present && strcmp(guest->inventory, inventory) != 0) {
		fth_log(FTH_LOG_WARNING,
			"vm '%s': in both inventories, '%s' and '%s'; taken from '%s'", vm->name,
			guest->inventory, inventory, guest->inventory);
		guest->contested = true;
		return;
	}
	guest = fth_identity_take(agent, inventory, vm);
	if (!guest && !agent->store_ok)
		return; /* all are told again when the journal can be written */
	if (!guest) {
		fth_log(FTH_LOG_ERROR, "vm '%s': no room for another VM (%u known)", vm->name,
			agent->guest_count);
		return;
	}
	check_files(agent);
	guest->present = true;
	guest->running = vm->running;
	guest->relayed = vm->relayed;
	snprintf(guest->inventory, sizeof(guest->inventory), "%s", inventory);
	snprintf(guest->host, sizeof(guest->host), "%s", vm->host);
	snprintf(guest->group, sizeof(guest->group), "%s", vm->group);
	free(guest->tags);
	guest->tags = vm->tags && *vm->tags ? strdup(vm->tags) : NULL;
	for (i = 0; i < agent->live_count; i++)
		fth_live_add_guest(agent->lives[i], guest);
	if (vm->running && vm->path)
		fth_guest_connect(guest, vm->path);
	else
		fth_guest_disconnect(guest, "not running");
}

void fth_guest_retell(struct fth_agent *agent, const char *except, const char *name)
{
	if (agent->sockets && strcmp(except, "sockets") != 0)
		fth_sockets_retell(agent->sockets, name);
	if (agent->file && strcmp(except, "file") != 0)
		fth_file_retell(agent->file, name);
	if (agent->libvirt && strcmp(except, "libvirt") != 0)
		fth_libvirt_retell(agent->libvirt);
}

/* The guest that is gone: by its uuid, since it may have had another name when it was told. */
static struct fth_guest *find_gone(struct fth_agent *agent, const char *inventory, const char *name,
				   const uint8_t *uuid)
{
	struct fth_guest *guest = fth_guest_find(agent, name);
	char known[FTH_VM_NAME_MAX + 1];
	struct fth_store_vm row;

	if ((!guest || !fth_identity_is(guest, uuid)) && uuid &&
	    !fth_store_find_vm(agent->store, NULL, uuid, known, sizeof(known), &row))
		guest = fth_guest_find(agent, known);
	if (!guest || !guest->present || strcmp(guest->inventory, inventory) != 0 ||
	    !fth_identity_is(guest, uuid))
		return NULL;
	return guest;
}

static void gone(void *context, const char *inventory, const char *name, const uint8_t *uuid)
{
	struct fth_agent *agent = context;
	struct fth_guest *guest = find_gone(agent, inventory, name, uuid);
	bool contested;

	if (!guest)
		return;
	contested = guest->contested;
	guest->contested = false;
	fth_guest_part(guest, "gone from the inventory");
	fth_guest_drop(guest);
	if (contested)
		fth_guest_retell(agent, inventory, name);
}

const struct fth_inventory_hooks fth_guest_hooks = {
	.found = found,
	.gone = gone,
	.sampled = fth_health_sampled,
};
