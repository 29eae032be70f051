// SPDX-License-Identifier: GPL-2.0
/*
 * The agent's side that guests see: a channel's bytes to a rollout's events.
 *
 * DESIGN
 * Everything between a socket's bytes and the core is the real code: channel,
 * session, guest, executor, rollout, commands by hand, incidents, allows.  What
 * it stands on is made up here: a stream without a socket, timers that fire when
 * the input says so, a journal that keeps nothing and may fail, API requests
 * that are only counted.  The input is a list of steps, see step(): frames whose
 * checksums and nonce are made right, raw bytes, time that passes, connections
 * that break.  After each input the books must balance: every request was
 * answered once, no memory is left, what a guest can make us keep is bounded.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "app/agent.h"
#include "app/api_json.h"
#include "app/health.h"
#include "bytes.h"
#include "io/channel.h"
#include "io/http.h"
#include "io/inventory.h"
#include "io/log.h"
#include "io/loop.h"
#include "io/stream.h"

#define NONCE 0x1122334455667788ull
#define STEPS_MAX 400u
#define TIMERS_MAX 8u
#define PAYLOAD_SIZE 100000u
#define VMS_MAX 2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fth_timer {
	void (*fire)(void *context);
	void *context;
	bool is_set;
};

/* All that is not the code under test. */
static struct {
	struct fth_agent agent;
	struct fth_timer timers[TIMERS_MAX];
	uint32_t timer_count;
	uint64_t now_ms;
	const struct fth_stream_hooks *hooks; /* of the stream */
	void *context;
	size_t queued; /* bytes that the guest does not take */
	bool is_up;
	bool refuses_connect;
	bool store_fails;
	bool is_blocked;
	uint32_t requests_open;
	uint32_t incidents;
	uint64_t ops[4]; /* op ids of the last commands */
	uint32_t op_count;
} world;

static void require(bool good)
{
	if (!good)
		abort();
}

/* ---- io/stream.h */

int fth_stream_new(struct fth_loop *loop, const struct sockaddr_un *address,
		   const struct fth_stream_hooks *hooks, void *context,
		   struct fth_stream **ret_stream)
{
	(void)loop;
	(void)address;
	if (world.refuses_connect)
		return -ECONNREFUSED;
	world.hooks = hooks;
	world.context = context;
	world.is_up = true;
	world.queued = 0;
	*ret_stream = malloc(1); /* a leak of it is one of the stream */
	return 0;
}

void fth_stream_free(struct fth_stream *stream)
{
	world.is_up = false;
	free(stream);
}

/* What we send must be well-formed, whatever came before. */
int fth_stream_write(struct fth_stream *stream, const void *data, uint32_t size, bool tell)
{
	static uint8_t buffer[FTH_DECODER_BUFFER_SIZE];
	struct fth_span input = { data, size };
	struct fth_decoder decoder;
	struct fth_frame frame;
	struct fth_msg msg;
	const char *why;

	(void)stream;
	(void)tell;
	fth_decoder_init(&decoder, buffer);
	require(fth_decoder_next(&decoder, &input, &frame) && !decoder.skipped_bytes);
	require(!fth_msg_decode(&frame, &msg, &why));
	if (frame.op_id)
		world.ops[world.op_count++ % 4] = frame.op_id;
	return 0;
}

size_t fth_stream_queued(const struct fth_stream *stream)
{
	(void)stream;
	return world.queued;
}

/* ---- io/loop.h */

int fth_timer_new(struct fth_loop *loop, void (*fire)(void *context), void *context,
		  struct fth_timer **ret_timer)
{
	(void)loop;
	require(world.timer_count < TIMERS_MAX);
	*ret_timer = &world.timers[world.timer_count++];
	**ret_timer = (struct fth_timer){ fire, context, false };
	return 0;
}

void fth_timer_free(struct fth_timer *timer)
{
	if (timer)
		timer->fire = NULL;
}

void fth_timer_set(struct fth_timer *timer, uint64_t after_ms)
{
	(void)after_ms;
	timer->is_set = true;
}

void fth_timer_clear(struct fth_timer *timer)
{
	timer->is_set = false;
}

/* A fresh one each time, so that a use of one given back is seen. */
uint8_t *fth_loop_take_buffer(struct fth_loop *loop)
{
	(void)loop;
	return malloc(FTH_DECODER_BUFFER_SIZE);
}

void fth_loop_give_buffer(struct fth_loop *loop, uint8_t *buffer)
{
	(void)loop;
	free(buffer);
}

uint64_t fth_loop_wall_ms(void)
{
	return world.now_ms;
}

uint64_t fth_loop_steady_ms(void)
{
	return world.now_ms;
}

uint64_t fth_loop_random(void)
{
	return NONCE;
}

/* ---- io/log.h, io/http.h: the texts are made, and must end */

