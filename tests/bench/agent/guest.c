// SPDX-License-Identifier: GPL-2.0
/* One emulated guest; see guest.h. */
#include "guest.h"

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READ_SIZE 65536u
#define FUNCTIONS 1u
#define CAPABILITIES (~(uint64_t)FTH_CAP_SIGNED_ONLY)

uint64_t bench_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct fth_span span(const void *data, size_t length)
{
	return (struct fth_span){ data, (uint32_t)length };
}

static void watch(struct bench_world *world, struct bench_guest *guest, int fd, bool listening)
{
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = (uint64_t)(uintptr_t)guest | listening,
	};

	if (epoll_ctl(world->epoll_fd, EPOLL_CTL_ADD, fd, &event))
		err(1, "epoll_ctl");
}

void bench_guest_listen(struct bench_world *world, struct bench_guest *guest, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(address.sun_path))
		errx(2, "socket '%s': a path has at most %zu bytes; choose a shorter folder", path,
		     sizeof(address.sun_path) - 1);
	strcpy(address.sun_path, path);
	unlink(path);
	guest->fd = -1;
	guest->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (guest->listen_fd < 0 ||
	    bind(guest->listen_fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(guest->listen_fd, 1))
		err(1, "socket '%s'", path);
	watch(world, guest, guest->listen_fd, true);
	world->counters->states[FTH_LC_ABSENT]++;
}

static void hang_up(struct bench_world *world, struct bench_guest *guest)
{
	close(guest->fd);
	guest->fd = -1;
	guest->nonce = 0;
	free(guest->buffer);
	guest->buffer = NULL;
	world->counters->connected--;
}

