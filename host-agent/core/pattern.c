// SPDX-License-Identifier: GPL-2.0
/*
 * Shell patterns: * ? [a-z] [!a-z].
 *
 * DESIGN
 * No recursion: on a mismatch the newest star takes one byte more, older stars
 * never need to, so the cost is bounded by pattern times text.  A '[' that is
 * not closed stands for itself here; the policy loader refuses it before.
 */
#include "core/policy.h"
#include "core/text.h"

/* The byte behind the class that begins at @class, NULL if it isn't closed. */
static const char *class_end(const char *class)
{
	const char *at = class + 1;

	if (*at == '!')
		at++;
	if (*at == ']') /* as the first member it stands for itself */
		at++;
	while (*at && *at != ']')
		at++;
	return *at ? at + 1 : NULL;
}

static bool class_has(const char *class, const char *end, char byte)
{
	const char *at = class + 1;
	bool negated = *at == '!';
	bool found = false;

	if (negated)
		at++;
	for (; at < end - 1; at++) {
		if (at[1] == '-' && at + 2 < end - 1) {
			found |= byte >= at[0] && byte <= at[2];
			at += 2;
		} else {
			found |= byte == *at;
		}
	}
	return found != negated;
}

/* Does one element of the pattern take @byte?  @ret_next is set if so. */
static bool element_takes(const char *pattern, char byte, const char **ret_next)
{
	const char *end;

	if (*pattern == '[') {
		end = class_end(pattern);
		if (end) {
			if (!class_has(pattern, end, byte))
				return false;
			*ret_next = end;
			return true;
		}
	}
	if (!*pattern || (*pattern != '?' && *pattern != byte))
		return false;
	*ret_next = pattern + 1;
	return true;
}

bool fth_pattern_match(const char *pattern, const char *text)
{
	const char *star = NULL;
	const char *star_text = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = ++pattern;
			star_text = text;
		} else if (element_takes(pattern, *text, &pattern)) {
			text++;
		} else if (star) {
			pattern = star;
			text = ++star_text;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

bool fth_pattern_valid(const char *pattern)
{
	if (!*pattern)
		return false;
	while (*pattern) {
		if (*pattern == '[') {
			pattern = class_end(pattern);
			if (!pattern)
				return false;
		} else {
			pattern++;
		}
	}
	return true;
}

bool fth_patterns_match(const struct fth_patterns *patterns, const char *text)
{
	uint32_t i;

	for (i = 0; i < patterns->count; i++)
		if (fth_pattern_match(patterns->entries[i].text, text))
			return true;
	return !patterns->count;
}

int fth_tags_add(char *tags, uint32_t size, const char *tag)
{
	uint32_t length = fth_text_length(tag, FTH_TAG_MAX + 1);
	uint32_t used = fth_text_length(tags, size);
	uint32_t i;

	for (i = 0; i < length; i++)
		if ((uint8_t)tag[i] <= ' ' || tag[i] == 0x7f)
			return -EINVAL;
	if (!length || length > FTH_TAG_MAX || used + !!used + length >= size)
		return -EINVAL;
	if (used)
		tags[used++] = ' ';
	memcpy(tags + used, tag, length);
	tags[used + length] = 0;
	return 0;
}

bool fth_tags_match(const struct fth_patterns *patterns, const char *tags)
{
	char tag[FTH_TAG_MAX + 1];
	uint32_t length;

	while (patterns->count && *tags) {
		for (length = 0; *tags && *tags != ' '; tags++)
			if (length < FTH_TAG_MAX)
				tag[length++] = *tags;
		tag[length] = 0;
		if (fth_patterns_match(patterns, tag))
			return true;
		while (*tags == ' ')
			tags++;
	}
	return !patterns->count;
}
