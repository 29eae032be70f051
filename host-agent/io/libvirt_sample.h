/* SPDX-License-Identifier: GPL-2.0 */
/* A libvirt domain at one moment. */
#ifndef FTH_IO_LIBVIRT_SAMPLE_H
#define FTH_IO_LIBVIRT_SAMPLE_H

#include <libvirt/libvirt.h>

#include "core/health.h"

/**
 * fth_libvirt_sample_take() - ask libvirt; blocks
 * @ret_sample: every byte is set
 * Return: 0; -EIO: libvirt's last error says why.
 */
int fth_libvirt_sample_take(virDomainPtr domain, struct fth_domain_sample *ret_sample);

#endif /* FTH_IO_LIBVIRT_SAMPLE_H */
