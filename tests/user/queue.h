/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Queued work and running timers, for programs that run one item at a time:
 * work.c and bench/scale_sim.c.
 */
#ifndef _QUEUE_H
#define _QUEUE_H

#include <linux/workqueue.h>

/**
 * struct workqueue_struct - A workqueue
 * @flags: WQ_... and SHIM_WQ_ORDERED
 * @max: the largest number of its items that run at a time; 0: no limit
 * @running: items that run; the code that runs them counts them
 * @queued: items in queued_work
 */
struct workqueue_struct {
	unsigned int	flags;
	unsigned int	max;
	unsigned int	running;
	unsigned int	queued;
};

extern struct list_head queued_work;	/* oldest first */
extern struct list_head timers;

void unqueue_work(struct work_struct *work);
struct delayed_work *next_timer(void);
void fire_timer(struct delayed_work *dwork);

#endif
