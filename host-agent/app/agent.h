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
#include "core/rollout.h"
#include "fother/codec.h"
#include "io/inventory.h"
#include "io/payload.h"
#include "io/store.h"

struct fth_allow;
struct fth_channel;
struct fth_hand;
struct fth_health;
struct fth_http;
struct fth_http_request;
struct fth_loop;
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
#define FTH_AGENT_STORE_RETRY_MS 2000u	  /* between two tries of a full disk */
#define FTH_GUEST_QUERY_EVERY_MS 1000u	  /* a guest is asked at most this often */
#define FTH_GUEST_EFFECT_EVERY_MS 3000u	  /* where calls of the new code are waited for */
#define FTH_GUEST_EVENTS_MAX 16u	  /* logged in FTH_GUEST_QUERY_EVERY_MS */
#define FTH_GUEST_ANSWER_MS 5000u	  /* a QUERY is given up after this */
#define FTH_HAND_ANSWER_MS 10000u	  /* a command by hand is given up after this */
#define FTH_HAND_REVERT_MS 50000u	  /* the same for a revert: it is a transition */
#define FTH_GUEST_INCIDENTS_MAX 32u	  /* journalled in FTH_GUEST_QUERY_EVERY_MS */
#define FTH_ALLOW_RETRY_MS 5000u	  /* an ALLOW or an extension that came to nothing */
#define FTH_GUEST_ASKERS_MAX 8u		  /* API requests that wait for one guest */
#define FTH_GUEST_INVENTORY_MAX 15u
#define FTH_STAGE_WINDOW 262144u   /* bytes of a payload on their way */
#define FTH_RESEND_AFTER_MS 30000u /* an op of which nothing was heard */

/* A patch as its guest last showed it. */
struct fth_guest_patch {
	char name[FTH_NAME_MAX + 1];
	bool has_sha256;
	uint8_t sha256[FTH_SHA256_SIZE];
	uint8_t state;
	uint8_t flags;
	uint8_t leave; /* 0: the guest does not say */
	uint8_t switches;
	uint32_t functions;
	uint32_t pending;
	uint32_t confirm_left_ms; /* 0: it doesn't revert by itself */
	uint64_t hits;
};

/**
 * struct fth_guest_transition - a transition as the guest last told of it
 * @heard_ms: when
 * @pending: tasks that hold it up; not all of them have room in @tasks
 * @tasks: their texts lie in @text
 */
struct fth_guest_transition {
	char patch[FTH_NAME_MAX + 1];
	uint8_t state;
	uint32_t done;
	uint32_t total;
	uint32_t pending;
	uint64_t heard_ms;
	uint32_t task_count;
	struct fth_straggler_info tasks[FTH_STRAGGLERS_MAX];
	uint8_t text[];
};

/**
 * struct fth_binding - one guest in one rollout
 * @wants_send: its pending op is to be sent (again)
 * @watch: its checks, or NULL
 */
struct fth_binding {
	struct fth_binding *next;
	struct fth_live *live;
	uint32_t vm_index;
	bool wants_send;
	struct fth_watch *watch;
};

/**
 * struct fth_guest - a VM that an inventory or a rollout knows
 * @tags: words with a space between two; NULL if none
 * @present: an inventory has it now
 * @relayed: its channel leads to a program in the guest, as the inventory says
 * @heard: it greeted since the agent started, or it can't
 * @known: the fields from @uuid to @patches are its own word
 * @remembered: @boot_id and @uptime_ms are, perhaps from before a restart
 * @has_id: @id is its uuid as its inventory says
 * @id_in: number of the commit that has that
 * @current: whose op is on its way to the guest; NULL if none
 * @current_op: that op's id
 * @word_ms: when the guest last spoke of it
 * @stage_sent, @stage_acked: bytes, while it is a STAGE
 * @unwritten: a command is in the output buffer
 * @transition: of @current's op; NULL until the guest spoke of it
 * @hand: a command by hand that waits for its answer, or NULL
 * @query_op: QUERY on its way, 0 = none
 * @query_due: ask again when FTH_GUEST_QUERY_EVERY_MS has passed
 * @query_feeds: the answer is to be given to the rollouts
 * @query_restored: and the guest came out of a snapshot
 * @taint_due, @taint_ms: @taint is still to be told to the rollouts; when that
 *	was done last
 * @logged_ms, @logged_count: EVENTs logged since then
 * @patches_ms: when @patches were told
 * @retell: an emergency was not journalled, or dropped: the guest is to tell it again
 * @told_in: number of the commit that has what it told last of emergencies
 * @allow_due: perhaps a block of it was allowed that it wasn't told of
 * @allow: ALLOW on its way, or NULL; @allow_ms: when the last one was sent
 * @extend_op, @extend_ms: the same for a CONFIRM that extends
 * @incident_count: EVENTs of emergencies since @logged_ms
 * @next_send, @queued: of the agent's list of guests to look at
 */
