// SPDX-License-Identifier: GPL-2.0
/* Tables: lifecycle, session, models, policy words, result codes. */
#include "vectors.h"

#include "fother/errors.h"
#include "fother/lifecycle.h"
#include "fother/session.h"

#include "bytes.h"

#define NONE 0xff

static void check_lifecycle(struct fth_vectors *vectors)
{
	/* clang-format off */
	static const uint8_t next[FTH_LC_STATES][FTH_LC_EVENTS] = {
		/*	     stage adopt apply fail compl rever confi force unsta */
		/* absent */ { 1,  2,    NONE, NONE, NONE, NONE, NONE, NONE, NONE },
		/* staged */ { 1,  NONE, 2,    NONE, NONE, NONE, NONE, NONE, 0 },
		/* apply. */ { NONE, NONE, NONE, 1,  3,    5,    NONE, 3,    NONE },
		/* soaking */ { NONE, NONE, NONE, NONE, NONE, 5, 4,    NONE, NONE },
		/* applied */ { NONE, NONE, NONE, NONE, NONE, 5, NONE, NONE, NONE },
		/* revert. */ { NONE, NONE, NONE, NONE, 1, 2,    NONE, 1,    NONE },
	};
	/* clang-format on */
	static const char *const names[] = { "absent",	"staged",  "applying",
					     "soaking", "applied", "reverting" };

	for (unsigned int state = 0; state < 256; state++) {
		for (unsigned int event = 0; event < 256; event++) {
			bool inside = state < FTH_LC_STATES && event < FTH_LC_EVENTS;
			uint8_t want = inside ? next[state][event] : NONE;
			uint8_t got = NONE;
			int error = fth_lifecycle_step(state, event, &got);

			fth_vectors_check(vectors,
					  got == want && error == (want == NONE ? -EINVAL : 0),
					  "lifecycle: pair of state and event");
		}
		fth_vectors_check(vectors,
				  !strcmp(fth_lifecycle_name(state),
					  state < FTH_LC_STATES ? names[state] : "?"),
				  "lifecycle: name");
		fth_vectors_check(vectors,
				  fth_lifecycle_in_transition(state) == (state == 2 || state == 5),
				  "lifecycle: in transition");
	}
}

#define NO_ROW             \
	{                  \
		NONE, NONE \
	}
#define STEP(next, action)                     \
	{                                      \
		FTH_SS_##next, FTH_SS_##action \
	}

