/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints by name: not every kernel exports those that are needed. */
#ifndef FOTHER_GUEST_COMPAT_PROBE_H
#define FOTHER_GUEST_COMPAT_PROBE_H

/**
 * fth_probe_register() - call @probe at a tracepoint of vmlinux
 * @name: of the tracepoint
 * @probe: void (void *data, the tracepoint's arguments); @data is NULL
 *
 * Context: sleeps.  Return: 0; -ENOENT no such tracepoint; -errno.
 */
int fth_probe_register(const char *name, void *probe);

/** fth_probe_unregister() - @probe doesn't run any more when it returns. */
void fth_probe_unregister(const char *name, void *probe);

#endif /* FOTHER_GUEST_COMPAT_PROBE_H */
