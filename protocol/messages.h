/* SPDX-License-Identifier: GPL-2.0 */
/* What every message is made of, as rows for one reader and one writer. */
#ifndef FOTHER_PROTOCOL_MESSAGES_H
#define FOTHER_PROTOCOL_MESSAGES_H

#include "fother/types.h"

/* What a row's field is. */
enum kind {
	KIND_INTEGER, /* @max: largest value, 0 = any */
	KIND_BYTES,   /* @min … @max bytes */
	KIND_STRING,  /* as bytes, none of them NUL */
	KIND_NAME,    /* as string, of a module name's characters */
	KIND_STRINGS, /* up to @repeat strings */
	KIND_RECORDS, /* up to @repeat structures of rows of their own */
};

struct layout;

/**
 * struct field - one row
 * @record: what one of KIND_RECORDS is made of
 * @why: the field's name and what is allowed
 * @tag: enum fth_wire_tag
 * @kind: enum kind
 * @size: of the member; of one element where @repeat is not 0
 * @required: must stand in the message
 * @omit_zero: an integer that is 0 is not written
 * @repeat: how often it may stand; 0 for a field that is no list
 * @offset: of the member or the list's first element
 * @count_offset: of the list's count, one byte
 * @min: least bytes
 * @max: most bytes, or largest value
 */
struct field {
	const struct layout *record;
	const char *why;
	uint16_t tag;
	uint8_t kind;
	uint8_t size;
	bool required;
	bool omit_zero;
	uint8_t repeat;
	uint16_t offset;
	uint16_t count_offset;
	uint16_t min;
	uint16_t max;
};

/* A payload's or a record's rows, in the order in which they are written. */
struct layout {
	const struct field *fields;
	uint32_t count;
};

/* Rows of the longest layout: that of APPLY. */
#define FTH_ROWS_MAX 20

/* A type of enum fth_wire_type. */
struct message {
	const char *name;
	uint8_t type;
	struct layout layout;
};

/** fth_messages_find() - the rows of a type; NULL for one without a name */
const struct message *fth_messages_find(uint8_t type);

#endif /* FOTHER_PROTOCOL_MESSAGES_H */
