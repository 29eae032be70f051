// SPDX-License-Identifier: GPL-2.0
/*
 * CRC-32 of IEEE 802.3, eight bytes at a time.
 *
 * DESIGN
 * A remainder by the reflected polynomial 0xedb88320 is the sum of those of its
 * bits, so the eight remainders of one bit each make a table of all bytes.
 * Table n is for a byte that n more bytes follow: eight look-ups that do not
 * wait for each other take the place of eight that do.
 */
#include "fother/codec.h"

#define SLICE 8u

#define BIT_OF(byte, bit, remainder) ((byte) >> (bit)&1 ? (remainder) : 0u)
#define BYTE(n, b0, b1, b2, b3, b4, b5, b6, b7)                                      \
	(BIT_OF(n, 0, b0) ^ BIT_OF(n, 1, b1) ^ BIT_OF(n, 2, b2) ^ BIT_OF(n, 3, b3) ^ \
	 BIT_OF(n, 4, b4) ^ BIT_OF(n, 5, b5) ^ BIT_OF(n, 6, b6) ^ BIT_OF(n, 7, b7))
#define BYTES_4(n, ...)                                                                 \
	BYTE((n), __VA_ARGS__), BYTE((n) + 1, __VA_ARGS__), BYTE((n) + 2, __VA_ARGS__), \
		BYTE((n) + 3, __VA_ARGS__)
#define BYTES_16(n, ...)                                                                         \
	BYTES_4((n), __VA_ARGS__), BYTES_4((n) + 4, __VA_ARGS__), BYTES_4((n) + 8, __VA_ARGS__), \
		BYTES_4((n) + 12, __VA_ARGS__)
#define BYTES_64(n, ...)                                             \
	BYTES_16((n), __VA_ARGS__), BYTES_16((n) + 16, __VA_ARGS__), \
		BYTES_16((n) + 32, __VA_ARGS__), BYTES_16((n) + 48, __VA_ARGS__)
#define TABLE(...)                                                                               \
	{                                                                                        \
		BYTES_64(0, __VA_ARGS__), BYTES_64(64, __VA_ARGS__), BYTES_64(128, __VA_ARGS__), \
			BYTES_64(192, __VA_ARGS__)                                               \
	}

static const uint32_t remainders[SLICE][256] = {
	TABLE(0x77073096, 0xee0e612c, 0x076dc419, 0x0edb8832, 0x1db71064, 0x3b6e20c8, 0x76dc4190,
	      0xedb88320),
	TABLE(0x191b3141, 0x32366282, 0x646cc504, 0xc8d98a08, 0x4ac21251, 0x958424a2, 0xf0794f05,
	      0x3b83984b),
	TABLE(0x01c26a37, 0x0384d46e, 0x0709a8dc, 0x0e1351b8, 0x1c26a370, 0x384d46e0, 0x709a8dc0,
	      0xe1351b80),
	TABLE(0xb8bc6765, 0xaa09c88b, 0x8f629757, 0xc5b428ef, 0x5019579f, 0xa032af3e, 0x9b14583d,
	      0xed59b63b),
	TABLE(0x3d6029b0, 0x7ac05360, 0xf580a6c0, 0x30704bc1, 0x60e09782, 0xc1c12f04, 0x58f35849,
	      0xb1e6b092),
	TABLE(0xcb5cd3a5, 0x4dc8a10b, 0x9b914216, 0xec53826d, 0x03d6029b, 0x07ac0536, 0x0f580a6c,
	      0x1eb014d8),
	TABLE(0xa6770bb4, 0x979f1129, 0xf44f2413, 0x33ef4e67, 0x67de9cce, 0xcfbd399c, 0x440b7579,
	      0x8816eaf2),
	TABLE(0xccaa009e, 0x4225077d, 0x844a0efa, 0xd3e51bb5, 0x7cbb312b, 0xf9766256, 0x299dc2ed,
	      0x533b85da),
};

static uint32_t load(const uint8_t *byte)
{
	return byte[0] | (uint32_t)byte[1] << 8 | (uint32_t)byte[2] << 16 | (uint32_t)byte[3] << 24;
}

uint32_t fth_crc32(const void *data, size_t length)
{
	const uint8_t *byte = data;
	uint32_t crc = ~0u;
	uint32_t next;

	for (; length >= SLICE; length -= SLICE, byte += SLICE) {
		crc ^= load(byte);
		next = load(byte + 4);
		crc = remainders[7][crc & 0xff] ^ remainders[6][crc >> 8 & 0xff] ^
		      remainders[5][crc >> 16 & 0xff] ^ remainders[4][crc >> 24] ^
		      remainders[3][next & 0xff] ^ remainders[2][next >> 8 & 0xff] ^
		      remainders[1][next >> 16 & 0xff] ^ remainders[0][next >> 24];
	}
	while (length--)
		crc = crc >> 8 ^ remainders[0][(crc ^ *byte++) & 0xff];
	return ~crc;
}
