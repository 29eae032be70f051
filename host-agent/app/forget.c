// SPDX-License-Identifier: GPL-2.0
/*
 * VMs that are no more, by a person's word.
 *
 * DESIGN
 * Only a person can know that a VM which is away with a patch won't come back: its disk
 * is gone, or it was given to another fleet.  Until then it holds a recall up, and has a
 * place in rosters.  Of one that an inventory has nobody can say so.  Rollouts are told,
 * each with who and why; what the journal has of its identity and its blocks goes, what
 * was done to it stays in the history.  If it comes back all the same it is a VM
 * that nobody knows: its guest is asked, tells what it refuses itself, and is taken
 * back if it has what was recalled.
 */
#include "app/agent.h"
#include "io/log.h"

/* Where no rollout has a word of it, the history has. */
static int write_down(struct fth_guest *guest, const struct fth_asker *asker)
{
	const struct fth_store_history row = {
		.at_ms = guest->agent->now_ms,
		.patch = "",
		.vm = guest->name,
		.kind = "verb",
		.what = "forget",
		.why = asker->why,
		.uid = asker->uid,
		.who = asker->who,
	};

	return fth_store_add_history(guest->agent->store, &row);
}

/* @ret_count: how many had a place for it */
static int tell_rollouts(struct fth_guest *guest, const struct fth_asker *asker,
			 uint32_t *ret_count)
{
	struct fth_rollout_event event;
	struct fth_binding *binding;
	int error = 0;

	*ret_count = 0;
	for (binding = guest->bindings; !error && binding; binding = binding->next) {
		if (!fth_live_keeps_names(binding->live))
			continue;
		memset(&event, 0, sizeof(event));
		event.kind = FTH_RE_FORGET;
		event.uid = asker->uid;
		strcpy(event.vm, guest->name);
		memcpy(event.who, asker->who, sizeof(event.who));
		memcpy(event.why, asker->why, sizeof(event.why));
		error = fth_live_step(binding->live, &event);
		++*ret_count;
	}
	return error;
}

static void add_present(struct fth_guest *guest, void *live)
{
	if (guest->present && !((struct fth_live *)live)->full)
		fth_live_add_guest(live, guest);
}

/* Who found no place before may find one now. */
static void fill_places(struct fth_agent *agent)
{
	uint32_t i;

	for (i = 0; i < agent->live_count; i++) {
		if (!agent->lives[i]->full)
			continue;
		agent->lives[i]->full = false;
		fth_guest_each(agent, add_present, agent->lives[i]);
	}
}

static int commit(struct fth_guest *guest, const struct fth_asker *asker, uint32_t *ret_count)
{
	struct fth_agent *agent = guest->agent;
	int error = tell_rollouts(guest, asker, ret_count);

	if (!error && !*ret_count)
		error = write_down(guest, asker);
	if (!error)
		error = fth_store_drop_vm(agent->store, guest->name);
	if (error && agent->store_ok)
		fth_agent_fail_store(agent, fth_store_why(agent->store));
	if (error)
		return -EIO;
	fth_log(FTH_LOG_NOTICE, "vm '%s': forgotten by request of '%s'%s%s", guest->name,
		asker->who, *asker->why ? ": " : "", asker->why);
	fth_agent_mark(agent);
	return fth_agent_flush(agent);
}

int fth_forget_vm(struct fth_agent *agent, const char *name, const struct fth_asker *asker,
		  uint32_t *ret_count)
{
	int error = fth_agent_flush(agent); /* others' events don't hang on ours */
	struct fth_guest *guest = fth_guest_find(agent, name);

	if (error)
		return error;
	if (!guest)
		return -ENOENT;
	if (guest->present)
		return -EBUSY;
	if (agent->libvirt && !fth_libvirt_has_told(agent->libvirt))
		return -EAGAIN;
	error = commit(guest, asker, ret_count);
	if (error)
		return error;
	guest = fth_guest_find(agent, name); /* with the commit it may have gone already */
	while (guest && guest->bindings)
		fth_live_unbind(guest->bindings->live, guest);
	if (guest) {
		fth_guest_clear(guest);
		fth_guest_drop(guest);
	}
	fill_places(agent);
	return 0;
}
