// SPDX-License-Identifier: GPL-2.0
/*
 * Which VM is this?  A domain's uuid tells, where its inventory has one; else its name.
 *
 * DESIGN
 * Rollouts, blocks and the history call a VM by its name; the journal remembers
 * which uuid has that name.  What an inventory tells of is compared with that:
 *
 *   journal               inventory      then
 *   nothing               N, U           N is U from now on
 *   N without a uuid      N, U           the same: an older agent did not ask
 *   N is U                N, U           as it was
 *   M is U                N, U           renamed: all that is of M is of N
 *   N is V                N, U           another VM: all that is of N is of N/VVVVVVVV
 *                                        from now on, and N is one that nobody knows
 *
 * No VM of an inventory has a slash in its name.  A VM that was replaced stays in the
 * rollouts that touched it, as one that can't be reached: it may live on under another
 * name or another host, and when it comes back it is renamed as any other; a person can
 * say that it won't (forget.c).  In the others it is forgotten at once, and who has
 * its name gets its place.  What is told to rollouts is an event; all of it is one
 * transaction.  A guest's own word for its
 * uuid is not asked: whoever is root in a guest could take another one's place.
 *
 * While the journal can't be written nobody's identity changes: such a VM is not
 * taken, and inventories tell of all again afterwards.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/agent.h"
#include "app/health.h"
#include "io/log.h"

#define TAG_SIZE 10u /* "/", 8 digits, NUL */

static const uint8_t nobody[FTH_UUID_SIZE];

static int add_history(struct fth_agent *agent, const char *vm, const char *what, const char *why)
{
	const struct fth_store_history row = {
		.at_ms = fth_agent_now(agent),
		.patch = "",
		.vm = vm,
		.kind = "vm",
		.what = what,
		.why = why,
		.who = "",
	};

	return fth_store_add_history(agent->store, &row);
}

/* Its places in rollouts; checks begin anew under its new name. */
static void move_bindings(struct fth_guest *from, struct fth_guest *to)
{
	struct fth_binding *binding;

	while ((binding = from->bindings)) {
		from->bindings = binding->next;
		fth_health_drop(binding->watch);
		binding->watch = NULL;
		if (!fth_live_keeps_names(binding->live)) { /* nobody needs its list any more */
			free(binding);
			continue;
		}
		binding->next = to->bindings;
		to->bindings = binding;
		/* With a commit that fails it goes back to where the journal has it. */
		binding->live->uncommitted = true;
	}
}

static void move_memory(struct fth_guest *from, struct fth_guest *to)
{
	memcpy(to->boot_id, from->boot_id, sizeof(to->boot_id));
	memcpy(to->id, from->id, sizeof(to->id));
	to->has_id = from->has_id;
	to->id_in = to->agent->commits + 1; /* until then it is in doubt */
	to->uptime_ms = from->uptime_ms;
	to->remembered = from->remembered;
	move_bindings(from, to);
}

static int tell_rollouts(struct fth_guest *guest, const char *from)
{
	struct fth_binding *binding;
	int error = 0;

	for (binding = guest->bindings; !error && binding; binding = binding->next) {
		struct fth_rollout_event event = { .kind = FTH_RE_RENAME };

		if (strcmp(binding->live->rollout->vms[binding->vm_index].name, from) != 0)
			continue; /* of a rollout that knew it by this name already */
		strcpy(event.vm, from);
		strcpy(event.why, guest->name);
		error = fth_live_step(binding->live, &event);
		if (!error)
			fth_health_look(binding->live, binding->vm_index);
	}
	return error;
}

static int rename_vm(struct fth_agent *agent, const char *from, const char *to)
{
	struct fth_guest *old = fth_guest_find(agent, from);
	struct fth_guest *new;
	int error;

	if (old)
		fth_guest_part(old, "it has another name now");
	error = fth_store_rename_vm(agent->store, from, to);
	if (error || !old)
		return error;
	new = fth_guest_get(agent, to);
	if (!new)
		return -ENOMEM;
	move_memory(old, new);
	fth_guest_clear(old);
	error = tell_rollouts(new, from);
	fth_guest_drop(old);
	fth_guest_drop(new); /* unless a rollout has it */
	return error;
}

