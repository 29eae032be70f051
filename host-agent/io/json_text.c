// SPDX-License-Identifier: GPL-2.0
/* Bytes that need not be UTF-8, as a string of JSON. */
#include "io/json_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/text.h"

json_t *fth_json_text(const void *text, size_t length)
{
	json_t *json = json_stringn(text, length);
	uint32_t at = 0, size, end;
	char *copy;

	if (json || length > UINT32_MAX)
		return json;
	end = fth_text_whole(text, (uint32_t)length);
	copy = malloc((size_t)end + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, end);
	while (at < end) {
		size = fth_text_char(copy + at, end - at);
		if (!size)
			copy[at] = '?';
		at += size ? size : 1;
	}
	json = json_stringn(copy, end);
	free(copy);
	return json;
}
