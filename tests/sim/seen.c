// SPDX-License-Identifier: GPL-2.0
/* What the runs came by, and what they never did: a simulator that sees little proves little. */
#include <stdio.h>

#include "core/rollout.h"
#include "sim.h"

void sim_seen_add(struct sim_seen *sum, const struct sim_seen *more)
{
	sum->phases |= more->phases;
	sum->vm_states |= more->vm_states;
	sum->events |= more->events;
	sum->codes |= more->codes;
	sum->faults |= more->faults;
	sum->lifecycle |= more->lifecycle;
	sum->verbs |= more->verbs;
	sum->old |= more->old;
}

static const char *event_name(uint8_t kind)
{
	static const char *const names[] = {
		[FTH_RE_ADD_VM] = "add-vm",	  [FTH_RE_BEGIN] = "begin",
		[FTH_RE_TICK] = "tick",		  [FTH_RE_SEEN] = "seen",
		[FTH_RE_LOST] = "lost",		  [FTH_RE_RESULT] = "result",
		[FTH_RE_PAUSE] = "pause",	  [FTH_RE_RESUME] = "resume",
		[FTH_RE_REVERSE] = "reverse",	  [FTH_RE_HEARTBEAT] = "heartbeat",
		[FTH_RE_EMERGENCY] = "emergency", [FTH_RE_PROMOTE] = "promote",
		[FTH_RE_ABORT] = "abort",	  [FTH_RE_HEALTH] = "health",
		[FTH_RE_CLOCK] = "clock",	  [FTH_RE_RENAME] = "rename",
		[FTH_RE_FORGET] = "forget",
	};

	return kind < sizeof(names) / sizeof(*names) && names[kind] ? names[kind] : "?";
}

static bool print(const char *what, uint64_t seen, const char *(*name)(uint8_t number))
{
	bool complete = true;
	const char *text;
	uint8_t number;

	printf("sim: %s:", what);
	for (number = 0; number < 64; number++) {
		text = name(number);
		if (text[0] == '?')
			continue;
		printf(" %s%s", seen >> number & 1 ? "" : "NEVER:", text);
		complete &= seen >> number & 1;
	}
	putchar('\n');
	return complete;
}

/* What an honest guest of the simulator never answers. */
static const char *code_name(uint8_t code)
{
	switch (code) {
	case FTH_E_MALFORMED:
	case FTH_E_UNSUPPORTED:
	case FTH_E_TOO_LARGE:
	case FTH_E_BAD_HASH:
	case FTH_E_WRONG_KERNEL:
	case FTH_E_SYMBOL_AMBIGUOUS:
	case FTH_E_NOT_TRACEABLE:
	case FTH_E_OWNED:
	case FTH_E_INTERNAL:
	case FTH_E_UNSIGNED:
	case FTH_E_BAD_SIGNATURE:
	case FTH_E_WRONG_VM:
	case FTH_E_STALE_SIGNATURE:
		return "?";
	default:
		return code <= FTH_E_STALE_SIGNATURE ? fth_error_name(code) : "?";
	}
}

static const char *old_name(uint8_t number)
{
	static const char *const names[] = {
		[SIM_OLD_GREETED] = "greets who knows better",
		[SIM_OLD_REFUSED] = "is refused",
		[SIM_OLD_OBEYED] = "is obeyed by who can't know",
	};

	return number < sizeof(names) / sizeof(*names) ? names[number] : "?";
}

bool sim_seen_print(const struct sim_seen *seen)
{
	bool complete = true;

	complete &= print("phases", seen->phases, fth_rollout_phase_name);
	complete &= print("VMs", seen->vm_states, fth_rollout_vm_state_name);
	complete &= print("events", seen->events, event_name);
	complete &= print("results", seen->codes, code_name);
	complete &= print("guests", seen->lifecycle, fth_lifecycle_name);
	complete &= print("faults", seen->faults, sim_fault_name);
	complete &= print("people", seen->verbs, sim_verb_name);
	complete &= print("an old agent", seen->old, old_name);
	return complete;
}
