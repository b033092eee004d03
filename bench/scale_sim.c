// SPDX-License-Identifier: GPL-2.0
/* Work, time, locks and memory for the core; see scale_sim.h. */
#include <malloc.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include "queue.h"
#include "scale_sim.h"
#include "shim.h"

#define STACK_BYTES	(256 << 10)

/**
 * struct fiber - Something that runs and may sleep: main(), or a work item
 * @link: in one of the lists below
 * @busy: in busy_fibers, when it runs a work item
 * @context: where it begins
 * @at: where it goes on
 * @begun: it has run before
 * @work: the work item that it runs
 * @wq: the queue of @work
 * @seen: value of progress at which its condition was not true
 * @until: the time at which it stops waiting for the condition
 */
struct fiber {
	struct list_head	link;
	struct list_head	busy;
	ucontext_t		context;
	jmp_buf			at;
	bool			begun;
	struct work_struct	*work;
	struct workqueue_struct	*wq;
	u64			seen;
	u64			until;
};

static LIST_HEAD(answers);		/* of the device, in order */
static LIST_HEAD(ready);		/* fibers */
static LIST_HEAD(pollers);		/* fibers that wait for a condition */
static LIST_HEAD(idle);			/* fibers without work */
static LIST_HEAD(busy_fibers);
static struct fiber main_fiber = { .begun = true };
static struct fiber *running = &main_fiber;
static u64 progress = 1;		/* counts changes */

/* Processor time */

static bool cpu_counts;
static u64 cpu_mark;
static u64 cpu_counted;

static u64 clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (u64)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

u64 sim_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

u64 sim_real_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/* Add the processor time since sim_cpu_resume() to the clock. */
void sim_cpu_pause(void)
{
	u64 ns;

	if (!cpu_counts)
		return;
	ns = sim_cpu_ns() - cpu_mark;
	shim_now_ns += ns;
	cpu_counted += ns;
}

void sim_cpu_resume(void)
{
	if (cpu_counts)
		cpu_mark = sim_cpu_ns();
}

void sim_count_cpu(bool on)
{
	sim_cpu_pause();
	cpu_counts = on;
	sim_cpu_resume();
}

static __thread unsigned int cpu_nr;

/* Each thread stays on one processor. */
unsigned int shim_cpu(void)
{
	static unsigned int threads;

	if (!cpu_nr)
		cpu_nr = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
	return cpu_nr % SHIM_CPUS;
}

u64 sim_counted_ns(void)
{
	return cpu_counted;
}

/* Fibers */

static noinline void switch_to(struct fiber *next)
{
	struct fiber *last = running;

	if (next == last)
		return;
	running = next;
	if (_setjmp(last->at))
		return;
	if (next->begun)
		_longjmp(next->at, 1);
	next->begun = true;
	setcontext(&next->context);
}

static struct fiber *pick(void);

static void fiber_main(void)
{
	for (;;) {
		struct fiber *me = running;

		me->work->func(me->work);	/* may free itself */
		me->wq->running--;
		list_del(&me->busy);
		list_add(&me->link, &idle);
		progress++;
		switch_to(pick());
	}
}

static noinline void fiber_init(struct fiber *fiber)
{
	getcontext(&fiber->context);
	fiber->context.uc_stack.ss_sp = malloc(STACK_BYTES);
	fiber->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&fiber->context, fiber_main, 0);
}

static struct fiber *fiber_get(void)
{
	struct fiber *fiber;

	if (list_empty(&idle)) {
		fiber = calloc(1, sizeof(*fiber));
		fiber_init(fiber);
		return fiber;
	}
	fiber = list_first_entry(&idle, struct fiber, link);
	list_del(&fiber->link);
	return fiber;
}

static bool can_begin(struct work_struct *work)
{
	struct fiber *fiber;

	if (work->wq->max && work->wq->running == work->wq->max)
		return false;
	list_for_each_entry(fiber, &busy_fibers, busy)
		if (fiber->work == work)
			return false;
	return true;
}

static struct work_struct *next_work(void)
{
	struct work_struct *work;

	list_for_each_entry(work, &queued_work, entry)
		if (can_begin(work))
			return work;
	return NULL;
}

static struct fiber *begin(struct work_struct *work)
{
	struct fiber *fiber = fiber_get();

