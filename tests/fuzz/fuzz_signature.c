// SPDX-License-Identifier: GPL-2.0
/* Fuzz: any bytes as a signature's envelope, and as a manifest. */
#include <stdlib.h>

#include "fother/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* What is read can be written, and is the same text then. */
static void fuzz_manifest(struct fth_span text)
{
	uint8_t again[FTH_MANIFEST_MAX], uuid[FTH_UUID_SIZE] = { 0 };
	struct fth_manifest manifest;
	const char *why = NULL;
	uint32_t length;

	if (fth_manifest_parse(text, &manifest, &why)) {
		check(why);
		return;
	}
	check(fth_manifest_vm_count(&manifest) <= FTH_MANIFEST_VMS_MAX);
	fth_manifest_allows_vm(&manifest, uuid);
	check(!fth_manifest_format(&manifest, again, sizeof(again), &length));
	check(length == text.length && !memcmp(again, text.data, length));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fth_span span = { data, (uint32_t)size };
	struct fth_cms cms;
	const char *why = NULL;

	if (fth_cms_inspect(span, &cms, &why)) {
		check(why);
	} else {
		check(cms.content.data >= data &&
		      cms.content.data + cms.content.length <= data + size);
		fuzz_manifest(cms.content);
	}
	fuzz_manifest(span);
	return 0;
}
