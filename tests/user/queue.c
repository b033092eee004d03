// SPDX-License-Identifier: GPL-2.0
/*
 * Queued work and running timers.  The code that runs them is in work.c and in
 * bench/scale_sim.c.
 */
#include <linux/slab.h>
#include "queue.h"
#include "shim.h"

LIST_HEAD(queued_work);
LIST_HEAD(timers);

struct workqueue_struct *shim_alloc_workqueue(unsigned int flags,
					      int max_active)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);

	if (wq) {
		wq->flags = flags;
		wq->max = max_active;
	}
	return wq;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	if (!work->func)
		shim_panic("work without a function is queued");
	if (work->pending)
		return false;
	work->pending = true;
	work->wq = wq;
	wq->queued++;
	list_add_tail(&work->entry, &queued_work);
	return true;
}

/* Take an item out of the queue, whether it will be run or not. */
void unqueue_work(struct work_struct *work)
{
	list_del(&work->entry);
	work->wq->queued--;
	work->pending = false;
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
			unsigned long delay)
{
	if (dwork->work.pending)
		return false;
	if (!delay)
		return queue_work(wq, &dwork->work);
	dwork->work.pending = true;
	dwork->work.wq = wq;
	dwork->timer = true;
	dwork->expires_ns = shim_now() + (u64)delay * (NSEC_PER_SEC / HZ);
	list_add_tail(&dwork->timer_entry, &timers);
	return true;
}

bool cancel_delayed_work(struct delayed_work *dwork)
{
	if (!dwork->work.pending)
		return false;
	if (dwork->timer) {
		list_del(&dwork->timer_entry);
		dwork->timer = false;
		dwork->work.pending = false;
	} else {
		unqueue_work(&dwork->work);
	}
	return true;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
		      unsigned long delay)
{
	bool was_pending = cancel_delayed_work(dwork);

	queue_delayed_work(wq, dwork, delay);
	return was_pending;
}

/* Return the timer that ends first, or %NULL. */
struct delayed_work *next_timer(void)
{
	struct delayed_work *dwork, *first = NULL;

	list_for_each_entry(dwork, &timers, timer_entry)
		if (!first || dwork->expires_ns < first->expires_ns)
			first = dwork;
	return first;
}

/* Queue the work of a timer that has ended. */
void fire_timer(struct delayed_work *dwork)
{
	struct workqueue_struct *wq = dwork->work.wq;

	cancel_delayed_work(dwork);
	queue_work(wq, &dwork->work);
}

bool flush_delayed_work(struct delayed_work *dwork)
{
	if (dwork->timer)
		fire_timer(dwork);
	return flush_work(&dwork->work);
}