	unqueue_work(work);
	work->wq->running++;
	fiber->work = work;
	fiber->wq = work->wq;
	list_add(&fiber->busy, &busy_fibers);
	return fiber;
}

/* Find a fiber that looks at its condition again, after a change or at its time. */
static struct fiber *next_poller(void)
{
	struct fiber *fiber;

	list_for_each_entry(fiber, &pollers, link)
		if (fiber->seen != progress || fiber->until <= shim_now())
			return fiber;
	return NULL;
}

static void answer(struct sim_event *event)
{
	list_del(&event->link);
	progress++;
	if (event->io)
		event->io->end(event->io);
	else
		list_add_tail(&event->fiber->link, &ready);
}

/* Move the clock to the next event.  Returns false if none comes by @until. */
static bool pass_time(u64 until)
{
	struct delayed_work *timer = next_timer();
	struct sim_event *event = list_empty(&answers) ? NULL :
		list_first_entry(&answers, struct sim_event, link);
	struct fiber *fiber;
	u64 at = event ? event->at : U64_MAX;

	if (timer && timer->expires_ns < at) {
		at = timer->expires_ns;
		event = NULL;
	}
	list_for_each_entry(fiber, &pollers, link)
		if (fiber->until < at) {
			at = fiber->until;
			event = NULL;
			timer = NULL;
		}
	if (at == U64_MAX || at > until)
		return false;
	shim_now_ns = max(shim_now_ns, at);
	if (event)
		answer(event);
	else if (timer)
		fire_timer(timer);
	return true;
}

/* Find a fiber that can go on now, without moving the clock. */
static struct fiber *pick_now(void)
{
	struct work_struct *work;
	struct fiber *fiber;

	while (pass_time(shim_now()))
		if (!list_empty(&ready))
			break;
	if (!list_empty(&ready)) {
		fiber = list_first_entry(&ready, struct fiber, link);
		list_del(&fiber->link);
		return fiber;
	}
	work = next_work();
	if (work)
		return begin(work);
	fiber = next_poller();
	if (fiber)
		list_del(&fiber->link);
	return fiber;
}

static struct fiber *pick(void)
{
	struct fiber *fiber;

	sim_cpu_pause();
	for (;;) {
		fiber = pick_now();
		if (fiber)
			break;
		if (!pass_time(U64_MAX))
			shim_panic("all wait, and nothing will come");
	}
	sim_cpu_resume();
	return fiber;
}

void sim_answer(struct sim_event *event, struct cachefs_io *io, u64 at)
{
	event->at = at;
	event->io = io;
	event->fiber = io ? NULL : running;
	list_add_tail(&event->link, &answers);
}

void sim_sleep_until(u64 at)
{
	struct sim_event event;

	sim_answer(&event, NULL, at);
	switch_to(pick());
}

void sim_run(void)
{
	struct fiber *fiber;

	while ((fiber = pick_now())) {
		/* It goes behind all others: at its turn, they had theirs. */
		list_add_tail(&running->link, &ready);
		switch_to(fiber);
	}
}

void sim_run_until(u64 ns)
{
	sim_run();
	while (pass_time(ns))
		sim_run();
	shim_now_ns = max(shim_now_ns, ns);
}

void sim_crash(void)
{
	INIT_LIST_HEAD(&queued_work);
	INIT_LIST_HEAD(&timers);
	INIT_LIST_HEAD(&answers);
	INIT_LIST_HEAD(&ready);
	INIT_LIST_HEAD(&pollers);
	INIT_LIST_HEAD(&busy_fibers);
}

/* The functions that wait.h and workqueue.h declare */

void shim_wait_progress(const char *what)
{
	(void)what;
	running->seen = progress;
	running->until = U64_MAX;
	list_add_tail(&running->link, &pollers);
	switch_to(pick());
}

bool shim_wait_until(u64 until_ns)
{
	if (shim_now() >= until_ns)
		return false;
	running->seen = progress;
	running->until = until_ns;
	list_add_tail(&running->link, &pollers);
	switch_to(pick());
	return true;
}

static bool is_running(struct work_struct *work)
{
	struct fiber *fiber;

	list_for_each_entry(fiber, &busy_fibers, busy)
		if (fiber->work == work && fiber != running)
			return true;
	return false;
}

bool flush_work(struct work_struct *work)
{
	bool ret = work->pending || is_running(work);

	while (work->pending || is_running(work))
		shim_wait_progress("flush_work");
	return ret;
}