/* clang-format off */
static const uint8_t steps[2][FTH_SS_STATES][FTH_SS_EVENTS][2] = {
	[FTH_SIDE_HOST] = {
		[FTH_SS_DOWN] = {
			[FTH_SS_EV_UP] = STEP(GREETING, SEND_HELLO),
			[FTH_SS_EV_LOST] = STEP(DOWN, NONE),
			[FTH_SS_EV_HELLO] = NO_ROW,
			[FTH_SS_EV_ACK] = STEP(DOWN, DROP),
			[FTH_SS_EV_FRAME] = STEP(DOWN, DROP),
			[FTH_SS_EV_STALE] = STEP(DOWN, DROP),
			[FTH_SS_EV_TICK] = NO_ROW,
			[FTH_SS_EV_SILENT] = NO_ROW,
		},
		[FTH_SS_GREETING] = {
			[FTH_SS_EV_UP] = NO_ROW,
			[FTH_SS_EV_LOST] = STEP(DOWN, CLOSED),
			[FTH_SS_EV_HELLO] = NO_ROW,
			[FTH_SS_EV_ACK] = STEP(OPEN, OPENED),
			[FTH_SS_EV_FRAME] = STEP(GREETING, DROP),
			[FTH_SS_EV_STALE] = STEP(GREETING, DROP),
			[FTH_SS_EV_TICK] = STEP(GREETING, SEND_HELLO),
			[FTH_SS_EV_SILENT] = STEP(DOWN, REOPEN),
		},
		[FTH_SS_OPEN] = {
			[FTH_SS_EV_UP] = NO_ROW,
			[FTH_SS_EV_LOST] = STEP(DOWN, CLOSED),
			[FTH_SS_EV_HELLO] = NO_ROW,
			[FTH_SS_EV_ACK] = STEP(OPEN, NONE),
			[FTH_SS_EV_FRAME] = STEP(OPEN, DELIVER),
			[FTH_SS_EV_STALE] = STEP(OPEN, DROP),
			[FTH_SS_EV_TICK] = STEP(OPEN, NONE),
			[FTH_SS_EV_SILENT] = STEP(DOWN, REOPEN),
		},
	},
	[FTH_SIDE_GUEST] = {
		[FTH_SS_DOWN] = {
			[FTH_SS_EV_UP] = STEP(GREETING, NONE),
			[FTH_SS_EV_LOST] = STEP(DOWN, NONE),
			[FTH_SS_EV_HELLO] = STEP(OPEN, OPENED),
			[FTH_SS_EV_ACK] = NO_ROW,
			[FTH_SS_EV_FRAME] = STEP(DOWN, DROP),
			[FTH_SS_EV_STALE] = STEP(DOWN, DROP),
			[FTH_SS_EV_TICK] = NO_ROW,
			[FTH_SS_EV_SILENT] = NO_ROW,
		},
		[FTH_SS_GREETING] = {
			[FTH_SS_EV_UP] = STEP(GREETING, NONE),
			[FTH_SS_EV_LOST] = STEP(DOWN, CLOSED),
			[FTH_SS_EV_HELLO] = STEP(OPEN, OPENED),
			[FTH_SS_EV_ACK] = NO_ROW,
			[FTH_SS_EV_FRAME] = STEP(GREETING, DROP),
			[FTH_SS_EV_STALE] = STEP(GREETING, DROP),
			[FTH_SS_EV_TICK] = NO_ROW,
			[FTH_SS_EV_SILENT] = NO_ROW,
		},
		[FTH_SS_OPEN] = {
			[FTH_SS_EV_UP] = STEP(OPEN, NONE),
			[FTH_SS_EV_LOST] = STEP(DOWN, CLOSED),
			[FTH_SS_EV_HELLO] = STEP(OPEN, OPENED),
			[FTH_SS_EV_ACK] = NO_ROW,
			[FTH_SS_EV_FRAME] = STEP(OPEN, DELIVER),
			[FTH_SS_EV_STALE] = STEP(OPEN, DROP),
			[FTH_SS_EV_TICK] = NO_ROW,
			[FTH_SS_EV_SILENT] = NO_ROW,
		},
	},
};
/* clang-format on */

/* The nonce that a step must leave, coming from 7 with 9 on offer. */
static uint64_t nonce_after(uint8_t side, uint8_t event, uint8_t next)
{
	if (event == (side == FTH_SIDE_HOST ? FTH_SS_EV_UP : FTH_SS_EV_HELLO))
		return 9;
	return next == FTH_SS_DOWN ? 0 : 7;
}

static bool step_is_good(uint8_t side, uint8_t state, unsigned int event, const uint8_t *want)
{
	struct fth_session session = { .side = side, .state = state, .nonce = 7, .tx_seq = 5 };
	struct fth_session before = session;
	uint8_t action = NONE;
	int error = fth_session_step(&session, event, 9, &action);
	uint64_t nonce;

	if (want[0] == NONE)
		return error == -EINVAL && action == NONE && session.state == before.state &&
		       session.nonce == before.nonce && session.tx_seq == before.tx_seq &&
		       session.dropped == 0;
	nonce = nonce_after(side, event, want[0]);
	return !error && action == want[1] && session.state == want[0] && session.nonce == nonce &&
	       session.tx_seq == (nonce == 7 ? 5 : 0) && session.dropped == (action == FTH_SS_DROP);
}

static void check_session(struct fth_vectors *vectors)
{
	static const uint8_t no_row[2] = NO_ROW;

	for (unsigned int side = 0; side < 2; side++)
		for (unsigned int state = 0; state < FTH_SS_STATES; state++)
			for (unsigned int event = 0; event < 256; event++)
				fth_vectors_check(vectors,
						  step_is_good(side, state, event,
							       event < FTH_SS_EVENTS
								       ? steps[side][state][event]
								       : no_row),
						  side == FTH_SIDE_HOST ? "session: host's step"
									: "session: guest's step");
}

