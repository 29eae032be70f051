/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The simulator: the real agent, guests, wires, a disk and clocks in one process.
 *
 * DESIGN
 * The agent is fotherd's own code: app/, core/, protocol/, io/channel.c and io/store*.c
 * are linked as they are.  What they stand on is made up here, at the borders where
 * they call a library: the loop's timers (loop.c), its streams (stream.c), the
 * files below SQLite (disk.c), HTTP requests, payloads and inventories (agent.c).
 * Everything that happens is a struct sim_due in one heap, ordered by virtual time;
 * everything random comes from one seed.  So a seed is a run, bit for bit.
 *
 * A kill of the agent takes effect at one of its system calls: from then on nothing
 * it does reaches the disk or a wire, until its calls have returned to the heap, where
 * what is left of it is thrown away.
 */
#ifndef FTH_SIM_H
#define FTH_SIM_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fother/codec.h"
#include "fother/errors.h"
#include "fother/lifecycle.h"
#include "fother/session.h"

#define SIM_VMS_MAX 1000000u
#define SIM_FAULTS_MAX 256u
#define SIM_GUEST_OPS_MAX 16u /* commands that a guest remembers */
#define SIM_PAYLOADS 2u	      /* of the one patch: two modules of its name */
#define SIM_WHY_MAX 512u
#define SIM_NAME_MAX 32u	      /* bytes of a VM's name, with its NUL */
#define SIM_START_MS 1700000000000ull /* wall clock when a run begins */
#define SIM_SHADOW_VMS_MAX 20000u     /* larger fleets have no second rollout beside */

#define SIM_MS 1000ull /* us */
#define SIM_S (1000 * SIM_MS)

/* Who acts: the world, the agent, or an older one that believes it still is the agent. */
enum sim_whose {
	SIM_WORLD = 0,
	SIM_OURS = 1,
	SIM_OLD = 2,
};

/* Something that happens at a time; of those at one time, the one set first. */
struct sim_due {
	uint64_t at_us;
	uint64_t number;
	uint32_t heap_at; /* + 1; 0: not set */
	uint8_t whose;	  /* enum sim_whose: who acts when it fires */
	void (*fire)(struct sim_due *due);
};

/* When it is due stands beside it: most are compared without being looked at. */
struct sim_slot {
	uint64_t at_us;
	uint64_t number;
	struct sim_due *due;
};

/* Independent streams of the seed: what one draws does not shift the others. */
enum sim_random {
	SIM_RANDOM_PLAN = 0,
	SIM_RANDOM_POLICY = 1,
	SIM_RANDOM_NET = 2,
	SIM_RANDOM_GUEST = 3,
	SIM_RANDOM_DISK = 4,
	SIM_RANDOM_AGENT = 5,
	SIM_RANDOM_LATER = 6,
	SIM_RANDOM_SECOND = 7, /* which payload, and when */
	SIM_RANDOMS = 8,
};

/* One direction of one VM's channel. */
struct sim_link {
	struct sim_due due;
	uint8_t *bytes;
	uint32_t begin;
	uint32_t end;
	uint32_t room;
	uint64_t stalled_until_us;
	uint64_t chopped_until_us;
	bool corrupt; /* one bit of what is delivered next is turned */
};

struct sim_op {
	uint64_t id;
	uint32_t age;
	uint16_t code;
	uint8_t type;
	bool done;
};

struct sim_incident {
	uint32_t number;
	uint8_t trigger;
	uint8_t payload;
	bool ended;
	uint64_t happened_ms;
};

/**
 * struct sim_guest - the module in one guest, and the kernel under it
 * @partial: the decoder's own buffer while a frame is incomplete, or NULL
 * @boot: how often it booted
 * @booted_us: uptime counts from here; a snapshot moves it
 * @end_us: when the transition that runs ends, 0: none runs
 * @confirm_us: when it reverts unless confirmed, 0: it doesn't
 * @confirm_by_us: the same as the invariant has it, whatever the guest makes of it
 * @confirmed: a host confirmed it, and nobody asked for its end since
 * @heard_epoch: newest of any agent's that it heard, as the invariant has it
 * @payload: number of the one that is staged, or more; @stage_payload: on its way
 * @blocked: bit per payload
 * @reached: bit per lifecycle state that it ever was in
 * @applied: bit per payload that was applied and confirmed in it
 * @lies: what it says of itself is made up
 * @fails_next: what its next apply comes to
 * @slow: its next transition misses its deadline
 * @midway: its next transition is broken off by an emergency
 */
