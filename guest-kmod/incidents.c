// SPDX-License-Identifier: GPL-2.0
/*
 * The emergencies of this boot.
 *
 * DESIGN
 * A fixed number of them in static memory, filled out of an oops too: under a
 * raw lock that is only tried for, a bounded number of times, since whoever
 * holds it may be the one that oopsed.  What could not be written down then is
 * written down by the worker that takes the alarm, without the text.
 */
#include "incidents.h"

#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "fother/lifecycle.h"
#include "hostinfo.h"
#include "lasting.h"

#define LOCK_TRIES 100000u
#define HEAD_USUAL 320u /* bytes that an incident takes on a page, without its text */
#define HEAD_MAX 900u

/*
 * @lock: protects @incidents; nothing is locked inside, nothing that may fault
 *	is touched
 * @missed: never remembered
 */
static struct {
	raw_spinlock_t lock;
	struct fth_incident incidents[FTH_INCIDENTS_MAX];
	atomic_t missed;
} memory = { .lock = __RAW_SPIN_LOCK_UNLOCKED(memory.lock) };

u32 fth_incidents_number(void)
{
	return atomic_inc_return(&fth_lasting()->incidents);
}

void fth_incidents_missed(void)
{
	atomic_inc(&memory.missed);
}

/* A checker of contexts can't follow these two: to it they take and give nothing. */
static bool try_lock(unsigned long *ret_flags)
{
	for (u32 i = 0; i < LOCK_TRIES; i++) {
		if (raw_spin_trylock_irqsave(&memory.lock, *ret_flags)) {
			__release(&memory.lock);
			return true;
		}
		cpu_relax();
	}
	return false;
}

static void unlock_tried(unsigned long flags)
{
	__acquire(&memory.lock);
	raw_spin_unlock_irqrestore(&memory.lock, flags);
}

/* How readily it is forgotten; the lower the sooner. */
static u32 worth(const struct fth_incident *incident)
{
	if (!incident->number)
		return 0;
	/* WARNs come in numbers. */
	if (incident->trouble)
		return incident->trigger == FTH_TRIGGER_OOPS ||
				       incident->trigger == FTH_TRIGGER_PANIC
			       ? 2
			       : 1;
	return incident->ended ? 3 : 4;
}

/* Lock held. */
static struct fth_incident *find(u32 number)
{
	for (u32 i = 0; i < FTH_INCIDENTS_MAX; i++) {
		if (memory.incidents[i].number == number)
			return &memory.incidents[i];
	}
	return NULL;
}

/* Lock held.  NULL: all that there is, is worth more. */
static struct fth_incident *find_room(u32 worth_of_it)
{
	struct fth_incident *found = &memory.incidents[0];

	for (u32 i = 1; i < FTH_INCIDENTS_MAX; i++) {
		struct fth_incident *one = &memory.incidents[i];

		if (worth(one) < worth(found) ||
		    (worth(one) == worth(found) && one->number < found->number))
			found = one;
	}
	return worth(found) > worth_of_it ? NULL : found;
}

/* Lock held. */
static struct fth_incident *add(const struct fth_incident *incident)
{
	struct fth_incident *room = find_room(worth(incident));

	if (room)
		*room = *incident;
	return room;
}

/* The worker was faster than the trigger that knows more. */
static void fill_in(struct fth_incident *known, const struct fth_incident *incident)
{
	known->happened_ms = incident->happened_ms;
	memcpy(known->where, incident->where, sizeof(known->where));
	memcpy(known->why, incident->why, sizeof(known->why));
	memcpy(known->text, incident->text, sizeof(known->text));
}

bool fth_incidents_add(const struct fth_incident *incident)
{
	struct fth_incident *room;
	unsigned long flags;

	if (!try_lock(&flags))
		return false;
	room = find(incident->number);
	if (room)
		fill_in(room, incident);
	else
		room = add(incident);
	unlock_tried(flags);
	if (!room)
		fth_incidents_missed();
	return room;
}

bool fth_incidents_why(u32 number, char *ret_why)
{
	const struct fth_incident *incident;
	unsigned long flags;

	raw_spin_lock_irqsave(&memory.lock, flags);
	incident = find(number);
	if (incident)
		memcpy(ret_why, incident->why, FTH_INCIDENT_WHY_MAX);
	raw_spin_unlock_irqrestore(&memory.lock, flags);
	return incident;
}

void fth_incidents_end(u32 number, u8 mode, const char *detail)
{
	struct fth_incident *incident;
	unsigned long flags;

	raw_spin_lock_irqsave(&memory.lock, flags);
	incident = find(number);
	if (incident) {
		incident->ended = true;
		incident->mode = mode;
		strscpy(incident->end, detail, sizeof(incident->end));
	}
	raw_spin_unlock_irqrestore(&memory.lock, flags);
}

