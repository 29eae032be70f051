// SPDX-License-Identifier: GPL-2.0
/* Bytes to messages and back, as a host that keeps to the protocol. */
#include "peer.h"

#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fother/errors.h"
#include "fother/lifecycle.h"
#include "fother/session.h"

#define HELLO_EVERY_MS 500

int64_t peer_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct fth_span peer_span(const char *text)
{
	return (struct fth_span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

void peer_open(struct peer *peer)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	/* A guest that does not take what is sent is found out. */
	struct timeval limit = { .tv_sec = peer->wait_ms / 1000 };
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s", peer->path);

	if (length < 0 || length >= (int)sizeof(address.sun_path))
		errx(2, "path '%s' is too long for a socket", peer->path);
	peer->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)))
		err(1, "connect '%s'", peer->path);
	fth_decoder_reset(&peer->decoder);
	peer->input.length = 0;
	peer->stale = 0;
}

void peer_close(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
}

void peer_write(struct peer *peer, const void *data, size_t length)
{
	const uint8_t *at = data;

	while (length) {
		ssize_t written = send(peer->fd, at, length, MSG_NOSIGNAL);

		if (written < 0)
			err(1, "send");
		at += written;
		length -= (size_t)written;
	}
}

uint32_t peer_encode(struct peer *peer, struct fth_msg *msg)
{
	uint32_t length;

	msg->session = peer->nonce;
	msg->seq = peer->seq++;
	if (fth_msg_encode(msg, peer->out, sizeof(peer->out), &length))
		errx(2, "message '%s' can't be encoded", fth_msg_type_name(msg->type));
	return length;
}

void peer_send(struct peer *peer, struct fth_msg *msg)
{
	peer_write(peer, peer->out, peer_encode(peer, msg));
}

static void print_patches(const struct fth_patch_info *patches, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		printf("patch %.*s %s flags=%u functions=%u hits=%" PRIu64 " model=%s pending=%u\n",
		       (int)patches[i].name.length, patches[i].name.data,
		       fth_lifecycle_name(patches[i].state), patches[i].flags, patches[i].functions,
		       patches[i].hits, fth_model_name(patches[i].leave, patches[i].switches),
		       patches[i].pending);
}

static void print_stragglers(const struct fth_straggler_info *stragglers, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		printf("straggler %u %.*s in %.*s next %.*s\n", stragglers[i].pid,
		       (int)stragglers[i].comm.length, stragglers[i].comm.data,
		       (int)stragglers[i].where.length, stragglers[i].where.data,
		       (int)stragglers[i].next.length, stragglers[i].next.data);
}

static void print_uuid(const char *name, struct fth_span uuid)
{
	printf(" %s=", name);
	for (uint32_t i = 0; i < uuid.length; i++)
		printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid.data[i]);
}

void peer_print(const struct fth_msg *msg)
{
	const struct fth_msg_hello_ack *ack = &msg->u.hello_ack;
	const struct fth_msg_progress *progress = &msg->u.progress;
	const struct fth_msg_result *result = &msg->u.result;
	const struct fth_msg_event *event = &msg->u.event;

	switch (msg->type) {
	case FTH_T_HELLO_ACK:
		printf("ack release=%.*s vcpus=%u epoch=%" PRIu64, (int)ack->release.length,
		       ack->release.data, ack->vcpus, ack->epoch);
		print_uuid("uuid", ack->vm_uuid);
		print_uuid("boot", ack->boot_id);
		printf(" build=%u caps=%" PRIx64 "\n", ack->build_id.length, ack->capabilities);
		print_patches(ack->patches, ack->patch_count);
		break;
	case FTH_T_PROGRESS:
		printf("progress %" PRIu64 " %.*s %s %u/%u pending=%u\n", msg->op_id,
		       (int)progress->name.length, progress->name.data,
		       fth_lifecycle_name(progress->state), progress->done, progress->total,
		       progress->pending);
		break;
	case FTH_T_RESULT:
		printf("result %" PRIu64 " %s %.*s\n", msg->op_id, fth_error_name(result->code),
		       (int)result->detail.length, result->detail.data);
		print_patches(result->patches, result->patch_count);
		print_stragglers(result->stragglers, result->straggler_count);
		break;
	case FTH_T_EVENT:
		printf("event %u %.*s %s %.*s", event->kind, (int)event->name.length,
		       event->name.data, fth_lifecycle_name(event->state),
		       (int)event->detail.length, event->detail.data);
		if (event->trigger)
			printf(" trigger=%u incident=%u mode=%u where=%.*s text=%u", event->trigger,
			       event->incident, event->mode, (int)event->where.length,
			       event->where.data, event->text.length);
		printf("\n");
		break;
	case FTH_T_HEARTBEAT:
		printf("heartbeat uptime=%" PRIu64 "\n", msg->u.heartbeat.uptime_ms);
		break;
	default:
		printf("%s\n", fth_msg_type_name(msg->type));
	}
	fflush(stdout);
}

