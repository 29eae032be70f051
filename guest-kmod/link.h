/* SPDX-License-Identifier: GPL-2.0 */
/* Frames and the session over the channel's bytes. */
#ifndef FOTHER_GUEST_LINK_H
#define FOTHER_GUEST_LINK_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "fother/codec.h"
#include "fother/session.h"

/* Largest frame this guest sends: a RESULT with every field at its limit. */
#define FTH_LINK_FRAME_MAX (16u * 1024)

/**
 * struct fth_link - one per guest
 * @lock: protects @session and @scratch; only channel.tx_lock is taken inside
 * @session: written by the receiving side, read by every sender
 * @decoder: the receiving side's alone, as @buffer and @message
 * @buffer: of @decoder
 * @message: the one that is being dispatched
 * @scratch: the frame that is being sent, FTH_LINK_FRAME_MAX bytes
 * @malformed: frames whose payload was no message
 * @tx_frames: handed to the channel
 * @tx_lost: frames that could not be sent; a RESULT can be asked for again
 */
struct fth_link {
	struct mutex lock;
	struct fth_session session;
	struct fth_decoder decoder;
	u8 *buffer;
	struct fth_msg *message;
	u8 *scratch;
	u64 malformed;
	u64 tx_frames;
	u64 tx_lost;
};

/** fth_link_init() - Return: 0 or -ENOMEM. */
int fth_link_init(void);

/** fth_link_exit() - after the channel's and the engine's end. */
void fth_link_exit(void);

/*
 * Called by the channel, one at a time; may sleep.  A receive buffer is one
 * chunk of the byte stream and is borrowed.
 */
void fth_link_up(void);
void fth_link_down(void);
void fth_link_receive(const u8 *data, u32 length);

/**
 * fth_link_send() - a message to the host
 * @msg: its session and seq are filled in here
 *
 * Context: may sleep, not long: it never waits for the host.
 * Return: 0; -ENOTCONN no session; -ENOBUFS the host does not read; -EMSGSIZE,
 * -EINVAL, -ENOMEM.  Every failure is counted.
 */
int fth_link_send(struct fth_msg *msg);

/** fth_link_sysfs_init() - /sys/kernel/fother/channel; Return: 0 or -errno. */
int fth_link_sysfs_init(void);

/** fth_link_sysfs_exit() - before the engine's end, which takes the root. */
void fth_link_sysfs_exit(void);

#endif /* FOTHER_GUEST_LINK_H */