/* A name that is left over from a try that failed is nobody's. */
static bool is_taken(struct fth_agent *agent, const char *name)
{
	const struct fth_guest *guest = fth_guest_find(agent, name);

	return guest && (guest->present || guest->bindings);
}

/* Rollouts that never touched it need not wait for its return: its place is the newcomer's. */
static int leave_places(struct fth_agent *agent, const char *name)
{
	struct fth_guest *guest = fth_guest_find(agent, name);
	struct fth_binding *binding, *next;
	const struct fth_rollout_vm *vm;
	int error = 0;

	for (binding = guest ? guest->bindings : NULL; !error && binding; binding = next) {
		struct fth_rollout_event event = { .kind = FTH_RE_FORGET };
		struct fth_live *live = binding->live;

		next = binding->next;
		vm = &live->rollout->vms[binding->vm_index];
		if (!fth_live_keeps_names(live) || vm->touched || vm->op)
			continue;
		strcpy(event.vm, name);
		snprintf(event.why, sizeof(event.why), "another domain has its name now");
		error = fth_live_step(live, &event);
		if (!error)
			fth_live_unbind(live, guest);
	}
	return error;
}

/* The name that a VM keeps which lost its own to another one: nobody else has it. */
static void put_aside_name(struct fth_agent *agent, const struct fth_store_vm *vm, char *ret_name)
{
	uint32_t tag = (uint32_t)vm->uuid[0] << 24 | (uint32_t)vm->uuid[1] << 16 |
		       (uint32_t)vm->uuid[2] << 8 | vm->uuid[3];
	char name[FTH_VM_NAME_MAX + 1];
	struct fth_store_vm row;

	if (!vm->has_uuid)
		tag = (uint32_t)fth_agent_now(agent);
	do {
		snprintf(ret_name, FTH_VM_NAME_MAX + 1, "%.*s/%08x",
			 (int)(FTH_VM_NAME_MAX - TAG_SIZE), vm->name, tag++);
	} while (is_taken(agent, ret_name) ||
		 !fth_store_find_vm(agent->store, ret_name, NULL, name, sizeof(name), &row));
}

static int put_aside(struct fth_agent *agent, const struct fth_store_vm *vm)
{
	char name[FTH_VM_NAME_MAX + 1], why[FTH_WHY_MAX];
	int error;

	error = leave_places(agent, vm->name);
	if (error)
		return error;
	put_aside_name(agent, vm, name);
	fth_log(FTH_LOG_WARNING,
		"vm '%s': another domain has this name now; what was known of the one before is under '%s'",
		vm->name, name);
	error = rename_vm(agent, vm->name, name);
	if (error)
		return error;
	snprintf(why, sizeof(why), "another domain is called '%.60s' now", vm->name);
	error = add_history(agent, name, "replaced", why);
	snprintf(why, sizeof(why), "the domain that was called so before is '%.127s' here", name);
	return error ? error : add_history(agent, vm->name, "new", why);
}

static int take_new_name(struct fth_agent *agent, const struct fth_store_vm *vm, const char *name)
{
	char why[FTH_WHY_MAX];
	int error = rename_vm(agent, vm->name, name);

	fth_log(FTH_LOG_NOTICE, "vm '%s': was called '%s' before, as its uuid says", name,
		vm->name);
	snprintf(why, sizeof(why), "it was called '%.127s' before", vm->name);
	return error ? error : add_history(agent, name, "renamed", why);
}

static void believe(struct fth_guest *guest, const struct fth_store_vm *vm)
{
	memcpy(guest->id, vm->uuid, sizeof(guest->id));
	guest->has_id = true;
	guest->id_in = guest->agent->commits + guest->agent->dirty;
	if (guest->remembered || !memcmp(vm->boot_id, nobody, sizeof(nobody)))
		return;
	memcpy(guest->boot_id, vm->boot_id, sizeof(guest->boot_id));
	guest->uptime_ms = vm->uptime_ms;
	guest->remembered = true;
}

