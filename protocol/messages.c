// SPDX-License-Identifier: GPL-2.0
/* Rows of all messages, in the order in which their fields are written. */
#include "messages.h"

#include "fother/codec.h"
#include "fother/lifecycle.h"

#include "bytes.h"

#define SIZE_OF(type, member) sizeof(((struct type *)0)->member)
#define MEMBER(tag_, type, member) \
	.tag = (tag_), .offset = offsetof(struct type, member), .size = SIZE_OF(type, member)
#define REQUIRED .required = true
#define INTEGER .kind = KIND_INTEGER
#define OMIT_ZERO .omit_zero = true
#define BYTES(min_, max_) .kind = KIND_BYTES, .min = (min_), .max = (max_)
#define STRING(max_) .kind = KIND_STRING, .min = 1, .max = (max_)
#define LIST(tag_, type, member, count_member, limit)                     \
	.tag = (tag_), .offset = offsetof(struct type, member),           \
	.size = sizeof(((struct type *)0)->member[0]), .repeat = (limit), \
	.count_offset = offsetof(struct type, count_member)
#define NAME(type, member)                                        \
	MEMBER(FTH_TAG_NAME, type, member),                       \
		.kind = KIND_NAME, .min = 1, .max = FTH_NAME_MAX, \
		.why = "name: 1 to 55 letters, digits, '_', '-', '.', the first not '-' or '.'"
#define EPOCH(type) \
	MEMBER(FTH_TAG_EPOCH, type, epoch), INTEGER, REQUIRED, .why = "epoch: u64, required"
#define UPTIME(type) \
	MEMBER(FTH_TAG_UPTIME, type, uptime_ms), INTEGER, REQUIRED, .why = "uptime: u64, required"
#define TAINT(type) \
	MEMBER(FTH_TAG_TAINT, type, taint), INTEGER, REQUIRED, .why = "taint: u64, required"
#define STATE(type)                                            \
	MEMBER(FTH_TAG_STATE, type, state), INTEGER, REQUIRED, \
		.max = FTH_LC_STATES - 1, .why = "state: u8, 0 to 5, required"
#define POLICY(tag_, member, why_) \
	MEMBER(tag_, fth_msg_apply, policy.member), INTEGER, .why = (why_)
#define COMMANDED                                                                                 \
	MEMBER(FTH_TAG_SHA256, fth_msg_command, sha256), BYTES(FTH_SHA256_SIZE, FTH_SHA256_SIZE), \
		.why = "sha256: 32 bytes"
#define LAYOUT(rows)                                          \
	{                                                     \
		.fields = (rows), .count = FTH_COUNT_OF(rows) \
	}

static const struct field patch_fields[] = {
	{ NAME(fth_patch_info, name), REQUIRED },
	{ MEMBER(FTH_TAG_SHA256, fth_patch_info, sha256), BYTES(FTH_SHA256_SIZE, FTH_SHA256_SIZE),
	  .why = "sha256: 32 bytes" },
	{ STATE(fth_patch_info) },
	{ MEMBER(FTH_TAG_FLAGS, fth_patch_info, flags), INTEGER, .why = "flags: u8" },
	{ MEMBER(FTH_TAG_FUNCTIONS, fth_patch_info, functions), INTEGER, .why = "functions: u32" },
	{ MEMBER(FTH_TAG_HITS, fth_patch_info, hits), INTEGER, .why = "hits: u64" },
	{ MEMBER(FTH_TAG_LEAVE, fth_patch_info, leave), INTEGER, .why = "leave: u8" },
	{ MEMBER(FTH_TAG_SWITCH, fth_patch_info, switches), INTEGER, .why = "switch: u8" },
	{ MEMBER(FTH_TAG_PENDING, fth_patch_info, pending), INTEGER, .why = "pending: u32" },
	{ MEMBER(FTH_TAG_CONFIRM_LEFT, fth_patch_info, confirm_left_ms), INTEGER, OMIT_ZERO,
	  .why = "confirm-left: u32" },
};
static const struct layout patch_layout = LAYOUT(patch_fields);

static const struct field straggler_fields[] = {
	{ MEMBER(FTH_TAG_PID, fth_straggler_info, pid), INTEGER, REQUIRED,
	  .why = "pid: u32, required" },
	{ MEMBER(FTH_TAG_SINCE, fth_straggler_info, since_ms), INTEGER, REQUIRED,
	  .why = "since: u32, required" },
	{ MEMBER(FTH_TAG_COMM, fth_straggler_info, comm), STRING(FTH_NAME_MAX),
	  .why = "comm: 1 to 55 bytes" },
	{ MEMBER(FTH_TAG_WHERE, fth_straggler_info, where), STRING(FTH_SYMBOL_MAX),
	  .why = "where: 1 to 255 bytes" },
	{ MEMBER(FTH_TAG_NEXT, fth_straggler_info, next), STRING(FTH_SYMBOL_MAX),
	  .why = "next: 1 to 255 bytes" },
};
static const struct layout straggler_layout = LAYOUT(straggler_fields);

