/* SPDX-License-Identifier: GPL-2.0 */
/* Bytes between host and guest over a virtio-serial port of our own. */
#ifndef FOTHER_GUEST_CHANNEL_H
#define FOTHER_GUEST_CHANNEL_H

#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "transport.h"

struct fth_channel_tx;
struct fth_port;
struct virtio_device;
struct vfsmount;

/**
 * struct fth_channel - the one channel of this guest
 * @transport: what link sees of it
 * @wq: unbound, highpri, with a rescuer and never frozen: the channel must work
 *	while userspace is stuck, memory is short or tasks are frozen
 * @find_wq: of @scan alone, without a rescuer: the stock driver's removal waits for
 *	its own work, which has none, and the kernel warns of such a wait
 * @tx_lock: protects @port, @vdev, the port's out queues and all whose name
 *	begins with tx_ or note_; innermost, taken with interrupts off and only by
 *	fth_channel_lock(), fth_channel_send_now()
 * @tx_cpu: number + 1 of the CPU that holds @tx_lock; 0 none
 * @tx_in_ring: its holder is changing a ring just now
 * @lost: the holder of @tx_lock died changing a ring: nobody gets it until there are
 *	new rings
 * @port: bytes can pass through it; NULL else
 * @vdev: bound controller or NULL
 * @tx_queue: frames for which the ring had no room
 * @tx_done: frames that the host has, and that a note could not free
 * @tx_bytes: in @tx_queue, in the ring and in @tx_done
 * @note: the frame of a note
 * @note_in_ring: the host has not read it yet
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
	struct workqueue_struct *find_wq;
	spinlock_t tx_lock;
	struct fth_port *port;
	struct virtio_device *vdev;
	struct list_head tx_queue;
	struct list_head tx_done;
	u32 tx_bytes;
	int tx_cpu;
	bool tx_in_ring;
	bool lost;
	bool note_in_ring;
	struct fth_channel_tx *note;
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

/**
 * fth_channel_abandon() - the current task dies: it sends nothing any more
 *
 * Context: inside an oops.  Return: did it hold tx_lock?
 */
bool fth_channel_abandon(void);

/** fth_channel_find_soon() - something changed: look again.  Task or interrupt. */
void fth_channel_find_soon(void);

/** fth_channel_exit() - give the controller back; no call to link after it. */
void fth_channel_exit(void);

#endif /* FOTHER_GUEST_CHANNEL_H */
