// SPDX-License-Identifier: GPL-2.0
/* A kernel module's file with nothing in it but what the module says of itself. */
#include "module_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char names[] = "\0.modinfo\0.shstrtab";

void module_file_make(struct module_file *ret_module, const char *info, size_t info_size)
{
	struct module_file *module = ret_module;

	assert_true(info_size <= sizeof(module->info));
	memset(module, 0, sizeof(*module));
	memcpy(module->header.e_ident, ELFMAG, SELFMAG);
	module->header.e_ident[EI_CLASS] = ELFCLASS64;
	module->header.e_ident[EI_DATA] = ELFDATA2LSB;
	module->header.e_ident[EI_VERSION] = EV_CURRENT;
	module->header.e_type = ET_REL;
	module->header.e_machine = EM_X86_64;
	module->header.e_version = EV_CURRENT;
	module->header.e_ehsize = sizeof(Elf64_Ehdr);
	module->header.e_shoff = offsetof(struct module_file, sections);
	module->header.e_shentsize = sizeof(Elf64_Shdr);
	module->header.e_shnum = 3;
	module->header.e_shstrndx = 2;
	memcpy(module->names, names, sizeof(names));
	memcpy(module->info, info, info_size);
	module->sections[1] = (Elf64_Shdr){
		.sh_name = 1,
		.sh_type = SHT_PROGBITS,
		.sh_offset = offsetof(struct module_file, info),
		.sh_size = info_size,
		.sh_addralign = 1,
	};
	module->sections[2] = (Elf64_Shdr){
		.sh_name = 10,
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct module_file, names),
		.sh_size = sizeof(names),
		.sh_addralign = 1,
	};
}
