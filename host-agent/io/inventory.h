/* SPDX-License-Identifier: GPL-2.0 */
/* Where VMs come from: a folder of sockets, a file, or libvirt. */
#ifndef FTH_IO_INVENTORY_H
#define FTH_IO_INVENTORY_H

#include <stdbool.h>
#include <stdint.h>

struct fth_domain_sample;
struct fth_file;
struct fth_loop;
struct fth_sockets;
struct fth_libvirt;

#define FTH_SOCKETS_VMS_MAX 100000u  /* sockets in one folder */
#define FTH_SOCKETS_RESCAN_MS 5000u  /* without any word of inotify */
#define FTH_SOCKETS_RESCAN_VM_MS 2u  /* and so much more for each VM */
#define FTH_SIDECAR_MAX 65536u	     /* bytes of NAME.json */
#define FTH_LIBVIRT_RETRY_MS 2000u   /* between two connects */
#define FTH_LIBVIRT_END_MS 3000u     /* its thread is waited for at the end; whole seconds */
#define FTH_LIBVIRT_SAMPLES_MAX 256u /* that wait for their turn */
#define FTH_FILE_SIZE_MAX 16777216u  /* bytes of an inventory file */
#define FTH_FILE_RESCAN_MS 2000u     /* between two looks at it */

/**
 * struct fth_inventory_vm - what an inventory knows of one VM; borrowed
 * @name: unique in its inventory
 * @uuid: FTH_UUID_SIZE bytes that it keeps when it is renamed or migrates; NULL
 *	where the name is all that there is
 * @host: where it runs
 * @group: for in-flight limits and selection; "" if none
 * @tags: words with a space between two; "" or NULL if none
 * @path: of its channel's socket; NULL while there is none to be had
 * @running: its vCPUs run (or nobody can tell)
 * @relayed: @path leads to a program in the guest, not to its kernel
 */
struct fth_inventory_vm {
	const char *name;
	const uint8_t *uuid;
	const char *host;
	const char *group;
	const char *tags;
	const char *path;
	bool running;
	bool relayed;
};

/**
 * struct fth_inventory_hooks - called on the loop's thread
 * @found: a VM is new, or anything of it changed, or its socket was made anew
 * @gone: it is not there any more; @uuid as in struct fth_inventory_vm
 * @sampled: what fth_libvirt_sample() asked for; @sample is NULL where libvirt
 *	can't tell, and @why says so
 */
struct fth_inventory_hooks {
	void (*found)(void *context, const char *inventory, const struct fth_inventory_vm *vm);
	void (*gone)(void *context, const char *inventory, const char *name, const uint8_t *uuid);
	void (*sampled)(void *context, const char *name, const struct fth_domain_sample *sample,
			const char *why);
};

/**
 * fth_sockets_new() - VMs by the chardev sockets in a folder
 * @folder: NAME.sock is the channel of VM NAME; NAME.json, if it is there, is
 *	{"host": "…", "group": "…", "tags": ["…"]}
 * @hooks: borrowed
 * Return: 0 or -errno of reading the folder.
 *
 * Follows the folder by inotify, and reads it anew every
 * FTH_SOCKETS_RESCAN_MS because a file system may not tell.
 */
int fth_sockets_new(struct fth_loop *loop, const char *folder,
		    const struct fth_inventory_hooks *hooks, void *context,
		    struct fth_sockets **ret_sockets);

/**
 * fth_sockets_retell(), fth_file_retell() - call @found again
 * @name: of one VM, which need not be there; NULL: of all
 *
 * For one that was not taken when it was told: another inventory had it.
 */
void fth_sockets_retell(struct fth_sockets *sockets, const char *name);
void fth_file_retell(struct fth_file *file, const char *name);

/** fth_libvirt_retell() - soon call @found, or @gone, for all domains; never waits. */
void fth_libvirt_retell(struct fth_libvirt *libvirt);

/**
 * fth_libvirt_has_told() - was @found called for all domains since the start?
 *
 * On the loop's thread.  Before that a VM it did not tell of may be there all the same.
 */
bool fth_libvirt_has_told(const struct fth_libvirt *libvirt);

/** fth_sockets_free() - NULL is fine; no hook is called. */
void fth_sockets_free(struct fth_sockets *sockets);

/**
 * fth_file_new() - VMs by a file that lists them
 * @path: YAML or JSON: {version: 1, vms: [{name, socket, host, group, tags}, ..]}
 * @hooks: borrowed
 * Return: 0; -errno, and the reason was logged.
 *
 * It is read again when it changes; one that is wrong then is logged, and what
 * was read before goes on to hold.
 */
int fth_file_new(struct fth_loop *loop, const char *path, const struct fth_inventory_hooks *hooks,
		 void *context, struct fth_file **ret_file);

/** fth_file_free() - NULL is fine; no hook is called. */
void fth_file_free(struct fth_file *file);

/**
 * fth_libvirt_new() - VMs by libvirt: domains with a channel org.fother.0, or a relay's
 * @uri: e.g. "qemu:///system"; copied
 * @hooks: borrowed
 * Return: 0; -ENOMEM; -EAGAIN when no thread can be had.
 *
 * libvirt calls block and call back on any thread, so it has a thread of its
 * own; a lost libvirtd is connected to again for ever, and @gone is called then
 * for domains that went meanwhile.
 */
int fth_libvirt_new(struct fth_loop *loop, const char *uri, const struct fth_inventory_hooks *hooks,
		    void *context, struct fth_libvirt **ret_libvirt);

/**
 * fth_libvirt_sample() - how is a domain right now?
 * @name: of the domain
 * Return: 0: the hook @sampled will be called; -EAGAIN when
 * FTH_LIBVIRT_SAMPLES_MAX wait already.
 *
 * Never waits.  A libvirtd that hangs lets nobody know: who asked minds the time.
 */
int fth_libvirt_sample(struct fth_libvirt *libvirt, const char *name);

/**
 * fth_libvirt_free() - after fth_loop_stop(); ends the thread; NULL is fine
 * Return: 0; -ETIMEDOUT: a libvirtd that hangs still holds the thread after
 * FTH_LIBVIRT_END_MS.  Nothing was freed then, and the loop must not be either: _exit().
 *
 * No hook is called any more.
 */
int fth_libvirt_free(struct fth_libvirt *libvirt);

#endif /* FTH_IO_INVENTORY_H */