/* A HELLO that was repeated goes on with its session, a fresh one does not. */
static void check_session_count(struct fth_vectors *vectors)
{
	struct fth_session session = { .side = FTH_SIDE_GUEST, .state = FTH_SS_OPEN };
	uint8_t action = NONE;
	int error;

	session.nonce = 7;
	session.tx_seq = 5;
	error = fth_session_step(&session, FTH_SS_EV_HELLO, 7, &action);
	fth_vectors_check(vectors, !error && session.tx_seq == 5, "session: repeated HELLO");
	error = fth_session_step(&session, FTH_SS_EV_HELLO, 8, &action);
	fth_vectors_check(vectors, !error && session.tx_seq == 0, "session: fresh HELLO");
	error = fth_session_step(&session, FTH_SS_EV_HELLO, 0, &action);
	fth_vectors_check(vectors, error == -EINVAL && session.nonce == 8,
			  "session: HELLO without a nonce");
}

static uint8_t want_event(uint8_t side, unsigned int type, bool ours)
{
	uint8_t sender = type >= 64 ? FTH_SIDE_GUEST : FTH_SIDE_HOST;

	if (type == 0 || (type != FTH_T_HEARTBEAT && sender == side))
		return FTH_SS_EV_STALE;
	if (type == FTH_T_HELLO)
		return FTH_SS_EV_HELLO;
	if (!ours)
		return FTH_SS_EV_STALE;
	return type == FTH_T_HELLO_ACK ? FTH_SS_EV_ACK : FTH_SS_EV_FRAME;
}

static void check_session_frames(struct fth_vectors *vectors)
{
	for (unsigned int side = 0; side < 2; side++) {
		struct fth_session session;

		fth_session_init(&session, side);
		for (unsigned int type = 0; type < 256; type++) {
			session.nonce = 7;
			fth_vectors_check(vectors,
					  fth_session_frame_event(&session, type, 7) ==
						  want_event(side, type, true),
					  "session: frame with its nonce");
			fth_vectors_check(vectors,
					  fth_session_frame_event(&session, type, 8) ==
						  want_event(side, type, false),
					  "session: frame with another nonce");
			session.nonce = 0;
			fth_vectors_check(vectors,
					  fth_session_frame_event(&session, type, 0) ==
						  FTH_SS_EV_STALE,
					  "session: frame without a nonce");
		}
	}
}

static void check_models(struct fth_vectors *vectors)
{
	/* by leave and switch */
	static const bool filled[4][4] = {
		{ false, false, false, false },
		{ false, true, false, false },
		{ false, false, true, true },
		{ false, false, true, true },
	};
	/* leave and switch for the flags in-thread (1) and in-time (2) */
	static const uint8_t flags[4][2] = { { 1, 1 }, { 3, 2 }, { 2, 3 }, { 3, 3 } };

	for (unsigned int leave = 0; leave < 256; leave++) {
		for (unsigned int switches = 0; switches < 256; switches++) {
			bool good = leave < 4 && switches < 4 && filled[leave][switches];
			const char *why = NULL;
			int error = fth_model_check(leave, switches, &why);

			fth_vectors_check(vectors, error == (good ? 0 : -EINVAL) && !why == good,
					  "model: cell of the table");
		}
	}
	for (unsigned int i = 0; i < 4; i++) {
		uint8_t leave = 0;
		uint8_t switches = 0;

		fth_model_from_flags(i & 1, i & 2, &leave, &switches);
		fth_vectors_check(vectors, leave == flags[i][0] && switches == flags[i][1],
				  "model: flags");
	}
}

/**
 * struct word_vector - a set of words
 * @name: under test
 * @parse: under test
 * @words: expected, from number 1 on, or as bits
 * @count: of them
 * @bits: numbers are bits
 */
struct word_vector {
	const char *(*name)(uint32_t number);
	int (*parse)(struct fth_span word);
	const char *words[10];
	uint8_t count;
	bool bits;
};

