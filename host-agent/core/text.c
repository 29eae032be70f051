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
};

static void put(struct out *out, const char *data, uint32_t length)
{
	uint32_t room = out->size - 1 - out->length;

	if (length > room)
		length = room;
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
	memset(ret_text + out.length, 0, size - out.length);
}

void fth_text_copy(char *ret_text, uint32_t size, const char *text)
{
	fth_text_format(ret_text, size, "%s", text);
}
