// SPDX-License-Identifier: GPL-2.0
/*
 * What the device says: which ports there are, and the host's bytes.
 *
 * DESIGN
 * One work item for all queues of a controller, so nothing here needs a lock but
 * where sending is concerned.  A port's name comes only after PORT_READY, and
 * control and data are not ordered: data may arrive before PORT_OPEN, which is why
 * PORT_OPEN of the host is not looked at.
 */
#include "channel_priv.h"

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_console.h>

#include "main.h"

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

static void port_open(struct fth_port *port)
{
	/* After an unplug the host still has the buffers of the port before. */
	if (!(port->filled & BIT(port->id)))
		give_buffers(fth_port_in(port), FTH_CHANNEL_RX_BUFFERS);
	port->filled |= BIT(port->id);
	fth_link_up(&fth_guest.channel.transport);
	fth_port_set_ready(port, true);
	control_send(port, port->id, VIRTIO_CONSOLE_PORT_OPEN, 1);
	dev_info(&port->vdev->dev, "port %u is open\n", port->id);
}

void fth_port_close(struct fth_port *port)
{
	if (!port->ready)
		return;
	fth_port_set_ready(port, false);
	fth_channel_flush();
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
			fth_port_close(port);
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
	struct virtqueue *vq = fth_port_in(port);
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
	fth_robust_queue(&port->work);
}

void fth_port_work(struct fth_robust_work *work)
{
	struct fth_port *port = container_of(work, struct fth_port, work);

	if (READ_ONCE(port->stopping))
		return;
	port_control(port);
	fth_port_transmit(port);
	if (port->ready)
		port_receive(port);
}
