/* SPDX-License-Identifier: GPL-2.0 */
/* A YAML document with the place of each key, for messages that name it. */
#ifndef FTH_IO_YAML_PLACE_H
#define FTH_IO_YAML_PLACE_H

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#define FTH_YAML_KEY_MAX 96u  /* bytes of "rollout.waves[2]", with its NUL */
#define FTH_YAML_SHOWN_MAX 64 /* bytes of a stranger's text in a message */

/**
 * struct fth_yaml - one document
 * @document: its nodes with their marks
 * @path: of the file, for messages; borrowed
 * @error: where the first refusal is written; borrowed
 * @error_size: its bytes
 */
struct fth_yaml {
	yaml_document_t document;
	const char *path;
	char *error;
	size_t error_size;
};

/**
 * fth_yaml_open() - parse one document
 * @text: borrowed during the call only
 * @length: its bytes
 * @path: borrowed until close
 * @error: borrowed until close; @error_size bytes
 * @error_size: at least 1
 * @ret_yaml: close it on 0 only
 * Return: 0; -EINVAL with @error set: no YAML, more than one document, or
 * aliases, which could make a small file large.
 */
int fth_yaml_open(const char *text, size_t length, const char *path, char *error, size_t error_size,
		  struct fth_yaml *ret_yaml);

void fth_yaml_close(struct fth_yaml *yaml);

/**
 * fth_yaml_check() - keys and kinds of all nodes against a schema
 * @yaml: open
 * @schema: of mappings, sequences and strings
 * Return: 0; -EINVAL with the error set for an unknown, duplicate or missing
 * key, a list or mapping in the wrong place, a string or list too long.
 */
int fth_yaml_check(struct fth_yaml *yaml, const cyaml_schema_value_t *schema);

/** fth_yaml_has() - does a key path such as "rollout.waves[2]" exist? */
bool fth_yaml_has(struct fth_yaml *yaml, const char *key);

/**
 * fth_yaml_refuse() - write "FILE:LINE:COLUMN: key 'K': MESSAGE"
 * @yaml: open
 * @key: its path; where it doesn't exist the nearest node above gives the place
 * @format: what was found and what is allowed
 * Return: -EINVAL always.
 */
__attribute__((format(printf, 3, 4))) int fth_yaml_refuse(struct fth_yaml *yaml, const char *key,
							  const char *format, ...);

/** fth_yaml_entry_key() - "KEY[INDEX]"; @ret_key has FTH_YAML_KEY_MAX bytes. */
void fth_yaml_entry_key(const char *key, uint32_t index, char *ret_key);

#endif /* FTH_IO_YAML_PLACE_H */
