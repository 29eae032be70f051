// SPDX-License-Identifier: GPL-2.0
/*
 * Which virtio-serial controller is ours, and giving it back.
 *
 * DESIGN
 * A controller is ours when its one port carries our name and it can't carry
 * another one.  Where the stock driver is bound, the name is read from sysfs:
 * as a file, since calling the attribute's show() races with unplug.  Where no
 * driver is bound (the stock one is absent), our own driver is attached, hears
 * the names, and lets go again if none is ours.
 *
 * The bus tells of controllers but not of ports that are added later, so while
 * nothing is bound we look from time to time as well.
 */
#include "channel_priv.h"

#include <linux/device.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/kobject.h>
#include <linux/mount.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>

#include "compat/virtio.h"
#include "main.h"

#define FIND_CONTROLLERS_MAX 32 /* looked at in one scan */
#define FIND_NAME_MAX 128	/* bytes of a port's name file */
#define FIND_SOON_MS 5
#define FIND_FAST_MS 20
#define FIND_FAST_TRIES 20
#define FIND_SLOW_MS 100
#define FIND_SLOW_TRIES 60
#define FIND_IDLE_MS 1000
#define FIND_PEEK_EVERY 5 /* idle scans between two peeks */

/* What the children of a controller of the stock driver are. */
struct find_ports {
	u32 count;
	bool ours;
};

/* References to controllers: acting on one changes the list of the bus. */
struct find_list {
	u32 count;
	struct device *devices[FIND_CONTROLLERS_MAX];
};

/*
 * Held while the bus is gone through: whoever takes a controller off it waits in
 * BUS_NOTIFY_REMOVED_DEVICE, before it gives up its parent.
 */
static DEFINE_MUTEX(collecting);

/* With the parent, whose lock we take: a device that is off its bus holds it no more. */
static struct device *hold(struct device *device)
{
	get_device(device->parent);
	return get_device(device);
}

static void let(struct device *device)
{
	struct device *parent = device->parent;

	put_device(device);
	put_device(parent);
}

static void read_port_name(struct device *device, char *ret_name)
{
	char *path = kobject_get_path(&device->kobj, GFP_KERNEL);
	char *file = path ? kasprintf(GFP_KERNEL, "%s/name", path + 1) : NULL;
	ssize_t length = -ENOMEM;

	if (file)
		length = fth_hostinfo_read(fth_guest.channel.sysfs, file, ret_name,
					   FIND_NAME_MAX - 1);
	ret_name[max_t(ssize_t, length, 0)] = '\0';
	kfree(file);
	kfree(path);
}

static int look_at_child(struct device *device, void *data)
{
	struct find_ports *ports = data;
	char name[FIND_NAME_MAX];

	if (strncmp(dev_name(device), "vport", strlen("vport")))
		return 0;
	ports->count++;
	read_port_name(device, name);
	if (!strcmp(strim(name), fth_guest.params.port_name))
		ports->ours = true;
	return 0;
}

/* One line for a controller that has our port and can't be ours. */
static void refuse(struct virtio_device *vdev, u32 ports, u32 ports_max)
{
	struct fth_channel *channel = &fth_guest.channel;

	if (channel->refused_index == vdev->index + 1)
		return;
	channel->refused_index = vdev->index + 1;
	dev_warn(
		&vdev->dev,
		"fother: controller refused: port '%s' shares it (%u ports of %u, expected 1 of %u); give it a controller of its own with max_ports=%u\n",
		fth_guest.params.port_name, ports, ports_max, FTH_CHANNEL_PORTS, FTH_CHANNEL_PORTS);
}

/*
 * Unplug unmaps the registers as soon as it has unregistered the virtio device,
 * with the parent's lock held; and until then the device looks registered.  So it
 * is the parent's lock that keeps the registers.  False: they are gone.
 */
static bool lock_registers(struct device *device)
{
	device_lock(device->parent);
	device_lock(device);
	if (device_is_registered(device))
		return true;
	device_unlock(device);
	device_unlock(device->parent);
	return false;
}

