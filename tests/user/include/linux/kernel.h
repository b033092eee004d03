/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_KERNEL_H
#define _SHIM_LINUX_KERNEL_H

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <linux/bug.h>
#include <linux/byteorder.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/printk.h>
#include <linux/types.h>

#define U8_MAX		((u8)~0U)
#define U16_MAX		((u16)~0U)
#define U32_MAX		((u32)~0U)
#define U64_MAX		((u64)~0ULL)
#define S64_MAX		((s64)(U64_MAX >> 1))

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define sizeof_field(t, f)	sizeof(((t *)0)->f)
#define offsetofend(t, f)	(offsetof(t, f) + sizeof_field(t, f))
#define struct_size(p, f, n)	(sizeof(*(p)) + sizeof(*(p)->f) * (n))
#define array_size(a, b)	((size_t)(a) * (b))

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))

/* Both operands are evaluated once; types must match, as in the kernel. */
#define min(x, y) \
	({ \
		__typeof__(x) __x = (x); \
		__typeof__(y) __y = (y); \
		__x < __y ? __x : __y; \
	})
#define max(x, y) \
	({ \
		__typeof__(x) __x = (x); \
		__typeof__(y) __y = (y); \
		__x > __y ? __x : __y; \
	})
#define min_t(t, x, y)		min((t)(x), (t)(y))
#define max_t(t, x, y)		max((t)(x), (t)(y))
#define min3(x, y, z)		min(min(x, y), z)
#define max3(x, y, z)		max(max(x, y), z)
#define min_not_zero(x, y) \
	({ \
		__typeof__(x) __nx = (x); \
		__typeof__(y) __ny = (y); \
		!__nx ? __ny : !__ny ? __nx : min(__nx, __ny); \
	})
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)
#define swap(a, b) \
	do { \
		__typeof__(a) __t = (a); \
		(a) = (b); \
		(b) = __t; \
	} while (0)

#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define DIV_ROUND_UP_ULL(n, d)	DIV_ROUND_UP((u64)(n), (u64)(d))
#define __round_mask(x, y)	((__typeof__(x))((y) - 1))
#define round_up(x, y)		((((x) - 1) | __round_mask(x, y)) + 1)
#define round_down(x, y)	((x) & ~__round_mask(x, y))
#define roundup(x, y)		(DIV_ROUND_UP(x, y) * (y))
#define rounddown(x, y)		((x) - (x) % (y))
#define ALIGN(x, a)		round_up(x, (__typeof__(x))(a))
#define ALIGN_DOWN(x, a)	round_down(x, (__typeof__(x))(a))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define upper_32_bits(n)	((u32)((u64)(n) >> 32))
#define lower_32_bits(n)	((u32)(n))

#define IS_ENABLED(x)		0
#define scnprintf(buf, n, ...)	shim_scnprintf(buf, n, __VA_ARGS__)

int shim_scnprintf(char *buffer, size_t size, const char *format, ...)
	__printf(3, 4);
void shim_might_sleep(const char *what);
void shim_cond_resched(void);

#define might_sleep()		shim_might_sleep(__func__)
#define cond_resched()		shim_cond_resched()
#define cpu_relax()		barrier()

#endif
