/* SPDX-License-Identifier: GPL-2.0 */
/* Payloads: received in chunks, verified, sealed, loaded and unloaded. */
#ifndef FOTHER_GUEST_STAGE_H
#define FOTHER_GUEST_STAGE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "fother/codec.h"

#include "engine.h"

struct file;
struct pid;

/* Limits. */
#define FTH_STAGE_PAYLOADS_MAX 8	   /* staged at once */
#define FTH_STAGE_TOTAL_MAX (64u << 20)	   /* bytes of all, the partial one too */
#define FTH_STAGE_HELPER_MAX_MS 120000u	   /* then insmod or rmmod is killed */
#define FTH_STAGE_UNLOAD_TRIES 3	   /* runs of rmmod */
#define FTH_STAGE_UNLOAD_WAIT_MS 200u	   /* between two of them */
#define FTH_STAGE_MODINFO_MAX (64u * 1024) /* bytes of its .modinfo section */

/**
 * struct fth_payload - one staged module
 * @link: in fth_stage.payloads
 * @load_work: on fth_stage.wq
 * @unload_work: on fth_stage.wq
 * @file: sealed and opened read-only; nobody can write it
 * @size: bytes of @file
 * @loading: @load_work is queued or runs; pins the payload
 * @unloading: the same for @unload_work
 * @loaded: our loader brought the module in and nobody took it out yet
 * @name: the module's name
 * @sha256: of @file
 */
struct fth_payload {
	struct list_head link;
	struct work_struct load_work;
	struct work_struct unload_work;
	struct file *file;
	u32 size;
	bool loading;
	bool unloading;
	bool loaded;
	char name[FTH_NAME_MAX + 1];
	u8 sha256[FTH_SHA256_SIZE];
};

/**
 * struct fth_partial - the payload that is being received
 * @file: writable, ours alone; NULL = none
 * @op_id: of its STAGE command
 * @size: bytes of the whole
 * @done: bytes written
 * @trust_epoch: of its signature, see fth_trust_check()
 */
struct fth_partial {
	struct file *file;
	u64 op_id;
	u32 size;
	u32 done;
	u64 trust_epoch;
	char name[FTH_NAME_MAX + 1];
	u8 sha256[FTH_SHA256_SIZE];
};

/**
 * struct fth_stage - all payloads
 * @lock: protects @payloads with their flags, @count, @bytes, @stopped;
 *	nothing is locked inside
 * @payloads: staged
 * @count: of @payloads
 * @bytes: of @payloads, without @partial
 * @partial: the receiving side's alone
 * @stopped: no job is started any more
 * @wq: ordered: one helper program at a time
 * @watchdog: kills the helper that takes too long
 * @helper_lock: protects @helper; nothing is locked inside
 * @helper: the running one
 */
struct fth_stage {
	struct mutex lock;
	struct list_head payloads;
	u32 count;
	u32 bytes;
	bool stopped;
	struct fth_partial partial;
	struct workqueue_struct *wq;
	struct delayed_work watchdog;
	spinlock_t helper_lock;
	struct pid *helper;
};

/** fth_stage_init() - Return: 0 or -ENOMEM. */
int fth_stage_init(void);

/** fth_stage_stop() - wait for the loader; no job is started after it. */
void fth_stage_stop(void);

/** fth_stage_exit() - give all memory back; after the engine's end. */
void fth_stage_exit(void);

/**
 * fth_stage_chunk() - one STAGE message
 * @op_id: of the command; all chunks of a payload share it
 * @name: of the module, checked
 * @message: borrowed
 * @adopted: the engine holds a patch of that name
 * @ret_done: bytes received so far
 * @ret_report: the answer, unless -EINPROGRESS
 *
 * A chunk at offset 0 displaces what was being received before.
 * Context: the receiving side; may sleep.
 * Return: 0 staged; -EINPROGRESS more chunks are expected; -ESTALE chunk out of
 * order, nothing is remembered; else an error, the payload is dropped.
 */
int fth_stage_chunk(u64 op_id, const char *name, const struct fth_msg_stage *message, bool adopted,
		    u32 *ret_done, struct fth_report *ret_report);

/**
 * fth_stage_abandon() - its sender is gone: drop what is being received
 * Return: the op id it had, 0 = nothing was being received.
 */
