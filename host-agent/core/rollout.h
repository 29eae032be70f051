/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One rollout as a state machine: step(state, event) -> actions.
 *
 * DESIGN
 * The journal holds the *events*, in order, each durable before the actions
 * it led to are carried out.  So the intent always stands in the journal
 * before anything is sent, and replaying the events rebuilds exactly the live
 * state.  Op ids are made here, deterministically: an action that is carried
 * out again after a restart has the same op id, and the guest answers it from
 * memory.  Time arrives in the event; nothing here reads a clock, allocates or
 * does I/O.
 *
 * A rollout outlives its completion: a VM that reboots, is restored or joins
 * later is compared with what the fleet should run and brought there.
 */
#ifndef FTH_CORE_ROLLOUT_H
#define FTH_CORE_ROLLOUT_H

#include "core/policy.h"
#include "fother/errors.h"
#include "fother/lifecycle.h"
#include "fother/types.h"

#define FTH_VM_NAME_MAX 127u
#define FTH_HOST_NAME_MAX 127u
#define FTH_GROUP_NAME_MAX 63u
#define FTH_WHY_MAX 256u
#define FTH_WHO_MAX 32u /* bytes of a user's name, with its NUL */
#define FTH_ROLLOUT_VMS_MAX 1000000u
#define FTH_ROLLOUT_ATTEMPTS_MAX 5u /* of a retryable refusal, per VM */
#define FTH_RETRY_AFTER_MS 2000u
#define FTH_RETRY_STUCK_MS 120000u   /* of one that is to go back, after all attempts */
#define FTH_ANSWER_WITHIN_MS 30000u  /* plus the policy's deadline and freezes */
#define FTH_ROLLOUT_REBOOTS_MAX 2u   /* unconfirmed; the last one is a failure */
#define FTH_ROLLOUT_RESTORES_MAX 8u  /* the same, out of a snapshot */
#define FTH_ROLLOUT_OPS_APART 1024u  /* op ids left out where one was another agent's */
#define FTH_ROLLOUT_ACTIONS_MAX 256u /* of one step */

enum fth_rollout_phase {
	FTH_RO_NEW = 0,	     /* the roster is being filled */
	FTH_RO_RUNNING = 1,  /* sending a wave out */
	FTH_RO_SOAKING = 2,  /* wave complete, its soak runs */
	FTH_RO_GATED = 3,    /* soaked; a person must resume (gate: manual) */
	FTH_RO_PAUSED = 4,   /* by a person or a spent budget */
	FTH_RO_COMPLETE = 5, /* last wave soaked; reconciles from now on */
	FTH_RO_REVERSING = 6,
	FTH_RO_REVERSED = 7, /* every VM that was touched is back */
	FTH_RO_STUCK = 8,    /* reversed but for VMs that can't be told */
	FTH_RO_ABORTING = 9, /* stopped by a person; what is in flight ends */
	FTH_RO_ABORTED = 10, /* it has; nothing was taken back */
};

enum fth_rollout_vm_state {
	FTH_RV_WAITING = 1,    /* its wave has not come, or no budget is free */
	FTH_RV_DEFERRED = 2,   /* away, or another payload goes back there: caught up later */
	FTH_RV_STAGING = 3,    /* op in flight */
	FTH_RV_APPLYING = 4,   /* op in flight */
	FTH_RV_SOAKING = 5,    /* patched, unconfirmed */
	FTH_RV_CONFIRMING = 6, /* op in flight */
	FTH_RV_DONE = 7,       /* patched and confirmed */
	FTH_RV_FAILED = 8,     /* refused, or seen unhealthy */
	FTH_RV_UNKNOWN = 9,    /* an op was sent, no answer: counts as in flight */
	FTH_RV_REVERSING = 10, /* op in flight */
	FTH_RV_UNSTAGING = 11, /* op in flight */
	FTH_RV_REVERSED = 12,  /* back to what it was */
	FTH_RV_SKIPPED = 13,   /* not for this VM (kernel, never touched) */
	FTH_RV_FORGOTTEN = 14, /* it is no more; its place is free */
};

