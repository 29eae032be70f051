/* SPDX-License-Identifier: GPL-2.0 */
/* A file's content in memory, block by block: it grows without being moved. */
#ifndef FTH_SIM_BLOCKS_H
#define FTH_SIM_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define SIM_BLOCK 65536u /* bytes */

/**
 * struct sim_blocks - zeroed: an empty file
 * @at: @count blocks; what is behind @size is zero
 */
struct sim_blocks {
	uint8_t **at;
	uint32_t count;
	uint64_t size;
};

/** sim_blocks_resize() - cut off, or add zeroes. */
void sim_blocks_resize(struct sim_blocks *blocks, uint64_t size);

/** sim_blocks_write() - grows where need be. */
void sim_blocks_write(struct sim_blocks *blocks, uint64_t offset, const void *bytes, size_t length);

/** sim_blocks_read() - all of it lies below the size. */
void sim_blocks_read(const struct sim_blocks *blocks, uint64_t offset, void *bytes, size_t length);

/** sim_blocks_copy() - the same range of another file, below that one's size. */
void sim_blocks_copy(struct sim_blocks *to, const struct sim_blocks *from, uint64_t begin,
		     uint64_t end);

void sim_blocks_free(struct sim_blocks *blocks);

#endif /* FTH_SIM_BLOCKS_H */
