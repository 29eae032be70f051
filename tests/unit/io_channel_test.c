// SPDX-License-Identifier: GPL-2.0
/* One VM's channel against a guest that behaves, and one that doesn't. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "guest_peer.h"
#include "io/channel.h"
#include "io/loop.h"
#include "io/stream.h"

#define EPOCH 42u
#define PATIENCE_MS 60000u /* ends a hang, is no measure of anything */

/* A channel with its guest, and what its hooks were called for. */
struct end {
	struct guest_peer peer;
	struct fth_channel *channel;
	char path[96];
	uint32_t opened, closed, messages, drained;
	uint64_t acked_uptime_ms;
	uint8_t last_type;
	uint64_t last_op;
};

static struct fth_loop *loop;
static char folder[64];
static struct end ends[2];

static void opened(void *context, const struct fth_msg_hello_ack *ack)
{
	struct end *end = context;

	end->opened++;
	end->acked_uptime_ms = ack->uptime_ms;
}

static void closed(void *context, const char *why)
{
	struct end *end = context;

	assert_non_null(why);
	end->closed++;
}

static void message(void *context, const struct fth_msg *msg)
{
	struct end *end = context;

	end->messages++;
	end->last_type = msg->type;
	end->last_op = msg->op_id;
}

static void drained(void *context)
{
	((struct end *)context)->drained++;
}

/* So long that a test which waits for it fails. */
static uint32_t beat_ms(void *context)
{
	(void)context;
	return 10 * PATIENCE_MS;
}

static const struct fth_channel_hooks hooks = { opened, closed, message, drained, NULL };
static const struct fth_channel_hooks slow_hooks = { opened, closed, message, drained, beat_ms };

static uint64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void turn(void)
{
	guest_peer_pump(&ends[0].peer);
	guest_peer_pump(&ends[1].peer);
	fth_loop_turn(loop);
}

#define UNTIL(condition)                                    \
	do {                                                \
		uint64_t end_ms = clock_ms() + PATIENCE_MS; \
		while (!(condition)) {                      \
			assert_true(clock_ms() < end_ms);   \
			turn();                             \
		}                                           \
	} while (0)

static void start(struct end *end)
{
	assert_int_equal(fth_channel_new(loop, end->path, EPOCH, &hooks, end, &end->channel), 0);
}

static int set_up(void **state)
{
	int i;

	(void)state;
	strcpy(folder, "/tmp/fother-channel.XXXXXX");
	if (!mkdtemp(folder) || fth_loop_new(&loop))
		return -1;
	for (i = 0; i < 2; i++) {
		memset(&ends[i], 0, sizeof(ends[i]));
		snprintf(ends[i].path, sizeof(ends[i].path), "%s/%d.sock", folder, i);
		guest_peer_start(&ends[i].peer, ends[i].path, (uint8_t)(i + 1));
	}
	return 0;
}

static int tear_down(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		fth_channel_free(ends[i].channel);
		guest_peer_stop(&ends[i].peer);
		unlink(ends[i].path);
	}
	fth_loop_free(loop);
	return rmdir(folder);
}

static void send_result(struct end *end, uint64_t op_id, uint64_t nonce)
{
	struct fth_msg msg = { .type = FTH_T_RESULT, .op_id = op_id };

	guest_peer_send(&end->peer, &msg, nonce);
}

static struct fth_channel_stats stats_of(const struct end *end)
{
	struct fth_channel_stats stats;

	fth_channel_stats(end->channel, &stats);
	return stats;
}

static void greets_and_delivers(void **state)
{
	struct end *end = &ends[0];
	struct fth_msg query = { .type = FTH_T_QUERY, .op_id = 7 };

	(void)state;
	start(end);
	assert_int_equal(fth_channel_send(end->channel, &query), -ENOTCONN);
	UNTIL(end->opened);
	assert_int_equal(end->acked_uptime_ms, 1000);
	assert_int_equal(stats_of(end).state, FTH_SS_OPEN);
	assert_int_equal(fth_channel_send(end->channel, &query), 0);
	UNTIL(end->messages);
	assert_int_equal(end->last_type, FTH_T_RESULT);
	assert_int_equal(end->last_op, 7);
	assert_int_equal(end->peer.queries, 1);
	assert_true(end->drained > 0);
}

