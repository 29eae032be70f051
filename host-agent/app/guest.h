/* SPDX-License-Identifier: GPL-2.0 */
/* One VM: what is known of it, who it is, and what may be asked of it. */
#ifndef FTH_APP_GUEST_H
#define FTH_APP_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rollout.h"
#include "fother/codec.h"
#include "io/inventory.h"

struct fth_agent;
struct fth_allow;
struct fth_channel;
struct fth_hand;
struct fth_http_request;
struct fth_live;
struct fth_watch;

#define FTH_GUEST_QUERY_EVERY_MS 1000u	/* a guest is asked at most this often */
#define FTH_GUEST_EFFECT_EVERY_MS 3000u /* where calls of the new code are waited for */
#define FTH_GUEST_EVENTS_MAX 16u	/* logged in FTH_GUEST_QUERY_EVERY_MS */
#define FTH_GUEST_ANSWER_MS 5000u	/* a QUERY is given up after this */
#define FTH_HAND_ANSWER_MS 10000u	/* a command by hand is given up after this */
#define FTH_HAND_REVERT_MS 50000u	/* the same for a revert: it is a transition */
#define FTH_GUEST_INCIDENTS_MAX 32u	/* journalled in FTH_GUEST_QUERY_EVERY_MS */
#define FTH_GUEST_EPOCH_AHEAD_S 86400u	/* of the wall clock: more is not believed */
#define FTH_QUOTA_MAX 256u		/* words of a guest that became events */
#define FTH_QUOTA_BACK 16u		/* of them, after it was held */
#define FTH_QUOTA_EVERY_MS 300000u	/* one is forgiven */
#define FTH_QUOTA_HOLD_MIN_MS 60000u	/* who used them up isn't listened to; doubles */
#define FTH_QUOTA_HOLD_MAX_MS 1800000u
#define FTH_ALLOW_RETRY_MS 5000u /* an ALLOW or an extension that came to nothing */
#define FTH_GUEST_ASKERS_MAX 8u	 /* API requests that wait for one guest */
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
 * @contested: another inventory told of one of this name, and was not heard
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
 * @taint: all that its kernel had since it booted, or came out of a snapshot: a bit that
 *	is gone again was there
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
 * @epoch: in its commands and greetings, where it is above the agent's
 * @told_epoch: the newest one that it had seen when it was greeted last
 * @obeys: ours was its newest once, since its inventory told of it
 * @quota_used: its words that became events, less those forgiven until @quota_ms
 * @quota_over: they are too many: it is to be held at the next turn
 * @held_ms, @held_until_ms: for how long it is not listened to, and until when
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
	bool contested;
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

	uint64_t epoch;
	uint64_t told_epoch;
	bool obeys;

	uint32_t quota_used;
	bool quota_over;
	uint64_t quota_ms;
	uint32_t held_ms;
	uint64_t held_until_ms;

	struct fth_guest *next_send;
	bool queued;
};

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

/** fth_guest_connect() - to that socket; where it is already, look whether it is still there. */
void fth_guest_connect(struct fth_guest *guest, const char *path);

/** fth_guest_disconnect() - its session ends for @why. */
void fth_guest_disconnect(struct fth_guest *guest, const char *why);

/** fth_guest_reconnect() - a new session over the channel it has. */
void fth_guest_reconnect(struct fth_guest *guest, const char *why);

/** fth_guest_clear() - who has its name from now on is another one: nothing is known of it. */
void fth_guest_clear(struct fth_guest *guest);

/** fth_guest_drop() - free one that is in no inventory, no rollout and no queue. */
void fth_guest_drop(struct fth_guest *guest);

/* guest_inventory.c: as inventories tell of them */

/** fth_guest_hooks - what inventories call. */
extern const struct fth_inventory_hooks fth_guest_hooks;

/** fth_guest_part() - its inventory has it no more: its session ends, it stays. */
void fth_guest_part(struct fth_guest *guest, const char *why);

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

/* guest_feed.c: what rollouts are told of it */

/** fth_guest_feed_seen() - tell one rollout what the guest said last. */
int fth_guest_feed_seen(struct fth_guest *guest, struct fth_binding *binding, bool restored);

/** fth_guest_feed_seen_all() - all that have it, and those that take back what it has. */
void fth_guest_feed_seen_all(struct fth_guest *guest, bool restored);

/** fth_guest_feed_lost() - its session ended, or it does not run. */
void fth_guest_feed_lost(struct fth_guest *guest);

/** fth_guest_tell_taint() - where it changed, and not too often. */
void fth_guest_tell_taint(struct fth_guest *guest);

/** fth_guest_awaits_effect() - does a rollout wait for its new code to run? */
bool fth_guest_awaits_effect(const struct fth_guest *guest);

/** fth_guest_is_under_way() - is there something that it may undo for want of its host? */
bool fth_guest_is_under_way(const struct fth_guest *guest);

/* guest_epoch.c: whom it obeys */

/** fth_guest_epoch() - of all that it is told. */
uint64_t fth_guest_epoch(const struct fth_guest *guest);

/**
 * fth_epoch_take() - it says which epoch is the newest it saw
 * Return: false: nothing is to be sent to it, it will be greeted again.
 */
bool fth_epoch_take(struct fth_guest *guest, uint64_t epoch);

/** fth_epoch_turn() - greet it with a newer epoch, if that is due. */
void fth_epoch_turn(struct fth_guest *guest);

/** fth_epoch_clear() - it is somewhere else now: it may obey another agent. */
void fth_epoch_clear(struct fth_guest *guest);

/* guest_quota.c: how much of the journal it may fill */

/**
 * fth_quota_count() - a word of the guest was taken
 * @events: the agent's before that
 */
void fth_quota_count(struct fth_guest *guest, uint64_t events);

/** fth_quota_hold() - its channel stays down for as long as the guest is held. */
void fth_quota_hold(struct fth_guest *guest);

/** fth_quota_turn() - who used its quota up is held from now on. */
void fth_quota_turn(struct fth_guest *guest);

/** fth_quota_clear() - it is another guest. */
void fth_quota_clear(struct fth_guest *guest);

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
void fth_guest_fill_seen(struct fth_guest *guest, const struct fth_live *live,
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

#endif /* FTH_APP_GUEST_H */
