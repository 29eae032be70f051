// SPDX-License-Identifier: GPL-2.0
/* A file that lists VMs, and what a domain's metadata says: who is told of what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/policy.h"
#include "io/domain_xml.h"
#include "io/inventory.h"
#include "io/loop.h"

static struct fth_loop *loop;
static char path[64];
static char told[1024]; /* "+name host group tags path;" or "-name;" */

static void found(void *context, const char *inventory, const struct fth_inventory_vm *vm)
{
	size_t used = strlen(told);

	assert_ptr_equal(context, &loop);
	assert_string_equal(inventory, "file");
	assert_true(vm->running);
	snprintf(told + used, sizeof(told) - used, "+%s %s %s [%s] %s;", vm->name, vm->host,
		 vm->group, vm->tags, vm->path);
}

static void gone(void *context, const char *inventory, const char *name, const uint8_t *uuid)
{
	size_t used = strlen(told);

	assert_ptr_equal(context, &loop);
	assert_string_equal(inventory, "file");
	assert_null(uuid); /* a file's VMs are known by their names */
	snprintf(told + used, sizeof(told) - used, "-%s;", name);
}

static const struct fth_inventory_hooks hooks = { .found = found, .gone = gone };

static void write_list(const char *text)
{
	char temporary[72];
	FILE *file;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	file = fopen(temporary, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(rename(temporary, path), 0);
}

static int set_up(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/fother-inventory.XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	told[0] = '\0';
	return fth_loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	fth_loop_free(loop);
	return unlink(path);
}

static void until_told(void)
{
	told[0] = '\0';
	while (!told[0])
		fth_loop_turn(loop);
}

static void test_what_changes_is_told(void **state)
{
	struct fth_file *file;

	(void)state;
	write_list("version: 1\n"
		   "vms:\n"
		   "  - {name: web-2, socket: /run/2, host: a, tags: [web, eu]}\n"
		   "  - {name: web-1, socket: /run/1, host: b, group: g}\n"
		   "  - {name: old, socket: /run/o, host: c}\n");
	assert_int_equal(fth_file_new(loop, path, &hooks, &loop, &file), 0);
	assert_string_equal(told, "+old c  [] /run/o;+web-1 b g [] /run/1;"
				  "+web-2 a  [web eu] /run/2;");
	write_list(
		"{\"version\": 1, \"vms\": ["
		"{\"name\": \"web-1\", \"socket\": \"/run/1\", \"host\": \"b\", \"group\": \"g\"},"
		"{\"name\": \"web-2\", \"socket\": \"/run/2\", \"host\": \"a\", \"tags\": [\"eu\"]},"
		"{\"name\": \"web-3\", \"socket\": \"/run/3\", \"host\": \"a\"}]}");
	until_told();
	assert_string_equal(told, "-old;+web-2 a  [eu] /run/2;+web-3 a  [] /run/3;");
	/* Once more for who did not listen. */
	told[0] = '\0';
	fth_file_retell(file, "web-3");
	fth_file_retell(file, "web-9");
	assert_string_equal(told, "+web-3 a  [] /run/3;");
	told[0] = '\0';
	fth_file_retell(file, NULL);
	assert_string_equal(told,
			    "+web-1 b g [] /run/1;+web-2 a  [eu] /run/2;+web-3 a  [] /run/3;");
	/* A broken one takes nobody away. */
	write_list("version: 1\nvms: [{name: web-9}]\n");
	told[0] = '\0';
	fth_loop_turn(loop);
	assert_string_equal(told, "");
	write_list("version: 1\nvms: []\n");
	until_told();
	assert_string_equal(told, "-web-1;-web-2;-web-3;");
	fth_file_free(file);
}

static void test_wrong_lists_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"version: 2\nvms: []\n",
		"version: 1\n",
		"version: 1\nvms: [{name: a}]\n",
		"version: 1\nvms: [{socket: /a}]\n",
		"version: 1\nvms: [{name: a, socket: relative}]\n",
		"version: 1\nvms: [{name: a/b, socket: /a}]\n",
		"version: 1\nvms: [{name: '', socket: /a}]\n",
		"version: 1\nvms: [{name: a, socket: /a}, {name: a, socket: /b}]\n",
		"version: 1\nvms: [{name: a, socket: /a, tags: ['two words']}]\n",
		"version: 1\nvms: [{name: a, socket: /a, tags: ['']}]\n",
		"version: 1\nvms: [{name: a, socket: /a, colour: red}]\n",
		"version: 1\nvms: {a: b}\n",
	};
	struct fth_file *file;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		write_list(texts[i]);
		if (fth_file_new(loop, path, &hooks, &loop, &file) != -EINVAL)
			fail_msg("taken: %s", texts[i]);
	}
	assert_string_equal(told, "");
	write_list("version: 1\nvms: []\n");
	assert_int_equal(fth_file_new(loop, "/nonexistent/list", &hooks, &loop, &file), -ENOENT);
}

static void test_metadata(void **state)
{
	static const char text[] =
		"<domain type='kvm'><name>a</name><metadata>"
		"<f:vm xmlns:f='urn:fother:1' group='eu-1'><f:tag>web</f:tag><f:tag> tier-1 </f:tag>"
		"<f:tag>two words</f:tag><f:other>x</f:other></f:vm>"
		"<vm xmlns='urn:other'><tag>theirs</tag></vm>"
		"</metadata><devices/></domain>";
	struct fth_domain_xml *xml;
	char tags[FTH_TAGS_MAX + 1], group[16];

	(void)state;
	assert_int_equal(fth_domain_xml_new(text, &xml), 0);
	fth_domain_xml_group(xml, group, sizeof(group));
	fth_domain_xml_tags(xml, tags, sizeof(tags));
	assert_string_equal(group, "eu-1");
	assert_string_equal(tags, "web tier-1");
	fth_domain_xml_free(xml);
}

static void test_tags(void **state)
{
	struct fth_patterns patterns = { .count = 0 };
	char tags[16] = "";

	(void)state;
	assert_true(fth_tags_match(&patterns, ""));
	assert_int_equal(fth_tags_add(tags, sizeof(tags), "web"), 0);
	assert_int_equal(fth_tags_add(tags, sizeof(tags), "tier-10"), 0);
	assert_string_equal(tags, "web tier-10");
	assert_int_equal(fth_tags_add(tags, sizeof(tags), "12345"), -EINVAL);
	assert_int_equal(fth_tags_add(tags, sizeof(tags), "a\tb"), -EINVAL);
	assert_int_equal(fth_tags_add(tags, sizeof(tags), "1234"), -EINVAL);
	assert_int_equal(fth_tags_add(tags, sizeof(tags), "123"), 0);
	patterns.count = 1;
	strcpy(patterns.entries[0].text, "tier-*");
	assert_true(fth_tags_match(&patterns, tags));
	strcpy(patterns.entries[0].text, "tier-1");
	assert_false(fth_tags_match(&patterns, tags));
	strcpy(patterns.entries[0].text, "*");
	assert_false(fth_tags_match(&patterns, ""));
	patterns.count = 2;
	strcpy(patterns.entries[0].text, "db");
	strcpy(patterns.entries[1].text, "web");
	assert_true(fth_tags_match(&patterns, tags));
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FILE_TEST(test_what_changes_is_told),
		FILE_TEST(test_wrong_lists_are_refused),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
