/* SPDX-License-Identifier: GPL-2.0 */
/* Result codes on the wire: one table for both sides. */
#ifndef FOTHER_ERRORS_H
#define FOTHER_ERRORS_H

#include "fother/types.h"

/*
 * X(code, number, text, retryable).  Numbers never change and are never
 * reused.  A retryable code says that the same request may succeed later with
 * nothing changed by a person.
 */
#define FTH_ERRORS(X)                                                           \
	X(OK, 0, "done", false)                                                 \
	X(BUSY, 1, "another transition is running", true)                       \
	X(UNSUPPORTED, 2, "not supported by this guest", false)                 \
	X(MALFORMED, 3, "malformed request", false)                             \
	X(STALE_EPOCH, 4, "epoch is older than the newest seen", false)         \
	X(TOO_LARGE, 5, "larger than this guest accepts", false)                \
	X(BAD_OFFSET, 6, "chunk out of order", true)                            \
	X(BAD_HASH, 7, "SHA-256 of the payload differs", false)                 \
	X(WRONG_KERNEL, 8, "module is for another kernel", false)               \
	X(SYMBOL_UNKNOWN, 9, "no such function", false)                         \
	X(SYMBOL_AMBIGUOUS, 10, "function name is not unique", false)           \
	X(NOT_TRACEABLE, 11, "function has no ftrace entry", false)             \
	X(OWNED, 12, "function is patched by another owner", false)             \
	X(NO_PATCH, 13, "no such patch", false)                                 \
	X(WRONG_STATE, 14, "not possible in the patch's state", false)          \
	X(NO_MEMORY, 15, "out of memory", true)                                 \
	X(LOAD_FAILED, 16, "module loader failed", false)                       \
	X(IN_USE, 17, "a task still runs the patch's text", true)               \
	X(BLOCKED, 18, "patch was reverted in emergency and is blocked", false) \
	X(DEADLINE, 19, "transition missed its deadline", true)                 \
	X(REVERSED, 20, "reversed before it was complete", false)               \
	X(INTERNAL, 21, "internal error", false)                                \
	X(UNSIGNED, 22, "payload is not signed, this guest wants that", false)  \
	X(BAD_SIGNATURE, 23, "signature of the payload is wrong", false)        \
	X(WRONG_VM, 24, "signature is for another VM", false)                   \
	X(STALE_SIGNATURE, 25, "signature is older than one seen", false)

enum fth_error {
#define FTH_ERROR_ENUM(code, number, text, retryable) FTH_E_##code = (number),
	FTH_ERRORS(FTH_ERROR_ENUM)
#undef FTH_ERROR_ENUM
};

/**
 * fth_error_text() - what a result code means
 * @code: any number, also one that no table knows
 * Return: a constant string, never NULL.
 */
const char *fth_error_text(uint16_t code);

/** fth_error_name() - a code's name in lower case, e.g. "stale_epoch". */
const char *fth_error_name(uint16_t code);

/** fth_error_retryable() - may the same request succeed later? */
bool fth_error_retryable(uint16_t code);

#endif /* FOTHER_ERRORS_H */
