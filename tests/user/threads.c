// SPDX-License-Identifier: GPL-2.0
/*
 * Workqueues and waiting, with threads.  work.c does the same in one thread.
 *
 * Each worker has a queue and a lock of its own, and queued work goes to a random
 * worker.  A single lock for all workers would put everything into an order that
 * the kernel does not promise, and hide races.
 */
#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <linux/atomic.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include "shim.h"

#define WORKERS		4
/* The core's clock goes faster than real time by this factor. */
#define CLOCK_RATE	50
#define HANG_SECONDS	60

/**
 * struct worker - A worker of a workqueue
 * @thread: its thread
 * @lock: protects all of the following
 * @changed: broadcast when work is queued or has ended, or the worker is to stop
 * @queue: work to be done now
 * @timers: delayed work
 * @running: work that is being done
 * @stop: the thread ends when there is nothing to do
 */
struct worker {
	pthread_t		thread;
	pthread_mutex_t		lock;
	pthread_cond_t		changed;
	struct list_head	queue;
	struct list_head	timers;
	struct work_struct	*running;
	bool			stop;
};

struct workqueue_struct {
	unsigned int	nr;
	struct worker	workers[WORKERS];
};

static u64 monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Move the clock on.  Each thread that waits calls this. */
static void tick(void)
{
	static u64 start_ns;
	u64 now = monotonic_ns(), first = 0;

	if (__atomic_compare_exchange_n(&start_ns, &first, now, false,
					__ATOMIC_RELAXED, __ATOMIC_RELAXED))
		first = now;
	WRITE_ONCE(shim_now_ns, 1000 * NSEC_PER_SEC + (now - first) * CLOCK_RATE);
}

static void wait_a_little(struct worker *worker)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += NSEC_PER_MSEC;
	if (until.tv_nsec >= NSEC_PER_SEC) {
		until.tv_nsec -= NSEC_PER_SEC;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&worker->changed, &worker->lock, &until);
	tick();
}

static void queue_timers(struct worker *worker)
{
	struct delayed_work *dwork, *next;

	list_for_each_entry_safe(dwork, next, &worker->timers, timer_entry) {
		if (dwork->expires_ns > shim_now())
			continue;
		list_del(&dwork->timer_entry);
		dwork->timer = false;
		list_add_tail(&dwork->work.entry, &worker->queue);
	}
}

static void *work(void *arg)
{
	struct worker *worker = arg;
	struct work_struct *item;

	shim_seed(monotonic_ns());
	pthread_mutex_lock(&worker->lock);
	for (;;) {
		queue_timers(worker);
		if (list_empty(&worker->queue)) {
			if (worker->stop)
				break;
			wait_a_little(worker);
			continue;
		}
		item = list_first_entry(&worker->queue, struct work_struct,
					entry);
		list_del(&item->entry);
		WRITE_ONCE(item->pending, false);
		worker->running = item;
		pthread_mutex_unlock(&worker->lock);

		shim_pause();
		item->func(item);		/* may free itself */

		pthread_mutex_lock(&worker->lock);
		worker->running = NULL;
		pthread_cond_broadcast(&worker->changed);
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

struct workqueue_struct *shim_alloc_workqueue(unsigned int flags,
					      int max_active)
{
	struct workqueue_struct *wq = kzalloc(sizeof(*wq), GFP_KERNEL);
	unsigned int i;

	(void)flags;
	if (!wq)
		return NULL;
	wq->nr = max_active == 1 ? 1 : WORKERS;
	for (i = 0; i < wq->nr; i++) {
		struct worker *worker = &wq->workers[i];

		pthread_mutex_init(&worker->lock, NULL);
		pthread_cond_init(&worker->changed, NULL);
		INIT_LIST_HEAD(&worker->queue);
		INIT_LIST_HEAD(&worker->timers);
		if (pthread_create(&worker->thread, NULL, work, worker))
			shim_panic("no thread");
	}
	return wq;
}

bool queue_work(struct workqueue_struct *wq, struct work_struct *work)
{
	struct worker *worker = &wq->workers[shim_below(wq->nr)];

	if (xchg(&work->pending, true))
		return false;
	pthread_mutex_lock(&worker->lock);
	list_add_tail(&work->entry, &worker->queue);
	pthread_cond_broadcast(&worker->changed);
	pthread_mutex_unlock(&worker->lock);
	return true;
}

/* Delayed work belongs to the first worker of its queue, and to that worker's lock. */
static struct worker *worker_of(struct workqueue_struct *wq)
{
	return &wq->workers[0];
}

static bool unqueue(struct delayed_work *dwork)
{
	if (!dwork->work.pending)
		return false;
	if (dwork->timer)
		list_del(&dwork->timer_entry);
	else
		list_del(&dwork->work.entry);
	dwork->timer = false;
	WRITE_ONCE(dwork->work.pending, false);
	return true;
}

static void start_timer(struct workqueue_struct *wq, struct delayed_work *dwork,
			unsigned long delay)
{
	struct worker *worker = worker_of(wq);

	WRITE_ONCE(dwork->work.wq, wq);
	dwork->timer = true;
	dwork->expires_ns = shim_now() + (u64)delay * (NSEC_PER_SEC / HZ);
	WRITE_ONCE(dwork->work.pending, true);
	list_add_tail(&dwork->timer_entry, &worker->timers);
	pthread_cond_broadcast(&worker->changed);
}

bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
			unsigned long delay)
{
	struct worker *worker = worker_of(wq);
	bool ret;

	pthread_mutex_lock(&worker->lock);
	ret = !dwork->work.pending;
	if (ret)
		start_timer(wq, dwork, delay);
	pthread_mutex_unlock(&worker->lock);
	return ret;
}

bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
		      unsigned long delay)
{
	struct worker *worker = worker_of(wq);
	bool ret;

	pthread_mutex_lock(&worker->lock);
	ret = unqueue(dwork);
	start_timer(wq, dwork, delay);
	pthread_mutex_unlock(&worker->lock);
	return ret;
}

