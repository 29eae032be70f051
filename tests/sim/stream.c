// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes between the agent's channels and the guests' ports.
 *
 * DESIGN
 * io/channel.c is linked as it is; io/stream.h, what it stands on, is here.  Each
 * direction is a queue of bytes with a latency; faults chop, stall, turn a
 * bit or break it.  A guest does not see a break: its port stays, as it does when a
 * chardev's peer goes away.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/stream.h"
#include "sim.h"

#define SOCKET_BUFFER 65536u /* bytes that are the kernel's, no longer the stream's */
#define LATENCY_US 800u
#define CHOP_MAX 47u

struct fth_stream {
	struct sim_vm *vm;
	const struct fth_stream_hooks *hooks;
	void *context;
	bool tell;     /* @drained is asked for */
	bool forsaken; /* by a process that is dead: it goes when that is reaped */
	enum sim_whose whose;
};

static uint32_t queued(const struct sim_link *link)
{
	return link->end - link->begin;
}

static void empty(struct sim_link *link)
{
	free(link->bytes);
	link->bytes = NULL;
	link->begin = 0;
	link->end = 0;
	link->room = 0;
	sim_due_clear(&link->due);
}

static void schedule(struct sim_link *link)
{
	uint64_t at_us = sim.now_us + 1 + sim_random(SIM_RANDOM_NET, LATENCY_US);

	if (!queued(link) || link->due.heap_at)
		return;
	sim_due_set(&link->due, at_us < link->stalled_until_us ? link->stalled_until_us : at_us);
}

static uint32_t piece(struct sim_link *link)
{
	uint32_t length = queued(link);

	if (link->corrupt && length) {
		link->bytes[link->begin + sim_random(SIM_RANDOM_NET, length)] ^=
			(uint8_t)(1u << sim_random(SIM_RANDOM_NET, 8));
		link->corrupt = false;
	}
	if (sim.now_us < link->chopped_until_us && length > 1)
		length = 1 + sim_random(SIM_RANDOM_NET, length < CHOP_MAX ? length : CHOP_MAX);
	return length;
}

static void append(struct sim_link *link, const uint8_t *bytes, uint32_t length)
{
	if (link->end + length > link->room) {
		memmove(link->bytes, link->bytes + link->begin, queued(link));
		link->end -= link->begin;
		link->begin = 0;
		while (link->end + length > link->room)
			link->room = link->room ? 2 * link->room : 256;
		link->bytes = realloc(link->bytes, link->room);
		if (!link->bytes)
			abort();
	}
	memcpy(link->bytes + link->end, bytes, length);
	link->end += length;
	schedule(link);
}

static void take(struct sim_link *link, uint32_t length)
{
	link->begin += length;
	if (link->begin == link->end)
		empty(link);
}

static uint32_t output_of(const struct sim_link *link)
{
	return queued(link) > SOCKET_BUFFER ? queued(link) - SOCKET_BUFFER : 0;
}

static void deliver_to_guest(struct sim_due *due)
{
	struct sim_vm *vm = (struct sim_vm *)((char *)due - offsetof(struct sim_vm, to_guest.due));
	struct sim_link *link = &vm->to_guest;
	uint32_t before = output_of(link), length = piece(link);
	enum sim_whose acting;
	uint8_t *bytes = link->bytes;
	uint32_t begin = link->begin;

	sim_trace_bytes('G', bytes + begin, length);
	/* What it answers may not move what it is being given. */
	sim_guest_receive(vm, bytes + begin, length);
	take(link, length);
	schedule(link);
	if (!vm->stream || output_of(link) || !(before || vm->stream->tell))
		return;
	vm->stream->tell = false;
	acting = sim_act(vm->stream->whose);
	vm->stream->hooks->drained(vm->stream->context);
	sim_act(acting);
}

static void deliver_to_host(struct sim_due *due)
{
	struct sim_vm *vm = (struct sim_vm *)((char *)due - offsetof(struct sim_vm, to_host.due));
	struct sim_link *link = &vm->to_host;
	struct fth_stream *stream = vm->stream;
	uint8_t bytes[FTH_STREAM_READ_MAX];
	uint32_t left, length;
	enum sim_whose acting;

	if (!stream) {
		empty(link);
		return;
	}
	acting = sim_act(stream->whose);
	left = piece(link);
	sim_trace_bytes('H', link->bytes + link->begin, left);
	while (left && vm->stream == stream && sim_agent_call()) {
		length = left < sizeof(bytes) ? left : (uint32_t)sizeof(bytes);
		memcpy(bytes, link->bytes + link->begin, length);
		take(link, length);
		left -= length;
		stream->hooks->readable(stream->context, bytes, length);
	}
	sim_act(acting);
	schedule(link);
}

