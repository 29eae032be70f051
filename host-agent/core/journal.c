// SPDX-License-Identifier: GPL-2.0
/*
 * Rollout events as bytes, for the journal.
 *
 * DESIGN
 * A record: version, every fixed-size field in the order of the code below,
 * little-endian, then the strings, each with a 16-bit length.  One layout for
 * all kinds: a record is small and a reader needs no table of kinds.  A checksum ends
 * it: SQLite has none for what lies in its pages, and a state that is replayed from
 * a bit that fell over would be a guess at what the fleet runs.  Records of version 2 lack
 * it, those of version 1 also the user's number and name, which were nobody's then.
 */
#include "core/journal.h"

#include "core/text.h"
#include "fother/codec.h"

#define RECORD_VERSION 3u
#define RECORD_VERSION_NO_SUM 2u
#define RECORD_VERSION_OLD 1u /* without the user */
#define SUM_SIZE 4u
#define FLAG_MATCHES 0x01u
#define FLAG_REACHABLE 0x02u
#define FLAG_RESTORED 0x04u
#define FLAG_EFFECT 0x08u
#define FLAG_BLOCKED 0x10u
#define FLAGS_ALL 0x1fu

struct string_field {
	uint32_t offset;
	uint32_t size;
};

#define STRING(field)                                                     \
	{                                                                 \
		offsetof(struct fth_rollout_event, field),                \
			sizeof(((struct fth_rollout_event *)NULL)->field) \
	}

static const struct string_field strings[] = {
	STRING(vm), STRING(host), STRING(group), STRING(release), STRING(why), STRING(who),
};

#define STRINGS (sizeof(strings) / sizeof(*strings))
#define STRINGS_OLD (STRINGS - 1) /* version 1 ends before @who */

/* version, kind, state, flags; code; now, op, taint, capabilities; boot id; then uid */
#define FIXED_SIZE_OLD (4u + 2u + 4u * 8u + FTH_UUID_SIZE)
#define FIXED_SIZE (FIXED_SIZE_OLD + 4u)

static_assert(FIXED_SIZE + SUM_SIZE + 6 * 2 + FTH_VM_NAME_MAX + FTH_HOST_NAME_MAX +
			      FTH_GROUP_NAME_MAX + FTH_RELEASE_MAX + FTH_WHY_MAX + FTH_WHO_MAX <=
		      FTH_JOURNAL_RECORD_MAX,
	      "a record holds the longest event");

static uint8_t *put(uint8_t *at, uint64_t number, uint32_t bytes)
{
	for (; bytes; bytes--, number >>= 8)
		*at++ = (uint8_t)number;
	return at;
}

static uint64_t get(const uint8_t **at, uint32_t bytes)
{
	uint64_t number = 0;
	uint32_t i;

	for (i = 0; i < bytes; i++)
		number |= (uint64_t) * (*at)++ << (8 * i);
	return number;
}

/*
 * A verdict lies where other kinds have an answer: its round for the op, its
 * check and what it says for the code.  Older records need no other layout.
 */
static uint64_t op_of(const struct fth_rollout_event *event)
{
	return event->kind == FTH_RE_HEALTH ? event->round : event->op_id;
}

static uint16_t code_of(const struct fth_rollout_event *event)
{
	return event->kind == FTH_RE_HEALTH ? (uint16_t)(event->check | event->verdict << 8)
					    : event->code;
}

static void split_verdict(struct fth_rollout_event *event)
{
	if (event->kind != FTH_RE_HEALTH)
		return;
	event->round = event->op_id;
	event->check = (uint8_t)event->code;
	event->verdict = (uint8_t)(event->code >> 8);
	event->op_id = 0;
	event->code = 0;
}

static bool kind_known(uint8_t kind)
{
	return kind >= FTH_RE_ADD_VM && kind <= FTH_RE_FORGET;
}

