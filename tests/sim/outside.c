// SPDX-License-Identifier: GPL-2.0
/*
 * What the agent asks beside its guests: libvirt, the operator's programs and servers.
 *
 * DESIGN
 * Each answers after a while, by what the VM is like: a sick one has vCPUs that stand
 * still, and programs and servers say so; one that crashed is off, and libvirt says why;
 * an unsure one is not answered for at all.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/agent.h"
#include "core/health.h"
#include "io/fetch.h"
#include "io/process.h"
#include "sim.h"

#define ANSWER_MAX_MS 400u
#define INVENTORY "libvirt" /* the one whose domains can be asked for */

struct fth_libvirt {
	const struct fth_inventory_hooks *hooks;
	void *context;
};

struct fth_process {
	struct sim_due due; /* first: a due is cast back */
	void (*done)(void *context, const struct fth_process_end *end);
	void *context;
	struct fth_process_end end;
};

struct fth_fetch {
	struct sim_due due;
	void (*done)(void *context, const struct fth_fetch_end *end);
	void *context;
	struct fth_fetch_end end;
};

static struct fth_libvirt libvirts[SIM_OLD + 1]; /* by who asks */

static const struct sim_vm *vm_of(const char *text)
{
	const char *found = strstr(text, "vm-");
	unsigned long index = found ? strtoul(found + strlen("vm-"), NULL, 10) : sim.vm_count;

	return index < sim.vm_count ? &sim.vms[index] : NULL;
}

static uint64_t answer_us(void)
{
	return sim.now_us + (1 + sim_random(SIM_RANDOM_NET, ANSWER_MAX_MS)) * SIM_MS;
}

/* ---- libvirt */

void sim_vm_name(const struct sim_vm *vm, char *ret_name)
{
	if (vm->renames)
		snprintf(ret_name, SIM_NAME_MAX, "vm-%u.%u", vm->index, vm->renames);
	else
		snprintf(ret_name, SIM_NAME_MAX, "vm-%u", vm->index);
}

static void make_uuid(const struct sim_vm *vm, uint8_t *ret_uuid)
{
	memset(ret_uuid, 0, FTH_UUID_SIZE);
	ret_uuid[0] = 1;
	memcpy(ret_uuid + 1, &vm->index, sizeof(vm->index));
	memcpy(ret_uuid + 1 + sizeof(vm->index), &vm->made, sizeof(vm->made));
}

static void tell(const struct fth_inventory_hooks *hooks, void *context, struct sim_vm *vm)
{
	uint8_t uuid[FTH_UUID_SIZE];
	struct fth_inventory_vm row = { .running = vm->running, .uuid = uuid };
	char name[SIM_NAME_MAX], host[32], group[32], path[32];

	if (!vm->exists || vm->away)
		return;
	sim_vm_name(vm, name);
	make_uuid(vm, uuid);
	snprintf(host, sizeof(host), "host-%u", vm->host);
	snprintf(group, sizeof(group), "group-%u", vm->group);
	snprintf(path, sizeof(path), "/sim/vm-%u", vm->index);
	row.name = name;
	row.host = host;
	row.group = vm->group ? group : "";
	row.path = path;
	hooks->found(context, INVENTORY, &row);
}

void sim_agent_tell(struct sim_vm *vm)
{
	enum sim_whose acting = sim_act(SIM_OURS);

	if (sim.agent)
		tell(&fth_guest_hooks, sim.agent, vm);
	sim_act(acting);
}

void sim_agent_gone(struct sim_vm *vm)
{
	enum sim_whose acting = sim_act(SIM_OURS);
	uint8_t uuid[FTH_UUID_SIZE];
	char name[SIM_NAME_MAX];

	sim_vm_name(vm, name);
	make_uuid(vm, uuid);
	if (sim.agent)
		fth_guest_hooks.gone(sim.agent, INVENTORY, name, uuid);
	sim_act(acting);
}

/* It hears no more of events; what it asks is answered. */
void sim_outside_fork(void)
{
	libvirts[SIM_OLD] = libvirts[SIM_OURS];
}

int fth_libvirt_new(struct fth_loop *loop, const char *uri, const struct fth_inventory_hooks *hooks,
		    void *context, struct fth_libvirt **ret_libvirt)
{
	uint32_t i;

	(void)loop;
	(void)uri;
	libvirts[sim.acting] = (struct fth_libvirt){ hooks, context };
	for (i = 0; i < sim.vm_count; i++)
		tell(hooks, context, &sim.vms[i]);
	*ret_libvirt = &libvirts[sim.acting];
	return 0;
}

int fth_libvirt_free(struct fth_libvirt *unused)
{
	(void)unused;
	return 0;
}

bool fth_libvirt_has_told(const struct fth_libvirt *unused)
{
	(void)unused;
	return true;
}

void fth_libvirt_retell(struct fth_libvirt *unused)
{
	const struct fth_libvirt *libvirt = &libvirts[sim.acting];
	uint32_t i;

	(void)unused;
	for (i = 0; i < sim.vm_count; i++)
		tell(libvirt->hooks, libvirt->context, &sim.vms[i]);
}

static void find_stale(struct fth_guest *guest, void *context)
{
	const struct sim_vm *vm = vm_of(guest->name);
	struct fth_guest **ret_stale = context;
	char name[SIM_NAME_MAX];

	if (!vm || !guest->present)
		return;
	sim_vm_name(vm, name);
	if (strcmp(guest->name, name) != 0)
		*ret_stale = guest;
}

