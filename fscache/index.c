// SPDX-License-Identifier: GPL-2.0
/*
 * The index: where a block of a version is.
 *
 * A hash table over (version id, chunk), with chains of extents.  An extent
 * lies within one chunk of CACHEFS_CHUNK_BLOCKS file blocks, so one walk over
 * one chain tells all that is cached of a chunk.  The extents of a region are
 * in an array of the region, which goes away as a whole when it is reused.
 *
 * All of it is under index_lock, which is never held across anything that
 * sleeps.
 */
#include <linux/log2.h>
#include <linux/random.h>
#include <linux/unaligned.h>
#include "internal.h"

static bool extent_of(const struct cachefs_extent *extent, const u8 id[16])
{
	return !memcmp(extent->id, id, sizeof(extent->id));
}

/* A bit for each of them: it was read since it was stored. */
static unsigned long *extents_read(struct cachefs_extent *extents, unsigned int nr)
{
	return (unsigned long *)((u8 *)extents + cachefs_extents_size(nr)) -
		BITS_TO_LONGS(nr);
}

static struct cachefs_extent *extent_at(struct cachefs_cache *cache, u32 ref)
{
	struct cachefs_region *region = &cache->regions[ref >> cache->ref_shift];

	return &region->extents[ref & ((1U << cache->ref_shift) - 1)];
}

/*
 * The id is a keyed hash already, but who forges an image chooses the ids in it:
 * the key of the hash here is not on the disk.
 */
static u32 *bucket_of(struct cachefs_cache *cache, const u8 id[16], u64 block)
{
	u64 hash = siphash_3u64(get_unaligned_le64(id),
				get_unaligned_le64(id + 8),
				block / CACHEFS_CHUNK_BLOCKS,
				&cache->bucket_key);

	return &cache->buckets[hash & cache->bucket_mask];
}

static void account_index(struct cachefs_cache *cache, s64 bytes)
{
	cachefs_stat_add(cache, CACHEFS_STAT_INDEX_BYTES, bytes);
}

/* So many blocks and extents more, or less, can be found. */
static void account_live(struct cachefs_cache *cache,
			 struct cachefs_region *region, int blocks, int extents)
{
	region->live += blocks;
	/* sysfs looks without the lock. */
	WRITE_ONCE(cache->live_blocks, cache->live_blocks + blocks);
	WRITE_ONCE(cache->nr_extents, cache->nr_extents + extents);
}

/**
 * cachefs_index_init - Allocate an empty index
 * @cache: its geometry is known
 *
 * One bucket for each chunk that fits the device.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int cachefs_index_init(struct cachefs_cache *cache)
{
	u64 chunks = ((u64)cache->geo.nr_regions * cache->geo.slots) /
		     CACHEFS_CHUNK_BLOCKS;
	u64 nr = roundup_pow_of_two(max_t(u64, chunks, 1024));
	u64 i;

	BUILD_BUG_ON(sizeof(struct cachefs_extent) != 28);

	cache->ref_shift = ilog2(cache->geo.region_blocks);
	cache->regions = kvcalloc(cache->geo.nr_regions,
				  sizeof(*cache->regions),
				  GFP_KERNEL | __GFP_NOWARN);
	cache->buckets = kvmalloc_array(nr, sizeof(*cache->buckets),
					GFP_KERNEL | __GFP_NOWARN);
	if (!cache->regions || !cache->buckets) {
		cachefs_index_free(cache);
		return -ENOMEM;
	}
	for (i = 0; i < nr; i++)
		cache->buckets[i] = CACHEFS_NO_REF;
	cache->bucket_mask = nr - 1;
	get_random_bytes(&cache->bucket_key, sizeof(cache->bucket_key));
	account_index(cache, nr * sizeof(*cache->buckets) +
		      cache->geo.nr_regions * sizeof(*cache->regions));
	return 0;
}

/**
 * cachefs_index_free - Free the index and what hangs on the regions
 * @cache: nothing uses it any more
 */
void cachefs_index_free(struct cachefs_cache *cache)
{
	u32 i;

	for (i = 0; cache->regions && i < cache->geo.nr_regions; i++) {
		kvfree(cache->regions[i].extents);
		kvfree(cache->regions[i].checksums);
	}
	kvfree(cache->regions);
	kvfree(cache->buckets);
	cache->regions = NULL;
	cache->buckets = NULL;
}

