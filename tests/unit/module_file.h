/* SPDX-License-Identifier: GPL-2.0 */
/* A kernel module's file with nothing in it but what the module says of itself. */
#ifndef FTH_TEST_MODULE_FILE_H
#define FTH_TEST_MODULE_FILE_H

#include <elf.h>
#include <stddef.h>

struct module_file {
	Elf64_Ehdr header;
	Elf64_Shdr sections[3]; /* none, .modinfo, .shstrtab */
	char names[32];
	char info[256];
};

/** module_file_make() - of @info, which is words with a NUL behind each. */
void module_file_make(struct module_file *ret_module, const char *info, size_t info_size);

#endif /* FTH_TEST_MODULE_FILE_H */