static const struct field block_fields[] = {
	{ NAME(fth_block_info, name), REQUIRED },
	{ MEMBER(FTH_TAG_SHA256, fth_block_info, sha256), BYTES(FTH_SHA256_SIZE, FTH_SHA256_SIZE),
	  .why = "sha256: 32 bytes" },
	{ MEMBER(FTH_TAG_TRIGGER, fth_block_info, trigger), INTEGER, OMIT_ZERO,
	  .why = "trigger: u8" },
	{ MEMBER(FTH_TAG_INCIDENT, fth_block_info, incident), INTEGER, OMIT_ZERO,
	  .why = "incident: u32" },
};
static const struct layout block_layout = LAYOUT(block_fields);

#define PATCHES(type)                                                     \
	LIST(FTH_TAG_PATCH, type, patches, patch_count, FTH_PATCHES_MAX), \
		.kind = KIND_RECORDS, .record = &patch_layout, .why = "patch: at most 32"
#define STRAGGLERS(type)                                                                \
	LIST(FTH_TAG_STRAGGLER, type, stragglers, straggler_count, FTH_STRAGGLERS_MAX), \
		.kind = KIND_RECORDS, .record = &straggler_layout, .why = "straggler: at most 16"

static const struct field hello_fields[] = {
	{ EPOCH(fth_msg_hello) },
};

static const struct field stage_fields[] = {
	{ EPOCH(fth_msg_stage) },
	{ NAME(fth_msg_stage, name), REQUIRED },
	{ MEMBER(FTH_TAG_SHA256, fth_msg_stage, sha256), BYTES(FTH_SHA256_SIZE, FTH_SHA256_SIZE),
	  REQUIRED, .why = "sha256: 32 bytes, required" },
	{ MEMBER(FTH_TAG_SIZE, fth_msg_stage, size), INTEGER, REQUIRED,
	  .why = "size: u32, required" },
	{ MEMBER(FTH_TAG_OFFSET, fth_msg_stage, offset), INTEGER, REQUIRED,
	  .why = "offset: u32, required" },
	{ MEMBER(FTH_TAG_DATA, fth_msg_stage, data), BYTES(1, FTH_CHUNK_MAX), REQUIRED,
	  .why = "data: 1 to 32768 bytes, required" },
	{ MEMBER(FTH_TAG_SIGNATURE, fth_msg_stage, signature), BYTES(1, FTH_SIGNATURE_MAX),
	  .why = "signature: 1 to 8192 bytes" },
};

static const struct field apply_fields[] = {
	{ EPOCH(fth_msg_apply) },
	{ NAME(fth_msg_apply, name), REQUIRED },
	{ MEMBER(FTH_TAG_SHA256, fth_msg_apply, sha256), BYTES(FTH_SHA256_SIZE, FTH_SHA256_SIZE),
	  REQUIRED, .why = "sha256: 32 bytes, required" },
	{ POLICY(FTH_TAG_LEAVE, leave, "leave: u8") },
	{ POLICY(FTH_TAG_SWITCH, switches, "switch: u8") },
	{ LIST(FTH_TAG_EXTEND_SET, fth_msg_apply, policy.extend_set, policy.extend_set_count,
	       FTH_EXTEND_SET_MAX),
	  .kind = KIND_STRINGS, .min = 1, .max = FTH_SYMBOL_MAX,
	  .why = "extend-set: at most 32 of 1 to 255 bytes" },
	{ POLICY(FTH_TAG_DEADLINE, deadline_ms, "deadline: u32") },
	{ POLICY(FTH_TAG_ON_DEADLINE, on_deadline, "on-deadline: u8") },
	{ POLICY(FTH_TAG_STOP_MAX, stop_max_us, "stop-max: u32") },
	{ POLICY(FTH_TAG_NUDGE_AFTER, nudge_after_ms, "nudge.after: u32") },
	{ POLICY(FTH_TAG_NUDGE_EVERY, nudge_every_ms, "nudge.every: u32") },
	{ POLICY(FTH_TAG_FREEZE_USE, freeze_use, "freeze.use: u8") },
	{ POLICY(FTH_TAG_FREEZE_WAY, freeze_way, "freeze.way: u8") },
	{ POLICY(FTH_TAG_FREEZE_BUDGET, freeze_budget_ms, "freeze.budget: u32") },
	{ POLICY(FTH_TAG_FREEZE_ATTEMPTS, freeze_attempts, "freeze.attempts: u8") },
	{ POLICY(FTH_TAG_CONFIRM_WITHIN, confirm_within_ms, "confirm.within: u32") },
	{ POLICY(FTH_TAG_REVERT_ON, revert_on, "revert.on: u32") },
	{ POLICY(FTH_TAG_HOST_LOSS_AFTER, host_loss_after_ms, "revert.host-loss-after: u32") },
	{ POLICY(FTH_TAG_REVERT_MODE, revert_mode, "revert.mode: u8") },
	{ POLICY(FTH_TAG_NUDGE_TIMED, nudge_timed, "nudge.timed: u8") },
};

