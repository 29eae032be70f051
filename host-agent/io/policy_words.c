// SPDX-License-Identifier: GPL-2.0
/* The vocabularies of policy files. */
#include "io/policy_words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/policy.h"
#include "io/policy_schema.h"

#define WORDS_TEXT_MAX 256 /* bytes of a list of allowed words */

static const char *own_name(const char *const *names, uint32_t count, uint32_t number)
{
	return number < count && names[number] ? names[number] : "?";
}

static int own_parse(const char *const *names, uint32_t count, struct fth_span word)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (names[i] && strlen(names[i]) == word.length &&
		    !memcmp(names[i], word.data, word.length))
			return (int)i;
	return -EINVAL;
}

/* The vocabularies that only the host knows. */
#define OWN_WORDS(set, ...)                                                                 \
	static const char *const set##_names[] = { __VA_ARGS__ };                           \
	static const char *set##_name(uint32_t number)                                      \
	{                                                                                   \
		return own_name(set##_names, sizeof(set##_names) / sizeof(char *), number); \
	}                                                                                   \
	static int set##_parse(struct fth_span word)                                        \
	{                                                                                   \
		return own_parse(set##_names, sizeof(set##_names) / sizeof(char *), word);  \
	}

OWN_WORDS(gate, [FTH_GATE_AUTO] = "auto", [FTH_GATE_MANUAL] = "manual")
OWN_WORDS(then, [FTH_THEN_REVERSE] = "reverse", [FTH_THEN_PAUSE] = "pause")
OWN_WORDS(flag, [1] = "in-thread", [2] = "in-time")
OWN_WORDS(guest_health, [FTH_HEALTH_GUEST_OOPS] = "oops", [FTH_HEALTH_GUEST_WARN] = "warn",
	  [FTH_HEALTH_GUEST_EFFECT] = "effect")
OWN_WORDS(host_health, [FTH_HEALTH_HOST_VCPU_PROGRESS] = "vcpu-progress",
	  [FTH_HEALTH_HOST_DOMAIN_STATE] = "domain-state",
	  [FTH_HEALTH_HOST_IO_PROGRESS] = "io-progress", [FTH_HEALTH_HOST_MEMORY] = "memory")
OWN_WORDS(day, [1 << 0] = "mon", [1 << 1] = "tue", [1 << 2] = "wed", [1 << 3] = "thu",
	  [1 << 4] = "fri", [1 << 5] = "sat", [1 << 6] = "sun")

#define WORDS(set, prefix, is_bits)                \
	const struct fth_words fth_words_##set = { \
		prefix##set##_parse,               \
		prefix##set##_name,                \
		is_bits,                           \
	}

WORDS(leave, fth_, false);
WORDS(switch, fth_, false);
WORDS(on_deadline, fth_, false);
WORDS(freeze_use, fth_, false);
WORDS(freeze_way, fth_, false);
WORDS(nudge_timed, fth_, false);
WORDS(revert_mode, fth_, false);
WORDS(revert_on, fth_, true);
WORDS(gate, , false);
WORDS(then, , false);
WORDS(flag, , true);
WORDS(guest_health, , true);
WORDS(host_health, , true);
WORDS(day, , true);

/* "a, b, c": every number has its name, the first without one ends. */
static void list_words(const struct fth_words *words, char *ret_text)
{
	uint32_t number = 1;
	size_t length = 0;

	ret_text[0] = 0;
	while (strcmp(words->name(number), "?") != 0 && length < WORDS_TEXT_MAX) {
		length += (size_t)snprintf(ret_text + length, WORDS_TEXT_MAX - length, "%s%s",
					   length ? ", " : "", words->name(number));
		number = words->bits ? number << 1 : number + 1;
	}
}

int fth_words_parse(struct fth_yaml *yaml, const char *key, const struct fth_words *words,
		    const char *text, uint32_t *ret_number)
{
	struct fth_span span = { (const uint8_t *)text, (uint32_t)strlen(text) };
	char allowed[WORDS_TEXT_MAX];
	int number = words->parse(span);

	if (number < 0) {
		list_words(words, allowed);
		return fth_yaml_refuse(yaml, key, "found '%.*s', expected one of: %s",
				       FTH_YAML_SHOWN_MAX, text, allowed);
	}
	*ret_number = (uint32_t)number;
	return 0;
}

int fth_words_parse_set(struct fth_yaml *yaml, const char *key, const struct fth_raw_list *list,
			const struct fth_words *words, uint32_t *ret_set)
{
	char at[FTH_YAML_KEY_MAX];
	uint32_t number = 0;
	uint32_t set = 0;
	uint32_t i;
	int error;

	if (!fth_yaml_has(yaml, key))
		return 0;
	for (i = 0; i < list->count; i++) {
		fth_yaml_entry_key(key, i, at);
		error = fth_words_parse(yaml, at, words, list->entries[i], &number);
		if (error)
			return error;
		if (set & number)
			return fth_yaml_refuse(yaml, at,
					       "found '%s' twice, expected "
					       "each word once",
					       list->entries[i]);
		set |= number;
	}
	*ret_set = set;
	return 0;
}
