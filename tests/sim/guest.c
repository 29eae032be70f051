// SPDX-License-Identifier: GPL-2.0
/*
 * The module in one guest: frames, session, commands at most once each.
 *
 * DESIGN
 * Decoder, session, codec and lifecycle are protocol/'s, as in the module.  What is
 * written here anew is what guest-kmod/dispatch.c and ops.c do with them: an epoch older than
 * the newest is refused, a command that is known is answered from memory, one that was
 * refused for a passing reason is forgotten, a new session abandons a staging and is
 * told all emergencies again.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

#define FIRST_UPTIME_MS 30000u

static struct fth_msg received, answer;

static struct fth_span span(const void *bytes, size_t length)
{
	return (struct fth_span){ bytes, (uint32_t)length };
}

struct sim_vm *sim_guest_vm(struct sim_guest *guest)
{
	return (struct sim_vm *)((char *)guest - offsetof(struct sim_vm, guest));
}

uint64_t sim_guest_uptime_ms(const struct sim_guest *guest)
{
	return FIRST_UPTIME_MS + (sim.now_us - guest->booted_us) / SIM_MS;
}

static void send(struct sim_vm *vm)
{
	static uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	struct fth_session *session = &vm->guest.session;
	uint32_t length;

	if (session->state != FTH_SS_OPEN)
		return;
	answer.session = session->nonce;
	answer.seq = session->tx_seq++;
	if (fth_msg_encode(&answer, frame, sizeof(frame), &length)) {
		sim_fail("vm-%u: the guest's %s can't be encoded", vm->index,
			 fth_msg_type_name(answer.type));
		return;
	}
	sim.frames++;
	sim_link_write(vm, false, frame, length);
}

static void begin(uint8_t type, uint64_t op)
{
	answer.type = type;
	answer.op_id = op;
}

static uint8_t told_state(const struct sim_guest *guest)
{
	return guest->lies && sim_chance(SIM_RANDOM_GUEST, 40)
		       ? (uint8_t)sim_random(SIM_RANDOM_GUEST, FTH_LC_STATES)
		       : guest->state;
}

static struct fth_span sha256_of(uint32_t payload)
{
	return span(sim_payload_sha256(payload), FTH_SHA256_SIZE);
}

static uint8_t fill_patch(const struct sim_guest *guest, struct fth_patch_info *info)
{
	uint8_t state = told_state(guest);

	if (state == FTH_LC_ABSENT)
		return 0;
	memset(info, 0, sizeof(*info));
	info->name = span(SIM_PATCH, strlen(SIM_PATCH));
	info->sha256 = sha256_of(guest->payload);
	info->state = state;
	info->leave = guest->leave;
	info->switches = guest->switches;
	info->functions = 1;
	info->hits = guest->hits;
	if (guest->confirm_us && state == FTH_LC_SOAKING)
		info->confirm_left_ms =
			guest->confirm_us > sim.now_us + SIM_MS
				? (uint32_t)((guest->confirm_us - sim.now_us) / SIM_MS)
				: 1;
	return 1;
}

static uint64_t told_uptime(const struct sim_guest *guest)
{
	return guest->lies && sim_chance(SIM_RANDOM_GUEST, 10)
		       ? sim_random(SIM_RANDOM_GUEST, 1u << 20)
		       : sim_guest_uptime_ms(guest);
}

static void send_result(struct sim_vm *vm, uint64_t op, uint16_t code)
{
	struct fth_msg_result *result = &answer.u.result;
	struct sim_guest *guest = &vm->guest;

	if (guest->lies && sim_chance(SIM_RANDOM_GUEST, 30))
		code = (uint16_t)sim_random(SIM_RANDOM_GUEST, 30);
	begin(FTH_T_RESULT, op);
	result->code = code;
	result->detail = span(NULL, 0);
	result->uptime_ms = told_uptime(guest);
	result->taint = guest->taint;
	result->patch_count = fill_patch(guest, result->patches);
	result->straggler_count = 0;
	send(vm);
}

static void send_progress(struct sim_vm *vm, uint64_t op, uint32_t done, uint32_t total)
{
	struct fth_msg_progress *progress = &answer.u.progress;

	begin(FTH_T_PROGRESS, op);
	progress->name = span(SIM_PATCH, strlen(SIM_PATCH));
	progress->state = vm->guest.state;
	progress->done = done;
	progress->total = total;
	progress->pending = 0;
	progress->straggler_count = 0;
	send(vm);
}

void sim_guest_tell(struct sim_vm *vm, const struct sim_incident *incident, uint8_t kind)
{
	struct fth_msg_event *event = &answer.u.event;

	begin(FTH_T_EVENT, 0);
	memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->state = vm->guest.state;
	event->trigger = incident->trigger;
	event->mode = kind == FTH_EVENT_REVERTED ? FTH_REVERT_CONSISTENT : 0;
	event->incident = incident->number;
	event->name = span(SIM_PATCH, strlen(SIM_PATCH));
	event->sha256 = sha256_of(incident->payload);
	event->happened_ms = incident->happened_ms;
	event->uptime_ms = sim_guest_uptime_ms(&vm->guest);
	event->taint = vm->guest.taint;
	send(vm);
}

static void fill_blocks(const struct sim_guest *guest, struct fth_msg_hello_ack *ack)
{
	uint32_t payload;

	ack->block_count = 0;
	for (payload = 0; payload < SIM_PAYLOADS; payload++) {
		if (!(guest->blocked >> payload & 1))
			continue;
		ack->blocks[ack->block_count++] = (struct fth_block_info){
			.name = span(SIM_PATCH, strlen(SIM_PATCH)),
			.sha256 = sha256_of(payload),
			.trigger = guest->incident_count ? guest->incidents[0].trigger : 0,
			.incident = guest->incident_count,
		};
	}
}

static void send_ack(struct sim_vm *vm)
{
	struct fth_msg_hello_ack *ack = &answer.u.hello_ack;
	static uint8_t uuid[FTH_UUID_SIZE], boot_id[FTH_UUID_SIZE];
	struct sim_guest *guest = &vm->guest;

	begin(FTH_T_HELLO_ACK, 0);
	memset(uuid, 0, sizeof(uuid));
	memset(boot_id, 0, sizeof(boot_id));
	memcpy(uuid, &vm->index, sizeof(vm->index));
	memcpy(boot_id, &vm->index, sizeof(vm->index));
	memcpy(boot_id + 8, &guest->boot, sizeof(guest->boot));
	ack->vm_uuid = span(uuid, sizeof(uuid));
	ack->boot_id = span(boot_id, sizeof(boot_id));
	ack->release = span("6.1.0-sim", 9);
	ack->build_id = span(NULL, 0);
	ack->engine = span("sim", 3);
	ack->capabilities = guest->capabilities;
	ack->uptime_ms = told_uptime(guest);
	ack->taint = guest->taint;
	ack->epoch = guest->epoch;
	ack->vcpus = 2;
	ack->patch_count = fill_patch(guest, ack->patches);
	fill_blocks(guest, ack);
	send(vm);
}

static void send_heartbeat(struct sim_vm *vm, uint64_t op)
{
	begin(FTH_T_HEARTBEAT, op);
	answer.u.heartbeat.uptime_ms = told_uptime(&vm->guest);
	answer.u.heartbeat.taint = vm->guest.taint;
	send(vm);
}

/* ---- the memory of commands */