struct sim_guest {
	struct sim_due due;
	struct fth_session session;
	struct fth_decoder decoder;
	uint8_t *partial;
	uint32_t boot;
	uint64_t booted_us;
	uint64_t epoch;
	uint64_t heard_epoch;
	uint64_t taint;
	uint64_t capabilities;
	uint64_t hits;

	uint64_t stage_op;
	uint32_t stage_done;
	uint32_t stage_size;
	uint8_t stage_payload;
	uint8_t payload;

	uint8_t state; /* enum fth_lifecycle_state */
	uint8_t leave, switches;
	uint16_t end_code;
	uint64_t end_us;
	uint64_t apply_op;   /* running, 0: none */
	uint64_t reverse_op; /* running, 0: none */
	uint64_t confirm_us;
	uint64_t confirm_by_us;
	uint64_t heard_us;
	uint32_t confirm_within_ms;
	uint32_t deadline_ms;
	uint32_t revert_on;
	uint32_t host_loss_after_ms;
	uint8_t blocked;
	bool emergency; /* the transition that runs is one */
	bool confirmed;

	uint32_t incident_count;
	struct sim_incident incidents[FTH_INCIDENTS_MAX];
	uint32_t op_age;
	struct sim_op ops[SIM_GUEST_OPS_MAX];

	uint8_t reached;
	uint8_t applied;
	bool lies;
	bool slow;
	bool midway;
	uint16_t fails_next;
};

/* What libevent has of a connected channel. */
struct fth_stream;

/**
 * struct sim_vm - a domain
 * @exists: its inventory has it
 * @away: ... but for a while another host has, which is none of ours
 * @running: powered on
 * @snapshot: of its guest, or NULL
 * @crashed: that is why it does not run
 * @sick: whoever looks at it from outside says so
 * @unsure: nobody can tell
 * @lied: it has been lying in this run: what it was believed is not judged
 * @old_stream: an agent's that was cut off and has not noticed yet, or NULL
 */
struct sim_vm {
	uint32_t index;
	bool exists;
	bool away;
	bool running;
	bool crashed;
	bool lied;
	bool sick;
	bool unsure;
	uint32_t renames; /* its domain's: the name follows, the uuid stays */
	uint32_t made;	  /* how often another domain was made under its name: that is the uuid */
	uint32_t host;
	uint32_t group;
	struct fth_stream *stream;
	struct fth_stream *old_stream;
	struct sim_link to_guest;
	struct sim_link to_host;
	struct sim_guest guest;
	struct sim_guest *snapshot;
	uint64_t snapshot_us;
};

