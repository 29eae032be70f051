/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fotherd's root structure, its guests and its rollouts.
 *
 * DESIGN
 * One thread (the loop's) owns all of this.  An input becomes an event of the
 * rollouts it concerns; fth_live_step() advances them in memory and adds the
 * event to the store's open transaction; fth_agent_flush() commits, and only
 * then are commands sent.  So an event costs no copy of the state, many events
 * of one turn share one fsync, and nothing is sent before its intent is
 * durable.  If the commit fails, nothing was sent either: the rollouts are
 * rebuilt from the journal, and new work is refused until a write succeeds.
 */
#ifndef FTH_APP_AGENT_H
#define FTH_APP_AGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "app/fault.h"
#include "app/guest.h"
#include "core/rollout.h"
#include "fother/codec.h"
#include "io/inventory.h"
#include "io/payload.h"
#include "io/store.h"

struct fth_health;
struct fth_http;
struct fth_http_request;
struct fth_loop;
struct fth_rights;
struct fth_timer;
struct fth_watch;

#define FTH_AGENT_TURN_MS 1000u		  /* between two rounds of housekeeping */
#define FTH_AGENT_FILES_SPARE 64u	  /* descriptors for all that is no VM's channel */
#define FTH_AGENT_BEAT_MS 1u		  /* between two heartbeats, to any of its guests at rest */
#define FTH_AGENT_SYNC_WITHIN_MS 10000u	  /* after start: guests may still greet */
#define FTH_AGENT_LIVE_MAX 1024u	  /* rollouts in one journal */
#define FTH_AGENT_CLOCK_BEHIND_MS 60000u  /* more is worth a warning */
#define FTH_AGENT_CLOCK_AHEAD_MS 5000u	  /* at once: it was set, or the host slept */
#define FTH_AGENT_PRUNE_EVERY_MS 3600000u /* between two looks for old rollouts */
#define FTH_AGENT_PRUNE_EVENTS 2000u	  /* of those, removed in one round */
#define FTH_AGENT_RECALLS_MAX 16u	  /* old ones that go on taking back, the newest */
#define FTH_AGENT_STORE_RETRY_MS 2000u	  /* between two tries of a full disk */

/**
 * struct fth_live - a rollout with what it needs
 * @payload: bytes are NULL when a reversed one no longer needs them
 * @superseded: a newer rollout has the same patch name
 * @takes_back: it is, but its payload was recalled and newer ones have others: whoever
 *	still has it is taken back
 * @synced: all its guests were heard, or given up, since the agent started;
 *	before that its clock stands still at @last_ms
 * @jump_base_ms: the agent's @jumped_ms less the rollout's, when the two were in
 *	step: what it was not told yet follows from its journalled state alone
 * @uncommitted: it has stepped since the last commit
 * @stored: its row is committed
 * @recall_began: who has its payload and is none of its VMs was not looked for yet
 * @full: there was no place for a VM that its policy selects
 * @wave_watch: checks of its wave, or NULL
 * @checks_running: programs and GETs of its checks
 */
struct fth_live {
	struct fth_agent *agent;
	struct fth_rollout *rollout;
	struct fth_rollout_vm *vms;
	struct fth_rollout_slot *slots;
	struct fth_payload payload;
	char path[FTH_POLICY_PATH_MAX + 1];
	uint64_t last_ms;
	uint64_t jump_base_ms;
	bool superseded;
	bool takes_back;
	bool synced;
	bool uncommitted;
	bool stored;
	bool recall_began;
	bool full;
	struct fth_watch *wave_watch;
	uint32_t checks_running;
};

struct fth_agent {
	struct fth_loop *loop;
	struct fth_store *store;
	struct fth_http *http;
	struct fth_sockets *sockets;
	struct fth_file *file;
	struct fth_libvirt *libvirt;
	struct fth_health *health;
	struct fth_fault fault;
	const char *state_folder;
	int lock_fd;

	void *guests; /* tsearch() tree, by name */
	uint32_t guest_count;
	uint32_t open_count;
	struct fth_guest *send_first;

	struct fth_live *lives[FTH_AGENT_LIVE_MAX]; /* by id */
	uint32_t live_count;
	struct fth_rollout_action actions[FTH_ROLLOUT_ACTIONS_MAX];

	uint64_t epoch;
	uint64_t salt;
	uint64_t query_count;
	uint64_t now_ms;    /* never goes back */
	uint64_t steady_ms; /* CLOCK_MONOTONIC when @now_ms was set */
	bool said_behind;
	uint64_t ahead_ms;  /* by how much @now_ms is ahead of the wall clock */
	uint64_t jumped_ms; /* by how much the wall clock was set on since the start */
	uint64_t files_max; /* 0: not known, or said already that it is too low */
	uint64_t started_ms;
	bool store_ok;
	char store_why[FTH_STORE_WHY_MAX];
	uint64_t store_retry_ms;
	bool dirty;	   /* something waits for a commit */
	uint64_t commits;  /* since the agent started */
	uint64_t events;   /* journalled since then */
	uint64_t keep_ms;  /* how long superseded rollouts are kept; 0: for ever */
	uint64_t prune_ms; /* when they are looked for next */
	bool prunes;	   /* events of pruned ones may be left */
	bool rebuild_due;  /* rollouts are ahead of the journal until the next turn */
	struct fth_timer *flush_timer;
	struct fth_timer *turn_timer;
	struct fth_timer *wake_timer;
};

/**
 * struct fth_agent_options - what the command line says
 * @sockets: folder of chardev sockets, or NULL
 * @file: that lists VMs, or NULL
 * @uri: libvirt's, or NULL
 * @state: folder of the journal and the payloads; made if missing
 * @api: path of the API's socket; its folder is made if missing
 * @group: who may talk to the API beside root; (gid_t)-1 = nobody
 * @files_max: limit of open files; 0: not known
 * @keep_ms: how long rollouts that are superseded are kept; 0: for ever
 */
struct fth_agent_options {
	const char *sockets;
	const char *file;
	const char *uri;
	const char *state;
	const char *api;
	gid_t group;
	uint64_t files_max;
	uint64_t keep_ms;
	struct fth_fault fault;
};

/* agent.c */

/**
 * fth_agent_new() - open the journal, replay it, find the VMs, listen
 * @options: its strings are borrowed for the agent's life
 * Return: 0 or -errno; the reason was logged.
 */
int fth_agent_new(struct fth_loop *loop, const struct fth_agent_options *options,
		  struct fth_agent **ret_agent);

/**
 * fth_agent_free() - after fth_loop_stop(); NULL is fine
 * @code: the process ends with it, here, if a libvirtd hangs that holds a thread of ours
 *
 * The journal is closed first.
 */
void fth_agent_free(struct fth_agent *agent, int code);

/**
 * fth_agent_lock() - keep others away from a state folder, which is made if missing
 * Return: a descriptor that holds the lock; -errno, logged.
 */
int fth_agent_lock(const char *state_folder);

/** fth_agent_now() - wall clock in ms; never goes back, also over restarts. */
uint64_t fth_agent_now(struct fth_agent *agent);

/**
 * fth_agent_flush() - make events durable, then send what they led to
 * Return: 0 or -EIO: the events did not happen, as far as rollouts know.
 */
int fth_agent_flush(struct fth_agent *agent);

/** fth_agent_mark() - something waits for fth_agent_flush(), which will come. */
void fth_agent_mark(struct fth_agent *agent);

/** fth_agent_fail_store() - a write failed for @why: rebuild soon, refuse, try again later. */
void fth_agent_fail_store(struct fth_agent *agent, const char *why);

/** fth_agent_plan_wake() - set the timer of the TICK that is due first. */
void fth_agent_plan_wake(struct fth_agent *agent);

/* history.c: what was done, for people */

/* What a step's event may change; @state is its VM's, 0: it has none. */
struct fth_history_mark {
	uint8_t phase;
	uint8_t state;
	bool recalled;
};

/** fth_history_before() - before fth_rollout_step(). */
void fth_history_before(const struct fth_live *live, const struct fth_rollout_event *event,
			struct fth_history_mark *ret_mark);

/**
 * fth_history_after() - and after it, in the open transaction
 *
 * Also writes down that a payload was recalled.
 * Return: 0 or -EIO (the transaction is rolled back).
 */
int fth_history_after(const struct fth_live *live, const struct fth_rollout_event *event,
		      const struct fth_rollout_actions *actions,
		      const struct fth_history_mark *mark);

/* live.c */

/** fth_live_find() - by id, or NULL. */
struct fth_live *fth_live_find(struct fth_agent *agent, uint64_t id);

/** fth_live_newest() - the newest rollout of its patch. */
struct fth_live *fth_live_newest(const struct fth_live *live);

/** fth_live_of_payload() - the newest rollout of its very payload. */
struct fth_live *fth_live_of_payload(const struct fth_live *live);

/**
 * fth_live_step() - one event in
 * @event: now_ms is filled in
 * Return: 0; -EROFS while the journal can't be written; fth_rollout_step()'s.
 * Not durable before fth_agent_flush().
 */
int fth_live_step(struct fth_live *live, struct fth_rollout_event *event);

/** fth_live_is_told() - does it get events?  Of one patch's rollouts the newest does. */
static inline bool fth_live_is_told(const struct fth_live *live)
{
	return !live->superseded || live->takes_back;
}

/**
 * fth_live_in_way() - who takes back another payload of @live's name, which is in @guest
 * Return: that rollout, or NULL: there is none, nobody does, or its guest refuses for good.
 */
const struct fth_live *fth_live_in_way(const struct fth_live *live, struct fth_guest *guest);

/**
 * fth_live_keeps_names() - is it told what its VMs are called, and which are no more?
 *
 * Also one that is told nothing else, but stuck: its list says who may still run the patch,
 * and a recall may tell it of them again.
 */
static inline bool fth_live_keeps_names(const struct fth_live *live)
{
	return fth_live_is_told(live) || live->rollout->phase == FTH_RO_STUCK;
}

/** fth_live_add_guest() - offer a guest to a rollout, also one that is to go back. */
int fth_live_add_guest(struct fth_live *live, struct fth_guest *guest);

/** fth_live_offer_kernel() - its kernel is known: offer it to whom that matters. */
void fth_live_offer_kernel(struct fth_guest *guest);

/** fth_live_unbind() - the rollout knows the guest no more. */
void fth_live_unbind(struct fth_live *live, struct fth_guest *guest);

/**
 * fth_live_wake() - one that is superseded may be told of events again
 *
 * After its payload was recalled: its VMs are asked once more, as at a start.
 * Return: 0 or -ENOMEM.
 */
int fth_live_wake(struct fth_live *live);

/**
 * fth_live_take_back() - who has the payload of one that goes back, and does not go back yet?
 * @guest: that may have it; NULL: any may
 */
void fth_live_take_back(struct fth_live *live, struct fth_guest *guest);

/** fth_live_sync() - the guests of a replayed rollout: heard or lost. */
void fth_live_sync(struct fth_live *live);

/** fth_live_turn() - sync those whose time has come. */
void fth_live_turn(struct fth_agent *agent);

/** fth_live_tick_due() - TICK the rollouts whose time has come. */
void fth_live_tick_due(struct fth_agent *agent);

/** fth_live_free() - also the bindings; NULL is fine. */
void fth_live_free(struct fth_live *live);

/** fth_live_bind_all() - tie all VMs of a rebuilt rollout to guests. */
int fth_live_bind_all(struct fth_live *live);
void fth_live_unbind_all(struct fth_live *live);

/**
 * fth_live_rank() - the newest of each name counts, the others are superseded
 *
 * Also after a replay, and after a recall: see @takes_back.
 */
void fth_live_rank(struct fth_agent *agent);

/* prune.c */

/** fth_prune_turn() - let go of rollouts that nobody needs any more; see prune.c. */
void fth_prune_turn(struct fth_agent *agent);

/* create.c */

/**
 * struct fth_asker - by whose word
 * @who: a name, or a number as text
 * @rights: the same user's, for files that he names; NULL where he names none
 */
struct fth_asker {
	uint32_t uid;
	const struct fth_rights *rights;
	char who[FTH_WHO_MAX];
	char why[FTH_WHY_MAX];
};

/* forget.c */

/**
 * fth_forget_vm() - a person says that the VM is no more
 * @name: its guest is gone afterwards, on 0
 * @ret_count: in how many rollouts it had a place
 * Return: 0, durable; -ENOENT; -EBUSY: an inventory has it; -EAGAIN: libvirt may have it,
 * and has not told its domains yet; -EIO: the journal can't be written.
 */
int fth_forget_vm(struct fth_agent *agent, const char *name, const struct fth_asker *asker,
		  uint32_t *ret_count);

struct fth_create_error {
	int status;	  /* HTTP */
	const char *code; /* of the API */
	char message[1536];
};

/**
 * fth_create_rollout() - policy file to running rollout
 * @path: absolute
 * @asker: who asked for it, with his rights
 * @ret_error: filled on error
 *
 * The policy, its module and its signature are opened with the asker's rights, here and never
 * again: a restart reads the policy's text in the journal and the copies in the state
 * folder, which are the agent's own.  So who loses the right to read them stops nothing,
 * and nothing that changes behind their names is looked at.
 * Return: the rollout, durable; NULL on error.
 */
struct fth_live *fth_create_rollout(struct fth_agent *agent, const char *path,
				    const struct fth_asker *asker,
				    struct fth_create_error *ret_error);

/* create_fleet.c */

/**
 * fth_create_check_canaries() - can each canary that the policy names be one?
 * @ret_why: @size bytes; which can't, and why
 * Return: 0; -EINVAL.
 */
int fth_create_check_canaries(struct fth_agent *agent, const struct fth_policy *policy,
			      const struct fth_payload *payload, char *ret_why, size_t size);

/**
 * fth_create_check_follows() - may a rollout of @policy and @payload follow @live's, of that name?
 * @ret_why: @size bytes; why not, and what to do
 *
 * Not one that is on its way back, is back, or is stuck there.
 * Return: 0; -EINVAL.
 */
int fth_create_check_follows(const struct fth_live *live, const struct fth_policy *policy,
			     const struct fth_payload *payload, char *ret_why, size_t size);

/** fth_create_why_none() - which part of a policy's selection leaves nobody, in @ret_why. */
void fth_create_why_none(struct fth_agent *agent, const struct fth_policy *policy, char *ret_why,
			 size_t size);

/* replay.c */

/** fth_replay_all() - rollouts and VMs out of the journal; 0 or -errno. */
int fth_replay_all(struct fth_agent *agent);

/**
 * fth_replay_check() - can each rollout be replayed?
 * @agent: zeroed but for its store
 * @take: called for each; @error 0 or -errno
 * Return: 0 or -EIO: the list of rollouts can't be read.
 */
int fth_replay_check(struct fth_agent *agent, void (*take)(void *context, uint64_t id, int error),
		     void *context);

/** fth_replay_again() - rebuild one from the journal; 0 or -errno. */
int fth_replay_again(struct fth_live *live);

/** fth_live_new() - memory for one rollout; see fth_rollout_init(). */
struct fth_live *fth_live_new(struct fth_agent *agent, uint64_t id, uint64_t seed, uint32_t vm_max,
			      const struct fth_policy *policy, const char *path);

/* journal_check.c */

/**
 * fth_journal_check() - say on stdout what of a journal is damaged
 * @state: folder of the journal, which no agent uses
 * @salvages: and put what can be read in its place
 * Return: an exit code: 0 sound, or salvaged; 1 damaged.
 */
int fth_journal_check(const char *state, bool salvages);

/* cache.c: payloads by their hash, in the state folder; signatures by the rollout too */
int fth_cache_put(const char *state, const struct fth_payload *payload, uint64_t rollout);
int fth_cache_probe(const char *state);

/**
 * fth_cache_without_journal() - is the journal's file empty, where payloads of rollouts are?
 *
 * Such a file was cut off: to begin anew with it would forget what is blocked, and what was
 * begun.  One that is not there at all was moved away by a person who says so.
 */
bool fth_cache_without_journal(const char *state);
void fth_cache_drop(const char *state, const uint8_t *sha256, uint64_t rollout, bool is_last);
int fth_cache_load(const char *state, const uint8_t *sha256, uint64_t rollout,
		   struct fth_payload *ret_payload, char *ret_error, size_t error_size);

/* api.c */

/** fth_api_handle() - answers every request. */
void fth_api_handle(void *context, struct fth_http_request *request);

/** fth_api_explain() - the answer to those who asked for stragglers. */
void fth_api_explain(const struct fth_guest *guest, const struct fth_msg_result *result,
		     struct fth_http_request *request);

#endif /* FTH_APP_AGENT_H */
