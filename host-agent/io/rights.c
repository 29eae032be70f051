// SPDX-License-Identifier: GPL-2.0
/*
 * With whose rights a file is opened: the agent's own, or those of who named it.
 *
 * DESIGN
 * Users, groups and capabilities are a thread's own on Linux; glibc's functions set
 * them for all threads, hence the plain system calls here.  It is the effective user that
 * changes, and the file system's with it, as always: so all capabilities of the thread go,
 * not only those about files, and what asks for the effective user (sysctls do) sees the asker.
 * The real and the saved user stay root's, so nobody can signal or trace us meanwhile, and we
 * come back.  Whether they hold is asked for afterwards: a kernel that was told not to drop
 * capabilities (SECBIT_NO_SETUID_FIXUP) would open everything.
 *
 * Only open() is called meanwhile.  A descriptor that was had is good for reading, as
 * everywhere; what is read is a regular file on a file system that goes by that.
 */
#include "io/rights.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "io/user.h"

#define NAME_MAX_SHOWN 64u
#define KEEP ((uid_t)-1)

/* Ours, while somebody else's hold. */
struct kept {
	uid_t uid;
	gid_t gid;
	int dumpable;
	int group_count;
	gid_t groups[FTH_RIGHTS_GROUPS_MAX];
};

int fth_rights_of_peer(int fd, struct fth_rights *ret_rights)
{
	struct fth_rights rights;
	struct ucred peer;
	socklen_t size = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	rights.uid = peer.uid;
	rights.gid = peer.gid;
	size = sizeof(rights.groups);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, rights.groups, &size))
		return -errno;
	rights.group_count = size / (socklen_t)sizeof(rights.groups[0]);
	*ret_rights = rights;
	return 0;
}

/* Did the kernel do as it was told, and is no capability left? */
static bool are_held(uid_t uid, gid_t gid)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	return geteuid() == uid && getegid() == gid && !syscall(SYS_capget, &header, data) &&
	       !data[0].effective && !data[1].effective;
}

static void give_back(const struct kept *kept)
{
	/* The user first: the rest takes its capabilities.  What never changed may stay. */
	if ((geteuid() != kept->uid && syscall(SYS_setresuid, KEEP, kept->uid, KEEP)) ||
	    (getegid() != kept->gid && syscall(SYS_setresgid, KEEP, kept->gid, KEEP)) ||
	    syscall(SYS_setgroups, kept->group_count, kept->groups) || geteuid() != kept->uid ||
	    getegid() != kept->gid)
		abort(); /* an agent with half of its rights would do harm later */
	if (kept->dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1); /* a change of user clears it */
}

static int take(const struct fth_rights *rights, struct kept *ret_kept)
{
	int error = 0;

	ret_kept->uid = geteuid();
	ret_kept->gid = getegid();
	ret_kept->dumpable = prctl(PR_GET_DUMPABLE);
	ret_kept->group_count = getgroups((int)FTH_RIGHTS_GROUPS_MAX, ret_kept->groups);
	if (ret_kept->group_count < 0)
		return -errno;
	if (syscall(SYS_setgroups, rights->group_count, rights->groups))
		return -errno;
	if (syscall(SYS_setresgid, KEEP, rights->gid, KEEP) ||
	    syscall(SYS_setresuid, KEEP, rights->uid, KEEP))
		error = -errno;
	else if (!are_held(rights->uid, rights->gid))
		error = -EPERM;
	if (error)
		give_back(ret_kept);
	return error;
}

/* Below /proc a file is about who opens and reads it, and that is the agent. */
static int open_others(const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		.resolve = RESOLVE_NO_MAGICLINKS,
	};
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
	struct statfs system;
	int error;

	if (fd < 0)
		return -errno;
	error = fstatfs(fd, &system) ? -errno : 0;
	if (!error && system.f_type == PROC_SUPER_MAGIC)
		error = -EACCES;
	if (!error)
		return fd;
	close(fd);
	return error;
}

int fth_rights_open(const struct fth_rights *rights, const char *path, char *ret_why, size_t size)
{
	char name[NAME_MAX_SHOWN];
	struct kept kept;
	int fd;

	if (!rights || geteuid() || !rights->uid) {
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd >= 0)
			return fd;
		fd = -errno;
		snprintf(ret_why, size, "can't be opened: %s", strerror(-fd));
		return fd;
	}
	fd = take(rights, &kept);
	if (fd) {
		fth_user_name(rights->uid, name, sizeof(name));
		snprintf(
			ret_why, size,
			"can't be opened with the rights of user '%s', who asks: the agent can't take them (%s): it needs CAP_SETUID and CAP_SETGID; have root ask",
			name, strerror(-fd));
		return -EPERM;
	}
	fd = open_others(path);
	give_back(&kept);
	if (fd >= 0)
		return fd;
	fth_user_name(rights->uid, name, sizeof(name));
	snprintf(ret_why, size, "can't be opened with the rights of user '%s', who asks: %s", name,
		 strerror(-fd));
	return fd;
}
