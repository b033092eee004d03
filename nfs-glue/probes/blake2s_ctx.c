// SPDX-License-Identifier: GPL-2.0
/* The state of BLAKE2s is called a context: after Linux 6.12, by 7.3. */
#include <crypto/blake2s.h>

#ifndef ABSENT
struct blake2s_ctx probe;
#else
struct blake2s_ctx {
	int probe;
};
#endif
