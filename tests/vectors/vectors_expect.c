// SPDX-License-Identifier: GPL-2.0
/* What the golden frames say; values are make-golden's, written once more. */
#include "vectors.h"

#include "fother/lifecycle.h"

#define TEXT(literal) \
	((struct fth_span){ .data = (const uint8_t *)(literal), .length = sizeof(literal) - 1 })
#define RUN(first, count) ((struct fth_span){ .data = counting + (first), .length = (count) })

/* Bytes that count up. */
static const uint8_t counting[] = {
	0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c,
	0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19,
	0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26,
	0x27, 0x28, 0x29, 0x2a, 0x2b, 0x2c, 0x2d, 0x2e, 0x2f, 0x30, 0x31, 0x32, 0x33,
	0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, 0x3f,
};

static const uint8_t build_id[] = {
	0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9,
	0xea, 0xeb, 0xec, 0xed, 0xee, 0xef, 0xf0, 0xf1, 0xf2, 0xf3,
};

#define EPOCH 0x0102030405060708ull
#define UPTIME_MS 123456789u
#define TAINT 0x8000u

static void expect_stage(struct fth_msg_stage *stage)
{
	stage->epoch = EPOCH;
	stage->name = TEXT("cve_2026_1234");
	stage->sha256 = RUN(0x20, 32);
	stage->size = 300007;
	stage->offset = 65536;
	stage->data = TEXT("\177ELF FTHF \0\xff");
}

static void expect_apply(struct fth_msg_apply *apply)
{
	apply->epoch = EPOCH;
	apply->name = TEXT("cve_2026_1234");
	apply->sha256 = RUN(0x20, 32);
	apply->policy.leave = FTH_LEAVE_KERNEL;
	apply->policy.switches = FTH_SWITCH_KERNEL;
	apply->policy.extend_set_count = 2;
	apply->policy.extend_set[0] = TEXT("do_sys_openat2");
	apply->policy.extend_set[1] = TEXT("nf_tables:nft_do_chain");
	apply->policy.deadline_ms = 30001;
	apply->policy.on_deadline = FTH_ON_DEADLINE_FREEZE;
	apply->policy.stop_max_us = 2001;
	apply->policy.nudge_after_ms = 1001;
	apply->policy.nudge_every_ms = 5001;
	apply->policy.freeze_use = FTH_FREEZE_ALWAYS;
	apply->policy.freeze_way = FTH_FREEZE_KERNEL;
	apply->policy.freeze_budget_ms = 501;
	apply->policy.freeze_attempts = 7;
	apply->policy.confirm_within_ms = 600001;
	apply->policy.revert_on = FTH_REVERT_ON_OOPS | FTH_REVERT_ON_WARN | FTH_REVERT_ON_HOST_LOSS;
	apply->policy.host_loss_after_ms = 60001;
	apply->policy.revert_mode = FTH_REVERT_CONSISTENT_THEN_IMMEDIATE;
	apply->policy.nudge_timed = FTH_NUDGE_TIMED_INTERRUPT;
}

static uint8_t expect_patches(struct fth_patch_info *patches)
{
	patches[0].name = TEXT("cve_2026_1234");
	patches[0].sha256 = RUN(0x20, 32);
	patches[0].state = FTH_LC_SOAKING;
	patches[0].functions = 990;
	patches[0].hits = 5000000000ull;
	patches[0].leave = FTH_LEAVE_PATCHED_SET;
	patches[0].switches = FTH_SWITCH_KERNEL;
	patches[1].name = TEXT("by-hand.2");
	patches[1].state = FTH_LC_APPLIED;
	patches[1].flags = FTH_PATCH_FORCED | FTH_PATCH_BY_HAND;
	patches[1].functions = 1;
	patches[1].hits = 7;
	patches[1].pending = 70001;
	return 2;
}

static uint8_t expect_stragglers(struct fth_straggler_info *stragglers)
{
	stragglers[0].pid = 4711;
	stragglers[0].since_ms = 1500;
	stragglers[0].comm = TEXT("nginx");
	stragglers[0].where = TEXT("pipe_read");
	stragglers[0].next = TEXT("nudge in 500 ms");
	stragglers[1].pid = 2;
	stragglers[1].since_ms = 9;
	return 2;
}

static void expect_hello_ack(struct fth_msg_hello_ack *ack)
{
	ack->vm_uuid = RUN(0, 16);
	ack->boot_id = RUN(16, 16);
	ack->release = TEXT("6.1.0-56-cloud-amd64");
	ack->build_id = (struct fth_span){ .data = build_id, .length = sizeof(build_id) };
	ack->engine = TEXT("0.1");
	ack->capabilities = FTH_CAP_MODEL_DEFAULT | FTH_CAP_DEADLINE_REVERSE | FTH_CAP_NUDGE |
			    FTH_CAP_FREEZE_PARK | FTH_CAP_STOP_MAX;
	ack->uptime_ms = UPTIME_MS;
	ack->taint = TAINT;
	ack->epoch = EPOCH;
	ack->vcpus = 258;
	ack->patch_count = expect_patches(ack->patches);
}

