/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a test drives the services that the core gets from the kernel.
 *
 * With work.c one thread runs everything.  Work items and completions of block
 * I/O wait in lists until the test calls shim_run() or the core waits for
 * something; which one comes next is decided by a seed.  Time moves only when it
 * is moved.  With threads.c workqueues have threads, and time goes by itself.
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
/* Run at most @n of them; how many were run. */
unsigned int shim_run_some(unsigned int n);
/* Run everything, move the clock step by step, and let delayed work fire. */
void shim_advance_ms(u64 ms);
/* Take the next one at random instead of the oldest. */
void shim_random_order(bool on);
/* Where completions come from: runs one of @waiting if there is any. */
struct shim_io_source {
	unsigned int (*waiting)(void);
	void (*run_one)(void);
};
void shim_set_io_source(const struct shim_io_source *source);
void shim_irq_enter(void);	/* completions run as softirqs do */
void shim_irq_exit(void);

void shim_atomic(int change);	/* more or less of what must not sleep */

/* How often somebody has offered to let others run. */
extern u64 shim_rescheds;
/* They do this then. */
extern void (*shim_others)(void);
/* The task is killed: what can be killed does not wait any more. */
extern bool shim_killed;
/* It has a signal that need not kill. */
extern bool shim_signalled;

/* Once, before atomic_inc() of @counter: call @before, as if others ran there. */
void shim_before_inc(const void *counter, void (*before)(void));

/* With threads: now and then, let others go first. */
void shim_pause(void);

/* Memory */
void shim_fail_alloc(u64 nth);	/* fail that allocation; 1 is the next; 0: none */
bool shim_alloc_failed(void);	/* has it come to that? */
/* An allocation that would bring the sum above this ends the run. */
void shim_alloc_limit(u64 bytes);

/* What the core said */
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
