/* SPDX-License-Identifier: GPL-2.0 */
/* Bounded strings for code that has no C library but mem*(). */
#ifndef FTH_CORE_TEXT_H
#define FTH_CORE_TEXT_H

#include "fother/types.h"

/**
 * fth_text_format() - compose a string; cut where the room ends
 * @ret_text: @size bytes; the rest behind the text is zeroed, so that equal
 *	texts are equal memory
 * @size: at least 1
 * @format: %s (NULL prints as nothing), %u (uint32_t), %llu (uint64_t), %%
 */
__attribute__((format(printf, 3, 4))) void fth_text_format(char *ret_text, uint32_t size,
							   const char *format, ...);

/** fth_text_copy() - as fth_text_format() of "%s". */
void fth_text_copy(char *ret_text, uint32_t size, const char *text);

/** fth_text_length() - bytes before the NUL, at most @max. */
uint32_t fth_text_length(const char *text, uint32_t max);

/** fth_text_equal() - do two NUL-terminated texts agree? */
bool fth_text_equal(const char *one, const char *other);

#endif /* FTH_CORE_TEXT_H */