/* libvirt's list has no domain of that name, whether an event said so or not. */
void sim_agent_list(void)
{
	enum sim_whose acting = sim_act(SIM_OURS);
	char name[FTH_VM_NAME_MAX + 1];
	struct fth_guest *stale = NULL;

	while (sim.agent) {
		stale = NULL;
		fth_guest_each(sim.agent, find_stale, &stale);
		if (!stale)
			break;
		snprintf(name, sizeof(name), "%s", stale->name);
		fth_guest_hooks.gone(sim.agent, INVENTORY, name, NULL);
	}
	sim_act(acting);
}

struct sample {
	struct sim_due due;
	char name[32];
	uint32_t life; /* of the agent's; when that is over nobody is told */
};

static uint8_t run_of(const struct sim_vm *vm)
{
	if (vm && vm->running)
		return FTH_DOMAIN_RUNNING;
	return vm && vm->crashed ? FTH_DOMAIN_BROKEN : FTH_DOMAIN_HELD;
}

static void answer_sample(struct sim_due *due)
{
	static const char *const states[] = {
		[FTH_DOMAIN_RUNNING] = "running",
		[FTH_DOMAIN_HELD] = "off",
		[FTH_DOMAIN_BROKEN] = "crashed",
	};
	struct sample *sample = (struct sample *)due;
	const struct sim_vm *vm = vm_of(sample->name);
	struct fth_domain_sample answer = {
		.run = run_of(vm),
		.has_vcpu = true,
		.vcpu_ns = vm && vm->sick ? 1 : sim.now_us * 100,
	};
	const struct fth_libvirt *libvirt = &libvirts[due->whose];
	bool told = vm && sim_agent_is_alive(due->whose, sample->life);

	snprintf(answer.state, sizeof(answer.state), "%s", states[answer.run]);
	if (told)
		libvirt->hooks->sampled(libvirt->context, sample->name, vm->unsure ? NULL : &answer,
					vm->unsure ? "libvirt does not answer" : "");
	free(sample);
}

int fth_libvirt_sample(struct fth_libvirt *unused, const char *name)
{
	struct sample *sample = calloc(1, sizeof(*sample));

	(void)unused;
	if (!sample)
		return -EAGAIN;
	sample->due.fire = answer_sample;
	sample->due.whose = (uint8_t)sim.acting;
	sample->life = sim.acting == SIM_OLD ? sim.old_life : sim.lives;
	snprintf(sample->name, sizeof(sample->name), "%s", name);
	sim_due_set(&sample->due, answer_us());
	return 0;
}

/* ---- programs */

static void end_process(struct sim_due *due)
{
	struct fth_process *process = (struct fth_process *)due;

	process->done(process->context, &process->end);
	free(process);
}

int fth_process_start(struct fth_loop *loop, const char *const *argv, const char *const *env,
		      uint64_t timeout_ms,
		      void (*done)(void *context, const struct fth_process_end *end), void *context,
		      struct fth_process **ret_process)
{
	struct fth_process *process;
	const struct sim_vm *vm = vm_of(argv[1] ? argv[1] : argv[0]);

	(void)loop;
	(void)env;
	if (!sim_agent_call())
		return -EIO;
	process = calloc(1, sizeof(*process));
	if (!process)
		return -ENOMEM;
	process->due.fire = end_process;
	process->due.whose = (uint8_t)sim.acting;
	process->done = done;
	process->context = context;
	process->end.timed_out = vm && vm->unsure;
	process->end.status = vm && vm->sick ? 2 : 0;
	*ret_process = process;
	sim_due_set(&process->due,
		    process->end.timed_out ? sim.now_us + timeout_ms * SIM_MS : answer_us());
	return 0;
}

/* Killed programs die at once here. */
uint32_t fth_process_orphans(struct fth_loop *loop)
{
	(void)loop;
	return 0;
}

void fth_process_kill(struct fth_process *process)
{
	if (!process)
		return;
	sim_due_clear(&process->due);
	free(process);
}

/* ---- servers */

static void end_fetch(struct sim_due *due)
{
	struct fth_fetch *fetch = (struct fth_fetch *)due;

	fetch->done(fetch->context, &fetch->end);
	free(fetch);
}

int fth_fetcher_new(struct fth_loop *loop, struct fth_fetcher **ret_fetcher)
{
	(void)loop;
	*ret_fetcher = NULL;
	return 0;
}

void fth_fetcher_free(struct fth_fetcher *fetcher)
{
	(void)fetcher;
}

int fth_fetch_start(struct fth_fetcher *fetcher, const char *url, uint64_t timeout_ms,
		    void (*done)(void *context, const struct fth_fetch_end *end), void *context,
		    struct fth_fetch **ret_fetch)
{
	struct fth_fetch *fetch = calloc(1, sizeof(*fetch));
	const struct sim_vm *vm = vm_of(url);

	(void)fetcher;
	if (!fetch)
		return -ENOMEM;
	fetch->due.fire = end_fetch;
	fetch->due.whose = (uint8_t)sim.acting;
	fetch->done = done;
	fetch->context = context;
	fetch->end.status = vm && vm->unsure ? 0 : vm && vm->sick ? 503 : 200;
	*ret_fetch = fetch;
	sim_due_set(&fetch->due,
		    fetch->end.status ? answer_us() : sim.now_us + timeout_ms * SIM_MS);
	return 0;
}

void fth_fetch_cancel(struct fth_fetch *fetch)
{
	if (!fetch)
		return;
	sim_due_clear(&fetch->due);
	free(fetch);
}

/* Names of simulated VMs have nothing to escape. */
size_t fth_fetch_escape(const char *text, char *ret_text, size_t size)
{
	return (size_t)snprintf(ret_text, size, "%s", text);
}
