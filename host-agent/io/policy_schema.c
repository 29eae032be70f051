// SPDX-License-Identifier: GPL-2.0
/*
 * The schema of policy files.
 *
 * DESIGN
 * All mappings load into the one flat structure: a mapping's fields carry
 * offsets from its start, so nested mappings stand at offset 0.  Values are
 * text here; what they mean is the converter's business.
 */
#include "io/policy_schema.h"

#include "core/policy.h"

#define VALUE_MAX FTH_POLICY_ARG_MAX /* bytes of any value but a path */

static const cyaml_schema_value_t entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, VALUE_MAX),
};

#define TEXT(name, wanted, slot, limit)                                                           \
	{                                                                                         \
		.key = (name),                                                                    \
		.data_offset = offsetof(struct fth_policy_raw, scalars[FTH_RAW_##slot]),          \
		.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER | (wanted), char, 0, (limit)) }, \
	}
#define VALUE(name, slot) TEXT(name, CYAML_FLAG_OPTIONAL, slot, VALUE_MAX)
#define REQUIRED(name, slot) TEXT(name, 0, slot, VALUE_MAX)
#define LIST(name, slot, limit)                                                                   \
	{                                                                                         \
		.key = (name),                                                                    \
		.data_offset = offsetof(struct fth_policy_raw, lists[FTH_RAW_##slot].entries),    \
		.count_offset = offsetof(struct fth_policy_raw, lists[FTH_RAW_##slot].count),     \
		.count_size = sizeof(uint32_t),                                                   \
		.value = { CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *, \
						&entry, 0, (limit)) },                            \
	}
#define WINDOWS(name)                                                                     \
	{                                                                                 \
		.key = (name), .data_offset = offsetof(struct fth_policy_raw, windows),   \
		.count_offset = offsetof(struct fth_policy_raw, window_count),            \
		.count_size = sizeof(uint32_t),                                           \
		.value = { CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, \
						struct fth_raw_window, &windows_entry, 0, \
						FTH_POLICY_WINDOWS_MAX) },                \
	}
#define MAPPING(name, wanted, children)                                                        \
	{                                                                                      \
		.key = (name),                                                                 \
		.value = { CYAML_VALUE_MAPPING((wanted), struct fth_policy_raw, (children)) }, \
	}
#define SECTION(name, children) MAPPING(name, CYAML_FLAG_OPTIONAL, children)

static const cyaml_schema_field_t patch[] = {
	REQUIRED("name", NAME),
	TEXT("file", 0, FILE, FTH_POLICY_PATH_MAX),
	VALUE("sha256", SHA256),
	TEXT("signature", CYAML_FLAG_OPTIONAL, SIGNATURE, FTH_POLICY_PATH_MAX),
	LIST("kernels", KERNELS, FTH_POLICY_PATTERNS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t consistency[] = {
	LIST("flags", FLAGS, 2), VALUE("leave", LEAVE),
	VALUE("switch", SWITCH), LIST("extend-set", EXTEND_SET, FTH_EXTEND_SET_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t transition[] = {
	VALUE("deadline", DEADLINE),
	VALUE("on-deadline", ON_DEADLINE),
	VALUE("stop-max", STOP_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t nudge[] = {
	VALUE("after", NUDGE_AFTER),
	VALUE("every", NUDGE_EVERY),
	VALUE("timed", NUDGE_TIMED),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t freeze[] = {
	VALUE("use", FREEZE_USE),
	VALUE("way", FREEZE_WAY),
	VALUE("budget", FREEZE_BUDGET),
	VALUE("attempts", FREEZE_ATTEMPTS),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t confirm[] = {
	VALUE("within", CONFIRM_WITHIN),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t revert[] = {
	LIST("on", REVERT_ON, 7),
	VALUE("host-loss-after", HOST_LOSS_AFTER),
	VALUE("mode", REVERT_MODE),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t selection[] = {
	LIST("name", SELECT_NAME, FTH_POLICY_PATTERNS_MAX),
	LIST("group", SELECT_GROUP, FTH_POLICY_PATTERNS_MAX),
	LIST("kernel", SELECT_KERNEL, FTH_POLICY_PATTERNS_MAX),
	LIST("tag", SELECT_TAG, FTH_POLICY_PATTERNS_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t in_flight[] = {
	VALUE("fleet", FLEET),
	VALUE("host", HOST),
	VALUE("group", GROUP),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t failures[] = {
	VALUE("max", FAILURES_MAX),
	VALUE("inconclusive", INCONCLUSIVE),
	VALUE("then", THEN),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t window[] = {
	LIST("days", WINDOW_DAYS, 7),
	REQUIRED("from", WINDOW_FROM),
	REQUIRED("to", WINDOW_TO),
	CYAML_FIELD_END,
};

/* Entries of rollout.windows: each has what rollout.window has, in a place of its own. */
static const cyaml_schema_field_t windows_fields[] = {
	{
		.key = "days",
		.data_offset = offsetof(struct fth_raw_window, days.entries),
		.count_offset = offsetof(struct fth_raw_window, days.count),
		.count_size = sizeof(uint32_t),
		.value = { CYAML_VALUE_SEQUENCE(CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, char *,
						&entry, 0, 7) },
	},
	{
		.key = "from",
		.data_offset = offsetof(struct fth_raw_window, from),
		.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, VALUE_MAX) },
	},
	{
		.key = "to",
		.data_offset = offsetof(struct fth_raw_window, to),
		.value = { CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, VALUE_MAX) },
	},
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t windows_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct fth_raw_window, windows_fields),
};

static const cyaml_schema_field_t recall_in_flight[] = {
	VALUE("fleet", RECALL_FLEET),
	VALUE("host", RECALL_HOST),
	VALUE("group", RECALL_GROUP),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t recall[] = {
	SECTION("in-flight", recall_in_flight),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t rollout[] = {
	SECTION("select", selection),
	LIST("canary", CANARY, FTH_POLICY_PATTERNS_MAX),
	LIST("waves", WAVES, FTH_POLICY_WAVES_MAX),
	VALUE("soak", SOAK),
	VALUE("gate", GATE),
	SECTION("in-flight", in_flight),
	SECTION("failures", failures),
	SECTION("window", window),
	WINDOWS("windows"),
	SECTION("recall", recall),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t health[] = {
	LIST("guest", HEALTH_GUEST, 3),
	LIST("host", HEALTH_HOST, 4),
	LIST("command", HEALTH_COMMAND, FTH_POLICY_ARGS_MAX),
	TEXT("http", CYAML_FLAG_OPTIONAL, HTTP, FTH_POLICY_URL_MAX),
	LIST("wave-command", WAVE_COMMAND, FTH_POLICY_ARGS_MAX),
	TEXT("wave-http", CYAML_FLAG_OPTIONAL, WAVE_HTTP, FTH_POLICY_URL_MAX),
	VALUE("timeout", HEALTH_TIMEOUT),
	VALUE("retry", HEALTH_RETRY),
	VALUE("parallel", HEALTH_PARALLEL),
	VALUE("transition-max", TRANSITION_MAX),
	VALUE("memory-growth", MEMORY_GROWTH),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t root[] = {
	REQUIRED("version", VERSION),
	MAPPING("patch", 0, patch),
	SECTION("consistency", consistency),
	SECTION("transition", transition),
	SECTION("nudge", nudge),
	SECTION("freeze", freeze),
	SECTION("confirm", confirm),
	SECTION("revert", revert),
	SECTION("rollout", rollout),
	SECTION("health", health),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t fth_policy_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct fth_policy_raw, root),
};