/* Another inventory has a VM of that name, and its name is all that it is known by. */
static bool is_anothers(struct fth_agent *agent, const char *name, const char *inventory)
{
	const struct fth_guest *guest = fth_guest_find(agent, name);

	return guest && guest->present && strcmp(guest->inventory, inventory) != 0;
}

/* A rollout may know a name that the journal's list of VMs does not: it was never heard. */
static bool has_places(struct fth_agent *agent, const char *name)
{
	const struct fth_guest *guest = fth_guest_find(agent, name);

	return guest && guest->bindings;
}

/* After this the journal says that @vm's name is @vm's uuid; @row is what it has of it. */
static int settle(struct fth_agent *agent, const char *inventory, const struct fth_inventory_vm *vm,
		  struct fth_store_vm *row)
{
	char known[FTH_VM_NAME_MAX + 1], named[FTH_VM_NAME_MAX + 1];
	struct fth_store_vm same, other;
	int has_same = fth_store_find_vm(agent->store, NULL, vm->uuid, known, sizeof(known), &same);
	int has_other =
		fth_store_find_vm(agent->store, vm->name, NULL, named, sizeof(named), &other);
	int error = 0;

	if (has_same == -EIO || has_other == -EIO)
		return -EIO;
	if (!has_same && !strcmp(known, vm->name)) {
		*row = same;
		return 0;
	}
	if (!has_same && is_anothers(agent, known, inventory)) {
		same.has_uuid = false; /* it stays what its name says */
		fth_guest_find(agent, known)->has_id = false;
		error = fth_store_put_vm(agent->store, &same);
		has_same = -ENOENT;
	}
	if (!has_same && has_other && has_places(agent, vm->name)) {
		other = (struct fth_store_vm){ .name = vm->name };
		has_other = 0;
	}
	if (!error && !has_other && (other.has_uuid || !has_same))
		error = put_aside(agent, &other);
	if (!error && !has_same)
		error = take_new_name(agent, &same, vm->name);
	*row = (struct fth_store_vm){ .has_uuid = true };
	if (!has_same)
		*row = same;
	else if (!has_other && !other.has_uuid)
		*row = other; /* an older agent's: of this VM, as far as anybody knows */
	row->name = vm->name;
	row->has_uuid = true;
	memcpy(row->uuid, vm->uuid, sizeof(row->uuid));
	return error ? error : fth_store_put_vm(agent->store, row);
}

struct fth_guest *fth_identity_take(struct fth_agent *agent, const char *inventory,
				    const struct fth_inventory_vm *vm)
{
	struct fth_guest *guest = fth_guest_find(agent, vm->name);
	struct fth_store_vm row;
	int error;

	if (!vm->uuid)
		return guest ? guest : fth_guest_get(agent, vm->name);
	if (guest && guest->has_id && !memcmp(guest->id, vm->uuid, sizeof(guest->id)))
		return guest;
	if (!agent->store_ok || strlen(vm->name) > FTH_VM_NAME_MAX)
		return NULL;
	error = settle(agent, inventory, vm, &row);
	if (error) {
		fth_agent_fail_store(agent, fth_store_why(agent->store));
		return NULL;
	}
	fth_agent_mark(agent);
	guest = fth_guest_get(agent, vm->name);
	if (guest)
		believe(guest, &row);
	return guest;
}

bool fth_identity_is(const struct fth_guest *guest, const uint8_t *uuid)
{
	return !uuid || !guest->has_id || !memcmp(guest->id, uuid, sizeof(guest->id));
}

void fth_identity_doubt(struct fth_guest *guest, void *unused)
{
	(void)unused;
	if (!guest->has_id || guest->id_in <= guest->agent->commits)
		return;
	guest->has_id = false;
	fth_guest_part(guest, "who it is could not be written down");
}
