/* SPDX-License-Identifier: GPL-2.0 */
/* The schema of policy files, and a file's values as text. */
#ifndef FTH_IO_POLICY_SCHEMA_H
#define FTH_IO_POLICY_SCHEMA_H

#include <cyaml/cyaml.h>

/* Every key with one value; the comment is its path where the name isn't. */
enum fth_raw_scalar {
	FTH_RAW_VERSION,
	FTH_RAW_NAME,
	FTH_RAW_FILE,
	FTH_RAW_SHA256,
	FTH_RAW_SIGNATURE,
	FTH_RAW_LEAVE,
	FTH_RAW_SWITCH,
	FTH_RAW_DEADLINE,
	FTH_RAW_ON_DEADLINE,
	FTH_RAW_STOP_MAX,
	FTH_RAW_NUDGE_AFTER,
	FTH_RAW_NUDGE_EVERY,
	FTH_RAW_NUDGE_TIMED,
	FTH_RAW_FREEZE_USE,
	FTH_RAW_FREEZE_WAY,
	FTH_RAW_FREEZE_BUDGET,
	FTH_RAW_FREEZE_ATTEMPTS,
	FTH_RAW_CONFIRM_WITHIN,
	FTH_RAW_HOST_LOSS_AFTER,
	FTH_RAW_REVERT_MODE,
	FTH_RAW_SOAK,
	FTH_RAW_GATE,
	FTH_RAW_FLEET, /* rollout.in-flight.* */
	FTH_RAW_HOST,
	FTH_RAW_GROUP,
	FTH_RAW_FAILURES_MAX,
	FTH_RAW_INCONCLUSIVE,
	FTH_RAW_THEN,
	FTH_RAW_WINDOW_FROM,
	FTH_RAW_WINDOW_TO,
	FTH_RAW_RECALL_FLEET,
	FTH_RAW_RECALL_HOST,
	FTH_RAW_RECALL_GROUP,
	FTH_RAW_HEALTH_TIMEOUT,
	FTH_RAW_HEALTH_RETRY,
	FTH_RAW_HEALTH_PARALLEL,
	FTH_RAW_TRANSITION_MAX,
	FTH_RAW_MEMORY_GROWTH,
	FTH_RAW_HTTP,
	FTH_RAW_WAVE_HTTP,
	FTH_RAW_SCALARS,
};

/* Every key with a list. */
enum fth_raw_list_name {
	FTH_RAW_KERNELS,
	FTH_RAW_FLAGS,
	FTH_RAW_EXTEND_SET,
	FTH_RAW_REVERT_ON,
	FTH_RAW_SELECT_NAME,
	FTH_RAW_SELECT_GROUP,
	FTH_RAW_SELECT_KERNEL,
	FTH_RAW_SELECT_TAG,
	FTH_RAW_CANARY,
	FTH_RAW_WAVES,
	FTH_RAW_WINDOW_DAYS,
	FTH_RAW_HEALTH_GUEST,
	FTH_RAW_HEALTH_HOST,
	FTH_RAW_HEALTH_COMMAND,
	FTH_RAW_WAVE_COMMAND,
	FTH_RAW_LISTS,
};

struct fth_raw_list {
	char **entries;
	uint32_t count;
};

/* One of rollout.windows. */
struct fth_raw_window {
	struct fth_raw_list days;
	char *from;
	char *to;
};

/* What libcyaml fills: the text of each key, NULL where the file has none. */
struct fth_policy_raw {
	char *scalars[FTH_RAW_SCALARS];
	struct fth_raw_list lists[FTH_RAW_LISTS];
	struct fth_raw_window *windows;
	uint32_t window_count;
};

/* The root mapping; loads into a struct fth_policy_raw *. */
extern const cyaml_schema_value_t fth_policy_schema;

#endif /* FTH_IO_POLICY_SCHEMA_H */
