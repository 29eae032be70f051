// SPDX-License-Identifier: GPL-2.0
/* How a rollout looks to a person, and whether it is as wished. */
#include "cli/rollout_view.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/incidents_view.h"
#include "cli/rollout_tree.h"
#include "cli/table.h"
#include "cli/verbs.h"

#define MS_PER_MINUTE 60000.0
#define SECONDS_PER_MINUTE 60
#define WINDOW_TEXT_SIZE 96
#define SECONDS_PER_HOUR 3600

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
	static const char *const names[] = {
		"waiting", "deferred", "in flight", "soaking",	 "done",
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
			     names[i]);
		if (n < 0 || (size_t)n >= size - used)
			return;
		used += (size_t)n;
	}
}

void fth_rollout_print_list(const json_t *rollouts)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	char id[24], wave[48], counts[128], begun[FTH_INCIDENTS_TIME_SIZE];
	const json_t *rollout;
	size_t i;

	fth_table_row(&table, "ID", "PATCH", "BEGUN", "PHASE", "WAVE", "VMS", "WHY", NULL);
	json_array_foreach(rollouts, i, rollout) {
		snprintf(id, sizeof(id), "%" PRId64, fth_cli_number(rollout, "id"));
		wave_text(rollout, wave, sizeof(wave));
		counts_text(rollout, counts, sizeof(counts));
		fth_incidents_time(fth_cli_number(rollout, "started_ms"), begun);
		fth_table_row(&table, id, fth_cli_string(rollout, "patch"), begun,
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

/* How long until then, in words; for some time in the past there are none. */
static void print_left(int64_t then_ms, const char *before, const char *behind)
{
	struct timespec now;
	int64_t left_s;

	clock_gettime(CLOCK_REALTIME, &now);
	left_s = (then_ms + 999) / 1000 - now.tv_sec;
	if (left_s <= 0)
		return;
	fputs(before, stdout);
	if (left_s < 2 * SECONDS_PER_MINUTE)
		printf("%" PRId64 " s", left_s);
	else if (left_s < 2 * SECONDS_PER_HOUR)
		printf("%" PRId64 " min", left_s / SECONDS_PER_MINUTE);
	else
		printf("%" PRId64 " h", left_s / SECONDS_PER_HOUR);
	fputs(behind, stdout);
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
	print_left(fth_cli_number(recall, "due_ms"), "; those in reach are back in about ", "");
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

/* Where it would patch VMs, were it not for the hour: until when; "" elsewhere. */
static void window_text(const json_t *rollout, char *text, size_t size)
{
	time_t opens = (time_t)(fth_cli_number(rollout, "window_opens_ms") / 1000);
	char when[32];
	struct tm tm;

	text[0] = '\0';
	if (!opens || !phase_is(rollout, "running") || !gmtime_r(&opens, &tm))
		return;
	strftime(when, sizeof(when), "%a %Y-%m-%d %H:%M", &tm);
	snprintf(text, size, "window: closed, VMs are patched again from %s UTC on", when);
}

static void print_window(const json_t *rollout)
{
	char text[WINDOW_TEXT_SIZE];

	window_text(rollout, text, sizeof(text));
	if (*text)
		puts(text);
}

/* Until when the wave soaks, if nothing comes in between. */
static void print_soak(const json_t *rollout)
{
	int64_t until_ms = fth_cli_number(rollout, "soak_until_ms");
	char until[FTH_INCIDENTS_TIME_SIZE];

	if (!until_ms || !phase_is(rollout, "soaking"))
		return;
	fth_incidents_time(until_ms, until);
	printf("soak: until %s", until);
	print_left(until_ms, ", ", " from now");
	putchar('\n');
}

/* How much of what may go wrong has; nothing while nothing did, nor where no budget counts. */
static void print_budget(const json_t *rollout)
{
	int64_t accepted = fth_cli_number(rollout, "failures_accepted");
	int64_t failures = fth_cli_number(rollout, "failures") - accepted;
	int64_t inconclusive = fth_cli_number(rollout, "inconclusive");

	if ((!failures && !accepted && !inconclusive) ||
	    json_is_object(json_object_get(rollout, "recall")))
		return;
	printf("budget: %" PRId64 " failed (allowed: %" PRId64 ")", failures,
	       fth_cli_number(rollout, "failures_allowed"));
	if (accepted)
		printf(", beside %" PRId64 " that were accepted", accepted);
	printf(", %" PRId64 " inconclusive (allowed: %" PRId64 "), of %" PRId64 " VMs tried\n",
	       inconclusive, fth_cli_number(rollout, "inconclusive_allowed"),
	       fth_cli_number(rollout, "tried"));
}

/* Where it goes on only by a person's word: the word, and what it does. */
static const struct next {
	const char *phase, *verb, *does;
} nexts[] = {
	{ "paused", "resume",
	  "goes on, and accepts what went wrong so far; abort stops here, reverse takes it back" },
	{ "gated", "resume", "begins the next wave; abort stops here, reverse takes it back" },
	{ "soaking", "pause",
	  "and then resume go on without VMs that can't be told; until then they are asked again" },
	{ "stuck", "reverse",
	  "asks again; who is away goes back on its return, or 'fother vm forget VM'" },
	{ "aborted", "undo", "takes it back; a rollout of the same payload goes on" },
};

static void print_next(const json_t *rollout)
{
	const json_t *recall = json_object_get(rollout, "recall");
	const struct next *next = NULL;
	size_t i;

	for (i = 0; i < sizeof(nexts) / sizeof(*nexts); i++)
		if (phase_is(rollout, nexts[i].phase))
			next = &nexts[i];
	if (phase_is(rollout, "soaking") && !fth_cli_number(rollout, "inconclusive"))
		next = NULL; /* nothing but time is needed */
	if (json_is_true(json_object_get(rollout, "superseded")))
		puts("next: a newer rollout of this patch followed; this one can only be recalled");
	else if (next)
		printf("next: 'fother rollout %s %" PRId64 "' %s\n", next->verb,
		       fth_cli_number(rollout, "id"), next->does);
	else if (phase_is(rollout, "reversed") && json_is_true(json_object_get(recall, "blocks")))
		printf("next: roll a better module out, or 'fother allow %s --fleet'\n",
		       fth_cli_string(rollout, "patch"));
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
	print_soak(rollout);
	print_budget(rollout);
	print_recall(json_object_get(rollout, "recall"));
	print_next(rollout);
	putchar('\n');
	fth_rollout_print_vms(rollout, all);
}

void fth_rollout_progress(const json_t *rollout, char *previous)
{
	char line[FTH_PROGRESS_SIZE], wave[48], counts[128], window[WINDOW_TEXT_SIZE];
	bool terminal = isatty(STDERR_FILENO);
	const char *why;

	wave_text(rollout, wave, sizeof(wave));
	counts_text(rollout, counts, sizeof(counts));
	why = fth_cli_string(rollout, "why");
	window_text(rollout, window, sizeof(window));
	if (!strcmp(why, "-"))
		why = window;
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

/* Some VMs are still without it, or nobody can tell whether it does well in them. */
static bool is_degraded(const json_t *rollout)
{
	return count(rollout, "waiting") || count(rollout, "deferred") ||
	       count(rollout, "unknown") || count(rollout, "inconclusive");
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
	if (phase_is(rollout, "complete") && is_degraded(rollout))
		return FTH_EXIT_NOT_SO;
	return FTH_EXIT_OK;
}
