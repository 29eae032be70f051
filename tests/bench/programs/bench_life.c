// SPDX-License-Identifier: GPL-2.0
/*
 * Leads a livepatch module through its life and times the parts, for any
 * engine's control files.
 *
 * DESIGN
 * usage: bench_life SYSFS-ROOT MODULE.ko PARAMETERS STEP...
 * The patch is called as its file.  Steps, one after the other:
 *	enable		load it and wait until SYSFS-ROOT/NAME/transition reads 0; prints
 *			"insmod MS" (finit_module() returned) and "enable MS"
 *	load		load it only
 *	pause=MS	sleep
 *	stuck		it must be in transition still
 *	settle		wait until it is in none
 *	disable		write 0 to `enabled`; prints "caller MS" (the write returned) and
 *			"switched MS" (`transition` reads 0, or the folder is gone)
 *	gone		after `disable`: wait until the folder is gone, so that the module can
 *			be unloaded; prints "gone MS", since the write
 *	unload		delete_module(), as often as it takes
 *	shows=FILE:TEXT	FILE's first bytes must hold TEXT: what was timed took effect
 *	hides=FILE:TEXT	they must not
 * The clock starts before finit_module() or the write, so symbol look-up and
 * ftrace are in it.  Files are polled each millisecond, which bounds the
 * resolution.  Exits 1 with a message when anything does not work: a patch
 * that another engine took has no folder below SYSFS-ROOT.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

#define PATH_SIZE 256
#define FILE_SIZE (PATH_SIZE + sizeof("/transition"))
#define POLL_MS 1
#define UNLOAD_EVERY_MS 10
#define WAIT_MAX_MS 900000.0 /* ends a hang; no measurement is near it */

struct life {
	const char *file;
	const char *parameters;
	char name[BENCH_NAME_SIZE];
	char folder[PATH_SIZE];
	double disabled_ms; /* when `disable` began */
};

/* Returns the file's number, or -1 where the file is not there. */
static int read_number(const char *path)
{
	char text[16];
	ssize_t length;
	int fd = open(path, O_RDONLY);

	if (fd < 0)
		return -1;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length <= 0)
		return -1;
	text[length] = '\0';
	return atoi(text);
}

static int transition(const struct life *life)
{
	char path[FILE_SIZE];

	snprintf(path, sizeof(path), "%s/transition", life->folder);
	return read_number(path);
}

static int is_gone(const struct life *life)
{
	struct stat info;

	return stat(life->folder, &info) != 0;
}

/* Returns when it began. */
static double load(const struct life *life)
{
	int fd = open(life->file, O_RDONLY | O_CLOEXEC);
	double began_ms = now_ms();

	if (fd < 0)
		die("open '%s': %s", life->file, strerror(errno));
	if (syscall(SYS_finit_module, fd, life->parameters, 0))
		die("load '%s': %s", life->file, strerror(errno));
	close(fd);
	if (is_gone(life))
		die("'%s' was loaded, but there is no '%s'", life->file, life->folder);
	return began_ms;
}

static void settle(const struct life *life)
{
	double end_ms = now_ms() + WAIT_MAX_MS;

	while (transition(life)) {
		if (is_gone(life))
			die("'%s' was turned round: the engine's log says why", life->name);
		if (now_ms() > end_ms)
			die("'%s' never switched", life->name);
		nap_ms(POLL_MS);
	}
}

static void enable(const struct life *life)
{
	double began_ms = load(life);
	double loaded_ms = now_ms();

	settle(life);
	printf("enable %.3f\ninsmod %.3f\n", now_ms() - began_ms, loaded_ms - began_ms);
}

static void stuck(const struct life *life)
{
	if (transition(life) != 1)
		die("'%s' is in no transition, but should be held up", life->name);
}

static void write_zero(struct life *life)
{
	char path[FILE_SIZE];
	int fd;

	snprintf(path, sizeof(path), "%s/enabled", life->folder);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		die("open '%s': %s", path, strerror(errno));
	life->disabled_ms = now_ms();
	if (write(fd, "0", 1) != 1)
		die("write '%s': %s", path, strerror(errno));
	close(fd);
}

static void disable(struct life *life)
{
	double caller_ms;

	write_zero(life);
	caller_ms = now_ms() - life->disabled_ms;
	/* No file is no transition either. */
	while (transition(life) == 1) {
		if (now_ms() > life->disabled_ms + WAIT_MAX_MS)
			die("'%s' never left", life->name);
		nap_ms(POLL_MS);
	}
	printf("caller %.3f\nswitched %.3f\n", caller_ms, now_ms() - life->disabled_ms);
}

static void gone(const struct life *life)
{
	while (!is_gone(life)) {
		if (now_ms() > life->disabled_ms + WAIT_MAX_MS)
			die("'%s' never went", life->folder);
		nap_ms(POLL_MS);
	}
	printf("gone %.3f\n", now_ms() - life->disabled_ms);
}

static void unload(const struct life *life)
{
	double end_ms = now_ms() + WAIT_MAX_MS;

	while (syscall(SYS_delete_module, life->name, O_NONBLOCK)) {
		if ((errno != EAGAIN && errno != EBUSY) || now_ms() > end_ms)
			die("unload '%s': %s", life->name, strerror(errno));
		nap_ms(UNLOAD_EVERY_MS);
	}
}

/* @what is FILE:TEXT. */
static void look(const char *what, int shows)
{
	size_t length = strcspn(what, ":");
	char path[PATH_SIZE], text[1024];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "%.*s", (int)length, what);
	fd = open(path, O_RDONLY);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (got < 0 || !what[length])
		die("read '%s': %s", path, strerror(errno));
	close(fd);
	text[got] = '\0';
	if (!strstr(text, what + length + 1) != !shows)
		die("'%s' %s '%s'", path, shows ? "does not show" : "still shows",
		    what + length + 1);
}

static void step(struct life *life, const char *word)
{
	if (!strcmp(word, "enable"))
		enable(life);
	else if (!strcmp(word, "load"))
		load(life);
	else if (!strncmp(word, "pause=", strlen("pause=")))
		nap_ms(atof(word + strlen("pause=")));
	else if (!strcmp(word, "stuck"))
		stuck(life);
	else if (!strcmp(word, "settle"))
		settle(life);
	else if (!strcmp(word, "disable"))
		disable(life);
	else if (!strcmp(word, "gone"))
		gone(life);
	else if (!strcmp(word, "unload"))
		unload(life);
	else if (!strncmp(word, "shows=", strlen("shows=")))
		look(word + strlen("shows="), 1);
	else if (!strncmp(word, "hides=", strlen("hides=")))
		look(word + strlen("hides="), 0);
	else
		die("no step '%s'", word);
}

int main(int argc, char **argv)
{
	struct life life = { 0 };

	if (argc < 5)
		die("usage: bench_life SYSFS-ROOT MODULE.ko PARAMETERS STEP...");
	life.file = argv[2];
	life.parameters = argv[3];
	module_name(life.file, life.name);
	snprintf(life.folder, sizeof(life.folder), "%s/%s", argv[1], life.name);
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 4; i < argc; i++)
		step(&life, argv[i]);
	return 0;
}
