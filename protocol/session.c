// SPDX-License-Identifier: GPL-2.0
/*
 * Both ends of a session, as one table.
 *
 * DESIGN
 * What a peer sends can never be an error: every state has a row for each
 * event that fth_session_frame_event() may name.  The guest's port events are
 * a peer's word as well, and late (a HELLO may come before its port is told to
 * be open), so there UP never takes a session away and HELLO opens one from
 * anywhere.  What is left without a row is a defect of the caller.
 */
#include "fother/session.h"

#include "fother/wire.h"

#include "bytes.h"

struct transition {
	uint8_t side;
	uint8_t state;
	uint8_t event;
	uint8_t next;
	uint8_t action;
};

#define HOST(state, event, next, action)                                                         \
	{                                                                                        \
		FTH_SIDE_HOST, FTH_SS_##state, FTH_SS_EV_##event, FTH_SS_##next, FTH_SS_##action \
	}
#define GUEST(state, event, next, action)                                                         \
	{                                                                                         \
		FTH_SIDE_GUEST, FTH_SS_##state, FTH_SS_EV_##event, FTH_SS_##next, FTH_SS_##action \
	}

static const struct transition transitions[] = {
	HOST(DOWN, UP, GREETING, SEND_HELLO),
	HOST(DOWN, LOST, DOWN, NONE),
	HOST(DOWN, ACK, DOWN, DROP),
	HOST(DOWN, FRAME, DOWN, DROP),
	HOST(DOWN, STALE, DOWN, DROP),
	HOST(GREETING, LOST, DOWN, CLOSED),
	HOST(GREETING, ACK, OPEN, OPENED),
	HOST(GREETING, FRAME, GREETING, DROP),
	HOST(GREETING, STALE, GREETING, DROP),
	HOST(GREETING, TICK, GREETING, SEND_HELLO),
	HOST(GREETING, SILENT, DOWN, REOPEN),
	HOST(OPEN, LOST, DOWN, CLOSED),
	HOST(OPEN, ACK, OPEN, NONE), /* of a HELLO that was repeated */
	HOST(OPEN, FRAME, OPEN, DELIVER),
	HOST(OPEN, STALE, OPEN, DROP),
	HOST(OPEN, TICK, OPEN, NONE),
	HOST(OPEN, SILENT, DOWN, REOPEN),

	GUEST(DOWN, UP, GREETING, NONE),
	GUEST(DOWN, LOST, DOWN, NONE),
	GUEST(DOWN, HELLO, OPEN, OPENED),
	GUEST(DOWN, FRAME, DOWN, DROP),
	GUEST(DOWN, STALE, DOWN, DROP),
	GUEST(GREETING, UP, GREETING, NONE),
	GUEST(GREETING, LOST, DOWN, CLOSED),
	GUEST(GREETING, HELLO, OPEN, OPENED),
	GUEST(GREETING, FRAME, GREETING, DROP),
	GUEST(GREETING, STALE, GREETING, DROP),
	GUEST(OPEN, UP, OPEN, NONE),
	GUEST(OPEN, LOST, DOWN, CLOSED),
	GUEST(OPEN, HELLO, OPEN, OPENED),
	GUEST(OPEN, FRAME, OPEN, DELIVER),
	GUEST(OPEN, STALE, OPEN, DROP),
};

void fth_session_init(struct fth_session *session, uint8_t side)
{
	memset(session, 0, sizeof(*session));
	session->side = side;
	session->state = FTH_SS_DOWN;
}

static const struct transition *find_row(const struct fth_session *session, uint8_t event)
{
	for (uint32_t i = 0; i < FTH_COUNT_OF(transitions); i++) {
		const struct transition *row = &transitions[i];

		if (row->side == session->side && row->state == session->state &&
		    row->event == event)
			return row;
	}
	return NULL;
}

/* A repeated HELLO goes on with its session's count. */
static void adopt(struct fth_session *session, uint64_t nonce)
{
	if (session->nonce != nonce)
		session->tx_seq = 0;
	session->nonce = nonce;
}

int fth_session_step(struct fth_session *session, uint8_t event, uint64_t nonce,
		     uint8_t *ret_action)
{
	const struct transition *row = find_row(session, event);
	bool brings_nonce = session->side == FTH_SIDE_HOST ? event == FTH_SS_EV_UP
							   : event == FTH_SS_EV_HELLO;

	if (!row || (brings_nonce && !nonce))
		return -EINVAL;
	session->state = row->next;
	if (brings_nonce)
		adopt(session, nonce);
	else if (row->next == FTH_SS_DOWN)
		adopt(session, 0);
	if (row->action == FTH_SS_DROP)
		session->dropped++;
	*ret_action = row->action;
	return 0;
}

/* A guest's types begin at HELLO_ACK; types without a name have a sender too. */
static bool may_send(uint8_t side, uint8_t type)
{
	if (type == FTH_T_HEARTBEAT)
		return true;
	if (side == FTH_SIDE_GUEST)
		return type >= FTH_T_HELLO_ACK;
	return type && type < FTH_T_HELLO_ACK;
}

uint8_t fth_session_frame_event(const struct fth_session *session, uint8_t type, uint64_t nonce)
{
	uint8_t peer = session->side == FTH_SIDE_HOST ? FTH_SIDE_GUEST : FTH_SIDE_HOST;

	if (!nonce || !may_send(peer, type))
		return FTH_SS_EV_STALE;
	if (type == FTH_T_HELLO)
		return FTH_SS_EV_HELLO;
	if (nonce != session->nonce)
		return FTH_SS_EV_STALE;
	return type == FTH_T_HELLO_ACK ? FTH_SS_EV_ACK : FTH_SS_EV_FRAME;
}
