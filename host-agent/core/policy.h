/* SPDX-License-Identifier: GPL-2.0 */
/* A policy file as a value: ranges, defaults, rules across fields. */
#ifndef FTH_CORE_POLICY_H
#define FTH_CORE_POLICY_H

#include "fother/consistency.h"
#include "fother/types.h"

/* Limits; strings in bytes without NUL, lists in entries. */
#define FTH_POLICY_PATH_MAX 4095u
#define FTH_POLICY_PATTERN_MAX 127u
#define FTH_POLICY_PATTERNS_MAX 64u
#define FTH_POLICY_WAVES_MAX 16u
#define FTH_POLICY_WINDOWS_MAX 8u
#define FTH_POLICY_ARGS_MAX 16u
#define FTH_POLICY_ARG_MAX 255u
#define FTH_POLICY_URL_MAX 1023u
#define FTH_POLICY_WHY_MAX 256u
#define FTH_POLICY_KEY_MAX 96u

struct fth_pattern {
	char text[FTH_POLICY_PATTERN_MAX + 1]; /* shell pattern: * ? [] */
};

struct fth_patterns {
	uint32_t count; /* 0 matches everything */
	struct fth_pattern entries[FTH_POLICY_PATTERNS_MAX];
};

/* A count, or a share of the VMs selected, rounded up. */
struct fth_share {
	bool percent; /* @value is in hundredths of a percent: 1 % = 100 */
	uint32_t value;
};

enum fth_gate {
	FTH_GATE_AUTO = 1,
	FTH_GATE_MANUAL = 2
};
enum fth_failures_then {
	FTH_THEN_REVERSE = 1,
	FTH_THEN_PAUSE = 2
};

/* In-flight budgets, VMs; 0 = no limit of this kind. */
struct fth_in_flight {
	uint32_t fleet;
	uint32_t host;
	uint32_t group;
};

/* What the agent looks at on a rollout's word; sets are bits 1 << check. */
enum fth_check {
	FTH_CHECK_VCPU_PROGRESS = 0, /* health.host */
	FTH_CHECK_DOMAIN_STATE = 1,
	FTH_CHECK_IO_PROGRESS = 2,
	FTH_CHECK_MEMORY = 3,
	FTH_CHECK_COMMAND = 4, /* health.command, .http: of each VM */
	FTH_CHECK_HTTP = 5,
	FTH_CHECK_WAVE_COMMAND = 6, /* health.wave-command, .wave-http: of a wave */
	FTH_CHECK_WAVE_HTTP = 7,
	FTH_CHECKS = 8,
};

#define FTH_CHECKS_OF_HOST 0x0fu
#define FTH_CHECKS_OF_WAVE 0xc0u

/* What a check found; what can't be told is never a pass. */
enum fth_verdict {
	FTH_VERDICT_PASS = 1,
	FTH_VERDICT_FAIL = 2,
	FTH_VERDICT_INCONCLUSIVE = 3,
};

#define FTH_HEALTH_GUEST_OOPS (1u << 0)
#define FTH_HEALTH_GUEST_WARN (1u << 1)
#define FTH_HEALTH_GUEST_EFFECT (1u << 2)
#define FTH_HEALTH_HOST_VCPU_PROGRESS (1u << FTH_CHECK_VCPU_PROGRESS)
#define FTH_HEALTH_HOST_DOMAIN_STATE (1u << FTH_CHECK_DOMAIN_STATE)
#define FTH_HEALTH_HOST_IO_PROGRESS (1u << FTH_CHECK_IO_PROGRESS)
#define FTH_HEALTH_HOST_MEMORY (1u << FTH_CHECK_MEMORY)

#define FTH_WINDOW_DAYS_ALL 0x7fu

/**
 * struct fth_window - a time of the week in which VMs may be patched, UTC
 * @days: on which it begins; bit 0 is Monday
 * @from_min, @to_min: since 00:00; past midnight where @to_min is before @from_min
 */
struct fth_window {
	uint8_t days;
	uint16_t from_min;
	uint16_t to_min;
};

/**
 * struct fth_policy - a whole policy
 *
 * Every field is set: from the file or by its default.  Times in ms unless
 * named otherwise.  Source: DESIGN section 9.
 */
struct fth_policy {
	char name[FTH_NAME_MAX + 1];
	char file[FTH_POLICY_PATH_MAX + 1];	 /* absolute once loaded */
	char signature[FTH_POLICY_PATH_MAX + 1]; /* "" = none; absolute once loaded */
	bool has_sha256;
	uint8_t sha256[FTH_SHA256_SIZE];
	struct fth_patterns kernels;

	bool has_model;		       /* the policy itself names its model */
	struct fth_guest_policy guest; /* extend_set points into @extend_set */
	char extend_set[FTH_EXTEND_SET_MAX][FTH_SYMBOL_MAX + 1];

	struct fth_patterns select_name;
	struct fth_patterns select_group;
	struct fth_patterns select_kernel;
	struct fth_patterns select_tag; /* one of a VM's tags matches one of these */
	struct fth_patterns canary;	/* literal VM names, in order */
	uint32_t wave_count;
	struct fth_share waves[FTH_POLICY_WAVES_MAX]; /* cumulative */
	uint32_t soak_ms;
	uint8_t gate; /* enum fth_gate */
	struct fth_in_flight in_flight;
	struct fth_in_flight recall_in_flight;
	struct fth_share failures_max;
	struct fth_share inconclusive_max;
	uint8_t failures_then; /* enum fth_failures_then */
	uint32_t window_count; /* 0: at any time */
	bool has_window_list;  /* they stand under rollout.windows, not .window */
	struct fth_window windows[FTH_POLICY_WINDOWS_MAX];

