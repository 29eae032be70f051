/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the rollout machine share; nobody else includes this. */
#ifndef FTH_CORE_ROLLOUT_INTERNAL_H
#define FTH_CORE_ROLLOUT_INTERNAL_H

#include "core/rollout.h"
#include "core/text.h"

#define FTH_VM_NONE 0xffffffffu
#define FTH_NEVER_MS UINT64_MAX
#define FTH_TAINT_DIE (1ull << 7)
#define FTH_TAINT_WARN (1ull << 9)

/* How a VM counts for its wave; on the way back, for the recall. */
enum fth_rollout_class {
	FTH_CLASS_NONE = 0,
	FTH_CLASS_BUSY = 1,	 /* an op to patch it is in flight, in whatever wave */
	FTH_CLASS_SOAKING = 2,	 /* soaking or confirming, in whatever wave */
	FTH_CLASS_HELD_BUSY = 3, /* one of these two, and inconclusive */
	FTH_CLASS_WAITING = 4,	 /* from here on: nothing goes on with it */
	FTH_CLASS_HELD = 5,	 /* inconclusive */
	FTH_CLASS_HEALTHY = 6,	 /* patched and confirmed by this rollout */
	FTH_CLASS_FAILED = 7,
	FTH_CLASS_DEFERRED = 8,
	FTH_CLASS_MOVING = 9, /* back: it needs no more than what time or answers bring */
	FTH_CLASS_STUCK = 10, /* back: unreachable, or refuses for good */
	FTH_CLASS_FOUND = 11, /* has the patch, and nothing was sent to it: proves nothing */
};

#define FTH_MARK_SILENT (1u << 0)   /* UNKNOWN */
#define FTH_MARK_AWAY (1u << 1)	    /* of the current wave, DEFERRED or FORGOTTEN */
#define FTH_MARK_STAND_IN (1u << 2) /* of a later wave, there and waiting */
#define FTH_MARK_IDLE (1u << 3)	    /* WAITING or DEFERRED */
#define FTH_MARK_TO_COME (1u << 4)  /* of a later wave, and may yet be a stand-in */
#define FTH_MARK_FREE (1u << 5)	    /* FORGOTTEN; also on the way back */

/* Which budget of what is in flight. */
enum fth_rollout_budget {
	FTH_BUDGET_NONE = 0,
	FTH_BUDGET_FLEET = 1,
	FTH_BUDGET_HOST = 2,
	FTH_BUDGET_GROUP = 3,
};

/**
 * struct fth_rollout_run - one step under way
 * @rollout, @event, @actions: the caller's
 * @vm: the event's, or NULL
 * @wake_ms: earliest time that is due, besides those of the agenda; 0 = none
 * @short_of_room: an action did not fit
 *
 * Every change of the state goes along with actions->changed = true: replay
 * sees only the events that changed something.
 */
struct fth_rollout_run {
	struct fth_rollout *rollout;
	const struct fth_rollout_event *event;
	struct fth_rollout_actions *actions;
	struct fth_rollout_vm *vm;
	uint64_t wake_ms;
	bool short_of_room;
};

/* What a VM's own text is formatted into; marks the state as changed. */
#define fth_vm_explain(run, vm, ...)                                  \
	do {                                                          \
		fth_text_format((vm)->why, FTH_WHY_MAX, __VA_ARGS__); \
		(run)->actions->changed = true;                       \
	} while (0)

