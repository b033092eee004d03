/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_ATOMIC_H
#define _SHIM_LINUX_ATOMIC_H

#include <linux/compiler.h>
#include <linux/types.h>

#define ATOMIC_INIT(i)		{ (i) }
#define ATOMIC64_INIT(i)	{ (i) }

/* shim_before_inc() */
extern const void *shim_inc_counter;
void shim_inc_call(void);

#define SHIM_ATOMIC(prefix, type, num) \
static inline num prefix##_read(const type *v) \
{ \
	return __atomic_load_n(&v->counter, __ATOMIC_RELAXED); \
} \
static inline void prefix##_set(type *v, num i) \
{ \
	__atomic_store_n(&v->counter, i, __ATOMIC_RELAXED); \
} \
static inline num prefix##_read_acquire(const type *v) \
{ \
	return __atomic_load_n(&v->counter, __ATOMIC_ACQUIRE); \
} \
static inline void prefix##_set_release(type *v, num i) \
{ \
	__atomic_store_n(&v->counter, i, __ATOMIC_RELEASE); \
} \
static inline num prefix##_add_return(num i, type *v) \
{ \
	return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST); \
} \
static inline num prefix##_sub_return(num i, type *v) \
{ \
	return __atomic_sub_fetch(&v->counter, i, __ATOMIC_SEQ_CST); \
} \
static inline num prefix##_sub_return_release(num i, type *v) \
{ \
	return __atomic_sub_fetch(&v->counter, i, __ATOMIC_ACQ_REL); \
} \
static inline num prefix##_fetch_add(num i, type *v) \
{ \
	return __atomic_fetch_add(&v->counter, i, __ATOMIC_SEQ_CST); \
} \
static inline void prefix##_add(num i, type *v) \
{ \
	__atomic_add_fetch(&v->counter, i, __ATOMIC_RELAXED); \
} \
static inline void prefix##_sub(num i, type *v) \
{ \
	__atomic_sub_fetch(&v->counter, i, __ATOMIC_RELAXED); \
} \
static inline void prefix##_inc(type *v) \
{ \
	if (shim_inc_counter == v) \
		shim_inc_call(); \
	prefix##_add(1, v); \
} \
static inline void prefix##_dec(type *v) \
{ \
	prefix##_sub(1, v); \
} \
static inline num prefix##_inc_return(type *v) \
{ \
	return prefix##_add_return(1, v); \
} \
static inline num prefix##_dec_return(type *v) \
{ \
	return prefix##_sub_return(1, v); \
} \
static inline num prefix##_dec_return_release(type *v) \
{ \
	return prefix##_sub_return_release(1, v); \
} \
static inline bool prefix##_dec_and_test(type *v) \
{ \
	return prefix##_sub_return(1, v) == 0; \
} \
static inline bool prefix##_sub_and_test(num i, type *v) \
{ \
	return prefix##_sub_return(i, v) == 0; \
} \
static inline num prefix##_xchg(type *v, num i) \
{ \
	return __atomic_exchange_n(&v->counter, i, __ATOMIC_SEQ_CST); \
} \
static inline num prefix##_cmpxchg(type *v, num old, num i) \
{ \
	__atomic_compare_exchange_n(&v->counter, &old, i, false, \
				    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	return old; \
} \
static inline bool prefix##_try_cmpxchg(type *v, num *old, num i) \
{ \
	return __atomic_compare_exchange_n(&v->counter, old, i, false, \
					   __ATOMIC_SEQ_CST, \
					   __ATOMIC_SEQ_CST); \
} \
static inline bool prefix##_add_unless(type *v, num a, num u) \
{ \
	num c = prefix##_read(v); \
\
	do { \
		if (c == u) \
			return false; \
	} while (!prefix##_try_cmpxchg(v, &c, c + a)); \
	return true; \
} \
static inline bool prefix##_inc_not_zero(type *v) \
{ \
	return prefix##_add_unless(v, 1, 0); \
}

SHIM_ATOMIC(atomic, atomic_t, int)
SHIM_ATOMIC(atomic64, atomic64_t, s64)

#define cmpxchg(p, o, n) \
	({ \
		__typeof__(*(p)) __o = (o); \
		__atomic_compare_exchange_n(p, &__o, n, false, \
					    __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST); \
		__o; \
	})
#define xchg(p, n)	__atomic_exchange_n(p, n, __ATOMIC_SEQ_CST)

#endif
