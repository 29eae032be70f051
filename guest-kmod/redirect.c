// SPDX-License-Identifier: GPL-2.0
/* Calls of old functions are sent to their replacements. */
#include "redirect.h"

#include <linux/log2.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>

#include "compat/kernel.h"
#include "compat/regs.h"

/* Open addressing by patch site; at most half of the slots are used. */
struct fth_redirect_table {
	u32 mask; /* slots less one */
	u32 count;
	struct fth_redirect *slots[];
};

/* Bits from the middle of the product, so that no shift has to be loaded; see redirect(). */
static __always_inline u32 ip_slot(unsigned long ip, u32 mask)
{
	return (u32)((ip * 0x61c88647ul) >> 20) & mask;
}

static __always_inline struct fth_redirect *table_find(const struct fth_redirect_table *table,
						       unsigned long ip)
{
	u32 i = ip_slot(ip, table->mask);

	for (; table->slots[i]; i = (i + 1) & table->mask) {
		if (table->slots[i]->ip == ip)
			return table->slots[i];
	}
	return NULL;
}

static __always_inline void go(const struct fth_redirect *entry, struct ftrace_regs *regs)
{
	if (!entry->new_func) /* a nop */
		return;
	this_cpu_inc(*entry->hits);
	fth_regs_jump(regs, entry->new_func);
}

/* Another entry than the hash's first one, or a straggler may look at itself. */
static noinline notrace void redirect_slowly(unsigned long ip,
					     const struct fth_redirect_table *table,
					     struct ftrace_regs *regs)
{
	const struct fth_redirect *entry = table_find(table, ip);

	while (entry && !fth_lever_is_new(entry->lever, ip))
		entry = entry->next;
	if (entry)
		go(entry, regs);
	preempt_enable_notrace();
}

/* The same where a transition runs; what lies below @entry is left to the slow way. */
static noinline notrace void redirect_mixed(unsigned long ip,
					    const struct fth_redirect_table *table,
					    const struct fth_redirect *entry,
					    struct ftrace_regs *regs)
{
	enum fth_peek peek = fth_lever_peek(entry->lever);

	if (peek == FTH_PEEK_ASK || (peek == FTH_PEEK_OLD && entry->next)) {
		redirect_slowly(ip, table, regs);
		return;
	}
	if (peek == FTH_PEEK_NEW)
		go(entry, regs);
	preempt_enable_notrace();
}

/*
 * Called at the entry of every redirected function, in any context.  Preemption
 * is off, and with that the table and the rosters stay.  Every instruction here
 * is paid by every call: whatever needs a register saved is called in the last
 * place.  No recursion is to be feared: nothing that can be traced is called,
 * but by a straggler that looks at its own stack, which guards itself.
 */
static notrace void redirect(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *regs)
{
	struct fth_redirector *redirector = container_of(ops, struct fth_redirector, ops);
	const struct fth_redirect_table *table;
	const struct fth_redirect *entry;

	preempt_disable_notrace();
	/* Pairs with the release in table_swap(): slots before pointer. */
	table = smp_load_acquire(&redirector->table);
	entry = table->slots[ip_slot(ip, table->mask)];
	if (unlikely(!entry || entry->ip != ip)) {
		redirect_slowly(ip, table, regs);
		return;
	}
	if (unlikely(READ_ONCE(entry->lever->phase) != FTH_PHASE_NEW)) {
		redirect_mixed(ip, table, entry, regs);
		return;
	}
	go(entry, regs);
	preempt_enable_notrace();
}

/* The site that the filter never loses. */
static noinline void keep_filter_used(void)
{
	barrier();
}

static struct fth_redirect_table *table_alloc(u32 count)
{
	u32 slots = roundup_pow_of_two(2 * count + 2);
	struct fth_redirect_table *table;

	table = kvzalloc(struct_size(table, slots, slots), GFP_KERNEL);
	if (table)
		table->mask = slots - 1;
	return table;
}

