// SPDX-License-Identifier: GPL-2.0
/*
 * Frames to the device, also out of an oops or a panic.
 *
 * DESIGN
 * Sending happens in the caller's context under tx_lock and never waits: what has
 * no room in the ring is queued up to FTH_CHANNEL_TX_MAX bytes, the rest is
 * dropped and counted.  So a host that does not read can't keep this guest from
 * hearing it.
 *
 * A note is sent where nothing may be allocated, freed or waited for: from a
 * buffer of its own, by asking the ring until the host has it.  What else the
 * host is done with meanwhile is put aside and freed later.  The one lock may be
 * held by the very task that is dying, or by a CPU that a panic has stopped.
 * Then nobody else will ever give it back.  Where its holder was not changing a
 * ring just then (@tx_in_ring), it is given back for a dead task, and taken over by
 * a panic's note; else the ring can't be trusted any more, and nothing is sent
 * (@lost) until the controller was reset and has new ones.
 */
#include "channel_priv.h"

#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include "main.h"

#define NOTE_POLL_US 10

/* One frame on its way out. */
struct fth_channel_tx {
	struct list_head link;
	u32 length;
	u8 data[];
};

/*
 * The lock is taken by trying, and may be inherited, which no checker of contexts
 * can follow: to it these functions take and give back nothing.
 */
bool fth_channel_lock(struct fth_channel *channel, unsigned long *ret_flags)
{
	unsigned long flags;

	local_irq_save(flags);
	while (!spin_trylock(&channel->tx_lock)) {
		if (READ_ONCE(channel->lost)) {
			local_irq_restore(flags);
			return false;
		}
		cpu_relax();
	}
	__release(&channel->tx_lock);
	WRITE_ONCE(channel->tx_cpu, smp_processor_id() + 1);
	*ret_flags = flags;
	return true;
}

void fth_channel_unlock(struct fth_channel *channel, unsigned long flags)
{
	WRITE_ONCE(channel->tx_cpu, 0);
	__acquire(&channel->tx_lock);
	spin_unlock_irqrestore(&channel->tx_lock, flags);
}

/* As fth_channel_unlock(), for whoever holds it no more; interrupts stay as they are. */
static void give_back(struct fth_channel *channel)
{
	WRITE_ONCE(channel->tx_cpu, 0);
	__acquire(&channel->tx_lock);
	spin_unlock(&channel->tx_lock);
}

/* All of the rings: under tx_lock.  An oops of ours may be looked at any time. */

static void *ring_get(struct fth_channel *channel, struct virtqueue *vq)
{
	unsigned int length;
	void *tx;

	WRITE_ONCE(channel->tx_in_ring, true);
	tx = virtqueue_get_buf(vq, &length);
	WRITE_ONCE(channel->tx_in_ring, false);
	return tx;
}

static int ring_add(struct fth_channel *channel, struct virtqueue *vq, struct fth_channel_tx *tx)
{
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, tx->data, tx->length);
	WRITE_ONCE(channel->tx_in_ring, true);
	err = virtqueue_add_outbuf(vq, &sg, 1, tx, GFP_ATOMIC);
	WRITE_ONCE(channel->tx_in_ring, false);
	return err;
}

static void put_aside(struct fth_channel *channel, struct virtqueue *vq)
{
	struct fth_channel_tx *tx;

	while ((tx = ring_get(channel, vq))) {
		if (tx == channel->note)
			channel->note_in_ring = false;
		else
			list_add_tail(&tx->link, &channel->tx_done);
	}
}

static void free_done(struct fth_channel *channel)
{
	struct fth_channel_tx *tx, *next;

	list_for_each_entry_safe(tx, next, &channel->tx_done, link) {
		list_del(&tx->link);
		channel->tx_bytes -= tx->length;
		kfree(tx);
	}
}

/* Of both: our port may have had the other number before an unplug. */
static void tx_reclaim(struct fth_channel *channel, struct fth_port *port)
{
	put_aside(channel, port->vqs[OUT_0]);
	put_aside(channel, port->vqs[OUT_1]);
	free_done(channel);
}

static void tx_push(struct fth_channel *channel, struct fth_port *port)
{
	struct fth_channel_tx *tx, *next;

	tx_reclaim(channel, port);
	list_for_each_entry_safe(tx, next, &channel->tx_queue, link) {
		if (ring_add(channel, fth_port_out(port), tx))
			break;
		list_del(&tx->link);
		channel->transport.tx_bytes += tx->length;
	}
	virtqueue_kick(fth_port_out(port));
}

