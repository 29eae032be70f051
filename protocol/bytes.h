/* SPDX-License-Identifier: GPL-2.0 */
/* Little-endian integers in bytes of any alignment. */
#ifndef FOTHER_PROTOCOL_BYTES_H
#define FOTHER_PROTOCOL_BYTES_H

#include "fother/types.h"
#include "fother/wire.h"

#define FTH_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/** fth_bytes_get() - the integer of @size (1 … 8) bytes at @from */
static inline uint64_t fth_bytes_get(const uint8_t *from, uint32_t size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | from[size];
	return value;
}

/** fth_bytes_put() - @value as @size (1 … 8) bytes at @to; cut to fit */
static inline void fth_bytes_put(uint8_t *to, uint64_t value, uint32_t size)
{
	for (; size; size--, value >>= 8)
		*to++ = (uint8_t)value;
}

/* One header field: where it stands and how long it is follow the struct. */
#define FTH_HEADER_GET(bytes, field)                                     \
	fth_bytes_get((bytes) + offsetof(struct fth_wire_header, field), \
		      sizeof(((struct fth_wire_header *)0)->field))
#define FTH_HEADER_PUT(bytes, field, value)                                       \
	fth_bytes_put((bytes) + offsetof(struct fth_wire_header, field), (value), \
		      sizeof(((struct fth_wire_header *)0)->field))

#endif /* FOTHER_PROTOCOL_BYTES_H */
