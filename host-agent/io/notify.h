/* SPDX-License-Identifier: GPL-2.0 */
/* What a service manager is told of us: sd_notify(3)'s protocol, without its library. */
#ifndef FTH_IO_NOTIFY_H
#define FTH_IO_NOTIFY_H

#define FTH_NOTIFY_READY "READY=1"
#define FTH_NOTIFY_STOPPING "STOPPING=1"

/**
 * fth_notify() - one datagram to the socket that $NOTIFY_SOCKET names
 * @state: NAME=VALUE, e.g. FTH_NOTIFY_READY
 *
 * Without that variable nobody waits for it, and nothing is sent.
 *
 * Return: 0; -EINVAL for a value that names no unix socket; -errno of socket() or
 * sendto().
 */
int fth_notify(const char *state);

#endif /* FTH_IO_NOTIFY_H */
