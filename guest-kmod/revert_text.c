// SPDX-License-Identifier: GPL-2.0
/*
 * The first lines of what the kernel reports, for whoever is told of it.
 *
 * DESIGN
 * The kernel's tracepoint of its log (trace event `console`) hands out each line
 * as it is stored, in whatever context, on the CPU that reports.  A line that
 * begins a report opens this CPU's page; those that follow are kept until it is
 * full, taken, or too old.  Registers and the list of modules are left out: there
 * is little room, and the call trace says more.
 */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "clock.h"
#include "compat/probe.h"
#include "fother/wire.h"
#include "revert.h"

#define REPORT_NS ((u64)2 * NSEC_PER_SEC) /* a report is printed in this time */
#define LINE_MAX 160u

/*
 * struct page_of_report - of one CPU
 * @busy: a line is being written; an NMI may come in between
 * @open: lines are taken
 * @modules: inside the list of modules, which is printed in many pieces
 */
struct page_of_report {
	bool busy;
	bool open;
	bool modules;
	u32 length;
	u64 began_ns;
	char text[FTH_TEXT_MAX];
};

static struct page_of_report __percpu *pages;
static bool followed; /* a kernel without a log has no such tracepoint */

static bool begins(const char *text, size_t length, const char *prefix)
{
	size_t size = strlen(prefix);

	return length >= size && !memcmp(text, prefix, size);
}

static bool begins_report(const char *text, size_t length)
{
	static const char *const firsts[] = {
		"------------[ cut here",
		"BUG:",
		"kernel BUG at",
		"WARNING:",
		"Oops",
		"general protection",
		"watchdog:",
		"INFO: task",
		"double fault",
		"stack segment",
		"divide error",
		"invalid opcode",
		"Kernel panic",
		"int3",
		"bounds:",
		"traps:",
	};

	for (u32 i = 0; i < ARRAY_SIZE(firsts); i++) {
		if (begins(text, length, firsts[i]))
			return true;
	}
	return false;
}

/* "RAX: 0000… RBX: …", "FS:  0000…", "Code: …" and their like. */
static bool is_dump(const char *text, size_t length)
{
	static const char *const dumps[] = { "Code:", "RSP:", "RAX:",  "RDX:", "RBP:",
					     "R10:",  "R13:", "FS:",   "CS:",  "CR2:",
					     "DR0:",  "DR3:", "PKRU:", "PGD ", "Hardware name:" };

	for (u32 i = 0; i < ARRAY_SIZE(dumps); i++) {
		if (begins(text, length, dumps[i]))
			return true;
	}
	return false;
}

static bool is_wanted(struct page_of_report *page, const char *text, size_t length)
{
	if (begins(text, length, "Modules linked in:"))
		page->modules = true;
	else if (begins(text, length, "CPU:"))
		page->modules = false;
	return length && !page->modules && !is_dump(text, length);
}

static void keep(struct page_of_report *page, const char *text, size_t length)
{
	bool fresh = fth_clock_now_ns() - page->began_ns < REPORT_NS;

	if (begins_report(text, length) && !(page->open && fresh)) {
		page->open = true;
		page->modules = false;
		page->length = 0;
		page->began_ns = fth_clock_now_ns();
	} else if (!page->open || !fresh) {
		return;
	}
	if (!is_wanted(page, text, length))
		return;
	length = min_t(size_t, length, LINE_MAX);
	if (page->length + length + 2 > sizeof(page->text))
		return;
	for (size_t i = 0; i < length; i++)
		page->text[page->length++] = isprint(text[i]) ? text[i] : ' ';
	page->text[page->length++] = '\n';
	page->text[page->length] = '\0';
}

/* The tracepoint's; preemption is off.  An interrupt in between loses its line. */
static void notrace line_came(void *data, const char *text, size_t length)
{
	struct page_of_report *page = this_cpu_ptr(pages);

	if (READ_ONCE(page->busy))
		return;
	WRITE_ONCE(page->busy, true);
	barrier();
	keep(page, text, length);
	barrier();
	WRITE_ONCE(page->busy, false);
}

void fth_revert_text_take(char *text, u32 size)
{
	struct page_of_report *page = this_cpu_ptr(pages);

	text[0] = '\0';
	if (!page->open || READ_ONCE(page->busy) ||
	    fth_clock_now_ns() - page->began_ns >= REPORT_NS)
		return;
	strscpy(text, page->text, size);
	page->open = false;
}

int fth_revert_text_init(void)
{
	int error;

	pages = alloc_percpu(struct page_of_report);
	if (!pages)
		return -ENOMEM;
	error = fth_probe_register("console", line_came);
	followed = !error;
	if (!error || error == -ENOENT)
		return 0;
	free_percpu(pages);
	return error;
}

void fth_revert_text_exit(void)
{
	if (followed)
		fth_probe_unregister("console", line_came);
	free_percpu(pages);
}
