// SPDX-License-Identifier: GPL-2.0
/*
 * A damaged journal: what of it can still be read, into a new file.
 *
 * DESIGN
 * The damaged file is copied by reading only.  Each table is walked from its
 * beginning to the first row that can't be read, and from its end back to the
 * last one that can't.  Nothing is interpreted here, and nothing is guessed: what
 * can't be read is said to be lost.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/store_internal.h"
#include "io/store_salvage.h"

#define COLUMNS_MAX 32
#define DAMAGES_TOLD 8 /* lines of SQLite's own check */
#define SQL_MAX 512
#define HEADER_SIZE 100
#define WRITE_VERSION_AT 18
#define WRITE_VERSION_MAX 2 /* WAL */

struct salvage {
	sqlite3 *from;
	sqlite3 *to;
	const struct fth_salvage_ear *ear;
	struct fth_salvage *result;
};

__attribute__((format(printf, 2, 3))) static void say(const struct salvage *salvage,
						      const char *format, ...)
{
	char line[FTH_STORE_WHY_MAX];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	salvage->ear->say(salvage->ear->context, line);
}

static int check_integrity(struct salvage *salvage)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(salvage->from, "PRAGMA integrity_check(100)", -1, &s, NULL);
	int told = 0;

	while (code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
		const char *text = fth_store_text(s, 0);

		code = SQLITE_OK;
		if (!strcmp(text, "ok"))
			continue;
		salvage->result->damaged = true;
		if (told++ < DAMAGES_TOLD)
			say(salvage, "damaged: %.400s", text);
	}
	sqlite3_finalize(s);
	if (code == SQLITE_DONE)
		return 0;
	salvage->result->damaged = true;
	say(salvage, "damaged: %s", sqlite3_errmsg(salvage->from));
	return code == SQLITE_NOTADB ? -EINVAL : 0;
}