static u32 table_slot(const struct fth_redirect_table *table, unsigned long ip)
{
	u32 i = ip_slot(ip, table->mask);

	while (table->slots[i] && table->slots[i]->ip != ip)
		i = (i + 1) & table->mask;
	return i;
}

static bool is_new(const struct fth_redirect *entry)
{
	return entry->wanted && !entry->listed;
}

/* The present sites with the new entries on top of them. */
static struct fth_redirect_table *table_with(const struct fth_redirect_table *old,
					     struct fth_redirect *entries, u32 count, u32 added)
{
	struct fth_redirect_table *table = table_alloc(old->count + added);

	if (!table)
		return NULL;
	for (u32 i = 0; i <= old->mask; i++) {
		if (old->slots[i])
			table->slots[table_slot(table, old->slots[i]->ip)] = old->slots[i];
	}
	table->count = old->count;
	for (u32 i = 0; i < count; i++) {
		u32 slot;

		if (!is_new(&entries[i]))
			continue;
		slot = table_slot(table, entries[i].ip);
		entries[i].next = table->slots[slot];
		table->count += !entries[i].next;
		table->slots[slot] = &entries[i];
	}
	return table;
}

/*
 * The old table is freed once no handler can read it any more: by the next edit,
 * which is preceded by a flip's stop of all CPUs most often, but not always.
 */
static void table_swap(struct fth_redirector *redirector, struct fth_redirect_table *table)
{
	if (redirector->retired) {
		fth_transition_drain();
		kvfree(redirector->retired);
	}
	redirector->retired = redirector->table;
	/* Pairs with the acquire in redirect(). */
	smp_store_release(&redirector->table, table);
}

int fth_redirector_init(struct fth_redirector *redirector)
{
	unsigned long ip = fth_symbol_ftrace_ip((unsigned long)keep_filter_used);
	int error;

	if (!ip)
		return -EOPNOTSUPP;
	redirector->table = table_alloc(0);
	if (!redirector->table)
		return -ENOMEM;
	redirector->ops.func = redirect;
	/* PERMANENT: the sysctl that switches ftrace off must not un-patch. */
	redirector->ops.flags = FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_PERMANENT;
	error = ftrace_set_filter_ips(&redirector->ops, &ip, 1, 0, 0);
	if (error)
		goto err_table;
	error = register_ftrace_function(&redirector->ops);
	if (error)
		goto err_filter;
	keep_filter_used();
	return 0;

err_filter:
	ftrace_free_filter(&redirector->ops);
err_table:
	kvfree(redirector->table);
	redirector->table = NULL;
	return error;
}

void fth_redirector_exit(struct fth_redirector *redirector)
{
	WARN_ON_ONCE(redirector->table->count);
	fth_ftrace_unregister(&redirector->ops);
	kvfree(redirector->retired);
	kvfree(redirector->table);
	kvfree(redirector->sites);
	redirector->retired = NULL;
	redirector->table = NULL;
	redirector->sites = NULL;
	redirector->room = 0;
	redirector->strays = 0;
}

/*
 * Take the first @count of the sites out of the filter.  Memory may be short, and a
 * way back must not fail: then it is done one by one, and those that stay are strays.
 * Return: 0, or the error of the last one that stays.
 */
static int unfilter(struct fth_redirector *redirector, u32 count)
{
	unsigned long *sites = redirector->sites;
	u32 before = redirector->strays, stay = 0;
	int last = 0;

	if (count && ftrace_set_filter_ips(&redirector->ops, sites, count, 1, 0)) {
		for (u32 i = 0; i < count; i++) {
			int error = ftrace_set_filter_ips(&redirector->ops, &sites[i], 1, 1, 0);

			if (!error)
				continue;
			sites[stay++] = sites[i];
			last = error;
		}
	}
	WRITE_ONCE(redirector->strays, stay);
	if (stay > before)
		pr_warn("redirect: %u sites stay traced for now though no patch uses them (%d)\n",
			stay, last);
	return last;
}

