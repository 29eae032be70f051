/* SPDX-License-Identifier: GPL-2.0 */
/* With whose rights a file is opened: the agent's own, or those of who named it. */
#ifndef FTH_IO_RIGHTS_H
#define FTH_IO_RIGHTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FTH_RIGHTS_GROUPS_MAX 1024u /* of one user, beside his own */
#define FTH_RIGHTS_WHY_MAX 320u	    /* bytes of a message, with its NUL */

/**
 * struct fth_rights - what the kernel goes by where it says whether a user may open a file
 * @groups: @group_count of them, beside @gid
 */
struct fth_rights {
	uid_t uid;
	gid_t gid;
	uint32_t group_count;
	gid_t groups[FTH_RIGHTS_GROUPS_MAX];
};

/**
 * fth_rights_of_peer() - of who connected to us
 * @fd: a connected unix socket
 * Return: 0; -errno; -ERANGE: he is in more groups than fit.
 */
int fth_rights_of_peer(int fd, struct fth_rights *ret_rights);

/**
 * fth_rights_open() - open a file for reading
 * @rights: whose; NULL: our own
 * @path: of the file
 * @ret_why: set on error, "can't be opened ..." without the file's name
 * @size: its bytes; FTH_RIGHTS_WHY_MAX holds any message
 *
 * Another user's rights are taken where we are root, for this call alone: the kernel
 * decides, by modes, access lists and folders on the way.  Who is not root has no rights but
 * its own to give, and opens with these.  A file below /proc, and a way through one of
 * its magic links, lead to what is ours, and are refused to others.
 * Ends the process where our own rights don't come back.
 * Return: a descriptor; -errno of open(); -EPERM: the rights can't be taken, nothing
 * was opened.
 */
int fth_rights_open(const struct fth_rights *rights, const char *path, char *ret_why, size_t size);

#endif /* FTH_IO_RIGHTS_H */
