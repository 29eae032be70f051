/* SPDX-License-Identifier: GPL-2.0 */
/* The numbers of a policy: one table for the loader, the check and messages. */
#ifndef FTH_CORE_POLICY_RANGE_H
#define FTH_CORE_POLICY_RANGE_H

#include "core/policy.h"

#define FTH_POLICY_SOAK_MAX_MS 2592000000u /* 30 days */
#define FTH_POLICY_TIMEOUT_MIN_MS 100u
#define FTH_POLICY_TIMEOUT_MAX_MS 600000u
#define FTH_POLICY_RETRY_MIN_MS 100u
#define FTH_POLICY_RETRY_MAX_MS 86400000u
#define FTH_POLICY_PARALLEL_MAX 64u
#define FTH_POLICY_RANGE_TEXT_MAX 64u

enum fth_policy_unit {
	FTH_UNIT_MS = 1,     /* a duration, uint32_t of ms */
	FTH_UNIT_US = 2,     /* a duration, uint32_t of us */
	FTH_UNIT_COUNT = 3,  /* a plain number, uint32_t */
	FTH_UNIT_COUNT8 = 4, /* a plain number, uint8_t */
};

/**
 * struct fth_policy_range - one number
 * @key: its path in the file
 * @word: a word that stands for @word_value, e.g. "none"; NULL = no such word
 * @word_value: allowed beside min … max
 * @offset: in struct fth_policy
 * @unit: enum fth_policy_unit
 * @min, @max: inclusive, in @unit
 */
struct fth_policy_range {
	const char *key;
	const char *word;
	uint32_t word_value;
	uint32_t offset;
	uint32_t unit;
	uint32_t min;
	uint32_t max;
};

/** fth_policy_range_at() - the table's rows in order; NULL behind the last. */
const struct fth_policy_range *fth_policy_range_at(uint32_t index);

/** fth_policy_range_find() - the row of a key, or NULL. */
const struct fth_policy_range *fth_policy_range_find(const char *key);

/** fth_policy_range_get() - the number in @policy. */
uint32_t fth_policy_range_get(const struct fth_policy_range *range,
			      const struct fth_policy *policy);

/** fth_policy_range_set() - @number, which is within the range. */
void fth_policy_range_set(const struct fth_policy_range *range, uint32_t number,
			  struct fth_policy *policy);

/** fth_policy_range_allows() - within min and max, or the word's value. */
bool fth_policy_range_allows(const struct fth_policy_range *range, uint64_t number);

/**
 * fth_policy_range_format() - a number as a person writes it: "5m", "20"
 * @ret_text: FTH_POLICY_RANGE_TEXT_MAX bytes
 */
void fth_policy_range_format(const struct fth_policy_range *range, uint32_t number, char *ret_text);

#endif /* FTH_CORE_POLICY_RANGE_H */
