/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of build/bench/scale share, by the file that defines it. */
#ifndef _SCALE_MAIN_H
#define _SCALE_MAIN_H

#include "scale_core.h"

/* scale_main.c */
extern u64 max_extents, max_blocks;
extern u64 latency_us, bandwidth_mb;

double tib(const struct cachefs_device *device);

/* scale_fill.c: what is stored, and where it is found again */
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
 * @mix: of which kind
 * @stored: how many so far
 * @first: the first of them that is still cached
 * @bits: of block numbers, for MIX_RANDOM
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

/* A block of a version, and how many follow that are stored with it. */
struct key {
	struct cachefs_version	version;
	u64			block;
	u32			nr;
};

/* What all stores have published. */
extern u64 stored_bytes;

void fill_init(struct fill *fill, struct cachefs_cache *cache, enum mix mix);
struct key fill_key(const struct fill *fill, u64 store);
/* Store once more; the work that follows is done when this returns. */
bool fill_one(struct fill *fill);
/* The same for any key, and leaves the work for later. */
bool store_key(struct cachefs_cache *cache, const struct key *key, bool may_wait);
/* Until the device is full, or a limit is reached; how full, 0 to 1. */
double fill_up(struct fill *fill, u64 extents, u64 blocks);

/* scale_index.c */
void bench_index(u64 bytes, enum mix mix);

/* scale_io.c */
void bench_attach(u64 bytes, enum mix mix);
void bench_written(void);
void bench_readers(void);

#endif