/* Commands to a guest; order as in the wire's types. */
enum fth_op_kind {
	FTH_OP_STAGE = 1, /* the executor sends all chunks under one op id */
	FTH_OP_APPLY = 2,
	FTH_OP_CONFIRM = 3,
	FTH_OP_REVERSE = 4,
	FTH_OP_UNSTAGE = 5,
};

/* Chains of a hash table over VM names, host names and group names. */
enum fth_rollout_index {
	FTH_INDEX_VM = 0,
	FTH_INDEX_HOST = 1,
	FTH_INDEX_GROUP = 2,
};

#define FTH_INDEXES 3

/**
 * struct fth_rollout_node - what is due among some VMs; one VM in a leaf
 * @serve_ms: earliest time that a pass has something to do with one under way
 * @start_ms: earliest time that one may be started
 * @soak_until_ms: latest end of a soak
 * @marks: FTH_MARK_* of any
 */
struct fth_rollout_node {
	uint64_t serve_ms;
	uint64_t start_ms;
	uint64_t soak_until_ms;
	uint64_t marks;
};

/**
 * struct fth_planner_key - a VM while the order is made
 * @hash: of seed and name
 * @bucket, @next: of a chain in the order of hashes; then @next is of a rank's list
 * @of_host: valid in a host's VM: how many of that host are ranked
 * @first, @last: at [i]: the list of all VMs that are the i-th of their host
 */
struct fth_planner_key {
	uint64_t hash;
	uint32_t bucket;
	uint32_t next;
	uint32_t of_host;
	uint32_t first;
	uint32_t last;
	bool canary;
	bool placed;
};

#define FTH_ROLLOUT_CLASSES 12u /* how VMs count for their waves */

/**
 * struct fth_rollout_vm - what a rollout knows of one VM
 * @wave: index of the wave it goes in; canary VMs are in wave 0
 * @reachable: a session is open and the domain runs
 * @touched: a command that may have changed it was sent, by this rollout or the one that
 *	it follows, and it has not been seen clean since
 * @op: FTH_OP_* in flight, 0 = none
 * @op_id: of the op in flight
 * @guest_state: enum fth_lifecycle_state as last seen
 * @taint_before: taint mask before the apply
 * @attempts: refusals in a row that may be retried
 * @reboots: times it came back with a new boot id before it was confirmed
 * @seen: the guest has spoken; nothing is sent to a VM before
 * @staged: the guest holds our payload and it was not applied since
 * @inconclusive: it can't be told whether it is healthy: it holds its wave
 * @excused: ... and a person said to go on without it
 * @tried: it was sent a command, failed, or could not be told: it counts for the shares
 *	of the failure budgets, for good.  One that was only found with the patch does not
 * @soaked: it soaks, and for long enough: a person said so, or it was to be
 *	confirmed already
 * @effect: a call ran the new code since it was applied
 * @blocked: it reverted this payload in emergency and nobody allowed it again:
 *	the payload is not sent, and what is staged not applied
 * @emergency: ... and its guest told of it as it happened: @why has the first reason
 * @in_way: it failed for nothing but another payload of the patch's name that is there
 * @host_asked: it can't be reached after its soak, and its hypervisor was asked whether
 *	it crashed: once for each time that it is lost
 * @checks_pending: set of checks whose verdicts are awaited
 * @checks_passed: set of those that passed in this round
 * @checks_unsure: set of those that could not tell, in this round or the last one
 * @capabilities: FTH_CAP_* as last seen
 * @taint: mask as last seen
 * @since_ms: when @state was entered, or an op was sent again
 * @jumped_ms: the rollout's, then
 * @retry_at_ms: 0 = none due
 * @apply_ms: since when its APPLY is watched, on the clock less what it jumped;
 *	0: it can't be seen
 * @apply_took_ms: for how long it was watched before that
 * @order: at [i]: which VM is the i-th to be patched
 * @place: of this VM in that order
 * @nexts: hash chains, indices + 1
 * @host_slot, @group_slot: the VM that counts for its host and group
 * @host_in_flight, @group_in_flight: valid in such a VM
 * @host_waits, @group_waits: so are these: the first that waits for room
 * @waits_for: the full budget that alone keeps it from going on, 0 = none
 * @wait_starts: ... from being started
 * @wait_child, @wait_next, @wait_prev: links of that queue
 * @class, @class_wave: how and where it is counted
 * @action_at: where its SEND was put among a step's actions, perhaps long ago
 */
