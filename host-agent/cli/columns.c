// SPDX-License-Identifier: GPL-2.0
/* UTF-8 as columns of a terminal. */
#include "cli/columns.h"

#include <stdint.h>
#include <wchar.h>

#define IS_CONTINUATION(byte) (((byte)&0xc0) == 0x80)

/* Bytes of the character that @text, which is not empty, begins with. */
static size_t character(const char *text, wchar_t *ret_character)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t length = bytes[0] < 0xc0 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	uint32_t value = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);
	size_t i;

	for (i = 1; i < length; i++) {
		if (!IS_CONTINUATION(bytes[i])) {
			*ret_character = L'?';
			return 1;
		}
		value = value << 6 | (bytes[i] & 0x3f);
	}
	*ret_character = (wchar_t)value;
	return length;
}

/* One step on, in bytes and in columns. */
static size_t step(const char *text, size_t *ret_columns)
{
	wchar_t one;
	size_t length = character(text, &one);
	int width = wcwidth(one);

	*ret_columns = width < 0 ? 1 : (size_t)width;
	return length;
}

size_t fth_columns(const char *text)
{
	size_t sum = 0, columns;

	for (; *text; sum += columns)
		text += step(text, &columns);
	return sum;
}

size_t fth_columns_fit(const char *text, size_t room)
{
	size_t used = 0, columns, length;

	for (; text[used]; room -= columns, used += length) {
		length = step(text + used, &columns);
		if (columns > room)
			break;
	}
	return used;
}