void fth_log(enum fth_log_priority priority, const char *format, ...)
{
	char text[4096];
	va_list args;

	(void)priority;
	va_start(args, format);
	require(vsnprintf(text, sizeof(text), format, args) >= 0);
	va_end(args);
}

static void answered(void)
{
	require(world.requests_open);
	world.requests_open--;
}

void fth_http_reply(struct fth_http_request *request, int status, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);

	(void)request;
	(void)status;
	require(body && text);
	free(text);
	json_decref(body);
	answered();
}

void fth_http_error(struct fth_http_request *request, int status, const char *code,
		    const char *format, ...)
{
	(void)request;
	(void)status;
	(void)code;
	(void)format;
	answered();
}

uid_t fth_http_uid(const struct fth_http_request *request)
{
	(void)request;
	return 0;
}

void fth_api_explain(const struct fth_guest *guest, const struct fth_msg_result *result,
		     struct fth_http_request *request)
{
	fth_http_reply(
		request, 200,
		json_pack("{s:o, s:o}", "guest", fth_api_json_guest(guest, true), "tasks",
			  fth_api_json_stragglers(result->stragglers, result->straggler_count)));
}

/* ---- io/store.h: keeps nothing, fails when the input says so */

static int store(void)
{
	return world.store_fails ? -EIO : 0;
}

const char *fth_store_why(const struct fth_store *unused)
{
	(void)unused;
	return "it fails";
}

int fth_store_append(struct fth_store *unused, uint64_t id, const uint8_t *record, uint32_t length)
{
	(void)unused;
	require(id == 1 && record && length);
	return store();
}

int fth_store_put_vm(struct fth_store *unused, const struct fth_store_vm *vm)
{
	(void)unused;
	(void)vm;
	return store();
}

int fth_store_find_vm(struct fth_store *unused, const char *name, const uint8_t *uuid,
		      char *ret_name, size_t size, struct fth_store_vm *ret_vm)
{
	(void)unused;
	(void)name;
	(void)uuid;
	(void)ret_name;
	(void)size;
	(void)ret_vm;
	return -ENOENT;
}

int fth_store_rename_vm(struct fth_store *unused, const char *from, const char *to)
{
	(void)unused;
	(void)from;
	(void)to;
	return store();
}

int fth_store_add_hand(struct fth_store *unused, const struct fth_store_hand *hand, uint64_t *ret_n)
{
	(void)unused;
	(void)hand;
	*ret_n = 7;
	return store();
}

int fth_store_add_history(struct fth_store *unused, const struct fth_store_history *row)
{
	(void)unused;
	require(strlen(row->vm) <= FTH_VM_NAME_MAX && strlen(row->why) < FTH_WHY_MAX);
	return store();
}

int fth_store_keep_epoch(struct fth_store *unused, uint64_t epoch)
{
	(void)unused;
	(void)epoch;
	return store();
}

int fth_store_end_hand(struct fth_store *unused, uint64_t n, uint16_t code, const char *detail)
{
	(void)unused;
	(void)code;
	require(n == 7 && detail);
	return store();
}

int fth_store_add_incident(struct fth_store *unused, const struct fth_store_incident *row,
			   bool *ret_is_new)
{
	(void)unused;
	require(strlen(row->text) <= FTH_TEXT_MAX && strlen(row->patch) <= FTH_NAME_MAX);
	world.incidents++;
	*ret_is_new = row->incident & 1;
	return store();
}

bool fth_store_knows_incident(struct fth_store *unused, const struct fth_store_incident *row,
			      uint8_t kind)
{
	(void)unused;
	return (row->incident ^ kind) & 2;
}

int fth_store_add_block(struct fth_store *unused, const struct fth_store_block *row, bool explains)
{
	(void)unused;
	(void)explains;
	world.is_blocked |= row->has_sha256;
	return store();
}

int fth_store_allow_block(struct fth_store *unused, const struct fth_store_block *row)
{
	(void)unused;
	(void)row;
	return store();
}

int fth_store_drop_block(struct fth_store *unused, const struct fth_store_block *row)
{
	(void)unused;
	(void)row;
	world.is_blocked = false;
	return store();
}

bool fth_store_is_blocked(struct fth_store *unused, const char *vm, const uint8_t *sha256,
			  const char *patch, char *ret_why, size_t size)
{
	(void)unused;
	(void)vm;
	(void)sha256;
	(void)patch;
	snprintf(ret_why, size, "%s", world.is_blocked ? "oops" : "");
	return world.is_blocked;
}

bool fth_store_is_recalled(struct fth_store *unused, const uint8_t *sha256, char *ret_why,
			   size_t size)
{
	(void)unused;
	(void)sha256;
	snprintf(ret_why, size, "%s", "");
	return false;
}