/**
 * cachefs_index_reserve - Make room for the extents of a region
 * @cache: the cache
 * @region: a region without extents
 * @nr: how many it may get; never more than it has slots
 *
 * Context: process, may sleep; nobody else uses the region.
 * Return: 0 or -ENOMEM.
 */
int cachefs_index_reserve(struct cachefs_cache *cache, u32 region,
			  unsigned int nr)
{
	struct cachefs_region *r = &cache->regions[region];

	WARN_ON_ONCE(r->extents);
	r->extents = kvmalloc(cachefs_extents_size(nr), GFP_NOIO | __GFP_NOWARN);
	if (!r->extents)
		return -ENOMEM;
	bitmap_zero(extents_read(r->extents, nr), nr);
	r->max_extents = nr;
	account_index(cache, cachefs_extents_size(nr));
	return 0;
}

static int insert_entry(struct cachefs_cache *cache, u32 region_nr,
			const u8 id[16], u64 block, u32 slot, u32 nr)
{
	struct cachefs_region *region = &cache->regions[region_nr];
	struct cachefs_extent *extent;
	u32 *bucket;

	if (region->nr_extents == region->max_extents)
		return -ENOSPC;
	extent = &region->extents[region->nr_extents];
	memcpy(extent->id, id, sizeof(extent->id));
	extent->block_lo = block;
	extent->block_hi = block >> 32;
	extent->slot = slot;
	extent->nr = nr;
	bucket = bucket_of(cache, id, block);
	extent->next = *bucket;
	*bucket = region_nr << cache->ref_shift | region->nr_extents;
	region->nr_extents++;
	account_live(cache, region, nr, 1);
	return 0;
}

/* Grow the newest extent of the region if the new blocks continue it. */
static bool extend_last(struct cachefs_cache *cache,
			struct cachefs_region *region, const u8 id[16],
			u64 block, u32 slot, u32 nr)
{
	struct cachefs_extent *last;

	if (!region->nr_extents)
		return false;
	last = &region->extents[region->nr_extents - 1];
	if (!last->nr || !extent_of(last, id) ||
	    cachefs_extent_block(last) + last->nr != block ||
	    last->slot + last->nr != slot ||
	    block % CACHEFS_CHUNK_BLOCKS == 0)
		return false;
	last->nr += nr;
	account_live(cache, region, nr, 0);
	return true;
}

/* Many readers say the same: most find it said. */
static void note_read(struct cachefs_cache *cache, u32 ref)
{
	struct cachefs_region *region = &cache->regions[ref >> cache->ref_shift];
	unsigned long *read = extents_read(region->extents, region->max_extents);
	unsigned int i = ref & ((1U << cache->ref_shift) - 1);

	if (!test_bit(i, read))
		set_bit(i, read);
}

/* Mark in @covered which blocks of the chunk of @block the index finds. */
static void chunk_covered(struct cachefs_cache *cache, const u8 id[16],
			  u64 block, unsigned long *covered)
{
	u64 chunk = round_down(block, CACHEFS_CHUNK_BLOCKS);
	u32 ref = *bucket_of(cache, id, block);

	bitmap_zero(covered, CACHEFS_CHUNK_BLOCKS);
	while (ref != CACHEFS_NO_REF) {
		struct cachefs_extent *extent = extent_at(cache, ref);
		u64 start = cachefs_extent_block(extent);

		if (start - chunk < CACHEFS_CHUNK_BLOCKS &&
		    extent_of(extent, id))
			bitmap_set(covered, start - chunk, extent->nr);
		ref = extent->next;
	}
}

/**
 * cachefs_index_insert - Make blocks findable
 * @cache: the cache
 * @region: region that they are in
 * @id: version id
 * @block: first file block
 * @slot: first slot
 * @nr: number of blocks, within one chunk
 *
 * Blocks that the index has already stay as they are: the same version means
 * the same bytes.
 *
 * Context: index_lock held for writing.
 * Return: 0, or -ENOSPC with some of the blocks left out: more entries than
 * were reserved, which only a damaged image can ask for.
 */
