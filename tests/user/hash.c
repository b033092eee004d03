// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's hash functions: xxh64() is the library's, blake2s() is written
 * out after RFC 7693.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <crypto/blake2s.h>
#include <linux/bitops.h>
#include <linux/byteorder.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/xxhash.h>

u64 xxh64(const void *input, size_t length, u64 seed)
{
	return XXH64(input, length, seed);
}

static const u32 iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static const u8 sigma[10][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
	{ 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
	{ 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
	{ 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
	{ 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
	{ 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
	{ 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
	{ 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
	{ 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 },
};

static u32 ror32(u32 x, unsigned int n)
{
	return x >> n | x << (32 - n);
}

static void mix(u32 *v, int a, int b, int c, int d, u32 x, u32 y)
{
	v[a] += v[b] + x;
	v[d] = ror32(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = ror32(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = ror32(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = ror32(v[b] ^ v[c], 7);
}

static void compress(struct blake2s_state *s, bool last)
{
	u32 v[16], m[16];
	int i, r;

	for (i = 0; i < 16; i++)
		m[i] = get_unaligned_le32(s->buf + 4 * i);
	for (i = 0; i < 8; i++) {
		v[i] = s->h[i];
		v[i + 8] = iv[i];
	}
	v[12] ^= (u32)s->counter;
	v[13] ^= (u32)(s->counter >> 32);
	if (last)
		v[14] = ~v[14];
	for (r = 0; r < 10; r++) {
		const u8 *p = sigma[r];

		mix(v, 0, 4, 8, 12, m[p[0]], m[p[1]]);
		mix(v, 1, 5, 9, 13, m[p[2]], m[p[3]]);
		mix(v, 2, 6, 10, 14, m[p[4]], m[p[5]]);
		mix(v, 3, 7, 11, 15, m[p[6]], m[p[7]]);
		mix(v, 0, 5, 10, 15, m[p[8]], m[p[9]]);
		mix(v, 1, 6, 11, 12, m[p[10]], m[p[11]]);
		mix(v, 2, 7, 8, 13, m[p[12]], m[p[13]]);
		mix(v, 3, 4, 9, 14, m[p[14]], m[p[15]]);
	}
	for (i = 0; i < 8; i++)
		s->h[i] ^= v[i] ^ v[i + 8];
}

void blake2s_init_key(struct blake2s_state *state, const size_t outlen,
		      const void *key, const size_t keylen)
{
	memset(state, 0, sizeof(*state));
	memcpy(state->h, iv, sizeof(iv));
	state->h[0] ^= 0x01010000 ^ keylen << 8 ^ outlen;
	state->outlen = outlen;
	if (keylen) {
		memcpy(state->buf, key, keylen);
		state->buflen = BLAKE2S_BLOCK_SIZE;
	}
}

void blake2s_init(struct blake2s_state *state, const size_t outlen)
{
	blake2s_init_key(state, outlen, NULL, 0);
}

void blake2s_update(struct blake2s_state *state, const u8 *in, size_t inlen)
{
	while (inlen--) {
		if (state->buflen == BLAKE2S_BLOCK_SIZE) {
			state->counter += BLAKE2S_BLOCK_SIZE;
			compress(state, false);
			state->buflen = 0;
		}
		state->buf[state->buflen++] = *in++;
	}
}

void blake2s_final(struct blake2s_state *state, u8 *out)
{
	u8 full[BLAKE2S_HASH_SIZE];
	int i;

	state->counter += state->buflen;
	memset(state->buf + state->buflen, 0,
	       BLAKE2S_BLOCK_SIZE - state->buflen);
	compress(state, true);
	for (i = 0; i < 8; i++)
		put_unaligned_le32(state->h[i], full + 4 * i);
	memcpy(out, full, state->outlen);
	memset(state, 0, sizeof(*state));
}

void blake2s(u8 *out, const u8 *in, const u8 *key, const size_t outlen,
	     const size_t inlen, const size_t keylen)
{
	struct blake2s_state state;

	blake2s_init_key(&state, outlen, key, keylen);
	blake2s_update(&state, in, inlen);
	blake2s_final(&state, out);
}
