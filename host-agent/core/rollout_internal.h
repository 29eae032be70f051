/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the rollout machine share; nobody else includes this. */
#ifndef FTH_CORE_ROLLOUT_INTERNAL_H
#define FTH_CORE_ROLLOUT_INTERNAL_H

#include "core/rollout.h"
#include "core/text.h"

#define FTH_VM_NONE 0xffffffffu
#define FTH_TAINT_DIE (1ull << 7)
#define FTH_TAINT_WARN (1ull << 9)

/**
 * struct fth_rollout_run - one step under way
 * @rollout, @event, @actions: the caller's
 * @wake_ms: earliest time that a pass found to be due, 0 = none
 * @short_of_room: an action did not fit
 *
 * Every change of the state goes along with actions->changed = true: replay
 * sees only the events that changed something.
 */
struct fth_rollout_run {
	struct fth_rollout *rollout;
	const struct fth_rollout_event *event;
	struct fth_rollout_actions *actions;
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
bool fth_vm_is_patched(uint8_t guest_state);
bool fth_vm_lacks_effect(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
uint64_t fth_rollout_patience_ms(const struct fth_rollout *rollout);
void fth_vm_enter(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t state);
uint64_t fth_vm_soaked_ms(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm);
void fth_vm_set_op(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t op);
bool fth_vm_send(struct fth_rollout_run *run, struct fth_rollout_vm *vm, uint8_t op);
void fth_vm_check_answer(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_set_inconclusive(struct fth_rollout_run *run, struct fth_rollout_vm *vm,
			     bool inconclusive);
void fth_vm_fail(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_check_health(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
bool fth_vm_may_retry(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_applied(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_confirmed(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_gone(struct fth_rollout_run *run, struct fth_rollout_vm *vm, bool rebooted,
		 bool restored);
void fth_vm_blocked(struct fth_rollout_run *run, struct fth_rollout_vm *vm, const char *what);
void fth_vm_allowed(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_clean(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_run_say(struct fth_rollout_run *run, const char *subject, const char *text);
void fth_run_note_due(struct fth_rollout_run *run, uint64_t due_ms);

/* rollout_health.c: checks of VMs and of waves */
bool fth_run_check(struct fth_rollout_run *run, uint32_t vm_index);
void fth_vm_watch(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
/* Did all pass in one round?  If not, one is begun where none is under way. */
bool fth_vm_checks_passed(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_vm_checks_end(struct fth_rollout_vm *vm);
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
bool fth_budget_allows(const struct fth_rollout *rollout, const struct fth_rollout_vm *vm,
		       const struct fth_in_flight *limits);
void fth_vm_tried(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
bool fth_budget_spent(const struct fth_rollout *rollout, char *ret_why);
bool fth_budget_window_open(const struct fth_policy *policy, uint64_t now_ms,
			    uint64_t *ret_opens_ms);

/* rollout_forward.c, rollout_reverse.c: what is to be done next */
void fth_rollout_advance(struct fth_rollout_run *run);
bool fth_rollout_is_forward(const struct fth_rollout *rollout);
void fth_rollout_begin_reverse(struct fth_rollout_run *run, const char *why);
void fth_rollout_reverse_pass(struct fth_rollout_run *run);
void fth_rollout_set_phase(struct fth_rollout_run *run, uint8_t phase, const char *why);

/* rollout_verbs.c: what people ask for */
int fth_rollout_pause(struct fth_rollout_run *run);
int fth_rollout_resume(struct fth_rollout_run *run);
int fth_rollout_promote(struct fth_rollout_run *run);
int fth_rollout_abort(struct fth_rollout_run *run);
int fth_rollout_reverse(struct fth_rollout_run *run);
bool fth_rollout_is_aborted(const struct fth_rollout *rollout);
bool fth_vm_leave_alone(struct fth_rollout_run *run, struct fth_rollout_vm *vm);
void fth_rollout_end_abort(struct fth_rollout_run *run);

/* rollout_index.c */
uint32_t fth_index_find(const struct fth_rollout *rollout, uint32_t index, const char *text);
void fth_index_add(struct fth_rollout *rollout, uint32_t vm_index);
/* After a VM changed its host or group: O(fleet), but migrations are rare. */
void fth_index_rebuild(struct fth_rollout *rollout);

#endif /* FTH_CORE_ROLLOUT_INTERNAL_H */
