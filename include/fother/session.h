/* SPDX-License-Identifier: GPL-2.0 */
/* Who may talk: sessions of the host and of the guest (DESIGN section 5). */
#ifndef FOTHER_SESSION_H
#define FOTHER_SESSION_H

#include "fother/types.h"

enum fth_session_state {
	FTH_SS_DOWN = 0,     /* no bytes can pass */
	FTH_SS_GREETING = 1, /* host: HELLO sent, no answer yet; guest: none yet */
	FTH_SS_OPEN = 2,
};

#define FTH_SS_STATES 3

enum fth_session_event {
	FTH_SS_EV_UP = 0,     /* connected; port is there */
	FTH_SS_EV_LOST = 1,   /* end of file, port gone */
	FTH_SS_EV_HELLO = 2,  /* guest only: a valid HELLO, any nonce */
	FTH_SS_EV_ACK = 3,    /* host only: HELLO_ACK with our nonce */
	FTH_SS_EV_FRAME = 4,  /* any other frame, with the session's nonce */
	FTH_SS_EV_STALE = 5,  /* any frame with another nonce */
	FTH_SS_EV_TICK = 6,   /* host only: a HELLO is due for repetition */
	FTH_SS_EV_SILENT = 7, /* host only: nothing heard for too long */
};

#define FTH_SS_EVENTS 8

enum fth_session_action {
	FTH_SS_NONE = 0,
	FTH_SS_SEND_HELLO = 1,
	FTH_SS_OPENED = 2, /* adopt the nonce; guest: answer HELLO_ACK */
	FTH_SS_DELIVER = 3,
	FTH_SS_DROP = 4,   /* count it */
	FTH_SS_REOPEN = 5, /* host: close and open the socket */
	FTH_SS_CLOSED = 6, /* the session's nonce is void */
};

enum fth_session_side {
	FTH_SIDE_HOST = 0,
	FTH_SIDE_GUEST = 1,
};

/* Timers of the host, ms. */
#define FTH_HELLO_EVERY_MS 500u	     /* while GREETING */
#define FTH_HEARTBEAT_EVERY_MS 2000u /* host asks while OPEN; guest echoes */
#define FTH_HEARTBEAT_MAX_MS 10000u  /* the same of a large fleet at rest */
#define FTH_SILENT_AFTER_MS 10000u   /* nothing heard: REOPEN */
#define FTH_SILENT_BEATS_MIN 2u	     /* but only after so many beats */

/**
 * struct fth_session - one end of one session
 * @side: enum fth_session_side
 * @state: enum fth_session_state
 * @nonce: never 0 while OPEN; the host sets it before it sends HELLO
 * @tx_seq: next frame's number
 * @dropped: frames of other sessions, for status
 */
struct fth_session {
	uint8_t side;
	uint8_t state;
	uint64_t nonce;
	uint32_t tx_seq;
	uint64_t dropped;
};

/** fth_session_init() - DOWN, no nonce. */
void fth_session_init(struct fth_session *session, uint8_t side);

/**
 * fth_session_step() - advance by one event
 * @session: changed by the table's row; untouched on error
 * @event: enum fth_session_event
 * @nonce: UP on the host: the fresh nonce to greet with; HELLO on the guest:
 *	the frame's; else ignored
 * @ret_action: enum fth_session_action, what the caller has to do
 * Return: 0; -EINVAL for a pair without a row (a defect of the caller).
 */
int fth_session_step(struct fth_session *session, uint8_t event, uint64_t nonce,
		     uint8_t *ret_action);

/**
 * fth_session_frame_event() - which event a received frame is
 * @session: whose
 * @type: enum fth_wire_type of a frame whose checksums are right
 * @nonce: the frame's session field
 * Return: HELLO, ACK, FRAME or STALE.  A type that the peer must not send is
 * STALE.
 */
uint8_t fth_session_frame_event(const struct fth_session *session, uint8_t type, uint64_t nonce);

#endif /* FOTHER_SESSION_H */
