// SPDX-License-Identifier: GPL-2.0
/*
 * Workqueues and waiting, without threads.  Queued work runs when the test says
 * so, or when some code waits.  A wait inside a work item lets other items run on
 * top of it; an ordered queue stays busy meanwhile.
 */
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "queue.h"
#include "shim.h"

static bool random_order;
static const struct shim_io_source *io_source;

/* Work items that are running, innermost last. */
static struct work_struct *running[64];
static unsigned int nr_running;

/* The task moves to another processor all the time. */
unsigned int shim_cpu(void)
{
	static __thread unsigned int moves;

	return moves++ % SHIM_CPUS;
}

static bool can_run(struct work_struct *work)
{
	unsigned int i;

	if ((work->wq->flags & SHIM_WQ_ORDERED) && work->wq->running)
		return false;
	/* A work item never runs twice at the same time. */
	for (i = 0; i < nr_running; i++)
		if (running[i] == work)
			return false;
	return true;
}

static void run_work(struct work_struct *work)
{
	struct workqueue_struct *wq = work->wq;

	if (nr_running == ARRAY_SIZE(running))
		shim_panic("work items wait for each other");
	unqueue_work(work);
	running[nr_running++] = work;
	wq->running++;
	work->runs++;
	work->func(work);		/* may free itself */
	wq->running--;
	nr_running--;
}

static struct work_struct *next_work(void)
{
	struct work_struct *work;
	unsigned int n = 0;

	list_for_each_entry(work, &queued_work, entry)
		if (can_run(work)) {
			if (!random_order)
				return work;
			n++;
		}
	if (!n)
		return NULL;
	n = shim_below(n);
	list_for_each_entry(work, &queued_work, entry)
		if (can_run(work) && !n--)
			return work;
	return NULL;
}

/* Run one completion or work item that is ready.  Return whether there was one. */
static bool run_one(void)
{
	unsigned int ios = io_source ? io_source->waiting() : 0;
	struct work_struct *work = next_work();

	if (ios && (!work || !random_order || shim_chance(50))) {
		shim_irq_enter();
		io_source->run_one();
		shim_irq_exit();
		return true;
	}
	if (!work)
		return false;
	run_work(work);
	return true;
}

/* Move the clock to the next timer, but not past @until_ns. */
static bool pass_time(u64 until_ns)
{
	struct delayed_work *dwork = next_timer();

	if (!dwork || dwork->expires_ns > until_ns) {
		if (until_ns != U64_MAX)
			shim_now_ns = max(shim_now_ns, until_ns);
		return false;
	}
	shim_now_ns = max(shim_now_ns, dwork->expires_ns);
	fire_timer(dwork);
	return true;
}

unsigned int shim_run_some(unsigned int n)
{
	unsigned int done = 0;

	while (done < n && run_one())
		done++;
	return done;
}

void shim_run(void)
{
	if (shim_run_some(10000000) == 10000000)
		shim_panic("work goes on for ever");
}

void shim_advance_ms(u64 ms)
{
	u64 until = shim_now() + ms * NSEC_PER_MSEC;

	do {
		shim_run();
	} while (pass_time(until));
	shim_run();
}

void shim_random_order(bool on)
{
	random_order = on;
}

void shim_set_io_source(const struct shim_io_source *source)
{
	io_source = source;
}

void shim_wait_progress(const char *what)
{
	static u64 waits;

	if (run_one())
		waits = 0;
	else if (!pass_time(U64_MAX) || ++waits > 10000)
		shim_panic("nothing can make this true: %s", what);
}

bool shim_wait_until(u64 until_ns)
{
	return run_one() || pass_time(until_ns);
}

static bool is_running(struct work_struct *work)
{
	unsigned int i;

	for (i = 0; i < nr_running; i++)
		if (running[i] == work)
			return true;
	return false;
}

bool flush_work(struct work_struct *work)
{
	unsigned int runs = work->runs;
	bool ret = work->pending;

	might_sleep();
	/* An item may queue itself again. */
	while (work->pending && work->runs == runs)
		shim_wait_progress("flush_work");
	if (is_running(work))
		shim_panic("work waits for its own end");
	return ret;
}

bool cancel_work_sync(struct work_struct *work)
{
	bool ret = work->pending;

	might_sleep();
	if (ret)
		unqueue_work(work);
	if (is_running(work))
		shim_panic("work waits for its own end");
	return ret;
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	bool ret = cancel_delayed_work(dwork);

	might_sleep();
	if (is_running(&dwork->work))
		shim_panic("work waits for its own end");
	return ret;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	might_sleep();
	while (wq->queued)
		shim_wait_progress("flush_workqueue");
	if (wq->running)
		shim_panic("a workqueue is flushed by its own work");
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	struct delayed_work *dwork;

	if (!wq)
		return;
	flush_workqueue(wq);
	list_for_each_entry(dwork, &timers, timer_entry)
		if (dwork->work.wq == wq)
			shim_panic("delayed work outlives its workqueue");
	kfree(wq);
}

void shim_work_reset(void)
{
	if (!list_empty(&queued_work) || !list_empty(&timers))
		shim_panic("work is still queued");
	nr_running = 0;
	random_order = false;
}
