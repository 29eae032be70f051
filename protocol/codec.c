// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: a payload's fields in and out of structures.
 *
 * DESIGN
 * One row per field (messages.c) says all there is to know of it; one reader
 * and one writer work through the rows.  Fields are written in the rows' order
 * and read in any.  Reading walks a payload twice, first without storing, so
 * that a malformed one leaves the output untouched with no second message of
 * 3 KiB to copy from.
 *
 * Only shape is checked here: whether an epoch is stale, a chunk in order or a
 * policy in range is for others to say.
 */
#include "fother/codec.h"

#include "bytes.h"
#include "messages.h"

bool fth_name_is_good(struct fth_span text)
{
	if (!text.length || text.length > FTH_NAME_MAX)
		return false;
	for (uint32_t i = 0; i < text.length; i++) {
		uint8_t c = text.data[i];
		uint8_t lower = c | 0x20;

		if ((lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_')
			continue;
		/* Neither a hidden file nor an option of a command. */
		if (!i || (c != '-' && c != '.'))
			return false;
	}
	return true;
}

static bool bytes_are_good(const struct field *field, struct fth_span bytes)
{
	if (bytes.length < field->min || bytes.length > field->max)
		return false;
	if (field->kind == KIND_BYTES)
		return true;
	if (field->kind == KIND_NAME)
		return fth_name_is_good(bytes);
	return !memchr(bytes.data, 0, bytes.length);
}

static bool integer_is_good(const struct field *field, uint64_t value)
{
	return !field->max || value <= field->max;
}

static void store_integer(void *member, uint64_t value, uint32_t size)
{
	if (size == sizeof(uint8_t))
		*(uint8_t *)member = (uint8_t)value;
	else if (size == sizeof(uint16_t))
		*(uint16_t *)member = (uint16_t)value;
	else if (size == sizeof(uint32_t))
		*(uint32_t *)member = (uint32_t)value;
	else
		*(uint64_t *)member = value;
}

static uint64_t load_integer(const void *member, uint32_t size)
{
	if (size == sizeof(uint8_t))
		return *(const uint8_t *)member;
	if (size == sizeof(uint16_t))
		return *(const uint16_t *)member;
	if (size == sizeof(uint32_t))
		return *(const uint32_t *)member;
	return *(const uint64_t *)member;
}

/* The next field off @payload; false when it is cut short. */
static bool take_field(struct fth_span *payload, uint16_t *ret_tag, struct fth_span *ret_value)
{
	uint32_t length;

	if (payload->length < FTH_FIELD_HEADER_SIZE)
		return false;
	length = (uint32_t)fth_bytes_get(payload->data + 2, 2);
	if (length > payload->length - FTH_FIELD_HEADER_SIZE)
		return false;
	*ret_tag = (uint16_t)fth_bytes_get(payload->data, 2);
	ret_value->data = payload->data + FTH_FIELD_HEADER_SIZE;
	ret_value->length = length;
	payload->data += FTH_FIELD_HEADER_SIZE + length;
	payload->length -= FTH_FIELD_HEADER_SIZE + length;
	return true;
}

static int read_fields(const struct layout *layout, struct fth_span payload, void *body,
		       const char **ret_why);

/*
 * @member is NULL where nothing is to be stored.  Records hold no records, so
 * the recursion is one deep whatever a peer sends.
 */
static int read_value(const struct field *field, struct fth_span value, void *member,
		      const char **ret_why)
{
	uint64_t integer;

	*ret_why = field->why;
	switch (field->kind) {
	case KIND_INTEGER:
		if (value.length != field->size)
			return -EBADMSG;
		integer = fth_bytes_get(value.data, value.length);
		if (!integer_is_good(field, integer))
			return -EBADMSG;
		if (member)
			store_integer(member, integer, field->size);
		return 0;
	case KIND_RECORDS:
		return read_fields(field->record, value, member, ret_why);
	default:
		if (!bytes_are_good(field, value))
			return -EBADMSG;
		if (member)
			*(struct fth_span *)member = value;
		return 0;
	}
}

static uint32_t find_row(const struct layout *layout, uint16_t tag)
{
	uint32_t row = 0;

	while (row < layout->count && layout->fields[row].tag != tag)
		row++;
	return row;
}

/* Only checks where @body is NULL. */
static int read_fields(const struct layout *layout, struct fth_span payload, void *body,
		       const char **ret_why)
{
	uint8_t found[FTH_ROWS_MAX] = { 0 };
	int error;

	while (payload.length) {
		const struct field *field;
		struct fth_span value;
		uint16_t tag;
		uint32_t row;
		uint8_t *member = NULL;

		*ret_why = "payload: a field is cut short";
		if (!take_field(&payload, &tag, &value))
			return -EBADMSG;
		row = find_row(layout, tag);
		if (row == layout->count) {
			*ret_why = "payload: a critical field is not known";
			if (tag & FTH_TAG_CRITICAL)
				return -EBADMSG;
			continue;
		}
		field = &layout->fields[row];
		*ret_why = field->why;
		if (found[row] >= (field->repeat ? field->repeat : 1))
			return -EBADMSG;
		if (body)
			member = (uint8_t *)body + field->offset + found[row] * field->size;
		error = read_value(field, value, member, ret_why);
		if (error)
			return error;
		found[row]++;
	}
	for (uint32_t row = 0; row < layout->count; row++) {
		const struct field *field = &layout->fields[row];

		*ret_why = field->why;
		if (field->required && !found[row])
			return -EBADMSG;
		if (body && field->repeat)
			*((uint8_t *)body + field->count_offset) = found[row];
	}
	return 0;
}

int fth_msg_decode(const struct fth_frame *frame, struct fth_msg *ret_msg, const char **ret_why)
{
	const struct message *message = fth_messages_find(frame->type);
	const char *why = "type: not known";
	int error = -EOPNOTSUPP;

	if (message)
		error = read_fields(&message->layout, frame->payload, NULL, &why);
	if (error) {
		*ret_why = why;
		return error;
	}
	memset(ret_msg, 0, sizeof(*ret_msg));
	ret_msg->type = frame->type;
	ret_msg->seq = frame->seq;
	ret_msg->session = frame->session;
	ret_msg->op_id = frame->op_id;
	if (frame->type == FTH_T_APPLY)
		fth_policy_set_defaults(&ret_msg->u.apply.policy);
	return read_fields(&message->layout, frame->payload, &ret_msg->u, &why);
}

/* Once something did not fit, nothing more is written but all is checked. */
struct writer {
	uint8_t *buffer;
	uint32_t size;
	uint32_t length;
	bool full;
};

static void put_bytes(struct writer *writer, const void *bytes, uint32_t count)
{
	if (count > writer->size - writer->length)
		writer->full = true;
	if (writer->full || !count)
		return;
	memcpy(writer->buffer + writer->length, bytes, count);
	writer->length += count;
}

static void put_integer(struct writer *writer, uint64_t value, uint32_t size)
{
	uint8_t bytes[sizeof(value)];

	fth_bytes_put(bytes, value, size);
	put_bytes(writer, bytes, size);
}

static int write_fields(struct writer *writer, const struct layout *layout, const void *body);

static int write_value(struct writer *writer, const struct field *field, const void *member)
{
	const struct fth_span *bytes = member;
	uint64_t integer;

	switch (field->kind) {
	case KIND_INTEGER:
		integer = load_integer(member, field->size);
		if (!integer_is_good(field, integer))
			return -EINVAL;
		put_integer(writer, integer, field->size);
		return 0;
	case KIND_RECORDS:
		return write_fields(writer, field->record, member);
	default:
		if (!bytes_are_good(field, *bytes))
			return -EINVAL;
		put_bytes(writer, bytes->data, bytes->length);
		return 0;
	}
}

static int write_field(struct writer *writer, const struct field *field, const void *member)
{
	uint32_t start;
	int error;

	put_integer(writer, field->tag, 2);
	put_integer(writer, 0, 2);
	start = writer->length;
	error = write_value(writer, field, member);
	if (!error && !writer->full)
		fth_bytes_put(writer->buffer + start - 2, writer->length - start, 2);
	return error;
}

static bool is_left_out(const struct field *field, const void *member)
{
	if (field->repeat || field->required)
		return false;
	if (field->kind == KIND_INTEGER)
		return field->omit_zero && !load_integer(member, field->size);
	return !((const struct fth_span *)member)->length;
}

static int write_fields(struct writer *writer, const struct layout *layout, const void *body)
{
	for (uint32_t row = 0; row < layout->count; row++) {
		const struct field *field = &layout->fields[row];
		const uint8_t *member = (const uint8_t *)body + field->offset;
		uint8_t count = 1;

		if (is_left_out(field, member))
			continue;
		if (field->repeat) {
			count = *((const uint8_t *)body + field->count_offset);
			if (count > field->repeat)
				return -EINVAL;
		}
		for (; count; count--, member += field->size) {
			int error = write_field(writer, field, member);

			if (error)
				return error;
		}
	}
	return 0;
}

static void put_header(uint8_t *buffer, const struct fth_msg *msg, uint32_t length)
{
	FTH_HEADER_PUT(buffer, magic, FTH_WIRE_MAGIC);
	FTH_HEADER_PUT(buffer, version, FTH_WIRE_VERSION);
	FTH_HEADER_PUT(buffer, type, msg->type);
	FTH_HEADER_PUT(buffer, flags, 0);
	FTH_HEADER_PUT(buffer, session, msg->session);
	FTH_HEADER_PUT(buffer, op_id, msg->op_id);
	FTH_HEADER_PUT(buffer, seq, msg->seq);
	FTH_HEADER_PUT(buffer, length, length);
	FTH_HEADER_PUT(buffer, payload_crc, fth_crc32(buffer + FTH_HEADER_SIZE, length));
	FTH_HEADER_PUT(buffer, header_crc,
		       fth_crc32(buffer, offsetof(struct fth_wire_header, header_crc)));
}

int fth_msg_encode(const struct fth_msg *msg, uint8_t *buffer, size_t size, uint32_t *ret_length)
{
	const struct message *message = fth_messages_find(msg->type);
	struct writer writer = { .buffer = buffer };
	int error;

	if (!message || !msg->session)
		return -EINVAL;
	if (size > FTH_DECODER_BUFFER_SIZE)
		size = FTH_DECODER_BUFFER_SIZE;
	writer.full = size < FTH_HEADER_SIZE;
	if (!writer.full) {
		writer.size = (uint32_t)size;
		writer.length = FTH_HEADER_SIZE;
	}
	error = write_fields(&writer, &message->layout, &msg->u);
	if (error)
		return error;
	if (writer.full)
		return -EMSGSIZE;
	put_header(buffer, msg, writer.length - FTH_HEADER_SIZE);
	*ret_length = writer.length;
	return 0;
}
