// SPDX-License-Identifier: GPL-2.0
/* The text that a task must leave before it may switch. */

#include <linux/ftrace.h>
#include <linux/kstrtox.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat/module.h"
#include "patch.h"

/* "[module:]function[,position]", as the policy wrote it; position as old_sympos. */
struct extend {
	char module[FTH_NAME_MAX + 1];
	char function[FTH_SYMBOL_MAX + 1];
	u32 position; /* 0 = there is one only */
};

static bool split(const struct fth_span *span, struct extend *ret_extend)
{
	const char *text = (const char *)span->data;
	const char *colon = strchr(text, ':');
	char *comma;

	ret_extend->module[0] = '\0';
	ret_extend->position = 0;
	if (colon && colon - text > FTH_NAME_MAX)
		return false;
	if (colon)
		strscpy(ret_extend->module, text, colon - text + 1);
	strscpy(ret_extend->function, colon ? colon + 1 : text, sizeof(ret_extend->function));
	comma = strchr(ret_extend->function, ',');
	if (!comma)
		return true;
	*comma = '\0';
	return !kstrtou32(comma + 1, 10, &ret_extend->position) && ret_extend->position;
}

bool fth_patch_extends(const struct fth_patch *patch, const char *module)
{
	struct extend extend;

	for (u32 i = 0; i < patch->policy.extend_set_count; i++) {
		if (split(&patch->policy.extend_set[i], &extend) && !strcmp(extend.module, module))
			return true;
	}
	return false;
}

struct search {
	unsigned long where;
	unsigned long offset;
	bool found;
};

static int is_at(void *arg, unsigned long address)
{
	struct search *search = arg;

	search->offset = search->where - address;
	search->found = search->where >= address && search->offset < fth_symbol_size(address);
	return search->found;
}

const char *fth_patch_extend_at(const struct fth_patch *patch, unsigned long where,
				unsigned long *ret_offset)
{
	struct search search = { .where = where };
	struct extend extend;

	for (u32 i = 0; i < patch->policy.extend_set_count; i++) {
		if (!split(&patch->policy.extend_set[i], &extend) || extend.module[0])
			continue;
		fth_symbol_each(extend.function, is_at, &search);
		if (search.found) {
			*ret_offset = search.offset;
			return (const char *)patch->policy.extend_set[i].data;
		}
	}
	return NULL;
}

/*
 * Adds functions, or counts them without sets.  A module that came between the
 * two has more than there is @room for; what comes makes the sets again.
 */
struct adding {
	struct fth_sets *sets;
	u32 count;
	u32 room;
};

/* The symbols of one name.  A stack holds their text whether or not ftrace knows it. */
struct found {
	struct adding *adding;
	struct fth_text texts[FTH_MODULE_TEXTS_MAX];
	u32 text_count;
	u32 position;
	u32 symbols;
	u32 added; /* of them, at the position */
};

static void add_text(struct adding *adding, unsigned long start, unsigned long end)
{
	if (start == end)
		return;
	if (!adding->sets) {
		adding->count++;
	} else if (adding->count < adding->room) {
		adding->count++;
		fth_stack_set_add(&adding->sets->old_set, start, end);
		fth_stack_set_add(&adding->sets->new_set, start, end);
	}
}

static bool is_text(const struct found *found, unsigned long address)
{
	for (u32 i = 0; i < found->text_count; i++) {
		if (address >= found->texts[i].start && address < found->texts[i].end)
			return true;
	}
	return false;
}

static int add_found(void *arg, unsigned long address)
{
	unsigned long size = fth_symbol_size(address) ?: 1;
	struct found *found = arg;

	found->symbols++;
	if (!is_text(found, address))
		return 0;
	if (found->position && found->position != found->symbols)
		return 0;
	found->added++;
	add_text(found->adding, address, address + size);
	return 0;
}

static int refuse(const struct fth_patch *patch, const struct fth_span *span,
		  const struct extend *extend, const struct found *found,
		  struct fth_report *ret_report)
{
	const char *word = (const char *)span->data;

	if (found->added > 1)
		return fth_report_set(
			ret_report, FTH_E_SYMBOL_AMBIGUOUS, -EINVAL,
			"patch '%s' refused: extend-set: '%s' is the name of %u functions; add ',N' to it, N as in old_sympos",
			patch->name, word, found->added);
	if (!found->symbols)
		return fth_report_set(ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
				      "patch '%s' refused: extend-set: there is no function '%s'",
				      patch->name, word);
	if (extend->position > found->symbols)
		return fth_report_set(
			ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
			"patch '%s' refused: extend-set: '%s': there are only %u of that name",
			patch->name, word, found->symbols);
	return fth_report_set(
		ret_report, FTH_E_SYMBOL_UNKNOWN, -EINVAL,
		"patch '%s' refused: extend-set: '%s' is no function, but data or text that is gone",
		patch->name, word);
}

