// SPDX-License-Identifier: GPL-2.0
/* Bounded strings for code that has no C library but mem*(). */
#include "core/text.h"

#include <stdarg.h>

/* Longest text these helpers look at, bytes. */
#define TEXT_MAX 65536u
#define DIGITS_MAX 20u /* of 2^64 */

struct out {
	char *text;
	uint32_t size;
	uint32_t length;
	bool full; /* something was cut off */
};

static void put(struct out *out, const char *data, uint32_t length)
{
	uint32_t room = out->size - 1 - out->length;

	if (length > room) {
		length = room;
		out->full = true;
	}
	if (length)
		memcpy(out->text + out->length, data, length);
	out->length += length;
}

static void put_number(struct out *out, uint64_t number)
{
	char digits[DIGITS_MAX];
	uint32_t at = DIGITS_MAX;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	put(out, digits + at, DIGITS_MAX - at);
}

uint32_t fth_text_length(const char *text, uint32_t max)
{
	const char *end = memchr(text, 0, max);

	return end ? (uint32_t)(end - text) : max;
}

/* As its first byte says; 0: no character begins so. */
static uint32_t char_size(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xc2 || first > 0xf4)
		return 0;
	return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

uint32_t fth_text_char(const char *text, uint32_t length)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const uint8_t *bytes = (const uint8_t *)text;
	uint32_t size = char_size(bytes[0]);
	uint32_t value = size > 1 ? bytes[0] & (0x7fu >> size) : 0;
	uint32_t i;

	if (!size || size > length)
		return 0;
	for (i = 1; i < size; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		value = value << 6 | (bytes[i] & 0x3f);
	}
	if (size > 1 && (value < least[size] || value > 0x10ffff))
		return 0;
	return value >= 0xd800 && value <= 0xdfff ? 0 : size; /* half of UTF-16's pairs */
}

uint32_t fth_text_whole(const char *text, uint32_t length)
{
	uint32_t back = 1;

	while (back < length && back < 4 && ((uint8_t)text[length - back] & 0xc0) == 0x80)
		back++;
	return length && char_size((uint8_t)text[length - back]) > back ? length - back : length;
}

bool fth_text_equal(const char *one, const char *other)
{
	uint32_t length = fth_text_length(one, TEXT_MAX);

	return length == fth_text_length(other, TEXT_MAX) && !memcmp(one, other, length);
}

void fth_text_format(char *ret_text, uint32_t size, const char *format, ...)
{
	struct out out = { .text = ret_text, .size = size };
	const char *text;
	va_list args;

	va_start(args, format);
	for (; *format; format++) {
		if (*format != '%') {
			put(&out, format, 1);
			continue;
		}
		switch (*++format) {
		case 's':
			text = va_arg(args, const char *);
			if (text)
				put(&out, text, fth_text_length(text, size));
			break;
		case 'u':
			put_number(&out, va_arg(args, uint32_t));
			break;
		case 'l': /* of "llu" */
			put_number(&out, va_arg(args, unsigned long long));
			format += 2;
			break;
		default:
			put(&out, format, 1);
		}
	}
	va_end(args);
	if (out.full)
		out.length = fth_text_whole(ret_text, out.length);
	memset(ret_text + out.length, 0, size - out.length);
}

void fth_text_copy(char *ret_text, uint32_t size, const char *text)
{
	fth_text_format(ret_text, size, "%s", text);
}
