/* SPDX-License-Identifier: GPL-2.0 */
/* The journal: rollouts and their events in one SQLite file. */
#ifndef FTH_IO_STORE_H
#define FTH_IO_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fother/wire.h"

struct fth_store;

#define FTH_STORE_SCHEMA 9		  /* version of the tables */
#define FTH_STORE_RULES_SINCE 9		  /* whose events mean what they mean now */
#define FTH_STORE_WHY_MAX 512u		  /* bytes of a reason, with its NUL */
#define FTH_STORE_ROLLOUT_MAX 0x7fffffffu /* ids are the upper half of op ids */

/**
 * struct fth_store_rollout - the row of one rollout; spans are borrowed
 * @id: 1 … FTH_STORE_ROLLOUT_MAX
 * @seed: as given to fth_rollout_init()
 * @created_ms: wall clock
 * @vm_max: as given to fth_rollout_init()
 * @path: of the policy file, for messages and relative names
 * @text: the policy file's bytes
 * @release: the kernel that the payload is for
 * @leave, @switches: the model, which the module may have named; 0 in a row of
 *	an agent that did not know: as the policy says
 */
struct fth_store_rollout {
	uint64_t id;
	uint64_t seed;
	uint64_t created_ms;
	uint32_t vm_max;
	const char *path;
	struct fth_span text;
	const char *release;
	uint8_t sha256[FTH_SHA256_SIZE];
	uint8_t leave;
	uint8_t switches;
};

/*
 * What was last heard of a VM: tells a restored snapshot after a restart.  @uuid is
 * its inventory's word, which it keeps when it is renamed.
 */
struct fth_store_vm {
	const char *name;
	uint8_t boot_id[FTH_UUID_SIZE];
	uint64_t uptime_ms;
	bool has_uuid;
	uint8_t uuid[FTH_UUID_SIZE];
};

#define FTH_STORE_HISTORY_MAX 500000u	  /* entries that are kept: the newest */
#define FTH_STORE_HISTORY_VM_MAX 1000u	  /* of one VM, so that none pushes others out */
#define FTH_STORE_HISTORY_WALK_MAX 10000u /* of these, that a walk gives */

/**
 * struct fth_store_history - one thing that was decided or done; strings are borrowed
 * @n: set when read; unique among those of one @kind only
 * @rollout: 0 for what belongs to none
 * @vm: "" for what concerns a rollout as a whole
 * @kind: "verb" a person's, "phase" the rollout's, "op" a command to a guest, "vm"
 *	what became of a VM; read also "hand" and "emergency"
 * @what: the verb, the phase, the op, the state
 * @uid, @who: by whose word; @who is "" where nobody's name is known, @uid counts
 *	for "verb" and "hand" only
 */
struct fth_store_history {
	uint64_t n;
	uint64_t at_ms;
	uint64_t rollout;
	const char *patch;
	const char *vm;
	const char *kind;
	const char *what;
	const char *why;
	uint32_t uid;
	const char *who;
};

/**
 * struct fth_store_hand - a command by hand; strings are borrowed
 * @n: set when read
 * @uid: who asked
 * @verb: "nudge", "force"
 * @code: enum fth_error; -1 while no answer is known
 * @detail: the guest's
 */
struct fth_store_hand {
	uint64_t n;
	uint64_t at_ms;
	uint32_t uid;
	const char *vm;
	const char *patch;
	const char *verb;
	const char *why;
	int32_t code;
	const char *detail;
};

#define FTH_STORE_HANDS_MAX 1000u /* the newest, that a walk gives */

#define FTH_STORE_INCIDENTS_MAX 64u /* of one VM, the newest: eight boots' worth and more */
#define FTH_STORE_BLOCKS_MAX 64u    /* of one VM */

/**
 * struct fth_store_incident - what a guest told of an emergency; strings are borrowed
 * @n: set when read
 * @at_ms: when the agent heard of it
 * @kind, @trigger, @mode, @state, @incident, @happened_ms: as in struct fth_msg_event
 * @where, @detail, @text: the guest's, printable
 */
struct fth_store_incident {
	uint64_t n;
	uint64_t at_ms;
	const char *vm;
	uint8_t boot_id[FTH_UUID_SIZE];
	uint32_t incident;
	uint8_t kind;
	uint8_t trigger;
	uint8_t mode;
	uint8_t state;
	const char *patch;
	bool has_sha256;
	uint8_t sha256[FTH_SHA256_SIZE];
	const char *where;
	const char *detail;
	const char *text;
	uint64_t happened_ms;
};

/**
 * struct fth_store_block - a payload that a VM may not have; strings are borrowed
 * @has_sha256: false: what was loaded by hand under that name
 * @at_ms: since when
 * @why: for a person
 * @allowed_ms: somebody allowed it then, and its guest is still to be told; 0: no
 * @hand: the number of that command
 */