struct fth_guest {
	struct fth_agent *agent;
	char name[FTH_VM_NAME_MAX + 1];
	char host[FTH_HOST_NAME_MAX + 1];
	char group[FTH_GROUP_NAME_MAX + 1];
	char inventory[FTH_GUEST_INVENTORY_MAX + 1];
	char *tags;
	bool present;
	bool running;
	bool relayed;
	bool open;
	bool heard;
	bool known;
	bool remembered;
	bool has_id;
	uint8_t id[FTH_UUID_SIZE];
	uint64_t id_in;
	struct fth_channel *channel;
	struct fth_binding *bindings;

	uint8_t uuid[FTH_UUID_SIZE];
	bool has_uuid;
	uint8_t boot_id[FTH_UUID_SIZE];
	uint8_t build_id[FTH_BUILD_ID_MAX];
	uint32_t build_id_size;
	char release[FTH_RELEASE_MAX + 1];
	char engine[FTH_RELEASE_MAX + 1];
	uint64_t capabilities;
	uint64_t uptime_ms;
	uint64_t taint;
	uint16_t vcpus;
	uint32_t patch_count;
	struct fth_guest_patch *patches;
	uint64_t patches_ms;

	struct fth_binding *current;
	uint64_t current_op;
	uint8_t current_kind;
	uint64_t word_ms;
	uint32_t stage_sent;
	uint32_t stage_acked;
	bool unwritten;
	struct fth_guest_transition *transition;
	struct fth_hand *hand;

	uint64_t query_op;
	uint64_t query_ms;
	bool query_due;
	bool query_feeds;
	bool query_restored;
	uint32_t asker_count;
	struct fth_http_request *askers[FTH_GUEST_ASKERS_MAX];

	bool taint_due;
	uint64_t taint_ms;
	uint64_t logged_ms;
	uint32_t logged_count;
	uint32_t incident_count;

	bool retell;
	uint64_t told_in;
	bool allow_due;
	struct fth_allow *allow;
	uint64_t allow_ms;
	uint64_t extend_op;
	uint64_t extend_ms;

	struct fth_guest *next_send;
	bool queued;
};

/**
 * struct fth_live - a rollout with what it needs
 * @payload: bytes are NULL when a reversed one no longer needs them
 * @superseded: a newer rollout has the same patch name: gets no events
 * @synced: all its guests were heard, or given up, since the agent started;
 *	before that its clock stands still at @last_ms
 * @jump_base_ms: the agent's @jumped_ms less the rollout's, when the two were in
 *	step: what it was not told yet follows from its journalled state alone
 * @uncommitted: it has stepped since the last commit
 * @stored: its row is committed
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
	bool synced;
	bool uncommitted;
	bool stored;
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
	uint64_t jumped_ms; /* by how much the wall clock was set on since the start */
	uint64_t files_max; /* 0: not known, or said already that it is too low */
	uint64_t started_ms;
	bool store_ok;
	char store_why[FTH_STORE_WHY_MAX];
	uint64_t store_retry_ms;
	bool dirty;	   /* something waits for a commit */
	uint64_t commits;  /* since the agent started */
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

/** fth_agent_free() - after the loop ended; NULL is fine. */
void fth_agent_free(struct fth_agent *agent);

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

/* guest.c */

/** fth_guest_get() - the guest of that name, made if need be; NULL: no memory */
struct fth_guest *fth_guest_get(struct fth_agent *agent, const char *name);

/** fth_guest_find() - or NULL. */
struct fth_guest *fth_guest_find(struct fth_agent *agent, const char *name);

/** fth_guest_each() - call @take with every guest, by name. */
void fth_guest_each(struct fth_agent *agent, void (*take)(struct fth_guest *guest, void *context),
		    void *context);

/** fth_guest_free_all() - at the agent's end. */
void fth_guest_free_all(struct fth_agent *agent);

/** fth_guest_hooks - what inventories call. */
extern const struct fth_inventory_hooks fth_guest_hooks;

/** fth_guest_part() - its inventory has it no more: its session ends, it stays. */
void fth_guest_part(struct fth_guest *guest, const char *why);

/** fth_guest_drop() - free one that is in no inventory, no rollout and no queue. */
void fth_guest_drop(struct fth_guest *guest);

