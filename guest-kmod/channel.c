// SPDX-License-Identifier: GPL-2.0
/*
 * A virtio driver for one dedicated virtio-serial controller.
 *
 * DESIGN
 * Input: receive buffers and control messages of the device; frames of link.
 * Output: fth_link_up(), _receive(), _down() for its transport.  All of a
 * controller's queues are worked by one work item (channel_control.c); only
 * sending also happens in the caller's context (channel_send.c).
 *
 * The driver has no ids, so it is never matched by itself; which controller is
 * ours is found out by channel_find.c.  Nothing here knows frames.
 */
#include "channel_priv.h"

#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "compat/virtio.h"
#include "main.h"

static void port_interrupt(struct virtqueue *vq)
{
	struct fth_port *port = vq->vdev->priv;

	if (!READ_ONCE(port->stopping))
		fth_robust_queue(&port->work);
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
	fth_robust_queue(&port->work);
	return 0;
}

static void free_buffers(struct virtqueue *vq, u32 index)
{
	unsigned int length;
	void *buffer;

	if (index == OUT_0 || index == OUT_1) {
		fth_port_free_sent(vq);
		return;
	}
	while ((buffer = virtqueue_get_buf(vq, &length)) ||
	       (buffer = virtqueue_detach_unused_buf(vq))) {
		if (index == CONTROL_OUT)
			kfree(buffer);
		else
			free_page((unsigned long)buffer);
	}
}

/* Also where nothing was started: restored in vain, or removed while frozen. */
static void port_stop(struct fth_port *port)
{
	u32 i;

	WRITE_ONCE(port->stopping, true);
	fth_robust_flush(&port->work);
	fth_port_close(port);
	virtio_reset_device(port->vdev);
	if (port->vqs[0]) {
		for (i = 0; i < FTH_CHANNEL_VQS; i++)
			free_buffers(port->vqs[i], i);
		port->vdev->config->del_vqs(port->vdev);
		memset(port->vqs, 0, sizeof(port->vqs));
	}
	/* An interrupt may have queued it before the reset; it does nothing. */
	fth_robust_flush(&port->work);
}

/* It stays where a worker died in it. */
static void port_free(struct fth_port *port)
{
	if (fth_robust_work_exit(&port->work))
		kfree_rcu(port, rcu);
}

static void set_bound(struct virtio_device *vdev)
{
	struct fth_channel *channel = &fth_guest.channel;
	unsigned long flags;
	bool locked = fth_channel_lock(channel, &flags);

	channel->vdev = vdev;
	if (locked)
		fth_channel_unlock(channel, flags);
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
	init_completion(&port->named);
	port->stopping = true;
	err = fth_robust_work_init(&port->work, fth_guest.channel.wq, fth_port_work);
	if (err)
		goto err_free;
	err = port_start(port);
	if (err)
		goto err_work;
	err = -ENODEV;
	if (!wait_for_completion_timeout(&port->named, wait) || READ_ONCE(port->foreign))
		goto err_stop;
	set_bound(vdev);
	WRITE_ONCE(port->claimed, true);
	fth_robust_queue(&port->work);
	return 0;

err_stop:
	port_stop(port);
err_work:
	vdev->priv = NULL;
	port_free(port);
	return err;
err_free:
	vdev->priv = NULL;
	kfree(port);
	return err;
}

static void port_remove(struct virtio_device *vdev)
{
	struct fth_port *port = vdev->priv;

	port_stop(port);
	/* Its rings are gone: now another controller may be bound. */
	set_bound(NULL);
	vdev->priv = NULL;
	port_free(port);
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

	err = fth_channel_send_init(channel);
	if (err)
		return err;
	err = -ENOMEM;
	channel->wq =
		alloc_workqueue("fother-channel", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!channel->wq)
		goto err_send;
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
err_send:
	fth_channel_send_exit(channel);
	return err;
}

void fth_channel_exit(void)
{
	struct fth_channel *channel = &fth_guest.channel;

	fth_channel_find_exit();
	destroy_workqueue(channel->wq);
	fth_link_remove(&channel->transport);
	fth_channel_send_exit(channel);
}
