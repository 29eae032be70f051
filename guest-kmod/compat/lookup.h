/* SPDX-License-Identifier: GPL-2.0 */
/* For compat/ only: how its files find what the kernel does not export. */
#ifndef FOTHER_GUEST_COMPAT_LOOKUP_H
#define FOTHER_GUEST_COMPAT_LOOKUP_H

/**
 * fth_lookup() - address of a symbol this module can't do without
 * @name: a function or variable of vmlinux
 * @ret_address: set on success
 *
 * Call functions found so through a static call, never through a pointer: a
 * direct call needs no ENDBR at its target, which kernels with IBT seal on
 * functions nobody exports.
 * Return: 0; -ENOENT with a line in the log that names the symbol.
 */
int fth_lookup(const char *name, unsigned long *ret_address);

#define FTH_COLD ".cold" /* what a compiler calls the part of a function that it moved out */

/** fth_text_widen() - for a search of symbols: @text comes to hold them all.  Return: 0. */
int fth_text_widen(void *text, unsigned long address);

/* kernel/trace/trace.h, which modules don't see: not 0 once ftrace has switched itself off. */
int ftrace_is_dead(void);

/** fth_lookup_module() - look up what compat/module.c calls.  Return: as above. */
int fth_lookup_module(void);

#endif /* FOTHER_GUEST_COMPAT_LOOKUP_H */