/**
 * fth_guest_retell() - inventories tell again what was not taken when they told it
 * @except: not this one; "" for none
 * @name: of one VM; NULL: of all
 */
void fth_guest_retell(struct fth_agent *agent, const char *except, const char *name);

/** fth_guest_selected() - by what is known of it now. */
bool fth_guest_selected(const struct fth_guest *guest, const struct fth_policy *policy);

/** fth_guest_patch() - the patch of that name, or NULL. */
const struct fth_guest_patch *fth_guest_patch(const struct fth_guest *guest, const char *name);

/** fth_guest_turn() - housekeeping of one guest. */
void fth_guest_turn(struct fth_guest *guest);

/**
 * fth_guest_query() - ask the guest for its state
 * @feeds: give the answer to the rollouts
 * @restored: it came out of a snapshot
 */
void fth_guest_query(struct fth_guest *guest, bool feeds, bool restored);

/** fth_guest_next_op() - an op id of no rollout, never given before. */
uint64_t fth_guest_next_op(struct fth_agent *agent);

/**
 * fth_guest_ask() - answer an API request by what the guest says now
 * @request: taken on 0
 * Return: 0; -ENOTCONN; -EBUSY when FTH_GUEST_ASKERS_MAX wait already.
 */
int fth_guest_ask(struct fth_guest *guest, struct fth_http_request *request);

/** fth_guest_feed_seen() - tell one rollout what the guest said last. */
int fth_guest_feed_seen(struct fth_guest *guest, struct fth_binding *binding, bool restored);

/* identity.c: which VM is this? */

/**
 * fth_identity_take() - the guest that an inventory tells of
 *
 * Renames in the journal what has another name now, and puts aside what had this
 * one; see identity.c.  Rollouts get events.
 * Return: NULL: no memory, or the journal can't be written: to be told again then.
 */
struct fth_guest *fth_identity_take(struct fth_agent *agent, const char *inventory,
				    const struct fth_inventory_vm *vm);

/** fth_identity_is() - may @guest be the VM with that uuid?  NULL may be any. */
bool fth_identity_is(const struct fth_guest *guest, const uint8_t *uuid);

/** fth_identity_doubt() - a commit failed: who it is may not be what the journal says. */
void fth_identity_doubt(struct fth_guest *guest, void *unused);

/* guest_word.c: what a guest says of itself */
int fth_guest_take_patches(struct fth_guest *guest, const struct fth_patch_info *patches,
			   uint32_t count);
int fth_guest_take_ack(struct fth_guest *guest, const struct fth_msg_hello_ack *ack);
void fth_guest_fill_seen(const struct fth_guest *guest, const struct fth_live *live,
			 struct fth_rollout_event *event);
void fth_guest_fill_result(const struct fth_guest *guest, const struct fth_live *live,
			   const struct fth_msg_result *result, struct fth_rollout_event *event);
void fth_guest_span_text(char *text, size_t size, struct fth_span span);

/* guest_tasks.c: what PROGRESS says, for people */
void fth_guest_take_progress(struct fth_guest *guest, const struct fth_msg_progress *progress);
void fth_guest_drop_transition(struct fth_guest *guest);

/* incident.c: emergencies of guests */

/** fth_incident_take() - an EVENT with an incident's number: journalled, blocked, told. */
void fth_incident_take(struct fth_guest *guest, const struct fth_msg_event *event);

/** fth_incident_take_blocks() - what a greeting says that the guest refuses. */
void fth_incident_take_blocks(struct fth_guest *guest, const struct fth_msg_hello_ack *ack);

/** fth_incident_refused() - the guest refused @live's payload as blocked. */
void fth_incident_refused(struct fth_guest *guest, const struct fth_live *live);

/** fth_incident_fill() - is @live's payload blocked for that VM?  Into the event. */
void fth_incident_fill(struct fth_agent *agent, const char *vm, const struct fth_live *live,
		       struct fth_rollout_event *event);

/* allow.c: blocks that a person lifts */

/**
 * fth_allow_begin() - lift all blocks that match, in the journal
 * @vm: or NULL: of all VMs
 * @patch: a patch's name, or a payload's SHA-256 in 64 digits
 * @why: the person's reason, or ""
 * @request: who asks; not taken
 * @ret_count: how many matched
 * Return: 0, durable; -EIO.  Their guests are told from here on, also those
 * that are away, when they return; until a guest knows, its block holds.
 */
int fth_allow_begin(struct fth_agent *agent, const char *vm, const char *patch, const char *why,
		    struct fth_http_request *request, uint32_t *ret_count);

/** fth_allow_turn() - tell the guest what is due. */
void fth_allow_turn(struct fth_guest *guest);

