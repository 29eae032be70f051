// SPDX-License-Identifier: GPL-2.0
/*
 * fotherd --check-journal, --salvage-journal: what is damaged, and the way out.
 *
 * DESIGN
 * Both make a copy of what can be read and replay each rollout out of it.  The
 * check removes the copy; the salvage puts it in the journal's place, and keeps
 * the damaged file.  That is one rename: whenever the machine dies, the journal
 * is the damaged one, which is refused as before, or the salvaged one.  It is
 * never missing: that would be a new fleet, where nothing is blocked or recalled.
 * A rollout is whole or it is left out: what would be rebuilt from half of its
 * events is a guess.  Blocks, histories and the epoch are kept as far as they can
 * be read.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/agent.h"
#include "io/store_salvage.h"

#define EXIT_SOUND 0
#define EXIT_DAMAGED 1
#define ASIDE_TRIES 16u /* names for the damaged file */
#define ASIDE_SIZE (PATH_MAX + 32)

struct check {
	const char *state;
	char journal[PATH_MAX];
	char copy[PATH_MAX];
	struct fth_salvage found;
	struct fth_agent *agent;
	uint32_t sound;
	uint32_t count;
	uint64_t lost[FTH_AGENT_LIVE_MAX];
};

static void say(void *context, const char *line)
{
	(void)context;
	printf("  %s\n", line);
}

static const struct fth_salvage_ear ear = { say, NULL };

static void remove_logs(const char *path)
{
	static const char *const ends[] = { "-wal", "-shm" };
	char name[PATH_MAX + 8];
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		snprintf(name, sizeof(name), "%s%s", path, ends[i]);
		unlink(name);
	}
}

static void remove_files(const char *path)
{
	unlink(path);
	remove_logs(path);
}

static int sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int error = fd < 0 || fsync(fd) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

static void take_verdict(void *context, uint64_t id, int error)
{
	struct check *check = context;

	if (!error && check->found.rollouts_whole) {
		check->sound++;
		return;
	}
	printf("  rollout %llu: %s\n", (unsigned long long)id,
	       error ? "its events can't be replayed" : "some of its events may be lost");
	if (check->count < FTH_AGENT_LIVE_MAX)
		check->lost[check->count++] = id;
}

static int drop_lost(struct check *check)
{
	struct fth_store *store = check->agent->store;
	uint32_t i;
	int error = check->found.rollouts_whole ? 0 : fth_store_drop_salt(store);

	for (i = 0; !error && i < check->count; i++)
		error = fth_store_drop_rollout(store, check->lost[i]);
	return error ? error : fth_store_commit(store);
}

/* The copy is opened as an agent would, which also brings its tables up to date. */
static int look_at_copy(struct check *check, bool drops)
{
	char why[FTH_STORE_WHY_MAX];
	int error = fth_store_open(check->copy, &check->agent->store, why);

	if (error) {
		printf("  %s\n", why);
		return error;
	}
	error = fth_replay_check(check->agent, take_verdict, check);
	if (!error && drops)
		error = drop_lost(check);
	if (error)
		printf("  %s\n", fth_store_why(check->agent->store));
	fth_store_close(check->agent->store);
	return error;
}

/* A second name for the damaged file: its own stays until the salvaged one has it. */
static int put_aside(const struct check *check, char *ret_aside)
{
	long long at = (long long)time(NULL);
	unsigned int tries = ASIDE_TRIES;
	int error;

	do {
		snprintf(ret_aside, ASIDE_SIZE, "%s.damaged-%lld", check->journal, at++);
		error = link(check->journal, ret_aside) ? -errno : 0;
	} while (error == -EEXIST && --tries);
	if (error)
		printf("'%s' can't be put aside: %s\n", check->journal, strerror(-error));
	return error;
}

/* Both are whole without a write-ahead log: a file that is renamed leaves its own behind. */
static int exchange(const struct check *check, char *ret_aside)
{
	int error = fth_store_merge_log(check->copy, &ear);

	if (!error)
		error = fth_store_merge_log(check->journal, &ear);
	if (!error)
		error = put_aside(check, ret_aside);
	if (error)
		return error;
	remove_logs(check->journal); /* empty, if there are any */
	error = sync_folder(check->state);
	if (!error && rename(check->copy, check->journal))
		error = -errno;
	if (error) {
		printf("'%s' can't be put in place: %s; the damaged one stays\n", check->copy,
		       strerror(-error));
		unlink(ret_aside);
		return error;
	}
	error = sync_folder(check->state);
	if (error)
		printf("'%s': %s; which journal is there after a loss of power is not known\n",
		       check->state, strerror(-error));
	return error;
}

static int put_in_place(const struct check *check)
{
	char aside[ASIDE_SIZE];
	int error = exchange(check, aside);

	if (error)
		return error;
	printf("salvaged: %u rollouts kept, %u left out; the damaged file is '%s'\n", check->sound,
	       check->count, aside);
	if (check->count)
		printf("VMs that a rollout left out has patched keep the patch, or revert alone "
		       "where it was not confirmed: see 'fother vm list', and begin a rollout of it anew\n");
	return 0;
}

static int conclude(struct check *check, int error, bool salvages)
{
	bool damaged = error || check->found.damaged || check->count;

	if (!damaged)
		printf("sound: %u rollouts can be replayed\n", check->sound);
	else if (error == -ENOTSUP)
		printf("left as it is: only the fotherd that wrote it can check or salvage it\n");
	else if (error)
		printf("nothing can be salvaged%s%s. Where '%s' is full or read-only make room "
		       "and try again. Else move '%s' away and start fotherd: guests say what runs "
		       "in them, and unconfirmed patches revert alone; what was blocked is not any "
		       "more: see 'fother blocks'\n",
		       error == -EINVAL ? "" : ": ", error == -EINVAL ? "" : strerror(-error),
		       check->state, check->journal);
	else if (!salvages)
		printf("damaged: 'fotherd --state %s --salvage-journal' keeps what can be read\n",
		       check->state);
	if (salvages && damaged && !error)
		error = put_in_place(check);
	remove_files(check->copy);
	return error || (damaged && !salvages) ? EXIT_DAMAGED : EXIT_SOUND;
}

int fth_journal_check(const char *state, bool salvages)
{
	struct check *check = calloc(1, sizeof(*check));
	int error, code;

	if (check)
		check->agent = calloc(1, sizeof(*check->agent));
	if (!check || !check->agent) {
		free(check);
		return EXIT_DAMAGED;
	}
	check->state = state;
	snprintf(check->journal, sizeof(check->journal), "%s/journal.db", state);
	snprintf(check->copy, sizeof(check->copy), "%s/journal.db.copy", state);
	if (access(check->journal, F_OK)) {
		printf("journal '%s': %s; give the agent's --state\n", check->journal,
		       strerror(errno));
		free(check->agent);
		free(check);
		return EXIT_DAMAGED;
	}
	printf("journal '%s':\n", check->journal);
	remove_files(check->copy);
	error = fth_cache_without_journal(state) ? -EINVAL : 0;
	if (error)
		printf("  damaged: the file is empty, and '%s/payloads' is not\n", state);
	else
		error = fth_store_salvage(check->journal, check->copy, &ear, &check->found);
	if (!error)
		error = look_at_copy(check, salvages);
	code = conclude(check, error, salvages);
	free(check->agent);
	free(check);
	return code;
}
