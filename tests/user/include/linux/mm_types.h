/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_MM_TYPES_H
#define _SHIM_LINUX_MM_TYPES_H

#include <linux/atomic.h>
#include <linux/types.h>

#define PAGE_SHIFT	12
#define PAGE_SIZE	4096UL
#define PAGE_MASK	(~(PAGE_SIZE - 1))

/* A page is its own memory; virt_to_page() is a cast. */
struct page {
	u8		bytes[PAGE_SIZE];
	atomic_t	refs;
};

#endif
