/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes between host and guest over a virtio-serial port of our own. */
#ifndef FOTHER_GUEST_CHANNEL_H
#define FOTHER_GUEST_CHANNEL_H

#include <linux/completion.h>
#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "transport.h"

struct virtio_device;
struct virtio_driver;
struct virtqueue;
struct vfsmount;

/* Limits. */
#define FTH_CHANNEL_PORTS 2 /* max_nr_ports of a dedicated controller */
#define FTH_CHANNEL_VQS ((FTH_CHANNEL_PORTS + 1) * 2)
#define FTH_CHANNEL_RX_BUFFERS 64      /* pages given to the host at once */
#define FTH_CHANNEL_RX_BATCH 64	       /* buffers taken before others may run */
#define FTH_CHANNEL_CONTROL_BUFFERS 16 /* pages for control messages */
#define FTH_CHANNEL_TX_MAX (1u << 20)  /* bytes queued or in flight */
#define FTH_CHANNEL_NAME_WAIT_MS 1000  /* until the host names a port */

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
 *
 * Fields without another note belong to @work, and to the probe, freeze and
 * remove callbacks while @work can't run.
 */
struct fth_port {
	struct virtio_device *vdev;
	struct virtqueue *vqs[FTH_CHANNEL_VQS];
	struct work_struct work;
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
};

/**
 * struct fth_channel - the one channel of this guest
 * @transport: what link sees of it
 * @wq: unbound, highpri, with a rescuer and never frozen: the channel must work
 *	while userspace is stuck, memory is short or tasks are frozen
 * @tx_lock: protects @port, @vdev, the port's out queue, @tx_queue and
 *	@tx_bytes; innermost, taken with interrupts off
 * @port: bytes can pass through it; NULL else
 * @vdev: bound controller or NULL
 * @tx_queue: frames for which the ring had no room
 * @tx_bytes: in @tx_queue and in the ring
 * @sysfs: private mount, for the names of the stock driver's ports
 * @scan: looks for our controller, from time to time while there is none
 * @exiting: no scan is started any more
 * @scan_tries: since something changed on the bus
 * @scan_round: counts scans, spaces peeks at unbound controllers
 * @refused_index: device number + 1 of the controller that was complained about
 */
struct fth_channel {
	struct fth_transport transport;
	struct workqueue_struct *wq;
	spinlock_t tx_lock;
	struct fth_port *port;
	struct virtio_device *vdev;
	struct list_head tx_queue;
	u32 tx_bytes;
	struct vfsmount *sysfs;
	struct delayed_work scan;
	struct notifier_block bus_notifier;
	bool exiting;
	u32 scan_tries;
	u32 scan_round;
	u32 refused_index;
};

/**
 * fth_channel_init() - register the driver and start to look for the port
 *
 * From here on fth_link_up(), _receive() and _down() are called, one at a time.
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int fth_channel_init(void);

/** fth_channel_exit() - give the controller back; no call to link after it. */
void fth_channel_exit(void);

/* Of channel.c, for channel_find.c. */
extern struct virtio_driver fth_channel_driver;

/** fth_channel_is_foreign() - is @vdev ours, and has a port that is not? */
bool fth_channel_is_foreign(struct virtio_device *vdev);

/* Of channel_find.c, for channel.c. */
int fth_channel_find_init(void);
void fth_channel_find_exit(void);

/** fth_channel_find_soon() - something changed: look again.  Any context. */
void fth_channel_find_soon(void);

#endif /* FOTHER_GUEST_CHANNEL_H */
