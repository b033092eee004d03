/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SIPHASH_H
#define _SHIM_LINUX_SIPHASH_H

#include <linux/xxhash.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

/* Not the same function, but keyed as well. */
static inline u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key_t *key)
{
	u64 words[] = { a, b, c, key->key[1] };

	return xxh64(words, sizeof(words), key->key[0]);
}

#endif
