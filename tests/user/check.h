/* SPDX-License-Identifier: GPL-2.0 */
/* Checks that end a test run if they fail. */
#ifndef _CHECK_H
#define _CHECK_H

#include "../../fscache/internal.h"

/* Check that the counters agree with the entries of the index, when nothing runs. */
void check_index(struct cachefs_cache *cache);

#define EXPECT(cond) \
	do { \
		if (!(cond)) \
			shim_panic("%s:%d: expected %s", __FILE__, __LINE__, \
				   #cond); \
	} while (0)
#define EXPECT_EQ(a, b) \
	do { \
		long long __a = (a), __b = (b); \
		if (__a != __b) \
			shim_panic("%s:%d: %s is %lld, expected %lld", \
				   __FILE__, __LINE__, #a, __a, __b); \
	} while (0)

#endif