int fth_store_each_incident(struct fth_store *unused, const char *vm,
			    int (*take)(void *context, const struct fth_store_incident *row),
			    void *context)
{
	(void)unused;
	(void)vm;
	(void)take;
	(void)context;
	return store();
}

int fth_store_each_block(struct fth_store *unused, const char *vm,
			 int (*take)(void *context, const struct fth_store_block *row),
			 void *context)
{
	const struct fth_store_block row = {
		.vm = vm ? vm : "vm",
		.has_sha256 = true,
		.patch = "p",
		.why = "oops",
		.allowed_ms = world.now_ms & 1,
		.hand = 7,
	};

	(void)unused;
	return world.store_fails ? -EIO : world.is_blocked ? take(context, &row) : 0;
}

/* ---- io/payload.h */

void fth_payload_free(struct fth_payload *payload)
{
	free(payload->bytes);
	payload->bytes = NULL;
}

/* ---- app/agent.h, but for what opens sockets and files */

uint64_t fth_agent_now(struct fth_agent *agent)
{
	agent->now_ms = world.now_ms;
	return world.now_ms;
}

/* Its VM is of no inventory that could be asked again. */
void fth_sockets_retell(struct fth_sockets *sockets, const char *name)
{
	(void)name;
	require(!sockets);
}

void fth_file_retell(struct fth_file *file, const char *name)
{
	(void)name;
	require(!file);
}

bool fth_libvirt_has_told(const struct fth_libvirt *libvirt)
{
	(void)libvirt;
	return true;
}

void fth_libvirt_retell(struct fth_libvirt *libvirt)
{
	require(!libvirt);
}

/* Its policy asks for no checks of ours. */
void fth_health_look(struct fth_live *live, uint32_t vm_index)
{
	(void)live;
	(void)vm_index;
}

void fth_health_drop(struct fth_watch *watch)
{
	require(!watch);
}

void fth_health_sampled(void *agent, const char *name, const struct fth_domain_sample *sample,
			const char *why)
{
	(void)agent;
	(void)name;
	(void)sample;
	(void)why;
}

void fth_agent_mark(struct fth_agent *agent)
{
	agent->dirty = true;
}

int fth_agent_flush(struct fth_agent *agent)
{
	struct fth_guest *guest = agent->send_first;

	if (!agent->store_ok || world.store_fails)
		return -EIO;
	agent->dirty = false;
	agent->send_first = NULL;
	for (struct fth_guest *next; guest; guest = next) {
		next = guest->next_send;
		guest->queued = false;
		guest->next_send = NULL;
		fth_executor_pump(guest);
	}
	return 0;
}

void fth_agent_fail_store(struct fth_agent *agent, const char *why)
{
	(void)why;
	agent->store_ok = false;
	agent->dirty = false;
}

void fth_agent_plan_wake(struct fth_agent *agent)
{
	(void)agent;
}

/* ---- the run */

static const struct fth_inventory_vm vm = {
	.name = "vm",
	.host = "h",
	.group = "g",
	.running = true,
	.path = "/vm.sock",
};

static struct fth_live *make_rollout(struct fth_agent *agent)
{
	static struct fth_policy policy;
	struct fth_rollout_event begin = { .kind = FTH_RE_BEGIN };
	struct fth_live *live;

	fth_policy_defaults(&policy);
	strcpy(policy.name, "p");
	strcpy(policy.file, "/p.ko");
	memset(policy.sha256, 's', FTH_SHA256_SIZE);
	policy.has_sha256 = true;
	policy.health_guest |= FTH_HEALTH_GUEST_EFFECT;
	policy.soak_ms = 20000;
	policy.guest.confirm_within_ms = 15000;
	live = fth_live_new(agent, 1, 5, VMS_MAX, &policy, "/p.yaml");
	require(live);
	memset(live->payload.sha256, 's', FTH_SHA256_SIZE);
	live->payload.size = PAYLOAD_SIZE;
	live->payload.bytes = calloc(1, PAYLOAD_SIZE);
	require(live->payload.bytes);
	live->synced = true;
	agent->lives[agent->live_count++] = live;
	fth_guest_hooks.found(agent, "sockets", &vm);
	require(!fth_live_step(live, &begin));
	return live;
}

static void fire_timers(void)
{
	for (uint32_t i = 0; i < world.timer_count; i++) {
		if (!world.timers[i].is_set || !world.timers[i].fire)
			continue;
		world.timers[i].is_set = false;
		world.timers[i].fire(world.timers[i].context);
	}
}

static void turn(struct fth_guest *guest, void *context)
{
	(void)context;
	fth_guest_turn(guest);
}

static void pass_time(uint32_t ms)
{
	world.now_ms += ms;
	fth_agent_now(&world.agent);
	fire_timers();
	fth_live_turn(&world.agent);
	fth_live_tick_due(&world.agent);
	fth_guest_each(&world.agent, turn, NULL);
	fth_agent_flush(&world.agent);
}

