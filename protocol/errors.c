// SPDX-License-Identifier: GPL-2.0
/* Result codes of the wire: their texts and names. */
#include "fother/errors.h"

#include "bytes.h"

struct error {
	const char *text;
	bool retryable;
};

static const struct error errors[] = {
#define ERROR_ROW(code, number, text_, retryable_) \
	[number] = { .text = (text_), .retryable = (retryable_) },
	FTH_ERRORS(ERROR_ROW)
#undef ERROR_ROW
};

/* The preprocessor has no lower case. */
static const char *const names[] = {
	[FTH_E_OK] = "ok",
	[FTH_E_BUSY] = "busy",
	[FTH_E_UNSUPPORTED] = "unsupported",
	[FTH_E_MALFORMED] = "malformed",
	[FTH_E_STALE_EPOCH] = "stale_epoch",
	[FTH_E_TOO_LARGE] = "too_large",
	[FTH_E_BAD_OFFSET] = "bad_offset",
	[FTH_E_BAD_HASH] = "bad_hash",
	[FTH_E_WRONG_KERNEL] = "wrong_kernel",
	[FTH_E_SYMBOL_UNKNOWN] = "symbol_unknown",
	[FTH_E_SYMBOL_AMBIGUOUS] = "symbol_ambiguous",
	[FTH_E_NOT_TRACEABLE] = "not_traceable",
	[FTH_E_OWNED] = "owned",
	[FTH_E_NO_PATCH] = "no_patch",
	[FTH_E_WRONG_STATE] = "wrong_state",
	[FTH_E_NO_MEMORY] = "no_memory",
	[FTH_E_LOAD_FAILED] = "load_failed",
	[FTH_E_IN_USE] = "in_use",
	[FTH_E_BLOCKED] = "blocked",
	[FTH_E_DEADLINE] = "deadline",
	[FTH_E_REVERSED] = "reversed",
	[FTH_E_INTERNAL] = "internal",
	[FTH_E_UNSIGNED] = "unsigned",
	[FTH_E_BAD_SIGNATURE] = "bad_signature",
	[FTH_E_WRONG_VM] = "wrong_vm",
	[FTH_E_STALE_SIGNATURE] = "stale_signature",
};
static_assert(FTH_COUNT_OF(names) == FTH_COUNT_OF(errors), "a name per code");

static bool is_known(uint16_t code)
{
	return code < FTH_COUNT_OF(errors) && errors[code].text;
}

const char *fth_error_text(uint16_t code)
{
	return is_known(code) ? errors[code].text : "unknown result code";
}

const char *fth_error_name(uint16_t code)
{
	return is_known(code) ? names[code] : "unknown";
}

bool fth_error_retryable(uint16_t code)
{
	return is_known(code) && errors[code].retryable;
}
