// SPDX-License-Identifier: GPL-2.0
/* Calls of old functions are sent to their replacements. */
#include "redirect.h"

#include <linux/log2.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/trace_recursion.h>

#include "compat/kernel.h"
#include "compat/regs.h"

#define REMOVE_TRIES 8u /* while memory is short */

/* Open addressing by patch site; at most half of the slots are used. */
struct fth_redirect_table {
	u32 bits;
	u32 count;
	struct fth_redirect *slots[];
};

static __always_inline u32 ip_hash(unsigned long ip, u32 bits)
{
	return (u32)((ip * 0x61c8864680b583ebull) >> (64 - bits));
}

static __always_inline struct fth_redirect *table_find(const struct fth_redirect_table *table,
						       unsigned long ip)
{
	u32 mask = (1u << table->bits) - 1;
	u32 i = ip_hash(ip, table->bits);

	for (; table->slots[i]; i = (i + 1) & mask) {
		if (table->slots[i]->ip == ip)
			return table->slots[i];
	}
	return NULL;
}

/*
 * Called at the entry of every redirected function, in any context.  The
 * recursion lock keeps preemption off, and with it the table and the roster.
 */
static void notrace redirect(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			     struct ftrace_regs *regs)
{
	struct fth_redirector *redirector = container_of(ops, struct fth_redirector, ops);
	struct fth_redirect *entry;
	int bit;

	bit = ftrace_test_recursion_trylock(ip, parent_ip);
	if (bit < 0)
		return;
	/* Pairs with the release in table_swap(): slots before pointer. */
	entry = table_find(smp_load_acquire(&redirector->table), ip);
	if (entry && fth_lever_is_new(entry->lever, ip)) {
		this_cpu_inc(*entry->hits);
		fth_regs_jump(regs, entry->new_func);
	}
	ftrace_test_recursion_unlock(bit);
}

/* The site that the filter never loses. */
static noinline void keep_filter_used(void)
{
	barrier();
}

static struct fth_redirect_table *table_alloc(u32 count)
{
	u32 bits = ilog2(roundup_pow_of_two(2 * count + 2));
	struct fth_redirect_table *table;

	table = kvzalloc(struct_size(table, slots, 1ul << bits), GFP_KERNEL);
	if (table)
		table->bits = bits;
	return table;
}

static void table_insert(struct fth_redirect_table *table, struct fth_redirect *entry)
{
	u32 mask = (1u << table->bits) - 1;
	u32 i = ip_hash(entry->ip, table->bits);

	while (table->slots[i])
		i = (i + 1) & mask;
	table->slots[i] = entry;
	table->count++;
}

static bool is_one_of(const struct fth_redirect *entry, const struct fth_redirect *entries,
		      u32 count)
{
	return entry >= entries && entry < entries + count;
}

/* A table of the present entries plus @add or minus @remove. */
static struct fth_redirect_table *table_edit(const struct fth_redirect_table *old,
					     struct fth_redirect *add, u32 add_count,
					     const struct fth_redirect *remove, u32 remove_count)
{
	struct fth_redirect_table *table = table_alloc(old->count + add_count - remove_count);

	if (!table)
		return NULL;
	for (u32 i = 0; i < 1u << old->bits; i++) {
		if (old->slots[i] && !is_one_of(old->slots[i], remove, remove_count))
			table_insert(table, old->slots[i]);
	}
	for (u32 i = 0; i < add_count; i++)
		table_insert(table, &add[i]);
	return table;
}

/* The old table is freed once no handler can read it any more. */
static void table_swap(struct fth_redirector *redirector, struct fth_redirect_table *table)
{
	struct fth_redirect_table *old = redirector->table;

	/* Pairs with the acquire in redirect(). */
	smp_store_release(&redirector->table, table);
	fth_transition_drain();
	kvfree(old);
}

static unsigned long *sites(const struct fth_redirect *entries, u32 count)
{
	unsigned long *ips = kvmalloc_array(count, sizeof(*ips), GFP_KERNEL);

	for (u32 i = 0; ips && i < count; i++)
		ips[i] = entries[i].ip;
	return ips;
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
	unregister_ftrace_function(&redirector->ops);
	ftrace_free_filter(&redirector->ops);
	kvfree(redirector->table);
	redirector->table = NULL;
}