static void unlock_registers(struct device *device)
{
	device_unlock(device);
	device_unlock(device->parent);
}

/* 0 for a device that is gone. */
static u32 max_ports(struct device *device)
{
	struct virtio_device *vdev = dev_to_virtio(device);
	u32 count = 1;

	if (!lock_registers(device))
		return 0;
	/* Without a driver no feature is accepted yet: ask what is offered. */
	if (fth_virtio_offers(vdev, VIRTIO_CONSOLE_F_MULTIPORT))
		virtio_cread(vdev, struct virtio_console_config, max_nr_ports, &count);
	unlock_registers(device);
	return count;
}

static void give_to_stock(struct device *device)
{
	struct virtio_device *vdev = dev_to_virtio(device);

	if (!lock_registers(device))
		return;
	/* A failed probe leaves FAILED in the status, which would stay. */
	if (!device->driver) {
		virtio_reset_device(vdev);
		virtio_add_status(vdev, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	}
	unlock_registers(device);
	/* It may be gone by now: then this finds it dead and does nothing. */
	if (device_attach(device) < 0)
		dev_warn(device, "controller could not be given back to its driver\n");
}

static void take(struct device *device)
{
	if (device_driver_attach(&fth_channel_driver.driver, device))
		give_to_stock(device);
}

static void look_at_stock(struct device *device)
{
	struct find_ports ports = {};
	u32 ports_max;

	device_for_each_child(device, &ports, look_at_child);
	if (!ports.ours)
		return;
	ports_max = max_ports(device);
	if (!ports_max)
		return;
	if (ports.count != 1 || ports_max != FTH_CHANNEL_PORTS) {
		refuse(dev_to_virtio(device), ports.count, ports_max);
		return;
	}
	device_release_driver(device);
	take(device);
}

static void look_at_unbound(struct device *device)
{
	struct fth_channel *channel = &fth_guest.channel;
	bool idle = channel->scan_tries > FIND_SLOW_TRIES;

	/* A peek takes a while where no port is: not on every idle scan. */
	if (idle && channel->scan_round % FIND_PEEK_EVERY)
		return;
	if (max_ports(device) == FTH_CHANNEL_PORTS)
		take(device);
}

/* A port that is not ours came: its owner needs the controller. */
static void let_go(struct device *device)
{
	struct virtio_device *vdev = dev_to_virtio(device);

	refuse(vdev, FTH_CHANNEL_PORTS, FTH_CHANNEL_PORTS);
	device_release_driver(device);
	give_to_stock(device);
}

/* A ring was lost with the task that was changing it: others, from the device's reset on. */
static void renew(struct device *device)
{
	dev_warn(device, "fother: controller is bound anew: its rings were lost in an oops\n");
	device_release_driver(device);
	fth_channel_regain();
	take(device);
}

static void look_at(struct device *device)
{
	struct fth_channel *channel = &fth_guest.channel;
	bool unbound, mine, foreign;

	device_lock(device);
	unbound = !device->driver;
	mine = device->driver == &fth_channel_driver.driver;
	foreign = mine && fth_channel_is_foreign(dev_to_virtio(device));
	device_unlock(device);

	if (mine && READ_ONCE(channel->lost)) {
		renew(device);
		return;
	}
	if (foreign)
		let_go(device);
	if (mine || channel->vdev)
		return;
	if (unbound)
		look_at_unbound(device);
	else
		look_at_stock(device);
}

static int collect(struct device *device, void *data)
{
	struct find_list *list = data;

	if (dev_to_virtio(device)->id.device != VIRTIO_ID_CONSOLE)
		return 0;
	if (list->count == FIND_CONTROLLERS_MAX)
		return 1;
	list->devices[list->count++] = hold(device);
	return 0;
}

static void scan(struct work_struct *work)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct find_list list = {};
	u32 i, wait_ms = FIND_IDLE_MS;

	/* The bus may tell us no more. */
	if (READ_ONCE(channel->exiting))
		return;
	mutex_lock(&collecting);
	bus_for_each_dev(fth_channel_driver.driver.bus, NULL, &list, collect);
	mutex_unlock(&collecting);
	for (i = 0; i < list.count; i++) {
		look_at(list.devices[i]);
		let(list.devices[i]);
	}
	if (READ_ONCE(channel->lost) && !channel->vdev)
		fth_channel_regain();
	if (channel->vdev && !READ_ONCE(channel->lost))
		return;
	channel->scan_round++;
	if (channel->scan_tries < FIND_FAST_TRIES)
		wait_ms = FIND_FAST_MS;
	else if (channel->scan_tries < FIND_SLOW_TRIES)
		wait_ms = FIND_SLOW_MS;
	if (channel->scan_tries <= FIND_SLOW_TRIES)
		channel->scan_tries++;
	if (!READ_ONCE(channel->exiting))
		queue_delayed_work(channel->find_wq, &channel->scan, msecs_to_jiffies(wait_ms));
}