u64 fth_stage_abandon(void);

/**
 * fth_stage_load() - have the guest's insmod load a staged payload
 * @name: of the module
 * @sha256: FTH_SHA256_SIZE bytes
 * @policy: copied by the engine
 * @ret_report: on error only
 *
 * The end is told by fth_dispatch_load_failed(), or by the engine.
 * Context: may sleep, not for the loading.
 * Return: 0 started; -ENOENT, -EBUSY or what the engine says.
 */
int fth_stage_load(const char *name, const u8 *sha256, const struct fth_guest_policy *policy,
		   struct fth_report *ret_report);

/**
 * fth_stage_unload() - its patch is gone: take the module out, if we brought it
 * @name: of the module
 *
 * Nobody waits for the guest's program that does it: it may be as dead as the
 * rest of userspace.
 */
void fth_stage_unload(const char *name);

/**
 * fth_stage_drop() - UNSTAGE
 * @name: of the module; the caller checked that it is not adopted
 * Return: 0; -ENOENT, -EBUSY with @ret_report.
 */
int fth_stage_drop(const char *name, struct fth_report *ret_report);

/** fth_stage_holds() - is there a payload of that name, and being loaded? */
bool fth_stage_holds(const char *name, bool *ret_loading);

/** fth_stage_has_other() - is the payload of that name another one than @sha256? */
bool fth_stage_has_other(const char *name, const u8 *sha256);

/* A staged payload as listed; a copy. */
struct fth_stage_entry {
	char name[FTH_NAME_MAX + 1];
	u8 sha256[FTH_SHA256_SIZE];
};

/** fth_stage_list() - Return: how many of at most @max were written. */
u32 fth_stage_list(struct fth_stage_entry *entries, u32 max);

/** fth_stage_find() - a staged payload by name, or NULL.  With @stage's lock. */
struct fth_payload *fth_stage_find(struct fth_stage *stage, const char *name);

/* Of stage_load.c, as fth_stage_load() and fth_stage_unload(). */

/** fth_stage_unload_again() - as fth_stage_unload(), where that failed.  With @stage's lock. */
void fth_stage_unload_again(struct fth_stage *stage, struct fth_payload *payload);

/**
 * fth_stage_in_kernel() - is the module there that we brought?
 *
 * Somebody in the guest may have taken it out, which nobody tells us.  With the lock.
 */
bool fth_stage_in_kernel(struct fth_payload *payload);

/** fth_stage_load_init() - of a new payload: its works. */
void fth_stage_load_init(struct fth_payload *payload);

/* Of stage_file.c: the file that holds a payload. */

/** fth_stage_file_create() - Return: a writable file of no name, or an error pointer. */
struct file *fth_stage_file_create(u32 size);

/** fth_stage_file_hash() - SHA-256 of what the file holds now; 0 or -errno. */
int fth_stage_file_hash(struct file *file, u32 size, u8 *ret_sha256);

/**
 * fth_stage_file_seal() - no writer from here on
 * @file: from fth_stage_file_create(); taken
 * Context: a kernel thread.
 * Return: the same file, read-only, or an error pointer.
 */
struct file *fth_stage_file_seal(struct file *file);

/**
 * fth_stage_file_check() - is this the module it is said to be, and for us?
 * @file: the payload
 * @name: the module's own name is expected to be this one
 * @ret_report: on error only
 * Return: 0; -ENOEXEC not a livepatch module of that name; -EXDEV for another
 * kernel; -errno.
 */
int fth_stage_file_check(struct file *file, const char *name, struct fth_report *ret_report);

/* Of stage_helper.c: the guest's own programs. */

/**
 * fth_stage_helper_run() - run a program and wait for its end
 * @path: of the program
 * @argument: its only one
 * @file: its standard input; NULL = none, and it isn't the engine's loader
 *
 * Context: fth_stage.wq.
 * Return: its wait status, ≥ 0; -errno when it could not be started.
 */
int fth_stage_helper_run(const char *path, const char *argument, struct file *file);

/** fth_stage_helper_init(), _exit() - the watchdog. */
void fth_stage_helper_init(void);
void fth_stage_helper_exit(void);

#endif /* FOTHER_GUEST_STAGE_H */