static const struct word_vector word_sets[] = {
	{ fth_leave_name, fth_leave_parse, { "function", "patched-set", "kernel" }, 3, false },
	{ fth_switch_name, fth_switch_parse, { "function", "thread", "kernel" }, 3, false },
	{ fth_on_deadline_name,
	  fth_on_deadline_parse,
	  { "reverse", "freeze", "force", "wait" },
	  4,
	  false },
	{ fth_freeze_use_name, fth_freeze_use_parse, { "if-needed", "always", "never" }, 3, false },
	{ fth_freeze_way_name, fth_freeze_way_parse, { "park", "kernel" }, 2, false },
	{ fth_revert_mode_name,
	  fth_revert_mode_parse,
	  { "consistent", "immediate", "consistent-then-immediate" },
	  3,
	  false },
	{ fth_revert_on_name,
	  fth_revert_on_parse,
	  { "oops", "warn", "soft-lockup", "hung-task", "host-loss", "oops-in-patch",
	    "warn-in-patch" },
	  7,
	  true },
	{ fth_nudge_timed_name,
	  fth_nudge_timed_parse,
	  { "restart", "interrupt", "wait" },
	  3,
	  false },
	{ fth_trigger_name,
	  fth_trigger_parse,
	  { "unconfirmed", "oops", "warn", "soft-lockup", "hung-task", "host-loss", "sysfs",
	    "sysrq", "host", "panic" },
	  10,
	  false },
};

static void check_words(struct fth_vectors *vectors, const struct word_vector *set)
{
	struct fth_span word = { .data = NULL, .length = 0 };

	fth_vectors_check(vectors, set->parse(word) == -EINVAL, "words: empty");
	for (uint32_t i = 0; i < set->count; i++) {
		int number = set->bits ? 1 << i : (int)i + 1;

		word.data = (const uint8_t *)set->words[i];
		word.length = (uint32_t)strlen(set->words[i]);
		fth_vectors_check(vectors, set->parse(word) == number, set->words[i]);
		fth_vectors_check(vectors, !strcmp(set->name(number), set->words[i]),
				  set->words[i]);
		word.length--;
		fth_vectors_check(vectors, set->parse(word) == -EINVAL, "words: cut short");
		word.length += 2; /* its NUL as well */
		fth_vectors_check(vectors, set->parse(word) == -EINVAL, "words: too long");
	}
	fth_vectors_check(vectors,
			  !strcmp(set->name(0), set->name == fth_trigger_name ? "none" : "?"),
			  "words: number 0");
	fth_vectors_check(vectors,
			  !strcmp(set->name(set->bits ? 1u << set->count : set->count + 1u), "?"),
			  "words: number after the last");
}

static void check_policy(struct fth_vectors *vectors)
{
	struct fth_guest_policy *policy = &vectors->expected.u.apply.policy;
	const char *why = NULL;

	memset(policy, 0xff, sizeof(*policy));
	fth_policy_set_defaults(policy);
	fth_vectors_check(vectors, !fth_policy_check(policy, &why) && !why,
			  "policy: defaults are in range");
	fth_vectors_check(vectors,
			  fth_policy_needs(policy) ==
				  (FTH_CAP_MODEL_DEFAULT | FTH_CAP_DEADLINE_REVERSE |
				   FTH_CAP_NUDGE | FTH_CAP_CONFIRM | FTH_CAP_STOP_MAX),
			  "policy: what the defaults need");
	for (uint32_t i = 0; i < FTH_COUNT_OF(word_sets); i++)
		check_words(vectors, &word_sets[i]);
}

static void check_errors(struct fth_vectors *vectors)
{
	fth_vectors_check(vectors, !strcmp(fth_error_name(FTH_E_STALE_EPOCH), "stale_epoch"),
			  "errors: name");
	fth_vectors_check(vectors,
			  !strcmp(fth_error_name(FTH_E_STALE_SIGNATURE), "stale_signature"),
			  "errors: last name");
	fth_vectors_check(vectors, fth_error_retryable(1) && !fth_error_retryable(2),
			  "errors: retryable");
	fth_vectors_check(vectors, !strcmp(fth_error_name(26), "unknown"), "errors: unknown");
	fth_vectors_check(vectors, !fth_error_retryable(0xffff), "errors: last number");
}

void fth_vectors_tables(struct fth_vectors *vectors)
{
	check_lifecycle(vectors);
	check_session(vectors);
	check_session_count(vectors);
	check_session_frames(vectors);
	check_models(vectors);
	check_policy(vectors);
	check_errors(vectors);
}