static int execute(struct salvage *salvage, const char *sql)
{
	if (sqlite3_exec(salvage->to, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	say(salvage, "can't be written: %s", sqlite3_errmsg(salvage->to));
	return -EIO;
}

/* Rows of one walk until one can't be read or is there already. */
static bool walk(struct salvage *salvage, sqlite3_stmt *from, sqlite3_stmt *to, uint64_t *count)
{
	int columns = sqlite3_column_count(from);
	int code, i;

	while ((code = sqlite3_step(from)) == SQLITE_ROW) {
		for (i = 0; i < columns; i++)
			sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
		sqlite3_step(to);
		if (sqlite3_reset(to) == SQLITE_OK && sqlite3_changes(salvage->to) == 1)
			++*count;
	}
	return code == SQLITE_DONE;
}

static bool copy_rows(struct salvage *salvage, const char *table, const char *order,
		      uint64_t *count)
{
	char sql[SQL_MAX], marks[2 * COLUMNS_MAX] = "";
	sqlite3_stmt *from = NULL, *to = NULL;
	bool whole = false;
	int columns, i;

	snprintf(sql, sizeof(sql), "SELECT * FROM %s%s", table, order);
	if (sqlite3_prepare_v2(salvage->from, sql, -1, &from, NULL) != SQLITE_OK)
		return false;
	columns = sqlite3_column_count(from);
	for (i = 0; i < columns && i < COLUMNS_MAX; i++)
		strcat(marks, i ? ",?" : "?");
	snprintf(sql, sizeof(sql), "INSERT OR IGNORE INTO %s VALUES (%s)", table, marks);
	if (columns <= COLUMNS_MAX &&
	    sqlite3_prepare_v2(salvage->to, sql, -1, &to, NULL) == SQLITE_OK)
		whole = walk(salvage, from, to, count);
	sqlite3_finalize(from);
	sqlite3_finalize(to);
	return whole;
}

static void copy_table(struct salvage *salvage, const char *table)
{
	uint64_t count = 0;
	bool whole = copy_rows(salvage, table, "", &count);

	if (!whole)
		copy_rows(salvage, table, " ORDER BY 1 DESC", &count);
	say(salvage, "%s: %llu rows can be read%s", table, (unsigned long long)count,
	    whole ? "" : ", others can't");
	salvage->result->damaged |= !whole;
	if (!strcmp(table, "rollouts") || !strcmp(table, "events"))
		salvage->result->rollouts_whole &= whole;
}

/*
 * What SQLite bears with when it only reads, and refuses when it shall write: a format
 * number that it does not know (at 18 of the file's header), a number of pages that there
 * are not.
 */
static void check_header(struct salvage *salvage, const char *path)
{
	uint8_t header[HEADER_SIZE] = { 0 };
	FILE *file = fopen(path, "r");

	if (file && fread(header, sizeof(header), 1, file) == 1 &&
	    header[WRITE_VERSION_AT] > WRITE_VERSION_MAX) {
		salvage->result->damaged = true;
		say(salvage, "damaged: its header says that it can't be written");
	}
	if (file)
		fclose(file);
	if (sqlite3_exec(salvage->from, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL) ==
	    SQLITE_OK)
		return;
	salvage->result->damaged = true;
	say(salvage, "damaged: %s", sqlite3_errmsg(salvage->from));
}

/* Also a file that is shorter than it says, and one whose schema is not all right. */
static void bear_with_damage(struct salvage *salvage)
{
	sqlite3_exec(salvage->from, "PRAGMA writable_schema = ON", NULL, NULL, NULL);
}

/* The tables as they were defined; with @copies, their rows. */
static int each_table(struct salvage *salvage, const char *type, bool copies)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(salvage->from,
				      "SELECT name, sql FROM sqlite_schema WHERE type = ?"
				      " AND sql IS NOT NULL ORDER BY rowid",
				      -1, &s, NULL);
	int error = 0;

	if (code == SQLITE_OK)
		sqlite3_bind_text(s, 1, type, -1, SQLITE_STATIC);
	while (!error && code == SQLITE_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
		code = SQLITE_OK;
		if (copies)
			copy_table(salvage, fth_store_text(s, 0));
		else
			error = execute(salvage, fth_store_text(s, 1));
	}
	if (!error && code != SQLITE_DONE) {
		say(salvage, "damaged: %s", sqlite3_errmsg(salvage->from));
		error = -EINVAL;
	}
	sqlite3_finalize(s);
	return error;
}

static int copy_number(struct salvage *salvage, const char *pragma)
{
	sqlite3_stmt *s = NULL;
	char sql[SQL_MAX];
	int error = -EINVAL;

	snprintf(sql, sizeof(sql), "PRAGMA %s", pragma);
	if (sqlite3_prepare_v2(salvage->from, sql, -1, &s, NULL) == SQLITE_OK &&
	    sqlite3_step(s) == SQLITE_ROW) {
		snprintf(sql, sizeof(sql), "PRAGMA %s = %d", pragma, sqlite3_column_int(s, 0));
		error = execute(salvage, sql);
	}
	sqlite3_finalize(s);
	return error;
}

static int copy(struct salvage *salvage, const char *path)
{
	int error;

	check_header(salvage, path);
	bear_with_damage(salvage);
	error = check_integrity(salvage);
	if (!error)
		error = copy_number(salvage, "application_id");
	if (!error)
		error = copy_number(salvage, "user_version");
	if (!error)
		error = execute(salvage, "BEGIN");
	if (!error)
		error = each_table(salvage, "table", false);
	if (!error)
		error = each_table(salvage, "table", true);
	if (!error)
		error = each_table(salvage, "index", false);
	return error ? error : execute(salvage, "COMMIT");
}

int fth_store_salvage(const char *from, const char *to, const struct fth_salvage_ear *ear,
		      struct fth_salvage *ret_result)
{
	struct salvage salvage = { .ear = ear, .result = ret_result };
	int error = -EIO;

	memset(ret_result, 0, sizeof(*ret_result));
	ret_result->rollouts_whole = true;
	if (sqlite3_open_v2(from, &salvage.from, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
		say(&salvage, "'%s' can't be opened: %s", from, sqlite3_errmsg(salvage.from));
	else if (sqlite3_open_v2(to, &salvage.to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				 NULL) != SQLITE_OK)
		say(&salvage, "'%s' can't be made: %s", to, sqlite3_errmsg(salvage.to));
	else
		error = copy(&salvage, from);
	sqlite3_close(salvage.from);
	sqlite3_close(salvage.to);
	return error;
}

static bool has_log(const char *path)
{
	char log[PATH_MAX + 8];
	struct stat info;

	snprintf(log, sizeof(log), "%s-wal", path);
	return !stat(log, &info) && info.st_size;
}

int fth_store_merge_log(const char *path, const struct fth_salvage_ear *ear)
{
	struct salvage salvage = { .ear = ear };

	if (sqlite3_open_v2(path, &salvage.from, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK) {
		bear_with_damage(&salvage);
		/* A log is only seen by who has read something. */
		sqlite3_exec(salvage.from, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
		sqlite3_wal_checkpoint_v2(salvage.from, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					  NULL);
	}
	if (has_log(path))
		say(&salvage, "'%s-wal' can't be put into its journal: %s", path,
		    sqlite3_errmsg(salvage.from));
	sqlite3_close(salvage.from);
	return has_log(path) ? -EIO : 0;
}
