/* SPDX-License-Identifier: GPL-2.0 */
/* The verbs of fother, one file each, and their exit codes. */
#ifndef FTH_CLI_VERBS_H
#define FTH_CLI_VERBS_H

/* Source: DESIGN section 8. */
#define FTH_EXIT_OK 0	    /* as wished */
#define FTH_EXIT_NOT_SO 1   /* not as wished: failed, degraded, reversed */
#define FTH_EXIT_USAGE 2    /* usage or policy error */
#define FTH_EXIT_NO_AGENT 3 /* nobody answers on the API socket */

/*
 * Each takes the words from its own name on, prints to stdout (results) and
 * stderr (errors, progress), and returns one of the codes above.
 */
int fth_cli_status(int argc, char **argv);
int fth_cli_vm(int argc, char **argv);
int fth_cli_explain(int argc, char **argv);
int fth_cli_policy(int argc, char **argv);
int fth_cli_rollout(int argc, char **argv);
int fth_cli_blocks(int argc, char **argv);
int fth_cli_allow(int argc, char **argv);
int fth_cli_history(int argc, char **argv);
int fth_cli_complete(int argc, char **argv);
int fth_cli_enroll(int argc, char **argv);
int fth_cli_unenroll(int argc, char **argv);
int fth_cli_sign(int argc, char **argv);

#endif /* FTH_CLI_VERBS_H */