static int queue_locked(struct fth_channel *channel, struct fth_channel_tx *tx)
{
	if (!channel->port)
		return -ENOTCONN;
	tx_reclaim(channel, channel->port);
	if (tx->length > FTH_CHANNEL_TX_MAX - channel->tx_bytes) {
		channel->transport.tx_dropped++;
		return -ENOBUFS;
	}
	channel->tx_bytes += tx->length;
	list_add_tail(&tx->link, &channel->tx_queue);
	tx_push(channel, channel->port);
	return 0;
}

/* Link's lock is held, and a revert may wait for it: no memory is waited for. */
static int channel_send(const void *frame, u32 length)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct fth_channel_tx *tx =
		kmalloc(struct_size(tx, data, length), GFP_ATOMIC | __GFP_NOWARN);
	unsigned long flags;
	int err = -EIO;

	if (!tx)
		return -ENOMEM;
	tx->length = length;
	memcpy(tx->data, frame, length);
	if (fth_channel_lock(channel, &flags)) {
		err = queue_locked(channel, tx);
		fth_channel_unlock(channel, flags);
	}
	if (err)
		kfree(tx);
	return err;
}

void fth_channel_flush(void)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct fth_channel_tx *tx, *next;
	unsigned long flags;

	if (!fth_channel_lock(channel, &flags))
		return;
	list_for_each_entry_safe(tx, next, &channel->tx_queue, link) {
		list_del(&tx->link);
		channel->tx_bytes -= tx->length;
		kfree(tx);
	}
	fth_channel_unlock(channel, flags);
}

void fth_port_transmit(struct fth_port *port)
{
	struct fth_channel *channel = &fth_guest.channel;
	unsigned long flags;

	if (!fth_channel_lock(channel, &flags))
		return;
	tx_push(channel, port);
	fth_channel_unlock(channel, flags);
}

/* Without the lock if it is lost: then nobody looks at the port any more. */
void fth_port_set_ready(struct fth_port *port, bool ready)
{
	struct fth_channel *channel = &fth_guest.channel;
	unsigned long flags;
	bool locked = fth_channel_lock(channel, &flags);

	port->ready = ready;
	channel->port = ready ? port : NULL;
	if (locked)
		fth_channel_unlock(channel, flags);
}

void fth_port_free_sent(struct virtqueue *vq)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct fth_channel_tx *tx;
	unsigned long flags;

	/* Lost with the ring: what is in it may be elsewhere, too. */
	if (!fth_channel_lock(channel, &flags))
		return;
	put_aside(channel, vq);
	while ((tx = virtqueue_detach_unused_buf(vq))) {
		if (tx == channel->note)
			channel->note_in_ring = false;
		else
			list_add_tail(&tx->link, &channel->tx_done);
	}
	free_done(channel);
	fth_channel_unlock(channel, flags);
}

/* Interrupts were off while it was held: who has it on this CPU is dying. */
bool fth_channel_abandon(void)
{
	struct fth_channel *channel = &fth_guest.channel;

	if (READ_ONCE(channel->tx_cpu) != raw_smp_processor_id() + 1)
		return false;
	if (READ_ONCE(channel->tx_in_ring))
		WRITE_ONCE(channel->lost, true);
	else
		give_back(channel);
	return true;
}

void fth_channel_regain(void)
{
	struct fth_channel *channel = &fth_guest.channel;

	INIT_LIST_HEAD(&channel->tx_queue);
	INIT_LIST_HEAD(&channel->tx_done);
	channel->tx_bytes = 0;
	channel->note_in_ring = false;
	channel->tx_in_ring = false;
	/* Who takes it from now on waits until it is free. */
	WRITE_ONCE(channel->lost, false);
	/* The dead holder's count of this is gone with it. */
	preempt_disable();
	give_back(channel);
}

/* Notes. */

/* Will whoever has tx_lock never give it back?  Interrupts are off. */
static bool holder_is_gone(struct fth_channel *channel, enum fth_transport_now now, bool mine)
{
	return now == FTH_TRANSPORT_PANIC || READ_ONCE(channel->lost) ||
	       (now == FTH_TRANSPORT_DYING && mine);
}