void sim_link_write(struct sim_vm *vm, bool to_guest, const uint8_t *bytes, uint32_t length)
{
	if (vm->stream || to_guest)
		append(to_guest ? &vm->to_guest : &vm->to_host, bytes, length);
}

void sim_link_init(struct sim_vm *vm)
{
	vm->to_guest.due.fire = deliver_to_guest;
	vm->to_host.due.fire = deliver_to_host;
}

static void break_stream(struct fth_stream *stream)
{
	enum sim_whose acting;

	if (stream->forsaken)
		return;
	acting = sim_act(stream->whose);
	stream->hooks->broken(stream->context, "end of file");
	sim_act(acting);
}

void sim_link_break(struct sim_vm *vm, bool tell)
{
	struct fth_stream *stream = vm->stream;

	empty(&vm->to_guest);
	empty(&vm->to_host);
	if (stream && tell)
		break_stream(stream);
}

/* What is in the kernel's buffers still arrives; what was the stream's does not. */
static void cut(struct sim_vm *vm)
{
	if (vm->stream->forsaken)
		free(vm->stream);
	vm->stream = NULL;
	empty(&vm->to_host);
	if (sim_chance(SIM_RANDOM_NET, 50))
		empty(&vm->to_guest);
}

void sim_links_cut(void)
{
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++)
		if (sim.vms[i].stream && sim.vms[i].stream->whose == SIM_OURS)
			cut(&sim.vms[i]);
}

void sim_links_leave(void)
{
	struct sim_vm *vm;
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++) {
		vm = &sim.vms[i];
		if (!vm->stream)
			continue;
		vm->old_stream = vm->stream;
		vm->old_stream->whose = SIM_OLD;
		cut(vm);
	}
}

/* Of some guests it gets hold before the newer agent does. */
void sim_links_return(void)
{
	struct sim_vm *vm;
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++) {
		vm = &sim.vms[i];
		if (sim_chance(SIM_RANDOM_NET, 50))
			sim_link_break(vm, true);
		if (vm->old_stream)
			break_stream(vm->old_stream);
	}
}

/* ---- io/stream.h */

int fth_stream_new(struct fth_loop *loop, const struct sockaddr_un *address,
		   const struct fth_stream_hooks *hooks, void *context,
		   struct fth_stream **ret_stream)
{
	unsigned long index = strtoul(address->sun_path + strlen("/sim/vm-"), NULL, 10);
	struct fth_stream *stream;

	(void)loop;
	if (!sim_agent_call() || index >= sim.vm_count || !sim.vms[index].running ||
	    sim.vms[index].stream)
		return -ECONNREFUSED;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return -ENOMEM;
	stream->vm = &sim.vms[index];
	stream->hooks = hooks;
	stream->context = context;
	stream->whose = sim.acting;
	sim.vms[index].stream = stream;
	*ret_stream = stream;
	return 0;
}

void fth_stream_free(struct fth_stream *stream)
{
	struct sim_vm *vm;

	if (!stream)
		return;
	vm = stream->vm;
	if (vm->old_stream == stream)
		vm->old_stream = NULL;
	if (sim.dead && stream->whose != SIM_OLD && vm->stream == stream) {
		stream->forsaken = true;
		return;
	}
	if (vm->stream == stream) {
		empty(&vm->to_host);
		if (queued(&vm->to_guest) > SOCKET_BUFFER)
			vm->to_guest.end = vm->to_guest.begin + SOCKET_BUFFER;
		vm->stream = NULL;
	}
	free(stream);
}

int fth_stream_write(struct fth_stream *stream, const void *bytes, uint32_t length, bool tell)
{
	if (!sim_agent_call() || stream->vm->stream != stream)
		return 0;
	sim_check_sent(stream->vm, bytes, length);
	sim.frames++;
	stream->tell |= tell;
	sim_link_write(stream->vm, true, bytes, length);
	return 0;
}

size_t fth_stream_queued(const struct fth_stream *stream)
{
	return stream->vm->stream == stream ? output_of(&stream->vm->to_guest) : 0;
}