struct fth_rollout_vm {
	char name[FTH_VM_NAME_MAX + 1];
	char host[FTH_HOST_NAME_MAX + 1];
	char group[FTH_GROUP_NAME_MAX + 1];
	char release[FTH_RELEASE_MAX + 1];
	char why[FTH_WHY_MAX];
	uint8_t boot_id[FTH_UUID_SIZE];
	uint32_t wave;
	uint8_t state; /* enum fth_rollout_vm_state */
	uint8_t op;
	uint8_t guest_state;
	uint8_t attempts;
	bool reachable;
	bool touched;
	bool inconclusive;
	bool failure_counted;
	bool soaked;
	bool tried;
	bool seen;
	bool staged;
	bool excused;
	bool effect;
	bool blocked;
	bool emergency;
	bool in_way;
	bool host_asked;
	uint8_t reboots;
	uint8_t restores;
	uint8_t checks_pending;
	uint8_t checks_passed;
	uint8_t checks_unsure;
	uint64_t op_id;
	uint64_t capabilities;
	uint64_t taint;
	uint64_t taint_before;
	uint64_t since_ms;
	uint64_t jumped_ms;
	uint64_t retry_at_ms;
	uint64_t apply_ms;
	uint64_t apply_took_ms;
	uint32_t order;
	uint32_t place;
	uint32_t nexts[FTH_INDEXES];
	uint32_t host_slot;
	uint32_t group_slot;
	uint32_t host_in_flight;
	uint32_t group_in_flight;
	uint32_t host_waits;
	uint32_t group_waits;
	uint32_t wait_child;
	uint32_t wait_next;
	uint32_t wait_prev;
	uint32_t action_at;
	uint8_t waits_for;
	bool wait_starts;
	uint8_t class;
	uint8_t class_wave;
};

/**
 * struct fth_rollout_slot - what all VMs that there may be are found by
 * @heads: of hash chains, indices + 1
 * @nodes: two of the tree of what is due, which is made after the plan
 * @key: for the plan
 *
 * Apart from the VMs: these are spread over the whole array, and the memory of VMs that
 * are not there is never touched.
 */
struct fth_rollout_slot {
	uint32_t heads[FTH_INDEXES];
	union {
		struct fth_rollout_node nodes[2];
		struct fth_planner_key key;
	};
};