void fth_incidents_told(u32 number, u8 kind, bool told)
{
	struct fth_incident *incident;
	unsigned long flags;

	if (!try_lock(&flags))
		return;
	incident = find(number);
	if (incident && told)
		incident->told |= 1u << kind;
	else if (incident)
		incident->told &= ~(1u << kind);
	unlock_tried(flags);
}

bool fth_incidents_next(u32 after, struct fth_incident *ret_incident)
{
	struct fth_incident *next = NULL;
	unsigned long flags;

	raw_spin_lock_irqsave(&memory.lock, flags);
	for (u32 i = 0; i < FTH_INCIDENTS_MAX; i++) {
		struct fth_incident *one = &memory.incidents[i];

		if (one->number > after && (!next || one->number < next->number))
			next = one;
	}
	if (next)
		*ret_incident = *next;
	raw_spin_unlock_irqrestore(&memory.lock, flags);
	return next;
}

static struct fth_span span_of(const char *text)
{
	return (struct fth_span){ .data = (const u8 *)text, .length = strlen(text) };
}

void fth_incidents_event(const struct fth_incident *incident, u8 kind,
			 struct fth_msg_event *ret_event)
{
	*ret_event = (struct fth_msg_event){
		.kind = kind,
		.state = incident->trouble ? FTH_LC_ABSENT : FTH_LC_REVERTING,
		.trigger = incident->trigger,
		.mode = kind == FTH_EVENT_REVERTED ? incident->mode : 0,
		.incident = incident->number,
		.name = span_of(incident->name),
		.detail = span_of(kind == FTH_EVENT_REVERTED ? incident->end : incident->why),
		.where = span_of(incident->where),
		.text = span_of(incident->text),
		.happened_ms = incident->happened_ms,
		.uptime_ms = fth_hostinfo_uptime_ms(),
		.taint = fth_hostinfo_taint(),
	};
	if (incident->has_sha256)
		ret_event->sha256 = (struct fth_span){ incident->sha256, FTH_SHA256_SIZE };
}

/* Lines of the report are set off, so that each incident begins a line. */
static int print_text(char *page, int length, const char *text)
{
	while (*text) {
		u32 line = strcspn(text, "\n");

		length += sysfs_emit_at(page, length, "\t%.*s\n", (int)line, text);
		text += line + (text[line] ? 1 : 0);
	}
	return length;
}

static const char *outcome(const struct fth_incident *incident)
{
	if (incident->trouble)
		return "nothing is reverted for it";
	if (!incident->ended)
		return "the revert runs";
	return incident->end;
}

/* @kept: bytes for those that follow. */
static int print_one(char *page, int length, const struct fth_incident *incident, u32 kept)
{
	/* Two bytes more for each line at most. */
	u32 text = 2 * strlen(incident->text);

	if (length + HEAD_MAX > PAGE_SIZE)
		return length;
	length += sysfs_emit_at(page, length, "%u %s%s%s at %llu.%03llu s: %s; %s\n",
				incident->number, fth_trigger_name(incident->trigger),
				incident->name[0] ? " " : "", incident->name,
				incident->happened_ms / 1000, incident->happened_ms % 1000,
				incident->why, outcome(incident));
	if (length + text + kept > PAGE_SIZE)
		return length;
	return print_text(page, length, incident->text);
}

/* Lock held.  The one with the largest number below @below. */
static struct fth_incident *find_before(u32 below)
{
	struct fth_incident *found = NULL;

	for (u32 i = 0; i < FTH_INCIDENTS_MAX; i++) {
		struct fth_incident *one = &memory.incidents[i];

		if (one->number && one->number < below && (!found || one->number > found->number))
			found = one;
	}
	return found;
}

static bool copy_before(u32 below, struct fth_incident *ret_incident)
{
	struct fth_incident *found;
	unsigned long flags;

	raw_spin_lock_irqsave(&memory.lock, flags);
	found = find_before(below);
	if (found)
		*ret_incident = *found;
	raw_spin_unlock_irqrestore(&memory.lock, flags);
	return found;
}

int fth_incidents_print(char *page)
{
	struct fth_incident *incident = kmalloc(sizeof(*incident), GFP_KERNEL);
	int length = 0, missed = atomic_read(&memory.missed);
	u32 rest = FTH_INCIDENTS_MAX;

	if (!incident)
		return -ENOMEM;
	incident->number = U32_MAX;
	while (rest-- && copy_before(incident->number, incident))
		length = print_one(page, length, incident, rest * HEAD_USUAL);
	if (missed && length < (int)PAGE_SIZE - 64)
		length += sysfs_emit_at(page, length, "# and %d more that were not kept\n", missed);
	kfree(incident);
	return length;
}
