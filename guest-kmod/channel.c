// SPDX-License-Identifier: GPL-2.0
/*
 * A virtio driver for one dedicated virtio-serial controller.
 *
 * DESIGN
 * Input: receive buffers and control messages of the device; frames of link.
 * Output: fth_link_up(), _receive(), _down(), never two at a time.  All of a
 * controller's queues are worked by one work item; only sending also happens in
 * the caller's context, under tx_lock, and it never waits: what does not fit in
 * the ring is queued up to FTH_CHANNEL_TX_MAX bytes, the rest is dropped and
 * counted.  So a host that does not read can't keep this guest from hearing it.
 *
 * The driver has no ids, so it is never matched by itself; which controller is
 * ours is found out by channel_find.c.  This file knows no frames.
 *
 * Port 0 has queues 0 and 1, control 2 and 3, port 1 has 4 and 5 (virtio 1.2,
 * section 5.3).  A port's name comes only after PORT_READY, and control and data
 * are not ordered: data may arrive before PORT_OPEN, which is why PORT_OPEN of
 * the host is not looked at.
 */
#include "channel.h"

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "compat/virtio.h"
#include "main.h"

enum channel_queue {
	OUT_0 = 1,
	CONTROL_IN = 2,
	CONTROL_OUT = 3,
	OUT_1 = 5,
};

/* One frame on its way out. */
struct channel_tx {
	struct list_head link;
	u32 length;
	u8 data[];
};

static struct virtqueue *port_in(struct fth_port *port)
{
	return port->vqs[port->id ? (port->id + 1) * 2 : 0];
}

static struct virtqueue *port_out(struct fth_port *port)
{
	return port->vqs[port->id ? (port->id + 1) * 2 + 1 : 1];
}

/* Sending.  All of it under tx_lock. */

static void queue_reclaim(struct fth_channel *channel, struct virtqueue *vq)
{
	struct channel_tx *tx;
	unsigned int length;

	while ((tx = virtqueue_get_buf(vq, &length))) {
		channel->tx_bytes -= tx->length;
		kfree(tx);
	}
}

/* Of both: our port may have had the other number before an unplug. */
static void tx_reclaim(struct fth_channel *channel, struct fth_port *port)
{
	queue_reclaim(channel, port->vqs[OUT_0]);
	queue_reclaim(channel, port->vqs[OUT_1]);
}

static void tx_push(struct fth_channel *channel, struct fth_port *port)
{
	struct channel_tx *tx, *next;
	struct scatterlist sg;

	tx_reclaim(channel, port);
	list_for_each_entry_safe(tx, next, &channel->tx_queue, link) {
		sg_init_one(&sg, tx->data, tx->length);
		if (virtqueue_add_outbuf(port_out(port), &sg, 1, tx, GFP_ATOMIC))
			break;
		list_del(&tx->link);
		channel->transport.tx_bytes += tx->length;
	}
	virtqueue_kick(port_out(port));
}

static int channel_send(const void *frame, u32 length)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct channel_tx *tx = kmalloc(struct_size(tx, data, length), GFP_KERNEL);
	unsigned long flags;
	int err = 0;

	if (!tx)
		return -ENOMEM;
	tx->length = length;
	memcpy(tx->data, frame, length);

	spin_lock_irqsave(&channel->tx_lock, flags);
	if (!channel->port) {
		err = -ENOTCONN;
	} else {
		tx_reclaim(channel, channel->port);
		if (length > FTH_CHANNEL_TX_MAX - channel->tx_bytes)
			err = -ENOBUFS;
	}
	if (!err) {
		channel->tx_bytes += length;
		list_add_tail(&tx->link, &channel->tx_queue);
		tx_push(channel, channel->port);
	} else if (err == -ENOBUFS) {
		channel->transport.tx_dropped++;
	}
	spin_unlock_irqrestore(&channel->tx_lock, flags);
	if (err)
		kfree(tx);
	return err;
}

static void channel_flush(void)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct channel_tx *tx, *next;
	unsigned long flags;

	spin_lock_irqsave(&channel->tx_lock, flags);
	list_for_each_entry_safe(tx, next, &channel->tx_queue, link) {
		list_del(&tx->link);
		channel->tx_bytes -= tx->length;
		kfree(tx);
	}
	spin_unlock_irqrestore(&channel->tx_lock, flags);
}

