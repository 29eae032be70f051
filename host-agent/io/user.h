/* SPDX-License-Identifier: GPL-2.0 */
/* Names of this host's users. */
#ifndef FTH_IO_USER_H
#define FTH_IO_USER_H

#include <stddef.h>
#include <sys/types.h>

/**
 * fth_user_name() - a user's name, or its number as text
 * @uid: any
 * @ret_name: @size bytes
 *
 * Reads /etc/passwd alone: a name service may take its time to answer, and the
 * agent's loop would wait for it.
 */
void fth_user_name(uid_t uid, char *ret_name, size_t size);

#endif /* FTH_IO_USER_H */
