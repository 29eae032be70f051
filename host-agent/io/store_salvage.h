/* SPDX-License-Identifier: GPL-2.0 */
/* A damaged journal: what of it can still be read. */
#ifndef FTH_IO_STORE_SALVAGE_H
#define FTH_IO_STORE_SALVAGE_H

#include <stdbool.h>

/* Who is told, line by line, what was found. */
struct fth_salvage_ear {
	void (*say)(void *context, const char *line);
	void *context;
};

/**
 * struct fth_salvage - what was found
 * @damaged: something can't be read
 * @rollouts_whole: no row of the rollouts and their events is among that
 */
struct fth_salvage {
	bool damaged;
	bool rollouts_whole;
};

/**
 * fth_store_salvage() - copy what can be read into a new file
 * @from: a journal; opened for reading only
 * @to: a file that does not exist
 * @ear: told what was found
 * Return: 0; -EINVAL: @from is no SQLite file, or its tables can't be found; -EIO:
 * @from can't be opened or @to can't be written.  @to may be left behind.
 */
int fth_store_salvage(const char *from, const char *to, const struct fth_salvage_ear *ear,
		      struct fth_salvage *ret_result);

/**
 * fth_store_merge_log() - put what its write-ahead log holds into the file itself
 * @path: a journal, damaged or not, that nobody has open
 * @ear: told why not
 * Return: 0: @path is whole without its log; -EIO.
 */
int fth_store_merge_log(const char *path, const struct fth_salvage_ear *ear);

#endif /* FTH_IO_STORE_SALVAGE_H */
