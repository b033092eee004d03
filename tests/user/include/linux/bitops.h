/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BITOPS_H
#define _SHIM_LINUX_BITOPS_H

#include <linux/compiler.h>
#include <linux/types.h>

#define BITS_PER_LONG		(8 * (unsigned int)sizeof(long))
#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(h, l) \
	((~0UL << (l)) & (~0UL >> (BITS_PER_LONG - 1 - (h))))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define BITS_TO_LONGS(n)	(((n) + BITS_PER_LONG - 1) / BITS_PER_LONG)

static inline bool test_bit(unsigned long nr, const unsigned long *p)
{
	return __atomic_load_n(p + nr / BITS_PER_LONG, __ATOMIC_RELAXED) >>
		nr % BITS_PER_LONG & 1;
}

static inline bool test_and_set_bit(unsigned long nr, unsigned long *p)
{
	unsigned long bit = BIT(nr % BITS_PER_LONG);

	return __atomic_fetch_or(p + nr / BITS_PER_LONG, bit,
				 __ATOMIC_SEQ_CST) & bit;
}

static inline bool test_and_clear_bit(unsigned long nr, unsigned long *p)
{
	unsigned long bit = BIT(nr % BITS_PER_LONG);

	return __atomic_fetch_and(p + nr / BITS_PER_LONG, ~bit,
				  __ATOMIC_SEQ_CST) & bit;
}

static inline void set_bit(unsigned long nr, unsigned long *p)
{
	test_and_set_bit(nr, p);
}

static inline void clear_bit(unsigned long nr, unsigned long *p)
{
	test_and_clear_bit(nr, p);
}

static inline void __set_bit(unsigned long nr, unsigned long *p)
{
	p[nr / BITS_PER_LONG] |= BIT(nr % BITS_PER_LONG);
}

static inline void __clear_bit(unsigned long nr, unsigned long *p)
{
	p[nr / BITS_PER_LONG] &= ~BIT(nr % BITS_PER_LONG);
}

static inline int fls(unsigned int x)
{
	return x ? 32 - __builtin_clz(x) : 0;
}

static inline int fls64(u64 x)
{
	return x ? 64 - __builtin_clzll(x) : 0;
}

#define __ffs(x)	((unsigned long)__builtin_ctzl(x))
#define hweight32(x)	((unsigned int)__builtin_popcount(x))
#define hweight64(x)	((unsigned long)__builtin_popcountll(x))
#define hweight_long(x)	((unsigned long)__builtin_popcountl(x))

static inline u64 rol64(u64 x, unsigned int n)
{
	return x << (n & 63) | x >> (-n & 63);
}

static inline u32 rol32(u32 x, unsigned int n)
{
	return x << (n & 31) | x >> (-n & 31);
}

#endif
