/* SPDX-License-Identifier: GPL-2.0 */
/* From a function's name to its addresses. */
#ifndef FOTHER_GUEST_RESOLVE_H
#define FOTHER_GUEST_RESOLVE_H

#include "patch.h"

struct klp_func;
struct module;

/**
 * fth_resolve_check() - is what the author wrote about a function complete?
 * @patch: its patch's name, for the report
 * @ret_report: set on error
 * Return: 0; -EINVAL.
 */
int fth_resolve_check(const char *patch, const struct klp_func *klp, struct fth_report *ret_report);

/**
 * fth_resolve_function() - find one function of vmlinux or of a module
 * @patch: its patch's name, for the report
 * @module: loaded, or coming and ready for ftrace; NULL = vmlinux
 * @function: @name and @sympos set, @new_func too but for a nop; the rest is
 *	filled in on success
 * @ret_ip: ftrace's patch site
 * @ret_report: set on error
 *
 * Position 0 asks for a unique name, n for the n-th of that name in kallsyms.
 * Source: the in-tree core's klp_find_object_symbol() and klp_init_func().
 * Return: 0; -EINVAL.
 */
int fth_resolve_function(const char *patch, const struct module *module,
			 struct fth_function *function, unsigned long *ret_ip,
			 struct fth_report *ret_report);

#endif /* FOTHER_GUEST_RESOLVE_H */