enum sim_fault_kind {
	SIM_F_CHOP = 1,	       /* bytes come in pieces */
	SIM_F_RESET = 2,       /* the connection breaks */
	SIM_F_STALL = 3,       /* no byte passes for a while */
	SIM_F_REBOOT = 4,      /* of a guest */
	SIM_F_SNAPSHOT = 5,    /* taken, and restored later */
	SIM_F_KILL = 6,	       /* the agent, at one of its next system calls */
	SIM_F_DISK_FULL = 7,   /* for a while */
	SIM_F_FSYNC = 8,       /* some fail */
	SIM_F_CLOCK = 9,       /* the host's wall clock jumps */
	SIM_F_OFF = 10,	       /* a domain is off for a while; now and then renamed meanwhile */
	SIM_F_OFF_UNTOLD = 11, /* the same, and no event says so */
	SIM_F_DUPLICATE = 12,  /* libvirt's events come twice */
	SIM_F_MIGRATE = 13,    /* the domain goes to another host */
	SIM_F_SKEW = 14,       /* a guest of an older version, until it reboots */
	SIM_F_CORRUPT = 15,    /* a bit of the stream turns */
	SIM_F_LIAR = 16,       /* a guest that lies */
	SIM_F_EMERGENCY = 17,  /* a guest reverts by itself */
	SIM_F_TAINT = 18,      /* a WARN or an oops that reverts nothing */
	SIM_F_REFUSE = 19,     /* its next apply fails */
	SIM_F_SLOW = 20,       /* its next transition misses its deadline */
	SIM_F_PERSON = 21,     /* any verb, allow, another rollout */
	SIM_F_JOIN = 22,       /* a VM that was not there appears */
	SIM_F_DEPOSED = 23,    /* a guest hears of a newer agent than ours */
	SIM_F_BLOCKED = 24,    /* a guest's owner blocks the payload */
	SIM_F_MIDWAY = 25,     /* an emergency in the middle of the next transition */
	SIM_F_SICK = 26,       /* a VM is not well, as seen from outside */
	SIM_F_UNSURE = 27,     /* nobody can tell */
	SIM_F_TWO = 28,	       /* the agent stands still, another takes over, it comes back */
	SIM_F_REMADE = 29,     /* undefined, and made anew under its name: another VM */
	SIM_F_FORGET = 30,     /* it leaves, a person says for good, and it comes back */
	SIM_F_EXCUSE = 31,     /* a person says to go on, whoever is inconclusive */
	SIM_FAULTS = 32,
};

/**
 * struct sim_fault - one fault of the plan
 * @at_ms: since the run began
 * @vm: of which
 * @for_ms: how long, or until what follows
 * @arg: more, by kind
 */
struct sim_fault {
	uint8_t kind;
	uint32_t at_ms;
	uint32_t vm;
	uint32_t for_ms;
	uint32_t arg;
};

/**
 * struct sim_options - of one run
 * @faults: which of the plan, by number; @fault_count of them; NULL: all
 * @calm: no faults at all
 * @defaults: the policy is the one that says nothing
 * @breaks: which part is broken on purpose, by its number in breaks.c; 0: none
 */
struct sim_options {
	uint64_t seed;
	uint32_t vms;
	bool calm;
	bool defaults;
	bool verbose;
	uint32_t breaks;
	const uint32_t *faults;
	uint32_t fault_count;
};

/* What was there at least once: a bit per number; of result codes, too. */
struct sim_seen {
	uint64_t phases;
	uint64_t vm_states;
	uint64_t events;
	uint64_t codes;
	uint64_t faults;
	uint64_t lifecycle;
	uint64_t verbs; /* of people, carried out */
	uint64_t old;	/* enum sim_old_seen */
};

/* What became of an old agent that came back. */
enum sim_old_seen {
	SIM_OLD_GREETED = 0, /* a guest that knows of the newer one */
	SIM_OLD_REFUSED = 1, /* its command by such a guest */
	SIM_OLD_OBEYED = 2,  /* by one that could not know */
};

/**
 * struct sim_pace - how fast a calm run was
 * @running: guests that run the patch now
 * @patched: that ran it when the recall began
 * @rollout_ms: from its start until it was complete
 * @recall_us: when the recall began, 0: not yet
 * @recall99_us: how long it took until a hundredth of them ran it still
 */
struct sim_pace {
	uint32_t running;
	uint32_t patched;
	uint64_t rollout_ms;
	uint64_t recall_us;
	uint64_t recall99_us;
};

struct fth_agent;
struct fth_rollout;

/**
 * struct sim - the run
 * @payload: number of the one that the next rollout brings
 * @has_second: rollouts of this run bring the one or the other, by chance
 * @dead: the agent was killed; what it still does has no effect
 * @kill_in: system calls of the agent until it is killed, 0: not planned
 * @disk_full_until_us, @fsync_fails: faults of the disk
 * @faults_end_us: from here on none happens
 * @replaying: a journal is being replayed: steps are no live ones
 * @acting: whose code is running
 * @old_agent: one that stood still while @agent took over, or NULL
 * @old_due: it comes back, then it ends
 * @old_frozen: it has not come back yet
 * @old_ends: it ended itself, from anywhere
 * @old_for_ms: how long it lives from then on
 * @lives, @old_life: how often an agent began, and which one of them the old one is
 * @epoch_max: newest that an agent had
 */
