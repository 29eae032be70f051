// SPDX-License-Identifier: GPL-2.0
/*
 * A payload's manifest as text.
 *
 * DESIGN
 * Input: the bytes that were signed, and back.  One content has exactly one
 * text: nothing is skipped, no blank, no case, no order is free.  What can't be
 * written by fth_manifest_format() is not read by fth_manifest_parse().
 */
#include "fother/signature.h"

#include "bytes.h"

#define EPOCH_DIGITS_MAX 20 /* of a u64 */

static_assert(FTH_MANIFEST_VMS_MAX == 128, "a message says so");

static const char head[] = "fother-manifest 1\n";

/* What is left of a text. */
struct reader {
	const uint8_t *at;
	const uint8_t *end;
};

static size_t left(const struct reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

/* Take @word, which has no NUL, if it comes next. */
static bool take(struct reader *reader, const char *word, size_t length)
{
	if (left(reader) < length || memcmp(reader->at, word, length) != 0)
		return false;
	reader->at += length;
	return true;
}

#define TAKE(reader, literal) take(reader, literal, sizeof(literal) - 1)

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The value of a digit of hex, or -1. */
static int hex_value(uint8_t c, bool any_case)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (any_case && c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static uint8_t hex_digit(unsigned int value)
{
	return (uint8_t)(value < 10 ? '0' + value : 'a' + value - 10);
}

static bool hex_byte(const uint8_t *from, bool any_case, uint8_t *ret_byte)
{
	int high = hex_value(from[0], any_case);
	int low = hex_value(from[1], any_case);

	if (high < 0 || low < 0)
		return false;
	*ret_byte = (uint8_t)(high << 4 | low);
	return true;
}

/* Is a '-' before this byte of a UUID's text? */
static bool dash_before(uint32_t byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

static bool uuid_parse(const uint8_t *text, bool any_case, uint8_t *ret_uuid)
{
	uint8_t uuid[FTH_UUID_SIZE];
	uint32_t i;

	for (i = 0; i < FTH_UUID_SIZE; i++, text += 2) {
		if (dash_before(i) && *text++ != '-')
			return false;
		if (!hex_byte(text, any_case, &uuid[i]))
			return false;
	}
	memcpy(ret_uuid, uuid, sizeof(uuid));
	return true;
}

bool fth_uuid_parse(struct fth_span text, uint8_t *ret_uuid)
{
	return text.length == FTH_UUID_TEXT_SIZE && uuid_parse(text.data, true, ret_uuid);
}

static bool read_name(struct reader *reader, struct fth_span *ret_name)
{
	const uint8_t *begin = reader->at;

	while (reader->at < reader->end && is_name(*reader->at))
		reader->at++;
	*ret_name = (struct fth_span){ begin, (uint32_t)(reader->at - begin) };
	return ret_name->length && ret_name->length <= FTH_NAME_MAX;
}

static bool read_sha256(struct reader *reader, uint8_t *ret_sha256)
{
	uint32_t i;

	if (left(reader) < 2 * FTH_SHA256_SIZE)
		return false;
	for (i = 0; i < FTH_SHA256_SIZE; i++, reader->at += 2)
		if (!hex_byte(reader->at, false, &ret_sha256[i]))
			return false;
	return true;
}

static bool read_epoch(struct reader *reader, uint64_t *ret_epoch)
{
	const uint8_t *begin = reader->at;
	uint64_t epoch = 0;

	while (reader->at < reader->end && is_digit(*reader->at)) {
		uint64_t digit = *reader->at++ - '0';

		if (epoch > (~0ull - digit) / 10)
			return false;
		epoch = epoch * 10 + digit;
	}
	*ret_epoch = epoch;
	return reader->at > begin && (*begin != '0' || reader->at == begin + 1);
}

/* All that is left is lines of VMs. */
static bool read_vms(struct reader *reader, struct fth_span *ret_vms)
{
	const uint8_t *begin = reader->at;
	uint8_t uuid[FTH_UUID_SIZE];

	ret_vms->data = begin;
	ret_vms->length = (uint32_t)left(reader);
	if (left(reader) > FTH_MANIFEST_VMS_MAX * FTH_MANIFEST_VM_SIZE)
		return false;
	while (left(reader) >= FTH_MANIFEST_VM_SIZE) {
		if (!TAKE(reader, "vm=") || !uuid_parse(reader->at, false, uuid))
			return false;
		reader->at += FTH_UUID_TEXT_SIZE;
		if (!TAKE(reader, "\n"))
			return false;
	}
	return reader->at == reader->end;
}

int fth_manifest_parse(struct fth_span text, struct fth_manifest *ret_manifest,
		       const char **ret_why)
{
	struct reader reader = { text.data, text.data + text.length };
	struct fth_manifest manifest = {};
	const char *why = NULL;

	if (text.length > FTH_MANIFEST_MAX)
		why = "manifest is longer than that of the most VMs";
	else if (!TAKE(&reader, head))
		why = "expected the line 'fother-manifest 1'";
	else if (!TAKE(&reader, "name=") || !read_name(&reader, &manifest.name) ||
		 !TAKE(&reader, "\n"))
		why = "expected the line 'name=' with a module's name";
	else if (!TAKE(&reader, "sha256=") || !read_sha256(&reader, manifest.sha256) ||
		 !TAKE(&reader, "\n"))
		why = "expected the line 'sha256=' with 64 digits of hex in lower case";
	else if (!TAKE(&reader, "epoch=") || !read_epoch(&reader, &manifest.epoch) ||
		 !TAKE(&reader, "\n"))
		why = "expected the line 'epoch=' with a decimal number";
	else if (!read_vms(&reader, &manifest.vms))
		why = "expected at most 128 lines 'vm=' with a UUID in lower case, nothing else";
	if (why) {
		*ret_why = why;
		return -EBADMSG;
	}
	*ret_manifest = manifest;
	return 0;
}

/* Put text where there is room; what doesn't fit is only counted. */
struct writer {
	uint8_t *to;
	size_t size;
	size_t length;
};

static void put(struct writer *writer, const void *data, size_t length)
{
	if (length && writer->length <= writer->size && length <= writer->size - writer->length)
		memcpy(writer->to + writer->length, data, length);
	writer->length += length;
}

#define PUT(writer, literal) put(writer, literal, sizeof(literal) - 1)

static void put_hex(struct writer *writer, uint8_t byte)
{
	uint8_t digits[2] = { hex_digit(byte >> 4), hex_digit(byte & 0xf) };

	put(writer, digits, sizeof(digits));
}

static void put_decimal(struct writer *writer, uint64_t value)
{
	uint8_t digits[EPOCH_DIGITS_MAX];
	uint32_t at = sizeof(digits);

	do {
		digits[--at] = (uint8_t)('0' + value % 10);
		value /= 10;
	} while (value);
	put(writer, digits + at, sizeof(digits) - at);
}

static void put_manifest(struct writer *writer, const struct fth_manifest *manifest)
{
	uint32_t i;

	PUT(writer, head);
	PUT(writer, "name=");
	put(writer, manifest->name.data, manifest->name.length);
	PUT(writer, "\nsha256=");
	for (i = 0; i < FTH_SHA256_SIZE; i++)
		put_hex(writer, manifest->sha256[i]);
	PUT(writer, "\nepoch=");
	put_decimal(writer, manifest->epoch);
	PUT(writer, "\n");
	put(writer, manifest->vms.data, manifest->vms.length);
}

int fth_manifest_format(const struct fth_manifest *manifest, uint8_t *buffer, size_t size,
			uint32_t *ret_length)
{
	struct writer writer = { .to = buffer, .size = size };
	struct fth_manifest parsed;
	struct fth_span text;
	const char *why;

	put_manifest(&writer, manifest);
	if (writer.length > size)
		return -EMSGSIZE;
	text = (struct fth_span){ buffer, (uint32_t)writer.length };
	/* What can't be read back was not a manifest. */
	if (fth_manifest_parse(text, &parsed, &why))
		return -EINVAL;
	*ret_length = text.length;
	return 0;
}

bool fth_manifest_allows_vm(const struct fth_manifest *manifest, const uint8_t *uuid)
{
	uint8_t line[FTH_MANIFEST_VM_SIZE];
	uint32_t at;

	if (!manifest->vms.length)
		return true;
	if (!uuid)
		return false;
	fth_manifest_put_vm(line, uuid);
	for (at = 0; at < manifest->vms.length; at += FTH_MANIFEST_VM_SIZE)
		if (!memcmp(manifest->vms.data + at, line, sizeof(line)))
			return true;
	return false;
}

void fth_manifest_put_vm(uint8_t *to, const uint8_t *uuid)
{
	struct writer writer = { .to = to, .size = FTH_MANIFEST_VM_SIZE };
	uint32_t i;

	PUT(&writer, "vm=");
	for (i = 0; i < FTH_UUID_SIZE; i++) {
		if (dash_before(i))
			PUT(&writer, "-");
		put_hex(&writer, uuid[i]);
	}
	PUT(&writer, "\n");
}