void fth_channel_find_soon(void)
{
	struct fth_channel *channel = &fth_guest.channel;

	if (READ_ONCE(channel->exiting))
		return;
	channel->scan_tries = 0;
	mod_delayed_work(channel->find_wq, &channel->scan, msecs_to_jiffies(FIND_SOON_MS));
}

static int bus_event(struct notifier_block *notifier, unsigned long event, void *data)
{
	if (dev_to_virtio(data)->id.device != VIRTIO_ID_CONSOLE)
		return NOTIFY_DONE;
	switch (event) {
	case BUS_NOTIFY_REMOVED_DEVICE:
		mutex_lock(&collecting);
		mutex_unlock(&collecting);
		fallthrough;
	case BUS_NOTIFY_ADD_DEVICE:
	case BUS_NOTIFY_BOUND_DRIVER:
	case BUS_NOTIFY_UNBOUND_DRIVER:
		fth_channel_find_soon();
		break;
	default:
		break;
	}
	return NOTIFY_DONE;
}

int fth_channel_find_init(void)
{
	struct fth_channel *channel = &fth_guest.channel;
	int err;

	INIT_DELAYED_WORK(&channel->scan, scan);
	channel->exiting = false;
	channel->bus_notifier.notifier_call = bus_event;
	channel->find_wq = alloc_workqueue("fother-find", WQ_UNBOUND, 1);
	if (!channel->find_wq)
		return -ENOMEM;
	channel->sysfs = fth_hostinfo_mount("sysfs");
	err = PTR_ERR_OR_ZERO(channel->sysfs);
	if (err)
		goto err_wq;
	err = register_virtio_driver(&fth_channel_driver);
	if (err)
		goto err_mount;
	err = bus_register_notifier(fth_channel_driver.driver.bus, &channel->bus_notifier);
	if (err)
		goto err_register;
	fth_channel_find_soon();
	return 0;

err_register:
	unregister_virtio_driver(&fth_channel_driver);
err_mount:
	kern_unmount(channel->sysfs);
err_wq:
	destroy_workqueue(channel->find_wq);
	return err;
}

void fth_channel_find_exit(void)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct device *device = NULL;
	unsigned long flags;
	bool locked;

	WRITE_ONCE(channel->exiting, true);
	cancel_delayed_work_sync(&channel->scan);
	bus_unregister_notifier(fth_channel_driver.driver.bus, &channel->bus_notifier);
	locked = fth_channel_lock(channel, &flags);
	if (channel->vdev)
		device = hold(&channel->vdev->dev);
	if (locked)
		fth_channel_unlock(channel, flags);
	unregister_virtio_driver(&fth_channel_driver);
	/* Removal, and whoever saw us not exiting yet, may have armed it again. */
	cancel_delayed_work_sync(&channel->scan);
	if (device) {
		give_to_stock(device);
		let(device);
	}
	kern_unmount(channel->sysfs);
	destroy_workqueue(channel->find_wq);
}
