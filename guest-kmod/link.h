/* SPDX-License-Identifier: GPL-2.0 */
/* Frames and the one session, over whatever carries the bytes (transport.h). */
#ifndef FOTHER_GUEST_LINK_H
#define FOTHER_GUEST_LINK_H

#include <linux/atomic.h>
#include <linux/types.h>

#include "fother/codec.h"
#include "fother/session.h"

#include "robust.h"
#include "transport.h"

/* Largest frame this guest sends: a RESULT with every field at its limit. */
#define FTH_LINK_FRAME_MAX (16u * 1024)
#define FTH_LINK_TRANSPORTS_MAX 2

/**
 * struct fth_link_open - the open session, for who can take no lock
 * @nonce: 0: none is open.  Written last when one opens, first when it ends
 * @owner: the transport whose HELLO opened it
 * @tx_seq: number of the session's next frame; a gap is a frame that was lost
 */
struct fth_link_open {
	u64 nonce;
	struct fth_transport *owner;
	atomic_t tx_seq;
};

/**
 * struct fth_link - one per guest
 * @receive_lock: one event of one transport at a time; protects @message,
 *	@transports and what transport.h calls link's own.  Outermost of all:
 *	commands are carried out under it
 * @lock: protects @session, changes of @open, @scratch, @tx_frames and @tx_lost;
 *	only the transports' own locks are taken inside
 * @session: steps under both locks, so either is enough to read it
 * @open: read without a lock by a note
 * @heard_ns: when the last frame of an open session came; 0 never
 * @message: the one that is being dispatched
 * @scratch: the frame that is being sent, FTH_LINK_FRAME_MAX bytes
 * @malformed: frames whose payload was no message
 * @takeovers: sessions that another transport's HELLO took over
 * @tx_frames: handed to a transport
 * @tx_lost: frames that could not be sent; a RESULT can be asked for again
 */
struct fth_link {
	struct fth_robust_mutex receive_lock;
	struct fth_robust_mutex lock;
	struct fth_session session;
	struct fth_link_open open;
	u64 heard_ns;
	struct fth_transport *transports[FTH_LINK_TRANSPORTS_MAX];
	struct fth_msg *message;
	u8 *scratch;
	u64 malformed;
	u64 takeovers;
	u64 tx_frames;
	u64 tx_lost;
};

/** fth_link_init() - Return: 0 or -ENOMEM. */
int fth_link_init(void);

/** fth_link_exit() - after the transports' and the engine's end, and the notes'. */
void fth_link_exit(void);

/**
 * fth_link_send() - a message to the host
 * @msg: its session and seq are filled in here
 *
 * Context: may sleep, not long: it never waits for the host.
 * Return: 0; -ENOTCONN no session; -ENOBUFS the host does not read; -EMSGSIZE,
 * -EINVAL, -ENOMEM.  Every failure is counted.
 */
int fth_link_send(struct fth_msg *msg);

/**
 * fth_link_heard_ns() - when the host was heard last
 *
 * On the clock of fth_clock_lived_ns(), the last frame of an open session; it
 * stays when the session ends.  Any context.  Return: 0: it was never heard.
 */
u64 fth_link_heard_ns(void);

/** fth_link_capabilities() - Return: FTH_CAP_* of the open session's way. */
u64 fth_link_capabilities(void);

/** fth_link_sysfs_init() - /sys/kernel/fother/channel; Return: 0 or -errno. */
int fth_link_sysfs_init(void);

/** fth_link_sysfs_exit() - before the engine's end, which takes the root. */
void fth_link_sysfs_exit(void);

#endif /* FOTHER_GUEST_LINK_H */
