/* SPDX-License-Identifier: GPL-2.0 */
/* The golden vectors, run inside the kernel. */
#ifndef FOTHER_GUEST_SELFTEST_H
#define FOTHER_GUEST_SELFTEST_H

/**
 * fth_selftest_run() - decode, encode and step everything the host tests too
 *
 * Logs each vector that fails.
 * Context: may sleep.
 * Return: 0; -EILSEQ when one failed.
 */
int fth_selftest_run(void);

#endif /* FOTHER_GUEST_SELFTEST_H */
