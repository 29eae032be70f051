/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes that need not be UTF-8, as a string of JSON. */
#ifndef FTH_IO_JSON_TEXT_H
#define FTH_IO_JSON_TEXT_H

#include <jansson.h>
#include <stddef.h>

/**
 * fth_json_text() - a string of any bytes as JSON
 * @text: bytes that are no UTF-8 are shown as '?' each; half a character at the end,
 *	where somebody cut it, as nothing
 * @length: bytes
 * Return: a new reference; NULL: no memory.
 */
json_t *fth_json_text(const void *text, size_t length);

#endif /* FTH_IO_JSON_TEXT_H */
