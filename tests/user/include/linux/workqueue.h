/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_WORKQUEUE_H
#define _SHIM_LINUX_WORKQUEUE_H

#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/types.h>

struct workqueue_struct;
struct work_struct;
typedef void (*work_func_t)(struct work_struct *work);

struct work_struct {
	struct list_head	entry;		/* queued: in shim's list */
	work_func_t		func;
	struct workqueue_struct	*wq;
	bool			pending;
	unsigned int		runs;		/* times that it began to run */
};

struct delayed_work {
	struct work_struct	work;
	struct list_head	timer_entry;	/* in shim's list of timers */
	u64			expires_ns;
	bool			timer;
};

#define WQ_UNBOUND		0x1
#define WQ_MEM_RECLAIM		0x2
#define WQ_HIGHPRI		0x4
#define WQ_FREEZABLE		0x8
#define WQ_CPU_INTENSIVE	0x10
#define WQ_SYSFS		0x20
#define SHIM_WQ_ORDERED		0x100

#define INIT_WORK(w, f) \
	do { \
		memset(w, 0, sizeof(*(w))); \
		(w)->func = (f); \
	} while (0)
#define INIT_WORK_ONSTACK	INIT_WORK
#define destroy_work_on_stack(w) ((void)(w))
#define INIT_DELAYED_WORK(d, f) \
	do { \
		memset(d, 0, sizeof(*(d))); \
		(d)->work.func = (f); \
	} while (0)
#define to_delayed_work(w)	container_of(w, struct delayed_work, work)
#define work_pending(w)		((w)->pending)
#define delayed_work_pending(d)	((d)->work.pending)

struct workqueue_struct *shim_alloc_workqueue(unsigned int flags,
					      int max_active);
#define alloc_workqueue(fmt, flags, max, ...) shim_alloc_workqueue(flags, max)
#define alloc_ordered_workqueue(fmt, flags, ...) \
	shim_alloc_workqueue((flags) | SHIM_WQ_ORDERED, 1)

/* Work runs when the test says so, or when some code waits. */
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
			unsigned long delay);
bool mod_delayed_work(struct workqueue_struct *wq, struct delayed_work *dwork,
		      unsigned long delay);
bool flush_work(struct work_struct *work);
bool flush_delayed_work(struct delayed_work *dwork);
bool cancel_work_sync(struct work_struct *work);
bool cancel_delayed_work(struct delayed_work *dwork);
bool cancel_delayed_work_sync(struct delayed_work *dwork);
void flush_workqueue(struct workqueue_struct *wq);
void destroy_workqueue(struct workqueue_struct *wq);
#define drain_workqueue(wq)	flush_workqueue(wq)

#endif