/* Which one?  ftrace does not say, so they are tried one by one. */
static unsigned long find_refused(struct fth_redirector *redirector, u32 count)
{
	unsigned long refused;
	u32 added = 0;

	while (added < count &&
	       !ftrace_set_filter_ips(&redirector->ops, &redirector->sites[added], 1, 0, 0))
		added++;
	refused = redirector->sites[added < count ? added : 0];
	unfilter(redirector, added);
	return refused;
}

/*
 * ftrace asks a trampoline to share its site only when an ops with it is
 * registered, not when a filter grows: it would go on to call the old function.
 */
static unsigned long find_direct(const unsigned long *ips, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (fth_ftrace_is_direct(ips[i]))
			return ips[i];
	}
	return 0;
}

/* Filter the first @count of the sites, no patch's before.  Return: as fth_redirector_add(). */
static int filter(struct fth_redirector *redirector, u32 count, unsigned long *ret_refused)
{
	unsigned long direct;
	int error;

	if (!count)
		return 0;
	error = ftrace_set_filter_ips(&redirector->ops, redirector->sites, count, 0, 0);
	if (!error && fth_ftrace_is_dead())
		error = -ENODEV;
	if (error == -EBUSY)
		*ret_refused = find_refused(redirector, count);
	if (error)
		return error;
	/* From here on a trampoline that comes is told to share. */
	direct = find_direct(redirector->sites, count);
	if (!direct)
		return 0;
	unfilter(redirector, count);
	*ret_refused = direct;
	return -EBUSY;
}

/* No stray, and room for the sites of a table of @count. */
static int make_room(struct fth_redirector *redirector, u32 count)
{
	unsigned long *sites;
	int error = unfilter(redirector, redirector->strays);

	if (error || count <= redirector->room)
		return error;
	sites = kvmalloc_array(count, sizeof(*sites), GFP_KERNEL);
	if (!sites)
		return -ENOMEM;
	kvfree(redirector->sites);
	redirector->sites = sites;
	redirector->room = count;
	return 0;
}

static u32 count_new(const struct fth_redirect *entries, u32 count)
{
	u32 added = 0;

	for (u32 i = 0; i < count; i++)
		added += is_new(&entries[i]);
	return added;
}

static u32 new_sites(const struct fth_redirect *entries, u32 count, unsigned long *ret_ips)
{
	u32 sites = 0;

	for (u32 i = 0; i < count; i++) {
		if (is_new(&entries[i]) && !entries[i].next)
			ret_ips[sites++] = entries[i].ip;
	}
	return sites;
}

static const struct fth_redirect *entry_of(const struct fth_redirect *entries, unsigned long ip)
{
	while (entries->ip != ip)
		entries++;
	return entries;
}

static void unwant(struct fth_redirect *entries, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (is_new(&entries[i]))
			entries[i].wanted = false;
	}
}

static int add(struct fth_redirector *redirector, struct fth_redirect *entries, u32 count,
	       const struct fth_redirect **ret_refused)
{
	u32 added = count_new(entries, count), sites;
	struct fth_redirect_table *table;
	unsigned long refused;
	int error;

	if (!added)
		return 0;
	if (redirector->table->count + added > FTH_REDIRECTS_MAX)
		return -ENOSPC;
	error = make_room(redirector, redirector->table->count + added);
	if (error)
		return error;
	table = table_with(redirector->table, entries, count, added);
	if (!table)
		return -ENOMEM;
	sites = new_sites(entries, count, redirector->sites);
	/* Their levers say OLD, so calls go on as before whichever comes first. */
	error = filter(redirector, sites, &refused);
	if (error == -EBUSY)
		*ret_refused = entry_of(entries, refused);
	if (error) {
		kvfree(table);
		return error;
	}
	for (u32 i = 0; i < count; i++)
		entries[i].listed = entries[i].wanted;
	table_swap(redirector, table);
	return 0;
}