bool flush_delayed_work(struct delayed_work *dwork)
{
	struct workqueue_struct *wq = READ_ONCE(dwork->work.wq);
	struct worker *worker;
	bool ret;

	if (!wq)
		return false;
	worker = worker_of(wq);
	pthread_mutex_lock(&worker->lock);
	ret = dwork->work.pending;
	if (dwork->timer)
		dwork->expires_ns = 0;
	pthread_cond_broadcast(&worker->changed);
	/* Work that has queued itself again, with a delay, was done. */
	while (worker->running == &dwork->work ||
	       (dwork->work.pending && !(dwork->timer && dwork->expires_ns)))
		wait_a_little(worker);
	pthread_mutex_unlock(&worker->lock);
	return ret;
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	struct workqueue_struct *wq = READ_ONCE(dwork->work.wq);
	struct worker *worker;
	bool ret;

	if (!wq)
		return false;
	worker = worker_of(wq);
	pthread_mutex_lock(&worker->lock);
	ret = unqueue(dwork);
	while (worker->running == &dwork->work) {
		wait_a_little(worker);
		unqueue(dwork);		/* it may have queued itself */
	}
	pthread_mutex_unlock(&worker->lock);
	return ret;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	unsigned int i;

	might_sleep();
	for (i = 0; i < wq->nr; i++) {
		struct worker *worker = &wq->workers[i];

		pthread_mutex_lock(&worker->lock);
		while (!list_empty(&worker->queue) || worker->running)
			wait_a_little(worker);
		pthread_mutex_unlock(&worker->lock);
	}
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	unsigned int i;

	for (i = 0; i < wq->nr; i++) {
		struct worker *worker = &wq->workers[i];

		pthread_mutex_lock(&worker->lock);
		if (!list_empty(&worker->timers))
			shim_panic("delayed work outlives its workqueue");
		worker->stop = true;
		pthread_cond_broadcast(&worker->changed);
		pthread_mutex_unlock(&worker->lock);
		pthread_join(worker->thread, NULL);
		pthread_mutex_destroy(&worker->lock);
		pthread_cond_destroy(&worker->changed);
	}
	kfree(wq);
}

/* Each thread stays on one processor. */
unsigned int shim_cpu(void)
{
	static unsigned int threads;
	static __thread unsigned int nr;

	if (!nr)
		nr = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
	return nr % SHIM_CPUS;
}

/* Pause now and then, so that threads meet in other places each time. */
void shim_pause(void)
{
	if (shim_chance(5))
		usleep(shim_below(300));
}

void shim_wait_progress(const char *what)
{
	static __thread u64 since;
	static __thread const char *waited;
	u64 now = monotonic_ns();

	if (waited != what || now - since > 2 * HANG_SECONDS * NSEC_PER_SEC) {
		waited = what;
		since = now;
	}
	if (now - since > HANG_SECONDS * NSEC_PER_SEC)
		shim_panic("for %d seconds nothing has made this true: %s",
			   HANG_SECONDS, what);
	usleep(100);
	tick();
}

bool shim_wait_until(u64 until_ns)
{
	usleep(100);
	tick();
	return shim_now() < until_ns;
}

void shim_work_reset(void)
{
}
