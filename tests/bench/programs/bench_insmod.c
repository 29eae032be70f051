// SPDX-License-Identifier: GPL-2.0
/*
 * How long does an unrelated module's insmod take, just now?
 *
 * usage: bench_insmod AFTER-MS MODULE.ko
 * Sleeps AFTER-MS, loads the module, prints "bystander MS" and unloads it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"

int main(int argc, char **argv)
{
	char name[BENCH_NAME_SIZE];
	double began_ms;
	int fd;

	if (argc != 3)
		die("usage: bench_insmod AFTER-MS MODULE.ko");
	module_name(argv[2], name);
	fd = open(argv[2], O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("open '%s': %s", argv[2], strerror(errno));
	nap_ms(atof(argv[1]));
	began_ms = now_ms();
	if (syscall(SYS_finit_module, fd, "", 0))
		die("load '%s': %s", argv[2], strerror(errno));
	printf("bystander %.3f\n", now_ms() - began_ms);
	fflush(stdout);
	if (syscall(SYS_delete_module, name, 0))
		die("unload '%s': %s", name, strerror(errno));
	close(fd);
	return 0;
}
