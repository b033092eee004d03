// SPDX-License-Identifier: GPL-2.0
/* Shrinkers are allocated by the kernel: Linux 6.7. */
#include <linux/slab.h>
#include <linux/shrinker.h>

#ifndef ABSENT
void *probe = shrinker_alloc;
#else
extern int shrinker_alloc;
#endif
