// SPDX-License-Identifier: GPL-2.0
/*
 * The file that holds a payload, and what can be read from it.
 *
 * DESIGN
 * A payload lives in a shmem file without a name.  When it is complete it is
 * sealed: the loader's process, and whoever may look at that process's files,
 * can read it but never change it, and what was hashed is what is loaded.  The
 * ELF reader trusts nothing: every offset is checked by the read itself, which
 * fails or comes short outside the file.
 */
#include "stage.h"

#include <linux/elf.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "compat/file.h"
#include "compat/sha256.h"
#include "engine.h"

#define FILE_HASH_STEP (16u * 1024) /* bytes hashed at once */

struct file *fth_stage_file_create(u32 size)
{
	struct file *file = fth_file_in_memory("fother", size);

	if (!IS_ERR(file))
		file_inode(file)->i_mode = S_IFREG | 0400;
	return file;
}

static int read_exactly(struct file *file, u64 offset, void *buffer, size_t size)
{
	loff_t position = offset;
	ssize_t length;

	if (offset > FTH_MODULE_SIZE_MAX)
		return -ENOEXEC;
	length = kernel_read(file, buffer, size, &position);
	if (length < 0)
		return length;
	return length == size ? 0 : -ENOEXEC;
}

int fth_stage_file_hash(struct file *file, u32 size, u8 *ret_sha256)
{
	u8 *buffer = kmalloc(FILE_HASH_STEP, GFP_KERNEL);
	struct fth_sha256 state;
	u32 at, step;
	int err = 0;

	if (!buffer)
		return -ENOMEM;
	fth_sha256_init(&state);
	for (at = 0; at < size; at += step) {
		step = min(size - at, FILE_HASH_STEP);
		err = read_exactly(file, at, buffer, step);
		if (err)
			goto out;
		fth_sha256_update(&state, buffer, step);
		cond_resched();
	}
	fth_sha256_final(&state, ret_sha256);
out:
	kfree(buffer);
	return err;
}

struct file *fth_stage_file_seal(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct file *sealed;

	inode_lock(inode);
	SHMEM_I(inode)->seals |= F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	inode_unlock(inode);
	sealed = dentry_open(&file->f_path, O_RDONLY | O_LARGEFILE, current_cred());
	/* Now, not later: a module is not read from a file that has a writer. */
	__fput_sync(file);
	return sealed;
}

/* The section header whose name is .modinfo. */
static int find_modinfo(struct file *file, Elf64_Shdr *ret_section)
{
	static const char wanted[] = ".modinfo";
	char name[sizeof(wanted)];
	Elf64_Shdr names;
	Elf64_Ehdr elf;
	u32 i;
	int err = read_exactly(file, 0, &elf, sizeof(elf));

	if (err)
		return err;
	if (memcmp(elf.e_ident, ELFMAG, SELFMAG) || elf.e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf.e_type != ET_REL || elf.e_machine != EM_X86_64 ||
	    elf.e_shentsize != sizeof(*ret_section) || elf.e_shstrndx >= elf.e_shnum)
		return -ENOEXEC;
	err = read_exactly(file, elf.e_shoff + (u64)elf.e_shstrndx * sizeof(names), &names,
			   sizeof(names));
	for (i = 0; !err && i < elf.e_shnum; i++) {
		err = read_exactly(file, elf.e_shoff + (u64)i * sizeof(*ret_section), ret_section,
				   sizeof(*ret_section));
		if (err)
			return err;
		/* The last name of a table may be shorter than ours: no error. */
		if (!read_exactly(file, names.sh_offset + ret_section->sh_name, name,
				  sizeof(name)) &&
		    !memcmp(name, wanted, sizeof(wanted)))
			return 0;
		cond_resched();
	}
	return err ?: -ENOEXEC;
}

/* The value of @key in "key=value\0key=value\0", which ends with a NUL. */
static const char *modinfo_get(const char *modinfo, u32 size, const char *key)
{
	size_t length = strlen(key);
	u32 at;

	for (at = 0; at < size; at += strlen(modinfo + at) + 1)
		if (!strncmp(modinfo + at, key, length) && modinfo[at + length] == '=')
			return modinfo + at + length + 1;
	return NULL;
}

static int check_modinfo(const char *modinfo, u32 size, const char *name, struct fth_report *report)
{
	const char *found = modinfo_get(modinfo, size, "livepatch");
	const char *release = utsname()->release;
	size_t length = strlen(release);

	if (!found || strcmp(found, "Y"))
		return fth_report_set(
			report, FTH_E_MALFORMED, -ENOEXEC,
			"stage '%s' refused: not a livepatch module; expected 'livepatch=Y' in its .modinfo",
			name);
	found = modinfo_get(modinfo, size, "name");
	if (!found || strcmp(found, name))
		return fth_report_set(report, FTH_E_MALFORMED, -ENOEXEC,
				      "stage '%s' refused: the module calls itself '%.*s'", name,
				      FTH_NAME_MAX, found ?: "");
	found = modinfo_get(modinfo, size, "vermagic");
	if (!found || strncmp(found, release, length) || (found[length] && found[length] != ' '))
		return fth_report_set(
			report, FTH_E_WRONG_KERNEL, -EXDEV,
			"stage '%s' refused: module is for '%.*s', this kernel is '%s'", name,
			(int)min_t(size_t, strcspn(found ?: "", " "), 64), found ?: "", release);
	return 0;
}

int fth_stage_file_check(struct file *file, const char *name, struct fth_report *ret_report)
{
	Elf64_Shdr section;
	char *modinfo;
	int err = find_modinfo(file, &section);

	if (!err && (!section.sh_size || section.sh_size > FTH_STAGE_MODINFO_MAX))
		err = -ENOEXEC;
	if (err)
		return fth_report_set(
			ret_report, FTH_E_MALFORMED, err,
			"stage '%s' refused: not an ELF64 x86-64 module with a .modinfo (%d)", name,
			err);
	modinfo = kvmalloc(section.sh_size, GFP_KERNEL);
	if (!modinfo)
		return fth_report_set(ret_report, FTH_E_NO_MEMORY, -ENOMEM,
				      "stage '%s' failed: no memory for its .modinfo", name);
	err = read_exactly(file, section.sh_offset, modinfo, section.sh_size);
	if (err || modinfo[section.sh_size - 1])
		err = fth_report_set(ret_report, FTH_E_MALFORMED, -ENOEXEC,
				     "stage '%s' refused: its .modinfo is cut off", name);
	else
		err = check_modinfo(modinfo, section.sh_size, name, ret_report);
	kvfree(modinfo);
	return err;
}
