/* SPDX-License-Identifier: GPL-2.0 */
/* Features and virtqueues of a device under one name for every kernel. */
#ifndef FOTHER_COMPAT_VIRTIO_H
#define FOTHER_COMPAT_VIRTIO_H

#include <linux/version.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>

/**
 * fth_virtio_find_vqs() - set the queues of a device up
 * @vdev: bound, not yet ready
 * @count: how many queues
 * @ret_vqs: room for @count
 * @callbacks: one for each, NULL for none
 * @names: one for each
 *
 * Source: upstream commit c502eb85c34e ("virtio: introduce virtio_queue_info
 * struct and find_vqs_info() config op", 6.11) changed the arguments.
 * Return: 0 or -errno.
 */
static inline int fth_virtio_find_vqs(struct virtio_device *vdev, unsigned int count,
				      struct virtqueue **ret_vqs, vq_callback_t **callbacks,
				      const char *const *names)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	struct virtqueue_info info[16] = {};
	unsigned int i;

	if (count > ARRAY_SIZE(info))
		return -EINVAL;
	for (i = 0; i < count; i++) {
		info[i].name = names[i];
		info[i].callback = callbacks[i];
	}
	return virtio_find_vqs(vdev, count, ret_vqs, info, NULL);
#else
	return virtio_find_vqs(vdev, count, ret_vqs, callbacks, names, NULL);
#endif
}

/**
 * fth_virtio_offers() - does a device offer a feature?
 * @vdev: its registers are there; no driver need be bound
 * @bit: VIRTIO_..._F_..., below 64
 *
 * Source: devices with more than 64 features leave get_features() away and have
 * get_extended_features(), from 6.17 on.
 */
static inline bool fth_virtio_offers(struct virtio_device *vdev, unsigned int bit)
{
#ifdef VIRTIO_FEATURES_U64S
	u64 features[VIRTIO_FEATURES_U64S];

	virtio_get_features(vdev, features);
	return features[0] & BIT_ULL(bit);
#else
	return vdev->config->get_features(vdev) & BIT_ULL(bit);
#endif
}

#endif /* FOTHER_COMPAT_VIRTIO_H */
