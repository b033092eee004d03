/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_WAIT_H
#define _SHIM_LINUX_WAIT_H

#include <linux/kernel.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>

typedef struct {
	spinlock_t lock;
} wait_queue_head_t;

#define init_waitqueue_head(w)	spin_lock_init(&(w)->lock)
/* Anybody may be waiting.  As in the kernel, the queue is read after a barrier. */
#define wq_has_sleeper(w)	({ smp_mb(); READ_ONCE((w)->lock.initialised); })
#define wake_up(w)		((void)(w))
#define wake_up_all(w)		((void)(w))
#define wake_up_interruptible(w) ((void)(w))

/* Let work and I/O go on.  The test fails if nothing can go on. */
void shim_wait_progress(const char *what);
/* The same, but only up to @until_ns.  Return false when that time has come. */
bool shim_wait_until(u64 until_ns);

#define wait_event(w, cond) \
	do { \
		(void)(w); \
		might_sleep(); \
		while (!(cond)) \
			shim_wait_progress(#cond); \
	} while (0)
#define wait_event_timeout(w, cond, timeout) \
	({ \
		u64 __until = shim_now() + \
			(u64)(timeout) * (NSEC_PER_SEC / HZ); \
		bool __done; \
\
		(void)(w); \
		might_sleep(); \
		while (!(__done = (cond)) && shim_wait_until(__until)) \
			; \
		__done ? max_t(long, (__until - shim_now()) / \
				     (NSEC_PER_SEC / HZ), 1) : 0L; \
	})
extern bool shim_killed;

#define wait_event_killable(w, cond) \
	({ \
		(void)(w); \
		might_sleep(); \
		while (!(cond) && !shim_killed) \
			shim_wait_progress(#cond); \
		shim_killed ? -EINTR : 0; \
	})
#define wait_event_interruptible(w, cond)	(wait_event(w, cond), 0)

struct completion {
	unsigned int done;
};

#define init_completion(c)		((c)->done = 0)
#define reinit_completion(c)		((c)->done = 0)
#define complete(c)			((void)(c)->done++)
#define complete_all(c)			((void)((c)->done = 1 << 30))
#define DECLARE_COMPLETION_ONSTACK(c)	struct completion c = { 0 }
#define wait_for_completion(c) \
	do { \
		while (!(c)->done) \
			shim_wait_progress(#c); \
		(c)->done--; \
	} while (0)

#endif
