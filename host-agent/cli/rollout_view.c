// SPDX-License-Identifier: GPL-2.0
/* How a rollout looks to a person, and whether it is as wished. */
#include "cli/rollout_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/rollout_tree.h"
#include "cli/table.h"
#include "cli/verbs.h"

#define MS_PER_MINUTE 60000.0

static bool phase_is(const json_t *rollout, const char *phase)
{
	return !strcmp(fth_cli_string(rollout, "phase"), phase);
}

static int64_t count(const json_t *rollout, const char *member)
{
	return fth_cli_number(json_object_get(rollout, "counts"), member);
}

static void wave_text(const json_t *rollout, char *text, size_t size)
{
	snprintf(text, size, "%" PRId64 "/%" PRId64, fth_cli_number(rollout, "wave") + 1,
		 fth_cli_number(rollout, "waves"));
}

static void counts_text(const json_t *rollout, char *text, size_t size)
{
	static const char *const members[] = {
		"waiting", "deferred", "in_flight", "soaking",	 "done",
		"failed",  "reversed", "skipped",   "forgotten",
	};
	size_t i, used = 0;

	text[0] = '\0';
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		int64_t number = count(rollout, members[i]);
		int n;

		if (!number)
			continue;
		n = snprintf(text + used, size - used, "%s%" PRId64 " %s", used ? ", " : "", number,
			     members[i]);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

void fth_rollout_print_list(const json_t *rollouts)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char id[24], wave[48], counts[128];
	const json_t *rollout;
	size_t i;

	fth_table_row(&table, "ID", "PATCH", "PHASE", "WAVE", "VMS", "WHY", NULL);
	json_array_foreach(rollouts, i, rollout) {
		snprintf(id, sizeof(id), "%" PRId64, fth_cli_number(rollout, "id"));
		wave_text(rollout, wave, sizeof(wave));
		counts_text(rollout, counts, sizeof(counts));
		fth_table_row(&table, id, fth_cli_string(rollout, "patch"),
			      fth_cli_string(rollout, "phase"), wave, counts,
			      fth_cli_string(rollout, "why"), NULL);
	}
	fth_table_print(&table);
}

static void print_model(const json_t *rollout)
{
	const json_t *model = json_object_get(rollout, "model");
	const char *from = fth_cli_string(rollout, "model_from");

	printf("model: %s (leave: %s, switch: %s), %s\n", fth_cli_string(model, "name"),
	       fth_cli_string(model, "leave"), fth_cli_string(model, "switch"),
	       !strcmp(from, "default")	 ? "the default"
	       : !strcmp(from, "module") ? "as the module says"
					 : "as the policy says");
}

/* How far the way back is, and what is exposed meanwhile. */
static void print_recall(const json_t *recall)
{
	int64_t left = fth_cli_number(recall, "left");
	int64_t away = fth_cli_number(recall, "away");

	if (!json_is_object(recall))
		return;
	printf("recall: %" PRId64 " of %" PRId64 " VMs are back", fth_cli_number(recall, "back"),
	       fth_cli_number(recall, "total"));
	if (left)
		printf(", %" PRId64 " may still run the patch (%" PRId64 " of them away)", left,
		       away);
	printf("; %.1f VM-minutes exposed since it began%s\n",
	       (double)fth_cli_number(recall, "exposed_ms") / MS_PER_MINUTE,
	       json_is_true(json_object_get(recall, "blocks"))
		       ? "; the payload is blocked in the whole fleet"
		       : "");
}

/* VMs of its policy that it does not take in. */
static void print_roster(const json_t *rollout)
{
	if (json_is_true(json_object_get(rollout, "roster_full")))
		puts("roster: full: VMs that came later are not taken in; 'fother vm forget' frees "
		     "the place of one that is no more");
}

/* Where it would patch VMs, were it not for the hour. */
static void print_window(const json_t *rollout)
{
	time_t opens = (time_t)(fth_cli_number(rollout, "window_opens_ms") / 1000);
	char text[32];
	struct tm tm;

	if (!opens || !phase_is(rollout, "running") || !gmtime_r(&opens, &tm))
		return;
	strftime(text, sizeof(text), "%a %Y-%m-%d %H:%M", &tm);
	printf("window: closed, VMs are patched again from %s UTC on\n", text);
}

void fth_rollout_print(const json_t *rollout, bool all)
{
	char wave[48], counts[128];

	wave_text(rollout, wave, sizeof(wave));
	counts_text(rollout, counts, sizeof(counts));
	printf("rollout %" PRId64 " of '%s': %s, wave %s; %s\n", fth_cli_number(rollout, "id"),
	       fth_cli_string(rollout, "patch"), fth_cli_string(rollout, "phase"), wave, counts);
	print_model(rollout);
	if (strcmp(fth_cli_string(rollout, "why"), "-") != 0) {
		printf("why: ");
		fth_cli_print_text(fth_cli_string(rollout, "why"));
		putchar('\n');
	}
	print_roster(rollout);
	print_window(rollout);
	print_recall(json_object_get(rollout, "recall"));
	putchar('\n');
	fth_rollout_print_vms(rollout, all);
}

void fth_rollout_progress(const json_t *rollout, char *previous)
{
	char line[FTH_PROGRESS_SIZE], wave[48], counts[128];
	bool terminal = isatty(STDERR_FILENO);
	const char *why;

	wave_text(rollout, wave, sizeof(wave));
	counts_text(rollout, counts, sizeof(counts));
	why = fth_cli_string(rollout, "why");
	if (!strcmp(why, "-"))
		why = "";
	snprintf(line, sizeof(line), "rollout %" PRId64 ": %s, wave %s; %s%s%s",
		 fth_cli_number(rollout, "id"), fth_cli_string(rollout, "phase"), wave, counts,
		 *why ? ": " : "", why);
	if (!strcmp(line, previous))
		return;
	if (terminal)
		fputs("\r\033[K", stderr);
	fth_cli_put_text(stderr, line); /* why has words of whoever asked, or of a guest */
	if (!terminal)
		fputc('\n', stderr);
	fflush(stderr);
	memcpy(previous, line, sizeof(line));
}

void fth_rollout_progress_end(void)
{
	if (isatty(STDERR_FILENO))
		fputc('\n', stderr);
}

bool fth_rollout_settled(const json_t *rollout)
{
	return phase_is(rollout, "complete") || phase_is(rollout, "reversed") ||
	       phase_is(rollout, "stuck") || phase_is(rollout, "paused") ||
	       phase_is(rollout, "gated") || phase_is(rollout, "aborted");
}

int fth_rollout_verdict(const json_t *rollout, const char *wished)
{
	bool back = phase_is(rollout, "reversing") || phase_is(rollout, "reversed");

	if (phase_is(rollout, "stuck") || phase_is(rollout, "paused"))
		return FTH_EXIT_NOT_SO;
	if (phase_is(rollout, "aborting") || phase_is(rollout, "aborted"))
		return !strcmp(wished, "aborted") ? FTH_EXIT_OK : FTH_EXIT_NOT_SO;
	if (!strcmp(wished, "reversed"))
		return back ? FTH_EXIT_OK : FTH_EXIT_NOT_SO;
	if (back || count(rollout, "failed"))
		return FTH_EXIT_NOT_SO;
	/* Degraded: some VMs are still without it. */
	if (phase_is(rollout, "complete") &&
	    (count(rollout, "deferred") || count(rollout, "unknown")))
		return FTH_EXIT_NOT_SO;
	return FTH_EXIT_OK;
}
