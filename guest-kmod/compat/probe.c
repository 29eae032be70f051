// SPDX-License-Identifier: GPL-2.0
/* Tracepoints by name. */
#include "probe.h"

#include <linux/errno.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

struct search {
	const char *name;
	struct tracepoint *found;
};

static void match(struct tracepoint *point, void *data)
{
	struct search *search = data;

	if (!strcmp(point->name, search->name))
		search->found = point;
}

static struct tracepoint *find(const char *name)
{
	struct search search = { .name = name };

	for_each_kernel_tracepoint(match, &search);
	return search.found;
}

int fth_probe_register(const char *name, void *probe)
{
	struct tracepoint *point = find(name);

	return point ? tracepoint_probe_register(point, probe, NULL) : -ENOENT;
}

void fth_probe_unregister(const char *name, void *probe)
{
	struct tracepoint *point = find(name);

	if (!point)
		return;
	tracepoint_probe_unregister(point, probe, NULL);
	tracepoint_synchronize_unregister();
}
