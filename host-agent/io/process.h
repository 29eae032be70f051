/* SPDX-License-Identifier: GPL-2.0 */
/* A program of the operator's as a child process: how it ends, and its first line. */
#ifndef FTH_IO_PROCESS_H
#define FTH_IO_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FTH_PROCESS_LINE_MAX 127u   /* bytes kept of its first line */
#define FTH_PROCESS_LAST_MS 1000u   /* from its kill until it is left behind */
#define FTH_PROCESS_ORPHANS_MAX 64u /* killed, and not dead yet */

struct fth_loop;
struct fth_process;

/**
 * struct fth_process_end - how a program ended
 * @error: errno of the kernel that would not run it; 0: it ran
 * @timed_out: it was killed because its time was over
 * @signal: that killed it; 0: it exited
 * @status: what it exited with
 * @line: the first line that it wrote to stdout or stderr; printable ASCII
 */
struct fth_process_end {
	int error;
	bool timed_out;
	int signal;
	int status;
	char line[FTH_PROCESS_LINE_MAX + 1];
};

/**
 * fth_process_start() - run a program; never waits
 * @argv: NULL-terminated; argv[0] is a path
 * @env: NULL-terminated: its whole environment
 * @timeout_ms: after which it is killed, with all that it started
 * @done: called once on the loop; @process is gone afterwards
 * Return: 0; -EUSERS: FTH_PROCESS_ORPHANS_MAX were killed and hang in the kernel;
 * -errno where there can be no other process.
 *
 * Whether its file can be run is told at its end: that file may be where nothing answers.
 * It has a session of its own, no descriptor of ours, and /dev/null as stdin.
 * What it started and left running is killed when it ends.
 */
int fth_process_start(struct fth_loop *loop, const char *const *argv, const char *const *env,
		      uint64_t timeout_ms,
		      void (*done)(void *context, const struct fth_process_end *end), void *context,
		      struct fth_process **ret_process);

/** fth_process_kill() - end it, without waiting; @done is not called; NULL is fine. */
void fth_process_kill(struct fth_process *process);

/** fth_process_orphans() - how many were killed and are not dead yet. */
uint32_t fth_process_orphans(struct fth_loop *loop);

#endif /* FTH_IO_PROCESS_H */