static void drops_frames_of_other_sessions(void **state)
{
	struct end *end = &ends[0];

	(void)state;
	start(end);
	UNTIL(end->opened);
	send_result(end, 1, end->peer.nonce + 1);
	send_result(end, 2, 0);
	UNTIL(end->messages);
	assert_int_equal(end->messages, 1);
	assert_int_equal(end->last_op, 2);
	assert_int_equal(stats_of(end).dropped_frames, 1);
}

static void an_ack_of_another_session_opens_nothing(void **state)
{
	struct end *end = &ends[0];

	(void)state;
	end->peer.mute = true;
	start(end);
	UNTIL(end->peer.hellos);
	end->peer.boot_id[0] = 99;
	send_result(end, 1, 0);
	send_result(end, 1, 12345);
	UNTIL(stats_of(end).dropped_frames >= 2);
	assert_int_equal(end->opened, 0);
	assert_int_equal(end->messages, 0);
}

static void survives_garbage_and_cut_frames(void **state)
{
	struct end *end = &ends[0];
	struct fth_msg msg = { .type = FTH_T_RESULT, .op_id = 3 };
	uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	uint32_t length;

	(void)state;
	start(end);
	UNTIL(end->opened);
	guest_peer_write(&end->peer, "this is no frame at all FTHF and neither is this", 48);
	length = guest_peer_encode(&end->peer, &msg, frame);
	guest_peer_write(&end->peer, frame, length - 3); /* cut */
	frame[length - 1] ^= 0x55;			 /* broken */
	guest_peer_write(&end->peer, frame, length);
	send_result(end, 4, 0);
	send_result(end, 5, 0);
	UNTIL(end->last_op == 5);
	assert_true(stats_of(end).bad_frames > 0);
	assert_int_equal(end->closed, 0);
	assert_int_equal(stats_of(end).state, FTH_SS_OPEN);
}

/* The buffer of half a frame is nobody else's. */
static void a_frame_comes_in_pieces_among_others(void **state)
{
	struct fth_msg msg = { .type = FTH_T_RESULT, .op_id = 6 };
	uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	uint32_t length, i;

	(void)state;
	start(&ends[0]);
	start(&ends[1]);
	UNTIL(ends[0].opened && ends[1].opened);
	length = guest_peer_encode(&ends[0].peer, &msg, frame);
	for (i = 0; i < length; i++) {
		guest_peer_write(&ends[0].peer, frame + i, 1);
		send_result(&ends[1], 100 + i, 0);
		UNTIL(ends[1].last_op == 100 + i);
	}
	UNTIL(ends[0].messages);
	assert_int_equal(ends[0].last_op, 6);
	assert_int_equal(stats_of(&ends[0]).bad_frames + stats_of(&ends[1]).bad_frames, 0);
}

/* A guest at rest is rarely asked for a sign of life, one that was told to do something at once. */
static void a_command_brings_the_heartbeat_forward(void **state)
{
	struct fth_msg query = { .type = FTH_T_QUERY, .op_id = 7 };
	struct end *end = &ends[0];

	(void)state;
	assert_int_equal(fth_channel_new(loop, end->path, EPOCH, &slow_hooks, end, &end->channel),
			 0);
	start(&ends[1]);
	UNTIL(end->opened && ends[1].peer.beats >= 2);
	assert_int_equal(end->peer.beats, 0);
	assert_int_equal(fth_channel_send(end->channel, &query), 0);
	UNTIL(end->peer.beats);
}

/* Who is held is not connected to, poked or not, until its time is over. */
static void a_held_channel_stays_down(void **state)
{
	struct end *end = &ends[0];
	uint64_t until_ms;

	(void)state;
	start(end);
	UNTIL(end->opened);
	until_ms = clock_ms() + 700;
	fth_channel_hold(end->channel, 700, "too loud");
	assert_int_equal(end->closed, 1);
	while (clock_ms() < until_ms - 50) {
		fth_channel_poke(end->channel);
		turn();
		assert_int_equal(end->peer.connects, 1);
	}
	UNTIL(end->opened == 2);
	assert_true(clock_ms() >= until_ms);
	assert_int_equal(end->closed, 1);
}

static void reconnects_with_a_new_nonce(void **state)
{
	struct end *end = &ends[0];
	uint64_t nonce;

	(void)state;
	start(end);
	UNTIL(end->opened);
	nonce = end->peer.nonce;
	guest_peer_hang_up(&end->peer);
	UNTIL(end->opened == 2);
	assert_int_equal(end->closed, 1);
	assert_int_equal(end->peer.connects, 2);
	assert_true(end->peer.nonce != nonce);
}