bool cancel_work_sync(struct work_struct *work)
{
	bool ret = work->pending;

	if (ret)
		unqueue_work(work);
	while (is_running(work))
		shim_wait_progress("cancel_work_sync");
	return ret;
}

bool cancel_delayed_work_sync(struct delayed_work *dwork)
{
	bool ret = cancel_delayed_work(dwork);

	while (is_running(&dwork->work))
		shim_wait_progress("cancel_delayed_work_sync");
	cancel_delayed_work(dwork);
	return ret;
}

void flush_workqueue(struct workqueue_struct *wq)
{
	while (wq->queued || wq->running)
		shim_wait_progress("flush_workqueue");
}

void destroy_workqueue(struct workqueue_struct *wq)
{
	if (!wq)
		return;
	flush_workqueue(wq);
	kfree(wq);
}

void shim_work_reset(void)
{
}

/*
 * Locks use the first words of the shims' locks, which are zero after initialisation.
 * A writer that spins for long lets others run, because the owner of the lock may have
 * lost its processor.  A reader does not, because its time is measured.
 */
#define RW_WRITER	1u
#define RW_WAITING	2u
#define RW_READER	4u

static __thread bool marking;

static void relax(unsigned int *spins)
{
	if (++*spins % (1 << 14))
		__builtin_ia32_pause();
	else
		sched_yield();
}

static void word_lock(u32 *word)
{
	unsigned int spins = 0;

	while (__atomic_exchange_n(word, 1, __ATOMIC_ACQUIRE))
		while (__atomic_load_n(word, __ATOMIC_RELAXED))
			relax(&spins);
}

static void word_unlock(u32 *word)
{
	__atomic_store_n(word, 0, __ATOMIC_RELEASE);
}

void __wrap_shim_spin_lock(spinlock_t *lock, bool irqs_off, const char *name);
void __wrap_shim_spin_lock(spinlock_t *lock, bool irqs_off, const char *name)
{
	word_lock((u32 *)lock);
}

void __wrap_shim_spin_unlock(spinlock_t *lock);
void __wrap_shim_spin_unlock(spinlock_t *lock)
{
	word_unlock((u32 *)lock);
	sim_mark();
}

