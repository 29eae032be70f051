/* SPDX-License-Identifier: GPL-2.0 */
/* Bounded strings for code that has no C library but mem*(). */
#ifndef FTH_CORE_TEXT_H
#define FTH_CORE_TEXT_H

#include "fother/types.h"

/**
 * fth_text_format() - compose a string; cut where the room ends, between two characters
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

/**
 * fth_text_char() - the character of UTF-8 at the start of a text
 * @length: bytes of @text, at least 1
 * Return: its bytes; 0: there is none that is whole and valid.
 */
uint32_t fth_text_char(const char *text, uint32_t length);

/** fth_text_whole() - bytes of @text but for half a character of UTF-8 at its end. */
uint32_t fth_text_whole(const char *text, uint32_t length);

/** fth_text_equal() - do two NUL-terminated texts agree? */
bool fth_text_equal(const char *one, const char *other);

#endif /* FTH_CORE_TEXT_H */
