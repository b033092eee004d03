/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _SHIM_CRYPTO_BLAKE2S_H
#define _SHIM_CRYPTO_BLAKE2S_H

#include <linux/types.h>

#define BLAKE2S_BLOCK_SIZE	64
#define BLAKE2S_HASH_SIZE	32
#define BLAKE2S_KEY_SIZE	32
#define BLAKE2S_128_HASH_SIZE	16

struct blake2s_state {
	u32		h[8];
	u64		counter;
	u8		buf[BLAKE2S_BLOCK_SIZE];
	unsigned int	buflen;
	unsigned int	outlen;
};

void blake2s_init(struct blake2s_state *state, const size_t outlen);
void blake2s_init_key(struct blake2s_state *state, const size_t outlen,
		      const void *key, const size_t keylen);
void blake2s_update(struct blake2s_state *state, const u8 *in, size_t inlen);
void blake2s_final(struct blake2s_state *state, u8 *out);
void blake2s(u8 *out, const u8 *in, const u8 *key, const size_t outlen,
	     const size_t inlen, const size_t keylen);

#endif