static struct sim_op *find_op(struct sim_guest *guest, uint64_t id)
{
	uint32_t i;

	for (i = 0; i < SIM_GUEST_OPS_MAX; i++)
		if (guest->ops[i].id == id)
			return &guest->ops[i];
	return NULL;
}

static void forget(struct sim_guest *guest, uint64_t id)
{
	struct sim_op *op = find_op(guest, id);

	if (op && id)
		op->id = 0;
}

static struct sim_op *take_slot(struct sim_guest *guest)
{
	struct sim_op *op, *oldest = NULL;
	uint32_t i;

	for (i = 0; i < SIM_GUEST_OPS_MAX; i++) {
		op = &guest->ops[i];
		if (!op->id)
			return op;
		if (op->done && (!oldest || op->age < oldest->age))
			oldest = op;
	}
	return oldest;
}

void sim_guest_conclude(struct sim_vm *vm, uint64_t id, uint16_t code)
{
	struct sim_op *op = find_op(&vm->guest, id);

	if (op && !op->done) {
		op->done = true;
		op->code = code;
	}
	send_result(vm, id, code);
}

/* It had no effect: a passing reason is not remembered. */
static void refuse(struct sim_vm *vm, uint64_t id, uint16_t code)
{
	if (!fth_error_retryable(code)) {
		sim_guest_conclude(vm, id, code);
		return;
	}
	forget(&vm->guest, id);
	send_result(vm, id, code);
}

