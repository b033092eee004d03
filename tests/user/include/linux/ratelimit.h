/* SPDX-License-Identifier: GPL-2.0 */
/* No limit: the buffer of shim_printk() takes all messages. */
#ifndef _SHIM_LINUX_RATELIMIT_H
#define _SHIM_LINUX_RATELIMIT_H

struct ratelimit_state {
	int burst;
};

#define DEFAULT_RATELIMIT_INTERVAL	(5 * HZ)
#define DEFAULT_RATELIMIT_BURST		10

#define ratelimit_state_init(state, interval, nr)	((void)((state)->burst = (nr)))
#define __ratelimit(state)				((void)(state), true)

#endif
