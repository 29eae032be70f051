// SPDX-License-Identifier: GPL-2.0
/*
 * Makes livepatch relocations of ordinary ones, as kpatch-build and klp-build do.
 *
 * usage: fth_klprela IN OUT OBJECT SYMBOL...
 *
 * The module IN declares the SYMBOLs weak, so that it builds; each becomes
 * `.klp.sym.OBJECT.SYMBOL,1`, resolved when OBJECT is there, and what refers to
 * it moves from `.rela.SECTION` to `.klp.rela.OBJECT.SECTION`.  See the kernel's
 * Documentation/livepatch/module-elf-format.rst.
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECTIONS_MAX 256
#define ROOM_B (4u << 20)
#define NAME_MAX_B 256
#define SHN_OF_LIVEPATCH 0xff20
#define SHF_OF_LIVEPATCH 0x00100000

static unsigned char *image;
static size_t used;
static Elf64_Shdr sections[SECTIONS_MAX];
static unsigned int count, names, symtab, strtab;

static void die(const char *why)
{
	fprintf(stderr, "fth_klprela: %s\n", why);
	exit(1);
}

static void load(const char *path)
{
	FILE *file = fopen(path, "re");
	const Elf64_Ehdr *head;

	image = calloc(1, ROOM_B);
	if (!file || !image)
		die("can't read the module");
	used = fread(image, 1, ROOM_B / 2, file);
	fclose(file);
	head = (const Elf64_Ehdr *)image;
	if (used < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) ||
	    head->e_type != ET_REL || head->e_shnum > SECTIONS_MAX / 2)
		die("this is no module");
	count = head->e_shnum;
	names = head->e_shstrndx;
	memcpy(sections, image + head->e_shoff, count * sizeof(sections[0]));
	for (unsigned int i = 0; i < count; i++) {
		if (sections[i].sh_type == SHT_SYMTAB)
			symtab = i;
	}
	strtab = sections[symtab].sh_link;
}

/* Room at the end for @size bytes, zeroed; nothing that is there moves. */
static size_t append(size_t size)
{
	size_t at = (used + 15) & ~(size_t)15;

	if (at + size > ROOM_B)
		die("the module is too large");
	used = at + size;
	return at;
}

/* Adds @text to a section of strings, which moves to the end. */
static unsigned int add_string(unsigned int section, const char *text)
{
	size_t old = sections[section].sh_size, at = append(old + strlen(text) + 1);

	memcpy(image + at, image + sections[section].sh_offset, old);
	strcpy((char *)image + at + old, text);
	sections[section].sh_offset = at;
	sections[section].sh_size = old + strlen(text) + 1;
	return (unsigned int)old;
}

/* Renames the symbol; returns its number. */
static unsigned int take_symbol(const char *object, const char *name)
{
	Elf64_Sym *symbols = (Elf64_Sym *)(image + sections[symtab].sh_offset);
	char renamed[NAME_MAX_B];

	for (unsigned int i = 0; i < sections[symtab].sh_size / sizeof(*symbols); i++) {
		const char *found = (char *)image + sections[strtab].sh_offset + symbols[i].st_name;

		if (strcmp(found, name) || symbols[i].st_shndx != SHN_UNDEF)
			continue;
		snprintf(renamed, sizeof(renamed), ".klp.sym.%s.%s,1", object, name);
		symbols[i].st_name = add_string(strtab, renamed);
		symbols[i].st_shndx = SHN_OF_LIVEPATCH;
		symbols[i].st_info = ELF64_ST_INFO(STB_GLOBAL, STT_NOTYPE);
		return i;
	}
	die("the module does not refer to a symbol that was named");
	return 0;
}

static int is_taken(const unsigned int *taken, int takens, const Elf64_Rela *rela)
{
	for (int i = 0; i < takens; i++) {
		if (ELF64_R_SYM(rela->r_info) == taken[i])
			return 1;
	}
	return 0;
}

/* Divides one section of relocations; returns how many were moved. */
static unsigned int divide(unsigned int section, const char *object, const unsigned int *taken,
			   int takens)
{
	Elf64_Rela *relas = (Elf64_Rela *)(image + sections[section].sh_offset), *moved;
	unsigned int total = sections[section].sh_size / sizeof(*relas), kept = 0, gone = 0;
	size_t at = append(sections[section].sh_size);
	Elf64_Shdr *made = &sections[count];
	char name[NAME_MAX_B];

	moved = (Elf64_Rela *)(image + at);
	for (unsigned int i = 0; i < total; i++) {
		if (is_taken(taken, takens, &relas[i]))
			moved[gone++] = relas[i];
		else
			relas[kept++] = relas[i];
	}
	if (!gone)
		return 0;
	*made = sections[section];
	made->sh_offset = at;
	made->sh_size = gone * sizeof(*relas);
	made->sh_flags |= SHF_ALLOC | SHF_OF_LIVEPATCH;
	/* ".klp.rela.OBJECT" and the name of what is relocated, with its dot. */
	snprintf(name, sizeof(name), ".klp.rela.%s.%s", object,
		 (char *)image + sections[names].sh_offset +
			 sections[sections[section].sh_info].sh_name);
	made->sh_name = add_string(names, name);
	sections[section].sh_size = kept * sizeof(*relas);
	count++;
	return gone;
}

int main(int argc, char **argv)
{
	unsigned int taken[16], moved = 0, before;
	Elf64_Ehdr *head;
	size_t at;
	FILE *file;

	if (argc < 5 || argc > 4 + 16)
		return 2;
	load(argv[1]);
	for (int i = 4; i < argc; i++)
		taken[i - 4] = take_symbol(argv[3], argv[i]);
	before = count;
	for (unsigned int i = 0; i < before && count < SECTIONS_MAX - 1; i++) {
		if (sections[i].sh_type == SHT_RELA && !(sections[i].sh_flags & SHF_OF_LIVEPATCH))
			moved += divide(i, argv[3], taken, argc - 4);
	}
	if (!moved)
		die("no relocation refers to what was named");
	at = append(count * sizeof(sections[0]));
	memcpy(image + at, sections, count * sizeof(sections[0]));
	head = (Elf64_Ehdr *)image;
	head->e_shoff = at;
	head->e_shnum = (Elf64_Half)count;
	file = fopen(argv[2], "we");
	if (!file || fwrite(image, 1, used, file) != used || fclose(file))
		die("can't write the module");
	return 0;
}
