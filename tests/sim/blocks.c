// SPDX-License-Identifier: GPL-2.0
/* A file's content in memory, block by block. */
#include "blocks.h"

#include <stdlib.h>
#include <string.h>

/* The part of a range that lies in the block of @offset. */
static size_t part(uint64_t offset, uint64_t length)
{
	uint64_t left = SIM_BLOCK - offset % SIM_BLOCK;

	return (size_t)(length < left ? length : left);
}

static uint8_t *place(const struct sim_blocks *blocks, uint64_t offset)
{
	return blocks->at[offset / SIM_BLOCK] + offset % SIM_BLOCK;
}

static void set_count(struct sim_blocks *blocks, uint32_t count)
{
	uint8_t **at;

	while (blocks->count > count)
		free(blocks->at[--blocks->count]);
	if (blocks->count == count)
		return;
	at = realloc(blocks->at, count * sizeof(*at));
	if (!at)
		abort();
	blocks->at = at;
	while (blocks->count < count) {
		at[blocks->count] = calloc(1, SIM_BLOCK);
		if (!at[blocks->count++])
			abort();
	}
}

void sim_blocks_resize(struct sim_blocks *blocks, uint64_t size)
{
	set_count(blocks, (uint32_t)((size + SIM_BLOCK - 1) / SIM_BLOCK));
	if (size < blocks->size && size % SIM_BLOCK)
		memset(place(blocks, size), 0, SIM_BLOCK - size % SIM_BLOCK);
	blocks->size = size;
}

void sim_blocks_write(struct sim_blocks *blocks, uint64_t offset, const void *bytes, size_t length)
{
	const uint8_t *from = bytes;
	size_t some;

	if (blocks->size < offset + length)
		sim_blocks_resize(blocks, offset + length);
	for (; length; offset += some, from += some, length -= some) {
		some = part(offset, length);
		memcpy(place(blocks, offset), from, some);
	}
}

void sim_blocks_read(const struct sim_blocks *blocks, uint64_t offset, void *bytes, size_t length)
{
	uint8_t *to = bytes;
	size_t some;

	for (; length; offset += some, to += some, length -= some) {
		some = part(offset, length);
		memcpy(to, place(blocks, offset), some);
	}
}

void sim_blocks_copy(struct sim_blocks *to, const struct sim_blocks *from, uint64_t begin,
		     uint64_t end)
{
	size_t some;

	for (; begin < end; begin += some) {
		some = part(begin, end - begin);
		sim_blocks_write(to, begin, place(from, begin), some);
	}
}

void sim_blocks_free(struct sim_blocks *blocks)
{
	set_count(blocks, 0);
	free(blocks->at);
	memset(blocks, 0, sizeof(*blocks));
}