static const struct field command_fields[] = {
	{ EPOCH(fth_msg_command) },
	{ NAME(fth_msg_command, name), REQUIRED },
	{ COMMANDED },
};

static const struct field confirm_fields[] = {
	{ EPOCH(fth_msg_command) },
	{ NAME(fth_msg_command, name), REQUIRED },
	{ COMMANDED },
	{ MEMBER(FTH_TAG_EXTEND, fth_msg_command, extend_ms), INTEGER, OMIT_ZERO,
	  .why = "extend: u32" },
};

static const struct field revert_fields[] = {
	{ EPOCH(fth_msg_command) },
	{ NAME(fth_msg_command, name), REQUIRED },
	{ COMMANDED },
	{ MEMBER(FTH_TAG_REVERT_MODE, fth_msg_command, mode), INTEGER, OMIT_ZERO,
	  .max = FTH_REVERT_CONSISTENT_THEN_IMMEDIATE, .why = "revert.mode: u8, 0 to 3" },
};

static const struct field heartbeat_fields[] = {
	{ MEMBER(FTH_TAG_UPTIME, fth_msg_heartbeat, uptime_ms), INTEGER, .why = "uptime: u64" },
	{ MEMBER(FTH_TAG_TAINT, fth_msg_heartbeat, taint), INTEGER, .why = "taint: u64" },
};

static const struct field hello_ack_fields[] = {
	{ MEMBER(FTH_TAG_VM_UUID, fth_msg_hello_ack, vm_uuid), BYTES(FTH_UUID_SIZE, FTH_UUID_SIZE),
	  .why = "vm-uuid: 16 bytes" },
	{ MEMBER(FTH_TAG_BOOT_ID, fth_msg_hello_ack, boot_id), BYTES(FTH_UUID_SIZE, FTH_UUID_SIZE),
	  REQUIRED, .why = "boot-id: 16 bytes, required" },
	{ MEMBER(FTH_TAG_RELEASE, fth_msg_hello_ack, release), STRING(FTH_RELEASE_MAX), REQUIRED,
	  .why = "release: 1 to 64 bytes, required" },
	{ MEMBER(FTH_TAG_BUILD_ID, fth_msg_hello_ack, build_id), BYTES(1, FTH_BUILD_ID_MAX),
	  .why = "build-id: 1 to 32 bytes" },
	{ MEMBER(FTH_TAG_ENGINE, fth_msg_hello_ack, engine), STRING(FTH_RELEASE_MAX), REQUIRED,
	  .why = "engine: 1 to 64 bytes, required" },
	{ MEMBER(FTH_TAG_CAPABILITIES, fth_msg_hello_ack, capabilities), INTEGER, REQUIRED,
	  .why = "capabilities: u64, required" },
	{ UPTIME(fth_msg_hello_ack) },
	{ TAINT(fth_msg_hello_ack) },
	{ EPOCH(fth_msg_hello_ack) },
	{ MEMBER(FTH_TAG_VCPUS, fth_msg_hello_ack, vcpus), INTEGER, REQUIRED,
	  .why = "vcpus: u16, required" },
	{ PATCHES(fth_msg_hello_ack) },
	{ LIST(FTH_TAG_BLOCKED, fth_msg_hello_ack, blocks, block_count, FTH_BLOCKS_MAX),
	  .kind = KIND_RECORDS, .record = &block_layout, .why = "blocked: at most 16" },
};

static const struct field progress_fields[] = {
	{ NAME(fth_msg_progress, name), REQUIRED },
	{ STATE(fth_msg_progress) },
	{ MEMBER(FTH_TAG_DONE, fth_msg_progress, done), INTEGER, REQUIRED,
	  .why = "done: u32, required" },
	{ MEMBER(FTH_TAG_TOTAL, fth_msg_progress, total), INTEGER, REQUIRED,
	  .why = "total: u32, required" },
	{ MEMBER(FTH_TAG_PENDING, fth_msg_progress, pending), INTEGER, .why = "pending: u32" },
	{ STRAGGLERS(fth_msg_progress) },
};