uint32_t fth_journal_encode(const struct fth_rollout_event *event, uint8_t *buffer)
{
	uint8_t *at = buffer;
	uint32_t length;
	const char *text;
	uint32_t i;

	if (!kind_known(event->kind))
		return 0;
	at = put(at, RECORD_VERSION, 1);
	at = put(at, event->kind, 1);
	at = put(at, event->guest_state, 1);
	at = put(at,
		 (event->sha256_matches ? FLAG_MATCHES : 0) |
			 (event->reachable ? FLAG_REACHABLE : 0) |
			 (event->restored ? FLAG_RESTORED : 0) | (event->effect ? FLAG_EFFECT : 0) |
			 (event->blocked ? FLAG_BLOCKED : 0),
		 1);
	at = put(at, code_of(event), 2);
	at = put(at, event->now_ms, 8);
	at = put(at, op_of(event), 8);
	at = put(at, event->taint, 8);
	at = put(at, event->capabilities, 8);
	memcpy(at, event->boot_id, FTH_UUID_SIZE);
	at += FTH_UUID_SIZE;
	at = put(at, event->uid, 4);
	for (i = 0; i < STRINGS; i++) {
		text = (const char *)event + strings[i].offset;
		length = fth_text_length(text, strings[i].size);
		if (length == strings[i].size)
			return 0;
		at = put(at, length, 2);
		memcpy(at, text, length);
		at += length;
	}
	at = put(at, fth_crc32(buffer, (size_t)(at - buffer)), SUM_SIZE);
	return (uint32_t)(at - buffer);
}

static int decode_strings(const uint8_t *at, const uint8_t *end, uint32_t count,
			  struct fth_rollout_event *event)
{
	uint32_t length;
	uint32_t i;

	for (i = 0; i < count; i++) {
		if (end - at < 2)
			return -EBADMSG;
		length = (uint32_t)get(&at, 2);
		if (length >= strings[i].size || length > end - at || memchr(at, 0, length))
			return -EBADMSG;
		memcpy((char *)event + strings[i].offset, at, length);
		at += length;
	}
	return at == end ? 0 : -EBADMSG;
}

/*
 * The version of a record that is whole; @length becomes that of what is before its sum.
 * Return: 0 for one that is not.
 */
static uint8_t check_record(const uint8_t *data, uint32_t *length)
{
	const uint8_t *sum;

	if (*length < FIXED_SIZE_OLD || *length > FTH_JOURNAL_RECORD_MAX)
		return 0;
	if (data[0] == RECORD_VERSION_OLD)
		return data[0];
	if (data[0] == RECORD_VERSION_NO_SUM)
		return *length < FIXED_SIZE ? 0 : data[0];
	if (data[0] != RECORD_VERSION || *length < FIXED_SIZE + SUM_SIZE)
		return 0;
	*length -= SUM_SIZE;
	sum = data + *length;
	return get(&sum, SUM_SIZE) == fth_crc32(data, *length) ? data[0] : 0;
}

int fth_journal_decode(const uint8_t *data, uint32_t length, struct fth_rollout_event *ret_event)
{
	struct fth_rollout_event event;
	const uint8_t *at = data + 1;
	uint8_t version = check_record(data, &length);
	uint8_t flags;

	memset(&event, 0, sizeof(event));
	if (!version)
		return -EBADMSG;
	event.kind = (uint8_t)get(&at, 1);
	event.guest_state = (uint8_t)get(&at, 1);
	flags = (uint8_t)get(&at, 1);
	if (!kind_known(event.kind) || (flags & ~FLAGS_ALL))
		return -EBADMSG;
	event.sha256_matches = flags & FLAG_MATCHES;
	event.reachable = flags & FLAG_REACHABLE;
	event.restored = flags & FLAG_RESTORED;
	event.effect = flags & FLAG_EFFECT;
	event.blocked = flags & FLAG_BLOCKED;
	event.code = (uint16_t)get(&at, 2);
	event.now_ms = get(&at, 8);
	event.op_id = get(&at, 8);
	event.taint = get(&at, 8);
	event.capabilities = get(&at, 8);
	split_verdict(&event);
	memcpy(event.boot_id, at, FTH_UUID_SIZE);
	at += FTH_UUID_SIZE;
	event.uid = version == RECORD_VERSION_OLD ? 0 : (uint32_t)get(&at, 4);
	if (decode_strings(at, data + length, version == RECORD_VERSION_OLD ? STRINGS_OLD : STRINGS,
			   &event))
		return -EBADMSG;
	memcpy(ret_event, &event, sizeof(event));
	return 0;
}
