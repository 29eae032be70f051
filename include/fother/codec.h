/* SPDX-License-Identifier: GPL-2.0 */
/* Frames and messages: bytes in, structures out, and back. */
#ifndef FOTHER_CODEC_H
#define FOTHER_CODEC_H

#include "fother/consistency.h"
#include "fother/types.h"
#include "fother/wire.h"

/* Flags of struct fth_patch_info. */
#define FTH_PATCH_FORCED (1u << 0)    /* pinned for ever */
#define FTH_PATCH_BY_HAND (1u << 1)   /* loaded in the guest, not by a host */
#define FTH_PATCH_IMMEDIATE (1u << 2) /* switched without looking at any task */

/* One patch as HELLO_ACK, RESULT and EVENT show it. */
struct fth_patch_info {
	struct fth_span name;
	struct fth_span sha256; /* empty when loaded by hand */
	uint8_t state;		/* enum fth_lifecycle_state */
	uint8_t flags;		/* FTH_PATCH_* */
	uint8_t leave;		/* enum fth_leave; 0: it has no model yet, or doesn't say */
	uint8_t switches;	/* enum fth_switch; 0 with @leave */
	uint32_t functions;
	uint32_t pending;	  /* stragglers, also those that no answer has room for */
	uint32_t confirm_left_ms; /* until it reverts unless confirmed; 0: it doesn't */
	uint64_t hits;
};

/* One task that holds a transition up. */
struct fth_straggler_info {
	uint32_t pid;
	uint32_t since_ms;
	struct fth_span comm;
	struct fth_span where; /* a function's name or another reason */
	struct fth_span next;  /* what will be done about it */
};

/* A payload that a guest refuses until it is allowed again (ALLOW). */
struct fth_block_info {
	struct fth_span name;
	struct fth_span sha256; /* empty: by that name, loaded by hand */
	uint8_t trigger;	/* enum fth_trigger */
	uint32_t incident;
};

struct fth_msg_hello {
	uint64_t epoch; /* newest epoch of the host, 0 = none yet */
};

struct fth_msg_stage {
	uint64_t epoch;
	struct fth_span name;
	struct fth_span sha256;
	struct fth_span data;	   /* 1 … FTH_CHUNK_MAX bytes */
	struct fth_span signature; /* at offset 0 only; may be empty */
	uint32_t size;		   /* of the whole payload */
	uint32_t offset;	   /* 0 starts (or restarts) the staging */
};

struct fth_msg_apply {
	uint64_t epoch;
	struct fth_span name;
	struct fth_span sha256;
	struct fth_guest_policy policy;
};

/**
 * struct fth_msg_command - REVERSE, CONFIRM, NUDGE, FORCE, UNSTAGE, ALLOW, REVERT
 * @epoch: of all
 * @name: of all
 * @sha256: of all: the payload that is meant; empty: whatever has that name
 * @extend_ms: CONFIRM: 0 confirms; else it doesn't, and confirm.within begins
 *	anew with so many ms (needs FTH_CAP_CONFIRM_EXTEND)
 * @mode: REVERT: enum fth_revert_mode, 0 = as the patch's policy says
 */
struct fth_msg_command {
	uint64_t epoch;
	struct fth_span name;
	struct fth_span sha256;
	uint32_t extend_ms;
	uint8_t mode;
};

/* QUERY has no fields; its RESULT carries patches and stragglers. */

struct fth_msg_heartbeat {
	uint64_t uptime_ms; /* guest only */
	uint64_t taint;	    /* guest only */
};

struct fth_msg_hello_ack {
	struct fth_span vm_uuid; /* FTH_UUID_SIZE, or empty: SMBIOS has none */
	struct fth_span boot_id; /* FTH_UUID_SIZE */
	struct fth_span release;
	struct fth_span build_id; /* may be empty */
	struct fth_span engine;
	uint64_t capabilities;
	uint64_t uptime_ms;
	uint64_t taint;
	uint64_t epoch; /* newest seen */
	uint16_t vcpus;
	uint8_t patch_count;
	struct fth_patch_info patches[FTH_PATCHES_MAX];
	uint8_t block_count;
	struct fth_block_info blocks[FTH_BLOCKS_MAX];
};

