// SPDX-License-Identifier: GPL-2.0
/* Modules: who is loaded, their symbols, text, and the relocations of livepatches. */

#include "module.h"

#include <linux/elf.h>
#include <linux/kallsyms.h>
#include <linux/livepatch.h>
#include <linux/memory.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/static_call.h>
#include <linux/string.h>
#include <linux/version.h>
#include <asm/text-patching.h>

#include "lookup.h"

#define KLP_RELA_PREFIX ".klp.rela."

/* Makes all CPUs see changed text; it has a new name from 6.16 on. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define LOOKED_UP_SYNC(X) X(smp_text_poke_sync_each_cpu)
#define SYNC_TEXT() static_call(fth_smp_text_poke_sync_each_cpu)()
#else
#define LOOKED_UP_SYNC(X) X(text_poke_sync)
#define SYNC_TEXT() static_call(fth_text_poke_sync)()
#endif

/* Every function that is called through a look-up. */
#define LOOKED_UP(X)                      \
	X(find_module)                    \
	X(module_kallsyms_on_each_symbol) \
	X(klp_apply_section_relocs)       \
	X(text_poke)                      \
	LOOKED_UP_SYNC(X)

#define DEFINE_CALL(name) DEFINE_STATIC_CALL_NULL(fth_##name, name);
LOOKED_UP(DEFINE_CALL)
#undef DEFINE_CALL

static struct mutex *text_lock; /* the kernel's text_mutex; set once */