int fth_redirector_add(struct fth_redirector *redirector, struct fth_redirect *entries, u32 count,
		       const struct fth_redirect **ret_refused)
{
	int error = add(redirector, entries, count, ret_refused);

	if (error)
		unwant(entries, count);
	return error;
}

/* The newest entry from @entry on that stays. */
static struct fth_redirect *next_wanted(struct fth_redirect *entry)
{
	while (entry && !entry->wanted)
		entry = entry->next;
	return entry;
}

/*
 * Free slot @gap: what was pushed on by its entry moves back.  An NMI may look
 * meanwhile: it may see an entry twice, but never misses one.
 */
static void slot_free(struct fth_redirect_table *table, u32 gap)
{
	u32 mask = table->mask;
	u32 i = gap;

	for (;;) {
		u32 home;

		do {
			i = (i + 1) & mask;
			if (!table->slots[i]) {
				WRITE_ONCE(table->slots[gap], NULL);
				return;
			}
			home = ip_slot(table->slots[i]->ip, mask);
			/* It may stay where a search from its home passes no gap. */
		} while (((i - home) & mask) < ((i - gap) & mask));
		WRITE_ONCE(table->slots[gap], table->slots[i]);
		gap = i;
	}
}

/* An entry that is out keeps its @next: an NMI may stand on it. */
static void sweep_chain(struct fth_redirect **link)
{
	while (*link) {
		struct fth_redirect *entry = *link;

		if (entry->wanted) {
			link = &entry->next;
			continue;
		}
		WRITE_ONCE(*link, entry->next);
		entry->listed = false;
	}
}

static void unlist_chain(struct fth_redirect *entry)
{
	for (; entry; entry = entry->next)
		entry->listed = false;
}

/* All CPUs are stopped, and no handler runs but in an NMI. */
static int sweep_stopped(void *arg)
{
	struct fth_redirect_table *table = arg;

	for (u32 i = 0; i <= table->mask; i++) {
		/* Another site may have moved into the slot. */
		while (table->slots[i] && !next_wanted(table->slots[i])) {
			unlist_chain(table->slots[i]);
			slot_free(table, i);
			table->count--;
		}
		if (table->slots[i])
			sweep_chain(&table->slots[i]);
	}
	return 0;
}

/* They come behind the strays: a site is never both. */
static u32 unused_sites(struct fth_redirector *redirector)
{
	const struct fth_redirect_table *table = redirector->table;
	u32 sites = redirector->strays;

	for (u32 i = 0; i <= table->mask; i++) {
		if (table->slots[i] && !next_wanted(table->slots[i]))
			redirector->sites[sites++] = table->slots[i]->ip;
	}
	return sites;
}

void fth_redirector_sweep(struct fth_redirector *redirector)
{
	u32 sites = unused_sites(redirector);

	stop_machine(sweep_stopped, redirector->table, NULL);
	kvfree(redirector->retired);
	redirector->retired = NULL;
	unfilter(redirector, sites);
}

int fth_redirector_let_go(struct fth_redirector *redirector, const struct module *module)
{
	int error = unfilter(redirector, redirector->strays);

	/* With another error ftrace is dead, and reads no filter any more. */
	for (u32 i = 0; error == -ENOMEM && i < redirector->strays; i++) {
		if (within_module(redirector->sites[i], module))
			return -ENOMEM;
	}
	return 0;
}

bool fth_redirector_has_strays(const struct fth_redirector *redirector)
{
	return READ_ONCE(redirector->strays);
}

struct fth_redirect *fth_redirector_top(const struct fth_redirector *redirector, unsigned long ip)
{
	return table_find(redirector->table, ip);
}

u64 fth_redirect_hits(const struct fth_redirect *entry)
{
	u64 hits = 0;
	int cpu;

	if (!entry->hits)
		return 0;
	for_each_possible_cpu(cpu)
		hits += READ_ONCE(*per_cpu_ptr(entry->hits, cpu));
	return hits;
}
