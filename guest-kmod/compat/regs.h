/* SPDX-License-Identifier: GPL-2.0 */
/* Registers as an ftrace handler without SAVE_REGS sees and sets them. */
#ifndef FOTHER_GUEST_COMPAT_REGS_H
#define FOTHER_GUEST_COMPAT_REGS_H

#include <linux/ftrace.h>
#include <linux/version.h>

/** fth_regs_argument0() - first argument of the function that was entered. */
static __always_inline unsigned long fth_regs_argument0(struct ftrace_regs *regs)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	return regs->regs.di;
#else
	return ftrace_regs_get_argument(regs, 0);
#endif
}

/** fth_regs_jump() - go on at @ip instead of in the function. */
static __always_inline void fth_regs_jump(struct ftrace_regs *regs, unsigned long ip)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
	ftrace_instruction_pointer_set(regs, ip);
#else
	ftrace_regs_set_instruction_pointer(regs, ip);
#endif
}

#endif /* FOTHER_GUEST_COMPAT_REGS_H */
