// SPDX-License-Identifier: GPL-2.0
/*
 * Payloads that this guest refuses.
 *
 * DESIGN
 * What an emergency reverted is refused until the next boot (lasting.h), or until somebody
 * allows it: by its SHA-256 when a host sent it, by its name when it was loaded
 * by hand.  `fother.block=` on the kernel's command line does the same before
 * anything is loaded; it is read here, since insmod doesn't apply it.
 */
#include "blocks.h"

#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mount.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "fother/codec.h"
#include "hostinfo.h"
#include "lasting.h"

#define CMDLINE_MAX 4096u

static bool is_all(const struct fth_block *block)
{
	return !strcmp(block->name, FTH_BLOCK_ALL);
}

static bool is_same(const struct fth_block *block, const char *name, const u8 *sha256)
{
	if (strcmp(block->name, name) || block->has_sha256 != !!sha256)
		return false;
	return !sha256 || !memcmp(block->sha256, sha256, FTH_SHA256_SIZE);
}

void fth_blocks_add(const char *name, const u8 *sha256, u8 trigger, u32 incident)
{
	struct fth_lasting *list = fth_lasting();
	struct fth_block *block;

	for (u32 i = 0; i < list->block_count; i++) {
		if (is_same(&list->blocks[i], name, sha256))
			return;
	}
	if (list->block_count == FTH_BLOCKS_MAX) {
		pr_err("patch '%s': %u payloads are blocked already; everything is blocked from now on, 'echo all' to 'allow' lifts it\n",
		       name, FTH_BLOCKS_MAX);
		list->block_count--;
		name = FTH_BLOCK_ALL;
		sha256 = NULL;
	}
	block = &list->blocks[list->block_count++];
	*block = (struct fth_block){ .trigger = trigger,
				     .incident = incident,
				     .since_ms = fth_hostinfo_uptime_ms() };
	strscpy(block->name, name, sizeof(block->name));
	if (!sha256)
		return;
	block->has_sha256 = true;
	memcpy(block->sha256, sha256, FTH_SHA256_SIZE);
}

const struct fth_block *fth_blocks_find(const char *name, const u8 *sha256)
{
	struct fth_lasting *list = fth_lasting();

	for (u32 i = 0; i < list->block_count; i++) {
		const struct fth_block *block = &list->blocks[i];
		bool by_hash = sha256 && block->has_sha256;

		if (is_all(block))
			return block;
		if (by_hash ? !memcmp(block->sha256, sha256, FTH_SHA256_SIZE)
			    : !strcmp(block->name, name))
			return block;
	}
	return NULL;
}

int fth_blocks_check(const char *verb, const char *name, const u8 *sha256,
		     struct fth_report *ret_report)
{
	const struct fth_block *block = fth_blocks_find(name, sha256);
	const char *allow = block && is_all(block) ? FTH_BLOCK_ALL : name;
	u64 seconds;

	if (!block)
		return 0;
	if (!block->incident)
		return fth_report_set(
			ret_report, FTH_E_BLOCKED, -EPERM,
			"%s '%s' refused: blocked by '" FTH_BLOCK_PARAMETER
			"%s' on the kernel's command line or as a parameter; allow it with 'fother allow' or by writing '%s' to /sys/kernel/fother/allow",
			verb, name, block->name, allow);
	seconds = div_u64(fth_hostinfo_uptime_ms() - block->since_ms, 1000);
	return fth_report_set(
		ret_report, FTH_E_BLOCKED, -EPERM,
		"%s '%s' refused: blocked since %llu s, when it was reverted in emergency (%s, incident %u); allow it with 'fother allow' or by writing '%s' to /sys/kernel/fother/allow",
		verb, name, seconds, fth_trigger_name(block->trigger), block->incident, allow);
}