/*
 * For ways back, which must not fail.  A site that stays in the filter is in
 * no table: calls there go where they always went, only slower.
 */
static void take_out(struct fth_redirector *redirector, unsigned long *ips, u32 count)
{
	int error = 0;

	for (u32 i = 0; i < REMOVE_TRIES; i++) {
		error = count ? ftrace_set_filter_ips(&redirector->ops, ips, count, 1, 0) : 0;
		if (error != -ENOMEM)
			break;
		cond_resched();
	}
	if (error)
		pr_warn("redirect: %u sites stay traced, ftrace failed with %d\n", count, error);
}

/* Which one?  ftrace does not say, so they are tried one by one. */
static const struct fth_redirect *find_refused(struct fth_redirector *redirector,
					       const struct fth_redirect *entries,
					       unsigned long *ips, u32 count)
{
	u32 added = 0;

	while (added < count && !ftrace_set_filter_ips(&redirector->ops, &ips[added], 1, 0, 0))
		added++;
	take_out(redirector, ips, added);
	return &entries[added < count ? added : 0];
}

/*
 * ftrace asks a trampoline to share its site only when an ops with it is
 * registered, not when a filter grows: it would go on to call the old function.
 */
static const struct fth_redirect *find_direct(const struct fth_redirect *entries, u32 count)
{
	for (u32 i = 0; i < count; i++) {
		if (fth_ftrace_is_direct(entries[i].ip))
			return &entries[i];
	}
	return NULL;
}

int fth_redirector_add(struct fth_redirector *redirector, struct fth_redirect *entries, u32 count,
		       const struct fth_redirect **ret_refused)
{
	struct fth_redirect_table *table, *without;
	const struct fth_redirect *direct;
	unsigned long *ips;
	int error = -ENOMEM;

	if (!count)
		return 0;
	ips = sites(entries, count);
	if (!ips)
		return -ENOMEM;
	table = table_edit(redirector->table, entries, count, NULL, 0);
	if (!table)
		goto err_ips;
	/* For the way back, which must not fail. */
	without = table_edit(redirector->table, NULL, 0, NULL, 0);
	if (!without)
		goto err_table;
	table_swap(redirector, table);
	error = ftrace_set_filter_ips(&redirector->ops, ips, count, 0, 0);
	if (error)
		goto err_filter;
	/* From here on a trampoline that comes is told to share. */
	direct = find_direct(entries, count);
	if (direct)
		goto err_direct;
	kvfree(without);
	kvfree(ips);
	return 0;

err_direct:
	take_out(redirector, ips, count);
	table_swap(redirector, without);
	*ret_refused = direct;
	kvfree(ips);
	return -EBUSY;
err_filter:
	table_swap(redirector, without);
	if (error == -EBUSY)
		*ret_refused = find_refused(redirector, entries, ips, count);
	kvfree(ips);
	return error;
err_table:
	kvfree(table);
err_ips:
	kvfree(ips);
	return error;
}

int fth_redirector_remove(struct fth_redirector *redirector, struct fth_redirect *entries,
			  u32 count)
{
	struct fth_redirect_table *table;
	unsigned long *ips;
	int error = -ENOMEM;

	if (!count)
		return 0;
	ips = sites(entries, count);
	if (!ips)
		return -ENOMEM;
	table = table_edit(redirector->table, NULL, 0, entries, count);
	if (!table)
		goto err_ips;
	error = ftrace_set_filter_ips(&redirector->ops, ips, count, 1, 0);
	if (error)
		goto err_table;
	table_swap(redirector, table);
	kvfree(ips);
	return 0;

err_table:
	kvfree(table);
err_ips:
	kvfree(ips);
	return error;
}

const struct fth_redirect *fth_redirector_find(const struct fth_redirector *redirector,
					       unsigned long ip)
{
	return table_find(redirector->table, ip);
}

u64 fth_redirect_hits(const struct fth_redirect *entry)
{
	u64 hits = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		hits += READ_ONCE(*per_cpu_ptr(entry->hits, cpu));
	return hits;
}
