/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the channel have in common. */
#ifndef FOTHER_GUEST_CHANNEL_PRIV_H
#define FOTHER_GUEST_CHANNEL_PRIV_H

#include <linux/completion.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "channel.h"
#include "robust.h"

struct virtio_device;
struct virtio_driver;
struct virtqueue;

/* Limits. */
#define FTH_CHANNEL_PORTS 2 /* max_nr_ports of a dedicated controller */
#define FTH_CHANNEL_VQS ((FTH_CHANNEL_PORTS + 1) * 2)
#define FTH_CHANNEL_RX_BUFFERS 64	  /* pages given to the host at once */
#define FTH_CHANNEL_RX_BATCH 64		  /* buffers taken before others may run */
#define FTH_CHANNEL_CONTROL_BUFFERS 16	  /* pages for control messages */
#define FTH_CHANNEL_TX_MAX (1u << 20)	  /* bytes queued or in flight */
#define FTH_CHANNEL_NOTE_MAX 4096	  /* bytes of a note's frame */
#define FTH_CHANNEL_NOTE_LOCK_US 20000	  /* until a lock is taken for lost */
#define FTH_CHANNEL_NOTE_ALIVE_US 20000	  /* until the host has read a note */
#define FTH_CHANNEL_NOTE_DYING_US 200000  /* printing an oops takes as long */
#define FTH_CHANNEL_NOTE_PANIC_US 1000000 /* nothing else is to do */
#define FTH_CHANNEL_NAME_WAIT_MS 1000	  /* until the host names a port */

/*
 * Port 0 has queues 0 and 1, control 2 and 3, port 1 has 4 and 5 (virtio 1.2,
 * section 5.3).
 */
enum channel_queue {
	IN_0 = 0,
	OUT_0 = 1,
	CONTROL_IN = 2,
	CONTROL_OUT = 3,
	IN_1 = 4,
	OUT_1 = 5,
};

/**
 * struct fth_port - one controller that our driver is bound to
 * @vdev: the controller
 * @vqs: port 0 in, out; control in, out; port 1 in, out; NULL while stopped
 * @work: everything that happens on the queues but sending, one at a time
 * @named: the host said which port is ours, or that none is
 * @id: number of our port, where @ours
 * @ports: how many the host announced
 * @filled: bit mask of ports whose receive queue was filled
 * @stopping: callbacks and @work do nothing any more
 * @greeted: control buffers were given and DEVICE_READY sent
 * @claimed: the probe accepted this controller
 * @ours: a port with the right name is there
 * @foreign: a port that is not ours is there
 * @ready: bytes can pass; written by @work under channel.tx_lock
 * @rcu: for its end
 *
 * Fields without another note belong to @work, and to the probe, freeze and
 * remove callbacks while @work can't run.
 */
struct fth_port {
	struct virtio_device *vdev;
	struct virtqueue *vqs[FTH_CHANNEL_VQS];
	struct fth_robust_work work;
	struct completion named;
	u32 id;
	u32 ports;
	u32 filled;
	bool stopping;
	bool greeted;
	bool claimed;
	bool ours;
	bool foreign;
	bool ready;
	struct rcu_head rcu;
};

static inline struct virtqueue *fth_port_in(struct fth_port *port)
{
	return port->vqs[port->id ? IN_1 : IN_0];
}

static inline struct virtqueue *fth_port_out(struct fth_port *port)
{
	return port->vqs[port->id ? OUT_1 : OUT_0];
}

/* Of channel_send.c. */

/** fth_channel_send_init() - fills the transport in; Return: 0 or -ENOMEM. */
int fth_channel_send_init(struct fth_channel *channel);

/** fth_channel_send_exit() - no port is there any more. */
void fth_channel_send_exit(struct fth_channel *channel);

/**
 * fth_channel_lock() - take tx_lock, unless its holder died
 * @ret_flags: for fth_channel_unlock()
 * Return: false: it is lost, nothing may be sent any more; interrupts are as before.
 */
bool fth_channel_lock(struct fth_channel *channel, unsigned long *ret_flags);

/** fth_channel_unlock() - after a fth_channel_lock() that returned true. */
void fth_channel_unlock(struct fth_channel *channel, unsigned long flags);

/** fth_channel_flush() - drop frames that are not in the ring yet. */
void fth_channel_flush(void);

/** fth_port_transmit() - fill the ring from the queue. */
void fth_port_transmit(struct fth_port *port);

/** fth_port_set_ready() - bytes can pass through @port, or can't any more. */
void fth_port_set_ready(struct fth_port *port, bool ready);

/** fth_port_free_sent() - an out queue of a device that was reset. */
void fth_port_free_sent(struct virtqueue *vq);

/**
 * fth_channel_regain() - send again after fth_channel_lock() was lost
 *
 * What waited to be sent is left where it is, as nobody knows whose it is.
 * Context: no port has a ring.
 */
void fth_channel_regain(void);

/* Of channel_control.c. */

/** fth_port_work() - everything that happens on the queues but sending. */
void fth_port_work(struct fth_robust_work *work);

/** fth_port_close() - no byte passes any more.  Not beside fth_port_work(). */
void fth_port_close(struct fth_port *port);

/* Of channel.c, for channel_find.c. */
extern struct virtio_driver fth_channel_driver;

/** fth_channel_is_foreign() - is @vdev ours, and has a port that is not? */
bool fth_channel_is_foreign(struct virtio_device *vdev);

/* Of channel_find.c, for channel.c. */
int fth_channel_find_init(void);
void fth_channel_find_exit(void);

#endif /* FOTHER_GUEST_CHANNEL_PRIV_H */