static const struct field result_fields[] = {
	{ MEMBER(FTH_TAG_CODE, fth_msg_result, code), INTEGER, REQUIRED,
	  .why = "code: u16, required" },
	{ MEMBER(FTH_TAG_DETAIL, fth_msg_result, detail), STRING(FTH_DETAIL_MAX),
	  .why = "detail: 1 to 512 bytes" },
	{ UPTIME(fth_msg_result) },
	{ TAINT(fth_msg_result) },
	{ PATCHES(fth_msg_result) },
	{ STRAGGLERS(fth_msg_result) },
};

static const struct field event_fields[] = {
	{ MEMBER(FTH_TAG_KIND, fth_msg_event, kind), INTEGER, REQUIRED,
	  .why = "kind: u8, required" },
	{ NAME(fth_msg_event, name) },
	{ STATE(fth_msg_event) },
	{ MEMBER(FTH_TAG_DETAIL, fth_msg_event, detail), STRING(FTH_DETAIL_MAX),
	  .why = "detail: 1 to 512 bytes" },
	{ UPTIME(fth_msg_event) },
	{ TAINT(fth_msg_event) },
	{ MEMBER(FTH_TAG_INCIDENT, fth_msg_event, incident), INTEGER, OMIT_ZERO,
	  .why = "incident: u32" },
	{ MEMBER(FTH_TAG_TRIGGER, fth_msg_event, trigger), INTEGER, OMIT_ZERO,
	  .why = "trigger: u8" },
	{ MEMBER(FTH_TAG_REVERT_MODE, fth_msg_event, mode), INTEGER, OMIT_ZERO,
	  .why = "revert.mode: u8" },
	{ MEMBER(FTH_TAG_SHA256, fth_msg_event, sha256), BYTES(FTH_SHA256_SIZE, FTH_SHA256_SIZE),
	  .why = "sha256: 32 bytes" },
	{ MEMBER(FTH_TAG_WHERE, fth_msg_event, where), STRING(FTH_SYMBOL_MAX),
	  .why = "where: 1 to 255 bytes" },
	{ MEMBER(FTH_TAG_TEXT, fth_msg_event, text), STRING(FTH_TEXT_MAX),
	  .why = "text: 1 to 1024 bytes" },
	{ MEMBER(FTH_TAG_HAPPENED, fth_msg_event, happened_ms), INTEGER, OMIT_ZERO,
	  .why = "happened: u64" },
};

static_assert(FTH_COUNT_OF(apply_fields) == FTH_ROWS_MAX, "rows are counted");

#define MESSAGE(type_, name_, rows)                                      \
	{                                                                \
		.name = (name_), .type = (type_), .layout = LAYOUT(rows) \
	}

static const struct message messages[] = {
	MESSAGE(FTH_T_HELLO, "hello", hello_fields),
	MESSAGE(FTH_T_STAGE, "stage", stage_fields),
	MESSAGE(FTH_T_APPLY, "apply", apply_fields),
	MESSAGE(FTH_T_REVERSE, "reverse", command_fields),
	MESSAGE(FTH_T_CONFIRM, "confirm", confirm_fields),
	MESSAGE(FTH_T_NUDGE, "nudge", command_fields),
	MESSAGE(FTH_T_FORCE, "force", command_fields),
	MESSAGE(FTH_T_UNSTAGE, "unstage", command_fields),
	{ .name = "query", .type = FTH_T_QUERY },
	MESSAGE(FTH_T_HEARTBEAT, "heartbeat", heartbeat_fields),
	MESSAGE(FTH_T_ALLOW, "allow", command_fields),
	MESSAGE(FTH_T_REVERT, "revert", revert_fields),
	MESSAGE(FTH_T_HELLO_ACK, "hello-ack", hello_ack_fields),
	MESSAGE(FTH_T_PROGRESS, "progress", progress_fields),
	MESSAGE(FTH_T_RESULT, "result", result_fields),
	MESSAGE(FTH_T_EVENT, "event", event_fields),
};

const struct message *fth_messages_find(uint8_t type)
{
	for (uint32_t i = 0; i < FTH_COUNT_OF(messages); i++)
		if (messages[i].type == type)
			return &messages[i];
	return NULL;
}

const char *fth_msg_type_name(uint8_t type)
{
	const struct message *message = fth_messages_find(type);

	return message ? message->name : "?";
}
