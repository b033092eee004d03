// SPDX-License-Identifier: GPL-2.0
/*
 * Ghosts: blocks that came from the server and were not stored.
 *
 * The policy "second" stores a block when the block comes from the server for the second
 * time.  Then data that is read once does not displace data that is read again.  The
 * policy counts once the cache is full: before that, a store displaces nothing.  A
 * shortage of memory for the index counts, too, until the log has come round.
 *
 * The ghosts are in a table in memory.  An entry stands for GHOSTS_BLOCKS blocks of one
 * version: the upper bits are a hash, the lower bits say which of the blocks came from the
 * server.  A bucket has its newest entry first.  A new entry takes the place of the oldest
 * one.  If two entries have the same hash, a block is stored the first time.
 */
#include <linux/bitops.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>
#include "index.h"
#include "internal.h"

/* Blocks of an entry: one bit for each. */
#define GHOSTS_BLOCKS		4
/* Entries of a bucket: with the lock they fill a cache line. */
#define GHOSTS_PER_BUCKET	15
/* The table takes this part of the cache's size: 256 MiB for each TiB ... */
#define GHOSTS_CACHE_SHIFT	12
/* ... and at most this part of all memory. */
#define GHOSTS_RAM_SHIFT	6

/*
 * struct ghost_bucket - Entries that have a part of their hash in common
 * @lock: protects @ghosts
 * @ghosts: the entries, the newest first; 0: free
 */
struct ghost_bucket {
	spinlock_t	lock;		/* ghosts */
	u32		ghosts[GHOSTS_PER_BUCKET];
};

/*
 * struct cachefs_ghosts - The table
 * @nr_buckets: the number of buckets
 * @padding: not used
 * @buckets: the buckets
 */
struct cachefs_ghosts {
	u32			nr_buckets;
	u8			padding[60];	/* a bucket begins where a cache line does */
	struct ghost_bucket	buckets[];
};

/* The number of buckets that the memory for a cache of this size has room for. */
static u32 ghosts_buckets(const struct cachefs_cache *cache)
{
	u64 ram = (u64)totalram_pages() << PAGE_SHIFT;
	u64 bytes = min(cachefs_capacity(cache) >> GHOSTS_CACHE_SHIFT,
			ram >> GHOSTS_RAM_SHIFT);

	return max_t(u32, bytes / sizeof(struct ghost_bucket), 16);
}

/**
 * cachefs_ghosts_begin - Remember from now on which blocks are read and not stored
 * @cache: the cache
 *
 * Once begun, this lasts as long as the cache is attached.  Without memory for the table
 * each block is stored the first time.
 *
 * Context: process, may sleep.
 */
void cachefs_ghosts_begin(struct cachefs_cache *cache)
{
	u32 nr = ghosts_buckets(cache), i;
	struct cachefs_ghosts *ghosts;

	if (READ_ONCE(cache->ghosts))
		return;
	/* kvmalloc() gives no more than 2 GiB. */
	ghosts = __vmalloc(struct_size(ghosts, buckets, nr),
			   GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN);
	if (!ghosts) {
		pr_warn("%s: no memory for the policy \"second\": all is stored the first time\n",
			cachefs_device_name(cache->device));
		return;
	}
	ghosts->nr_buckets = nr;
	for (i = 0; i < nr; i++) {
		spin_lock_init(&ghosts->buckets[i].lock);
		cond_resched();
	}
	/* Another volume may be first. */
	if (cmpxchg(&cache->ghosts, NULL, ghosts))
		vfree(ghosts);
}

/**
 * cachefs_ghosts_end - Free the table
 * @cache: nothing uses the cache any more
 *
 * Context: process, may sleep.
 */
void cachefs_ghosts_end(struct cachefs_cache *cache)
{
	vfree(cache->ghosts);
}

/* Note blocks of one entry.  Returns how many of them were noted before. */
static unsigned int ghosts_note(struct ghost_bucket *bucket, u32 hash, u32 blocks)
{
	u32 *ghost = bucket->ghosts, *end = ghost + GHOSTS_PER_BUCKET;
	unsigned int known;

	spin_lock(&bucket->lock);
	while (ghost < end && (*ghost ^ hash) >> GHOSTS_BLOCKS)
		ghost++;
	if (ghost == end) {
		ghost = bucket->ghosts;
		memmove(ghost + 1, ghost, sizeof(*ghost) * (GHOSTS_PER_BUCKET - 1));
		*ghost = hash >> GHOSTS_BLOCKS << GHOSTS_BLOCKS;
	}
	known = hweight32(*ghost & blocks);
	*ghost |= blocks;
	spin_unlock(&bucket->lock);
	return known;
}

/* Whether a store displaces what is cached. */
static bool ghosts_cache_is_full(const struct cachefs_cache *cache)
{
	u32 head = READ_ONCE(cache->head);

	/*
	 * While the region at the head is prepared, it is empty, and the next one tells.  The
	 * index may be full before the device is.  A recovery has not found all yet.
	 */
	return READ_ONCE(cache->regions[head].nr_extents) ||
		READ_ONCE(cache->regions[(head + 1) % cache->geo.nr_regions].nr_extents) ||
		READ_ONCE(cache->let_go) || READ_ONCE(cache->unscanned);
}

/**
 * cachefs_ghosts_count - Whether a volume's blocks are stored the second time only
 * @cache: the cache
 * @volume: the volume
 *
 * Context: any.
 * Return: whether the volume has the policy "second", and the policy counts now.
 */
bool cachefs_ghosts_count(const struct cachefs_cache *cache,
			  const struct cachefs_volume *volume)
{
	return READ_ONCE(volume->second) && READ_ONCE(cache->ghosts) &&
		cachefs_usable(cache) && ghosts_cache_is_full(cache);
}

/**
 * cachefs_ghosts_enter - Note blocks that come from the server among the ghosts
 * @cache: the cache
 * @volume: the volume of the blocks
 * @version: the version of the file
 * @block: the first block
 * @nr: the number of blocks
 *
 * To be called once each time that the blocks come from the server.  Three quarters of
 * the blocks are enough.  If it took all of them, a table that has lost one entry would
 * refuse a large read.
 *
 * Context: process, does not sleep.
 * Return: whether they may be stored, because they came from the server before.
 */
bool cachefs_ghosts_enter(struct cachefs_cache *cache,
			  const struct cachefs_volume *volume,
			  const struct cachefs_version *version, u64 block, u64 nr)
{
	struct cachefs_ghosts *ghosts;
	struct ghost_bucket *bucket;
	u64 known = 0, left, hash;
	u32 first, part;

	if (!cachefs_ghosts_count(cache, volume))
		return true;
	/* There is a table: the policy has come after the table. */
	ghosts = READ_ONCE(cache->ghosts);
	for (left = nr; left; block += part, left -= part) {
		first = block % GHOSTS_BLOCKS;
		part = min_t(u64, left, GHOSTS_BLOCKS - first);
		hash = cachefs_index_hash(cache, version->id, block) +
			block / GHOSTS_BLOCKS * 0x9e3779b97f4a7c15ULL;
		bucket = &ghosts->buckets[(hash >> 32) * ghosts->nr_buckets >> 32];
		known += ghosts_note(bucket, hash, GENMASK(first + part - 1, first));
	}
	return known * 4 >= nr * 3;
}