u32 fth_blocks_allow(const char *name, const u8 *sha256)
{
	struct fth_lasting *list = fth_lasting();
	u32 lifted = 0;

	for (u32 i = 0; i < list->block_count;) {
		struct fth_block *block = &list->blocks[i];
		bool meant = !strcmp(name, FTH_BLOCK_ALL) || !strcmp(name, block->name);

		if (sha256 && block->has_sha256)
			meant = !memcmp(block->sha256, sha256, FTH_SHA256_SIZE);
		if (!meant) {
			i++;
			continue;
		}
		memmove(block, block + 1, (--list->block_count - i) * sizeof(*block));
		lifted++;
	}
	return lifted;
}

u32 fth_blocks_list(struct fth_block *blocks, u32 max)
{
	const struct fth_lasting *list = fth_lasting();
	u32 count = min(list->block_count, max);

	memcpy(blocks, list->blocks, count * sizeof(*blocks));
	return count;
}

/*
 * "NAME[,NAME…]", changed by it; @list gets each with its NUL.  What no patch can be named
 * is not left out: something was to be kept out by it.
 */
static int list_names(char *names, char *list, size_t *length)
{
	char *name;

	while ((name = strsep(&names, ","))) {
		struct fth_span text;

		name = strim(name);
		/* Modules have '_' where their files may have '-'. */
		strreplace(name, '-', '_');
		text = (struct fth_span){ .data = (const u8 *)name, .length = strlen(name) };
		if (!text.length)
			continue;
		if (!fth_name_is_good(text)) {
			pr_err("init: found '%s' among the patches to be blocked, expected 'all' or names of modules, no patterns and no paths: not loaded\n",
			       name);
			return -EINVAL;
		}
		memcpy(list + *length, name, text.length + 1);
		*length += text.length + 1;
	}
	return 0;
}

/*
 * The kernel's own parameters may be quoted, the value or the whole; a blank that is quoted
 * ends no word.  Source: next_arg() of the kernel's lib/cmdline.c.
 */
static char *next_word(char **line)
{
	char *word = skip_spaces(*line), *from, *to = word;
	bool quoted = false;

	for (from = word; *from && (quoted || !isspace(*from)); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*line = *from ? from + 1 : from;
	if (from == word)
		return NULL;
	*to = '\0';
	return word;
}

static int list_words(char *line, char *list, size_t *length)
{
	size_t skip = strlen(FTH_BLOCK_PARAMETER);
	int error = 0;
	char *word;

	while (!error && (word = next_word(&line))) {
		if (!strncmp(word, FTH_BLOCK_PARAMETER, skip))
			error = list_names(word + skip, list, length);
	}
	return error;
}

static int read_cmdline(char *line, size_t size)
{
	struct vfsmount *proc = fth_hostinfo_mount("proc");
	ssize_t length;

	if (IS_ERR(proc))
		return PTR_ERR(proc);
	length = fth_hostinfo_read(proc, "cmdline", line, size - 1);
	kern_unmount(proc);
	if (length < 0)
		return length;
	line[length] = '\0';
	return 0;
}

/* Nothing is taken before all is there: blocks outlive a module that is not loaded. */
int fth_blocks_init(const char *parameter)
{
	char *names = kstrdup(parameter ?: "", GFP_KERNEL);
	char *line = kmalloc(CMDLINE_MAX, GFP_KERNEL);
	char *list = kmalloc(strlen(parameter ?: "") + 1 + CMDLINE_MAX, GFP_KERNEL);
	int error = names && line && list ? read_cmdline(line, CMDLINE_MAX) : -ENOMEM;
	size_t length = 0, at;

	if (error)
		/* Who wanted something kept out can't be told from who did not. */
		pr_err("init: the kernel's command line can't be read (%d), and '%s' may stand there: not loaded, try again\n",
		       error, FTH_BLOCK_PARAMETER);
	error = error ?: list_names(names, list, &length);
	error = error ?: list_words(line, list, &length);
	for (at = 0; !error && at < length; at += strlen(list + at) + 1)
		fth_blocks_add(list + at, NULL, FTH_TRIGGER_NONE, 0);
	kfree(list);
	kfree(line);
	kfree(names);
	return error;
}