struct fth_rollout {
	uint64_t id;	      /* 1 … ; also the upper half of its op ids */
	uint64_t seed;	      /* canary choice and order */
	uint8_t phase;	      /* enum fth_rollout_phase */
	uint8_t paused_phase; /* what RESUME goes back to */
	uint32_t wave;
	uint32_t next_op; /* lower half of the next op id */
	uint32_t failures;
	uint32_t failures_excused; /* of @failures: a person said to go on */
	uint32_t inconclusive;	   /* now, not counting excused ones */
	uint32_t in_flight;	   /* VMs with an op in flight */
	uint32_t selected;	   /* VMs that the waves' shares are taken of */
	uint32_t tried;		   /* VMs that the failure budgets' are */
	uint32_t past_tried;	   /* of those: VMs whose places others have now */
	uint32_t past_failures;	   /* ... and of @failures */
	/* Checks of the wave as a whole, as those of a VM */
	uint8_t checks_pending;
	uint8_t checks_passed;
	uint8_t checks_unsure;
	bool checks_failed;
	bool checks_excused;	 /* a person said to go on without them */
	uint64_t checks_at_ms;	 /* not asked before */
	uint32_t waits;		 /* the first that waits for room in the fleet's budget */
	uint32_t starts_waiting; /* VMs that any full budget keeps from being started */
	uint32_t leaf_first;	 /* leaf of the first VM of the plan */
	uint32_t classes[FTH_POLICY_WAVES_MAX + 1][FTH_ROLLOUT_CLASSES];
	uint64_t soak_until_ms; /* 0 = no soak runs */
	uint64_t wake_at_ms;	/* when a TICK is due, 0 = none */
	uint64_t started_ms;
	uint64_t ended_ms;
	uint64_t jumped_ms;	       /* by how much the wall clock was set on, in all */
	uint64_t ahead_ms;	       /* by how much events are ahead of it */
	uint64_t recall_ms;	       /* when it was reversed, 0 = it was not */
	uint64_t exposed_ms;	       /* VM-ms from then on, of VMs that are back */
	uint32_t recall_total;	       /* VMs that were to go back then */
	bool recalled;		       /* its payload may go nowhere any more */
	char why[FTH_WHY_MAX];	       /* of the phase; with numbers */
	char reverse_why[FTH_WHY_MAX]; /* what the reverse was for */
	char checks_why[FTH_WHY_MAX];  /* what a check of the wave said last */
	uint32_t vm_count;
	uint32_t vm_max;
	struct fth_rollout_vm *vms;	/* the caller's array of @vm_max */
	struct fth_rollout_slot *slots; /* so is this */
	struct fth_policy policy;
};

enum fth_rollout_event_kind {
	FTH_RE_ADD_VM = 1, /* before BEGIN: the roster; after: it joined */
	FTH_RE_BEGIN = 2,  /* the roster is whole: plan the waves, go */
	FTH_RE_TICK = 3,   /* time passed; journalled only when it changed */
	FTH_RE_SEEN = 4,   /* HELLO_ACK or QUERY: the guest's own word */
	FTH_RE_LOST = 5,   /* no session, or the domain is not running */
	FTH_RE_RESULT = 6, /* RESULT of the op in flight */
	FTH_RE_PAUSE = 7,
	FTH_RE_RESUME = 8, /* also opens a manual gate */
	FTH_RE_REVERSE = 9,
	FTH_RE_HEARTBEAT = 10, /* taint seen while soaking */
	FTH_RE_EMERGENCY = 11, /* the guest reverts our payload in emergency */
	FTH_RE_HEALTH = 12,    /* a check's verdict, of a VM or of a wave */
	FTH_RE_PROMOTE = 13,   /* skip the rest of the soak, or open the gate */
	FTH_RE_ABORT = 14,     /* stop here, take nothing back */
	FTH_RE_CLOCK = 15,  /* @op_id ms of the wall clock did not pass; @capabilities: see there */
	FTH_RE_RENAME = 16, /* the VM is called @why from now on */
	FTH_RE_FORGET = 17, /* the VM is no more, as a person or an inventory says */
};

