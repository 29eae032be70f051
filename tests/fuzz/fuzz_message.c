// SPDX-License-Identifier: GPL-2.0
/*
 * Every message: a payload that decodes encodes, and comes back the same.
 *
 * DESIGN
 * The input's first byte picks the type, the rest is the payload.  Encoding is
 * canonical (known fields, in one order), so what was decoded, encoded and
 * decoded again must encode to the same bytes; and nothing may be read but the
 * payload, which stands in memory of exactly its size.
 */
#include <stdint.h>
#include <stdlib.h>

#include "fother/codec.h"

static uint8_t first[FTH_DECODER_BUFFER_SIZE];
static uint8_t second[FTH_DECODER_BUFFER_SIZE];
static uint8_t buffer[FTH_DECODER_BUFFER_SIZE];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool good)
{
	if (!good)
		abort();
}

static void come_back(const struct fth_msg *msg)
{
	struct fth_span input = { .data = first };
	struct fth_decoder decoder;
	struct fth_frame frame;
	struct fth_msg again;
	const char *why;
	uint32_t length;

	require(fth_msg_encode(msg, first, sizeof(first), &input.length) == 0);
	fth_decoder_init(&decoder, buffer);
	length = input.length;
	require(fth_decoder_next(&decoder, &input, &frame));
	require(input.length == 0 && decoder.skipped_bytes == 0);
	require(fth_msg_decode(&frame, &again, &why) == 0);
	require(again.type == msg->type && again.session == msg->session && again.seq == msg->seq &&
		again.op_id == msg->op_id);
	require(fth_msg_encode(&again, second, sizeof(second), &input.length) == 0);
	require(input.length == length && !memcmp(first, second, length));
	require(fth_msg_encode(msg, second, length - 1, &length) == -EMSGSIZE);
}

/* What is refused has a reason, what is not needs something. */
static void check_policy(const struct fth_guest_policy *policy)
{
	const char *why = NULL;
	int error = fth_policy_check(policy, &why);

	require(!why == !error);
	require(error || fth_policy_needs(policy));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fth_frame frame = { .session = 1, .op_id = 2, .seq = 3 };
	struct fth_msg msg;
	const char *why = NULL;
	uint8_t *payload;
	int error;

	if (size < 1 || size - 1 > FTH_FRAME_PAYLOAD_MAX)
		return 0;
	payload = malloc(size - 1 ? size - 1 : 1);
	if (!payload)
		return 0;
	memcpy(payload, data + 1, size - 1);
	frame.type = data[0];
	frame.payload.data = payload;
	frame.payload.length = (uint32_t)size - 1;
	error = fth_msg_decode(&frame, &msg, &why);
	require(error == 0 || error == -EBADMSG || error == -EOPNOTSUPP);
	require(!why == !error);
	if (!error)
		come_back(&msg);
	if (!error && msg.type == FTH_T_APPLY)
		check_policy(&msg.u.apply.policy);
	free(payload);
	return 0;
}
