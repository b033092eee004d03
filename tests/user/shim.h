/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a test drives the services that the core gets from the kernel.
 *
 * With work.c one thread runs everything.  Work items and completions of block
 * I/O wait in lists until the test calls shim_run() or the core waits for
 * something.  A seed decides which of them comes next.  Time moves only when the
 * test moves it, or when the core waits.  With threads.c workqueues have threads,
 * and time goes by itself.
 */
#ifndef _SHIM_H
#define _SHIM_H

#include <linux/kernel.h>
#include <linux/types.h>

/* Start anew: clock, random numbers, log; fails if memory is still in use. */
void shim_reset(u64 seed);

/* shim_rand(): the test's own random numbers, apart from the core's. */
u64 shim_rand(void);
void shim_seed(u64 seed);	/* each thread has numbers of its own */
u32 shim_below(u32 n);		/* 0 <= x < n */
bool shim_chance(u32 percent);

/* Run work and completions until there are none; delayed work does not fire. */
void shim_run(void);
/* Run at most @n of them.  Return the number that were run. */
unsigned int shim_run_some(unsigned int n);
/* Run everything, move the clock step by step, and let delayed work fire. */
void shim_advance_ms(u64 ms);
/* Take the next item at random instead of the oldest. */
void shim_random_order(bool on);
/* The source of completions: run_one() runs one of those that are waiting(). */
struct shim_io_source {
	unsigned int (*waiting)(void);
	void (*run_one)(void);
};
void shim_set_io_source(const struct shim_io_source *source);
void shim_irq_enter(void);	/* completions run as softirqs do */
void shim_irq_exit(void);

void shim_atomic(int change);	/* 1: begin, -1: end a section that must not sleep */

/* The number of times that the core has offered to let others run. */
extern u64 shim_rescheds;
/* Called at each of these offers. */
extern void (*shim_others)(void);
/* The task is killed: a killable wait ends at once. */
extern bool shim_killed;
/* The task has a signal, which need not be fatal. */
extern bool shim_signalled;

/* Call @before once, before atomic_inc() of @counter, as if others ran there. */
void shim_before_inc(const void *counter, void (*before)(void));

/* With threads: let others go first, now and then. */
void shim_pause(void);

/* Memory */
void shim_fail_alloc(u64 nth);	/* fail allocation @nth from now on; 0: none */
bool shim_alloc_failed(void);	/* has that allocation failed? */
/* An allocation that would bring the sum above @bytes ends the run. */
void shim_alloc_limit(u64 bytes);

/* The messages of the core */
bool shim_log_has(const char *text);
void shim_log_clear(void);
const char *shim_log(void);

/* The reason of the last cachefs_refuse(), or CACHEFS_WHY_NONE. */
extern int shim_refused;

/* Called before the run ends in shim_panic(); names the test. */
extern void (*shim_panic_hook)(void);

/* work.c, for shim_reset() */
void shim_work_reset(void);

#endif
