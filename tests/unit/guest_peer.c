// SPDX-License-Identifier: GPL-2.0
/* A guest for unit tests of the agent; see guest_peer.h. */
#include "guest_peer.h"

#include <assert.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void guest_peer_start(struct guest_peer *peer, const char *path, uint8_t seed)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(peer, 0, sizeof(*peer));
	assert(strlen(path) < sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	unlink(path);
	peer->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert(peer->listen_fd >= 0);
	assert(!bind(peer->listen_fd, (struct sockaddr *)&address, sizeof(address)));
	assert(!listen(peer->listen_fd, 8));
	peer->fd = -1;
	memset(peer->boot_id, seed, sizeof(peer->boot_id));
	peer->uptime_ms = 1000;
	peer->capabilities = ~FTH_CAP_SIGNED_ONLY;
	peer->release = "6.1.0-1-cloud-amd64";
}

void guest_peer_hang_up(struct guest_peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	peer->nonce = 0;
}

void guest_peer_stop(struct guest_peer *peer)
{
	guest_peer_hang_up(peer);
	if (peer->listen_fd >= 0)
		close(peer->listen_fd);
	peer->listen_fd = -1;
}

void guest_peer_reboot(struct guest_peer *peer)
{
	guest_peer_hang_up(peer);
	peer->boot_id[0]++;
	peer->uptime_ms = 500;
	peer->state = FTH_LC_ABSENT;
	peer->staged = 0;
	peer->result_count = 0;
	peer->epoch = 0;
	peer->incident = 0;
	peer->refuses = false;
}