/**
 * struct fth_rollout_event - one input
 * @kind: enum fth_rollout_event_kind
 * @now_ms: wall clock, ms since 1970 UTC; never goes back between events (the
 *	caller clamps it)
 * @vm: name, for kinds about one VM
 * @host, @group, @release: ADD_VM; release for SEEN too
 * @boot_id: SEEN
 * @capabilities: SEEN: FTH_CAP_* of the guest
 * @guest_state: SEEN, RESULT, EMERGENCY: enum fth_lifecycle_state of the policy's patch
 * @sha256_matches: SEEN, RESULT: the guest's patch of that name is this payload; ADD_VM: it
 *	has this payload, so a rollout that goes back takes it in to take it back; one that
 *	doesn't takes it for touched until its guest says otherwise: the rollout that it
 *	follows left the payload there
 * @effect: SEEN, RESULT: calls have run this payload's replacements
 * @restored: SEEN: same boot, but the uptime ran backwards: a snapshot came
 *	back
 * @blocked: ADD_VM, SEEN: the VM may not have this payload (again); REVERSE: no
 *	VM may: it is a recall
 * @reachable: ADD_VM; nothing is sent before the VM's first SEEN
 * @taint: SEEN, RESULT, HEARTBEAT
 * @op_id, @code: RESULT; CLOCK: @op_id is by how much the wall clock was set on; SEEN: it is
 *	the number of the rollout that takes back another payload of the policy's patch,
 *	which is there; 0: none does
 * @check, @verdict: HEALTH: enum fth_check, enum fth_verdict
 * @round: HEALTH: what fth_rollout_checks() gave with the check; a verdict of
 *	another round is late and changes nothing
 * @why: RENAME's new name; RESULT's detail; SEEN, ADD_VM: why it is blocked; EMERGENCY: what
 *	triggered it; the person's reason for PAUSE, RESUME, PROMOTE, ABORT, REVERSE
 *	and FORGET
 * @uid, @who: by whose word, for these: the API's peer, its name or its number as
 *	text; "" for what came by itself
 */
struct fth_rollout_event {
	uint8_t kind;
	uint8_t guest_state;
	bool sha256_matches;
	bool reachable;
	bool restored;
	bool effect;
	bool blocked;
	uint16_t code;
	uint8_t check;
	uint8_t verdict;
	uint32_t uid;
	uint64_t now_ms;
	uint64_t op_id;
	uint64_t round;
	uint64_t taint;
	uint64_t capabilities;
	uint8_t boot_id[FTH_UUID_SIZE];
	char vm[FTH_VM_NAME_MAX + 1];
	char host[FTH_HOST_NAME_MAX + 1];
	char group[FTH_GROUP_NAME_MAX + 1];
	char release[FTH_RELEASE_MAX + 1];
	char why[FTH_WHY_MAX];
	char who[FTH_WHO_MAX];
};

enum fth_rollout_action_kind {
	/*
	 * @op with @op_id to VM @vm_index, in place of what it was sent before:
	 * chunks of an older STAGE that wait are not to be sent any more
	 */
	FTH_RA_SEND = 1,
	/*
	 * @text: one line for the log and `rollout status`; about VM @vm_index, or
	 * about the rollout where that is FTH_ROLLOUT_WAVE
	 */
	FTH_RA_SAY = 2,
	/*
	 * fth_rollout_checks() of VM @vm_index, or of the wave where that is
	 * FTH_ROLLOUT_WAVE, has changed: look what is to be watched or checked
	 */
	FTH_RA_CHECK = 3,
};

struct fth_rollout_action {
	uint8_t kind;
	uint8_t op; /* enum fth_op_kind */
	uint32_t vm_index;
	uint64_t op_id;
	char text[FTH_WHY_MAX];
};

/**
 * struct fth_rollout_actions - where a step puts what is to be done
 * @count: used
 * @max: room; when it is short the rest comes with the next TICK, nothing is
 *	lost (an op not put here is not marked as in flight).  The state
 *	depends on it: a replay must give the same room as the live run did
 * @entries: the caller's
 * @changed: the state changed: the event must be journalled
 * @wake_at_ms: when the next TICK is due, 0 = none
 */
struct fth_rollout_actions {
	uint32_t count;
	uint32_t max;
	bool changed;
	uint64_t wake_at_ms;
	struct fth_rollout_action *entries;
};