struct fth_store_block {
	const char *vm;
	bool has_sha256;
	uint8_t sha256[FTH_SHA256_SIZE];
	const char *patch;
	uint8_t trigger;
	uint32_t incident;
	uint64_t at_ms;
	const char *why;
	uint64_t allowed_ms;
	uint64_t hand;
};

/**
 * fth_store_open() - open or create the journal
 * @path: of the file
 * @ret_store: to be closed by fth_store_close()
 * @ret_why: on error: one line for a person, FTH_STORE_WHY_MAX bytes
 * Return: 0; -EIO; -EINVAL for a file that is no journal of this version, or has
 * events from before FTH_STORE_RULES_SINCE: to be replayed they need the rules that
 * they were made by; -ENOTSUP for a journal of a newer agent.
 *
 * WAL with synchronous=FULL: what fth_store_commit() returned 0 for is on the
 * disk.  Blocks; one thread only.
 */
int fth_store_open(const char *path, struct fth_store **ret_store, char *ret_why);

/** fth_store_close() - drops what is not committed; NULL is fine. */
void fth_store_close(struct fth_store *store);

/** fth_store_why() - the last error in words, "" if none. */
const char *fth_store_why(const struct fth_store *store);

/**
 * fth_store_raise_epoch() - a new epoch, durable
 * @ret_epoch: above every earlier one, and above the wall clock's seconds: so that a journal
 *	that was lost, or is an older copy, is not taken for a deposed one's
 * @ret_salt: random bits of this journal, the same for its life
 * Return: 0 or -EIO.
 */
int fth_store_raise_epoch(struct fth_store *store, uint64_t *ret_epoch, uint64_t *ret_salt);

/** fth_store_keep_epoch() - the next one will be above @epoch; in the open transaction. */
int fth_store_keep_epoch(struct fth_store *store, uint64_t epoch);

/**
 * fth_store_drop_salt() - the next start draws another one
 *
 * For a journal that does not know any more which op ids it has given.
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_drop_salt(struct fth_store *store);

/**
 * fth_store_next_rollout() - the id that the next rollout gets
 * Return: 0; -EIO; -ENOSPC when all ids are used.
 */
int fth_store_next_rollout(struct fth_store *store, uint64_t *ret_id);

/**
 * fth_store_add_rollout() - its row, in the transaction that is open
 * @row: copied
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_add_rollout(struct fth_store *store, const struct fth_store_rollout *row);

/**
 * fth_store_drop_rollout() - its row and its events, in the open transaction
 *
 * Its id is never given again.
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_drop_rollout(struct fth_store *store, uint64_t id);

/**
 * fth_store_prune_rollout() - nobody needs it any more
 *
 * It is no rollout of the journal from the commit on: fth_store_each_rollout()
 * passes it over.  What it takes on the disk goes by fth_store_prune_some(), because
 * there may be a million events.  Its id is never given again; history, blocks and
 * incidents stay.
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_prune_rollout(struct fth_store *store, uint64_t id);

/**
 * fth_store_prune_some() - remove events of pruned rollouts, in the open transaction
 * @max: of them
 * @ret_more: others are left
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_prune_some(struct fth_store *store, uint32_t max, bool *ret_more);

/**
 * fth_store_append() - one event, in the transaction that is open
 * @id: its rollout
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_append(struct fth_store *store, uint64_t id, const uint8_t *record, uint32_t length);

/** fth_store_put_vm() - remember a VM, in the open transaction; 0 or -EIO. */
int fth_store_put_vm(struct fth_store *store, const struct fth_store_vm *vm);

/**
 * fth_store_find_vm() - what is remembered of one VM
 * @name: its name; NULL: the one with @uuid
 * @uuid: FTH_UUID_SIZE bytes, or NULL
 * @ret_name: @size bytes, where ret_vm->name lies
 * Return: 0; -ENOENT; -EIO.
 */
int fth_store_find_vm(struct fth_store *store, const char *name, const uint8_t *uuid,
		      char *ret_name, size_t size, struct fth_store_vm *ret_vm);

/**
 * fth_store_rename_vm() - all that is known of a VM is of that name from now on
 *
 * Its blocks, incidents, history and commands by hand, in the open transaction.
 * Nothing else may be known of a VM @to.  Rollouts are the caller's.
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_rename_vm(struct fth_store *store, const char *from, const char *to);

/**
 * fth_store_drop_vm() - a VM is no more: who it was and what is blocked for it goes
 *
 * What was done to it stays.  In the open transaction; 0 or -EIO.
 */
int fth_store_drop_vm(struct fth_store *store, const char *name);

/**
 * fth_store_add_hand() - a command by hand, in the transaction that is open
 * @ret_n: its number, 1 … 2^32 - 1
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_add_hand(struct fth_store *store, const struct fth_store_hand *hand, uint64_t *ret_n);

/** fth_store_end_hand() - what came of it, in the open transaction; 0 or -EIO. */
int fth_store_end_hand(struct fth_store *store, uint64_t n, uint16_t code, const char *detail);

