/* SPDX-License-Identifier: GPL-2.0 */
/* The wire: frame header, message types, field tags, limits. */
#ifndef FOTHER_WIRE_H
#define FOTHER_WIRE_H

#include "fother/types.h"

#define FTH_PORT_NAME "org.fother.0"
#define FTH_RELAY_PORT_NAME "org.fother.relay" /* fother-relay reads it, not the module */

#define FTH_WIRE_MAGIC 0x46485446u /* "FTHF" as bytes */
#define FTH_WIRE_VERSION 1

/* Limits.  Sizes in bytes unless the name says otherwise. */
#define FTH_FRAME_PAYLOAD_MAX (64u * 1024)
#define FTH_CHUNK_MAX (32u * 1024)	/* data of one STAGE frame */
#define FTH_MODULE_SIZE_MAX (32u << 20) /* a payload as a whole */
#define FTH_NAME_MAX 55			/* module name, as the kernel's */
#define FTH_SYMBOL_MAX 255		/* "object:function" */
#define FTH_DETAIL_MAX 512		/* a RESULT's or EVENT's text */
#define FTH_RELEASE_MAX 64		/* kernel release */
#define FTH_UUID_SIZE 16
#define FTH_SHA256_SIZE 32
#define FTH_BUILD_ID_MAX 32
#define FTH_PATCHES_MAX 32	/* patches one guest may hold */
#define FTH_STRAGGLERS_MAX 16	/* named in one answer */
#define FTH_EXTEND_SET_MAX 32	/* functions of consistency.extend-set */
#define FTH_SIGNATURE_MAX 8192u /* a STAGE's signature */
#define FTH_TEXT_MAX 1024	/* first lines of what triggered a revert */
#define FTH_BLOCKS_MAX 16	/* payloads that a guest refuses */
#define FTH_INCIDENTS_MAX 8	/* emergencies that a guest remembers */

/**
 * struct fth_wire_header - every frame begins with this, little-endian
 * @magic: FTH_WIRE_MAGIC
 * @version: FTH_WIRE_VERSION; another one is refused
 * @type: enum fth_wire_type
 * @flags: none is defined: must be zero
 * @session: the host's nonce, never 0; both directions carry it
 * @op_id: names a command; its PROGRESS and RESULT repeat it; 0 = none
 * @seq: counts the sender's frames in the session, from 0
 * @length: bytes of payload behind the header, at most FTH_FRAME_PAYLOAD_MAX
 * @payload_crc: CRC-32 (IEEE 802.3) of the payload; 0 for an empty one
 * @header_crc: CRC-32 of all header bytes before this field
 */
struct fth_wire_header {
	__le32 magic;
	__u8 version;
	__u8 type;
	__le16 flags;
	__le64 session;
	__le64 op_id;
	__le32 seq;
	__le32 length;
	__le32 payload_crc;
	__le32 header_crc;
};

#define FTH_HEADER_SIZE 40
static_assert(sizeof(struct fth_wire_header) == FTH_HEADER_SIZE, "the header has no padding");

/* Message types; the comment says who sends it. */
enum fth_wire_type {
	FTH_T_HELLO = 1,      /* host */
	FTH_T_STAGE = 2,      /* host */
	FTH_T_APPLY = 3,      /* host */
	FTH_T_REVERSE = 4,    /* host */
	FTH_T_CONFIRM = 5,    /* host */
	FTH_T_NUDGE = 6,      /* host */
	FTH_T_FORCE = 7,      /* host */
	FTH_T_UNSTAGE = 8,    /* host */
	FTH_T_QUERY = 9,      /* host */
	FTH_T_HEARTBEAT = 10, /* both */
	FTH_T_ALLOW = 11,     /* host: lift a block */
	FTH_T_REVERT = 12,    /* host: emergency revert */
	FTH_T_HELLO_ACK = 64, /* guest */
	FTH_T_PROGRESS = 65,  /* guest */
	FTH_T_RESULT = 66,    /* guest */
	FTH_T_EVENT = 67,     /* guest */
};

/*
 * A payload is a sequence of fields: __le16 tag, __le16 length, value.
 * Integers are little-endian and exactly as long as their type.  A string has
 * no terminating NUL and none inside; a string or bytes that are empty are
 * left out.  The name of a patch is made of letters, digits, '_', '-' and '.',
 * and begins with a letter, a digit or '_'.  A tag with
 * bit 15 set may never be skipped by a receiver that doesn't know it (the
 * message is then malformed); any other unknown tag is skipped.  A known tag
 * that the message doesn't carry is skipped too.  A field that may stand once
 * and stands twice makes the message malformed.
 */
#define FTH_TAG_CRITICAL 0x8000u
#define FTH_FIELD_HEADER_SIZE 4