/**
 * fth_rollout_init() - an empty rollout
 * @rollout: memory of any content
 * @id: from the store, never used before
 * @policy: validated; copied
 * @seed: for the choice of canaries and the order in waves
 * @vms: array, borrowed for the rollout's life; entries of any content, each written first
 *	when its VM is added
 * @slots: the same; cleared
 * @vm_max: entries of each
 */
void fth_rollout_init(struct fth_rollout *rollout, uint64_t id, const struct fth_policy *policy,
		      uint64_t seed, struct fth_rollout_vm *vms, struct fth_rollout_slot *slots,
		      uint32_t vm_max);

/**
 * fth_rollout_step() - one event in, what is to be done out
 * @rollout: advanced
 * @event: copied where kept
 * @actions: count, changed and wake_at_ms are reset, then filled
 * Return: 0; -EINVAL for an event that is not possible now (a RESUME of a
 * rollout that isn't paused, an unknown kind): nothing changed;
 * -ENOSPC for an ADD_VM past vm_max.
 *
 * Events about a VM that the rollout doesn't have, an ADD_VM that the policy
 * doesn't select, and RESULTs of ops that are not in flight, change nothing and
 * are not errors.  Of several rollouts of one patch only the newest may be given
 * events, since each brings a VM that is seen to what it wants the fleet to run, and
 * those that take other payloads back: SEEN tells the newest who is in its way.  One
 * that is told of nothing else may be told of RENAME and FORGET.
 *
 * PAUSE starts no VM and no wave; what is in flight ends, failures go on to
 * count, and a VM whose soak has passed is still confirmed, because without
 * that its guest would revert.  A person's RESUME excuses the failures and the
 * inconclusive VMs counted so far: budgets begin anew, waves go on without them.
 *
 * PROMOTE ends the soak of the VMs that soak now, or opens a manual gate; it is
 * -EINVAL where there is neither.  It skips time, never a verdict: each VM is
 * still confirmed only when it is reachable and healthy, and failures go on to
 * count.
 *
 * ABORT starts nothing any more.  What is in flight ends, what soaks is watched to
 * its end and confirmed, and nothing is taken back, not even by a spent budget;
 * REVERSE can follow.  A VM that loses the patch later stays without it.
 *
 * RENAME changes what a VM is called and nothing else: its wave, its state and its
 * counts are the VM's, whatever its name, also where the policy would not select
 * the new one.  -EINVAL where another VM of the roster has that name, unless that one
 * is forgotten: then it gets the old one.
 *
 * FORGET takes a VM out of everything but the counts of what was tried and what failed:
 * no op of it is in flight, nothing of it is to be taken back, and no event reaches it.
 * Its place is free for an ADD_VM, first of one of its name, when the roster is full for
 * any; who comes so is a VM that nothing is known of.
 *
 * CLOCK says that the wall clock was set on, or the host slept: windows follow the
 * clock, soaks and waits for answers don't, they are as long as they were.  Where the
 * clock was set back, the events' time, which never is, is ahead of it: CLOCK and BEGIN
 * say in @capabilities by how many ms, and windows follow the clock then, too.
 *
 * A reverse for a spent budget is a recall, once any VM was touched, and so is a
 * REVERSE that says so:
 * @recalled is set, and the caller journals, with the very event, that this
 * payload may go to no VM of the fleet any more.
 */
int fth_rollout_step(struct fth_rollout *rollout, const struct fth_rollout_event *event,
		     struct fth_rollout_actions *actions);

/**
 * fth_rollout_pending() - the op in flight of one VM, to be sent (again)
 * @rollout: any
 * @vm_index: below vm_count
 * @ret_action: kind SEND
 * Return: false when no op is in flight.
 *
 * After a reconnect or a restart the executor sends exactly these.
 */
bool fth_rollout_pending(const struct fth_rollout *rollout, uint32_t vm_index,
			 struct fth_rollout_action *ret_action);