int fth_lookup_module(void)
{
	unsigned long address;

#define UPDATE_CALL(name)                \
	if (fth_lookup(#name, &address)) \
		return -ENOENT;          \
	static_call_update(fth_##name, (typeof(&name))address);
	LOOKED_UP(UPDATE_CALL)
#undef UPDATE_CALL
	if (fth_lookup("text_mutex", &address))
		return -ENOENT;
	text_lock = (struct mutex *)address;
	return 0;
}

struct module *fth_module_find(const char *name)
{
	struct module *module;

	rcu_read_lock_sched();
	module = static_call(fth_find_module)(name);
	if (module && (!module->klp_alive || module->state == MODULE_STATE_GOING))
		module = NULL;
	rcu_read_unlock_sched();
	return module;
}

/* What the search of one module's symbols carries along. */
struct search {
	const struct module *module;
	const char *name;
	bool ends; /* any that ends so */
	int (*found)(void *data, unsigned long address);
	void *data;
};

static bool is_it(const struct search *search, const char *name)
{
	size_t length, wanted;

	/* Each function of a patch walks all of its module's symbols: no more than must be. */
	if (search->ends) {
		length = strlen(name);
		wanted = strlen(search->name);
		name += length > wanted ? length - wanted : 0;
	}
	return !strcmp(name, search->name);
}

/*
 * The walk takes its module by name from 6.3 on, and tells its callback no module
 * from 6.4 on: upstream commits 07cc2c931e8e and 3703bd54cd37.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)

static int match(void *arg, const char *name, unsigned long address)
{
	const struct search *search = arg;

	return is_it(search, name) ? search->found(search->data, address) : 0;
}

static void each_symbol(struct search *search)
{
	static_call(fth_module_kallsyms_on_each_symbol)(search->module->name, match, search);
}

#else

static int match(void *arg, const char *name, struct module *module, unsigned long address)
{
	const struct search *search = arg;

	if (module != search->module || !is_it(search, name))
		return 0;
	return search->found(search->data, address);
}

static void each_symbol(struct search *search)
{
	static_call(fth_module_kallsyms_on_each_symbol)(match, search);
}

#endif

void fth_module_symbol_each(const struct module *module, const char *name,
			    int (*found)(void *data, unsigned long address), void *data)
{
	struct search search = { .module = module, .name = name, .found = found, .data = data };

	each_symbol(&search);
}

struct fth_text fth_module_cold(const struct module *module)
{
	struct fth_text cold = {};
	struct search search = { .module = module,
				 .name = FTH_COLD,
				 .ends = true,
				 .found = fth_text_widen,
				 .data = &cold };

	each_symbol(&search);
	return cold;
}

/* Upstream commit ac3b43283923 ("module: replace module_layout with module_memory", 6.4). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)

static struct fth_text core_text(const struct module *module)
{
	const struct module_memory *text = &module->mem[MOD_TEXT];

	return (struct fth_text){ (unsigned long)text->base,
				  (unsigned long)text->base + text->size };
}

static struct fth_text init_text(const struct module *module)
{
	const struct module_memory *text = &module->mem[MOD_INIT_TEXT];
	unsigned long base = (unsigned long)READ_ONCE(text->base);

	return (struct fth_text){ base, base + READ_ONCE(text->size) };
}

#else

static struct fth_text core_text(const struct module *module)
{
	unsigned long base = (unsigned long)module->core_layout.base;

	return (struct fth_text){ base, base + module->core_layout.text_size };
}

static struct fth_text init_text(const struct module *module)
{
	unsigned long base = (unsigned long)READ_ONCE(module->init_layout.base);

	return (struct fth_text){ base, base + READ_ONCE(module->init_layout.text_size) };
}

#endif

u32 fth_module_texts(const struct module *module, struct fth_text *ret_texts)
{
	struct fth_text init = init_text(module);
	u32 count = 0;

	ret_texts[count++] = core_text(module);
	if (init.start)
		ret_texts[count++] = init;
	return count;
}

/* Does section @section hold relocations of @patch for @object? */
static bool is_for_object(const struct klp_modinfo *info, u32 section, const char *object)
{
	const char *name = info->secstrings + info->sechdrs[section].sh_name;
	size_t length = strlen(object);

	if (!(info->sechdrs[section].sh_flags & SHF_RELA_LIVEPATCH) ||
	    strncmp(name, KLP_RELA_PREFIX, strlen(KLP_RELA_PREFIX)))
		return false;
	name += strlen(KLP_RELA_PREFIX);
	return !strncmp(name, object, length) && name[length] == '.';
}

int fth_klp_apply_relocs(struct module *patch, const char *object)
{
	struct klp_modinfo *info = patch->klp_info;
	int error;
	u32 i;

	for (i = 1; i < info->hdr.e_shnum; i++) {
		if (!is_for_object(info, i, object))
			continue;
		error = static_call(fth_klp_apply_section_relocs)(patch, info->sechdrs,
								  info->secstrings,
								  patch->core_kallsyms.strtab,
								  info->symndx, i, object);
		if (error)
			return error;
	}
	return 0;
}

/* Bytes that a relocation fills; 0 for none, and for a type that can't be applied either. */
static size_t reloc_size(u64 info)
{
	switch (ELF64_R_TYPE(info)) {
	case R_X86_64_64:
	case R_X86_64_PC64:
		return sizeof(u64);
	case R_X86_64_32:
	case R_X86_64_32S:
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		return sizeof(u32);
	default:
		return 0;
	}
}

static void clear_section(const struct klp_modinfo *info, const Elf64_Shdr *section)
{
	const Elf64_Rela *relocs = (const void *)section->sh_addr;
	unsigned long target = info->sechdrs[section->sh_info].sh_addr;
	u64 i, count = section->sh_size / sizeof(*relocs);
	const u64 zero = 0;
	size_t size;

	for (i = 0; i < count; i++) {
		size = reloc_size(relocs[i].r_info);
		if (size)
			static_call(fth_text_poke)((void *)(target + relocs[i].r_offset), &zero,
						   size);
	}
}

void fth_klp_clear_relocs(struct module *patch, const char *object)
{
	const struct klp_modinfo *info = patch->klp_info;
	bool any = false;
	u32 i;

	mutex_lock(text_lock);
	for (i = 1; i < info->hdr.e_shnum; i++) {
		if (!is_for_object(info, i, object))
			continue;
		clear_section(info, &info->sechdrs[i]);
		any = true;
	}
	if (any)
		SYNC_TEXT();
	mutex_unlock(text_lock);
}
