/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_PERCPU_H
#define _SHIM_LINUX_PERCPU_H

#include <linux/compiler.h>
#include <linux/kernel.h>
#include <linux/slab.h>

/* The copies of all processors lie side by side. */
#define SHIM_CPUS	4
#define SHIM_CPU_BYTES	1024

/* Called after each processor in a loop over all of them. */
extern void (*shim_on_next_cpu)(void);

static inline void shim_cpu_seen(void)
{
	if (shim_on_next_cpu)
		shim_on_next_cpu();
}

/* The processor that the caller runs on now. */
unsigned int shim_cpu(void);

#define alloc_percpu(type) \
	({ \
		BUILD_BUG_ON(sizeof(type) > SHIM_CPU_BYTES); \
		(type *)kzalloc(SHIM_CPUS * SHIM_CPU_BYTES, GFP_KERNEL); \
	})
#define free_percpu(p)		kfree(p)
#define per_cpu_ptr(p, cpu) \
	((__typeof__(p))((unsigned long)(p) + (cpu) * SHIM_CPU_BYTES))
#define for_each_possible_cpu(cpu) \
	for ((cpu) = 0; (cpu) < SHIM_CPUS; shim_cpu_seen(), (cpu)++)
/* Several threads may be on one of the processors. */
#define this_cpu_add(x, n) \
	((void)__atomic_add_fetch(per_cpu_ptr(&(x), shim_cpu()), n, __ATOMIC_RELAXED))
#define this_cpu_inc(x)		this_cpu_add(x, 1)

#endif
