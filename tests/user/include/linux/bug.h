/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_BUG_H
#define _SHIM_LINUX_BUG_H

#include <linux/compiler.h>

/* Each warning of the kernel ends the test run. */
void shim_panic(const char *format, ...) __printf(1, 2)
	__attribute__((noreturn));

#define BUG() shim_panic("BUG at %s:%d", __FILE__, __LINE__)
#define BUG_ON(cond) \
	do { \
		if (unlikely(cond)) \
			shim_panic("BUG_ON(%s) at %s:%d", #cond, \
				   __FILE__, __LINE__); \
	} while (0)
#define WARN_ON(cond) \
	({ \
		if (unlikely(cond)) \
			shim_panic("WARN_ON(%s) at %s:%d", #cond, \
				   __FILE__, __LINE__); \
		false; \
	})
#define WARN(cond, ...) \
	({ \
		if (unlikely(cond)) \
			shim_panic(__VA_ARGS__); \
		false; \
	})
#define WARN_ON_ONCE(cond)	WARN_ON(cond)
#define WARN_ONCE(cond, ...)	WARN(cond, __VA_ARGS__)

#define BUILD_BUG_ON(cond)	_Static_assert(!(cond), #cond)
#define BUILD_BUG_ON_MSG(cond, msg) _Static_assert(!(cond), msg)
#ifndef static_assert
#define static_assert(expr, ...) _Static_assert(expr, "" #expr)
#endif

#endif