/* rollout_vm.c: one VM's fields */
bool fth_op_is_forward(uint8_t op);
bool fth_vm_is_patched(uint8_t guest_state);
bool fth_vm_lacks_effect(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
uint64_t fth_rollout_patience_ms(const struct fth_rollout *rollout);
void fth_vm_enter(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t state);
uint64_t fth_vm_soaked_ms(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
uint64_t fth_vm_answer_ms(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
int fth_rollout_jump(struct fth_rollout_run *run);
void fth_vm_set_op(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t op);
bool fth_vm_send(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t op);
void fth_vm_check_answer(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_set_inconclusive(struct fth_rollout_run *run, struct fth_rollout_vm *vm,
			     bool inconclusive);
void fth_vm_fail(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_check_health(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
bool fth_vm_gave_up(const struct fth_rollout_vm *vm);
bool fth_vm_may_retry(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_watch_apply(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_unwatch_apply(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_applied(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_confirmed(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_gone(struct fth_rollout_run *run, struct fth_rollout_vm *vm, bool rebooted,
		 bool restored);
void fth_vm_blocked(struct fth_rollout_run *run, struct fth_rollout_vm *vm, const char *what);
void fth_vm_allowed(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_heard(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_clean(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_run_say(struct fth_rollout_run *run, const char *subject, const char *text);
void fth_run_note_due(struct fth_rollout_run *run, uint64_t due_ms);

/* rollout_health.c: checks of VMs and of waves */
bool fth_run_check(struct fth_rollout_run *run, uint32_t vm_index);
void fth_vm_watch(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
/* Did all pass in one round?  If not, one is begun where none is under way. */
bool fth_vm_checks_passed(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_checks_end(struct fth_rollout_vm *vm);
/* Out of reach after its soak: is its hypervisor to be asked whether it crashed? */
bool fth_vm_asks_host(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
void fth_vm_ask_host(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_host_asked_end(struct fth_rollout_vm *vm);
int fth_run_health(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_wave_checks_begin(struct fth_rollout *rollout);
uint8_t fth_wave_checks(struct fth_rollout_run *run); /* enum fth_verdict */

/* rollout_seen.c, rollout_result.c: what guests say */
void fth_vm_seen(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_lost(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_heartbeat(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_emergency(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_result(struct fth_rollout_run *run, struct fth_rollout_vm *vm);

/* rollout_budget.c */
const struct fth_in_flight *fth_budget_limits(const struct fth_rollout *rollout);
bool fth_budget_has_room(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
			 uint8_t budget);
uint8_t fth_budget_full(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
void fth_vm_tried(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
bool fth_budget_spent(const struct fth_rollout *rollout, char *ret_why);

/*
 * rollout_agenda.c: which VM is due next.  It knows of a VM's fields only what it
 * was told: fth_agenda_settle() for a VM that a pass changed (the event's VM is
 * settled by the step itself), fth_agenda_rebuild(), O(fleet), after a change of
 * more than that: of many VMs, of the phase's direction, of the wave, of the
 * policy.  What a pass waits for in a VM stands in fth_agenda_sum_up().
 */
void fth_agenda_sum_up(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		       uint64_t now_ms, struct fth_rollout_node *ret_node, uint8_t *ret_class);
void fth_agenda_update(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_agenda_settle(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_agenda_rebuild(struct fth_rollout_run *run);
/* Each that is due, the first in the order of the plan first, as long as there is room. */
void fth_agenda_serve_all(struct fth_rollout_run *run,
			  void (*serve)(struct fth_rollout_run *run, struct fth_rollout_vm *vm));
/* The first in the order of the plan, or NULL. */
struct fth_rollout_vm *fth_agenda_start(const struct fth_rollout *rollout, uint64_t now_ms);
struct fth_rollout_vm *fth_agenda_marked(const struct fth_rollout *rollout, uint32_t mark);
const struct fth_rollout_node *fth_agenda_root(const struct fth_rollout *rollout);
uint32_t fth_agenda_count(const struct fth_rollout *rollout, uint8_t class, uint32_t wave);
uint32_t fth_agenda_count_until(const struct fth_rollout *rollout, uint8_t class, uint32_t wave);

/* rollout_room.c: VMs that wait for room in a budget */
/* Is there room for @vm?  If not, it waits for it from now on. */
bool fth_room_take(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_room_leave(struct fth_rollout *rollout, struct fth_rollout_vm *vm);
/* Where @vm's fleet, host and group have room, the first that waits for it is due. */
void fth_room_call(struct fth_rollout_run *run, const struct fth_rollout_vm *vm);
void fth_room_clear(struct fth_rollout *rollout);

/* rollout_forward.c, rollout_reverse.c: what is to be done next */
void fth_rollout_advance(struct fth_rollout_run *run);
bool fth_rollout_is_forward(const struct fth_rollout *rollout);
/* The phase; that which a pause interrupted. */
uint8_t fth_rollout_phase_beneath(const struct fth_rollout *rollout);
void fth_rollout_begin_reverse(struct fth_rollout_run *run, const char *why, bool recall);
void fth_rollout_reverse_pass(struct fth_rollout_run *run);
void fth_rollout_next_wave(struct fth_rollout_run *run);
void fth_rollout_close_gate(struct fth_rollout_run *run);
void fth_rollout_set_phase(struct fth_rollout_run *run, uint8_t phase, const char *why);

/* rollout_recall.c */
void fth_recall_begin(struct fth_rollout_run *run, bool recall);
void fth_recall_note_back(struct fth_rollout_run *run, const struct fth_rollout_vm *vm);
/* It is found to have the patch on the way back; it has gone for good. */
void fth_recall_note_found(struct fth_rollout_run *run, const struct fth_rollout_vm *vm);
void fth_recall_note_gone(struct fth_rollout_run *run, const struct fth_rollout_vm *vm);

/* rollout_roster.c: who is in it, and under which name */
int fth_rollout_add_vm(struct fth_rollout_run *run);
int fth_rollout_rename_vm(struct fth_rollout_run *run);
int fth_rollout_forget_vm(struct fth_rollout_run *run);

/* rollout_verbs.c: what people ask for */
/* "by request of 'ann': it is too slow"; @ret_text has FTH_WHY_MAX bytes. */
void fth_run_by_request(const struct fth_rollout_run *run, char *ret_text);
int fth_rollout_pause(struct fth_rollout_run *run);
int fth_rollout_resume(struct fth_rollout_run *run);
int fth_rollout_promote(struct fth_rollout_run *run);
int fth_rollout_abort(struct fth_rollout_run *run);
int fth_rollout_reverse(struct fth_rollout_run *run);
bool fth_rollout_is_aborted(const struct fth_rollout *rollout);
void fth_rollout_end_abort(struct fth_rollout_run *run);

/* rollout_index.c */
uint32_t fth_index_find(const struct fth_rollout *rollout, uint32_t index, const char *text);
void fth_index_add(struct fth_rollout *rollout, uint32_t vm_index);
/* After a VM changed its host or group: O(fleet), but migrations are rare. */
void fth_index_rebuild(struct fth_rollout *rollout);

#endif /* FTH_CORE_ROLLOUT_INTERNAL_H */
