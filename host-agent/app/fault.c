// SPDX-License-Identifier: GPL-2.0
/* Numbered points at which a test kills the agent. */
#include "app/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
	[FTH_FAULT_AFTER_INTENT] = "after-intent:", [FTH_FAULT_AFTER_SEND] = "after-send:",
	[FTH_FAULT_AFTER_RESULT] = "after-result:", [FTH_FAULT_BEFORE_COMMIT] = "before-commit:",
	[FTH_FAULT_AFTER_COMMIT] = "after-commit:",
};

int fth_fault_parse(const char *text, struct fth_fault *ret_fault)
{
	unsigned int point;
	long count;
	char *end;

	for (point = FTH_FAULT_AFTER_INTENT; point <= FTH_FAULT_AFTER_COMMIT; point++) {
		size_t length = strlen(names[point]);

		if (strncmp(text, names[point], length) != 0)
			continue;
		count = strtol(text + length, &end, 10);
		if (count < 1 || count > INT32_MAX || *end)
			return -EINVAL;
		ret_fault->point = (uint8_t)point;
		ret_fault->left = (uint32_t)count;
		return 0;
	}
	return -EINVAL;
}

void fth_fault_hit(struct fth_fault *fault, enum fth_fault_point point)
{
	if (fault->point == point && fault->left && !--fault->left)
		raise(SIGKILL);
}