/**
 * fth_rollout_extends() - is a VM's confirmation to be put off?
 * @rollout: any
 * @vm_index: below vm_count
 * @left_ms: until its guest reverts unless confirmed, as the guest says
 *
 * A dead man's switch: as long as the agent lives and the guest is not confirmed
 * it is told so, when less than half of confirm.within is left; when nobody
 * tells it any more, it goes back alone.  That goes on after the soak, where the
 * confirmation waits for an effect, a person or room in a budget: none of that
 * is a failure.  A CONFIRM that extends changes
 * nothing of what is in force, so it is no op and counts in no budget.
 * Return: 0, or the ms to extend by.
 */
uint32_t fth_rollout_extends(const struct fth_rollout *rollout, uint32_t vm_index,
			     uint32_t left_ms);

#define FTH_ROLLOUT_WAVE 0xffffffffu /* in place of a VM's index */

/**
 * struct fth_rollout_checks - what is to be looked at, of one VM or the wave
 * @round: to be given back with each verdict
 * @watched: set of checks that need to know how it was before: a baseline is
 *	taken when a soak begins
 * @wanted: set of checks whose verdicts are awaited now
 */
struct fth_rollout_checks {
	uint64_t round;
	uint32_t watched;
	uint32_t wanted;
};

/**
 * fth_rollout_checks() - the checks that are due
 * @rollout: any
 * @vm_index: below vm_count, or FTH_ROLLOUT_WAVE
 *
 * It follows from the state alone: after a restart the same ones are due.
 */
void fth_rollout_checks(const struct fth_rollout *rollout, uint32_t vm_index,
			struct fth_rollout_checks *ret_checks);

/** fth_rollout_find() - the VM of that name, or NULL. */
const struct fth_rollout_vm *fth_rollout_find(const struct fth_rollout *rollout, const char *name);

/* Numbers for status; every VM is counted in exactly one of the first nine. */
struct fth_rollout_counts {
	uint32_t waiting, deferred, in_flight, soaking, done, failed, reversed, skipped;
	uint32_t forgotten;
	uint32_t unknown; /* of in_flight: no answer yet */
	uint32_t inconclusive;
	uint32_t total;
};

/**
 * struct fth_recall - how far a rollout is on its way back
 * @total: VMs that were touched when it was reversed
 * @back: VMs that are back
 * @left: VMs that may still run the patch
 * @away: of these, VMs that can't be reached: they go back when they return
 * @exposed_ms: time that VMs have spent with it since it was reversed, all added
 *	up; where a VM can't be told it counts as exposed
 * @due_ms: when those that can be reached are back, if they go on as up to now; 0:
 *	can't be told
 */
struct fth_recall {
	uint32_t total, back, left, away;
	uint64_t exposed_ms;
	uint64_t due_ms;
};

/**
 * fth_rollout_recall() - see struct fth_recall
 * @rollout: any; one that was never reversed gives zeroes
 * @now_ms: as in events
 */
void fth_rollout_recall(const struct fth_rollout *rollout, uint64_t now_ms,
			struct fth_recall *ret_recall);

void fth_rollout_count(const struct fth_rollout *rollout, struct fth_rollout_counts *ret_counts);

/** fth_rollout_terminal() - COMPLETE (nothing due), ABORTED, REVERSED or STUCK. */
bool fth_rollout_terminal(const struct fth_rollout *rollout);

const char *fth_rollout_phase_name(uint8_t phase);
const char *fth_rollout_vm_state_name(uint8_t state);
const char *fth_op_name(uint8_t op);

/**
 * fth_rollout_window_open() - may it patch VMs, as far as its windows go?
 * @now_ms: the time of events
 * @ret_opens_ms: set on false: when one opens next, in that time
 */
bool fth_rollout_window_open(const struct fth_rollout *rollout, uint64_t now_ms,
			     uint64_t *ret_opens_ms);

#endif /* FTH_CORE_ROLLOUT_H */
