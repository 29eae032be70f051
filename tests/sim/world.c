// SPDX-License-Identifier: GPL-2.0
/* Virtual time, chance and the trace of one run. */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim sim;

static void *grow(void *memory, size_t size)
{
	void *larger = realloc(memory, size);

	if (!larger) {
		fprintf(stderr, "sim: out of memory\n");
		exit(2);
	}
	return larger;
}

static bool before(const struct sim_slot *one, const struct sim_slot *other)
{
	return one->at_us != other->at_us ? one->at_us < other->at_us : one->number < other->number;
}

static void place(struct sim_slot slot, uint32_t at)
{
	sim.heap[at] = slot;
	slot.due->heap_at = at + 1;
}

static void sift_up(struct sim_slot slot, uint32_t at)
{
	while (at && before(&slot, &sim.heap[(at - 1) / 4])) {
		place(sim.heap[(at - 1) / 4], at);
		at = (at - 1) / 4;
	}
	place(slot, at);
}

static void sift_down(struct sim_slot slot, uint32_t at)
{
	for (;;) {
		uint32_t child = 4 * at + 1, least = child, i;

		if (child >= sim.heap_size)
			break;
		for (i = child + 1; i < child + 4 && i < sim.heap_size; i++)
			if (before(&sim.heap[i], &sim.heap[least]))
				least = i;
		if (!before(&sim.heap[least], &slot))
			break;
		place(sim.heap[least], at);
		at = least;
	}
	place(slot, at);
}

void sim_due_clear(struct sim_due *due)
{
	uint32_t at = due->heap_at;
	struct sim_slot last;

	if (!at)
		return;
	due->heap_at = 0;
	last = sim.heap[--sim.heap_size];
	if (last.due == due)
		return;
	if (at > 1 && before(&last, &sim.heap[(at - 2) / 4]))
		sift_up(last, at - 1);
	else
		sift_down(last, at - 1);
}

void sim_due_set(struct sim_due *due, uint64_t at_us)
{
	sim_due_clear(due);
	due->at_us = at_us < sim.now_us ? sim.now_us : at_us;
	due->number = sim.due_count++;
	if (sim.heap_size == sim.heap_room) {
		sim.heap_room = sim.heap_room ? 2 * sim.heap_room : 1024;
		sim.heap = grow(sim.heap, sim.heap_room * sizeof(*sim.heap));
	}
	sift_up((struct sim_slot){ due->at_us, due->number, due }, sim.heap_size++);
}

bool sim_world_step(void)
{
	struct sim_due *due;

	if (!sim.heap_size)
		return false;
	due = sim.heap[0].due;
	sim.now_us = due->at_us;
	sim_due_clear(due);
	sim.events++;
	/* Who stands still is late with all that he has. */
	if (due->whose == SIM_OLD && sim.old_frozen) {
		sim_due_set(due, sim.old_due.at_us);
		return true;
	}
	sim.acting = due->whose;
	due->fire(due);
	sim.acting = SIM_WORLD;
	return true;
}

/* splitmix64 */
uint64_t sim_random64(enum sim_random stream)
{
	uint64_t number = sim.random[stream] += 0x9e3779b97f4a7c15ull;

	number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9ull;
	number = (number ^ (number >> 27)) * 0x94d049bb133111ebull;
	return number ^ (number >> 31);
}

uint32_t sim_random(enum sim_random stream, uint32_t below)
{
	return (uint32_t)((sim_random64(stream) >> 32) * below >> 32);
}

bool sim_chance(enum sim_random stream, uint32_t percent)
{
	return sim_random(stream, 100) < percent;
}

static void mix(uint64_t number)
{
	sim.hash = (sim.hash ^ number) * 0x9fb21c651e98df25ull;
	sim.hash ^= sim.hash >> 28;
}

void sim_trace(uint32_t what, uint64_t a, uint64_t b)
{
	mix(sim.now_us << 8 ^ what);
	mix(a);
	mix(b);
}

void sim_trace_bytes(uint32_t what, const uint8_t *bytes, uint32_t length)
{
	uint64_t number;

	sim_trace(what, length, 0);
	for (; length >= 8; length -= 8, bytes += 8) {
		memcpy(&number, bytes, 8);
		mix(number);
	}
	for (; length; length--)
		mix(*bytes++);
}

void sim_fail(const char *format, ...)
{
	va_list args;
	int length;

	if (sim.failed)
		return;
	sim.failed = true;
	length = snprintf(sim.why, sizeof(sim.why),
			  "at %llu.%03llu s: ", (unsigned long long)(sim.now_us / SIM_S),
			  (unsigned long long)(sim.now_us / SIM_MS % 1000));
	va_start(args, format);
	vsnprintf(sim.why + length, sizeof(sim.why) - (size_t)length, format, args);
	va_end(args);
	sim_note("FAILED: %s", sim.why);
}

void sim_note(const char *format, ...)
{
	va_list args;

	if (!sim.options.verbose)
		return;
	printf("%10llu.%06llu ", (unsigned long long)(sim.now_us / SIM_S),
	       (unsigned long long)(sim.now_us % SIM_S));
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void sim_world_init(const struct sim_options *options)
{
	uint32_t i;

	memset(&sim, 0, sizeof(sim));
	sim.options = *options;
	sim.hash = options->seed;
	sim.now_us = 1; /* 0 is never */
	for (i = 0; i < SIM_RANDOMS; i++) {
		sim.random[i] = options->seed + i * 0xd1342543de82ef95ull;
		sim.random[i] = sim_random64((enum sim_random)i);
	}
	sim.vm_count = options->vms;
	sim.vms = calloc(sim.vm_count, sizeof(*sim.vms));
	sim.scratch = malloc(FTH_DECODER_BUFFER_SIZE);
	if (!sim.vms || !sim.scratch) {
		fprintf(stderr, "sim: no memory for %u VMs\n", sim.vm_count);
		exit(2);
	}
}

void sim_world_free(void)
{
	free(sim.vms);
	free(sim.scratch);
	free(sim.heap);
	sim.vms = NULL;
	sim.scratch = NULL;
	sim.heap = NULL;
	sim.heap_size = 0;
	sim.heap_room = 0;
}