struct sim {
	struct sim_options options;
	uint64_t now_us;
	uint64_t random[SIM_RANDOMS];
	uint64_t hash;
	uint64_t events;
	uint64_t steps;
	uint64_t frames;
	struct sim_seen seen;
	struct sim_pace pace;
	uint64_t due_count;
	struct sim_slot *heap;
	uint32_t heap_size;
	uint32_t heap_room;

	uint8_t payload;
	bool has_second;
	uint32_t vm_count;
	struct sim_vm *vms;
	uint8_t *scratch; /* for decoders that hold nothing */

	struct fth_agent *agent;
	struct sim_due agent_due; /* start again */
	bool dead;
	uint32_t kill_in;
	uint32_t kill_down_ms;
	uint32_t kills;
	bool replaying;
	enum sim_whose acting;
	struct fth_agent *old_agent;
	struct sim_due old_due;
	bool old_frozen;
	bool old_ends;
	uint32_t old_for_ms;
	uint32_t lives;
	uint32_t old_life;
	uint64_t epoch_max;
	int64_t clock_skew_ms;
	uint64_t disk_full_until_us;
	uint32_t fsync_fails;

	struct sim_fault plan[SIM_FAULTS_MAX];
	uint32_t plan_count;
	uint64_t faults_end_us;
	bool faults_over;
	uint32_t resumes;
	bool reverse_asked;
	bool failed;
	char why[SIM_WHY_MAX];
};

extern struct sim sim;

/** sim_act() - from here on it is @whose code that runs; returns whose it was. */
static inline enum sim_whose sim_act(enum sim_whose whose)
{
	enum sim_whose before = sim.acting;

	sim.acting = whose;
	return before;
}

/* world.c: time, chance, trace */
void sim_world_init(const struct sim_options *options);
void sim_world_free(void);
bool sim_world_step(void); /* false: nothing is due any more */
void sim_due_set(struct sim_due *due, uint64_t at_us);
void sim_due_clear(struct sim_due *due);
uint64_t sim_random64(enum sim_random stream);
uint32_t sim_random(enum sim_random stream, uint32_t below);
bool sim_chance(enum sim_random stream, uint32_t percent);
void sim_trace(uint32_t what, uint64_t a, uint64_t b);
void sim_trace_bytes(uint32_t what, const uint8_t *bytes, uint32_t length);
/** sim_fail() - an invariant is violated: the run ends here. */
__attribute__((format(printf, 1, 2))) void sim_fail(const char *format, ...);
__attribute__((format(printf, 1, 2))) void sim_note(const char *format, ...);

/* loop.c */
void sim_loop_free(void);

/* stream.c: bytes between the agent and the guests */
void sim_link_init(struct sim_vm *vm);
void sim_link_write(struct sim_vm *vm, bool to_guest, const uint8_t *bytes, uint32_t length);
void sim_link_break(struct sim_vm *vm, bool tell);
void sim_links_cut(void);    /* the agent's process is gone */
void sim_links_leave(void);  /* it stands still, and its host is cut off */
void sim_links_return(void); /* it notices */

/* guest.c */
void sim_guest_boot(struct sim_vm *vm);
void sim_guest_receive(struct sim_vm *vm, const uint8_t *bytes, uint32_t length);
void sim_guest_reboot(struct sim_vm *vm);
void sim_guest_snapshot(struct sim_vm *vm);
void sim_guest_restore(struct sim_vm *vm);
void sim_guest_free(struct sim_vm *vm);
struct sim_vm *sim_guest_vm(struct sim_guest *guest);

