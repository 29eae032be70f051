/* SPDX-License-Identifier: GPL-2.0 */
/* Numbered points at which a test kills the agent. */
#ifndef FTH_APP_FAULT_H
#define FTH_APP_FAULT_H

#include <stdint.h>

enum fth_fault_point {
	FTH_FAULT_NONE = 0,
	FTH_FAULT_AFTER_INTENT = 1,  /* an op is durable, it was not sent */
	FTH_FAULT_AFTER_SEND = 2,    /* commands are in the socket */
	FTH_FAULT_AFTER_RESULT = 3,  /* an answer came, nothing was done with it */
	FTH_FAULT_BEFORE_COMMIT = 4, /* events were taken, none of them is durable */
	FTH_FAULT_AFTER_COMMIT = 5,  /* they are, and nothing was done for them */
};

/* @left: at how many more such points the agent goes on, plus one */
struct fth_fault {
	uint8_t point;
	uint32_t left;
};

/** fth_fault_parse() - "after-send:2"; 0 or -EINVAL. */
int fth_fault_parse(const char *text, struct fth_fault *ret_fault);

/** fth_fault_hit() - SIGKILL to ourselves if it is this one's turn. */
void fth_fault_hit(struct fth_fault *fault, enum fth_fault_point point);

#endif /* FTH_APP_FAULT_H */
