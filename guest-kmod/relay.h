/* SPDX-License-Identifier: GPL-2.0 */
/* The second way to the host: /dev/fother, for a program that relays a port's bytes. */
#ifndef FOTHER_GUEST_RELAY_H
#define FOTHER_GUEST_RELAY_H

#include <linux/list.h>
#include <linux/miscdevice.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "robust.h"
#include "transport.h"

struct fth_relay_frame;

/* Limits. */
#define FTH_RELAY_NAME "fother"
#define FTH_RELAY_CHUNK (16u * 1024)   /* bytes that one write() takes */
#define FTH_RELAY_QUEUE_MAX (1u << 20) /* bytes that wait for read() */

/**
 * struct fth_relay - the device and the program that has it open
 * @transport: of link
 * @device: /dev/fother
 * @opened: bit 0: some program has it open
 * @wq: as the channel's; link is only called from here
 * @work: up, a chunk, down, in this order
 * @wait: readers, writers and pollers
 * @read_lock: one read() at a time; protects @current_frame and @current_offset
 * @write_lock: one write() at a time
 * @lock: protects @queue, @queued_bytes, @wanted and the transport's counters;
 *	innermost
 * @queue: frames that no read() has begun with
 * @queued_bytes: in @queue and of @current_frame
 * @wanted: the device is open; frames are queued only then
 * @current_frame: a read() has begun with it; survives a flush, as the half of a
 *	frame would cost the host its place in the stream
 * @current_offset: bytes of it that were read
 * @up: @work told link so
 * @chunk: FTH_RELAY_CHUNK bytes; while the device is open
 * @chunk_length: bytes in @chunk, which is @work's then; 0: it is the writer's
 * @taken: link has it, or had it when a worker died of it
 */
struct fth_relay {
	struct fth_transport transport;
	struct miscdevice device;
	unsigned long opened;
	struct workqueue_struct *wq;
	struct fth_robust_work work;
	wait_queue_head_t wait;
	struct mutex read_lock;
	struct mutex write_lock;
	spinlock_t lock;
	struct list_head queue;
	u32 queued_bytes;
	bool wanted;
	struct fth_relay_frame *current_frame;
	u32 current_offset;
	bool up;
	u8 *chunk;
	u32 chunk_length;
	bool taken;
};

/**
 * fth_relay_init() - make /dev/fother, after fth_link_init()
 *
 * Mode 0600, needs CAP_SYS_ADMIN; one opener, others get -EBUSY.  read() gives
 * whole frames or parts of one, write() takes any bytes.  Both wait unless
 * O_NONBLOCK; neither can hold the engine up.  An open device holds a reference
 * on this module.
 * Return: 0 or -errno.
 */
int fth_relay_init(void);

/** fth_relay_exit() - nobody has it open. */
void fth_relay_exit(void);

#endif /* FOTHER_GUEST_RELAY_H */