struct fth_msg_progress {
	struct fth_span name;
	uint8_t state;
	uint32_t done; /* STAGE: bytes; APPLY, REVERSE: tasks switched */
	uint32_t total;
	uint32_t pending; /* stragglers, also those not in the list; 0: doesn't say */
	uint8_t straggler_count;
	struct fth_straggler_info stragglers[FTH_STRAGGLERS_MAX];
};

struct fth_msg_result {
	uint16_t code; /* enum fth_error */
	struct fth_span detail;
	uint64_t uptime_ms;
	uint64_t taint;
	uint8_t patch_count;
	uint8_t straggler_count;
	struct fth_patch_info patches[FTH_PATCHES_MAX];
	struct fth_straggler_info stragglers[FTH_STRAGGLERS_MAX];
};

/**
 * struct fth_msg_event - what happened without a command
 * @kind: enum fth_event_kind
 * @state: enum fth_lifecycle_state of the patch
 * @trigger: enum fth_trigger; TRIGGERED, REVERTED, TROUBLE
 * @mode: REVERTED: CONSISTENT or IMMEDIATE, as it was done; 0: it isn't said
 * @incident: its number in this boot; 0: none.  A guest tells its incidents
 *	again at the start of every session: (boot id, incident, kind) names them
 * @name: of the patch; empty where none is meant
 * @detail: one line for a person
 * @sha256: of the payload; may be empty
 * @where: the patched function that was on the stack; may be empty
 * @text: first lines of the kernel's report; may be empty
 * @happened_ms: CLOCK_BOOTTIME; 0: now
 * @uptime_ms: CLOCK_BOOTTIME when it was sent
 * @taint: the kernel's taint mask
 */
struct fth_msg_event {
	uint8_t kind;
	uint8_t state;
	uint8_t trigger;
	uint8_t mode;
	uint32_t incident;
	struct fth_span name;
	struct fth_span detail;
	struct fth_span sha256;
	struct fth_span where;
	struct fth_span text;
	uint64_t happened_ms;
	uint64_t uptime_ms;
	uint64_t taint;
};

/**
 * struct fth_msg - any message with what its header said
 * @type: enum fth_wire_type; names the member of @u
 * @session: nonce
 * @op_id: 0 = none
 * @seq: the sender's count
 *
 * About 3 KiB: in the kernel allocate it, don't put it on a stack.
 */
struct fth_msg {
	uint8_t type;
	uint32_t seq;
	uint64_t session;
	uint64_t op_id;
	union {
		struct fth_msg_hello hello;
		struct fth_msg_stage stage;
		struct fth_msg_apply apply;
		struct fth_msg_command command;
		struct fth_msg_heartbeat heartbeat;
		struct fth_msg_hello_ack hello_ack;
		struct fth_msg_progress progress;
		struct fth_msg_result result;
		struct fth_msg_event event;
	} u;
};

/**
 * fth_crc32() - CRC-32 as in IEEE 802.3 (reflected, init and xor-out ~0)
 * @data: bytes
 * @length: how many; 0 gives 0
 */
uint32_t fth_crc32(const void *data, size_t length);

/* One frame with both checksums right. */
struct fth_frame {
	uint8_t type;
	uint32_t seq;
	uint64_t session;
	uint64_t op_id;
	struct fth_span payload; /* borrows the decoder's buffer */
};

#define FTH_DECODER_BUFFER_SIZE (FTH_HEADER_SIZE + FTH_FRAME_PAYLOAD_MAX)

/**
 * struct fth_decoder - byte stream in, frames out; bounded, resynchronises
 * @buffer: FTH_DECODER_BUFFER_SIZE bytes, the caller's
 * @begin: first byte of @buffer that is not passed over yet
 * @fill: end of the bytes of @buffer in use
 * @consumed: bytes of the frame that was handed out last
 * @need: bytes of the frame at @begin; 0 while its header is not checked
 * @credit: bytes that may be looked at once more (see decoder.c)
 * @frames: complete frames handed out
 * @bad_headers: header checksum, version, flags, session or length wrong
 * @bad_payloads: payload checksum wrong
 * @skipped_bytes: passed over in search of a header
 *
 * Source: DESIGN section 5 ("a decoder that lost its place …").
 */
