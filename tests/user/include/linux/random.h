/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_RANDOM_H
#define _SHIM_LINUX_RANDOM_H

#include <linux/types.h>

/* Seeded: see shim_reset(). */
u64 get_random_u64(void);
void get_random_bytes(void *buffer, size_t n);

static inline u32 get_random_u32(void)
{
	return get_random_u64() >> 32;
}

#endif
