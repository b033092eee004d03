/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_LINUX_SIPHASH_H
#define _SHIM_LINUX_SIPHASH_H

#include <linux/types.h>

typedef struct {
	u64 key[2];
} siphash_key_t;

static inline u64 shim_rotate(u64 v, unsigned int by)
{
	return v << by | v >> (64 - by);
}

static inline void shim_sip_rounds(u64 v[4], unsigned int nr)
{
	while (nr--) {
		v[0] += v[1];
		v[1] = shim_rotate(v[1], 13) ^ v[0];
		v[0] = shim_rotate(v[0], 32);
		v[2] += v[3];
		v[3] = shim_rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = shim_rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = shim_rotate(v[1], 17) ^ v[2];
		v[2] = shim_rotate(v[2], 32);
	}
}

/*
 * SipHash-2-4 of three words, as in the kernel, because a checkpoint that a kernel wrote
 * has such hashes.  Aumasson and Bernstein, "SipHash: a fast short-input PRF".
 */
static inline u64 siphash_3u64(u64 a, u64 b, u64 c, const siphash_key_t *key)
{
	u64 words[] = { a, b, c, 24ULL << 56 };
	u64 v[] = {
		key->key[0] ^ 0x736f6d6570736575ULL, key->key[1] ^ 0x646f72616e646f6dULL,
		key->key[0] ^ 0x6c7967656e657261ULL, key->key[1] ^ 0x7465646279746573ULL,
	};
	unsigned int i;

	for (i = 0; i < 4; i++) {
		v[3] ^= words[i];
		shim_sip_rounds(v, 2);
		v[0] ^= words[i];
	}
	v[2] ^= 0xff;
	shim_sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
