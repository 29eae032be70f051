/* SPDX-License-Identifier: GPL-2.0 */
/* Fixed-width types, size_t, bool and mem*(), in the kernel and on the host. */
#ifndef FOTHER_TYPES_H
#define FOTHER_TYPES_H

#include <linux/types.h>

#ifdef __KERNEL__
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/stddef.h>
#include <linux/string.h>
#else
#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#endif

/**
 * struct fth_span - bytes that belong to somebody else
 * @data: first byte; may be NULL where @length is 0
 * @length: bytes; a string's length is without a terminating NUL
 *
 * A decoded message borrows its spans from the frame's payload: they are
 * valid until the buffer that was decoded is reused.
 */
struct fth_span {
	const uint8_t *data;
	uint32_t length;
};

#endif /* FOTHER_TYPES_H */