static void finds_a_guest_that_comes_late(void **state)
{
	struct end *end = &ends[0];

	(void)state;
	guest_peer_stop(&end->peer);
	unlink(end->path);
	start(end);
	fth_loop_turn(loop);
	assert_int_equal(stats_of(end).state, FTH_SS_DOWN);
	guest_peer_start(&end->peer, end->path, 1);
	fth_channel_poke(end->channel);
	UNTIL(end->opened);
}

/* Both kinds of silence at once, for each takes FTH_SILENT_AFTER_MS. */
static void gives_silent_peers_up(void **state)
{
	(void)state;
	ends[1].peer.mute = true;
	start(&ends[0]);
	start(&ends[1]);
	UNTIL(ends[0].opened);
	ends[0].peer.mute = true;
	UNTIL(ends[0].closed);
	UNTIL(ends[1].peer.connects >= 2);
	assert_int_equal(ends[1].opened, 0);
	assert_true(ends[1].peer.hellos >= 3);
	ends[0].peer.mute = false;
	UNTIL(ends[0].opened == 2);
}

static void a_flood_is_throttled_and_others_are_served(void **state)
{
	struct fth_msg beat = { .type = FTH_T_HEARTBEAT };
	struct fth_msg query = { .type = FTH_T_QUERY, .op_id = 9 };
	uint8_t frame[FTH_DECODER_BUFFER_SIZE];
	uint64_t began_ms, taken = 0;
	uint32_t length, answers;

	(void)state;
	start(&ends[0]);
	start(&ends[1]);
	UNTIL(ends[0].opened && ends[1].opened);
	length = guest_peer_encode(&ends[0].peer, &beat, frame);
	began_ms = clock_ms();
	for (answers = 0; answers < 20;) {
		while (guest_peer_write(&ends[0].peer, frame, length) == length)
			taken += length;
		if (ends[1].messages == answers)
			fth_channel_send(ends[1].channel, &query);
		turn();
		answers = ends[1].messages;
	}
	while (clock_ms() < began_ms + 1500) {
		taken += guest_peer_write(&ends[0].peer, frame, length);
		turn();
	}
	/* What the kernel's socket holds is taken too, and one more tick's share. */
	assert_true(taken <= FTH_STREAM_BURST_MAX + 512 * 1024 +
				     FTH_STREAM_RATE_MAX * ((clock_ms() - began_ms) / 1000 + 2));
	assert_int_equal(ends[0].closed, 0);
}

static void output_to_a_guest_that_does_not_read_is_bounded(void **state)
{
	struct end *end = &ends[0];
	static const uint8_t data[FTH_CHUNK_MAX], hash[FTH_SHA256_SIZE];
	struct fth_msg msg = { .type = FTH_T_STAGE, .op_id = 1 };
	uint32_t sent = 0;

	(void)state;
	start(end);
	UNTIL(end->opened);
	end->peer.deaf = true;
	msg.u.stage.epoch = 1;
	msg.u.stage.name = (struct fth_span){ (const uint8_t *)"x", 1 };
	msg.u.stage.sha256 = (struct fth_span){ hash, sizeof(hash) };
	msg.u.stage.data = (struct fth_span){ data, sizeof(data) };
	msg.u.stage.size = sizeof(data);
	while (sent < 1000 && !fth_channel_send(end->channel, &msg))
		sent++;
	/* What the kernel's socket holds does not wait here. */
	assert_true(sent * sizeof(data) <= FTH_CHANNEL_OUTPUT_MAX + sizeof(data) + 512 * 1024);
	assert_int_equal(fth_channel_send(end->channel, &msg), -ENOBUFS);
	end->drained = 0;
	end->peer.deaf = false;
	UNTIL(end->drained);
	assert_int_equal(fth_channel_send(end->channel, &msg), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(greets_and_delivers),
		TEST(drops_frames_of_other_sessions),
		TEST(an_ack_of_another_session_opens_nothing),
		TEST(survives_garbage_and_cut_frames),
		TEST(a_frame_comes_in_pieces_among_others),
		TEST(a_command_brings_the_heartbeat_forward),
		TEST(a_held_channel_stays_down),
		TEST(reconnects_with_a_new_nonce),
		TEST(finds_a_guest_that_comes_late),
		TEST(gives_silent_peers_up),
		TEST(a_flood_is_throttled_and_others_are_served),
		TEST(output_to_a_guest_that_does_not_read_is_bounded),
	};

	return cmocka_run_group_tests_name("io_channel", tests, NULL, NULL);
}