/* Is it to be carried out?  Else it was answered here. */
static bool admit(struct sim_vm *vm, const struct fth_msg *msg, uint64_t epoch)
{
	struct sim_guest *guest = &vm->guest;
	struct sim_op *op;

	if (epoch < guest->epoch && !sim_broken(SIM_BREAK_OBEYS)) {
		sim_check_command(vm, epoch, false);
		send_result(vm, msg->op_id, FTH_E_STALE_EPOCH);
		return false;
	}
	sim_check_command(vm, epoch, true);
	guest->epoch = epoch;
	op = find_op(guest, msg->op_id);
	if (op && op->type != msg->type) {
		send_result(vm, msg->op_id, FTH_E_MALFORMED);
		return false;
	}
	if (op && op->done) {
		send_result(vm, msg->op_id, op->code);
		return false;
	}
	if (op) {
		if (msg->type != FTH_T_STAGE)
			send_progress(vm, msg->op_id, 0, 0);
		return msg->type == FTH_T_STAGE;
	}
	op = take_slot(guest);
	if (!op) {
		send_result(vm, msg->op_id, FTH_E_BUSY);
		return false;
	}
	*op = (struct sim_op){ .id = msg->op_id, .age = guest->op_age++, .type = msg->type };
	return true;
}

/* ---- staging */

static void abandon(struct sim_guest *guest)
{
	guest->stage_op = 0;
	guest->stage_done = 0;
	guest->stage_size = 0;
}

static uint16_t take_chunk(struct sim_vm *vm, const struct fth_msg *msg)
{
	const struct fth_msg_stage *stage = &msg->u.stage;
	struct sim_guest *guest = &vm->guest;
	uint8_t payload = sim_payload_number(stage->sha256.data);

	if (!stage->offset) {
		if (guest->state == FTH_LC_STAGED && guest->payload == payload)
			return FTH_E_OK;
		abandon(guest);
		if (guest->state > FTH_LC_STAGED)
			return FTH_E_WRONG_STATE;
		guest->stage_op = msg->op_id;
		guest->stage_payload = payload;
		guest->stage_size = stage->size;
	} else if (guest->stage_op != msg->op_id || guest->stage_done != stage->offset) {
		return FTH_E_BAD_OFFSET;
	}
	/* No room for this one; those behind it are on their way already. */
	if (stage->offset && guest->fails_next == FTH_E_NO_MEMORY) {
		guest->fails_next = 0;
		return FTH_E_NO_MEMORY;
	}
	guest->stage_done += stage->data.length;
	if (guest->stage_done < guest->stage_size) {
		send_progress(vm, msg->op_id, guest->stage_done, guest->stage_size);
		return UINT16_MAX;
	}
	guest->payload = guest->stage_payload;
	if (guest->state == FTH_LC_ABSENT) /* else it takes the other one's place */
		sim_patch_set_state(vm, FTH_LC_EV_STAGE);
	return FTH_E_OK;
}

static void handle_stage(struct sim_vm *vm, const struct fth_msg *msg)
{
	uint64_t before = vm->guest.stage_op;
	uint16_t code;

	if (!admit(vm, msg, msg->u.stage.epoch))
		return;
	code = take_chunk(vm, msg);
	if (before && before != msg->op_id && vm->guest.stage_op != before)
		forget(&vm->guest, before);
	if (code == UINT16_MAX)
		return;
	abandon(&vm->guest);
	if (code == FTH_E_OK)
		sim_guest_conclude(vm, msg->op_id, code);
	else
		refuse(vm, msg->op_id, code);
}

