/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_KTIME_H
#define _SHIM_LINUX_KTIME_H

#include <linux/types.h>

/* A clock that moves only when the test moves it, see shim_advance_ms(). */
extern u64 shim_now_ns;

typedef s64 ktime_t;

#define HZ		250
#define NSEC_PER_SEC	1000000000L
#define NSEC_PER_MSEC	1000000L
#define NSEC_PER_USEC	1000L
#define USEC_PER_SEC	1000000L
#define MSEC_PER_SEC	1000L

static inline u64 shim_now(void)
{
	return __atomic_load_n(&shim_now_ns, __ATOMIC_RELAXED);
}

#define jiffies			((unsigned long)(shim_now() * HZ / NSEC_PER_SEC))
#define get_jiffies_64()	((u64)jiffies)
#define time_after(a, b)	((long)((b) - (a)) < 0)
#define time_after_eq(a, b)	((long)((a) - (b)) >= 0)
#define time_before(a, b)	time_after(b, a)
#define time_before_eq(a, b)	time_after_eq(b, a)
#define time_is_before_jiffies(a) time_after(jiffies, a)
#define msecs_to_jiffies(ms)	((unsigned long)(ms) * HZ / MSEC_PER_SEC)
#define jiffies_to_msecs(j)	((unsigned int)((j) * MSEC_PER_SEC / HZ))

static inline ktime_t ktime_get(void) { return shim_now(); }
static inline u64 ktime_get_ns(void) { return shim_now(); }
static inline u64 ktime_get_coarse_ns(void) { return shim_now(); }
static inline time64_t ktime_get_seconds(void) { return shim_now() / NSEC_PER_SEC; }
static inline s64 ktime_to_ns(ktime_t t) { return t; }
static inline s64 ktime_to_us(ktime_t t) { return t / NSEC_PER_USEC; }
static inline s64 ktime_to_ms(ktime_t t) { return t / NSEC_PER_MSEC; }
static inline s64 ktime_sub(ktime_t a, ktime_t b) { return a - b; }
static inline time64_t ktime_get_real_seconds(void)
{
	return 1700000000 + shim_now() / NSEC_PER_SEC;
}

static inline time64_t ktime_get_boottime_seconds(void)
{
	return shim_now() / NSEC_PER_SEC;
}

#endif
