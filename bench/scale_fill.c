// SPDX-License-Identifier: GPL-2.0
/* Stores.  The number of a store says which blocks of which file it stores. */
#include <stdlib.h>
#include "scale_main.h"
#include "shim.h"

/* The size of a large file in blocks: 1 GiB. */
#define LARGE_FILE	BIT(18)

const char *const mix_names[NR_MIXES] = {
	[MIX_LARGE]	= "large",
	[MIX_16K]	= "16k",
	[MIX_4K]	= "4k",
	[MIX_RANDOM]	= "random",
};

static u64 mixed(u64 z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static void file_id(u8 id[16], u64 file)
{
	u64 words[2] = { mixed(2 * file + 1), mixed(2 * file + 2) };

	memcpy(id, words, sizeof(words));
}

/* Shuffle the numbers below 2^bits: each comes once, in an order without a pattern. */
static u64 shuffled(u64 n, unsigned int bits)
{
	u64 mask = (1ULL << bits) - 1;
	int i;

	for (i = 0; i < 3; i++) {
		n = (n * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL) & mask;
		n ^= n >> (bits / 2);
	}
	return n;
}

/* At most a quarter of the huge file (MIX_RANDOM) is cached when the device is full. */
void fill_init(struct fill *fill, struct cachefs_cache *cache, enum mix mix)
{
	memset(fill, 0, sizeof(*fill));
	fill->cache = cache;
	fill->mix = mix;
	fill->bits = min(ilog2(core_capacity(cache)) + 3,
			 CACHEFS_FILE_BLOCK_BITS);
}

struct key fill_key(const struct fill *fill, u64 store)
{
	struct key key = { .nr = 1 };
	u64 file = store;

	switch (fill->mix) {
	case MIX_LARGE:
		key.nr = CACHEFS_CHUNK_BLOCKS;
		file = store / (LARGE_FILE / key.nr);
		key.block = store % (LARGE_FILE / key.nr) * key.nr;
		break;
	case MIX_16K:
		key.nr = 4;
		break;
	case MIX_RANDOM:
		file = 0;
		key.block = shuffled(store, fill->bits);
		break;
	default:
		break;
	}
	file_id(key.version.id, file);
	return key;
}

u64 stored_bytes;

struct fill_store {
	struct cachefs_store	store;
	struct page		*pages[CACHEFS_CHUNK_BLOCKS];
	struct fill_store	*next;
};

static struct fill_store *spare;

static enum cachefs_reason still_valid(struct cachefs_store *store)
{
	return CACHEFS_WHY_NONE;
}

static void store_done(struct cachefs_store *store)
{
	struct fill_store *fs = container_of(store, struct fill_store, store);

	stored_bytes += store->stored;
	fs->next = spare;
	spare = fs;
}

bool store_key(struct cachefs_cache *cache, const struct key *key, bool may_wait)
{
	static struct page *page;
	struct fill_store *fs = spare;
	unsigned int i;

	if (!page)
		page = aligned_alloc(PAGE_SIZE, round_up(sizeof(*page), PAGE_SIZE));
	if (fs)
		spare = fs->next;
	else
		fs = calloc(1, sizeof(*fs));
	for (i = 0; i < key->nr; i++)
		fs->pages[i] = page;
	fs->store = (struct cachefs_store) {
		.cache = cache,
		.version = key->version,
		.block = key->block,
		.bytes = (size_t)key->nr << CACHEFS_BLOCK_SHIFT,
		.pages = fs->pages,
		.may_wait = may_wait,
		.still_valid = still_valid,
		.done = store_done,
	};
	cachefs_store(&fs->store);
	/* Read it now: later @fs may belong to another store. */
	return !READ_ONCE(fs->store.error);
}

bool fill_one(struct fill *fill)
{
	struct key key = fill_key(fill, fill->stored);
	bool ok = store_key(fill->cache, &key, false);

	fill->refused += !ok;
	fill->stored++;
	sim_run();
	return ok;
}

double fill_up(struct fill *fill, u64 extents, u64 blocks)
{
	u64 capacity = core_capacity(fill->cache), used;
	u32 nr = fill_key(fill, 0).nr;

	/* Regions that are ready hold no data. */
	used = min(capacity - capacity / 16, blocks);
	while (fill->stored * nr < used && fill->stored < extents) {
		fill_one(fill);
		if (fill->stored % (1 << 16) == 0)
			core_drop_checksums(fill->cache);
	}
	core_drop_checksums(fill->cache);
	return (double)core_live_blocks(fill->cache) / capacity;
}
