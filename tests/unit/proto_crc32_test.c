// SPDX-License-Identifier: GPL-2.0
/* The checksum of frames, against its definition: bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fother/codec.h"

#define BYTES_MAX 300u
#define POLYNOMIAL 0xedb88320u

static uint32_t by_bits(const uint8_t *byte, size_t length)
{
	uint32_t crc = ~0u;
	int bit;

	while (length--) {
		crc ^= *byte++;
		for (bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
	}
	return ~crc;
}

static void test_check_value(void **state)
{
	(void)state;
	assert_int_equal(fth_crc32("123456789", 9), 0xcbf43926);
	assert_int_equal(fth_crc32("", 0), 0);
}

/* Every byte in every place of a slice, every length, wherever it lies in memory. */
static void test_agrees_with_its_definition(void **state)
{
	uint8_t bytes[BYTES_MAX + 8];
	size_t length;
	size_t from;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 167 + 13);
	for (from = 0; from < 8; from++)
		for (length = 0; length <= BYTES_MAX; length++)
			assert_int_equal(fth_crc32(bytes + from, length),
					 by_bits(bytes + from, length));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_value),
		cmocka_unit_test(test_agrees_with_its_definition),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