/* As in the kernel, writers and readers that wait stand in one queue. */
void __wrap_shim_rwlock_lock(rwlock_t *lock, bool write, const char *name);
void __wrap_shim_rwlock_lock(rwlock_t *lock, bool write, const char *name)
{
	u32 *count = (u32 *)lock, *queued = count + 1, none = 0;
	unsigned int spins = 0;

	if (!write) {
		if (!(__atomic_add_fetch(count, RW_READER, __ATOMIC_ACQUIRE) &
		      (RW_WRITER | RW_WAITING)))
			return;
		__atomic_sub_fetch(count, RW_READER, __ATOMIC_RELAXED);
		while (__atomic_exchange_n(queued, 1, __ATOMIC_ACQUIRE))
			__builtin_ia32_pause();
		__atomic_add_fetch(count, RW_READER, __ATOMIC_RELAXED);
		while (__atomic_load_n(count, __ATOMIC_ACQUIRE) & RW_WRITER)
			__builtin_ia32_pause();
		word_unlock(queued);
		return;
	}
	sim_mark();
	if (__atomic_compare_exchange_n(count, &none, RW_WRITER, false,
					__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	word_lock(queued);
	__atomic_or_fetch(count, RW_WAITING, __ATOMIC_RELAXED);
	do {
		none = RW_WAITING;
		relax(&spins);
	} while (!__atomic_compare_exchange_n(count, &none, RW_WRITER, false,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	word_unlock(queued);
}

static void writer_unlock(u32 *count)
{
	__atomic_and_fetch(count, ~RW_WRITER, __ATOMIC_RELEASE);
	sim_mark();
}

void __wrap_shim_rwlock_unlock(rwlock_t *lock);
void __wrap_shim_rwlock_unlock(rwlock_t *lock)
{
	u32 *count = (u32 *)lock;

	/* The bit is set only if the caller is the writer. */
	if (__atomic_load_n(count, __ATOMIC_RELAXED) & RW_WRITER)
		writer_unlock(count);
	else
		__atomic_sub_fetch(count, RW_READER, __ATOMIC_RELEASE);
}

void __wrap_shim_mutex_lock(struct mutex *mutex, const char *name);
void __wrap_shim_mutex_lock(struct mutex *mutex, const char *name)
{
	u32 *held = (u32 *)mutex;

	while (*held)
		shim_wait_progress(name);
	*held = 1;
}

int __wrap_mutex_trylock(struct mutex *mutex);
int __wrap_mutex_trylock(struct mutex *mutex)
{
	u32 *held = (u32 *)mutex;

	if (*held)
		return 0;
	return *held = 1;
}

void __wrap_mutex_unlock(struct mutex *mutex);
void __wrap_mutex_unlock(struct mutex *mutex)
{
	*(u32 *)mutex = 0;
	progress++;
}

/* The tests use these.  Here they do nothing. */
void __wrap_shim_might_sleep(const char *what);
void __wrap_shim_might_sleep(const char *what)
{
}

void __wrap_shim_cond_resched(void);
void __wrap_shim_cond_resched(void)
{
}

/* Marks */

#define MARKS	BIT(16)

static struct mark {
	u64	real;
	u64	cpu;
} marks[MARKS];
static u64 nr_marks;

void sim_marks(bool on)
{
	marking = on;
}

void sim_mark(void)
{
	struct mark *mark = &marks[nr_marks % MARKS];

	if (!marking)
		return;
	mark->cpu = sim_cpu_ns();
	mark->real = sim_real_ns();
	__atomic_store_n(&nr_marks, nr_marks + 1, __ATOMIC_RELEASE);
}

bool sim_marked(u64 begin, u64 end, u64 *cpu_ns)
{
	u64 nr = __atomic_load_n(&nr_marks, __ATOMIC_ACQUIRE), i;
	u64 until;

	if (!nr || marks[(nr - 1) % MARKS].real < end)
		return false;
	for (i = nr - 1; i && marks[(i - 1) % MARKS].real >= end;)
		i--;
	until = marks[i % MARKS].cpu;
	while (i && marks[i % MARKS].real > begin && nr - i < MARKS)
		i--;
	*cpu_ns = until - marks[i % MARKS].cpu;
	return true;
}

/* Memory */

static u64 memory;

/* Round up to a cache of kmalloc(), to a power of two, or to pages of vmalloc(). */
u64 sim_memory_rounded(u64 bytes)
{
	if (bytes <= 16)
		return 16;
	if (bytes <= 64)
		return round_up(bytes, 32);
	if (bytes <= 96 || (bytes > 128 && bytes <= 192))
		return bytes <= 96 ? 96 : 192;
	if (bytes <= 4 << 20)
		return roundup_pow_of_two(bytes);
	return round_up(bytes, PAGE_SIZE);
}

/* The bytes that were asked for.  malloc_usable_size() returns a little more. */
static u64 charged(const void *p)
{
	u64 usable = malloc_usable_size((void *)p);

	if (usable > 4 << 20)
		return round_down(usable, PAGE_SIZE);
	if (usable >= 256)
		return rounddown_pow_of_two(usable);
	if (usable >= 192)
		return 192;
	if (usable >= 128)
		return 128;
	return usable >= 32 ? round_down(usable, 32) : 16;
}

void *__wrap_shim_alloc(size_t nr, size_t size, gfp_t gfp);
void *__wrap_shim_alloc(size_t nr, size_t size, gfp_t gfp)
{
	size_t bytes = sim_memory_rounded(nr * size);
	void *p = gfp & __GFP_ZERO ? calloc(1, bytes) : malloc(bytes);

	if (!p)
		shim_panic("no memory for %zu bytes", bytes);
	__atomic_add_fetch(&memory, charged(p), __ATOMIC_RELAXED);
	return p;
}

void __wrap_shim_free(const void *p);
void __wrap_shim_free(const void *p)
{
	if (!p)
		return;
	__atomic_sub_fetch(&memory, charged(p), __ATOMIC_RELAXED);
	free((void *)p);
}

void *__wrap_shim_realloc(const void *old, size_t size, gfp_t gfp);
void *__wrap_shim_realloc(const void *old, size_t size, gfp_t gfp)
{
	void *p = __wrap_shim_alloc(1, size, gfp);

	if (old)
		memcpy(p, old, min(size, malloc_usable_size((void *)old)));
	__wrap_shim_free(old);
	return p;
}

u64 sim_memory(void)
{
	return __atomic_load_n(&memory, __ATOMIC_RELAXED);
}
