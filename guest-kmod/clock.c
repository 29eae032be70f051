// SPDX-License-Identifier: GPL-2.0
/*
 * The time that this guest has lived.
 *
 * DESIGN
 * What a guest does by itself when its host is silent must not be done because
 * the guest was paused: where the clocks go on during a pause (a TSC that the
 * hypervisor doesn't stop), all of it would be waiting time.  So a timer ticks,
 * and of a gap between two ticks only one tick is counted when the gap is longer
 * than a running machine has.  Between ticks at most one tick is added, which
 * keeps the clock from going back when the tick comes.
 *
 * One writer, the timer.  Readers may have interrupted it, with anything locked:
 * there are two places, and the writer fills the one that nobody is sent to.
 */
#include "clock.h"

#include <linux/compiler.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/timekeeping.h>

#include "compat/timer.h"

#define TICK_NS ((u64)FTH_CLOCK_TICK_MS * NSEC_PER_MSEC)
#define GAP_NS ((u64)FTH_CLOCK_GAP_MS * NSEC_PER_MSEC)

/* @count: ticks; the last one's place is the one it is odd or even for. */
static struct {
	struct hrtimer timer;
	unsigned int count;
	struct {
		u64 lived_ns;
		u64 at_ns;
	} places[2];
} clock;

u64 fth_clock_now_ns(void)
{
	return ktime_get_mono_fast_ns();
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	unsigned int count = clock.count, next = count + 1;
	u64 now = fth_clock_now_ns();
	u64 before = clock.places[count & 1].at_ns;
	u64 gap = now > before ? now - before : 0;

	if (gap > GAP_NS)
		gap = TICK_NS;
	WRITE_ONCE(clock.places[next & 1].lived_ns, clock.places[count & 1].lived_ns + gap);
	WRITE_ONCE(clock.places[next & 1].at_ns, now);
	/* Pairs with the acquire in fth_clock_lived_ns(). */
	smp_store_release(&clock.count, next);
	/* From now: ticks that were missed are not made up for. */
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

u64 fth_clock_lived_ns(void)
{
	u64 lived, at, now;
	unsigned int count;

	do {
		/* Pairs with the release in tick(). */
		count = smp_load_acquire(&clock.count);
		lived = READ_ONCE(clock.places[count & 1].lived_ns);
		at = READ_ONCE(clock.places[count & 1].at_ns);
		/* The place is not written again before the count has moved. */
		smp_rmb();
	} while (unlikely(READ_ONCE(clock.count) != count));
	now = fth_clock_now_ns();
	return lived + (now > at ? min(now - at, TICK_NS) : 0);
}

void fth_clock_init(void)
{
	clock.places[0].at_ns = fth_clock_now_ns();
	fth_hrtimer_setup(&clock.timer, tick);
	hrtimer_start(&clock.timer, ns_to_ktime(TICK_NS), HRTIMER_MODE_REL);
}

void fth_clock_exit(void)
{
	hrtimer_cancel(&clock.timer);
}
