/* SPDX-License-Identifier: GPL-2.0 */
/* Policy files: YAML in, a validated policy or one precise error out. */
#ifndef FTH_IO_POLICY_YAML_H
#define FTH_IO_POLICY_YAML_H

#include "core/policy.h"

#define FTH_POLICY_FILE_MAX (64u * 1024) /* bytes */
#define FTH_POLICY_ERROR_MAX 1024u	 /* bytes of a message, with its NUL */

/**
 * fth_policy_yaml_parse() - a policy out of memory
 * @text: YAML 1.1, UTF-8, @length bytes
 * @length: at most FTH_POLICY_FILE_MAX
 * @path: the file's name: stands in messages, and patch.file is relative to
 *	its folder.  Relative itself: to the current folder
 * @ret_policy: validated, patch.file made absolute
 * @ret_error: set on error: "FILE:LINE:COLUMN: key 'K': found .., expected .."
 * @error_size: its bytes; FTH_POLICY_ERROR_MAX holds any message
 * Return: 0; -EINVAL for a policy that is wrong; -ENOMEM.
 *
 * A valid policy may still ask for what this agent or a guest can't do:
 * fth_policy_needs().
 * Source: DESIGN section 9; the schema is documented in policies/README.md.
 */
int fth_policy_yaml_parse(const char *text, size_t length, const char *path,
			  struct fth_policy *ret_policy, char *ret_error, size_t error_size);

/**
 * fth_policy_yaml_parse_kept() - a policy that was accepted once
 *
 * As fth_policy_yaml_parse(), but rules across keys are not applied: those that
 * are newer than the rollout must not make its journal unreadable.
 */
int fth_policy_yaml_parse_kept(const char *text, size_t length, const char *path,
			       struct fth_policy *ret_policy, char *ret_error, size_t error_size);

/**
 * fth_policy_yaml_load() - a policy out of a file
 * @path: see fth_policy_yaml_parse()
 * Return: as fth_policy_yaml_parse(); -errno when the file can't be read.
 */
int fth_policy_yaml_load(const char *path, struct fth_policy *ret_policy, char *ret_error,
			 size_t error_size);

#endif /* FTH_IO_POLICY_YAML_H */