/**
 * fth_store_add_incident() - keep it unless it is known, in the open transaction
 * @ret_is_new: it was not known; of each VM the newest FTH_STORE_INCIDENTS_MAX of
 *	troubles stay, and as many of the rest
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_add_incident(struct fth_store *store, const struct fth_store_incident *row,
			   bool *ret_is_new);

/** fth_store_knows_incident() - is there one like @row, but of @kind? */
bool fth_store_knows_incident(struct fth_store *store, const struct fth_store_incident *row,
			      uint8_t kind);

/**
 * fth_store_add_block() - unless it is there, in the open transaction
 * @row: without @allowed_ms and @hand
 * @explains: if it is there, @row says better why
 * Return: 0; -ENOSPC: the VM has FTH_STORE_BLOCKS_MAX; -EIO (rolled back).
 */
int fth_store_add_block(struct fth_store *store, const struct fth_store_block *row, bool explains);

/** fth_store_allow_block() - note that it is allowed; 0 or -EIO (rolled back). */
int fth_store_allow_block(struct fth_store *store, const struct fth_store_block *row);

/** fth_store_drop_block() - it holds no more; 0 or -EIO (rolled back). */
int fth_store_drop_block(struct fth_store *store, const struct fth_store_block *row);

/**
 * fth_store_is_blocked() - may a VM not have this payload?
 * @patch: its name, which a guest may refuse too, as it may refuse all; NULL:
 *	the guest has it, so that only a block of this very payload counts
 * @ret_why: @size bytes, for a person; "" where it is not blocked
 * Return: also true for one that is allowed but whose guest wasn't told yet,
 * where the VM has FTH_STORE_BLOCKS_MAX, which is all that are kept, and when the
 * journal can't be read.
 */
bool fth_store_is_blocked(struct fth_store *store, const char *vm, const uint8_t *sha256,
			  const char *patch, char *ret_why, size_t size);

/**
 * fth_store_is_recalled() - may no VM have this payload?
 * @sha256: of the payload
 * @ret_why: @size bytes, for a person; "" where it is not recalled
 *
 * A recall is a block whose VM is "": of the whole fleet.
 * Return: also true when the journal can't be read.
 */
bool fth_store_is_recalled(struct fth_store *store, const uint8_t *sha256, char *ret_why,
			   size_t size);

/**
 * fth_store_add_history() - in the transaction that is open
 * @row: copied; without @n
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_store_add_history(struct fth_store *store, const struct fth_store_history *row);

/**
 * fth_store_each_history() - the newest FTH_STORE_HISTORY_WALK_MAX, oldest first
 * @vm: of this VM, or NULL
 * @rollout: of this rollout, or 0; one of both at most
 *
 * Commands by hand and emergencies are among them, but not for a rollout.
 */
int fth_store_each_history(struct fth_store *store, const char *vm, uint64_t rollout,
			   int (*take)(void *context, const struct fth_store_history *row),
			   void *context);

/**
 * fth_store_commit() - make durable what was added since the last commit
 * Return: 0, also if there is nothing; -EIO: nothing of it is there.
 */
int fth_store_commit(struct fth_store *store);

/** fth_store_rollback() - forget what was added since the last commit. */
void fth_store_rollback(struct fth_store *store);

/** fth_store_probe() - write something durable: 0 or -EIO. */
int fth_store_probe(struct fth_store *store);

/**
 * fth_store_each_rollout(), fth_store_each_event(), fth_store_each_vm() - read
 * @take: called for each, in order of id, of appending, of name; what it is
 *	given is borrowed; not 0 ends the walk and is returned
 * Return: 0, -EIO, or what @take returned.
 */
int fth_store_each_rollout(struct fth_store *store,
			   int (*take)(void *context, const struct fth_store_rollout *row),
			   void *context);
int fth_store_each_event(struct fth_store *store, uint64_t id,
			 int (*take)(void *context, const uint8_t *record, uint32_t length),
			 void *context);
int fth_store_each_vm(struct fth_store *store,
		      int (*take)(void *context, const struct fth_store_vm *vm), void *context);

/** fth_store_each_hand() - the newest FTH_STORE_HANDS_MAX, oldest first. */
int fth_store_each_hand(struct fth_store *store,
			int (*take)(void *context, const struct fth_store_hand *hand),
			void *context);

/** fth_store_each_incident() - of one VM, oldest first. */
int fth_store_each_incident(struct fth_store *store, const char *vm,
			    int (*take)(void *context, const struct fth_store_incident *row),
			    void *context);

/** fth_store_each_block() - of @vm, or of all when it is NULL, oldest first. */
int fth_store_each_block(struct fth_store *store, const char *vm,
			 int (*take)(void *context, const struct fth_store_block *row),
			 void *context);

#endif /* FTH_IO_STORE_H */