size_t guest_peer_write(struct guest_peer *peer, const void *bytes, size_t size)
{
	ssize_t written = send(peer->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

	return written > 0 ? (size_t)written : 0;
}

uint32_t guest_peer_encode(struct guest_peer *peer, struct fth_msg *msg, uint8_t *frame)
{
	uint32_t length;

	msg->session = peer->nonce;
	msg->seq = peer->seq++;
	assert(!fth_msg_encode(msg, frame, FTH_DECODER_BUFFER_SIZE, &length));
	return length;
}

void guest_peer_send(struct guest_peer *peer, struct fth_msg *msg, uint64_t nonce)
{
	uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	uint64_t own = peer->nonce;
	uint32_t length;

	if (nonce)
		peer->nonce = nonce;
	length = guest_peer_encode(peer, msg, frame);
	peer->nonce = own;
	guest_peer_write(peer, frame, length);
}

static struct fth_span span(const void *data, size_t length)
{
	return (struct fth_span){ data, (uint32_t)length };
}

static uint8_t list_patches(const struct guest_peer *peer, struct fth_patch_info *patches)
{
	if (peer->state == FTH_LC_ABSENT)
		return 0;
	patches[0].name = span(peer->patch, strlen(peer->patch));
	patches[0].sha256 = span(peer->sha256, sizeof(peer->sha256));
	patches[0].state = peer->state;
	patches[0].functions = 1;
	patches[0].hits = peer->hits;
	patches[0].confirm_left_ms = peer->state == FTH_LC_SOAKING ? peer->confirm_left_ms : 0;
	patches[0].pending = peer->waiting_op ? 40 : 0;
	patches[0].flags = peer->forced ? FTH_PATCH_FORCED : 0;
	patches[0].leave = peer->leave;
	patches[0].switches = peer->switches;
	return 1;
}

static void answer_hello(struct guest_peer *peer)
{
	struct fth_msg msg = { .type = FTH_T_HELLO_ACK };
	struct fth_msg_hello_ack *ack = &msg.u.hello_ack;

	ack->vm_uuid = span(peer->boot_id, FTH_UUID_SIZE);
	ack->boot_id = span(peer->boot_id, FTH_UUID_SIZE);
	ack->release = span(peer->release, strlen(peer->release));
	ack->engine = span("test", 4);
	ack->capabilities = peer->capabilities;
	ack->uptime_ms = peer->uptime_ms;
	ack->taint = peer->taint;
	ack->vcpus = 1;
	ack->epoch = peer->epoch;
	ack->patch_count = list_patches(peer, ack->patches);
	if (peer->refuses) {
		ack->block_count = 1;
		ack->blocks[0].name = span(peer->patch, strlen(peer->patch));
		ack->blocks[0].sha256 = span(peer->sha256, sizeof(peer->sha256));
		ack->blocks[0].trigger = peer->trigger;
		ack->blocks[0].incident = peer->incident;
	}
	guest_peer_send(peer, &msg, 0);
	if (!peer->incident)
		return;
	guest_peer_tell(peer, FTH_EVENT_TRIGGERED);
	guest_peer_tell(peer, FTH_EVENT_REVERTED);
}

void guest_peer_tell(struct guest_peer *peer, uint8_t kind)
{
	struct fth_msg msg = { .type = FTH_T_EVENT };
	struct fth_msg_event *event = &msg.u.event;

	if (!peer->nonce)
		return;
	event->kind = kind;
	event->state = kind == FTH_EVENT_TRIGGERED ? FTH_LC_REVERTING : FTH_LC_STAGED;
	event->trigger = peer->trigger;
	event->mode = kind == FTH_EVENT_REVERTED ? FTH_REVERT_CONSISTENT : 0;
	event->incident = peer->incident;
	event->name = span(peer->patch, strlen(peer->patch));
	event->sha256 = span(peer->sha256, sizeof(peer->sha256));
	event->where = span("fix_it+0x4", 10);
	if (peer->detail)
		event->detail = span(peer->detail, strlen(peer->detail));
	event->text = span("BUG: a\x1b[31m\nRIP: b", 18);
	event->happened_ms = 900 + peer->incident;
	event->uptime_ms = peer->uptime_ms;
	event->taint = peer->taint;
	guest_peer_send(peer, &msg, 0);
}

void guest_peer_emergency(struct guest_peer *peer, uint8_t trigger)
{
	peer->incident++;
	peer->trigger = trigger;
	peer->refuses = true;
	peer->state = FTH_LC_REVERTING;
	guest_peer_tell(peer, FTH_EVENT_TRIGGERED);
	peer->state = FTH_LC_STAGED;
	guest_peer_tell(peer, FTH_EVENT_REVERTED);
}

static void answer(struct guest_peer *peer, uint64_t op_id, uint16_t code)
{
	struct fth_msg msg = { .type = FTH_T_RESULT, .op_id = op_id };
	struct fth_msg_result *result = &msg.u.result;

	if (peer->holds_results)
		return;
	result->code = code;
	result->uptime_ms = peer->uptime_ms;
	result->taint = peer->taint;
	result->patch_count = list_patches(peer, result->patches);
	guest_peer_send(peer, &msg, 0);
}

static bool from_memory(struct guest_peer *peer, uint64_t op_id)
{
	uint32_t i;

	for (i = 0; i < peer->result_count; i++) {
		if (peer->results[i] != op_id)
			continue;
		answer(peer, op_id, peer->codes[i]);
		return true;
	}
	return false;
}

static void done(struct guest_peer *peer, uint64_t op_id, uint16_t code)
{
	assert(peer->result_count < PEER_RESULTS_MAX);
	peer->results[peer->result_count] = op_id;
	peer->codes[peer->result_count++] = code;
	answer(peer, op_id, code);
}

void guest_peer_progress(struct guest_peer *peer)
{
	struct fth_msg msg = { .type = FTH_T_PROGRESS, .op_id = peer->waiting_op };
	struct fth_msg_progress *progress = &msg.u.progress;

	progress->name = span(peer->patch, strlen(peer->patch));
	progress->state = peer->state;
	progress->done = 60;
	progress->total = 100;
	progress->pending = 40;
	progress->straggler_count = 1;
	progress->stragglers[0] = (struct fth_straggler_info){
		.pid = 4711,
		.since_ms = 1500,
		.comm = span("ng\x1bnx", 5),
		.where = span("pipe_read+0x12", 14),
		.next = span("nudge in 500 ms", 15),
	};
	guest_peer_send(peer, &msg, 0);
}

static void take_stage(struct guest_peer *peer, const struct fth_msg *msg)
{
	const struct fth_msg_stage *stage = &msg->u.stage;
	struct fth_msg progress = { .type = FTH_T_PROGRESS, .op_id = msg->op_id };

	if (!stage->offset) {
		peer->staged = 0;
		peer->signature_size = stage->signature.length;
	}
	if (stage->offset != peer->staged)
		return;
	peer->staged += stage->data.length;
	memcpy(peer->patch, stage->name.data, stage->name.length);
	peer->patch[stage->name.length] = '\0';
	memcpy(peer->sha256, stage->sha256.data, FTH_SHA256_SIZE);
	if (peer->staged == stage->size) {
		if (peer->state == FTH_LC_ABSENT)
			peer->state = FTH_LC_STAGED;
		done(peer, msg->op_id, FTH_E_OK);
		return;
	}
	progress.u.progress.name = stage->name;
	progress.u.progress.state = FTH_LC_ABSENT;
	progress.u.progress.done = peer->staged;
	progress.u.progress.total = stage->size;
	guest_peer_send(peer, &progress, 0);
}

static void take_apply(struct guest_peer *peer, const struct fth_msg *msg)
{
	uint64_t op_id = msg->op_id;

	peer->leave = msg->u.apply.policy.leave;
	peer->switches = msg->u.apply.policy.switches;
	if (peer->refuses) {
		done(peer, op_id, FTH_E_BLOCKED);
		return;
	}
	if (peer->refuse_apply) {
		done(peer, op_id, peer->refuse_apply);
		return;
	}
	if (peer->state != FTH_LC_STAGED) {
		done(peer, op_id, FTH_E_NO_PATCH);
		return;
	}
	if (peer->stuck) {
		peer->state = FTH_LC_APPLYING;
		peer->waiting_op = op_id;
		guest_peer_progress(peer);
		return;
	}
	peer->applied++;
	peer->state = FTH_LC_SOAKING;
	done(peer, op_id, FTH_E_OK);
}

/* As the engine does: the forced transition ends, and so does its APPLY. */
static void take_hand(struct guest_peer *peer, const struct fth_msg *msg)
{
	uint64_t apply = peer->waiting_op;

	*(msg->type == FTH_T_FORCE ? &peer->forced : &peer->nudged) += 1;
	if (peer->ignores_hands)
		return;
	if (!apply) {
		done(peer, msg->op_id, FTH_E_WRONG_STATE);
		return;
	}
	done(peer, msg->op_id, FTH_E_OK);
	if (msg->type != FTH_T_FORCE)
		return;
	peer->waiting_op = 0;
	peer->applied++;
	peer->state = FTH_LC_SOAKING;
	done(peer, apply, FTH_E_OK);
}

/* Who names a payload means no other one of that name. */
static bool lacks_patch(struct guest_peer *peer, const struct fth_msg *msg)
{
	const struct fth_span *sha256 = &msg->u.command.sha256;

	if (peer->state != FTH_LC_ABSENT &&
	    (!sha256->length || !memcmp(peer->sha256, sha256->data, FTH_SHA256_SIZE)))
		return false;
	done(peer, msg->op_id, FTH_E_NO_PATCH);
	return true;
}

static uint64_t epoch_of(const struct fth_msg *msg)
{
	if (msg->type == FTH_T_STAGE)
		return msg->u.stage.epoch;
	return msg->type == FTH_T_APPLY ? msg->u.apply.epoch : msg->u.command.epoch;
}

static void take_command(struct guest_peer *peer, const struct fth_msg *msg)
{
	peer->commands++;
	if (epoch_of(msg) < peer->epoch) {
		peer->stale++;
		answer(peer, msg->op_id, FTH_E_STALE_EPOCH);
		return;
	}
	peer->epoch = epoch_of(msg);
	if (from_memory(peer, msg->op_id))
		return;
	switch (msg->type) {
	case FTH_T_STAGE:
		take_stage(peer, msg);
		break;
	case FTH_T_APPLY:
		take_apply(peer, msg);
		break;
	case FTH_T_NUDGE:
	case FTH_T_FORCE:
		take_hand(peer, msg);
		break;
	case FTH_T_CONFIRM:
		if (lacks_patch(peer, msg))
			break;
		if (msg->u.command.extend_ms) {
			peer->extended++;
			peer->confirm_left_ms = msg->u.command.extend_ms;
			done(peer, msg->op_id, FTH_E_OK);
			break;
		}
		peer->confirmed++;
		peer->state = FTH_LC_APPLIED;
		done(peer, msg->op_id, FTH_E_OK);
		break;
	case FTH_T_REVERSE:
		if (lacks_patch(peer, msg))
			break;
		if (peer->refuse_reverse) {
			done(peer, msg->op_id, peer->refuse_reverse);
			break;
		}
		peer->reversed++;
		peer->state = FTH_LC_STAGED;
		done(peer, msg->op_id, FTH_E_OK);
		break;
	case FTH_T_UNSTAGE:
		if (lacks_patch(peer, msg))
			break;
		peer->unstaged++;
		peer->state = FTH_LC_ABSENT;
		done(peer, msg->op_id, FTH_E_OK);
		break;
	case FTH_T_REVERT:
		if (lacks_patch(peer, msg))
			break;
		peer->reverts++;
		peer->revert_mode = msg->u.command.mode;
		guest_peer_emergency(peer, FTH_TRIGGER_HOST);
		done(peer, msg->op_id, FTH_E_OK);
		break;
	case FTH_T_ALLOW:
		peer->allowed++;
		if (!peer->refuse_allow)
			peer->refuses = false;
		answer(peer, msg->op_id, peer->refuse_allow);
		break;
	default:
		break;
	}
}

static void take(struct guest_peer *peer, const struct fth_frame *frame)
{
	struct fth_msg msg, beat = { .type = FTH_T_HEARTBEAT };
	const char *why;

	assert(!fth_msg_decode(frame, &msg, &why));
	if (msg.type == FTH_T_HELLO) {
		peer->hellos++;
		peer->nonce = msg.session;
		if (peer->epoch < msg.u.hello.epoch)
			peer->epoch = msg.u.hello.epoch;
		if (!peer->mute)
			answer_hello(peer);
		return;
	}
	if (peer->mute || msg.session != peer->nonce)
		return;
	if (msg.type == FTH_T_HEARTBEAT) {
		peer->beats++;
		beat.u.heartbeat.uptime_ms = peer->uptime_ms;
		beat.u.heartbeat.taint = peer->taint;
		guest_peer_send(peer, &beat, 0);
	} else if (msg.type == FTH_T_QUERY) {
		peer->queries++;
		answer(peer, msg.op_id, FTH_E_OK);
	} else {
		take_command(peer, &msg);
	}
}

void guest_peer_pump(struct guest_peer *peer)
{
	uint8_t bytes[65536];
	struct fth_frame frame;
	struct fth_span input;
	ssize_t length;

	if (peer->fd < 0 && peer->listen_fd >= 0) {
		peer->fd = accept4(peer->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		fth_decoder_init(&peer->decoder, peer->buffer);
		peer->connects += peer->fd >= 0;
	}
	while (peer->fd >= 0 && !peer->deaf) {
		length = read(peer->fd, bytes, sizeof(bytes));
		if (!length)
			guest_peer_hang_up(peer);
		if (length <= 0)
			return;
		peer->read_bytes += (uint64_t)length;
		input = span(bytes, (size_t)length);
		fth_decoder_begin_buffer(&peer->decoder, input.data, input.length);
		while (fth_decoder_next(&peer->decoder, &input, &frame))
			take(peer, &frame);
	}
}
