/* SPDX-License-Identifier: GPL-2.0 */
/* What carries frames between link and the host: the channel, or the relay. */
#ifndef FOTHER_GUEST_TRANSPORT_H
#define FOTHER_GUEST_TRANSPORT_H

#include <linux/types.h>

#include "fother/codec.h"

/* Where the kernel is when a frame is sent at once. */
enum fth_transport_now {
	FTH_TRANSPORT_ALIVE, /* the current task goes on */
	FTH_TRANSPORT_DYING, /* it doesn't, the others do: an oops */
	FTH_TRANSPORT_PANIC, /* the other CPUs stand still, and nothing goes on */
};

/**
 * struct fth_transport - one way to the host
 * @name: for sysfs
 * @relayed: bytes go through a program of this guest's userspace
 * @send: a whole frame, copied.  Called under link.lock: it may allocate, and
 *	never waits for the host, for userspace or for memory.
 *	Return: 0; -ENOTCONN no way; -ENOBUFS it is not read (counted in
 *	@tx_dropped); -ENOMEM
 * @flush: drop what was not handed on yet; it is of a session that is gone.
 *	Any number of times, may sleep
 * @send_now: a whole frame out of an oops or a panic: any context but NMI,
 *	waits for no lock that somebody may hold for ever, returns only when the
 *	host has the bytes or they can't be sent.  One at a time.  NULL where there
 *	is no such way.
 *	Return: 0; -EBUSY, -ENOTCONN, -ENOBUFS, -EOPNOTSUPP, -ETIMEDOUT, -EIO
 * @tx_bytes: counted by the transport
 * @tx_dropped: frames, counted by the transport
 * @rx_bytes: counted by link, like everything below
 * @up: between fth_link_up() and fth_link_down()
 * @decoder: of its byte stream
 * @buffer: of @decoder
 *
 * Lives as long as the module.  There is one session for all transports: it
 * belongs to the one whose HELLO opened it, and a HELLO over another one takes it
 * over.
 */
struct fth_transport {
	const char *name;
	bool relayed;
	int (*send)(const void *frame, u32 length);
	void (*flush)(void);
	int (*send_now)(const void *frame, u32 length, enum fth_transport_now now);
	u64 tx_bytes;
	u64 tx_dropped;

	u64 rx_bytes;
	bool up;
	struct fth_decoder decoder;
	u8 *buffer;
};

/**
 * fth_link_add() - make a transport known
 * @transport: its first part is filled in
 *
 * Before anything else with it, after fth_link_init().  Context: may sleep.
 * Return: 0; -ENOMEM; -ENOSPC there are FTH_LINK_TRANSPORTS_MAX.
 */
int fth_link_add(struct fth_transport *transport);

/** fth_link_remove() - the reverse; it is down, and no call is under way. */
void fth_link_remove(struct fth_transport *transport);

/*
 * What happened on a transport.  They may sleep, and link carries them out one at
 * a time, whichever transport they come from: a command is carried out inside
 * fth_link_receive().  So call them from a worker that nothing can hold up for
 * long (channel.wq), not in the context of a program, which may be throttled or
 * frozen half-way.  A receive buffer is one chunk of the byte stream and is
 * borrowed.
 */
void fth_link_up(struct fth_transport *transport);
void fth_link_down(struct fth_transport *transport);
void fth_link_receive(struct fth_transport *transport, const u8 *data, u32 length);

#endif /* FOTHER_GUEST_TRANSPORT_H */