static void send_msg(struct bench_world *world, struct bench_guest *guest, struct fth_msg *msg)
{
	uint8_t frame[4096];
	uint32_t length;

	if (guest->fd < 0 || !guest->nonce)
		return;
	msg->session = guest->nonce;
	msg->seq = guest->seq++;
	if (fth_msg_encode(msg, frame, sizeof(frame), &length))
		errx(1, "guest %u: a message of type %u can't be encoded", guest->number,
		     msg->type);
	world->counters->sent++;
	if (send(guest->fd, frame, length, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length)
		return;
	world->counters->choked++;
	shutdown(guest->fd, SHUT_RDWR); /* and its end is read */
}

static void enter(struct bench_world *world, struct bench_guest *guest, uint8_t state)
{
	world->counters->states[guest->state]--;
	world->counters->states[state]++;
	guest->state = state;
}

static uint64_t uptime_ms(const struct bench_world *world)
{
	return bench_now_ms() - world->start_ms + 60000;
}

static uint8_t list_patches(const struct bench_guest *guest, struct fth_patch_info *patches)
{
	bool runs = guest->state == FTH_LC_SOAKING || guest->state == FTH_LC_APPLIED;

	if (guest->state == FTH_LC_ABSENT)
		return 0;
	patches[0].name = span(guest->name, strlen(guest->name));
	patches[0].sha256 = span(guest->sha256, sizeof(guest->sha256));
	patches[0].state = guest->state;
	patches[0].functions = FUNCTIONS;
	patches[0].hits = runs;
	patches[0].confirm_left_ms = guest->state == FTH_LC_SOAKING ? guest->confirm_ms : 0;
	patches[0].leave = FTH_LEAVE_PATCHED_SET;
	patches[0].switches = FTH_SWITCH_THREAD;
	return 1;
}

static void answer_hello(struct bench_world *world, struct bench_guest *guest)
{
	static const char engine[] = "emulated";
	uint8_t id[FTH_UUID_SIZE] = { 0x42 };
	struct fth_msg msg = { .type = FTH_T_HELLO_ACK };
	struct fth_msg_hello_ack *ack = &msg.u.hello_ack;

	memcpy(id + 8, &guest->number, sizeof(guest->number));
	ack->vm_uuid = span(id, sizeof(id));
	ack->boot_id = span(id, sizeof(id));
	ack->release = span(BENCH_RELEASE, strlen(BENCH_RELEASE));
	ack->engine = span(engine, strlen(engine));
	ack->capabilities = CAPABILITIES;
	ack->uptime_ms = uptime_ms(world);
	ack->vcpus = 2;
	ack->epoch = guest->epoch;
	ack->patch_count = list_patches(guest, ack->patches);
	send_msg(world, guest, &msg);
}

static void answer(struct bench_world *world, struct bench_guest *guest, uint64_t op_id,
		   uint16_t code)
{
	struct fth_msg msg = { .type = FTH_T_RESULT, .op_id = op_id };

	msg.u.result.code = code;
	msg.u.result.uptime_ms = uptime_ms(world);
	msg.u.result.patch_count = list_patches(guest, msg.u.result.patches);
	send_msg(world, guest, &msg);
}

static void done(struct bench_world *world, struct bench_guest *guest, uint64_t op_id,
		 uint16_t code)
{
	guest->ops[guest->op_count++ % BENCH_OPS_MAX] = (struct bench_op){ op_id, code };
	answer(world, guest, op_id, code);
}

static bool from_memory(struct bench_world *world, struct bench_guest *guest, uint64_t op_id)
{
	uint32_t i;

	for (i = 0; i < BENCH_OPS_MAX && i < guest->op_count; i++) {
		if (guest->ops[i].id != op_id)
			continue;
		world->counters->repeated++;
		answer(world, guest, op_id, guest->ops[i].code);
		return true;
	}
	return op_id == guest->moving; /* its answer is still to come */
}

static void tell_staged(struct bench_world *world, struct bench_guest *guest,
			const struct fth_msg *msg)
{
	struct fth_msg progress = { .type = FTH_T_PROGRESS, .op_id = msg->op_id };

	progress.u.progress.name = msg->u.stage.name;
	progress.u.progress.state = guest->state;
	progress.u.progress.done = guest->staged;
	progress.u.progress.total = msg->u.stage.size;
	send_msg(world, guest, &progress);
}

static void take_stage(struct bench_world *world, struct bench_guest *guest,
		       const struct fth_msg *msg)
{
	const struct fth_msg_stage *stage = &msg->u.stage;
	uint8_t sha256[FTH_SHA256_SIZE], state;

	if (fth_lifecycle_step(guest->state, FTH_LC_EV_STAGE, &state)) {
		done(world, guest, msg->op_id, FTH_E_WRONG_STATE);
		return;
	}
	if (!stage->offset) {
		guest->staged = 0;
		crypto_hash_sha256_init(&guest->hash);
		memcpy(guest->name, stage->name.data, stage->name.length);
		guest->name[stage->name.length] = '\0';
		memcpy(guest->sha256, stage->sha256.data, FTH_SHA256_SIZE);
	}
	if (stage->offset != guest->staged) {
		done(world, guest, msg->op_id, FTH_E_BAD_OFFSET);
		return;
	}
	guest->staged += stage->data.length;
	crypto_hash_sha256_update(&guest->hash, stage->data.data, stage->data.length);
	if (guest->staged < stage->size) {
		tell_staged(world, guest, msg);
		return;
	}
	crypto_hash_sha256_final(&guest->hash, sha256);
	if (memcmp(sha256, guest->sha256, sizeof(sha256)) != 0) {
		world->counters->bad++;
		done(world, guest, msg->op_id, FTH_E_BAD_HASH);
		return;
	}
	enter(world, guest, state);
	done(world, guest, msg->op_id, FTH_E_OK);
}

static void begin_moving(struct bench_world *world, struct bench_guest *guest, uint64_t op_id)
{
	guest->moving = op_id;
	guest->due_ms = bench_now_ms() + world->transition_ms;
	guest->next_moving = NULL;
	*world->last_moving = guest;
	world->last_moving = &guest->next_moving;
}

int bench_world_turn(struct bench_world *world)
{
	uint64_t now_ms = bench_now_ms(), op_id;
	struct bench_guest *guest;
	uint8_t state;

	while ((guest = world->first_moving) && guest->due_ms <= now_ms) {
		world->first_moving = guest->next_moving;
		if (!world->first_moving)
			world->last_moving = &world->first_moving;
		op_id = guest->moving;
		guest->moving = 0;
		if (!fth_lifecycle_step(guest->state, FTH_LC_EV_COMPLETE, &state))
			enter(world, guest, state);
		done(world, guest, op_id, FTH_E_OK);
	}
	return guest ? (int)(guest->due_ms - now_ms) : -1;
}

static void take_command(struct bench_world *world, struct bench_guest *guest,
			 const struct fth_msg *msg, uint8_t event)
{
	uint8_t state;

	if (guest->state == FTH_LC_ABSENT) {
		done(world, guest, msg->op_id, FTH_E_NO_PATCH);
	} else if (guest->moving) {
		done(world, guest, msg->op_id, FTH_E_BUSY);
	} else if (event == FTH_LC_EV_REVERSE && guest->state == FTH_LC_STAGED) {
		done(world, guest, msg->op_id, FTH_E_OK);
	} else if (event == FTH_LC_EV_CONFIRM && guest->state == FTH_LC_APPLIED) {
		done(world, guest, msg->op_id, FTH_E_OK);
	} else if (fth_lifecycle_step(guest->state, event, &state)) {
		done(world, guest, msg->op_id, FTH_E_WRONG_STATE);
	} else {
		enter(world, guest, state);
		if (fth_lifecycle_in_transition(state))
			begin_moving(world, guest, msg->op_id);
		else
			done(world, guest, msg->op_id, FTH_E_OK);
	}
}

/* False: it is older than one that was seen, and refused. */
static bool epoch_is_good(struct bench_world *world, struct bench_guest *guest, uint64_t op_id,
			  uint64_t epoch)
{
	if (epoch < guest->epoch) {
		answer(world, guest, op_id, FTH_E_STALE_EPOCH);
		return false;
	}
	guest->epoch = epoch;
	return true;
}

static void take_op(struct bench_world *world, struct bench_guest *guest, const struct fth_msg *msg)
{
	/* Every command's message begins with its epoch. */
	if (!epoch_is_good(world, guest, msg->op_id, msg->u.command.epoch) ||
	    from_memory(world, guest, msg->op_id))
		return;
	switch (msg->type) {
	case FTH_T_STAGE:
		take_stage(world, guest, msg);
		break;
	case FTH_T_APPLY:
		guest->confirm_ms = msg->u.apply.policy.confirm_within_ms;
		take_command(world, guest, msg, FTH_LC_EV_APPLY);
		break;
	case FTH_T_CONFIRM:
		if (msg->u.command.extend_ms) {
			guest->confirm_ms = msg->u.command.extend_ms;
			done(world, guest, msg->op_id, FTH_E_OK);
			break;
		}
		take_command(world, guest, msg, FTH_LC_EV_CONFIRM);
		break;
	case FTH_T_REVERSE:
		take_command(world, guest, msg, FTH_LC_EV_REVERSE);
		break;
	case FTH_T_UNSTAGE:
		take_command(world, guest, msg, FTH_LC_EV_UNSTAGE);
		break;
	default:
		done(world, guest, msg->op_id, FTH_E_UNSUPPORTED);
		break;
	}
}

static void take(struct bench_world *world, struct bench_guest *guest,
		 const struct fth_frame *frame)
{
	struct fth_msg msg, beat = { .type = FTH_T_HEARTBEAT };
	const char *why;

	world->counters->received++;
	if (fth_msg_decode(frame, &msg, &why)) {
		world->counters->bad++;
		return;
	}
	if (msg.type == FTH_T_HELLO) {
		world->counters->hellos++;
		guest->nonce = msg.session;
		guest->seq = 0;
		answer_hello(world, guest);
	} else if (msg.session != guest->nonce) {
		world->counters->bad++;
	} else if (msg.type == FTH_T_HEARTBEAT) {
		world->counters->heartbeats++;
		beat.u.heartbeat.uptime_ms = uptime_ms(world);
		send_msg(world, guest, &beat);
	} else if (msg.type == FTH_T_QUERY) {
		answer(world, guest, msg.op_id, FTH_E_OK);
	} else {
		take_op(world, guest, &msg);
	}
}

static void read_all(struct bench_world *world, struct bench_guest *guest)
{
	static uint8_t bytes[READ_SIZE];
	struct fth_span input;
	struct fth_frame frame;
	ssize_t length = read(guest->fd, bytes, sizeof(bytes));

	if (!length || (length < 0 && errno != EAGAIN)) {
		hang_up(world, guest);
		return;
	}
	if (length < 0)
		return;
	if (!guest->buffer) {
		guest->buffer = world->spare ? world->spare : malloc(FTH_DECODER_BUFFER_SIZE);
		world->spare = NULL;
		if (!guest->buffer)
			err(1, "a guest's buffer");
		fth_decoder_init(&guest->decoder, guest->buffer);
	}
	world->counters->bytes += (uint64_t)length;
	input = span(bytes, (size_t)length);
	fth_decoder_begin_buffer(&guest->decoder, input.data, input.length);
	while (fth_decoder_next(&guest->decoder, &input, &frame))
		take(world, guest, &frame);
	world->counters->bad += guest->decoder.bad_headers + guest->decoder.bad_payloads;
	guest->decoder.bad_headers = 0;
	guest->decoder.bad_payloads = 0;
	if (guest->decoder.begin != guest->decoder.fill || world->spare)
		return;
	world->spare = guest->buffer;
	guest->buffer = NULL;
}

void bench_guest_ready(struct bench_world *world, struct bench_guest *guest, bool listening)
{
	int fd;

	if (!listening) {
		if (guest->fd >= 0)
			read_all(world, guest);
		return;
	}
	fd = accept4(guest->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (guest->fd >= 0)
		hang_up(world, guest);
	guest->fd = fd;
	world->counters->connected++;
	watch(world, guest, fd, false);
}