int cachefs_index_insert(struct cachefs_cache *cache, u32 region,
			 const u8 id[16], u64 block, u32 slot, u32 nr)
{
	DECLARE_BITMAP(covered, CACHEFS_CHUNK_BLOCKS);
	unsigned int first = block % CACHEFS_CHUNK_BLOCKS;
	unsigned int end = first + nr, at, stop;
	int ret = 0;

	lockdep_assert_held_write(&cache->index_lock);
	if (WARN_ON_ONCE(!nr || end > CACHEFS_CHUNK_BLOCKS))
		return -EINVAL;

	chunk_covered(cache, id, block, covered);
	for (at = find_next_zero_bit(covered, end, first); at < end;
	     at = find_next_zero_bit(covered, end, stop)) {
		u64 from = block + (at - first);
		u32 from_slot = slot + (at - first);

		stop = find_next_bit(covered, end, at);
		if (extend_last(cache, &cache->regions[region], id, from,
				from_slot, stop - at))
			continue;
		ret = insert_entry(cache, region, id, from, from_slot,
				   stop - at);
		if (ret)
			break;
	}
	return ret;
}

/**
 * cachefs_index_map - Find blocks of one chunk
 * @cache: the cache
 * @version: whose blocks
 * @block: first file block
 * @nr: number of blocks, within one chunk
 * @slots: for each block (region << ref_shift | slot), or %CACHEFS_NO_REF
 * @pin: pin the region of each run found, once per cachefs_slots_run(), and note
 *	that its extent is read
 *
 * Context: any but interrupts; takes index_lock.
 */
void cachefs_index_map(struct cachefs_cache *cache,
		       const struct cachefs_version *version, u64 block,
		       unsigned int nr, u32 *slots, bool pin)
{
	u64 end = block + nr;
	unsigned int i, run;
	u32 ref;

	for (i = 0; i < nr; i++)
		slots[i] = CACHEFS_NO_REF;

	read_lock(&cache->index_lock);
	ref = *bucket_of(cache, version->id, block);
	while (ref != CACHEFS_NO_REF) {
		struct cachefs_extent *extent = extent_at(cache, ref);
		u64 start = cachefs_extent_block(extent), from, to;

		from = max(start, block);
		to = min(start + extent->nr, end);
		if (from < to && extent_of(extent, version->id)) {
			u32 region = ref >> cache->ref_shift;

			if (pin)
				note_read(cache, ref);
			for (; from < to; from++)
				slots[from - block] =
					region << cache->ref_shift |
					(extent->slot + (u32)(from - start));
		}
		ref = extent->next;
	}
	/* All readers of a region share this count: seldom is better. */
	for (i = 0; pin && i < nr; i += run) {
		run = cachefs_slots_run(cache, slots + i, nr - i);
		if (slots[i] != CACHEFS_NO_REF)
			atomic_inc(&cache->regions[slots[i] >>
						   cache->ref_shift].pins);
	}
	read_unlock(&cache->index_lock);
}

static void extent_kill(struct cachefs_cache *cache, u32 ref,
			struct cachefs_extent *extent)
{
	account_live(cache, &cache->regions[ref >> cache->ref_shift],
		     -extent->nr, -1);
	extent->nr = 0;
}

/**
 * cachefs_index_drop - Make the extents that hold some blocks unfindable
 * @cache: the cache
 * @id: version id
 * @block: first file block
 * @nr: number of blocks, within one chunk
 *
 * Whole extents are dropped: where one block is bad, its neighbours are not
 * worth much.
 *
 * Context: process; takes index_lock.
 */
void cachefs_index_drop(struct cachefs_cache *cache, const u8 id[16],
			u64 block, unsigned int nr)
{
	u32 ref;

	write_lock(&cache->index_lock);
	ref = *bucket_of(cache, id, block);
	while (ref != CACHEFS_NO_REF) {
		struct cachefs_extent *extent = extent_at(cache, ref);
		u64 start = cachefs_extent_block(extent);

		if (extent->nr && start < block + nr &&
		    block < start + extent->nr && extent_of(extent, id))
			extent_kill(cache, ref, extent);
		ref = extent->next;
	}
	write_unlock(&cache->index_lock);
}

/**
 * cachefs_index_was_read - Get an extent that was read since it was stored
 * @cache: the cache
 * @region: its region, which gets no more extents
 * @i: which one
 * @copy: where it goes
 *
 * Context: process; takes index_lock.
 * Return: whether it was read, and can still be found.
 */
bool cachefs_index_was_read(struct cachefs_cache *cache, u32 region,
			    unsigned int i, struct cachefs_extent *copy)
{
	struct cachefs_region *r = &cache->regions[region];
	bool was_read;

	read_lock(&cache->index_lock);
	*copy = r->extents[i];
	was_read = copy->nr && test_bit(i, extents_read(r->extents, r->max_extents));
	read_unlock(&cache->index_lock);
	return was_read;
}

