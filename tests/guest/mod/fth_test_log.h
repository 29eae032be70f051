/* SPDX-License-Identifier: GPL-2.0 */
/* Lines that test modules leave in /dev/fth_log, in the order they came. */
#ifndef FTH_TEST_LOG_H
#define FTH_TEST_LOG_H

#include <linux/compiler_attributes.h>

/** fth_test_note() - add a line.  Context: may sleep. */
__printf(1, 2) void fth_test_note(const char *format, ...);

/** fth_test_wait() - until the log's parameter `hold` is 0.  Context: may sleep. */
void fth_test_wait(void);

#endif /* FTH_TEST_LOG_H */
