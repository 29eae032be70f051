// SPDX-License-Identifier: GPL-2.0
/*
 * A rollout's waves and VMs: a tree on a terminal, a table elsewhere.
 *
 * DESIGN
 * Nobody reads ten thousand lines.  Each state has a rank: what failed or does not
 * answer comes first, what is under way next; waiting and done VMs are the rest.
 * Past FTH_TREE_VMS_MAX VMs the rest is counted in one line, and of those before
 * it as many are named as there is room for.
 */
#include "cli/rollout_tree.h"

#include <inttypes.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/columns.h"
#include "cli/table.h"
#include "cli/tasks_view.h"

#define WIDTH_DEFAULT 80u
#define WIDTH_MIN 40u
#define BAR_MAX 40u
#define LINE_MAX_BYTES 1024u
#define STATES_MAX 16u

enum rank {
	RANK_TROUBLE = 0,
	RANK_MOVING = 1,
	RANK_REST = 2,
};

#define RANKS 3u

/* How a state looks: @sign is UTF-8, @plain for other terminals, @colour of SGR. */
struct look {
	const char *state;
	const char *sign;
	const char *plain;
	const char *colour;
	enum rank rank;
};

/* clang-format off */
static const struct look looks[] = {
	{ "failed", "✗", "x", "31", RANK_TROUBLE },
	{ "unknown", "?", "?", "35", RANK_TROUBLE },
	{ "staging", "▶", ">", "36", RANK_MOVING },
	{ "applying", "▶", ">", "36", RANK_MOVING },
	{ "confirming", "▶", ">", "36", RANK_MOVING },
	{ "reversing", "◀", "<", "33", RANK_MOVING },
	{ "unstaging", "◀", "<", "33", RANK_MOVING },
	{ "soaking", "◔", "o", "36", RANK_REST },
	{ "done", "✔", "+", "32", RANK_REST },
	{ "reversed", "↩", "-", "33", RANK_REST },
	{ "deferred", "⏸", "=", "34", RANK_REST },
	{ "waiting", "·", ".", "0", RANK_REST },
	{ "skipped", "⊘", "/", "90", RANK_REST },
	{ "forgotten", "∅", "_", "90", RANK_REST },
};
/* clang-format on */

struct style {
	bool utf8;
	bool colour;
	unsigned int width;
};

static const struct look *look_of(const json_t *vm)
{
	const char *state = fth_cli_string(vm, "state");
	size_t i;

	for (i = 0; i < sizeof(looks) / sizeof(looks[0]); i++)
		if (!strcmp(looks[i].state, state))
			return &looks[i];
	return &looks[1]; /* a state of a newer agent */
}

/* What deserves a person's eye, whatever its state. */
static enum rank rank_of(const json_t *vm)
{
	enum rank rank = look_of(vm)->rank;

	if (rank == RANK_REST && json_is_true(json_object_get(vm, "inconclusive")))
		return RANK_TROUBLE;
	return rank;
}

static struct style terminal_style(void)
{
	const char *no_colour = getenv("NO_COLOR"), *term = getenv("TERM");
	struct style style = { .width = WIDTH_DEFAULT };
	struct winsize size;

	style.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
	style.colour = !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb"));
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		style.width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
	return style;
}

static void colour(const struct style *style, const char *code)
{
	if (style->colour)
		printf("\033[%sm", code);
}

/* At most @room columns of a text from elsewhere. */
static void print_cut(const char *text, size_t room)
{
	bool cuts = fth_columns(text) > room && room > 2;
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof(line), "%.*s", (int)fth_columns_fit(text, cuts ? room - 2 : room),
		 text);
	fth_cli_print_text(line);
	if (cuts)
		fputs("..", stdout);
}

static void print_bar(const json_t *rollout, const struct style *style)
{
	const json_t *counts = json_object_get(rollout, "counts");
	const char *phase = fth_cli_string(rollout, "phase");
	bool back = !strcmp(phase, "reversing") || !strcmp(phase, "reversed") ||
		    !strcmp(phase, "stuck");
	int64_t all = fth_cli_number(counts, "total") - fth_cli_number(counts, "skipped") -
		      fth_cli_number(counts, "forgotten");
	int64_t done = fth_cli_number(counts, back ? "reversed" : "done");
	unsigned int width = style->width / 2 < BAR_MAX ? style->width / 2 : BAR_MAX, i, full;

	/* Who was never touched need not go back. */
	if (back)
		all -= fth_cli_number(counts, "waiting");
	if (all <= 0)
		return;
	full = (unsigned int)(done * width / all);
	colour(style, back ? "33" : "32");
	for (i = 0; i < width; i++)
		fputs(i < full ? style->utf8 ? "█" : "#" : style->utf8 ? "░" : "-", stdout);
	colour(style, "0");
	printf(" %3" PRId64 " %%  %" PRId64 " of %" PRId64 " VMs %s\n", done * 100 / all, done, all,
	       back ? "are back" : "have it");
}

static void print_vm(const json_t *vm, const struct style *style, bool last)
{
	const char *name = fth_cli_string(vm, "name"), *state = fth_cli_string(vm, "state");
	const char *why = fth_cli_string(vm, "why");
	const struct look *look = look_of(vm);
	char tasks[FTH_TASKS_TEXT_MAX];
	size_t used;

	fth_tasks_line(json_object_get(vm, "transition"), tasks);
	if (*tasks)
		why = tasks;
	if (style->utf8)
		fputs(last ? "│  └─ " : "│  ├─ ", stdout);
	else
		fputs(last ? "|  `- " : "|  |- ", stdout);
	colour(style, look->colour);
	fputs(style->utf8 ? look->sign : look->plain, stdout);
	colour(style, "0");
	used = 6 + 2;
	putchar(' ');
	print_cut(name, style->width - used);
	used += fth_columns(name) + 2 + strlen(state);
	if (used < style->width)
		printf("  %s", state);
	if (strcmp(why, "-") != 0 && used + 4 < style->width) {
		fputs(": ", stdout);
		print_cut(why, style->width - used - 2);
	}
	putchar('\n');
}

