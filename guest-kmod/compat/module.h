/* SPDX-License-Identifier: GPL-2.0 */
/* Modules as the engine sees them: who is loaded, their symbols, text, relocations. */
#ifndef FOTHER_GUEST_COMPAT_MODULE_H
#define FOTHER_GUEST_COMPAT_MODULE_H

#include <linux/types.h>

struct module;

/* A piece of text: @start … @end - 1. */
struct fth_text {
	unsigned long start;
	unsigned long end;
};

#define FTH_MODULE_TEXTS_MAX 2 /* core and init */

/**
 * fth_module_find() - a module that livepatches may touch now
 * @name: as in /proc/modules
 *
 * A coming module is found once the in-tree core knows of it, which is shortly
 * before the notifiers of MODULE_STATE_COMING are called: what is patched then
 * must be recognised in our own notifier.  A going one is not found.
 * Context: any.  The result is valid as long as the caller keeps our notifier of
 * MODULE_STATE_GOING from returning: hold the lock that the notifier takes over
 * this call and every use of the result.  A module can't be freed before.
 * Return: the module or NULL.
 */
struct module *fth_module_find(const char *name);

/**
 * fth_module_symbol_each() - call @found for every symbol @name of a module
 * @module: kept from going by the caller; live, or coming
 * @found: in the order of kallsyms; called with a mutex of the module loader
 *	held: must not load modules nor look symbols up.  A return that is not 0
 *	ends the search
 * @data: for @found
 *
 * Context: sleeps.
 */
void fth_module_symbol_each(const struct module *module, const char *name,
			    int (*found)(void *data, unsigned long address), void *data);

/**
 * fth_module_cold() - what the compiler moved out of a module's functions
 *
 * See fth_kernel_cold(); of all functions together, since a module's symbols can't be
 * searched by name but one by one.
 * Context: sleeps.
 */
struct fth_text fth_module_cold(const struct module *module);

/**
 * fth_module_texts() - where a module's text lies
 * @ret_texts: FTH_MODULE_TEXTS_MAX
 * Return: how many were written.
 */
u32 fth_module_texts(const struct module *module, struct fth_text *ret_texts);

/**
 * fth_klp_apply_relocs() - fill in a livepatch's references to a module
 * @patch: the livepatch module, live or in its init
 * @object: the module's name; it is kept from going by the caller
 *
 * Every .klp.rela.@object.* section.  Those that refer to vmlinux were applied
 * when the patch was loaded.
 * Context: sleeps.
 * Return: 0; -EINVAL a symbol is not there or not unique; -ENOEXEC a place that
 * is already filled, or a type of relocation that the kernel doesn't know.  The
 * kernel's log says which.  On an error some may be filled in: clear them.
 */
int fth_klp_apply_relocs(struct module *patch, const char *object);

/**
 * fth_klp_clear_relocs() - make them as they were in the file again
 * @patch: as above; nobody runs what it has for @object any more
 * @object: as above; it may be gone
 *
 * The kernel refuses to fill a place that is not empty, so without this the
 * module's next load would be refused.  Does nothing where there are none.
 * Source: upstream commit 0c05e7bd2d01 ("livepatch,x86: Clear relocation targets
 * on a module removal", 6.3); older kernels have nothing of the kind.
 * Context: sleeps.
 */
void fth_klp_clear_relocs(struct module *patch, const char *object);

#endif /* FOTHER_GUEST_COMPAT_MODULE_H */