	uint32_t health_guest; /* FTH_HEALTH_GUEST_* */
	uint32_t health_host;  /* FTH_HEALTH_HOST_* */
	uint32_t command_count;
	char command[FTH_POLICY_ARGS_MAX][FTH_POLICY_ARG_MAX + 1];
	uint32_t wave_command_count;
	char wave_command[FTH_POLICY_ARGS_MAX][FTH_POLICY_ARG_MAX + 1];
	char http[FTH_POLICY_URL_MAX + 1]; /* "" = none */
	char wave_http[FTH_POLICY_URL_MAX + 1];
	uint32_t health_timeout_ms;
	uint32_t health_retry_ms;
	uint32_t health_parallel;	/* checks under way at a time */
	uint32_t transition_max_ms;	/* 0 = none */
	struct fth_share memory_growth; /* a percentage */
};

/* What is wrong with a policy, and with which key. */
struct fth_policy_fault {
	char key[FTH_POLICY_KEY_MAX]; /* "rollout.waves[2]" */
	char why[FTH_POLICY_WHY_MAX]; /* found against allowed */
};

/** fth_policy_defaults() - a policy with every default, no patch named. */
void fth_policy_defaults(struct fth_policy *ret_policy);

/* A confirm.within that a longer soak extends is at least so long. */
#define FTH_POLICY_EXTEND_MIN_MS 10000u

/** fth_policy_extends() - the soak is longer than guests wait for to be confirmed. */
bool fth_policy_extends(const struct fth_policy *policy);

/**
 * fth_policy_guest_needs() - all that a guest must be able to do
 *
 * fth_policy_needs(), and what health.guest and a long rollout.soak ask for.
 */
uint64_t fth_policy_guest_needs(const struct fth_policy *policy);

/**
 * fth_policy_model_from() - who chose the model: "policy", "module" or "default"
 * @policy: of a rollout, its module's model settled
 */
const char *fth_policy_model_from(const struct fth_policy *policy);

/**
 * fth_policy_validate() - ranges and rules across fields
 * @policy: as parsed
 * @ret_fault: set on error: the first fault in the order of the file's keys
 * Return: 0 or -EINVAL.
 */
int fth_policy_validate(const struct fth_policy *policy, struct fth_policy_fault *ret_fault);

/**
 * fth_policy_copy() - a whole policy; its extend_set spans move along
 * @ret_policy: memory of any content; never the same as @policy
 * @policy: any
 */
void fth_policy_copy(struct fth_policy *ret_policy, const struct fth_policy *policy);

/** fth_policy_checks() - set of checks that each VM must pass after its soak. */
uint32_t fth_policy_checks(const struct fth_policy *policy);

/** fth_policy_wave_checks() - set of checks that a wave must pass at its end. */
uint32_t fth_policy_wave_checks(const struct fth_policy *policy);

/** fth_check_name() - as the policy's keys name it; "?" for no check. */
const char *fth_check_name(uint8_t check);

/** fth_verdict_name() - "pass", "fail", "inconclusive"; "?" for no verdict. */
const char *fth_verdict_name(uint8_t verdict);

/** fth_policy_validate_health() - part of fth_policy_validate(). */
int fth_policy_validate_health(const struct fth_policy *policy, struct fth_policy_fault *ret_fault);

/** fth_policy_validate_windows() - the same, of rollout.window and rollout.windows */
int fth_policy_validate_windows(const struct fth_policy *policy,
				struct fth_policy_fault *ret_fault);

/**
 * fth_policy_window_open() - may VMs be patched now?
 * @now_ms: wall clock, ms since 1970 UTC
 * @ret_opens_ms: set where not: when the first window opens
 *
 * A window that crosses midnight belongs to the day it begins on.
 */
bool fth_policy_window_open(const struct fth_policy *policy, uint64_t now_ms,
			    uint64_t *ret_opens_ms);

/** fth_pattern_valid() - not empty, every [ is closed. */
bool fth_pattern_valid(const char *pattern);

/** fth_pattern_match() - shell pattern * ? [a-z] against a whole text. */
bool fth_pattern_match(const char *pattern, const char *text);

/** fth_patterns_match() - any of them; true for an empty list. */
bool fth_patterns_match(const struct fth_patterns *patterns, const char *text);

#define FTH_TAG_MAX 63u	  /* bytes of one tag */
#define FTH_TAGS_MAX 511u /* bytes of all tags of a VM, with their spaces */

/**
 * fth_tags_add() - one more word
 * @tags: words with a space between two; @size bytes
 * Return: 0; -EINVAL, nothing added: it is empty, longer than FTH_TAG_MAX, has a
 * space or a control character, or there is no room.
 */
int fth_tags_add(char *tags, uint32_t size, const char *tag);

/** fth_tags_match() - one tag matches one pattern; true for an empty list. */
bool fth_tags_match(const struct fth_patterns *patterns, const char *tags);

/** fth_share_of() - @share of @total VMs, rounded up: at most @total. */
uint32_t fth_share_of(const struct fth_share *share, uint32_t total);

#endif /* FTH_CORE_POLICY_H */