/* guest_patch.c: the patch's life in a guest */
void sim_patch_plan(struct sim_guest *guest);
void sim_patch_emergency(struct sim_vm *vm, uint8_t trigger);
uint16_t sim_patch_apply(struct sim_vm *vm, const struct fth_msg_apply *apply, uint64_t op);
/** sim_patch_means_other() - is this command about another payload than it has? */
bool sim_patch_means_other(const struct sim_guest *guest, const struct fth_msg *msg);
uint16_t sim_patch_reverse(struct sim_vm *vm, uint64_t op);
uint16_t sim_patch_command(struct sim_vm *vm, const struct fth_msg *msg);
void sim_patch_set_state(struct sim_vm *vm, uint8_t event);
void sim_guest_conclude(struct sim_vm *vm, uint64_t op, uint16_t code);
void sim_guest_tell(struct sim_vm *vm, const struct sim_incident *incident, uint8_t kind);
uint64_t sim_guest_uptime_ms(const struct sim_guest *guest);
#define SIM_PATCH "simpatch"

/* payload.c: the modules that there are */
const uint8_t *sim_payload_sha256(uint32_t number);
/** sim_payload_number() - whose hash that is; SIM_PAYLOADS: nobody's. */
uint8_t sim_payload_number(const uint8_t *sha256);
void sim_payload_init(void);
/** sim_guest_ours() - the state of that payload in the guest. */
static inline uint8_t sim_guest_ours(const struct sim_guest *guest, const uint8_t *sha256)
{
	return guest->payload == sim_payload_number(sha256) ? guest->state : FTH_LC_ABSENT;
}

/* disk.c: the files below SQLite */
void sim_disk_init(void);
void sim_disk_clear(void);
void sim_disk_crash(void); /* unsynced bytes are lost, or some of them */
void sim_disk_fork(void);  /* what the old agent sees is its own from now on */
void sim_disk_drop(void);  /* ... and is not needed any more */
bool sim_disk_is_synced(void);

/* agent.c: the process fotherd, and what talks to it */
void sim_agent_init(void);
void sim_agent_start(void);
void sim_agent_reap(void);
void sim_agent_free(void);
void sim_agent_remove_folder(void);
int sim_agent_begin_rollout(void); /* HTTP status; 0: no agent */
extern jmp_buf sim_agent_died;
/** sim_agent_call() - a system call of the agent's; false: it is dead, nothing happens. */
bool sim_agent_call(void);
void sim_agent_kill(uint32_t down_ms);
bool sim_agent_is_alive(uint8_t whose, uint32_t life);
void sim_agent_unlock(void);
int sim_agent_post(const char *path, const char *body); /* HTTP status; 0: no agent */

/* two.c: an agent that stands still, and comes back when another one took over */
void sim_two_begin(uint32_t still_ms, uint32_t then_ms);
void sim_two_end(void);

/* outside.c: libvirt, the operator's programs and servers */
void sim_agent_tell(struct sim_vm *vm); /* what libvirt says of it now */
void sim_agent_gone(struct sim_vm *vm);
void sim_agent_list(void); /* whom it does not name any more is gone */

/** sim_vm_name() - what its domain is called now; SIM_NAME_MAX bytes. */
void sim_vm_name(const struct sim_vm *vm, char *ret_name);
void sim_outside_fork(void); /* the old agent's libvirt */

/* policy.c */
void sim_policy_write(char *text, size_t size);
uint32_t sim_policy_payload_size(void);

/* fault.c */
void sim_plan_make(void);
void sim_plan_start(void);
void sim_plan_end(void);
const char *sim_fault_name(uint8_t kind);
void sim_fault_print(uint32_t number);

/* check.c: the invariants */
void sim_check_init(void);
void sim_check_free(void);
void sim_check_sent(struct sim_vm *vm, const uint8_t *frame, uint32_t length);
void sim_check_restarted(void);
bool sim_check_settled(char *ret_why, size_t size);
void sim_check_confirm_timers(void);
void sim_check_epoch(uint64_t epoch); /* of an agent that begins */
void sim_check_heard(struct sim_vm *vm, uint64_t epoch);
void sim_check_command(struct sim_vm *vm, uint64_t epoch, bool obeyed);

