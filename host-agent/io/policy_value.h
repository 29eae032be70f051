/* SPDX-License-Identifier: GPL-2.0 */
/* The texts of a policy file as values. */
#ifndef FTH_IO_POLICY_VALUE_H
#define FTH_IO_POLICY_VALUE_H

#include "core/policy.h"
#include "io/policy_schema.h"
#include "io/yaml_place.h"

/**
 * fth_policy_value_convert() - every key that the file has
 * @yaml: for the place of a key that is wrong
 * @raw: as loaded by fth_policy_schema
 * @policy: defaults in, the file's values over them out; on error some of them
 * Return: 0; -EINVAL with the error written to @yaml.
 *
 * Checks how a value is written and the range of each number; what may stand
 * together is fth_policy_validate()'s.
 */
int fth_policy_value_convert(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			     struct fth_policy *policy);

/** fth_policy_value_windows() - the part of it that is about rollout.window and .windows. */
int fth_policy_value_windows(struct fth_yaml *yaml, const struct fth_policy_raw *raw,
			     struct fth_policy *policy);

/**
 * fth_policy_value_parse_share() - "3" or "2.5%"
 * @text: what was written
 * @ret_share: untouched on error
 * Return: 0 or -EINVAL.
 */
int fth_policy_value_parse_share(const char *text, struct fth_share *ret_share);

/**
 * fth_policy_value_parse_duration() - "250ms", "5m", "2h"
 * @text: digits and a unit
 * @ret_us: untouched on error
 * Return: 0; -EINVAL when it is no duration, -ERANGE when it is beyond 2^53.
 */
int fth_policy_value_parse_duration(const char *text, uint64_t *ret_us);

#endif /* FTH_IO_POLICY_VALUE_H */