static void expect_progress(struct fth_msg_progress *progress)
{
	progress->name = TEXT("cve_2026_1234");
	progress->state = FTH_LC_APPLYING;
	progress->done = 587;
	progress->total = 588;
	progress->pending = 17;
	progress->straggler_count = expect_stragglers(progress->stragglers);
}

static void expect_result(struct fth_msg_result *result)
{
	result->code = 12;
	result->detail = TEXT("apply refused");
	result->uptime_ms = UPTIME_MS;
	result->taint = TAINT;
	result->patch_count = expect_patches(result->patches);
	result->straggler_count = expect_stragglers(result->stragglers);
}

static void expect_event(struct fth_msg_event *event)
{
	event->kind = FTH_EVENT_REVERTED;
	event->name = TEXT("cve_2026_1234");
	event->state = FTH_LC_STAGED;
	event->detail = TEXT("not confirmed within 600 s");
	event->uptime_ms = UPTIME_MS;
	event->taint = TAINT;
}

static void expect_body(struct fth_msg *msg)
{
	switch (msg->type) {
	case FTH_T_HELLO:
		msg->u.hello.epoch = EPOCH;
		break;
	case FTH_T_STAGE:
		expect_stage(&msg->u.stage);
		break;
	case FTH_T_APPLY:
		expect_apply(&msg->u.apply);
		break;
	case FTH_T_QUERY:
		break;
	case FTH_T_HEARTBEAT:
		msg->u.heartbeat.uptime_ms = UPTIME_MS;
		msg->u.heartbeat.taint = TAINT;
		break;
	case FTH_T_HELLO_ACK:
		expect_hello_ack(&msg->u.hello_ack);
		break;
	case FTH_T_PROGRESS:
		expect_progress(&msg->u.progress);
		break;
	case FTH_T_RESULT:
		expect_result(&msg->u.result);
		break;
	case FTH_T_EVENT:
		expect_event(&msg->u.event);
		break;
	default:
		msg->u.command.epoch = EPOCH;
		msg->u.command.name = TEXT("cve_2026_1234");
	}
}

static void expect_blocks(struct fth_msg_hello_ack *ack)
{
	struct fth_patch_info *patch = &ack->patches[0];

	memset(ack->patches, 0, sizeof(ack->patches));
	ack->patch_count = 1;
	patch->name = TEXT("cve_2026_1234");
	patch->sha256 = RUN(0x20, 32);
	patch->state = FTH_LC_SOAKING;
	patch->flags = FTH_PATCH_IMMEDIATE;
	patch->functions = 990;
	patch->hits = 1;
	patch->leave = FTH_LEAVE_PATCHED_SET;
	patch->switches = FTH_SWITCH_THREAD;
	patch->confirm_left_ms = 599999;
	ack->block_count = 2;
	ack->blocks[0].name = TEXT("cve_2026_1234");
	ack->blocks[0].sha256 = RUN(0x20, 32);
	ack->blocks[0].trigger = FTH_TRIGGER_OOPS;
	ack->blocks[0].incident = 7;
	ack->blocks[1].name = TEXT("by-hand.2");
}

static void expect_incident(struct fth_msg_event *event)
{
	event->kind = FTH_EVENT_TRIGGERED;
	event->state = FTH_LC_REVERTING;
	event->trigger = FTH_TRIGGER_OOPS;
	event->mode = FTH_REVERT_IMMEDIATE;
	event->incident = 7;
	event->detail = TEXT("oops: reverting");
	event->sha256 = RUN(0x20, 32);
	event->where = TEXT("do_sys_openat2+0x1c");
	event->text = TEXT("BUG: kernel NULL\nRIP: 0010:x");
	event->happened_ms = 123456780;
}

/* What the frames behind the first ones say differently, or beside it. */
static void expect_more(struct fth_msg *msg)
{
	switch (msg->type) {
	case FTH_T_STAGE:
		msg->u.stage.offset = 0;
		msg->u.stage.signature = RUN(0x10, 32);
		break;
	case FTH_T_CONFIRM:
		msg->u.command.extend_ms = 300000;
		break;
	case FTH_T_ALLOW:
		msg->u.command.sha256 = RUN(0x20, 32);
		break;
	case FTH_T_REVERT:
		msg->u.command.mode = FTH_REVERT_IMMEDIATE;
		break;
	case FTH_T_HELLO_ACK:
		expect_blocks(&msg->u.hello_ack);
		break;
	default:
		expect_incident(&msg->u.event);
	}
}

void fth_vectors_expect_at(uint32_t index, struct fth_msg *ret_msg)
{
	memset(ret_msg, 0, sizeof(*ret_msg));
	ret_msg->type = fth_golden[index].type;
	ret_msg->session = 0x1122334455667788ull;
	ret_msg->op_id = 0xa1a2a3a4a5a6a7a8ull;
	ret_msg->seq = index;
	expect_body(ret_msg);
	if (index >= FTH_GOLDEN_NAMED)
		ret_msg->u.command.sha256 = RUN(0x20, 32);
	else if (index >= FTH_GOLDEN_FIRST)
		expect_more(ret_msg);
}

void fth_vectors_expect(uint8_t type, struct fth_msg *ret_msg)
{
	uint32_t index = 0;

	while (fth_golden[index].type != type)
		index++;
	fth_vectors_expect_at(index, ret_msg);
}
