// SPDX-License-Identifier: GPL-2.0
/*
 * What the engine and the loader have to tell the host, told by another task.
 *
 * DESIGN
 * Input: ends, progress and incidents of the engine's workers, failures of the
 * loader.  Output: dispatch's answers, in the same order.  Whoever has news only
 * copies them here: the engine's workers, which carry out an emergency, never take
 * a lock of the way to the host, and don't die of an oops there.
 *
 * Progress is dropped where something else waits; of incidents only the number is
 * kept.  An end that finds no room is lost and counted: the host sees the state.
 */
#include "teller.h"

#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "clock.h"
#include "main.h"
#include "revert.h"

/* With the lock.  Return: zeroed room at the queue's end, or NULL. */
static struct fth_news *push_locked(struct fth_teller *teller, u8 kind)
{
	struct fth_news *news;

	if (teller->count == FTH_TELLER_NEWS_MAX)
		return NULL;
	news = &teller->news[(teller->first + teller->count) % FTH_TELLER_NEWS_MAX];
	teller->count++;
	memset(news, 0, sizeof(*news));
	news->kind = kind;
	return news;
}

static bool pop(struct fth_teller *teller, struct fth_news *ret_news)
{
	bool any;

	spin_lock(&teller->lock);
	any = teller->count;
	if (any) {
		*ret_news = teller->news[teller->first];
		teller->first = (teller->first + 1) % FTH_TELLER_NEWS_MAX;
		teller->count--;
	}
	spin_unlock(&teller->lock);
	return any;
}

/* Its number first: a command that comes meanwhile is not ended by it. */
void fth_teller_settled(const struct fth_settled *settled)
{
	struct fth_teller *teller = &fth_guest.teller;
	struct fth_news *news;
	u64 serial;
	u8 now;

	spin_lock(&teller->lock);
	serial = ++teller->serial;
	spin_unlock(&teller->lock);
	now = fth_dispatch_engine_state(settled->name);

	spin_lock(&teller->lock);
	news = push_locked(teller, FTH_NEWS_SETTLED);
	if (news) {
		news->now = now;
		news->serial = serial;
		news->settled = *settled;
	} else {
		teller->lost++;
	}
	spin_unlock(&teller->lock);
	if (!news)
		pr_warn_ratelimited(
			"patch '%s': its end can't be told, %u ends wait; ask for its state\n",
			settled->name, FTH_TELLER_NEWS_MAX);
	fth_robust_queue(&teller->work);
}

void fth_teller_progress(const char *name, u8 state, u32 done, u32 total)
{
	struct fth_teller *teller = &fth_guest.teller;
	struct fth_news *news = NULL;

	spin_lock(&teller->lock);
	if (!teller->count)
		news = push_locked(teller, FTH_NEWS_PROGRESS);
	if (news) {
		strscpy(news->settled.name, name, sizeof(news->settled.name));
		news->settled.state = state;
		news->done = done;
		news->total = total;
	}
	spin_unlock(&teller->lock);
	fth_robust_queue(&teller->work);
}

int fth_teller_incident(const struct fth_incident *incident, u8 kind)
{
	struct fth_teller *teller = &fth_guest.teller;
	struct fth_news *news;

	if (fth_clock_now_ns() < READ_ONCE(teller->full_until_ns))
		return -ENOBUFS;
	spin_lock(&teller->lock);
	news = push_locked(teller, FTH_NEWS_INCIDENT);
	if (news) {
		news->incident = incident->number;
		news->event = kind;
	}
	spin_unlock(&teller->lock);
	fth_robust_queue(&teller->work);
	return news ? 0 : -ENOBUFS;
}

void fth_teller_load_failed(const char *name, const struct fth_report *report)
{
	struct fth_teller *teller = &fth_guest.teller;
	struct fth_news *news;

	spin_lock(&teller->lock);
	news = push_locked(teller, FTH_NEWS_LOAD_FAILED);
	if (news) {
		strscpy(news->settled.name, name, sizeof(news->settled.name));
		news->settled.report = *report;
	} else {
		teller->lost++;
	}
	spin_unlock(&teller->lock);
	fth_robust_queue(&teller->work);
}

u64 fth_teller_serial(void)
{
	struct fth_teller *teller = &fth_guest.teller;
	u64 serial;

	spin_lock(&teller->lock);
	serial = teller->serial;
	spin_unlock(&teller->lock);
	return serial;
}

void fth_teller_send_incident(const struct fth_incident *incident, u8 kind)
{
	int error = fth_dispatch_send_incident(incident, kind);

	if (!fth_revert_is_untold(error))
		return;
	WRITE_ONCE(fth_guest.teller.full_until_ns,
		   fth_clock_now_ns() + FTH_TELLER_RETRY_MS * NSEC_PER_MSEC);
	fth_revert_tell_again(incident->number, kind);
}

static void tell(struct fth_teller *teller, const struct fth_news *news)
{
	const struct fth_settled *settled = &news->settled;

	switch (news->kind) {
	case FTH_NEWS_SETTLED:
		fth_dispatch_settled(settled, news->now, news->serial);
		break;
	case FTH_NEWS_PROGRESS:
		fth_dispatch_progress(settled->name, settled->state, news->done, news->total);
		break;
	case FTH_NEWS_INCIDENT:
		if (fth_incidents_next(news->incident - 1, &teller->incident) &&
		    teller->incident.number == news->incident)
			fth_teller_send_incident(&teller->incident, news->event);
		break;
	default:
		fth_dispatch_load_failed(settled->name, &settled->report);
		break;
	}
}

static void run(struct fth_robust_work *work)
{
	struct fth_teller *teller = container_of(work, struct fth_teller, work);

	while (pop(teller, &teller->one))
		tell(teller, &teller->one);
}

int fth_teller_init(void)
{
	struct fth_teller *teller = &fth_guest.teller;
	int err;

	spin_lock_init(&teller->lock);
	teller->news = kvcalloc(FTH_TELLER_NEWS_MAX, sizeof(*teller->news), GFP_KERNEL);
	if (!teller->news)
		return -ENOMEM;
	err = -ENOMEM;
	teller->wq = alloc_workqueue("fother-teller", WQ_UNBOUND | WQ_MEM_RECLAIM | WQ_HIGHPRI, 0);
	if (!teller->wq)
		goto err_news;
	err = fth_robust_work_init(&teller->work, teller->wq, run);
	if (err)
		goto err_wq;
	return 0;

err_wq:
	destroy_workqueue(teller->wq);
err_news:
	kvfree(teller->news);
	return err;
}

void fth_teller_flush(void)
{
	fth_robust_flush(&fth_guest.teller.work);
}

void fth_teller_exit(void)
{
	struct fth_teller *teller = &fth_guest.teller;

	fth_robust_work_exit(&teller->work);
	destroy_workqueue(teller->wq);
	kvfree(teller->news);
}