/* VMs of one wave (of all: -1), how many in each rank and in each state. */
struct tally {
	int64_t wave;
	size_t count;
	size_t ranks[RANKS];
	size_t states[STATES_MAX];
};

static bool is_in(const json_t *vm, const struct tally *tally)
{
	return tally->wave < 0 || fth_cli_number(vm, "wave") == tally->wave;
}

static struct tally count_wave(const json_t *vms, int64_t wave)
{
	struct tally tally = { .wave = wave };
	const json_t *vm;
	size_t i;

	json_array_foreach(vms, i, vm) {
		if (!is_in(vm, &tally))
			continue;
		tally.count++;
		tally.ranks[rank_of(vm)]++;
		tally.states[look_of(vm) - looks]++;
	}
	return tally;
}

static void print_states(const struct tally *tally)
{
	const char *comma = "";
	size_t i;

	for (i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		if (!tally->states[i])
			continue;
		printf("%s%zu %s", comma, tally->states[i], looks[i].state);
		comma = ", ";
	}
}

/*
 * Call @show for the VMs that are named, trouble first; @tally is left with those
 * that are not.
 */
static size_t name_vms(const json_t *vms, struct tally *tally, bool all,
		       void (*show)(const json_t *vm, void *context), void *context)
{
	bool folds = !all && tally->count > FTH_TREE_VMS_MAX;
	size_t left = folds ? FTH_TREE_VMS_MAX : tally->count, shown = 0, i;
	unsigned int rank;
	const json_t *vm;

	for (rank = 0; rank < RANKS; rank++) {
		if (folds && rank == RANK_REST)
			break;
		json_array_foreach(vms, i, vm) {
			if (!left || !is_in(vm, tally) || rank_of(vm) != rank)
				continue;
			left--;
			shown++;
			tally->states[look_of(vm) - looks]--;
			show(vm, context);
		}
	}
	tally->count -= shown;
	return shown;
}

struct branch {
	const struct style *style;
	size_t left; /* lines that are to come under this wave */
};

static void show_branch(const json_t *vm, void *context)
{
	struct branch *branch = context;

	print_vm(vm, branch->style, !--branch->left);
}

static void print_wave(const json_t *vms, int64_t wave, const struct style *style, bool all)
{
	struct tally tally = count_wave(vms, wave);
	size_t trouble = tally.ranks[RANK_TROUBLE], moving = tally.ranks[RANK_MOVING];
	struct branch branch = { .style = style, .left = tally.count };

	if (!tally.count)
		return;
	printf("%s wave %" PRId64 "  ", style->utf8 ? "├─" : "|-", wave + 1);
	colour(style, trouble ? "31" : moving ? "36" : "0");
	print_states(&tally);
	colour(style, "0");
	putchar('\n');
	if (!all && tally.count > FTH_TREE_VMS_MAX)
		branch.left = 1 + (trouble + moving < FTH_TREE_VMS_MAX ? trouble + moving
								       : FTH_TREE_VMS_MAX);
	name_vms(vms, &tally, all, show_branch, &branch);
	if (!tally.count)
		return;
	printf("%s %zu more: ", style->utf8 ? "│  └─ …" : "|  `- ..", tally.count);
	print_states(&tally);
	puts("; --all names them");
}

static void show_row(const json_t *vm, void *context)
{
	char wave[24], tasks[FTH_TASKS_TEXT_MAX];

	fth_tasks_line(json_object_get(vm, "transition"), tasks);
	snprintf(wave, sizeof(wave), "%" PRId64, fth_cli_number(vm, "wave") + 1);
	fth_table_row(context, fth_cli_string(vm, "name"), wave, fth_cli_string(vm, "state"),
		      fth_cli_string(vm, "guest_state"), *tasks ? tasks : fth_cli_string(vm, "why"),
		      NULL);
}

static void print_table(const json_t *vms, bool all)
{
	__attribute__((cleanup(fth_table_free))) struct fth_table table = { 0 };
	struct tally tally = count_wave(vms, -1);

	fth_table_row(&table, "VM", "WAVE", "STATE", "IN GUEST", "WHY", NULL);
	name_vms(vms, &tally, all, show_row, &table);
	fth_table_print(&table);
	if (!tally.count)
		return;
	printf("%zu more: ", tally.count);
	print_states(&tally);
	puts("; --all names them");
}

void fth_rollout_print_vms(const json_t *rollout, bool all)
{
	const json_t *vms = json_object_get(rollout, "vms"), *vm;
	struct style style;
	int64_t wave, last = 0;
	size_t i;

	if (!isatty(STDOUT_FILENO)) {
		print_table(vms, all);
		return;
	}
	style = terminal_style();
	print_bar(rollout, &style);
	json_array_foreach(vms, i, vm)
		if (fth_cli_number(vm, "wave") > last)
			last = fth_cli_number(vm, "wave");
	/* Wave numbers are those of the policy, and one for VMs that are in none. */
	for (wave = 0; wave <= last && wave <= fth_cli_number(rollout, "waves"); wave++)
		print_wave(vms, wave, &style, all);
}

void fth_rollout_clear(void)
{
	if (isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
}
