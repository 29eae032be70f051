// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/fother/channel: how the link to the host is doing.
 *
 * Counters are read without a lock: each is one aligned word, and a number that
 * is one event late does no harm.
 */
#include "link.h"

#include <linux/kobject.h>
#include <linux/sysfs.h>
#include <linux/virtio.h>

#include "channel_priv.h"
#include "main.h"
#include "sysfs.h"

struct link_counter {
	struct kobj_attribute attribute;
	const u64 *value;
	u32 offset;
};

static ssize_t counter_show(struct kobject *kobj, struct kobj_attribute *attribute, char *buffer)
{
	struct link_counter *counter = container_of(attribute, struct link_counter, attribute);

	return sysfs_emit(buffer, "%llu\n", READ_ONCE(*counter->value));
}

/* Of all transports together; they outlive these files. */
static ssize_t sum_show(struct kobject *kobj, struct kobj_attribute *attribute, char *buffer)
{
	struct link_counter *counter = container_of(attribute, struct link_counter, attribute);
	u64 sum = 0;
	u32 i;

	for (i = 0; i < FTH_LINK_TRANSPORTS_MAX; i++) {
		void *transport = READ_ONCE(fth_guest.link.transports[i]);

		if (transport)
			sum += READ_ONCE(*(u64 *)(transport + counter->offset));
	}
	return sysfs_emit(buffer, "%llu\n", sum);
}

static ssize_t transport_show(struct kobject *kobj, struct kobj_attribute *attribute, char *buffer)
{
	struct fth_transport *owner = READ_ONCE(fth_guest.link.open.owner);

	return sysfs_emit(buffer, "%s\n", owner ? owner->name : "none");
}

static ssize_t session_show(struct kobject *kobj, struct kobj_attribute *attribute, char *buffer)
{
	static const char *const names[FTH_SS_STATES] = { "down", "greeting", "open" };
	u8 state = READ_ONCE(fth_guest.link.session.state);

	return sysfs_emit(buffer, "%s\n", state < FTH_SS_STATES ? names[state] : "?");
}

static ssize_t device_show(struct kobject *kobj, struct kobj_attribute *attribute, char *buffer)
{
	struct fth_channel *channel = &fth_guest.channel;
	struct virtio_device *vdev;
	unsigned long flags;
	int index = -1;
	bool locked;

	locked = fth_channel_lock(channel, &flags);
	vdev = channel->vdev;
	if (vdev)
		index = vdev->index;
	if (locked)
		fth_channel_unlock(channel, flags);
	return index < 0 ? sysfs_emit(buffer, "none\n") : sysfs_emit(buffer, "virtio%d\n", index);
}

#define LINK_COUNTERS(X)                         \
	X(notes_sent, fth_guest.note.sent)       \
	X(notes_lost, fth_guest.note.lost)       \
	X(malformed, fth_guest.link.malformed)   \
	X(stale, fth_guest.link.session.dropped) \
	X(takeovers, fth_guest.link.takeovers)   \
	X(tx_frames, fth_guest.link.tx_frames)   \
	X(tx_lost, fth_guest.link.tx_lost)

#define LINK_SUMS(X)                            \
	X(rx_bytes, rx_bytes)                   \
	X(rx_frames, decoder.frames)            \
	X(bad_headers, decoder.bad_headers)     \
	X(bad_payloads, decoder.bad_payloads)   \
	X(skipped_bytes, decoder.skipped_bytes) \
	X(tx_bytes, tx_bytes)                   \
	X(tx_dropped, tx_dropped)

#define LINK_COUNTER(name, counted)                                  \
	static struct link_counter name##_counter = {                \
		.attribute = __ATTR(name, 0444, counter_show, NULL), \
		.value = &(counted),                                 \
	};
LINK_COUNTERS(LINK_COUNTER)

#define LINK_SUM(name, member)                                    \
	static struct link_counter name##_counter = {             \
		.attribute = __ATTR(name, 0444, sum_show, NULL),  \
		.offset = offsetof(struct fth_transport, member), \
	};
LINK_SUMS(LINK_SUM)

static struct kobj_attribute session_attribute = __ATTR_RO(session);
static struct kobj_attribute device_attribute = __ATTR_RO(device);
static struct kobj_attribute transport_attribute = __ATTR_RO(transport);

static struct attribute *link_attributes[] = {
	&session_attribute.attr,
	&device_attribute.attr,
	&transport_attribute.attr,
#define LINK_ATTRIBUTE(name, counted) &name##_counter.attribute.attr,
	LINK_COUNTERS(LINK_ATTRIBUTE) LINK_SUMS(LINK_ATTRIBUTE)
#undef LINK_ATTRIBUTE
		NULL,
};

static const struct attribute_group link_group = {
	.name = "channel",
	.attrs = link_attributes,
};

int fth_link_sysfs_init(void)
{
	return sysfs_create_group(fth_sysfs_root(), &link_group);
}

void fth_link_sysfs_exit(void)
{
	sysfs_remove_group(fth_sysfs_root(), &link_group);
}
