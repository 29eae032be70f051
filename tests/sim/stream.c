// SPDX-License-Identifier: GPL-2.0
/*
 * Bytes between the agent's channels and the guests' ports.
 *
 * DESIGN
 * io/channel.c is linked as it is; what it calls of libevent and of sockets stands
 * here.  Each direction is a queue of bytes with a latency; faults chop, stall, turn a
 * bit or break it.  A guest does not see a break: its port stays, as it does when a
 * chardev's peer goes away.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "sim.h"

#define FAKE_FD 1000000	     /* above any real one */
#define SOCKET_BUFFER 65536u /* bytes that are the kernel's, no longer libevent's */
#define LATENCY_US 800u
#define CHOP_MAX 47u

struct bufferevent {
	struct sim_vm *vm;
	bufferevent_data_cb readable, writable;
	bufferevent_event_cb broken;
	void *context;
	uint32_t readable_now; /* bytes that have arrived */
};

static struct sim_vm *connected; /* by the last connect() */

int __wrap_socket(int domain, int type, int protocol);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_close(int fd);
int __real_close(int fd);

int __wrap_socket(int domain, int type, int protocol)
{
	(void)domain;
	(void)type;
	(void)protocol;
	return FAKE_FD;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	const char *path = ((const struct sockaddr_un *)address)->sun_path;
	unsigned long index = strtoul(path + strlen("/sim/vm-"), NULL, 10);

	(void)fd;
	(void)length;
	if (!sim_agent_call() || index >= sim.vm_count || !sim.vms[index].running ||
	    sim.vms[index].stream) {
		errno = ECONNREFUSED;
		return -1;
	}
	connected = &sim.vms[index];
	return 0;
}

int __wrap_close(int fd)
{
	return fd == FAKE_FD ? 0 : __real_close(fd);
}

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
	uint8_t *bytes = link->bytes;
	uint32_t begin = link->begin;

	sim_trace_bytes('G', bytes + begin, length);
	/* What it answers may not move what it is being given. */
	sim_guest_receive(vm, bytes + begin, length);
	take(link, length);
	schedule(link);
	if (vm->stream && !output_of(link) && (before || !queued(link)))
		vm->stream->writable(vm->stream, vm->stream->context);
}

static void deliver_to_host(struct sim_due *due)
{
	struct sim_vm *vm = (struct sim_vm *)((char *)due - offsetof(struct sim_vm, to_host.due));
	struct sim_link *link = &vm->to_host;

	if (!vm->stream) {
		empty(link);
		return;
	}
	vm->stream->readable_now = piece(link);
	sim_trace_bytes('H', link->bytes + link->begin, vm->stream->readable_now);
	vm->stream->readable(vm->stream, vm->stream->context);
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

void sim_link_break(struct sim_vm *vm, bool tell)
{
	struct bufferevent *stream = vm->stream;

	empty(&vm->to_guest);
	empty(&vm->to_host);
	if (stream && tell)
		stream->broken(stream, BEV_EVENT_EOF, stream->context);
}

/* What is in the kernel's buffers still arrives; what was libevent's does not. */
void sim_links_cut(void)
{
	struct sim_vm *vm;
	uint32_t i;

	for (i = 0; i < sim.vm_count; i++) {
		vm = &sim.vms[i];
		if (!vm->stream)
			continue;
		vm->stream = NULL;
		empty(&vm->to_host);
		if (sim_chance(SIM_RANDOM_NET, 50))
			empty(&vm->to_guest);
	}
}

/* ---- libevent's names */

struct bufferevent *bufferevent_socket_new(struct event_base *base, evutil_socket_t fd, int options)
{
	struct bufferevent *stream = calloc(1, sizeof(*stream));

	(void)base;
	(void)fd;
	(void)options;
	if (!stream)
		return NULL;
	stream->vm = connected;
	connected->stream = stream;
	return stream;
}

void bufferevent_free(struct bufferevent *stream)
{
	struct sim_vm *vm = stream->vm;

	if (!sim.dead && vm->stream == stream) {
		empty(&vm->to_host);
		if (queued(&vm->to_guest) > SOCKET_BUFFER)
			vm->to_guest.end = vm->to_guest.begin + SOCKET_BUFFER;
		vm->stream = NULL;
	}
	free(stream);
}

void bufferevent_setcb(struct bufferevent *stream, bufferevent_data_cb readable,
		       bufferevent_data_cb writable, bufferevent_event_cb broken, void *context)
{
	stream->readable = readable;
	stream->writable = writable;
	stream->broken = broken;
	stream->context = context;
}

int bufferevent_enable(struct bufferevent *stream, short event)
{
	(void)stream;
	(void)event;
	return 0;
}

int bufferevent_set_rate_limit(struct bufferevent *stream, struct ev_token_bucket_cfg *rate)
{
	(void)stream;
	(void)rate;
	return 0;
}

size_t bufferevent_read(struct bufferevent *stream, void *data, size_t size)
{
	struct sim_link *link = &stream->vm->to_host;
	uint32_t length = stream->readable_now;

	if (length > size)
		length = (uint32_t)size;
	if (!length || !sim_agent_call())
		return 0;
	memcpy(data, link->bytes + link->begin, length);
	stream->readable_now -= length;
	take(link, length);
	return length;
}

int bufferevent_write(struct bufferevent *stream, const void *data, size_t size)
{
	if (!sim_agent_call())
		return 0;
	sim_check_sent(stream->vm, data, (uint32_t)size);
	sim.frames++;
	sim_link_write(stream->vm, true, data, (uint32_t)size);
	return 0;
}

struct evbuffer *bufferevent_get_output(struct bufferevent *stream)
{
	return (struct evbuffer *)stream;
}

size_t evbuffer_get_length(const struct evbuffer *buffer)
{
	return output_of(&((const struct bufferevent *)buffer)->vm->to_guest);
}