static void handle_command(struct sim_vm *vm, const struct fth_msg *msg)
{
	uint16_t code;

	if (!admit(vm, msg, msg->type == FTH_T_APPLY ? msg->u.apply.epoch : msg->u.command.epoch))
		return;
	if (msg->type == FTH_T_APPLY)
		code = sim_patch_apply(vm, &msg->u.apply, msg->op_id);
	else if (sim_patch_means_other(&vm->guest, msg))
		code = FTH_E_NO_PATCH;
	else if (msg->type == FTH_T_REVERSE)
		code = sim_patch_reverse(vm, msg->op_id);
	else
		code = sim_patch_command(vm, msg);
	if (code == UINT16_MAX)
		return; /* its answer is the end of a transition */
	if (code == FTH_E_OK)
		sim_guest_conclude(vm, msg->op_id, code);
	else
		refuse(vm, msg->op_id, code);
}

static void handle_hello(struct sim_vm *vm)
{
	struct sim_guest *guest = &vm->guest;
	uint32_t i;

	sim_check_heard(vm, received.u.hello.epoch);
	if (guest->epoch < received.u.hello.epoch)
		guest->epoch = received.u.hello.epoch;
	send_ack(vm);
	for (i = 0; i < guest->incident_count; i++) {
		sim_guest_tell(vm, &guest->incidents[i], FTH_EVENT_TRIGGERED);
		if (guest->incidents[i].ended)
			sim_guest_tell(vm, &guest->incidents[i], FTH_EVENT_REVERTED);
	}
}

static void deliver(struct sim_vm *vm)
{
	/* A liar may also do as if it had not heard. */
	if (vm->guest.lies && sim_chance(SIM_RANDOM_GUEST, 10))
		return;
	switch (received.type) {
	case FTH_T_HEARTBEAT:
		send_heartbeat(vm, received.op_id);
		break;
	case FTH_T_QUERY:
		send_result(vm, received.op_id, FTH_E_OK);
		break;
	case FTH_T_STAGE:
		handle_stage(vm, &received);
		break;
	default:
		handle_command(vm, &received);
	}
}

static void receive_frame(struct sim_vm *vm, const struct fth_frame *frame)
{
	struct fth_session *session = &vm->guest.session;
	uint8_t event = fth_session_frame_event(session, frame->type, frame->session);
	uint64_t nonce_before = session->nonce;
	const char *why;
	uint8_t action;

	if (event != FTH_SS_EV_STALE && fth_msg_decode(frame, &received, &why))
		return;
	if (fth_session_step(session, event, frame->session, &action))
		return;
	if (action != FTH_SS_OPENED && action != FTH_SS_DELIVER)
		return;
	vm->guest.heard_us = sim.now_us;
	if (action == FTH_SS_DELIVER) {
		deliver(vm);
		return;
	}
	if (session->nonce != nonce_before) {
		forget(&vm->guest, vm->guest.stage_op);
		abandon(&vm->guest);
	}
	handle_hello(vm);
}

/* A decoder that holds nothing needs no buffer of its own: a fleet's would be large. */
static void borrow_buffer(struct sim_guest *guest)
{
	if (!guest->partial) {
		guest->decoder.buffer = sim.scratch;
		fth_decoder_reset(&guest->decoder);
	}
}

static void return_buffer(struct sim_guest *guest)
{
	struct fth_decoder *decoder = &guest->decoder;

	if (decoder->begin == decoder->fill) {
		free(guest->partial);
		guest->partial = NULL;
	} else if (!guest->partial) {
		guest->partial = malloc(FTH_DECODER_BUFFER_SIZE);
		if (!guest->partial)
			abort();
		memcpy(guest->partial, sim.scratch, decoder->fill);
		decoder->buffer = guest->partial;
	}
}

void sim_guest_receive(struct sim_vm *vm, const uint8_t *bytes, uint32_t length)
{
	struct fth_decoder *decoder = &vm->guest.decoder;
	struct fth_span input = { bytes, length };
	struct fth_frame frame;

	if (!vm->running)
		return;
	borrow_buffer(&vm->guest);
	fth_decoder_begin_buffer(decoder, bytes, length);
	while (fth_decoder_next(decoder, &input, &frame))
		receive_frame(vm, &frame);
	return_buffer(&vm->guest);
	sim_patch_plan(&vm->guest);
}