struct fth_decoder {
	uint8_t *buffer;
	uint32_t begin;
	uint32_t fill;
	uint32_t consumed;
	uint32_t need;
	uint32_t credit;
	uint64_t frames;
	uint64_t bad_headers;
	uint64_t bad_payloads;
	uint64_t skipped_bytes;
};

/** fth_decoder_init() - borrows @buffer (FTH_DECODER_BUFFER_SIZE bytes). */
void fth_decoder_init(struct fth_decoder *decoder, uint8_t *buffer);

/** fth_decoder_reset() - forget what is assembled; counters stay. */
void fth_decoder_reset(struct fth_decoder *decoder);

/**
 * fth_decoder_is_idle() - is nothing assembled?
 * @decoder: whose; fth_decoder_next() has returned false
 * Return: true when @decoder->buffer may be exchanged after fth_decoder_reset(),
 * so that who has many decoders needs a buffer only for those with half a frame.
 */
bool fth_decoder_is_idle(const struct fth_decoder *decoder);

/**
 * fth_decoder_begin_buffer() - a receive buffer begins
 * @decoder: whose
 * @data: its bytes; only looked at
 * @length: how many
 *
 * Where a complete and valid HELLO frame stands at the start of a receive
 * buffer, an unfinished frame before it is given up: its sender is gone.
 * Call once per buffer, before fth_decoder_next() takes its first byte and
 * after it returned false for the buffer before.
 */
void fth_decoder_begin_buffer(struct fth_decoder *decoder, const uint8_t *data, size_t length);

/**
 * fth_decoder_next() - take bytes until a frame is complete
 * @decoder: whose
 * @input: advanced past what was taken
 * @ret_frame: borrows the decoder's buffer until the next call
 * Return: true when @ret_frame was set; false when all input is taken (frames
 * that were skipped over by resynchronising may still wait inside: call again
 * until false).
 */
bool fth_decoder_next(struct fth_decoder *decoder, struct fth_span *input,
		      struct fth_frame *ret_frame);

/**
 * fth_msg_decode() - a frame's payload as a message
 * @frame: from fth_decoder_next()
 * @ret_msg: borrows the frame's payload; untouched on error
 * @ret_why: constant text naming the field and what is allowed; on error only
 *
 * Policy fields that APPLY does not carry have their defaults; whether the
 * others are in range is for fth_policy_check() to say.
 * Return: 0; -EBADMSG malformed (a required field is missing, a field is too
 * long, a count is over its limit, a tag stands twice, a state has no name);
 * -EOPNOTSUPP for a type without a name.
 */
int fth_msg_decode(const struct fth_frame *frame, struct fth_msg *ret_msg, const char **ret_why);

/**
 * fth_msg_encode() - a whole frame, header and payload
 * @msg: what to send
 * @buffer: where
 * @size: its bytes; FTH_DECODER_BUFFER_SIZE always suffices
 * @ret_length: bytes written
 * Return: 0; -EMSGSIZE when it does not fit @size or FTH_FRAME_PAYLOAD_MAX;
 * -EINVAL when @msg breaks a limit, lacks a required field or a session, or
 * its type has no name.
 */
int fth_msg_encode(const struct fth_msg *msg, uint8_t *buffer, size_t size, uint32_t *ret_length);

/** fth_msg_type_name() - "hello", …; "?" for a number without a name. */
const char *fth_msg_type_name(uint8_t type);

/**
 * fth_name_is_good() - may it be a patch's name on the wire?
 * @text: without a NUL
 * Return: true for 1 … FTH_NAME_MAX letters, digits, '_', '-' and '.', the first one neither
 * '-' nor '.'.  A message with another one is not encoded.
 */
bool fth_name_is_good(struct fth_span text);

#endif /* FOTHER_CODEC_H */
