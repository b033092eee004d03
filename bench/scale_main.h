/* SPDX-License-Identifier: GPL-2.0 */
/* Shared declarations of build/bench/scale, by the file that defines them. */
#ifndef _SCALE_MAIN_H
#define _SCALE_MAIN_H

#include "scale_core.h"

/* scale_main.c */
extern u64 max_extents, max_blocks;
extern u64 latency_us, bandwidth_mb;

double tib(const struct cachefs_device *device);
/* Let the device be as slow as the options say. */
void set_speed(struct cachefs_device *device);

/* scale_fill.c: the stores, and the names of their blocks */
enum mix {
	MIX_LARGE,
	MIX_16K,
	MIX_4K,
	MIX_RANDOM,
	NR_MIXES,
};

extern const char *const mix_names[NR_MIXES];

/**
 * struct fill - Stores into a cache, one after another
 * @cache: the cache
 * @mix: the kind of the stores
 * @stored: number of stores so far
 * @first: the first of them that is still cached
 * @bits: bits of a block number, for MIX_RANDOM
 * @refused: stores that were not taken
 */
struct fill {
	struct cachefs_cache	*cache;
	enum mix		mix;
	u64			stored;
	u64			first;
	unsigned int		bits;
	u64			refused;
};

/* The first block of a store, and the number of its blocks. */
struct key {
	struct cachefs_version	version;
	u64			block;
	u32			nr;
};

/* The bytes that all stores have published. */
extern u64 stored_bytes;

void fill_init(struct fill *fill, struct cachefs_cache *cache, enum mix mix);
struct key fill_key(const struct fill *fill, u64 store);
/* Store once more, and do all work that follows. */
bool fill_one(struct fill *fill);
/* Store any key, and leave the work for later. */
bool store_key(struct cachefs_cache *cache, const struct key *key, bool may_wait);
/* Store until the device is full or a limit is reached.  Returns how full, 0 to 1. */
double fill_up(struct fill *fill, u64 extents, u64 blocks);

/* scale_index.c */
void bench_index(u64 bytes, enum mix mix);

/* scale_io.c */
void bench_attach(u64 bytes, enum mix mix);
void bench_written(void);
void bench_readers(void);

#endif