enum fth_wire_tag {
	FTH_TAG_EPOCH = 1,	   /* u64 rollout's epoch */
	FTH_TAG_NAME = 2,	   /* string, patch = module name */
	FTH_TAG_SHA256 = 3,	   /* 32 bytes */
	FTH_TAG_SIZE = 4,	   /* u32 bytes of the whole payload */
	FTH_TAG_OFFSET = 5,	   /* u32 bytes */
	FTH_TAG_DATA = 6,	   /* bytes of a chunk */
	FTH_TAG_CODE = 7,	   /* u16 enum fth_error */
	FTH_TAG_DETAIL = 8,	   /* string, one line for a person */
	FTH_TAG_STATE = 9,	   /* u8 enum fth_lifecycle_state */
	FTH_TAG_DONE = 10,	   /* u32 bytes staged or tasks switched */
	FTH_TAG_TOTAL = 11,	   /* u32 of how many */
	FTH_TAG_UPTIME = 12,	   /* u64 ms of CLOCK_BOOTTIME */
	FTH_TAG_TAINT = 13,	   /* u64 the kernel's taint mask */
	FTH_TAG_VM_UUID = 14,	   /* 16 bytes, from SMBIOS */
	FTH_TAG_BOOT_ID = 15,	   /* 16 bytes */
	FTH_TAG_RELEASE = 16,	   /* string, uname -r */
	FTH_TAG_BUILD_ID = 17,	   /* bytes */
	FTH_TAG_ENGINE = 18,	   /* string, engine version */
	FTH_TAG_CAPABILITIES = 19, /* u64 FTH_CAP_* */
	FTH_TAG_PATCH = 20,	   /* repeated, fields of struct fth_patch_info */
	FTH_TAG_STRAGGLER = 21,	   /* repeated, struct fth_straggler_info */
	FTH_TAG_KIND = 22,	   /* u8 enum fth_event_kind */
	FTH_TAG_VCPUS = 23,	   /* u16 */
	FTH_TAG_SIGNATURE = 24,	   /* bytes, CMS over the payload's manifest */
	FTH_TAG_INCIDENT = 25,	   /* u32 number of an emergency in this boot, from 1 */
	FTH_TAG_TRIGGER = 26,	   /* u8 enum fth_trigger */
	FTH_TAG_TEXT = 27,	   /* string, lines of the kernel's log */
	FTH_TAG_BLOCKED = 28,	   /* repeated, struct fth_block_info */
	FTH_TAG_HAPPENED = 29,	   /* u64 ms of CLOCK_BOOTTIME */

	FTH_TAG_LEAVE = 32,	      /* u8 enum fth_leave */
	FTH_TAG_SWITCH = 33,	      /* u8 enum fth_switch */
	FTH_TAG_EXTEND_SET = 34,      /* repeated string */
	FTH_TAG_DEADLINE = 35,	      /* u32 ms, 0 = none */
	FTH_TAG_ON_DEADLINE = 36,     /* u8 enum fth_on_deadline */
	FTH_TAG_STOP_MAX = 37,	      /* u32 us */
	FTH_TAG_NUDGE_AFTER = 38,     /* u32 ms, FTH_NUDGE_MANUAL = by hand only */
	FTH_TAG_NUDGE_EVERY = 39,     /* u32 ms */
	FTH_TAG_FREEZE_USE = 40,      /* u8 enum fth_freeze_use */
	FTH_TAG_FREEZE_WAY = 41,      /* u8 enum fth_freeze_way */
	FTH_TAG_FREEZE_BUDGET = 42,   /* u32 ms */
	FTH_TAG_FREEZE_ATTEMPTS = 43, /* u8 */
	FTH_TAG_CONFIRM_WITHIN = 44,  /* u32 ms, 0 = never reverts by itself */
	FTH_TAG_REVERT_ON = 45,	      /* u32 FTH_REVERT_ON_* */
	FTH_TAG_HOST_LOSS_AFTER = 46, /* u32 ms */
	FTH_TAG_REVERT_MODE = 47,     /* u8 enum fth_revert_mode */
	FTH_TAG_NUDGE_TIMED = 48,     /* u8 enum fth_nudge_timed */

	FTH_TAG_PID = 64,	   /* u32 */
	FTH_TAG_COMM = 65,	   /* string, task's name */
	FTH_TAG_WHERE = 66,	   /* string, function or other reason */
	FTH_TAG_SINCE = 67,	   /* u32 ms since it holds the transition up */
	FTH_TAG_NEXT = 68,	   /* string, what will be done about it */
	FTH_TAG_FLAGS = 69,	   /* u8 FTH_PATCH_* */
	FTH_TAG_HITS = 70,	   /* u64 calls that ran the replacement */
	FTH_TAG_FUNCTIONS = 71,	   /* u32 */
	FTH_TAG_PENDING = 72,	   /* u32 tasks that hold a transition up, all of them */
	FTH_TAG_CONFIRM_LEFT = 73, /* u32 ms until it reverts unless confirmed */

	/* Critical: who doesn't know it would confirm for good. */
	FTH_TAG_EXTEND = FTH_TAG_CRITICAL | 80, /* u32 ms */
};

/* What the guest's EVENT says happened without a command. */
enum fth_event_kind {
	FTH_EVENT_STATE = 1,	 /* a patch changed its lifecycle state */
	FTH_EVENT_REVERTED = 2,	 /* a patch reverted by itself; detail says why */
	FTH_EVENT_TROUBLE = 3,	 /* oops, WARN or panic seen; nothing is reverted for it */
	FTH_EVENT_TRIGGERED = 4, /* an emergency revert begins; REVERTED follows */
};

/* What began an emergency revert (DESIGN section 4), or is told as trouble. */
enum fth_trigger {
	FTH_TRIGGER_NONE = 0,
	FTH_TRIGGER_UNCONFIRMED = 1, /* confirm.within ran out */
	FTH_TRIGGER_OOPS = 2,
	FTH_TRIGGER_WARN = 3,
	FTH_TRIGGER_SOFT_LOCKUP = 4,
	FTH_TRIGGER_HUNG_TASK = 5,
	FTH_TRIGGER_HOST_LOSS = 6,
	FTH_TRIGGER_SYSFS = 7,
	FTH_TRIGGER_SYSRQ = 8,
	FTH_TRIGGER_HOST = 9,	/* a REVERT frame */
	FTH_TRIGGER_PANIC = 10, /* nothing can be reverted any more */
};

#define FTH_TRIGGERS 11

#endif /* FOTHER_WIRE_H */