static void port_transmit(struct fth_port *port)
{
	struct fth_channel *channel = &fth_guest.channel;
	unsigned long flags;

	spin_lock_irqsave(&channel->tx_lock, flags);
	tx_push(channel, port);
	spin_unlock_irqrestore(&channel->tx_lock, flags);
}

/* Control messages. */

static void control_send(struct fth_port *port, u32 id, u16 event, u16 value)
{
	struct virtqueue *vq = port->vqs[CONTROL_OUT];
	struct virtio_console_control *message;
	struct scatterlist sg;
	unsigned int length;
	int err = -ENOMEM;

	while ((message = virtqueue_get_buf(vq, &length)))
		kfree(message);
	message = kmalloc(sizeof(*message), GFP_KERNEL);
	if (message) {
		message->id = cpu_to_virtio32(port->vdev, id);
		message->event = cpu_to_virtio16(port->vdev, event);
		message->value = cpu_to_virtio16(port->vdev, value);
		sg_init_one(&sg, message, sizeof(*message));
		err = virtqueue_add_outbuf(vq, &sg, 1, message, GFP_KERNEL);
		if (err)
			kfree(message);
	}
	if (err)
		dev_warn_ratelimited(&port->vdev->dev,
				     "control message %u for port %u not sent: %d\n", event, id,
				     err);
	else
		virtqueue_kick(vq);
}

static int give_buffer(struct virtqueue *vq, void *page)
{
	struct scatterlist sg;
	int err;

	sg_init_one(&sg, page, PAGE_SIZE);
	err = virtqueue_add_inbuf(vq, &sg, 1, page, GFP_KERNEL);
	if (err)
		free_page((unsigned long)page);
	return err;
}

static void give_buffers(struct virtqueue *vq, u32 count)
{
	while (count--) {
		void *page = (void *)__get_free_page(GFP_KERNEL);

		if (!page || give_buffer(vq, page))
			break;
	}
	virtqueue_kick(vq);
}

static void port_set_ready(struct fth_port *port, bool ready)
{
	struct fth_channel *channel = &fth_guest.channel;
	unsigned long flags;

	spin_lock_irqsave(&channel->tx_lock, flags);
	port->ready = ready;
	channel->port = ready ? port : NULL;
	spin_unlock_irqrestore(&channel->tx_lock, flags);
}