static void feed(const uint8_t *bytes, uint32_t length)
{
	if (!world.is_up)
		return;
	world.hooks->readable(world.context, bytes, length);
	fth_agent_flush(&world.agent);
}

/* A frame of this session: type and payload are the input's, the rest is right. */
static void feed_frame(uint8_t type, uint8_t op, const uint8_t *payload, uint32_t length)
{
	static uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	struct fth_wire_header header = {
		.magic = FTH_WIRE_MAGIC,
		.version = FTH_WIRE_VERSION,
		.type = type,
		.session = NONCE,
		.op_id = op < 4 ? world.ops[op] : 0,
		.length = length,
	};

	header.payload_crc = fth_crc32(payload, length);
	header.header_crc = fth_crc32(&header, offsetof(struct fth_wire_header, header_crc));
	memcpy(frame, &header, sizeof(header));
	if (length)
		memcpy(frame + sizeof(header), payload, length);
	feed(frame, (uint32_t)sizeof(header) + length);
}

static void by_hand(struct fth_guest *guest, uint8_t what)
{
	static const uint8_t types[] = { FTH_T_NUDGE, FTH_T_FORCE, FTH_T_REVERT, FTH_T_CONFIRM };
	struct fth_hand_order order = { .type = types[what & 3], .patch = "p" };
	struct fth_http_request *request = (struct fth_http_request *)&world;

	world.requests_open++;
	if (what & 4 ? fth_guest_ask(guest, request) : fth_hand_begin(guest, &order, request))
		world.requests_open--;
}

static void steer(struct fth_live *live, uint8_t what)
{
	static const uint8_t kinds[] = { FTH_RE_PAUSE, FTH_RE_RESUME, FTH_RE_REVERSE };
	struct fth_rollout_event event = { .kind = kinds[what % 3] };

	fth_live_step(live, &event);
	fth_agent_flush(&world.agent);
}

/* One step: what, then a byte that says more, then two of length, then bytes. */
static void step(struct fth_guest *guest, struct fth_live *live, uint8_t what, uint8_t more,
		 struct fth_span bytes)
{
	switch (what % 12) {
	case 0:
		feed(bytes.data, bytes.length);
		break;
	case 1:
		pass_time(more * 200u);
		break;
	case 2:
		if (world.is_up)
			world.hooks->broken(world.context, "end of file");
		break;
	case 3:
		world.queued = more & 1 ? FTH_CHANNEL_OUTPUT_MAX : 0;
		if (world.is_up && !world.queued)
			world.hooks->drained(world.context);
		break;
	case 4:
		world.store_fails = more & 1;
		world.agent.store_ok |= !world.store_fails;
		break;
	case 5:
		by_hand(guest, more);
		break;
	case 6:
		steer(live, more);
		break;
	case 7:
		world.refuses_connect = more & 1;
		break;
	default:
		feed_frame((uint8_t)(64 + (what >> 4) % 5), more, bytes.data, bytes.length);
		break;
	}
}

static void check(const struct fth_guest *guest)
{
	require(guest->patch_count <= FTH_PATCHES_MAX);
	require(guest->asker_count <= FTH_GUEST_ASKERS_MAX);
	require(guest->incident_count <= UINT32_MAX / 2);
	require(world.agent.guest_count == 1 && world.agent.open_count <= 1);
	require(world.requests_open == guest->asker_count + !!guest->hand);
	/* As many as were let through since the last second, and the one before. */
	require(world.incidents <=
		(world.now_ms / FTH_GUEST_QUERY_EVERY_MS + 2) * FTH_GUEST_INCIDENTS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;
	struct fth_guest *guest;
	struct fth_live *live;
	uint32_t steps = 0;

	memset(&world, 0, sizeof(world));
	world.now_ms = 1000;
	world.agent.store_ok = true;
	world.agent.epoch = 3;
	live = make_rollout(&world.agent);
	guest = fth_guest_find(&world.agent, "vm");
	require(guest);
	fire_timers();
	while (end - data >= 4 && steps++ < STEPS_MAX) {
		uint32_t length = (uint32_t)fth_bytes_get(data + 2, 2);
		struct fth_span bytes = { data + 4, length };

		if (length > (uint32_t)(end - data) - 4)
			bytes.length = (uint32_t)(end - data) - 4;
		if (bytes.length > FTH_FRAME_PAYLOAD_MAX)
			bytes.length = FTH_FRAME_PAYLOAD_MAX;
		step(guest, live, data[0], data[1], bytes);
		check(guest);
		data = bytes.data + bytes.length;
	}
	fth_live_free(live);
	fth_guest_free_all(&world.agent);
	require(!world.requests_open && !world.is_up);
	return 0;
}