/*
 * What comes later is not refused: of a name that a module has not there is nothing
 * to be protected, of one that it has twice both are.
 */
static int add_extend(const struct fth_patch *patch, const struct fth_span *span, bool strict,
		      struct adding *adding, struct fth_report *ret_report)
{
	struct found found = { .adding = adding };
	struct fth_text cold;
	struct module *module;
	struct extend extend;

	if (!split(span, &extend))
		return refuse(patch, span, &extend, &found, ret_report);
	found.position = extend.position;
	if (!extend.module[0]) {
		found.texts[found.text_count++] = fth_kernel_text();
		fth_symbol_each(extend.function, add_found, &found);
		cold = fth_kernel_cold(extend.function);
	} else {
		module = fth_module_find(extend.module);
		/* It may come later; then the sets are made again. */
		if (!module)
			return 0;
		found.text_count = fth_module_texts(module, found.texts);
		fth_module_symbol_each(module, extend.function, add_found, &found);
		cold = fth_module_cold(module);
	}
	add_text(adding, cold.start, cold.end);
	if (found.added == 1 || !strict)
		return 0;
	return refuse(patch, span, &extend, &found, ret_report);
}

static int add_extends(const struct fth_patch *patch, bool strict, struct adding *adding,
		       struct fth_report *ret_report)
{
	for (u32 i = 0; i < patch->policy.extend_set_count; i++) {
		int error =
			add_extend(patch, &patch->policy.extend_set[i], strict, adding, ret_report);

		if (error)
			return error;
	}
	return 0;
}

static void add_cold(struct fth_stack_set *set, const struct fth_text *cold)
{
	if (cold->start < cold->end)
		fth_stack_set_add(set, cold->start, cold->end);
}

static void add_function(struct fth_sets *sets, const struct fth_function *function,
			 const struct fth_redirect *redirect)
{
	const struct fth_redirect *before = redirect->next;
	unsigned long behind = redirect->ip + MCOUNT_INSN_SIZE;

	if (before) {
		unsigned long size = fth_symbol_size(before->new_func);

		fth_stack_set_add(&sets->old_set, before->new_func, before->new_func + (size ?: 1));
		fth_stack_set_add(&sets->old_set, behind, behind + 1);
		add_cold(&sets->old_set,
			 &container_of(before->lever, const struct fth_patch, lever)->cold);
	} else {
		fth_stack_set_add(&sets->old_set, function->old_func,
				  function->old_func + function->old_size);
		add_cold(&sets->old_set, &function->cold);
	}
	fth_stack_set_add(&sets->new_set, function->new_func,
			  function->new_func + function->new_size);
	fth_stack_set_add(&sets->new_set, behind, behind + 1);
	/* A nop's way is the original's. */
	if (!function->klp)
		add_cold(&sets->new_set, &function->cold);
}

/* Room for add_function() of each, and for add_objects(). */
static u32 room_of(const struct fth_patch *patch)
{
	return 3 * patch->total + patch->object_count + 1;
}

/* Of a module any function's cold part counts, whichever way tasks go. */
static void add_objects(struct fth_sets *sets, const struct fth_patch *patch)
{
	const struct fth_object *object;

	add_cold(&sets->new_set, &patch->cold);
	fth_patch_for_each_object(patch, object) {
		add_cold(&sets->old_set, &object->cold);
		add_cold(&sets->new_set, &object->cold);
	}
}

int fth_patch_make_sets(const struct fth_patch *patch, bool strict, struct fth_sets **ret_sets,
			struct fth_report *ret_report)
{
	struct fth_sets *sets = kzalloc(sizeof(*sets), GFP_KERNEL);
	struct adding adding = {};
	int error;

	error = add_extends(patch, strict, &adding, ret_report);
	if (error)
		goto err_sets;
	if (!sets ||
	    fth_stack_set_init(&sets->old_set, room_of(patch) + adding.count, GFP_KERNEL) ||
	    fth_stack_set_init(&sets->new_set, room_of(patch) + adding.count, GFP_KERNEL)) {
		error = fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				       "patch '%s': no memory for its patched set", patch->name);
		goto err_sets;
	}
	for (u32 i = 0; i < patch->total; i++) {
		if (patch->redirects[i].listed)
			add_function(sets, &patch->functions[i], &patch->redirects[i]);
	}
	add_objects(sets, patch);
	adding = (struct adding){ .sets = sets, .room = adding.count };
	add_extends(patch, false, &adding, ret_report);
	fth_stack_set_seal(&sets->old_set);
	fth_stack_set_seal(&sets->new_set);
	*ret_sets = sets;
	return 0;

err_sets:
	fth_sets_free(sets);
	return error;
}

void fth_sets_free(struct fth_sets *sets)
{
	if (!sets)
		return;
	fth_stack_set_free(&sets->old_set);
	fth_stack_set_free(&sets->new_set);
	kfree(sets);
}