/* The next message of this session; false when the time is over. */
bool peer_next(struct peer *peer, int64_t until_ms)
{
	struct fth_frame frame;
	const char *why;

	for (;;) {
		while (fth_decoder_next(&peer->decoder, &peer->input, &frame)) {
			if (frame.session != peer->nonce) {
				peer->stale++;
				continue;
			}
			if (fth_msg_decode(&frame, &peer->msg, &why))
				errx(1, "guest sent a malformed '%s': %s",
				     fth_msg_type_name(frame.type), why);
			return true;
		}
		struct pollfd poll_fd = { .fd = peer->fd, .events = POLLIN };
		int64_t left = until_ms - peer_now_ms();

		if (poll(&poll_fd, 1, left > 0 ? (int)left : 0) <= 0)
			return false;
		ssize_t length = read(peer->fd, peer->chunk, sizeof(peer->chunk));

		if (length <= 0)
			errx(1, "the guest's end closed");
		peer->input = (struct fth_span){ peer->chunk, (uint32_t)length };
	}
}

/* Print what comes until a message of @type, and of @op_id unless that is 0. */
void peer_wait(struct peer *peer, uint8_t type, uint64_t op_id)
{
	int64_t until_ms = peer_now_ms() + peer->wait_ms;

	while (peer_next(peer, until_ms)) {
		peer_print(&peer->msg);
		if (peer->msg.type == type && (!op_id || peer->msg.op_id == op_id))
			return;
	}
	errx(1, "no '%s' came in %d ms", fth_msg_type_name(type), peer->wait_ms);
}

void peer_hello(struct peer *peer, uint64_t epoch, uint64_t nonce)
{
	struct fth_msg msg = { .type = FTH_T_HELLO, .u.hello.epoch = epoch };
	int64_t until_ms = peer_now_ms() + peer->wait_ms;
	int64_t reopen_ms = peer_now_ms() + FTH_SILENT_AFTER_MS;

	if (!nonce && getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
		err(1, "getrandom");
	peer->nonce = nonce | 1;
	peer->seq = 0;
	while (peer_now_ms() < until_ms) {
		peer_send(peer, &msg);
		while (peer_next(peer, peer_now_ms() + HELLO_EVERY_MS)) {
			peer_print(&peer->msg);
			if (peer->msg.type == FTH_T_HELLO_ACK)
				return;
		}
		/* A port that was throttled may be mute until it is opened anew. */
		if (peer_now_ms() > reopen_ms) {
			peer_close(peer);
			peer_open(peer);
			reopen_ms = peer_now_ms() + FTH_SILENT_AFTER_MS;
		}
	}
	errx(1, "no answer to HELLO in %d ms", peer->wait_ms);
}

uint64_t peer_number(const char *word)
{
	char *end;
	uint64_t value = word ? strtoull(word, &end, 10) : 0;

	if (word && *end)
		errx(2, "'%s' is not a number", word);
	return value;
}

void peer_heartbeat(struct peer *peer)
{
	struct fth_msg msg = { .type = FTH_T_HEARTBEAT };

	peer_send(peer, &msg);
	peer_wait(peer, FTH_T_HEARTBEAT, 0);
}
