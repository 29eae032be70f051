/* SPDX-License-Identifier: GPL-2.0 */
/* The vocabularies of policy files. */
#ifndef FTH_IO_POLICY_WORDS_H
#define FTH_IO_POLICY_WORDS_H

#include "fother/consistency.h"
#include "io/yaml_place.h"

struct fth_raw_list;

/**
 * struct fth_words - the words that a key may have
 * @parse: a word's number, or -EINVAL
 * @name: back; "?" for a number without a word
 * @bits: numbers are single bits, not 1, 2, 3 …
 */
struct fth_words {
	int (*parse)(struct fth_span word);
	const char *(*name)(uint32_t number);
	bool bits;
};

extern const struct fth_words fth_words_leave;
extern const struct fth_words fth_words_switch;
extern const struct fth_words fth_words_on_deadline;
extern const struct fth_words fth_words_freeze_use;
extern const struct fth_words fth_words_freeze_way;
extern const struct fth_words fth_words_nudge_timed;
extern const struct fth_words fth_words_revert_mode;
extern const struct fth_words fth_words_revert_on;
extern const struct fth_words fth_words_gate;
extern const struct fth_words fth_words_then;
extern const struct fth_words fth_words_flag; /* 1: in-thread, 2: in-time */
extern const struct fth_words fth_words_guest_health;
extern const struct fth_words fth_words_host_health;
extern const struct fth_words fth_words_day; /* bit 0: mon */

/**
 * fth_words_parse() - one word of a file
 * @yaml: where a refusal is written
 * @key: whose value it is
 * @words: what is allowed
 * @text: what was found
 * @ret_number: untouched on error
 * Return: 0 or -EINVAL with the error written.
 */
int fth_words_parse(struct fth_yaml *yaml, const char *key, const struct fth_words *words,
		    const char *text, uint32_t *ret_number);

/**
 * fth_words_parse_set() - a list of words as a set of bits
 * @key: of the list; one that the file has not changes nothing
 * @ret_set: untouched on error
 * Return: 0; -EINVAL with the error written to @yaml, also for a word that stands twice.
 */
int fth_words_parse_set(struct fth_yaml *yaml, const char *key, const struct fth_raw_list *list,
			const struct fth_words *words, uint32_t *ret_set);

#endif /* FTH_IO_POLICY_WORDS_H */