/** fth_allow_result() - was this RESULT the answer? */
bool fth_allow_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result);

/** fth_allow_drop() - the session closed: it is told anew in the next one. */
void fth_allow_drop(struct fth_guest *guest);

/* extend.c: guests whose soak goes on while the agent lives */

/** fth_extend_turn() - put off a revert that would come before the confirmation. */
void fth_extend_turn(struct fth_guest *guest);

/** fth_extend_result() - was this RESULT the answer? */
bool fth_extend_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result);

/* hand.c: commands by hand */

/**
 * struct fth_hand_order - a command by hand
 * @type: FTH_T_NUDGE, _FORCE, _REVERT or _CONFIRM
 * @mode: of a REVERT: enum fth_revert_mode, 0 = as the patch's policy says
 * @extend_ms: of a CONFIRM: 0 confirms
 * @patch: a module's name
 * @why: the person's reason, or ""
 */
struct fth_hand_order {
	uint8_t type;
	uint8_t mode;
	uint32_t extend_ms;
	char patch[FTH_NAME_MAX + 1];
	char why[FTH_WHY_MAX];
};

/** fth_hand_needs() - FTH_CAP_* without which a guest is not sent this. */
uint64_t fth_hand_needs(const struct fth_hand_order *order);

/**
 * fth_hand_begin() - write it down, then send it
 * @order: copied
 * @request: taken on 0: answered by what the guest says
 * Return: 0; -ENOTCONN; -EOPNOTSUPP: the guest lacks what fth_hand_needs();
 * -EBUSY while another one waits; -EIO the journal can't be written; -ENOBUFS;
 * -ENOMEM.  On error nothing was sent.
 */
int fth_hand_begin(struct fth_guest *guest, const struct fth_hand_order *order,
		   struct fth_http_request *request);

/** fth_hand_result() - was this RESULT the answer? */
bool fth_hand_result(struct fth_guest *guest, uint64_t op, const struct fth_msg_result *result);

/** fth_hand_turn() - a command of which nothing is heard is given up. */
void fth_hand_turn(struct fth_guest *guest);

/** fth_hand_give_up() - the answer will not come; nothing to do is fine. */
void fth_hand_give_up(struct fth_guest *guest, const char *why);

/* executor.c */

/** fth_executor_queue() - look at @guest after the next commit. */
void fth_executor_queue(struct fth_guest *guest);

/** fth_executor_pump() - send what is pending and fits. */
void fth_executor_pump(struct fth_guest *guest);

/** fth_executor_resend_all() - the session is new: all pending ops anew. */
void fth_executor_resend_all(struct fth_guest *guest);

/** fth_executor_progress() - the guest says how far an op is. */
void fth_executor_progress(struct fth_guest *guest, uint64_t wire_op,
			   const struct fth_msg_progress *progress);

/** fth_executor_result() - the guest says how an op ended. */
void fth_executor_result(struct fth_guest *guest, uint64_t wire_op,
			 const struct fth_msg_result *result);

/** fth_executor_turn() - an op of which nothing is heard is sent again. */
void fth_executor_turn(struct fth_guest *guest);

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

/**
 * fth_live_step() - one event in
 * @event: now_ms is filled in
 * Return: 0; -EROFS while the journal can't be written; fth_rollout_step()'s.
 * Not durable before fth_agent_flush().
 */
int fth_live_step(struct fth_live *live, struct fth_rollout_event *event);

/** fth_live_add_guest() - offer a guest to a rollout. */
int fth_live_add_guest(struct fth_live *live, struct fth_guest *guest);

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

/** fth_live_rank() - the newest of each name counts, the others are superseded. */
void fth_live_rank(struct fth_agent *agent);

/* prune.c */

/** fth_prune_turn() - let go of rollouts that nobody needs any more; see prune.c. */
void fth_prune_turn(struct fth_agent *agent);

/* create.c */

/**
 * struct fth_asker - by whose word
 * @who: a name, or a number as text
 */
struct fth_asker {
	uint32_t uid;
	char who[FTH_WHO_MAX];
	char why[FTH_WHY_MAX];
};

struct fth_create_error {
	int status;	  /* HTTP */
	const char *code; /* of the API */
	char message[1536];
};

/**
 * fth_create_rollout() - policy file to running rollout
 * @path: absolute
 * @asker: who asked for it
 * @ret_error: filled on error
 * Return: the rollout, durable; NULL on error.
 */
struct fth_live *fth_create_rollout(struct fth_agent *agent, const char *path,
				    const struct fth_asker *asker,
				    struct fth_create_error *ret_error);

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