static void port_open(struct fth_port *port)
{
	/* After an unplug the host still has the buffers of the port before. */
	if (!(port->filled & BIT(port->id)))
		give_buffers(port_in(port), FTH_CHANNEL_RX_BUFFERS);
	port->filled |= BIT(port->id);
	fth_link_up(&fth_guest.channel.transport);
	port_set_ready(port, true);
	control_send(port, port->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	dev_info(&port->vdev->dev, "port %u is open\n", port->id);
}

static void port_close(struct fth_port *port)
{
	if (!port->ready)
		return;
	port_set_ready(port, false);
	channel_flush();
	fth_link_down(&fth_guest.channel.transport);
	dev_info(&port->vdev->dev, "port %u is gone\n", port->id);
}

static void control_name(struct fth_port *port, u32 id, const char *name, u32 length)
{
	const char *wanted = fth_guest.params.port_name;

	/* Some hosts send the terminating NUL, some don't. */
	length = strnlen(name, length);
	if (length != strlen(wanted) || memcmp(name, wanted, length)) {
		port->foreign = true;
	} else if (id < FTH_CHANNEL_PORTS && !port->ours) {
		port->id = id;
		port->ours = true;
	}
}

static void control_receive(struct fth_port *port, const void *page, u32 length)
{
	const struct virtio_console_control *message = page;
	u32 id;

	if (length < sizeof(*message))
		return;
	id = virtio32_to_cpu(port->vdev, message->id);
	switch (virtio16_to_cpu(port->vdev, message->event)) {
	case VIRTIO_CONSOLE_PORT_ADD:
		if (++port->ports > 1)
			port->foreign = true;
		control_send(port, id, VIRTIO_CONSOLE_PORT_READY, 1);
		break;
	case VIRTIO_CONSOLE_PORT_REMOVE:
		if (port->ports)
			port->ports--;
		if (port->ours && id == port->id) {
			port->ours = false;
			port_close(port);
		}
		break;
	case VIRTIO_CONSOLE_PORT_NAME:
		control_name(port, id, page + sizeof(*message), length - sizeof(*message));
		break;
	default:
		break;
	}
	if (port->ours || port->foreign)
		complete_all(&port->named);
}

static void port_control(struct fth_port *port)
{
	struct virtqueue *vq = port->vqs[CONTROL_IN];
	unsigned int length;
	void *page;

	if (!port->greeted) {
		port->greeted = true;
		give_buffers(vq, FTH_CHANNEL_CONTROL_BUFFERS);
		control_send(port, VIRTIO_CONSOLE_BAD_ID, VIRTIO_CONSOLE_DEVICE_READY, 1);
	}
	while (!READ_ONCE(port->stopping) && (page = virtqueue_get_buf(vq, &length))) {
		control_receive(port, page, min_t(u32, length, PAGE_SIZE));
		if (!give_buffer(vq, page))
			virtqueue_kick(vq);
		cond_resched();
	}
	if (!READ_ONCE(port->claimed))
		return;
	if (port->foreign)
		fth_channel_find_soon();
	else if (port->ours && !port->ready)
		port_open(port);
}

static void port_receive(struct fth_port *port)
{
	struct virtqueue *vq = port_in(port);
	unsigned int length, taken;
	void *page;

	for (taken = 0; taken < FTH_CHANNEL_RX_BATCH; taken++) {
		if (READ_ONCE(port->stopping))
			return;
		page = virtqueue_get_buf(vq, &length);
		if (!page)
			return;
		length = min_t(u32, length, PAGE_SIZE);
		fth_link_receive(&fth_guest.channel.transport, page, length);
		if (!give_buffer(vq, page))
			virtqueue_kick(vq);
		cond_resched();
	}
	/* The control queue and reclaiming must not starve. */
	queue_work(fth_guest.channel.wq, &port->work);
}

static void port_work(struct work_struct *work)
{
	struct fth_port *port = container_of(work, struct fth_port, work);

	if (READ_ONCE(port->stopping))
		return;
	port_control(port);
	port_transmit(port);
	if (port->ready)
		port_receive(port);
}

/* Set-up and its reverse. */

static void port_interrupt(struct virtqueue *vq)
{
	struct fth_port *port = vq->vdev->priv;

	if (!READ_ONCE(port->stopping))
		queue_work(fth_guest.channel.wq, &port->work);
}

static int port_start(struct fth_port *port)
{
	static const char *const names[FTH_CHANNEL_VQS] = {
		"fother-in-0",	      "fother-out-0", "fother-control-in",
		"fother-control-out", "fother-in-1",  "fother-out-1",
	};
	vq_callback_t *callbacks[FTH_CHANNEL_VQS] = {
		port_interrupt, port_interrupt, port_interrupt,
		NULL,		port_interrupt, port_interrupt,
	};
	int err = fth_virtio_find_vqs(port->vdev, FTH_CHANNEL_VQS, port->vqs, callbacks, names);

	if (err) {
		memset(port->vqs, 0, sizeof(port->vqs));
		return err;
	}
	reinit_completion(&port->named);
	port->id = 0;
	port->ports = 0;
	port->filled = 0;
	port->ours = false;
	port->foreign = false;
	port->greeted = false;
	WRITE_ONCE(port->stopping, false);
	virtio_device_ready(port->vdev);
	queue_work(fth_guest.channel.wq, &port->work);
	return 0;
}

static void free_buffers(struct fth_channel *channel, struct virtqueue *vq, u32 index)
{
	struct channel_tx *tx;
	unsigned int length;
	void *buffer;

	while ((buffer = virtqueue_get_buf(vq, &length)) ||
	       (buffer = virtqueue_detach_unused_buf(vq))) {
		if (!(index & 1)) {
			free_page((unsigned long)buffer);
			continue;
		}
		if (index != CONTROL_OUT) {
			tx = buffer;
			spin_lock_irq(&channel->tx_lock);
			channel->tx_bytes -= tx->length;
			spin_unlock_irq(&channel->tx_lock);
		}
		kfree(buffer);
	}
}

/* Also where nothing was started: restored in vain, or removed while frozen. */
static void port_stop(struct fth_port *port)
{
	u32 i;

	WRITE_ONCE(port->stopping, true);
	cancel_work_sync(&port->work);
	port_close(port);
	virtio_reset_device(port->vdev);
	if (port->vqs[0]) {
		for (i = 0; i < FTH_CHANNEL_VQS; i++)
			free_buffers(&fth_guest.channel, port->vqs[i], i);
		port->vdev->config->del_vqs(port->vdev);
		memset(port->vqs, 0, sizeof(port->vqs));
	}
	/* An interrupt may have queued it before the reset; it does nothing. */
	cancel_work_sync(&port->work);
}

static void set_bound(struct virtio_device *vdev)
{
	struct fth_channel *channel = &fth_guest.channel;

	spin_lock_irq(&channel->tx_lock);
	channel->vdev = vdev;
	spin_unlock_irq(&channel->tx_lock);
}

bool fth_channel_is_foreign(struct virtio_device *vdev)
{
	struct fth_port *port = vdev->priv;

	return vdev->dev.driver == &fth_channel_driver.driver && port && READ_ONCE(port->foreign);
}

static int port_probe(struct virtio_device *vdev)
{
	unsigned long wait = msecs_to_jiffies(FTH_CHANNEL_NAME_WAIT_MS);
	struct fth_port *port;
	u32 ports = 0;
	int err;

	if (vdev->id.device != VIRTIO_ID_CONSOLE || fth_guest.channel.vdev)
		return -ENODEV;
	err = virtio_cread_feature(vdev, VIRTIO_CONSOLE_F_MULTIPORT, struct virtio_console_config,
				   max_nr_ports, &ports);
	if (err || ports != FTH_CHANNEL_PORTS)
		return -ENODEV;
	port = kzalloc(sizeof(*port), GFP_KERNEL);
	if (!port)
		return -ENOMEM;
	port->vdev = vdev;
	vdev->priv = port;
	INIT_WORK(&port->work, port_work);
	init_completion(&port->named);
	err = port_start(port);
	if (err)
		goto err_free;
	err = -ENODEV;
	if (!wait_for_completion_timeout(&port->named, wait) || READ_ONCE(port->foreign))
		goto err_stop;
	set_bound(vdev);
	WRITE_ONCE(port->claimed, true);
	queue_work(fth_guest.channel.wq, &port->work);
	return 0;

err_stop:
	port_stop(port);
err_free:
	vdev->priv = NULL;
	kfree(port);
	return err;
}

static void port_remove(struct virtio_device *vdev)
{
	struct fth_port *port = vdev->priv;

	set_bound(NULL);
	port_stop(port);
	vdev->priv = NULL;
	kfree(port);
	/* Interrupts and work are over; another controller may be ours. */
	fth_channel_find_soon();
}

static int __maybe_unused port_freeze(struct virtio_device *vdev)
{
	port_stop(vdev->priv);
	return 0;
}

static int __maybe_unused port_restore(struct virtio_device *vdev)
{
	return port_start(vdev->priv);
}

static const struct virtio_device_id no_ids[] = { { 0 } };
static const unsigned int features[] = { VIRTIO_CONSOLE_F_MULTIPORT };

struct virtio_driver fth_channel_driver = {
	.driver.name = "fother",
	.driver.owner = THIS_MODULE,
	.driver.suppress_bind_attrs = true,
	.id_table = no_ids,
	.feature_table = features,
	.feature_table_size = ARRAY_SIZE(features),
	.probe = port_probe,
	.remove = port_remove,
	.freeze = pm_sleep_ptr(port_freeze),
	.restore = pm_sleep_ptr(port_restore),
};

int fth_channel_init(void)
{
	struct fth_channel *channel = &fth_guest.channel;
	int err;

	spin_lock_init(&channel->tx_lock);
	INIT_LIST_HEAD(&channel->tx_queue);
	channel->transport.name = "virtio";
	channel->transport.send = channel_send;
	channel->transport.flush = channel_flush;
	channel->wq =
		alloc_workqueue("fother-channel", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!channel->wq)
		return -ENOMEM;
	err = fth_link_add(&channel->transport);
	if (err)
		goto err_wq;
	err = fth_channel_find_init();
	if (err)
		goto err_link;
	return 0;

err_link:
	fth_link_remove(&channel->transport);
err_wq:
	destroy_workqueue(channel->wq);
	return err;
}

void fth_channel_exit(void)
{
	struct fth_channel *channel = &fth_guest.channel;

	fth_channel_find_exit();
	destroy_workqueue(channel->wq);
	fth_link_remove(&channel->transport);
}