/**
 * cachefs_index_take - Take an extent out that will be inserted elsewhere
 * @cache: the cache
 * @region: its region
 * @i: which one
 *
 * Context: index_lock held for writing.
 * Return: %false if it cannot be found any more; then it must not be inserted.
 */
bool cachefs_index_take(struct cachefs_cache *cache, u32 region, unsigned int i)
{
	struct cachefs_extent *extent = &cache->regions[region].extents[i];
	u32 ref = region << cache->ref_shift | i;

	lockdep_assert_held_write(&cache->index_lock);
	if (!extent->nr)
		return false;
	extent_kill(cache, ref, extent);
	return true;
}

/**
 * cachefs_index_drop_slots - Make the extents in some slots unfindable
 * @cache: the cache
 * @region: the region
 * @slot: the first slot
 * @nr: how many
 *
 * Context: process; takes index_lock.
 * Return: whether there were any.
 */
bool cachefs_index_drop_slots(struct cachefs_cache *cache, u32 region,
			      u32 slot, u32 nr)
{
	struct cachefs_region *r = &cache->regions[region];
	bool dropped = false;
	unsigned int i;

	write_lock(&cache->index_lock);
	for (i = 0; i < r->nr_extents; i++) {
		struct cachefs_extent *extent = &r->extents[i];

		if (!extent->nr || extent->slot >= slot + nr ||
		    extent->slot + extent->nr <= slot)
			continue;
		extent_kill(cache, region << cache->ref_shift, extent);
		dropped = true;
	}
	write_unlock(&cache->index_lock);
	return dropped;
}

/**
 * cachefs_index_forget - Take all extents of a region out of the index
 * @cache: the cache
 * @region: the region
 *
 * Readers that pinned it before go on; nobody finds it after.
 *
 * Context: process, may sleep; takes index_lock.
 */
void cachefs_index_forget(struct cachefs_cache *cache, u32 region)
{
	struct cachefs_region *r = &cache->regions[region];
	struct cachefs_extent *extents;
	unsigned int i;

	write_lock(&cache->index_lock);
	cachefs_stat_add(cache, CACHEFS_STAT_EVICTED_BYTES,
			 (u64)r->live << CACHEFS_BLOCK_SHIFT);
	for (i = 0; i < r->nr_extents; i++) {
		struct cachefs_extent *extent = &r->extents[i];
		u32 me = region << cache->ref_shift | i;
		u32 *link;

		link = bucket_of(cache, (u8 *)extent->id,
				 cachefs_extent_block(extent));
		while (*link != me && *link != CACHEFS_NO_REF)
			link = &extent_at(cache, *link)->next;
		if (!WARN_ON_ONCE(*link != me))
			*link = extent->next;
		if (extent->nr)
			account_live(cache, r, -extent->nr, -1);
	}
	extents = r->extents;
	account_index(cache, -(s64)cachefs_extents_size(r->max_extents));
	r->extents = NULL;
	r->nr_extents = 0;
	r->max_extents = 0;
	write_unlock(&cache->index_lock);
	kvfree(extents);
}

/**
 * cachefs_index_trim - Give back the unused end of a region's extent array
 * @cache: the cache
 * @region: a region that gets no more extents
 *
 * Context: process, may sleep; takes index_lock.
 */
void cachefs_index_trim(struct cachefs_cache *cache, u32 region)
{
	struct cachefs_region *r = &cache->regions[region];
	struct cachefs_extent *exact = NULL, *old;
	unsigned int nr = READ_ONCE(r->nr_extents);

	if (nr == r->max_extents)
		return;
	if (nr) {
		exact = kmalloc(cachefs_extents_size(nr), GFP_NOIO | __GFP_NOWARN);
		if (!exact)
			return;		/* it is only memory */
	}
	write_lock(&cache->index_lock);
	old = r->extents;
	if (nr) {
		memcpy(exact, old, nr * sizeof(*exact));
		bitmap_copy(extents_read(exact, nr),
			    extents_read(old, r->max_extents), nr);
	}
	r->extents = exact;
	account_index(cache, (s64)cachefs_extents_size(nr) -
		      (s64)cachefs_extents_size(r->max_extents));
	r->max_extents = nr;
	write_unlock(&cache->index_lock);
	kvfree(old);
}