/*
 * Interrupts are off.  A lock whose holder is gone is inherited: since everybody
 * but a note takes it by trying, nothing waits in it.  That of a CPU that a panic has
 * stopped stays taken: only another note may come.
 */
static int note_lock(struct fth_channel *channel, enum fth_transport_now now, bool *ret_ours)
{
	int cpu = smp_processor_id() + 1;
	u32 waited_us;

	for (waited_us = 0; waited_us < FTH_CHANNEL_NOTE_LOCK_US; waited_us++) {
		bool mine = READ_ONCE(channel->tx_cpu) == cpu;

		if (spin_trylock(&channel->tx_lock)) {
			__release(&channel->tx_lock);
			WRITE_ONCE(channel->tx_cpu, cpu);
			*ret_ours = true;
			return 0;
		}
		if (holder_is_gone(channel, now, mine)) {
			if (!READ_ONCE(channel->tx_in_ring)) {
				*ret_ours = mine;
				return 0;
			}
			WRITE_ONCE(channel->lost, true);
			return -EIO;
		}
		/* A WARN in the middle of our own sending. */
		if (mine)
			return -EBUSY;
		udelay(1);
	}
	return -EBUSY;
}

static int note_add(struct fth_channel *channel, struct fth_port *port, const void *frame,
		    u32 length)
{
	int err;

	memcpy(channel->note->data, frame, length);
	channel->note->length = length;
	err = ring_add(channel, fth_port_out(port), channel->note);
	channel->note_in_ring = !err;
	/* Also where there was no room: the host may sleep. */
	virtqueue_kick(fth_port_out(port));
	return err;
}

/* Until the host has it: then it is no longer in the ring.  The one before may be. */
static int note_locked(struct fth_channel *channel, const void *frame, u32 length, u32 limit_us)
{
	struct fth_port *port = channel->port;
	bool added = false;
	u32 waited_us;

	if (!port)
		return -ENOTCONN;
	/* Mapping for such a device takes locks that are not ours to judge. */
	if (!virtio_has_dma_quirk(port->vdev))
		return -EOPNOTSUPP;
	for (waited_us = 0; waited_us < limit_us; waited_us += NOTE_POLL_US) {
		put_aside(channel, port->vqs[OUT_0]);
		put_aside(channel, port->vqs[OUT_1]);
		if (added && !channel->note_in_ring)
			return 0;
		if (!channel->note_in_ring)
			added = !note_add(channel, port, frame, length);
		udelay(NOTE_POLL_US);
	}
	return added ? -ETIMEDOUT : -ENOBUFS;
}

static u32 note_limit_us(enum fth_transport_now now)
{
	switch (now) {
	case FTH_TRANSPORT_PANIC:
		return FTH_CHANNEL_NOTE_PANIC_US;
	case FTH_TRANSPORT_DYING:
		return FTH_CHANNEL_NOTE_DYING_US;
	default:
		return FTH_CHANNEL_NOTE_ALIVE_US;
	}
}

static int channel_send_now(const void *frame, u32 length, enum fth_transport_now now)
{
	struct fth_channel *channel = &fth_guest.channel;
	unsigned long flags;
	bool ours;
	int err;

	if (length > FTH_CHANNEL_NOTE_MAX)
		return -EMSGSIZE;
	local_irq_save(flags);
	err = note_lock(channel, now, &ours);
	if (!err) {
		err = note_locked(channel, frame, length, note_limit_us(now));
		if (ours)
			give_back(channel);
	}
	local_irq_restore(flags);
	return err;
}

int fth_channel_send_init(struct fth_channel *channel)
{
	spin_lock_init(&channel->tx_lock);
	INIT_LIST_HEAD(&channel->tx_queue);
	INIT_LIST_HEAD(&channel->tx_done);
	channel->transport.name = "virtio";
	channel->transport.send = channel_send;
	channel->transport.flush = fth_channel_flush;
	channel->transport.send_now = channel_send_now;
	channel->note = kmalloc(struct_size(channel->note, data, FTH_CHANNEL_NOTE_MAX), GFP_KERNEL);
	return channel->note ? 0 : -ENOMEM;
}

void fth_channel_send_exit(struct fth_channel *channel)
{
	kfree(channel->note);
}
