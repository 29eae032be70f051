/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One object of a patch, vmlinux or a module, from resolved to callbacks.
 *
 * DESIGN
 * The order is the in-tree core's: load (resolve, relocate), pre-patch
 * callback, redirect, post-patch once all tasks have switched; back: pre-unpatch,
 * all tasks switched, redirections out, post-unpatch.  Who drives it: adopt.c
 * and work.c for objects that are there, modules.c for modules that come and go.
 * Everything here is under the engine's mutex for moves.
 */
#ifndef FOTHER_GUEST_OBJECT_H
#define FOTHER_GUEST_OBJECT_H

#include "patch.h"

/** enum fth_callback - the author's, in the order of a life. */
enum fth_callback {
	FTH_CALL_PRE_PATCH,
	FTH_CALL_POST_PATCH,
	FTH_CALL_PRE_UNPATCH,
	FTH_CALL_POST_UNPATCH,
};

/**
 * fth_object_load() - resolve its functions, apply its relocations
 * @module: NULL for vmlinux
 *
 * Context: sleeps.
 * Return: 0; -EINVAL; what the relocations returned.  Then it is not loaded.
 */
int fth_object_load(struct fth_patch *patch, struct fth_object *object, struct module *module,
		    struct fth_report *ret_report);

/**
 * fth_object_unload() - forget the module; its relocations can be done again
 *
 * Its functions are in no table any more.
 */
void fth_object_unload(struct fth_patch *patch, struct fth_object *object);

/** fth_object_want() - its functions shall be (un)listed. */
void fth_object_want(struct fth_patch *patch, struct fth_object *object, bool wanted);

/**
 * fth_object_call() - run one callback of a loaded object, if it has it
 *
 * Post-unpatch runs only after a pre-patch that did not fail (or was not
 * there), and once.  Source: kernel/livepatch/core.h, klp_*_callback().
 * Return: what pre-patch returned; 0 for the others.
 */
int fth_object_call(struct fth_object *object, enum fth_callback callback);

/** fth_objects_call() - the same for every loaded object; not pre-patch. */
void fth_objects_call(struct fth_patch *patch, enum fth_callback callback);

#endif /* FOTHER_GUEST_OBJECT_H */
