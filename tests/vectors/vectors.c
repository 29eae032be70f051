// SPDX-License-Identifier: GPL-2.0
/* Runs all vectors. */
#include "vectors.h"

void fth_vectors_check(struct fth_vectors *vectors, bool good, const char *what)
{
	if (good)
		return;
	vectors->failed++;
	vectors->fail(what);
}

int fth_vectors_run(void (*fail)(const char *what))
{
	struct fth_vectors *vectors = fth_vectors_alloc(sizeof(*vectors));
	int failed;

	if (!vectors)
		return -ENOMEM;
	vectors->fail = fail;
	fth_vectors_frames(vectors);
	fth_vectors_tables(vectors);
	failed = vectors->failed;
	fth_vectors_free(vectors);
	return failed;
}