/* check_hand.c: what people were told is so */
enum sim_verb {
	SIM_V_PAUSE = 0,
	SIM_V_RESUME = 1,
	SIM_V_PROMOTE = 2,
	SIM_V_ABORT = 3,
	SIM_V_REVERSE = 4,
	SIM_V_RECALL = 5,
	SIM_V_UNDO = 6,
	SIM_V_FORGET = 7, /* of a VM; the others are of rollouts */
	SIM_VERBS = 8,
};
const char *sim_verb_name(uint8_t verb);
void sim_hand_init(void);
/** sim_hand_verb() - a person asks for it; HTTP status, 0: no agent. */
int sim_hand_verb(uint64_t rollout, enum sim_verb verb);
void sim_hand_allow_all(void);
/** sim_hand_forget() - a person says that the VM of that name is no more. */
void sim_hand_forget(const char *name);
/** sim_hand_forget_replaced() - ... of all that another domain took the place of. */
void sim_hand_forget_replaced(void);
int sim_hand_begin(void);		  /* with whatever payload */
int sim_hand_begin_with(uint8_t payload); /* HTTP status; 0: no agent */
void sim_hand_check_sent(const struct sim_vm *vm, const struct fth_rollout *rollout, uint8_t op,
			 uint32_t number);
void sim_hand_check_history(void);

/* second.c: one payload is recalled, another one follows, and a VM comes back late */
void sim_second_run(void);

/* breaks.c: broken on purpose */
enum sim_break {
	SIM_BREAK_NONE = 0,
	SIM_BREAK_BUDGET = 1,	  /* 1: there is always room */
	SIM_BREAK_EARLY_SEND = 2, /* 2: commands go out before the commit */
	SIM_BREAK_NO_SYNC = 3,	  /* 2: fsync does nothing */
	SIM_BREAK_RECORD = 4,	  /* 3: a field is not in the record */
	SIM_BREAK_UNWRITTEN = 5,  /* 3: some changes are not journalled */
	SIM_BREAK_RECALL = 6,	  /* 4: what is recalled goes out again */
	SIM_BREAK_BLOCK = 7,	  /* 4: blocks are forgotten */
	SIM_BREAK_DEAF = 8,	  /* 5: a guest's new word is not listened to */
	SIM_BREAK_ASLEEP = 9,	  /* 6: nobody wakes the rollout */
	SIM_BREAK_NO_TIMER = 10,  /* 7: a guest does not revert by itself */
	SIM_BREAK_FORGETS = 11,	  /* 7: a guest forgets that it was confirmed */
	SIM_BREAK_CHANCE = 12,	  /* two runs of one seed differ */
	SIM_BREAK_EPOCH = 13,	  /* 8: an agent begins with the epoch of the one before */
	SIM_BREAK_OBEYS = 14,	  /* 8: guests obey an agent that was replaced */
	SIM_BREAK_PAUSE = 15,	  /* 9: a pause is none */
	SIM_BREAK_ANSWER = 16,	  /* 9: people are answered before the commit */
	SIM_BREAK_ALLOWED = 17,	  /* 4: a recall blocks nothing */
	SIM_BREAK_FORGET = 18,	  /* 9: who is forgotten is waited for */
	SIM_BREAK_STRAY = 19,	  /* 6: who comes back with what was recalled keeps it */
	SIM_BREAK_EXCUSE = 20,	  /* 1: who is excused goes on to count */
	SIM_BREAK_IN_WAY = 21,	  /* 6: what is taken back first is a failure */
	SIM_BREAKS = 22,
};
const char *sim_break_name(uint32_t number);
static inline bool sim_broken(uint32_t number)
{
	return sim.options.breaks == number;
}

/* seen.c: what all runs together came by; false: something never */
void sim_seen_add(struct sim_seen *sum, const struct sim_seen *more);
bool sim_seen_print(const struct sim_seen *seen);

/* run.c */
/** sim_run() - one run; true: all invariants held.  Leaves its figures in @sim. */
bool sim_run(const struct sim_options *options);
/** sim_run_until(), sim_run_settle() - let it go on; until it is at its end */
void sim_run_until(uint64_t until_us);
void sim_run_settle(void);
/** sim_plan_draw() - only the plan, as a run of sim_world_init()'s options has it. */
void sim_plan_draw(void);

#endif /* FTH_SIM_H */
